/* SPDX-License-Identifier: Apache-2.0
 * Becoming a partition's writer: PROTOCOL section 4, OPEN 1 to 7. Step 3, forgetting, is the lanes'; 5 and 6 are the follower's, which
 * reads up to our own fence record. On the writer's thread; gives up as soon as the partition is not to be ours. */
#include <inttypes.h>
#include <stdio.h>
#include "base/assert.h"
#include "log/kafka/internal.h"

enum { STEP_MS = 500, PAUSE_FIRST_MS = 500, PAUSE_MOST_MS = 5000, TOPIC_MS = 5000 };

void
weiri_kafka_drop_producer(weiri_kafka_part *part)
{
    for (int s = 0; s < WEIRI_KAFKA_SIDES; s++) {
        if (part->topics[s] != NULL)
            rd_kafka_topic_destroy(part->topics[s]);
        part->topics[s] = NULL;
    }
    weiri_kafka_client_close(&part->producer); /* leaves an open transaction open; the reports of what was under way are not given */
    part->failed = part->lost = false;
}

/* Errors that waiting doesn't cure. */
static bool
needs_person(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        return true;
    default:
        return false;
    }
}

static weir_status
init_transactions(weiri_kafka_part *part, weir_error *err)
{
    weiri_kafka *k = part->k;
    const int64_t until = k->world->monotonic_us(k->world) +
                          (int64_t)2 * 1000 * (k->config.transaction_ms == 0 ? 10000 : k->config.transaction_ms);

    for (;;) {
        rd_kafka_error_t *error = rd_kafka_init_transactions(part->producer.rk, STEP_MS);
        (void)rd_kafka_poll(part->producer.rk, 0);
        if (error == NULL)
            return WEIR_OK;
        const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
        const bool again = rd_kafka_error_is_retriable(error);
        const weir_status status = needs_person(code) ? WEIR_INVALID : WEIR_BUSY;
        (void)weiri_error_set(err, status, "becoming the writer %s.lane.%u: %s", k->config.app, part->number, rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        if (status == WEIR_INVALID || !again || k->world->monotonic_us(k->world) >= until || weiri_kafka_interrupted(part))
            return status;
    }
}

/* OPEN 2. */
static weir_status
new_producer(weiri_kafka_part *part, weir_error *err)
{
    weiri_kafka *k = part->k;
    char id[300];
    const weiri_kafka_callbacks callbacks = { .delivered = weiri_kafka_delivered, .transactional_id = id, .user = part };

    (void)snprintf(id, sizeof id, "%s.lane.%u", k->config.app, part->number);
    weir_status status = weiri_kafka_client_open(&part->producer, WEIRI_KAFKA_WRITER, &k->config, &callbacks, err);
    for (int s = 0; s < WEIRI_KAFKA_SIDES && status == WEIR_OK; s++) {
        status = weiri_kafka_client_topic(&part->producer, k->config.app, weiri_kafka_topic_of(s), TOPIC_MS, &part->topics[s], err);
        if (status != WEIR_OK)
            status = err->status = WEIR_BUSY;
    }
    return status == WEIR_OK ? init_transactions(part, err) : status;
}

/* OPEN 4. */
static weir_status
put_fence(weiri_kafka_part *part, char nonce[WEIRI_KAFKA_NONCE_SIZE], uint64_t fences[WEIRI_KAFKA_SIDES], weir_error *err)
{
    weiri_kafka *k = part->k;
    uint8_t bytes[(WEIRI_KAFKA_NONCE_SIZE - 1) / 2];
    uint64_t next[WEIRI_KAFKA_SIDES] = { 0 };

    k->world->random_bytes(k->world, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
    weiri_kafka_hand_over(part, nonce); /* before it is there: the follower may read it before we hear of our commit */
    weiri_kafka_write_fence(&part->format, nonce, k->world->time_ms(k->world), &part->message);
    weir_status status = weiri_kafka_begin(part);
    for (int s = 0; s < WEIRI_KAFKA_SIDES && status == WEIR_OK; s++)
        status = weiri_kafka_produce(part, s, &part->message, true, &next[s]);
    if (status == WEIR_OK)
        status = weiri_kafka_commit(part);
    if (status != WEIR_OK) {
        /* `next` is on this stack, and its reports may still come: the producer goes first. */
        const bool lost = part->lost;
        weiri_kafka_drop_producer(part);
        *err = part->failure;
        weiri_error_prefix(err, "fence record of partition %u", part->number);
        return err->status = lost ? WEIR_FENCED : WEIR_BUSY;
    }
    for (int s = 0; s < WEIRI_KAFKA_SIDES; s++)
        fences[s] = next[s] - 1;
    atomic_fetch_add(&k->fences, 1);
    return WEIR_OK;
}

/* OPEN 5 and 6: the follower reads up to our fence. */
static weir_status
take_over(weiri_kafka_part *part, const uint64_t fences[WEIRI_KAFKA_SIDES], weir_error *err)
{
    weiri_kafka *k = part->k;

    for (;;) {
        const uint64_t seen = weiri_signal_count(&part->wake);
        weiri_lock_take(&k->lock);
        const bool handed = part->handed, halted = part->halted.status != WEIR_OK;
        part->written = part->mark;
        if (halted)
            *err = part->halted;
        weiri_lock_give(&k->lock);
        if (halted)
            return err->status;
        if (handed)
            break;
        if (weiri_kafka_interrupted(part))
            return weiri_error_set(err, WEIR_CLOSED, "partition %u is not to be ours", part->number);
        (void)weiri_signal_wait(&part->wake, seen, WEIRI_KAFKA_IDLE_MS);
    }
    for (int s = 0; s < WEIRI_KAFKA_SIDES; s++) {
        if (part->written.incarnation[s] != fences[s])
            return weiri_error_set(err, WEIR_CORRUPT,
                "partition %u: our fence record was reported at offset %" PRIu64 " of %s, and read at %" PRIu64, part->number, fences[s],
                weiri_topic_name(weiri_kafka_topic_of(s)), part->written.incarnation[s]);
    }
    return WEIR_OK;
}

static weir_status
attempt(weiri_kafka_part *part, weir_error *err)
{
    char nonce[WEIRI_KAFKA_NONCE_SIZE];
    uint64_t fences[WEIRI_KAFKA_SIDES];

    weiri_lock_take(&part->k->lock);
    *err = part->k->changed;
    if (err->status == WEIR_OK)
        *err = part->halted;
    weiri_lock_give(&part->k->lock);
    if (err->status != WEIR_OK)
        return err->status;
    weir_status status = weiri_kafka_prove(part, err);
    if (status == WEIR_OK)
        status = new_producer(part, err);
    if (status == WEIR_OK)
        status = put_fence(part, nonce, fences, err);
    if (status == WEIR_OK)
        status = take_over(part, fences, err);
    if (status == WEIR_OK)
        status = weiri_kafka_commands_check(part, weiri_log_next_command(part->k->copy, part->number), err);
    return status;
}

weir_status
weiri_kafka_open_lane(weiri_kafka_part *part, weir_error *err)
{
    int64_t pause_ms = PAUSE_FIRST_MS;

    weiri_kafka_commands_stop(part);
    for (;;) {
        if (weiri_kafka_interrupted(part))
            return weiri_error_set(err, WEIR_CLOSED, "partition %u is not to be ours", part->number);
        weir_status status = attempt(part, err);
        if (status == WEIR_OK)
            return WEIR_OK;
        weiri_kafka_drop_producer(part);
        weiri_kafka_hand_back(part);
        if (status == WEIR_FENCED) {
            weiri_kafka_fenced(part);
            return err->status = WEIR_CLOSED;
        }
        if (status != WEIR_BUSY)
            return status;
        atomic_fetch_add(&part->k->reopenings, 1);
        for (int64_t waited = 0; waited < pause_ms && !weiri_kafka_interrupted(part); waited += WEIRI_KAFKA_IDLE_MS)
            (void)weiri_signal_wait(&part->wake, weiri_signal_count(&part->wake), WEIRI_KAFKA_IDLE_MS);
        pause_ms = 2 * pause_ms > PAUSE_MOST_MS ? PAUSE_MOST_MS : 2 * pause_ms;
    }
}
