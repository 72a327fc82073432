/* SPDX-License-Identifier: Apache-2.0
 * Processes over one shared log that fails in every way it may, with partitions that change hands: coins are conserved, each move ends
 * once, and timers fire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include "base/hash.h"
#include "base/memory.h"
#include "command/lane.h"
#include "command/lane_testing.h"
#include "log/shared_testing.h"
#include "testing_process.h"

enum { PARTITIONS = 3, PROCESSES = 3, PURSES = 7, MOVES = 120 };

typedef struct world {
    testing_cluster *cluster;
    testing_side sides[PROCESSES];
    weiri_lock locks[PROCESSES]; /* held while it is stopped and started, and for each request */
    weiri_signal never;
    _Atomic bool done;
} world;

static void
pause_ms(world *w, int64_t ms)
{
    (void)weiri_signal_wait(&w->never, 0, ms);
}

static void
up(world *w, int i)
{
    testing_side *side = &w->sides[i];
    weir_error err;

    side->log = testing_cluster_open(w->cluster);
    side->config.schema = side->schema;
    side->config.log = side->log;
    side->config.dir = side->dir;
    side->config.world = &weiri_world_real;
    side->config.outcome_ms = 400;
    side->config.checkpoint_events = 200;
    side->config.no_front = i == 2; /* a process of lanes alone routes, too */
    assert_int_equal(weiri_commands_open(&side->config, &side->commands, &err), WEIR_OK);
    assert_int_equal(weiri_commands_start(side->commands, &err), WEIR_OK);
}

static void
begin(world *w, uint64_t seed)
{
    weiri_problems problems = { 0 };

    *w = (world){ 0 };
    weiri_signal_init(&w->never);
    w->cluster = testing_cluster_new(PARTITIONS, seed);
    for (int i = 0; i < PROCESSES; i++) {
        testing_side_init(&w->sides[i]);
        weiri_schema_free(w->sides[i].schema);
        weiri_schema_new(&testing_process_module, &w->sides[i].schema, &problems);
        weiri_lock_init(&w->locks[i]);
        up(w, i);
    }
    for (uint32_t p = 0; p < PARTITIONS; p++)
        testing_cluster_assign(w->cluster, p, w->sides[p].log);
}

static void
end(world *w)
{
    for (int i = 0; i < PROCESSES; i++) {
        testing_side_fini(&w->sides[i]);
        weiri_lock_fini(&w->locks[i]);
    }
    testing_cluster_free(w->cluster);
    weiri_signal_fini(&w->never);
}

/* ---- sending and asking ---------------------------------------------------------------------------------- */

/* With one id, here or there, until somebody says what became of it. */
static weir_status
insist(world *w, const ProtobufCMessage *message, const char *id, testing_answer *answer)
{
    uint8_t packed[512];
    char digits[WEIRI_KEY_DIGITS];
    size_t size = protobuf_c_message_pack(message, packed);
    weir_status status;
    weir_error err;

    do {
        unsigned i = testing_cluster_random(w->cluster, 2);
        testing_answer_init(answer);
        weiri_lock_take(&w->locks[i]);
        const weiri_type *type = weiri_schema_find(w->sides[i].schema, weiri_bytes_of(message->descriptor->name));
        const weiri_submit submit = { .type = type,
            .key = weiri_type_key(type, message, digits),
            .payload = { packed, size },
            .id = weiri_bytes_of(id),
            .client_id = true,
            .timeout_ms = 50,
            .done = testing_answered,
            .user = answer };
        status = weiri_commands_submit(w->sides[i].commands, &submit, &err);
        weiri_lock_give(&w->locks[i]);
        if (status == WEIR_OK) {
            testing_answer_wait(answer);
            status = answer->answer.status;
        }
    } while (status == WEIR_BUSY || status == WEIR_TIMEOUT || status == WEIR_CLOSED);
    return status;
}

/* Wherever it is served. NULL: there is none, or nobody serves it now. */
static ProtobufCMessage *
state_of(world *w, const char *name, const char *key)
{
    testing_answer answer;
    weir_error err;

    for (int i = 0; i < PROCESSES; i++) {
        const weiri_schema *schema = w->sides[i].schema;
        int aggregate = weiri_schema_aggregate_find(schema, weiri_bytes_of(name));
        testing_answer_init(&answer);
        if (weiri_commands_ask_state(w->sides[i].commands, (uint16_t)aggregate, weiri_bytes_of(key), testing_answered, &answer, &err) !=
            WEIR_OK)
            continue;
        testing_answer_wait(&answer);
        if (answer.answer.status == WEIR_OK)
            return protobuf_c_message_unpack(
                weiri_schema_state(schema, (size_t)aggregate)->descriptor, NULL, answer.answer.state.size, answer.state);
    }
    return NULL;
}

static bool
ended(world *w, const char *id, char how[64])
{
    Testing__V1__Move *m = (Testing__V1__Move *)(void *)state_of(w, "move", id);
    bool closed = m != NULL && m->closed > 0;

    if (closed) {
        assert_int_equal(m->closed, 1);
        (void)snprintf(how, 64, "%s", m->how);
    }
    if (m != NULL)
        testing__v1__move__free_unpacked(m, NULL);
    return closed;
}

