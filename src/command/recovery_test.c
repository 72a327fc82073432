/* SPDX-License-Identifier: Apache-2.0
 * What a lane knows after it was closed, with and without its checkpoint; what it makes of a checkpoint that doesn't fit. */
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

/* The n-th command of a mixed load: accepted, empty, rejected; with an id, a source or neither. */
static tc
mixed(unsigned n, char counter[16], char id[16])
{
    tc command = { .counter = counter, .amount = (int64_t)(n % 7) - 1, .reset = n % 11 == 0 };

    (void)snprintf(counter, 16, "c%u", n % 37);
    (void)snprintf(id, 16, "id%u", n);
    if (n % 3 == 0)
        command.id = id;
    return command;
}

static void
send_mixed(testing_side *side, unsigned from, unsigned to)
{
    unsigned n = to - from;
    testing_answer *answers = weiri_allocate(n * sizeof *answers);
    weir_error err;

    for (unsigned i = 0; i < n; i++) {
        char counter[16], id[16];
        tc command = mixed(from + i, counter, id);
        testing_answer_init(&answers[i]);
        assert_int_equal(testing_send(side, &command, &answers[i], &err), WEIR_OK);
    }
    for (unsigned i = 0; i < n; i++) {
        testing_answer_wait(&answers[i]);
    }
    weiri_release(answers);
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

/* All that a lane knows, as text: states, answers to repeats, sources. */
static char *
knowledge(testing_side *side, unsigned commands)
{
    weiri_buffer text = { 0 };
    uint64_t version, last = 0, fingerprint = 0;

    for (unsigned i = 0; i < 38; i++) {
        char counter[16];
        (void)snprintf(counter, sizeof counter, i == 37 ? "s" : "c%u", i);
        int64_t total = testing_total(side, counter, &version);
        weiri_buffer_print(&text, "%s=%lld at %llu\n", counter, (long long)total, (unsigned long long)version);
    }
    testing_answer *answers = weiri_allocate(commands * sizeof *answers);
    for (unsigned i = 0; i < commands; i += 3) {
        char counter[16], id[16];
        weir_error err;
        tc command = mixed(i, counter, id);
        testing_answer_init(&answers[i]);
        assert_int_equal(testing_send(side, &command, &answers[i], &err), WEIR_OK);
    }
    for (unsigned i = 0; i < commands; i += 3) {
        testing_answer *a = &answers[i];
        testing_answer_wait(a);
        assert_true(a->answer.repeated);
        weiri_buffer_print(&text, "%u: %d %llu %llu %u %llu %s %s\n", i, (int)a->answer.status, (unsigned long long)a->answer.source,
            (unsigned long long)a->answer.version, a->answer.events, (unsigned long long)a->answer.events_offset, a->code, a->text);
    }
    weiri_release(answers);
    for (uint32_t p = 0; p < 2; p++)
        if (weiri_commands_source(side->commands, p, weiri_bytes_of("file"), &last, &fingerprint))
            weiri_buffer_print(&text, "file %u: %llu %llu\n", p, (unsigned long long)last, (unsigned long long)fingerprint);
    char *copy = weiri_text_copy(weiri_buffer_text(&text));
    weiri_buffer_fini(&text);
    return copy;
}

static uint64_t
recovered(testing_side *side)
{
    weiri_lane_metrics metrics;
    uint64_t n = 0;

    for (uint32_t p = 0; p < 2; p++) {
        weiri_commands_metrics(side->commands, p, &metrics);
        n += metrics.recovered_events;
    }
    return n;
}

static void
check_knows(testing_side *side, unsigned commands, const char *before)
{
    char *now = knowledge(side, commands);

    assert_string_equal(now, before);
    weiri_release(now);
}

static void
test_a_lane_knows_the_same_after_a_restart_with_and_without_its_checkpoint(void **state)
{
    testing_side *side = *state;
    enum { N = 1500 };

    send_mixed(side, 0, N);
    load_source(side, 0, 60);
    char *before = knowledge(side, N);
    uint64_t events = testing_records(side, WEIRI_TOPIC_EVENTS);
    testing_side_close(side);
    testing_side_open(side);
    assert_int_equal(recovered(side), 0); /* the checkpoint of the stop has it all */
    check_knows(side, N, before);
    testing_side_close(side);
    testing_remove(side->dir, "checkpoint");
    testing_side_open(side);
    assert_int_equal(recovered(side), events);
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
        send_mixed(side, i, i + 50);
    testing_side_close(side);
    testing_copy(side->dir, "checkpoint", "old-checkpoint");
    side->config.checkpoint_events = 1000000;
    testing_side_open(side);
    send_mixed(side, N / 2, N);
    load_source(side, 0, 30);
    side->config.window = 1000; /* unchanged: all but the oldest ids are still known */
    testing_side_close(side);
    testing_copy(side->dir, "old-checkpoint", "checkpoint");
    testing_side_open(side);
    uint64_t tail = recovered(side), all = testing_records(side, WEIRI_TOPIC_EVENTS);
    assert_true(tail > 0 && tail < all);
    char *with = knowledge(side, N);
    testing_side_close(side);
    testing_remove(side->dir, "checkpoint");
    testing_side_open(side);
    assert_int_equal(recovered(side), all);
    check_knows(side, N, with);
    weiri_release(with);
}

/* Sends while it waits for nothing, so that states move between the slices of a checkpoint. */
static void
test_a_checkpoint_taken_while_its_states_move_is_right(void **state)
{
    testing_side *side = *state;
    weiri_lane_metrics metrics;
    testing_answer *answers = weiri_allocate(6000 * sizeof *answers);
    weir_error err;

    testing_side_close(side);
    side->config.checkpoint_events = 300;
    side->config.checkpoint_slice = 1; /* one state */
    side->config.window = 3000;
    testing_side_open(side);
    for (unsigned i = 0; i < 6000; i++) {
        char counter[16], id[16];
        tc command = mixed(i, counter, id);
        testing_answer_init(&answers[i]);
        assert_int_equal(testing_send(side, &command, &answers[i], &err), WEIR_OK);
        if (i % 8 == 0)
            testing_answer_wait(&answers[i]);
    }
    for (unsigned i = 0; i < 6000; i++)
        testing_answer_wait(&answers[i]);
    weiri_release(answers);
    weiri_commands_metrics(side->commands, 0, &metrics);
    assert_true(metrics.checkpoints >= 2 && metrics.checkpoint_offset > 0);
    char *before = knowledge(side, 6000 / 20);
    /* As kill -9 leaves it: without the checkpoint of the stop. (Copied while it runs: LMDB's newest root is whole.) */
    testing_copy(side->dir, "checkpoint", "running");
    testing_side_close(side);
    testing_copy(side->dir, "running", "checkpoint");
    testing_side_open(side);
    assert_in_range(recovered(side), 1, testing_records(side, WEIRI_TOPIC_EVENTS) / 3); /* it was not dropped */
    check_knows(side, 6000 / 20, before);
    weiri_release(before);
}

static void
test_a_checkpoint_of_another_log_or_module_or_of_a_longer_log_is_dropped(void **state)
{
    testing_side *side = *state;
    static const char *const cases[] = { "longer log", "other build", "other window", "damaged" };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        send_mixed(side, 0, 300);
        testing_side_close(side);
        testing_copy(side->dir, "log", "old-log");
        testing_side_open(side);
        if (i == 0)
            send_mixed(side, 300, 400);
        testing_side_close(side);
        if (i == 0)
            testing_copy(side->dir, "old-log", "log");
        if (i == 1)
            side->config.build_id = "another";
        if (i == 2)
            side->config.window = 999;
        if (i == 3) {
            char path[300];
            (void)snprintf(path, sizeof path, "%s/checkpoint/data.mdb", side->dir);
            FILE *file = fopen(path, "r+b");
            assert_non_null(file);
            for (long at = 0; at < 8192; at++) { /* both meta pages */
                (void)fseek(file, at, SEEK_SET);
                (void)fputc(0x5a, file);
            }
            (void)fclose(file);
        }
        testing_side_open(side);
        assert_int_equal(recovered(side), testing_records(side, WEIRI_TOPIC_EVENTS));
        char *without = knowledge(side, 300);
        testing_side_close(side);
        testing_side_open(side);
        check_knows(side, 300, without);
        weiri_release(without);
    }
}

