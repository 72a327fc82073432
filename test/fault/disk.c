/* SPDX-License-Identifier: Apache-2.0
 * Playing a recording, and one image of a disk at a cut. */
#include "disk.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, SECTOR = 512 };

static void *
grown(void *old, size_t size)
{
    void *memory = realloc(old, size);
    if (memory == NULL)
        abort();
    return memory;
}

uint64_t
chance_next(chance *c) /* splitmix64 (Steele, Lea, Flood 2014) */
{
    uint64_t z = c->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void
recording_read(recording *r, const char *path)
{
    struct stat about;
    FILE *file = fopen(path, "rb");

    if (file == NULL || fstat(fileno(file), &about) != 0) {
        perror(path);
        exit(2);
    }
    r->size = (size_t)about.st_size;
    r->bytes = grown(NULL, r->size + 1);
    if (fread(r->bytes, 1, r->size, file) != r->size)
        abort();
    (void)fclose(file);
    for (size_t at = 0; at + sizeof(fault_entry) <= r->size; r->n++) {
        if (r->n % 4096 == 0)
            r->entries = grown(r->entries, (r->n + 4096) * sizeof *r->entries);
        fault_entry *entry = grown(NULL, sizeof *entry); /* aligned, with its bytes behind it */
        memcpy(entry, r->bytes + at, sizeof *entry);
        entry = grown(entry, sizeof *entry + entry->size);
        memcpy(entry + 1, r->bytes + at + sizeof *entry, entry->size);
        r->entries[r->n] = entry;
        at += sizeof *entry + entry->size;
    }
}

/* ---- playing ------------------------------------------------------------------------------------------- */

static void
make_sure(disk_file *f, uint64_t at, const void *bytes, size_t size)
{
    size_t end = at + size;

    if (end > f->sure_room) {
        size_t room = end * 2;
        f->sure = grown(f->sure, room);
        memset(f->sure + f->sure_room, 0, room - f->sure_room);
        f->sure_room = room;
    }
    memcpy(f->sure + at, bytes, size);
    if (end > f->sure_size)
        f->sure_size = end;
}

static void
add_fragments(disk_file *f, const fault_entry *entry)
{
    const uint8_t *bytes = recording_bytes(entry);
    uint64_t at = entry->offset, end = at + entry->size;

    while (at < end) {
        uint64_t page = at / PAGE, part = (page + 1) * PAGE < end ? (page + 1) * PAGE - at : end - at;
        if (f->pending_n == f->pending_room)
            f->pending = grown(f->pending, (f->pending_room = f->pending_room * 2 + 64) * sizeof *f->pending);
        f->pending[f->pending_n++] = (fragment){ bytes, page, entry->sequence, (uint32_t)(at % PAGE), (uint32_t)part };
        bytes += part;
        at += part;
    }
    if (end > f->size)
        f->size = end;
}

/* Writes what is pending of pages `first` to `last` to the disk. */
static void
flush(disk_file *f, uint64_t first, uint64_t last)
{
    size_t left = 0;

    for (size_t i = 0; i < f->pending_n; i++) {
        const fragment *part = &f->pending[i];
        if (part->page >= first && part->page <= last)
            make_sure(f, part->page * PAGE + part->at, part->bytes, part->size);
        else
            f->pending[left++] = *part;
    }
    f->pending_n = left;
}

static void
sync_names(disk *d, const disk_file *directory)
{
    size_t size = strlen(directory->name);

    for (unsigned i = 0; i < DISK_FILES_MOST; i++) {
        disk_file *f = &d->files[i];
        const char *slash = strrchr(f->name, '/');
        size_t parent = slash == NULL ? 0 : (size_t)(slash - f->name);
        if (f->exists && parent == size && strncmp(f->name, directory->name, size) == 0)
            f->name_is_sure = true;
    }
}

static void
sync_all(disk *d, disk_file *f)
{
    flush(f, 0, UINT64_MAX);
    if (f->size > f->sure_size) { /* grown without bytes */
        static const uint8_t zero[1];
        make_sure(f, f->size - 1, zero, 1);
    }
    sync_names(d, f);
}

static void
truncate_to(disk_file *f, size_t size)
{
    f->size = size;
    if (size < f->sure_size) {
        memset(f->sure + size, 0, f->sure_size - size);
        f->sure_size = size;
    }
    size_t left = 0;
    for (size_t i = 0; i < f->pending_n; i++) {
        if (f->pending[i].page * PAGE + f->pending[i].at + f->pending[i].size <= size)
            f->pending[left++] = f->pending[i];
    }
    f->pending_n = left;
}

static void
play_one(disk *d, const fault_entry *entry)
{
    if (entry->file >= DISK_FILES_MOST)
        abort();
    disk_file *f = &d->files[entry->file];

    switch (entry->op) {
    case FAULT_FILE:
        (void)snprintf(f->name, sizeof f->name, "%.*s", (int)entry->size, (const char *)recording_bytes(entry));
        f->exists = true;
        break;
    case FAULT_WRITE:
        f->written = true;
        add_fragments(f, entry);
        if ((entry->flags & FAULT_DURABLE) != 0 && entry->size > 0)
            flush(f, entry->offset / PAGE, (entry->offset + entry->size - 1) / PAGE);
        break;
    case FAULT_TRUNCATE:
        truncate_to(f, entry->offset);
        break;
    case FAULT_SYNC:
        sync_all(d, f);
        break;
    default:
        break; /* marks are the checker's; nothing is renamed below log/ and checkpoint/ */
    }
}

void
disk_play(disk *d, size_t to)
{
    for (; d->at < to; d->at++)
        play_one(d, d->recording->entries[d->at]);
}

/* ---- one image ----------------------------------------------------------------------------------------------- */

typedef struct odds {    /* of one image: so that it is now nearly all there, now nearly nothing */
    unsigned keep, tear; /* of 100 pages */
    bool full_size;      /* the file's new size is on the disk, with or without its pages */
} odds;

static int
by_page(const void *a, const void *b)
{
    const fragment *x = a, *y = b;

    if (x->page != y->page)
        return x->page < y->page ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* The page as it was after `n` of its fragments. */
static void
page_after(const disk_file *f, const fragment *parts, size_t n, uint8_t to[PAGE])
{
    uint64_t at = parts->page * PAGE;

    memset(to, 0, PAGE);
    if (at < f->sure_size)
        memcpy(to, f->sure + at, f->sure_size - at < PAGE ? f->sure_size - at : PAGE);
    for (size_t i = 0; i < n; i++)
        memcpy(to + parts[i].at, parts[i].bytes, parts[i].size);
}

/* Puts one page; returns where its newest part ends, 0 if it is lost. */
static size_t
image_page(const disk_file *f, const fragment *parts, size_t n, const odds *o, uint8_t *image, chance *c)
{
    uint8_t page[PAGE], other[PAGE];
    size_t end = 0;

    if (chance_below(c, 100) >= o->keep)
        return 0;
    size_t newest = chance_below(c, 100) < 70 ? n : 1 + chance_below(c, n);
    page_after(f, parts, newest, page);
    if (chance_below(c, 100) < o->tear) {
        page_after(f, parts, chance_below(c, newest), other);
        for (unsigned at = 0; at < PAGE; at += SECTOR) {
            if (chance_below(c, 2) == 0)
                memcpy(page + at, other + at, SECTOR);
        }
    }
    memcpy(image + parts->page * PAGE, page, PAGE);
    for (size_t i = 0; i < newest; i++) {
        size_t part = parts[i].page * PAGE + parts[i].at + parts[i].size;
        end = part > end ? part : end;
    }
    return end;
}

static void
write_file(const char *dir, const char *name, const uint8_t *bytes, size_t size)
{
    char path[4096];

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || close(fd) != 0) {
        perror(path);
        exit(2);
    }
}

static void
image_file(const disk_file *f, const char *dir, const odds *o, chance *c)
{
    size_t room = (f->size > f->sure_size ? f->size : f->sure_size) + PAGE, size = f->sure_size, n = f->pending_n;
    uint8_t *image = calloc(1, room);
    fragment *parts = grown(NULL, (n + 1) * sizeof *parts);

    if (image == NULL)
        abort();
    if (f->sure_size > 0)
        memcpy(image, f->sure, f->sure_size);
    if (n > 0)
        memcpy(parts, f->pending, n * sizeof *parts);
    qsort(parts, n, sizeof *parts, by_page);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && parts[end].page == parts[i].page; end++)
            ;
        size_t reached = image_page(f, parts + i, end - i, o, image, c);
        size = reached > size ? reached : size;
    }
    if (o->full_size && f->size > size)
        size = f->size;
    write_file(dir, f->name, image, size);
    free(parts);
    free(image);
}

