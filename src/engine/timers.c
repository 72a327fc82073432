/* SPDX-License-Identifier: Apache-2.0
 * Deadlines in a ring, unordered: nearly all have the same length, and nearly all are gone before their time, so the thread
 * sleeps until the earliest that it knows of and then looks at what is left. One lock guards the ring; it is this room's
 * only one, because requests of many threads enter and leave in any order, which no mailbox gives. */
#include "engine/timers.h"

void
weiri_timers_init(weiri_timers *timers, const weiri_world *world, size_t most)
{
    timers->world = world;
    timers->most = most;
    weiri_lock_init(&timers->lock);
    weiri_signal_init(&timers->changed);
    timers->head.next = timers->head.previous = &timers->head;
    timers->wake_us = INT64_MAX;
}

void
weiri_timers_fini(weiri_timers *timers)
{
    weiri_timers_stop(timers);
    weiri_signal_fini(&timers->changed);
    weiri_lock_fini(&timers->lock);
}

static void
unlink_timer(weiri_timers *timers, weiri_timer *timer)
{
    timer->next->previous = timer->previous;
    timer->previous->next = timer->next;
    timer->linked = false;
    timers->count--;
}

/* Takes the expired out, linked through `next`; says when to look again. */
static weiri_timer *
take_expired(weiri_timers *timers, int64_t now_us, int64_t *ret_wake_us)
{
    weiri_timer *expired = NULL, *next;
    int64_t wake = INT64_MAX;

    for (weiri_timer *t = timers->head.next; t != &timers->head; t = next) {
        next = t->next;
        if (t->deadline_us > now_us) {
            wake = t->deadline_us < wake ? t->deadline_us : wake;
            continue;
        }
        unlink_timer(timers, t);
        t->next = expired;
        expired = t;
    }
    *ret_wake_us = wake;
    return expired;
}

static void
run(void *argument)
{
    weiri_timers *timers = argument;
    int64_t wake;
    bool stopping;

    do {
        uint64_t seen = weiri_signal_count(&timers->changed);
        int64_t now = timers->world->monotonic_us(timers->world);
        weiri_lock_take(&timers->lock);
        stopping = timers->stopping;
        weiri_timer *expired = stopping ? NULL : take_expired(timers, now, &wake);
        if (!stopping)
            timers->wake_us = wake;
        weiri_lock_give(&timers->lock);
        while (expired != NULL) {
            weiri_timer *t = expired;
            expired = t->next;
            t->expire(t);
        }
        if (!stopping)
            (void)weiri_signal_wait(&timers->changed, seen, wake == INT64_MAX ? -1 : (wake - now) / 1000 + 1);
    } while (!stopping);
}

weir_status
weiri_timers_start(weiri_timers *timers)
{
    return weiri_thread_start(&timers->thread, "weir-timers", run, timers);
}

void
weiri_timers_stop(weiri_timers *timers)
{
    weiri_lock_take(&timers->lock);
    timers->stopping = true;
    weiri_lock_give(&timers->lock);
    weiri_signal_raise(&timers->changed);
    weiri_thread_join(&timers->thread);
}

bool
weiri_timers_add(weiri_timers *timers, weiri_timer *timer, int64_t timeout_ms)
{
    bool earlier = false, room;

    timer->deadline_us = timers->world->monotonic_us(timers->world) + timeout_ms * 1000;
    weiri_lock_take(&timers->lock);
    room = timers->count < timers->most;
    if (room) {
        timer->next = &timers->head;
        timer->previous = timers->head.previous;
        timer->previous->next = timer->next->previous = timer;
        timer->linked = true;
        timers->count++;
        earlier = timer->deadline_us < timers->wake_us;
        if (earlier)
            timers->wake_us = timer->deadline_us;
    }
    weiri_lock_give(&timers->lock);
    if (earlier)
        weiri_signal_raise(&timers->changed);
    if (!room)
        atomic_fetch_add_explicit(&timers->refused, 1, memory_order_relaxed);
    return room;
}

bool
weiri_timers_remove(weiri_timers *timers, weiri_timer *timer)
{
    weiri_lock_take(&timers->lock);
    bool here = timer->linked;
    if (here)
        unlink_timer(timers, timer);
    weiri_lock_give(&timers->lock);
    return here;
}

size_t
weiri_timers_count(weiri_timers *timers)
{
    weiri_lock_take(&timers->lock);
    size_t count = timers->count;
    weiri_lock_give(&timers->lock);
    return count;
}

bool
weiri_timers_full(weiri_timers *timers)
{
    bool full = weiri_timers_count(timers) >= timers->most;

    if (full)
        atomic_fetch_add_explicit(&timers->refused, 1, memory_order_relaxed);
    return full;
}
