/* SPDX-License-Identifier: Apache-2.0
 * A list in the order of arrival, and two chained tables over it: by aggregate and key, and by source and sequence. */
#include "command/quarantine.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "command/states.h"
#include <string.h>

static weiri_bytes
key_of(const weiri_held *held)
{
    return (weiri_bytes){ held->names, held->row.key_size };
}

static weiri_bytes
source_of(const weiri_held *held)
{
    return (weiri_bytes){ held->names + held->row.key_size, held->row.source_size };
}

static bool
is_of(const weiri_held *held, uint64_t hash, uint16_t aggregate, weiri_bytes key)
{
    return held->key_hash == hash && held->row.aggregate == aggregate && weiri_bytes_equal(key_of(held), key);
}

static uint64_t
source_hash(weiri_bytes source, uint64_t sequence)
{
    return weiri_hash64(sequence, source.data, source.size);
}

void
weiri_quarantine_fini(weiri_quarantine *quarantine)
{
    for (weiri_held *held = quarantine->first, *next; held != NULL; held = next) {
        next = held->next;
        weiri_release(held);
    }
    *quarantine = (weiri_quarantine){ 0 };
}

weiri_held *
weiri_quarantine_of_key(const weiri_quarantine *quarantine, uint64_t hash, uint16_t aggregate, weiri_bytes key)
{
    weiri_held *held = quarantine->by_key[hash % WEIRI_HELD_BUCKETS];

    while (held != NULL && !(held->row.cause && !held->row.released && is_of(held, hash, aggregate, key)))
        held = held->next_of_key;
    return held;
}

weiri_held *
weiri_quarantine_of_source(const weiri_quarantine *quarantine, weiri_bytes source, uint64_t sequence)
{
    if (quarantine->count == 0)
        return NULL;
    uint64_t hash = source_hash(source, sequence);
    weiri_held *held = quarantine->by_source[hash % WEIRI_HELD_BUCKETS];
    while (held != NULL && !(held->row.sequence == sequence && weiri_bytes_equal(source_of(held), source)))
        held = held->next_of_source;
    return held;
}

/* A cause stands first in its bucket, so that those behind it, which may be many, are not walked for each command. */
static void
chain_by_key(weiri_quarantine *quarantine, weiri_held *held)
{
    weiri_held **place = &quarantine->by_key[held->key_hash % WEIRI_HELD_BUCKETS];

    if (!held->row.cause && *place != NULL)
        place = &(*place)->next_of_key;
    held->next_of_key = *place;
    *place = held;
}

static void
remove_held(weiri_quarantine *quarantine, weiri_held *held)
{
    weiri_held **place = &quarantine->by_key[held->key_hash % WEIRI_HELD_BUCKETS];

    while (*place != held)
        place = &(*place)->next_of_key;
    *place = held->next_of_key;
    if (held->row.source_size > 0) {
        place = &quarantine->by_source[held->source_hash % WEIRI_HELD_BUCKETS];
        while (*place != held)
            place = &(*place)->next_of_source;
        *place = held->next_of_source;
    }
    *(held->previous == NULL ? &quarantine->first : &held->previous->next) = held->next;
    *(held->next == NULL ? &quarantine->last : &held->next->previous) = held->previous;
    quarantine->count--;
    quarantine->aggregates -= held->row.cause && !held->row.released;
    weiri_release(held);
}

void
weiri_quarantine_settle(weiri_quarantine *quarantine, weiri_bytes source, uint64_t sequence)
{
    weiri_held *held = weiri_quarantine_of_source(quarantine, source, sequence);

    if (held != NULL)
        remove_held(quarantine, held);
}

void
weiri_quarantine_settle_id(weiri_quarantine *quarantine, uint64_t hash, weiri_id_hash id)
{
    weiri_held *held = quarantine->by_key[hash % WEIRI_HELD_BUCKETS];

    while (
        held != NULL && !(held->row.released && held->row.source_size == 0 && held->row.id.high == id.high && held->row.id.low == id.low))
        held = held->next_of_key;
    if (held != NULL)
        remove_held(quarantine, held);
}

