/* SPDX-License-Identifier: Apache-2.0
 * One statement of a view file, as tokens: where it ends, and its bindings. No grammar of SQL: strings, quoted names,
 * comments and dollar quotes are passed over, `:name.name` outside them is a binding. Thread: any. */
#ifndef WEIRI_SQL_H
#define WEIRI_SQL_H

#include "base/bytes.h"
#include "base/error.h"

typedef struct weiri_sql_binding {
    char *path; /* "lines.sku", without the colon */
    int line;   /* of its first use */
} weiri_sql_binding;

typedef struct weiri_sql {
    int line;     /* of its first token */
    bool wrong;   /* its tokens are: no database need look at it */
    char *text;   /* bindings as ?1 ?2 ..., comments as blanks, lines kept; no semicolon */
    char *normal; /* the same on one line, every run of blanks one blank: what a version is the hash of */
    weiri_sql_binding *bindings;
    size_t n;
} weiri_sql;

typedef enum weiri_sql_end {
    WEIRI_SQL_SEMICOLON,  /* a whole statement */
    WEIRI_SQL_NONE,       /* nothing but blanks and comments up to the end of the text */
    WEIRI_SQL_UNFINISHED, /* the text, or a line that `stops` knows, came before the semicolon */
} weiri_sql_end;

/* Says whether the line that begins here ends a statement (it is a directive). */
typedef bool weiri_sql_stop(const char *line);

/* Reads the statement at *at (line *line), and moves both behind it. What is wrong with its tokens goes to `problems`. Leading
 * comments are the caller's: *at is at a token. Owns: gives *ret_sql, for weiri_sql_fini, whatever it returns. */
weiri_sql_end weiri_sql_read(
    const char *file, const char **at, int *line, weiri_sql_stop *stops, weiri_sql *ret_sql, weiri_problems *problems);
void weiri_sql_fini(weiri_sql *sql);

/* The end of the comment that begins at `at` ("--" without its newline, or block), NULL: none begins here. An unfinished one ends
 * with the text. */
const char *weiri_sql_comment_end(const char *at);

#endif
