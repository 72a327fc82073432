/* SPDX-License-Identifier: Apache-2.0
 * A view file in memory: what docs/views.md calls directives, statements and parameters, with their lines. The parser
 * (view_file.c) knows the file alone; view_check.c compiles it against the messages and sqlite/check.c against a
 * database, both adding to it. After that it is immutable but for the counters. */
#ifndef WEIRI_VIEW_FILE_H
#define WEIRI_VIEW_FILE_H

#include <stdatomic.h>
#include "base/error.h"
#include "message/schema.h"
#include "query/binding.h"
#include "query/query.h"
#include "query/sql.h"
#include "query/value.h"

typedef struct weiri_parameter {
    char *name;
    weiri_parameter_type type;
    bool has_default, default_null;
    char *fallback; /* the default's text */
} weiri_parameter;

/* How a column compares, from the type that its table declares. */
typedef enum weiri_affinity {
    WEIRI_AFFINITY_UNKNOWN,
    WEIRI_AFFINITY_INTEGER,
    WEIRI_AFFINITY_REAL,
    WEIRI_AFFINITY_TEXT,
    WEIRI_AFFINITY_BLOB
} weiri_affinity;

typedef struct weiri_column {
    char *name, *type; /* type: as declared; "" of an expression */
    weiri_affinity affinity;
} weiri_column;

/* Something with columns that can be asked: a table, or a named query's answer. */
typedef struct weiri_relation {
    char *name;
    weiri_column *columns;
    size_t n;
} weiri_relation;

typedef struct weiri_view_query {
    int line;
    char *name;
    weiri_parameter *parameters;
    size_t n;
    weiri_sql sql;
    size_t *numbers; /* of sql.bindings: the parameter each one is */
    weiri_relation answer;
} weiri_view_query;

typedef struct weiri_on_type {
    char *name;
    const weiri_type *type; /* NULL until checked */
} weiri_on_type;

typedef struct weiri_on {
    int line;
    weiri_on_type *types;
    size_t n, statements;
} weiri_on;

typedef struct weiri_on_statement {
    weiri_sql sql;
    size_t on;  /* index of its section */
    char *each; /* NULL: once an event */
    int each_line;
    bool may_touch_nothing; /* an UPDATE or DELETE: one that touches no row is counted */
    _Atomic uint64_t untouched, untouched_told;
} weiri_on_statement;

/* What an event of one type does: statements in the order of the file, compiled. */
typedef struct weiri_run {
    size_t statement;
    const ProtobufCFieldDescriptor *each; /* NULL: once */
    weiri_binding *bindings;              /* as many as the statement's */
    size_t n;
} weiri_run;

typedef struct weiri_plan {
    weiri_run *runs;
    size_t n;
} weiri_plan;

typedef struct weiri_view_file {
    char *name; /* of the view: [a-z][a-z0-9_]* */
    char *file; /* as messages name it: "views/stock.sql" */
    char *text; /* all of it */
    bool stops; /* on-error: stop */
    weiri_sql *schema;
    size_t schema_n;
    weiri_on *ons;
    size_t ons_n;
    weiri_on_statement *statements;
    size_t statements_n;
    weiri_view_query *queries;
    size_t queries_n;
    weiri_plan *plans; /* by type number */
    size_t plans_n;
    weiri_relation *tables; /* by name */
    size_t tables_n;
    char version[17];
} weiri_view_file;

/* Reads the text of a view file. Owns: *ret_file is for weiri_view_file_free, also when there were problems. */
void weiri_view_file_parse(const char *name, const char *file, const char *text, weiri_view_file **ret_file, weiri_problems *problems);
void weiri_view_file_free(weiri_view_file *file); /* NULL is fine */

/* Finds events and fields in the schema and makes the plans and the version. Call it only for a file that parsed. */
void weiri_view_file_compile(weiri_view_file *file, const weiri_schema *schema, weiri_problems *problems);

void weiri_relation_fini(weiri_relation *relation);
const weiri_column *weiri_relation_column(const weiri_relation *relation, const char *name, size_t size); /* NULL: none */

#endif
