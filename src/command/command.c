/* SPDX-License-Identifier: Apache-2.0
 * The command side as a whole: opening (recovery in parallel), its threads, its end. */
#include "command/command.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "command/front.h"
#include "command/lane.h"
#include "command/router.h"
#include "message/json.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DRAIN_MS = 5000 }; /* a front waits so long for outcomes when it ends */

typedef struct weiri_lane_thread {
    weiri_commands *commands;
    uint32_t number;
    weiri_signal wake;
    weiri_thread thread;
    weir_status status; /* of recovery */
    weir_error err;
} weiri_lane_thread;

/* ---- opening -------------------------------------------------------------------------------------------- */

static void
fill_defaults(weiri_commands *c)
{
    weiri_commands_config *config = &c->config;
    long cores = config->threads > 0 ? (long)config->threads : sysconf(_SC_NPROCESSORS_ONLN);

    c->threads = (uint32_t)(cores > 0 ? cores : 1);
    if (c->threads > c->partitions)
        c->threads = c->partitions;
    if (config->queue_items == 0)
        config->queue_items = 65536;
    if (config->queue_bytes == 0)
        config->queue_bytes = (size_t)64 << 20;
    if (config->window == 0)
        config->window = 262144;
    if (config->checkpoint_events == 0)
        config->checkpoint_events = 1000000;
    if (config->states_bytes == 0)
        config->states_bytes = (uint64_t)1 << 30;
    if (config->checkpoint_slice == 0)
        config->checkpoint_slice = 256 << 10;
    if (config->hops_most == 0)
        config->hops_most = WEIRI_HOPS_MOST;
    if (config->outcome_ms == 0)
        config->outcome_ms = 30000;
}

static void
name_types(weiri_commands *c)
{
    const weiri_schema *schema = c->config.schema;
    size_t types = weiri_schema_types(schema), aggregates = weiri_schema_aggregates(schema);

    c->type_names = weiri_allocate(types * sizeof *c->type_names);
    c->type_hashes = weiri_allocate(types * sizeof *c->type_hashes);
    for (size_t i = 0; i < types; i++) {
        c->type_names[i] = weiri_bytes_of(weiri_schema_type(schema, i)->descriptor->name);
        c->type_hashes[i] = weiri_hash64(0, c->type_names[i].data, c->type_names[i].size);
    }
    c->aggregate_names = weiri_allocate(aggregates * sizeof *c->aggregate_names);
    for (size_t i = 0; i < aggregates; i++)
        c->aggregate_names[i] = weiri_bytes_of(weiri_schema_aggregate(schema, i)->name);
}

static void
recover_some(void *argument)
{
    weiri_lane_thread *t = argument;

    for (uint32_t p = t->number; p < t->commands->partitions && t->status == WEIR_OK; p += t->commands->threads)
        t->status = weiri_lane_recover(&t->commands->lanes[p], &t->err);
}

static weir_status
recover_all(weiri_commands *c, weir_error *err)
{
    weir_status status = WEIR_OK;

    for (uint32_t i = 1; i < c->threads; i++)
        if (weiri_thread_start(&c->lane_threads[i].thread, "recover", recover_some, &c->lane_threads[i]) != WEIR_OK)
            recover_some(&c->lane_threads[i]);
    recover_some(&c->lane_threads[0]);
    for (uint32_t i = 0; i < c->threads; i++) {
        weiri_lane_thread *t = &c->lane_threads[i];
        weiri_thread_join(&t->thread);
        if (status != WEIR_OK || t->status == WEIR_OK)
            continue;
        status = t->status;
        if (err != NULL)
            *err = t->err;
    }
    return status;
}

static weir_status
open_attempts(weiri_commands *c, weir_error *err)
{
    weir_status status = weiri_attempts_open(c->config.dir, c->partitions, &c->attempts, err);

    for (uint32_t p = 0; status == WEIR_OK && p < c->partitions; p++) {
        c->lanes[p].attempts = c->attempts;
        c->lanes[p].attempt = weiri_attempts_word(c->attempts, p);
    }
    return status;
}

