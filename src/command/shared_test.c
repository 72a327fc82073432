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
    int64_t outcome_ms;
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
    p->side.config.outcome_ms = w->outcome_ms;
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
    *w = (world){ .commands = commands, .outcome_ms = commands > 0 ? 400 : 1000000 };
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
        pause_ms(w, 10);
        testing_cluster_freeze(p->side.log, false);
        break;
    case 3:
        testing_cluster_assign(w->cluster, partition, NULL);
        break;
    case 4: /* its appends hang, until another has its partition */
        testing_cluster_hold(p->side.log, true);
        pause_ms(w, 5);
        testing_cluster_assign(w->cluster, partition, next->side.log);
        pause_ms(w, 20);
        testing_cluster_hold(p->side.log, false);
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

/* ---- one thing at a time ------------------------------------------------------------------------------------ */

static void
assign_all(world *w, unsigned i)
{
    for (uint32_t p = 0; p < PARTITIONS; p++)
        testing_cluster_assign(w->cluster, p, w->processes[i].side.log);
}

static void
wait_for(world *w, unsigned i, uint32_t partition, weiri_lane_life life)
{
    while (weiri_commands_lane(w->processes[i].side.commands, partition, NULL) != life)
        pause_ms(w, 1);
}

static void
serve_all(world *w, unsigned i)
{
    assign_all(w, i);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        wait_for(w, i, p, WEIRI_LANE_SERVING);
}

static void
test_an_outcome_that_comes_before_its_command_is_reported_is_told(void **state)
{
    world w;
    testing_answer answer;

    world_begin(&w, 1, 0);
    testing_cluster_faults(w.cluster, &(testing_faults){ .send_told_late = 1000 });
    serve_all(&w, 0);
    for (unsigned i = 0; i < 300; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "id%u", i);
        const testing_command command = { .counter = "k", .id = id, .amount = 1 };
        assert_int_equal(send_through(&w, 1, &command, &answer), WEIR_OK);
        assert_false(answer.answer.repeated);
        assert_int_equal(answer.answer.version, i + 1);
    }
    world_end(&w);
}

static void
test_all_who_wait_with_one_id_are_answered(void **state)
{
    enum { WAITERS = 6 };
    testing_answer answers[WAITERS];
    unsigned first = 0;
    weir_error err;
    world w;

    world_begin(&w, 2, 0);
    for (unsigned i = 0; i < WAITERS; i++) { /* nobody serves yet: they wait side by side */
        const testing_command command = { .counter = "k", .id = "one", .amount = i < 4 ? 5 : 6 };
        testing_answer_init(&answers[i]);
        assert_int_equal(testing_send(&w.processes[i % 2].side, &command, &answers[i], &err), WEIR_OK);
    }
    assert_true(weiri_commands_waiters(w.processes[0].side.commands) > 0);
    serve_all(&w, 2);
    for (unsigned i = 0; i < WAITERS; i++) {
        testing_answer_wait(&answers[i]);
        first += answers[i].answer.status == WEIR_OK && !answers[i].answer.repeated;
        if (answers[i].answer.status == WEIR_REJECTED)
            assert_string_equal(answers[i].code, "id-reused");
        else
            assert_int_equal(answers[i].answer.version, 1);
    }
    assert_int_equal(first, 1);
    /* Whoever of the two payloads came first, the others of it were repeats, and those of the other refused. */
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(answers[i].answer.status, answers[0].answer.status);
    assert_int_equal(weiri_commands_waiters(w.processes[0].side.commands), 0);
    world_end(&w);
}

static void
test_repeats_are_answered_as_the_first_time_by_any_front(void **state)
{
    static const struct {
        int64_t amount;
        const char *id;
    } commands[] = { { 3, "events" }, { 0, "nothing" }, { -1, "rejected" } };
    testing_answer first, again;
    world w;

    world_begin(&w, 3, 0);
    serve_all(&w, 0);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const testing_command command = { .counter = "k", .id = commands[i].id, .amount = commands[i].amount };
        (void)send_through(&w, 1, &command, &first);
        const testing_command between = { .counter = "k", .amount = 1 };
        (void)send_through(&w, 1, &between, &again); /* the aggregate goes on */
        (void)send_through(&w, 2, &command, &again);
        assert_true(again.answer.repeated && !first.answer.repeated);
        assert_int_equal(again.answer.status, first.answer.status);
        assert_int_equal(again.answer.source, first.answer.source);
        assert_int_equal(again.answer.version, first.answer.version);
        assert_int_equal(again.answer.events, first.answer.events);
        assert_int_equal(again.answer.events_offset, first.answer.events_offset);
        assert_string_equal(again.code, first.code);
        assert_string_equal(again.text, first.text);
    }
    world_end(&w);
}

