/* SPDX-License-Identifier: Apache-2.0
 * The disk reserve: free space that is never touched, so that a write never meets a full disk. Looked at again at most every
 * 100 ms, or after a sixteenth of it was written, by whoever asks. Thread: any; no lock: two that look at once see the same. */
#ifndef WEIRI_SPACE_H
#define WEIRI_SPACE_H

#include <stdatomic.h>
#include "base/error.h"
#include "base/world.h"

typedef struct weiri_space {
    const weiri_world *world;
    const char *dir;
    uint64_t reserve_bytes;
    uint64_t (*free_bytes)(const char *dir); /* UINT64_MAX: not known */
    _Atomic int64_t look_at_us;
    _Atomic uint64_t free, written;
} weiri_space;

/* `dir` is borrowed. reserve_bytes 0: 256 MiB. */
void weiri_space_init(weiri_space *space, const weiri_world *world, const char *dir, uint64_t reserve_bytes);
void weiri_space_wrote(weiri_space *space, uint64_t bytes);
/* OK, or BUSY with how much is free and of what reserve. */
WEIR_MUST_USE weir_status weiri_space_state(weiri_space *space, weir_error *err);
uint64_t weiri_space_free(weiri_space *space);

#endif
