/* SPDX-License-Identifier: Apache-2.0
 * Finding single events in the log by offset. A finder keeps the chunk it read last: events looked for in order are read and
 * checked once, however many are asked for. Thread: one at a time. */
#ifndef WEIRI_FINDER_H
#define WEIRI_FINDER_H

#include "log/log.h"

typedef struct weiri_finder {
    weiri_chunk chunk;
    uint32_t partition;
    bool filled;
    uint64_t first, asked, next; /* offsets: where the chunk's first batch begins, what was asked for in it (the rest of the chunk lies
                                    behind that), and what the iterator gives next */
} weiri_finder;                  /* zero-initialise */

/* The record borrows the finder until it is next used. Errors: CORRUPT (none there), IO. */
WEIR_MUST_USE weir_status weiri_finder_find(
    weiri_finder *finder, weiri_log *log, uint32_t partition, uint64_t offset, weiri_record *ret_record, weir_error *err);
bool weiri_finder_holds(const weiri_finder *finder, uint32_t partition, uint64_t offset);
void weiri_finder_fini(weiri_finder *finder);

#endif
