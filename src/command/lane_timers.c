/* SPDX-License-Identifier: Apache-2.0
 * A lane's timers: kept while steps set them, and fired when lane time has come, by a command that the lane sends itself. It counts only
 * if that very timer is still pending and due, so early, late and double firings do no harm. Thread: the lane's. */
#include "base/hash.h"
#include "command/lane_stage.h"
#include <inttypes.h>
#include <stdio.h>

enum { AGAIN_MS = 1000, SENT_AGAIN_MS = 5000, A_TURN = 4096, SLEEP_MOST_MS = 1000 };

void
weiri_lane_timers_note(weiri_lane *lane, uint16_t aggregate, weiri_bytes key, size_t n, Weir__PendingTimer *const *pending)
{
    for (size_t i = 0; i < n; i++)
        weiri_timer_heap_add(&lane->processes.timers, pending[i]->due_ms, aggregate, weiri_states_hash(aggregate, key), key,
            pending[i]->name, pending[i]->set_by);
}

static weiri_bytes
key_of(const weiri_pending_timer *timer)
{
    return (weiri_bytes){ timer->names + timer->name_size + 1, timer->key_size };
}

/* Is it still pending? *ret_due_ms: since when it is due. Errors: the instance can't be read now. */
static weir_status
look(weiri_lane *lane, const weiri_pending_timer *timer, bool *ret_pending, int64_t *ret_due_ms)
{
    weiri_state_entry *entry;
    weir_status status = weiri_lane_find(lane, timer->hash, timer->aggregate, key_of(timer), &entry);

    *ret_pending = false;
    if (status != WEIR_OK || entry == NULL)
        return status;
    const Weir__ProcessInstance *instance = (const Weir__ProcessInstance *)(const void *)entry->state;
    for (size_t i = 0; i < instance->n_timers; i++)
        if (instance->timers[i]->set_by == timer->set_by && strcmp(instance->timers[i]->name, timer->names) == 0) {
            *ret_pending = true;
            *ret_due_ms = instance->timers[i]->due_ms;
        }
    return WEIR_OK;
}

bool
weiri_lane_timer_pending(weiri_lane *lane, const weiri_pending_timer *timer, int64_t *ret_due_ms)
{
    bool pending;

    return look(lane, timer, &pending, ret_due_ms) == WEIR_OK && pending;
}

static weiri_request *
request_of(weiri_lane *lane, const weiri_pending_timer *timer, int64_t due_ms, weiri_bytes *ret_id)
{
    const weiri_schema *schema = lane->commands->config.schema;
    const weiri_type *type = weiri_schema_step(schema, timer->aggregate);
    weiri_buffer *to = &lane->processes.request;
    Weir__StepProcess step = WEIR__STEP_PROCESS__INIT;
    weiri_bytes key = key_of(timer);
    char id[WEIRI_ID_MOST];

    step.process = (char *)(uintptr_t)type->process->name;
    step.instance = (char *)(uintptr_t)key.data;
    step.kind = WEIR__STEP_PROCESS__KIND__TIMER;
    step.name = (char *)(uintptr_t)timer->names;
    step.set_by = timer->set_by;
    step.due_ms = due_ms;
    int id_size = snprintf(id, sizeof id, "%s-%" PRIu64, timer->names, timer->set_by);
    size_t size = weir__step_process__get_packed_size(&step);
    const size_t scope = (size_t)timer->key_size + 1 + (size_t)id_size;
    weiri_buffer_clear(to);
    weiri_request *request = weiri_buffer_extend(to, sizeof *request + scope + size);
    uint8_t *at = (uint8_t *)(request + 1);
    memcpy(at, key.data, key.size + 1);
    memcpy(at + key.size + 1, id, (size_t)id_size);
    (void)weir__step_process__pack(&step, at + scope);
    *request = (weiri_request){ .kind = WEIRI_REQUEST_COMMAND,
        .key_size = timer->key_size,
        .id_size = (uint16_t)id_size,
        .type = type->number,
        .payload_size = (uint32_t)size,
        .aggregate_hash = timer->hash,
        .payload_hash = weiri_hash64(lane->commands->type_hashes[type->number], at + scope, size),
        .id_hash = weiri_window_hash(timer->aggregate, (weiri_bytes){ at, scope }) };
    *ret_id = (weiri_bytes){ at + key.size + 1, (size_t)id_size };
    return request;
}

