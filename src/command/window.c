/* SPDX-License-Identifier: Apache-2.0
 * A ring of entries and an index over it: linear probing, at most half full, deletion by moving back. */
#include "command/window.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"

weiri_id_hash
weiri_window_hash(uint16_t aggregate, weiri_bytes scope)
{
    return (weiri_id_hash){ weiri_hash64(0x10000u + aggregate, scope.data, scope.size),
        weiri_hash64(0x20000u + aggregate, scope.data, scope.size) };
}

void
weiri_window_init(weiri_window *window, uint32_t most)
{
    uint32_t slots = 2;

    weiri_assert(most >= 1 && most <= UINT32_MAX / 4);
    while (slots < most * 2)
        slots *= 2;
    *window = (weiri_window){ .most = most, .index_mask = slots - 1 };
    window->ring = weiri_allocate((size_t)most * sizeof *window->ring);
    window->index = weiri_allocate((size_t)slots * sizeof *window->index);
}

void
weiri_window_fini(weiri_window *window)
{
    weiri_release(window->ring);
    weiri_release(window->index);
    *window = (weiri_window){ 0 };
}

const weiri_window_entry *
weiri_window_find(const weiri_window *window, weiri_id_hash id)
{
    for (uint32_t i = (uint32_t)id.low & window->index_mask; window->index[i] != 0; i = (i + 1) & window->index_mask) {
        const weiri_window_entry *entry = &window->ring[window->index[i] - 1];
        if (entry->id.low == id.low && entry->id.high == id.high)
            return entry;
    }
    return NULL;
}

static uint32_t
home_of(const weiri_window *window, uint32_t slot)
{
    return (uint32_t)window->ring[window->index[slot] - 1].id.low & window->index_mask;
}

/* Takes the entry at ring position `at` out of the index, and closes the gap in its run. */
static void
unlink_entry(weiri_window *window, uint32_t at)
{
    uint32_t mask = window->index_mask;
    uint32_t gap = (uint32_t)window->ring[at].id.low & mask;

    while (window->index[gap] != at + 1)
        gap = (gap + 1) & mask;
    for (uint32_t i = (gap + 1) & mask; window->index[i] != 0; i = (i + 1) & mask) {
        /* It may move to the gap only if that is not before its home. */
        if (((i - home_of(window, i)) & mask) >= ((i - gap) & mask)) {
            window->index[gap] = window->index[i];
            gap = i;
        }
    }
    window->index[gap] = 0;
}

void
weiri_window_add(weiri_window *window, const weiri_window_entry *entry)
{
    if (window->count == window->most) {
        unlink_entry(window, window->first);
        window->first = (window->first + 1) % window->most;
        window->count--;
    }
    uint32_t at = (uint32_t)(((uint64_t)window->first + window->count) % window->most);
    window->ring[at] = *entry;
    window->count++;
    uint32_t i = (uint32_t)entry->id.low & window->index_mask;
    while (window->index[i] != 0)
        i = (i + 1) & window->index_mask;
    window->index[i] = at + 1;
}

const weiri_window_entry *
weiri_window_at(const weiri_window *window, uint32_t i)
{
    weiri_assert(i < window->count);
    return &window->ring[((uint64_t)window->first + i) % window->most];
}
