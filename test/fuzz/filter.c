/* SPDX-License-Identifier: Apache-2.0
 * The arguments of a URL as a question to a view: what compiles is one statement that the database takes, that only reads, has a
 * value for each of its parameters and runs. */
#include <sqlite3.h>
#include "fuzz.h"
#include "http/target.h"
#include "query/filter.h"

static weiri_column columns[] = {
    { (char *)"a", (char *)"TEXT", WEIRI_AFFINITY_TEXT },
    { (char *)"n", (char *)"INTEGER", WEIRI_AFFINITY_INTEGER },
    { (char *)"r", (char *)"REAL", WEIRI_AFFINITY_REAL },
    { (char *)"b", (char *)"BLOB", WEIRI_AFFINITY_BLOB },
    { (char *)"any", (char *)"", WEIRI_AFFINITY_UNKNOWN },
    { (char *)"a \" b", (char *)"TEXT", WEIRI_AFFINITY_TEXT },
};
static const weiri_relation relation = { (char *)"t", columns, sizeof columns / sizeof *columns };

static sqlite3 *
database(void)
{
    static sqlite3 *db;

    if (db == NULL) {
        int code = sqlite3_open(":memory:", &db);
        weiri_assert(code == SQLITE_OK);
        code = sqlite3_exec(db,
            "CREATE TABLE t (a TEXT, n INTEGER, r REAL, b BLOB, any, \"a \"\" b\" TEXT);"
            "INSERT INTO t VALUES ('a', 1, 0.5, x'00ff', 1, ''), ('b', 2, 1.0, x'', 'x', 'y'), (NULL, NULL, NULL, NULL, NULL, NULL);",
            NULL, NULL, NULL);
        weiri_assert(code == SQLITE_OK);
    }
    return db;
}

static void
bind(sqlite3_stmt *statement, int i, const weiri_value *value)
{
    int code = SQLITE_OK;

    switch (value->kind) {
    case WEIRI_VALUE_NULL:
        break;
    case WEIRI_VALUE_INTEGER:
        code = sqlite3_bind_int64(statement, i, value->integer);
        break;
    case WEIRI_VALUE_REAL:
        code = sqlite3_bind_double(statement, i, value->real);
        break;
    case WEIRI_VALUE_TEXT:
        code = sqlite3_bind_text64(statement, i, value->bytes.data, value->bytes.size, SQLITE_STATIC, SQLITE_UTF8);
        break;
    case WEIRI_VALUE_BLOB:
        code = sqlite3_bind_blob64(statement, i, value->bytes.data, value->bytes.size, SQLITE_STATIC);
        break;
    }
    weiri_assert(code == SQLITE_OK);
}

static void
ask(weiri_question *question)
{
    const weiri_value *values = (const void *)question->values.data;
    size_t n = question->values.size / sizeof *values;
    sqlite3_stmt *statement = NULL;
    const char *rest = NULL;
    int rows = 0, code;

    code = sqlite3_prepare_v2(database(), weiri_buffer_text(&question->sql), -1, &statement, &rest);
    if (code != SQLITE_OK && strstr(sqlite3_errmsg(database()), "too ") != NULL)
        return; /* deeper, or more columns, than the database takes: it says so, and so does the answer */
    weiri_assert(code == SQLITE_OK && statement != NULL && *rest == '\0' && sqlite3_stmt_readonly(statement));
    weiri_assert((size_t)sqlite3_bind_parameter_count(statement) == n);
    for (size_t i = 0; i < n; i++)
        bind(statement, (int)i + 1, &values[i]);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
        rows++;
    weiri_assert(code == SQLITE_DONE && rows <= 3);
    (void)sqlite3_finalize(statement);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weiri_target target = { 0 };
    weiri_question question = { 0 };
    weiri_buffer raw = { 0 };
    char *text = fuzz_text(data, size);
    weir_error err;

    weiri_buffer_add_text(&raw, "/?");
    weiri_buffer_add_text(&raw, text);
    free(text);
    weir_status status = weiri_target_parse(&target, weiri_buffer_text(&raw), &err);
    if (status == WEIR_OK) {
        weiri_argument arguments[WEIRI_PAIRS_MOST];
        for (size_t i = 0; i < target.n_pairs; i++)
            arguments[i] = (weiri_argument){ target.pairs[i].name, target.pairs[i].value };
        status = weiri_filter_compile(&relation, "table t", "t", arguments, target.n_pairs, &question, &err);
        if (status == WEIR_OK)
            ask(&question);
    }
    if (status != WEIR_OK)
        fuzz_said(status, &err);
    weiri_question_fini(&question);
    weiri_target_fini(&target);
    weiri_buffer_fini(&raw);
    return 0;
}
