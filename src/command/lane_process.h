/* SPDX-License-Identifier: Apache-2.0
 * What a lane has beside if its module has processes: pending timers, rejections that nobody heard, and how far the router of its
 * partition has got. A module without processes pays a test of `n` where a batch begins. Owned by the lane's thread, but for `routed`. */
#ifndef WEIRI_LANE_PROCESS_H
#define WEIRI_LANE_PROCESS_H

#include <stdatomic.h>
#include "base/bytes.h"
#include "command/reaction.h"

/* A pending timer, or one that was: it counts if the instance has that very one. */
typedef struct weiri_pending_timer {
    uint64_t set_by, hash; /* hash: of the instance */
    uint16_t aggregate;
    uint8_t name_size, key_size;
    char names[]; /* name NUL key NUL */
} weiri_pending_timer;

typedef struct weiri_timer_heap {
    struct weiri_timer_slot {       /* a heap: the earliest first */
        int64_t at_ms;              /* when to look at it: due, or later because it could not be fired */
        weiri_pending_timer *timer; /* owned */
    } * slots;
    size_t n, room;
    uint64_t fired;
} weiri_timer_heap; /* zero-initialise */

void weiri_timer_heap_add(
    weiri_timer_heap *timers, int64_t at_ms, uint16_t aggregate, uint64_t hash, weiri_bytes key, const char *name, uint64_t set_by);
weiri_pending_timer *weiri_timer_heap_take(weiri_timer_heap *timers, int64_t *ret_at_ms); /* gives the earliest; n > 0 */
void weiri_timer_heap_return(weiri_timer_heap *timers, int64_t at_ms, weiri_pending_timer *timer);
void weiri_timer_heap_fini(weiri_timer_heap *timers);

enum { WEIRI_UNANSWERED_KEPT = 1024 };
typedef struct weiri_unanswered { /* offsets in outcomes, of the last ones: the words stand there */
    uint64_t total;
    uint64_t *offsets; /* a ring of WEIRI_UNANSWERED_KEPT, at total % that; NULL: there never was one */
} weiri_unanswered;

void weiri_unanswered_add(weiri_unanswered *unanswered, uint64_t offset);

typedef struct weiri_lane_processes {
    size_t n; /* processes of the module */
    weir_reaction reaction;
    weiri_timer_heap timers;
    weiri_unanswered unanswered;
    _Atomic uint64_t *routed;      /* n of them: all commands before this have been routed for the process; WEIRI_NO_OFFSET: it is new here.
                                     Stored by the router, and by recovery, which only ever raises them */
    _Atomic uint64_t routed_moves; /* how often the router has stored them */
    uint64_t told_moves;           /* ... as of the last record that tells them */
    bool tells;                    /* the next record is to tell them */
    weiri_buffer request;          /* of a timer */
    _Atomic uint64_t pending, unanswered_total, fired_total; /* copies, for any thread */
    _Atomic bool retries; /* the router is to send again what was held and is released; set by the router, too */
} weiri_lane_processes;

#endif
