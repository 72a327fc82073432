/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "query/testing.h"

#define TABLE "-- schema:\nCREATE TABLE t (a TEXT, n INTEGER);\n"
#define ON "-- on: testing.v1.Added\nINSERT INTO t VALUES (:counter_id, :amount);\n"

/* All problems of one file v.sql, a line each, as a person sees them. */
static const char *
problems_of(const char *text)
{
    static weiri_buffer words;
    place p;
    weiri_problems problems = { 0 };
    weiri_views *views = NULL;

    place_init(&p);
    place_file(&p, "v.sql", text);
    weiri_views_load(&(weiri_views_config){ .schema = p.schema, .files = p.views }, &views, &problems);
    weiri_buffer_clear(&words);
    for (size_t i = 0; i < problems.n; i++) {
        char line[1100];
        weiri_error_format(&problems.list[i], line, sizeof line);
        weiri_buffer_print(&words, "%s%s", i > 0 ? "\n" : "", line);
    }
    assert_true((views == NULL) == (problems.n > 0));
    weiri_views_free(views);
    weiri_problems_fini(&problems);
    place_fini(&p);
    return weiri_buffer_text(&words);
}

static void
test_a_good_file_has_no_problem(void **state)
{
    assert_string_equal(problems_of(TABLE ON "-- query: q(x integer = 5)\nSELECT a, n FROM t WHERE n < :x;\n"), "");
    assert_string_equal(problems_of("/* : ? $1 :: */ -- :x\n" TABLE ON), "");
    assert_string_equal(problems_of(TABLE "-- on: testing.v1.Added\nINSERT INTO t VALUES (':no' || \":note\" || '''?', 1);"),
        "views/v.sql:4: sqlite: no such column: :note");
}

