/* SPDX-License-Identifier: Apache-2.0
 * A lane's side of a checkpoint. It notes where it stands and copies its window and sources; then, a slice between batches, the
 * states that were dirty at that moment, each as it is by now (replay skips what a state already has). A slice leaves for the
 * writer only when the last batch it could know of is durable. Keys: S aggregate key, W number, N name, Q. */
#include "base/assert.h"
#include "command/lane.h"
#include "command/lane_rows.h"
#include "base/memory.h"

static void
add_state_row(weiri_buffer *rows, const weiri_state_entry *entry)
{
    uint8_t key[WEIRI_STATE_KEY_MOST];
    const weiri_state_row row = { entry->version, entry->last_source, entry->last_offset, entry->last_index, 0 };

    size_t key_size = weiri_state_row_key(entry->aggregate, (weiri_bytes){ entry->key, entry->key_size }, key);
    size_t begun = weiri_checkpoint_row_begin(rows, (weiri_bytes){ key, key_size });
    weiri_buffer_add(rows, &row, sizeof row);
    size_t size = protobuf_c_message_get_packed_size(entry->state);
    (void)protobuf_c_message_pack(entry->state, weiri_buffer_extend(rows, size));
    weiri_checkpoint_row_end(rows, begun);
}

static void
add_window_rows(weiri_buffer *rows, const weiri_window *window)
{
    for (uint32_t i = 0; i < window->count;) {
        uint32_t number = i / WEIRI_WINDOW_ROW;
        const uint8_t key[] = { 'W', (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number };
        size_t begun = weiri_checkpoint_row_begin(rows, (weiri_bytes){ key, sizeof key });
        do
            weiri_buffer_add(rows, weiri_window_at(window, i), sizeof(weiri_window_entry));
        while (++i < window->count && i % WEIRI_WINDOW_ROW != 0);
        weiri_checkpoint_row_end(rows, begun);
    }
}

static void
add_source_rows(weiri_buffer *rows, const weiri_sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        const weiri_source *source = sources->all[i];
        const weiri_source_row row = { source->last, source->fingerprint };
        uint8_t key[1 + WEIRI_SOURCE_NAME_MOST] = { 'N' };
        memcpy(key + 1, source->name, source->name_size);
        size_t begun = weiri_checkpoint_row_begin(rows, (weiri_bytes){ key, (size_t)1 + source->name_size });
        weiri_buffer_add(rows, &row, sizeof row);
        weiri_checkpoint_row_end(rows, begun);
    }
}

/* Memory is short, and half of what is there could not go. */
static bool
due_for_room(const weiri_lane *lane)
{
    const weiri_states *states = &lane->states;
    const weiri_world *world = lane->commands->config.world;

    return states->bytes > states->limit - states->limit / 4 && states->n_dirty > 0 && states->n_dirty >= states->count / 2 &&
           (lane->checkpoint.again_us == 0 || world->monotonic_us(world) >= lane->checkpoint.again_us);
}

/* One row, always there, so that what is released leaves nothing behind. */
static void
add_held_row(weiri_buffer *rows, const weiri_quarantine *quarantine)
{
    size_t begun = weiri_checkpoint_row_begin(rows, weiri_bytes_of("Q"));

    weiri_quarantine_write(quarantine, rows);
    weiri_checkpoint_row_end(rows, begun);
}

static bool
due(const weiri_lane *lane)
{
    const weiri_lane_checkpoint *checkpoint = &lane->checkpoint;

    if (atomic_load(&lane->failed))
        return false;
    if (atomic_load(&lane->commands->stopping))
        return checkpoint->commands != lane->next_command;
    return checkpoint->since >= lane->commands->config.checkpoint_events || due_for_room(lane);
}

static void
begin(weiri_lane *lane)
{
    weiri_lane_checkpoint *checkpoint = &lane->checkpoint;
    weiri_slice *slice = &checkpoint->slice;
    weiri_states *states = &lane->states;
    const weiri_log_identity *identity = weiri_log_identity_of(lane->commands->config.log);

    slice->first = true;
    slice->last = slice->abandon = false;
    slice->clear = checkpoint->clear;
    slice->meta = (weiri_checkpoint_meta){ .format = WEIRI_CHECKPOINT_FORMAT,
        .partition = lane->partition,
        .partitions = identity->partitions,
        .window = lane->window.most,
        .log_id = identity->id,
        .fingerprint = weiri_checkpoints_fingerprint(lane->commands->checkpoints),
        .from_event = lane->next_event,
        .from_outcome = lane->next_outcome,
        .next_command = lane->next_command,
        .time_ms = lane->time_ms,
        .window_entries = lane->window.count,
        .sources = (uint32_t)lane->sources.count,
        .held = lane->quarantine.count,
        .states = states->known };
    weiri_buffer_clear(&slice->rows);
    add_window_rows(&slice->rows, &lane->window);
    add_source_rows(&slice->rows, &lane->sources);
    add_held_row(&slice->rows, &lane->quarantine);
    checkpoint->list = states->dirty;
    checkpoint->n = states->n_dirty;
    checkpoint->at = 0;
    states->dirty = NULL;
    states->n_dirty = states->dirty_room = 0;
    states->n_running = checkpoint->n;
    checkpoint->number++;
    checkpoint->since = 0;
    checkpoint->commands = lane->next_command;
    checkpoint->closing = atomic_load(&lane->commands->stopping);
}