static void
test_a_process_that_stood_still_is_fenced_and_its_commands_are_decided_elsewhere(void **state)
{
    testing_answer answer, other;
    uint64_t version;
    weir_error err;
    world w;

    world_begin(&w, 4, 0);
    serve_all(&w, 0);
    uint32_t partition = weiri_partition_of(weiri_bytes_of("k"), PARTITIONS);
    const testing_command command = { .counter = "k", .id = "id", .amount = 7 }, next = { .counter = "k", .id = "next", .amount = 1 };
    testing_answer_init(&answer);
    testing_cluster_hold(w.processes[0].side.log, true);
    assert_int_equal(testing_send(&w.processes[1].side, &command, &answer, &err), WEIR_OK);
    while (testing_cluster_held(w.processes[0].side.log) == 0)
        pause_ms(&w, 1); /* until it is decided, and its append is on its way */
    assign_all(&w, 1);
    wait_for(&w, 1, partition, WEIRI_LANE_SERVING);
    assert_int_equal(send_through(&w, 2, &next, &other), WEIR_OK);
    testing_answer_wait(&answer);
    assert_int_equal(answer.answer.status, WEIR_OK);
    assert_int_equal(answer.answer.version, 1);
    assert_int_equal(other.answer.version, 2);
    assert_int_equal(testing_cluster_count(w.cluster).fenced, 0);
    testing_cluster_hold(w.processes[0].side.log, false);
    wait_for(&w, 0, partition, WEIRI_LANE_AWAY);
    assert_int_equal(testing_cluster_count(w.cluster).fenced, 1);
    serve_all(&w, 0); /* what it had decided is forgotten */
    assert_int_equal(testing_total(&w.processes[0].side, "k", &version), 8);
    assert_int_equal(version, 2);
    world_end(&w);
}

/* An older build, which knows no WasReset. */
static void
older_build(process *p)
{
    static weir_aggregate counter;
    static weir_module module;
    weiri_problems problems = { 0 };

    module = testing_module;
    counter = *module.aggregates[0];
    memset(&counter.commands[1], 0, sizeof counter.commands[1]);
    memset(&counter.events[1], 0, sizeof counter.events[1]);
    module.aggregates[0] = &counter;
    weiri_schema_free(p->side.schema);
    weiri_schema_new(&module, &p->side.schema, &problems);
    assert_int_equal(problems.n, 0);
}

static void
test_a_build_that_does_not_know_an_event_halts_and_leaves(void **state)
{
    testing_answer answer;
    weir_error err;
    world w;

    world_begin(&w, 8, 0);
    down(&w.processes[2]);
    older_build(&w.processes[2]);
    up(&w, &w.processes[2]);
    serve_all(&w, 0);
    uint32_t partition = weiri_partition_of(weiri_bytes_of("k"), PARTITIONS);
    const testing_command add = { .counter = "k", .amount = 7 }, reset = { .counter = "k", .reset = true };
    assert_int_equal(send_through(&w, 1, &add, &answer), WEIR_OK);
    assert_int_equal(send_through(&w, 1, &reset, &answer), WEIR_OK);
    assign_all(&w, 2);
    wait_for(&w, 2, partition, WEIRI_LANE_HALTED);
    assert_int_equal(weiri_commands_lane(w.processes[2].side.commands, partition, &err), WEIRI_LANE_HALTED);
    assert_non_null(strstr(err.text, "testing.v1.WasReset"));
    for (uint32_t p = 0; p < PARTITIONS; p++) /* it gives back what it could serve, too: for who knows all */
        if (p != partition)
            wait_for(&w, 2, p, WEIRI_LANE_AWAY);
    serve_all(&w, 1);
    assert_int_equal(send_through(&w, 2, &add, &answer), WEIR_OK); /* its front goes on */
    assert_int_equal(answer.answer.version, 3);
    world_end(&w);
}

