/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/engine_testing.h"

#define LINE(id, rest) "{\"type\":\"Add\",\"id\":\"" id "\",\"data\":" rest "}\n"

/* The n-th line of a reply, from 0; "" if there are fewer. */
static const char *
line(weiri_reply *reply, size_t n)
{
    static char text[2048];
    const char *at = testing_body(reply);

    while (n-- > 0 && *at != '\0')
        at += strcspn(at, "\n") + 1;
    (void)snprintf(text, sizeof text, "%.*s", (int)strcspn(at, "\n"), at);
    return text;
}

static void
expect_line(weiri_reply *reply, size_t n, const char *words)
{
    if (strstr(line(reply, n), words) == NULL)
        fail_msg("line %zu: expected '%s' in: %s", n, words, line(reply, n));
}

static void
test_good_and_bad_lines_are_answered_each_in_order(void **state)
{
    static const struct {
        const char *line, *words, *more;
    } lines[] = {
        { LINE("1", "{\"counterId\":\"a\",\"amount\":1}") "\n",
            "{\"status\":200,\"id\":\"1\",\"aggregate\":\"counter\",\"key\":\"a\",\"version\":1,\"position\":\"",
            "\"events\":[{\"type\":\"testing.v1.Added\",\"version\":1}]}" },
        { "not json\n", "\"status\":400,\"code\":\"invalid\",\"detail\":\"line 2: ", "\"line\":2}" },
        { LINE("3", "{\"counterId\":\"b\",\"amount\":-1}") "  \r\n",
            "\"status\":422,\"code\":\"bad-amount\",\"detail\":\"-1 is negative\",\"id\":\"3\"", "" },
        { "{\"type\":\"Adt\",\"data\":{}}\n", "\"status\":404", "did you mean" },
        { LINE("5", "{\"counterId\":\"a\",\"amuont\":2}"), "did you mean 'amount'?", "line 5: " },
        { LINE("6", "{\"amount\":2}"), "counter_id: the key of", "" },
        { "{\"type\":\"Add\",\"id\":\"7\",\"expectedVersion\":7,\"data\":{\"counterId\":\"a\",\"amount\":1}}\n", "\"status\":412", "" },
        { LINE("1", "{\"counterId\":\"a\",\"amount\":1}"), "\"repeated\":true", "\"version\":1," },
        { "[1]\n", "expected a JSON object", "" },
        { "{\"type\":\"Add\",\"ide\":\"x\",\"data\":{}}\n", "no member 'ide'; did you mean 'id'?", "" },
        { "{\"type\":\"Add\"}\n", "data: expected an object with the fields of testing.v1.Add", "" },
        { "{\"data\":{}}\n", "type: expected the name of a command", "" },
        { "{\"type\":\"Add\",\"data\":{\"counterId\":\"c\",\"amount\":0}}", "\"status\":200", "" },
    };
    weiri_buffer body = { 0 };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        weiri_buffer_add_text(&body, lines[i].line);
    weiri_reply r = testing_batch(*state, weiri_buffer_text(&body), false);
    assert_int_equal(r.http, 200);
    assert_string_equal(r.content_type, "application/x-ndjson");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        expect_line(&r, i, lines[i].words);
        expect_line(&r, i, lines[i].more);
    }
    assert_string_equal(line(&r, sizeof lines / sizeof *lines), "");
    weiri_reply_fini(&r);
    weiri_buffer_fini(&body);
}

static void
test_an_array_is_a_batch_too(void **state)
{
    weiri_reply r = testing_batch(*state,
        "[{\"type\":\"Add\",\"data\":{\"counterId\":\"a\",\"amount\":1}},\n 7, {\"type\":\"Reset\",\"data\":{\"counterId\":\"a\"}}]", true);

    expect_line(&r, 0, "\"status\":200");
    expect_line(&r, 1, "line 2: expected a JSON object");
    expect_line(&r, 2, "testing.v1.WasReset");
    weiri_reply_fini(&r);
}

static void
test_a_batch_that_is_none_is_refused_as_a_whole(void **state)
{
    testing_expect(testing_batch(*state, "", false), 400, "the batch is empty");
    testing_expect(testing_batch(*state, "\n \n", false), 400, "the batch is empty");
    testing_expect(testing_batch(*state, "[]", true), 400, "the batch is empty");
    testing_expect(testing_batch(*state, "{}", true), 400, "expected a JSON array");
    testing_expect(testing_batch(*state, "[1,", true), 400, "line 1");
    weiri_buffer body = { 0 };
    for (int i = 0; i <= WEIRI_BATCH_MOST; i++)
        weiri_buffer_add_text(&body, LINE("1", "{\"counterId\":\"a\",\"amount\":1}"));
    testing_expect(testing_batch(*state, weiri_buffer_text(&body), false), 400, "a batch has at most 10000 commands");
    weiri_buffer_clear(&body);
    memset(weiri_buffer_extend(&body, WEIRI_BATCH_BYTES_MOST + 1), ' ', WEIRI_BATCH_BYTES_MOST + 1);
    testing_expect(testing_batch(*state, weiri_buffer_text(&body), false), 400, "a batch has at most 8 MB");
    weiri_buffer_fini(&body);
    testing_expect(testing_state(*state, "counter", "a", 0), 404, "it has no events");
}

