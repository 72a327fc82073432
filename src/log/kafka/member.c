/* SPDX-License-Identifier: Apache-2.0
 * Membership of the group APP.lanes: which partitions this process is to write. The group's consumer never fetches: it assigns itself
 * nothing, whatever the group gives. One thread owns it; `given` and `revoked` come on that thread. */
#include <stdio.h>
#include "base/assert.h"
#include "log/kafka/internal.h"

static void
wake(rd_kafka_t *rk, void *opaque)
{
    (void)rk;
    weiri_signal_raise(&((weiri_kafka *)opaque)->member_wake);
}

/* ---- given and revoked ------------------------------------------------------------------------------------ */

static void
call(weiri_kafka_part *part, void (*what)(void *user, uint32_t partition))
{
    weiri_lock_take(&part->calling);
    what(part->k->lanes.user, part->number);
    weiri_lock_give(&part->calling);
}

static void
give(weiri_kafka *k, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        if ((uint32_t)list->elems[i].partition >= k->log.identity.partitions)
            continue; /* added since: nobody serves it, and the follower will say so */
        weiri_kafka_part *part = &k->parts[list->elems[i].partition];
        weiri_lock_take(&k->lock);
        part->given = true;
        part->revoking = part->stop_now = part->claim = part->release = false;
        part->with_lanes = true;
        weiri_lock_give(&k->lock);
        call(part, k->lanes.given);
    }
}

static bool
all_released(weiri_kafka *k)
{
    bool released = true;

    weiri_lock_take(&k->lock);
    for (uint32_t p = 0; p < k->log.identity.partitions; p++) {
        const weiri_kafka_part *part = &k->parts[p];
        if (part->revoking && (part->with_lanes || part->writing != WEIRI_KAFKA_NOT_WRITING || part->claim))
            released = false;
    }
    weiri_lock_give(&k->lock);
    return released;
}

/* Waits for the lanes and writers of what is being revoked. */
static void
await_release(weiri_kafka *k, int64_t most_ms)
{
    const int64_t until = k->world->monotonic_us(k->world) + most_ms * 1000;

    for (;;) {
        const uint64_t seen = weiri_signal_count(&k->member_wake);
        if (all_released(k) || k->world->monotonic_us(k->world) >= until)
            return;
        (void)weiri_signal_wait(&k->member_wake, seen, WEIRI_KAFKA_IDLE_MS);
    }
}

static void
wake_writers(weiri_kafka *k)
{
    for (uint32_t p = 0; p < k->log.identity.partitions; p++)
        weiri_signal_raise(&k->parts[p].wake);
}

/* All partitions: they are taken eagerly. */
static void
revoke_all(weiri_kafka *k)
{
    const uint32_t partitions = k->log.identity.partitions;

    weiri_lock_take(&k->lock);
    for (uint32_t p = 0; p < partitions; p++) {
        k->parts[p].revoking = k->parts[p].given || k->parts[p].with_lanes;
        k->parts[p].given = false;
    }
    weiri_lock_give(&k->lock);
    wake_writers(k);
    for (uint32_t p = 0; p < partitions; p++) {
        weiri_lock_take(&k->lock);
        const bool with_lanes = k->parts[p].revoking && k->parts[p].with_lanes;
        weiri_lock_give(&k->lock);
        if (!with_lanes)
            continue;
        weiri_kafka_commands_stop(&k->parts[p]);
        call(&k->parts[p], k->lanes.revoked);
    }
    await_release(k, WEIRI_KAFKA_REVOKE_MS);
    weiri_lock_take(&k->lock);
    for (uint32_t p = 0; p < partitions; p++) {
        k->parts[p].stop_now = k->parts[p].revoking && k->parts[p].writing != WEIRI_KAFKA_NOT_WRITING;
        k->parts[p].with_lanes = false;
    }
    weiri_lock_give(&k->lock);
    wake_writers(k);
    await_release(k, WEIRI_KAFKA_REVOKE_MS); /* a call of librdkafka may have to come back first */
    weiri_lock_take(&k->lock);
    for (uint32_t p = 0; p < partitions; p++)
        k->parts[p].revoking = false;
    weiri_lock_give(&k->lock);
}

