/* SPDX-License-Identifier: Apache-2.0
 * What a lane knows after it was closed, with and without its checkpoint; and many senders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/memory.h"
#include "command/lane_testing.h"
#include "testing_module.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
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

static void
load_source(testing_side *side, uint64_t from, uint64_t to)
{
    testing_answer a;

    for (uint64_t i = from; i < to; i++) {
        tc command = { .counter = "s", .amount = (int64_t)i % 3 - 1, .source = "file", .sequence = i + 1, .previous = i, .fingerprint = 4 };
        testing_run(side, &command, &a);
        assert_false(a.answer.repeated);
        assert_true(a.answer.status == WEIR_OK || a.answer.status == WEIR_REJECTED);
    }
}

static void
check_knows(testing_side *side, unsigned commands, const char *before)
{
    char *now = testing_knowledge(side, commands);

    assert_string_equal(now, before);
    weiri_release(now);
}

static void
test_a_lane_knows_the_same_after_a_restart_with_and_without_its_checkpoint(void **state)
{
    testing_side *side = *state;
    enum { N = 1500 };

    testing_send_mixed(side, 0, N);
    load_source(side, 0, 60);
    char *before = testing_knowledge(side, N);
    uint64_t events = testing_records(side, WEIRI_TOPIC_EVENTS);
    testing_side_close(side);
    testing_side_open(side);
    assert_int_equal(testing_recovered(side), 0); /* the checkpoint of the stop has it all */
    check_knows(side, N, before);
    testing_side_close(side);
    testing_remove(side->dir, "checkpoint");
    testing_side_open(side);
    assert_int_equal(testing_recovered(side), events);
    check_knows(side, N, before);
    weiri_release(before);
    testing_answer a;
    testing_run(side, &(tc){ .counter = "s", .amount = 1, .source = "file", .sequence = 61, .previous = 60, .fingerprint = 4 }, &a);
    assert_true(a.answer.status == WEIR_OK && !a.answer.repeated);
}

static void
test_a_checkpoint_and_a_tail_give_what_the_whole_log_gives(void **state)
{
    testing_side *side = *state;
    enum { N = 3000 };

    testing_side_close(side);
    side->config.checkpoint_events = 100;
    testing_side_open(side);
    /* Checkpoints run while commands do; then the directory as it was in the middle, under a log that went on. */
    for (unsigned i = 0; i < N / 2; i += 50)
        testing_send_mixed(side, i, i + 50);
    testing_side_close(side);
    testing_copy(side->dir, "checkpoint", "old-checkpoint");
    side->config.checkpoint_events = 1000000;
    testing_side_open(side);
    testing_send_mixed(side, N / 2, N);
    load_source(side, 0, 30);
    side->config.window = 1000; /* unchanged: all but the oldest ids are still known */
    testing_side_close(side);
    testing_copy(side->dir, "old-checkpoint", "checkpoint");
    testing_side_open(side);
    uint64_t tail = testing_recovered(side), all = testing_records(side, WEIRI_TOPIC_EVENTS);
    assert_true(tail > 0 && tail < all);
    char *with = testing_knowledge(side, N);
    testing_side_close(side);
    testing_remove(side->dir, "checkpoint");
    testing_side_open(side);
    assert_int_equal(testing_recovered(side), all);
    check_knows(side, N, with);
    weiri_release(with);
}

static void
found_fault(void *user, const char *words)
{
    fail_msg("%s", words);
}

static void
test_what_lanes_write_is_a_log_without_a_fault(void **state)
{
    testing_side *side = *state;
    weiri_verify_report report;
    weir_error err;

    testing_send_mixed(side, 0, 1000);
    testing_send_mixed(side, 500, 1000);
    load_source(side, 0, 20);
    assert_int_equal(weiri_log_verify(side->log, found_fault, NULL, NULL, &report, &err), WEIR_OK);
    assert_int_equal(report.records[WEIRI_TOPIC_COMMANDS], 1520);
    assert_int_equal(report.damaged, 0);
}

