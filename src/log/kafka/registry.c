/* SPDX-License-Identifier: Apache-2.0
 * See registry.h. Whoever would write becomes, for a moment, the one producer of transactional id APP.log: it puts a record of its own
 * there first and reads up to that, and so knows all that any other wrote before. */
#include <stdio.h>
#include "base/text.h"
#include "log/kafka/internal.h"
#include "log/kafka/registry.h"

enum { ASK_MS = 10000, STEP_MS = 200 };
static const char opened_key[] = "weir.log.opened";

weir_status
weiri_registry_open(weiri_registry *registry, const weiri_kafka_config *config, weir_error *err)
{
    *registry = (weiri_registry){ .config = config };
    weir_status status = weiri_kafka_client_open(&registry->reader, WEIRI_KAFKA_READER, config, NULL, err);

    if (status == WEIR_OK)
        status = weiri_kafka_client_topic(&registry->reader, config->app, WEIRI_TOPIC_SCHEMAS, ASK_MS, &registry->topic, err);
    return status;
}

void
weiri_registry_close(weiri_registry *registry)
{
    weiri_registry_end(registry);
    if (registry->topic != NULL)
        rd_kafka_topic_destroy(registry->topic);
    registry->topic = NULL;
    weiri_kafka_client_close(&registry->reader);
}

weir_status
weiri_registry_read(weiri_registry *registry, const char *until, weiri_registry_fn *each, void *user, weir_error *err)
{
    const weiri_world *world = registry->config->world;
    const int64_t give_up = world->monotonic_us(world) + ASK_MS * 1000;
    weir_status status = WEIR_NOT_FOUND;
    int64_t low = 0, high = 0, next = 0;
    bool through = false;

    if (until == NULL &&
        rd_kafka_query_watermark_offsets(registry->reader.rk, rd_kafka_topic_name(registry->topic), 0, &low, &high, ASK_MS) != 0)
        return weiri_error_set(err, WEIR_IO, "%s doesn't tell how far it goes", rd_kafka_topic_name(registry->topic));
    if (until == NULL && low >= high)
        return WEIR_NOT_FOUND;
    if (rd_kafka_consume_start(registry->topic, 0, RD_KAFKA_OFFSET_BEGINNING) != 0)
        return weiri_error_set(
            err, WEIR_IO, "reading %s: %s", rd_kafka_topic_name(registry->topic), rd_kafka_err2str(rd_kafka_last_error()));
    while (!through && status == WEIR_NOT_FOUND) {
        rd_kafka_message_t *message = rd_kafka_consume(registry->topic, 0, STEP_MS);
        if (message == NULL) { /* markers fill the rest, or nothing comes */
            through = until == NULL;
            if (world->monotonic_us(world) > give_up)
                status = weiri_error_set(err, WEIR_IO, "%s can't be read to its end in time", rd_kafka_topic_name(registry->topic));
            continue;
        }
        const weiri_bytes key = { message->key, message->key_len }, value = { message->payload, message->len };
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            status = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF
                         ? WEIR_NOT_FOUND
                         : weiri_error_set(
                               err, WEIR_IO, "reading %s: %s", rd_kafka_topic_name(registry->topic), rd_kafka_err2str(message->err));
        } else {
            next = message->offset + 1;
            status = each(user, key, value, err);
            through = until != NULL ? weiri_bytes_are(key, opened_key) && weiri_bytes_are(value, until) : next >= high;
        }
        rd_kafka_message_destroy(message);
    }
    (void)rd_kafka_consume_stop(registry->topic, 0);
    return status;
}

weir_status
weiri_registry_put(weiri_registry *registry, const char *key, const char *value, weir_error *err)
{
    const rd_kafka_vu_t values[] = {
        { .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = registry->to },
        { .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = 0 },
        { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY },
        { .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { (void *)(uintptr_t)key, strlen(key) } },
        { .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { (void *)(uintptr_t)value, strlen(value) } },
        { .vtype = RD_KAFKA_VTYPE_HEADER, .u.header = { WEIRI_KAFKA_CONTENT_TYPE, "application/json", -1 } },
    };
    rd_kafka_error_t *error = rd_kafka_begin_transaction(registry->writer.rk);

    if (error == NULL)
        error = rd_kafka_produceva(registry->writer.rk, values, sizeof values / sizeof values[0]);
    if (error == NULL)
        error = rd_kafka_commit_transaction(registry->writer.rk, ASK_MS);
    if (error == NULL)
        return WEIR_OK;
    (void)weiri_error_set(err, WEIR_BUSY, "writing to %s.schemas: %s", registry->config->app, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return WEIR_BUSY;
}

static weir_status
become_writer(weiri_registry *registry, weir_error *err)
{
    char id[300];
    const weiri_kafka_callbacks callbacks = { .transactional_id = id };

    (void)snprintf(id, sizeof id, "%s.log", registry->config->app);
    weir_status status = weiri_kafka_client_open(&registry->writer, WEIRI_KAFKA_WRITER, registry->config, &callbacks, err);
    if (status == WEIR_OK)
        status = weiri_kafka_client_topic(&registry->writer, registry->config->app, WEIRI_TOPIC_SCHEMAS, ASK_MS, &registry->to, err);
    if (status != WEIR_OK)
        return status;
    rd_kafka_error_t *error = rd_kafka_init_transactions(registry->writer.rk, ASK_MS);
    if (error == NULL)
        return WEIR_OK;
    status = weiri_error_set(
        err, rd_kafka_error_is_fatal(error) ? WEIR_IO : WEIR_BUSY, "transactional id %s: %s", id, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return status;
}

weir_status
weiri_registry_begin(weiri_registry *registry, char until[WEIRI_REGISTRY_MARK], weir_error *err)
{
    char nonce[WEIRI_UUID_SIZE];

    weir_status status = become_writer(registry, err);
    if (status != WEIR_OK)
        return status;
    weiri_uuid7(registry->config->world, nonce);
    (void)snprintf(until, WEIRI_REGISTRY_MARK, "\"%s\"", nonce);
    return weiri_registry_put(registry, opened_key, until, err);
}

void
weiri_registry_end(weiri_registry *registry)
{
    if (registry->to != NULL)
        rd_kafka_topic_destroy(registry->to);
    registry->to = NULL;
    weiri_kafka_client_close(&registry->writer);
}