static void
was_sent(void *user, weir_status status, uint64_t offset, const weir_error *err)
{
    (void)user;
    (void)status;
    (void)offset;
    (void)err; /* what was not stored is sent again later */
}

/* On a shared log the command goes the way of all others, and comes back. */
static void
send(weiri_lane *lane, const weiri_request *request, weiri_bytes id)
{
    const weiri_type *type = weiri_schema_type(lane->commands->config.schema, request->type);
    const uint8_t *at = (const uint8_t *)(request + 1);
    const weiri_record record = { .kind = WEIRI_RECORD_COMMAND,
        .type = weiri_bytes_of(type->descriptor->name),
        .key = { at, request->key_size },
        .id = id,
        .payload = { at + request->key_size + 1 + request->id_size, request->payload_size } };
    weir_error err;

    weir_status status = weiri_log_send(lane->commands->config.log, lane->partition, &record, was_sent, NULL, &err);
    (void)status; /* without room, later */
}

/* Fires it if it counts. False: it does not, for ever. */
static bool
fire(weiri_lane *lane, const weiri_pending_timer *timer, int64_t now_ms)
{
    bool pending;
    int64_t due_ms = 0;
    weiri_bytes id;
    const weiri_quarantine *quarantine = &lane->quarantine;

    if (look(lane, timer, &pending, &due_ms) != WEIR_OK)
        return true;
    if (!pending)
        return false;
    if (due_ms > now_ms ||
        (quarantine->aggregates > 0 && weiri_quarantine_of_key(quarantine, timer->hash, timer->aggregate, key_of(timer)) != NULL))
        return true;
    weiri_request *request = request_of(lane, timer, due_ms, &id);
    if (lane->share.on) {
        send(lane, request, id);
        return true;
    }
    weiri_lane_take(lane, request);
    lane->processes.timers.fired++;
    /* Rarely, still so: the step was refused, or failed and holds its instance. */
    return look(lane, timer, &pending, &due_ms) != WEIR_OK || pending;
}

bool
weiri_lane_fire_timers(weiri_lane *lane)
{
    weiri_timer_heap *timers = &lane->processes.timers;
    const weiri_world *world = lane->commands->config.world;
    bool moved = false;

    if (timers->n == 0 || atomic_load_explicit(&lane->failed, memory_order_relaxed))
        return false;
    /* Lane time as the command will have it: a batch that has begun keeps its own. */
    int64_t now_ms = world->time_ms(world);
    if (now_ms < lane->time_ms || (lane->filling->count > 0 && !lane->share.on))
        now_ms = lane->time_ms;
    for (unsigned n = 0; n < A_TURN && timers->n > 0 && timers->slots[0].at_ms <= now_ms && !weiri_lane_batch_full(lane); n++) {
        int64_t at_ms;
        weiri_pending_timer *timer = weiri_timer_heap_take(timers, &at_ms);
        moved = true;
        if (fire(lane, timer, now_ms))
            weiri_timer_heap_return(timers, now_ms + (lane->share.on ? SENT_AGAIN_MS : AGAIN_MS), timer);
        else
            weiri_release(timer);
    }
    return moved;
}

int64_t
weiri_lane_timers_wait_ms(const weiri_lane *lane)
{
    const weiri_timer_heap *timers = &lane->processes.timers;
    const weiri_world *world = lane->commands->config.world;

    if (timers->n == 0 || weiri_lane_life_of(lane) != WEIRI_LANE_SERVING || atomic_load_explicit(&lane->failed, memory_order_relaxed))
        return -1;
    int64_t now_ms = world->time_ms(world), at_ms = timers->slots[0].at_ms;
    if (at_ms <= now_ms)
        return 1;
    return at_ms - now_ms < SLEEP_MOST_MS ? at_ms - now_ms : SLEEP_MOST_MS; /* the clock may be set meanwhile */
}
