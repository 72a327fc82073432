/* SPDX-License-Identifier: Apache-2.0
 * Memory that lives as long as one event, command or question: taken piece by piece, given back all at once. After a few rounds it is one block
 * that fits, and nothing is allocated any more. Thread: one at a time. */
#ifndef WEIRI_ARENA_H
#define WEIRI_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include "base/bytes.h"

typedef struct weiri_arena_block weiri_arena_block;

typedef struct weiri_arena {
    weiri_arena_block *block; /* the newest, which points to the one before */
    size_t used, room;        /* of the newest */
    size_t total;             /* of all */
} weiri_arena;                /* zero-initialise */

void *weiri_arena_take(weiri_arena *arena, size_t size);      /* aligned to 16 bytes, not zeroed; never NULL */
char *weiri_arena_text(weiri_arena *arena, weiri_bytes text); /* a copy with a NUL behind it */
void weiri_arena_reset(weiri_arena *arena);                   /* all that was taken is gone; keeps one block */
void weiri_arena_fini(weiri_arena *arena);

/* protobuf-c's allocator over the arena: its free does nothing. */
ProtobufCAllocator weiri_arena_allocator(weiri_arena *arena);

#endif
