/* SPDX-License-Identifier: Apache-2.0
 * Recovery of a lane: the newest checkpoint that fits, then the tail of events and outcomes, merged by source. Commands are not
 * read: whatever counts stands in what they left. A checkpoint that the tail contradicts is dropped and all replayed; a
 * contradiction in the log itself is CORRUPT. Thread: the one that recovers the lane, before the lane's own starts. */
#include "base/assert.h"
#include "base/hash.h"
#include "command/lane.h"
#include <inttypes.h>
#include <string.h>

/* ---- the checkpoint ------------------------------------------------------------------------------------- */

/* True: loaded, and the lane stands where *ret_meta says. */
static bool
load_checkpoint(weiri_lane *lane, weiri_checkpoint_meta *ret_meta)
{
    bool found;

    weiri_checkpoints_load(lane->commands->checkpoints, lane->partition, lane->window.most, weiri_lane_load_row, lane, ret_meta, &found);
    if (!found || lane->states.known != ret_meta->states || lane->window.count != ret_meta->window_entries ||
        lane->sources.count != ret_meta->sources || lane->quarantine.count != ret_meta->held)
        return false;
    lane->next_command = ret_meta->next_command;
    lane->next_event = ret_meta->from_event;
    lane->next_outcome = ret_meta->from_outcome;
    lane->time_ms = ret_meta->time_ms;
    lane->checkpoint.loaded_event = ret_meta->end_event;
    lane->checkpoint.loaded_outcome = ret_meta->end_outcome;
    return true;
}

/* ---- the tail ------------------------------------------------------------------------------------------- */

typedef struct tail {
    weiri_lane *lane;
    weiri_topic topic;
    weiri_chunk chunk;
    weiri_record record;
    uint64_t offset, next, end;
    bool have;
} tail;

static weir_status
tail_next(tail *t, weir_error *err)
{
    weiri_log *log = t->lane->commands->config.log;
    weir_status status = WEIR_OK;

    for (;;) {
        t->have = t->chunk.bytes.size > 0 && weiri_chunk_next(&t->chunk, &t->record, &t->offset, &status);
        if (status != WEIR_OK)
            return weiri_error_set(
                err, status, "%s[%u] at %" PRIu64 ": a record that can't be read", weiri_topic_name(t->topic), t->lane->partition, t->next);
        if (t->have && t->offset < t->next)
            continue; /* the batch began before the offset asked for */
        if (t->have) {
            if (t->offset != t->next)
                return weiri_error_set(err, WEIR_CORRUPT, "%s[%u]: offset %" PRIu64 " follows %" PRIu64, weiri_topic_name(t->topic),
                    t->lane->partition, t->offset, t->next);
            t->next++;
            return WEIR_OK;
        }
        if (t->next >= t->end)
            return WEIR_OK;
        if (weiri_lane_share_lost(t->lane))
            return weiri_error_set(err, WEIR_CLOSED, "partition %u was given to another process", t->lane->partition);
        status = weiri_log_read(log, t->topic, t->lane->partition, t->next, &t->chunk, err);
        if (status != WEIR_OK)
            return status;
        if (t->chunk.bytes.size == 0)
            return weiri_error_set(err, WEIR_CORRUPT, "%s[%u]: nothing at %" PRIu64 ", but the end is %" PRIu64, weiri_topic_name(t->topic),
                t->lane->partition, t->next, t->end);
    }
}

typedef struct replay {
    weiri_lane *lane;
    tail events, outcomes;
    bool from_checkpoint;
    bool stale; /* the tail contradicts the checkpoint */
    bool open;  /* a decision whose last event has not come */
    uint32_t next_index;
    bool remembers;
    weiri_window_entry entry; /* of the open decision */
    weiri_buffer scope;
} replay;

static weir_status
contradiction(replay *r, const tail *t, const char *what, weir_error *err)
{
    r->stale = r->from_checkpoint;
    return weiri_error_set(err, WEIR_CORRUPT, "%s[%u] at %" PRIu64 " (%.*s %.*s): %s", weiri_topic_name(t->topic), r->lane->partition,
        t->offset, (int)t->record.aggregate.size, (const char *)t->record.aggregate.data, (int)t->record.key.size,
        (const char *)t->record.key.data, what);
}

static weir_status
aggregate_of(replay *r, const tail *t, uint16_t *ret_aggregate, weir_error *err)
{
    int found = weiri_schema_aggregate_find(r->lane->commands->config.schema, t->record.aggregate);

    if (found < 0)
        return weiri_error_set(err, WEIR_INVALID, "%s[%u] at %" PRIu64 ": aggregate '%.*s' is not in this module",
            weiri_topic_name(t->topic), r->lane->partition, t->offset, (int)t->record.aggregate.size,
            (const char *)t->record.aggregate.data);
    *ret_aggregate = (uint16_t)found;
    return WEIR_OK;
}