static void
put_json(world *w, uint32_t partition, const char *type, const char *key, const char *payload, const weiri_flaw *flaw)
{
    const weiri_record record = { .kind = WEIRI_RECORD_COMMAND,
        .flags = WEIRI_RECORD_JSON,
        .type = weiri_bytes_of(type),
        .key = weiri_bytes_of(key),
        .payload = weiri_bytes_of(payload) };

    (void)testing_cluster_put(w->cluster, partition, &record, flaw);
}

static void
test_what_cannot_be_decided_leaves_an_outcome_and_the_lane_goes_on(void **state)
{
    static const weiri_flaw tombstone = { "malformed", "a tombstone is no command" };
    testing_oracle oracle = { 0 };
    world w;

    world_begin(&w, 5, 0);
    uint32_t p = weiri_partition_of(weiri_bytes_of("k"), PARTITIONS);
    put_json(&w, p, "testing.v1.Nothing", "k", "{}", NULL);
    put_json(&w, p, "testing.v1.Added", "k", "{}", NULL);
    put_json(&w, p, "testing.v1.Add", "k", "{\"amount\":", NULL);
    put_json(&w, p, "testing.v1.Add", "k", "{\"amonut\":1}", NULL);
    put_json(&w, p, "testing.v1.Add", "k", "{\"counterId\":\"other\"}", NULL);
    put_json(&w, p, "testing.v1.Add", "", "{}", NULL);
    put_json(&w, p, "", "k", "", &tombstone);
    put_json(&w, (p + 1) % PARTITIONS, "testing.v1.Add", "k", "{\"amount\":1}", NULL);
    put_json(&w, p, "testing.v1.Add", "k", "{\"amount\":4}", NULL);
    serve_all(&w, 0);
    settle(&w);
    testing_oracle_read(&oracle, w.processes[1].side.log, w.cluster);
    assert_int_equal(oracle.malformed, 7);
    unsigned wrong = 0, accepted = 0;
    for (size_t i = 0; i < oracle.n; i++) {
        wrong += strcmp(oracle.all[i].code, "wrong-partition") == 0;
        accepted += strcmp(oracle.all[i].type, "weir.accepted") == 0;
    }
    assert_int_equal(wrong, 1);
    assert_int_equal(accepted, 1);
    /* A lane that comes later goes past them. */
    serve_all(&w, 2);
    testing_answer answer;
    const testing_command command = { .counter = "k", .amount = 1 };
    assert_int_equal(send_through(&w, 1, &command, &answer), WEIR_OK);
    assert_int_equal(answer.answer.version, 2);
    testing_oracle_fini(&oracle);
    world_end(&w);
}

/* By whoever may send, without a reason or with one; the next lane of the partition goes past both. */
static void
test_a_letter_discarded_is_an_outcome_and_without_a_reason_it_is_none(void **state)
{
    testing_oracle oracle = { 0 };
    testing_answer answer;
    weiri_discard discard, read = { 0 };
    weir_error err;
    unsigned discarded = 0;
    world w;

    world_begin(&w, 6, 0);
    uint32_t p = weiri_partition_of(weiri_bytes_of("k"), PARTITIONS);
    put_json(&w, p, WEIRI_COMMAND_DISCARD_LETTER, "k", "{\"view\":\"v\",\"aggregate\":\"counter\",\"source\":7,\"index\":0}", NULL);
    serve_all(&w, 0);
    assert_int_equal(weiri_discard_fill(&discard, "v", "counter", "a \"test\"", "ada", &err), WEIR_OK);
    discard.source = 7;
    discard.index = 1;
    testing_answer_init(&answer);
    const weiri_discard_call call = {
        .discard = &discard, .key = weiri_bytes_of("k"), .id = weiri_bytes_of("d1"), .done = testing_answered, .user = &answer
    };
    assert_int_equal(weiri_commands_discard(w.processes[1].side.commands, &call, &err), WEIR_OK);
    testing_answer_wait(&answer);
    assert_int_equal(answer.answer.status, WEIR_OK);
    settle(&w);
    testing_oracle_read(&oracle, w.processes[1].side.log, w.cluster);
    assert_int_equal(oracle.malformed, 1);
    for (size_t i = 0; i < oracle.n; i++)
        discarded += strcmp(oracle.all[i].type, WEIRI_OUTCOME_LETTER_DISCARDED) == 0;
    assert_int_equal(discarded, 1);
    weiri_buffer said = { 0 };
    weiri_discard_write(&discard, &said);
    assert_int_equal(weiri_discard_read(weiri_buffer_bytes(&said), &read, &err), WEIR_OK);
    assert_true(read.source == 7 && read.index == 1 && strcmp(read.reason, "a \"test\"") == 0 && strcmp(read.who, "ada") == 0);
    weiri_buffer_fini(&said);
    serve_all(&w, 2);
    const testing_command command = { .counter = "k", .amount = 1 };
    assert_int_equal(send_through(&w, 1, &command, &answer), WEIR_OK);
    assert_int_equal(answer.answer.version, 1);
    testing_oracle_fini(&oracle);
    world_end(&w);
}

