/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "command/lane_testing.h"
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

typedef testing_command tc;

static int
set_up(void **state)
{
    static testing_side side;

    testing_side_init(&side);
    testing_side_open(&side);
    *state = &side;
    return 0;
}

static int
tear_down(void **state)
{
    testing_side_fini(*state);
    return 0;
}

static weiri_answer
run(testing_side *side, tc command, testing_answer *answer)
{
    testing_run(side, &command, answer);
    return answer->answer;
}

static void
test_accepted_rejected_and_empty_commands_leave_one_outcome_each(void **state)
{
    testing_side *side = *state;
    testing_answer a;

    weiri_answer answer = run(side, (tc){ .counter = "a", .amount = 5 }, &a);
    assert_int_equal(answer.status, WEIR_OK);
    assert_int_equal(answer.version, 1);
    assert_int_equal(answer.events, 1);
    assert_int_equal(answer.events_offset, 0);
    answer = run(side, (tc){ .counter = "a", .amount = -1 }, &a);
    assert_int_equal(answer.status, WEIR_REJECTED);
    assert_string_equal(answer.code, "bad-amount");
    assert_string_equal(answer.text, "-1 is negative");
    assert_int_equal(answer.version, 1);
    answer = run(side, (tc){ .counter = "a", .amount = 0 }, &a);
    assert_int_equal(answer.status, WEIR_OK);
    assert_int_equal(answer.events, 0);
    assert_true(answer.events_offset == WEIRI_NO_EVENTS);
    assert_int_equal(answer.version, 1);
    assert_int_equal(answer.source, 2);
    assert_int_equal(testing_records(side, WEIRI_TOPIC_COMMANDS), 3);
    assert_int_equal(testing_records(side, WEIRI_TOPIC_EVENTS), 1);
    assert_int_equal(testing_records(side, WEIRI_TOPIC_OUTCOMES), 2);
}

static void
test_another_expected_version_is_a_conflict_and_the_id_may_come_again(void **state)
{
    testing_side *side = *state;
    testing_answer a;

    assert_int_equal(run(side, (tc){ .counter = "a", .amount = 5, .expect = true, .expected_version = 0 }, &a).status, WEIR_OK);
    weiri_answer answer = run(side, (tc){ .counter = "a", .amount = 5, .id = "x", .expect = true, .expected_version = 0 }, &a);
    assert_int_equal(answer.status, WEIR_CONFLICT);
    assert_int_equal(answer.version, 1);
    answer = run(side, (tc){ .counter = "a", .amount = 5, .id = "x", .expect = true, .expected_version = 1 }, &a);
    assert_int_equal(answer.status, WEIR_OK);
    assert_int_equal(answer.version, 2);
    assert_false(answer.repeated);
}

static void
test_an_id_is_decided_once_and_answered_alike(void **state)
{
    testing_side *side = *state;
    testing_answer a;

    weiri_answer first = run(side, (tc){ .counter = "a", .amount = 5, .id = "x" }, &a);
    (void)run(side, (tc){ .counter = "a", .amount = 1 }, &a);
    weiri_answer again = run(side, (tc){ .counter = "a", .amount = 5, .id = "x" }, &a);
    assert_int_equal(again.status, WEIR_OK);
    assert_true(again.repeated && !first.repeated);
    assert_int_equal(again.version, 1);
    assert_int_equal(again.events, 1);
    assert_int_equal(again.source, first.source);
    assert_int_equal(again.events_offset, first.events_offset);
    (void)run(side, (tc){ .counter = "a", .amount = -2, .id = "no" }, &a);
    again = run(side, (tc){ .counter = "a", .amount = -2, .id = "no" }, &a);
    assert_int_equal(again.status, WEIR_REJECTED);
    assert_true(again.repeated);
    assert_string_equal(again.code, "bad-amount");
    assert_string_equal(again.text, "-2 is negative");
    again = run(side, (tc){ .counter = "a", .amount = 6, .id = "x" }, &a);
    assert_int_equal(again.status, WEIR_REJECTED);
    assert_string_equal(again.code, "id-reused");
    assert_int_equal(run(side, (tc){ .counter = "b", .amount = 6, .id = "x" }, &a).status, WEIR_OK);
    assert_int_equal(testing_records(side, WEIRI_TOPIC_EVENTS), 3);
}

