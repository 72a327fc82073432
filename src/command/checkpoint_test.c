/* SPDX-License-Identifier: Apache-2.0
 * What a checkpoint taken under load is worth, and what is made of one that doesn't fit or can't be written. */
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
check_knows(testing_side *side, unsigned commands, const char *before)
{
    char *now = testing_knowledge(side, commands);

    assert_string_equal(now, before);
    weiri_release(now);
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
        tc command = testing_mixed(i, counter, id);
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
    char *before = testing_knowledge(side, 6000 / 20);
    /* As kill -9 leaves it: without the checkpoint of the stop. (Copied while it runs: LMDB's newest root is whole.) */
    testing_copy(side->dir, "checkpoint", "running");
    testing_side_close(side);
    testing_copy(side->dir, "running", "checkpoint");
    testing_side_open(side);
    assert_in_range(testing_recovered(side), 1, testing_records(side, WEIRI_TOPIC_EVENTS) / 3); /* it was not dropped */
    check_knows(side, 6000 / 20, before);
    weiri_release(before);
}

static void
test_a_checkpoint_of_another_log_or_module_or_of_a_longer_log_is_dropped(void **state)
{
    testing_side *side = *state;
    static const char *const cases[] = { "longer log", "other build", "other window", "damaged" };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        testing_send_mixed(side, 0, 300);
        testing_side_close(side);
        testing_copy(side->dir, "log", "old-log");
        testing_side_open(side);
        if (i == 0)
            testing_send_mixed(side, 300, 400);
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
        assert_int_equal(testing_recovered(side), testing_records(side, WEIRI_TOPIC_EVENTS));
        char *without = testing_knowledge(side, 300);
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

/* A checkpoint made `with` commands after a copy of the log, laid beside the log that took `instead` other commands after it: every
 * offset, version and reference as the checkpoint knows them; other amounts. */
static void
swap_futures(testing_side *side, unsigned with, unsigned instead)
{
    uint64_t version;

    add_to_z(side, 1, 10);
    testing_side_close(side);
    testing_copy(side->dir, "log", "old-log");
    testing_side_open(side);
    add_to_z(side, 1, with);
    testing_side_close(side);
    testing_copy(side->dir, "checkpoint", "foreign");
    testing_copy(side->dir, "old-log", "log");
    testing_remove(side->dir, "checkpoint");
    testing_side_open(side);
    add_to_z(side, 2, instead);
    testing_side_close(side);
    testing_copy(side->dir, "foreign", "checkpoint");
    testing_side_open(side);
    assert_int_equal(testing_total(side, "z", &version), 10 + 2 * instead);
    assert_int_equal(testing_recovered(side), 10 + instead);
}

static void
test_a_checkpoint_of_another_future_of_the_same_log_is_dropped(void **state)
{
    swap_futures(*state, 10, 12);
}

static void
test_a_checkpoint_is_dropped_when_the_last_record_alone_differs(void **state)
{
    swap_futures(*state, 1, 1);
}

static weiri_log_ops failing;
static weir_status (*real_checksum)(weiri_log *, weiri_topic, uint32_t, uint64_t, uint32_t *, weir_error *);
static _Atomic unsigned checksums_to_fail;

static weir_status
fail_checksum(weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, uint32_t *ret_checksum, weir_error *err)
{
    if (atomic_load(&checksums_to_fail) > 0) {
        atomic_fetch_sub(&checksums_to_fail, 1);
        return WEIR_IO;
    }
    return real_checksum(log, topic, partition, offset, ret_checksum, err);
}

static void
test_a_checkpoint_that_cannot_be_written_leaves_the_next_one_whole(void **state)
{
    testing_side *side = *state;
    const weiri_log_ops *real;

    testing_side_close(side);
    side->config.checkpoint_events = 30;
    testing_side_open(side);
    real = side->log->ops;
    failing = *real;
    real_checksum = real->checksum;
    failing.checksum = fail_checksum;
    side->log->ops = &failing;
    add_to_z(side, 1, 1); /* in the first checkpoint's list, and changed by nothing later */
    for (unsigned i = 0; i < 10; i++) {
        if (i == 0)
            atomic_store(&checksums_to_fail, 1000);
        if (i == 5) {
            while (atomic_load(&checksums_to_fail) >
                   998) /* until both partitions have tried: a thread of its own does, when it comes to run */
                (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
            assert_true(atomic_load(&checksums_to_fail) > 0);
            atomic_store(&checksums_to_fail, 0);
        }
        testing_send_mixed(side, i * 100, (i + 1) * 100);
    }
    char *before = testing_knowledge(side, 1000);
    weiri_commands_stop(side->commands);
    side->log->ops = real;
    testing_side_close(side);
    testing_side_open(side);
    assert_int_equal(testing_recovered(side), 0);
    check_knows(side, 1000, before);
    weiri_release(before);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_checkpoint_taken_while_its_states_move_is_right, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_checkpoint_of_another_log_or_module_or_of_a_longer_log_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_checkpoint_of_another_future_of_the_same_log_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_checkpoint_is_dropped_when_the_last_record_alone_differs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_checkpoint_that_cannot_be_written_leaves_the_next_one_whole, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