static void
rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list, void *opaque)
{
    weiri_kafka *k = ((weiri_kafka_client *)opaque)->user;

    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        rd_kafka_topic_partition_list_t *nothing = rd_kafka_topic_partition_list_new(0);
        (void)rd_kafka_assign(rk, nothing);
        rd_kafka_topic_partition_list_destroy(nothing);
        weiri_kafka_refused(k, WEIRI_KAFKA_NO_MEMBER, NULL, NULL);
        give(k, list);
    } else {
        revoke_all(k);
        (void)rd_kafka_assign(rk, NULL);
    }
}

/* ---- proof ------------------------------------------------------------------------------------------------ */

/* A commit to the group with our generation, answered after it was asked for, shows that the group still counts on us. What is
 * committed, the next command, is a hint for people. */
weir_status
weiri_kafka_prove(weiri_kafka_part *part, weir_error *err)
{
    weiri_kafka *k = part->k;

    weiri_lock_take(&k->lock);
    const uint64_t wanted = ++part->proof_asked;
    weiri_lock_give(&k->lock);
    weiri_signal_raise(&k->member_wake);
    for (;;) {
        const uint64_t seen = weiri_signal_count(&part->wake);
        weiri_lock_take(&k->lock);
        const bool given = part->given, proved = part->proof_given >= wanted;
        weiri_lock_give(&k->lock);
        if (!given || weiri_kafka_interrupted(part))
            return weiri_error_set(err, WEIR_CLOSED, "partition %u is not ours", part->number);
        if (proved)
            return WEIR_OK;
        (void)weiri_signal_wait(&part->wake, seen, WEIRI_KAFKA_IDLE_MS);
    }
}

/* One commit at a time is on its way, so that an answer is never taken for that to an older question. */
static void
send_proofs(weiri_kafka *k)
{
    rd_kafka_topic_partition_list_t *list = NULL;

    if (k->proofs_flying || k->world->monotonic_us(k->world) < k->proofs_after_us)
        return;
    weiri_lock_take(&k->lock);
    for (uint32_t p = 0; p < k->log.identity.partitions; p++) {
        weiri_kafka_part *part = &k->parts[p];
        if (!part->given || part->proof_given == part->proof_asked)
            continue;
        if (list == NULL)
            list = rd_kafka_topic_partition_list_new(4);
        rd_kafka_topic_partition_list_add(list, k->topics[WEIRI_TOPIC_COMMANDS], (int32_t)p)->offset = (int64_t)weiri_log_next_command(
            k->copy, p);
        part->proof_sent = part->proof_asked;
    }
    weiri_lock_give(&k->lock);
    if (list == NULL)
        return;
    k->proofs_flying = rd_kafka_commit_queue(k->member.rk, list, k->proofs, NULL, NULL) == RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_destroy(list);
}

static void
take_proofs(weiri_kafka *k)
{
    rd_kafka_event_t *event;

    while ((event = rd_kafka_queue_poll(k->proofs, 0)) != NULL) {
        const bool good = rd_kafka_event_type(event) == RD_KAFKA_EVENT_OFFSET_COMMIT &&
                          rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR;
        weiri_lock_take(&k->lock);
        for (uint32_t p = 0; p < k->log.identity.partitions; p++) {
            if (good && k->parts[p].given)
                k->parts[p].proof_given = k->parts[p].proof_sent;
        }
        weiri_lock_give(&k->lock);
        k->proofs_flying = false;
        k->proofs_after_us = good ? 0 : k->world->monotonic_us(k->world) + WEIRI_KAFKA_IDLE_MS * 1000;
        rd_kafka_event_destroy(event);
        wake_writers(k);
    }
}

/* ---- life ------------------------------------------------------------------------------------------------- */

void
weiri_kafka_fenced(weiri_kafka_part *part)
{
    weiri_kafka *k = part->k;

    weiri_lock_take(&k->lock);
    part->given = false;
    k->must_rejoin = true;
    weiri_lock_give(&k->lock);
    weiri_signal_raise(&k->member_wake);
}

