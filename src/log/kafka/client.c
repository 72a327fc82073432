/* SPDX-License-Identifier: Apache-2.0
 * Configurations of librdkafka. Ours come first, then what the user gave; names that are weir's own are refused. */
#include <stdio.h>
#include "base/assert.h"
#include "base/text.h"
#include "log/kafka/client.h"

enum { WORDS = 512, STEP_MS = 250 };

typedef struct setting {
    const char *name, *value;
} setting;

static const setting of_all[] = { { "client.id", "weir" }, { "socket.nagle.disable", "true" }, { "reconnect.backoff.ms", "50" },
    { "reconnect.backoff.max.ms", "500" }, { "socket.timeout.ms", "10000" }, { "allow.auto.create.topics", "false" },
    { "log.connection.close", "false" }, { "topic.metadata.refresh.interval.ms", "60000" }, { NULL, NULL } };
static const setting of_reader[] = { { "isolation.level", "read_committed" }, { "enable.auto.commit", "false" },
    { "enable.auto.offset.store", "false" }, { "auto.offset.reset", "error" }, { "enable.partition.eof", "false" },
    { "fetch.wait.max.ms", "20" }, { "fetch.error.backoff.ms", "50" }, { "queued.max.messages.kbytes", "16384" }, { "check.crcs", "true" },
    { NULL, NULL } };
static const setting of_looker[] = { { "isolation.level", "read_uncommitted" }, { "enable.auto.commit", "false" }, { NULL, NULL } };
/* A killed member holds up all others until its session ends: no longer than brokers allow by default. Heartbeats, which bring the
 * word that others must join again, leave when librdkafka's main thread wakes, once a second; its statistics, which nobody reads here,
 * wake it more often. */
static const setting of_member[] = { { "isolation.level", "read_committed" }, { "enable.auto.commit", "false" },
    { "enable.auto.offset.store", "false" }, { "auto.offset.reset", "error" }, { "partition.assignment.strategy", "range" },
    { "session.timeout.ms", "6000" }, { "heartbeat.interval.ms", "500" }, { "statistics.interval.ms", "250" }, { NULL, NULL } };
/* A commit flushes: what lingers goes out at once then, in few requests instead of many (linger.ms: see configure). */
static const setting of_writer[] = { { "enable.idempotence", "true" }, { "acks", "all" }, { "batch.num.messages", "2000" },
    { "queue.buffering.max.messages", "2000000" }, { "retry.backoff.ms", "20" }, { NULL, NULL } };
static const setting of_sender[] = { { "enable.idempotence", "true" }, { "acks", "all" }, { "linger.ms", "0" },
    { "queue.buffering.max.messages", "100000" }, { "message.timeout.ms", "30000" }, { "retry.backoff.ms", "20" }, { NULL, NULL } };
static const setting of_none[] = { { NULL, NULL } };

/* What a promise of weir rests on. */
static const char *const own[] = { "bootstrap.servers", "metadata.broker.list", "isolation.level", "enable.auto.commit",
    "enable.auto.offset.store", "auto.commit.enable", "auto.offset.reset", "enable.partition.eof", "partition.assignment.strategy",
    "group.id", "group.instance.id", "transactional.id", "transaction.timeout.ms", "enable.idempotence", "acks", "request.required.acks",
    "enable.gapless.guarantee", "allow.auto.create.topics", "check.crcs", "plugin.library.paths" };

static void
note(weiri_kafka_client *client, int code, const char *words)
{
    weiri_lock_take(&client->lock);
    (void)snprintf(client->last_error, sizeof client->last_error, "%s", words);
    atomic_store(&client->last_code, code);
    weiri_lock_give(&client->lock);
}

static void
on_error(rd_kafka_t *rk, int code, const char *words, void *opaque)
{
    weiri_kafka_client *client = opaque;

    (void)rk;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        atomic_store(&client->down, true); /* what is wrong with each was said before */
        return;
    }
    if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED)
        atomic_store(&client->refused, true);
    note(client, code, words);
}

/* The library never prints; errors come by on_error, too. */
static void
on_log(const rd_kafka_t *rk, int level, const char *facility, const char *words)
{
    (void)rk;
    (void)level;
    (void)facility;
    (void)words;
}