/* ---- the clients ------------------------------------------------------------------------------------------ */

static void
run_client(void *argument)
{
    world *w = argument;
    Testing__V1__Put put = TESTING__V1__PUT__INIT;
    testing_answer answer;
    char id[16], from[16], to[16];

    for (int i = 0; i < PURSES; i++) {
        (void)snprintf(from, sizeof from, "p%d", i);
        put.purse_id = from;
        put.coins = 50;
        assert_int_equal(insist(w, &put.base, "first", &answer), WEIR_OK);
    }
    for (int i = 0; i < MOVES; i++) {
        Testing__V1__RequestMove move = TESTING__V1__REQUEST_MOVE__INIT;
        (void)snprintf(id, sizeof id, "m%d", i);
        (void)snprintf(from, sizeof from, i % 10 == 9 ? "nobody" : "p%d", i % PURSES);
        (void)snprintf(to, sizeof to, "p%d", (i * 3 + 1) % PURSES);
        move.move_id = id;
        move.from = from;
        move.to = to;
        move.coins = i % 23;
        move.patience_ms = i % 10 == 9 ? 50 : 0;
        assert_int_equal(insist(w, &move.base, id, &answer), WEIR_OK);
    }
    atomic_store(&w->done, true);
}

static void
disturb(world *w)
{
    unsigned i = testing_cluster_random(w->cluster, PROCESSES), next = testing_cluster_random(w->cluster, PROCESSES);
    uint32_t partition = testing_cluster_random(w->cluster, PARTITIONS);

    switch (testing_cluster_random(w->cluster, 8)) {
    case 0: /* restarted */
        weiri_lock_take(&w->locks[i]);
        testing_side_close(&w->sides[i]);
        up(w, (int)i);
        weiri_lock_give(&w->locks[i]);
        break;
    case 1: /* stopped, its partitions taken, and woken: its router goes on with what it has */
        testing_cluster_freeze(w->sides[i].log, true);
        for (uint32_t p = 0; p < PARTITIONS; p++)
            testing_cluster_assign(w->cluster, p, w->sides[next].log);
        pause_ms(w, 10);
        testing_cluster_freeze(w->sides[i].log, false);
        break;
    default:
        testing_cluster_assign(w->cluster, partition, w->sides[next].log);
    }
}

static const testing_faults faults = { .append_lost = 20,
    .append_kept = 20,
    .send_refused = 20,
    .send_lost = 20,
    .send_kept = 20,
    .send_twice = 20,
    .send_nowhere = 20,
    .send_told_late = 100 };

static void
test_coins_are_conserved_while_partitions_change_hands_and_everything_fails(void **state)
{
    world w;
    weiri_thread client = { 0 };
    char id[16], purse[16], how[64];
    unsigned done = 0, late = 0;
    int64_t all = 0;

    (void)state;
    begin(&w, 11);
    testing_cluster_faults(w.cluster, &faults);
    assert_int_equal(weiri_thread_start(&client, "client", run_client, &w), WEIR_OK);
    while (!atomic_load(&w.done)) {
        disturb(&w);
        pause_ms(&w, testing_cluster_random(w.cluster, 60));
    }
    weiri_thread_join(&client);
    testing_cluster_faults(w.cluster, &(testing_faults){ 0 });
    for (uint32_t p = 0; p < PARTITIONS; p++)
        testing_cluster_assign(w.cluster, p, w.sides[p].log);
    for (int i = 0; i < MOVES; i++) {
        (void)snprintf(id, sizeof id, "m%d", i);
        for (unsigned tries = 0; !ended(&w, id, how); tries++) {
            if (tries > 12000)
                fail_msg("%s never ended", id);
            pause_ms(&w, 5);
        }
        done += strcmp(how, "done") == 0;
        late += strcmp(how, "late") == 0;
    }
    for (int i = 0; i < PURSES; i++) {
        (void)snprintf(purse, sizeof purse, "p%d", i);
        Testing__V1__Purse *p = (Testing__V1__Purse *)(void *)state_of(&w, "purse", purse);
        assert_non_null(p);
        all += p->coins;
        testing__v1__purse__free_unpacked(p, NULL);
    }
    testing_cluster_counts counts = testing_cluster_count(w.cluster);
    print_message("%d moves: %u done, %u by their timers, the rest rejected; %d coins before, %lld after; %llu commands, %llu appends of "
                  "unknown end, %llu fenced, %llu claims\n",
        MOVES, done, late, 50 * PURSES, (long long)all, (unsigned long long)counts.commands, (unsigned long long)counts.unknown,
        (unsigned long long)counts.fenced, (unsigned long long)counts.claims);
    assert_int_equal(all, 50 * PURSES);
    assert_int_equal(late, MOVES / 10);
    assert_true(done > MOVES / 4);
    end(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coins_are_conserved_while_partitions_change_hands_and_everything_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