static weir_status
enter(weiri_kafka *k, weir_error *err)
{
    const weiri_kafka_callbacks callbacks = { .rebalance = rebalance, .user = k };
    weir_status status = weiri_kafka_client_open(&k->member, WEIRI_KAFKA_MEMBER, &k->config, &callbacks, err);

    if (status != WEIR_OK)
        return status;
    (void)rd_kafka_poll_set_consumer(k->member.rk);
    k->member_queue = rd_kafka_queue_get_consumer(k->member.rk);
    k->proofs = rd_kafka_queue_new(k->member.rk);
    rd_kafka_queue_cb_event_enable(k->member_queue, wake, k);
    rd_kafka_queue_cb_event_enable(k->proofs, wake, k);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, k->topics[WEIRI_TOPIC_COMMANDS], RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t code = rd_kafka_subscribe(k->member.rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        status = weiri_error_set(err, WEIR_IO, "joining the group %s.lanes: %s", k->config.app, rd_kafka_err2str(code));
    return status;
}

static void
exit_group(weiri_kafka *k)
{
    if (k->member.rk == NULL)
        return;
    rd_kafka_queue_cb_event_enable(k->member_queue, NULL, NULL);
    rd_kafka_queue_cb_event_enable(k->proofs, NULL, NULL);
    (void)rd_kafka_consumer_close(k->member.rk); /* calls `rebalance` */
    revoke_all(k);                               /* if it didn't: nothing was assigned */
    rd_kafka_queue_destroy(k->proofs);
    rd_kafka_queue_destroy(k->member_queue);
    k->proofs_flying = false;
    weiri_kafka_client_close(&k->member);
}

static void
leave_and_join(weiri_kafka *k)
{
    weir_error err;

    weiri_lock_take(&k->lock);
    const bool must = k->must_rejoin;
    k->must_rejoin = false;
    weiri_lock_give(&k->lock);
    if (!must)
        return;
    exit_group(k);
    weir_status status = enter(k, &err);
    weiri_assert(status == WEIR_OK); /* the same options as the first time */
}

/* The member reads nothing: what comes are errors. librdkafka goes on trying. */
static void
hear(weiri_kafka *k, rd_kafka_resp_err_t code)
{
    char group[220];

    (void)snprintf(group, sizeof group, "the group %.200s.lanes", k->config.app);
    if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED || code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        weiri_kafka_refused(k, WEIRI_KAFKA_NO_MEMBER,
            code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ? group : k->topics[WEIRI_TOPIC_COMMANDS], rd_kafka_err2str(code));
}

static void
run(void *kafka)
{
    weiri_kafka *k = kafka;

    while (!atomic_load(&k->leaving)) {
        const uint64_t seen = weiri_signal_count(&k->member_wake);
        rd_kafka_message_t *message;
        while ((message = rd_kafka_consumer_poll(k->member.rk, 0)) != NULL) {
            hear(k, message->err);
            rd_kafka_message_destroy(message);
        }
        take_proofs(k);
        send_proofs(k);
        leave_and_join(k);
        (void)weiri_signal_wait(&k->member_wake, seen, WEIRI_KAFKA_IDLE_MS);
    }
    exit_group(k);
}

weir_status
weiri_kafka_join(weiri_log *log, const weiri_log_lanes *lanes, weir_error *err)
{
    weiri_kafka *k = (weiri_kafka *)log;

    weiri_assert(!k->joined);
    k->lanes = *lanes;
    weir_status status = enter(k, err);
    if (status == WEIR_OK && weiri_thread_start(&k->member_thread, "member", run, k) != WEIR_OK)
        status = weiri_error_set(err, WEIR_NO_MEMORY, "the thread of the group's member can't be started");
    k->joined = status == WEIR_OK;
    return status;
}

void
weiri_kafka_leave(weiri_log *log)
{
    weiri_kafka *k = (weiri_kafka *)log;

    atomic_store(&k->leaving, true);
    weiri_signal_raise(&k->member_wake);
    weiri_thread_join(&k->member_thread);
}
