/* SPDX-License-Identifier: Apache-2.0
 * The bump allocator: blocks that double, merged into one at the next reset. Thread: one at a time. */
#include "query/scratch.h"
#include "base/memory.h"

enum { FIRST_BLOCK = 4096, ALIGN = 16, KEEP_MOST = 4 << 20 };

struct weiri_scratch_block {
    _Alignas(ALIGN) weiri_scratch_block *before;
    _Alignas(ALIGN) uint8_t bytes[];
};

static void
add_block(weiri_scratch *scratch, size_t size)
{
    size_t room = scratch->total < FIRST_BLOCK ? FIRST_BLOCK : scratch->total;

    if (room < size)
        room = size;
    weiri_scratch_block *block = weiri_reallocate(NULL, sizeof *block + room);
    block->before = scratch->block;
    scratch->block = block;
    scratch->used = 0;
    scratch->room = room;
    scratch->total += room;
}

void *
weiri_scratch_take(weiri_scratch *scratch, size_t size)
{
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (scratch->block == NULL || scratch->room - scratch->used < size)
        add_block(scratch, size);
    void *at = scratch->block->bytes + scratch->used;
    scratch->used += size;
    return at;
}

char *
weiri_scratch_text(weiri_scratch *scratch, weiri_bytes text)
{
    char *copy = weiri_scratch_take(scratch, text.size + 1);

    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

void
weiri_scratch_reset(weiri_scratch *scratch)
{
    size_t total = scratch->total;

    if (scratch->block != NULL && (scratch->block->before != NULL || total > KEEP_MOST)) {
        weiri_scratch_fini(scratch);
        add_block(scratch, total < KEEP_MOST ? total : FIRST_BLOCK);
    }
    scratch->used = 0;
}

void
weiri_scratch_fini(weiri_scratch *scratch)
{
    while (scratch->block != NULL) {
        weiri_scratch_block *before = scratch->block->before;
        weiri_release(scratch->block);
        scratch->block = before;
    }
    *scratch = (weiri_scratch){ 0 };
}

static void *
take(void *scratch, size_t size)
{
    return weiri_scratch_take(scratch, size);
}

static void
give(void *scratch, void *memory)
{
    (void)scratch;
    (void)memory;
}

ProtobufCAllocator
weiri_scratch_allocator(weiri_scratch *scratch)
{
    return (ProtobufCAllocator){ .alloc = take, .free = give, .allocator_data = scratch };
}
