/* SPDX-License-Identifier: Apache-2.0
 * Commands of an embedded log into a topic that has none, or the first of them: a command's offset is its source, so nothing but they
 * may stand in it, markers of transactions neither. What is there is read and compared with what should be, before and after; every
 * report of a command stored must name its own offset. Thread: the caller's; reports come in rd_kafka_poll. */
#include "log/kafka/transfer.h"
#include <inttypes.h>
#include <stdio.h>
#include "base/memory.h"

enum { ASK_MS = 10000, STEP_MS = 100, SETTLE_MS = 1000, STEPS_MOST = 300, TAKE_MOST = 1000 };

typedef struct sending {
    weiri_transfer *t;
    weiri_kafka_client reader, producer;
    rd_kafka_topic_t *read, *write;
    weiri_kafka_format format, read_format;
    weiri_kafka_message message;
    weiri_chunk chunk;
    uint32_t partition;
    uint64_t stored;    /* reports came, up to here */
    weir_error failure; /* status OK: none */
} sending;

static void
stored(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    sending *s = ((weiri_kafka_client *)opaque)->user;
    const uint64_t wanted = (uint64_t)(uintptr_t)message->_private;

    (void)rk;
    if (s->failure.status != WEIR_OK)
        return;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        (void)weiri_error_set(
            &s->failure, WEIR_IO, "partition %u, command %" PRIu64 ": %s", s->partition, wanted, rd_kafka_err2str(message->err));
    else if ((uint64_t)message->offset != wanted)
        (void)weiri_error_set(&s->failure, WEIR_INVALID,
            "partition %u: command %" PRIu64 " was stored at offset %" PRId64
            ": somebody else sends to the topic; the topics must be deleted and made anew",
            s->partition, wanted, message->offset);
    else
        s->stored = wanted + 1;
}

/* A topic that a killed process may have been writing to: its end counts when it has stood still for a while. */
static weir_status
settled_end(sending *s, uint64_t *ret_end, weir_error *err)
{
    int64_t low = 0, high = 0, before = -1;

    for (;;) {
        const rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
            s->reader.rk, rd_kafka_topic_name(s->read), (int32_t)s->partition, &low, &high, ASK_MS);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            return weiri_error_set(err, WEIR_IO, "where commands of partition %u end: %s", s->partition, rd_kafka_err2str(code));
        if (low > 0)
            return weiri_error_set(err, WEIR_INVALID, "%s, partition %u begins at offset %" PRId64 ": its first commands were deleted",
                rd_kafka_topic_name(s->read), s->partition, low);
        if (high == 0 || high == before)
            break;
        before = high;
        (void)rd_kafka_poll(s->producer.rk, SETTLE_MS);
    }
    *ret_end = (uint64_t)high;
    return WEIR_OK;
}

static bool
is_same(const weiri_record *a, const weiri_record *b)
{
    const unsigned told = WEIRI_RECORD_EXPECTS | WEIRI_RECORD_CLIENT_ID | WEIRI_RECORD_JSON;

    return a->source == b->source && weiri_bytes_equal(a->type, b->type) && weiri_bytes_equal(a->key, b->key) &&
           weiri_bytes_equal(a->id, b->id) && weiri_bytes_equal(a->payload, b->payload) && (a->flags & told) == (b->flags & told) &&
           ((a->flags & WEIRI_RECORD_EXPECTS) == 0 || a->expected_version == b->expected_version);
}

/* The command of the log at `offset`, in order. */
static weir_status
next_of_log(sending *s, uint64_t offset, weiri_record *ret_record, weir_error *err)
{
    weir_status status = WEIR_OK;
    uint64_t at;

    while (!weiri_chunk_next(&s->chunk, ret_record, &at, &status)) {
        if (status == WEIR_OK)
            status = weiri_log_read(s->t->from, WEIRI_TOPIC_COMMANDS, s->partition, offset, &s->chunk, err);
        if (status == WEIR_OK && s->chunk.bytes.size == 0)
            status = WEIR_CORRUPT;
        if (status != WEIR_OK)
            break;
    }
    if (status != WEIR_OK || at != offset)
        return weiri_error_set(err, WEIR_CORRUPT, "commands, partition %u, offset %" PRIu64 " can't be read", s->partition, offset);
    ret_record->source = offset;
    return WEIR_OK;
}

