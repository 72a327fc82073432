/* SPDX-License-Identifier: Apache-2.0
 * Processes driven turn by turn, without threads of their own: a crash after every turn, everything that routers have sent sent once more,
 * in either order of lanes and router; what is left is the same each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/hash.h"
#include "base/memory.h"
#include "command/lane.h"
#include "command/lane_testing.h"
#include "command/router.h"
#include "testing_process.h"

enum { NEVER = 1000000, QUIET = 4, TURNS_MOST = 4000 };

static testing_side side;
static int64_t now_ms, steady_us;
static weiri_world world;

/* How one run is disturbed. */
typedef struct plan {
    unsigned crash_after;    /* turns; NEVER */
    bool without_checkpoint; /* the crash takes it along */
    bool twice;              /* whatever a router has sent comes once more */
    bool router_first;       /* in each turn */
} plan;

static int64_t
time_ms(const weiri_world *w)
{
    (void)w;
    return now_ms;
}

static int64_t
monotonic_us(const weiri_world *w)
{
    (void)w;
    return steady_us;
}

/* ---- the engine, turn by turn ------------------------------------------------------------------------------ */

static void
open_side(void)
{
    const weiri_embedded_config log = {
        .dir = side.dir, .module = "testing", .partitions = side.partitions, .reserve_bytes = 1 << 20, .world = &weiri_world_real
    };
    weir_error err;

    assert_int_equal(weiri_embedded_open(&log, &side.log, &err), WEIR_OK);
    side.config.schema = side.schema;
    side.config.log = side.log;
    side.config.dir = side.dir;
    side.config.world = &world;
    side.config.checkpoint_events = 7;
    assert_int_equal(weiri_commands_open(&side.config, &side.commands, &err), WEIR_OK);
}

/* Nothing in memory outlives it: no thread is there that could end in order. */
static void
crash(const plan *how)
{
    for (uint32_t p = 0; p < side.partitions; p++) /* the disk is not ours to stop: what was handed over may be stored, or not */
        while (atomic_load(&side.commands->lanes[p].in_flight))
            (void)usleep(50);
    while (weiri_answers_turn(side.commands) || weiri_checkpoints_turn(side.commands->checkpoints))
        ;
    weiri_commands_close(side.commands);
    weiri_log_close(side.log);
    if (how->without_checkpoint)
        testing_remove(side.dir, "checkpoint");
    open_side();
}

static bool
turn(const plan *how)
{
    bool moved = false;

    steady_us += 1000000;
    if (how->router_first)
        moved |= weiri_router_turn(side.commands->router);
    for (uint32_t p = 0; p < side.partitions; p++) {
        weiri_lane *lane = &side.commands->lanes[p];
        moved |= weiri_lane_turn(lane);
        while (atomic_load(&lane->in_flight) || weiri_log_next_command(side.log, p) < lane->next_command)
            (void)usleep(50);
    }
    moved |= weiri_answers_turn(side.commands);
    moved |= weiri_checkpoints_turn(side.commands->checkpoints);
    if (!how->router_first)
        moved |= weiri_router_turn(side.commands->router);
    return moved;
}

/* All commands of routers that the log has from *from on in one partition, once more. */
static void
send_twice(uint32_t p, uint64_t *from, weiri_sources *sent)
{
    weiri_chunk chunk = { 0 };
    weiri_record record;
    weir_status status = WEIR_OK;
    weir_error err;
    uint64_t end = weiri_log_end(side.log, WEIRI_TOPIC_COMMANDS, p), offset, sequence;
    weiri_bytes source;
    size_t aggregate;

    while (*from < end) {
        assert_int_equal(weiri_log_read(side.log, WEIRI_TOPIC_COMMANDS, p, *from, &chunk, &err), WEIR_OK);
        while (weiri_chunk_next(&chunk, &record, &offset, &status)) {
            if (offset < *from || !weiri_headers_find(record.headers, WEIRI_HEADER_SOURCE, &source) ||
                !weiri_router_source_process(side.commands, source, &aggregate) ||
                !weiri_headers_find_number(record.headers, WEIRI_HEADER_SEQUENCE, &sequence))
                continue;
            weiri_source *known = weiri_sources_add(sent, source, 0);
            if (sequence <= known->last)
                continue; /* it is the second one itself */
            known->last = sequence;
            const weiri_submit submit = { .type = weiri_schema_find_of(side.schema, record.type, record.aggregate),
                .key = record.key,
                .payload = record.payload,
                .id = record.id,
                .source = source,
                .sequence = sequence,
                .previous = WEIRI_ANY_PREVIOUS,
                .done = testing_answered,
                .user = weiri_allocate(sizeof(testing_answer)) }; /* as long as the test: it may never be answered */
            assert_int_equal(weiri_commands_submit(side.commands, &submit, &err), WEIR_OK);
        }
        *from = chunk.next_offset;
    }
    weiri_chunk_fini(&chunk);
    *from = end;
}

