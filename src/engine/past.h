/* SPDX-License-Identifier: Apache-2.0
 * An aggregate's past: its events, walked back through the reference that each holds to the one before, copied, and then read
 * forward. Thread: one at a time. */
#ifndef WEIRI_PAST_H
#define WEIRI_PAST_H

#include "engine/finder.h"

enum { WEIRI_PAST_BYTES_MOST = 256 << 20 };

typedef struct weiri_past {
    weiri_buffer records; /* copies, newest first, each at a multiple of 8 */
    weiri_buffer places;  /* a weiri_past_place each, newest first */
    uint64_t top;         /* version of the newest one kept */
    size_t count;
} weiri_past; /* zero-initialise */

/* Whose past, and where it ends. */
typedef struct weiri_past_of {
    weiri_log *log;
    const char *aggregate, *key;
    uint32_t partition;
    uint64_t version, offset; /* of its last event */
} weiri_past_of;

/* Keeps the events of versions lowest..highest. Errors: CORRUPT (a broken chain, told by version and offset), INVALID (more than
 * WEIRI_PAST_BYTES_MOST), IO. */
WEIR_MUST_USE weir_status weiri_past_read(
    weiri_past *past, weiri_finder *finder, const weiri_past_of *of, uint64_t lowest, uint64_t highest, weir_error *err);
/* The event of a version that was kept. It borrows the past. */
void weiri_past_event(const weiri_past *past, uint64_t version, weiri_record *ret_record, uint64_t *ret_offset);
void weiri_past_fini(weiri_past *past);

#endif
