/* SPDX-License-Identifier: Apache-2.0
 * Open addressing with linear probing over 16-byte slots, at most half full; entries in blocks of a megabyte. */
#include "command/states.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include <stdlib.h>

enum { SLOTS_FIRST = 1024, BLOCK_SIZE = 1 << 20 };

struct weiri_states_block {
    weiri_states_block *next;
    max_align_t bytes[];
};

void
weiri_states_init(weiri_states *states, const weiri_schema *schema)
{
    size_t aggregates = weiri_schema_aggregates(schema);

    *states = (weiri_states){ .schema = schema, .mask = SLOTS_FIRST - 1 };
    states->slots = weiri_allocate(SLOTS_FIRST * sizeof *states->slots);
    states->bytes = SLOTS_FIRST * sizeof *states->slots;
    states->empty = weiri_allocate(aggregates * sizeof(ProtobufCMessage *));
    for (size_t i = 0; i < aggregates; i++) {
        const ProtobufCMessageDescriptor *descriptor = weiri_schema_state(schema, i)->descriptor;
        states->empty[i] = weiri_allocate(descriptor->sizeof_message);
        protobuf_c_message_init(descriptor, states->empty[i]);
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
        weiri_release(states->empty[i]);
    weiri_release(states->empty);
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

static weiri_state_entry *
entry_allocate(weiri_states *states, size_t key_size)
{
    size_t size = (sizeof(weiri_state_entry) + key_size + 1 + 15) & ~(size_t)15;

    if (states->blocks == NULL || states->block_used + size > BLOCK_SIZE) {
        weiri_states_block *block = weiri_allocate(sizeof *block + BLOCK_SIZE);
        block->next = states->blocks;
        states->blocks = block;
        states->block_used = 0;
        states->bytes += BLOCK_SIZE;
    }
    weiri_state_entry *entry = (weiri_state_entry *)((uint8_t *)states->blocks->bytes + states->block_used);
    states->block_used += size;
    return entry;
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
    weiri_state_entry *entry = entry_allocate(states, key.size);
    entry->state = state;
    entry->hash = hash;
    entry->aggregate = aggregate;
    entry->key_size = (uint8_t)key.size;
    memcpy(entry->key, key.data, key.size);
    put(states->slots, states->mask, (weiri_states_slot){ hash, entry });
    states->count++;
    states->bytes += descriptor->sizeof_message;
    return entry;
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
weiri_states_mark_all(weiri_states *states)
{
    states->n_dirty = 0; /* the list anew: a dirty state may be in another, which a checkpoint that failed has left */
    for (size_t i = 0; i <= states->mask; i++) {
        weiri_state_entry *entry = states->slots[i].entry;
        if (entry == NULL)
            continue;
        entry->dirty = false;
        weiri_states_mark(states, entry);
    }
}
