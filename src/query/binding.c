/* SPDX-License-Identifier: Apache-2.0
 * Values of an unpacked event: NULL for an absent message, oneof case or optional field, what stands there for all
 * others. Thread: any. */
#include "query/binding.h"
#include <stdio.h>
#include "query/moment.h"
#include "query/value.h"

static const weiri_value null_value = { .kind = WEIRI_VALUE_NULL };

static const void *
member(const ProtobufCMessage *message, unsigned offset)
{
    return (const uint8_t *)message + offset;
}

size_t
weiri_repeated_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return *(const size_t *)member(message, field->quantifier_offset);
}

static size_t
element_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
        return 4;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 8;
    }
}

const void *
weiri_repeated_at(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i)
{
    const uint8_t *first = *(const uint8_t *const *)member(message, field->offset);

    return first + i * element_size(field->type);
}

/* Is there nothing to read: an absent message, another case of the oneof, an optional field not set? */
static bool
is_absent(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const void *at = member(message, field->offset);

    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        return *(const uint32_t *)member(message, field->quantifier_offset) != field->id;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(const void *const *)at == NULL;
    if (field->label != PROTOBUF_C_LABEL_OPTIONAL)
        return false;
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return *(const char *const *)at == NULL || *(const char *const *)at == (const char *)field->default_value;
    return !*(const protobuf_c_boolean *)member(message, field->quantifier_offset);
}

static weiri_value
time_value(int64_t ms, weiri_time_part part, weiri_arena *arena)
{
    char *text;

    switch (part) {
    case WEIRI_TIME_MINUTE:
        return weiri_value_integer(weiri_moment_floor(ms, WEIRI_MINUTE_MS));
    case WEIRI_TIME_HOUR:
        return weiri_value_integer(weiri_moment_floor(ms, WEIRI_HOUR_MS));
    case WEIRI_TIME_DAY:
        return weiri_value_integer(weiri_moment_floor(ms, WEIRI_DAY_MS));
    case WEIRI_TIME_DATE:
        text = weiri_arena_take(arena, WEIRI_MOMENT_SIZE);
        return weiri_value_text(text, weiri_moment_date(ms, text));
    case WEIRI_TIME_TEXT:
        text = weiri_arena_take(arena, WEIRI_MOMENT_SIZE);
        return weiri_value_text(text, weiri_moment_text(ms, text));
    case WEIRI_TIME_WHOLE:
        break;
    }
    return weiri_value_integer(ms);
}

static weiri_value
enum_value(const ProtobufCEnumDescriptor *descriptor, int number, weiri_arena *arena)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(descriptor, number);

    if (value != NULL)
        return weiri_value_text(value->name, strlen(value->name));
    char *digits = weiri_arena_take(arena, 12); /* a newer sender's */
    return weiri_value_text(digits, (size_t)snprintf(digits, 12, "%d", number));
}

static weir_status
unsigned_value(const ProtobufCFieldDescriptor *field, uint64_t number, weiri_value *ret_value, weir_error *err)
{
    if (number > INT64_MAX)
        return weiri_error_set(err, WEIR_INVALID, "'%s' is %llu: more than an integer of a database holds (%lld)", field->name,
            (unsigned long long)number, (long long)INT64_MAX);
    *ret_value = weiri_value_integer((int64_t)number);
    return WEIR_OK;
}

/* The value at `at`: a field of a message, or an element of a repeated one. */
static weir_status
value_at(const ProtobufCFieldDescriptor *field, const void *at, const weiri_binding *binding, weiri_arena *arena, weiri_value *ret_value,
    weir_error *err)
{
    const ProtobufCBinaryData *bytes = at;
    const char *text;

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        *ret_value = weiri_value_integer(*(const int32_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        *ret_value = weiri_value_integer(*(const uint32_t *)at);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        *ret_value = time_value(*(const int64_t *)at, binding->part, arena);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return unsigned_value(field, *(const uint64_t *)at, ret_value, err);
    case PROTOBUF_C_TYPE_FLOAT:
        *ret_value = (weiri_value){ .kind = WEIRI_VALUE_REAL, .real = (double)*(const float *)at };
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        *ret_value = (weiri_value){ .kind = WEIRI_VALUE_REAL, .real = *(const double *)at };
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *ret_value = weiri_value_integer(*(const protobuf_c_boolean *)at != 0);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        *ret_value = enum_value(field->descriptor, *(const int *)at, arena);
        break;
    case PROTOBUF_C_TYPE_STRING:
        text = *(const char *const *)at == NULL ? "" : *(const char *const *)at;
        *ret_value = weiri_value_text(text, strlen(text));
        break;
    case PROTOBUF_C_TYPE_BYTES:
        *ret_value = (weiri_value){ .kind = WEIRI_VALUE_BLOB, .bytes = { bytes->data, bytes->len } };
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        *ret_value = (weiri_value){ .kind = WEIRI_VALUE_TEXT, .bytes = weiri_binding_json(*(const ProtobufCMessage *const *)at, arena) };
        break;
    }
    return WEIR_OK;
}

static weir_status
field_value(const weiri_binding *binding, const weiri_bound_event *event, weiri_value *ret_value, weir_error *err)
{
    const ProtobufCMessage *message = event->message;

    for (size_t i = 0;; i++) {
        const ProtobufCFieldDescriptor *field = binding->fields[i];
        bool last = i + 1u == binding->depth;
        const void *at = member(message, field->offset);
        if (i == 0 && binding->in_each) {
            at = weiri_repeated_at(message, field, event->index);
        } else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            *ret_value = (weiri_value){ .kind = WEIRI_VALUE_TEXT, .bytes = weiri_binding_json_list(message, field, event->arena) };
            return WEIR_OK;
        } else if (is_absent(message, field)) {
            *ret_value = null_value;
            return WEIR_OK;
        }
        if (last)
            return value_at(field, at, binding, event->arena, ret_value, err);
        message = *(const ProtobufCMessage *const *)at;
    }
}

weir_status
weiri_binding_value(const weiri_binding *binding, const weiri_bound_event *event, weiri_value *ret_value, weir_error *err)
{
    const weiri_record *record = event->record;
    const char *name;

    switch (binding->kind) {
    case WEIRI_BINDING_FIELD:
        return field_value(binding, event, ret_value, err);
    case WEIRI_BINDING_KEY:
        *ret_value = weiri_value_text(record->key.data, record->key.size);
        break;
    case WEIRI_BINDING_VERSION:
        *ret_value = weiri_value_integer((int64_t)record->version);
        break;
    case WEIRI_BINDING_TIME:
        *ret_value = time_value(record->time_ms, binding->part, event->arena);
        break;
    case WEIRI_BINDING_PARTITION:
        *ret_value = weiri_value_integer(event->partition);
        break;
    case WEIRI_BINDING_OFFSET:
        *ret_value = weiri_value_integer((int64_t)event->offset);
        break;
    case WEIRI_BINDING_TYPE:
        name = event->type->descriptor->name;
        *ret_value = weiri_value_text(name, strlen(name));
        break;
    case WEIRI_BINDING_COMMAND_ID:
        *ret_value = weiri_value_text(record->id.data, record->id.size);
        break;
    case WEIRI_BINDING_INDEX:
        *ret_value = weiri_value_integer((int64_t)event->index);
        break;
    }
    return WEIR_OK;
}
