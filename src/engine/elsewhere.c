/* SPDX-License-Identifier: Apache-2.0
 * The index of partitions that are served elsewhere: a table of 64-bit hashes, since what it points to is checked when it is read, and
 * the sources by name. Locks: one a partition, held while it is carried on. */
#include "engine/elsewhere.h"
#include "base/hash.h"
#include "base/memory.h"
#include "command/sources.h"
#include <inttypes.h>
#include <stdatomic.h>

typedef struct place {
    uint64_t hash; /* 0: free */
    uint64_t version, offset;
} place;

typedef struct part {
    weiri_lock lock; /* guards the rest */
    place *slots;
    size_t mask, count;
    weiri_sources sources;
    uint64_t next_event, next_outcome;
} part;

struct weiri_elsewhere {
    weiri_log *log;
    const weiri_world *world;
    uint32_t partitions;
    part *parts;
    _Atomic uint64_t bytes;
};

weiri_elsewhere *
weiri_elsewhere_new(weiri_log *log, const weiri_world *world)
{
    weiri_elsewhere *e = weiri_allocate(sizeof *e);

    e->log = log;
    e->world = world;
    e->partitions = weiri_log_identity_of(log)->partitions;
    e->parts = weiri_allocate(e->partitions * sizeof *e->parts);
    for (uint32_t p = 0; p < e->partitions; p++) {
        weiri_lock_init(&e->parts[p].lock);
        weiri_sources_init(&e->parts[p].sources);
    }
    return e;
}

void
weiri_elsewhere_free(weiri_elsewhere *e)
{
    if (e == NULL)
        return;
    for (uint32_t p = 0; p < e->partitions; p++) {
        weiri_lock_fini(&e->parts[p].lock);
        weiri_sources_fini(&e->parts[p].sources);
        weiri_release(e->parts[p].slots);
    }
    weiri_release(e->parts);
    weiri_release(e);
}

uint64_t
weiri_elsewhere_bytes(weiri_elsewhere *e)
{
    return e == NULL ? 0 : atomic_load(&e->bytes);
}

/* ---- the table -------------------------------------------------------------------------------------------- */

static uint64_t
hash_of(weiri_bytes aggregate, weiri_bytes key)
{
    uint64_t hash = weiri_hash64(weiri_hash64(aggregate.size, aggregate.data, aggregate.size), key.data, key.size);

    return hash == 0 ? 1 : hash;
}

static place *
slot_of(const part *t, uint64_t hash)
{
    size_t i = hash & t->mask;

    while (t->slots[i].hash != 0 && t->slots[i].hash != hash)
        i = (i + 1) & t->mask;
    return &t->slots[i];
}

static void
grow(weiri_elsewhere *e, part *t)
{
    place *old = t->slots;
    size_t room = old == NULL ? 0 : t->mask + 1, fresh = room == 0 ? 1024 : room * 2;

    t->slots = weiri_allocate(fresh * sizeof *t->slots);
    t->mask = fresh - 1;
    for (size_t i = 0; i < room; i++)
        if (old[i].hash != 0)
            *slot_of(t, old[i].hash) = old[i];
    atomic_fetch_add(&e->bytes, (fresh - room) * sizeof *old);
    weiri_release(old);
}

static void
note_event(weiri_elsewhere *e, part *t, const weiri_record *record, uint64_t offset)
{
    uint64_t hash = hash_of(record->aggregate, record->key);

    if (t->slots == NULL || (t->count + 1) * 4 > (t->mask + 1) * 3)
        grow(e, t);
    place *slot = slot_of(t, hash);
    t->count += slot->hash == 0;
    *slot = (place){ hash, record->version, offset };
}

