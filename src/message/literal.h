/* SPDX-License-Identifier: Apache-2.0
 * One value as it was written, and storing it in a field of a message by the field's type: the rules of JSON for scalars, in one
 * place for JSON text, JSON trees and field=value. Errors say what was expected and what was there; the path comes in front on the
 * way up. Thread: any. */
#ifndef WEIRI_LITERAL_H
#define WEIRI_LITERAL_H

#include <protobuf-c/protobuf-c.h>
#include "base/bytes.h"
#include "base/error.h"

typedef enum weiri_literal_kind {
    WEIRI_LITERAL_NULL,
    WEIRI_LITERAL_FALSE,
    WEIRI_LITERAL_TRUE,
    WEIRI_LITERAL_NUMBER, /* text: a number by weiri_number_is */
    WEIRI_LITERAL_STRING, /* text: what stands between the quotes, escapes undone */
    WEIRI_LITERAL_LIST,
    WEIRI_LITERAL_OBJECT,
} weiri_literal_kind;

typedef struct weiri_literal {
    weiri_literal_kind kind;
    bool rounded;     /* the number went through a double: beyond 2^53 it is no exact integer */
    weiri_bytes text; /* borrowed; of numbers and strings */
} weiri_literal;

enum { WEIRI_LITERAL_SHOWN = 64 }; /* room for a value in an error */
/* Text for an error: control characters and what isn't UTF-8 as '?', cut with "..." where it is long. Returns `to`. */
const char *weiri_text_show(weiri_bytes text, char to[WEIRI_LITERAL_SHOWN]);
/* A value for an error: "abc" in quotes, 12.5, true, null, "a list", "an object". Returns `to`. */
const char *weiri_literal_show(const weiri_literal *value, char to[WEIRI_LITERAL_SHOWN]);

/* INVALID: "expected WHAT, got VALUE". */
weir_status weiri_literal_refuse(const weiri_literal *value, const char *what, weir_error *err);
/* Stores into `member`, the zeroed or default place of one scalar of `field` (or of one element of it); neither a message nor null.
 * Owns: strings and bytes are allocated for the message. Errors: INVALID. */
WEIR_MUST_USE weir_status weiri_literal_store(
    const weiri_literal *value, const ProtobufCFieldDescriptor *field, void *member, weir_error *err);
/* The same for the bytes themselves, and for a value of an enum. */
void weiri_literal_store_bytes(weiri_bytes bytes, ProtobufCBinaryData *member);

#endif
