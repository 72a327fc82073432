/* SPDX-License-Identifier: Apache-2.0
 * Events and outcomes of an embedded log into a log on Kafka, in the lanes' own way: a partition is claimed, and its records are
 * appended command by command from where the local copy ends; so whatever an interruption left behind is settled by what settles it
 * for lanes. The log's threads set flags under `lock`; all else is the caller's thread's. */
#include "log/kafka/transfer.h"
#include <inttypes.h>
#include "base/memory.h"

enum { PIECES = 3, PIECE_BYTES = 1 << 20, WAIT_MS = 100 };

typedef struct piece {
    weiri_append append;
    struct moving *moving;
    _Atomic bool flying;
} piece;

typedef struct stream { /* events or outcomes of the log that is copied, one record ahead */
    weiri_topic topic;
    weiri_chunk chunk;
    uint64_t next; /* offset of what comes behind `record` */
    weiri_record record;
    bool here;
} stream;

typedef enum life { AWAY, CLAIMING, MOVING } life;

typedef struct part {
    struct moving *moving;
    uint32_t number;
    life life;
    stream events, outcomes;
    uint64_t base[WEIRI_TOPICS];
    piece pieces[PIECES];
    bool told;
    /* guarded by moving->lock */
    bool given, revoked, claimed;
    weir_status status; /* of the claim */
    weir_error error;
    bool failed; /* an append came back with an error: what is stored is to be found out */
} part;

typedef struct moving {
    weiri_transfer *t;
    weiri_log *to;
    weiri_lock lock;
    weiri_signal wake;
    part *parts;
} moving;

/* ---- what the log tells ----------------------------------------------------------------------------------- */

static void
given(void *user, uint32_t partition)
{
    moving *m = user;

    weiri_lock_take(&m->lock);
    m->parts[partition].given = true;
    weiri_lock_give(&m->lock);
    weiri_signal_raise(&m->wake);
}

static void
revoked(void *user, uint32_t partition)
{
    moving *m = user;

    weiri_lock_take(&m->lock);
    m->parts[partition].revoked = true;
    weiri_lock_give(&m->lock);
    weiri_signal_raise(&m->wake);
}

static void
claimed(void *user, uint32_t partition, weir_status status, const weir_error *err)
{
    moving *m = user;
    part *p = &m->parts[partition];

    weiri_lock_take(&m->lock);
    p->claimed = true;
    p->status = status;
    p->error = *err;
    weiri_lock_give(&m->lock);
    weiri_signal_raise(&m->wake);
}

/* Nothing is served, so none comes. */
static bool
command(void *user, uint32_t partition, const weiri_record *record, const weiri_flaw *flaw)
{
    (void)user;
    (void)partition;
    (void)record;
    (void)flaw;
    return false;
}

static void
appended(weiri_append *append, weir_status status)
{
    piece *of = append->user;
    moving *m = of->moving;

    if (status != WEIR_OK) {
        weiri_lock_take(&m->lock);
        m->parts[append->partition].failed = true;
        weiri_lock_give(&m->lock);
    }
    atomic_store(&of->flying, false);
    weiri_signal_raise(&m->wake);
}

/* ---- what is to be copied --------------------------------------------------------------------------------- */

static weir_status
advance(const part *p, stream *s, weir_error *err)
{
    weiri_log *from = p->moving->t->from;
    weir_status status = WEIR_OK;
    uint64_t at;

    s->here = false;
    if (s->next >= weiri_log_end(from, s->topic, p->number))
        return WEIR_OK;
    while (!weiri_chunk_next(&s->chunk, &s->record, &at, &status)) {
        if (status == WEIR_OK)
            status = weiri_log_read(from, s->topic, p->number, s->next, &s->chunk, err);
        if (status == WEIR_OK && s->chunk.bytes.size == 0)
            status = WEIR_CORRUPT;
        if (status != WEIR_OK)
            break;
    }
    if (status != WEIR_OK || at != s->next)
        return weiri_error_set(
            err, WEIR_CORRUPT, "%s, partition %u, offset %" PRIu64 " can't be read", weiri_topic_name(s->topic), p->number, s->next);
    s->next++;
    s->here = true;
    return WEIR_OK;
}