static void
add_to_z(testing_side *side, int64_t amount, unsigned times)
{
    testing_answer a;

    for (unsigned i = 0; i < times; i++)
        testing_run(side, &(tc){ .counter = "z", .amount = amount }, &a);
}

static void
test_a_checkpoint_of_another_future_of_the_same_log_is_dropped(void **state)
{
    testing_side *side = *state;
    uint64_t version;

    add_to_z(side, 1, 10);
    testing_side_close(side);
    testing_copy(side->dir, "log", "old-log");
    testing_side_open(side);
    add_to_z(side, 1, 10);
    testing_side_close(side);
    testing_copy(side->dir, "checkpoint", "foreign");
    testing_copy(side->dir, "old-log", "log");
    testing_remove(side->dir, "checkpoint");
    testing_side_open(side);
    add_to_z(side, 2, 12); /* every offset, version and reference as the checkpoint knows them; other amounts */
    testing_side_close(side);
    testing_copy(side->dir, "foreign", "checkpoint");
    testing_side_open(side);
    assert_int_equal(testing_total(side, "z", &version), 10 + 24);
    assert_int_equal(recovered(side), 22);
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
        cmocka_unit_test_setup_teardown(test_a_checkpoint_taken_while_its_states_move_is_right, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_checkpoint_of_another_log_or_module_or_of_a_longer_log_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_checkpoint_of_another_future_of_the_same_log_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_event_type_that_the_module_does_not_know_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_senders_who_repeat_everything_are_decided_once_each, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
