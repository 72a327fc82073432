/* SPDX-License-Identifier: Apache-2.0
 * The turns of a lane: take what waits, decide it into the batch being filled, hand that over when none is in flight.
 * While one batch commits the next fills; there is no timer and no linger. The log's thread says only `reported`. */
#include "command/lane.h"
#include "base/assert.h"
#include "base/memory.h"
#include <string.h>

static void
reported(weiri_append *append, weir_status status)
{
    weiri_batch *batch = append->user;
    weiri_lane *lane = batch->lane;
    uint64_t number = batch->number; /* the batch is the callback thread's once it is sent */
    weiri_bytes piece = { &batch, sizeof batch };

    weiri_lock_take(&lane->done_lock);
    batch->status = status;
    if (status == WEIR_OK)
        atomic_store(&lane->durable, number);
    else
        atomic_store(&lane->failed, true);
    weir_status sent = weiri_mailbox_send(lane->answers, &piece, 1, 0);
    weiri_assert(sent == WEIR_OK);
    atomic_store(&lane->in_flight, false);
    weiri_signal_raise(lane->wake);
    weiri_lock_give(&lane->done_lock);
}

static void
init_recoverable(weiri_lane *lane)
{
    const weiri_commands_config *config = &lane->commands->config;

    weiri_states_init(&lane->states, config->schema, config->states_bytes / lane->commands->partitions);
    weiri_window_init(&lane->window, lane->commands->config.window);
    weiri_sources_init(&lane->sources);
    weiri_sources_init(&lane->durable_sources);
    weiri_lane_processes_init(lane);
}

static void
fini_recoverable(weiri_lane *lane)
{
    weiri_states_fini(&lane->states);
    weiri_window_fini(&lane->window);
    weiri_sources_fini(&lane->sources);
    weiri_quarantine_fini(&lane->quarantine);
    weiri_sources_fini(&lane->durable_sources);
    weiri_lane_processes_forget(lane);
}

void
weiri_lane_init(weiri_lane *lane, weiri_commands *commands, uint32_t partition, weiri_signal *wake)
{
    const weiri_commands_config *config = &commands->config;

    lane->commands = commands;
    lane->partition = partition;
    lane->wake = wake;
    lane->answers = &commands->answers;
    weiri_mailbox_init(&lane->mailbox, config->queue_bytes, config->queue_items, wake);
    weiri_lock_init(&lane->done_lock);
    weiri_lock_init(&lane->durable_lock);
    lane->allocator = weiri_arena_allocator(&lane->arena);
    for (int i = 0; i < WEIRI_BATCHES; i++) {
        weiri_batch *batch = &lane->batches[i];
        batch->lane = lane;
        batch->pending = weiri_allocate(WEIRI_BATCH_COMMANDS * sizeof *batch->pending);
        batch->append = (weiri_append){ .partition = partition, .done = reported, .user = batch };
    }
    lane->checkpoint.slice.partition = partition;
    lane->checkpoint.slice.wake = wake;
    weiri_lane_share_init(lane);
    init_recoverable(lane);
}

void
weiri_lane_forget(weiri_lane *lane)
{
    weiri_lock_take(&lane->durable_lock);
    fini_recoverable(lane);
    init_recoverable(lane);
    weiri_checkpoint_finder_rest(&lane->finder);
    weiri_lock_give(&lane->durable_lock);
    lane->next_command = lane->next_event = lane->next_outcome = 0;
    lane->checkpoint.loaded_event = lane->checkpoint.loaded_outcome = 0;
    lane->time_ms = 0;
}

void
weiri_lane_fini(weiri_lane *lane)
{
    if (lane->commands == NULL)
        return;
    weiri_lock_take(&lane->done_lock);
    weiri_assert(!atomic_load(&lane->in_flight));
    weiri_lock_give(&lane->done_lock);
    for (int i = 0; i < WEIRI_BATCHES; i++) {
        weiri_batch *batch = &lane->batches[i];
        for (int topic = 0; topic < WEIRI_TOPICS; topic++)
            weiri_staged_fini(&batch->append.topics[topic]);
        weiri_release(batch->pending);
        weiri_release(batch->moved);
        weiri_buffer_fini(&batch->texts);
    }
    fini_recoverable(lane);
    weiri_lane_processes_fini(lane);
    weiri_decision_fini(&lane->decision);
    weiri_arena_fini(&lane->arena);
    weiri_buffer_fini(&lane->headers);
    weiri_buffer_fini(&lane->taken);
    weiri_buffer_fini(&lane->checkpoint.slice.rows);
    weiri_release(lane->checkpoint.list);
    weiri_checkpoint_finder_fini(&lane->finder);
    weiri_mailbox_fini(&lane->mailbox);
    weiri_lane_share_fini(lane);
    weiri_lock_fini(&lane->done_lock);
    weiri_lock_fini(&lane->durable_lock);
}