void
disk_image(const disk *d, const char *prefix, const char *dir, chance *c)
{
    static const unsigned keeps[] = { 0, 10, 50, 50, 90, 97, 100 }, tears[] = { 0, 0, 10, 50, 100 };
    const fault_entry *under_way = d->at < d->recording->n ? d->recording->entries[d->at] : NULL;
    odds o = { keeps[chance_below(c, 7)], tears[chance_below(c, 5)], chance_below(c, 2) == 0 };

    for (unsigned i = 0; i < DISK_FILES_MOST; i++) {
        const disk_file *f = &d->files[i];
        disk_file now = *f;
        bool here = under_way != NULL && under_way->op == FAULT_WRITE && under_way->file == i;
        if (!f->exists || !(f->written || here) || strncmp(f->name, prefix, strlen(prefix)) != 0)
            continue;
        if (!f->name_is_sure && chance_below(c, 3) == 0)
            continue; /* its name is lost, and all of it */
        now.pending = grown(NULL, (f->pending_n + 1) * sizeof *now.pending);
        now.pending_room = f->pending_n + 1;
        if (f->pending_n > 0)
            memcpy(now.pending, f->pending, f->pending_n * sizeof *now.pending);
        if (here)
            add_fragments(&now, under_way);
        image_file(&now, dir, &o, c);
        free(now.pending);
    }
}
