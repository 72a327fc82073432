/* SPDX-License-Identifier: Apache-2.0
 * A live feed from inside: its filter and where it is. Thread: the one that fills it; opened and closed on any. */
#ifndef WEIRI_LIVE_H
#define WEIRI_LIVE_H

#include "engine/feed.h"
#include "engine/inside.h"

typedef struct weiri_kept { /* an event in the tail */
    uint32_t partition;
    uint64_t offset;
    const char *type; /* of the schema; NULL: the module doesn't know it */
    size_t at, size;  /* its text */
} weiri_kept;

enum { WEIRI_TAIL_BYTES = 8 << 20, WEIRI_TAIL_EVENTS = 1 << 15 };

/* Events `first` to `first + n` - 1, counted from when it was made, each at events[number % WEIRI_TAIL_EVENTS]. */
struct weiri_tail {
    weiri_service *service;
    uint64_t oldest[64], newest[64]; /* positions before the first kept event, and behind the last */
    uint64_t first, n;
    uint8_t *bytes; /* a ring: no text goes over its end */
    size_t head;
    weiri_buffer room;        /* for the text of one */
    bool broken;              /* an event could not be read or written: every feed reads the log itself, and meets it there */
    weiri_view_status *views; /* as they were at views_us */
    int64_t views_us;
    weiri_kept events[WEIRI_TAIL_EVENTS];
};

/* Does the tail hold all events from this position on? */
bool weiri_tail_covers(const weiri_tail *tail, const uint64_t *next, uint32_t partitions);
/* "data: {...}\n\n": all of an event but its id, which is the feed's. */
WEIR_MUST_USE weir_status weiri_tail_write(
    weiri_buffer *to, const weiri_schema *schema, const weiri_record *record, uint32_t partition, uint64_t offset, weir_error *err);

#endif
