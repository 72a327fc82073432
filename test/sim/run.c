/* SPDX-License-Identifier: Apache-2.0
 * One run: a few hundred steps drawn from the seed, then quiet, and the last look. */
#include <stdio.h>
#include <stdarg.h>
#include <stdlib.h>
#include "sim.h"

sim *sim_now;
void (*sim_failed)(const char *words);
const char *const sim_count_names[SIM_COUNTED] = { "steps", "commands sent", "refused", "accepted", "rejected", "repeated", "conflicts",
    "gaps", "quarantined", "key-quarantined", "released", "unknown", "questions", "queries", "behind", "crashes", "deaths in decide",
    "view crashes", "stops", "appends lost", "log failures", "checkpoints", "checkpoint faults", "recovered from a checkpoint",
    "recovered from nothing", "checkpoints aged or lost", "views aged or lost", "rebuilds", "view faults", "read faults", "logs restored",
    "states evicted", "states loaded", "waits for room" };

/* ---- history -------------------------------------------------------------------------------------------- */

static void
mix(sim *s, uint64_t word)
{
    s->hash = (s->hash ^ word) * 0x9e3779b97f4a7c15;
    s->hash ^= s->hash >> 29;
}

void
sim_tell(sim *s, const char *what, uint64_t a, uint64_t b, uint64_t c)
{
    for (const char *at = what; *at != '\0'; at++)
        mix(s, (uint8_t)*at);
    mix(s, a);
    mix(s, b);
    mix(s, c);
    if (s->trace)
        (void)printf("%5llu %-12s %lld %lld %lld\n", (unsigned long long)s->step, what, (long long)a, (long long)b, (long long)c);
}

void
sim_fail(sim *s, const char *format, ...)
{
    char words[1024];
    va_list arguments;
    int n = snprintf(words, sizeof words, "step %llu: ", (unsigned long long)s->step);

    va_start(arguments, format);
    (void)vsnprintf(words + n, sizeof words - (size_t)n, format, arguments);
    va_end(arguments);
    sim_failed(words);
    abort();
}

/* ---- the world ------------------------------------------------------------------------------------------ */

static int64_t
time_ms(const weiri_world *world)
{
    return ((const sim *)world)->time_ms;
}

/* While a projector works each look takes a while, so that it meets its limit in the midst. SQLite's own looks are not counted on. */
static int64_t
monotonic_us(const weiri_world *world)
{
    sim *s = (sim *)(uintptr_t)world;

    return s->monotonic_us += s->clock_runs ? sim_below(s, 100000) : 0;
}

static void
random_bytes(const weiri_world *world, void *to, size_t size)
{
    sim *s = (sim *)(uintptr_t)world;

    for (size_t i = 0; i < size; i++)
        ((uint8_t *)to)[i] = (uint8_t)sim_draw(s);
}

static void
move_clock(sim *s)
{
    s->time_ms += sim_one_in(s, 4) ? (int64_t)sim_below(s, 7200000) - 3600000 : sim_below(s, 50);
    s->monotonic_us += sim_below(s, 1000000);
    sim_tell(s, "clock", (uint64_t)s->time_ms, 0, 0);
}

/* ---- steps ---------------------------------------------------------------------------------------------- */

static void
died(sim *s)
{
    s->may_die = false;
    s->counts[SIM_DEATHS]++;
    sim_crash(s);
}

static void
turn_lane(sim *s)
{
    uint32_t p = sim_below(s, s->partitions);

    sim_tell(s, "lane", p, 0, 0);
    s->may_die = true;
    if (setjmp(s->death) == 0) {
        (void)weiri_lane_turn(&s->commands->lanes[p]);
        s->may_die = false;
        return;
    }
    died(s);
}

static void
commit_some(sim *s)
{
    size_t waiting = s->log.n_pending - s->log.n_committed;

    if (!s->log.failed && waiting > 0)
        sim_log_commit(&s->log, 1 + sim_below(s, (unsigned)waiting));
}

static void
report_some(sim *s)
{
    size_t most = s->log.failed ? s->log.n_pending : s->log.n_committed;

    if (most > 0)
        sim_log_report(&s->log, 1 + sim_below(s, (unsigned)most));
}

static void
turn_answers(sim *s)
{
    sim_tell(s, "answers", 0, 0, 0);
    (void)weiri_answers_turn(s->commands);
}

static void
turn_checkpoints(sim *s)
{
    s->checkpoint_faults = sim_one_in(s, 4);
    sim_tell(s, "checkpointer", s->checkpoint_faults, 0, 0);
    (void)weiri_checkpoints_turn(s->commands->checkpoints);
    s->checkpoint_faults = false;
}

static void
turn_view(sim *s)
{
    bool faulty = sim_one_in(s, 8);

    if (faulty) {
        s->store_left = (int)sim_below(s, 12);
        s->store_down = sim_one_in(s, 2);
    }
    s->log.faults = sim_one_in(s, 10) ? 4 : 0;
    sim_tell(s, "projector", faulty, s->store_down, 0);
    s->clock_runs = true;
    (void)weiri_view_turn(s->view);
    s->clock_runs = false;
    s->log.faults = 0;
    bool dies = s->store_down && s->store_failed;
    s->store_left = -1;
    s->store_down = s->store_failed = false;
    if (dies && sim_one_in(s, 2))
        sim_crash(s);
    else if (dies)
        sim_view_crash(s);
}

