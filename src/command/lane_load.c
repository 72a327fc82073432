/* SPDX-License-Identifier: Apache-2.0
 * Rows of a lane's checkpoint into its memory: all of them when it is opened, as far as states fit; and later the one of an
 * aggregate that is asked for and was evicted. Thread: the lane's; in recovery the one that recovers it. */
#include "command/lane.h"
#include "command/lane_rows.h"
#include <string.h>

/* Puts an aggregate into memory that is not there. */
static weir_status
add_state(weiri_lane *lane, uint64_t hash, uint16_t aggregate, weiri_bytes name, weiri_bytes value, weiri_state_entry **ret_entry)
{
    const ProtobufCMessageDescriptor *descriptor = weiri_schema_state(lane->commands->config.schema, aggregate)->descriptor;
    weiri_state_row row;

    if (value.size < sizeof row)
        return WEIR_CORRUPT;
    memcpy(&row, value.data, sizeof row);
    ProtobufCMessage *state = protobuf_c_message_unpack(
        descriptor, NULL, value.size - sizeof row, (const uint8_t *)value.data + sizeof row);
    if (state == NULL)
        return WEIR_CORRUPT;
    weiri_state_entry *entry = weiri_states_add(&lane->states, hash, aggregate, name, state);
    entry->version = row.version;
    entry->last_source = row.last_source;
    entry->last_offset = row.last_offset;
    entry->last_index = row.last_index;
    *ret_entry = entry;
    return WEIR_OK;
}

/* Timers are kept whether the instance is or not. */
static bool
note_timers(weiri_lane *lane, uint16_t aggregate, weiri_bytes name, weiri_bytes value)
{
    weiri_bytes packed = { (const uint8_t *)value.data + sizeof(weiri_state_row), value.size - sizeof(weiri_state_row) };

    if (value.size < sizeof(weiri_state_row))
        return false;
    Weir__ProcessInstance *instance = weir__process_instance__unpack(NULL, packed.size, packed.data);
    if (instance == NULL)
        return false;
    weiri_lane_timers_note(lane, aggregate, name, instance->n_timers, instance->timers);
    weir__process_instance__free_unpacked(instance, NULL);
    return true;
}

static weir_status
load_state(weiri_lane *lane, weiri_bytes key, weiri_bytes value)
{
    const uint8_t *at = key.data;
    weiri_state_entry *entry;

    if (key.size < WEIRI_STATE_KEY_HEAD + 1 || key.size > WEIRI_STATE_KEY_MOST)
        return WEIR_CORRUPT;
    uint16_t aggregate = (uint16_t)(at[1] << 8 | at[2]);
    if (aggregate >= weiri_schema_aggregates(lane->commands->config.schema))
        return WEIR_CORRUPT;
    weiri_bytes name = { at + WEIRI_STATE_KEY_HEAD, key.size - WEIRI_STATE_KEY_HEAD };
    lane->states.known++;
    if (weiri_schema_process(lane->commands->config.schema, aggregate) != NULL && !note_timers(lane, aggregate, name, value))
        return WEIR_CORRUPT;
    if (lane->states.bytes > lane->states.limit / 2) /* the rest is for the tail, and for what is asked for first */
        return WEIR_OK;
    return add_state(lane, weiri_states_hash(aggregate, name), aggregate, name, value, &entry);
}

static weir_status
load_window(weiri_lane *lane, weiri_bytes value)
{
    size_t n = value.size / sizeof(weiri_window_entry);

    if (value.size % sizeof(weiri_window_entry) != 0 || lane->window.count + n > lane->window.most)
        return WEIR_CORRUPT;
    for (size_t i = 0; i < n; i++) {
        weiri_window_entry entry;
        memcpy(&entry, (const uint8_t *)value.data + i * sizeof entry, sizeof entry);
        weiri_window_add(&lane->window, &entry);
    }
    return WEIR_OK;
}

static weir_status
load_source(weiri_lane *lane, weiri_bytes name, weiri_bytes value)
{
    weiri_source_row row;

    if (name.size > WEIRI_SOURCE_NAME_MOST || value.size != sizeof row)
        return WEIR_CORRUPT;
    memcpy(&row, value.data, sizeof row);
    weiri_sources_add(&lane->sources, name, row.fingerprint)->last = row.last;
    return WEIR_OK;
}

static weir_status
load_quarantine(weiri_lane *lane, weiri_bytes value)
{
    return weiri_quarantine_read(&lane->quarantine, weiri_schema_aggregates(lane->commands->config.schema), value);
}

weir_status
weiri_lane_load_row(void *lane, weiri_bytes key, weiri_bytes value)
{
    const uint8_t *at = key.data;

    switch (at[0]) {
    case 'S':
        return load_state(lane, key, value);
    case 'W':
        return load_window(lane, value);
    case 'N':
        return load_source(lane, (weiri_bytes){ at + 1, key.size - 1 }, value);
    case 'Q':
        return load_quarantine(lane, value);
    case 'P':
    case 'U':
        return weiri_lane_load_process_row(lane, key, value);
    }
    return WEIR_CORRUPT;
}

weir_status
weiri_lane_find(weiri_lane *lane, uint64_t hash, uint16_t aggregate, weiri_bytes key, weiri_state_entry **ret_entry)
{
    weiri_states *states = &lane->states;
    weiri_state_entry *entry = weiri_states_find(states, hash, aggregate, key);
    uint8_t row_key[WEIRI_STATE_KEY_MOST];
    weiri_bytes value;

    if (entry == NULL && states->known > states->count) {
        size_t size = weiri_state_row_key(aggregate, key, row_key);
        weir_status status = weiri_checkpoints_find(
            lane->commands->checkpoints, &lane->finder, lane->partition, (weiri_bytes){ row_key, size }, &value);
        if (status == WEIR_OK)
            status = add_state(lane, hash, aggregate, key, value, &entry);
        lane->counted.states_loaded += status == WEIR_OK;
        if (status != WEIR_OK && status != WEIR_NOT_FOUND)
            return status;
    } else if (entry != NULL && !entry->used)
        entry->used = true;
    *ret_entry = entry;
    return WEIR_OK;
}
