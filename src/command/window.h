/* SPDX-License-Identifier: Apache-2.0
 * De-duplication by id: the last N outcomes, in log order, of commands that carried a client's id. A function of the log
 * alone. The scope of an id is (aggregate, key, id), of which 128 bits of hash are kept. Thread: its lane. */
#ifndef WEIRI_WINDOW_H
#define WEIRI_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"

typedef struct weiri_id_hash {
    uint64_t high, low;
} weiri_id_hash;

/* `scope` is key, a NUL, id: a key holds no NUL, so no two scopes are the same bytes. */
weiri_id_hash weiri_window_hash(uint16_t aggregate, weiri_bytes scope);

enum {
    WEIRI_WINDOW_EVENTS = 0,   /* accepted; offset: of its first event in events[p] */
    WEIRI_WINDOW_ACCEPTED = 1, /* accepted without events; offset: of its outcome in outcomes[p] */
    WEIRI_WINDOW_REJECTED = 2, /* offset: of its outcome, which has the code and words */
};

typedef struct weiri_window_entry {
    weiri_id_hash id;
    uint64_t payload_hash;
    uint64_t source; /* the command */
    uint64_t offset;
    uint64_t version; /* of the aggregate after it */
    int64_t time_ms;
    uint32_t events, kind;
} weiri_window_entry;
_Static_assert(sizeof(weiri_window_entry) == 64, "an entry is a cache line, and a row of the checkpoint");

typedef struct weiri_window {
    weiri_window_entry *ring;
    uint32_t *index; /* position in the ring + 1; 0: free */
    uint32_t most, index_mask;
    uint32_t first, count; /* the oldest, and how many */
} weiri_window;

void weiri_window_init(weiri_window *window, uint32_t most); /* most >= 1 */
void weiri_window_fini(weiri_window *window);

static inline void
weiri_window_prefetch(const weiri_window *window, weiri_id_hash id)
{
    __builtin_prefetch(&window->index[id.low & window->index_mask]);
}

/* NULL: not in the window. Valid until the next add. */
const weiri_window_entry *weiri_window_find(const weiri_window *window, weiri_id_hash id);
/* Adds the newest; the oldest goes when the window is full. */
void weiri_window_add(weiri_window *window, const weiri_window_entry *entry);
/* The i-th, oldest first; i < count. */
const weiri_window_entry *weiri_window_at(const weiri_window *window, uint32_t i);

#endif