static bool
remembered(const weiri_record *record)
{
    weiri_bytes hash;

    return (record->flags & WEIRI_RECORD_CLIENT_ID) != 0 && weiri_headers_find(record->headers, WEIRI_HEADER_PAYLOAD_HASH, &hash) &&
           hash.size == sizeof(uint64_t);
}

static void
fold_source(weiri_lane *lane, weiri_bytes name, uint64_t sequence, uint64_t fingerprint)
{
    weiri_source *source = weiri_sources_add(&lane->sources, name, fingerprint);

    weiri_quarantine_settle(&lane->quarantine, name, sequence);
    if (source->last < sequence) /* else it is one that was released */
        source->last = sequence;
}

/* What the first event, or the outcome, says to the window and the sources. */
static void
begin_entry(replay *r, const tail *t, uint16_t aggregate, uint32_t kind)
{
    const weiri_record *record = &t->record;
    weiri_bytes hash, name;
    uint64_t sequence, fingerprint;

    if (r->lane->processes.n > 0)
        weiri_lane_fold_processes(r->lane, record, t->offset);
    r->remembers = remembered(record);
    if (r->remembers) {
        weiri_buffer_clear(&r->scope);
        weiri_buffer_add_bytes(&r->scope, record->key);
        weiri_buffer_add_char(&r->scope, '\0');
        weiri_buffer_add_bytes(&r->scope, record->id);
        r->entry = (weiri_window_entry){ .id = weiri_window_hash(aggregate, weiri_buffer_bytes(&r->scope)),
            .source = record->source,
            .offset = t->offset,
            .version = record->version,
            .time_ms = record->time_ms,
            .kind = kind };
        (void)weiri_headers_find(record->headers, WEIRI_HEADER_PAYLOAD_HASH, &hash);
        memcpy(&r->entry.payload_hash, hash.data, sizeof(uint64_t));
    }
    if (weiri_headers_find(record->headers, WEIRI_HEADER_SOURCE, &name) && name.size <= WEIRI_SOURCE_NAME_MOST &&
        weiri_headers_find_number(record->headers, WEIRI_HEADER_SEQUENCE, &sequence) &&
        weiri_headers_find_number(record->headers, WEIRI_HEADER_FINGERPRINT, &fingerprint))
        fold_source(r->lane, name, sequence, fingerprint);
}

/* One command's traces begin: they must be those of the next command. */
static weir_status
begin_command(replay *r, const tail *t, weir_error *err)
{
    weiri_lane *lane = r->lane;

    if (r->open)
        return contradiction(r, t, "the decision before it has no last event", err);
    /* On a shared log positions of commands have gaps. */
    if (lane->share.on ? t->record.source < lane->next_command : t->record.source != lane->next_command)
        return contradiction(r, t, "it is not of the command that comes next", err);
    lane->next_command = t->record.source + 1;
    if (t->record.time_ms > lane->time_ms)
        lane->time_ms = t->record.time_ms;
    return WEIR_OK;
}

static bool
chain_holds(const weiri_state_entry *entry, const weiri_record *record)
{
    if (entry == NULL)
        return (record->flags & WEIRI_RECORD_FIRST) != 0 && record->version == 1;
    return (record->flags & WEIRI_RECORD_FIRST) == 0 && record->version == entry->version + 1 &&
           record->previous_source == entry->last_source && record->previous_index == entry->last_index &&
           record->previous_offset == entry->last_offset;
}

static weir_status
fold_event(replay *r, uint16_t aggregate, const weiri_type *type, weir_error *err)
{
    weiri_lane *lane = r->lane;
    const tail *t = &r->events;
    const weiri_record *record = &t->record;
    uint64_t hash = weiri_states_hash(aggregate, record->key);
    weiri_state_entry *entry;

    if (weiri_lane_find(lane, hash, aggregate, record->key, &entry) != WEIR_OK)
        return contradiction(r, t, "its state can't be read from the checkpoint", err);
    if (entry != NULL && r->from_checkpoint && record->version <= entry->version) {
        if (record->version < entry->version || (record->source == entry->last_source && t->offset == entry->last_offset))
            return WEIR_OK; /* the checkpoint's state has it */
        return contradiction(r, t, "the checkpoint has another event at this version", err);
    }
    if (!chain_holds(entry, record))
        return contradiction(r, t, "it doesn't follow its aggregate's last event", err);
    if (entry == NULL) {
        entry = weiri_states_add(&lane->states, hash, aggregate, record->key, NULL);
        lane->states.known++;
    }
    weiri_arena_reset(&lane->arena);
    weir_error cause;
    weir_status status = weiri_lane_evolve(lane, entry, type, record->payload, &cause);
    if (status == WEIR_INVALID) /* the module's fault, whatever the checkpoint says */
        return weiri_error_set(err, status, "%s[%u] at %" PRIu64 " (%.*s %.*s): %s", weiri_topic_name(t->topic), lane->partition, t->offset,
            (int)record->aggregate.size, (const char *)record->aggregate.data, (int)record->key.size, (const char *)record->key.data,
            cause.text);
    if (status != WEIR_OK)
        return contradiction(r, t, cause.text, err);
    entry->version = record->version;
    entry->last_source = record->source;
    entry->last_index = record->index;
    entry->last_offset = t->offset;
    weiri_states_mark(&lane->states, entry);
    return WEIR_OK;
}