static void
test_questions_are_answered_where_the_partition_is_served(void **state)
{
    testing_answer answer;
    weir_error err;
    uint64_t version, last, fingerprint;
    world w;

    world_begin(&w, 6, 0);
    serve_all(&w, 0);
    uint32_t p = weiri_partition_of(weiri_bytes_of("k"), PARTITIONS);
    const testing_command command = { .counter = "k", .source = "file", .sequence = 1, .amount = 9, .fingerprint = 5 };
    assert_int_equal(send_through(&w, 1, &command, &answer), WEIR_OK);
    assert_int_equal(testing_total(&w.processes[0].side, "k", &version), 9);
    assert_int_equal(version, 1);
    assert_true(weiri_commands_source(w.processes[0].side.commands, p, weiri_bytes_of("file"), &last, &fingerprint));
    assert_int_equal(last, 1);
    int counter = weiri_schema_aggregate_find(w.processes[1].side.schema, weiri_bytes_of("counter"));
    assert_int_equal(
        weiri_commands_ask_state(w.processes[1].side.commands, (uint16_t)counter, weiri_bytes_of("k"), testing_answered, &answer, &err),
        WEIR_FENCED);
    world_end(&w);
}

static void
test_more_than_so_many_waiters_are_refused(void **state)
{
    enum { SPARE = 64 }; /* of those sent before all stood still, whose time may be over already */
    testing_answer *answers = weiri_allocate((WEIRI_WAITERS_MOST + SPARE) * sizeof *answers), one;
    unsigned taken = 0;
    weir_error err;
    world w;

    world_begin(&w, 7, 0);
    testing_side *side = &w.processes[0].side;
    w.outcome_ms = 1;
    down(&w.processes[0]);
    up(&w, &w.processes[0]);
    testing_cluster_freeze(side->log, true);
    const testing_command command = { .counter = "k", .amount = 1 };
    while (taken < WEIRI_WAITERS_MOST + SPARE && testing_send(side, &command, &answers[taken], &err) == WEIR_OK)
        taken++;
    assert_in_range(taken, WEIRI_WAITERS_MOST, WEIRI_WAITERS_MOST + SPARE - 1);
    assert_int_equal(err.status, WEIR_BUSY);
    assert_in_range(weiri_commands_waiters(side->commands), WEIRI_WAITERS_MOST - SPARE, WEIRI_WAITERS_MOST);
    testing_cluster_freeze(side->log, false);
    for (unsigned i = 0; i < taken; i++) /* nobody serves: their time is over */
        testing_answer_wait(&answers[i]);
    assert_int_equal(answers[7].answer.status, WEIR_TIMEOUT);
    assert_int_equal(send_through(&w, 0, &command, &one), WEIR_TIMEOUT);
    world_end(&w);
    weiri_release(answers);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_outcome_that_comes_before_its_command_is_reported_is_told),
        cmocka_unit_test(test_all_who_wait_with_one_id_are_answered),
        cmocka_unit_test(test_repeats_are_answered_as_the_first_time_by_any_front),
        cmocka_unit_test(test_a_process_that_stood_still_is_fenced_and_its_commands_are_decided_elsewhere),
        cmocka_unit_test(test_a_build_that_does_not_know_an_event_halts_and_leaves),
        cmocka_unit_test(test_what_cannot_be_decided_leaves_an_outcome_and_the_lane_goes_on),
        cmocka_unit_test(test_a_letter_discarded_is_an_outcome_and_without_a_reason_it_is_none),
        cmocka_unit_test(test_questions_are_answered_where_the_partition_is_served),
        cmocka_unit_test(test_more_than_so_many_waiters_are_refused),
        cmocka_unit_test(test_what_clients_are_told_is_what_the_log_holds_whatever_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