/* Each mistake of the load checks, word for word. */
static const struct {
    const char *text, *words;
} cases[] = {
    { TABLE "-- on: testing.v1.Added\nINSERT INTO t\nVALUES (:counter_id, :amuont);\n",
        "views/v.sql:5: testing.v1.Added has no field 'amuont'; did you mean 'amount'?" },
    { TABLE "-- on: testing.v1.Added\nINSERT INTO t (a,\nm) VALUES (1, 2);\n", "views/v.sql:4: sqlite: table t has no column named m" },
    { TABLE "-- on: testing.v1.Added\nUPDATE t SET n = 1\nWHERE resrved = 1;\n", "views/v.sql:5: sqlite: no such column: resrved" },
    { TABLE "-- on: testing.v1.Aded\nINSERT INTO t VALUES (1, 2);\n",
        "views/v.sql:3: no message 'testing.v1.Aded' in this module; did you mean 'testing.v1.Added'?" },
    { TABLE "-- on: testing.v1.Add\nINSERT INTO t VALUES (1, 2);\n", "views/v.sql:3: testing.v1.Add is a command: a view sees events" },
    { TABLE "-- on: testing.v1.TickedOnce\nINSERT INTO t VALUES (1, 2);\n",
        "views/v.sql:3: testing.v1.TickedOnce is upcast to testing.v1.Ticked: a view sees that" },
    { TABLE "-- on: testing.v1.Added, testing.v1.Added\nDELETE FROM t;\n", "views/v.sql:3: testing.v1.Added stands here twice" },
    { TABLE "-- on: testing.v1.Ticked\nINSERT INTO t VALUES (:points.label, 1);\n",
        "views/v.sql:4: 'points' is repeated: put '-- each: points' above the statement" },
    { TABLE "-- on: testing.v1.Ticked\n-- each: times\nINSERT INTO t VALUES (:times, 1);\n",
        "views/v.sql:4: 'times' of testing.v1.Ticked is not repeated: it needs no '-- each:'" },
    { TABLE "-- on: testing.v1.Ticked\n-- each: pionts\nINSERT INTO t VALUES ('', 1);\n",
        "views/v.sql:4: testing.v1.Ticked has no field 'pionts'; did you mean 'points'?" },
    { TABLE "-- on: testing.v1.Ticked\n-- each: points\n", "views/v.sql:3: an 'on' that changes nothing: no statement follows it\n"
                                                           "views/v.sql:4: '-- each: points' has no statement below it" },
    { TABLE "-- on: testing.v1.Added\n", "views/v.sql:3: an 'on' that changes nothing: no statement follows it" },
    { TABLE "-- on:\n", "views/v.sql:3: '-- on:' is followed by the names of events: '-- on: shop.v1.StockSold, shop.v1.StockReturned'" },
    { TABLE "-- on: testing.v1.Added\nSELECT 1;\n", "views/v.sql:4: the statement changes nothing: an 'on' inserts, updates or deletes" },
    { TABLE "-- on: testing.v1.Added\nCREATE TABLE u (a);\n",
        "views/v.sql:4: a change of tables in an 'on': it only inserts, updates and deletes" },
    { TABLE "-- on: testing.v1.Added\nINSERT INTO t VALUES (:_index, 1);\n",
        "views/v.sql:4: ':_index' is the number of an element: it needs '-- each: FIELD' above the statement" },
    { TABLE "-- on: testing.v1.Added\nINSERT INTO t VALUES (:_kye, 1);\n",
        "views/v.sql:4: testing.v1.Added has no field '_kye'; did you mean '_key'?" },
    { TABLE "-- on: testing.v1.Added\nINSERT INTO t VALUES (:amount.date, 1);\n",
        "views/v.sql:4: 'amount' is no time: .date needs ':_time' or an int64 field named *_ms" },
    { TABLE "-- on: testing.v1.Added\nINSERT INTO t VALUES (:amount.x, 1);\n",
        "views/v.sql:4: 'amount' is no message: it has no field 'x'" },
    { TABLE "-- on: testing.v1.Ticked\nINSERT INTO t VALUES (:ticked_at_ms.week, 1);\n",
        "views/v.sql:4: 'ticked_at_ms' is a time: it has .minute .hour .day .date .text, and no 'week'" },
    { TABLE ON "-- query: q\nSELECT a\nFROM t\n", "views/v.sql:6: the statement has no ';'" },
    { TABLE "-- on: testing.v1.Added\nDELETE FROM t\n-- query: q\nSELECT a FROM t;\n", "views/v.sql:4: the statement has no ';'" },
    { TABLE ON "-- query: q\nDELETE FROM t;\n", "views/v.sql:6: query q writes: a query only reads" },
    { TABLE ON "-- query: q\nDROP TABLE t;\n", "views/v.sql:6: query q writes: a query only reads" },
    { TABLE ON "-- query: q\nPRAGMA user_version;\n", "views/v.sql:6: query q asks for PRAGMA user_version: a query only reads" },
    { TABLE ON "-- query: q\nATTACH '/tmp/x' AS x;\n", "views/v.sql:6: query q asks for ATTACH: a query only reads" },
    { TABLE ON "-- query: q\n", "views/v.sql:5: query q has no statement" },
    { TABLE ON "-- query: q\nSELECT a FROM t;\nSELECT n FROM t;\n", "views/v.sql:7: query q already has its statement" },
    { TABLE ON "-- query: q\nSELECT a, a FROM t;\n", "views/v.sql:6: query q has two columns 'a': name one of them with AS" },
    { TABLE ON "-- query: q(x integer)\nSELECT a FROM t WHERE n = :y;\n", "views/v.sql:5: query q never uses its parameter 'x'\n"
                                                                          "views/v.sql:6: query q has no parameter 'y'" },
    { TABLE ON "-- query: q(x number)\nSELECT a FROM t WHERE n = :x;\n",
        "views/v.sql:5: parameter 'x' of query q needs a type: text integer real boolean bytes time" },
    { TABLE ON "-- query: q(x integer = five)\nSELECT a FROM t WHERE n = :x;\n",
        "views/v.sql:5: the default of 'x' is no integer: 'five'" },
    { TABLE ON "-- query: q(limit integer)\nSELECT a FROM t WHERE n = :limit;\n",
        "views/v.sql:5: parameter 'limit' of query q: every query has that one already" },
    { TABLE ON "-- query: q(x integer\nSELECT a FROM t WHERE n = :x;\n",
        "views/v.sql:5: a query is written '-- query: NAME' or '-- query: NAME(name type, name type = default)'" },
    { TABLE ON "-- query: q\nSELECT a FROM t;\n-- query: q\nSELECT n FROM t;\n", "views/v.sql:7: there is another query q in line 5" },
    { TABLE "-- om: testing.v1.Added\n", "views/v.sql:3: no directive 'om'; did you mean '-- on:'?" },
    { "-- shema:\nCREATE TABLE t (a);\n" ON, "views/v.sql: the view has no table: '-- schema:' and a CREATE TABLE make one\n"
                                             "views/v.sql:1: no directive 'shema'; did you mean '-- schema:'?\n"
                                             "views/v.sql:2: a statement needs '-- schema:', '-- on: EVENT' or '-- query: NAME' above it\n"
                                             "views/v.sql:4: sqlite: no such table: t" },
    { TABLE "-- for: postgres\n" ON, "views/v.sql:3: the directive 'for' is not in this release" },
    { TABLE "-- on-error: go on\n" ON, "views/v.sql:3: '-- on-error:' takes 'park' or 'stop'" },
    { TABLE "-- each: x\n" ON, "views/v.sql:3: '-- each:' belongs under an '-- on:'" },
    { TABLE "-- on: testing.v1.Added\nDELETE FROM t WHERE a = ?;\n",
        "views/v.sql:4: '?' is a parameter of one database only: write ':name'" },
    { TABLE "-- on: testing.v1.Added\nDELETE FROM t WHERE a = $1;\n",
        "views/v.sql:4: '$1' is a parameter of one database only: write ':name'" },
    { TABLE "-- on: testing.v1.Added\nDELETE FROM t WHERE a = :note::text;\n",
        "views/v.sql:4: '::' is of one database only: write CAST(... AS ...)" },
    { TABLE "-- on: testing.v1.Added\nDELETE FROM t WHERE a = 'x;\n", "views/v.sql:4: the string that begins here has no end\n"
                                                                      "views/v.sql:4: the statement has no ';'" },
    { TABLE "-- on: testing.v1.Added\nDELETE FROM t; /* x\n", "views/v.sql:4: the comment has no '*/'" },
    { "-- schema:\nCREATE TABLE queries (a);\n", "views/v.sql: a table can't be called 'queries': that name is in every view's URL" },
    { "-- schema:\nCREATE TABLE weir_x (a);\n", "views/v.sql:2: the name weir_x is weir's: tables that begin with weir_ are its own" },
    { "-- schema:\nCREATE TABLE t (a,);\n" ON, "views/v.sql:2: sqlite: near \")\": syntax error" },
    { TABLE "-- schema:\nINSERT INTO t VALUES (1, 2);\n" ON,
        "views/v.sql:4: INSERT t in a schema: it only creates tables, indexes and views" },
    { "-- schema:\nCREATE TABLE t (a DEFAULT :x);\n", "views/v.sql:2: ':x' in a schema: there is no event yet\n"
                                                      "views/v.sql:2: sqlite: near \"?1\": syntax error" },
};