static void
remember(replay *r, const tail *t, uint16_t aggregate)
{
    if (!r->remembers)
        return;
    weiri_window_add(&r->lane->window, &r->entry);
    weiri_quarantine_settle_id(&r->lane->quarantine, weiri_states_hash(aggregate, t->record.key), r->entry.id);
}

static weir_status
replay_event(replay *r, weir_error *err)
{
    weiri_lane *lane = r->lane;
    const tail *t = &r->events;
    const weiri_record *record = &t->record;
    const weiri_type *type = weiri_schema_find_of(lane->commands->config.schema, record->type, record->aggregate);
    uint16_t aggregate = 0;

    if (type == NULL || type->kind != WEIRI_TYPE_EVENT)
        return weiri_error_set(err, WEIR_INVALID, "events[%u] at %" PRIu64 ": this module does not know the event type '%.*s'",
            lane->partition, t->offset, (int)record->type.size, (const char *)record->type.data);
    weir_status status = aggregate_of(r, t, &aggregate, err);
    if (status == WEIR_OK && aggregate != type->aggregate)
        status = weiri_error_set(err, WEIR_INVALID, "events[%u] at %" PRIu64 ": %.*s belongs to aggregate %.*s in the log, to %s here",
            lane->partition, t->offset, (int)record->type.size, (const char *)record->type.data, (int)record->aggregate.size,
            (const char *)record->aggregate.data, weiri_schema_aggregate(lane->commands->config.schema, type->aggregate)->name);
    if (status != WEIR_OK)
        return status;
    if (record->index == 0) {
        status = begin_command(r, t, err);
        if (status != WEIR_OK)
            return status;
        begin_entry(r, t, aggregate, WEIRI_WINDOW_EVENTS);
        r->open = true;
    } else if (!r->open || record->index != r->next_index || record->source + 1 != lane->next_command)
        return contradiction(r, t, "it doesn't follow the event before it in its decision", err);
    r->next_index = record->index + 1;
    status = fold_event(r, aggregate, type, err);
    if (status == WEIR_OK && (record->flags & WEIRI_RECORD_LAST) != 0) {
        r->open = false;
        r->entry.events = r->next_index;
        r->entry.version = record->version;
        remember(r, t, aggregate);
    }
    lane->next_event = t->next;
    lane->counted.recovered_events++;
    lane->checkpoint.since++;
    return status;
}

/* Does it matter of which aggregate it is? A command that nobody could read may name any. */
static bool
aggregate_counts(const weiri_record *record)
{
    weiri_bytes original;

    return remembered(record) || weiri_bytes_are(record->type, WEIRI_OUTCOME_QUARANTINED) ||
           weiri_bytes_are(record->type, WEIRI_OUTCOME_RELEASED) ||
           (weiri_bytes_are(record->type, WEIRI_OUTCOME_REJECTED) && weiri_headers_find(record->headers, WEIRI_HEADER_ORIGINAL, &original));
}

static weir_status
replay_outcome(replay *r, weir_error *err)
{
    const tail *t = &r->outcomes;
    uint16_t aggregate = 0;
    bool counts = aggregate_counts(&t->record);
    weir_status status = counts ? aggregate_of(r, t, &aggregate, err) : WEIR_OK;

    if (status == WEIR_OK)
        status = begin_command(r, t, err);
    if (status != WEIR_OK)
        return status;
    bool rejected = weiri_bytes_are(t->record.type, WEIRI_OUTCOME_REJECTED) || weiri_bytes_are(t->record.type, WEIRI_OUTCOME_QUARANTINED);
    begin_entry(r, t, aggregate, rejected ? WEIRI_WINDOW_REJECTED : WEIRI_WINDOW_ACCEPTED);
    remember(r, t, aggregate);
    if (counts)
        weiri_lane_fold_held(r->lane, &t->record, t->offset, aggregate);
    r->lane->next_outcome = t->next;
    return WEIR_OK;
}

