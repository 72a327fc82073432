/* SPDX-License-Identifier: Apache-2.0
 * Deciding one command: weir_emit, weir_reject and what an author may ask. An event is packed before weir_emit returns;
 * the first mistake sticks and fails the whole decision. Thread: one at a time. */
#include "command/decision.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "message/record.h"
#include <stdio.h>
#include <string.h>

void
weiri_decision_begin(weir_decision *d, const weiri_schema *schema, const weiri_type *command, const char *key, weiri_bytes id,
    uint64_t version, int64_t time_ms)
{
    if (d->schema != schema)
        d->recent = NULL;
    d->schema = schema;
    d->command = command;
    d->key = key;
    d->id = id;
    d->version = version;
    d->time_ms = time_ms;
    d->draws = 0;
    d->packed.size = 0;
    d->n_emitted = 0;
    d->status = WEIR_OK;
    d->code[0] = '\0';
    d->text[0] = '\0';
}

/* Cuts a text that did not fit at the last whole character, so that it stays UTF-8. */
static void
trim_utf8(char *text)
{
    size_t size = strlen(text);

    for (int i = 0; i < 4 && size > 0 && !weiri_utf8_valid((weiri_bytes){ text, size }); i++)
        text[--size] = '\0';
    if (!weiri_utf8_valid((weiri_bytes){ text, size }))
        text[0] = '\0';
}

static weir_status mistake(weir_decision *d, const char *format, ...) WEIR_PRINTF(2, 3);

static weir_status
mistake(weir_decision *d, const char *format, ...)
{
    va_list arguments;

    if (d->status == WEIR_INVALID)
        return WEIR_INVALID;
    d->status = WEIR_INVALID;
    d->n_emitted = 0;
    d->packed.size = 0;
    va_start(arguments, format);
    (void)vsnprintf(d->text, sizeof d->text, format, arguments); /* may speak of the code */
    va_end(arguments);
    d->code[0] = '\0';
    trim_utf8(d->text);
    return WEIR_INVALID;
}

static const char *
aggregate_name(const weir_decision *d)
{
    return weiri_schema_aggregate(d->schema, d->command->aggregate)->name;
}

/* The declared type of `event`; NULL after a mistake. */
static const weiri_type *
declared_type(weir_decision *d, const ProtobufCMessage *event)
{
    const weiri_type *type = d->recent;

    if (type == NULL || type->descriptor != event->descriptor || type->aggregate != d->command->aggregate) {
        type = weiri_schema_find(d->schema, weiri_bytes_of(event->descriptor->name));
        if (type == NULL || type->kind != WEIRI_TYPE_EVENT || type->descriptor != event->descriptor ||
            type->aggregate != d->command->aggregate) {
            (void)mistake(d, "%s emitted %s: aggregate %s has no row for this event", d->command->descriptor->name, event->descriptor->name,
                aggregate_name(d));
            return NULL;
        }
        if (type->newest != type) {
            (void)mistake(d, "%s emitted %s, which is upcast to %s: emit that", d->command->descriptor->name, event->descriptor->name,
                type->newest->descriptor->name);
            return NULL;
        }
        d->recent = type;
    }
    return type;
}

static void
append_emitted(weir_decision *d, const weiri_type *type, size_t size)
{
    if (d->n_emitted == d->room) {
        d->room = d->room == 0 ? 8 : d->room * 2;
        d->emitted = weiri_reallocate(d->emitted, d->room * sizeof *d->emitted);
    }
    d->emitted[d->n_emitted++] = (weiri_emitted){ type, d->packed.size, size };
}

void
weiri_decision_add(weir_decision *d, const weiri_type *type, weiri_bytes packed)
{
    append_emitted(d, type, packed.size);
    weiri_buffer_add_bytes(&d->packed, packed);
}