/* ---- the story --------------------------------------------------------------------------------------------- */

static void
send(const ProtobufCMessage *message, const char *id)
{
    uint8_t packed[512];
    char digits[WEIRI_KEY_DIGITS];
    weir_error err;
    const weiri_type *type = weiri_schema_find(side.schema, weiri_bytes_of(message->descriptor->name));
    const weiri_submit submit = { .type = type,
        .key = weiri_type_key(type, message, digits),
        .payload = { packed, protobuf_c_message_pack(message, packed) },
        .id = weiri_bytes_of(id),
        .client_id = true,
        .done = testing_answered,
        .user = weiri_allocate(sizeof(testing_answer)) };

    assert_int_equal(weiri_commands_submit(side.commands, &submit, &err), WEIR_OK);
}

/* As a client who retries by id: all of them, after every crash. */
static void
send_all(void)
{
    static const struct {
        const char *id, *from, *to;
        int64_t coins, patience_ms;
    } moves[] = { { "m1", "a", "b", 4, 0 }, { "m2", "a", "b", 50, 0 }, { "m3", "a", "locked", 3, 60000 },
        { "m4", "nobody", "remind", 1, 100 }, { "m5", "nobody", "b", 1, 70 } };
    Testing__V1__Put put = TESTING__V1__PUT__INIT;

    put.purse_id = (char *)(uintptr_t) "a";
    put.coins = 10;
    send(&put.base, "first");
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        Testing__V1__RequestMove move = TESTING__V1__REQUEST_MOVE__INIT;
        move.move_id = (char *)(uintptr_t)moves[i].id;
        move.from = (char *)(uintptr_t)moves[i].from;
        move.to = (char *)(uintptr_t)moves[i].to;
        move.coins = moves[i].coins;
        move.patience_ms = moves[i].patience_ms;
        send(&move.base, moves[i].id);
    }
}

static void
run_until_quiet(const plan *how, unsigned *turns)
{
    uint64_t from[8] = { 0 };
    weiri_sources sent[8];

    for (uint32_t p = 0; p < side.partitions; p++)
        weiri_sources_init(&sent[p]);
    for (unsigned quiet = 0; quiet < QUIET;) {
        bool moved = turn(how);
        quiet = moved ? 0 : quiet + 1;
        if (++*turns == how->crash_after) {
            crash(how);
            send_all();
            quiet = 0;
            memset(from, 0, sizeof from);
        } else if (how->twice)
            for (uint32_t p = 0; p < side.partitions; p++)
                send_twice(p, &from[p], &sent[p]);
        assert_true(*turns < TURNS_MOST);
    }
    for (uint32_t p = 0; p < side.partitions; p++)
        weiri_sources_fini(&sent[p]);
}

