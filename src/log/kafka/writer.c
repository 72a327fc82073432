/* SPDX-License-Identifier: Apache-2.0
 * The writer of one partition: a thread that claims it when told to and commits what its lane hands in, in order, one transaction
 * for all that waits. After Kafka's commit an append goes to the local copy; its lane hears of it when that is durable, too. The first
 * failure ends serving: everything behind it is answered TIMEOUT, and the partition is the follower's again. */
#include "base/assert.h"
#include "base/memory.h"
#include "log/kafka/internal.h"

enum { TRANSACTION_MOST = 16 << 20 };

void
weiri_kafka_append(weiri_log *log, weiri_append *append)
{
    weiri_kafka_part *part = &((weiri_kafka *)log)->parts[append->partition];

    weiri_assert(append->topics[WEIRI_TOPIC_COMMANDS].count + append->topics[WEIRI_TOPIC_DEAD_LETTERS].count +
                     append->topics[WEIRI_TOPIC_SCHEMAS].count ==
                 0); /* a lane's transaction touches events and outcomes */
    weiri_appends_push(&part->waiting, append);
    weiri_signal_raise(&part->wake);
}

static void
answer_all(weiri_append *a, weir_status status)
{
    while (a != NULL) {
        weiri_append *next = a->next; /* its owner may use it again at once */
        a->done(a, status);
        a = next;
    }
}

bool
weiri_kafka_interrupted(weiri_kafka_part *part)
{
    weiri_kafka *k = part->k;

    weiri_lock_take(&k->lock);
    const bool serving = part->writing == WEIRI_KAFKA_SERVING;
    /* What runs may end; what only begins is given up at once. */
    const bool interrupted = part->stop_now || (!serving && (part->release || part->revoking || !part->given));
    weiri_lock_give(&k->lock);
    return interrupted || (!serving && atomic_load(&k->stopping));
}

/* ---- one transaction -------------------------------------------------------------------------------------- */

/* The copy has it, or never will. On the copy's committer thread. */
static void
copied(weiri_append *append, weir_status status)
{
    weiri_kafka_slot *slot = append->user;
    weiri_kafka_part *part = slot->part;

    if (status != WEIR_OK)
        atomic_store(&part->copy_failed, true);
    append->done = slot->done;
    append->user = slot->user;
    append->mark = (weiri_bytes){ 0 };
    weiri_release(slot);
    weiri_signal_raise(&part->k->log.moved);
    append->done(append, status);
    atomic_fetch_sub(&part->copying, 1);
    weiri_signal_raise(&part->wake);
}

static void
copy_slots(weiri_kafka_part *part, weiri_kafka_slot *slot)
{
    while (slot != NULL) {
        weiri_kafka_slot *next = slot->next_slot;
        weiri_append *append = slot->append;
        for (int s = 0; s < WEIRI_KAFKA_SIDES; s++) {
            slot->mark.next[s] = slot->next[s] != 0 ? slot->next[s] : part->written.next[s];
            slot->mark.incarnation[s] = part->written.incarnation[s];
        }
        part->written = slot->mark;
        slot->done = append->done;
        slot->user = append->user;
        append->done = copied;
        append->user = slot;
        append->mark = (weiri_bytes){ &slot->mark, sizeof slot->mark };
        atomic_fetch_add(&part->copying, 1);
        weiri_log_append(part->k->copy, append);
        slot = next;
    }
}

static size_t
append_size(const weiri_append *a)
{
    return a->topics[WEIRI_TOPIC_EVENTS].bytes.size + a->topics[WEIRI_TOPIC_OUTCOMES].bytes.size;
}

static void
count_commit(weiri_kafka_part *part, const weiri_kafka_slot *slot, int64_t began_us)
{
    weiri_kafka *k = part->k;

    atomic_fetch_add(&k->commits, 1);
    atomic_fetch_add(&k->commit_us, (uint64_t)(part->committed_us - began_us));
    for (; slot != NULL; slot = slot->next_slot) {
        atomic_fetch_add(&k->records, slot->append->topics[WEIRI_TOPIC_EVENTS].count + slot->append->topics[WEIRI_TOPIC_OUTCOMES].count);
        atomic_fetch_add(&k->bytes, append_size(slot->append));
    }
}

/* Commits appends from the front of *appends, which then begins behind them. On failure they are all still there. */
static weir_status
transact(weiri_kafka_part *part, weiri_append **appends)
{
    weiri_kafka_slot *first = NULL, **last = &first;
    weiri_kafka_mark mark = part->written;
    weiri_append *a = *appends;
    size_t bytes = 0;

    const int64_t began_us = part->k->world->monotonic_us(part->k->world);
    weir_status status = weiri_kafka_begin(part);
    for (; status == WEIR_OK && a != NULL && (bytes == 0 || bytes + append_size(a) <= TRANSACTION_MOST); a = a->next) {
        weiri_kafka_slot *slot = weiri_allocate(sizeof *slot);
        *slot = (weiri_kafka_slot){ .append = a, .part = part, .mark = mark };
        *last = slot;
        last = &slot->next_slot;
        bytes += append_size(a);
        status = weiri_kafka_produce_append(part, slot);
        mark = slot->mark;
    }
    if (status == WEIR_OK)
        status = weiri_kafka_commit(part);
    if (status == WEIR_OK) {
        count_commit(part, first, began_us);
        *appends = a; /* the copy's answers may change the links behind it */
        copy_slots(part, first);
        return WEIR_OK;
    }
    const bool lost = part->lost;
    weiri_kafka_drop_producer(part); /* its reports point into the slots */
    part->lost = lost;
    while (first != NULL) {
        weiri_kafka_slot *next = first->next_slot;
        weiri_release(first);
        first = next;
    }
    return status;
}

