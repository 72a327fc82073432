/* SPDX-License-Identifier: Apache-2.0
 * The quarantine as a person sees it: what is held, with what each command says, and letting an aggregate out. The lanes are asked,
 * so all that is told is durable; the commands themselves are read from the log. Thread: the caller's, which waits here. */
#include "engine/asking.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "command/quarantine.h"
#include "message/json.h"
#include "message/outcome.h"
#include <stdio.h>
#include <stdlib.h>

static void
fail(weiri_reply *reply, weir_error *err)
{
    weiri_reply_error(reply, err->status == WEIR_IO ? WEIRI_LOG_FAILED : err->status == WEIR_TIMEOUT ? "unknown" : "", err);
}

/* ---- what is held ------------------------------------------------------------------------------------------ */

typedef struct item {
    uint32_t partition;
    weiri_held_row row;
    weiri_bytes key, source; /* borrowed from the asking */
} item;

typedef struct held {
    weiri_asking *from;
    item *items;
    size_t n, room;
} held;

static void
held_fini(held *all)
{
    weiri_release(all->items);
    if (all->from != NULL)
        weiri_asking_drop(all->from);
}

static int
compare(const void *left, const void *right)
{
    const item *a = left, *b = right;
    size_t shorter = a->key.size < b->key.size ? a->key.size : b->key.size;

    if (a->row.aggregate != b->row.aggregate)
        return a->row.aggregate < b->row.aggregate ? -1 : 1;
    int order = memcmp(a->key.data, b->key.data, shorter);
    if (order != 0 || a->key.size != b->key.size)
        return order != 0 ? order : a->key.size < b->key.size ? -1 : 1;
    return a->row.command < b->row.command ? -1 : a->row.command > b->row.command;
}

static bool
same_aggregate(const item *a, const item *b)
{
    return a->row.aggregate == b->row.aggregate && weiri_bytes_equal(a->key, b->key);
}

/* All that is held in partitions from..to-1, by aggregate and key, then in the order it came. */
static weir_status
ask_held(weiri_service *service, uint32_t from, uint32_t to, held *all, weir_error *err)
{
    weiri_asking *a = all->from = weiri_asking_new(service->identity->partitions, to - from);
    weir_status status = WEIR_OK;
    uint32_t p = from;
    item one;

    while (status == WEIR_OK && p < to) {
        status = weiri_commands_ask_held(service->commands, p, weiri_asking_answered, a, err);
        p += status == WEIR_OK;
    }
    status = weiri_asking_await(service, a, status, to - p, err);
    for (p = from; status == WEIR_OK && p < to; p++) {
        size_t at = 0;
        one.partition = p;
        while (weiri_held_next(weiri_buffer_bytes(&a->rows[p]), &at, &one.row, &one.key, &one.source)) {
            if (all->n == all->room) {
                all->room = all->room == 0 ? 64 : all->room * 2;
                all->items = weiri_reallocate(all->items, all->room * sizeof *all->items);
            }
            all->items[all->n++] = one;
        }
    }
    if (all->n > 0)
        qsort(all->items, all->n, sizeof *all->items, compare);
    return status;
}

static bool
record_at(weiri_service *service, weiri_chunk *chunk, weiri_topic topic, uint32_t partition, uint64_t offset, weiri_record *ret_record)
{
    weir_error err;
    uint64_t at;
    weir_status status = weiri_log_read(service->log, topic, partition, offset, chunk, &err);

    while (status == WEIR_OK && weiri_chunk_next(chunk, ret_record, &at, &status))
        if (status == WEIR_OK && at == offset)
            return true;
    return false;
}

static void
write_data(weiri_buffer *to, const weiri_schema *schema, const weiri_record *record)
{
    const weiri_type *type = weiri_schema_find_of(schema, record->type, record->aggregate);
    ProtobufCMessage *message = type == NULL
                                    ? NULL
                                    : protobuf_c_message_unpack(type->descriptor, NULL, record->payload.size, record->payload.data);

    if (message != NULL) {
        weiri_member(to, "data");
        weiri_json_add_message(to, message, WEIRI_JSON_DEFAULTS);
        protobuf_c_message_free_unpacked(message, NULL);
        return;
    }
    weiri_member(to, "payload");
    weiri_buffer_add_char(to, '"');
    weiri_add_base64(to, record->payload);
    weiri_buffer_add_char(to, '"');
}

