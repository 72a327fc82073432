/* SPDX-License-Identifier: Apache-2.0
 * The directives of a view file: one line each, `-- word: text` from its first column. Thread: any. */
#ifndef WEIRI_DIRECTIVE_H
#define WEIRI_DIRECTIVE_H

#include "query/view_file.h"

typedef enum weiri_directive_kind {
    WEIRI_DIRECTIVE_SCHEMA,
    WEIRI_DIRECTIVE_ON,
    WEIRI_DIRECTIVE_QUERY,
    WEIRI_DIRECTIVE_EACH,
    WEIRI_DIRECTIVE_ON_ERROR,
    WEIRI_DIRECTIVE_LATER, /* known, and not in this release */
    WEIRI_DIRECTIVE_WRONG, /* within two letters of one, or written another way: `meant` */
} weiri_directive_kind;

typedef struct weiri_directive {
    weiri_directive_kind kind;
    const char *word; /* borrowed from the line */
    size_t word_size;
    const char *text; /* behind the colon, without blanks around it */
    size_t size;
    const char *meant;
} weiri_directive;

/* Reads the line that begins at `line`. False: it is an ordinary comment, or none. */
bool weiri_directive_read(const char *line, weiri_directive *ret_directive);
/* True if weiri_directive_read would find a directive of any kind but WRONG: such a line ends a statement. */
bool weiri_directive_begins(const char *line);

/* Reads "NAME (name type = default, ...)" into `query`: its name and parameters. */
void weiri_directive_query(const char *file, int line, const weiri_directive *directive, weiri_view_query *query, weiri_problems *problems);

weiri_bytes weiri_trimmed(const char *begin, const char *end); /* without blanks around it */

#endif
