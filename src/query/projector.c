/* SPDX-License-Identifier: Apache-2.0
 * The projector of a view: reads durable events of the partitions in turn, applies them in batches, one transaction a
 * batch with the position in it, and tells whoever waits after the commit. Once an event fails the batch begins anew with a
 * mark before each event, so that those that fail again are parked alone; or the view stops just before it, where its file says so.
 * Thread: the view's own; it holds `work` while it is in a batch. */
#include <inttypes.h>
#include <stdio.h>
#include "query/view.h"
#include "base/memory.h"

enum {
    BATCH_EVENTS = 50000,
    BATCH_MS = 200,
    PAUSE_LEAST_MS = 100, /* after an error of the database, doubled each time */
    PAUSE_MOST_MS = 5000,
    EVENTS_BETWEEN_LOOKS = 256, /* at the clock */
};

typedef struct batch {
    weiri_view *view;
    bool careful; /* a mark before each event */
    uint64_t seen;
    int64_t until_us;
    bool failed; /* at an event: what is before it is committed */
    bool full;   /* no more keys can be parked */
    char where[64];
} batch;

static int64_t
now_us(const weiri_view *view)
{
    return view->views->config.world->monotonic_us(view->views->config.world);
}

static bool
is_over(const batch *b)
{
    return b->full || b->seen >= BATCH_EVENTS || (b->seen > 0 && b->seen % EVENTS_BETWEEN_LOOKS == 0 && now_us(b->view) >= b->until_us);
}

static void
pass(weiri_position *position, const weiri_record *record, uint64_t offset)
{
    position->next_offset = offset + 1;
    position->source = record->source;
    position->index = record->index;
    /* Half of a command's events is not what a token waits for. */
    if ((record->flags & WEIRI_RECORD_LAST) != 0)
        position->reached = record->source + 1;
}

/* With careful: the event leaves nothing but a letter. */
static weir_status
park(batch *b, const weiri_record *record, uint32_t partition, uint64_t offset, const weir_error *why, weir_error *err)
{
    weir_status status = weiri_letters_park(b->view, record, partition, offset, why, err);

    b->full = b->view->letters.n >= WEIRI_KEYS_PARKED_MOST;
    return status;
}

/* It failed: *err says how. */
static weir_status
fail(batch *b, const weiri_record *record, uint32_t partition, uint64_t offset, weir_error *err)
{
    weiri_view *view = b->view;
    weir_error failure = *err;

    (void)snprintf(b->where, sizeof b->where, "events/%" PRIu32 "/%" PRIu64, partition, offset);
    /* Without the mark nothing of this batch can be kept. */
    bool back = b->careful && view->store->ops->back(view->store, err) == WEIR_OK;
    if (back && failure.status == WEIR_INVALID && !view->file->stops)
        return park(b, record, partition, offset, &failure, err);
    b->failed = !b->careful || back;
    *err = failure;
    return err->status;
}

static weir_status
apply_one(batch *b, const weiri_record *record, uint32_t partition, uint64_t offset, weir_error *err)
{
    weiri_view *view = b->view;
    const weiri_type *type;

    if (weiri_view_has(view, record, &type)) {
        if (weiri_letters_skips(&view->letters, partition, record))
            return WEIR_OK;
        if (weiri_letters_key(&view->letters, record->key) != NULL)
            return park(b, record, partition, offset, NULL, err);
    }
    weir_status status = b->careful ? view->store->ops->mark(view->store, err) : WEIR_OK;
    if (status == WEIR_OK)
        status = weiri_view_apply(view, record, partition, offset, err);
    return status == WEIR_INVALID || status == WEIR_NOT_FOUND ? fail(b, record, partition, offset, err) : status;
}

static weir_status
apply_chunk(batch *b, uint32_t partition, weir_error *err)
{
    weiri_view *view = b->view;
    weiri_position *position = &view->working[partition];
    weiri_record record;
    uint64_t offset = position->next_offset;
    weir_status status = WEIR_OK;

    while (weiri_chunk_next(&view->chunk, &record, &offset, &status)) {
        if (status != WEIR_OK)
            break;
        if (offset < position->next_offset) /* a chunk begins with a whole batch */
            continue;
        if (is_over(b))
            return WEIR_OK;
        status = apply_one(b, &record, partition, offset, err);
        if (status != WEIR_OK)
            return status;
        pass(position, &record, offset);
        b->seen++;
    }
    if (status != WEIR_OK)
        return weiri_error_set(err, status, "events/%" PRIu32 "/%" PRIu64 ": the record can't be read", partition, offset);
    return WEIR_OK;
}

/* Partitions in turn, a chunk each, until nothing waits or the batch is full. */
static weir_status
apply_all(batch *b, weir_error *err)
{
    weiri_view *view = b->view;
    weiri_log *log = view->views->config.log;
    uint64_t before;

    do {
        before = b->seen;
        for (uint32_t p = 0; p < view->views->partitions; p++) {
            uint64_t from = view->working[p].next_offset;
            if (from >= weiri_log_end(log, WEIRI_TOPIC_EVENTS, p))
                continue;
            weir_status status = weiri_log_read(log, WEIRI_TOPIC_EVENTS, p, from, &view->chunk, err);
            if (status == WEIR_OK)
                status = apply_chunk(b, p, err);
            if (status != WEIR_OK)
                return status;
        }
    } while (b->seen > before && !is_over(b) && now_us(view) < b->until_us);
    return WEIR_OK;
}

