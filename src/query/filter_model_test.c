/* SPDX-License-Identifier: Apache-2.0
 * Filters against a model of them: random filters over a small table, asked of the view and of a loop in C with SQL's
 * logic of three values. The seed is printed with a failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "query/testing.h"

enum { ROWS = 40, ROUNDS = 4000, FILTERS = 3 };

typedef enum truth { NO, YES, UNKNOWN } truth;

typedef struct row {
    int64_t id;
    bool has_n, has_s;
    int64_t n;
    char s[8];
} row;

static const char view[] = "-- schema:\nCREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, s TEXT);\n"
                           "-- on: testing.v1.Added\nINSERT INTO t VALUES (:_version, nullif(:amount, 99), nullif(:note, 'null'));\n"
                           "-- query: q\nSELECT id, n + 0 AS n, s || '' AS s FROM t;\n"; /* the same, as columns without a type */

static uint32_t seed;

static unsigned
chance(unsigned n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static void
random_word(char to[8])
{
    static const char letters[] = "aAb%_*?[";
    unsigned n = chance(4);

    for (unsigned i = 0; i < n; i++)
        to[i] = letters[chance(sizeof letters - 1)];
    to[n] = '\0';
}

static weiri_views *
fill(place *p, row rows[ROWS])
{
    weir_error err;

    place_init(p);
    place_file(p, "v.sql", view);
    weiri_views *views = place_load(p);
    for (int i = 0; i < ROWS; i++) {
        row *r = &rows[i];
        Testing__V1__Added e = TESTING__V1__ADDED__INIT;
        *r = (row){ .id = i + 1, .has_n = chance(5) > 0, .has_s = chance(5) > 0, .n = (int64_t)chance(9) - 4 };
        random_word(r->s);
        e.counter_id = (char *)"k";
        e.amount = r->has_n ? r->n : 99;
        e.note = r->has_s ? r->s : (char *)"null";
        assert_int_equal(apply(views, &e.base, (uint64_t)r->id, &err), WEIR_OK);
    }
    return views;
}

static truth
of_bool(bool yes)
{
    return yes ? YES : NO;
}

/* LIKE with * and % for any text and _ for one character; case counts. */
static bool
like(const char *pattern, const char *text)
{
    if (*pattern == '\0')
        return *text == '\0';
    if (*pattern == '*' || *pattern == '%')
        return like(pattern + 1, text) || (*text != '\0' && like(pattern, text + 1));
    return *text != '\0' && (*pattern == '_' || *pattern == *text) && like(pattern + 1, text + 1);
}

static const char *const operators[] = { "eq", "neq", "gt", "gte", "lt", "lte" };

static truth
compare(unsigned operator, int order)
{
    const bool results[] = { order == 0, order != 0, order > 0, order >= 0, order < 0, order <= 0 };

    return of_bool(results[operator]);
}

typedef struct filter {
    char name[4], text[64];
    bool negated;
    unsigned kind; /* 0-5 an operator, 6 like, 7 in, 8 is null */
    int64_t n[2];
    char s[2][8];
} filter;

static filter
random_filter(void)
{
    bool number = chance(2) == 0;
    filter f = { .negated = chance(3) == 0, .kind = chance(9) };
    char value[40];

    for (int i = 0; i < 2; i++) {
        f.n[i] = (int64_t)chance(11) - 5;
        random_word(f.s[i]);
    }
    if (number && f.kind == 6)
        f.kind = 0;
    (void)snprintf(f.name, sizeof f.name, number ? "n" : "s");
    if (f.kind == 7 && number)
        (void)snprintf(value, sizeof value, "in.(%d,%d)", (int)f.n[0], (int)f.n[1]);
    else if (f.kind == 7)
        (void)snprintf(value, sizeof value, "in.(\"%s\",\"%s\")", f.s[0], f.s[1]);
    else if (f.kind == 8)
        (void)snprintf(value, sizeof value, "is.null");
    else if (number)
        (void)snprintf(value, sizeof value, "%s.%d", operators[f.kind], (int)f.n[0]);
    else
        (void)snprintf(value, sizeof value, "%s.%s", f.kind == 6 ? "like" : operators[f.kind], f.s[0]);
    (void)snprintf(f.text, sizeof f.text, "%s%s", f.negated ? "not." : "", value);
    return f;
}

static truth
evaluate(const filter *f, const row *r)
{
    bool number = f->name[0] == 'n', there = number ? r->has_n : r->has_s;
    truth t = UNKNOWN;

    if (f->kind == 8)
        t = of_bool(!there);
    else if (!there)
        t = UNKNOWN;
    else if (f->kind == 7)
        t = of_bool(number ? r->n == f->n[0] || r->n == f->n[1] : strcmp(r->s, f->s[0]) == 0 || strcmp(r->s, f->s[1]) == 0);
    else if (f->kind == 6)
        t = of_bool(like(f->s[0], r->s));
    else
        t = compare(f->kind, number ? (r->n > f->n[0]) - (r->n < f->n[0]) : strcmp(r->s, f->s[0]));
    return t == UNKNOWN || !f->negated ? t : t == YES ? NO : YES;
}

/* The ids that the view gives, in order, as bits. */
static uint64_t
ask(weiri_views *views, bool query, const weiri_argument *arguments, size_t n)
{
    weiri_result *result = NULL;
    weir_error err = { 0 };
    uint64_t found = 0;

    weir_status status = query ? weiri_views_query(views, "v", "q", arguments, n, NULL, &result, &err)
                               : weiri_views_rows(views, "v", "t", arguments, n, NULL, &result, &err);
    if (status != WEIR_OK)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < result->rows; i++)
        found |= 1ull << result->values[i].integer;
    weiri_result_free(result);
    return found;
}

static void
test_filters_agree_with_a_model_of_them(void **state)
{
    place p;
    row rows[ROWS];

    seed = 20260102;
    weiri_views *views = fill(&p, rows);
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t before = seed;
        filter filters[FILTERS];
        weiri_argument arguments[FILTERS + 1] = { { "select", "id" } };
        unsigned n = 1 + chance(FILTERS);
        uint64_t expected = 0;
        for (unsigned i = 0; i < n; i++) {
            filters[i] = random_filter();
            arguments[i + 1] = (weiri_argument){ filters[i].name, filters[i].text };
        }
        for (int i = 0; i < ROWS; i++) {
            bool all = true;
            for (unsigned j = 0; j < n; j++)
                all = all && evaluate(&filters[j], &rows[i]) == YES;
            expected |= all ? 1ull << rows[i].id : 0;
        }
        for (int query = 0; query < 2; query++)
            if (ask(views, query, arguments, n + 1) != expected)
                fail_msg("seed %u: %s=%s and %u more, of %s", before, filters[0].name, filters[0].text, n - 1,
                    query ? "the query" : "the table");
    }
    weiri_views_free(views);
    place_fini(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_filters_agree_with_a_model_of_them) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