static weir_status
set(rd_kafka_conf_t *conf, const char *name, const char *value, weir_error *err)
{
    char words[WORDS];

    if (rd_kafka_conf_set(conf, name, value, words, sizeof words) == RD_KAFKA_CONF_OK)
        return WEIR_OK;
    return weiri_error_set(err, WEIR_INVALID, "option %s=%s of librdkafka: %s", name, value, words);
}

static weir_status
set_all(rd_kafka_conf_t *conf, const setting *settings, weir_error *err)
{
    weir_status status = WEIR_OK;

    for (; status == WEIR_OK && settings->name != NULL; settings++)
        status = set(conf, settings->name, settings->value, err);
    return status;
}

static weir_status
set_users(rd_kafka_conf_t *conf, const char *const *options, weir_error *err)
{
    for (; options != NULL && *options != NULL; options++) {
        char name[128];
        const char *equals = strchr(*options, '=');
        if (equals == NULL || equals == *options || (size_t)(equals - *options) >= sizeof name)
            return weiri_error_set(err, WEIR_INVALID, "option '%s' of librdkafka: NAME=VALUE is expected", *options);
        memcpy(name, *options, (size_t)(equals - *options));
        name[equals - *options] = '\0';
        for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
            if (strcmp(name, own[i]) == 0)
                return weiri_error_set(err, WEIR_INVALID, "option %s of librdkafka is set by weir, whose promises rest on it", name);
        }
        weir_status status = set(conf, name, equals + 1, err);
        if (status != WEIR_OK)
            return status;
    }
    return WEIR_OK;
}

static weir_status
configure_writer(rd_kafka_conf_t *conf, const weiri_kafka_config *config, const weiri_kafka_callbacks *callbacks, weir_error *err)
{
    const unsigned transaction_ms = config->transaction_ms == 0 ? 10000 : config->transaction_ms;
    char text[24], linger[24];

    (void)snprintf(text, sizeof text, "%u", transaction_ms);
    /* Behind a request on its way librdkafka 2.0 doesn't wait with messages older than this, but spins. */
    (void)snprintf(linger, sizeof linger, "%u", transaction_ms / 10);
    weir_status status = set(conf, "linger.ms", linger, err);
    if (status == WEIR_OK)
        status = set(conf, "transaction.timeout.ms", text, err);
    if (status == WEIR_OK)
        status = set(conf, "message.timeout.ms", text, err);
    if (status == WEIR_OK) /* librdkafka wants it no longer than the transaction's */
        status = set(conf, "socket.timeout.ms", text, err);
    return status == WEIR_OK ? set(conf, "transactional.id", callbacks->transactional_id, err) : status;
}

static weir_status
configure(
    rd_kafka_conf_t *conf, weiri_kafka_use use, const weiri_kafka_config *config, const weiri_kafka_callbacks *callbacks, weir_error *err)
{
    static const setting *const of_use[] = { [WEIRI_KAFKA_READER] = of_reader,
        [WEIRI_KAFKA_LOOKER] = of_looker,
        [WEIRI_KAFKA_FOLLOWER] = of_reader,
        [WEIRI_KAFKA_MEMBER] = of_member,
        [WEIRI_KAFKA_WRITER] = of_writer,
        [WEIRI_KAFKA_SENDER] = of_sender,
        [WEIRI_KAFKA_EVERYTHING] = of_none };
    char text[300];

    weir_status status = set_all(conf, of_all, err);
    if (status == WEIR_OK)
        status = set_all(conf, of_use[use], err);
    if (status == WEIR_OK)
        status = set_users(conf, config->options, err);
    if (status == WEIR_OK)
        status = set(conf, "bootstrap.servers", config->brokers, err);
    if (status == WEIR_OK && use == WEIRI_KAFKA_FOLLOWER)
        status = set(conf, "enable.partition.eof", "true", err);
    if (status == WEIR_OK && use == WEIRI_KAFKA_MEMBER) {
        (void)snprintf(text, sizeof text, "%s.lanes", config->app);
        status = set(conf, "group.id", text, err);
    }
    if (status == WEIR_OK && use == WEIRI_KAFKA_WRITER)
        status = configure_writer(conf, config, callbacks, err);
    return status;
}

