/* SPDX-License-Identifier: Apache-2.0
 * From a durable record to the commands that it asks for. Thread: the router's. */
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "command/front.h"
#include "command/router_inside.h"
#include <inttypes.h>
#include <stdio.h>

enum { SOURCE_ROOM = 128, ID_ROOM = 64 };

static void
source_name(const weiri_router *router, uint32_t partition, size_t process, char to[SOURCE_ROOM])
{
    (void)snprintf(to, SOURCE_ROOM, "weir/%016" PRIx64 "/%" PRIu32 "/%s", weiri_log_identity_of(router->commands->config.log)->id,
        partition, weiri_schema_module(router->commands->config.schema)->processes[process]->name);
}

bool
weiri_router_source_process(const weiri_commands *commands, weiri_bytes source, size_t *ret_aggregate)
{
    char prefix[32];
    int size = snprintf(prefix, sizeof prefix, "weir/%016" PRIx64 "/", weiri_log_identity_of(commands->config.log)->id);
    const char *at = source.data, *end = at + source.size;

    if (source.size <= (size_t)size || memcmp(at, prefix, (size_t)size) != 0)
        return false;
    const char *slash = memchr(at + size, '/', source.size - (size_t)size);
    if (slash == NULL)
        return false;
    int aggregate = weiri_schema_aggregate_find(commands->config.schema, (weiri_bytes){ slash + 1, (size_t)(end - slash - 1) });
    if (aggregate < 0 || weiri_schema_process(commands->config.schema, (size_t)aggregate) == NULL)
        return false;
    *ret_aggregate = (size_t)aggregate;
    return true;
}

bool
weiri_router_source_partition(weiri_bytes source, uint32_t *ret_partition)
{
    char text[SOURCE_ROOM];

    (void)snprintf(text, sizeof text, "%.*s", (int)source.size, (const char *)source.data);
    return sscanf(text, "weir/%*16[0-9a-f]/%" SCNu32, ret_partition) == 1;
}

/* ---- sending ------------------------------------------------------------------------------------------------ */

static size_t
place_of(const weiri_router *router, uint32_t from, size_t process, uint32_t to)
{
    return ((size_t)from * router->n + process) * router->partitions + to;
}

void
weiri_route_forget(weiri_router *router, const weiri_route *route)
{
    for (size_t process = 0; process < router->n; process++)
        for (uint32_t to = 0; to < router->partitions; to++)
            router->last[place_of(router, route->partition, process, to)] = WEIRI_NO_OFFSET;
}

void
weiri_route_settle(weiri_router *router)
{
    if (router->n_opening > 0)
        memset(router->opening, 0, (size_t)router->partitions * router->n * router->partitions);
    router->n_opening = 0;
}

static void
one_less(weiri_router *router)
{
    weiri_signal *moved = weiri_log_moved(router->commands->config.log);

    if (atomic_fetch_sub(&router->under_way, 1) == 1)
        weiri_signal_raise(moved);
}

/* The callback thread. An outcome of any kind is one; what was refused comes again. */
static void
answered(void *user, const weiri_answer *answer)
{
    weiri_router *router = user;

    if (answer->status != WEIR_OK && answer->status != WEIR_REJECTED)
        atomic_store(&router->refused, true);
    one_less(router);
}

static weir_status
submit(weiri_router *router, const weiri_route_item *item, const char *source, const char *id, uint64_t previous)
{
    weiri_commands *c = router->commands;
    const weiri_submit submit = { .type = item->type,
        .key = item->key,
        .payload = item->payload,
        .id = weiri_bytes_of(id),
        .source = weiri_bytes_of(source),
        .sequence = item->sequence,
        .previous = previous,
        .headers = weiri_buffer_bytes(&router->headers),
        .done = answered,
        .user = router };

    atomic_fetch_add(&router->under_way, 1);
    weir_status status = c->front != NULL ? weiri_front_submit(c->front, &submit, &router->err)
                                          : weiri_commands_submit(c, &submit, &router->err);
    if (status != WEIR_OK)
        one_less(router);
    return status;
}

