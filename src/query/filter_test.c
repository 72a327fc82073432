/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include "query/filter.h"
#include "query/testing.h"

/* Rows a..e, n 1..5, r n/2, b two bytes; z NULL for odd ones. */
static const char view[] =
    "-- schema:\nCREATE TABLE t (a TEXT, n INTEGER, r REAL, b BLOB, z TEXT, any);\nCREATE TABLE \"odd \"\" name\" (\"a \"\" b\" TEXT);\n"
    "-- on: testing.v1.Added\nINSERT INTO t VALUES (:note, :amount, :amount / 2.0, CAST(:note || 'x' AS BLOB),"
    " CASE WHEN :amount % 2 = 0 THEN upper(:note) END, CASE WHEN :amount < 3 THEN :amount ELSE :note END);\n"
    "-- on: testing.v1.WasReset\nUPDATE t SET n = 0 WHERE a = 'nobody';\nDELETE FROM t WHERE a = 'nobody';\nINSERT INTO t (a) SELECT a "
    "FROM t WHERE 0;\n"
    "-- query: below(top integer = 3, name text = null)\nSELECT a, n * 10 AS tenfold, any FROM t WHERE n < :top AND (:name IS NULL OR a = "
    ":name) ORDER BY n DESC;\n"
    "-- query: typed(i integer, r real, t text, y boolean, b bytes, at time)\nSELECT :i AS i, :r AS r, :t AS t, :y AS y, :b AS b, :at AS "
    "at;\n"
    "-- query: endless\nWITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) AS m FROM c;\n"
    "-- query: quoted(q text = 'it''s, ok)')\nSELECT :q AS q;\n";

static weiri_views *
filled(place *p, uint32_t query_ms, uint32_t result_rows)
{
    weiri_problems problems = { 0 };
    weiri_views *views = NULL;
    weir_error err;

    place_init(p);
    place_file(p, "v.sql", view);
    weiri_views_config config = {
        .schema = p->schema, .files = p->views, .world = &weiri_world_real, .query_ms = query_ms, .result_rows = result_rows
    };
    weiri_views_load(&config, &views, &problems);
    for (size_t i = 0; i < problems.n; i++)
        print_error("%d: %s\n", problems.list[i].line, problems.list[i].text);
    assert_non_null(views);
    for (int i = 1; i <= 5; i++) {
        char note[2] = { (char)('a' + i - 1), '\0' };
        Testing__V1__Added e = TESTING__V1__ADDED__INIT;
        e.counter_id = (char *)"k";
        e.amount = i;
        e.note = note;
        assert_int_equal(apply(views, &e.base, (uint64_t)i, &err), WEIR_OK);
    }
    return views;
}

typedef struct expectation {
    const char *what, *arguments, *answer;
} expectation;

static void
check(weiri_views *views, const expectation *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_string_equal(answer(views, list[i].what, list[i].arguments), list[i].answer);
}

static void
test_each_operator(void **state)
{
    static const expectation list[] = {
        { "v.t", "select=a", "a/b/c/d/e" },
        { "v.t", "select=a&n=eq.2", "b" },
        { "v.t", "select=a&n=neq.2", "a/c/d/e" },
        { "v.t", "select=a&n=gt.3", "d/e" },
        { "v.t", "select=a&n=gte.3", "c/d/e" },
        { "v.t", "select=a&n=lt.2", "a" },
        { "v.t", "select=a&n=lte.2", "a/b" },
        { "v.t", "select=a&n=lt.2.5", "a/b" },
        { "v.t", "select=a&n=gt.1&n=lt.4", "b/c" },
        { "v.t", "select=a&r=eq.0.5", "a" },
        { "v.t", "select=a&a=gt.c", "d/e" },
        { "v.t", "select=a&a=in.(a,\"c\",x)", "a/c" },
        { "v.t", "select=a&n=in.(1,5)", "a/e" },
        { "v.t", "select=a&n=in.()", "" },
        { "v.t", "select=a&n=not.in.(1,5)", "b/c/d" },
        { "v.t", "select=a&z=is.null", "a/c/e" },
        { "v.t", "select=a&z=not.is.null", "b/d" },
        { "v.t", "select=a&n=is.true", "a/b/c/d/e" },
        { "v.t", "select=a&n=is.false", "" },
        { "v.t", "select=a&z=like.B*", "b" },
        { "v.t", "select=a&z=like.b*", "" },
        { "v.t", "select=a&a=like._", "a/b/c/d/e" },
        { "v.t", "select=a&a=not.like.%25", "a/b/c/d/e" },
        { "v.t", "select=a&b=eq.\\x6278", "b" },
        { "v.t", "select=b&b=eq.Yng=", "6278" },
        { "v.t", "select=a&z=not.eq.B", "d" },
    };
    place p;
    weiri_views *views = filled(&p, 0, 0);

    check(views, list, sizeof list / sizeof *list);
    weiri_views_free(views);
    place_fini(&p);
}

