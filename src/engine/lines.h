/* SPDX-License-Identifier: Apache-2.0
 * The lines of a batch of commands, read one at a time from a JSON array or from JSON lines. Thread: one at a time. */
#ifndef WEIRI_LINES_H
#define WEIRI_LINES_H

#include <jansson.h>
#include "engine/inside.h"

typedef struct weiri_lines {
    json_t *array;       /* the whole, of an array; else NULL and: */
    weiri_bytes *pieces; /* the lines that are not blank */
    size_t n;
} weiri_lines; /* zero-initialise */

/* Finds the lines; reads none yet. Errors: INVALID: empty, too many, too large, not an array. `body` must outlive it. */
WEIR_MUST_USE weir_status weiri_lines_open(bool json_array, weiri_bytes body, weiri_lines *source, weir_error *err);
void weiri_lines_close(weiri_lines *source);

typedef struct weiri_line {
    json_t *json; /* holds the texts below */
    const weiri_type *type;
    const char *id, *source; /* NULL: not given */
    bool expect;
    uint64_t expected_version, sequence, previous, fingerprint;
} weiri_line; /* zero-initialise */

/* Owns: gives *ret_message; weiri_line_fini is to be called in any case. Errors: INVALID, NOT_FOUND. */
WEIR_MUST_USE weir_status weiri_lines_read(
    const weiri_schema *schema, const weiri_lines *source, size_t i, weiri_line *line, ProtobufCMessage **ret_message, weir_error *err);
void weiri_line_fini(weiri_line *line);

#endif
