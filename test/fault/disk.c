/* SPDX-License-Identifier: Apache-2.0
 * Reading and playing a recording. disk_image.c makes the images. */
#include "disk.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PAGE = 4096 };

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

/* ---- what is in files ------------------------------------------------------------------------------------- */

static void
make_sure(disk_file *f, uint64_t at, const void *bytes, size_t size)
{
    size_t end = at + size;

    if (end > f->sure_room) {
        size_t room = end * 2;
        f->sure_bytes = grown(f->sure_bytes, room);
        memset(f->sure_bytes + f->sure_room, 0, room - f->sure_room);
        f->sure_room = room;
    }
    memcpy(f->sure_bytes + at, bytes, size);
    if (end > f->sure_size)
        f->sure_size = end;
}

static void
make_size_sure(disk_file *f, uint64_t size)
{
    static const uint8_t zero[1];

    if (size > f->sure_size)
        make_sure(f, size - 1, zero, 1);
    else if (size < f->sure_size)
        memset(f->sure_bytes + size, 0, f->sure_size - size);
    f->sure_size = size;
}

static void
add_fragment(disk_file *f, const fragment *part)
{
    if (f->pending_n == f->pending_room)
        f->pending = grown(f->pending, (f->pending_room = f->pending_room * 2 + 64) * sizeof *f->pending);
    f->pending[f->pending_n++] = *part;
}

void
disk_add_write(disk_file *f, const fault_entry *entry)
{
    const uint8_t *bytes = recording_bytes(entry);
    uint64_t at = entry->offset, end = at + entry->size;

    while (at < end) {
        uint64_t page = at / PAGE, part = (page + 1) * PAGE < end ? (page + 1) * PAGE - at : end - at;
        add_fragment(f, &(fragment){ bytes, page, entry->sequence, (uint32_t)(at % PAGE), (uint32_t)part, 0 });
        bytes += part;
        at += part;
    }
    if (end > f->size)
        f->size = end;
}

static void
add_size(disk_file *f, const fault_entry *entry)
{
    add_fragment(f, &(fragment){ .order = entry->sequence, .at_size = entry->offset });
    f->size = entry->offset;
}

/* Writes what is pending of pages `first` to `last` to the disk. A change of size is one of the whole file. */
static void
flush(disk_file *f, uint64_t first, uint64_t last)
{
    size_t left = 0;

    for (size_t i = 0; i < f->pending_n; i++) {
        const fragment *part = &f->pending[i];
        if (part->bytes == NULL) {
            first = 0;
            last = UINT64_MAX;
        }
    }
    for (size_t i = 0; i < f->pending_n; i++) {
        const fragment *part = &f->pending[i];
        if (part->bytes == NULL)
            make_size_sure(f, part->at_size);
        else if (part->page >= first && part->page <= last)
            make_sure(f, part->page * PAGE + part->at, part->bytes, part->size);
        else
            f->pending[left++] = *part;
    }
    f->pending_n = left;
}

static void
flush_all(disk_file *f)
{
    flush(f, 0, UINT64_MAX);
    make_size_sure(f, f->size); /* grown without bytes */
}

/* ---- names ------------------------------------------------------------------------------------------------ */

static disk_name
name_of(const char *text, size_t size)
{
    disk_name name = { "" };

    if (size >= sizeof name.text)
        abort();
    memcpy(name.text, text, size);
    return name;
}

static disk_name
parent_of(const disk_name *name)
{
    const char *slash = strrchr(name->text, '/');

    return name_of(name->text, slash == NULL ? 0 : (size_t)(slash - name->text));
}

static bool
same(const disk_name *a, const disk_name *b)
{
    return strcmp(a->text, b->text) == 0;
}

static disk_file *
new_file(disk *d, const disk_name *now, const disk_name *sure, bool is_directory)
{
    if (d->files_n == DISK_FILES_MOST)
        abort();
    disk_file *f = &d->files[d->files_n++];
    f->is_directory = is_directory;
    f->now = *now;
    f->sure = *sure;
    return f;
}

