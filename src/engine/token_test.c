/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "engine/reply.h"

#define LOG UINT64_C(0x0123456789abcdef)
static const uint64_t ends[4] = { 10, 1, 0, UINT64_MAX };

static void
refused(const char *token, const char *code, const char *words)
{
    uint64_t sources[4] = { 7, 7, 7, 7 };
    const char *why = NULL;
    weir_error err;

    assert_int_equal(weiri_token_parse(token, LOG, ends, 4, sources, &why, &err), WEIR_INVALID);
    assert_string_equal(why, code);
    if (strstr(err.text, words) == NULL)
        fail_msg("expected '%s' in '%s'", words, err.text);
    assert_int_equal(sources[0], 7);
    assert_int_equal(weiri_answer_row_of(WEIR_INVALID, why)->http, 400);
}

static void
test_what_is_no_token_is_refused(void **state)
{
    static const char *const bad[] = { "", "0123456789abcdef", "0123456789abcde:0=1", "0123456789abcdefa:0=1", "0123456789abcdef:0",
        "0123456789abcdef:0=", "0123456789abcdef:=1", "0123456789abcdef:0=1,", "0123456789abcdef:0=1;1=0", "0123456789abcdef:0=-1",
        "0123456789abcdef:0= 1", "0123456789abcdef:0=1 ", "0123456789abcdef:0=99999999999999999999", "zz23456789abcdef:0=1" };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(bad[i], "invalid", "position '");
}

static void
test_another_logs_token_is_foreign(void **state)
{
    refused("0123456789abcdee:0=1", "foreign-token", "is of log 0123456789abcdee, and this is log 0123456789abcdef");
    refused("0123456789abcdef:4=1", "foreign-token", "there is no partition 4, this log has 4");
}

static void
test_a_position_that_the_log_has_not_reached_is_future(void **state)
{
    refused("0123456789abcdef:0=10", "future-token", "is ahead of this log");
    refused("0123456789abcdef:2=0", "future-token", "is ahead of this log");
}

static void
test_tokens_are_read_and_merged(void **state)
{
    uint64_t sources[4];
    const char *why;
    weir_error err;
    char text[200];

    assert_int_equal(weiri_token_parse("0123456789ABCDEF:0=9,1=0", LOG, ends, 4, sources, &why, &err), WEIR_OK);
    assert_true(sources[0] == 10 && sources[1] == 1 && sources[2] == 0 && sources[3] == 0);
    weiri_token_format(LOG, sources, 4, text, sizeof text);
    assert_string_equal(text, "0123456789abcdef:0=9,1=0");
    assert_int_equal(weiri_token_parse("0123456789abcdef:0=3,0=5,0=4", LOG, ends, 4, sources, &why, &err), WEIR_OK);
    assert_int_equal(sources[0], 6);
    assert_int_equal(weiri_token_parse("0123456789abcdef:", LOG, ends, 4, sources, &why, &err), WEIR_OK);
    assert_true(sources[0] == 0 && sources[1] == 0);
    weiri_token_format(LOG, sources, 4, text, sizeof text);
    assert_string_equal(text, "0123456789abcdef:");
}

static void
test_the_longest_token_fits_a_reply(void **state)
{
    uint64_t sources[64];
    weiri_reply reply = { 0 };

    for (int i = 0; i < 64; i++)
        sources[i] = UINT64_MAX;
    weiri_token_format(LOG, sources, 64, reply.position, sizeof reply.position);
    assert_non_null(strstr(reply.position, ",63=18446744073709551614"));
}

