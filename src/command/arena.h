/* SPDX-License-Identifier: Apache-2.0
 * Memory for messages that live as long as one command: protobuf-c's allocator over a block that is forgotten as a whole.
 * Freeing does nothing. Running out ends the program (memory.h). Thread: one at a time. */
#ifndef WEIRI_ARENA_H
#define WEIRI_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

typedef struct weiri_arena_spill weiri_arena_spill;

typedef struct weiri_arena {
    ProtobufCAllocator allocator;
    uint8_t *block;
    size_t used, room;
    weiri_arena_spill *spills; /* what did not fit; a larger block takes its place at the next reset */
    size_t spilled;
} weiri_arena; /* must not move once made */

void weiri_arena_init(weiri_arena *arena);
void weiri_arena_reset(weiri_arena *arena);
void weiri_arena_fini(weiri_arena *arena);

#endif
