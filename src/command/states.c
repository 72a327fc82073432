/* SPDX-License-Identifier: Apache-2.0
 * Open addressing with linear probing over 16-byte slots, at most half full; entries in blocks of a megabyte, which are kept.
 * Eviction is a clock: a hand goes round the slots, and takes what was not used since it came by last. */
#include "command/states.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "message/weigh.h"
#include <stdlib.h>

enum { SLOTS_FIRST = 1024, BLOCK_SIZE = 1 << 20, ENTRY_STEP = 16 };
_Static_assert((sizeof(weiri_state_entry) + UINT8_MAX + 1) / ENTRY_STEP < WEIRI_STATES_SIZES, "every size has its list");

struct weiri_states_block {
    weiri_states_block *next;
    max_align_t bytes[];
};

void
weiri_states_init(weiri_states *states, const weiri_schema *schema, size_t limit)
{
    size_t aggregates = weiri_schema_aggregates(schema);

    *states = (weiri_states){ .schema = schema, .mask = SLOTS_FIRST - 1, .limit = limit };
    states->slots = weiri_allocate(SLOTS_FIRST * sizeof *states->slots);
    states->bytes = SLOTS_FIRST * sizeof *states->slots;
    states->kinds = weiri_allocate(aggregates * sizeof *states->kinds);
    for (size_t i = 0; i < aggregates; i++) {
        const ProtobufCMessageDescriptor *descriptor = weiri_schema_state(schema, i)->descriptor;
        states->kinds[i] = (weiri_states_kind){ weiri_allocate(descriptor->sizeof_message), weiri_message_flat(descriptor) };
        protobuf_c_message_init(descriptor, states->kinds[i].empty);
    }
}

void
weiri_states_fini(weiri_states *states)
{
    if (states->slots == NULL)
        return;
    for (size_t i = 0; i <= states->mask; i++)
        if (states->slots[i].entry != NULL)
            protobuf_c_message_free_unpacked(states->slots[i].entry->state, NULL);
    while (states->blocks != NULL) {
        weiri_states_block *block = states->blocks;
        states->blocks = block->next;
        weiri_release(block);
    }
    for (size_t i = 0; i < weiri_schema_aggregates(states->schema); i++)
        weiri_release(states->kinds[i].empty);
    weiri_release(states->kinds);
    weiri_release(states->slots);
    weiri_release(states->dirty);
    *states = (weiri_states){ 0 };
}

uint64_t
weiri_states_hash(uint16_t aggregate, weiri_bytes key)
{
    return weiri_hash64(aggregate, key.data, key.size);
}

weiri_state_entry *
weiri_states_find(const weiri_states *states, uint64_t hash, uint16_t aggregate, weiri_bytes key)
{
    for (size_t i = hash & states->mask;; i = (i + 1) & states->mask) {
        weiri_state_entry *entry = states->slots[i].entry;
        if (entry == NULL)
            return NULL;
        if (states->slots[i].hash == hash && entry->aggregate == aggregate && entry->key_size == key.size &&
            memcmp(entry->key, key.data, key.size) == 0)
            return entry;
    }
}

static void
put(weiri_states_slot *slots, size_t mask, weiri_states_slot slot)
{
    size_t i = slot.hash & mask;

    while (slots[i].entry != NULL)
        i = (i + 1) & mask;
    slots[i] = slot;
}

static void
grow(weiri_states *states)
{
    size_t old = states->mask + 1, mask = old * 2 - 1;
    weiri_states_slot *slots = weiri_allocate((mask + 1) * sizeof *slots);

    for (size_t i = 0; i < old; i++)
        if (states->slots[i].entry != NULL)
            put(slots, mask, states->slots[i]);
    weiri_release(states->slots);
    states->slots = slots;
    states->mask = mask;
    states->bytes += old * sizeof *slots;
}

static size_t
entry_size(size_t key_size)
{
    return (sizeof(weiri_state_entry) + key_size + 1 + ENTRY_STEP - 1) / ENTRY_STEP * ENTRY_STEP;
}

static weiri_state_entry *
entry_allocate(weiri_states *states, size_t size)
{
    void **free = &states->free[size / ENTRY_STEP];

    if (*free != NULL) {
        void *entry = *free;
        memcpy(free, entry, sizeof *free);
        memset(entry, 0, size);
        return entry;
    }
    if (states->blocks == NULL || states->block_used + size > BLOCK_SIZE) {
        weiri_states_block *block = weiri_allocate(sizeof *block + BLOCK_SIZE);
        block->next = states->blocks;
        states->blocks = block;
        states->block_used = 0;
    }
    weiri_state_entry *entry = (weiri_state_entry *)((uint8_t *)states->blocks->bytes + states->block_used);
    states->block_used += size;
    return entry;
}

