/* SPDX-License-Identifier: Apache-2.0
 * Lanes and fronts of several processes over one shared log that fails in every way it may: what clients were told is what the log
 * holds, and every command was carried out once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "command/shared_oracle.h"
#include "log/shared_testing.h"
#include "testing_module.h"

enum { PARTITIONS = 3, PROCESSES = 3, CLIENTS = 4, COUNTERS = 12 };

typedef struct process {
    testing_side side; /* dir, schema, log, commands */
    weiri_lock lock;   /* held while it is stopped and started, and for each submit */
    bool up;
} process;

typedef struct world {
    testing_cluster *cluster;
    process processes[PROCESSES];
    unsigned commands; /* of each client */
    weiri_signal never;
    _Atomic unsigned clients_left;
} world;

static void
pause_ms(world *w, int64_t ms)
{
    (void)weiri_signal_wait(&w->never, 0, ms);
}

/* ---- processes --------------------------------------------------------------------------------------------- */

static void
up(world *w, process *p)
{
    weir_error err;

    p->side.log = testing_cluster_open(w->cluster);
    p->side.config.schema = p->side.schema;
    p->side.config.log = p->side.log;
    p->side.config.dir = p->side.dir;
    p->side.config.world = &weiri_world_real;
    p->side.config.outcome_ms = 400;
    p->side.config.checkpoint_events = 200;
    p->side.config.queue_items = 50;
    weir_status status = weiri_commands_open(&p->side.config, &p->side.commands, &err);
    assert_int_equal(status, WEIR_OK);
    status = weiri_commands_start(p->side.commands, &err);
    assert_int_equal(status, WEIR_OK);
    p->up = true;
}

static void
down(process *p)
{
    p->up = false;
    testing_side_close(&p->side);
}

static void
world_begin(world *w, uint64_t seed, unsigned commands)
{
    *w = (world){ .commands = commands };
    weiri_signal_init(&w->never);
    w->cluster = testing_cluster_new(PARTITIONS, seed);
    for (int i = 0; i < PROCESSES; i++) {
        testing_side_init(&w->processes[i].side);
        weiri_lock_init(&w->processes[i].lock);
        up(w, &w->processes[i]);
    }
}

static void
world_end(world *w)
{
    for (int i = 0; i < PROCESSES; i++) {
        down(&w->processes[i]);
        testing_side_fini(&w->processes[i].side);
        weiri_lock_fini(&w->processes[i].lock);
    }
    testing_cluster_free(w->cluster);
    weiri_signal_fini(&w->never);
}

static weir_status
send_through(world *w, unsigned i, const testing_command *command, testing_answer *answer)
{
    process *p = &w->processes[i];
    weir_error err;

    testing_answer_init(answer);
    weiri_lock_take(&p->lock);
    weir_status status = p->up ? testing_send(&p->side, command, answer, &err) : WEIR_BUSY;
    weiri_lock_give(&p->lock);
    if (status == WEIR_OK) {
        testing_answer_wait(answer);
        status = answer->answer.status;
    }
    return status;
}

/* As long as it takes, here or there, with the same id: until somebody says what became of it. */
static void
insist(world *w, const testing_command *command, testing_answer *answer)
{
    weir_status status;

    do
        status = send_through(w, testing_cluster_random(w->cluster, PROCESSES), command, answer);
    while (status == WEIR_BUSY || status == WEIR_TIMEOUT || status == WEIR_CLOSED);
}

/* ---- what happens meanwhile -------------------------------------------------------------------------------- */

typedef struct client {
    world *world;
    unsigned number;
    weiri_thread thread;
    testing_told *told; /* one a command */
} client;

