/* SPDX-License-Identifier: Apache-2.0
 * Single events by offset, through the chunk that was read last. Thread: one at a time. */
#include "engine/window.h"
#include <inttypes.h>

bool
weiri_window_holds(const weiri_window *window, uint32_t partition, uint64_t offset)
{
    return window->filled && window->partition == partition && offset >= window->first && offset < window->chunk.next_offset;
}

/* Reads the chunk whose first batch holds `offset`. */
static weir_status
fill(weiri_window *window, weiri_log *log, uint32_t partition, uint64_t offset, weir_error *err)
{
    window->filled = false;
    weir_status status = weiri_log_read(log, WEIRI_TOPIC_EVENTS, partition, offset, &window->chunk, err);
    if (status != WEIR_OK)
        return status;
    window->partition = partition;
    window->first = window->next = UINT64_MAX;
    window->filled = true;
    return WEIR_OK;
}

weir_status
weiri_window_find(weiri_window *window, weiri_log *log, uint32_t partition, uint64_t offset, weiri_record *ret_record, weir_error *err)
{
    uint64_t at = 0;
    weir_status status = WEIR_OK;

    if (!weiri_window_holds(window, partition, offset))
        status = fill(window, log, partition, offset, err);
    if (status != WEIR_OK)
        return status;
    if (window->first != UINT64_MAX && offset < window->next) {
        window->chunk.batch_at = 0;
        window->chunk.record_at = 0;
    }
    while (weiri_chunk_next(&window->chunk, ret_record, &at, &status) && status == WEIR_OK) {
        if (window->first == UINT64_MAX)
            window->first = at;
        window->next = at + 1;
        if (at == offset)
            return WEIR_OK;
        if (at > offset)
            break;
    }
    window->filled = false;
    return weiri_error_set(
        err, WEIR_CORRUPT, "events, partition %" PRIu32 ": there is no readable record at offset %" PRIu64, partition, offset);
}

void
weiri_window_fini(weiri_window *window)
{
    weiri_chunk_fini(&window->chunk);
}
