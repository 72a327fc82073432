/* SPDX-License-Identifier: Apache-2.0
 * Who the log is: one record in APP.schemas, key weir.log, made once. Whoever would make it becomes, for a moment, the one producer
 * of its transactional id: it puts a record of its own there first, reads up to that, and so knows whether another was there before.
 * A log that is copied here (transfer.c) has a record weir.log.copy from the first moment, and weir.log when all of it is here: while
 * there is the first alone, nobody opens it. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include "base/text.h"
#include "log/kafka/internal.h"
#include "message/json.h"

enum { ASK_MS = 10000, STEP_MS = 200, TRIES = 20, FORMAT = 1 };
static const char identity_key[] = "weir.log", opened_key[] = "weir.log.opened", copy_key[] = "weir.log.copy";

typedef struct search {
    const weiri_kafka_config *config;
    uint32_t partitions;
    bool begun;                     /* weir.log.copy is there: ... */
    weiri_log_identity begun_by;    /* ... of this log */
    const weiri_log_identity *copy; /* what is copied here; NULL: nothing, the log is to be opened */
    bool finish;                    /* the copy is whole: weir.log is to be written */
    weiri_kafka_client reader;
    rd_kafka_topic_t *topic;
    weiri_kafka_client writer;
    rd_kafka_topic_t *to;
} search;

static weir_status
read_identity(search *s, weiri_bytes value, weiri_log_identity *ret_identity, weir_error *err)
{
    const char *id = NULL, *module = NULL, *app = NULL;
    weiri_log_identity identity = { 0 };
    json_int_t format = 0, partitions = 0, created_ms = 0;
    json_t *json = NULL;
    char *end = NULL;

    weir_status status = weiri_json_parse(value, &json, err);
    if (status == WEIR_OK && json_unpack(json, "{s:I, s:s, s:s, s:s, s:I, s:I}", "format", &format, "id", &id, "module", &module, "app",
                                 &app, "partitions", &partitions, "created_ms", &created_ms) != 0)
        status = weiri_error_set(err, WEIR_CORRUPT, "the log's identity in %s.schemas can't be read", s->config->app);
    if (status != WEIR_OK)
        goto out;
    if (format != FORMAT)
        status = weiri_error_set(err, WEIR_INVALID, "the log on Kafka has format %lld, this weir knows %d", (long long)format, FORMAT);
    else if (strcmp(app, s->config->app) != 0)
        status = weiri_error_set(err, WEIR_INVALID, "these topics belong to app '%s', not '%s'", app, s->config->app);
    else if (strcmp(module, s->config->module) != 0)
        status = weiri_error_set(err, WEIR_INVALID, "the log %s belongs to module '%s', not '%s'", app, module, s->config->module);
    else if ((uint64_t)partitions != s->partitions)
        status = weiri_error_set(err, WEIR_INVALID,
            "the log %s has %lld partitions and keeps them, and its topics have %u: keys would go to other partitions", app,
            (long long)partitions, s->partitions);
    identity.id = strtoull(id, &end, 16);
    if (status == WEIR_OK && (identity.id == 0 || *end != '\0' || strlen(module) >= sizeof identity.module))
        status = weiri_error_set(err, WEIR_CORRUPT, "the log's identity in %s.schemas can't be read", s->config->app);
    if (status != WEIR_OK)
        goto out;
    identity.partitions = (uint32_t)partitions;
    identity.format = (uint32_t)format;
    identity.created_ms = created_ms;
    (void)snprintf(identity.module, sizeof identity.module, "%s", module);
    *ret_identity = identity;
out:
    json_decref(json);
    return status;
}

/* NOT_FOUND: it is no identity yet. */
static weir_status
read_begun(search *s, weiri_bytes value, weir_error *err)
{
    weir_status status = read_identity(s, value, &s->begun_by, err);

    s->begun = status == WEIR_OK;
    return s->begun ? WEIR_NOT_FOUND : status;
}