static void
test_an_id_used_for_another_type_is_reused_though_the_bytes_are_the_same(void **state)
{
    testing_side *side = *state;
    testing_answer a;

    (void)run(side, (tc){ .counter = "a", .amount = 0, .id = "x" }, &a); /* Add of 0 packs to the key alone, as Reset does */
    weiri_answer again = run(side, (tc){ .counter = "a", .reset = true, .id = "x" }, &a);
    assert_int_equal(again.status, WEIR_REJECTED);
    assert_string_equal(again.code, "id-reused");
}

static void
test_an_id_sent_twice_at_once_is_decided_once(void **state)
{
    testing_side *side = *state;

    for (int i = 0; i < 200; i++) {
        char id[16];
        weir_error err;
        testing_answer a, b;
        (void)snprintf(id, sizeof id, "id%d", i);
        tc command = { .counter = "a", .amount = i % 3 - 1, .id = id };
        testing_answer_init(&a);
        testing_answer_init(&b);
        assert_int_equal(testing_send(side, &command, &a, &err), WEIR_OK);
        assert_int_equal(testing_send(side, &command, &b, &err), WEIR_OK);
        testing_answer_wait(&a);
        testing_answer_wait(&b);
        assert_true(!a.answer.repeated && b.answer.repeated);
        assert_int_equal(a.answer.status, b.answer.status);
        assert_int_equal(a.answer.source, b.answer.source);
        assert_int_equal(a.answer.version, b.answer.version);
        assert_int_equal(a.answer.events, b.answer.events);
        assert_string_equal(a.code, b.code);
        assert_string_equal(a.text, b.text);
    }
}

static void
test_an_outcome_can_be_looked_up_by_its_id(void **state)
{
    testing_side *side = *state;
    testing_answer a;
    weir_error err;
    const uint16_t counter = (uint16_t)weiri_schema_aggregate_find(side->schema, weiri_bytes_of("counter"));
    const struct {
        const char *id;
        weir_status status;
        const char *code;
    } rows[] = { { "yes", WEIR_OK, "" }, { "no", WEIR_REJECTED, "bad-amount" }, { "never", WEIR_NOT_FOUND, "" } };

    (void)run(side, (tc){ .counter = "a", .amount = 1, .id = "yes" }, &a);
    (void)run(side, (tc){ .counter = "a", .amount = -1, .id = "no" }, &a);
    for (size_t i = 0; i < 3; i++) {
        testing_answer_init(&a);
        assert_int_equal(weiri_commands_ask_outcome(
                             side->commands, counter, weiri_bytes_of("a"), weiri_bytes_of(rows[i].id), testing_answered, &a, &err),
            WEIR_OK);
        testing_answer_wait(&a);
        assert_int_equal(a.answer.kind, WEIRI_ANSWER_LOOKUP);
        assert_int_equal(a.answer.status, rows[i].status);
        assert_string_equal(a.code, rows[i].code);
        if (rows[i].status == WEIR_NOT_FOUND)
            assert_null(a.answer.type);
        else
            assert_string_equal(a.answer.type->descriptor->name, "testing.v1.Add");
    }
}

