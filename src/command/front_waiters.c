/* SPDX-License-Identifier: Apache-2.0
 * Waiters: their memory, finding them, and what is heard of their commands. Where a command stands is known when the log reports it
 * sent; an outcome that comes before that report is kept aside until it does. Thread: the front's, but for what says otherwise. */
#include "base/memory.h"
#include "command/front_inside.h"

/* ---- memory ----------------------------------------------------------------------------------------------- */

weiri_waiter *
weiri_front_take(weiri_front *front)
{
    weiri_lock_take(&front->lock);
    if (front->free == NULL) {
        weiri_waiter_block *fresh = weiri_allocate(sizeof *fresh);
        fresh->next = front->blocks;
        front->blocks = fresh;
        for (int i = 0; i < WEIRI_FRONT_BLOCK; i++) {
            fresh->waiters[i].next = front->free;
            front->free = &fresh->waiters[i];
        }
    }
    weiri_waiter *w = front->free;
    front->free = w->next;
    weiri_lock_give(&front->lock);
    return w;
}

static void
give_waiter(weiri_front *front, weiri_waiter *w)
{
    weiri_lock_take(&front->lock);
    w->next = front->free;
    front->free = w;
    weiri_lock_give(&front->lock);
}

void
weiri_front_let_go(weiri_front *front)
{
    if (atomic_fetch_sub(&front->holders, 1) != 1)
        return;
    while (front->blocks != NULL) {
        weiri_waiter_block *next = front->blocks->next;
        weiri_release(front->blocks);
        front->blocks = next;
    }
    weiri_mailbox_fini(&front->mailbox);
    weiri_signal_fini(&front->nobody);
    weiri_lock_fini(&front->lock);
    weiri_buffer_fini(&front->items);
    weiri_chunk_fini(&front->chunk);
    weiri_recall_fini(&front->recall);
    weiri_release(front->early);
    weiri_release(front->tails);
    weiri_release(front->by_offset);
    weiri_release(front->by_id);
    weiri_release(front);
}

/* ---- waiters, on the front's thread ------------------------------------------------------------------------ */

static weiri_waiter **
bucket_of(weiri_front *front, const weiri_waiter *w)
{
    if (w->stage == WEIRI_FRONT_SENT)
        return &front->by_offset[weiri_front_offset_hash(w->partition, w->offset) % WEIRI_FRONT_BUCKETS];
    return &front->by_id[w->id_hash % WEIRI_FRONT_BUCKETS];
}

static void
put(weiri_front *front, weiri_waiter *w, weiri_waiter_stage stage)
{
    w->stage = stage;
    weiri_waiter **at = bucket_of(front, w);
    while (*at != NULL) /* behind: of two with one id the first is answered first */
        at = &(*at)->next;
    w->next = NULL;
    *at = w;
    front->n_by_id += stage != WEIRI_FRONT_SENT;
}

static void
pull(weiri_front *front, weiri_waiter *w)
{
    weiri_waiter **at = bucket_of(front, w);

    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    front->n_by_id -= w->stage != WEIRI_FRONT_SENT;
}

static void
remove_waiter(weiri_front *front, weiri_waiter *w)
{
    pull(front, w);
    *(w->older == NULL ? &front->oldest : &w->older->newer) = w->newer;
    *(w->newer == NULL ? &front->newest : &w->newer->older) = w->older;
    w->stage = WEIRI_FRONT_ANSWERED;
    if (!w->sending)
        give_waiter(front, w);
    atomic_fetch_sub(&front->waiters, 1);
}

static void
finish(weiri_front *front, weiri_waiter *w, const weiri_answer *answer)
{
    weiri_answer_fn *done = w->done;
    void *user = w->user;

    remove_waiter(front, w);
    done(user, answer);
}

void
weiri_front_finish_without(weiri_front *front, weiri_waiter *w, weir_status status, const char *words)
{
    const weiri_answer answer = { .kind = WEIRI_ANSWER_OUTCOME,
        .status = status,
        .partition = w->partition,
        .source = WEIRI_NO_OFFSET,
        .events_offset = WEIRI_NO_EVENTS,
        .code = "",
        .text = words };

    finish(front, w, &answer);
}

