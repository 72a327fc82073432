/* SPDX-License-Identifier: Apache-2.0
 * The follower: one thread that reads events and outcomes of every partition that no writer here holds, and appends what passes the
 * rule to the local copy, one append a partition at a time. Each topic-partition has a queue of its own, so what is not taken from it
 * is not fetched. An end is never asked for: a writer names the nonce of its own fence record. */
#include <inttypes.h>
#include <stdio.h>
#include "base/assert.h"
#include "log/kafka/internal.h"

enum { TAKE_MOST = 1000, WAITING_MOST = 16 << 20, LOOK_US = 1000000, COUNT_EVERY = 3 /* looks */, PROBE_MS = 200 };

static void
wake(rd_kafka_t *rk, void *opaque)
{
    (void)rk;
    weiri_signal_raise(&((weiri_kafka *)opaque)->follower_wake);
}

void
weiri_kafka_message_of(const rd_kafka_message_t *from, weiri_kafka_message *to)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t size;

    to->key = (weiri_bytes){ from->key, from->key_len };
    to->value = (weiri_bytes){ from->payload, from->len };
    to->offset = (uint64_t)from->offset;
    to->time_ms = rd_kafka_message_timestamp(from, NULL);
    to->n = 0;
    to->text_size = 0;
    if (rd_kafka_message_headers(from, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        if (to->n < WEIRI_KAFKA_HEADERS_MOST)
            to->headers[to->n] = (weiri_kafka_header){ name, { value, size } };
        to->n++;
        if (to->n > WEIRI_KAFKA_HEADERS_MOST)
            return;
    }
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

static void
read_on(weiri_kafka_part *part)
{
    weiri_kafka *k = part->k;

    for (int s = 0; s < WEIRI_KAFKA_SIDES; s++) {
        part->ends[s] = WEIRI_NO_OFFSET;
        part->queues[s] = rd_kafka_queue_new(k->follower.rk);
        rd_kafka_queue_cb_event_enable(part->queues[s], wake, k);
        const uint64_t next = part->rule.joined.next[s];
        part->checking[s] = next > 0;
        int rc = rd_kafka_consume_start_queue(k->followed[s], (int32_t)part->number, (int64_t)(next > 0 ? next - 1 : 0), part->queues[s]);
        weiri_assert(rc == 0); /* it isn't being read, and the offset is one */
    }
}

static void
read_no_more(weiri_kafka_part *part)
{
    for (int s = 0; s < WEIRI_KAFKA_SIDES; s++) {
        if (part->queues[s] == NULL)
            continue;
        rd_kafka_queue_cb_event_enable(part->queues[s], NULL, NULL);
        (void)rd_kafka_consume_stop(part->k->followed[s], (int32_t)part->number);
        rd_kafka_queue_destroy(part->queues[s]);
        part->queues[s] = NULL;
    }
}

static void
halt(weiri_kafka_part *part, const weir_error *err)
{
    weiri_lock_take(&part->k->lock);
    part->halted = *err;
    weiri_lock_give(&part->k->lock);
    read_no_more(part);
    weiri_signal_raise(&part->wake);
}

/* What comes instead of a record. Errors: CORRUPT: it won't get better by itself. */
static weir_status
read_error(weiri_kafka_part *part, int side, const rd_kafka_message_t *message, weir_error *err)
{
    const char *topic = part->k->topics[weiri_kafka_topic_of(side)];

    switch (message->err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return weiri_error_set(err, WEIR_CORRUPT,
            "%s, partition %u, offset %" PRIu64
            ": the topic doesn't reach so far or begins behind it (%s). It was made anew, is that of an older day, was cut off by an "
            "unclean election, or has lost its beginning to retention; if it is the right one, remove the local copy in %s: it is fetched "
            "again",
            topic, part->number, part->rule.arrived.next[side], rd_kafka_err2str(message->err), part->k->config.dir);
    case RD_KAFKA_RESP_ERR__PARTITION_EOF: /* or where a transaction is open: what can be read has been */
        part->ends[side] = (uint64_t)message->offset;
        return WEIR_OK;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        weiri_kafka_refused(part->k, WEIRI_KAFKA_NO_FOLLOWER, topic, rd_kafka_err2str(message->err));
        return WEIR_OK;
    default: /* brokers come and go, rights are given back: librdkafka tries again */
        return WEIR_OK;
    }
}

/* Is it the copy's last event? Offsets and positions may be the same by chance, where the same was sent again; times are not. */
static bool
is_copys_last(weiri_kafka_part *part, const weiri_record *record)
{
    weiri_log *copy = part->k->copy;
    const uint64_t end = weiri_log_end(copy, WEIRI_TOPIC_EVENTS, part->number);
    weiri_chunk chunk = { 0 };
    weiri_record last;
    uint64_t offset;
    bool same = false;
    weir_error err;
    weir_status status = end == 0 ? WEIR_NOT_FOUND : weiri_log_read(copy, WEIRI_TOPIC_EVENTS, part->number, end - 1, &chunk, &err);

    while (status == WEIR_OK && weiri_chunk_next(&chunk, &last, &offset, &status) && status == WEIR_OK) {
        if (offset + 1 == end)
            same = last.source == record->source && last.index == record->index && last.version == record->version &&
                   last.time_ms == record->time_ms && weiri_bytes_equal(last.key, record->key);
    }
    weiri_chunk_fini(&chunk);
    return same;
}

/* The last record that the copy has must still be where it was: else these are the topics of another day, even if they go further. */
static weir_status
check_last(weiri_kafka_part *part, int side, const rd_kafka_message_t *message, weir_error *err)
{
    weiri_kafka *k = part->k;
    const weiri_kafka_mark *mark = &part->rule.joined;
    weiri_kafka_entry entry = { 0 };
    weir_error why;

    part->checking[side] = false;
    weiri_kafka_message_of(message, &k->follower_message);
    weir_status status = weiri_kafka_read(&k->follower_format, weiri_kafka_topic_of(side), &k->follower_message, &entry, &why);
    const weiri_record *record = &entry.record;
    bool same = status == WEIR_OK && entry.offset + 1 == mark->next[side];
    if (same && entry.fence)
        same = mark->incarnation[side] == entry.offset;
    else if (same && side == WEIRI_KAFKA_EVENTS)
        same = record->source == mark->last_source && record->index == mark->last_index && is_copys_last(part, record);
    else if (same)
        same = record->source == mark->last_outcome;
    if (same && !entry.fence)
        same = entry.incarnation == mark->incarnation[side];
    if (same)
        return WEIR_OK;
    return weiri_error_set(err, WEIR_CORRUPT,
        "%s, partition %u, offset %" PRIu64
        ": this is not the record that the local copy has from there. The topic is that of an older day or was made anew; if it is the "
        "right one, remove the local copy in %s: it is fetched again",
        k->topics[weiri_kafka_topic_of(side)], part->number, mark->next[side] - 1, k->config.dir);
}

static weir_status
arrive(weiri_kafka_part *part, int side, const rd_kafka_message_t *message, weir_error *err)
{
    weiri_kafka *k = part->k;
    weiri_kafka_rule *rule = &part->rule;
    const uint64_t stale = rule->stale, repeats = rule->repeats, foreign = rule->foreign;
    weiri_kafka_entry entry;

    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return read_error(part, side, message, err);
    if (k->refused[WEIRI_KAFKA_NO_FOLLOWER][0] != '\0') /* this thread alone writes it */
        weiri_kafka_refused(k, WEIRI_KAFKA_NO_FOLLOWER, NULL, NULL);
    if (part->checking[side])
        return check_last(part, side, message, err);
    weiri_kafka_message_of(message, &k->follower_message);
    weir_status status = weiri_kafka_read(&k->follower_format, weiri_kafka_topic_of(side), &k->follower_message, &entry, err);
    if (status == WEIR_CORRUPT)
        weiri_error_prefix(err, "%s, offset %" PRId64, weiri_topic_name(weiri_kafka_topic_of(side)), message->offset);
    else
        status = weiri_kafka_rule_arrive(rule, side, status == WEIR_OK ? &entry : NULL, (uint64_t)message->offset, err);
    atomic_fetch_add(&k->stale, rule->stale - stale);
    atomic_fetch_add(&k->repeats, rule->repeats - repeats);
    atomic_fetch_add(&k->foreign, rule->foreign - foreign);
    return status;
}

/* Takes what has come for one side. */
static weir_status
take(weiri_kafka_part *part, int side, bool *ret_any, weir_error *err)
{
    rd_kafka_message_t *messages[TAKE_MOST];
    weir_status status = WEIR_OK;

    ssize_t n = rd_kafka_consume_batch_queue(part->queues[side], 0, messages, TAKE_MOST);
    for (ssize_t i = 0; i < n; i++) {
        if (status == WEIR_OK)
            status = arrive(part, side, messages[i], err);
        rd_kafka_message_destroy(messages[i]);
    }
    *ret_any |= n > 0;
    return status;
}

/* A side is read while it has room, or the other one waits for it. */
static bool
wanted(const weiri_kafka_rule *rule, int side)
{
    return weiri_kafka_rule_waiting(rule, side) < WAITING_MOST || weiri_kafka_rule_waiting(rule, 1 - side) > 0;
}

/* ---- appending -------------------------------------------------------------------------------------------- */

static void
appended(weiri_append *append, weir_status status)
{
    weiri_kafka_part *part = append->user;

    if (status != WEIR_OK)
        atomic_store(&part->copy_failed, true);
    else
        weiri_signal_raise(&part->k->log.moved);
    atomic_store(&part->flying, false);
    weiri_signal_raise(&part->k->follower_wake);
}

/* What is complete goes to the copy. */
static weir_status
join_and_append(weiri_kafka_part *part, const char *until, bool *ret_any, weir_error *err)
{
    weiri_append *append = &part->append;

    for (unsigned t = 0; t < WEIRI_TOPICS; t++)
        weiri_staged_clear(&append->topics[t]);
    bool reached = false;
    weir_status status = weiri_kafka_rule_join(&part->rule, append, until, &reached, err);
    if (reached)
        (void)snprintf(part->reached, sizeof part->reached, "%s", until);
    if (append->topics[WEIRI_TOPIC_EVENTS].count + append->topics[WEIRI_TOPIC_OUTCOMES].count == 0)
        return status;
    for (unsigned t = 0; t < WEIRI_TOPICS; t++)
        append->base[t] = weiri_log_end(part->k->copy, t, part->number);
    weiri_buffer_clear(&part->mark_bytes);
    weiri_buffer_add(&part->mark_bytes, &part->rule.joined, sizeof part->rule.joined);
    append->mark = weiri_buffer_bytes(&part->mark_bytes);
    atomic_store(&part->flying, true);
    weiri_log_append(part->k->copy, append);
    *ret_any = true;
    return status;
}

/* ---- orders ----------------------------------------------------------------------------------------------- */

static void
hand(weiri_kafka_part *part)
{
    weiri_kafka *k = part->k;

    read_no_more(part);
    weiri_lock_take(&k->lock);
    part->mark = part->rule.joined;
    if (part->order == WEIRI_KAFKA_FOLLOW_UNTIL && strcmp(part->until, part->reached) == 0) {
        part->order = WEIRI_KAFKA_HOLD;
        part->handed = true;
    } /* else the writer has given up meanwhile: reading begins again */
    weiri_lock_give(&k->lock);
    part->reached[0] = '\0';
    weiri_signal_raise(&part->wake);
}

/* Both sides stand at their ends, and all that came is in the copy. */
static bool
at_ends(const weiri_kafka_part *part)
{
    for (int s = 0; s < WEIRI_KAFKA_SIDES; s++)
        if (part->ends[s] == WEIRI_NO_OFFSET || part->rule.arrived.next[s] > part->ends[s] || weiri_kafka_rule_waiting(&part->rule, s) > 0)
            return false;
    return true;
}

/* One partition's turn. True if there was something to do. */
static bool
turn(weiri_kafka_part *part)
{
    weiri_kafka *k = part->k;
    char until[WEIRI_KAFKA_NONCE_SIZE];
    bool any = false;
    weir_error err;

    weiri_lock_take(&k->lock);
    const weiri_kafka_order order = part->order;
    const bool halted = part->halted.status != WEIR_OK;
    memcpy(until, part->until, sizeof until);
    if (order != WEIRI_KAFKA_HOLD && part->queues[0] == NULL && !halted)
        weiri_kafka_rule_begin(&part->rule, &part->mark);
    weiri_lock_give(&k->lock);
    if (order == WEIRI_KAFKA_HOLD)
        atomic_store(&part->followed, true);
    if (order == WEIRI_KAFKA_HOLD || halted || atomic_load(&part->copy_failed))
        return false;
    if (part->queues[0] == NULL)
        read_on(part);
    if (atomic_load(&part->flying))
        return false;
    if (part->reached[0] != '\0') {
        hand(part);
        return true;
    }
    weir_status status = WEIR_OK;
    for (int s = 0; s < WEIRI_KAFKA_SIDES && status == WEIR_OK; s++) {
        if (wanted(&part->rule, s))
            status = take(part, s, &any, &err);
    }
    if (status == WEIR_OK)
        status = join_and_append(part, order == WEIRI_KAFKA_FOLLOW_UNTIL ? until : NULL, &any, &err);
    if (status != WEIR_OK) {
        weiri_error_prefix(&err, "partition %u", part->number);
        halt(part, &err);
    } else if (!any && at_ends(part))
        atomic_store(&part->followed, true);
    return any || part->reached[0] != '\0';
}

uint64_t
weiri_kafka_lag(weiri_kafka_client *client, const char *topic, uint32_t partition, uint64_t next)
{
    int64_t low, high;

    if (rd_kafka_get_watermark_offsets(client->rk, topic, (int32_t)partition, &low, &high) != RD_KAFKA_RESP_ERR_NO_ERROR || high < 0)
        return 0;
    return (uint64_t)high > next ? (uint64_t)high - next : 0;
}

/* All lanes halt, and nothing is sent any more: whoever goes by the new number would look for a key elsewhere. */
static void
halt_all(weiri_kafka *k, const char *topic, uint32_t partitions)
{
    weir_error err;

    (void)weiri_error_set(&err, WEIR_INVALID,
        "%s has %u partitions now, and the log was made with %u: keys would go elsewhere. All lanes have halted, nothing is lost. "
        "Partitions can't be taken away: make topics with more under another app, and bring the log there",
        topic, partitions, k->log.identity.partitions);
    weiri_lock_take(&k->lock);
    k->changed = err;
    weiri_lock_give(&k->lock);
    for (uint32_t p = 0; p < k->log.identity.partitions; p++) {
        weiri_kafka_part *part = &k->parts[p];
        weiri_lock_take(&k->lock);
        const bool serving = part->writing == WEIRI_KAFKA_SERVING;
        part->serve = false;
        weiri_lock_give(&k->lock);
        if (serving) /* else whoever claims it hears of it at the end of that */
            weiri_kafka_call_claimed(part, err.status, &err);
    }
}

/* Have partitions been added since the start? */
static void
count_partitions(weiri_kafka *k, const struct rd_kafka_metadata *metadata)
{
    if (k->changed.status != WEIR_OK) /* this thread alone sets it */
        return;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];
        if (topic->err != RD_KAFKA_RESP_ERR_NO_ERROR || topic->partition_cnt <= (int)k->log.identity.partitions)
            continue;
        halt_all(k, topic->topic, (uint32_t)topic->partition_cnt);
        return;
    }
}

