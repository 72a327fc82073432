/* SPDX-License-Identifier: Apache-2.0
 * Processes on a real log: moves of coins all the way, what is rejected and what nobody hears, mistakes that are held, a loop that is
 * named, a restart at any point, a process that comes later, timers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/memory.h"
#include "command/lane.h"
#include "command/lane_testing.h"
#include "command/router.h"
#include "testing_process.h"

static testing_side side;
static _Atomic int64_t clock_ms; /* 0: the real one */

static int64_t
time_ms(const weiri_world *world)
{
    (void)world;
    int64_t set_ms = atomic_load(&clock_ms);
    return set_ms == 0 ? weiri_world_real.time_ms(&weiri_world_real) : set_ms;
}

static weiri_world world;

static void
use(const weir_module *module)
{
    weiri_problems problems = { 0 };

    weiri_schema_free(side.schema);
    weiri_schema_new(module, &side.schema, &problems);
    assert_int_equal(problems.n, 0);
}

static int
set_up(void **state)
{
    (void)state;
    testing_side_init(&side);
    use(&testing_process_module);
    world = weiri_world_real;
    world.time_ms = time_ms;
    atomic_store(&clock_ms, 0);
    side.config.world = &world;
    testing_side_open(&side);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    testing_side_fini(&side);
    return 0;
}

/* ---- sending and asking --------------------------------------------------------------------------------- */

static void
send(const ProtobufCMessage *message, testing_answer *answer)
{
    uint8_t packed[1024];
    char digits[WEIRI_KEY_DIGITS], uuid[WEIRI_UUID_SIZE];
    weir_error err;
    const weiri_type *type = weiri_schema_find(side.schema, weiri_bytes_of(message->descriptor->name));

    weiri_uuid7(&weiri_world_real, uuid);
    const weiri_submit submit = { .type = type,
        .key = weiri_type_key(type, message, digits),
        .payload = { packed, protobuf_c_message_pack(message, packed) },
        .id = weiri_bytes_of(uuid),
        .timeout_ms = -1,
        .done = testing_answered,
        .user = answer };
    testing_answer_init(answer);
    assert_int_equal(weiri_commands_submit(side.commands, &submit, &err), WEIR_OK);
}

static void
put(const char *purse, int64_t coins, const char *loop)
{
    Testing__V1__Put c = TESTING__V1__PUT__INIT;
    testing_answer answer;

    c.purse_id = (char *)(uintptr_t)purse;
    c.coins = coins;
    c.loop_id = (char *)(uintptr_t)loop;
    send(&c.base, &answer);
    testing_answer_wait(&answer);
    assert_int_equal(answer.answer.status, WEIR_OK);
}

static void
begin_move(testing_answer *answer, const char *id, const char *from, const char *to, int64_t coins, int64_t patience_ms)
{
    Testing__V1__RequestMove c = TESTING__V1__REQUEST_MOVE__INIT;

    c.move_id = (char *)(uintptr_t)id;
    c.from = (char *)(uintptr_t)from;
    c.to = (char *)(uintptr_t)to;
    c.coins = coins;
    c.patience_ms = patience_ms;
    send(&c.base, answer);
}

static void
move(const char *id, const char *from, const char *to, int64_t coins, int64_t patience_ms)
{
    testing_answer answer;

    begin_move(&answer, id, from, to, coins, patience_ms);
    testing_answer_wait(&answer);
    assert_int_equal(answer.answer.status, WEIR_OK);
}

/* The state of an aggregate, unpacked; NULL: there is none. */
static ProtobufCMessage *
state_of(const char *name, const char *key)
{
    testing_answer answer;
    weir_error err;
    int aggregate = weiri_schema_aggregate_find(side.schema, weiri_bytes_of(name));

    testing_answer_init(&answer);
    assert_int_equal(
        weiri_commands_ask_state(side.commands, (uint16_t)aggregate, weiri_bytes_of(key), testing_answered, &answer, &err), WEIR_OK);
    testing_answer_wait(&answer);
    if (answer.answer.status != WEIR_OK)
        return NULL;
    return protobuf_c_message_unpack(
        weiri_schema_state(side.schema, (size_t)aggregate)->descriptor, NULL, answer.answer.state.size, answer.state);
}

