/* SPDX-License-Identifier: Apache-2.0
 * What becomes of parked events: tried again from the head of their key, in the order of the log; or discarded, which a record
 * among the outcomes says, so that every version of the view that is ever built leaves the same events out.
 * Thread: whoever holds the view's work. */
#include <stdio.h>
#include <string.h>
#include "base/memory.h"
#include "message/discard.h"
#include "query/view.h"

enum { LETTERS_AT_ONCE = 5000 }; /* of one key, in one transaction */

static weir_status
save_position(weiri_view *view, uint32_t p, weir_error *err)
{
    return view->store->ops->save(view->store, p, &view->working[p], err);
}

/* Ends a transaction that isn't a batch's: what failed in it leaves no trace, in memory either. */
static weir_status
finish(weiri_view *view, weir_status status, weir_error *err)
{
    if (status == WEIR_OK)
        status = view->store->ops->commit(view->store, err);
    if (status != WEIR_OK)
        view->store->ops->rollback(view->store);
    return status;
}

/* ---- discarded ----------------------------------------------------------------------------------------- */

typedef struct finding {
    bool found;
    weiri_letter letter;
    uint64_t source;
    uint32_t index;
} finding;

static bool
find_one(void *user, const weiri_letter *letter)
{
    finding *f = user;

    if (letter->source != f->source || letter->index != f->index)
        return true;
    f->found = true;
    f->letter = *letter; /* its bytes end with the call: only state and offset are read behind it */
    return false;
}

/* Has the view passed this event? */
static bool
is_passed(const weiri_view *view, uint32_t p, const weiri_discard *d)
{
    const weiri_position *at = &view->working[p];

    return at->next_offset > 0 && (d->source < at->source || (d->source == at->source && d->index <= at->index));
}

static weir_status
discard(weiri_view *view, uint32_t p, const weiri_record *outcome, const weiri_discard *d, weir_error *err)
{
    finding f = { .source = d->source, .index = d->index };
    const weiri_letters_asked asked = { .key = &outcome->key, .most = UINT64_MAX };

    weir_status status = view->store->ops->letters(view->store, true, &asked, find_one, &f, err);
    if (status != WEIR_OK || (f.found && f.letter.state == WEIRI_LETTER_DISCARDED))
        return status;
    if (!f.found && is_passed(view, p, d))
        view->letters.anew = true;
    const weiri_letter letter = { .partition = p,
        .index = d->index,
        .source = d->source,
        .offset = f.found ? f.letter.offset : 0,
        .state = WEIRI_LETTER_DISCARDED,
        .attempts = f.found ? f.letter.attempts : 0,
        .time_ms = f.found ? f.letter.time_ms : 0,
        .since_ms = outcome->time_ms,
        .aggregate = weiri_bytes_of(d->aggregate),
        .key = outcome->key,
        .reason = weiri_bytes_of(d->reason),
        .who = weiri_bytes_of(d->who) };
    return view->store->ops->put(view->store, &letter, err);
}

/* One chunk of outcomes. The transaction begins with the first that concerns this view. */
static weir_status
follow_chunk(weiri_view *view, uint32_t p, bool *begun, weir_error *err)
{
    weiri_position *position = &view->working[p];
    weir_status status = WEIR_OK, read = WEIR_OK;
    weiri_record record;
    weiri_discard d;
    uint64_t offset;
    weir_error ignored;

    while (status == WEIR_OK && weiri_chunk_next(&view->chunk, &record, &offset, &read)) {
        if (offset < position->outcomes)
            continue;
        position->outcomes = offset + 1;
        if (read != WEIR_OK || !weiri_bytes_are(record.type, WEIRI_OUTCOME_LETTER_DISCARDED) ||
            weiri_discard_read(record.payload, &d, &ignored) != WEIR_OK || strcmp(d.view, view->file->name) != 0)
            continue;
        if (!*begun)
            status = view->store->ops->begin(view->store, err);
        *begun = *begun || status == WEIR_OK;
        if (status == WEIR_OK)
            status = discard(view, p, &record, &d, err);
    }
    if (status == WEIR_OK && view->chunk.next_offset > position->outcomes)
        position->outcomes = view->chunk.next_offset;
    return status;
}

static weir_status
follow_partition(weiri_view *view, uint32_t p, weir_error *err)
{
    weiri_log *log = view->views->config.log;
    bool begun = false;
    weir_status status = WEIR_OK;

    while (status == WEIR_OK && view->working[p].outcomes < weiri_log_end(log, WEIRI_TOPIC_OUTCOMES, p)) {
        uint64_t from = view->working[p].outcomes;
        status = weiri_log_read(log, WEIRI_TOPIC_OUTCOMES, p, from, &view->chunk, err);
        if (status == WEIR_OK)
            status = follow_chunk(view, p, &begun, err);
        if (view->working[p].outcomes == from)
            break;
    }
    if (begun) {
        if (status == WEIR_OK)
            status = save_position(view, p, err);
        status = finish(view, status, err);
        view->letters.changed = true;
    }
    if (status == WEIR_OK)
        view->positions[p] = view->working[p];
    else
        view->working[p] = view->positions[p];
    return status;
}

