/* SPDX-License-Identifier: Apache-2.0
 * A hash table of names; entries never move. */
#include "command/sources.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"

enum { SLOTS_FIRST = 16 };

void
weiri_sources_init(weiri_sources *sources)
{
    *sources = (weiri_sources){ .mask = SLOTS_FIRST - 1 };
    sources->slots = weiri_allocate(SLOTS_FIRST * sizeof(weiri_source *));
}

void
weiri_sources_fini(weiri_sources *sources)
{
    for (size_t i = 0; i < sources->count; i++)
        weiri_release(sources->all[i]);
    weiri_release(sources->all);
    weiri_release(sources->slots);
    *sources = (weiri_sources){ 0 };
}

/* The slot that holds the name, or the free one where it belongs. */
static weiri_source **
slot_of(const weiri_sources *sources, uint64_t hash, weiri_bytes name)
{
    for (size_t i = hash & sources->mask;; i = (i + 1) & sources->mask) {
        const weiri_source *source = sources->slots[i];
        if (source == NULL || (source->hash == hash && weiri_bytes_equal((weiri_bytes){ source->name, source->name_size }, name)))
            return &sources->slots[i];
    }
}

weiri_source *
weiri_sources_find(const weiri_sources *sources, weiri_bytes name)
{
    return *slot_of(sources, weiri_hash64(0, name.data, name.size), name);
}

static void
grow(weiri_sources *sources)
{
    sources->mask = sources->mask * 2 + 1;
    weiri_release(sources->slots);
    sources->slots = weiri_allocate((sources->mask + 1) * sizeof(weiri_source *));
    for (size_t i = 0; i < sources->count; i++) {
        weiri_source *source = sources->all[i];
        *slot_of(sources, source->hash, (weiri_bytes){ source->name, source->name_size }) = source;
    }
}

weiri_source *
weiri_sources_add(weiri_sources *sources, weiri_bytes name, uint64_t fingerprint)
{
    uint64_t hash = weiri_hash64(0, name.data, name.size);
    weiri_source **slot = slot_of(sources, hash, name);

    if (*slot != NULL)
        return *slot;
    weiri_assert(name.size <= WEIRI_SOURCE_NAME_MOST);
    if (sources->count == sources->room) {
        sources->room = sources->room == 0 ? 16 : sources->room * 2;
        sources->all = weiri_reallocate(sources->all, sources->room * sizeof(weiri_source *));
    }
    weiri_source *source = weiri_allocate(sizeof *source + name.size);
    source->hash = hash;
    source->fingerprint = fingerprint;
    source->name_size = (uint16_t)name.size;
    memcpy(source->name, name.data, name.size);
    *slot = source;
    sources->all[sources->count++] = source;
    if (sources->count * 2 > sources->mask)
        grow(sources);
    return source;
}