static void
write_record(weiri_buffer *to, const weiri_schema *schema, const weiri_record *record, const item *of, bool data)
{
    uint64_t number;

    weiri_member_bytes(to, "type", record->type);
    if (of->source.size == 0)
        weiri_member_bytes(to, "id", record->id);
    else {
        weiri_member_bytes(to, "source", of->source);
        weiri_member_number(to, "sequence", of->row.sequence);
        if (weiri_headers_find_number(record->headers, WEIRI_HEADER_PREVIOUS, &number))
            weiri_member_number(to, "previous", number);
        if (weiri_headers_find_number(record->headers, WEIRI_HEADER_FINGERPRINT, &number))
            weiri_member_number(to, "fingerprint", number);
    }
    if ((record->flags & WEIRI_RECORD_EXPECTS) != 0)
        weiri_member_number(to, "expectedVersion", record->expected_version);
    weiri_member_time(to, "time", record->time_ms);
    if (data)
        write_data(to, schema, record);
}

/* Members of an object that the caller opens and closes. */
static void
write_command(weiri_service *service, weiri_chunk *chunk, const item *of, bool data, weiri_buffer *to)
{
    weiri_record record;

    weiri_member_text(to, "code", of->row.cause ? "quarantined" : "key-quarantined");
    weiri_buffer_add_text(to, of->row.released ? ",\"released\":true" : ",\"released\":false");
    weiri_member_number(to, "command", of->row.command);
    weiri_member_number(to, "outcome", of->row.outcome);
    if (of->row.cause && record_at(service, chunk, WEIRI_TOPIC_OUTCOMES, of->partition, of->row.outcome, &record))
        weiri_member_bytes(to, "why", record.payload);
    if (record_at(service, chunk, WEIRI_TOPIC_COMMANDS, of->partition, of->row.command, &record))
        write_record(to, service->schema, &record, of, data);
}

static void
write_subject(weiri_service *service, const item *of, weiri_buffer *to)
{
    weiri_member_text(to, "aggregate", weiri_schema_aggregate(service->schema, of->row.aggregate)->name);
    weiri_member_bytes(to, "key", of->key);
    weiri_member_number(to, "partition", of->partition);
}

/* One aggregate, items from..to-1: the command that brought it here, or if that is settled the first, and how many are held. */
static void
write_group(weiri_service *service, weiri_chunk *chunk, const held *all, size_t from, size_t to_item, weiri_buffer *to)
{
    const item *first = &all->items[from];

    for (size_t i = from; i < to_item; i++) {
        if (all->items[i].row.cause && (!all->items[i].row.released || !first->row.cause))
            first = &all->items[i];
    }
    weiri_buffer_add_char(to, '{');
    write_subject(service, first, to);
    weiri_member_number(to, "held", to_item - from);
    write_command(service, chunk, first, false, to);
    weiri_buffer_add_char(to, '}');
}

void
weiri_service_quarantine(weiri_service *service, weiri_reply *reply)
{
    weiri_chunk chunk = { 0 };
    held all = { 0 };
    weir_error err;
    uint64_t aggregates = 0;

    if (ask_held(service, 0, service->identity->partitions, &all, &err) != WEIR_OK) {
        fail(reply, &err);
        held_fini(&all);
        return;
    }
    weiri_buffer_add_text(&reply->body, "{\"quarantine\":[");
    for (size_t i = 0, next; i < all.n; i = next) {
        for (next = i + 1; next < all.n && same_aggregate(&all.items[i], &all.items[next]);)
            next++;
        if (aggregates++ >= WEIRI_QUARANTINE_SHOWN)
            continue;
        if (i > 0)
            weiri_buffer_add_char(&reply->body, ',');
        write_group(service, &chunk, &all, i, next, &reply->body);
    }
    weiri_buffer_add_char(&reply->body, ']');
    weiri_member_number(&reply->body, "aggregates", aggregates);
    weiri_member_number(&reply->body, "commands", all.n);
    weiri_buffer_add_char(&reply->body, '}');
    weiri_reply_json(reply);
    weiri_chunk_fini(&chunk);
    held_fini(&all);
}