/* Between two commands: where states no longer fit into memory, what was replayed so far becomes a checkpoint. If that can't be
 * written, recovery goes on beyond the limit: the lane will wait before it takes commands. */
static void
keep_bounded(replay *r)
{
    weiri_lane *lane = r->lane;

    if (r->open || weiri_lane_has_room(lane) || lane->checkpoint.again_us != 0)
        return;
    weiri_checkpoint_finder_rest(&lane->finder);
    if (weiri_lane_checkpoint_now(lane))
        (void)weiri_lane_has_room(lane);
}

static weir_status
replay_all(replay *r, weir_error *err)
{
    enum { REST = 1024 };
    weiri_lane *lane = r->lane;
    weir_status status = tail_next(&r->events, err);

    if (status == WEIR_OK)
        status = tail_next(&r->outcomes, err);
    for (unsigned n = 1; status == WEIR_OK && (r->events.have || r->outcomes.have); n++) {
        bool event = r->events.have && (!r->outcomes.have || r->events.record.source < r->outcomes.record.source);
        status = event ? replay_event(r, err) : replay_outcome(r, err);
        if (status == WEIR_OK)
            status = tail_next(event ? &r->events : &r->outcomes, err);
        keep_bounded(r);
        if (n % REST == 0)
            weiri_checkpoint_finder_rest(&lane->finder);
    }
    weiri_checkpoint_finder_rest(&lane->finder);
    return status;
}

static tail
tail_of(weiri_lane *lane, weiri_topic topic, uint64_t from)
{
    return (tail){ .lane = lane, .topic = topic, .next = from, .end = weiri_log_end(lane->commands->config.log, topic, lane->partition) };
}

static weir_status
replay_tail(weiri_lane *lane, bool from_checkpoint, bool *ret_stale, weir_error *err)
{
    replay r = { .lane = lane, .from_checkpoint = from_checkpoint };
    weiri_log *log = lane->commands->config.log;

    r.events = tail_of(lane, WEIRI_TOPIC_EVENTS, lane->next_event);
    r.outcomes = tail_of(lane, WEIRI_TOPIC_OUTCOMES, lane->next_outcome);
    weir_status status = replay_all(&r, err);
    /* A shared log's copy holds no commands. */
    uint64_t next = weiri_log_next_command(log, lane->partition);
    uint64_t commands = lane->share.on ? next : weiri_log_end(log, WEIRI_TOPIC_COMMANDS, lane->partition);
    if (status == WEIR_OK && (r.open || lane->next_command != commands || commands != next)) {
        r.stale = from_checkpoint;
        status = weiri_error_set(err, WEIR_CORRUPT,
            "partition %u: outcomes end at command %" PRIu64 ", commands at %" PRIu64 ", the log's position is %" PRIu64, lane->partition,
            lane->next_command, commands, next);
    }
    weiri_chunk_fini(&r.events.chunk);
    weiri_chunk_fini(&r.outcomes.chunk);
    weiri_buffer_fini(&r.scope);
    *ret_stale = r.stale;
    return status;
}

weir_status
weiri_lane_recover(weiri_lane *lane, weir_error *err)
{
    weiri_lane_checkpoint *checkpoint = &lane->checkpoint;
    weiri_checkpoint_meta meta = { 0 };
    bool loaded = load_checkpoint(lane, &meta), stale;

    if (!loaded) {
        weiri_lane_forget(lane);
        meta = (weiri_checkpoint_meta){ 0 };
    }
    checkpoint->clear = !loaded;
    checkpoint->commands = meta.next_command;
    lane->counted.checkpoint_offset = meta.from_event;
    weir_status status = replay_tail(lane, loaded, &stale, err);
    if (status != WEIR_OK && stale) {
        weiri_lane_forget(lane);
        checkpoint->clear = true;
        checkpoint->commands = checkpoint->since = 0;
        lane->counted.recovered_events = lane->counted.checkpoint_offset = 0;
        status = replay_tail(lane, false, &stale, err);
    }
    if (status != WEIR_OK)
        return status;
    weiri_lock_take(&lane->durable_lock);
    for (size_t i = 0; i < lane->sources.count; i++) {
        const weiri_source *source = lane->sources.all[i];
        weiri_bytes name = { source->name, source->name_size };
        weiri_sources_add(&lane->durable_sources, name, source->fingerprint)->last = source->last;
    }
    weiri_lock_give(&lane->durable_lock);
    weiri_lane_publish(lane);
    weiri_lane_begin_positions(lane);
    atomic_store(&lane->processes.retries, lane->quarantine.count > 0);
    return WEIR_OK;
}