static void
test_an_event_type_that_the_module_does_not_know_is_named(void **state)
{
    testing_side *side = *state;
    weir_error err = { 0 };
    weir_module module = testing_module;
    weir_aggregate counter = *module.aggregates[0];
    weiri_problems problems = { 0 };
    weiri_schema *whole = side->schema, *less;
    testing_answer a;

    testing_run(side, &(tc){ .counter = "a", .amount = 1 }, &a);
    testing_run(side, &(tc){ .counter = "a", .reset = true }, &a);
    testing_side_close(side);
    counter.events[1] = (weir_event_row){ 0 };
    module.aggregates[0] = &counter;
    weiri_schema_new(&module, &less, &problems);
    assert_non_null(less);
    side->schema = less;
    assert_int_equal(testing_side_try_open(side, &err), WEIR_INVALID);
    assert_non_null(strstr(err.text, "this module does not know the event type 'testing.v1.WasReset'"));
    side->schema = whole;
    testing_side_open(side);
    testing_side_close(side);
    weiri_schema_free(less);
}

typedef struct sender {
    testing_side *side;
    unsigned number;
    _Atomic unsigned *answers, *repeats;
    weiri_signal *done;
} sender;
enum { SENDERS = 4, EACH = 5000 };

static void
count_answer(void *user, const weiri_answer *answer)
{
    sender *s = user;

    if (answer->status != WEIR_OK)
        abort();
    if (answer->repeated)
        atomic_fetch_add(s->repeats, 1);
    atomic_fetch_add(s->answers, 1);
    weiri_signal_raise(s->done);
}

static void
send_twice(void *argument)
{
    sender *s = argument;
    const weiri_type *type = weiri_schema_find(s->side->schema, weiri_bytes_of("testing.v1.Add"));
    weir_error err;

    for (unsigned i = 0; i < EACH; i++) {
        char id[32], key[16];
        uint8_t packed[64];
        Testing__V1__Add add = TESTING__V1__ADD__INIT;
        (void)snprintf(id, sizeof id, "%u-%u", s->number, i);
        (void)snprintf(key, sizeof key, "k%u", i % 100);
        add.counter_id = key;
        add.amount = 1;
        const weiri_submit submit = { .type = type,
            .key = weiri_bytes_of(key),
            .payload = { packed, testing__v1__add__pack(&add, packed) },
            .id = weiri_bytes_of(id),
            .client_id = true,
            .timeout_ms = -1,
            .done = count_answer,
            .user = s };
        for (int twice = 0; twice < 2; twice++)
            if (weiri_commands_submit(s->side->commands, &submit, &err) != WEIR_OK)
                abort();
    }
}

static void
test_many_senders_who_repeat_everything_are_decided_once_each(void **state)
{
    testing_side *side = *state;
    _Atomic unsigned answers = 0, repeats = 0;
    weiri_signal done;
    weiri_thread threads[SENDERS] = { 0 };
    sender senders[SENDERS];
    uint64_t version;
    int64_t total = 0;

    testing_side_close(side);
    side->config.window = SENDERS * EACH;
    side->config.checkpoint_events = 1000;
    testing_side_open(side);
    weiri_signal_init(&done);
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (sender){ side, i, &answers, &repeats, &done };
        assert_int_equal(weiri_thread_start(&threads[i], "sender", send_twice, &senders[i]), WEIR_OK);
    }
    for (unsigned i = 0; i < SENDERS; i++)
        weiri_thread_join(&threads[i]);
    for (uint64_t seen = weiri_signal_count(&done); atomic_load(&answers) < 2 * SENDERS * EACH; seen = weiri_signal_count(&done))
        if (atomic_load(&answers) < 2 * SENDERS * EACH)
            (void)weiri_signal_wait(&done, seen, 100);
    assert_int_equal(atomic_load(&answers), 2 * SENDERS * EACH);
    assert_int_equal(atomic_load(&repeats), SENDERS * EACH);
    assert_int_equal(testing_records(side, WEIRI_TOPIC_EVENTS), SENDERS * EACH);
    testing_side_close(side);
    testing_side_open(side);
    for (unsigned i = 0; i < 100; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%u", i);
        total += testing_total(side, key, &version);
        assert_int_equal(version, SENDERS * EACH / 100);
    }
    assert_int_equal(total, SENDERS * EACH);
    weiri_signal_fini(&done);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_lane_knows_the_same_after_a_restart_with_and_without_its_checkpoint, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_checkpoint_and_a_tail_give_what_the_whole_log_gives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_lanes_write_is_a_log_without_a_fault, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_event_type_that_the_module_does_not_know_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_senders_who_repeat_everything_are_decided_once_each, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
