/* SPDX-License-Identifier: Apache-2.0
 * One cell of a CSV file to one JSON value, by the field's type alone and exactly: what doesn't fit is an error and never rounded or
 * guessed. Thread: any. */
#ifndef WEIRI_CLI_LOAD_CONVERT_H
#define WEIRI_CLI_LOAD_CONVERT_H

#include "base/bytes.h"
#include "base/error.h"

typedef struct weiri_convert {
    char decimal;            /* '.' or ',' */
    const char *time_format; /* of strptime(3), "s" or "ms" (Unix time), NULL: ISO 8601 */
} weiri_convert;

typedef struct weiri_load_field {
    char *name, *type; /* as in protobuf: "int64"; "enum", "message" */
    bool repeated;
} weiri_load_field;

/* Appends the JSON value of `text`, which isn't empty. Errors: INVALID: says what was expected. Integers: decimal, with zeroes alone
 * behind the point; named *_cents: at most two decimals; named *_ms: a time; lists and messages: JSON; bytes are refused. */
WEIR_MUST_USE weir_status weiri_convert_field(
    const weiri_convert *convert, const weiri_load_field *field, weiri_bytes text, weiri_buffer *to, weir_error *err);

/* The parts of it, for the tests. */
WEIR_MUST_USE weir_status weiri_convert_scaled(
    const weiri_convert *convert, weiri_bytes text, unsigned decimals, int64_t *ret_value, weir_error *err);
WEIR_MUST_USE weir_status weiri_convert_time(const weiri_convert *convert, const char *text, int64_t *ret_ms, weir_error *err);

#endif