/* As recovery of a lane does. */
static void
note_source(part *t, const weiri_record *record)
{
    uint64_t sequence, fingerprint;
    weiri_bytes name;

    if (!weiri_headers_find(record->headers, WEIRI_HEADER_SOURCE, &name) || name.size > WEIRI_SOURCE_NAME_MOST ||
        !weiri_headers_find_number(record->headers, WEIRI_HEADER_SEQUENCE, &sequence) ||
        !weiri_headers_find_number(record->headers, WEIRI_HEADER_FINGERPRINT, &fingerprint))
        return;
    weiri_source *source = weiri_sources_add(&t->sources, name, fingerprint);
    if (source->last < sequence)
        source->last = sequence;
}

/* ---- reading on ------------------------------------------------------------------------------------------- */

static weir_status
read_on(weiri_elsewhere *e, uint32_t partition, weiri_topic topic, uint64_t *next, int64_t until_us, weir_error *err)
{
    part *t = &e->parts[partition];
    uint64_t end = weiri_log_end(e->log, topic, partition), offset;
    weiri_chunk chunk = { 0 };
    weiri_record record;
    weir_status status = WEIR_OK, read = WEIR_OK;

    while (status == WEIR_OK && *next < end) {
        if (e->world->monotonic_us(e->world) > until_us) {
            status = weiri_error_set(err, WEIR_BUSY,
                "partition %" PRIu32 " is served by another process, and its %s are being read here (%" PRIu64 " of %" PRIu64
                "): ask again",
                partition, weiri_topic_name(topic), *next, end);
            break;
        }
        status = weiri_log_read(e->log, topic, partition, *next, &chunk, err);
        while (status == WEIR_OK && weiri_chunk_next(&chunk, &record, &offset, &read)) {
            if (read != WEIR_OK) {
                status = weiri_error_set(err, read, "%s, partition %" PRIu32 ": an unreadable record at offset %" PRIu64,
                    weiri_topic_name(topic), partition, offset);
                break;
            }
            if (topic == WEIRI_TOPIC_EVENTS)
                note_event(e, t, &record, offset);
            note_source(t, &record);
            *next = offset + 1;
        }
    }
    weiri_chunk_fini(&chunk);
    return status;
}

/* With the partition's lock. */
static weir_status
catch_up(weiri_elsewhere *e, uint32_t partition, int64_t most_ms, weir_error *err)
{
    part *t = &e->parts[partition];
    int64_t until_us = e->world->monotonic_us(e->world) + most_ms * 1000;

    weir_status status = read_on(e, partition, WEIRI_TOPIC_EVENTS, &t->next_event, until_us, err);
    return status == WEIR_OK ? read_on(e, partition, WEIRI_TOPIC_OUTCOMES, &t->next_outcome, until_us, err) : status;
}

weir_status
weiri_elsewhere_find(weiri_elsewhere *e, uint32_t partition, weiri_bytes aggregate, weiri_bytes key, int64_t most_ms, uint64_t *ret_version,
    uint64_t *ret_offset, weir_error *err)
{
    part *t = &e->parts[partition];

    weiri_lock_take(&t->lock);
    weir_status status = catch_up(e, partition, most_ms, err);
    if (status == WEIR_OK) {
        const place *slot = t->slots == NULL ? &(place){ 0 } : slot_of(t, hash_of(aggregate, key));
        *ret_version = slot->version;
        *ret_offset = slot->offset;
    }
    weiri_lock_give(&t->lock);
    return status;
}

weir_status
weiri_elsewhere_source(weiri_elsewhere *e, uint32_t partition, weiri_bytes source, int64_t most_ms, uint64_t *ret_last,
    uint64_t *ret_fingerprint, weir_error *err)
{
    part *t = &e->parts[partition];

    weiri_lock_take(&t->lock);
    weir_status status = catch_up(e, partition, most_ms, err);
    if (status == WEIR_OK) {
        const weiri_source *found = weiri_sources_find(&t->sources, source);
        *ret_last = found == NULL ? 0 : found->last;
        *ret_fingerprint = found == NULL ? 0 : found->fingerprint;
    }
    weiri_lock_give(&t->lock);
    return status;
}
