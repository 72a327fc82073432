/* SPDX-License-Identifier: Apache-2.0
 * Waiting until a view shows what was asked for, and saying how far it is when it does not. Thread: any. */
#include <inttypes.h>
#include <stdio.h>
#include "query/result.h"
#include "query/kept.h"

static int64_t
now_ms(const weiri_views *views)
{
    return views->config.world->monotonic_us(views->config.world) / 1000;
}

typedef struct look {
    bool there, stopped;
    uint32_t partition; /* the first that isn't */
    uint64_t reached;
    char error[512];
} look;

static look
look_at(weiri_view *view, const uint64_t *sources)
{
    look l = { .there = true };

    weiri_lock_take(&view->state);
    for (uint32_t p = view->views->partitions; p-- > 0;) {
        if (view->published[p].reached >= sources[p])
            continue;
        l.there = false;
        l.partition = p;
        l.reached = view->published[p].reached;
    }
    l.stopped = view->kind == WEIRI_VIEW_STOPPED; /* for good, unless another version is about to take its place */
    if (l.stopped)
        (void)snprintf(l.error, sizeof l.error, "%s", view->error);
    weiri_lock_give(&view->state);
    return l;
}

weir_status
weiri_view_wait(weiri_view *view, const weiri_freshness *freshness, weir_error *err)
{
    if (freshness == NULL || !freshness->has_token || view->views->partitions == 0)
        return WEIR_OK;
    int64_t until = now_ms(view->views) + freshness->wait_ms;
    for (;;) {
        uint64_t seen = weiri_signal_count(&view->moved);
        look l = look_at(view, freshness->sources);
        if (l.there)
            return WEIR_OK;
        if (atomic_load(&view->retired))
            return weiri_error_set(err, WEIR_FENCED, "another version of view %s has taken its place", view->file->name);
        if (l.stopped && !weiri_kept_is_building(view->kept))
            return weiri_error_set(err, WEIR_BEHIND, "view %s has stopped: %s", view->file->name, l.error);
        int64_t left = until - now_ms(view->views);
        if (left > 0) {
            (void)weiri_signal_wait(&view->moved, seen, left);
            continue;
        }
        char reached[32] = "nothing";
        if (l.reached > 0)
            (void)snprintf(reached, sizeof reached, "%" PRIu64, l.reached - 1);
        return weiri_error_set(err, WEIR_BEHIND,
            "view %s is behind: in partition %" PRIu32 " it has reached %s, and %" PRIu64 " was asked for", view->file->name, l.partition,
            reached, freshness->sources[l.partition] - 1);
    }
}

weiri_result *
weiri_view_position_only(weiri_view *view)
{
    weiri_result_maker maker = { 0 };

    weiri_result_partitions(&maker, view->views->partitions);
    weiri_lock_take(&view->state);
    for (uint32_t p = 0; p < view->views->partitions; p++)
        maker.sources[p] = view->published[p].reached;
    weiri_lock_give(&view->state);
    return weiri_result_make(&maker);
}

/* True when the view has seen everything before `ends`. */
static weir_status
has_seen(weiri_view *view, const uint64_t *ends, bool *ret_seen, weir_error *err)
{
    weir_status status = WEIR_OK;
    bool seen = true, building = weiri_kept_is_building(view->kept);

    weiri_lock_take(&view->state);
    for (uint32_t p = 0; p < view->views->partitions; p++)
        seen = seen && view->published[p].next_offset >= ends[p];
    if (!seen && view->kind == WEIRI_VIEW_STOPPED && !building)
        status = weiri_error_set(err, WEIR_IO, "view %s has stopped: %s", view->file->name, view->error);
    weiri_lock_give(&view->state);
    *ret_seen = seen;
    return status;
}

/* FENCED: ask the one that took its place. */
static weir_status
settle_one(weiri_view *view, const uint64_t *ends, int64_t until, weir_error *err)
{
    bool seen = false;

    for (;;) {
        uint64_t count = weiri_signal_count(&view->moved);
        weir_status status = has_seen(view, ends, &seen, err);
        int64_t left = until - now_ms(view->views);
        if (seen || status != WEIR_OK)
            return status;
        if (atomic_load(&view->retired))
            return weiri_error_set(err, WEIR_FENCED, "another version of view %s has taken its place", view->file->name);
        if (left <= 0)
            return weiri_error_set(err, WEIR_TIMEOUT, "view %s has not caught up in time", view->file->name);
        (void)weiri_signal_wait(&view->moved, count, left);
    }
}

weir_status
weiri_views_settle(weiri_views *views, int64_t timeout_ms, weir_error *err)
{
    int64_t until = now_ms(views) + timeout_ms;
    weiri_buffer room = { 0 };
    uint64_t *ends = weiri_buffer_extend(&room, (views->partitions + 1) * sizeof *ends);
    weir_status status = WEIR_OK;

    for (uint32_t p = 0; p < views->partitions; p++)
        ends[p] = weiri_log_end(views->config.log, WEIRI_TOPIC_EVENTS, p);
    for (size_t i = 0; i < views->n && status == WEIR_OK;) {
        weiri_view *view = weiri_kept_hold(&views->list[i]);
        status = settle_one(view, ends, until, err);
        weiri_kept_let_go(view);
        i += status == WEIR_OK;
        status = status == WEIR_FENCED ? WEIR_OK : status;
    }
    weiri_buffer_fini(&room);
    return status;
}