/* ---- serving ---------------------------------------------------------------------------------------------- */

void
weiri_kafka_call_claimed(weiri_kafka_part *part, weir_status status, const weir_error *err)
{
    weiri_kafka *k = part->k;

    weiri_lock_take(&part->calling);
    weiri_lock_take(&k->lock);
    const weir_error changed = k->changed;
    weiri_lock_give(&k->lock);
    if (changed.status != WEIR_OK && status != WEIR_CLOSED)
        k->lanes.claimed(k->lanes.user, part->number, changed.status, &changed);
    else
        k->lanes.claimed(k->lanes.user, part->number, status, err);
    weiri_lock_give(&part->calling);
}

/* Serving is over: the follower has the partition again once the copy has all that was committed. */
static void
end_serving(weiri_kafka_part *part, weiri_append *unanswered)
{
    weiri_kafka *k = part->k;
    const bool lost = part->lost;

    weiri_lock_take(&k->lock);
    part->serve = false;
    if (part->commands_queue != NULL)
        rd_kafka_queue_yield(part->commands_queue);
    weiri_lock_give(&k->lock);
    for (;;) {
        const uint64_t seen = weiri_signal_count(&part->wake);
        if (atomic_load(&part->copying) == 0)
            break;
        (void)weiri_signal_wait(&part->wake, seen, -1);
    }
    weiri_kafka_drop_producer(part);
    weiri_kafka_hand_back(part);
    if (lost)
        weiri_kafka_fenced(part);
    if (atomic_load(&part->copy_failed)) { /* as every write to the disk from now on: others must take over */
        atomic_store(&k->leaving, true);
        weiri_signal_raise(&k->member_wake);
    }
    weiri_lock_take(&k->lock);
    part->writing = WEIRI_KAFKA_NOT_WRITING;
    part->release = false;
    weiri_lock_give(&k->lock);
    answer_all(unanswered, WEIR_TIMEOUT);
    weiri_signal_raise(&k->member_wake);
}

static void
claim(weiri_kafka_part *part)
{
    weiri_kafka *k = part->k;
    weir_error err = { 0 };

    weir_status status = weiri_kafka_open_lane(part, &err);
    weiri_lock_take(&k->lock);
    if (status == WEIR_OK && (part->revoking || !part->given))
        status = WEIR_CLOSED;
    part->writing = status == WEIR_OK ? WEIRI_KAFKA_SERVING : WEIRI_KAFKA_NOT_WRITING;
    if (status == WEIR_CLOSED)
        part->with_lanes = false; /* whoever hears it holds nothing, told `revoked` or not */
    weiri_lock_give(&k->lock);
    if (status != WEIR_OK) {
        weiri_kafka_drop_producer(part);
        weiri_kafka_hand_back(part);
        answer_all(weiri_appends_take(&part->waiting), WEIR_TIMEOUT);
    }
    weiri_kafka_call_claimed(part, status, &err);
    weiri_signal_raise(&k->member_wake);
}

/* All that waits. */
static void
serve(weiri_kafka_part *part, weiri_append *appends)
{
    weir_status status = WEIR_OK;

    while (appends != NULL && status == WEIR_OK) {
        if (atomic_load(&part->copy_failed))
            status = WEIR_IO;
        else
            status = transact(part, &appends);
    }
    if (status != WEIR_OK)
        end_serving(part, appends);
}

/* One round. False: there was nothing to do. */
static bool
round_of(weiri_kafka_part *part)
{
    weiri_kafka *k = part->k;

    weiri_lock_take(&k->lock);
    const bool serving = part->writing == WEIRI_KAFKA_SERVING, stop_now = part->stop_now;
    const bool to_claim = !serving && part->claim, to_release = part->release;
    if (to_claim) {
        part->claim = false;
        part->writing = WEIRI_KAFKA_CLAIMING;
    }
    if (!serving && !to_claim)
        part->release = false;
    weiri_lock_give(&k->lock);
    if (to_claim) {
        claim(part);
        return true;
    }
    weiri_append *appends = weiri_appends_take(&part->waiting);
    if (!serving) {
        answer_all(appends, WEIR_TIMEOUT);
        return appends != NULL;
    }
    if (stop_now || (appends == NULL && (to_release || atomic_load(&k->stopping) || atomic_load(&part->copy_failed)))) {
        end_serving(part, appends);
        return true;
    }
    if (appends != NULL)
        serve(part, appends);
    else
        (void)rd_kafka_poll(part->producer.rk, 0);
    return appends != NULL;
}

void
weiri_kafka_writer_run(void *argument)
{
    weiri_kafka_part *part = argument;

    for (;;) {
        const uint64_t seen = weiri_signal_count(&part->wake);
        const bool stopping = atomic_load(&part->k->stopping);
        if (round_of(part))
            continue;
        if (stopping)
            return;
        (void)weiri_signal_wait(&part->wake, seen, WEIRI_KAFKA_IDLE_MS);
    }
}
