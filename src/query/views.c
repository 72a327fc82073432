/* SPDX-License-Identifier: Apache-2.0
 * Loading views from their directory, and finding them by name. All that is wrong in all files is found in one go.
 * Thread: the one that opens the engine. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/text.h"
#include "query/sqlite/sqlite.h"
#include "query/kept.h"

enum { FILE_MOST = 1 << 20, QUERY_MS = 5000, RESULT_ROWS = 100000 };

static int
is_view_file(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);

    return entry->d_name[0] != '.' && n > 4 && strcmp(entry->d_name + n - 4, ".sql") == 0;
}

/* As locales don't. */
static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool
is_view_name(const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bool letter = name[i] >= 'a' && name[i] <= 'z', digit = name[i] >= '0' && name[i] <= '9';
        if (!letter && (i == 0 || (!digit && name[i] != '_')))
            return false;
    }
    return size > 0;
}

/* The first line that isn't UTF-8 or has a NUL in it; 0: there is none. No sequence of UTF-8 holds a line feed. */
static int
line_that_is_no_text(weiri_bytes text)
{
    const char *at = text.data, *end = at + text.size;

    for (int line = 1; at < end; line++) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((feed == NULL ? end : feed) - at);
        if (!weiri_utf8_valid((weiri_bytes){ at, size }) || memchr(at, '\0', size) != NULL)
            return line;
        at += size + 1;
    }
    return 0;
}

/* The whole file with a NUL behind it. */
static weir_status
read_file(const char *path, weiri_buffer *to, weir_error *err)
{
    FILE *file = fopen(path, "rb");
    size_t n;

    if (file == NULL)
        return weiri_error_set(err, WEIR_IO, "%s", strerror(errno));
    do {
        n = fread(weiri_buffer_reserve(to, 65536), 1, 65536, file);
        to->size += n;
    } while (n > 0 && to->size <= FILE_MOST);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed)
        return weiri_error_set(err, WEIR_IO, "it can't be read");
    if (to->size > FILE_MOST)
        return weiri_error_set(err, WEIR_INVALID, "a view file has at most %d bytes", FILE_MOST);
    int line = line_that_is_no_text(weiri_buffer_bytes(to));
    if (line > 0)
        return weiri_error_set(err, WEIR_INVALID, "line %d is not text in UTF-8", line);
    (void)weiri_buffer_text(to);
    return WEIR_OK;
}

/* The directory's own name: "views" of "/somewhere/views/". */
static char *
name_of_directory(const char *path)
{
    size_t end = strlen(path), begin;

    while (end > 1 && path[end - 1] == '/')
        end--;
    for (begin = end; begin > 0 && path[begin - 1] != '/'; begin--)
        ;
    return weiri_text_copy_n(path + begin, end - begin);
}

weiri_view_file *
weiri_view_parse(weiri_views *views, const char *name, const char *shown, const char *text, weiri_problems *problems)
{
    weiri_view_file *file;
    size_t before = problems->n;

    weiri_view_file_parse(name, shown, text, &file, problems);
    weiri_view_file_compile(file, views->config.schema, views->config.build_id, problems);
    weiri_sqlite_check(file, problems);
    if (problems->n == before)
        return file;
    weiri_view_file_free(file);
    return NULL;
}

weiri_view_file *
weiri_view_load(weiri_views *views, const char *name, const char *path, const char *shown, weiri_problems *problems)
{
    weiri_buffer text = { 0 };
    weiri_view_file *file = NULL;
    weir_error err;

    if (read_file(path, &text, &err) != WEIR_OK)
        weiri_problems_add(problems, shown, 0, "%s", err.text);
    else
        file = weiri_view_parse(views, name, shown, weiri_buffer_text(&text), problems);
    weiri_buffer_fini(&text);
    return file;
}