static uint64_t
later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void
pack(weiri_lane *lane)
{
    weiri_lane_checkpoint *checkpoint = &lane->checkpoint;
    weiri_slice *slice = &checkpoint->slice;
    size_t most = slice->rows.size + lane->commands->config.checkpoint_slice;

    while (checkpoint->at < checkpoint->n && slice->rows.size < most) {
        weiri_state_entry *entry = checkpoint->list[checkpoint->at++];
        entry->dirty = false;
        entry->packed_in = checkpoint->number;
        add_state_row(&slice->rows, entry);
    }
    slice->last = checkpoint->at == checkpoint->n;
    slice->meta.end_event = later(lane->next_event, checkpoint->loaded_event);
    slice->meta.end_outcome = later(lane->next_outcome, checkpoint->loaded_outcome);
    checkpoint->after = lane->handed;
    checkpoint->phase = WEIRI_CHECKPOINT_AWAIT;
}

static void
end(weiri_lane *lane, bool failed)
{
    enum { AGAIN_US = 1000000 };
    weiri_lane_checkpoint *checkpoint = &lane->checkpoint;
    const weiri_world *world = lane->commands->config.world;

    if (failed) {
        weiri_states_put_back(&lane->states, checkpoint->list, checkpoint->n, checkpoint->at);
        checkpoint->again_us = world->monotonic_us(world) + AGAIN_US;
        if (!checkpoint->closing) /* so that closing tries again, once, although no command has come since */
            checkpoint->commands = UINT64_MAX;
        lane->counted.checkpoints_failed++;
    } else {
        lane->states.committed = checkpoint->number;
        checkpoint->clear = false;
        checkpoint->again_us = 0;
        lane->counted.checkpoints++;
        lane->counted.checkpoint_offset = checkpoint->slice.meta.from_event;
    }
    lane->states.n_running = 0;
    weiri_release(checkpoint->list);
    checkpoint->list = NULL;
    checkpoint->n = checkpoint->at = 0;
    weiri_buffer_fini(&checkpoint->slice.rows);
    checkpoint->phase = WEIRI_CHECKPOINT_IDLE;
    weiri_checkpoints_release(lane->commands->checkpoints, lane->partition);
    weiri_lane_publish(lane);
}

bool
weiri_lane_checkpoint_now(weiri_lane *lane)
{
    weiri_checkpoints *checkpoints = lane->commands->checkpoints;
    weiri_slice *slice = &lane->checkpoint.slice;

    for (;;) {
        uint64_t seen = weiri_signal_count(lane->wake);
        if (weiri_checkpoints_claim(checkpoints, lane->partition, lane->wake))
            break;
        (void)weiri_signal_wait(lane->wake, seen, -1);
    }
    begin(lane);
    for (;;) {
        pack(lane);
        weiri_checkpoints_write_here(checkpoints, slice);
        if (slice->failed || slice->last)
            break;
        slice->first = false;
        weiri_buffer_clear(&slice->rows);
    }
    bool failed = slice->failed;
    end(lane, failed);
    return !failed;
}

bool
weiri_lane_checkpoint_step(weiri_lane *lane)
{
    weiri_lane_checkpoint *checkpoint = &lane->checkpoint;
    weiri_slice *slice = &checkpoint->slice;

    switch (checkpoint->phase) {
    case WEIRI_CHECKPOINT_IDLE:
        if (!due(lane) || !weiri_checkpoints_claim(lane->commands->checkpoints, lane->partition, lane->wake))
            return false;
        begin(lane);
        pack(lane);
        return true;
    case WEIRI_CHECKPOINT_PACK:
        slice->first = false;
        weiri_buffer_clear(&slice->rows);
        pack(lane);
        return true;
    case WEIRI_CHECKPOINT_AWAIT:
        slice->abandon = atomic_load(&lane->failed);
        if (!slice->abandon && atomic_load(&lane->durable) < checkpoint->after)
            return false;
        checkpoint->phase = WEIRI_CHECKPOINT_WRITE;
        weiri_checkpoints_write(lane->commands->checkpoints, slice);
        return true;
    case WEIRI_CHECKPOINT_WRITE:
        if (atomic_load(&slice->busy))
            return false;
        if (slice->failed || slice->last)
            end(lane, slice->failed);
        else
            checkpoint->phase = WEIRI_CHECKPOINT_PACK;
        return true;
    }
    return false;
}

bool
weiri_lane_checkpoint_idle(const weiri_lane *lane)
{
    return lane->checkpoint.phase == WEIRI_CHECKPOINT_IDLE && !due(lane);
}