static void
dump_state(weiri_buffer *to, const char *name, const char *key)
{
    int aggregate = weiri_schema_aggregate_find(side.schema, weiri_bytes_of(name));
    uint32_t p = weiri_partition_of(weiri_bytes_of(key), side.partitions);
    weiri_state_entry *entry;

    assert_int_equal(weiri_lane_find(&side.commands->lanes[p], weiri_states_hash((uint16_t)aggregate, weiri_bytes_of(key)),
                         (uint16_t)aggregate, weiri_bytes_of(key), &entry),
        WEIR_OK);
    weiri_buffer_print(to, "%s/%s", name, key);
    if (entry == NULL) {
        weiri_buffer_add_text(to, " is not there\n");
        return;
    }
    weiri_buffer_print(to, " at %llu: ", (unsigned long long)entry->version);
    if (weiri_schema_process(side.schema, (size_t)aggregate) != NULL) {
        const Weir__ProcessInstance *instance = (const Weir__ProcessInstance *)(const void *)entry->state;
        weiri_buffer_print(to, "%s", instance->finished ? "finished" : "goes on");
        for (size_t i = 0; i < instance->n_timers; i++)
            weiri_buffer_print(to, ", %s at %lld", instance->timers[i]->name, (long long)instance->timers[i]->due_ms);
    } else {
        size_t size = protobuf_c_message_get_packed_size(entry->state);
        uint8_t bytes[256];
        (void)protobuf_c_message_pack(entry->state, bytes);
        for (size_t i = 0; i < size; i++)
            weiri_buffer_print(to, "%02x", bytes[i]);
    }
    weiri_buffer_add_char(to, '\n');
}

/* All that can be seen, and nothing of how it came about. */
static char *
dump(void)
{
    static const char *const moves[] = { "m1", "m2", "m3", "m4", "m5" }, *const purses[] = { "a", "b", "locked" };
    weiri_buffer text = { 0 };

    for (size_t i = 0; i < sizeof purses / sizeof *purses; i++)
        dump_state(&text, "purse", purses[i]);
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        dump_state(&text, "move", moves[i]);
        dump_state(&text, "moving", moves[i]);
    }
    for (uint32_t p = 0; p < side.partitions; p++)
        weiri_buffer_print(&text, "held %u, unanswered %llu\n", side.commands->lanes[p].quarantine.count,
            (unsigned long long)side.commands->lanes[p].processes.unanswered.total);
    char *copy = weiri_text_copy(weiri_buffer_text(&text));
    weiri_buffer_fini(&text);
    return copy;
}

/* One whole run. The clock moves when nothing else does: to before the timers, to some of them, to all. */
static char *
run(const plan *how, unsigned *ret_turns)
{
    weiri_problems problems = { 0 };
    unsigned turns = 0;

    testing_side_init(&side);
    weiri_schema_free(side.schema);
    weiri_schema_new(&testing_process_module, &side.schema, &problems);
    now_ms = 1000000;
    open_side();
    send_all();
    for (int i = 0; i < 8; i++, now_ms += 69)
        run_until_quiet(how, &turns);
    char *text = dump();
    weiri_commands_close(side.commands);
    weiri_log_close(side.log);
    side.commands = NULL;
    side.log = NULL;
    testing_side_fini(&side);
    *ret_turns = turns;
    return text;
}

static void
assert_same(const char *expected, const plan *how)
{
    unsigned turns;
    char *got = run(how, &turns);

    if (strcmp(got, expected) != 0)
        print_error("crash after %u%s%s%s:\n%s\ninstead of\n%s\n", how->crash_after, how->without_checkpoint ? ", no checkpoint" : "",
            how->twice ? ", twice" : "", how->router_first ? ", router first" : "", got, expected);
    assert_string_equal(got, expected);
    weiri_release(got);
}

static int
set_up(void **state)
{
    (void)state;
    world = weiri_world_real;
    world.time_ms = time_ms;
    world.monotonic_us = monotonic_us;
    return 0;
}

static void
test_a_crash_after_any_turn_and_everything_sent_twice_leave_the_same(void **state)
{
    plan calm = { .crash_after = NEVER };
    unsigned turns, runs = 0;
    char *expected = run(&calm, &turns);

    (void)state;
    assert_non_null(strstr(expected, "moving/m4"));
    for (unsigned order = 0; order < 2; order++) {
        plan twice = { .crash_after = NEVER, .twice = true, .router_first = order == 1 };
        assert_same(expected, &twice);
        runs++;
    }
    for (unsigned after = 1; after <= turns; after++, runs++) {
        const plan how = {
            .crash_after = after, .without_checkpoint = after % 2 == 0, .twice = after % 3 == 0, .router_first = after % 5 < 2
        };
        assert_same(expected, &how);
    }
    print_message("%u turns, a crash after each of them, %u runs: equal\n%s", turns, runs, expected);
    weiri_release(expected);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_crash_after_any_turn_and_everything_sent_twice_leave_the_same, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
