/* SPDX-License-Identifier: Apache-2.0
 * A block with a mark that moves on, and a list of spills for what is larger than the block has room for. */
#include "command/arena.h"
#include "base/memory.h"

enum { BLOCK_FIRST = 16 << 10, BLOCK_MOST = 1 << 20, ALIGN = 16 };

struct weiri_arena_spill {
    weiri_arena_spill *next;
    max_align_t bytes[];
};

static void *
take(void *data, size_t size)
{
    weiri_arena *arena = data;
    size_t rounded = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);

    if (rounded <= arena->room - arena->used) {
        void *memory = arena->block + arena->used;
        arena->used += rounded;
        return memory;
    }
    weiri_arena_spill *spill = weiri_allocate(sizeof *spill + rounded);
    spill->next = arena->spills;
    arena->spills = spill;
    arena->spilled += rounded;
    return spill->bytes;
}

static void
forget(void *data, void *memory)
{
    (void)data;
    (void)memory;
}

void
weiri_arena_init(weiri_arena *arena)
{
    *arena = (weiri_arena){ .allocator = { take, forget, arena }, .block = weiri_allocate(BLOCK_FIRST), .room = BLOCK_FIRST };
}

static void
free_spills(weiri_arena *arena)
{
    while (arena->spills != NULL) {
        weiri_arena_spill *spill = arena->spills;
        arena->spills = spill->next;
        weiri_release(spill);
    }
}

void
weiri_arena_reset(weiri_arena *arena)
{
    size_t wanted = arena->room + arena->spilled;

    arena->used = 0;
    if (arena->spills == NULL)
        return;
    free_spills(arena);
    arena->spilled = 0;
    if (arena->room == BLOCK_MOST)
        return;
    weiri_release(arena->block);
    while (arena->room < wanted && arena->room < BLOCK_MOST)
        arena->room *= 2;
    arena->block = weiri_allocate(arena->room);
}

void
weiri_arena_fini(weiri_arena *arena)
{
    free_spills(arena);
    weiri_release(arena->block);
    *arena = (weiri_arena){ 0 };
}
