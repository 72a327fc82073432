/* SPDX-License-Identifier: Apache-2.0
 * What a binding gives as JSON: a message, and a repeated field as a whole, in the form of message/json.h with all fields
 * written, so that SQL finds 0 and '' where an event left them out. Thread: any. */
#include <inttypes.h>
#include <math.h>
#include "query/binding.h"
#include "message/json.h"

static weiri_bytes
into_arena(weiri_buffer *text, weiri_arena *arena)
{
    weiri_bytes copy = { weiri_arena_text(arena, weiri_buffer_bytes(text)), text->size };

    weiri_buffer_fini(text);
    return copy;
}

weiri_bytes
weiri_binding_json(const ProtobufCMessage *message, weiri_arena *arena)
{
    weiri_buffer text = { 0 };

    weiri_json_add_message(&text, message, WEIRI_JSON_DEFAULTS);
    return into_arena(&text, arena);
}

static bool
ends_with_ms(const char *name)
{
    size_t n = strlen(name);

    return n > 3 && strcmp(name + n - 3, "_ms") == 0;
}

static void
add_real(weiri_buffer *text, double real, int digits)
{
    if (isfinite(real))
        weiri_buffer_print(text, "%.*g", digits, real);
    else
        weiri_buffer_add_text(text, isnan(real) ? "\"NaN\"" : real > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

static void
add_base64(weiri_buffer *text, const uint8_t *data, size_t size)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    weiri_buffer_add_char(text, '"');
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t bits = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) | (left > 2 ? data[i + 2] : 0);
        weiri_buffer_add_char(text, alphabet[bits >> 18]);
        weiri_buffer_add_char(text, alphabet[bits >> 12 & 63]);
        weiri_buffer_add_char(text, left > 1 ? alphabet[bits >> 6 & 63] : '=');
        weiri_buffer_add_char(text, left > 2 ? alphabet[bits & 63] : '=');
    }
    weiri_buffer_add_char(text, '"');
}

static void
add_enum(weiri_buffer *text, const ProtobufCEnumDescriptor *descriptor, int number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(descriptor, number);

    if (value == NULL)
        weiri_buffer_print(text, "%d", number);
    else
        weiri_buffer_print(text, "\"%s\"", value->name);
}

static void
add_element(weiri_buffer *text, const ProtobufCFieldDescriptor *field, const void *at)
{
    const char *quote = ends_with_ms(field->name) ? "" : "\"";
    const ProtobufCBinaryData *bytes = at;

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        weiri_buffer_print(text, "%" PRId32, *(const int32_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        weiri_buffer_print(text, "%" PRIu32, *(const uint32_t *)at);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        weiri_buffer_print(text, "%s%" PRId64 "%s", quote, *(const int64_t *)at, quote);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        weiri_buffer_print(text, "%s%" PRIu64 "%s", quote, *(const uint64_t *)at, quote);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        add_real(text, (double)*(const float *)at, 9);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        add_real(text, *(const double *)at, 17);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        weiri_buffer_add_text(text, *(const protobuf_c_boolean *)at ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_ENUM:
        add_enum(text, field->descriptor, *(const int *)at);
        break;
    case PROTOBUF_C_TYPE_STRING:
        weiri_json_add_string(text, weiri_bytes_of(*(const char *const *)at));
        break;
    case PROTOBUF_C_TYPE_BYTES:
        add_base64(text, bytes->data, bytes->len);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        weiri_json_add_message(text, *(const ProtobufCMessage *const *)at, WEIRI_JSON_DEFAULTS);
        break;
    }
}

weiri_bytes
weiri_binding_json_list(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, weiri_arena *arena)
{
    weiri_buffer text = { 0 };
    size_t n = weiri_repeated_count(message, field);

    weiri_buffer_add_char(&text, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            weiri_buffer_add_char(&text, ',');
        add_element(&text, field, weiri_repeated_at(message, field, i));
    }
    weiri_buffer_add_char(&text, ']');
    return into_arena(&text, arena);
}
