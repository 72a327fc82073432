/* SPDX-License-Identifier: Apache-2.0
 * Deadlines of requests under way: one thread that calls `expire` of each that is still here when its time has come.
 * Thread: any; expire runs on the timers' own thread. */
#ifndef WEIRI_TIMERS_H
#define WEIRI_TIMERS_H

#include <stdatomic.h>
#include "base/thread.h"
#include "base/world.h"

typedef struct weiri_timer {
    struct weiri_timer *next, *previous; /* guarded by the timers' lock */
    int64_t deadline_us;
    bool linked;
    void (*expire)(struct weiri_timer *timer); /* without the lock; the timer is already out */
} weiri_timer;                                 /* zero-initialise */

typedef struct weiri_timers {
    const weiri_world *world;
    size_t most; /* that may wait at once */
    _Atomic uint64_t refused;
    weiri_lock lock;
    weiri_timer head; /* guarded by lock: a ring */
    size_t count;     /* guarded by lock */
    int64_t wake_us;  /* guarded by lock: when the thread will look by itself */
    bool stopping;    /* guarded by lock */
    weiri_signal changed;
    weiri_thread thread;
} weiri_timers;

void weiri_timers_init(weiri_timers *timers, const weiri_world *world, size_t most);
WEIR_MUST_USE weir_status weiri_timers_start(weiri_timers *timers);
/* Ends the thread; nothing expires any more. Fine if it was never started. */
void weiri_timers_stop(weiri_timers *timers);
void weiri_timers_fini(weiri_timers *timers);

/* False: as many as may wait are waiting already; counted as refused. */
WEIR_MUST_USE bool weiri_timers_add(weiri_timers *timers, weiri_timer *timer, int64_t timeout_ms);
/* True: it was still here, and now will not expire. False: it has expired, or is about to on the timers' thread. */
bool weiri_timers_remove(weiri_timers *timers, weiri_timer *timer);
size_t weiri_timers_count(weiri_timers *timers);
bool weiri_timers_full(weiri_timers *timers); /* true counts as refused */

#endif
