/* SPDX-License-Identifier: Apache-2.0
 * Versions of a view: which one serves, building another beside it, and the instant in which they change places. The old one
 * writes no more from then on, and is thrown away when the last question to it has been answered.
 * Thread: the keeper's, and the engine's before it runs; holding and letting go: any. */
#include <stdio.h>
#include "base/assert.h"
#include "base/memory.h"
#include "query/kept.h"
#include "query/sqlite/sqlite.h"

enum { NEAR_EVENTS = 5000, SWAP_MS = 200 };

/* ---- holding ------------------------------------------------------------------------------------------- */

weiri_view *
weiri_kept_hold(weiri_kept *kept)
{
    weiri_lock_take(&kept->lock);
    weiri_view *view = kept->live;
    view->holders++;
    weiri_lock_give(&kept->lock);
    return view;
}

weiri_view *
weiri_kept_hold_next(weiri_kept *kept)
{
    weiri_lock_take(&kept->lock);
    weiri_view *view = kept->next;
    if (view != NULL)
        view->holders++;
    weiri_lock_give(&kept->lock);
    return view;
}

/* Raised under the lock: behind it the view may be gone. */
void
weiri_kept_let_go(weiri_view *view)
{
    weiri_kept *kept = view->kept;

    weiri_lock_take(&kept->lock);
    if (--view->holders == 0 && atomic_load(&view->retired))
        weiri_signal_raise(&view->left);
    weiri_lock_give(&kept->lock);
}

bool
weiri_kept_is_building(weiri_kept *kept)
{
    weiri_lock_take(&kept->lock);
    bool is = kept->next != NULL;
    weiri_lock_give(&kept->lock);
    return is;
}

bool
weiri_kept_is_only(const weiri_view *view)
{
    weiri_kept *kept = view->kept;

    weiri_lock_take(&kept->lock);
    bool is = kept->live == view && kept->next == NULL;
    weiri_lock_give(&kept->lock);
    return is;
}

static void
set_next(weiri_kept *kept, weiri_view *next)
{
    weiri_lock_take(&kept->lock);
    kept->next = next;
    weiri_lock_give(&kept->lock);
}

static void
say(weiri_kept *kept, char *where, size_t size, const char *words)
{
    weiri_lock_take(&kept->lock);
    (void)snprintf(where, size, "%s", words);
    weiri_lock_give(&kept->lock);
}

weir_status
weiri_view_start(weiri_view *view, weir_error *err)
{
    char name[64];

    (void)snprintf(name, sizeof name, "view %.40s", view->file->name);
    weir_status status = weiri_thread_start(&view->thread, name, weiri_view_project, view);
    return status == WEIR_OK ? status : weiri_error_set(err, status, "no thread for view %s", view->file->name);
}

void
weiri_view_retire(weiri_view *view, bool remove)
{
    weiri_kept *kept = view->kept;
    weir_error ignored;

    atomic_store(&view->retired, true);
    weiri_signal_raise(&view->moved);
    weiri_signal_raise(weiri_log_moved(view->views->config.log));
    weiri_thread_join(&view->thread);
    for (;;) {
        uint64_t seen = weiri_signal_count(&view->left);
        weiri_lock_take(&kept->lock);
        size_t holders = view->holders;
        weiri_lock_give(&kept->lock);
        if (holders == 0)
            break;
        (void)weiri_signal_wait(&view->left, seen, 100);
    }
    char *path = weiri_text_copy(view->path);
    weiri_view_free(view);
    if (remove)
        (void)!weiri_sqlite_remove(path, &ignored);
    weiri_release(path);
}

/* ---- swapping ------------------------------------------------------------------------------------------ */

/* Is there nothing that `old`, which stands still, has and `next` has not? */
static bool
has_all(weiri_view *next, const weiri_view *old)
{
    bool all = true;

    weiri_lock_take(&next->state);
    for (uint32_t p = 0; p < next->views->partitions; p++)
        all = all && next->published[p].next_offset >= old->positions[p].next_offset;
    weiri_lock_give(&next->state);
    return all;
}