/* DESIGN's table, word for word: code, status, HTTP, exit. */
static void
test_the_table_of_answers_is_as_it_is_documented(void **state)
{
    static const struct {
        weir_status status;
        const char *code;
        int http, exit;
        weir_status shown;
    } table[] = {
        { WEIR_REJECTED, "out-of-stock", 422, 1, WEIR_REJECTED },
        { WEIR_REJECTED, "conflict", 422, 1, WEIR_REJECTED },
        { WEIR_CONFLICT, "", 412, 3, WEIR_CONFLICT },
        { WEIR_REJECTED, "id-reused", 422, 1, WEIR_REJECTED },
        { WEIR_REJECTED, "source-reused", 422, 1, WEIR_REJECTED },
        { WEIR_REJECTED, "wrong-partition", 422, 1, WEIR_REJECTED },
        { WEIR_REJECTED, "key-quarantined", 422, 1, WEIR_REJECTED },
        { WEIR_REJECTED, "malformed", 400, 2, WEIR_INVALID },
        { WEIR_INVALID, "", 400, 2, WEIR_INVALID },
        { WEIR_NOT_FOUND, "", 404, 2, WEIR_NOT_FOUND },
        { WEIR_REJECTED, "gap", 409, 3, WEIR_CONFLICT },
        { WEIR_CONFLICT, "gap", 409, 3, WEIR_CONFLICT },
        { WEIR_BEHIND, "", 409, 5, WEIR_BEHIND },
        { WEIR_INVALID, "foreign-token", 400, 2, WEIR_INVALID },
        { WEIR_INVALID, "future-token", 400, 2, WEIR_INVALID },
        { WEIR_BUSY, "", 503, 4, WEIR_BUSY },
        { WEIR_BUSY, "not-ready", 503, 4, WEIR_BUSY },
        { WEIR_IO, "log-failed", 503, 4, WEIR_IO },
        { WEIR_BUSY, "quarantine-full", 503, 4, WEIR_BUSY },
        { WEIR_BUSY, "rate-limit", 429, 4, WEIR_BUSY },
        { WEIR_CLOSED, "", 503, 4, WEIR_CLOSED },
        { WEIR_TIMEOUT, "unknown", 504, 5, WEIR_TIMEOUT },
        { WEIR_OK, "", 200, 0, WEIR_OK },
        { WEIR_OK, "gap", 200, 0, WEIR_OK },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const weiri_answer_row *row = weiri_answer_row_of(table[i].status, table[i].code);
        assert_int_equal(row->http, table[i].http);
        assert_int_equal(row->exit, table[i].exit);
        assert_int_equal(row->status, table[i].shown);
        assert_true(row->title[0] != '\0');
    }
    for (weir_status s = WEIR_OK; s <= WEIR_NO_MEMORY; s++)
        assert_int_equal(weiri_answer_row_of(s, "")->status, s);
}

static void
test_a_problem_escapes_what_it_is_given(void **state)
{
    weiri_reply reply = { 0 };

    weiri_reply_problem(&reply, WEIR_REJECTED, "no \"way\"/1", "a \"quote\"\nand more");
    assert_string_equal(weiri_buffer_text(&reply.body),
        "{\"type\":\"urn:weir:problem:no%20%22way%22%2F1\",\"title\":\"The command was rejected\",\"status\":422,"
        "\"code\":\"no \\\"way\\\"/1\",\"detail\":\"a \\\"quote\\\"\\nand more\"}");
    assert_string_equal(reply.content_type, "application/problem+json");
    assert_int_equal(reply.retry_after_s, 0);
    weiri_reply_problem(&reply, WEIR_BUSY, "", "full");
    assert_int_equal(reply.retry_after_s, 1);
    weiri_reply_fini(&reply);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_token_is_refused),
        cmocka_unit_test(test_another_logs_token_is_foreign),
        cmocka_unit_test(test_a_position_that_the_log_has_not_reached_is_future),
        cmocka_unit_test(test_tokens_are_read_and_merged),
        cmocka_unit_test(test_the_longest_token_fits_a_reply),
        cmocka_unit_test(test_the_table_of_answers_is_as_it_is_documented),
        cmocka_unit_test(test_a_problem_escapes_what_it_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
