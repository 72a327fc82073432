/* SPDX-License-Identifier: Apache-2.0
 * Two counters and a signal. Thread: any. */
#include "engine/settle.h"

void
weiri_settling_init(weiri_settling *settling)
{
    weiri_signal_init(&settling->answered);
    weiri_lock_init(&settling->one);
}

void
weiri_settling_fini(weiri_settling *settling)
{
    weiri_lock_fini(&settling->one);
    weiri_signal_fini(&settling->answered);
}

unsigned
weiri_settling_join(weiri_settling *settling)
{
    unsigned generation = atomic_load(&settling->generation) & 1;

    atomic_fetch_add(&settling->under_way[generation], 1);
    return generation;
}

void
weiri_settling_leave(weiri_settling *settling, unsigned generation)
{
    if (atomic_fetch_sub(&settling->under_way[generation], 1) == 1)
        weiri_signal_raise(&settling->answered);
}

static bool
wait_empty(weiri_settling *settling, unsigned generation, const weiri_world *world, int64_t until_us)
{
    for (;;) {
        uint64_t seen = weiri_signal_count(&settling->answered);
        if (atomic_load(&settling->under_way[generation]) == 0)
            return true;
        int64_t left_us = until_us - world->monotonic_us(world);
        if (left_us <= 0)
            return false;
        (void)weiri_signal_wait(&settling->answered, seen, left_us / 1000 + 1);
    }
}

bool
weiri_settling_wait(weiri_settling *settling, const weiri_world *world, int64_t until_us)
{
    weiri_lock_take(&settling->one);
    unsigned now = atomic_load(&settling->generation) & 1;
    bool settled = wait_empty(settling, now ^ 1, world, until_us);
    if (settled) {
        atomic_store(&settling->generation, now ^ 1);
        settled = wait_empty(settling, now, world, until_us);
    }
    weiri_lock_give(&settling->one);
    return settled;
}
