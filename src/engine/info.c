/* SPDX-License-Identifier: Apache-2.0
 * What an engine says about itself: its messages, its log, how far bulk sources have got, whether it is well. Thread: any. */
#include "engine/inside.h"
#include "log/shared.h"
#include "base/memory.h"
#include "message/json.h"
#include <inttypes.h>
#include <stdio.h>

enum { FIRST_PARTITION_MS = 15000 };

/* ---- types ---------------------------------------------------------------------------------------------- */

static const char *
type_word(const ProtobufCFieldDescriptor *field)
{
    static const char *const words[] = { [PROTOBUF_C_TYPE_INT32] = "int32",
        [PROTOBUF_C_TYPE_SINT32] = "sint32",
        [PROTOBUF_C_TYPE_SFIXED32] = "sfixed32",
        [PROTOBUF_C_TYPE_INT64] = "int64",
        [PROTOBUF_C_TYPE_SINT64] = "sint64",
        [PROTOBUF_C_TYPE_SFIXED64] = "sfixed64",
        [PROTOBUF_C_TYPE_UINT32] = "uint32",
        [PROTOBUF_C_TYPE_FIXED32] = "fixed32",
        [PROTOBUF_C_TYPE_UINT64] = "uint64",
        [PROTOBUF_C_TYPE_FIXED64] = "fixed64",
        [PROTOBUF_C_TYPE_FLOAT] = "float",
        [PROTOBUF_C_TYPE_DOUBLE] = "double",
        [PROTOBUF_C_TYPE_BOOL] = "bool",
        [PROTOBUF_C_TYPE_ENUM] = "enum",
        [PROTOBUF_C_TYPE_STRING] = "string",
        [PROTOBUF_C_TYPE_BYTES] = "bytes",
        [PROTOBUF_C_TYPE_MESSAGE] = "message" };

    return words[field->type];
}

static void
write_enum(weiri_buffer *to, const ProtobufCEnumDescriptor *d)
{
    weiri_member(to, "values");
    for (unsigned i = 0; i < d->n_values; i++) {
        weiri_buffer_add_char(to, i == 0 ? '[' : ',');
        weiri_json_add_string(to, weiri_bytes_of(d->values[i].name));
    }
    weiri_buffer_add_char(to, ']');
}

static void write_fields(weiri_buffer *to, const ProtobufCMessageDescriptor *d, int depth);

static void
write_field(weiri_buffer *to, const ProtobufCFieldDescriptor *field, int depth)
{
    char json[256];

    weiri_json_field_name(field->name, json, sizeof json);
    weiri_buffer_add_char(to, '{');
    weiri_member_text(to, "name", field->name);
    weiri_member_text(to, "json", json);
    weiri_member_text(to, "type", type_word(field));
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        weiri_buffer_add_text(to, ",\"repeated\":true");
    if (field->type == PROTOBUF_C_TYPE_ENUM)
        write_enum(to, field->descriptor);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessageDescriptor *nested = field->descriptor;
        weiri_member_text(to, "message", nested->name);
        /* A message may hold itself: a few levels tell enough. */
        if (depth < 4)
            write_fields(to, nested, depth + 1);
    }
    weiri_buffer_add_char(to, '}');
}

static void
write_fields(weiri_buffer *to, const ProtobufCMessageDescriptor *d, int depth)
{
    weiri_member(to, "fields");
    weiri_buffer_add_char(to, '[');
    for (unsigned i = 0; i < d->n_fields; i++) {
        if (i > 0)
            weiri_buffer_add_char(to, ',');
        write_field(to, &d->fields[i], depth);
    }
    weiri_buffer_add_char(to, ']');
}

static void
write_type(weiri_buffer *to, const weiri_schema *schema, const weiri_type *type)
{
    static const char *const kinds[] = { [WEIRI_TYPE_COMMAND] = "command", [WEIRI_TYPE_EVENT] = "event", [WEIRI_TYPE_STATE] = "state" };

    weiri_buffer_add_char(to, '{');
    weiri_member_text(to, "name", type->descriptor->name);
    weiri_member_text(to, "kind", kinds[type->kind]);
    weiri_member_text(to, "aggregate", weiri_schema_aggregate(schema, type->aggregate)->name);
    if (type->key != NULL)
        weiri_member_text(to, "key", type->key->name);
    if (type->newest != NULL && type->newest != type)
        weiri_member_text(to, "upcastTo", type->newest->descriptor->name);
    write_fields(to, type->descriptor, 0);
    weiri_buffer_add_char(to, '}');
}

void
weiri_service_types(weiri_service *service, weiri_reply *reply)
{
    weiri_buffer_add_text(&reply->body, "{\"types\":[");
    bool first = true;
    for (size_t i = 0; i < weiri_schema_types(service->schema); i++) {
        const weiri_type *type = weiri_schema_type(service->schema, i);
        if (type->process != NULL)
            continue; /* weir's own */
        if (!first)
            weiri_buffer_add_char(&reply->body, ',');
        first = false;
        write_type(&reply->body, service->schema, type);
    }
    weiri_buffer_add_text(&reply->body, "]}");
    weiri_reply_json(reply);
}

/* ---- the engine ------------------------------------------------------------------------------------------ */

void
weiri_identity_write(weiri_buffer *to, const weiri_log_identity *identity)
{
    char id[17];

    (void)snprintf(id, sizeof id, "%016" PRIx64, identity->id);
    weiri_member_text(to, "module", identity->module);
    weiri_member_text(to, "logId", id);
    weiri_member_number(to, "partitions", identity->partitions);
    weiri_member_number(to, "format", identity->format);
    weiri_member_time(to, "created", identity->created_ms);
}