static weir_status
save_positions(weiri_view *view, weir_error *err)
{
    for (uint32_t p = 0; p < view->views->partitions; p++) {
        weiri_position *position = &view->working[p];
        if (position->next_offset == view->positions[p].next_offset)
            continue;
        weir_status status = weiri_log_checksum(
            view->views->config.log, WEIRI_TOPIC_EVENTS, p, position->next_offset, &position->checksum, err);
        if (status == WEIR_OK)
            status = view->store->ops->save(view->store, p, position, err);
        if (status != WEIR_OK)
            return status;
    }
    return WEIR_OK;
}

static void
forget(weiri_view *view)
{
    view->store->ops->rollback(view->store);
    memcpy(view->working, view->positions, view->views->partitions * sizeof *view->working);
    memset(view->untouched, 0, view->file->statements_n * sizeof *view->untouched);
    view->in_transaction = 0;
}

/* One transaction. With b->failed and careful, OK means that all before the failed event is committed. */
static weir_status
run_batch(batch *b, weir_error *err)
{
    weiri_view *view = b->view;
    weir_error later;

    b->until_us = now_us(view) + BATCH_MS * 1000;
    forget(view);
    weir_status status = view->letters.changed ? weiri_letters_load(view, err) : WEIR_OK;
    if (status == WEIR_OK)
        status = view->store->ops->begin(view->store, err);
    if (status == WEIR_OK)
        status = apply_all(b, err);
    if (status == WEIR_OK || (b->failed && b->careful)) {
        weir_status end = b->seen == 0 ? WEIR_OK : save_positions(view, &later);
        if (end == WEIR_OK)
            end = view->store->ops->commit(view->store, &later);
        if (end != WEIR_OK) {
            *err = later;
            b->failed = false;
            status = end;
        }
    }
    if (status != WEIR_OK && !(b->failed && b->careful)) {
        forget(view);
        return status;
    }
    view->letters.changed = false; /* memory and database agree */
    memcpy(view->positions, view->working, view->views->partitions * sizeof *view->working);
    return WEIR_OK;
}

/* ---- publishing ---------------------------------------------------------------------------------------- */

static void
count_rate(weiri_view *view, uint64_t events)
{
    uint64_t second = (uint64_t)(now_us(view) / 1000000);
    size_t slot = second % WEIRI_RATE_SECONDS;

    if (view->rate_second[slot] != second) {
        view->rate_second[slot] = second;
        view->rate_events[slot] = 0;
    }
    view->rate_events[slot] += events;
}

void
weiri_view_publish(weiri_view *view, uint64_t applied, weiri_view_state kind)
{
    uint32_t partitions = view->views->partitions;
    bool there = true;

    for (size_t i = 0; i < view->file->statements_n; i++) {
        if (view->untouched[i] > 0)
            atomic_fetch_add(&view->file->statements[i].untouched, view->untouched[i]);
        view->untouched[i] = 0;
    }
    weiri_lock_take(&view->state);
    if (partitions > 0)
        memcpy(view->published, view->positions, partitions * sizeof *view->published);
    for (uint32_t p = 0; p < partitions; p++)
        there = there && view->positions[p].next_offset >= view->goal[p];
    view->kind = kind == WEIRI_VIEW_FOLLOWING && !there ? WEIRI_VIEW_REBUILDING : kind;
    view->applied += applied;
    view->parked = view->letters.parked;
    view->parked_keys = view->letters.n;
    view->discarded = view->letters.discarded;
    count_rate(view, applied);
    weiri_lock_give(&view->state);
    weiri_signal_raise(&view->moved);
}

static void
tell_error(weiri_view *view, const char *words)
{
    weiri_lock_take(&view->state);
    (void)snprintf(view->error, sizeof view->error, "%s", words);
    weiri_lock_give(&view->state);
}

static void
stop_view(weiri_view *view, const weir_error *err, const char *where)
{
    char words[sizeof err->text + sizeof err->file + 32];
    char all[512];

    weiri_error_format(err, words, sizeof words);
    (void)snprintf(all, sizeof all, where[0] == '\0' ? "%.400s" : "%.400s; at %s", words, where);
    tell_error(view, all);
    weiri_view_publish(view, 0, WEIRI_VIEW_STOPPED);
}

/* ---- the thread ---------------------------------------------------------------------------------------- */

/* The database, or the log, can't be used now: nothing has moved. */
static void
pause_view(weiri_view *view, const weir_error *err)
{
    char words[sizeof err->text + sizeof err->file + 32];

    weiri_error_format(err, words, sizeof words);
    tell_error(view, words);
    view->pause_ms = view->pause_ms == 0 ? PAUSE_LEAST_MS : view->pause_ms * 2 > PAUSE_MOST_MS ? PAUSE_MOST_MS : view->pause_ms * 2;
}

