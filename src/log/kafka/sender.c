/* SPDX-License-Identifier: Apache-2.0
 * Sending commands: an idempotent producer that every thread may use, and a thread that hands out what became of them. */
#include "base/assert.h"
#include "base/memory.h"
#include "log/kafka/internal.h"

typedef struct sent {
    weiri_kafka *k;
    weiri_sent_fn *done;
    void *user;
    size_t bytes;
} sent;

static void
delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    sent *s = message->_private;
    weir_error err = { 0 };
    weir_status status = WEIR_OK;

    (void)rk;
    (void)opaque;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const bool never = rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
        status = weiri_error_set(&err, never ? WEIR_BUSY : WEIR_TIMEOUT, "the command %s: %s",
            never ? "was not stored" : "was sent, and whether it is stored is not known", rd_kafka_err2str(message->err));
    }
    atomic_fetch_sub(&s->k->sent_n, 1);
    atomic_fetch_sub(&s->k->sent_bytes, s->bytes);
    s->done(s->user, status, status == WEIR_OK ? (uint64_t)message->offset : 0, &err);
    weiri_release(s);
}

static weir_status
open_sender(weiri_kafka *k, weir_error *err)
{
    const weiri_kafka_callbacks callbacks = { .delivered = delivered, .user = k };
    weir_status status = weiri_kafka_client_open(&k->sender, WEIRI_KAFKA_SENDER, &k->config, &callbacks, err);

    if (status == WEIR_OK)
        k->sender_topic = rd_kafka_topic_new(k->sender.rk, k->topics[WEIRI_TOPIC_COMMANDS], NULL);
    return status;
}

static void
close_sender(weiri_kafka *k)
{
    if (k->sender.rk == NULL)
        return;
    (void)rd_kafka_purge(k->sender.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_outq_len(k->sender.rk) > 0)
        (void)rd_kafka_poll(k->sender.rk, WEIRI_KAFKA_IDLE_MS);
    rd_kafka_topic_destroy(k->sender_topic);
    weiri_kafka_client_close(&k->sender);
}

/* After a fatal error of the idempotent producer nothing goes any more: a new one. */
static void
renew(weiri_kafka *k)
{
    char words[8];
    weir_error err;

    if (rd_kafka_fatal_error(k->sender.rk, words, sizeof words) == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    weiri_lock_take(&k->sending);
    close_sender(k);
    weir_status status = open_sender(k, &err);
    weiri_assert(status == WEIR_OK); /* the same options as the first time */
    weiri_lock_give(&k->sending);
}

static void
run(void *kafka)
{
    weiri_kafka *k = kafka;

    while (!atomic_load(&k->stopping)) {
        (void)rd_kafka_poll(k->sender.rk, WEIRI_KAFKA_IDLE_MS);
        renew(k);
    }
}

static rd_kafka_error_t *
produce(weiri_kafka *k, uint32_t partition, const weiri_record *command, sent *s)
{
    bool converted;

    weiri_kafka_write(&k->sender_format, command, partition, 0, &k->sender_message, &converted);
    const weiri_kafka_message *m = &k->sender_message;
    rd_kafka_headers_t *headers = weiri_kafka_headers(m);
    const rd_kafka_vu_t values[] = {
        { .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = k->sender_topic },
        { .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = (int32_t)partition },
        { .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { (void *)(uintptr_t)m->key.data, m->key.size } },
        { .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { (void *)(uintptr_t)m->value.data, m->value.size } },
        { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY },
        { .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = s },
        { .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers },
    };
    rd_kafka_error_t *error = rd_kafka_produceva(k->sender.rk, values, sizeof values / sizeof values[0]);
    if (error != NULL)
        rd_kafka_headers_destroy(headers);
    return error;
}

weir_status
weiri_kafka_send(weiri_log *log, uint32_t partition, const weiri_record *command, weiri_sent_fn *done, void *user, weir_error *err)
{
    weiri_kafka *k = (weiri_kafka *)log;
    const size_t bytes = weiri_record_size(command);

    weiri_lock_take(&k->lock);
    const weir_error changed = k->changed;
    weiri_lock_give(&k->lock);
    if (changed.status != WEIR_OK)
        return weiri_error_set(err, WEIR_BUSY, "%s", changed.text);
    if (atomic_load(&k->sent_n) >= WEIRI_KAFKA_SENDING_MOST || atomic_load(&k->sent_bytes) + bytes > WEIRI_KAFKA_SENDING_BYTES_MOST)
        return weiri_error_set(err, WEIR_BUSY, "%llu commands are on their way to Kafka and not stored yet: try again later",
            (unsigned long long)atomic_load(&k->sent_n));
    sent *s = weiri_allocate(sizeof *s);
    *s = (sent){ k, done, user, bytes };
    atomic_fetch_add(&k->sent_n, 1);
    atomic_fetch_add(&k->sent_bytes, bytes);
    weiri_lock_take(&k->sending);
    rd_kafka_error_t *error = produce(k, partition, command, s);
    weiri_lock_give(&k->sending);
    if (error == NULL)
        return WEIR_OK;
    const bool full = rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__QUEUE_FULL || rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__FATAL;
    weir_status status = weiri_error_set(err, full ? WEIR_BUSY : WEIR_IO, "sending a command to Kafka: %s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    atomic_fetch_sub(&k->sent_n, 1);
    atomic_fetch_sub(&k->sent_bytes, bytes);
    weiri_release(s);
    return status;
}

weir_status
weiri_kafka_sender_start(weiri_kafka *k, weir_error *err)
{
    k->sender_format = (weiri_kafka_format){ .source = k->source };
    weir_status status = open_sender(k, err);
    if (status == WEIR_OK && weiri_thread_start(&k->sender_thread, "sender", run, k) != WEIR_OK)
        status = weiri_error_set(err, WEIR_NO_MEMORY, "the thread that sends commands can't be started");
    return status;
}

void
weiri_kafka_sender_stop(weiri_kafka *k)
{
    weiri_thread_join(&k->sender_thread);
    close_sender(k);
    weiri_kafka_format_fini(&k->sender_format);
}