weir_status
weir_emit(weir_decision *d, const ProtobufCMessage *event)
{
    weir_error err;

    if (d->status == WEIR_INVALID)
        return WEIR_INVALID;
    if (d->status == WEIR_REJECTED)
        return mistake(d, "%s emitted %s after it had rejected with '%s'", d->command->descriptor->name, event->descriptor->name, d->code);
    const weiri_type *type = declared_type(d, event);
    if (type == NULL)
        return WEIR_INVALID;
    /* The author's message is const: a shallow copy of it gets the key. */
    d->copy.size = 0;
    ProtobufCMessage *copy = weiri_buffer_extend(&d->copy, event->descriptor->sizeof_message);
    memcpy(copy, event, event->descriptor->sizeof_message);
    if (weiri_type_set_key(type, copy, d->key, &err) != WEIR_OK)
        return mistake(d, "%s of %s emitted %s: %s", d->command->descriptor->name, d->key, event->descriptor->name, err.text);
    size_t size = protobuf_c_message_get_packed_size(copy);
    if (size > WEIRI_MESSAGE_MOST)
        return mistake(d, "%s emitted %s of %zu bytes; at most %d are possible", d->command->descriptor->name, event->descriptor->name,
            size, WEIRI_MESSAGE_MOST);
    if (d->packed.size + size > WEIRI_DECISION_MOST)
        return mistake(d, "%s emitted more than %d bytes of events at once", d->command->descriptor->name, WEIRI_DECISION_MOST);
    append_emitted(d, type, size);
    uint8_t *to = weiri_buffer_reserve(&d->packed, size);
    size_t written = protobuf_c_message_pack(copy, to);
    weiri_assert(written == size);
    d->packed.size += size;
    return WEIR_OK;
}

static bool
code_valid(const char *code)
{
    size_t size = strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return size > 0 && code[size] == '\0' && size < sizeof((weir_decision *)NULL)->code;
}

weir_status
weir_reject(weir_decision *d, const char *code, const char *format, ...)
{
    va_list arguments;

    if (d->status != WEIR_OK) /* the first rejection stands, and so does a mistake */
        return d->status;
    if (code == NULL || !code_valid(code))
        return mistake(d, "%s rejected with the code '%s': a code is [a-z0-9-]+, at most 63 characters", d->command->descriptor->name,
            code == NULL ? "" : code);
    d->status = WEIR_REJECTED;
    d->n_emitted = 0;
    d->packed.size = 0;
    (void)snprintf(d->code, sizeof d->code, "%s", code);
    va_start(arguments, format);
    (void)vsnprintf(d->text, sizeof d->text, format, arguments);
    va_end(arguments);
    trim_utf8(d->text);
    return WEIR_REJECTED;
}

weir_status
weiri_decision_run(weir_decision *d, const void *state, const ProtobufCMessage *command)
{
    weir_status returned = d->command->decide(d, state, command);

    if (d->status != WEIR_OK || returned == WEIR_OK)
        return d->status;
    if (returned == WEIR_REJECTED)
        return mistake(d, "%s returned WEIR_REJECTED without weir_reject", d->command->descriptor->name);
    return mistake(d, "%s returned '%s'", d->command->descriptor->name, weir_status_name(returned));
}

weiri_bytes
weiri_decision_event(const weir_decision *d, size_t i)
{
    weiri_assert(i < d->n_emitted);
    return (weiri_bytes){ d->packed.data + d->emitted[i].start, d->emitted[i].size };
}

void
weiri_decision_fini(weir_decision *d)
{
    weiri_buffer_fini(&d->packed);
    weiri_buffer_fini(&d->copy);
    weiri_release(d->emitted);
    *d = (weir_decision){ 0 };
}

char *
weir_key(const weir_decision *d)
{
    return (char *)(uintptr_t)d->key;
}

uint64_t
weir_version(const weir_decision *d)
{
    return d->version;
}

int64_t
weir_time_ms(const weir_decision *d)
{
    return d->time_ms;
}

uint64_t
weir_random(weir_decision *d)
{
    uint64_t draw = d->draws++;
    uint8_t bytes[8];

    for (int i = 0; i < 8; i++) /* little-endian: the same numbers on every machine */
        bytes[i] = (uint8_t)(draw >> 8 * i);
    return weiri_hash64(weiri_hash64(0, d->id.data, d->id.size), bytes, sizeof bytes);
}