static void
test_bulk_members_are_checked(void **state)
{
    static const struct {
        const char *line, *words;
    } lines[] = {
        { "{\"type\":\"Add\",\"sequence\":1,\"data\":{\"counterId\":\"a\"}}", "\\\"source\\\" is missing" },
        { "{\"type\":\"Add\",\"source\":\"f\",\"data\":{\"counterId\":\"a\"}}", "sequence: expected a number from 1 on" },
        { "{\"type\":\"Add\",\"source\":\"f\",\"sequence\":2,\"previous\":2,\"data\":{\"counterId\":\"a\"}}", "previous: must be less" },
        { "{\"type\":\"Add\",\"source\":\"f\",\"sequence\":2,\"id\":\"x\",\"data\":{\"counterId\":\"a\"}}", "either an id, or source" },
        { "{\"type\":\"Add\",\"source\":\"\",\"sequence\":2,\"data\":{\"counterId\":\"a\"}}", "source must be 1-128 bytes" },
        { "{\"type\":\"Add\",\"source\":\"f\",\"sequence\":-2,\"data\":{\"counterId\":\"a\"}}", "sequence: expected a whole number" },
        { "{\"type\":\"Add\",\"id\":7,\"data\":{\"counterId\":\"a\"}}", "id: expected a string" },
    };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        weiri_reply r = testing_batch(*state, lines[i].line, false);
        expect_line(&r, 0, "\"status\":400");
        expect_line(&r, 0, lines[i].words);
        weiri_reply_fini(&r);
    }
}

#define BULK(sequence, previous, amount) \
    "{\"type\":\"Add\",\"source\":\"f.csv\",\"sequence\":" sequence ",\"previous\":" previous ",\"fingerprint\":77," \
    "\"data\":{\"counterId\":\"a\",\"amount\":" amount "}}\n"

static void
test_a_source_is_applied_once_without_gaps(void **state)
{
    weiri_reply source = { 0 };
    weiri_service *service = (*(testing_engine **)state)->service;

    weiri_service_source(service, "f.csv", &source);
    testing_expect(source, 404, "nothing has come from a source 'f.csv' yet");
    weiri_reply r = testing_batch(*state, BULK("2", "0", "1") BULK("3", "2", "1") BULK("9", "7", "1") BULK("2", "0", "1"), false);
    expect_line(&r, 0, "\"status\":200,\"id\":\"f.csv/2\"");
    expect_line(&r, 1, "\"status\":200,\"id\":\"f.csv/3\"");
    expect_line(&r, 2, "\"status\":409,\"code\":\"gap\"");
    expect_line(&r, 2, "\"lastSequence\":3");
    expect_line(&r, 3, "\"repeated\":true");
    weiri_reply_fini(&r);
    source = (weiri_reply){ 0 };
    weiri_service_source(service, "f.csv", &source);
    assert_non_null(strstr(testing_body(&source), "{\"source\":\"f.csv\",\"fingerprint\":77,\"partitions\":[{\"partition\":"));
    testing_expect(source, 200, ",\"sequence\":3}]}");
    r = testing_batch(*state,
        "{\"type\":\"Add\",\"source\":\"f.csv\",\"sequence\":4,\"previous\":3,\"fingerprint\":\"78\",\"data\":{\"counterId\":\"a\","
        "\"amount\":1}}",
        false);
    expect_line(&r, 0, "\"status\":422,\"code\":\"source-reused\"");
    weiri_reply_fini(&r);
    testing_expect(testing_state(*state, "counter", "a", 0), 200, "\"total\":\"2\"");
}

static void
test_ten_thousand_lines_come_back_in_order(void **state)
{
    weiri_buffer body = { 0 };

    for (int i = 0; i < WEIRI_BATCH_MOST; i++)
        weiri_buffer_print(&body, "{\"type\":\"Add\",\"id\":\"n%d\",\"data\":{\"counterId\":\"c%d\",\"amount\":1}}\n", i, i % 100);
    weiri_reply r = testing_batch(*state, weiri_buffer_text(&body), false);
    const char *at = testing_body(&r);
    for (int i = 0; i < WEIRI_BATCH_MOST; i++) {
        char start[200];
        int n = snprintf(start, sizeof start, "{\"status\":200,\"id\":\"n%d\",\"aggregate\":\"counter\",\"key\":\"c%d\",\"version\":%d,", i,
            i % 100, i / 100 + 1);
        if (strncmp(at, start, (size_t)n) != 0)
            fail_msg("line %d: %.200s", i, at);
        at += strcspn(at, "\n") + 1;
    }
    assert_int_equal(*at, '\0');
    weiri_reply_fini(&r);
    /* Many events of one aggregate lie in one batch of the log now: walking back goes back in it, too. */
    testing_expect(testing_state(*state, "counter", "c7", 50), 200, "\"state\":{\"total\":\"50\",\"adds\":\"50\"");
    testing_expect(testing_history(*state, (weiri_history_call){ .aggregate = "counter", .key = "c7", .limit = 1, .after = 3 }), 200,
        "\"version\":2,");
    weiri_buffer_fini(&body);
}

#define T(name) cmocka_unit_test_setup_teardown(name, testing_engine_setup, testing_engine_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_good_and_bad_lines_are_answered_each_in_order),
        T(test_an_array_is_a_batch_too),
        T(test_a_batch_that_is_none_is_refused_as_a_whole),
        T(test_bulk_members_are_checked),
        T(test_a_source_is_applied_once_without_gaps),
        T(test_ten_thousand_lines_come_back_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
