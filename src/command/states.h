/* SPDX-License-Identifier: Apache-2.0
 * The aggregates of one partition: where each stands, and its state as a message. An aggregate is here from its first event
 * on. Entries never move. Thread: its lane (recovery: the thread that recovers it). */
#ifndef WEIRI_STATES_H
#define WEIRI_STATES_H

#include "message/schema.h"

typedef struct weiri_state_entry {
    ProtobufCMessage *state; /* its own; never NULL */
    uint64_t hash;
    uint64_t version;
    uint64_t last_source, last_offset; /* its last event: (source, index), and offset in events[p] */
    uint32_t last_index;
    uint16_t aggregate;
    uint8_t key_size;
    bool dirty; /* changed since a checkpoint took it; then it is in the dirty list, once */
    char key[]; /* with a NUL */
} weiri_state_entry;

typedef struct weiri_states_slot {
    uint64_t hash;
    weiri_state_entry *entry; /* NULL: free */
} weiri_states_slot;

typedef struct weiri_states_block weiri_states_block;

typedef struct weiri_states {
    const weiri_schema *schema;
    weiri_states_slot *slots;
    size_t mask, count;
    weiri_states_block *blocks; /* the memory of the entries */
    size_t block_used;
    size_t bytes;             /* of slots, entries and the states' own structs */
    ProtobufCMessage **empty; /* an untouched state of each aggregate */
    weiri_state_entry **dirty;
    size_t n_dirty, dirty_room;
} weiri_states;

void weiri_states_init(weiri_states *states, const weiri_schema *schema);
void weiri_states_fini(weiri_states *states);

uint64_t weiri_states_hash(uint16_t aggregate, weiri_bytes key);

static inline void
weiri_states_prefetch(const weiri_states *states, uint64_t hash)
{
    __builtin_prefetch(&states->slots[hash & states->mask]);
}

/* Some time after the slot: what it points to; some time after that: the entry's state. Only what lies in its home slot. */
static inline void
weiri_states_prefetch_entry(const weiri_states *states, uint64_t hash)
{
    const weiri_states_slot *slot = &states->slots[hash & states->mask];

    if (slot->hash == hash && slot->entry != NULL)
        __builtin_prefetch(slot->entry);
}

static inline void
weiri_states_prefetch_state(const weiri_states *states, uint64_t hash)
{
    const weiri_states_slot *slot = &states->slots[hash & states->mask];

    if (slot->hash == hash && slot->entry != NULL)
        __builtin_prefetch(slot->entry->state);
}

/* NULL: it has had no event. */
weiri_state_entry *weiri_states_find(const weiri_states *states, uint64_t hash, uint16_t aggregate, weiri_bytes key);
/* Adds one that is not there: version 0, empty state unless `state` is given (takes it). */
weiri_state_entry *weiri_states_add(weiri_states *states, uint64_t hash, uint16_t aggregate, weiri_bytes key, ProtobufCMessage *state);
static inline const ProtobufCMessage *
weiri_states_empty(const weiri_states *states, uint16_t aggregate)
{
    return states->empty[aggregate];
}

void weiri_states_mark(weiri_states *states, weiri_state_entry *entry); /* dirty from now on */
void weiri_states_mark_all(weiri_states *states);                       /* all in the list, wherever they were */

#endif