void
weiri_service_info(weiri_service *service, weiri_reply *reply)
{
    weiri_buffer *to = &reply->body;

    weiri_buffer_add_char(to, '{');
    weiri_identity_write(to, service->identity);
    weiri_member_time(to, "started", service->started_ms);
    weiri_member_text(to, "dir", service->dir);
    weiri_buffer_add_char(to, '}');
    weiri_reply_json(reply);
}

/* *ret_last 0: nothing has come. */
static weir_status
source_of(weiri_service *service, uint32_t partition, const char *name, uint64_t *ret_last, uint64_t *ret_fingerprint, weir_error *err)
{
    bool here = service->elsewhere == NULL || weiri_commands_lane(service->commands, partition, NULL) == WEIRI_LANE_SERVING;

    if (!here)
        return weiri_elsewhere_source(
            service->elsewhere, partition, weiri_bytes_of(name), WEIRI_ELSEWHERE_MS / 10, ret_last, ret_fingerprint, err);
    if (!weiri_commands_source(service->commands, partition, weiri_bytes_of(name), ret_last, ret_fingerprint))
        *ret_last = 0;
    return WEIR_OK;
}

void
weiri_service_source(weiri_service *service, const char *name, weiri_reply *reply)
{
    uint64_t sequence = 0, fingerprint = 0, of_one = 0;
    weir_status status = WEIR_OK;
    weiri_buffer partitions = { 0 };
    weir_error err;

    for (uint32_t p = 0; status == WEIR_OK && p < service->identity->partitions; p++) {
        status = source_of(service, p, name, &sequence, &of_one, &err);
        if (status != WEIR_OK || sequence == 0)
            continue;
        fingerprint = of_one;
        weiri_buffer_print(
            &partitions, "%s{\"partition\":%" PRIu32 ",\"sequence\":%" PRIu64 "}", partitions.size > 0 ? "," : "", p, sequence);
    }
    if (status != WEIR_OK) {
        weiri_reply_error(reply, status == WEIR_BUSY ? "not-ready" : "", &err);
        weiri_buffer_fini(&partitions);
        return;
    }
    if (partitions.size == 0) {
        (void)weiri_error_set(&err, WEIR_NOT_FOUND, "nothing has come from a source '%s' yet", name);
        weiri_reply_error(reply, "", &err);
        return;
    }
    weiri_buffer_add_char(&reply->body, '{');
    weiri_member_text(&reply->body, "source", name);
    weiri_member_number(&reply->body, "fingerprint", fingerprint);
    weiri_member(&reply->body, "partitions");
    weiri_buffer_add_char(&reply->body, '[');
    weiri_buffer_add_bytes(&reply->body, weiri_buffer_bytes(&partitions));
    weiri_buffer_add_text(&reply->body, "]}");
    weiri_buffer_fini(&partitions);
    weiri_reply_json(reply);
}

/* ---- health ---------------------------------------------------------------------------------------------- */

void
weiri_service_live(weiri_service *service, weiri_reply *reply)
{
    (void)service;
    weiri_buffer_add_text(&reply->body, "{\"status\":\"live\"}");
    weiri_reply_json(reply);
}

/* On a shared log: nothing that is given to this process waits to be served, and nothing has halted. */
static weir_status
lanes_ready(weiri_service *service, weir_error *err)
{
    const weiri_world *world = service->world;
    uint32_t serving = 0;

    if (!weiri_log_shared(service->log) || !service->roles.lane)
        return WEIR_OK;
    for (uint32_t p = 0; p < service->identity->partitions; p++) {
        weiri_lane_life life = weiri_commands_lane(service->commands, p, err);
        if (life == WEIRI_LANE_HALTED) {
            (void)weiri_error_prefix(err, "the lane of partition %" PRIu32 " has halted", p);
            return WEIR_BUSY;
        }
        if (life != WEIRI_LANE_SERVING && life != WEIRI_LANE_AWAY)
            return weiri_error_set(err, WEIR_BUSY, "the lane of partition %" PRIu32 " is %s", p, weiri_lane_life_name(life));
        serving += life == WEIRI_LANE_SERVING;
    }
    /* There may be more processes than partitions: after a while that is no reason. */
    if (serving == 0 && world->time_ms(world) - service->started_ms < FIRST_PARTITION_MS)
        return weiri_error_set(err, WEIR_BUSY, "no partition has been given to this process yet");
    return WEIR_OK;
}

void
weiri_service_ready(weiri_service *service, weiri_reply *reply)
{
    weir_error err;

    if (atomic_load(&service->refusing)) {
        weiri_reply_problem(reply, WEIR_CLOSED, "", "the engine is closing");
        return;
    }
    if (weiri_log_state(service->log, &err) != WEIR_OK || lanes_ready(service, &err) != WEIR_OK ||
        (weiri_log_shared(service->log) && weiri_log_followed(service->log, &err) != WEIR_OK)) {
        bool failed = err.status == WEIR_IO;
        err.status = failed ? WEIR_IO : WEIR_BUSY;
        weiri_reply_error(reply, failed ? WEIRI_LOG_FAILED : "not-ready", &err);
        return;
    }
    weiri_buffer_add_text(&reply->body, "{\"status\":\"ready\"}");
    weiri_reply_json(reply);
}