static void
test_a_source_goes_forward_once_and_tells_gaps_and_misuse(void **state)
{
    testing_side *side = *state;
    testing_answer a;
    uint64_t last = 0, fingerprint = 0;
    uint32_t partition;

    weiri_answer answer = run(side, (tc){ .counter = "a", .amount = 1, .source = "f", .sequence = 3, .fingerprint = 9 }, &a);
    partition = answer.partition;
    assert_int_equal(answer.status, WEIR_OK);
    answer = run(side, (tc){ .counter = "a", .amount = -1, .source = "f", .sequence = 5, .previous = 3, .fingerprint = 9 }, &a);
    assert_int_equal(answer.status, WEIR_REJECTED);
    answer = run(side, (tc){ .counter = "a", .amount = -1, .source = "f", .sequence = 5, .previous = 3, .fingerprint = 9 }, &a);
    assert_int_equal(answer.status, WEIR_OK);
    assert_true(answer.repeated && answer.version == 1);
    uint64_t stored = testing_records(side, WEIRI_TOPIC_COMMANDS);
    answer = run(side, (tc){ .counter = "a", .amount = 1, .source = "f", .sequence = 9, .previous = 8, .fingerprint = 9 }, &a);
    assert_int_equal(answer.status, WEIR_CONFLICT);
    assert_string_equal(answer.code, "gap");
    assert_int_equal(answer.last_sequence, 5);
    assert_int_equal(testing_records(side, WEIRI_TOPIC_COMMANDS), stored);
    answer = run(side, (tc){ .counter = "a", .amount = 1, .source = "f", .sequence = 6, .previous = 5, .fingerprint = 8 }, &a);
    assert_int_equal(answer.status, WEIR_REJECTED);
    assert_string_equal(answer.code, "source-reused");
    assert_true(weiri_commands_source(side->commands, partition, weiri_bytes_of("f"), &last, &fingerprint));
    assert_true(last == 5 && fingerprint == 9);
    assert_false(weiri_commands_source(side->commands, partition, weiri_bytes_of("g"), &last, &fingerprint));
}

static void
test_what_is_no_message_is_malformed(void **state)
{
    testing_side *side = *state;
    testing_answer a;
    weir_error err;
    const weiri_submit submit = { .type = weiri_schema_find(side->schema, weiri_bytes_of("testing.v1.Add")),
        .key = weiri_bytes_of("a"),
        .payload = { "\xff\xff\xff", 3 },
        .id = weiri_bytes_of("x"),
        .client_id = true,
        .done = testing_answered,
        .user = &a };

    testing_answer_init(&a);
    assert_int_equal(weiri_commands_submit(side->commands, &submit, &err), WEIR_OK);
    testing_answer_wait(&a);
    assert_int_equal(a.answer.status, WEIR_REJECTED);
    assert_string_equal(a.code, "malformed");
    assert_int_equal(run(side, (tc){ .counter = "a", .amount = 1, .id = "x" }, &a).status, WEIR_OK);
}

