/* SPDX-License-Identifier: Apache-2.0
 * What a disk may hold when the power goes: a recording is played up to a cut; what was written since a file's last sync is
 * there or lost by 4 KiB pages, torn at 512 bytes, in any version it has had since. A name is sure once its directory was synced.
 * Taken as done at once: making directories, truncating (LMDB does neither to its data). One thread. */
#ifndef FAULT_DISK_H
#define FAULT_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include "recording.h"

typedef struct recording {
    uint8_t *bytes;
    size_t size;
    const fault_entry **entries;
    size_t n;
} recording;

void recording_read(recording *r, const char *path); /* ends the program if it can't */
static inline const void *
recording_bytes(const fault_entry *entry)
{
    return entry + 1;
}

/* A part of a page, written and not yet synced. */
typedef struct fragment {
    const uint8_t *bytes;
    uint64_t page, order;
    uint32_t at, size;
} fragment;

typedef struct disk_file {
    char name[256];
    bool exists, name_is_sure, written; /* written: it is a file, and not a directory */
    uint8_t *sure;                      /* what is on the disk whatever happens */
    size_t sure_size, sure_room;
    size_t size; /* as the program sees it */
    fragment *pending;
    size_t pending_n, pending_room;
} disk_file;

enum { DISK_FILES_MOST = 64 };
typedef struct disk {
    const recording *recording;
    size_t at; /* entries below it have happened */
    disk_file files[DISK_FILES_MOST];
} disk; /* zero-initialise, set recording */

void disk_play(disk *d, size_t to); /* never backwards */

typedef struct chance {
    uint64_t state;
} chance;
uint64_t chance_next(chance *c);
static inline uint64_t
chance_below(chance *c, uint64_t n)
{
    return chance_next(c) % n;
}

/* Writes one image of the files whose names begin with `prefix` below `dir` (its directories are there): the power goes while
 * the next entry is under way. */
void disk_image(const disk *d, const char *prefix, const char *dir, chance *c);

#endif
