/* SPDX-License-Identifier: Apache-2.0
 * Messages as people write them: `Type field=value ...`, the value read by the field's type. A string is taken as it
 * stands, numbers and bools in their usual form, enums by name, bytes with \xNN \n \r \t \\ escapes, lists and nested messages
 * (and nothing else) as JSON. On the command line and in forms one argument is one field; on a line of a story values end
 * at a blank unless quoted ("..." with \" \\ \n \r \t) or JSON in brackets. docs/json.md is the page. Thread: any. */
#ifndef WEIRI_FIELDS_H
#define WEIRI_FIELDS_H

#include <protobuf-c/protobuf-c.h>
#include "base/bytes.h"
#include "base/error.h"

/* Reads a message from `n` arguments "field=value". Owns and errors: as weiri_json_to_message; a field twice is INVALID. */
WEIR_MUST_USE weir_status weiri_fields_to_message(
    const ProtobufCMessageDescriptor *descriptor, const char *const *arguments, size_t n, ProtobufCMessage **ret_message, weir_error *err);
/* Splits a line of a story into its arguments; words without '=' come through as they are. Owns: gives *ret_arguments, never NULL, n
 * strings and the array, for weiri_fields_free. Errors: INVALID: a quote or bracket never closed, or not followed by a blank. */
WEIR_MUST_USE weir_status weiri_fields_split(const char *line, char ***ret_arguments, size_t *ret_n, weir_error *err);
void weiri_fields_free(char **arguments, size_t n);
/* Appends "field=value field=value" in the order of the fields' numbers, absent and zero fields left out, in the form that
 * weiri_fields_split and weiri_fields_to_message read back. */
void weiri_fields_add_message(weiri_buffer *to, const ProtobufCMessage *message);

#endif
