/* SPDX-License-Identifier: Apache-2.0
 * The command side as a whole: opening (recovery in parallel), its threads, and the door for requests. A request is hashed and
 * copied into its lane's mailbox on the sender's thread; the rest happens in the lane. */
#include "command/command.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "command/front.h"
#include "command/lane.h"
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
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    c->threads = config->threads > 0 ? config->threads : (uint32_t)(cores > 0 ? cores : 1);
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
    if (config->checkpoint_slice == 0)
        config->checkpoint_slice = 256 << 10;
    if (config->outcome_ms == 0)
        config->outcome_ms = 30000;
}

static void
name_types(weiri_commands *c)
{
    const weiri_schema *schema = c->config.schema;
    size_t types = weiri_schema_types(schema), aggregates = weiri_schema_aggregates(schema);

    c->type_names = weiri_allocate(types * sizeof *c->type_names);
    for (size_t i = 0; i < types; i++)
        c->type_names[i] = weiri_bytes_of(weiri_schema_type(schema, i)->descriptor->name);
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
    if (status == WEIR_OK && weiri_log_shared(config->log) && !config->no_front)
        c->front = weiri_front_new(&c->config);
    if (status != WEIR_OK) {
        weiri_commands_close(c);
        return status;
    }
    *ret_commands = c;
    return WEIR_OK;
}

/* ---- threads -------------------------------------------------------------------------------------------- */

