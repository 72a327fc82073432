/* SPDX-License-Identifier: Apache-2.0
 * The life of views: opening their stores against the log, starting and stopping projectors, building one anew, and the
 * doors that keep a store open while somebody asks. Threads: open, start, stop, free: the engine's; the rest: any. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/memory.h"
#include "query/sqlite/sqlite.h"
#include "query/view.h"

/* ---- other versions ------------------------------------------------------------------------------------ */

/* Is it NAME-VERSION.db of this view, and another version? */
static bool
is_other(const weiri_view *view, const char *entry)
{
    size_t name = strlen(view->file->name), version = sizeof view->file->version - 1;

    return strlen(entry) == name + 1 + version + 3 && strncmp(entry, view->file->name, name) == 0 && entry[name] == '-' &&
           strspn(entry + name + 1, "0123456789abcdef") == version && strcmp(entry + name + 1 + version, ".db") == 0 &&
           strncmp(entry + name + 1, view->file->version, version) != 0;
}

static void
note(weiri_view *view, const char *words)
{
    weiri_lock_take(&view->state);
    (void)snprintf(view->note, sizeof view->note, "%s", words);
    weiri_lock_give(&view->state);
}

/* Removes them, or only counts them. */
static size_t
others(weiri_view *view, bool remove)
{
    DIR *dir = opendir(view->views->dir);
    size_t n = 0;
    struct dirent *entry;
    weir_error ignored;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (!is_other(view, entry->d_name))
            continue;
        weiri_buffer path = { 0 };
        weiri_buffer_print(&path, "%s/%s", view->views->dir, entry->d_name);
        if (!remove || weiri_sqlite_remove(weiri_buffer_text(&path), &ignored) != WEIR_OK)
            n++;
        weiri_buffer_fini(&path);
    }
    if (dir != NULL)
        (void)closedir(dir);
    return n;
}

void
weiri_view_remove_others(weiri_view *view)
{
    if (view->alone || view->kind != WEIRI_VIEW_FOLLOWING)
        return;
    view->alone = others(view, true) == 0;
    if (view->alone)
        note(view, "");
}

/* ---- opening ------------------------------------------------------------------------------------------- */

/* Does the position stand in this log? Errors: CONFLICT with words, IO. */
static weir_status
check_position(weiri_view *view, uint32_t p, weir_error *err)
{
    weiri_log *log = view->views->config.log;
    const weiri_position *position = &view->positions[p];
    uint64_t end = weiri_log_end(log, WEIRI_TOPIC_EVENTS, p);
    uint32_t checksum = 0;

    if (position->next_offset == 0)
        return WEIR_OK;
    if (position->next_offset > end)
        return weiri_error_set(err, WEIR_CONFLICT, "it has seen events/%" PRIu32 "/%" PRIu64 ", and the log ends at %" PRIu64, p,
            position->next_offset - 1, end);
    weir_status status = weiri_log_checksum(log, WEIRI_TOPIC_EVENTS, p, position->next_offset, &checksum, err);
    if (status == WEIR_NOT_FOUND || (status == WEIR_OK && checksum != position->checksum))
        return weiri_error_set(
            err, WEIR_CONFLICT, "the log has another events/%" PRIu32 "/%" PRIu64 " than it has seen", p, position->next_offset - 1);
    return status;
}

static weir_status
open_store(weiri_view *view, bool *ret_fresh, weir_error *err)
{
    weiri_views *views = view->views;
    weiri_store_config config = { .file = view->file,
        .path = view->path,
        .log_id = views->log_id,
        .partitions = views->partitions,
        .world = views->config.world,
        .query_ms = views->config.query_ms,
        .result_rows = views->config.result_rows };

    weir_status status = weiri_sqlite_open(&config, &view->store, ret_fresh, err);
    if (status == WEIR_OK && views->partitions > 0)
        status = view->store->ops->positions(view->store, view->positions, err);
    if (status == WEIR_OK && views->partitions > 0)
        status = weiri_letters_load(view, err);
    for (uint32_t p = 0; status == WEIR_OK && p < views->partitions; p++)
        status = check_position(view, p, err);
    if (status != WEIR_OK && view->store != NULL) {
        view->store->ops->close(view->store);
        view->store = NULL;
    }
    return status;
}

weir_status
weiri_view_open(weiri_view *view, weir_error *err)
{
    uint32_t partitions = view->views->partitions;
    char words[sizeof view->note];
    bool fresh = true;

    view->letters.anew = false;
    weir_status status = open_store(view, &fresh, err);
    if ((status == WEIR_CONFLICT || status == WEIR_CORRUPT) && view->path != NULL) {
        (void)snprintf(words, sizeof words, "diverged: %.200s; built anew", err->text);
        note(view, words);
        status = weiri_sqlite_remove(view->path, err);
        if (status == WEIR_OK)
            status = open_store(view, &fresh, err);
    }
    if (status != WEIR_OK) {
        (void)weiri_error_prefix(err, "view %s", view->file->name);
        return status;
    }
    view->alone = view->path == NULL || others(view, false) == 0;
    if (!view->alone && view->note[0] == '\0')
        note(view, "another version's database stays until this one has caught up");
    for (uint32_t p = 0; p < partitions; p++)
        view->goal[p] = fresh ? weiri_log_end(view->views->config.log, WEIRI_TOPIC_EVENTS, p) : 0;
    view->halted = false;
    weiri_lock_take(&view->state);
    view->error[0] = '\0';
    weiri_lock_give(&view->state);
    memcpy(view->working, view->positions, partitions * sizeof *view->working);
    weiri_view_publish(view, 0, WEIRI_VIEW_FOLLOWING);
    weiri_view_remove_others(view);
    return WEIR_OK;
}