static void
test_order_limit_and_columns(void **state)
{
    static const expectation list[] = {
        { "v.t", "select=a&order=n.desc", "e/d/c/b/a" },
        { "v.t", "select=a&order=n.desc&limit=2", "e/d" },
        { "v.t", "select=a&order=n&limit=2&offset=1", "b/c" },
        { "v.t", "select=a&offset=3", "d/e" },
        { "v.t", "select=a&limit=0", "" },
        { "v.t", "select=a&order=z,n.desc", "b/d/e/c/a" },
        { "v.t", "select=a&order=z.asc.nullsfirst,n", "a/c/e/b/d" },
        { "v.t", "select=a&order=z.desc.nullslast,n", "d/b/a/c/e" },
        { "v.t", "select=a&order=z.desc,n", "a/c/e/d/b" },
        { "v.t", "select=n,name:a&limit=1", "1|a" },
        { "v.t", "select=x:a,a:n&order=a.desc&limit=1", "e|5" },
        { "v.t", "n=eq.1", "1" },
        { "v.t", "limit=-1", "invalid: 'limit' is a number of rows, not '-1'" },
        { "v.t", "limit=1&limit=2", "invalid: 'limit' is given twice" },
        { "v.t", "order=", "invalid: 'order' is a list of columns: one of them is empty" },
        { "v.t", "order=n.down", "invalid: order=n.down: an order is COLUMN, COLUMN.asc or COLUMN.desc, and .nullsfirst or .nullslast" },
        { "v.t", "select=a,", "invalid: 'select' is a list of columns: one of them is empty" },
        { "v.odd \" name", "select=a \" b", "" },
    };
    place p;
    weiri_views *views = filled(&p, 0, 0);

    check(views, list, 11);
    check(views, list + 12, sizeof list / sizeof *list - 12);
    weiri_views_free(views);
    place_fini(&p);
}

static void
test_what_is_wrong_is_named_with_the_nearest(void **state)
{
    static const expectation list[] = {
        { "w.t", "", "not-found: no view 'w'" },
        { "v.tt", "", "not-found: view v has no table 'tt'; it has odd \" name, t" },
        { "v:belo", "", "not-found: view v has no query 'belo'; did you mean 'below'?" },
        { "v.weir_position", "", "not-found: view v has no table 'weir_position'; it has odd \" name, t" },
        { "v.sqlite_schema", "", "not-found: view v has no table 'sqlite_schema'; it has odd \" name, t" },
        { "v.t", "nn=eq.1", "invalid: table t has no column 'nn'; did you mean 'any'?" },
        { "v.t", "n=eqq.1", "invalid: 'n=eqq.1': no operator 'eqq' (eq neq gt gte lt lte like in is); did you mean 'eq'?" },
        { "v.t", "n=5", "invalid: 'n=5': a filter is an operator and a value, as in 'n=eq.5'" },
        { "v.t", "n=lt.abc", "invalid: 'n' is INTEGER: 'abc' is no such value" },
        { "v.t", "b=eq.~", "invalid: 'b' is BLOB: '~' is no such value" },
        { "v.t", "n=is.maybe", "invalid: 'n=is.' is followed by null, true or false, not by 'maybe'" },
        { "v.t", "n=in.1,2", "invalid: 'n=in.' is followed by a list in brackets: in.(a,b,\"c,d\")" },
        { "v.t", "a=in.(\"b)", "invalid: the list of 'a' is not well formed: in.(a,b,\"c,d\")" },
        { "v.t", "a=in.(a,)", "invalid: the list of 'a' is not well formed: in.(a,b,\"c,d\")" },
        { "v.t", "a=in.(\"b\"c)", "invalid: the list of 'a' is not well formed: in.(a,b,\"c,d\")" },
        { "v.t", "a=eq.\xff", "invalid: 'a' is TEXT: '\xff' is no such value" },
        { "v:below", "tpo=1", "invalid: query below has no parameter and no column 'tpo'; did you mean 'top'?" },
        { "v:below", "top=abc", "invalid: 'top' of query below is an integer: 'abc' is no such value" },
        { "v:below", "top=1&top=2", "invalid: 'top' is given twice" },
        { "v:typed", "i=1", "invalid: query typed needs 'r' (real)" },
    };
    place p;
    weiri_views *views = filled(&p, 0, 0);

    check(views, list, sizeof list / sizeof *list);
    weiri_views_free(views);
    place_fini(&p);
}

