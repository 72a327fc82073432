/* SPDX-License-Identifier: Apache-2.0
 * A strict reader of CSV (RFC 4180; LF ends a record as well as CRLF). A record is known by the line on which it begins, the
 * header's being 1. What breaks the form is said with its line and never guessed at. Thread: one at a time. */
#ifndef WEIRI_CLI_CSV_H
#define WEIRI_CLI_CSV_H

#include <stdio.h>
#include "base/bytes.h"
#include "base/error.h"

enum { WEIRI_CSV_RECORD_MOST = 1 << 20 }; /* bytes; a message has at most 900 KB */

typedef struct weiri_csv {
    FILE *file; /* borrowed */
    char delimiter;
    uint64_t line;     /* of the next byte to be read, from 1 */
    uint64_t at;       /* bytes read, with the mark of byte order */
    uint64_t first;    /* line on which the last record began */
    weiri_buffer raw;  /* the last record's bytes, without its line end */
    weiri_buffer text; /* its fields' texts, each with a NUL behind it */
    weiri_buffer ends; /* size_t: where each field's text ends */
    size_t n;          /* fields of the last record */
    bool ended;
} weiri_csv; /* zero-initialise, then weiri_csv_init */

/* Reads from the file's beginning. The mark of byte order of UTF-8 is passed by. */
void weiri_csv_init(weiri_csv *csv, FILE *file, char delimiter);
void weiri_csv_fini(weiri_csv *csv);

/* The next record. Errors: NOT_FOUND at the end; INVALID: the form is broken: `err` has the record's line and says why, and the next
 * call goes on behind it; a quote that is never closed takes the rest of the file with it; IO. */
WEIR_MUST_USE weir_status weiri_csv_next(weiri_csv *csv, weir_error *err);

/* Field i of the last record, with a NUL behind it; valid until the next call. */
weiri_bytes weiri_csv_field(const weiri_csv *csv, size_t i);

#endif
