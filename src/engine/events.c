/* SPDX-License-Identifier: Apache-2.0
 * Events as people and programs see them: always of the newest type, whatever was stored. Thread: any. */
#include "engine/events.h"
#include "engine/reply.h"
#include "base/memory.h"
#include "message/json.h"
#include <stdlib.h>

static weir_status
unpack(const weiri_schema *schema, const weiri_record *event, const weiri_type **ret_type, ProtobufCMessage **ret_message, weir_error *err)
{
    const weiri_type *type = weiri_schema_find(schema, event->type);
    bool upcast;

    if (type == NULL || type->kind != WEIRI_TYPE_EVENT)
        return weiri_error_set(err, WEIR_INVALID, "this module has no event '%.*s'", (int)event->type.size, (const char *)event->type.data);
    return weiri_type_unpack_event(type, event->payload, NULL, ret_type, ret_message, &upcast, err);
}

weir_status
weiri_event_write_type(weiri_buffer *to, const weiri_schema *schema, const weiri_record *event, bool data, weir_error *err)
{
    ProtobufCMessage *message = NULL;
    const weiri_type *type = schema != NULL ? weiri_schema_find(schema, event->type) : NULL;

    if (type != NULL && type->newest != type) {
        weiri_member_text(to, "type", type->newest->descriptor->name);
        weiri_member_bytes(to, "was", event->type);
    } else
        weiri_member_bytes(to, "type", event->type);
    weiri_member_number(to, "version", event->version);
    if (!data || schema == NULL)
        return WEIR_OK;
    weir_status status = unpack(schema, event, &type, &message, err);
    if (status != WEIR_OK)
        return status;
    weiri_member(to, "data");
    weiri_json_add_message(to, message, WEIRI_JSON_DEFAULTS);
    protobuf_c_message_free_unpacked(message, NULL);
    return WEIR_OK;
}

weir_status
weiri_event_write(
    weiri_buffer *to, const weiri_schema *schema, const weiri_record *event, uint32_t partition, uint64_t offset, weir_error *err)
{
    weiri_bytes traceparent;

    weiri_member_bytes(to, "aggregate", event->aggregate);
    weiri_member_bytes(to, "key", event->key);
    weir_status status = weiri_event_write_type(to, schema, event, true, err);
    weiri_member_time(to, "time", event->time_ms);
    weiri_member_number(to, "partition", partition);
    weiri_member_number(to, "offset", offset);
    weiri_member_number(to, "command", event->source);
    if (event->id.size > 0)
        weiri_member_bytes(to, "commandId", event->id);
    if (weiri_headers_find(event->headers, WEIRI_HEADER_TRACEPARENT, &traceparent))
        weiri_member_bytes(to, "traceparent", traceparent);
    return status;
}

/* ---- states -------------------------------------------------------------------------------------------- */

ProtobufCMessage *
weiri_state_new(const weiri_type *type)
{
    /* protobuf-c frees with free. */
    ProtobufCMessage *state = weiri_allocate(type->descriptor->sizeof_message);

    type->descriptor->message_init(state);
    return state;
}

weir_status
weiri_state_fold(ProtobufCMessage *state, const weiri_schema *schema, const weiri_record *event, weir_error *err)
{
    ProtobufCMessage *message = NULL;
    const weiri_type *type;

    weir_status status = unpack(schema, event, &type, &message, err);
    if (status != WEIR_OK)
        return status;
    if (type->evolve != NULL)
        type->evolve(state, message);
    protobuf_c_message_free_unpacked(message, NULL);
    return WEIR_OK;
}

/* ---- filters ------------------------------------------------------------------------------------------- */

weir_status
weiri_type_filter_parse(const weiri_schema *schema, const char *names, weiri_type_filter *ret_filter, weir_error *err)
{
    weiri_type_filter filter = { 0 };
    weir_status status = WEIR_OK;
    char *copy = weiri_text_copy(names), *rest = copy, *name;

    while ((name = strsep(&rest, ",")) != NULL) {
        const char *full = name;
        if (name[0] == '\0')
            continue;
        if (schema != NULL) {
            const weiri_type *type;
            status = weiri_schema_look_up(schema, WEIRI_TYPE_EVENT, name, &type, err);
            if (status != WEIR_OK)
                break;
            full = type->newest->descriptor->name;
        }
        filter.names = weiri_reallocate(filter.names, (filter.n + 1) * sizeof *filter.names);
        filter.names[filter.n++] = weiri_text_copy(full);
    }
    weiri_release(copy);
    if (status == WEIR_OK)
        *ret_filter = filter;
    else
        weiri_type_filter_fini(&filter);
    return status;
}

bool
weiri_type_filter_names(const weiri_type_filter *filter, weiri_bytes newest)
{
    for (size_t i = 0; i < filter->n; i++) {
        if (weiri_bytes_are(newest, filter->names[i]))
            return true;
    }
    return filter->n == 0;
}

bool
weiri_type_filter_has(const weiri_type_filter *filter, const weiri_schema *schema, weiri_bytes name)
{
    if (filter->n == 0)
        return true;
    const weiri_type *type = schema != NULL ? weiri_schema_find(schema, name) : NULL;
    return weiri_type_filter_names(filter, type != NULL ? weiri_bytes_of(type->newest->descriptor->name) : name);
}

void
weiri_type_filter_fini(weiri_type_filter *filter)
{
    for (size_t i = 0; i < filter->n; i++)
        weiri_release(filter->names[i]);
    weiri_release(filter->names);
    *filter = (weiri_type_filter){ 0 };
}