void
weiri_quarantine_add(weiri_quarantine *quarantine, const weiri_held_row *row, weiri_bytes key, weiri_bytes source)
{
    weiri_held *held = weiri_allocate(sizeof *held + key.size + source.size);
    uint64_t hash = weiri_states_hash(row->aggregate, key);

    weiri_assert(key.size <= UINT8_MAX && source.size <= UINT8_MAX);
    if (source.size == 0)
        weiri_quarantine_settle_id(quarantine, hash, row->id);
    held->row = *row;
    held->row.key_size = (uint8_t)key.size;
    held->row.source_size = (uint8_t)source.size;
    memcpy(held->names, key.data, key.size);
    if (source.size > 0)
        memcpy(held->names + key.size, source.data, source.size);
    held->key_hash = hash;
    held->previous = quarantine->last;
    *(quarantine->last == NULL ? &quarantine->first : &quarantine->last->next) = held;
    quarantine->last = held;
    chain_by_key(quarantine, held);
    if (source.size > 0) {
        held->source_hash = source_hash(source, row->sequence);
        weiri_held **place = &quarantine->by_source[held->source_hash % WEIRI_HELD_BUCKETS];
        held->next_of_source = *place;
        *place = held;
    }
    quarantine->count++;
    quarantine->aggregates += held->row.cause && !held->row.released;
}

uint32_t
weiri_quarantine_release(weiri_quarantine *quarantine, uint64_t hash, uint16_t aggregate, weiri_bytes key, bool discard)
{
    uint32_t n = 0;

    for (weiri_held *held = quarantine->by_key[hash % WEIRI_HELD_BUCKETS], *next; held != NULL; held = next) {
        next = held->next_of_key;
        if (!is_of(held, hash, aggregate, key) || (held->row.released && !discard))
            continue;
        n++;
        if (discard) {
            remove_held(quarantine, held);
            continue;
        }
        quarantine->aggregates -= held->row.cause;
        held->row.released = 1;
    }
    return n;
}

void
weiri_quarantine_write(const weiri_quarantine *quarantine, weiri_buffer *to)
{
    for (const weiri_held *held = quarantine->first; held != NULL; held = held->next) {
        weiri_buffer_add(to, &held->row, sizeof held->row);
        weiri_buffer_add(to, held->names, (size_t)held->row.key_size + held->row.source_size);
    }
}

bool
weiri_held_next(weiri_bytes rows, size_t *at, weiri_held_row *ret_row, weiri_bytes *ret_key, weiri_bytes *ret_source)
{
    const uint8_t *bytes = rows.data;

    if (rows.size - *at < sizeof *ret_row)
        return false;
    memcpy(ret_row, bytes + *at, sizeof *ret_row);
    size_t names = *at + sizeof *ret_row;
    if (rows.size - names < (size_t)ret_row->key_size + ret_row->source_size)
        return false;
    *ret_key = (weiri_bytes){ bytes + names, ret_row->key_size };
    *ret_source = (weiri_bytes){ bytes + names + ret_row->key_size, ret_row->source_size };
    *at = names + ret_row->key_size + ret_row->source_size;
    return true;
}

weir_status
weiri_quarantine_read(weiri_quarantine *quarantine, size_t aggregates, weiri_bytes rows)
{
    weiri_bytes key, source;
    weiri_held_row row;
    size_t at = 0;

    while (weiri_held_next(rows, &at, &row, &key, &source)) {
        if (row.key_size == 0 || row.aggregate >= aggregates || row.cause > 1 || row.released > 1 || quarantine->count == WEIRI_HELD_MOST)
            return WEIR_CORRUPT;
        weiri_quarantine_add(quarantine, &row, key, source);
    }
    return at == rows.size ? WEIR_OK : WEIR_CORRUPT;
}
