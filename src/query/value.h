/* SPDX-License-Identifier: Apache-2.0
 * Values from text, by the type that a query's parameter or a column asks for. Thread: any. */
#ifndef WEIRI_VALUE_H
#define WEIRI_VALUE_H

#include "base/arena.h"
#include "query/query.h"

typedef enum weiri_parameter_type {
    WEIRI_PARAMETER_TEXT,
    WEIRI_PARAMETER_INTEGER, /* 64 bits, signed */
    WEIRI_PARAMETER_REAL,
    WEIRI_PARAMETER_BOOLEAN, /* true or false (1 or 0): an integer for the database */
    WEIRI_PARAMETER_BYTES,   /* \x0aff (hexadecimal) or base64, standard or URL-safe */
    WEIRI_PARAMETER_TIME,    /* ISO 8601 or Unix milliseconds: an integer of milliseconds for the database */
    WEIRI_PARAMETER_TYPES
} weiri_parameter_type;
extern const char *const weiri_parameter_type_names[WEIRI_PARAMETER_TYPES];

/* False: the text is no value of that type. A text borrows `text`, bytes lie in `arena`. */
bool weiri_value_read(weiri_parameter_type type, const char *text, weiri_arena *arena, weiri_value *ret_value);

static inline weiri_value
weiri_value_integer(int64_t integer)
{
    return (weiri_value){ .kind = WEIRI_VALUE_INTEGER, .integer = integer };
}

static inline weiri_value
weiri_value_text(const char *text, size_t size)
{
    return (weiri_value){ .kind = WEIRI_VALUE_TEXT, .bytes = { text, size } };
}

#endif