weir_status
weiri_views_open(weiri_views *views, weir_error *err)
{
    if (views->config.log == NULL || views->open)
        return WEIR_OK;
    if (views->n > 0 && mkdir(views->dir, 0777) != 0 && errno != EEXIST)
        return weiri_error_set(err, WEIR_IO, "%s: %s", views->dir, strerror(errno));
    for (size_t i = 0; i < views->n; i++) {
        weir_status status = weiri_view_open(&views->list[i], err);
        if (status != WEIR_OK)
            return status;
    }
    views->open = true;
    return WEIR_OK;
}

weir_status
weiri_views_start(weiri_views *views, weir_error *err)
{
    atomic_store(&views->stopping, false);
    for (size_t i = 0; i < views->n && views->open; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "view %.40s", views->list[i].file->name);
        weir_status status = weiri_thread_start(&views->list[i].thread, name, weiri_view_project, &views->list[i]);
        if (status != WEIR_OK) {
            weiri_views_stop(views);
            return weiri_error_set(err, status, "no thread for view %s", views->list[i].file->name);
        }
    }
    return WEIR_OK;
}

void
weiri_views_stop(weiri_views *views)
{
    atomic_store(&views->stopping, true);
    if (views->config.log != NULL)
        weiri_signal_raise(weiri_log_moved(views->config.log));
    for (size_t i = 0; i < views->n; i++)
        weiri_thread_join(&views->list[i].thread);
}

static void
fini_view(weiri_view *view)
{
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
    weiri_release(view->path);
    weiri_view_file_free(view->file);
}

void
weiri_views_free(weiri_views *views)
{
    if (views == NULL)
        return;
    weiri_views_stop(views);
    for (size_t i = 0; i < views->n; i++)
        fini_view(&views->list[i]);
    weiri_release(views->list);
    weiri_release(views->dir);
    weiri_release(views);
}

/* ---- doors --------------------------------------------------------------------------------------------- */

weir_status
weiri_view_enter(weiri_view *view, weir_error *err)
{
    weiri_lock_take(&view->doors);
    bool shut = view->shut || view->store == NULL;
    view->inside += !shut;
    weiri_lock_give(&view->doors);
    if (shut)
        return weiri_error_set(err, WEIR_BUSY, "view %s is being built anew", view->file->name);
    return WEIR_OK;
}

void
weiri_view_leave(weiri_view *view)
{
    weiri_lock_take(&view->doors);
    view->inside--;
    weiri_lock_give(&view->doors);
    weiri_signal_raise(&view->left);
}

/* Waits until nobody is inside: questions have a time limit. */
static void
shut_doors(weiri_view *view)
{
    for (;;) {
        uint64_t seen = weiri_signal_count(&view->left);
        weiri_lock_take(&view->doors);
        view->shut = true;
        size_t inside = view->inside;
        weiri_lock_give(&view->doors);
        if (inside == 0)
            return;
        (void)weiri_signal_wait(&view->left, seen, -1);
    }
}

static void
open_doors(weiri_view *view)
{
    weiri_lock_take(&view->doors);
    view->shut = false;
    weiri_lock_give(&view->doors);
}

static void
say_broken(weiri_view *view, const weir_error *err)
{
    weiri_lock_take(&view->state);
    view->kind = WEIRI_VIEW_STOPPED;
    weiri_error_format(err, view->error, sizeof view->error);
    weiri_lock_give(&view->state);
    weiri_signal_raise(&view->moved);
}

weir_status
weiri_views_rebuild(weiri_views *views, const char *name, weir_error *err)
{
    weiri_view *view;

    weir_status status = weiri_views_find(views, name, &view, err);
    if (status != WEIR_OK)
        return status;
    atomic_fetch_add(&view->yield, 1);
    weiri_lock_take(&view->work);
    shut_doors(view);
    if (view->store != NULL)
        view->store->ops->close(view->store);
    view->store = NULL;
    note(view, "");
    if (view->path != NULL)
        status = weiri_sqlite_remove(view->path, err);
    if (status == WEIR_OK)
        status = weiri_view_open(view, err);
    if (status != WEIR_OK && err != NULL)
        say_broken(view, err);
    open_doors(view);
    weiri_lock_give(&view->work);
    atomic_fetch_sub(&view->yield, 1);
    if (views->config.log != NULL)
        weiri_signal_raise(weiri_log_moved(views->config.log));
    return status;
}

void
weiri_view_discarded(weiri_view *view)
{
    weir_error err;

    if (weiri_views_rebuild(view->views, view->file->name, &err) == WEIR_OK)
        note(view, "an event that it had taken in was discarded; built anew");
}
