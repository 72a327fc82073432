/* SPDX-License-Identifier: Apache-2.0
 * The load check of SQL: the schema runs in a fresh database in memory, everything else is prepared there, under a guard
 * that knows what each kind of statement may do. Thread: any; nothing is shared. */
#include "query/sqlite/sqlite.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "base/memory.h"
#include "query/sqlite/connection.h"

typedef struct checker {
    weiri_view_file *file;
    sqlite3 *db;
    weiri_problems *problems;
    weiri_sqlite_guard guard;
} checker;

/* The line that the database complains about, where it knows. */
static int
line_of_error(checker *c, const weiri_sql *sql)
{
    int line = sql->line, offset = sqlite3_error_offset(c->db);

    for (int i = 0; i < offset && sql->text[i] != '\0'; i++)
        line += sql->text[i] == '\n';
    return line;
}

static void
sqlite_problem(checker *c, const weiri_sql *sql)
{
    weiri_problems_add(c->problems, c->file->file, line_of_error(c, sql), "sqlite: %s", sqlite3_errmsg(c->db));
}

/* NULL: not to be prepared, and told. */
static sqlite3_stmt *
prepare(checker *c, const weiri_sql *sql, weiri_sqlite_may may)
{
    sqlite3_stmt *statement = NULL;

    c->guard = (weiri_sqlite_guard){ .may = may };
    if (sqlite3_prepare_v2(c->db, sql->text, -1, &statement, NULL) == SQLITE_OK)
        return statement;
    if (c->guard.refused[0] == '\0')
        sqlite_problem(c, sql);
    return NULL;
}

static void
run_schema(checker *c)
{
    for (size_t i = 0; i < c->file->schema_n; i++) {
        const weiri_sql *sql = &c->file->schema[i];
        if (sql->wrong)
            continue;
        sqlite3_stmt *statement = prepare(c, sql, WEIRI_SQLITE_MAY_CREATE);
        bool reads = statement != NULL && sqlite3_stmt_readonly(statement);
        if (strncmp(c->guard.refused, "the name", 8) == 0)
            weiri_problems_add(
                c->problems, c->file->file, sql->line, "%s is weir's: tables that begin with weir_ are its own", c->guard.refused);
        else if (c->guard.refused[0] != '\0' || reads)
            weiri_problems_add(c->problems, c->file->file, sql->line, "%s in a schema: it only creates tables, indexes and views",
                reads ? "a SELECT" : c->guard.refused);
        else if (statement != NULL && sqlite3_step(statement) != SQLITE_DONE)
            sqlite_problem(c, sql);
        (void)sqlite3_finalize(statement);
    }
}

static void
check_on(checker *c, weiri_on_statement *on)
{
    sqlite3_stmt *statement = prepare(c, &on->sql, WEIRI_SQLITE_MAY_CHANGE);

    if (c->guard.refused[0] != '\0')
        weiri_problems_add(
            c->problems, c->file->file, on->sql.line, "%s in an 'on': it only inserts, updates and deletes", c->guard.refused);
    else if (statement != NULL && sqlite3_stmt_readonly(statement))
        weiri_problems_add(c->problems, c->file->file, on->sql.line, "the statement changes nothing: an 'on' inserts, updates or deletes");
    on->may_touch_nothing = (c->guard.updates || c->guard.deletes) && !c->guard.inserts;
    (void)sqlite3_finalize(statement);
}

/* ---- columns ------------------------------------------------------------------------------------------- */

static bool
holds(const char *type, const char *word)
{
    size_t n = strlen(word);

    for (; *type != '\0'; type++)
        if (sqlite3_strnicmp(type, word, (int)n) == 0)
            return true;
    return false;
}

/* The rules of https://www.sqlite.org/datatype3.html#determination_of_column_affinity; NUMERIC counts as unknown. */
static weiri_affinity
affinity_of(const char *type)
{
    if (type == NULL || type[0] == '\0')
        return WEIRI_AFFINITY_UNKNOWN;
    if (holds(type, "INT"))
        return WEIRI_AFFINITY_INTEGER;
    if (holds(type, "CHAR") || holds(type, "CLOB") || holds(type, "TEXT"))
        return WEIRI_AFFINITY_TEXT;
    if (holds(type, "BLOB"))
        return WEIRI_AFFINITY_BLOB;
    return holds(type, "REAL") || holds(type, "FLOA") || holds(type, "DOUB") ? WEIRI_AFFINITY_REAL : WEIRI_AFFINITY_UNKNOWN;
}

