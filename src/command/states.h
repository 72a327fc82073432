/* SPDX-License-Identifier: Apache-2.0
 * The aggregates of one partition: where each stands, and its state as a message. An aggregate is here from its first event
 * on, unless it was evicted: one that the newest checkpoint has as it is may be, when memory reaches its limit, and is then
 * found in the checkpoint only. Entries never move. Thread: its lane (recovery: the thread that recovers it). */
#ifndef WEIRI_STATES_H
#define WEIRI_STATES_H

#include "message/schema.h"

typedef struct weiri_state_entry {
    ProtobufCMessage *state; /* its own; never NULL */
    uint64_t version;
    uint64_t last_source, last_offset; /* its last event: (source, index), and offset in events[p] */
    uint32_t last_index;
    uint32_t bytes;     /* its part of states.bytes */
    uint32_t grown;     /* of bytes: guessed since the state was weighed */
    uint32_t packed_in; /* the checkpoint that took it last; 0: one of before this start */
    uint16_t aggregate;
    uint8_t key_size;
    bool dirty : 1; /* changed since a checkpoint took it; then it is in the dirty list, once */
    bool used : 1;  /* again, since it came or since eviction looked at it last */
    char key[];     /* with a NUL */
} weiri_state_entry;

typedef struct weiri_states_slot {
    uint64_t hash;
    weiri_state_entry *entry; /* NULL: free */
} weiri_states_slot;

typedef struct weiri_states_block weiri_states_block;

enum { WEIRI_STATES_SIZES = 21 }; /* sizes that an entry may have, in steps of 16 bytes */

typedef struct weiri_states_kind { /* of an aggregate */
    ProtobufCMessage *empty;       /* an untouched state */
    bool flat;                     /* all states weigh the same */
} weiri_states_kind;

typedef struct weiri_states {
    const weiri_schema *schema;
    weiri_states_slot *slots;
    size_t mask, count;
    size_t known;               /* aggregates that have had events, evicted ones too: known by the owner, who counts it */
    weiri_states_block *blocks; /* the memory of the entries */
    size_t block_used;
    void *free[WEIRI_STATES_SIZES]; /* entries given back, by size: each begins with a pointer to the next */
    size_t bytes, limit;            /* of slots, entries and all that states hold */
    weiri_states_kind *kinds;
    weiri_state_entry **dirty;
    size_t n_dirty, dirty_room;
    size_t n_running;   /* entries in the list of the checkpoint under way */
    uint32_t committed; /* number of the last checkpoint that can be read: entries packed in later ones stay */
    size_t hand;        /* where eviction goes on */
    uint64_t evicted;
} weiri_states;

void weiri_states_init(weiri_states *states, const weiri_schema *schema, size_t limit);
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

/* NULL: it has had no event, or was evicted. */
weiri_state_entry *weiri_states_find(const weiri_states *states, uint64_t hash, uint16_t aggregate, weiri_bytes key);
/* Adds one that is not there: version 0, empty state unless `state` is given (takes it). */
weiri_state_entry *weiri_states_add(weiri_states *states, uint64_t hash, uint16_t aggregate, weiri_bytes key, ProtobufCMessage *state);
static inline const ProtobufCMessage *
weiri_states_empty(const weiri_states *states, uint16_t aggregate)
{
    return states->kinds[aggregate].empty;
}

/* To be told after each change of a state, by an event of so many bytes. A guess, put right by weighing before it is far off:
 * weighing walks the whole state, so it is done once in a part of its own size. */
void weiri_states_grew(weiri_states *states, weiri_state_entry *entry, size_t event_size);
void weiri_states_mark(weiri_states *states, weiri_state_entry *entry); /* dirty from now on */

/* A checkpoint that took the first `taken` of `list` (its dirty ones, when it began) has come to nothing: all of them are dirty again.
 * Rows of others are as they were, whichever of the two checkpoints the file has. */
void weiri_states_put_back(weiri_states *states, weiri_state_entry *const *list, size_t n, size_t taken);

/* Evicts what was not used lately and stands in the newest checkpoint, until a sixteenth of the limit is free. False: there is
 * hardly anything left that may go; a checkpoint would help. */
bool weiri_states_evict(weiri_states *states);

#endif