static void
test_each_mistake_is_told_with_its_line(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(problems_of(cases[i].text), cases[i].words);
}

static void
test_all_files_are_checked_at_once(void **state)
{
    place p;
    weiri_problems problems = { 0 };
    weiri_views *views = NULL;

    place_init(&p);
    place_file(&p, "a.sql", TABLE "-- on: testing.v1.Aded\nDELETE FROM t;\n");
    place_file(&p, "b.sql", TABLE ON "-- query: q\nSELECT x FROM t;\n");
    place_file(&p, "Bad-name.sql", TABLE);
    place_file(&p, "raw.sql", "\xff\xfe");
    place_file(&p, "notes.txt", "no view");
    weiri_views_load(&(weiri_views_config){ .schema = p.schema, .files = p.views }, &views, &problems);
    assert_null(views);
    assert_int_equal(problems.n, 4);
    assert_string_equal(problems.list[0].text, "a view's name is [a-z][a-z0-9_]*, and it is its file's");
    assert_string_equal(problems.list[1].file, "views/a.sql");
    assert_string_equal(problems.list[2].file, "views/b.sql");
    assert_string_equal(problems.list[2].text, "sqlite: no such column: x");
    assert_string_equal(problems.list[3].text, "line 1 is not text in UTF-8");
    weiri_problems_fini(&problems);
    weiri_views_load(&(weiri_views_config){ .schema = p.schema, .files = "/nowhere/views" }, &views, &problems);
    assert_string_equal(problems.list[0].text, "no views here: No such file or directory");
    weiri_problems_fini(&problems);
    place_fini(&p);
}

static void
version_of(const char *text, char to[17])
{
    place p;
    weiri_view_status status;

    place_init(&p);
    place_file(&p, "v.sql", text);
    weiri_views *views = place_load(&p);
    weiri_views_status(views, 0, &status);
    memcpy(to, status.version, 17);
    weiri_views_free(views);
    place_fini(&p);
}

static void
test_a_version_is_what_the_rows_follow_from(void **state)
{
    char one[17], two[17];

    version_of(TABLE ON, one);
    version_of("-- A comment.\n" TABLE "\n\n" ON "-- query: q\nSELECT a FROM t;\n", two);
    assert_string_equal(one, two);
    version_of(TABLE "-- on: testing.v1.Added\nINSERT  INTO t /* x */\n VALUES (:counter_id, :amount);\n", two);
    assert_string_equal(one, two);
    version_of(TABLE "-- on: testing.v1.Added\nINSERT INTO t VALUES (:note, :amount);\n", two);
    assert_string_not_equal(one, two);
    version_of(
        "-- schema:\nCREATE TABLE t (a TEXT, n INTEGER, m);\n-- on: testing.v1.Added\nINSERT INTO t VALUES (:counter_id, :amount, 1);\n",
        two);
    assert_string_not_equal(one, two);
    version_of(TABLE "-- on: testing.v1.WasReset\nINSERT INTO t VALUES (:counter_id, 1);\n", one);
    version_of(TABLE "-- on: testing.v1.Added\nINSERT INTO t VALUES (:counter_id, 1);\n", two);
    assert_string_not_equal(one, two);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_file_has_no_problem),
        cmocka_unit_test(test_each_mistake_is_told_with_its_line),
        cmocka_unit_test(test_all_files_are_checked_at_once),
        cmocka_unit_test(test_a_version_is_what_the_rows_follow_from),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