/* From where the copy ends on. */
static weir_status
begin_stream(part *p, stream *s, weiri_topic topic, weir_error *err)
{
    weiri_chunk_fini(&s->chunk);
    *s = (stream){ .topic = topic, .next = weiri_log_end(p->moving->to, topic, p->number) };
    p->base[topic] = s->next;
    if (s->next > weiri_log_end(p->moving->t->from, topic, p->number))
        return weiri_error_set(err, WEIR_INVALID, "%s, partition %u: the copy has %" PRIu64 " records, more than the log",
            weiri_topic_name(topic), p->number, s->next);
    return advance(p, s, err);
}

static size_t
size_of(const weiri_append *append)
{
    return append->topics[WEIRI_TOPIC_EVENTS].bytes.size + append->topics[WEIRI_TOPIC_OUTCOMES].bytes.size;
}

/* All of the command whose records come next. */
static weir_status
add_command(part *p, weiri_append *append, weir_error *err)
{
    const bool decided = p->events.here && (!p->outcomes.here || p->events.record.source < p->outcomes.record.source);
    stream *s = decided ? &p->events : &p->outcomes;
    const uint64_t source = s->record.source;
    weir_status status = WEIR_OK;

    if (size_of(append) == 0) {
        append->first_source = source;
        append->time_ms = s->record.time_ms;
    }
    append->last_source = source;
    append->next_command = source + 1;
    while (status == WEIR_OK && s->here && s->record.source == source) {
        weiri_staged_add(&append->topics[s->topic], &s->record);
        status = advance(p, s, err);
    }
    return status;
}

static weir_status
fill(part *p, weiri_append *append, weir_error *err)
{
    weir_status status = WEIR_OK;

    for (unsigned t = 0; t < WEIRI_TOPICS; t++)
        weiri_staged_clear(&append->topics[t]);
    while (status == WEIR_OK && (p->events.here || p->outcomes.here) && size_of(append) < PIECE_BYTES)
        status = add_command(p, append, err);
    for (unsigned t = 0; t < WEIRI_TOPICS; t++) {
        append->base[t] = p->base[t];
        p->base[t] += append->topics[t].count;
    }
    return status;
}

/* ---- a partition's life ----------------------------------------------------------------------------------- */

static bool
any_flying(const part *p)
{
    for (int i = 0; i < PIECES; i++)
        if (atomic_load(&p->pieces[i].flying))
            return true;
    return false;
}

static bool
take(part *p, bool *flag)
{
    weiri_lock_take(&p->moving->lock);
    const bool was = *flag;
    *flag = false;
    weiri_lock_give(&p->moving->lock);
    return was;
}

static void
claim(part *p)
{
    (void)take(p, &p->failed);
    p->life = CLAIMING;
    weiri_log_claim(p->moving->to, p->number);
}

static weir_status
end_claim(part *p, weir_error *err)
{
    weiri_lock_take(&p->moving->lock);
    const weir_status status = p->status;
    if (status != WEIR_OK && status != WEIR_CLOSED)
        *err = p->error;
    weiri_lock_give(&p->moving->lock);
    if (status == WEIR_CLOSED) {
        p->life = AWAY;
        return WEIR_OK;
    }
    if (status != WEIR_OK)
        return status;
    p->life = MOVING;
    weir_status begun = begin_stream(p, &p->events, WEIRI_TOPIC_EVENTS, err);
    return begun == WEIR_OK ? begin_stream(p, &p->outcomes, WEIRI_TOPIC_OUTCOMES, err) : begun;
}

static weir_status
move(part *p, weir_error *err)
{
    weir_status status = WEIR_OK;

    for (int i = 0; i < PIECES && status == WEIR_OK && (p->events.here || p->outcomes.here); i++) {
        piece *idle = &p->pieces[i];
        if (atomic_load(&idle->flying))
            continue;
        status = fill(p, &idle->append, err);
        if (status == WEIR_OK) {
            atomic_store(&idle->flying, true);
            weiri_log_append(p->moving->to, &idle->append);
        }
    }
    return status;
}