/* The view's own state; its first version comes once the list doesn't move any more. */
static void
load_file(weiri_views *views, const char *dir, const char *shown, const char *entry, weiri_buffer *files, weiri_problems *problems)
{
    char *name = weiri_text_copy_n(entry, strlen(entry) - 4);
    weiri_buffer path = { 0 };

    weiri_buffer_print(&path, "%s/%s", dir, entry);
    if (!is_view_name(name, strlen(name))) {
        weiri_problems_add(problems, shown, 0, "a view's name is [a-z][a-z0-9_]*, and it is its file's");
        weiri_release(name);
    } else {
        weiri_view_file *file = weiri_view_load(views, name, weiri_buffer_text(&path), shown, problems);
        views->list = weiri_reallocate(views->list, (views->n + 1) * sizeof *views->list);
        weiri_kept *kept = &views->list[views->n++];
        memset(kept, 0, sizeof *kept);
        kept->name = name;
        kept->path = weiri_text_copy(weiri_buffer_text(&path));
        kept->shown = weiri_text_copy(shown);
        if (stat(kept->path, &kept->loaded) == 0)
            kept->seen = kept->loaded;
        weiri_buffer_add(files, &file, sizeof file);
    }
    weiri_buffer_fini(&path);
}

static void
load_directory(weiri_views *views, const char *dir, weiri_buffer *files, weiri_problems *problems)
{
    struct dirent **entries = NULL;
    int n = scandir(dir, &entries, is_view_file, by_bytes);

    if (n < 0)
        weiri_problems_add(problems, dir, 0, "no views here: %s", strerror(errno));
    char *directory = name_of_directory(dir);
    for (int i = 0; i < n; i++) {
        weiri_buffer shown = { 0 };
        weiri_buffer_print(&shown, "%s/%s", directory, entries[i]->d_name);
        load_file(views, dir, weiri_buffer_text(&shown), entries[i]->d_name, files, problems);
        weiri_buffer_fini(&shown);
        free(entries[i]); /* scandir's */
    }
    free(entries);
    weiri_release(directory);
}

weiri_view *
weiri_view_new(weiri_kept *kept, weiri_view_file *file, unsigned generation)
{
    weiri_views *views = kept->views;
    weiri_view *view = weiri_allocate(sizeof *view);
    size_t values = 1;

    view->views = views;
    view->kept = kept;
    view->file = file;
    view->generation = generation;
    weiri_lock_init(&view->work);
    weiri_lock_init(&view->state);
    weiri_lock_init(&view->doors);
    weiri_signal_init(&view->moved);
    weiri_signal_init(&view->left);
    for (size_t i = 0; i < file->statements_n; i++)
        values = file->statements[i].sql.n > values ? file->statements[i].sql.n : values;
    view->values = weiri_allocate(values * sizeof *view->values);
    view->untouched = weiri_allocate(file->statements_n * sizeof *view->untouched);
    view->positions = weiri_allocate(views->partitions * sizeof *view->positions);
    view->working = weiri_allocate(views->partitions * sizeof *view->working);
    view->published = weiri_allocate(views->partitions * sizeof *view->published);
    view->goal = weiri_allocate(views->partitions * sizeof *view->goal);
    if (views->dir != NULL) {
        weiri_buffer path = { 0 };
        weiri_buffer_print(&path, "%s/%s-%s", views->dir, file->name, file->version);
        if (generation > 0)
            weiri_buffer_print(&path, ".%u", generation);
        weiri_buffer_add_text(&path, ".db");
        view->path = weiri_text_copy(weiri_buffer_text(&path));
        weiri_buffer_fini(&path);
    }
    return view;
}