weir_status
weiri_kafka_client_open(weiri_kafka_client *client, weiri_kafka_use use, const weiri_kafka_config *config,
    const weiri_kafka_callbacks *callbacks, weir_error *err)
{
    static const weiri_kafka_callbacks none = { 0 };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const bool consumer = use == WEIRI_KAFKA_READER || use == WEIRI_KAFKA_FOLLOWER || use == WEIRI_KAFKA_MEMBER ||
                          use == WEIRI_KAFKA_LOOKER;
    char words[WORDS];

    if (callbacks == NULL)
        callbacks = &none;
    *client = (weiri_kafka_client){ .user = callbacks->user };
    weiri_lock_init(&client->lock);
    client->lock_known = &client->lock;
    weir_status status = configure(conf, use, config, callbacks, err);
    if (status != WEIR_OK) {
        rd_kafka_conf_destroy(conf);
        weiri_kafka_client_close(client);
        return status;
    }
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    if (callbacks->delivered != NULL)
        rd_kafka_conf_set_dr_msg_cb(conf, callbacks->delivered);
    if (callbacks->rebalance != NULL)
        rd_kafka_conf_set_rebalance_cb(conf, callbacks->rebalance);
    client->rk = rd_kafka_new(consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, words, sizeof words);
    if (client->rk != NULL)
        return WEIR_OK;
    rd_kafka_conf_destroy(conf);
    weiri_kafka_client_close(client);
    return weiri_error_set(err, WEIR_INVALID, "librdkafka refuses its options: %s", words);
}

void
weiri_kafka_client_words(weiri_kafka_client *client, char *to, size_t size)
{
    weiri_lock_take(&client->lock);
    weiri_text_fit(to, size, client->last_error);
    weiri_lock_give(&client->lock);
}

weir_status
weiri_kafka_client_reach(weiri_kafka_client *client, const char *brokers, int timeout_ms, const weiri_world *world, weir_error *err)
{
    const int64_t until = world->monotonic_us(world) + (int64_t)timeout_ms * 1000;
    char words[WORDS];

    for (;;) {
        const struct rd_kafka_metadata *metadata;
        rd_kafka_resp_err_t code = rd_kafka_metadata(client->rk, 0, NULL, &metadata, STEP_MS);
        (void)rd_kafka_poll(client->rk, 0);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            const bool any = metadata->broker_cnt > 0;
            rd_kafka_metadata_destroy(metadata);
            if (any) {
                atomic_store(&client->down, false);
                return WEIR_OK;
            }
        }
        if (atomic_load(&client->refused) || world->monotonic_us(world) >= until)
            break;
    }
    weiri_kafka_client_words(client, words, sizeof words);
    if (atomic_load(&client->refused))
        return weiri_error_set(err, WEIR_IO, "the broker doesn't let weir in: %s", words);
    return weiri_error_set(err, WEIR_IO, "no broker of %s answers: %s", brokers, words[0] == '\0' ? "no connection in time" : words);
}

void
weiri_kafka_client_close(weiri_kafka_client *client)
{
    if (client->rk != NULL)
        rd_kafka_destroy_flags(client->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    client->rk = NULL;
    if (client->lock_known != NULL)
        weiri_lock_fini(&client->lock);
    client->lock_known = NULL;
}

void
weiri_kafka_topic_name(const char *app, weiri_topic topic, char to[WEIRI_KAFKA_TOPIC_ROOM])
{
    (void)snprintf(to, WEIRI_KAFKA_TOPIC_ROOM, "%s.%s", app, weiri_topic_name(topic));
}

weir_status
weiri_kafka_client_topic(
    weiri_kafka_client *client, const char *app, weiri_topic topic, int timeout_ms, rd_kafka_topic_t **ret_topic, weir_error *err)
{
    const struct rd_kafka_metadata *metadata;
    char name[WEIRI_KAFKA_TOPIC_ROOM];

    weiri_kafka_topic_name(app, topic, name);
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(client->rk, name, NULL);
    if (rkt == NULL)
        return weiri_error_set(err, WEIR_INVALID, "'%s' is no name of a topic: %s", name, rd_kafka_err2str(rd_kafka_last_error()));
    rd_kafka_resp_err_t code = rd_kafka_metadata(client->rk, 0, rkt, &metadata, timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        rd_kafka_metadata_destroy(metadata);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_topic_destroy(rkt);
        return weiri_error_set(err, WEIR_IO, "topic %s: %s", name, rd_kafka_err2str(code));
    }
    *ret_topic = rkt;
    return WEIR_OK;
}