static void
run_client(void *argument)
{
    client *c = argument;
    world *w = c->world;

    for (unsigned n = 0; n < w->commands; n++) {
        testing_told *told = &c->told[n];
        testing_answer answer;
        bool again = n > 0 && testing_cluster_random(w->cluster, 5) == 0;
        unsigned which = again ? testing_cluster_random(w->cluster, n) : n; /* an id of before, sent once more */
        (void)snprintf(told->id, sizeof told->id, "c%u-%u", c->number, which);
        (void)snprintf(told->counter, sizeof told->counter, "k%u", (c->number * 7 + which * 5) % COUNTERS);
        const testing_command command = { .counter = told->counter,
            .id = told->id,
            .amount = (int64_t)(which % 9) - 1,
            .expect = which % 13 == 5,
            .expected_version = which % 40,
            .timeout_ms = 50 };
        insist(w, &command, &answer);
        testing_told_keep(told, &answer);
    }
    atomic_fetch_sub(&w->clients_left, 1);
}

/* A bulk source: goes back to where its partition is whenever it is told so. */
typedef struct bulk {
    world *world;
    weiri_thread thread;
    unsigned gaps;
} bulk;

static void
run_bulk(void *argument)
{
    bulk *b = argument;
    world *w = b->world;
    testing_answer answer;

    for (uint64_t at = 0; at < w->commands;) {
        const testing_command command = {
            .counter = "bulk", .source = "file", .sequence = at + 1, .previous = at, .amount = 1, .fingerprint = 7
        };
        weir_status status = send_through(w, testing_cluster_random(w->cluster, PROCESSES), &command, &answer);
        if (status == WEIR_OK)
            at++;
        else if (status == WEIR_CONFLICT) {
            weiri_assert(strcmp(answer.code, "gap") == 0);
            at = answer.answer.last_sequence;
            b->gaps++;
        } else if (status == WEIR_TIMEOUT && at > 2 && testing_cluster_random(w->cluster, 2) == 0)
            at -= 2; /* what came before is repeated */
        else if (status == WEIR_BUSY && testing_cluster_random(w->cluster, 3) == 0 && at + 3 < w->commands)
            at++; /* as one who goes on without looking */
    }
    atomic_fetch_sub(&w->clients_left, 1);
}

static void
disturb(world *w)
{
    uint32_t partition = testing_cluster_random(w->cluster, PARTITIONS);
    process *p = &w->processes[testing_cluster_random(w->cluster, PROCESSES)],
            *next = &w->processes[testing_cluster_random(w->cluster, PROCESSES)];

    switch (testing_cluster_random(w->cluster, 12)) {
    case 0: /* restarted */
        weiri_lock_take(&p->lock);
        down(p);
        up(w, p);
        weiri_lock_give(&p->lock);
        break;
    case 1: /* stopped, its partitions taken, and woken */
    case 2:
        testing_cluster_freeze(p->side.log, true);
        for (uint32_t i = 0; i < PARTITIONS; i++)
            testing_cluster_assign(w->cluster, i, next->side.log);
        testing_cluster_freeze(p->side.log, false);
        break;
    case 3:
        testing_cluster_assign(w->cluster, partition, NULL);
        break;
    default:
        testing_cluster_assign(w->cluster, partition, next->side.log);
    }
}

static void
put_foreign(world *w)
{
    static const weiri_flaw tombstone = { "malformed", "a tombstone is no command" };
    uint32_t partition = testing_cluster_random(w->cluster, PARTITIONS);
    weiri_record record = { .kind = WEIRI_RECORD_COMMAND,
        .type = weiri_bytes_of("testing.v1.Add"),
        .flags = WEIRI_RECORD_JSON,
        .key = weiri_bytes_of("k1"),
        .payload = weiri_bytes_of("{\"amount\":\"1\"}") };

    switch (testing_cluster_random(w->cluster, 6)) {
    case 0:
        record.type = weiri_bytes_of("testing.v2.Nothing");
        break;
    case 1:
        record.payload = weiri_bytes_of("{\"amount\":");
        break;
    case 2:
        record.payload = weiri_bytes_of("{\"counterId\":\"other\"}");
        break;
    case 3:
        record.key = (weiri_bytes){ 0 };
        break;
    case 4:
        (void)testing_cluster_put(w->cluster, partition, &record, &tombstone);
        return;
    default: /* a good one, where it belongs, twice with one id */
        record.id = weiri_bytes_of("foreign");
        record.flags |= WEIRI_RECORD_CLIENT_ID;
        partition = weiri_partition_of(record.key, PARTITIONS);
    }
    (void)testing_cluster_put(w->cluster, partition, &record, NULL);
}