void
weiri_view_free(weiri_view *view)
{
    if (view == NULL)
        return;
    if (view->store != NULL)
        view->store->ops->close(view->store);
    weiri_letters_fini(&view->letters);
    weiri_chunk_fini(&view->chunk);
    weiri_arena_fini(&view->arena);
    weiri_signal_fini(&view->left);
    weiri_signal_fini(&view->moved);
    weiri_lock_fini(&view->doors);
    weiri_lock_fini(&view->state);
    weiri_lock_fini(&view->work);
    weiri_release(view->values);
    weiri_release(view->untouched);
    weiri_release(view->positions);
    weiri_release(view->working);
    weiri_release(view->published);
    weiri_release(view->goal);
    weiri_release(view->until);
    weiri_release(view->path);
    weiri_view_file_free(view->file);
    weiri_release(view);
}

/* Gives each view of the list its first version. */
static void
make_first(weiri_views *views, const weiri_buffer *files)
{
    weiri_view_file *const *all = (weiri_view_file *const *)(const void *)files->data;

    for (size_t i = 0; i < views->n; i++) {
        weiri_kept *kept = &views->list[i];
        kept->views = views;
        weiri_lock_init(&kept->lock);
        if (all[i] != NULL)
            kept->live = weiri_view_new(kept, all[i], 0);
    }
}

void
weiri_views_load(const weiri_views_config *config, weiri_views **ret_views, weiri_problems *problems)
{
    weiri_views *views = weiri_allocate(sizeof *views);
    weiri_buffer files = { 0 };
    size_t before = problems->n;

    weiri_signal_init(&views->tend);
    views->config = *config;
    views->build_id = config->build_id == NULL ? NULL : weiri_text_copy(config->build_id);
    views->config.build_id = views->build_id;
    views->config.files = NULL; /* the caller's */
    if (config->world == NULL)
        views->config.world = &weiri_world_real;
    if (config->query_ms == 0)
        views->config.query_ms = QUERY_MS;
    if (config->result_rows == 0)
        views->config.result_rows = RESULT_ROWS;
    if (config->log != NULL) {
        const weiri_log_identity *identity = weiri_log_identity_of(config->log);
        views->partitions = identity->partitions;
        views->log_id = identity->id;
        views->dir = weiri_text_copy(config->dir);
    }
    if (config->files != NULL)
        load_directory(views, config->files, &files, problems);
    make_first(views, &files);
    weiri_buffer_fini(&files);
    for (size_t i = 0; i < views->n && config->log == NULL && problems->n == before; i++) {
        weir_error err;
        if (weiri_view_open(views->list[i].live, &err) != WEIR_OK)
            weiri_problems_add(problems, views->list[i].shown, err.line, "%s", err.text);
    }
    if (problems->n > before) {
        weiri_problems_sort(problems); /* a file is checked in passes */
        weiri_views_free(views);
        views = NULL;
    }
    *ret_views = views;
}

size_t
weiri_views_count(const weiri_views *views)
{
    return views->n;
}

weir_status
weiri_views_kept(weiri_views *views, const char *name, weiri_kept **ret_kept, weir_error *err)
{
    weiri_nearest nearest = { 0 };
    char hint[128];

    for (size_t i = 0; i < views->n; i++) {
        if (strcmp(views->list[i].name, name) == 0) {
            *ret_kept = &views->list[i];
            return WEIR_OK;
        }
        weiri_nearest_offer(&nearest, name, views->list[i].name);
    }
    return weiri_error_set(err, WEIR_NOT_FOUND, "no view '%s'%s", name, weiri_nearest_hint(&nearest, hint, sizeof hint));
}

weir_status
weiri_views_find(weiri_views *views, const char *name, weiri_view **ret_view, weir_error *err)
{
    weiri_kept *kept;

    weir_status status = weiri_views_kept(views, name, &kept, err);
    if (status == WEIR_OK)
        *ret_view = kept->live;
    return status;
}

weir_status
weiri_views_hold(weiri_views *views, const char *name, weiri_view **ret_view, weir_error *err)
{
    weiri_kept *kept;

    weir_status status = weiri_views_kept(views, name, &kept, err);
    if (status == WEIR_OK)
        *ret_view = weiri_kept_hold(kept);
    return status;
}
