/* SPDX-License-Identifier: Apache-2.0
 * Parked and discarded events as a person sees them, and trying them again because he says so. Thread: any. */
#include <inttypes.h>
#include <string.h>
#include "base/memory.h"
#include "query/view.h"

weir_status
weiri_views_letters(
    weiri_views *views, const char *name, const weiri_letters_asked *asked, weiri_letter_fn *each, void *user, weir_error *err)
{
    weiri_view *view;

    weir_status status = weiri_views_find(views, name, &view, err);
    if (status == WEIR_OK)
        status = weiri_view_enter(view, err);
    if (status != WEIR_OK)
        return status;
    status = view->store->ops->letters(view->store, false, asked, each, user, err);
    weiri_view_leave(view);
    return status;
}

typedef struct search {
    const weiri_letter_name *name;
    weiri_buffer key;
    bool found, discarded;
} search;

static bool
look(void *user, const weiri_letter *letter)
{
    search *s = user;

    if (letter->partition != s->name->partition || letter->source != s->name->source || letter->index != s->name->index)
        return true;
    s->found = true;
    s->discarded = letter->state == WEIRI_LETTER_DISCARDED;
    weiri_buffer_add_bytes(&s->key, letter->key);
    return false;
}

static weir_status
make_due(weiri_view *view, const weiri_letter_name *which, weir_error *err)
{
    static const weiri_letters_asked all = { .most = UINT64_MAX };
    weiri_letters *l = &view->letters;
    search s = { .name = which };

    for (size_t i = 0; which == NULL && i < l->n; i++)
        l->keys[i].due_us = 0;
    if (which == NULL)
        return WEIR_OK;
    weir_status status = view->store->ops->letters(view->store, true, &all, look, &s, err);
    weiri_parked_key *k = s.found ? weiri_letters_key(l, weiri_buffer_bytes(&s.key)) : NULL;
    if (status == WEIR_OK && s.discarded)
        status = weiri_error_set(err, WEIR_CONFLICT, "this event is discarded, for ever");
    else if (status == WEIR_OK && k == NULL)
        status = weiri_error_set(err, WEIR_NOT_FOUND, "view %s has no parked event %" PRIu32 "-%" PRIu64 "-%" PRIu32, view->file->name,
            which->partition, which->source, which->index);
    if (status == WEIR_OK)
        k->due_us = 0;
    weiri_buffer_fini(&s.key);
    return status;
}

/* Under work. */
static weir_status
retry(weiri_view *view, const weiri_letter_name *which, weiri_letters_tried *ret_tried, weir_error *err)
{
    const weiri_world *world = view->views->config.world;
    weiri_letters *l = &view->letters;
    bool moved, any = false;

    weir_status status = view->store == NULL ? weiri_error_set(err, WEIR_BUSY, "view %s is being built anew", view->file->name)
                         : l->changed        ? weiri_letters_load(view, err)
                                             : WEIR_OK;
    uint64_t before = l->parked;
    if (status == WEIR_OK)
        status = make_due(view, which, err);
    while (status == WEIR_OK && weiri_letters_next_us(l) <= world->monotonic_us(world)) {
        status = weiri_letters_retry(view, &moved, err);
        any = any || moved;
        if (status == WEIR_OK)
            status = weiri_letters_load(view, err);
    }
    *ret_tried = (weiri_letters_tried){ .applied = before - l->parked, .parked = l->parked, .keys = l->n };
    if (any)
        weiri_view_publish(view, view->in_transaction, view->kind);
    view->in_transaction = any ? 0 : view->in_transaction;
    return status;
}

weir_status
weiri_views_letters_retry(
    weiri_views *views, const char *name, const weiri_letter_name *which, weiri_letters_tried *ret_tried, weir_error *err)
{
    weiri_view *view;
    weiri_letters_tried tried = { 0 };

    weir_status status = weiri_views_find(views, name, &view, err);
    if (status != WEIR_OK)
        return status;
    atomic_fetch_add(&view->yield, 1);
    weiri_lock_take(&view->work);
    status = retry(view, which, &tried, err);
    weiri_lock_give(&view->work);
    atomic_fetch_sub(&view->yield, 1);
    if (views->config.log != NULL)
        weiri_signal_raise(weiri_log_moved(views->config.log)); /* a view that was full goes on */
    if (status == WEIR_OK)
        *ret_tried = tried;
    return status;
}