static void
read_columns(sqlite3_stmt *statement, weiri_relation *relation)
{
    relation->n = (size_t)sqlite3_column_count(statement);
    relation->columns = weiri_allocate(relation->n * sizeof *relation->columns);
    for (size_t i = 0; i < relation->n; i++) {
        const char *type = sqlite3_column_decltype(statement, (int)i);
        relation->columns[i] = (weiri_column){ weiri_text_copy(sqlite3_column_name(statement, (int)i)),
            weiri_text_copy(type == NULL ? "" : type), affinity_of(type) };
    }
}

static void
check_query(checker *c, weiri_view_query *query)
{
    sqlite3_stmt *statement = prepare(c, &query->sql, WEIRI_SQLITE_MAY_READ);
    bool writes = c->guard.inserts || c->guard.updates || c->guard.deletes || strcmp(c->guard.refused, "a change of tables") == 0;

    if (writes || (statement != NULL && !sqlite3_stmt_readonly(statement)))
        weiri_problems_add(c->problems, c->file->file, query->sql.line, "query %s writes: a query only reads", query->name);
    else if (c->guard.refused[0] != '\0')
        weiri_problems_add(
            c->problems, c->file->file, query->sql.line, "query %s asks for %s: a query only reads", query->name, c->guard.refused);
    else if (statement != NULL && sqlite3_column_count(statement) == 0)
        weiri_problems_add(c->problems, c->file->file, query->sql.line, "query %s answers nothing: a query reads", query->name);
    else if (statement != NULL)
        read_columns(statement, &query->answer);
    query->answer.name = weiri_text_copy(query->name);
    for (size_t i = 0; i < query->answer.n; i++)
        for (size_t j = i + 1; j < query->answer.n; j++)
            if (strcmp(query->answer.columns[i].name, query->answer.columns[j].name) == 0)
                weiri_problems_add(c->problems, c->file->file, query->sql.line, "query %s has two columns '%s': name one of them with AS",
                    query->name, query->answer.columns[i].name);
    (void)sqlite3_finalize(statement);
}

static void
read_table(checker *c, const char *name)
{
    static const char *const taken[] = { "queries", "changes" };
    weiri_relation table = { .name = weiri_text_copy(name) };
    weiri_buffer sql = { 0 };
    sqlite3_stmt *statement = NULL;

    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (sqlite3_stricmp(name, taken[i]) == 0)
            weiri_problems_add(c->problems, c->file->file, 0, "a table can't be called '%s': that name is in every view's URL", name);
    weiri_buffer_add_text(&sql, "SELECT * FROM ");
    weiri_sqlite_add_name(&sql, name);
    if (sqlite3_prepare_v2(c->db, weiri_buffer_text(&sql), -1, &statement, NULL) == SQLITE_OK)
        read_columns(statement, &table);
    else
        weiri_problems_add(c->problems, c->file->file, 0, "sqlite: %s", sqlite3_errmsg(c->db));
    (void)sqlite3_finalize(statement);
    weiri_buffer_fini(&sql);
    c->file->tables = weiri_reallocate(c->file->tables, (c->file->tables_n + 1) * sizeof table);
    c->file->tables[c->file->tables_n++] = table;
}

static void
read_tables(checker *c)
{
    sqlite3_stmt *statement = NULL;

    c->guard = (weiri_sqlite_guard){ .may = WEIRI_SQLITE_MAY_ALL };
    if (sqlite3_prepare_v2(c->db,
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name", -1,
            &statement, NULL) == SQLITE_OK)
        while (sqlite3_step(statement) == SQLITE_ROW)
            read_table(c, (const char *)sqlite3_column_text(statement, 0));
    (void)sqlite3_finalize(statement);
    if (c->file->tables_n == 0)
        weiri_problems_add(c->problems, c->file->file, 0, "the view has no table: '-- schema:' and a CREATE TABLE make one");
}

void
weiri_sqlite_check(weiri_view_file *file, weiri_problems *problems)
{
    checker c = { .file = file, .problems = problems };
    size_t before = problems->n;
    weir_error err;
    bool whole = true;

    if (weiri_sqlite_connect(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &c.db, &err) != WEIR_OK) {
        weiri_problems_add(problems, file->file, 0, "%s", err.text);
        return;
    }
    weiri_sqlite_guard_set(c.db, &c.guard);
    run_schema(&c);
    for (size_t i = 0; i < file->schema_n; i++)
        whole = whole && !file->schema[i].wrong;
    /* On half a schema every other statement would be wrong as well, and bury what is. */
    if (whole && problems->n == before) {
        read_tables(&c);
        for (size_t i = 0; i < file->statements_n; i++)
            if (!file->statements[i].sql.wrong)
                check_on(&c, &file->statements[i]);
        for (size_t i = 0; i < file->queries_n; i++)
            if (file->queries[i].sql.text != NULL && !file->queries[i].sql.wrong)
                check_query(&c, &file->queries[i]);
    }
    (void)sqlite3_close(c.db);
}
