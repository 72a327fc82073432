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

#define ADD "testing.v1.Add"

/* ---- what is wrong with a request ------------------------------------------------------------------------ */

static void
test_an_unknown_command_is_told_with_the_nearest(void **state)
{
    testing_expect(testing_send(*state, "testing.v1.Ad", "{}", NULL), 404, "did you mean 'testing.v1.Add'?");
    testing_expect(testing_send(*state, "Ressett", "{}", NULL), 404, "\"code\":\"not-found\"");
    testing_expect(testing_send(*state, "testing.v1.Added", "{}", NULL), 404, "testing.v1.Added");
}

static void
test_a_body_that_is_wrong_is_told_by_field(void **state)
{
    static const struct {
        const char *body, *words;
    } bodies[] = {
        { "", "\"code\":\"invalid\"" },
        { "{\"counterId\":", "line 1" },
        { "[]", "\"status\":400" },
        { "{\"counterId\":\"a\",\"amuont\":1}", "did you mean 'amount'?" },
        { "{\"counterId\":\"a\",\"amount\":\"lots\"}", "amount" },
        { "{\"counterId\":\"a\",\"amount\":9223372036854775808}", "amount" },
        { "{\"counterId\":\"a\",\"note\":\"\xff\"}", "\"status\":400" },
        { "{\"amount\":1}", "counter_id: the key of testing.v1.Add must be 1-255 bytes of UTF-8 without control characters" },
        { "{\"counterId\":\"\",\"amount\":1}", "counter_id: the key of testing.v1.Add must be" },
        { "{\"counterId\":\"a\\nb\",\"amount\":1}", "counter_id: the key of testing.v1.Add must be" },
    };

    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        testing_expect(testing_send(*state, ADD, bodies[i].body, NULL), 400, bodies[i].words);
}

static void
test_a_key_or_message_that_is_too_long_is_refused(void **state)
{
    size_t size = 1000000;
    char *body = malloc(size + 100), key[400];

    memset(key, 'k', sizeof key);
    (void)snprintf(body, size, "{\"counterId\":\"%.256s\"}", key);
    testing_expect(testing_send(*state, ADD, body, NULL), 400, "must be 1-255 bytes");
    int n = snprintf(body, size, "{\"counterId\":\"a\",\"note\":\"");
    memset(body + n, 'x', size - (size_t)n);
    memcpy(body + size, "\"}", 3);
    testing_expect(testing_send(*state, ADD, body, NULL), 400, "a message has at most 921600");
    free(body);
}

static void
test_an_id_that_is_wrong_is_refused(void **state)
{
    char id[200];

    memset(id, 'i', sizeof id);
    id[129] = '\0';
    testing_expect(testing_send(*state, ADD, "{\"counterId\":\"a\",\"amount\":1}", id), 400, "Idempotency-Key");
    testing_expect(testing_send(*state, ADD, "{\"counterId\":\"a\",\"amount\":1}", ""), 400, "1-128 bytes");
    id[128] = '\0';
    testing_expect(testing_send(*state, ADD, "{\"counterId\":\"a\",\"amount\":1}", id), 200, id);
}

static void
test_protobuf_that_is_none_or_not_text_is_refused(void **state)
{
    weiri_command_call call = { .type = ADD, .form = WEIRI_BODY_PROTOBUF };

    call.body = weiri_bytes_of("\x0a\x05zz");
    testing_expect(testing_call(*state, call), 400, "the bytes are no testing.v1.Add in Protobuf");
    call.body = weiri_bytes_of("\x0a\x01"
                               "a\x1a\x02\xff\xfe");
    testing_expect(testing_call(*state, call), 400, "note: a string of testing.v1.Add that is not UTF-8");
}