weir_status
weiri_route_send(weiri_router *router, weiri_route *route, const weiri_route_item *item)
{
    char source[SOURCE_ROOM], id[ID_ROOM];
    uint32_t to = weiri_partition_of(item->key, router->partitions);
    size_t place = place_of(router, route->partition, item->process, to);
    uint64_t *last = &router->last[place], fingerprint;
    bool shared = router->commands->front != NULL;

    if (router->only != 0 && (item->sequence != router->only || item->process != router->only_process))
        return WEIR_OK;
    source_name(router, route->partition, item->process, source);
    (void)snprintf(id, sizeof id, "%" PRIu32 "-%" PRIu64 "-%" PRIu32, route->partition, item->source, item->index);
    if (router->only != 0)
        return submit(router, item, source, id, WEIRI_ANY_PREVIOUS);
    if (router->opening[place])
        return WEIR_BUSY;
    if (*last == WEIRI_NO_OFFSET && !shared && !weiri_commands_source(router->commands, to, weiri_bytes_of(source), last, &fingerprint))
        *last = 0;
    if (*last != WEIRI_NO_OFFSET && item->sequence <= *last)
        return WEIR_OK; /* the lane has it */
    /* On a shared log nobody here knows what the lane has. The first one says nothing of what it follows, and goes alone: all before it
     * has been answered, or the position would not be here. */
    bool opens = *last == WEIRI_NO_OFFSET;
    weir_status status = submit(router, item, source, id, opens ? WEIRI_ANY_PREVIOUS : *last);
    if (status != WEIR_OK)
        return status;
    *last = item->sequence;
    router->opening[place] = opens;
    router->n_opening += opens;
    return WEIR_OK;
}

/* ---- what a record asks for ------------------------------------------------------------------------------- */

/* What goes on from a record to what comes of it. */
static void
keep_headers(weiri_router *router, const weiri_record *record, uint64_t more_hops)
{
    static const char *const kept[] = { WEIRI_HEADER_CORRELATION, WEIRI_HEADER_TRACEPARENT };
    uint64_t hops = 0;
    weiri_bytes value;

    weiri_buffer_clear(&router->headers);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (weiri_headers_find(record->headers, kept[i], &value))
            weiri_headers_add(&router->headers, kept[i], value);
    (void)weiri_headers_find_number(record->headers, WEIRI_HEADER_HOPS, &hops);
    weiri_headers_add_number(&router->headers, WEIRI_HEADER_HOPS, hops + more_hops);
}

static weir_status
send_step(weiri_router *router, weiri_route *route, const weiri_record *record, size_t process, Weir__StepProcess *step, weiri_bytes key)
{
    const weiri_schema *schema = router->commands->config.schema;
    char text[UINT8_MAX + 1];

    memcpy(text, key.data, key.size);
    text[key.size] = '\0';
    step->process = (char *)(uintptr_t)weiri_schema_module(schema)->processes[process]->name;
    step->instance = text;
    weiri_buffer_clear(&router->payload);
    (void)weir__step_process__pack(step, weiri_buffer_extend(&router->payload, weir__step_process__get_packed_size(step)));
    keep_headers(router, record, 1);
    const weiri_route_item item = { .process = process,
        .type = weiri_schema_step(schema, weiri_schema_process_aggregate(schema, process)),
        .key = key,
        .payload = weiri_buffer_bytes(&router->payload),
        .sequence = ((record->source + 1) << WEIRI_SEQUENCE_SHIFT) + record->index,
        .source = record->source,
        .index = record->index };
    return weiri_route_send(router, route, &item);
}

/* An event, to the processes that listen to it. */
static weir_status
route_event(weiri_router *router, weiri_route *route, const weiri_record *record, const weiri_type *type)
{
    const weir_module *module = weiri_schema_module(router->commands->config.schema);
    Weir__StepProcess step = WEIR__STEP_PROCESS__INIT;
    ProtobufCMessage *event = NULL;
    char digits[WEIRI_KEY_DIGITS];
    const weiri_type *newest;
    weir_status status = WEIR_OK;
    bool upcast;

    for (size_t i = 0; i < router->n && status == WEIR_OK; i++) {
        if (!router->listens[i][type->newest->number] || record->source < route->positions[i])
            continue;
        if (event == NULL)
            status = weiri_type_unpack_event(type, record->payload, NULL, &newest, &event, &upcast, &router->err);
        if (status != WEIR_OK)
            break;
        weiri_bytes key = weiri_process_key(module->processes[i], event, digits);
        step.kind = WEIR__STEP_PROCESS__KIND__EVENT;
        step.name = (char *)(uintptr_t)type->descriptor->name;
        step.message = (ProtobufCBinaryData){ record->payload.size, (uint8_t *)(uintptr_t)record->payload.data };
        if (key.size > 0)
            status = send_step(router, route, record, i, &step, key);
    }
    if (event != NULL)
        protobuf_c_message_free_unpacked(event, NULL);
    return status;
}

