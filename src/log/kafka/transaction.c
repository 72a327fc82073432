/* SPDX-License-Identifier: Apache-2.0
 * One transaction of a partition's writer. A transaction that went wrong is never aborted: its producer is destroyed, and the next
 * one's init_transactions aborts it under a new epoch (PROTOCOL section 4). All of it on the writer's thread, delivery reports too. */
#include <stdio.h>
#include <time.h>
#include "base/assert.h"
#include "log/kafka/internal.h"
#include "message/outcome.h"

enum { COMMIT_STEP_MS = 1000, PAUSE_US = 500, FULL_MS = 10, REPORT_MS = 20, POLL_EVERY = 256, REQUESTS_MOST = 3 };

void
weiri_kafka_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    weiri_kafka_part *part = ((weiri_kafka_client *)opaque)->user;
    const int side = message->rkt == part->topics[WEIRI_KAFKA_EVENTS] ? WEIRI_KAFKA_EVENTS : WEIRI_KAFKA_OUTCOMES;
    uint64_t *next = message->_private;

    (void)rk;
    part->undelivered[side]--;
    part->undelivered_bytes[side] -= message->len + message->key_len;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (*next <= (uint64_t)message->offset)
            *next = (uint64_t)message->offset + 1;
    } else if (!part->failed) {
        part->failed = true;
        part->lost = message->err == RD_KAFKA_RESP_ERR__FENCED || message->err == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
        (void)weiri_error_set(&part->failure, WEIR_TIMEOUT, "delivering records: %s", rd_kafka_err2str(message->err));
    }
}

weir_status
weiri_kafka_failed(weiri_kafka_part *part, rd_kafka_error_t *error, const char *doing)
{
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);

    part->failed = true;
    part->lost |= rd_kafka_error_is_fatal(error) || code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
    (void)weiri_error_set(&part->failure, WEIR_TIMEOUT, "%s: %s", doing, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return WEIR_TIMEOUT;
}

/* A transaction begun at once after a commit waits 20 ms at the coordinator; one begun a little later doesn't. */
static void
pause_after_commit(weiri_kafka_part *part)
{
    const int64_t waited = part->k->world->monotonic_us(part->k->world) - part->committed_us;

    if (part->committed_us != 0 && waited >= 0 && waited < PAUSE_US)
        (void)nanosleep(&(struct timespec){ 0, (PAUSE_US - waited) * 1000 }, NULL);
}

weir_status
weiri_kafka_begin(weiri_kafka_part *part)
{
    pause_after_commit(part);
    memset(part->undelivered, 0, sizeof part->undelivered);
    memset(part->undelivered_bytes, 0, sizeof part->undelivered_bytes);
    rd_kafka_error_t *error = rd_kafka_begin_transaction(part->producer.rk);
    return error == NULL ? WEIR_OK : weiri_kafka_failed(part, error, "beginning a transaction");
}

rd_kafka_headers_t *
weiri_kafka_headers(const weiri_kafka_message *message)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(message->n);

    for (unsigned i = 0; i < message->n; i++) {
        const weiri_kafka_header *h = &message->headers[i];
        (void)rd_kafka_header_add(headers, h->name, -1, h->value.data, (ssize_t)h->value.size);
    }
    return headers;
}

/* Until of no topic more than so many requests' records are without a report. What is on its way is kept small enough for the
 * processor's caches; and while librdkafka 2.0 flushes more than the one request that it may have on its way of a partition, its thread
 * asks again and again instead of waiting, and takes the core that the broker needs: a flush gets what fills no request. */
static void
await_reports(weiri_kafka_part *part, unsigned requests)
{
    int reports = rd_kafka_poll(part->producer.rk, 0) + 1;

    while (reports > 0 && !part->failed) {
        bool above = false;
        for (int s = 0; s < WEIRI_KAFKA_SIDES; s++)
            above |= part->undelivered[s] >= (size_t)requests * WEIRI_KAFKA_REQUEST_RECORDS ||
                     part->undelivered_bytes[s] >= (size_t)requests * WEIRI_KAFKA_REQUEST_BYTES;
        reports = above ? rd_kafka_poll(part->producer.rk, REPORT_MS) : 0;
    }
}

weir_status
weiri_kafka_produce(weiri_kafka_part *part, int side, const weiri_kafka_message *message, bool copy, uint64_t *next)
{
    rd_kafka_headers_t *headers = weiri_kafka_headers(message);
    const rd_kafka_vu_t values[] = {
        { .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = part->topics[side] },
        { .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = (int32_t)part->number },
        { .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { (void *)(uintptr_t)message->key.data, message->key.size } },
        { .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { (void *)(uintptr_t)message->value.data, message->value.size } },
        { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = copy ? RD_KAFKA_MSG_F_COPY : 0 },
        { .vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = message->time_ms },
        { .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = next },
        { .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers },
    };

    for (;;) {
        rd_kafka_error_t *error = rd_kafka_produceva(part->producer.rk, values, sizeof values / sizeof values[0]);
        if (error == NULL) {
            part->undelivered[side]++;
            part->undelivered_bytes[side] += message->key.size + message->value.size;
            if (part->undelivered[side] % POLL_EVERY == 0)
                await_reports(part, REQUESTS_MOST);
            return WEIR_OK;
        }
        if (rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_headers_destroy(headers);
            return weiri_kafka_failed(part, error, "sending records");
        }
        rd_kafka_error_destroy(error);
        (void)rd_kafka_poll(part->producer.rk, FULL_MS);
    }
}