/* By what it is called now; one that nobody has made was there before the recording began. */
static disk_file *
find_file(disk *d, unsigned number)
{
    const disk_name *name = &d->names[number];

    for (unsigned i = 0; i < d->files_n; i++) {
        if (same(&d->files[i].now, name))
            return &d->files[i];
    }
    return new_file(d, name, name, name->text[0] == '\0');
}

/* The file gets a name; `directory` is the one that the name stands in, or stood in. */
static void
change_name(disk *d, disk_file *f, const disk_name *name, disk_name directory)
{
    static const disk_name none = { DISK_NO_NAME };

    for (unsigned i = 0; i < d->files_n; i++) {
        if (&d->files[i] != f && !same(name, &none) && same(&d->files[i].now, name))
            d->files[i].now = none;
    }
    f->now = *name;
    if (d->changes_n == DISK_CHANGES_MOST)
        abort();
    d->changes[d->changes_n++] = (disk_change){ (unsigned)(f - d->files), *name, directory };
}

void
disk_apply_change(const disk_change *change, disk_name *names, unsigned n)
{
    static const disk_name none = { DISK_NO_NAME };

    for (unsigned i = 0; i < n; i++) {
        if (same(&names[i], &change->name))
            names[i] = none;
    }
    names[change->file] = change->name;
}

static void
sync_names(disk *d, const disk_name *directory)
{
    disk_name names[DISK_FILES_MOST];
    unsigned left = 0;

    for (unsigned i = 0; i < d->files_n; i++)
        names[i] = d->files[i].sure;
    for (unsigned i = 0; i < d->changes_n; i++) {
        if (same(&d->changes[i].directory, directory))
            disk_apply_change(&d->changes[i], names, d->files_n);
        else
            d->changes[left++] = d->changes[i];
    }
    d->changes_n = left;
    for (unsigned i = 0; i < d->files_n; i++)
        d->files[i].sure = names[i];
}

/* ---- playing ---------------------------------------------------------------------------------------------- */

static void
make_file(disk *d, const fault_entry *entry)
{
    static const disk_name none = { DISK_NO_NAME };
    const disk_name *name = &d->names[entry->file];

    if (name->text[0] != '\0') /* the directory itself is always there */
        change_name(d, new_file(d, &none, &none, (entry->flags & FAULT_DIRECTORY) != 0), name, parent_of(name));
}

static void
write_file(disk *d, const fault_entry *entry)
{
    disk_file *f = find_file(d, entry->file);

    disk_add_write(f, entry);
    if ((entry->flags & FAULT_DURABLE) != 0 && entry->size > 0)
        flush(f, entry->offset / PAGE, (entry->offset + entry->size - 1) / PAGE);
}

static void
sync_file(disk *d, const fault_entry *entry)
{
    disk_file *f = find_file(d, entry->file);

    if (f->is_directory)
        sync_names(d, &f->now);
    else
        flush_all(f);
}

static void
play_one(disk *d, const fault_entry *entry)
{
    static const disk_name none = { DISK_NO_NAME };

    if (entry->file >= DISK_NUMBERS_MOST)
        abort();
    switch (entry->op) {
    case FAULT_FILE:
        d->names[entry->file] = name_of(recording_bytes(entry), entry->size);
        break;
    case FAULT_MAKE:
        make_file(d, entry);
        break;
    case FAULT_REMOVE:
        change_name(d, find_file(d, entry->file), &none, parent_of(&d->names[entry->file]));
        break;
    case FAULT_RENAME:
        change_name(d, find_file(d, entry->file), &d->names[entry->offset], parent_of(&d->names[entry->offset]));
        break;
    case FAULT_WRITE:
        write_file(d, entry);
        break;
    case FAULT_TRUNCATE:
        add_size(find_file(d, entry->file), entry);
        break;
    case FAULT_SYNC:
        sync_file(d, entry);
        break;
    default:
        break; /* marks are the checker's; a process that starts names its files before it uses them */
    }
}

void
disk_play(disk *d, size_t to)
{
    for (; d->at < to; d->at++)
        play_one(d, d->recording->entries[d->at]);
}