static void
test_a_form_that_is_wrong_is_refused(void **state)
{
    weiri_command_call call = { .type = ADD, .form = WEIRI_BODY_FORM };

    call.body = weiri_bytes_of("counter_id=a&amount=%4");
    testing_expect(testing_call(*state, call), 400, "hexadecimal");
    call.body = weiri_bytes_of("counter_id=a&amount=%00");
    testing_expect(testing_call(*state, call), 400, "NUL");
    call.body = weiri_bytes_of("counter_id=a&amuont=1");
    testing_expect(testing_call(*state, call), 400, "amount");
    call.body = weiri_bytes_of("counter_id=a&amount=1&amount=2");
    testing_expect(testing_call(*state, call), 400, "amount");
    call.body = weiri_bytes_of("amount=1");
    testing_expect(testing_call(*state, call), 400, "counter_id: the key of");
}

/* ---- outcomes --------------------------------------------------------------------------------------------- */

static void
test_the_domains_no_is_a_422_with_its_code(void **state)
{
    weiri_reply reply = testing_send(*state, ADD, "{\"counterId\":\"a\",\"amount\":-1}", "no");

    assert_string_equal(reply.content_type, "application/problem+json");
    assert_false(reply.has_version);
    assert_string_equal(reply.position, "");
    assert_string_equal(testing_body(&reply),
        "{\"type\":\"urn:weir:problem:bad-amount\",\"title\":\"The command was rejected\",\"status\":422,\"code\":\"bad-amount\","
        "\"detail\":\"-1 is negative\",\"id\":\"no\",\"aggregate\":\"counter\",\"key\":\"a\",\"version\":0}");
    weiri_reply_fini(&reply);
}

static void
test_an_accepted_command_tells_its_events(void **state)
{
    weiri_reply reply = testing_send(*state, ADD, "{\"counterId\":\"a\",\"amount\":\"3\"}", "one");

    assert_int_equal(reply.http, 200);
    assert_true(reply.has_version);
    assert_int_equal(reply.version, 1);
    assert_true(strchr(reply.position, ':') == reply.position + 16);
    assert_string_equal(testing_body(&reply), "{\"id\":\"one\",\"aggregate\":\"counter\",\"key\":\"a\",\"version\":1,\"events\":"
                                              "[{\"type\":\"testing.v1.Added\",\"version\":1}]}");
    weiri_reply_fini(&reply);
    testing_expect(testing_send(*state, ADD, "{\"counterId\":\"a\",\"amount\":0}", "nothing"), 200, "\"version\":1,\"events\":[]}");
}

static void
test_representation_shows_the_events_data(void **state)
{
    weiri_command_call call = {
        .type = "Add", .body = weiri_bytes_of("{\"counterId\":\"a\",\"amount\":3,\"note\":\"n\"}"), .representation = true
    };

    testing_expect(testing_call(*state, call), 200, "\"data\":{\"counterId\":\"a\",\"amount\":\"3\",\"note\":\"n\"}}]}");
}

static void
test_a_repeat_gets_the_same_answer(void **state)
{
    weiri_reply first = testing_send(*state, ADD, "{\"counterId\":\"a\",\"amount\":3}", "one"), again;
    weiri_reply no = testing_send(*state, ADD, "{\"counterId\":\"a\",\"amount\":-3}", "two");

    testing_expect(testing_send(*state, ADD, "{\"counterId\":\"a\",\"amount\":4}", NULL), 200, "\"version\":2");
    again = testing_send(*state, ADD, "{ \"amount\" : \"3\", \"counter_id\" : \"a\" }", "one");
    assert_string_equal(testing_body(&first), testing_body(&again));
    assert_string_equal(first.position, again.position);
    assert_int_equal(again.version, 1);
    weiri_reply_fini(&again);
    again = testing_send(*state, ADD, "{\"counterId\":\"a\",\"amount\":-3}", "two");
    assert_string_equal(testing_body(&no), testing_body(&again));
    weiri_reply_fini(&again);
    testing_expect(testing_send(*state, ADD, "{\"counterId\":\"a\",\"amount\":5}", "one"), 422, "\"code\":\"id-reused\"");
    testing_engine_close(*state);
    testing_engine_open(*state, "");
    again = testing_send(*state, ADD, "{\"counterId\":\"a\",\"amount\":3}", "one");
    assert_string_equal(testing_body(&first), testing_body(&again));
    weiri_reply_fini(&again);
    weiri_reply_fini(&first);
    weiri_reply_fini(&no);
    testing_expect(testing_state(*state, "counter", "a", 0), 200, "\"total\":\"7\"");
}