void
weiri_front_finish_from(weiri_front *front, weiri_waiter *w, const weiri_record *record, uint64_t offset)
{
    weiri_answer answer;

    weiri_front_answer(&front->recall, w->partition, record, offset, &answer);
    finish(front, w, &answer);
}

/* ---- what is sent ------------------------------------------------------------------------------------------ */

/* The outcome kept aside that is this waiter's is told. False: there is none. */
static bool
told_early(weiri_front *front, weiri_waiter *w)
{
    weiri_record record;

    for (size_t i = 0; i < front->n_early; i++) {
        const weiri_early e = front->early[i];
        bool its = e.partition == w->partition && (w->offset == WEIRI_NO_OFFSET ? e.id_hash == w->id_hash : e.source == w->offset);
        if (!its || !weiri_recall_record(&front->recall, e.topic, e.partition, e.offset, &record))
            continue;
        front->early[i] = front->early[--front->n_early];
        atomic_store(&front->earlies, front->n_early);
        /* Recall may be needed again for what the record repeats: it copies words, and the rest of the record is read by then. */
        weiri_front_finish_from(front, w, &record, e.offset);
        return true;
    }
    return false;
}

/* What was kept aside for its id was somebody else's, unless another waits with the same. */
static void
drop_early(weiri_front *front, const weiri_waiter *w)
{
    if (front->n_early == 0)
        return;
    for (const weiri_waiter *other = front->by_id[w->id_hash % WEIRI_FRONT_BUCKETS]; other != NULL; other = other->next)
        if (other->id_hash == w->id_hash && other->stage == WEIRI_FRONT_SENDING)
            return;
    for (size_t i = 0; i < front->n_early;) {
        if (front->early[i].id_hash == w->id_hash)
            front->early[i] = front->early[--front->n_early];
        else
            i++;
    }
    atomic_store(&front->earlies, front->n_early);
}

void
weiri_front_keep_early(weiri_front *front, const weiri_early *e)
{
    if (front->n_early == front->early_room) {
        front->early_room = front->early_room == 0 ? 64 : front->early_room * 2;
        front->early = weiri_reallocate(front->early, front->early_room * sizeof *front->early);
    }
    front->early[front->n_early++] = *e;
    atomic_store(&front->earlies, front->n_early);
}

static void
begin(weiri_front *front, weiri_waiter *w)
{
    w->older = front->newest;
    w->newer = NULL;
    *(front->newest == NULL ? &front->oldest : &front->newest->newer) = w;
    front->newest = w;
    put(front, w, WEIRI_FRONT_SENDING);
}

static void
hear(weiri_front *front, const weiri_news *n)
{
    weiri_waiter *w = n->waiter;

    if (n->kind == WEIRI_FRONT_BEGINS) {
        begin(front, w);
        return;
    }
    w->sending = false;
    if (w->stage == WEIRI_FRONT_ANSWERED)
        give_waiter(front, w);
    else if (n->kind == WEIRI_FRONT_IS_CANCELLED)
        remove_waiter(front, w);
    else if (n->status != WEIR_OK)
        weiri_front_finish_without(front, w, n->status, n->words);
    else {
        w->offset = n->offset;
        if (told_early(front, w))
            return;
        pull(front, w);
        put(front, w, n->offset == WEIRI_NO_OFFSET ? WEIRI_FRONT_SENT_SOMEWHERE : WEIRI_FRONT_SENT);
        drop_early(front, w);
    }
}

bool
weiri_front_hear(weiri_front *front)
{
    weiri_bytes item;
    size_t at = 0, n = weiri_mailbox_take(&front->mailbox, &front->items);

    while (weiri_mailbox_next(&front->items, &at, &item)) {
        weiri_news heard;
        memcpy(&heard, item.data, sizeof heard);
        hear(front, &heard);
    }
    weiri_buffer_clear(&front->items);
    return n > 0;
}