/* Whether all of it is durable. */
static bool
is_done(const part *p)
{
    return p->life == MOVING && !p->events.here && !p->outcomes.here && !any_flying(p);
}

static weir_status
step(part *p, weir_error *err)
{
    moving *m = p->moving;

    weiri_lock_take(&m->lock);
    const bool failed = p->failed, away = p->revoked;
    weiri_lock_give(&m->lock);
    if (away) {
        if (any_flying(p))
            return WEIR_OK;
        (void)take(p, &p->revoked);
        (void)take(p, &p->failed);
        p->life = AWAY;
        weiri_log_release(m->to, p->number);
        return WEIR_OK;
    }
    if (p->life == MOVING && failed) {
        if (!any_flying(p))
            claim(p);
        return weiri_log_state(m->to, err) == WEIR_IO ? WEIR_IO : WEIR_OK;
    }
    if (p->life != MOVING && take(p, &p->claimed))
        return end_claim(p, err);
    if (p->life == AWAY && take(p, &p->given)) {
        claim(p);
        return WEIR_OK;
    }
    if (p->life != MOVING)
        return WEIR_OK;
    weir_status status = move(p, err);
    if (status == WEIR_OK && !p->told && is_done(p)) {
        p->told = true;
        weiri_transfer_tell(m->t, "partition %u: %" PRIu64 " events, %" PRIu64 " other outcomes", p->number,
            weiri_log_end(m->to, WEIRI_TOPIC_EVENTS, p->number), weiri_log_end(m->to, WEIRI_TOPIC_OUTCOMES, p->number));
    }
    return status;
}

static weir_status
run(moving *m, weir_error *err)
{
    const uint32_t partitions = m->t->identity->partitions;
    bool done = false;

    while (!done) {
        const uint64_t seen = weiri_signal_count(&m->wake);
        done = true;
        for (uint32_t p = 0; p < partitions; p++) {
            weir_status status = step(&m->parts[p], err);
            if (status != WEIR_OK)
                return status;
            done &= is_done(&m->parts[p]);
        }
        if (!done)
            (void)weiri_signal_wait(&m->wake, seen, WAIT_MS);
    }
    return WEIR_OK;
}

/* Whoever is done holds what it holds until the log gives it back: leaving asks each for its release. */
static void
leave(moving *m)
{
    for (uint32_t p = 0; p < m->t->identity->partitions; p++) {
        for (;;) {
            const uint64_t seen = weiri_signal_count(&m->wake);
            if (!any_flying(&m->parts[p]))
                break;
            (void)weiri_signal_wait(&m->wake, seen, WAIT_MS);
        }
        weiri_log_release(m->to, p);
    }
    weiri_log_leave(m->to);
}

weir_status
weiri_transfer_records(weiri_transfer *t, weiri_log *to, weir_error *err)
{
    moving m = { .t = t, .to = to };
    const weiri_log_lanes lanes = { given, revoked, claimed, command, &m };

    weiri_lock_init(&m.lock);
    weiri_signal_init(&m.wake);
    m.parts = weiri_allocate(t->identity->partitions * sizeof *m.parts);
    for (uint32_t p = 0; p < t->identity->partitions; p++) {
        m.parts[p].moving = &m;
        m.parts[p].number = p;
        for (int i = 0; i < PIECES; i++) {
            m.parts[p].pieces[i].moving = &m;
            m.parts[p].pieces[i].append = (weiri_append){ .partition = p, .done = appended, .user = &m.parts[p].pieces[i] };
        }
    }
    weir_status status = weiri_log_join(to, &lanes, err);
    if (status == WEIR_OK) {
        status = run(&m, err);
        leave(&m);
    }
    for (uint32_t p = 0; p < t->identity->partitions; p++) {
        weiri_chunk_fini(&m.parts[p].events.chunk);
        weiri_chunk_fini(&m.parts[p].outcomes.chunk);
        for (int i = 0; i < PIECES; i++)
            for (unsigned topic = 0; topic < WEIRI_TOPICS; topic++)
                weiri_staged_fini(&m.parts[p].pieces[i].append.topics[topic]);
    }
    weiri_release(m.parts);
    weiri_signal_fini(&m.wake);
    weiri_lock_fini(&m.lock);
    return status;
}