static void
test_without_an_id_weir_makes_one(void **state)
{
    weiri_reply reply = testing_send(*state, ADD, "{\"counterId\":\"a\",\"amount\":3}", NULL);
    const char *id = strstr(testing_body(&reply), "\"id\":\"");

    assert_non_null(id);
    assert_int_equal(id[6 + 14], '7'); /* a UUIDv7 */
    weiri_reply_fini(&reply);
}

static void
test_another_version_is_a_conflict(void **state)
{
    weiri_command_call call = { .type = ADD, .body = weiri_bytes_of("{\"counterId\":\"a\",\"amount\":3}"), .expect = true };

    testing_expect(testing_call(*state, call), 200, "\"version\":1");
    weiri_reply reply = testing_call(*state, call);
    assert_true(reply.has_version);
    assert_int_equal(reply.version, 1);
    testing_expect(reply, 412, "\"version\":1}");
    call.expected_version = 1;
    testing_expect(testing_call(*state, call), 200, "\"version\":2");
}

static void
test_forms_and_protobuf_are_commands_too(void **state)
{
    weiri_command_call call = { .type = "Add", .form = WEIRI_BODY_FORM };

    call.body = weiri_bytes_of("counter_id=a%2Bb+c&amount=3&&note=x%3Dy&");
    testing_expect(testing_call(*state, call), 200, "\"key\":\"a+b c\"");
    testing_expect(testing_state(*state, "counter", "a+b c", 0), 200, "\"lastNote\":\"x=y\"");
    call.form = WEIRI_BODY_PROTOBUF;
    call.body = weiri_bytes_of("\x0a\x01"
                               "p\x10\x07");
    testing_expect(testing_call(*state, call), 200, "\"key\":\"p\"");
    testing_expect(testing_state(*state, "counter", "p", 0), 200, "\"total\":\"7\"");
}

static void
test_an_outcome_can_be_looked_up(void **state)
{
    weiri_reply sent = testing_send(*state, ADD, "{\"counterId\":\"a\",\"amount\":3}", "one"), found;

    testing_expect(testing_send(*state, ADD, "{\"counterId\":\"a\",\"amount\":-3}", "two"), 422, "bad-amount");
    found = testing_outcome(*state, "counter", "a", "one");
    assert_string_equal(testing_body(&sent), testing_body(&found));
    weiri_reply_fini(&sent);
    weiri_reply_fini(&found);
    testing_expect(testing_outcome(*state, "counter", "a", "two"), 422, "-3 is negative");
    testing_expect(testing_outcome(*state, "counter", "b", "one"), 404, "no outcome of command 'one' on counter/b is remembered");
    testing_expect(testing_outcome(*state, "cuonter", "a", "one"), 404, "there is no aggregate 'cuonter'; did you mean 'counter'?");
}

static void
test_respond_async_says_where_the_outcome_will_be(void **state)
{
    weiri_command_call call = {
        .type = ADD, .body = weiri_bytes_of("{\"counterId\":\"a/b\",\"amount\":3}"), .id = "i d", .respond_async = true
    };
    weiri_reply reply = testing_call(*state, call);

    assert_string_equal(weiri_buffer_text(&reply.location), "/aggregates/counter/a%2Fb/commands/i%20d");
    testing_expect(reply, 202, "{\"id\":\"i d\"}");
    testing_expect(testing_outcome(*state, "counter", "a/b", "i d"), 200, "\"version\":1");
    call.id = NULL;
    reply = testing_call(*state, call);
    char *id = strrchr(weiri_buffer_text(&reply.location), '/') + 1;
    testing_expect(testing_outcome(*state, "counter", "a/b", id), 200, "\"version\":2");
    testing_expect(reply, 202, "{\"id\":\"");
    call.expect = true; /* a conflict is not kept, so it is told at once */
    testing_expect(testing_call(*state, call), 412, "conflict");
}