static int64_t
coins(const char *purse)
{
    Testing__V1__Purse *p = (Testing__V1__Purse *)(void *)state_of("purse", purse);
    int64_t n = p == NULL ? 0 : p->coins;

    if (p != NULL)
        testing__v1__purse__free_unpacked(p, NULL);
    return n;
}

/* How a move ended, into `to`. False: it has not. */
static bool
ended(const char *id, char to[64])
{
    Testing__V1__Move *m = (Testing__V1__Move *)(void *)state_of("move", id);
    bool closed = m != NULL && m->closed > 0;

    if (closed) {
        assert_int_equal(m->closed, 1);
        (void)snprintf(to, 64, "%s", m->how);
    }
    if (m != NULL)
        testing__v1__move__free_unpacked(m, NULL);
    return closed;
}

#define ASSERT_COMES(what) \
    do { \
        unsigned tries_ = 0; \
        while (!(what)) { \
            if (tries_++ == 20000) \
                fail_msg("never came: %s", #what); \
            (void)usleep(1000); \
        } \
    } while (0)

static void
assert_ends(const char *id, const char *how)
{
    char got[64] = "";

    ASSERT_COMES(ended(id, got));
    assert_string_equal(got, how);
}

static uint64_t
unanswered(void)
{
    uint64_t n = 0;

    for (uint32_t p = 0; p < side.partitions; p++)
        n += atomic_load(&side.commands->lanes[p].processes.unanswered_total);
    return n;
}

static uint64_t
held(void)
{
    weiri_lane_metrics metrics;
    uint64_t n = 0;

    for (uint32_t p = 0; p < side.partitions; p++) {
        weiri_commands_metrics(side.commands, p, &metrics);
        n += metrics.held;
    }
    return n;
}

static bool
routed(void)
{
    for (uint32_t p = 0; p < side.partitions; p++)
        for (size_t i = 0; i < 2; i++)
            if (atomic_load(&side.commands->lanes[p].processes.routed[i]) < weiri_log_next_command(side.log, p))
                return false;
    return true;
}

/* ---- moves ------------------------------------------------------------------------------------------------ */

static void
test_a_move_goes_all_the_way(void **state)
{
    (void)state;
    put("a", 10, "");
    move("m1", "a", "b", 4, 0);
    assert_ends("m1", "done");
    assert_int_equal(coins("a"), 6);
    assert_int_equal(coins("b"), 4);
    assert_int_equal(unanswered(), 0);
}

static void
test_rejections_come_back_and_are_compensated(void **state)
{
    (void)state;
    put("a", 10, "");
    move("m1", "a", "b", 11, 0);
    assert_ends("m1", "too-few");
    move("m2", "a", "locked", 4, 0);
    assert_ends("m2", "locked");
    assert_int_equal(coins("a"), 10);
    assert_int_equal(coins("b"), 0);
}

static void
test_a_rejection_that_nobody_hears_is_listed_and_blocks_nothing(void **state)
{
    Testing__V1__CloseMove c = TESTING__V1__CLOSE_MOVE__INIT;
    testing_answer answer;

    (void)state;
    put("a", 10, "");
    c.move_id = (char *)(uintptr_t) "m1";
    c.how = (char *)(uintptr_t) "before";
    send(&c.base, &answer);
    testing_answer_wait(&answer);
    /* m1 can't be requested any more; close it from a process: a move that waits, closed by hand, and then its timer. */
    move("m2", "nobody", "b", 1, 1);
    assert_ends("m2", "late");
    move("m3", "a", "b", 1, 0);
    assert_ends("m3", "done");
    c.move_id = (char *)(uintptr_t) "m4";
    move("m4", "nobody", "b", 1, 300);
    send(&c.base, &answer);
    testing_answer_wait(&answer);
    assert_int_equal(answer.answer.status, WEIR_OK);
    ASSERT_COMES(unanswered() == 1); /* the timer's CloseMove is rejected "closed", and moving has no row for it */
    move("m5", "a", "b", 1, 0);
    assert_ends("m5", "done");
    ASSERT_COMES(routed());
    testing_side_close(&side);
    testing_side_open(&side);
    assert_int_equal(unanswered(), 1);
    testing_side_close(&side);
    testing_remove(side.dir, "checkpoint");
    testing_side_open(&side);
    assert_int_equal(unanswered(), 1);
}

static void
test_many_moves_at_once_conserve_coins_over_restarts(void **state)
{
    enum { MOVES = 300, PURSES = 7 };
    static testing_answer answers[MOVES];
    char id[MOVES][16], purses[PURSES][16], how[64];
    unsigned done = 0;
    int64_t all = 0;

    (void)state;
    for (int i = 0; i < PURSES; i++) {
        (void)snprintf(purses[i], sizeof purses[i], "p%d", i);
        put(purses[i], 50, "");
    }
    for (int i = 0; i < MOVES; i++) {
        (void)snprintf(id[i], sizeof id[i], "m%d", i);
        begin_move(&answers[i], id[i], purses[i % PURSES], purses[(i * 3 + 1) % PURSES], i % 23, i % 5 == 0 ? 600000 : 0);
        if (i % 60 == 59) { /* somewhere in the middle: what is under way is cut off */
            testing_answer_wait(&answers[i]);
            testing_side_close(&side);
            if (i % 120 == 59)
                testing_remove(side.dir, "checkpoint");
            testing_side_open(&side);
        }
    }
    for (int i = 0; i < MOVES; i++) {
        testing_answer_wait(&answers[i]);
        ASSERT_COMES(ended(id[i], how));
        done += strcmp(how, "done") == 0;
    }
    for (int i = 0; i < PURSES; i++)
        all += coins(purses[i]);
    assert_int_equal(all, 50 * PURSES);
    print_message("%d moves over 5 restarts: %u done, %u rejected, %d coins before, %lld after\n", MOVES, done, MOVES - done, 50 * PURSES,
        (long long)all);
    assert_true(done > MOVES / 4);
    assert_int_equal(unanswered() + held(), 0);
}

/* ---- mistakes -------------------------------------------------------------------------------------------- */

static void
test_a_step_that_fails_is_held_and_others_go_on(void **state)
{
    (void)state;
    put("a", 10, "");
    move("m1", "mistake-timer", "b", 1, 0);
    move("m2", "mistake-send", "b", 1, 0);
    move("m3", "mistake-key", "b", 1, 0);
    move("m4", "a", "b", 1, 0);
    assert_ends("m4", "done");
    ASSERT_COMES(held() == 3);
    assert_null(state_of("moving", "m1"));
    testing_side_close(&side);
    testing_side_open(&side);
    assert_int_equal(held(), 3);
}

static void
release(const char *key)
{
    testing_answer answer;
    weir_error err;
    const weiri_release_call call = { .aggregate = (uint16_t)weiri_schema_aggregate_find(side.schema, weiri_bytes_of("moving")),
        .key = weiri_bytes_of(key),
        .id = weiri_bytes_of("r"),
        .reason = weiri_bytes_of("mended"),
        .done = testing_answered,
        .user = &answer };

    testing_answer_init(&answer);
    assert_int_equal(weiri_commands_release(side.commands, &call, &err), WEIR_OK);
    testing_answer_wait(&answer);
    assert_int_equal(answer.answer.status, WEIR_OK);
}

static weir_process mended;

static void
mended_start(weir_reaction *r, void *state, const void *event)
{
    const Testing__V1__MoveRequested *e = event;
    Testing__V1__CloseMove c = TESTING__V1__CLOSE_MOVE__INIT;

    c.move_id = weir_instance(r);
    c.how = e->from;
    (void)weir_send(r, &c.base);
    weir_finish(r);
    (void)state;
}

static void
test_what_was_held_goes_on_once_the_module_is_mended_and_it_is_released(void **state)
{
    weir_module module = testing_process_module;
    char how[64];

    (void)state;
    put("a", 10, "");
    move("m1", "mistake-timer", "b", 1, 0);
    move("m2", "mistake-key", "b", 1, 0);
    ASSERT_COMES(held() == 2);
    testing_side_close(&side);
    mended = *module.processes[0];
    mended.starts[0].react = mended_start;
    module.processes[0] = &mended;
    use(&module);
    testing_side_open(&side);
    release("m1");
    assert_ends("m1", "mistake-timer");
    ASSERT_COMES(held() == 1);
    assert_false(ended("m2", how));
    testing_side_close(&side);
    testing_side_open(&side);
    release("m2");
    assert_ends("m2", "mistake-key");
    ASSERT_COMES(held() == 0);
    testing_side_close(&side);
    use(&testing_process_module); /* before the module goes */
    testing_side_open(&side);
}

static void
test_a_loop_is_stopped_and_named(void **state)
{
    uint64_t version;

    (void)state;
    testing_side_close(&side);
    side.config.hops_most = 200;
    testing_side_open(&side);
    put("a", 0, "");
    Testing__V1__Purse *purse;
    put("a", -100000, "round"); /* so that it never is full */
    ASSERT_COMES(held() == 1);
    ASSERT_COMES(routed());
    purse = (Testing__V1__Purse *)(void *)state_of("purse", "a");
    version = (uint64_t)purse->changes;
    testing__v1__purse__free_unpacked(purse, NULL);
    print_message("a loop was stopped after %llu rounds\n", (unsigned long long)version - 2);
    assert_int_equal(version - 2, side.config.hops_most);
    put("a", 1, "");
}

/* ---- a process that comes later ---------------------------------------------------------------------------- */

static void
later(bool from_beginning)
{
    weir_module without = testing_process_module;

    without.processes[0] = without.processes[1] = NULL;
    testing_side_fini(&side);
    testing_side_init(&side);
    side.config.world = &world;
    use(&without);
    testing_side_open(&side);
    put("a", 10, "");
    move("m1", "a", "b", 1, 0);
    testing_side_close(&side);
    use(&testing_process_module);
    side.config.processes_from_beginning = from_beginning;
    testing_side_open(&side);
    move("m2", "a", "b", 1, 0);
    assert_ends("m2", "done");
    ASSERT_COMES(routed());
    testing_side_close(&side);
    testing_remove(side.dir, "checkpoint"); /* the log alone says where it began */
    side.config.processes_from_beginning = true;
    testing_side_open(&side);
    move("m3", "a", "b", 1, 0);
    assert_ends("m3", "done");
    ASSERT_COMES(routed());
}

static void
test_a_process_added_later_starts_from_now(void **state)
{
    char how[64];

    (void)state;
    later(false);
    assert_false(ended("m1", how));
    assert_int_equal(coins("b"), 2);
}

static void
test_a_process_added_later_starts_from_the_beginning(void **state)
{
    (void)state;
    later(true);
    assert_ends("m1", "done");
    assert_int_equal(coins("b"), 3);
}

/* ---- timers ------------------------------------------------------------------------------------------------ */

static int64_t
reminders(const char *id)
{
    Weir__ProcessInstance *instance = (Weir__ProcessInstance *)(void *)state_of("moving", id);
    int64_t n = -1;

    if (instance != NULL && !instance->finished) {
        Testing__V1__Moving *m = testing__v1__moving__unpack(NULL, instance->state.len, instance->state.data);
        n = m->reminders;
        testing__v1__moving__free_unpacked(m, NULL);
    }
    if (instance != NULL)
        weir__process_instance__free_unpacked(instance, NULL);
    return n;
}

static void
test_a_timer_moves_itself_and_fires_late_rather_than_never(void **state)
{
    char how[64];

    (void)state;
    atomic_store(&clock_ms, 1000000);
    move("m1", "nobody", "remind", 1, 60000);
    ASSERT_COMES(reminders("m1") == 0);
    atomic_store(&clock_ms, 1059999);
    put("a", 1, ""); /* lane time goes on */
    (void)usleep(50000);
    assert_int_equal(reminders("m1"), 0);
    atomic_store(&clock_ms, 1060000);
    ASSERT_COMES(reminders("m1") == 1);
    testing_side_close(&side);
    atomic_store(&clock_ms, 5000000); /* long after all of them */
    testing_side_open(&side);
    ASSERT_COMES(reminders("m1") == 2);
    assert_false(ended("m1", how));
    testing_side_close(&side);
    testing_remove(side.dir, "checkpoint");
    testing_side_open(&side);
    atomic_store(&clock_ms, 5060000);
    ASSERT_COMES(reminders("m1") == 3);
    atomic_store(&clock_ms, 5120000);
    assert_ends("m1", "late");
}

/* A thousand timers, each moved by itself three times; the clock jumps both ways, and the engine is closed and opened meanwhile. Each
 * step of a timer is an event in the log: none may be early in lane time, and each comes once. */
static void
count_steps(uint64_t *ret_steps, uint64_t *ret_early)
{
    *ret_steps = *ret_early = 0;
    for (uint32_t p = 0; p < side.partitions; p++) {
        weiri_chunk chunk = { 0 };
        weiri_record record;
        uint64_t offset;
        weir_status status = WEIR_OK;
        weir_error err;
        for (uint64_t at = 0; at < weiri_log_end(side.log, WEIRI_TOPIC_COMMANDS, p); at = chunk.next_offset) {
            assert_int_equal(weiri_log_read(side.log, WEIRI_TOPIC_COMMANDS, p, at, &chunk, &err), WEIR_OK);
            while (weiri_chunk_next(&chunk, &record, &offset, &status)) {
                if (!weiri_bytes_are(record.type, WEIRI_COMMAND_STEP))
                    continue;
                Weir__StepProcess *step = weir__step_process__unpack(NULL, record.payload.size, record.payload.data);
                *ret_steps += step->kind == WEIR__STEP_PROCESS__KIND__TIMER;
                *ret_early += step->kind == WEIR__STEP_PROCESS__KIND__TIMER && step->due_ms > record.time_ms;
                weir__step_process__free_unpacked(step, NULL);
            }
        }
        weiri_chunk_fini(&chunk);
    }
}

static void
test_a_thousand_timers_fire_once_each_while_the_clock_jumps_both_ways(void **state)
{
    enum { TIMERS = 1000, EACH = 4 };
    static testing_answer answers[TIMERS];
    static char ids[TIMERS][16];
    uint64_t steps, early;
    uint32_t random = 7;
    unsigned jumps = 0, restarts = 0, closed = 0;
    int64_t furthest = 1000000;

    (void)state;
    atomic_store(&clock_ms, furthest);
    for (int i = 0; i < TIMERS; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "m%d", i);
        begin_move(&answers[i], ids[i], "nobody", "remind", 1, 1 + i * 37 % 50000);
    }
    for (int i = 0; i < TIMERS; i++)
        testing_answer_wait(&answers[i]);
    ASSERT_COMES(routed());
    for (; closed < TIMERS && jumps < 400; jumps++) {
        char how[64];
        random = random * 1664525 + 1013904223;
        int64_t jump = (int64_t)(random >> 8) % 40000 - 15000;
        atomic_store(&clock_ms, atomic_load(&clock_ms) + jump);
        furthest = atomic_load(&clock_ms) > furthest ? atomic_load(&clock_ms) : furthest;
        put("clock", 0, ""); /* wakes a lane */
        if (jumps % 8 == 7) {
            testing_side_close(&side);
            if (jumps % 16 == 15)
                testing_remove(side.dir, "checkpoint");
            testing_side_open(&side);
            restarts++;
        }
        while (closed < TIMERS && ended(ids[closed], how))
            closed++;
    }
    for (closed = 0; closed < TIMERS; closed++)
        assert_ends(ids[closed], "late");
    ASSERT_COMES(routed());
    count_steps(&steps, &early);
    print_message("%d timers, each moved %d times: %llu steps, %llu early; %u jumps of the clock, %u restarts\n", TIMERS, EACH - 1,
        (unsigned long long)steps, (unsigned long long)early, jumps, restarts);
    assert_int_equal(steps, TIMERS * EACH);
    assert_int_equal(early, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_move_goes_all_the_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rejections_come_back_and_are_compensated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_rejection_that_nobody_hears_is_listed_and_blocks_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_moves_at_once_conserve_coins_over_restarts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_step_that_fails_is_held_and_others_go_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_held_goes_on_once_the_module_is_mended_and_it_is_released, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_loop_is_stopped_and_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_process_added_later_starts_from_now, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_process_added_later_starts_from_the_beginning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_timer_moves_itself_and_fires_late_rather_than_never, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_thousand_timers_fire_once_each_while_the_clock_jumps_both_ways, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