static void
set_bytes(weiri_states *states, weiri_state_entry *entry, size_t bytes)
{
    uint32_t kept = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;

    states->bytes += kept;
    states->bytes -= entry->bytes;
    entry->bytes = kept;
}

static void
weigh(weiri_states *states, weiri_state_entry *entry)
{
    set_bytes(states, entry, entry_size(entry->key_size) + weiri_message_weigh(entry->state));
    entry->grown = 0;
}

weiri_state_entry *
weiri_states_add(weiri_states *states, uint64_t hash, uint16_t aggregate, weiri_bytes key, ProtobufCMessage *state)
{
    const ProtobufCMessageDescriptor *descriptor = weiri_schema_state(states->schema, aggregate)->descriptor;

    weiri_assert(key.size > 0 && key.size <= UINT8_MAX);
    if ((states->count + 1) * 2 > states->mask + 1)
        grow(states);
    if (state == NULL) {
        /* protobuf_c_message_free_unpacked frees it with free: so it is malloc's, as the state functions' parts are. */
        state = weiri_allocate(descriptor->sizeof_message);
        protobuf_c_message_init(descriptor, state);
    }
    weiri_state_entry *entry = entry_allocate(states, entry_size(key.size));
    entry->state = state;
    entry->aggregate = aggregate;
    entry->key_size = (uint8_t)key.size;
    memcpy(entry->key, key.data, key.size);
    put(states->slots, states->mask, (weiri_states_slot){ hash, entry });
    states->count++;
    weigh(states, entry);
    return entry;
}

void
weiri_states_grew(weiri_states *states, weiri_state_entry *entry, size_t event_size)
{
    enum { EVENT = 32, LEAST = 64, PART = 4 }; /* an event that says little may still add an element to a list */

    if (states->kinds[entry->aggregate].flat)
        return;
    size_t grown = entry->grown + event_size + EVENT;
    if (grown > LEAST + entry->bytes / PART) {
        weigh(states, entry);
        return;
    }
    set_bytes(states, entry, entry->bytes + event_size + EVENT);
    entry->grown = (uint32_t)grown;
}

void
weiri_states_mark(weiri_states *states, weiri_state_entry *entry)
{
    if (entry->dirty)
        return;
    entry->dirty = true;
    if (states->n_dirty == states->dirty_room) {
        states->dirty_room = states->dirty_room == 0 ? 1024 : states->dirty_room * 2;
        states->dirty = weiri_reallocate(states->dirty, states->dirty_room * sizeof(weiri_state_entry *));
    }
    states->dirty[states->n_dirty++] = entry;
}

void
weiri_states_put_back(weiri_states *states, weiri_state_entry *const *list, size_t n, size_t taken)
{
    for (size_t i = 0; i < n; i++) {
        if (i >= taken) /* dirty still, and in no list */
            list[i]->dirty = false;
        weiri_states_mark(states, list[i]); /* unless it has changed since, and is in the new list */
    }
}

/* ---- eviction ------------------------------------------------------------------------------------------- */

/* Frees slot i, and moves those behind it that would not be found beyond the gap. */
static void
close_gap(weiri_states *states, size_t i)
{
    weiri_states_slot *slots = states->slots;

    for (size_t k = (i + 1) & states->mask; slots[k].entry != NULL; k = (k + 1) & states->mask) {
        size_t home = slots[k].hash & states->mask;
        if (((k - home) & states->mask) < ((k - i) & states->mask))
            continue; /* it begins its search behind the gap */
        slots[i] = slots[k];
        i = k;
    }
    slots[i] = (weiri_states_slot){ 0 };
}

static void
evict(weiri_states *states, size_t i)
{
    weiri_state_entry *entry = states->slots[i].entry;
    void **free = &states->free[entry_size(entry->key_size) / ENTRY_STEP];

    close_gap(states, i);
    protobuf_c_message_free_unpacked(entry->state, NULL);
    states->bytes -= entry->bytes;
    states->count--;
    states->evicted++;
    memcpy(entry, free, sizeof *free);
    *free = entry;
}

bool
weiri_states_evict(weiri_states *states)
{
    enum { SPARE = 16, SCARCE = 16 };
    const size_t target = states->limit - states->limit / SPARE;
    size_t left = 2 * (states->mask + 1); /* the first round takes the marks of use away */

    while (states->bytes > target) {
        /* An entry in both lists is counted twice: never fewer may go than it says. */
        size_t bound = states->n_dirty + states->n_running;
        if (bound >= states->count || (states->count - bound) * SCARCE < states->count || left == 0)
            return false;
        weiri_state_entry *entry = states->slots[states->hand].entry;
        if (entry != NULL && !entry->used && !entry->dirty && entry->packed_in <= states->committed) {
            evict(states, states->hand); /* the hand stays: another may have moved here */
            continue;
        }
        if (entry != NULL)
            entry->used = false;
        states->hand = (states->hand + 1) & states->mask;
        left--;
    }
    return true;
}
