/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "cli/client.h"
#include "cli/output.h"

static const char *
table_of(const char *json, const char *const *columns)
{
    static char result[1024];
    char *text = NULL;
    size_t size;
    json_t *rows = json_loads(json, 0, NULL);
    FILE *to = open_memstream(&text, &size);

    weiri_output_table(to, to, rows, columns);
    (void)fclose(to);
    (void)snprintf(result, sizeof result, "%s", text);
    free(text);
    json_decref(rows);
    return result;
}

static void
test_tables_are_aligned(void **state)
{
    const char *const columns[] = { "n", "name", NULL };

    assert_string_equal(table_of("[{\"name\":\"a\",\"n\":5},{\"name\":\"caf\xc3\xa9\",\"n\":-12},{\"name\":null,\"n\":null}]", NULL),
        "name    n\na       5\ncaf\xc3\xa9  -12\n         \n(3 rows)\n");
    assert_string_equal(table_of("[{\"name\":\"a\",\"n\":5}]", columns), "n  name\n5  a\n(1 row)\n");
    assert_string_equal(table_of("[]", NULL), "(0 rows)\n");
    assert_string_equal(table_of("[{\"a\":1},{\"b\":[1,\"x\"]}]", NULL), "a  b\n1  \n   [1,\"x\"]\n(2 rows)\n");
}

static void
test_nothing_in_the_data_steers_the_terminal(void **state)
{
    weiri_buffer to = { 0 };

    weiri_output_add_safe(&to, weiri_bytes_of("a\x1b[31m\nb\tc\x7f\xc2\x9b"
                                              "d\xc3\xa9"));
    assert_string_equal(weiri_buffer_text(&to), "a\\x1b[31m\\nb\\tc\\x7f\\x9bd\xc3\xa9");
    weiri_buffer_fini(&to);
    assert_null(strchr(table_of("[{\"a\":\"\\u001b[2J\"}]", NULL), '\x1b'));
}

static void
test_what_stands_in_an_address_is_encoded(void **state)
{
    weiri_buffer to = { 0 };

    weiri_client_add_encoded(&to, weiri_bytes_of("aZ9-._~/ &=%+\xc3\xa9"));
    assert_string_equal(weiri_buffer_text(&to), "aZ9-._~%2F%20%26%3D%25%2B%C3%A9");
    weiri_buffer_fini(&to);
}

static int
exits(int http, const char *problem)
{
    json_t *json = json_loads(problem, 0, NULL);
    weir_error err;
    int exit_code = weiri_problem_exit(http, json, &err);

    json_decref(json);
    return exit_code;
}

static void
test_each_answer_has_its_exit_status(void **state)
{
    assert_int_equal(exits(422, "{\"code\":\"out-of-stock\",\"detail\":\"x\"}"), 1);
    assert_int_equal(exits(422, "{\"code\":\"id-reused\"}"), 1);
    assert_int_equal(exits(500, "{\"code\":\"failed\"}"), 1);
    assert_int_equal(exits(500, "{\"code\":\"io\"}"), 4);
    assert_int_equal(exits(400, "{\"code\":\"malformed\"}"), 2);
    assert_int_equal(exits(400, "{}"), 2);
    assert_int_equal(exits(404, "{\"code\":\"not-found\"}"), 2);
    assert_int_equal(exits(405, "{}"), 2);
    assert_int_equal(exits(412, "{\"code\":\"conflict\"}"), 3);
    assert_int_equal(exits(409, "{\"code\":\"gap\"}"), 3);
    assert_int_equal(exits(409, "{\"code\":\"behind\"}"), 5);
    assert_int_equal(exits(429, "{\"code\":\"rate-limit\"}"), 4);
    assert_int_equal(exits(503, "{\"code\":\"not-ready\"}"), 4);
    assert_int_equal(exits(504, "{\"code\":\"unknown\"}"), 5);
    assert_int_equal(exits(502, "{}"), 4);
}

static void
test_words_of_a_request_line_are_cut(void **state)
{
    assert_string_equal(weiri_problem_words("line 12: no such colour"), "no such colour");
    assert_string_equal(weiri_problem_words("line x: y"), "line x: y");
    assert_string_equal(weiri_problem_words("no such line 12: y"), "no such line 12: y");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_are_aligned),
        cmocka_unit_test(test_nothing_in_the_data_steers_the_terminal),
        cmocka_unit_test(test_what_stands_in_an_address_is_encoded),
        cmocka_unit_test(test_each_answer_has_its_exit_status),
        cmocka_unit_test(test_words_of_a_request_line_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