/* Reads from the beginning up to the record whose value is `until` (NULL: to what looks like the end). NOT_FOUND: no identity. */
static weir_status
look(search *s, const char *until, weiri_log_identity *ret_identity, weir_error *err)
{
    const weiri_world *world = s->config->world;
    const int64_t give_up = world->monotonic_us(world) + ASK_MS * 1000;
    weir_status status = WEIR_NOT_FOUND;
    int64_t low = 0, high = 0, next = 0;
    bool through = false;

    if (until == NULL && rd_kafka_query_watermark_offsets(s->reader.rk, rd_kafka_topic_name(s->topic), 0, &low, &high, ASK_MS) != 0)
        return weiri_error_set(err, WEIR_IO, "%s doesn't tell how far it goes", rd_kafka_topic_name(s->topic));
    if (until == NULL && low >= high)
        return WEIR_NOT_FOUND;
    if (rd_kafka_consume_start(s->topic, 0, RD_KAFKA_OFFSET_BEGINNING) != 0)
        return weiri_error_set(err, WEIR_IO, "reading %s: %s", rd_kafka_topic_name(s->topic), rd_kafka_err2str(rd_kafka_last_error()));
    while (!through && status == WEIR_NOT_FOUND) {
        rd_kafka_message_t *message = rd_kafka_consume(s->topic, 0, STEP_MS);
        if (message == NULL) { /* markers fill the rest, or nothing comes */
            through = until == NULL;
            if (world->monotonic_us(world) > give_up)
                status = weiri_error_set(err, WEIR_IO, "%s can't be read to its end in time", rd_kafka_topic_name(s->topic));
            continue;
        }
        const weiri_bytes key = { message->key, message->key_len }, value = { message->payload, message->len };
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            status = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF
                         ? WEIR_NOT_FOUND
                         : weiri_error_set(err, WEIR_IO, "reading %s: %s", rd_kafka_topic_name(s->topic), rd_kafka_err2str(message->err));
        } else {
            next = message->offset + 1;
            if (weiri_bytes_are(key, identity_key))
                status = read_identity(s, value, ret_identity, err);
            else if (weiri_bytes_are(key, copy_key))
                status = read_begun(s, value, err);
            through = until != NULL ? weiri_bytes_are(key, opened_key) && weiri_bytes_are(value, until) : next >= high;
        }
        rd_kafka_message_destroy(message);
    }
    (void)rd_kafka_consume_stop(s->topic, 0);
    return status;
}

