/* SPDX-License-Identifier: Apache-2.0
 * Walking back: each event names the one before it, so no index is needed, and a chain that does not close is noticed.
 * Thread: one at a time. */
#include "engine/past.h"
#include "base/assert.h"
#include <inttypes.h>

typedef struct weiri_past_place {
    size_t at, size;
    uint64_t offset;
} weiri_past_place;

static weir_status
keep(weiri_past *past, const weiri_record *record, uint64_t offset, weir_error *err)
{
    size_t size = weiri_record_size(record);
    weiri_past_place place = { past->records.size, size, offset };

    if (past->records.size + size > WEIRI_PAST_BYTES_MOST)
        return weiri_error_set(err, WEIR_INVALID, "these events have more than %d MB together: ask for fewer", WEIRI_PAST_BYTES_MOST >> 20);
    weiri_record_write(record, weiri_buffer_extend(&past->records, (size + 7) & ~(size_t)7));
    weiri_buffer_add(&past->places, &place, sizeof place);
    if (past->count++ == 0)
        past->top = record->version;
    return WEIR_OK;
}

static weir_status
check_link(const weiri_past_of *of, const weiri_record *record, uint64_t version, uint64_t offset, weir_error *err)
{
    bool same = record->kind == WEIRI_RECORD_EVENT && weiri_bytes_are(record->aggregate, of->aggregate) &&
                weiri_bytes_are(record->key, of->key) && record->version == version;
    bool first = (record->flags & WEIRI_RECORD_FIRST) != 0;

    if (same && first == (version == 1) && (first || record->previous_offset < offset))
        return WEIR_OK;
    return weiri_error_set(err, WEIR_CORRUPT,
        "%s/%s: its chain of events is broken at version %" PRIu64 " (events, partition %" PRIu32 ", offset %" PRIu64
        "); run `weir verify`",
        of->aggregate, of->key, version, of->partition, offset);
}

weir_status
weiri_past_read(weiri_past *past, weiri_finder *finder, const weiri_past_of *of, uint64_t lowest, uint64_t highest, weir_error *err)
{
    uint64_t offset = of->offset;
    weiri_record record;

    lowest = lowest == 0 ? 1 : lowest;
    for (uint64_t version = of->version; version >= lowest; version--) {
        weir_status status = weiri_finder_find(finder, of->log, of->partition, offset, &record, err);
        if (status == WEIR_OK)
            status = check_link(of, &record, version, offset, err);
        if (status == WEIR_OK && version <= highest)
            status = keep(past, &record, offset, err);
        if (status != WEIR_OK)
            return status;
        offset = record.previous_offset;
    }
    return WEIR_OK;
}

void
weiri_past_event(const weiri_past *past, uint64_t version, weiri_record *ret_record, uint64_t *ret_offset)
{
    const weiri_past_place *places = (const weiri_past_place *)(const void *)past->places.data;

    weiri_assert(version <= past->top && past->top - version < past->count);
    const weiri_past_place *place = &places[past->top - version];
    weiri_assert(weiri_record_read((weiri_bytes){ past->records.data + place->at, place->size }, ret_record) == WEIR_OK);
    *ret_offset = place->offset;
}

void
weiri_past_fini(weiri_past *past)
{
    weiri_buffer_fini(&past->records);
    weiri_buffer_fini(&past->places);
}
