/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "base/error.h"

static void
test_problems_are_sorted_by_file_and_line_and_else_stay_in_order(void **state)
{
    static const struct {
        const char *file;
        int line;
    } places[] = { { "b.sql", 9 }, { "a.sql", 2 }, { "", 0 }, { "a.sql", 0 }, { "a.sql", 2 }, { "", 0 }, { "b.sql", 1 }, { "a.sql", 1 } };
    static const char *const wanted[] = { "2", "5", "a.sql: 3", "a.sql:1: 7", "a.sql:2: 1", "a.sql:2: 4", "b.sql:1: 6", "b.sql:9: 0" };
    weiri_problems problems = { 0 };
    char text[64];

    weiri_problems_sort(&problems);
    assert_int_equal(problems.n, 0);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        weiri_problems_add(&problems, places[i].file, places[i].line, "%zu", i);
    weiri_problems_sort(&problems);
    assert_int_equal(problems.n, sizeof places / sizeof *places);
    for (size_t i = 0; i < problems.n; i++) {
        weiri_error_format(&problems.list[i], text, sizeof text);
        assert_string_equal(text, wanted[i]);
    }
    weiri_problems_fini(&problems);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_problems_are_sorted_by_file_and_line_and_else_stay_in_order) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
