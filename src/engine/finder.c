/* SPDX-License-Identifier: Apache-2.0
 * Single events by offset, through the chunk that was read last. Thread: one at a time. */
#include "engine/finder.h"
#include <inttypes.h>

bool
weiri_finder_holds(const weiri_finder *finder, uint32_t partition, uint64_t offset)
{
    return finder->filled && finder->partition == partition && offset >= finder->first && offset < finder->chunk.next_offset;
}

/* Reads the chunk whose first batch holds `offset`. */
static weir_status
fill(weiri_finder *finder, weiri_log *log, uint32_t partition, uint64_t offset, weir_error *err)
{
    finder->filled = false;
    weir_status status = weiri_log_read(log, WEIRI_TOPIC_EVENTS, partition, offset, &finder->chunk, err);
    if (status != WEIR_OK)
        return status;
    finder->partition = partition;
    finder->asked = finder->next = offset;
    finder->first = offset - finder->chunk.record_at; /* reading leaves the iterator at what was asked for */
    finder->filled = true;
    return WEIR_OK;
}

weir_status
weiri_finder_find(weiri_finder *finder, weiri_log *log, uint32_t partition, uint64_t offset, weiri_record *ret_record, weir_error *err)
{
    uint64_t at = 0;
    weir_status status = WEIR_OK;

    if (!weiri_finder_holds(finder, partition, offset))
        status = fill(finder, log, partition, offset, err);
    if (status != WEIR_OK)
        return status;
    if (offset < finder->next) {
        uint64_t from = offset < finder->asked ? offset : finder->asked; /* both in the first batch */
        finder->chunk.batch_at = 0;
        finder->chunk.record_at = (uint32_t)(from - finder->first);
    }
    while (weiri_chunk_next(&finder->chunk, ret_record, &at, &status) && status == WEIR_OK) {
        finder->next = at + 1;
        if (at == offset)
            return WEIR_OK;
        if (at > offset)
            break;
    }
    finder->filled = false;
    return weiri_error_set(
        err, WEIR_CORRUPT, "events, partition %" PRIu32 ": there is no readable record at offset %" PRIu64, partition, offset);
}

void
weiri_finder_fini(weiri_finder *finder)
{
    weiri_chunk_fini(&finder->chunk);
}
