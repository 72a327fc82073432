/* SPDX-License-Identifier: Apache-2.0
 * Commands of a served partition, from the offset that its lane names: a thread a partition, so that a lane without room holds up no
 * other. Commands of foreign transactions come when these are committed. */
#include <inttypes.h>
#include "base/assert.h"
#include "log/kafka/internal.h"

enum { TAKE_MOST = 500, ASK_MS = 5000, LOOK_MS = 500, LOOK_EVERY_US = 1000000 };

static bool
may_flow(weiri_kafka_part *part)
{
    weiri_lock_take(&part->k->lock);
    const bool may = part->serve;
    weiri_lock_give(&part->k->lock);
    return may && !atomic_load(&part->k->stopping);
}

static void
stop_flowing(weiri_kafka_part *part)
{
    weiri_lock_take(&part->k->lock);
    part->serve = false;
    weiri_lock_give(&part->k->lock);
}

/* A person must look: the same call as for a claim that failed. */
static void
halt(weiri_kafka_part *part, uint64_t at, rd_kafka_resp_err_t code)
{
    weir_error err;

    (void)weiri_error_set(&err, WEIR_CORRUPT,
        "%s, partition %u: command %" PRIu64 " is the next, and the topic ends below it or begins behind it (%s)",
        part->k->topics[WEIRI_TOPIC_COMMANDS], part->number, at, rd_kafka_err2str(code));
    stop_flowing(part);
    weiri_kafka_call_claimed(part, err.status, &err);
}

static void
deliver(weiri_kafka_part *part, const rd_kafka_message_t *message, uint64_t *next)
{
    const weiri_log_lanes *lanes = &part->k->lanes;
    weiri_record record;
    weiri_flaw flaw;

    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        halt(part, *next, message->err);
    } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        weiri_kafka_message_of(message, &part->commands_message);
        weiri_kafka_read_command(&part->commands_format, &part->commands_message, &record, &flaw);
        *next = record.source + 1;
        if (!lanes->command(lanes->user, part->number, &record, flaw.code == NULL ? NULL : &flaw))
            stop_flowing(part);
    } /* other errors: librdkafka tries again */
}

/* How much stands behind a transaction that is open, somebody's own: only the ends tell, since committed readers see nothing of it. */
static void
look_for_held(weiri_kafka_part *part)
{
    weiri_kafka *k = part->k;
    const char *topic = k->topics[WEIRI_TOPIC_COMMANDS];
    int64_t low, committed, end;

    /* The committed end last: what is committed meanwhile must not look held. */
    if (rd_kafka_query_watermark_offsets(k->uncommitted.rk, topic, (int32_t)part->number, &low, &end, LOOK_MS) != 0 ||
        rd_kafka_query_watermark_offsets(k->commands.rk, topic, (int32_t)part->number, &low, &committed, LOOK_MS) != 0)
        return; /* the broker is away: as before */
    atomic_store(&part->held, end > committed ? (uint64_t)(end - committed) : 0);
}

static void
flow(weiri_kafka_part *part, rd_kafka_queue_t *queue, uint64_t next)
{
    const weiri_world *world = part->k->world;
    rd_kafka_message_t *messages[TAKE_MOST];
    int64_t look_at_us = world->monotonic_us(world) + LOOK_EVERY_US;

    while (may_flow(part)) {
        /* A batch waits for all of itself: so one is waited for, and what is there already comes with it. */
        ssize_t n = rd_kafka_consume_batch_queue(queue, WEIRI_KAFKA_IDLE_MS, messages, 1);
        if (n == 1) {
            const ssize_t more = rd_kafka_consume_batch_queue(queue, 0, messages + 1, TAKE_MOST - 1);
            n += more > 0 ? more : 0;
        }
        for (ssize_t i = 0; i < n; i++) {
            if (may_flow(part))
                deliver(part, messages[i], &next);
            rd_kafka_message_destroy(messages[i]);
        }
        if (n <= 0 && world->monotonic_us(world) >= look_at_us) {
            look_for_held(part);
            look_at_us = world->monotonic_us(world) + LOOK_EVERY_US;
        }
    }
    atomic_store(&part->held, 0);
}

void
weiri_kafka_commands_run(void *argument)
{
    weiri_kafka_part *part = argument;
    weiri_kafka *k = part->k;

    while (!atomic_load(&k->stopping)) {
        const uint64_t seen = weiri_signal_count(&part->commands_wake);
        rd_kafka_queue_t *queue = rd_kafka_queue_new(k->commands.rk);
        weiri_lock_take(&k->lock);
        const bool serve = part->serve;
        const uint64_t from = part->serve_from;
        part->flowing = serve;
        part->commands_queue = serve ? queue : NULL;
        weiri_lock_give(&k->lock);
        if (serve) {
            int rc = rd_kafka_consume_start_queue(k->commands_topic, (int32_t)part->number, (int64_t)from, queue);
            weiri_assert(rc == 0); /* it isn't being read, and the offset is one */
            flow(part, queue, from);
            (void)rd_kafka_consume_stop(k->commands_topic, (int32_t)part->number);
            weiri_lock_take(&k->lock);
            part->flowing = false;
            part->commands_queue = NULL;
            weiri_lock_give(&k->lock);
            weiri_signal_raise(&part->wake);
            weiri_signal_raise(&k->member_wake);
        }
        rd_kafka_queue_destroy(queue);
        if (!serve)
            (void)weiri_signal_wait(&part->commands_wake, seen, -1);
    }
}

void
weiri_kafka_commands_stop(weiri_kafka_part *part)
{
    weiri_kafka *k = part->k;

    for (;;) {
        const uint64_t seen = weiri_signal_count(&part->wake);
        weiri_lock_take(&k->lock);
        part->serve = false;
        if (part->commands_queue != NULL)
            rd_kafka_queue_yield(part->commands_queue);
        const bool flowing = part->flowing;
        weiri_lock_give(&k->lock);
        if (!flowing)
            return;
        (void)weiri_signal_wait(&part->wake, seen, WEIRI_KAFKA_IDLE_MS);
    }
}

weir_status
weiri_kafka_commands_check(weiri_kafka_part *part, uint64_t next, weir_error *err)
{
    weiri_kafka *k = part->k;
    int64_t low = 0, high = 0;

    const rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        k->commands.rk, k->topics[WEIRI_TOPIC_COMMANDS], (int32_t)part->number, &low, &high, ASK_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return weiri_error_set(err, WEIR_BUSY, "where commands of partition %u begin and end: %s", part->number, rd_kafka_err2str(code));
    if ((uint64_t)low > next)
        return weiri_error_set(err, WEIR_CORRUPT,
            "%s, partition %u: commands from %" PRIu64 " on are not answered yet, and the topic begins at %" PRId64 ": %" PRIu64
            " commands at most are lost to retention",
            k->topics[WEIRI_TOPIC_COMMANDS], part->number, next, low, (uint64_t)low - next);
    if ((uint64_t)high < next)
        return weiri_error_set(err, WEIR_CORRUPT,
            "%s, partition %u: commands below %" PRIu64 " are answered, and the topic ends at %" PRId64
            ": it was made anew, or cut off by an unclean election",
            k->topics[WEIRI_TOPIC_COMMANDS], part->number, next, high);
    return WEIR_OK;
}