static void
test_bad_requests_are_refused_at_the_door(void **state)
{
    testing_side *side = *state;
    testing_answer a;
    weir_error err;
    char long_id[WEIRI_ID_MOST + 2];

    memset(long_id, 'x', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = '\0';
    const tc bad[] = { { .counter = "" }, { .counter = "a\nb" }, { .counter = "a", .id = long_id },
        { .counter = "a", .source = "f", .sequence = 0 }, { .counter = "a", .source = "f", .sequence = 2, .previous = 2 } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(testing_send(side, &bad[i], &a, &err), WEIR_INVALID);
    assert_int_equal(testing_records(side, WEIRI_TOPIC_COMMANDS), 0);
}

static void
test_closing_answers_what_was_taken_and_refuses_the_rest(void **state)
{
    testing_side *side = *state;
    enum { N = 500 };
    static testing_answer answers[N];
    weir_error err;

    for (int i = 0; i < N; i++) {
        testing_answer_init(&answers[i]);
        assert_int_equal(testing_send(side, &(tc){ .counter = "a", .amount = 1 }, &answers[i], &err), WEIR_OK);
    }
    weiri_commands_stop(side->commands);
    assert_int_equal(testing_send(side, &(tc){ .counter = "a", .amount = 1 }, &answers[0], &err), WEIR_CLOSED);
    for (int i = 0; i < N; i++) {
        assert_int_equal(atomic_load(&answers[i].calls), 1);
        assert_int_equal(answers[i].answer.version, i + 1);
    }
}

static void
test_a_full_queue_refuses(void **state)
{
    testing_side *side = *state;
    enum { N = 5000 };
    static testing_answer answers[N];
    weir_error err;
    unsigned busy = 0, taken = 0;
    weiri_lane_metrics metrics;

    testing_side_close(side);
    side->config.queue_items = 4;
    side->partitions = 1;
    testing_remove(side->dir, "log");
    testing_remove(side->dir, "checkpoint");
    testing_side_open(side);
    for (int i = 0; i < N; i++) {
        testing_answer_init(&answers[i]);
        weir_status status = testing_send(side, &(tc){ .counter = "a", .amount = 1 }, &answers[i], &err);
        assert_true(status == WEIR_OK || status == WEIR_BUSY);
        busy += status == WEIR_BUSY;
        taken += status == WEIR_OK;
    }
    uint64_t version;
    tc last = { .counter = "a", .amount = 0, .timeout_ms = -1 };
    testing_answer a;
    testing_run(side, &last, &a);
    assert_int_equal(testing_total(side, "a", &version), taken);
    weiri_commands_metrics(side->commands, 0, &metrics);
    assert_int_equal(metrics.queue_refused, busy);
    assert_true(busy > 0);
}

static weiri_log_ops failing; /* the real log's, but for what a test puts in */
static _Atomic bool failed;

static void
fail_append(weiri_log *log, weiri_append *append)
{
    atomic_store(&failed, true);
    append->done(append, WEIR_IO);
}

static weir_status
failed_state(weiri_log *log, weir_error *err)
{
    return atomic_load(&failed) ? weiri_error_set(err, WEIR_IO, "the disk is gone") : WEIR_OK;
}

static weir_status
low_state(weiri_log *log, weir_error *err)
{
    return weiri_error_set(err, WEIR_BUSY, "the disk is nearly full");
}

static void
test_when_the_log_fails_what_was_staged_is_unknown_and_the_rest_refused(void **state)
{
    testing_side *side = *state;
    testing_answer a, b;
    weir_error err;
    const weiri_log_ops *real = side->log->ops;

    (void)run(side, (tc){ .counter = "a", .amount = 1 }, &a);
    failing = *real;
    failing.append = fail_append;
    failing.state = failed_state;
    atomic_store(&failed, false);
    side->log->ops = &failing;
    weiri_answer answer = run(side, (tc){ .counter = "a", .amount = 1 }, &a);
    assert_int_equal(answer.status, WEIR_TIMEOUT);
    assert_string_equal(a.text, "the log has failed: the disk is gone; whether this command took effect is not known");
    assert_int_equal(testing_send(side, &(tc){ .counter = "a", .amount = 1 }, &a, &err), WEIR_IO);
    /* A question that had come in before the lane knew is answered too; one that comes later is refused. */
    testing_answer_init(&b);
    weir_status status = weiri_commands_ask_state(side->commands, 0, weiri_bytes_of("a"), testing_answered, &b, &err);
    assert_true(status == WEIR_OK || status == WEIR_IO);
    if (status == WEIR_OK) {
        testing_answer_wait(&b);
        assert_int_equal(b.answer.status, WEIR_TIMEOUT);
    }
    weiri_commands_stop(side->commands);
    side->log->ops = real;
    testing_side_close(side);
    testing_side_open(side);
    uint64_t version;
    assert_int_equal(testing_total(side, "a", &version), 1);
}

static void
test_below_the_disk_reserve_commands_are_refused_and_questions_answered(void **state)
{
    testing_side *side = *state;
    testing_answer a;
    weir_error err;
    uint64_t version;
    const weiri_log_ops *real = side->log->ops;

    (void)run(side, (tc){ .counter = "a", .amount = 4 }, &a);
    failing = *real;
    failing.state = low_state;
    side->log->ops = &failing;
    assert_int_equal(testing_send(side, &(tc){ .counter = "a", .amount = 1 }, &a, &err), WEIR_BUSY);
    assert_string_equal(err.text, "the disk is nearly full");
    assert_int_equal(testing_total(side, "a", &version), 4);
    side->log->ops = real;
    assert_int_equal(run(side, (tc){ .counter = "a", .amount = 1 }, &a).status, WEIR_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_accepted_rejected_and_empty_commands_leave_one_outcome_each, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_expected_version_is_a_conflict_and_the_id_may_come_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_id_is_decided_once_and_answered_alike, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_id_used_for_another_type_is_reused_though_the_bytes_are_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_id_sent_twice_at_once_is_decided_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_outcome_can_be_looked_up_by_its_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_source_goes_forward_once_and_tells_gaps_and_misuse, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_message_is_malformed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_requests_are_refused_at_the_door, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closing_answers_what_was_taken_and_refuses_the_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_queue_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_when_the_log_fails_what_was_staged_is_unknown_and_the_rest_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_below_the_disk_reserve_commands_are_refused_and_questions_answered, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
