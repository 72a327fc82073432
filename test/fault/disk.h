/* SPDX-License-Identifier: Apache-2.0
 * What a disk may hold when the power goes: a recording is played up to a cut. What was written since a file's last sync is there or
 * lost by 4 KiB pages, torn at 512 bytes, in any version it has had since; a file that was cut or grown may be as it was before
 * that, and then nothing later is in it. A name that was made, removed or changed is sure once its directory was synced: until then all
 * such changes up to one of them may be there, or any of them. One thread. */
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

/* A part of a page, written and not yet synced; or, `bytes` NULL, the file's new size `at_size`. */
typedef struct fragment {
    const uint8_t *bytes;
    uint64_t page, order;
    uint32_t at, size;
    uint64_t at_size;
} fragment;

enum { DISK_NAME_MOST = 256, DISK_FILES_MOST = 128, DISK_NUMBERS_MOST = 256, DISK_CHANGES_MOST = 256 };

/* A file's name below the directory; "" is the directory itself, DISK_NO_NAME is none. */
typedef struct disk_name {
    char text[DISK_NAME_MOST];
} disk_name;
#define DISK_NO_NAME "-"

typedef struct disk_file {
    bool is_directory;
    disk_name now, sure; /* as programs see it; on the disk whatever happens */
    uint8_t *sure_bytes; /* what is on the disk whatever happens */
    size_t sure_size, sure_room;
    size_t size;       /* as programs see it */
    fragment *pending; /* in order */
    size_t pending_n, pending_room;
} disk_file;

/* Of names, not yet synced: `file` gets this one, and who had it has none. */
typedef struct disk_change {
    unsigned file;
    disk_name name, directory; /* directory: whose sync makes it sure */
} disk_change;

typedef struct disk {
    const recording *recording;
    size_t at; /* entries below it have happened */
    disk_file files[DISK_FILES_MOST];
    unsigned files_n;
    disk_name names[DISK_NUMBERS_MOST]; /* of the present process's numbers */
    disk_change changes[DISK_CHANGES_MOST];
    unsigned changes_n;
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

/* What an entry does to a file, and to names: for images, too. */
void disk_add_write(disk_file *f, const fault_entry *entry);
void disk_apply_change(const disk_change *change, disk_name *names, unsigned n); /* names: by file */

/* Writes one image of what lies below the directory, in `dir`, which is there and empty: the power goes while the next entry is
 * under way. Names for which `wanted` is false are left out. */
void disk_image(const disk *d, bool (*wanted)(const char *name), const char *dir, chance *c);

#endif