weir_status
weiri_commands_open(const weiri_commands_config *config, weiri_commands **ret_commands, weir_error *err)
{
    weiri_commands *c = weiri_allocate(sizeof *c);
    const char *build_id = config->build_id == NULL ? "" : config->build_id;

    c->config = *config;
    c->answerer = (weiri_answerer){ .commands = c, .recall = { .log = config->log, .passed = WEIRI_NO_OFFSET } };
    c->partitions = weiri_log_identity_of(config->log)->partitions;
    fill_defaults(c);
    name_types(c);
    weiri_signal_init(&c->answers_arrived);
    weiri_mailbox_init(&c->answers, SIZE_MAX, SIZE_MAX, &c->answers_arrived);
    c->lane_threads = weiri_allocate(c->threads * sizeof *c->lane_threads);
    for (uint32_t i = 0; i < c->threads; i++) {
        c->lane_threads[i].commands = c;
        c->lane_threads[i].number = i;
        weiri_signal_init(&c->lane_threads[i].wake);
    }
    c->lanes = weiri_allocate(c->partitions * sizeof *c->lanes);
    for (uint32_t p = 0; p < c->partitions; p++)
        weiri_lane_init(&c->lanes[p], c, p, &c->lane_threads[p % c->threads].wake);
    weir_status status = open_attempts(c, err);
    uint64_t fingerprint = weiri_hash64(weiri_schema_fingerprint(config->schema), build_id, strlen(build_id));
    if (status == WEIR_OK)
        status = weiri_checkpoints_open(config->dir, config->log, fingerprint, &c->checkpoints, err);
    if (status == WEIR_OK && !weiri_log_shared(config->log))
        status = recover_all(c, err);
    bool routes = weiri_schema_processes(config->schema) > 0 && !(weiri_log_shared(config->log) && config->no_lanes);
    if (status == WEIR_OK && weiri_log_shared(config->log) && (!config->no_front || routes))
        c->front = weiri_front_new(&c->config);
    if (status != WEIR_OK) {
        weiri_commands_close(c);
        return status;
    }
    c->router = routes ? weiri_router_new(c) : NULL;
    *ret_commands = c;
    return WEIR_OK;
}

/* ---- threads -------------------------------------------------------------------------------------------- */

static int64_t
sooner(int64_t a_ms, int64_t b_ms)
{
    return a_ms < 0 || (b_ms >= 0 && b_ms < a_ms) ? b_ms : a_ms;
}

static void
run_lanes(void *argument)
{
    enum { LOOK_AGAIN_MS = 500 }; /* a checkpoint that failed raises nothing */
    weiri_lane_thread *t = argument;
    weiri_commands *c = t->commands;

    for (;;) {
        uint64_t seen = weiri_signal_count(&t->wake);
        bool stopping = atomic_load(&c->stopping), moved = false, finished = true;
        int64_t wait_ms = -1;
        for (uint32_t p = t->number; p < c->partitions; p += c->threads) {
            moved |= weiri_lane_turn(&c->lanes[p]);
            finished = finished && weiri_lane_finished(&c->lanes[p]);
            wait_ms = sooner(wait_ms, c->lanes[p].waiting ? LOOK_AGAIN_MS : -1);
            wait_ms = sooner(wait_ms, weiri_lane_timers_wait_ms(&c->lanes[p]));
        }
        if (stopping && finished)
            break;
        if (!moved)
            (void)weiri_signal_wait(&t->wake, seen, wait_ms);
    }
}

/* On a shared log lanes live from the partitions that come to this process. */
static weir_status
join(weiri_commands *c, weir_error *err)
{
    const weiri_log_lanes lanes = { .given = weiri_intake_given,
        .revoked = weiri_intake_revoked,
        .claimed = weiri_intake_claimed,
        .command = weiri_intake_command,
        .user = c };

    if (!weiri_log_shared(c->config.log) || c->config.no_lanes)
        return WEIR_OK;
    weir_status status = weiri_log_join(c->config.log, &lanes, err);
    c->joined = status == WEIR_OK;
    return status;
}

weir_status
weiri_commands_start(weiri_commands *c, weir_error *err)
{
    weir_status status = weiri_thread_start(&c->answers_thread, "answers", weiri_answers_run, c);

    weiri_assert(!c->started);
    c->started = true;
    if (status == WEIR_OK)
        status = weiri_checkpoints_start(c->checkpoints);
    for (uint32_t i = 0; status == WEIR_OK && i < c->threads; i++)
        status = weiri_thread_start(&c->lane_threads[i].thread, "lane", run_lanes, &c->lane_threads[i]);
    if (status == WEIR_OK && c->front != NULL)
        status = weiri_front_start(c->front);
    if (status == WEIR_OK && c->router != NULL)
        status = weiri_router_start(c->router);
    if (status != WEIR_OK) {
        weiri_commands_stop(c);
        return weiri_error_set(err, status, "a thread of the command side can't be started");
    }
    status = join(c, err);
    if (status != WEIR_OK)
        weiri_commands_stop(c);
    return status;
}

