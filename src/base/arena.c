/* SPDX-License-Identifier: Apache-2.0
 * The bump allocator: blocks that double, merged into one at the next reset. Thread: one at a time. */
#include "base/arena.h"
#include "base/memory.h"

enum { FIRST_BLOCK = 4096, ALIGN = 16, KEEP_MOST = 4 << 20 };

struct weiri_arena_block {
    _Alignas(ALIGN) weiri_arena_block *before;
    _Alignas(ALIGN) uint8_t bytes[];
};

static void
add_block(weiri_arena *arena, size_t size)
{
    size_t room = arena->total < FIRST_BLOCK ? FIRST_BLOCK : arena->total;

    if (room < size)
        room = size;
    weiri_arena_block *block = weiri_reallocate(NULL, sizeof *block + room);
    block->before = arena->block;
    arena->block = block;
    arena->used = 0;
    arena->room = room;
    arena->total += room;
}

void *
weiri_arena_take(weiri_arena *arena, size_t size)
{
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (arena->block == NULL || arena->room - arena->used < size)
        add_block(arena, size);
    void *at = arena->block->bytes + arena->used;
    arena->used += size;
    return at;
}

char *
weiri_arena_text(weiri_arena *arena, weiri_bytes text)
{
    char *copy = weiri_arena_take(arena, text.size + 1);

    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

void
weiri_arena_reset(weiri_arena *arena)
{
    size_t total = arena->total;

    if (arena->block != NULL && (arena->block->before != NULL || total > KEEP_MOST)) {
        weiri_arena_fini(arena);
        add_block(arena, total < KEEP_MOST ? total : FIRST_BLOCK);
    }
    arena->used = 0;
}

void
weiri_arena_fini(weiri_arena *arena)
{
    while (arena->block != NULL) {
        weiri_arena_block *before = arena->block->before;
        weiri_release(arena->block);
        arena->block = before;
    }
    *arena = (weiri_arena){ 0 };
}

static void *
take(void *arena, size_t size)
{
    return weiri_arena_take(arena, size);
}

static void
give(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

ProtobufCAllocator
weiri_arena_allocator(weiri_arena *arena)
{
    return (ProtobufCAllocator){ .alloc = take, .free = give, .allocator_data = arena };
}
