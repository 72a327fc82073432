/* SPDX-License-Identifier: Apache-2.0
 * A lane over a log whose disk stands still: it stages two batches of 4 MB and no more, its queue takes so many commands or bytes and
 * says no beyond; and all that was taken is answered once the disk moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/assert.h"
#include "base/memory.h"
#include "command/lane_testing.h"
#include "testing_module.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { NOTE = 100 << 10, MOST = 2000 };

/* ---- a log that holds appends back until it is let go --------------------------------------------------- */

static weiri_log_ops holding;
static const weiri_log_ops *real;
static weiri_lock lock;
static weiri_append *held; /* guarded by lock */
static bool let_go;        /* guarded by lock */
static unsigned appends;   /* guarded by lock, with the next */
static size_t largest;

static size_t
bytes_of(const weiri_append *append)
{
    size_t bytes = 0;

    for (int topic = 0; topic < WEIRI_TOPICS; topic++)
        bytes += append->topics[topic].bytes.size;
    return bytes;
}

static void
hold(weiri_log *log, weiri_append *append)
{
    weiri_lock_take(&lock);
    bool go = let_go;
    appends++;
    if (bytes_of(append) > largest)
        largest = bytes_of(append);
    if (!go) {
        weiri_assert(held == NULL); /* one at a time */
        held = append;
    }
    weiri_lock_give(&lock);
    if (go)
        real->append(log, append);
}

static void
let_all_go(weiri_log *log)
{
    weiri_lock_take(&lock);
    weiri_append *append = held;
    held = NULL;
    let_go = true;
    weiri_lock_give(&lock);
    if (append != NULL)
        real->append(log, append);
}

static int
set_up(void **state)
{
    static testing_side side;

    testing_side_init(&side);
    side.partitions = 1;
    side.config.queue_items = 500;
    side.config.queue_bytes = 20 << 20;
    testing_side_open(&side);
    real = side.log->ops;
    holding = *real;
    holding.append = hold;
    side.log->ops = &holding;
    weiri_lock_init(&lock);
    held = NULL;
    let_go = false;
    appends = 0;
    largest = 0;
    *state = &side;
    return 0;
}

static int
tear_down(void **state)
{
    testing_side *side = *state;

    weiri_commands_stop(side->commands);
    side->log->ops = real;
    testing_side_fini(side);
    weiri_lock_fini(&lock);
    return 0;
}

static weir_status
send(testing_side *side, size_t note_size, testing_answer *answer, weir_error *err)
{
    static uint8_t packed[NOTE + 100];
    static char note[NOTE + 1], key[] = "a";
    Testing__V1__Add add = TESTING__V1__ADD__INIT;

    memset(note, 'x', note_size);
    note[note_size] = '\0';
    add.counter_id = key;
    add.amount = 1;
    add.note = note;
    const weiri_submit submit = { .type = weiri_schema_find(side->schema, weiri_bytes_of("testing.v1.Add")),
        .key = weiri_bytes_of("a"),
        .payload = { packed, testing__v1__add__pack(&add, packed) },
        .id = weiri_bytes_of("one"),
        .timeout_ms = 200,
        .done = testing_answered,
        .user = answer };
    testing_answer_init(answer);
    return weiri_commands_submit(side->commands, &submit, err);
}

/* Sends until the queue is full. Returns how many were taken. */
static unsigned
fill(testing_side *side, size_t note_size, testing_answer *answers)
{
    weir_status status = WEIR_OK;
    weir_error err = { 0 };
    unsigned n = 0;

    while (status == WEIR_OK && n < MOST) {
        status = send(side, note_size, &answers[n], &err);
        n += status == WEIR_OK;
    }
    assert_int_equal(status, WEIR_BUSY);
    assert_string_equal(err.text, "the queue of partition 0 is full");
    return n;
}

static void
check_answered(testing_side *side, testing_answer *answers, unsigned n)
{
    testing_answer again;
    weir_error err;
    weiri_lane_metrics m;

    let_all_go(side->log);
    for (unsigned i = 0; i < n; i++) {
        testing_answer_wait(&answers[i]);
        assert_int_equal(answers[i].answer.status, WEIR_OK);
        assert_int_equal(answers[i].answer.version, i + 1);
    }
    assert_int_equal(send(side, 1, &again, &err), WEIR_OK); /* and works again */
    testing_answer_wait(&again);
    assert_int_equal(again.answer.version, n + 1);
    weiri_commands_metrics(side->commands, 0, &m);
    assert_int_equal(m.queue_refused, 1);
    assert_int_equal(m.queue_items, 0);
    assert_int_equal(m.queue_bytes, 0);
}

static void
test_a_lane_stages_two_batches_and_its_queue_takes_so_many_bytes(void **state)
{
    testing_side *side = *state;
    testing_answer *answers = weiri_allocate(MOST * sizeof *answers);
    weiri_lane_metrics m;

    unsigned n = fill(side, NOTE, answers);
    weiri_commands_metrics(side->commands, 0, &m);
    print_message(
        "%u commands of 100 KB taken: %llu MB of at most 20 in the queue, 1 append held\n", n, (unsigned long long)m.queue_bytes >> 20);
    assert_int_equal(appends, 1);
    assert_in_range(m.queue_bytes, (20 << 20) - NOTE - 1024, 20 << 20);
    /* Two batches, what the lane took out of its queue last, and the queue. */
    assert_in_range(n, 200, 2 * (4 << 20) / NOTE + 2 + 2 * (20 << 20) / NOTE);
    check_answered(side, answers, n);
    print_message("the largest of %u appends: %zu KB\n", appends, largest >> 10);
    assert_in_range(largest, (4 << 20) - 3 * NOTE, (4 << 20) + 3 * NOTE); /* a command and its event are two records */
    weiri_release(answers);
}

static void
test_a_queue_takes_so_many_commands(void **state)
{
    testing_side *side = *state;
    testing_answer *answers = weiri_allocate(MOST * sizeof *answers);
    weiri_lane_metrics m;
    weir_error err;

    for (unsigned i = 0; i < 120; i++) /* fills both batches, so that what follows stays in the queue */
        assert_int_equal(send(side, NOTE, &answers[i], &err), WEIR_OK);
    unsigned n = 120 + fill(side, 1, answers + 120);
    weiri_commands_metrics(side->commands, 0, &m);
    assert_int_equal(m.queue_items, 500);
    assert_in_range(n, 500, 120 + 1000);
    check_answered(side, answers, n);
    weiri_release(answers);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_lane_stages_two_batches_and_its_queue_takes_so_many_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_queue_takes_so_many_commands, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
