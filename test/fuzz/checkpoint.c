/* SPDX-License-Identifier: Apache-2.0
 * Rows of a checkpoint into a lane's memory. An input is rows: u8 key size, u16 value size (little-endian), key, value. What a row says is
 * found again, a row that is refused adds no aggregate, and nothing grows beyond its bound. */
#include "command/lane.h"
#include "command/lane_rows.h"
#include "fuzz.h"

enum { WINDOW = 64 };

static void
check_state(const weiri_lane *lane, weiri_bytes key, weiri_bytes value)
{
    const uint8_t *at = key.data;
    uint16_t aggregate = (uint16_t)(at[1] << 8 | at[2]);
    weiri_bytes name = { at + 3, key.size - 3 };
    weiri_state_row row;

    const weiri_state_entry *entry = weiri_states_find(&lane->states, weiri_states_hash(aggregate, name), aggregate, name);
    memcpy(&row, value.data, sizeof row);
    weiri_assert(entry != NULL && entry->state != NULL && entry->version == row.version && entry->last_offset == row.last_offset);
    weiri_assert(weiri_bytes_equal((weiri_bytes){ entry->key, entry->key_size }, name));
}

/* A table has each key once; a state is added for a key that isn't there. */
static bool
is_known(const weiri_lane *lane, weiri_bytes key)
{
    const uint8_t *at = key.data;

    if (at[0] != 'S' || key.size < 4)
        return false;
    uint16_t aggregate = (uint16_t)(at[1] << 8 | at[2]);
    weiri_bytes name = { at + 3, key.size - 3 };
    return weiri_states_find(&lane->states, weiri_states_hash(aggregate, name), aggregate, name) != NULL;
}

static void
load(weiri_lane *lane, weiri_bytes key, weiri_bytes value)
{
    size_t states = lane->states.count, sources = lane->sources.count, window = lane->window.count;
    uint32_t held = lane->quarantine.count;

    if (key.size == 0 || is_known(lane, key))
        return;
    char kind = *(const char *)key.data;
    weir_status status = weiri_lane_load_row(lane, key, value);
    weiri_assert(status == WEIR_OK || status == WEIR_CORRUPT);
    weiri_assert(lane->states.count == states + (status == WEIR_OK && kind == 'S'));
    weiri_assert(lane->sources.count == sources || (status == WEIR_OK && kind == 'N'));
    weiri_assert(lane->window.count == window || (status == WEIR_OK && kind == 'W' && lane->window.count <= WINDOW));
    weiri_assert(lane->quarantine.count == held || (kind == 'Q' && lane->quarantine.count <= WEIRI_HELD_MOST));
    if (status == WEIR_OK && kind == 'S')
        check_state(lane, key, value);
    if (status == WEIR_OK && kind == 'N') {
        weiri_bytes name = { (const char *)key.data + 1, key.size - 1 };
        weiri_assert(weiri_sources_find(&lane->sources, name) != NULL);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weiri_commands commands = { .config = { .schema = fuzz_schema(), .window = WINDOW } };
    weiri_lane lane = { .commands = &commands };
    uint16_t value_size;

    weiri_states_init(&lane.states, commands.config.schema, SIZE_MAX);
    weiri_window_init(&lane.window, WINDOW);
    weiri_sources_init(&lane.sources);
    while (size > 3) {
        size_t key_size = data[0];
        memcpy(&value_size, data + 1, sizeof value_size);
        data += 3;
        size -= 3;
        if (key_size + value_size > size)
            break;
        load(&lane, (weiri_bytes){ data, key_size }, (weiri_bytes){ data + key_size, value_size });
        data += key_size + value_size;
        size -= key_size + value_size;
    }
    for (uint32_t i = 0; i < lane.window.count; i++)
        weiri_assert(weiri_window_find(&lane.window, weiri_window_at(&lane.window, i)->id) != NULL);
    weiri_quarantine_fini(&lane.quarantine);
    weiri_sources_fini(&lane.sources);
    weiri_window_fini(&lane.window);
    weiri_states_fini(&lane.states);
    return 0;
}