/* A command whose type is no more is rejected on the way, as far as its process can hear that. */
static weir_status
send_command(
    weiri_router *router, weiri_route *route, const weiri_record *record, size_t process, const Weir__SentCommand *sent, uint32_t i)
{
    const weiri_schema *schema = router->commands->config.schema;
    const weiri_type *type = weiri_schema_find(schema, weiri_bytes_of(sent->type));
    weiri_route_item item = { .process = process,
        .type = type,
        .key = weiri_bytes_of(sent->key),
        .payload = { sent->payload.data, sent->payload.len },
        .sequence = ((record->source + 1) << WEIRI_SEQUENCE_SHIFT) + i,
        .source = record->source,
        .index = i };

    keep_headers(router, record, 0);
    if (type != NULL && type->kind == WEIRI_TYPE_COMMAND && type->process == NULL) {
        weiri_headers_add(&router->headers, WEIRI_HEADER_INSTANCE, record->key);
        return weiri_route_send(router, route, &item);
    }
    Weir__StepProcess step = WEIR__STEP_PROCESS__INIT;
    char text[UINT8_MAX + 1];
    memcpy(text, record->key.data, record->key.size);
    text[record->key.size] = '\0';
    step.process = (char *)(uintptr_t)weiri_schema_module(schema)->processes[process]->name;
    step.instance = text;
    step.kind = WEIR__STEP_PROCESS__KIND__REJECTION;
    step.name = sent->type;
    step.message = sent->payload;
    step.code = (char *)(uintptr_t) "unknown-command";
    step.text = (char *)(uintptr_t) "this module has no such command any more";
    weiri_buffer_clear(&router->payload);
    (void)weir__step_process__pack(&step, weiri_buffer_extend(&router->payload, weir__step_process__get_packed_size(&step)));
    item.type = weiri_schema_step(schema, weiri_schema_process_aggregate(schema, process));
    item.key = record->key;
    item.payload = weiri_buffer_bytes(&router->payload);
    return weiri_route_send(router, route, &item);
}

/* A step: the commands that it sends. */
static weir_status
route_step(weiri_router *router, weiri_route *route, const weiri_record *record, const weiri_type *type)
{
    size_t process = (size_t)type->aggregate - weiri_schema_process_aggregate(router->commands->config.schema, 0);
    weir_status status = WEIR_OK;

    if (record->source < route->positions[process])
        return WEIR_OK;
    Weir__ProcessStepped *step = weir__process_stepped__unpack(NULL, record->payload.size, record->payload.data);
    if (step == NULL)
        return WEIR_CORRUPT;
    for (size_t i = 0; i < step->n_sends && status == WEIR_OK; i++)
        status = send_command(router, route, record, process, step->sends[i], (uint32_t)i);
    weir__process_stepped__free_unpacked(step, NULL);
    return status;
}

/* A rejection of what a process sent, if it has a row for it. What nobody hears the lane has listed. */
static weir_status
route_rejection(weiri_router *router, weiri_route *route, const weiri_record *record)
{
    const weiri_schema *schema = router->commands->config.schema;
    Weir__StepProcess step = WEIR__STEP_PROCESS__INIT;
    weiri_bytes name, instance, type, command = { 0 }, code = { 0 };
    char type_text[256], code_text[64], words[1024];
    uint64_t unanswered;

    if (!weiri_headers_find(record->headers, WEIRI_HEADER_PROCESS, &name) ||
        !weiri_headers_find(record->headers, WEIRI_HEADER_INSTANCE, &instance) ||
        !weiri_headers_find(record->headers, WEIRI_HEADER_REJECTED, &type) ||
        weiri_headers_find_number(record->headers, WEIRI_HEADER_UNANSWERED, &unanswered))
        return WEIR_OK;
    int aggregate = weiri_schema_aggregate_find(schema, name);
    if (aggregate < 0 || weiri_schema_process(schema, (size_t)aggregate) == NULL || !weiri_key_valid(instance))
        return WEIR_OK;
    size_t process = (size_t)aggregate - weiri_schema_process_aggregate(schema, 0);
    if (record->source < route->positions[process])
        return WEIR_OK;
    (void)weiri_headers_find(record->headers, WEIRI_HEADER_REJECTED_COMMAND, &command);
    (void)weiri_headers_find(record->headers, WEIRI_HEADER_CODE, &code);
    (void)snprintf(type_text, sizeof type_text, "%.*s", (int)type.size, (const char *)type.data);
    (void)snprintf(code_text, sizeof code_text, "%.*s", (int)code.size, (const char *)code.data);
    (void)snprintf(words, sizeof words, "%.*s", (int)record->payload.size, (const char *)record->payload.data);
    step.kind = WEIR__STEP_PROCESS__KIND__REJECTION;
    step.name = type_text;
    step.message = (ProtobufCBinaryData){ command.size, (uint8_t *)(uintptr_t)command.data };
    step.code = code_text;
    step.text = words;
    return send_step(router, route, record, process, &step, instance);
}

weir_status
weiri_route_record(weiri_router *router, weiri_route *route, const weiri_record *record)
{
    if (record->kind == WEIRI_RECORD_OUTCOME)
        return weiri_bytes_are(record->type, WEIRI_OUTCOME_REJECTED) ? route_rejection(router, route, record) : WEIR_OK;
    const weiri_type *type = weiri_schema_find_of(router->commands->config.schema, record->type, record->aggregate);
    if (type == NULL || type->kind != WEIRI_TYPE_EVENT)
        return WEIR_CORRUPT; /* recovery would not have opened such a log */
    return type->process != NULL ? route_step(router, route, record, type) : route_event(router, route, record, type);
}