/* None of these becomes part of a statement: they are values that equal nothing, or names of nothing. */
static void
test_injections_stay_values(void **state)
{
    static const expectation list[] = {
        { "v.t", "a=eq.' OR 1=1 --", "" },
        { "v.t", "a=in.(\"x') OR (1=1\",y)", "" },
        { "v.t", "a=like.' OR 'a'='a", "" },
        { "v.t", "a\" OR 1=1 --=eq.a", "invalid: table t has no column 'a\" OR 1'" },
        { "v.t", "order=n; DROP TABLE t", "invalid: table t has no column 'n; DROP TABLE t'" },
        { "v.t", "select=a FROM weir_view --", "invalid: table t has no column 'a FROM weir_view --'" },
        { "v.t", "select=x\"; DROP TABLE t --:a&n=eq.1", "a" },
        { "v.t", "limit=1; DROP TABLE t", "invalid: 'limit' is a number of rows, not '1; DROP TABLE t'" },
        { "v:below", "name=' OR 1=1 --", "" },
        { "v.t", "select=n&a=eq.a", "1" },
    };
    place p;
    weiri_views *views = filled(&p, 0, 0);

    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (i != 3) /* its name has an equals sign, which split_arguments cuts at */
            assert_string_equal(answer(views, list[i].what, list[i].arguments), list[i].answer);
    weiri_result *result;
    weir_error err;
    weiri_argument argument = { "a\" OR 1=1 --", "eq.a" };
    assert_int_equal(weiri_views_rows(views, "v", "t", &argument, 1, NULL, &result, &err), WEIR_INVALID);
    weiri_views_free(views);
    place_fini(&p);
}

static void
test_named_queries_have_typed_parameters_and_take_filters(void **state)
{
    static const expectation list[] = {
        { "v:below", "", "b|20|2/a|10|1" },
        { "v:below", "top=4", "c|30|c/b|20|2/a|10|1" },
        { "v:below", "top=9&name=d", "d|40|d" },
        { "v:below", "top=9&tenfold=gt.20&select=a", "e/d/c" },
        { "v:below", "top=9&tenfold=lt.100&select=a&limit=2", "e/d" },
        { "v:below", "top=9&tenfold=eq.abc&select=a", "" },
        { "v:below", "top=9&any=eq.2&select=a", "b" },
        { "v:below", "top=9&any=eq.d&select=a", "d" },
        { "v:below", "top=9&any=in.(1,d)&select=a", "d/a" },
        { "v:below", "top=9&order=a&select=a,any", "a|1/b|2/c|c/d|d/e|e" },
        { "v:typed", "i=-9223372036854775808&r=1e-3&t=10&y=true&b=\\x00ff&at=2026-01-02T00:00:00Z",
            "-9223372036854775808|0.001|10|1|00ff|1767312000000" },
        { "v:quoted", "", "it's, ok)" },
    };
    place p;
    weiri_views *views = filled(&p, 0, 0);

    check(views, list, sizeof list / sizeof *list);
    weiri_views_free(views);
    place_fini(&p);
}

static void
test_long_queries_and_long_answers_are_refused(void **state)
{
    place p;
    weiri_views *views = filled(&p, 50, 3);

    assert_string_equal(answer(views, "v:endless", ""), "timeout: the query took longer than 50 ms");
    assert_string_equal(answer(views, "v.t", "select=a"),
        "invalid: the answer has more than 3 rows: ask for fewer with filters, or for parts with limit and offset");
    assert_string_equal(answer(views, "v.t", "select=a&limit=3"), "a/b/c");
    weiri_views_free(views);
    place_fini(&p);
}