/* Worth making the old one stand still for? */
static bool
is_near(weiri_view *next, weiri_view *old)
{
    uint64_t missing = 0;

    weiri_lock_take(&next->state);
    bool follows = next->kind == WEIRI_VIEW_FOLLOWING;
    weiri_lock_give(&next->state);
    for (uint32_t p = 0; p < next->views->partitions; p++) {
        weiri_lock_take(&old->state);
        uint64_t wanted = old->published[p].next_offset;
        weiri_lock_give(&old->state);
        weiri_lock_take(&next->state);
        uint64_t has = next->published[p].next_offset;
        weiri_lock_give(&next->state);
        missing += wanted > has ? wanted - has : 0;
    }
    return follows && missing <= NEAR_EVENTS;
}

static void
change_places(weiri_kept *kept, weiri_view *old, weiri_view *next)
{
    weiri_lock_take(&kept->lock);
    kept->live = next;
    kept->next = NULL;
    weiri_lock_give(&kept->lock);
    atomic_store(&old->retired, true);
}

static void
swap(weiri_kept *kept)
{
    weiri_view *old = kept->live, *next = kept->next;
    const weiri_world *world = kept->views->config.world;

    if (!is_near(next, old))
        return;
    atomic_fetch_add(&old->yield, 1);
    weiri_lock_take(&old->work);
    old->ended = true;
    int64_t until_us = world->monotonic_us(world) + SWAP_MS * 1000;
    bool all = has_all(next, old);
    while (!all && world->monotonic_us(world) < until_us && !atomic_load(&kept->views->stopping)) {
        uint64_t seen = weiri_signal_count(&next->moved);
        all = has_all(next, old);
        if (!all)
            (void)weiri_signal_wait(&next->moved, seen, SWAP_MS / 4);
    }
    if (all)
        change_places(kept, old, next);
    else
        old->ended = false;
    weiri_lock_give(&old->work);
    atomic_fetch_sub(&old->yield, 1);
    if (all)
        weiri_view_retire(old, true);
    else
        weiri_signal_raise(weiri_log_moved(kept->views->config.log));
}

/* ---- building ------------------------------------------------------------------------------------------ */

static void
drop_next(weiri_kept *kept)
{
    weiri_view *next = kept->next;

    if (next == NULL)
        return;
    set_next(kept, NULL);
    weiri_view_retire(next, true);
}

/* Takes `file`. One that was begun before goes on where it was, unless it is to be anew. */
static void
build(weiri_kept *kept, weiri_view_file *file, bool anew, const char *why)
{
    unsigned generation = strcmp(file->version, kept->live->file->version) == 0 ? kept->live->generation + 1 : 0;
    weir_error err;

    drop_next(kept);
    weiri_view *next = weiri_view_new(kept, file, generation);
    weir_status status = anew ? weiri_sqlite_remove(next->path, &err) : WEIR_OK;
    set_next(kept, next);
    if (status == WEIR_OK)
        status = weiri_view_open(next, &err);
    if (status == WEIR_OK)
        status = weiri_view_start(next, &err);
    if (status == WEIR_OK) {
        say(kept, kept->note, sizeof kept->note, why);
        return;
    }
    say(kept, kept->broken, sizeof kept->broken, err.text);
    drop_next(kept);
}

/* Only its queries are others: the same database under the new file. Takes `file`. */
static void
take_queries(weiri_kept *kept, weiri_view_file *file)
{
    weiri_view *old = kept->live, *fresh = weiri_view_new(kept, file, old->generation);
    weir_error err;

    atomic_fetch_add(&old->yield, 1);
    weiri_lock_take(&old->work);
    old->ended = true;
    weir_status status = weiri_view_open_old(fresh, &err);
    if (status == WEIR_OK) {
        memcpy(fresh->goal, old->goal, kept->views->partitions * sizeof *fresh->goal);
        fresh->alone = old->alone;
        weiri_view_publish(fresh, 0, WEIRI_VIEW_FOLLOWING);
        status = weiri_view_start(fresh, &err);
    }
    if (status == WEIR_OK) {
        weiri_lock_take(&kept->lock);
        kept->live = fresh;
        weiri_lock_give(&kept->lock);
        atomic_store(&old->retired, true);
    } else
        old->ended = false;
    weiri_lock_give(&old->work);
    atomic_fetch_sub(&old->yield, 1);
    if (status == WEIR_OK) {
        weiri_view_retire(old, false);
        return;
    }
    say(kept, kept->broken, sizeof kept->broken, err.text);
    weiri_view_free(fresh);
}

