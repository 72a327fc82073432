/* SPDX-License-Identifier: Apache-2.0
 * Waiters and the tail. A submit registers its waiter before it sends, and the front's thread looks at the log's end before it
 * takes registrations: so no outcome is passed by that somebody waits for. Where a command stands is known when the log reports it
 * sent; an outcome that comes before that report is kept aside until it does. */
#include "command/front.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/mailbox.h"
#include "base/memory.h"
#include "log/shared.h"
#include "message/outcome.h"
#include <stdatomic.h>
#include <stdio.h>

enum { BUCKETS = 1 << 16, BLOCK = 1024, LOOK_MS = 100 };

typedef enum waiter_stage { SENDING, SENT, SENT_SOMEWHERE, ANSWERED } waiter_stage;
typedef enum news_kind { BEGINS, IS_SENT, IS_CANCELLED } news_kind;

typedef struct waiter {
    weiri_front *front;
    weiri_answer_fn *done;
    void *user;
    struct waiter *next;          /* in its bucket: by offset when SENT, else by id; or in the free list */
    struct waiter *older, *newer; /* by their time; while not ANSWERED */
    uint64_t id_hash, offset;
    int64_t until_us;
    uint32_t partition;
    bool sending; /* the log has not reported yet: the memory must stay */
    waiter_stage stage;
} waiter;

typedef struct block {
    struct block *next;
    waiter waiters[BLOCK];
} block;

/* What is told to the front's thread: a waiter begins; its command was sent, or could not be; its sender has the error himself. */
typedef struct news {
    waiter *waiter;
    news_kind kind;
    weir_status status;
    uint64_t offset;
    char words[200];
} news;

/* An outcome that came before the report of its command. */
typedef struct early {
    uint64_t source, id_hash, offset; /* offset: of its record in the copy */
    uint32_t partition;
    weiri_topic topic;
} early;

typedef struct tail {
    uint64_t at[2]; /* next offset in events and in outcomes */
} tail;

struct weiri_front {
    weiri_commands_config config;
    uint32_t partitions;
    weiri_thread thread;
    weiri_mailbox mailbox;
    weiri_signal nobody; /* the mailbox's: the thread sleeps on the log's signal */
    weiri_lock lock;     /* guards blocks and free */
    block *blocks;
    waiter *free;
    _Atomic uint64_t waiters, earlies;
    _Atomic int holders; /* the owner, and each command being sent */
    _Atomic bool ending;
    /* Of its thread alone: */
    waiter **by_offset, **by_id; /* BUCKETS each */
    size_t n_by_id;
    waiter *oldest, *newest;
    early *early;
    size_t n_early, early_room;
    tail *tails;
    weiri_buffer items;
    weiri_chunk chunk;
    weiri_recall recall;
};

static const weiri_topic topics[2] = { WEIRI_TOPIC_EVENTS, WEIRI_TOPIC_OUTCOMES };

/* ---- memory ----------------------------------------------------------------------------------------------- */

static waiter *
take_waiter(weiri_front *front)
{
    weiri_lock_take(&front->lock);
    if (front->free == NULL) {
        block *fresh = weiri_allocate(sizeof *fresh);
        fresh->next = front->blocks;
        front->blocks = fresh;
        for (int i = 0; i < BLOCK; i++) {
            fresh->waiters[i].next = front->free;
            front->free = &fresh->waiters[i];
        }
    }
    waiter *w = front->free;
    front->free = w->next;
    weiri_lock_give(&front->lock);
    return w;
}

static void
give_waiter(weiri_front *front, waiter *w)
{
    weiri_lock_take(&front->lock);
    w->next = front->free;
    front->free = w;
    weiri_lock_give(&front->lock);
}