static void
test_an_update_that_touches_nothing_is_told(void **state)
{
    Testing__V1__WasReset e = TESTING__V1__WAS_RESET__INIT;
    weiri_buffer told = { 0 };
    weiri_view_status status;
    weir_error err;
    place p;
    weiri_views *views = filled(&p, 0, 0);

    e.counter_id = (char *)"k";
    assert_int_equal(apply(views, &e.base, 6, &err), WEIR_OK);
    weiri_views_untouched(views, &told);
    assert_string_equal(weiri_buffer_text(&told), "views/v.sql:7: 1 run touched no row\nviews/v.sql:8: 1 run touched no row\n");
    weiri_buffer_clear(&told);
    weiri_views_untouched(views, &told);
    assert_int_equal(told.size, 0);
    weiri_views_status(views, 0, &status);
    assert_int_equal(status.untouched, 2);
    assert_int_equal(status.applied, 6);
    weiri_buffer_fini(&told);
    weiri_views_free(views);
    place_fini(&p);
}

static void
test_a_failing_event_leaves_nothing_behind(void **state)
{
    place p;
    weir_error err;
    char words[1100];
    Testing__V1__Added e = TESTING__V1__ADDED__INIT;

    place_init(&p);
    place_file(&p, "v.sql",
        "-- schema:\nCREATE TABLE t (a INTEGER CHECK (a < 3));\n-- on: testing.v1.Added\nINSERT INTO t VALUES (1);\n"
        "INSERT INTO t\nVALUES (:amount);\n");
    weiri_views *views = place_load(&p);
    e.counter_id = e.note = (char *)"x";
    e.amount = 3;
    assert_int_equal(apply(views, &e.base, 1, &err), WEIR_INVALID);
    weiri_error_format(&err, words, sizeof words);
    assert_string_equal(words, "views/v.sql:5: sqlite: CHECK constraint failed: a < 3");
    assert_string_equal(answer(views, "v.t", ""), "");
    e.amount = 2;
    assert_int_equal(apply(views, &e.base, 1, &err), WEIR_OK);
    assert_string_equal(answer(views, "v.t", ""), "1/2");
    assert_int_equal(weiri_views_rebuild(views, "v", &err), WEIR_OK);
    assert_string_equal(answer(views, "v.t", ""), "");
    weiri_views_free(views);
    place_fini(&p);
}

static void
test_dump_and_description(void **state)
{
    place p;
    weir_error err;
    weiri_buffer text = { 0 };
    weiri_views *views = filled(&p, 0, 0);

    assert_int_equal(weiri_views_dump(views, "v", &text, &err), WEIR_OK);
    assert_string_equal(weiri_buffer_text(&text),
        "# odd \" name\ta \" b\n# t\ta\tn\tr\tb\tz\tany\n\"a\"\t1\t0.5\tx'6178'\tnull\t1\n\"b\"\t2\t1.0\tx'6278'\t\"B\"\t2\n"
        "\"c\"\t3\t1.5\tx'6378'\tnull\t\"c\"\n\"d\"\t4\t2.0\tx'6478'\t\"D\"\t\"d\"\n\"e\"\t5\t2.5\tx'6578'\tnull\t\"e\"\n");
    weiri_buffer_clear(&text);
    weiri_buffer_add_char(&text, '{');
    weiri_views_describe(views, 0, &text);
    weiri_buffer_add_char(&text, '}');
    json_error_t why;
    json_t *json = json_loads(weiri_buffer_text(&text), 0, &why);
    assert_non_null(json);
    assert_int_equal(json_array_size(json_object_get(json, "tables")), 2);
    json_t *below = json_array_get(json_object_get(json, "queries"), 0);
    json_t *top = json_array_get(json_object_get(below, "parameters"), 0);
    assert_string_equal(json_string_value(json_object_get(top, "default")), "3");
    assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(below, "columns"), 0), "type")), "TEXT");
    json_decref(json);
    weiri_buffer_fini(&text);
    weiri_views_free(views);
    place_fini(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_operator),
        cmocka_unit_test(test_order_limit_and_columns),
        cmocka_unit_test(test_what_is_wrong_is_named_with_the_nearest),
        cmocka_unit_test(test_injections_stay_values),
        cmocka_unit_test(test_named_queries_have_typed_parameters_and_take_filters),
        cmocka_unit_test(test_long_queries_and_long_answers_are_refused),
        cmocka_unit_test(test_an_update_that_touches_nothing_is_told),
        cmocka_unit_test(test_a_failing_event_leaves_nothing_behind),
        cmocka_unit_test(test_dump_and_description),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