/* What the file says now. */
static void
take_file(weiri_kept *kept)
{
    weiri_problems problems = { 0 };
    char words[sizeof kept->broken] = "";

    weiri_view_file *file = weiri_view_load(kept->views, kept->name, kept->path, kept->shown, &problems);
    if (file == NULL && problems.n > 0) {
        char first[400];
        weiri_error_format(&problems.list[0], first, sizeof first);
        (void)snprintf(words, sizeof words, "%s%s; the version of before serves on", first, problems.n > 1 ? " (and more)" : "");
    }
    say(kept, kept->broken, sizeof kept->broken, words);
    weiri_problems_fini(&problems);
    if (file == NULL)
        return;
    if (kept->next != NULL && strcmp(file->version, kept->next->file->version) == 0 && strcmp(file->text, kept->next->file->text) == 0)
        weiri_view_file_free(file);
    else if (strcmp(file->version, kept->live->file->version) != 0)
        build(kept, file, false, "built for a changed view file");
    else {
        drop_next(kept);
        if (strcmp(file->text, kept->live->file->text) == 0)
            weiri_view_file_free(file);
        else
            take_queries(kept, file);
    }
}

/* It has been the same for two looks: whoever writes it has probably ended. */
static bool
file_has_changed(weiri_kept *kept)
{
    struct stat now = { 0 };

    if (stat(kept->path, &now) != 0)
        return false;
    bool rests = now.st_ino == kept->seen.st_ino && now.st_size == kept->seen.st_size && now.st_mtim.tv_sec == kept->seen.st_mtim.tv_sec &&
                 now.st_mtim.tv_nsec == kept->seen.st_mtim.tv_nsec;
    bool same = now.st_ino == kept->loaded.st_ino && now.st_size == kept->loaded.st_size &&
                now.st_mtim.tv_sec == kept->loaded.st_mtim.tv_sec && now.st_mtim.tv_nsec == kept->loaded.st_mtim.tv_nsec;
    kept->seen = now;
    if (!rests || same)
        return false;
    kept->loaded = now;
    return true;
}

static weiri_view_file *
same_file(weiri_kept *kept)
{
    const weiri_view *of = kept->next != NULL ? kept->next : kept->live;
    weiri_problems problems = { 0 };

    weiri_view_file *file = weiri_view_parse(kept->views, kept->name, kept->shown, of->file->text, &problems);
    weiri_assert(file != NULL); /* it was loaded from this text */
    weiri_problems_fini(&problems);
    return file;
}

void
weiri_kept_tend(weiri_kept *kept)
{
    if (file_has_changed(kept))
        take_file(kept);
    weiri_lock_take(&kept->lock);
    bool wanted = kept->wanted;
    kept->wanted = false;
    weiri_lock_give(&kept->lock);
    bool discarded = atomic_load(&kept->live->anew) || (kept->next != NULL && atomic_load(&kept->next->anew));
    if (discarded) {
        atomic_store(&kept->live->anew, false);
        build(kept, same_file(kept), true, "built anew, since an event was discarded that it had taken in");
    } else if (wanted && kept->next == NULL)
        build(kept, same_file(kept), true, "built anew, since a person asked for it");
    if (kept->next != NULL && !atomic_load(&kept->paused))
        swap(kept);
}

/* ---- what a person asks -------------------------------------------------------------------------------- */

weir_status
weiri_views_renew(weiri_views *views, const char *name, weir_error *err)
{
    weiri_kept *kept;

    weir_status status = weiri_views_kept(views, name, &kept, err);
    if (status != WEIR_OK)
        return status;
    weiri_lock_take(&kept->lock);
    kept->wanted = true;
    weiri_lock_give(&kept->lock);
    weiri_signal_raise(&views->tend);
    return WEIR_OK;
}

weir_status
weiri_views_pause(weiri_views *views, const char *name, bool pause, weir_error *err)
{
    weiri_kept *kept;

    weir_status status = weiri_views_kept(views, name, &kept, err);
    if (status != WEIR_OK)
        return status;
    atomic_store(&kept->paused, pause);
    if (views->config.log != NULL)
        weiri_signal_raise(weiri_log_moved(views->config.log));
    weiri_signal_raise(&views->tend);
    return WEIR_OK;
}