/* Once a second: how far behind we are; now and then whether partitions were added, and whether brokers that went away are back, of
 * which librdkafka doesn't tell. */
static void
look_around(weiri_kafka *k, unsigned look)
{
    const struct rd_kafka_metadata *metadata;

    for (uint32_t p = 0; p < k->log.identity.partitions; p++) {
        weiri_kafka_part *part = &k->parts[p];
        const bool there = at_ends(part);
        uint64_t lag = 0;
        for (int s = 0; s < WEIRI_KAFKA_SIDES && part->queues[s] != NULL; s++)
            lag += weiri_kafka_lag(&k->follower, k->topics[weiri_kafka_topic_of(s)], p, there ? part->ends[s] : part->rule.joined.next[s]);
        atomic_store(&part->lag, lag);
    }
    if ((atomic_load(&k->follower.down) || look % COUNT_EVERY == 0) &&
        rd_kafka_metadata(k->follower.rk, 0, NULL, &metadata, PROBE_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        count_partitions(k, metadata);
        rd_kafka_metadata_destroy(metadata);
        atomic_store(&k->follower.down, false);
    }
}

static void
run(void *kafka)
{
    weiri_kafka *k = kafka;
    int64_t look_at_us = 0;
    unsigned looks = 0;

    while (!atomic_load(&k->stopping)) {
        const uint64_t seen = weiri_signal_count(&k->follower_wake);
        bool any = false;
        (void)rd_kafka_poll(k->follower.rk, 0);
        if (k->world->monotonic_us(k->world) >= look_at_us) {
            look_around(k, looks++);
            look_at_us = k->world->monotonic_us(k->world) + LOOK_US;
        }
        for (uint32_t p = 0; p < k->log.identity.partitions; p++)
            any |= turn(&k->parts[p]);
        if (!any)
            (void)weiri_signal_wait(&k->follower_wake, seen, WEIRI_KAFKA_IDLE_MS);
    }
    for (uint32_t p = 0; p < k->log.identity.partitions; p++)
        read_no_more(&k->parts[p]);
}

void
weiri_kafka_hand_over(weiri_kafka_part *part, const char *nonce)
{
    weiri_lock_take(&part->k->lock);
    weiri_assert(part->order == WEIRI_KAFKA_FOLLOW && !part->handed);
    part->order = WEIRI_KAFKA_FOLLOW_UNTIL;
    (void)snprintf(part->until, sizeof part->until, "%s", nonce);
    weiri_lock_give(&part->k->lock);
    weiri_signal_raise(&part->k->follower_wake);
}

void
weiri_kafka_hand_back(weiri_kafka_part *part)
{
    weiri_lock_take(&part->k->lock);
    if (part->handed)
        part->mark = part->written;
    part->order = WEIRI_KAFKA_FOLLOW;
    part->handed = false;
    weiri_lock_give(&part->k->lock);
    weiri_signal_raise(&part->k->follower_wake);
}

/* ---- life ------------------------------------------------------------------------------------------------- */

static weir_status
read_mark(weiri_kafka_part *part, weir_error *err)
{
    weir_status status = weiri_embedded_mark(part->k->copy, part->number, &part->mark_bytes, err);

    if (status == WEIR_OK)
        status = weiri_kafka_mark_read(weiri_buffer_bytes(&part->mark_bytes), &part->mark, err);
    return status;
}

weir_status
weiri_kafka_follower_start(weiri_kafka *k, weir_error *err)
{
    weir_status status = WEIR_OK;

    k->follower_format = (weiri_kafka_format){ .source = k->source, .schema = k->config.schema };
    for (int s = 0; s < WEIRI_KAFKA_SIDES && status == WEIR_OK; s++)
        status = weiri_kafka_client_topic(&k->follower, k->config.app, weiri_kafka_topic_of(s), 10000, &k->followed[s], err);
    if (status == WEIR_OK)
        status = weiri_kafka_client_topic(&k->follower, k->config.app, WEIRI_TOPIC_COMMANDS, 10000, &k->counted, err);
    for (uint32_t p = 0; p < k->log.identity.partitions && status == WEIR_OK; p++) {
        weiri_kafka_part *part = &k->parts[p];
        part->append.partition = p;
        part->append.done = appended;
        part->append.user = part;
        status = read_mark(part, err);
    }
    if (status == WEIR_OK && weiri_thread_start(&k->follower_thread, "follower", run, k) != WEIR_OK)
        status = weiri_error_set(err, WEIR_NO_MEMORY, "the log's follower can't be started");
    return status;
}

/* The copy must be closed before: an append may be with it. */
void
weiri_kafka_follower_stop(weiri_kafka *k)
{
    weiri_signal_raise(&k->follower_wake);
    weiri_thread_join(&k->follower_thread);
}