weir_status
weiri_letters_follow(weiri_view *view, weir_error *err)
{
    weir_status status = WEIR_OK;

    for (uint32_t p = 0; status == WEIR_OK && p < view->views->partitions; p++)
        status = follow_partition(view, p, err);
    return status;
}

/* ---- tried again --------------------------------------------------------------------------------------- */

typedef struct copied {
    uint64_t source, offset;
    uint32_t index, attempts;
    int64_t since_ms;
} copied;

typedef struct waiting {
    weiri_buffer list; /* copied each */
} waiting;

static bool
copy_one(void *user, const weiri_letter *letter)
{
    waiting *w = user;
    const copied one = { letter->source, letter->offset, letter->index, letter->attempts, letter->since_ms };

    weiri_buffer_add(&w->list, &one, sizeof one);
    return true;
}

/* The event of a letter, from the log. The chunk may hold it already. */
static weir_status
read_event(weiri_view *view, uint32_t p, const copied *one, weiri_record *ret_record, weir_error *err)
{
    weir_status read = WEIR_OK;
    uint64_t offset;

    weir_status status = weiri_log_read(view->views->config.log, WEIRI_TOPIC_EVENTS, p, one->offset, &view->chunk, err);
    if (status != WEIR_OK)
        return status;
    while (weiri_chunk_next(&view->chunk, ret_record, &offset, &read))
        if (read == WEIR_OK && offset == one->offset && ret_record->source == one->source && ret_record->index == one->index)
            return WEIR_OK;
    return weiri_error_set(err, WEIR_CORRUPT, "events/%u/%llu, which is parked, is not in the log", p, (unsigned long long)one->offset);
}

/* The event failed again: it stays the head of its key. */
static weir_status
keep_head(weiri_view *view, const weiri_record *record, uint32_t p, const copied *one, const weir_error *why, weir_error *err)
{
    char words[sizeof why->text + sizeof why->file + 32];

    weiri_error_format(why, words, sizeof words);
    const weiri_letter letter = { .partition = p,
        .index = one->index,
        .source = one->source,
        .offset = one->offset,
        .attempts = one->attempts + 1,
        .time_ms = record->time_ms,
        .since_ms = one->since_ms,
        .type = record->type,
        .aggregate = record->aggregate,
        .key = record->key,
        .error = weiri_bytes_of(words) };
    return view->store->ops->put(view->store, &letter, err);
}

/* *ret_failed: it stays, with one attempt more. */
static weir_status
retry_one(weiri_view *view, uint32_t p, const copied *one, bool *ret_failed, weir_error *err)
{
    const weiri_store_ops *ops = view->store->ops;
    weiri_record record;
    weir_error why;

    weir_status status = read_event(view, p, one, &record, err);
    if (status == WEIR_OK)
        status = ops->mark(view->store, err);
    if (status != WEIR_OK)
        return status;
    status = weiri_view_apply(view, &record, p, one->offset, &why);
    *ret_failed = status == WEIR_INVALID;
    if (status == WEIR_OK)
        return ops->drop(view->store, p, one->source, one->index, err);
    if (status != WEIR_INVALID) {
        *err = why;
        return status;
    }
    status = ops->back(view->store, err);
    return status == WEIR_OK ? keep_head(view, &record, p, one, &why, err) : status;
}

static weir_status
retry_key(weiri_view *view, const weiri_parked_key *key, uint64_t *ret_applied, weir_error *err)
{
    const weiri_bytes name = { key->key, key->size };
    const weiri_letters_asked asked = { .key = &name, .parked = true, .most = LETTERS_AT_ONCE };
    waiting w = { { 0 } };
    uint32_t p = key->partition;
    bool failed = false;

    weir_status status = view->store->ops->begin(view->store, err);
    if (status == WEIR_OK)
        status = view->store->ops->letters(view->store, true, &asked, copy_one, &w, err);
    const copied *all = (const copied *)(const void *)w.list.data;
    size_t n = status == WEIR_OK ? w.list.size / sizeof *all : 0, i;
    for (i = 0; i < n && status == WEIR_OK && !failed; i++)
        status = retry_one(view, p, &all[i], &failed, err);
    if (status == WEIR_OK)
        status = save_position(view, p, err); /* with the number of what is parked */
    status = finish(view, status, err);
    *ret_applied = status == WEIR_OK ? i - failed : 0;
    weiri_buffer_fini(&w.list);
    return status;
}

weir_status
weiri_letters_retry(weiri_view *view, bool *ret_moved, weir_error *err)
{
    weiri_letters *l = &view->letters;
    const weiri_world *world = view->views->config.world;
    weir_status status = WEIR_OK;
    bool tried = false;

    *ret_moved = false;
    for (size_t i = 0; i < l->n && status == WEIR_OK; i++) {
        uint64_t applied = 0, before = view->in_transaction;
        if (l->keys[i].due_us > world->monotonic_us(world))
            continue;
        l->keys[i].due_us = INT64_MAX; /* as it is until all are loaded again */
        status = retry_key(view, &l->keys[i], &applied, err);
        tried = true;
        *ret_moved = *ret_moved || applied > 0;
        if (status != WEIR_OK) {
            memset(view->untouched, 0, view->file->statements_n * sizeof *view->untouched);
            view->in_transaction = before;
        }
    }
    if (tried)
        l->changed = true; /* read anew before the next batch */
    return status;
}
