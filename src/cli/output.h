/* SPDX-License-Identifier: Apache-2.0
 * What people see: aligned tables, values on one line, colours where a terminal wants them. Text from the log is data of
 * strangers: control characters never reach a terminal as such. Thread: the main thread. */
#ifndef WEIRI_CLI_OUTPUT_H
#define WEIRI_CLI_OUTPUT_H

#include <jansson.h>
#include <stdio.h>
#include "base/bytes.h"

/* A terminal, NO_COLOR unset or empty, TERM not "dumb". */
bool weiri_output_coloured(FILE *to);

/* Appends `text` with control characters as \xNN (and newlines as \n): fit for one line of a terminal. */
void weiri_output_add_safe(weiri_buffer *to, weiri_bytes text);
/* Appends a JSON value as people read it on one line: text bare, null empty, lists and objects as compact JSON. */
void weiri_output_add_value(weiri_buffer *to, const json_t *value);
/* Appends an object as "name=value name=value". */
void weiri_output_add_fields(weiri_buffer *to, const json_t *object);
/* Appends one JSON string in quotes; the text is well-formed UTF-8. */
void weiri_output_add_json_string(weiri_buffer *to, weiri_bytes text);

/* An array of objects as a table: columns in the order of the first row that has them, numbers to the right, then "(3 rows)" to
 * `talk`, if there is one. `columns` (NULL-terminated) chooses and orders; NULL: all. */
void weiri_output_table(FILE *to, FILE *talk, const json_t *rows, const char *const *columns);
/* "name  value" lines of an object. */
void weiri_output_object(FILE *to, const json_t *object);
/* A JSON value, compact, and a newline. */
void weiri_output_json(FILE *to, const json_t *value);

#endif