static weir_status
compare(sending *s, const rd_kafka_message_t *message, uint64_t next, weir_error *err)
{
    weiri_record there, wanted;
    weiri_flaw flaw; /* what the lane said of it stands in its outcome */

    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return weiri_error_set(
            err, WEIR_IO, "reading %s, partition %u: %s", rd_kafka_topic_name(s->read), s->partition, rd_kafka_message_errstr(message));
    weir_status status = next_of_log(s, next, &wanted, err);
    if (status != WEIR_OK)
        return status;
    weiri_kafka_message_of(message, &s->message);
    weiri_kafka_read_command(&s->read_format, &s->message, &there, &flaw);
    if (is_same(&there, &wanted))
        return WEIR_OK;
    return weiri_error_set(err, WEIR_INVALID,
        "%s, partition %u, offset %" PRId64
        " is not the log's command there: somebody else has sent to it; the topics must be deleted and made anew",
        rd_kafka_topic_name(s->read), s->partition, message->offset);
}

/* All commands in the topic below `end` are the log's. */
static weir_status
verify(sending *s, uint64_t end, weir_error *err)
{
    rd_kafka_message_t *messages[TAKE_MOST];
    weir_status status = WEIR_OK;
    uint64_t next = 0;
    unsigned still = 0;

    weiri_chunk_fini(&s->chunk);
    s->chunk = (weiri_chunk){ 0 };
    if (end == 0)
        return WEIR_OK;
    if (rd_kafka_consume_start(s->read, (int32_t)s->partition, 0) != 0)
        return weiri_error_set(err, WEIR_IO, "reading commands: %s", rd_kafka_err2str(rd_kafka_last_error()));
    while (status == WEIR_OK && next < end) {
        ssize_t n = rd_kafka_consume_batch(s->read, (int32_t)s->partition, STEP_MS, messages, TAKE_MOST);
        still = n > 0 ? 0 : still + 1;
        if (n < 0 || still == STEPS_MOST)
            status = weiri_error_set(err, WEIR_IO, "%s, partition %u can't be read to its end", rd_kafka_topic_name(s->read), s->partition);
        for (ssize_t i = 0; i < n; i++) {
            if (status == WEIR_OK && next < end)
                status = compare(s, messages[i], next++, err);
            rd_kafka_message_destroy(messages[i]);
        }
    }
    (void)rd_kafka_consume_stop(s->read, (int32_t)s->partition);
    return status;
}

static weir_status
produce(sending *s, const weiri_record *command, weir_error *err)
{
    bool converted;

    weiri_kafka_write(&s->format, command, s->partition, 0, &s->message, &converted);
    for (;;) {
        const weiri_kafka_message *m = &s->message;
        rd_kafka_headers_t *headers = weiri_kafka_headers(m);
        const rd_kafka_vu_t values[] = {
            { .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = s->write },
            { .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = (int32_t)s->partition },
            { .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { (void *)(uintptr_t)m->key.data, m->key.size } },
            { .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { (void *)(uintptr_t)m->value.data, m->value.size } },
            { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY },
            { .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)command->source },
            { .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers },
        };
        rd_kafka_error_t *error = rd_kafka_produceva(s->producer.rk, values, sizeof values / sizeof values[0]);
        if (error == NULL)
            return WEIR_OK;
        rd_kafka_headers_destroy(headers);
        const bool full = rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__QUEUE_FULL;
        if (!full)
            (void)weiri_error_set(
                err, WEIR_IO, "partition %u, command %" PRIu64 ": %s", s->partition, command->source, rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        if (!full)
            return WEIR_IO;
        (void)rd_kafka_poll(s->producer.rk, STEP_MS);
        if (s->failure.status != WEIR_OK)
            return WEIR_OK; /* the caller looks */
    }
}

