/* SPDX-License-Identifier: Apache-2.0
 * One image of a disk: names first, then what is in each file. */
#include "disk.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, SECTOR = 512 };

typedef struct odds {    /* of one image: so that it is now nearly all there, now nearly nothing */
    unsigned keep, tear; /* of 100 pages */
    bool full_size;      /* the file's new size is on the disk, with or without its pages */
} odds;

/* ---- what is in a file -------------------------------------------------------------------------------------- */

static int
by_page(const void *a, const void *b)
{
    const fragment *x = a, *y = b;

    if (x->page != y->page)
        return x->page < y->page ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* The page as it was after `n` of its fragments; `to` holds it without any. */
static void
apply_parts(const fragment *parts, size_t n, uint8_t to[PAGE])
{
    for (size_t i = 0; i < n; i++)
        memcpy(to + parts[i].at, parts[i].bytes, parts[i].size);
}

/* Puts one page; returns where its newest part ends, 0 if it is lost. */
static size_t
image_page(const fragment *parts, size_t n, const odds *o, uint8_t *image, chance *c)
{
    uint8_t *place = image + parts->page * PAGE, page[PAGE], other[PAGE];
    size_t end = 0;

    if (chance_below(c, 100) >= o->keep)
        return 0;
    size_t newest = chance_below(c, 100) < 70 ? n : 1 + chance_below(c, n);
    memcpy(page, place, PAGE);
    apply_parts(parts, newest, page);
    if (chance_below(c, 100) < o->tear) {
        memcpy(other, place, PAGE);
        apply_parts(parts, chance_below(c, newest), other);
        for (unsigned at = 0; at < PAGE; at += SECTOR) {
            if (chance_below(c, 2) == 0)
                memcpy(page + at, other + at, SECTOR);
        }
    }
    memcpy(place, page, PAGE);
    for (size_t i = 0; i < newest; i++) {
        size_t part = parts[i].page * PAGE + parts[i].at + parts[i].size;
        end = part > end ? part : end;
    }
    return end;
}

/* The pages of fragments between two changes of size. Returns how far the file reaches. */
static size_t
image_pages(const fragment *pending, size_t n, const odds *o, uint8_t *image, size_t size, chance *c)
{
    fragment *parts = malloc((n + 1) * sizeof *parts);

    if (parts == NULL)
        abort();
    if (n > 0)
        memcpy(parts, pending, n * sizeof *parts);
    qsort(parts, n, sizeof *parts, by_page);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && parts[end].page == parts[i].page; end++)
            ;
        size_t reached = image_page(parts + i, end - i, o, image, c);
        size = reached > size ? reached : size;
    }
    free(parts);
    return size;
}

/* How many bytes it may have had at any time since its last sync. */
static size_t
most_of(const disk_file *f)
{
    size_t most = f->size > f->sure_size ? f->size : f->sure_size;

    for (size_t i = 0; i < f->pending_n; i++) {
        const fragment *part = &f->pending[i];
        size_t end = part->bytes == NULL ? part->at_size : part->page * PAGE + part->at + part->size;
        most = end > most ? end : most;
    }
    return most;
}

static void
write_file(const char *path, const uint8_t *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || close(fd) != 0) {
        perror(path);
        exit(2);
    }
}

static void
image_file(const disk_file *f, const char *path, const odds *o, chance *c)
{
    size_t most = most_of(f), size = f->sure_size, i = 0, sizes = 0;
    uint8_t *image = calloc(1, most + PAGE);

    if (image == NULL)
        abort();
    if (size > 0)
        memcpy(image, f->sure_bytes, size);
    for (size_t k = 0; k < f->pending_n; k++)
        sizes += f->pending[k].bytes == NULL;
    size_t reached = chance_below(c, 2) == 0 ? sizes : chance_below(c, sizes + 1); /* so many changes of size are on the disk */
    for (size_t passed = 0;; passed++) {
        size_t end = i;
        while (end < f->pending_n && f->pending[end].bytes != NULL)
            end++;
        size = image_pages(f->pending + i, end - i, o, image, size, c);
        if (passed == reached)
            break;
        size_t cut = f->pending[end].at_size;
        if (cut < size)
            memset(image + cut, 0, size - cut);
        size = cut;
        i = end + 1;
    }
    if (o->full_size && reached == sizes && f->size > size)
        size = f->size;
    write_file(path, image, size);
    free(image);
}

/* ---- names ------------------------------------------------------------------------------------------------ */

/* The names of all files: the sure ones, then changes up to one of them, or any. */
static void
image_names(const disk *d, disk_name *names, chance *c)
{
    bool in_order = chance_below(c, 2) == 0;
    unsigned up_to = chance_below(c, 2) == 0 ? d->changes_n : (unsigned)chance_below(c, d->changes_n + 1);

    for (unsigned i = 0; i < d->files_n; i++)
        names[i] = d->files[i].sure;
    for (unsigned i = 0; i < d->changes_n; i++) {
        if (in_order ? i < up_to : chance_below(c, 3) != 0)
            disk_apply_change(&d->changes[i], names, d->files_n);
    }
}

/* Makes the directories; a file whose directory is not there is lost. Parents were made before what is in them. */
static void
make_directories(const disk *d, const disk_name *names, bool (*wanted)(const char *name), const char *dir)
{
    char path[4096];

    for (unsigned i = 0; i < d->files_n; i++) {
        if (!d->files[i].is_directory || strcmp(names[i].text, DISK_NO_NAME) == 0 || names[i].text[0] == '\0' || !wanted(names[i].text))
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i].text);
        if (mkdir(path, 0777) != 0 && errno != ENOENT) {
            perror(path);
            exit(2);
        }
    }
}

static bool
has_directory(const char *dir, const char *name)
{
    char path[4096];
    const char *slash = strrchr(name, '/');

    (void)snprintf(path, sizeof path, "%s/%.*s", dir, slash == NULL ? 0 : (int)(slash - name), name);
    return access(path, F_OK) == 0;
}

void
disk_image(const disk *d, bool (*wanted)(const char *name), const char *dir, chance *c)
{
    static const unsigned keeps[] = { 0, 10, 50, 50, 90, 97, 100 }, tears[] = { 0, 0, 10, 50, 100 };
    const fault_entry *under_way = d->at < d->recording->n ? d->recording->entries[d->at] : NULL;
    odds o = { keeps[chance_below(c, 7)], tears[chance_below(c, 5)], chance_below(c, 2) == 0 };
    disk_name names[DISK_FILES_MOST];
    char path[4096];

    image_names(d, names, c);
    make_directories(d, names, wanted, dir);
    for (unsigned i = 0; i < d->files_n; i++) {
        const disk_file *f = &d->files[i];
        const char *name = names[i].text;
        disk_file now = *f;
        if (f->is_directory || strcmp(name, DISK_NO_NAME) == 0 || !wanted(name) || !has_directory(dir, name))
            continue;
        now.pending = malloc((f->pending_n + 1) * sizeof *now.pending);
        if (now.pending == NULL)
            abort();
        now.pending_room = f->pending_n + 1;
        if (f->pending_n > 0)
            memcpy(now.pending, f->pending, f->pending_n * sizeof *now.pending);
        if (under_way != NULL && under_way->op == FAULT_WRITE && strcmp(d->names[under_way->file].text, f->now.text) == 0)
            disk_add_write(&now, under_way);
        (void)snprintf(path, sizeof path, "%s/%s", dir, name);
        image_file(&now, path, &o, c);
        free(now.pending);
    }
}
