/* SPDX-License-Identifier: Apache-2.0
 * The tail, and the way in. A submit registers its waiter before it sends, and the front's thread looks at the log's end before it
 * takes registrations: so no outcome is passed by that somebody waits for. */
#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "command/front_inside.h"
#include <stdio.h>

static const weiri_topic topics[2] = { WEIRI_TOPIC_EVENTS, WEIRI_TOPIC_OUTCOMES };

/* ---- the tail ---------------------------------------------------------------------------------------------- */

static uint64_t
id_hash_of(uint32_t partition, weiri_bytes key, weiri_bytes id)
{
    return weiri_hash64(weiri_hash64(partition, key.data, key.size), id.data, id.size);
}

static void
tell(weiri_front *front, weiri_topic topic, uint32_t partition, const weiri_record *record, uint64_t offset)
{
    for (weiri_waiter *w = front->by_offset[weiri_front_offset_hash(partition, record->source) % WEIRI_FRONT_BUCKETS]; w != NULL;
         w = w->next)
        if (w->offset == record->source && w->partition == partition) {
            weiri_front_finish_from(front, w, record, offset);
            return;
        }
    if (front->n_by_id == 0)
        return;
    const weiri_early e = { record->source, id_hash_of(partition, record->key, record->id), offset, partition, topic };
    bool awaited = false;
    for (weiri_waiter *w = front->by_id[e.id_hash % WEIRI_FRONT_BUCKETS]; w != NULL; w = w->next) {
        if (w->id_hash != e.id_hash || w->partition != partition)
            continue;
        if (w->stage == WEIRI_FRONT_SENT_SOMEWHERE) {
            weiri_front_finish_from(front, w, record, offset);
            return;
        }
        awaited = true;
    }
    if (awaited)
        weiri_front_keep_early(front, &e);
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
    weiri_waiter *newer;

    for (weiri_waiter *w = front->oldest; w != NULL && w->until_us <= now_us; w = newer) {
        newer = w->newer;
        if (w->stage != WEIRI_FRONT_SENDING) /* else the log will tell, or its sender is still at it */
            weiri_front_finish_without(front, w, WEIR_TIMEOUT, "no outcome in time: the command may still be carried out");
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
    moved = weiri_front_hear(front);
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
        (void)weiri_signal_wait(moved, seen, WEIRI_FRONT_LOOK_MS);
    }
    while (front->oldest != NULL)
        weiri_front_finish_without(front, front->oldest, WEIR_TIMEOUT, "this process ends: the command may still be carried out");
    weiri_release(ends);
}

/* ---- from outside ------------------------------------------------------------------------------------------ */

static void
say(weiri_front *front, const weiri_news *n)
{
    weir_status status = weiri_mailbox_send(&front->mailbox, &(weiri_bytes){ n, sizeof *n }, 1, 0);

    weiri_assert(status == WEIR_OK);
}

static void
tell_news(weiri_waiter *w, weiri_news_kind kind, weir_status status, uint64_t offset, const weir_error *err)
{
    weiri_front *front = w->front;
    weiri_news n = { .waiter = w, .kind = kind, .status = status, .offset = offset };

    if (status != WEIR_OK)
        (void)snprintf(n.words, sizeof n.words, "%.*s", (int)sizeof n.words - 1, err == NULL ? "" : err->text);
    say(front, &n);
    if (status != WEIR_OK || atomic_load(&front->earlies) > 0)
        weiri_signal_raise(weiri_log_moved(front->config.log));
    weiri_front_let_go(front);
}

/* On a thread of the log. */
static void
sent(void *user, weir_status status, uint64_t offset, const weir_error *err)
{
    tell_news(user, WEIRI_FRONT_IS_SENT, status, offset, err);
}

/* While the log has no room, again and again for as long as the caller waits. */
static weir_status
send(weiri_front *front, const weiri_record *command, weiri_waiter *w, int64_t timeout_ms, weir_error *err)
{
    const weiri_world *world = front->config.world;
    weiri_signal *moved = weiri_log_moved(front->config.log);
    int64_t until_us = world->monotonic_us(world) + timeout_ms * 1000;

    for (;;) {
        uint64_t seen = weiri_signal_count(moved);
        weir_status status = weiri_log_send(front->config.log, w->partition, command, sent, w, err);
        if (status != WEIR_BUSY || (timeout_ms >= 0 && world->monotonic_us(world) >= until_us))
            return status;
        (void)weiri_signal_wait(moved, seen, 10);
    }
}

weir_status
weiri_front_send(weiri_front *front, const weiri_record *command, int64_t timeout_ms, weiri_answer_fn *done, void *user, weir_error *err)
{
    const weiri_world *world = front->config.world;
    uint32_t partition = weiri_partition_of(command->key, front->partitions);

    if (atomic_fetch_add(&front->waiters, 1) >= WEIRI_WAITERS_MOST) {
        atomic_fetch_sub(&front->waiters, 1);
        return weiri_error_set(err, WEIR_BUSY, "%d commands wait for their outcomes", (int)WEIRI_WAITERS_MOST);
    }
    weiri_waiter *w = weiri_front_take(front);
    *w = (weiri_waiter){ .front = front,
        .done = done,
        .user = user,
        .id_hash = id_hash_of(partition, command->key, command->id),
        .offset = WEIRI_NO_OFFSET,
        .until_us = world->monotonic_us(world) + front->config.outcome_ms * 1000,
        .partition = partition,
        .sending = true };
    const weiri_news begins = { .waiter = w, .kind = WEIRI_FRONT_BEGINS };
    say(front, &begins);
    atomic_fetch_add(&front->holders, 1);
    weir_status status = send(front, command, w, timeout_ms, err);
    if (status != WEIR_OK)
        tell_news(w, WEIRI_FRONT_IS_CANCELLED, status, WEIRI_NO_OFFSET, err);
    return status;
}

weir_status
weiri_front_submit(weiri_front *front, const weiri_submit *submit, weir_error *err)
{
    weiri_buffer headers = { 0 };
    weiri_record record = { .kind = WEIRI_RECORD_COMMAND,
        .flags = (submit->client_id ? WEIRI_RECORD_CLIENT_ID : 0) | (submit->expect ? WEIRI_RECORD_EXPECTS : 0),
        .expected_version = submit->expect ? submit->expected_version : 0,
        .type = weiri_bytes_of(submit->type->descriptor->name),
        .key = submit->key,
        .id = submit->id,
        .payload = submit->payload,
        .headers = submit->headers };

    if (submit->source.size > 0) {
        weiri_buffer_add_bytes(&headers, submit->headers);
        weiri_headers_add(&headers, WEIRI_HEADER_SOURCE, submit->source);
        weiri_headers_add_number(&headers, WEIRI_HEADER_SEQUENCE, submit->sequence);
        if (submit->previous != WEIRI_ANY_PREVIOUS)
            weiri_headers_add_number(&headers, WEIRI_HEADER_PREVIOUS, submit->previous);
        weiri_headers_add_number(&headers, WEIRI_HEADER_FINGERPRINT, submit->fingerprint);
        record.headers = weiri_buffer_bytes(&headers);
    }
    weir_status status = weiri_front_send(front, &record, submit->timeout_ms, submit->done, submit->user, err);
    weiri_buffer_fini(&headers);
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
    front->by_offset = weiri_allocate(WEIRI_FRONT_BUCKETS * sizeof *front->by_offset);
    front->by_id = weiri_allocate(WEIRI_FRONT_BUCKETS * sizeof *front->by_id);
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
        weiri_front_let_go(front);
}
