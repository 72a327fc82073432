/* SPDX-License-Identifier: Apache-2.0
 * From the arguments of a URL to a statement that reads: PostgREST's filters over checked column names, every value
 * bound, nothing of the caller's in the text of the statement. Thread: any. */
#ifndef WEIRI_FILTER_H
#define WEIRI_FILTER_H

#include "base/arena.h"
#include "query/view_file.h"

typedef struct weiri_question {
    weiri_buffer sql;
    weiri_buffer values; /* weiri_value each: ?1 ?2 ... */
    weiri_arena arena;   /* what they point to, where it isn't the arguments */
} weiri_question;        /* zero-initialise */

size_t weiri_question_value(weiri_question *question, weiri_value value); /* its number */
void weiri_question_fini(weiri_question *question);

/* Appends SELECT ... FROM `from` ... for the arguments; `what` names the relation in errors ("table stock").
 * Errors: INVALID: column, operator or value, by name, with the nearest. */
WEIR_MUST_USE weir_status weiri_filter_compile(const weiri_relation *relation, const char *what, const char *from,
    const weiri_argument *arguments, size_t n, weiri_question *question, weir_error *err);

/* PostgREST's pattern (* or % any text, _ one character, \ before a character: itself) as one of SQLite's GLOB, which
 * minds case. Appends it. */
void weiri_filter_glob(const char *pattern, weiri_buffer *to);

#endif
