/* SPDX-License-Identifier: Apache-2.0
 * Comparing a view with what the events make of it now: a copy is built in a database of its own up to where the view stands, and both
 * are written out in canonical form and compared line by line. Thread: the caller's, which builds; the view stands still only for the
 * last steps. */
#include <stdio.h>
#include <stdlib.h>
#include "base/memory.h"
#include "query/kept.h"
#include "query/sqlite/sqlite.h"

enum { COPY_GENERATION = 999999, NEAR_EVENTS = 1000 };

/* ---- the copy ------------------------------------------------------------------------------------------ */

static uint64_t
missing(const weiri_view *copy, const weiri_position *wanted)
{
    uint64_t n = 0;

    for (uint32_t p = 0; p < copy->views->partitions; p++)
        n += wanted[p].next_offset - copy->positions[p].next_offset;
    return n;
}

/* Up to `wanted`, and no further. */
static weir_status
build_until(weiri_view *copy, const weiri_position *wanted, weir_error *err)
{
    for (uint32_t p = 0; p < copy->views->partitions; p++)
        copy->until[p] = wanted[p].next_offset;
    while (missing(copy, wanted) > 0 || copy->careful) {
        (void)weiri_view_turn(copy);
        if (copy->kind == WEIRI_VIEW_STOPPED || copy->pause_ms > 0)
            return weiri_error_set(err, WEIR_IO, "the copy of view %s can't be built: %.300s", copy->file->name, copy->error);
        if (atomic_load(&copy->views->stopping))
            return weiri_error_set(err, WEIR_CLOSED, "the engine is being closed");
    }
    return WEIR_OK;
}

static void
stands_at(weiri_view *view, weiri_position *to)
{
    weiri_lock_take(&view->state);
    memcpy(to, view->published, view->views->partitions * sizeof *to);
    weiri_lock_give(&view->state);
}

/* ---- lines --------------------------------------------------------------------------------------------- */

typedef struct lines {
    char **list;
    size_t n;
} lines;

static void
add_line(lines *l, char *line)
{
    if ((l->n & (l->n + 1)) == 0)
        l->list = weiri_reallocate(l->list, (l->n * 2 + 1) * sizeof *l->list);
    l->list[l->n++] = line;
}

/* Each row with its table in front of it. */
static lines
split(char *text)
{
    const char *table = "";
    lines l = { 0 };

    for (char *at = text; *at != '\0';) {
        char *end = strchr(at, '\n');
        *end = '\0';
        if (at[0] == '#')
            table = at + 2;
        else {
            weiri_buffer line = { 0 };
            weiri_buffer_print(&line, "%.*s: %s", (int)strcspn(table, "\t"), table, at);
            add_line(&l, weiri_text_copy(weiri_buffer_text(&line)));
            weiri_buffer_fini(&line);
        }
        at = end + 1;
    }
    return l;
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
tell(weiri_buffer *to, char sign, const char *line, uint64_t most, uint64_t *n)
{
    if ((*n)++ < most)
        weiri_buffer_print(to, "%c %s\n", sign, line);
}

static uint64_t
compare(char *is, char *should_be, uint64_t most, weiri_buffer *to)
{
    lines a = split(is), b = split(should_be);
    uint64_t n = 0;
    size_t i = 0, j = 0;

    if (a.n > 0)
        qsort(a.list, a.n, sizeof *a.list, by_text);
    if (b.n > 0)
        qsort(b.list, b.n, sizeof *b.list, by_text);
    while (i < a.n || j < b.n) {
        int order = i == a.n ? 1 : j == b.n ? -1 : strcmp(a.list[i], b.list[j]);
        if (order < 0)
            tell(to, '-', a.list[i], most, &n);
        else if (order > 0)
            tell(to, '+', b.list[j], most, &n);
        i += order <= 0;
        j += order >= 0;
    }
    for (i = 0; i < a.n; i++)
        weiri_release(a.list[i]);
    for (j = 0; j < b.n; j++)
        weiri_release(b.list[j]);
    weiri_release(a.list);
    weiri_release(b.list);
    return n;
}

/* ---- both ---------------------------------------------------------------------------------------------- */

/* With the view standing still. */
static weir_status
finish(weiri_view *view, weiri_view *copy, uint64_t most, weiri_buffer *to, uint64_t *ret_differing, weir_error *err)
{
    weiri_buffer is = { 0 }, should_be = { 0 };

    weir_status status = build_until(copy, view->positions, err);
    if (status == WEIR_OK)
        status = view->store->ops->dump(view->store, &is, err);
    if (status == WEIR_OK)
        status = copy->store->ops->dump(copy->store, &should_be, err);
    if (status == WEIR_OK)
        *ret_differing = compare((char *)(void *)weiri_buffer_text(&is), (char *)(void *)weiri_buffer_text(&should_be), most, to);
    weiri_buffer_fini(&is);
    weiri_buffer_fini(&should_be);
    return status;
}

static weir_status
build_and_compare(weiri_view *view, weiri_view *copy, uint64_t most, weiri_buffer *to, uint64_t *ret_differing, weir_error *err)
{
    weiri_position *wanted = weiri_allocate((view->views->partitions + 1) * sizeof *wanted);

    weir_status status = weiri_sqlite_remove(copy->path, err);
    if (status == WEIR_OK)
        status = weiri_view_open(copy, err);
    stands_at(view, wanted);
    while (status == WEIR_OK && missing(copy, wanted) > NEAR_EVENTS) {
        status = build_until(copy, wanted, err);
        stands_at(view, wanted);
    }
    atomic_fetch_add(&view->yield, 1);
    weiri_lock_take(&view->work);
    if (status == WEIR_OK && (view->ended || view->store == NULL))
        status = weiri_error_set(err, WEIR_BUSY, "another version of view %s has taken its place: compare again", view->file->name);
    if (status == WEIR_OK)
        status = finish(view, copy, most, to, ret_differing, err);
    weiri_lock_give(&view->work);
    atomic_fetch_sub(&view->yield, 1);
    weiri_release(wanted);
    return status;
}

weir_status
weiri_views_diff(weiri_views *views, const char *name, uint64_t most, weiri_buffer *to, uint64_t *ret_differing, weir_error *err)
{
    weiri_problems problems = { 0 };
    weiri_kept *kept;
    weir_error ignored;

    weir_status status = weiri_views_kept(views, name, &kept, err);
    if (status != WEIR_OK)
        return status;
    if (weiri_kept_is_building(kept) || atomic_load(&kept->paused))
        return weiri_error_set(err, WEIR_BUSY, "view %s is %s: compare it when it follows", name,
            atomic_load(&kept->paused) ? "paused" : "being built anew already");
    if (atomic_exchange(&kept->comparing, true))
        return weiri_error_set(err, WEIR_BUSY, "view %s is being compared already", name);
    weiri_view *view = weiri_kept_hold(kept), *copy = NULL;
    weiri_view_file *file = weiri_view_parse(views, name, kept->shown, view->file->text, &problems);
    if (file == NULL)
        status = weiri_error_set(err, WEIR_INVALID, "the file of view %s can't be read again", name);
    else {
        copy = weiri_view_new(kept, file, COPY_GENERATION);
        copy->until = weiri_allocate((views->partitions + 1) * sizeof *copy->until);
        status = build_and_compare(view, copy, most, to, ret_differing, err);
        char *path = weiri_text_copy(copy->path);
        weiri_view_free(copy);
        (void)!weiri_sqlite_remove(path, &ignored);
        weiri_release(path);
    }
    weiri_kept_let_go(view);
    atomic_store(&kept->comparing, false);
    weiri_problems_fini(&problems);
    return status;
}