/* A batch that nobody uses, made empty; NULL: all are being committed or answered. */
static weiri_batch *
free_batch(weiri_lane *lane)
{
    for (int i = 0; i < WEIRI_BATCHES; i++) {
        weiri_batch *batch = &lane->batches[i];
        if (atomic_load(&batch->busy))
            continue;
        for (int topic = 0; topic < WEIRI_TOPICS; topic++)
            weiri_staged_clear(&batch->append.topics[topic]);
        weiri_buffer_clear(&batch->texts);
        batch->count = 0;
        batch->stored = 0;
        batch->n_moved = 0;
        batch->status = WEIR_OK;
        batch->append.base[WEIRI_TOPIC_COMMANDS] = lane->next_command;
        batch->append.base[WEIRI_TOPIC_EVENTS] = lane->next_event;
        batch->append.base[WEIRI_TOPIC_OUTCOMES] = lane->next_outcome;
        batch->number = lane->handed + 1;
        return batch;
    }
    return NULL;
}

static bool
full(const weiri_batch *batch)
{
    size_t bytes = batch->texts.size;

    for (int topic = 0; topic < WEIRI_TOPICS; topic++)
        bytes += batch->append.topics[topic].bytes.size;
    return batch->count == WEIRI_BATCH_COMMANDS || bytes >= WEIRI_APPEND_MOST;
}

/* Lane time of a batch is the world's at its first request: one look at the clock a batch. On a shared log each command brings its
 * own. */
static void
begin_batch(weiri_lane *lane)
{
    const weiri_world *world = lane->commands->config.world;
    int64_t now_ms = lane->share.on ? lane->time_ms : world->time_ms(world);

    if (now_ms > lane->time_ms)
        lane->time_ms = now_ms;
    lane->filling->append.time_ms = lane->time_ms;
    if (lane->processes.n > 0)
        weiri_lane_look_for_moves(lane);
}

enum { AHEAD = WEIRI_AHEAD * 3 / 4, AHEAD_ENTRY = WEIRI_AHEAD / 2, AHEAD_STATE = WEIRI_AHEAD / 4 };
_Static_assert((WEIRI_AHEAD & (WEIRI_AHEAD - 1)) == 0, "the ring is indexed by a mask");

/* Walks some requests in front of the one in hand, so that what it will touch is on its way from memory by then: first its slots,
 * nearer by its entry, then its state. */
static void
look_ahead(weiri_lane *lane)
{
    weiri_bytes item;
    uint32_t n = lane->ahead++;

    if (weiri_mailbox_next(&lane->taken, &lane->ahead_at, &item)) {
        const weiri_request *request = item.data;
        lane->ahead_hash[n % WEIRI_AHEAD] = request->aggregate_hash;
        weiri_states_prefetch(&lane->states, request->aggregate_hash);
        if (request->client_id)
            weiri_window_prefetch(&lane->window, request->id_hash);
    }
    weiri_states_prefetch_entry(&lane->states, lane->ahead_hash[(n - (AHEAD - AHEAD_ENTRY)) % WEIRI_AHEAD]);
    weiri_states_prefetch_state(&lane->states, lane->ahead_hash[(n - (AHEAD - AHEAD_STATE)) % WEIRI_AHEAD]);
}

bool
weiri_lane_batch_full(const weiri_lane *lane)
{
    return full(lane->filling);
}

void
weiri_lane_take(weiri_lane *lane, const weiri_request *request)
{
    if (lane->share.on && !weiri_lane_share_admits(lane, request))
        return;
    if (lane->filling->count == 0)
        begin_batch(lane);
    if (atomic_load_explicit(&lane->failed, memory_order_relaxed))
        weiri_lane_handle_unknown(lane, request);
    else
        weiri_lane_handle(lane, request);
}

bool
weiri_lane_has_room(weiri_lane *lane)
{
    weiri_states *states = &lane->states;

    if (states->bytes <= states->limit || weiri_states_evict(states) || states->bytes <= states->limit)
        return true;
    return states->n_dirty + states->n_running == 0; /* then a checkpoint would not help either */
}

/* Once the log has failed states don't grow; and whoever stops is answered. */
static bool
may_go_on(weiri_lane *lane)
{
    if (lane->states.bytes <= lane->states.limit) /* the ordinary case, of every request */
        return true;
    bool waits = !weiri_lane_has_room(lane) && !atomic_load(&lane->failed) && !atomic_load(&lane->commands->stopping);
    lane->counted.states_waits += waits && !lane->waiting;
    lane->waiting = waits;
    return !waits;
}