static void
test_a_traceparent_goes_in_and_comes_out(void **state)
{
    weiri_command_call call = { .type = ADD,
        .body = weiri_bytes_of("{\"counterId\":\"a\",\"amount\":3}"),
        .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" };
    weiri_reply reply = testing_call(*state, call);

    assert_string_equal(reply.traceparent, call.traceparent);
    weiri_reply_fini(&reply);
    call.traceparent = "00-no";
    reply = testing_call(*state, call);
    assert_string_equal(reply.traceparent, "");
    weiri_reply_fini(&reply);
}

static void
ignore(void *user, const weir_outcome *outcome)
{
}

/* A millisecond is too short for whoever queues behind ten thousand others, on any machine sooner or later. */
static void
test_what_is_not_answered_in_time_is_unknown_and_the_late_answer_is_dropped(void **state)
{
    testing_engine *engine = *state;
    weiri_command_call call = { .type = ADD, .body = weiri_bytes_of("{\"counterId\":\"a\",\"amount\":1}"), .id = "late", .timeout_ms = 1 };
    Testing__V1__Add add = TESTING__V1__ADD__INIT;
    weir_error err;
    bool seen = false;

    add.counter_id = (char *)"a";
    for (int i = 0; i < 100 && !seen; i++) {
        for (int k = 0; k < 10000; k++)
            assert_int_equal(weir_submit(engine->service, &add.base, NULL, ignore, NULL, &err), WEIR_OK);
        weiri_reply reply = testing_call(engine, call);
        seen = reply.http == 504;
        if (seen)
            assert_non_null(strstr(testing_body(&reply), "\"code\":\"unknown\""));
        weiri_reply_fini(&reply);
    }
    assert_true(seen);
    assert_int_equal(weir_settle(engine->service, false, 60000), WEIR_OK);
    testing_expect(testing_send(engine, ADD, "{\"counterId\":\"a\",\"amount\":1}", "late"), 200, "\"version\":1");
}

static void
test_a_closing_engine_takes_nothing_more(void **state)
{
    testing_engine *engine = *state;

    weiri_service_refuse(engine->service);
    weiri_reply reply = testing_send(engine, ADD, "{\"counterId\":\"a\",\"amount\":1}", NULL);
    assert_int_equal(reply.retry_after_s, 1);
    testing_expect(reply, 503, "\"code\":\"closing\"");
    testing_expect(testing_batch(engine, "{\"type\":\"Add\",\"data\":{\"counterId\":\"a\"}}\n", false), 200, "\"code\":\"closing\"");
}

#define T(name) cmocka_unit_test_setup_teardown(name, testing_engine_setup, testing_engine_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_an_unknown_command_is_told_with_the_nearest),
        T(test_a_body_that_is_wrong_is_told_by_field),
        T(test_a_key_or_message_that_is_too_long_is_refused),
        T(test_an_id_that_is_wrong_is_refused),
        T(test_protobuf_that_is_none_or_not_text_is_refused),
        T(test_a_form_that_is_wrong_is_refused),
        T(test_the_domains_no_is_a_422_with_its_code),
        T(test_an_accepted_command_tells_its_events),
        T(test_representation_shows_the_events_data),
        T(test_a_repeat_gets_the_same_answer),
        T(test_without_an_id_weir_makes_one),
        T(test_another_version_is_a_conflict),
        T(test_forms_and_protobuf_are_commands_too),
        T(test_an_outcome_can_be_looked_up),
        T(test_respond_async_says_where_the_outcome_will_be),
        T(test_a_traceparent_goes_in_and_comes_out),
        T(test_what_is_not_answered_in_time_is_unknown_and_the_late_answer_is_dropped),
        T(test_a_closing_engine_takes_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