/* ---- an append -------------------------------------------------------------------------------------------- */

static weiri_record
staged_record(const weiri_staged *staged, uint32_t i)
{
    weiri_record record;
    uint32_t start;

    memcpy(&start, staged->starts.data + i * sizeof start, sizeof start);
    weir_status status = weiri_record_read((weiri_bytes){ staged->bytes.data + start, staged->bytes.size - start }, &record);
    weiri_assert(status == WEIR_OK);
    return record;
}

static weir_status
produce_record(weiri_kafka_part *part, weiri_kafka_slot *slot, const weiri_record *record)
{
    const int side = record->kind == WEIRI_RECORD_EVENT ? WEIRI_KAFKA_EVENTS : WEIRI_KAFKA_OUTCOMES;
    bool converted;

    weiri_kafka_write(&part->format, record, part->number, part->written.incarnation[side], &part->message, &converted);
    return weiri_kafka_produce(part, side, &part->message, converted || record->payload.size == 0, &slot->next[side]);
}

/* The outcome, in the topic, of a command whose last event is `event`. */
static weir_status
produce_accepted(weiri_kafka_part *part, weiri_kafka_slot *slot, const weiri_record *event, uint32_t events)
{
    const weiri_record record = { .kind = WEIRI_RECORD_OUTCOME,
        .flags = event->flags & WEIRI_RECORD_CLIENT_ID,
        .time_ms = event->time_ms,
        .source = event->source,
        .version = event->version,
        .type = weiri_bytes_of(WEIRI_OUTCOME_ACCEPTED),
        .aggregate = event->aggregate,
        .key = event->key,
        .id = event->id };
    weiri_record with = record;

    weiri_buffer_clear(&part->format.headers);
    weiri_headers_add_number(&part->format.headers, WEIRI_HEADER_EVENTS, events);
    with.headers = weiri_buffer_bytes(&part->format.headers);
    return produce_record(part, slot, &with);
}

/* Outcomes from *at on whose commands come before `source`. */
static weir_status
produce_outcomes(weiri_kafka_part *part, weiri_kafka_slot *slot, uint32_t *at, uint64_t source)
{
    const weiri_staged *outcomes = &slot->append->topics[WEIRI_TOPIC_OUTCOMES];
    weir_status status = WEIR_OK;

    for (; status == WEIR_OK && *at < outcomes->count; (*at)++) {
        const weiri_record record = staged_record(outcomes, *at);
        if (record.source >= source)
            break;
        status = produce_record(part, slot, &record);
        slot->mark.last_outcome = record.source;
    }
    return status;
}

weir_status
weiri_kafka_produce_append(weiri_kafka_part *part, weiri_kafka_slot *slot)
{
    const weiri_staged *events = &slot->append->topics[WEIRI_TOPIC_EVENTS];
    weir_status status = WEIR_OK;
    uint32_t outcome = 0, index = 0;

    for (uint32_t i = 0; status == WEIR_OK && i < events->count; i++, index++) {
        const weiri_record record = staged_record(events, i);
        weiri_assert(record.kind == WEIRI_RECORD_EVENT);
        if (index == 0)
            status = produce_outcomes(part, slot, &outcome, record.source);
        if (status == WEIR_OK)
            status = produce_record(part, slot, &record);
        slot->mark.last_source = record.source;
        slot->mark.last_index = record.index;
        if (status == WEIR_OK && (i + 1 == events->count || staged_record(events, i + 1).source != record.source)) {
            status = produce_accepted(part, slot, &record, index + 1);
            slot->mark.last_outcome = record.source;
            index = UINT32_MAX; /* the next one is 0 */
        }
    }
    if (status == WEIR_OK)
        status = produce_outcomes(part, slot, &outcome, WEIRI_NO_OFFSET);
    return status;
}

/* ---- the end ---------------------------------------------------------------------------------------------- */

weir_status
weiri_kafka_commit(weiri_kafka_part *part)
{
    weiri_kafka *k = part->k;
    const int64_t most_us = 2 * (int64_t)(k->config.transaction_ms == 0 ? 10000 : k->config.transaction_ms) * 1000;
    const int64_t until = k->world->monotonic_us(k->world) + most_us;

    await_reports(part, 1);
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_commit_transaction(part->producer.rk, COMMIT_STEP_MS);
        if (error == NULL)
            break;
        if (!rd_kafka_error_is_retriable(error) || rd_kafka_error_txn_requires_abort(error) || k->world->monotonic_us(k->world) >= until ||
            weiri_kafka_interrupted(part))
            return weiri_kafka_failed(part, error, "committing");
        rd_kafka_error_destroy(error);
    }
    part->committed_us = k->world->monotonic_us(k->world);
    weiri_assert(part->failed || part->undelivered[0] + part->undelivered[1] == 0); /* what was committed was delivered */
    return part->failed ? WEIR_TIMEOUT : WEIR_OK;
}