static void
let_go(weiri_front *front)
{
    if (atomic_fetch_sub(&front->holders, 1) != 1)
        return;
    while (front->blocks != NULL) {
        block *next = front->blocks->next;
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

static uint64_t
offset_hash(uint32_t partition, uint64_t offset)
{
    return (offset * 0x9e3779b97f4a7c15u + partition) >> 16;
}

static waiter **
bucket_of(weiri_front *front, const waiter *w)
{
    if (w->stage == SENT)
        return &front->by_offset[offset_hash(w->partition, w->offset) % BUCKETS];
    return &front->by_id[w->id_hash % BUCKETS];
}

static void
put(weiri_front *front, waiter *w, waiter_stage stage)
{
    w->stage = stage;
    waiter **at = bucket_of(front, w);
    while (*at != NULL) /* behind: of two with one id the first is answered first */
        at = &(*at)->next;
    w->next = NULL;
    *at = w;
    front->n_by_id += stage != SENT;
}

static void
pull(weiri_front *front, waiter *w)
{
    waiter **at = bucket_of(front, w);

    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    front->n_by_id -= w->stage != SENT;
}

static void
remove_waiter(weiri_front *front, waiter *w)
{
    pull(front, w);
    *(w->older == NULL ? &front->oldest : &w->older->newer) = w->newer;
    *(w->newer == NULL ? &front->newest : &w->newer->older) = w->older;
    w->stage = ANSWERED;
    if (!w->sending)
        give_waiter(front, w);
    atomic_fetch_sub(&front->waiters, 1);
}

static void
finish(weiri_front *front, waiter *w, const weiri_answer *answer)
{
    weiri_answer_fn *done = w->done;
    void *user = w->user;

    remove_waiter(front, w);
    done(user, answer);
}

static void
finish_without(weiri_front *front, waiter *w, weir_status status, const char *words)
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

static void
finish_from(weiri_front *front, waiter *w, const weiri_record *record, uint64_t offset)
{
    weiri_answer answer;

    weiri_front_answer(&front->recall, w->partition, record, offset, &answer);
    finish(front, w, &answer);
}

/* ---- what is sent ------------------------------------------------------------------------------------------ */

/* The outcome kept aside that is this waiter's is told. False: there is none. */
static bool
told_early(weiri_front *front, waiter *w)
{
    weiri_record record;

    for (size_t i = 0; i < front->n_early; i++) {
        const early e = front->early[i];
        bool its = e.partition == w->partition && (w->offset == WEIRI_NO_OFFSET ? e.id_hash == w->id_hash : e.source == w->offset);
        if (!its || !weiri_recall_record(&front->recall, e.topic, e.partition, e.offset, &record))
            continue;
        front->early[i] = front->early[--front->n_early];
        atomic_store(&front->earlies, front->n_early);
        /* Recall may be needed again for what the record repeats: it copies words, and the rest of the record is read by then. */
        finish_from(front, w, &record, e.offset);
        return true;
    }
    return false;
}

/* What was kept aside for its id was somebody else's, unless another waits with the same. */
static void
drop_early(weiri_front *front, const waiter *w)
{
    if (front->n_early == 0)
        return;
    for (const waiter *other = front->by_id[w->id_hash % BUCKETS]; other != NULL; other = other->next)
        if (other->id_hash == w->id_hash && other->stage == SENDING)
            return;
    for (size_t i = 0; i < front->n_early;) {
        if (front->early[i].id_hash == w->id_hash)
            front->early[i] = front->early[--front->n_early];
        else
            i++;
    }
    atomic_store(&front->earlies, front->n_early);
}

static void
begin(weiri_front *front, waiter *w)
{
    w->older = front->newest;
    w->newer = NULL;
    *(front->newest == NULL ? &front->oldest : &front->newest->newer) = w;
    front->newest = w;
    put(front, w, SENDING);
}

static void
hear(weiri_front *front, const news *n)
{
    waiter *w = n->waiter;

    if (n->kind == BEGINS) {
        begin(front, w);
        return;
    }
    w->sending = false;
    if (w->stage == ANSWERED)
        give_waiter(front, w);
    else if (n->kind == IS_CANCELLED)
        remove_waiter(front, w);
    else if (n->status != WEIR_OK)
        finish_without(front, w, n->status, n->words);
    else {
        w->offset = n->offset;
        if (told_early(front, w))
            return;
        pull(front, w);
        put(front, w, n->offset == WEIRI_NO_OFFSET ? SENT_SOMEWHERE : SENT);
        drop_early(front, w);
    }
}

static bool
hear_all(weiri_front *front)
{
    weiri_bytes item;
    size_t at = 0, n = weiri_mailbox_take(&front->mailbox, &front->items);

    while (weiri_mailbox_next(&front->items, &at, &item)) {
        news heard;
        memcpy(&heard, item.data, sizeof heard);
        hear(front, &heard);
    }
    weiri_buffer_clear(&front->items);
    return n > 0;
}

/* ---- the tail ---------------------------------------------------------------------------------------------- */

static uint64_t
id_hash_of(uint32_t partition, weiri_bytes key, weiri_bytes id)
{
    return weiri_hash64(weiri_hash64(partition, key.data, key.size), id.data, id.size);
}

static void
keep_early(weiri_front *front, const early *e)
{
    if (front->n_early == front->early_room) {
        front->early_room = front->early_room == 0 ? 64 : front->early_room * 2;
        front->early = weiri_reallocate(front->early, front->early_room * sizeof *front->early);
    }
    front->early[front->n_early++] = *e;
    atomic_store(&front->earlies, front->n_early);
}

static void
tell(weiri_front *front, weiri_topic topic, uint32_t partition, const weiri_record *record, uint64_t offset)
{
    for (waiter *w = front->by_offset[offset_hash(partition, record->source) % BUCKETS]; w != NULL; w = w->next)
        if (w->offset == record->source && w->partition == partition) {
            finish_from(front, w, record, offset);
            return;
        }
    if (front->n_by_id == 0)
        return;
    const early e = { record->source, id_hash_of(partition, record->key, record->id), offset, partition, topic };
    bool awaited = false;
    for (waiter *w = front->by_id[e.id_hash % BUCKETS]; w != NULL; w = w->next) {
        if (w->id_hash != e.id_hash || w->partition != partition)
            continue;
        if (w->stage == SENT_SOMEWHERE) {
            finish_from(front, w, record, offset);
            return;
        }
        awaited = true;
    }
    if (awaited)
        keep_early(front, &e);
}

/* Reads up to `end`, and no further: what lies beyond may be awaited by somebody not heard of yet. */
static bool
follow(weiri_front *front, uint32_t partition, int which, uint64_t end)
{
    uint64_t *at = &front->tails[partition].at[which], offset;
    weir_status status = WEIR_OK;
    weiri_record record;
    weir_error err;

    if (*at >= end)
        return false;
    if (front->oldest == NULL) {
        *at = end;
        return true;
    }
    if (weiri_log_read(front->config.log, topics[which], partition, *at, &front->chunk, &err) != WEIR_OK)
        return false; /* the waiters' time will tell them */
    while (*at < end && weiri_chunk_next(&front->chunk, &record, &offset, &status) && status == WEIR_OK) {
        if (offset < *at)
            continue;
        *at = offset + 1;
        if (record.kind == WEIRI_RECORD_OUTCOME || (record.flags & WEIRI_RECORD_LAST) != 0)
            tell(front, topics[which], partition, &record, offset);
    }
    if (status != WEIR_OK)
        *at = front->chunk.next_offset;
    return true;
}

static void
expire(weiri_front *front)
{
    const weiri_world *world = front->config.world;
    int64_t now_us = front->oldest == NULL ? 0 : world->monotonic_us(world);
    waiter *newer;

    for (waiter *w = front->oldest; w != NULL && w->until_us <= now_us; w = newer) {
        newer = w->newer;
        if (w->stage != SENDING) /* else the log will tell, or its sender is still at it */
            finish_without(front, w, WEIR_TIMEOUT, "no outcome in time: the command may still be carried out");
    }
}

static bool
turn(weiri_front *front, uint64_t *ends)
{
    weiri_log *log = front->config.log;
    bool moved;

    for (uint32_t p = 0; p < front->partitions; p++)
        for (int which = 0; which < 2; which++)
            ends[p * 2 + (uint32_t)which] = weiri_log_end(log, topics[which], p);
    moved = hear_all(front);
    for (uint32_t p = 0; p < front->partitions; p++)
        for (int which = 0; which < 2; which++)
            moved |= follow(front, p, which, ends[p * 2 + (uint32_t)which]);
    expire(front);
    return moved;
}

static void
run(void *argument)
{
    weiri_front *front = argument;
    weiri_signal *moved = weiri_log_moved(front->config.log);
    uint64_t *ends = weiri_allocate((size_t)front->partitions * 2 * sizeof *ends);

    for (;;) {
        uint64_t seen = weiri_signal_count(moved);
        bool ending = atomic_load(&front->ending);
        if (turn(front, ends))
            continue;
        if (ending)
            break;
        (void)weiri_signal_wait(moved, seen, LOOK_MS);
    }
    while (front->oldest != NULL)
        finish_without(front, front->oldest, WEIR_TIMEOUT, "this process ends: the command may still be carried out");
    weiri_release(ends);
}

/* ---- from outside ------------------------------------------------------------------------------------------ */

static void
say(weiri_front *front, const news *n)
{
    weir_status status = weiri_mailbox_send(&front->mailbox, &(weiri_bytes){ n, sizeof *n }, 1, 0);

    weiri_assert(status == WEIR_OK);
}

static void
tell_news(waiter *w, news_kind kind, weir_status status, uint64_t offset, const weir_error *err)
{
    weiri_front *front = w->front;
    news n = { .waiter = w, .kind = kind, .status = status, .offset = offset };

    if (status != WEIR_OK)
        (void)snprintf(n.words, sizeof n.words, "%.*s", (int)sizeof n.words - 1, err == NULL ? "" : err->text);
    say(front, &n);
    if (status != WEIR_OK || atomic_load(&front->earlies) > 0)
        weiri_signal_raise(weiri_log_moved(front->config.log));
    let_go(front);
}

/* On a thread of the log. */
static void
sent(void *user, weir_status status, uint64_t offset, const weir_error *err)
{
    tell_news(user, IS_SENT, status, offset, err);
}

static weiri_record
record_of(const weiri_submit *submit, weiri_buffer *headers)
{
    weiri_record record = { .kind = WEIRI_RECORD_COMMAND,
        .type = weiri_bytes_of(submit->type->descriptor->name),
        .key = submit->key,
        .id = submit->id,
        .payload = submit->payload,
        .headers = submit->headers };

    record.flags |= submit->client_id ? WEIRI_RECORD_CLIENT_ID : 0;
    if (submit->expect) {
        record.flags |= WEIRI_RECORD_EXPECTS;
        record.expected_version = submit->expected_version;
    }
    if (submit->source.size > 0) {
        weiri_buffer_add_bytes(headers, submit->headers);
        weiri_headers_add(headers, WEIRI_HEADER_SOURCE, submit->source);
        weiri_headers_add_number(headers, WEIRI_HEADER_SEQUENCE, submit->sequence);
        weiri_headers_add_number(headers, WEIRI_HEADER_PREVIOUS, submit->previous);
        weiri_headers_add_number(headers, WEIRI_HEADER_FINGERPRINT, submit->fingerprint);
        record.headers = weiri_buffer_bytes(headers);
    }
    return record;
}

/* While the log has no room, again and again for as long as the caller waits. */
static weir_status
send(weiri_front *front, const weiri_submit *submit, waiter *w, weir_error *err)
{
    const weiri_world *world = front->config.world;
    int64_t until_us = world->monotonic_us(world) + submit->timeout_ms * 1000;
    weiri_buffer headers = { 0 };
    const weiri_record record = record_of(submit, &headers);
    weir_status status;

    for (;;) {
        uint64_t seen = weiri_signal_count(weiri_log_moved(front->config.log));
        status = weiri_log_send(front->config.log, w->partition, &record, sent, w, err);
        if (status != WEIR_BUSY || (submit->timeout_ms >= 0 && world->monotonic_us(world) >= until_us))
            break;
        (void)weiri_signal_wait(weiri_log_moved(front->config.log), seen, 10);
    }
    weiri_buffer_fini(&headers);
    return status;
}

weir_status
weiri_front_submit(weiri_front *front, const weiri_submit *submit, weir_error *err)
{
    const weiri_world *world = front->config.world;
    uint32_t partition = weiri_partition_of(submit->key, front->partitions);

    if (atomic_fetch_add(&front->waiters, 1) >= WEIRI_WAITERS_MOST) {
        atomic_fetch_sub(&front->waiters, 1);
        return weiri_error_set(err, WEIR_BUSY, "%d commands wait for their outcomes", (int)WEIRI_WAITERS_MOST);
    }
    waiter *w = take_waiter(front);
    *w = (waiter){ .front = front,
        .done = submit->done,
        .user = submit->user,
        .id_hash = id_hash_of(partition, submit->key, submit->id),
        .offset = WEIRI_NO_OFFSET,
        .until_us = world->monotonic_us(world) + front->config.outcome_ms * 1000,
        .partition = partition,
        .sending = true };
    const news begins = { .waiter = w, .kind = BEGINS };
    say(front, &begins);
    atomic_fetch_add(&front->holders, 1);
    weir_status status = send(front, submit, w, err);
    if (status != WEIR_OK)
        tell_news(w, IS_CANCELLED, status, WEIRI_NO_OFFSET, err);
    return status;
}

uint64_t
weiri_front_waiters(const weiri_front *front)
{
    return atomic_load(&front->waiters);
}

/* ---- life -------------------------------------------------------------------------------------------------- */

weiri_front *
weiri_front_new(const weiri_commands_config *config)
{
    weiri_front *front = weiri_allocate(sizeof *front);

    front->config = *config;
    front->partitions = weiri_log_identity_of(config->log)->partitions;
    weiri_signal_init(&front->nobody);
    weiri_mailbox_init(&front->mailbox, SIZE_MAX, SIZE_MAX, &front->nobody);
    weiri_lock_init(&front->lock);
    front->by_offset = weiri_allocate(BUCKETS * sizeof *front->by_offset);
    front->by_id = weiri_allocate(BUCKETS * sizeof *front->by_id);
    front->tails = weiri_allocate(front->partitions * sizeof *front->tails);
    front->recall = (weiri_recall){ .log = config->log, .passed = WEIRI_NO_OFFSET };
    atomic_init(&front->holders, 1);
    for (uint32_t p = 0; p < front->partitions; p++)
        for (int which = 0; which < 2; which++)
            front->tails[p].at[which] = weiri_log_end(config->log, topics[which], p);
    return front;
}

weir_status
weiri_front_start(weiri_front *front)
{
    return weiri_thread_start(&front->thread, "front", run, front);
}

void
weiri_front_stop(weiri_front *front, int64_t wait_ms)
{
    weiri_signal *moved = weiri_log_moved(front->config.log);
    const weiri_world *world = front->config.world;
    int64_t until_us = world->monotonic_us(world) + wait_ms * 1000;

    while (front->thread.running && atomic_load(&front->waiters) > 0 && world->monotonic_us(world) < until_us)
        (void)weiri_signal_wait(moved, weiri_signal_count(moved), 10);
    atomic_store(&front->ending, true);
    weiri_signal_raise(moved);
    weiri_thread_join(&front->thread);
}

void
weiri_front_free(weiri_front *front)
{
    if (front != NULL)
        let_go(front);
}