static void
query(sim *s)
{
    sim_check_view(s, sim_one_in(s, 2));
}

static void
stop_and_start(sim *s)
{
    s->may_die = true;
    if (setjmp(s->death) != 0) {
        died(s);
        return;
    }
    sim_stop(s);
    s->may_die = false;
    sim_clients_forget(s);
    sim_open(s);
}

static void
fill_disk(sim *s)
{
    s->log.reserve = true;
}

static void
fail_log(sim *s)
{
    sim_log_fail(&s->log);
}

static void
crash(sim *s)
{
    sim_crash(s);
}

/* In a thousand. */
static const struct {
    unsigned weight;
    void (*step)(sim *s);
} steps[] = { { 330, sim_client_step }, { 200, turn_lane }, { 120, commit_some }, { 100, report_some }, { 75, turn_answers },
    { 60, turn_checkpoints }, { 50, turn_view }, { 20, query }, { 25, move_clock }, { 7, crash }, { 4, sim_view_crash },
    { 2, stop_and_start }, { 2, fail_log }, { 3, fill_disk }, { 1, sim_view_rebuild }, { 1, sim_restore } };

static void
step(sim *s)
{
    unsigned chosen = sim_below(s, 1000);

    s->step++;
    s->counts[SIM_STEPS]++;
    if (s->log.reserve && sim_one_in(s, 12))
        s->log.reserve = false;
    if (s->log.failed && sim_one_in(s, 25)) /* it goes on by a new process alone */
        sim_crash(s);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (chosen < steps[i].weight) {
            steps[i].step(s);
            return;
        }
        chosen -= steps[i].weight;
    }
}

/* A lane that waits for room tries its checkpoint again after a while. */
static bool
wait_for_room(sim *s)
{
    bool waits = false;

    for (uint32_t p = 0; p < s->partitions; p++)
        waits |= s->commands->lanes[p].waiting;
    s->monotonic_us += waits ? 1000000 : 0;
    return waits;
}

static void
drain(sim *s)
{
    unsigned turns = 0;

    /* Twice, with some seconds between: what has failed may wait before it tries again. */
    for (unsigned quiet = 0; quiet < 2; quiet++) {
        while (sim_turn_all(s) || wait_for_room(s))
            if (++turns == 10000)
                sim_fail(s, "it does not become quiet");
        s->monotonic_us += 10000000;
    }
}

static void
settle(sim *s)
{
    if (s->log.failed)
        sim_crash(s);
    s->may_die = true;
    if (setjmp(s->death) != 0) {
        died(s);
        s->may_die = true;
    }
    drain(s);
    s->may_die = false;
    sim_check_end(s);
}

/* ---- a run ---------------------------------------------------------------------------------------------- */

static void
begin(sim *s, uint64_t seed)
{
    s->world = (weiri_world){ time_ms, monotonic_us, random_bytes };
    s->seed = s->random = seed;
    s->hash = s->step = 0;
    s->time_ms = 1700000000000;
    s->monotonic_us = 0;
    s->partitions = 1 + sim_below(s, SIM_PARTITIONS);
    s->config = (weiri_commands_config){ .schema = s->schema,
        .log = &s->log.log,
        .world = &s->world,
        .dir = s->dir,
        .build_id = "sim",
        .threads = 1,
        .queue_items = 2 + sim_below(s, 40),
        .window = 1 + sim_below(s, SIM_WINDOW_MOST),
        .checkpoint_events = 1 + sim_below(s, 30),
        .checkpoint_slice = 1 + sim_below(s, 100) };
    if (sim_one_in(s, 2)) /* a table without aggregates takes 16 KB of it; one of them, some 150 bytes */
        s->config.states_bytes = (uint64_t)s->partitions * ((16 << 10) + 200 + sim_below(s, 1500));
    s->lasting = seed % 16 != 0;
    s->poisonous = sim_one_in(s, 10);
    s->n_submissions = 0;
    memset(s->streams, 0, sizeof s->streams);
    for (int i = 0; i < SIM_SOURCES; i++)
        for (int p = 0; p < SIM_PARTITIONS; p++)
            s->streams[i][p].next = 1;
    memset(s->token, 0, sizeof s->token);
    memset(s->attempts, 0, sizeof s->attempts);
    s->store_left = -1;
    s->store_down = s->store_failed = s->checkpoint_faults = s->may_die = false;
    weiri_buffer_clear(&s->old_checkpoint);
    weiri_buffer_clear(&s->old_view);
    sim_log_init(&s->log, s);
    sim_model_init(s);
}

void
sim_run(sim *s, uint64_t seed)
{
    sim_now = s;
    begin(s, seed);
    unsigned n = 150 + sim_below(s, 350);
    sim_open(s);
    for (unsigned i = 0; i < n; i++)
        step(s);
    settle(s);
    sim_stop(s);
    sim_open(s);
    sim_check_view(s, true);
    sim_stop(s);
    sim_end(s);
}

void
sim_fini(sim *s)
{
    sim_store_fini();
    for (size_t i = 0; i < SIM_PARTITIONS; i++)
        weiri_views_free(s->loaded[i]);
    sim_model_fini(&s->model);
    sim_log_fini(&s->log);
    weiri_buffer_fini(&s->old_checkpoint);
    weiri_buffer_fini(&s->old_view);
}