static weir_status
send_from(sending *s, uint64_t next, uint64_t end, weir_error *err)
{
    weir_status status = WEIR_OK;
    weiri_record command;

    s->stored = next;
    while (status == WEIR_OK && s->failure.status == WEIR_OK && s->stored < end) {
        for (int i = 0; i < TAKE_MOST && next < end && status == WEIR_OK && s->failure.status == WEIR_OK; i++) {
            status = next_of_log(s, next, &command, err);
            if (status == WEIR_OK)
                status = produce(s, &command, err);
            next++;
        }
        (void)rd_kafka_poll(s->producer.rk, next < end ? 0 : STEP_MS);
    }
    if (status == WEIR_OK && s->failure.status != WEIR_OK) {
        *err = s->failure;
        status = err->status;
    }
    if (status != WEIR_OK)
        (void)rd_kafka_purge(s->producer.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    return status;
}

static weir_status
send_partition(sending *s, weir_error *err)
{
    const uint64_t end = weiri_log_end(s->t->from, WEIRI_TOPIC_COMMANDS, s->partition);
    uint64_t there = 0;

    weir_status status = settled_end(s, &there, err);
    if (status == WEIR_OK && there > end)
        status = weiri_error_set(err, WEIR_INVALID,
            "%s, partition %u has %" PRIu64 " commands and the log %" PRIu64
            ": somebody else has sent to it; the topics must be deleted and made anew",
            rd_kafka_topic_name(s->read), s->partition, there, end);
    if (status == WEIR_OK)
        status = verify(s, there, err);
    if (status == WEIR_OK)
        status = send_from(s, there, end, err);
    if (status == WEIR_OK && there < end)
        weiri_transfer_tell(s->t, "partition %u: %" PRIu64 " commands sent", s->partition, end - there);
    return status;
}

static weir_status
open_clients(sending *s, const weiri_kafka_config *config, weir_error *err)
{
    const weiri_kafka_callbacks callbacks = { .delivered = stored, .user = s };

    weir_status status = weiri_kafka_client_open(&s->reader, WEIRI_KAFKA_READER, config, NULL, err);
    if (status == WEIR_OK)
        status = weiri_kafka_client_topic(&s->reader, config->app, WEIRI_TOPIC_COMMANDS, ASK_MS, &s->read, err);
    if (status == WEIR_OK)
        status = weiri_kafka_client_open(&s->producer, WEIRI_KAFKA_SENDER, config, &callbacks, err);
    if (status == WEIR_OK)
        status = weiri_kafka_client_topic(&s->producer, config->app, WEIRI_TOPIC_COMMANDS, ASK_MS, &s->write, err);
    return status;
}

/* The user's options and ours. A message that expires would leave its offset to the one behind it: none does. */
static const char **
options_with_ours(const weiri_kafka_config *config)
{
    size_t n = 0;

    while (config->options != NULL && config->options[n] != NULL)
        n++;
    const char **options = weiri_allocate((n + 3) * sizeof *options);
    for (size_t i = 0; i < n; i++)
        options[i] = config->options[i];
    options[n] = "message.timeout.ms=0";
    options[n + 1] = "linger.ms=20";
    return options;
}

weir_status
weiri_transfer_commands(weiri_transfer *t, weir_error *err)
{
    const char **options = options_with_ours(t->config);
    weiri_kafka_config config = *t->config;
    sending *s = weiri_allocate(sizeof *s);
    char source[300];

    config.options = options;
    (void)snprintf(source, sizeof source, "weir/%s", config.app);
    s->t = t;
    s->format = s->read_format = (weiri_kafka_format){ .source = source };
    weir_status status = open_clients(s, &config, err);
    for (s->partition = 0; s->partition < t->identity->partitions && status == WEIR_OK; s->partition++)
        status = send_partition(s, err);
    if (s->read != NULL)
        rd_kafka_topic_destroy(s->read);
    if (s->write != NULL)
        rd_kafka_topic_destroy(s->write);
    weiri_kafka_client_close(&s->producer);
    weiri_kafka_client_close(&s->reader);
    weiri_chunk_fini(&s->chunk);
    weiri_kafka_format_fini(&s->format);
    weiri_kafka_format_fini(&s->read_format);
    weiri_release(options);
    weiri_release(s);
    return status;
}