static const testing_faults hard = { .append_lost = 40,
    .append_kept = 40,
    .send_refused = 30,
    .send_lost = 30,
    .send_kept = 30,
    .send_twice = 30,
    .send_nowhere = 30,
    .send_told_late = 200 };

/* Everything is served, and all that was sent has its outcome. */
static void
settle(world *w)
{
    testing_cluster_faults(w->cluster, &(testing_faults){ 0 });
    for (uint32_t p = 0; p < PARTITIONS; p++)
        testing_cluster_assign(w->cluster, p, w->processes[p % PROCESSES].side.log);
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        uint64_t *positions;
        size_t n = testing_cluster_commands(w->cluster, p, &positions);
        uint64_t last = n == 0 ? 0 : positions[n - 1] + 1;
        weiri_release(positions);
        for (int i = 0; i < PROCESSES; i++) /* each process's copy has come so far */
            while (weiri_log_next_command(w->processes[i].side.log, p) < last)
                pause_ms(w, 5);
    }
}

static void
run_world(uint64_t seed, unsigned commands, testing_oracle *ret_seen, testing_cluster_counts *ret_counts)
{
    world w;
    client clients[CLIENTS];
    bulk file = { .world = &w };

    world_begin(&w, seed, commands);
    testing_cluster_faults(w.cluster, &hard);
    atomic_init(&w.clients_left, CLIENTS + 1);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        testing_cluster_assign(w.cluster, p, w.processes[0].side.log);
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (client){ .world = &w, .number = i, .told = weiri_allocate(commands * sizeof(testing_told)) };
        weir_status status = weiri_thread_start(&clients[i].thread, "client", run_client, &clients[i]);
        assert_int_equal(status, WEIR_OK);
    }
    weir_status status = weiri_thread_start(&file.thread, "bulk", run_bulk, &file);
    assert_int_equal(status, WEIR_OK);
    while (atomic_load(&w.clients_left) > 0) {
        disturb(&w);
        put_foreign(&w);
        pause_ms(&w, testing_cluster_random(w.cluster, 20));
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        weiri_thread_join(&clients[i].thread);
    weiri_thread_join(&file.thread);
    settle(&w);
    testing_oracle_read(ret_seen, w.processes[0].side.log, w.cluster);
    for (unsigned i = 0; i < CLIENTS; i++) {
        testing_oracle_compare(ret_seen, clients[i].told, commands);
        weiri_release(clients[i].told);
    }
    testing_oracle_once(ret_seen, "file", commands);
    *ret_counts = testing_cluster_count(w.cluster);
    world_end(&w);
}

static void
test_what_clients_are_told_is_what_the_log_holds_whatever_fails(void **state)
{
    const char *given = getenv("WEIR_SHARED_SEEDS");
    unsigned seeds = given == NULL ? 4 : (unsigned)atoi(given);
    testing_cluster_counts all = { 0 };
    uint64_t outcomes = 0, repeats = 0;

    for (unsigned seed = 1; seed <= seeds; seed++) {
        testing_oracle seen = { 0 };
        testing_cluster_counts counts;
        run_world(seed, 150, &seen, &counts);
        outcomes += seen.n;
        repeats += seen.repeats;
        all.commands += counts.commands;
        all.appends += counts.appends;
        all.unknown += counts.unknown;
        all.fenced += counts.fenced;
        all.claims += counts.claims;
        testing_oracle_fini(&seen);
    }
    print_message(
        "%u seeds: %llu commands stored, %llu outcomes, %llu of them repeats; %llu appends, %llu unknown, %llu fenced; %llu claims\n",
        seeds, (unsigned long long)all.commands, (unsigned long long)outcomes, (unsigned long long)repeats, (unsigned long long)all.appends,
        (unsigned long long)all.unknown, (unsigned long long)all.fenced, (unsigned long long)all.claims);
    assert_true(all.unknown > 0 && all.claims > seeds * PARTITIONS && repeats > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_clients_are_told_is_what_the_log_holds_whatever_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