/* Writes one record in a transaction of its own. BUSY: another is at it, or it is not known: begin anew. */
static weir_status
put(search *s, const char *key, const char *value, weir_error *err)
{
    const rd_kafka_vu_t values[] = {
        { .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = s->to },
        { .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = 0 },
        { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY },
        { .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { (void *)(uintptr_t)key, strlen(key) } },
        { .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { (void *)(uintptr_t)value, strlen(value) } },
        { .vtype = RD_KAFKA_VTYPE_HEADER, .u.header = { WEIRI_KAFKA_CONTENT_TYPE, "application/json", -1 } },
    };
    rd_kafka_error_t *error = rd_kafka_begin_transaction(s->writer.rk);

    if (error == NULL)
        error = rd_kafka_produceva(s->writer.rk, values, sizeof values / sizeof values[0]);
    if (error == NULL)
        error = rd_kafka_commit_transaction(s->writer.rk, ASK_MS);
    if (error == NULL)
        return WEIR_OK;
    (void)weiri_error_set(err, WEIR_BUSY, "writing to %s.schemas: %s", s->config->app, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return WEIR_BUSY;
}

static weir_status
become_writer(search *s, weir_error *err)
{
    char id[300];
    const weiri_kafka_callbacks callbacks = { .transactional_id = id };

    (void)snprintf(id, sizeof id, "%s.log", s->config->app);
    weir_status status = weiri_kafka_client_open(&s->writer, WEIRI_KAFKA_WRITER, s->config, &callbacks, err);
    if (status == WEIR_OK)
        status = weiri_kafka_client_topic(&s->writer, s->config->app, WEIRI_TOPIC_SCHEMAS, ASK_MS, &s->to, err);
    if (status != WEIR_OK)
        return status;
    rd_kafka_error_t *error = rd_kafka_init_transactions(s->writer.rk, ASK_MS);
    if (error == NULL)
        return WEIR_OK;
    status = weiri_error_set(
        err, rd_kafka_error_is_fatal(error) ? WEIR_IO : WEIR_BUSY, "transactional id %s: %s", id, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return status;
}

static void
write_no_more(search *s)
{
    if (s->to != NULL)
        rd_kafka_topic_destroy(s->to);
    s->to = NULL;
    weiri_kafka_client_close(&s->writer);
}

/* After everything was read and no identity found: may one be made, or a copy begun or finished? */
static weir_status
may_make(const search *s, weir_error *err)
{
    if (s->begun && s->copy == NULL)
        return weiri_error_set(err, WEIR_INVALID,
            "a copy of the log %016" PRIx64 " into the topics of app '%s' was begun and isn't finished: run the same `weir copy` again",
            s->begun_by.id, s->config->app);
    if (s->begun && s->begun_by.id != s->copy->id)
        return weiri_error_set(err, WEIR_INVALID,
            "a copy of another log, %016" PRIx64 ", was begun into the topics of app '%s', and this one is %016" PRIx64, s->begun_by.id,
            s->config->app, s->copy->id);
    return WEIR_OK;
}

static weir_status
put_identity(search *s, const char *key, const weiri_log_identity *identity, weiri_log_identity *ret_identity, weir_error *err)
{
    const weiri_kafka_config *config = s->config;
    char value[1024];

    (void)snprintf(value, sizeof value,
        "{\"format\":%d,\"id\":\"%016" PRIx64 "\",\"app\":\"%s\",\"module\":\"%s\",\"partitions\":%u,\"created_ms\":%" PRId64 "}", FORMAT,
        identity->id, config->app, config->module, s->partitions, identity->created_ms);
    weir_status status = put(s, key, value, err);
    return status == WEIR_OK ? read_identity(s, weiri_bytes_of(value), ret_identity, err) : status;
}

/* Errors: BUSY: another makes it at this moment. */
static weir_status
make(search *s, weiri_log_identity *ret_identity, weir_error *err)
{
    const weiri_world *world = s->config->world;
    weiri_log_identity fresh = { 0 };
    char nonce[WEIRI_UUID_SIZE], value[1024];

    weir_status status = become_writer(s, err);
    if (status != WEIR_OK)
        return status;
    weiri_uuid7(world, nonce);
    (void)snprintf(value, sizeof value, "\"%s\"", nonce);
    status = put(s, opened_key, value, err);
    if (status == WEIR_OK)
        status = look(s, value, ret_identity, err);
    if (status != WEIR_NOT_FOUND)
        return status;
    status = may_make(s, err);
    if (status != WEIR_OK)
        return status;
    if (s->copy != NULL)
        return put_identity(s, s->finish ? identity_key : copy_key, s->copy, ret_identity, err);
    while (fresh.id == 0)
        world->random_bytes(world, &fresh.id, sizeof fresh.id);
    fresh.created_ms = world->time_ms(world);
    return put_identity(s, identity_key, &fresh, ret_identity, err);
}

static weir_status
open_search(search *s, weir_error *err)
{
    weir_status status = weiri_kafka_client_open(&s->reader, WEIRI_KAFKA_READER, s->config, NULL, err);

    if (status == WEIR_OK)
        status = weiri_kafka_client_topic(&s->reader, s->config->app, WEIRI_TOPIC_SCHEMAS, ASK_MS, &s->topic, err);
    return status;
}

static void
close_search(search *s)
{
    if (s->topic != NULL)
        rd_kafka_topic_destroy(s->topic);
    weiri_kafka_client_close(&s->reader);
}

/* `status` is what looking came to. */
static weir_status
make_in_turns(search *s, weir_status status, weiri_log_identity *ret_identity, weir_error *err)
{
    for (int i = 0; i < TRIES && (status == WEIR_NOT_FOUND || status == WEIR_BUSY); i++) {
        status = make(s, ret_identity, err);
        write_no_more(s);
    }
    return status == WEIR_BUSY || status == WEIR_NOT_FOUND ? (err->status = WEIR_IO) : status;
}

weir_status
weiri_kafka_identify(const weiri_kafka_config *config, uint32_t partitions, weiri_log_identity *ret_identity, weir_error *err)
{
    search s = { .config = config, .partitions = partitions };

    weir_status status = open_search(&s, err);
    if (status == WEIR_OK)
        status = look(&s, NULL, ret_identity, err);
    status = make_in_turns(&s, status, ret_identity, err);
    close_search(&s);
    return status;
}

/* An identity was found: it must be the copy's. */
static weir_status
check_found(const search *s, const weiri_log_identity *found, weir_error *err)
{
    if (s->begun && found->id == s->copy->id)
        return WEIR_OK;
    return weiri_error_set(err, WEIR_INVALID,
        "the topics of app '%s' hold the log %016" PRIx64 " already: a log is copied into empty topics", s->config->app, found->id);
}

weir_status
weiri_kafka_copy_look(const weiri_kafka_config *config, const weiri_log_identity *from, weiri_kafka_copy_state *ret_state, weir_error *err)
{
    search s = { .config = config, .partitions = from->partitions, .copy = from };
    weiri_log_identity found;

    weir_status status = open_search(&s, err);
    if (status == WEIR_OK)
        status = look(&s, NULL, &found, err);
    if (status == WEIR_OK && (status = check_found(&s, &found, err)) == WEIR_OK)
        *ret_state = WEIRI_KAFKA_COPY_DONE;
    else if (status == WEIR_NOT_FOUND && (status = may_make(&s, err)) == WEIR_OK)
        *ret_state = s.begun ? WEIRI_KAFKA_COPY_BEGUN : WEIRI_KAFKA_COPY_NONE;
    close_search(&s);
    return status;
}

weir_status
weiri_kafka_copy_note(const weiri_kafka_config *config, const weiri_log_identity *from, weiri_kafka_copy_state state, weir_error *err)
{
    search s = { .config = config, .partitions = from->partitions, .copy = from, .finish = state == WEIRI_KAFKA_COPY_DONE };
    weiri_log_identity noted;

    weir_status status = open_search(&s, err);
    if (status == WEIR_OK)
        status = make_in_turns(&s, WEIR_NOT_FOUND, &noted, err);
    if (status == WEIR_OK && noted.id != from->id)
        status = check_found(&s, &noted, err);
    close_search(&s);
    return status;
}
