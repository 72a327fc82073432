/* SPDX-License-Identifier: Apache-2.0
 * Who the log is: one record in APP.schemas (registry.h), key weir.log, made once.
 * A log that is copied here (transfer.c) has a record weir.log.copy from the first moment, and weir.log when all of it is here: while
 * there is the first alone, nobody opens it. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include "log/kafka/internal.h"
#include "log/kafka/registry.h"
#include "message/json.h"

enum { TRIES = 20, FORMAT = 1 };
static const char identity_key[] = "weir.log", copy_key[] = "weir.log.copy";

typedef struct search {
    const weiri_kafka_config *config;
    uint32_t partitions;
    bool begun;                     /* weir.log.copy is there: ... */
    weiri_log_identity begun_by;    /* ... of this log */
    const weiri_log_identity *copy; /* what is copied here; NULL: nothing, the log is to be opened */
    bool finish;                    /* the copy is whole: weir.log is to be written */
    weiri_registry registry;
    weiri_log_identity *found;
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

static weir_status
look_at(void *user, weiri_bytes key, weiri_bytes value, weir_error *err)
{
    search *s = user;

    if (weiri_bytes_are(key, identity_key))
        return read_identity(s, value, s->found, err);
    return weiri_bytes_are(key, copy_key) ? read_begun(s, value, err) : WEIR_NOT_FOUND;
}

/* As weiri_registry_read. NOT_FOUND: no identity. */
static weir_status
look(search *s, const char *until, weiri_log_identity *ret_identity, weir_error *err)
{
    s->found = ret_identity;
    return weiri_registry_read(&s->registry, until, look_at, s, err);
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
    weir_status status = weiri_registry_put(&s->registry, key, value, err);
    return status == WEIR_OK ? read_identity(s, weiri_bytes_of(value), ret_identity, err) : status;
}

/* Errors: BUSY: another makes it at this moment. */
static weir_status
make(search *s, weiri_log_identity *ret_identity, weir_error *err)
{
    const weiri_world *world = s->config->world;
    weiri_log_identity fresh = { 0 };
    char until[WEIRI_REGISTRY_MARK];

    weir_status status = weiri_registry_begin(&s->registry, until, err);
    if (status == WEIR_OK)
        status = look(s, until, ret_identity, err);
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

/* `status` is what looking came to. */
static weir_status
make_in_turns(search *s, weir_status status, weiri_log_identity *ret_identity, weir_error *err)
{
    for (int i = 0; i < TRIES && (status == WEIR_NOT_FOUND || status == WEIR_BUSY); i++) {
        status = make(s, ret_identity, err);
        weiri_registry_end(&s->registry);
    }
    return status == WEIR_BUSY || status == WEIR_NOT_FOUND ? (err->status = WEIR_IO) : status;
}

weir_status
weiri_kafka_identify(const weiri_kafka_config *config, uint32_t partitions, weiri_log_identity *ret_identity, weir_error *err)
{
    search s = { .config = config, .partitions = partitions };

    weir_status status = weiri_registry_open(&s.registry, config, err);
    if (status == WEIR_OK)
        status = look(&s, NULL, ret_identity, err);
    status = make_in_turns(&s, status, ret_identity, err);
    weiri_registry_close(&s.registry);
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

    weir_status status = weiri_registry_open(&s.registry, config, err);
    if (status == WEIR_OK)
        status = look(&s, NULL, &found, err);
    if (status == WEIR_OK && (status = check_found(&s, &found, err)) == WEIR_OK)
        *ret_state = WEIRI_KAFKA_COPY_DONE;
    else if (status == WEIR_NOT_FOUND && (status = may_make(&s, err)) == WEIR_OK)
        *ret_state = s.begun ? WEIRI_KAFKA_COPY_BEGUN : WEIRI_KAFKA_COPY_NONE;
    weiri_registry_close(&s.registry);
    return status;
}

weir_status
weiri_kafka_copy_note(const weiri_kafka_config *config, const weiri_log_identity *from, weiri_kafka_copy_state state, weir_error *err)
{
    search s = { .config = config, .partitions = from->partitions, .copy = from, .finish = state == WEIRI_KAFKA_COPY_DONE };
    weiri_log_identity noted;

    weir_status status = weiri_registry_open(&s.registry, config, err);
    if (status == WEIR_OK)
        status = make_in_turns(&s, WEIR_NOT_FOUND, &noted, err);
    if (status == WEIR_OK && noted.id != from->id)
        status = check_found(&s, &noted, err);
    weiri_registry_close(&s.registry);
    return status;
}
