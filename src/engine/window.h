/* SPDX-License-Identifier: Apache-2.0
 * Finding single events in the log by offset. A window keeps the chunk it read last: events looked for in order are read and
 * checked once, however many are asked for. Thread: one at a time. */
#ifndef WEIRI_WINDOW_H
#define WEIRI_WINDOW_H

#include "log/log.h"

typedef struct weiri_window {
    weiri_chunk chunk;
    uint32_t partition;
    bool filled;
    uint64_t first, next; /* offsets in the chunk: its first record, and the one that the iterator gives next */
} weiri_window;           /* zero-initialise */

/* The record borrows the window until it is next used. Errors: CORRUPT (none there), IO. */
WEIR_MUST_USE weir_status weiri_window_find(
    weiri_window *window, weiri_log *log, uint32_t partition, uint64_t offset, weiri_record *ret_record, weir_error *err);
bool weiri_window_holds(const weiri_window *window, uint32_t partition, uint64_t offset);
void weiri_window_fini(weiri_window *window);

#endif