void
weiri_commands_stop(weiri_commands *c)
{
    if (c->stopped)
        return;
    c->stopped = true;
    atomic_store(&c->refusing, true);
    if (c->router != NULL)
        weiri_router_stop(c->router);
    if (c->front != NULL)
        weiri_front_stop(c->front, DRAIN_MS);
    atomic_store(&c->stopping, true);
    for (uint32_t p = 0; p < c->partitions; p++)
        weiri_mailbox_close(&c->lanes[p].mailbox);
    if (c->joined && !atomic_exchange(&c->leaving, true))
        weiri_log_leave(c->config.log);
    for (uint32_t i = 0; i < c->threads; i++) {
        weiri_signal_raise(&c->lane_threads[i].wake);
        weiri_thread_join(&c->lane_threads[i].thread);
    }
    weiri_thread_join(&c->leaver);
    /* The log's thread may still be on its way out of a report. */
    for (uint32_t p = 0; p < c->partitions; p++) {
        weiri_lock_take(&c->lanes[p].done_lock);
        weiri_lock_give(&c->lanes[p].done_lock);
    }
    atomic_store(&c->answers_end, true);
    weiri_signal_raise(&c->answers_arrived);
    weiri_thread_join(&c->answers_thread);
    if (c->checkpoints != NULL)
        weiri_checkpoints_stop(c->checkpoints);
}

void
weiri_commands_close(weiri_commands *c)
{
    if (c == NULL)
        return;
    weiri_commands_stop(c);
    for (uint32_t p = 0; p < c->partitions; p++)
        weiri_lane_fini(&c->lanes[p]);
    weiri_front_free(c->front);
    weiri_router_free(c->router);
    weiri_checkpoints_close(c->checkpoints);
    weiri_attempts_close(c->attempts);
    for (uint32_t i = 0; i < c->threads; i++)
        weiri_signal_fini(&c->lane_threads[i].wake);
    weiri_mailbox_fini(&c->answers);
    weiri_buffer_fini(&c->answerer.items);
    weiri_recall_fini(&c->answerer.recall);
    weiri_signal_fini(&c->answers_arrived);
    weiri_release(c->lanes);
    weiri_release(c->lane_threads);
    weiri_release(c->type_names);
    weiri_release(c->type_hashes);
    weiri_release(c->aggregate_names);
    weiri_release(c);
}

/* ---- what is asked in passing ---------------------------------------------------------------------------- */

bool
weiri_commands_source(weiri_commands *c, uint32_t partition, weiri_bytes source, uint64_t *ret_last_sequence, uint64_t *ret_fingerprint)
{
    if (partition >= c->partitions)
        return false;
    weiri_lane *lane = &c->lanes[partition];
    weiri_lock_take(&lane->durable_lock);
    const weiri_source *found = weiri_sources_find(&lane->durable_sources, source);
    if (found != NULL) {
        *ret_last_sequence = found->last;
        *ret_fingerprint = found->fingerprint;
    }
    weiri_lock_give(&lane->durable_lock);
    return found != NULL;
}

void
weiri_commands_metrics(weiri_commands *c, uint32_t partition, weiri_lane_metrics *ret_metrics)
{
    weiri_lane *lane = &c->lanes[partition];
    uint64_t words[WEIRI_METRICS];
    size_t items, bytes;

    for (int i = 0; i < WEIRI_METRICS; i++)
        words[i] = atomic_load_explicit(&lane->shown[i], memory_order_relaxed);
    memcpy(ret_metrics, words, sizeof words);
    weiri_mailbox_size(&lane->mailbox, &items, &bytes);
    ret_metrics->queue_items = items;
    ret_metrics->queue_bytes = bytes;
    ret_metrics->queue_refused = atomic_load_explicit(&lane->refused, memory_order_relaxed);
}

weiri_lane_life
weiri_commands_lane(weiri_commands *c, uint32_t partition, weir_error *err)
{
    weiri_lane_share *share = &c->lanes[partition].share;
    weiri_lane_life life = weiri_lane_life_of(&c->lanes[partition]);

    if (life == WEIRI_LANE_HALTED && err != NULL) {
        weiri_lock_take(&share->lock);
        *err = share->halt_err;
        weiri_lock_give(&share->lock);
    }
    return life;
}

uint64_t
weiri_commands_waiters(weiri_commands *c)
{
    return c->front == NULL ? 0 : weiri_front_waiters(c->front);
}
