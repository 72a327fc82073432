/* SPDX-License-Identifier: Apache-2.0
 * Which databases of a view there are when it is opened, and which of them serves: that of its file as it is now, or, while that one is
 * still to be built, the one that served before. Thread: the engine's, before projectors and keeper run. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/memory.h"
#include "query/kept.h"
#include "query/sqlite/sqlite.h"

typedef struct database {
    char *path;
    char version[17];
    unsigned generation;
} database;

typedef struct databases {
    database *list;
    size_t n;
} databases;

static int
older_first(const void *a, const void *b)
{
    const database *left = a, *right = b;

    return left->generation < right->generation ? -1 : left->generation > right->generation;
}

/* NAME-VERSION.db and NAME-VERSION.N.db of this view. */
static databases
list_databases(const weiri_kept *kept)
{
    databases all = { 0 };
    size_t name = strlen(kept->name);
    DIR *dir = opendir(kept->views->dir);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        database one = { 0 };
        char rest[16] = "", more[2];
        if (strncmp(entry->d_name, kept->name, name) != 0 || entry->d_name[name] != '-' ||
            sscanf(entry->d_name + name + 1, "%16[0-9a-f].%15[0-9db.]%1s", one.version, rest, more) != 2 || strlen(one.version) != 16)
            continue;
        if (strcmp(rest, "db") != 0 && sscanf(rest, "%u.d%1[b]%1s", &one.generation, more, more) != 2)
            continue;
        weiri_buffer path = { 0 };
        weiri_buffer_print(&path, "%s/%s", kept->views->dir, entry->d_name);
        one.path = weiri_text_copy(weiri_buffer_text(&path));
        weiri_buffer_fini(&path);
        all.list = weiri_reallocate(all.list, (all.n + 1) * sizeof *all.list);
        all.list[all.n++] = one;
    }
    if (dir != NULL)
        (void)closedir(dir);
    if (all.n > 0)
        qsort(all.list, all.n, sizeof *all.list, older_first);
    return all;
}

/* A version that the file on disk is no longer: it serves from what its own database keeps of its file, if that still means the same
 * to this module. NULL: it doesn't. */
static weiri_view *
open_other(weiri_kept *kept, const database *from)
{
    weiri_problems problems = { 0 };
    weiri_buffer text = { 0 };
    weiri_view_file *file = NULL;
    weiri_view *view = NULL;
    weir_error err;

    if (weiri_sqlite_stored(from->path, &text, &err) == WEIR_OK)
        file = weiri_view_parse(kept->views, kept->name, kept->shown, weiri_buffer_text(&text), &problems);
    if (file != NULL && strcmp(file->version, from->version) == 0)
        view = weiri_view_new(kept, file, from->generation);
    else
        weiri_view_file_free(file);
    if (view != NULL && weiri_view_open_old(view, &err) != WEIR_OK) {
        weiri_view_free(view);
        view = NULL;
    }
    weiri_buffer_fini(&text);
    weiri_problems_fini(&problems);
    return view;
}

static uint64_t
events_of(const weiri_view *view)
{
    uint64_t n = 0;

    for (uint32_t p = 0; p < view->views->partitions; p++)
        n += view->positions[p].next_offset;
    return n;
}

/* The other version that has seen most. */
static weiri_view *
best_other(weiri_kept *kept, const databases *all, const char *version)
{
    weiri_view *best = NULL;

    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->list[i].version, version) == 0)
            continue;
        weiri_view *view = open_other(kept, &all->list[i]);
        if (view != NULL && (best == NULL || events_of(view) > events_of(best))) {
            weiri_view_free(best);
            best = view;
        } else
            weiri_view_free(view);
    }
    return best;
}

void
weiri_kept_choose(weiri_kept *kept)
{
    databases all = list_databases(kept);
    weiri_view *wanted = kept->live, *other;
    unsigned generation = 0;
    bool there = false;
    weir_error err;

    /* Of one version the older database serves: the other one was being built. */
    for (size_t i = 0; i < all.n; i++) {
        if (strcmp(all.list[i].version, wanted->file->version) != 0)
            continue;
        if (!there)
            generation = all.list[i].generation;
        else
            (void)!weiri_sqlite_remove(all.list[i].path, &err);
        there = true;
    }
    if (generation != wanted->generation) {
        kept->live = weiri_view_new(kept, wanted->file, generation);
        wanted->file = NULL;
        weiri_view_free(wanted);
        wanted = kept->live;
    }
    other = best_other(kept, &all, wanted->file->version);
    if (other != NULL) {
        kept->next = wanted;
        kept->live = other;
    }
    if (other != NULL && weiri_view_open(wanted, &err) == WEIR_OK) {
        for (size_t i = 0; i < all.n; i++)
            if (strcmp(all.list[i].path, other->path) != 0 && strcmp(all.list[i].path, wanted->path) != 0)
                (void)!weiri_sqlite_remove(all.list[i].path, &err);
    } else if (other != NULL) { /* what is wrong is told when the only one is opened */
        kept->live = wanted;
        kept->next = NULL;
        weiri_view_free(other);
    }
    for (size_t i = 0; i < all.n; i++)
        weiri_release(all.list[i].path);
    weiri_release(all.list);
}