/* What a batch has brought is in the database. */
static bool
end_batch(weiri_view *view, const batch *b, const weir_error *err)
{
    uint64_t applied = view->in_transaction;

    view->in_transaction = 0;
    if (view->pause_ms > 0)
        tell_error(view, "");
    view->pause_ms = 0;
    if (b->seen > 0) {
        weiri_view_publish(view, applied, WEIRI_VIEW_FOLLOWING);
        weiri_view_remove_others(view);
    }
    if (b->failed)
        stop_view(view, err, b->where);
    return !b->failed && b->seen > 0;
}

/* Letters that were discarded, or are due. False: it may not go on to what is new. */
static bool
see_to_letters(weiri_view *view)
{
    weir_error err = { 0 };
    bool moved = false;
    uint64_t discarded = view->letters.discarded;

    weir_status status = weiri_letters_follow(view, &err);
    if (status == WEIR_OK && view->letters.changed)
        status = weiri_letters_load(view, &err);
    if (status == WEIR_OK)
        status = weiri_letters_retry(view, &moved, &err);
    if (status == WEIR_OK && view->letters.changed)
        status = weiri_letters_load(view, &err);
    if (status == WEIR_CORRUPT)
        stop_view(view, &err, "");
    else if (status != WEIR_OK)
        pause_view(view, &err);
    bool full = view->letters.n >= WEIRI_KEYS_PARKED_MOST;
    if (full && !view->halted) {
        (void)weiri_error_set(&err, WEIR_INVALID,
            "%d keys are parked: something is wrong with more than single events; see 'weir dead list %s'", WEIRI_KEYS_PARKED_MOST,
            view->file->name);
        stop_view(view, &err, "");
    } else if (view->halted && !full) {
        tell_error(view, "");
        weiri_view_publish(view, view->in_transaction, WEIRI_VIEW_FOLLOWING);
    } else if (moved || discarded != view->letters.discarded)
        weiri_view_publish(view, view->in_transaction, view->kind);
    if (moved)
        view->in_transaction = 0;
    view->halted = full;
    return status == WEIR_OK && !full;
}

/* Under work. What comes of one batch. */
static bool
work_once(weiri_view *view)
{
    weir_error err = { 0 };
    batch b = { .view = view, .careful = view->careful };

    if (view->kind == WEIRI_VIEW_STOPPED && !view->halted) /* only this thread and a rebuild, under work, change it */
        return false;
    if (!see_to_letters(view))
        return false;
    weir_status status = run_batch(&b, &err);
    view->careful = false;
    if (b.failed && !b.careful) { /* status is the event's: once more, with marks */
        view->careful = true;
        return true;
    }
    if (status == WEIR_OK)
        return end_batch(view, &b, &err);
    if (status == WEIR_CORRUPT || status == WEIR_INVALID || status == WEIR_NOT_FOUND)
        stop_view(view, &err, b.where);
    else
        pause_view(view, &err);
    return false;
}

bool
weiri_view_turn(weiri_view *view)
{
    weiri_lock_take(&view->work);
    bool more = work_once(view);
    weiri_lock_give(&view->work);
    return more;
}

/* Sleeps so long, whatever the log does meanwhile. */
static void
pause_for(const weiri_view *view, weiri_signal *arrived, int64_t pause_ms)
{
    int64_t until_us = now_us(view) + pause_ms * 1000;

    while (!atomic_load(&view->views->stopping) && now_us(view) < until_us)
        (void)weiri_signal_wait(arrived, weiri_signal_count(arrived), (until_us - now_us(view)) / 1000 + 1);
}

/* How long it may sleep: -1 for ever. */
static int64_t
until_due_ms(weiri_view *view)
{
    int64_t next_us = INT64_MAX;

    weiri_lock_take(&view->work);
    if (view->kind != WEIRI_VIEW_STOPPED || view->halted)
        next_us = weiri_letters_next_us(&view->letters);
    weiri_lock_give(&view->work);
    if (next_us == INT64_MAX)
        return -1;
    int64_t left_us = next_us - now_us(view);
    return left_us <= 0 ? 1 : left_us / 1000 + 1;
}

void
weiri_view_project(void *user)
{
    weiri_view *view = user;
    weiri_views *views = view->views;
    weiri_signal *arrived = weiri_log_moved(views->config.log);

    while (!atomic_load(&views->stopping)) {
        uint64_t seen = weiri_signal_count(arrived);
        if (atomic_load(&view->yield) > 0) { /* a lock is not fair by itself */
            (void)weiri_signal_wait(arrived, seen, 5);
            continue;
        }
        bool more = weiri_view_turn(view);
        if (view->letters.anew)
            weiri_view_discarded(view);
        if (view->pause_ms > 0)
            pause_for(view, arrived, view->pause_ms);
        else if (!more && !atomic_load(&views->stopping))
            (void)weiri_signal_wait(arrived, seen, until_due_ms(view));
    }
}