static void
run_lanes(void *argument)
{
    weiri_lane_thread *t = argument;
    weiri_commands *c = t->commands;

    for (;;) {
        uint64_t seen = weiri_signal_count(&t->wake);
        bool stopping = atomic_load(&c->stopping), moved = false, finished = true;
        for (uint32_t p = t->number; p < c->partitions; p += c->threads) {
            moved |= weiri_lane_turn(&c->lanes[p]);
            finished = finished && weiri_lane_finished(&c->lanes[p]);
        }
        if (stopping && finished)
            break;
        if (!moved)
            (void)weiri_signal_wait(&t->wake, seen, -1);
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
    weiri_release(c->aggregate_names);
    weiri_release(c);
}

/* ---- requests ------------------------------------------------------------------------------------------- */

#define WEIRI_KEY_WORDS "a key is 1-255 bytes of UTF-8 without control characters"

/* `pieces`: source, headers, payload; their sizes are in the request already. */
static weir_status
send(weiri_commands *c, weiri_request *request, uint16_t aggregate, weiri_bytes key, weiri_bytes id, const weiri_bytes pieces[3],
    int64_t timeout_ms, weir_error *err)
{
    uint8_t scope[WEIRI_SCOPE_MOST];
    uint32_t partition = weiri_partition_of(key, c->partitions);
    weiri_lane *lane = &c->lanes[partition];

    if (!weiri_key_valid(key))
        return weiri_error_set(err, WEIR_INVALID, WEIRI_KEY_WORDS);
    if (id.size > WEIRI_ID_MOST)
        return weiri_error_set(err, WEIR_INVALID, "a command id has at most %d bytes", WEIRI_ID_MOST);
    memcpy(scope, key.data, key.size);
    scope[key.size] = '\0';
    if (id.size > 0)
        memcpy(scope + key.size + 1, id.data, id.size);
    weiri_bytes scoped = { scope, key.size + 1 + id.size };
    request->key_size = (uint8_t)key.size;
    request->id_size = (uint16_t)id.size;
    request->aggregate_hash = weiri_states_hash(aggregate, key);
    request->id_hash = weiri_window_hash(aggregate, scoped);
    const weiri_bytes all[] = { { request, sizeof *request }, scoped, pieces[0], pieces[1], pieces[2] };
    weir_status status = weiri_mailbox_send(&lane->mailbox, all, sizeof all / sizeof *all, timeout_ms);
    if (status == WEIR_BUSY) {
        atomic_fetch_add_explicit(&lane->refused, 1, memory_order_relaxed);
        return weiri_error_set(err, status, "the queue of partition %u is full", partition);
    }
    if (status == WEIR_CLOSED && !atomic_load(&c->stopping) && weiri_log_state(c->config.log, err) != WEIR_OK)
        return WEIR_IO; /* the lane has closed its mailbox because the log failed */
    return status == WEIR_OK ? WEIR_OK : weiri_error_set(err, status, "the engine is being closed");
}

static weir_status
check_submit(const weiri_submit *submit, weir_error *err)
{
    if (submit->id.size == 0)
        return weiri_error_set(err, WEIR_INVALID, "a command needs an id");
    if (submit->payload.size > WEIRI_MESSAGE_MOST)
        return weiri_error_set(err, WEIR_INVALID, "a message has at most %d bytes", WEIRI_MESSAGE_MOST);
    if (submit->headers.size > WEIRI_MESSAGE_MOST)
        return weiri_error_set(err, WEIR_INVALID, "headers have at most %d bytes", WEIRI_MESSAGE_MOST);
    if (submit->source.size > WEIRI_SOURCE_NAME_MOST)
        return weiri_error_set(err, WEIR_INVALID, "a source's name has at most %d bytes", WEIRI_SOURCE_NAME_MOST);
    if (submit->source.size > 0 && (submit->sequence == 0 || submit->previous >= submit->sequence))
        return weiri_error_set(err, WEIR_INVALID, "a sequence begins at 1 and is greater than the one before it");
    return WEIR_OK;
}

static weir_status
submit_to_front(weiri_commands *c, const weiri_submit *submit, weir_error *err)
{
    if (c->front == NULL)
        return weiri_error_set(err, WEIR_INVALID, "this process has not the role 'front': it takes no commands");
    if (atomic_load(&c->refusing))
        return weiri_error_set(err, WEIR_CLOSED, "the engine is being closed");
    return weiri_front_submit(c->front, submit, err);
}

weir_status
weiri_commands_submit(weiri_commands *c, const weiri_submit *submit, weir_error *err)
{
    weir_status status = check_submit(submit, err);

    if (status == WEIR_OK && !weiri_key_valid(submit->key))
        status = weiri_error_set(err, WEIR_INVALID, WEIRI_KEY_WORDS);
    if (status == WEIR_OK && submit->id.size > WEIRI_ID_MOST)
        status = weiri_error_set(err, WEIR_INVALID, "a command id has at most %d bytes", WEIRI_ID_MOST);
    if (status == WEIR_OK)
        status = weiri_log_state(c->config.log, err);
    if (status == WEIR_OK && weiri_log_shared(c->config.log))
        return submit_to_front(c, submit, err);
    if (status != WEIR_OK)
        return status;
    weiri_request request = { .kind = WEIRI_REQUEST_COMMAND,
        .client_id = submit->client_id,
        .expect = submit->expect,
        .source_size = (uint16_t)submit->source.size,
        .type = submit->type->number,
        .headers_size = (uint32_t)submit->headers.size,
        .payload_size = (uint32_t)submit->payload.size,
        .payload_hash = weiri_hash64(0, submit->payload.data, submit->payload.size),
        .expected_version = submit->expected_version,
        .sequence = submit->sequence,
        .previous = submit->previous,
        .fingerprint = submit->fingerprint,
        .done = submit->done,
        .user = submit->user };
    const weiri_bytes pieces[] = { submit->source, submit->headers, submit->payload };
    return send(c, &request, submit->type->aggregate, submit->key, submit->id, pieces, submit->timeout_ms, err);
}

static weir_status
ask(weiri_commands *c, weiri_request_kind kind, uint16_t aggregate, weiri_bytes key, weiri_bytes id, weiri_answer_fn *done, void *user,
    weir_error *err)
{
    weiri_request request = { .kind = (uint8_t)kind, .type = aggregate, .done = done, .user = user };
    const weiri_bytes nothing[3] = { { 0 } };

    weiri_assert(aggregate < weiri_schema_aggregates(c->config.schema));
    if (weiri_key_valid(key) && weiri_commands_lane(c, weiri_partition_of(key, c->partitions), NULL) != WEIRI_LANE_SERVING)
        return weiri_error_set(err, WEIR_FENCED, WEIRI_FENCED_WORDS);
    return send(c, &request, aggregate, key, id, nothing, 0, err);
}

weir_status
weiri_commands_ask_state(weiri_commands *c, uint16_t aggregate, weiri_bytes key, weiri_answer_fn *done, void *user, weir_error *err)
{
    return ask(c, WEIRI_REQUEST_STATE, aggregate, key, (weiri_bytes){ 0 }, done, user, err);
}

weir_status
weiri_commands_ask_outcome(
    weiri_commands *c, uint16_t aggregate, weiri_bytes key, weiri_bytes id, weiri_answer_fn *done, void *user, weir_error *err)
{
    return ask(c, WEIRI_REQUEST_LOOKUP, aggregate, key, id, done, user, err);
}

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
