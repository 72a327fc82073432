/* SPDX-License-Identifier: Apache-2.0
 * A heap of timers. One that was moved or taken back stays until it is due: whoever takes it asks the instance. Thread: the lane's. */
#include "base/memory.h"
#include "command/lane_process.h"

static void
swap(weiri_timer_heap *t, size_t i, size_t k)
{
    struct weiri_timer_slot slot = t->slots[i];

    t->slots[i] = t->slots[k];
    t->slots[k] = slot;
}

void
weiri_timer_heap_return(weiri_timer_heap *t, int64_t at_ms, weiri_pending_timer *timer)
{
    if (t->n == t->room) {
        t->room = t->room == 0 ? 64 : 2 * t->room;
        t->slots = weiri_reallocate(t->slots, t->room * sizeof *t->slots);
    }
    size_t i = t->n++;
    t->slots[i] = (struct weiri_timer_slot){ at_ms, timer };
    for (; i > 0 && t->slots[(i - 1) / 2].at_ms > t->slots[i].at_ms; i = (i - 1) / 2)
        swap(t, i, (i - 1) / 2);
}

void
weiri_timer_heap_add(
    weiri_timer_heap *t, int64_t at_ms, uint16_t aggregate, uint64_t hash, weiri_bytes key, const char *name, uint64_t set_by)
{
    size_t name_size = strlen(name);
    weiri_pending_timer *timer = weiri_allocate(sizeof *timer + name_size + key.size + 2);

    timer->set_by = set_by;
    timer->hash = hash;
    timer->aggregate = aggregate;
    timer->name_size = (uint8_t)name_size;
    timer->key_size = (uint8_t)key.size;
    memcpy(timer->names, name, name_size);
    memcpy(timer->names + name_size + 1, key.data, key.size);
    weiri_timer_heap_return(t, at_ms, timer);
}

weiri_pending_timer *
weiri_timer_heap_take(weiri_timer_heap *t, int64_t *ret_at_ms)
{
    weiri_pending_timer *timer = t->slots[0].timer;

    *ret_at_ms = t->slots[0].at_ms;
    t->slots[0] = t->slots[--t->n];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < t->n; k++)
            if (t->slots[k].at_ms < t->slots[least].at_ms)
                least = k;
        if (least == i)
            return timer;
        swap(t, i, least);
        i = least;
    }
}

void
weiri_timer_heap_fini(weiri_timer_heap *t)
{
    for (size_t i = 0; i < t->n; i++)
        weiri_release(t->slots[i].timer);
    weiri_release(t->slots);
    *t = (weiri_timer_heap){ 0 };
}