static void
write_held(weiri_service *service, const held *all, const item *of, bool data, weiri_reply *reply)
{
    weiri_buffer *to = &reply->body;
    weiri_chunk chunk = { 0 };
    uint64_t n = 0, shown = 0;

    weiri_buffer_add_char(to, '{');
    write_subject(service, of, to);
    weiri_member(to, "commands");
    weiri_buffer_add_char(to, '[');
    for (size_t i = 0; i < all->n; i++) {
        if (!same_aggregate(&all->items[i], of))
            continue;
        n++;
        if (shown == WEIRI_QUARANTINE_SHOWN || to->size > WEIRI_QUARANTINE_BYTES)
            continue;
        weiri_buffer_add_text(to, shown++ > 0 ? ",{" : "{");
        write_command(service, &chunk, &all->items[i], data, to);
        weiri_buffer_add_char(to, '}');
    }
    weiri_buffer_add_char(to, ']');
    weiri_member_number(to, "held", n);
    weiri_buffer_add_char(to, '}');
    weiri_chunk_fini(&chunk);
}

void
weiri_service_held(weiri_service *service, const char *aggregate, const char *key, bool data, weiri_reply *reply)
{
    held all = { 0 };
    item of = { .key = weiri_bytes_of(key) };
    weir_error err;

    weir_status status = weiri_find_aggregate(service->schema, aggregate, key, &of.row.aggregate, &err);
    of.partition = weiri_partition_of(of.key, service->identity->partitions);
    if (status == WEIR_OK)
        status = ask_held(service, of.partition, of.partition + 1, &all, &err);
    size_t i = 0;
    while (status == WEIR_OK && i < all.n && !same_aggregate(&all.items[i], &of))
        i++;
    if (status == WEIR_OK && i == all.n)
        status = weiri_error_set(&err, WEIR_NOT_FOUND, "%s/%s is not in quarantine", aggregate, key);
    if (status == WEIR_OK) {
        write_held(service, &all, &of, data, reply);
        weiri_reply_json(reply);
    } else
        fail(reply, &err);
    held_fini(&all);
}

/* ---- letting it out ---------------------------------------------------------------------------------------- */

static weir_status
release(weiri_service *service, const char *aggregate, const char *key, const char *reason, bool discard, uint64_t *ret_command,
    weir_error *err)
{
    char id[WEIRI_ID_MOST + 1];
    weiri_asking *a = weiri_asking_new(0, 1);
    weiri_release_call call = {
        .key = weiri_bytes_of(key), .reason = weiri_bytes_of(reason), .discard = discard, .done = weiri_asking_answered, .user = a
    };

    weiri_uuid7(service->world, id);
    call.id = weiri_bytes_of(id);
    weir_status status = atomic_load(&service->refusing) ? weiri_error_set(err, WEIR_CLOSED, "the engine is closing")
                                                         : weiri_find_aggregate(service->schema, aggregate, key, &call.aggregate, err);
    if (status == WEIR_OK)
        status = weiri_commands_release(service->commands, &call, err);
    status = weiri_asking_await(service, a, status, status != WEIR_OK, err);
    if (status == WEIR_NOT_FOUND && atomic_load(&a->left) == 0 && a->status == WEIR_NOT_FOUND)
        (void)weiri_error_set(err, status, "%s/%s is not in quarantine", aggregate, key);
    *ret_command = a->source;
    weiri_asking_drop(a);
    return status;
}

void
weiri_service_release(weiri_service *service, const char *aggregate, const char *key, const char *reason, bool discard, weiri_reply *reply)
{
    weiri_buffer *to = &reply->body;
    weir_error err;
    uint64_t command;

    if (release(service, aggregate, key, reason, discard, &command, &err) != WEIR_OK) {
        fail(reply, &err);
        return;
    }
    weiri_buffer_add_char(to, '{');
    weiri_member_text(to, "aggregate", aggregate);
    weiri_member_text(to, "key", key);
    weiri_member_number(to, "partition", weiri_partition_of(weiri_bytes_of(key), service->identity->partitions));
    weiri_member_number(to, "command", command);
    weiri_buffer_add_text(to, discard ? ",\"discarded\":true}" : ",\"discarded\":false}");
    weiri_reply_json(reply);
}

weir_status
weir_release(weir_engine *engine, const char *aggregate, const char *key, const char *reason, weir_error *err)
{
    uint64_t command;

    return release(engine, aggregate, key, reason, false, &command, err);
}
