/* SPDX-License-Identifier: Apache-2.0
 * Memory for one event or one question: taken piece by piece, given back all at once. After a few rounds it is one block
 * that fits, and nothing is allocated any more. Thread: one at a time. */
#ifndef WEIRI_SCRATCH_H
#define WEIRI_SCRATCH_H

#include <protobuf-c/protobuf-c.h>
#include "base/bytes.h"

typedef struct weiri_scratch_block weiri_scratch_block;

typedef struct weiri_scratch {
    weiri_scratch_block *block; /* the newest, which points to the one before */
    size_t used, room;          /* of the newest */
    size_t total;               /* of all */
} weiri_scratch;                /* zero-initialise */

void *weiri_scratch_take(weiri_scratch *scratch, size_t size);      /* aligned to 16 bytes, not zeroed; never NULL */
char *weiri_scratch_text(weiri_scratch *scratch, weiri_bytes text); /* a copy with a NUL behind it */
void weiri_scratch_reset(weiri_scratch *scratch);                   /* all that was taken is gone; keeps one block */
void weiri_scratch_fini(weiri_scratch *scratch);

/* protobuf-c's allocator over the scratch: its free does nothing. */
ProtobufCAllocator weiri_scratch_allocator(weiri_scratch *scratch);

#endif
