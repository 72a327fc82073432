/* SPDX-License-Identifier: Apache-2.0
 * Protobuf messages as proto3 JSON (https://protobuf.dev/programming-guides/json/), both ways, exactly: lowerCamelCase
 * written, that or the field's own name read; 64-bit integers written as strings (fields named *_ms as integers), read as
 * either; enums by name, read by name or number; bytes in base64 (standard written; URL-safe read too); NaN and infinities as
 * strings. Errors name the field's path ("lines[2].quantity") and what was expected. Thread: any. */
#ifndef WEIRI_JSON_H
#define WEIRI_JSON_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include "base/bytes.h"
#include "base/error.h"

/* Reads a message from a JSON value (NULL, as of a member that isn't there, counts as null).
 * Owns: gives *ret_message, for protobuf_c_message_free_unpacked(m, NULL). Errors: INVALID: unknown field (with the nearest), given
 * twice, wrong type, out of range, bad UTF-8 or NUL in a string, two cases of a oneof, too deep (64). */
WEIR_MUST_USE weir_status weiri_json_to_message(
    const ProtobufCMessageDescriptor *descriptor, const json_t *json, ProtobufCMessage **ret_message, weir_error *err);
/* The same from text; syntax errors name line and column. */
WEIR_MUST_USE weir_status weiri_json_parse_message(
    const ProtobufCMessageDescriptor *descriptor, weiri_bytes text, ProtobufCMessage **ret_message, weir_error *err);
/* The same for text that a module stored, perhaps another version of this one: fields, and values of enums, that the type doesn't know
 * are passed by. Errors: CORRUPT. */
WEIR_MUST_USE weir_status weiri_json_parse_stored(
    const ProtobufCMessageDescriptor *descriptor, weiri_bytes text, ProtobufCMessage **ret_message, weir_error *err);
/* Parses strict JSON text (UTF-8, no duplicate keys) into a value for json_decref. Errors: INVALID with line and column. */
WEIR_MUST_USE weir_status weiri_json_parse(weiri_bytes text, json_t **ret_json, weir_error *err);

enum { WEIRI_JSON_DEFAULTS = 1 }; /* write fields that are 0 or "" too */
/* Appends the message as compact JSON. */
void weiri_json_add_message(weiri_buffer *to, const ProtobufCMessage *message, unsigned flags);
/* Appends one JSON string with quotes and escapes; `text` is UTF-8 (what isn't becomes U+FFFD). */
void weiri_json_add_string(weiri_buffer *to, weiri_bytes text);

/* lowerCamelCase of a field's name, into `to`. */
void weiri_json_field_name(const char *name, char *to, size_t size);

#endif