/* Requests are taken as long as a batch is in flight; without one, what has been taken once is enough. */
static bool
fill(weiri_lane *lane)
{
    bool in_flight = atomic_load(&lane->in_flight), taken = false, moved = false;

    while (!full(lane->filling) && may_go_on(lane)) {
        weiri_bytes item;
        if (lane->taken_at >= lane->taken.size) {
            weiri_buffer_clear(&lane->taken);
            lane->taken_at = lane->ahead_at = 0;
            if ((taken && !in_flight) || weiri_mailbox_take(&lane->mailbox, &lane->taken) == 0)
                break;
            taken = true;
            for (int i = 0; i < AHEAD; i++)
                look_ahead(lane);
        }
        look_ahead(lane);
        if (!weiri_mailbox_next(&lane->taken, &lane->taken_at, &item))
            continue;
        weiri_lane_take(lane, item.data);
        moved = true;
        if (in_flight && lane->filling->count % 64 == 0 && !atomic_load(&lane->in_flight))
            break;
    }
    return moved;
}

void
weiri_lane_publish(weiri_lane *lane)
{
    weiri_lane_metrics *counted = &lane->counted;
    uint64_t words[WEIRI_METRICS];

    counted->aggregates = lane->states.count;
    counted->aggregates_known = lane->states.known;
    counted->state_bytes = lane->states.bytes;
    counted->state_bytes_limit = lane->states.limit;
    counted->states_evicted = lane->states.evicted;
    counted->window_entries = lane->window.count;
    counted->held = lane->quarantine.count;
    if (lane->processes.n > 0) {
        atomic_store_explicit(&lane->processes.pending, lane->processes.timers.n, memory_order_relaxed);
        atomic_store_explicit(&lane->processes.fired_total, lane->processes.timers.fired, memory_order_relaxed);
    }
    counted->kept_out = lane->quarantine.aggregates;
    counted->window_age_ms = lane->window.count == 0 ? 0 : lane->time_ms - weiri_window_at(&lane->window, 0)->time_ms;
    memcpy(words, counted, sizeof words);
    for (int i = 0; i < WEIRI_METRICS; i++)
        atomic_store_explicit(&lane->shown[i], words[i], memory_order_relaxed);
}

/* The batch leaves: to the log if it has anything to store, else straight to the callback thread. Nothing is in flight, so
 * all that its answers rest on is durable already or in it. */
void
weiri_lane_hand_over(weiri_lane *lane)
{
    weiri_batch *batch = lane->filling;
    weiri_append *append = &batch->append;
    weiri_bytes piece = { &batch, sizeof batch };

    lane->filling = NULL;
    lane->handed = batch->number;
    lane->counted.batches++;
    weiri_lane_publish(lane);
    atomic_store(&batch->busy, true);
    if (batch->stored > 0 && !atomic_load(&lane->failed)) {
        append->next_command = append->last_source + 1;
        atomic_store(&lane->in_flight, true);
        weiri_log_append(lane->commands->config.log, append);
        return;
    }
    if (atomic_load(&lane->failed))
        batch->status = WEIR_IO;
    else
        atomic_store(&lane->durable, batch->number);
    weir_status sent = weiri_mailbox_send(lane->answers, &piece, 1, 0);
    weiri_assert(sent == WEIR_OK);
}

bool
weiri_lane_serve_turn(weiri_lane *lane)
{
    bool moved = false;

    if (lane->filling == NULL)
        lane->filling = free_batch(lane);
    if (lane->filling != NULL) {
        if (lane->processes.n > 0) {
            weiri_lane_route_again(lane);
            moved = weiri_lane_fire_timers(lane);
        }
        moved |= fill(lane);
        if (lane->filling->count > 0 && !atomic_load(&lane->in_flight)) {
            weiri_lane_hand_over(lane);
            moved = true;
        }
    }
    weiri_checkpoint_finder_rest(&lane->finder);
    if (lane->filling == NULL || lane->filling->count == 0)
        moved |= weiri_lane_checkpoint_step(lane);
    return moved;
}

bool
weiri_lane_turn(weiri_lane *lane)
{
    if (lane->share.on)
        return weiri_lane_share_turn(lane);
    if (atomic_load(&lane->failed) && !lane->closed) {
        lane->closed = true;
        weiri_mailbox_close(&lane->mailbox);
    }
    return weiri_lane_serve_turn(lane);
}

bool
weiri_lane_finished(weiri_lane *lane)
{
    size_t items, bytes;

    weiri_mailbox_size(&lane->mailbox, &items, &bytes);
    if (lane->share.on && weiri_lane_life_of(lane) != WEIRI_LANE_AWAY && weiri_lane_life_of(lane) != WEIRI_LANE_HALTED)
        return false;
    return items == 0 && lane->taken_at >= lane->taken.size && (lane->filling == NULL || lane->filling->count == 0) &&
           !atomic_load(&lane->in_flight) && weiri_lane_checkpoint_idle(lane);
}
