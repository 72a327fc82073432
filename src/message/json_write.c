/* SPDX-License-Identifier: Apache-2.0
 * Messages as compact JSON, appended to a buffer: fields in the order of their numbers, no allocation but the buffer's.
 * What is written is always JSON, and UTF-8, whatever the message holds. Thread: any. */
#include "message/json_write.h"
#include "base/text.h"
#include "message/base64.h"
#include "message/build.h"
#include "message/json.h"
#include "base/number.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const void *
place(const ProtobufCMessage *message, unsigned offset)
{
    return (const char *)message + offset;
}

/* Every bit of a single value is 0, or it is an empty string; so -0.0 is something. */
static bool
is_default(const ProtobufCFieldDescriptor *field, const void *member)
{
    static const char zeros[8] = { 0 };
    const char *text;

    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return *(ProtobufCMessage *const *)member == NULL;
    case PROTOBUF_C_TYPE_STRING:
        text = *(const char *const *)member;
        return text == NULL || *text == '\0';
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)member)->len == 0;
    default:
        return memcmp(member, zeros, weiri_build_member_size(field->type)) == 0;
    }
}

bool
weiri_message_has(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        bool chosen = *(const uint32_t *)place(message, field->quantifier_offset) == field->id;
        return chosen && (field->type != PROTOBUF_C_TYPE_MESSAGE || !is_default(field, place(message, field->offset)));
    }
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)place(message, field->quantifier_offset) > 0;
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE)
        return *(const protobuf_c_boolean *)place(message, field->quantifier_offset) != 0;
    return !is_default(field, place(message, field->offset));
}

static void
add_escape(weiri_buffer *to, unsigned char c)
{
    static const char hex[] = "0123456789abcdef", specials[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    const char *special = c == '\0' ? NULL : strchr(specials, c);

    if (special != NULL)
        weiri_buffer_add(to, (char[]){ '\\', names[special - specials] }, 2);
    else
        weiri_buffer_add(to, (char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6);
}

/* The size of the well-formed character at `at`; 0: none is. */
static size_t
character_size(const char *at, size_t left)
{
    for (size_t size = 1; size <= 4 && size <= left; size++)
        if (weiri_utf8_valid((weiri_bytes){ at, size }))
            return size;
    return 0;
}

void
weiri_json_add_string(weiri_buffer *to, weiri_bytes text)
{
    const char *at = text.size == 0 ? "" : text.data, *end = at + text.size, *from = at;

    weiri_buffer_reserve(to, text.size + 2);
    weiri_buffer_add_char(to, '"');
    while (at < end) {
        unsigned char c = (unsigned char)*at;
        size_t size = c < 0x80 ? 1 : character_size(at, (size_t)(end - at));
        if (c >= 0x20 && c != '"' && c != '\\' && size > 0) {
            at += size;
            continue;
        }
        weiri_buffer_add(to, from, (size_t)(at - from));
        if (size == 0)
            weiri_buffer_add_text(to, "\xef\xbf\xbd");
        else
            add_escape(to, c);
        from = ++at;
    }
    weiri_buffer_add(to, from, (size_t)(end - from));
    weiri_buffer_add_char(to, '"');
}

void
weiri_json_field_name(const char *name, char *to, size_t size)
{
    bool upper = false;
    size_t n = 0;

    for (; *name != '\0' && n + 1 < size; name++) {
        if (*name == '_') {
            upper = true;
            continue;
        }
        to[n++] = upper && *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
        upper = false;
    }
    if (size > 0)
        to[n] = '\0';
}

static void
add_name(weiri_buffer *to, const char *name)
{
    size_t room = strlen(name) + 1;

    weiri_buffer_add_char(to, '"');
    weiri_json_field_name(name, weiri_buffer_reserve(to, room), room);
    to->size += strlen((const char *)to->data + to->size);
    weiri_buffer_add(to, "\":", 2);
}

/* Whether a 64-bit field is written as a number: times are, so that every client can compute with them. */
static bool
is_time(const char *name)
{
    size_t size = strlen(name);

    return size > 3 && memcmp(name + size - 3, "_ms", 3) == 0;
}

static void
add_real(weiri_buffer *to, bool finite, double value, bool single)
{
    if (!finite)
        weiri_buffer_add_char(to, '"');
    if (single)
        weiri_number_add_float(to, (float)value);
    else
        weiri_number_add_double(to, value);
    if (!finite)
        weiri_buffer_add_char(to, '"');
}

static void
add_64(weiri_buffer *to, const ProtobufCFieldDescriptor *field, const void *member)
{
    bool quoted = !is_time(field->name);

    if (quoted)
        weiri_buffer_add_char(to, '"');
    if (field->type == PROTOBUF_C_TYPE_UINT64 || field->type == PROTOBUF_C_TYPE_FIXED64)
        weiri_number_add_uint64(to, *(const uint64_t *)member);
    else
        weiri_number_add_int64(to, *(const int64_t *)member);
    if (quoted)
        weiri_buffer_add_char(to, '"');
}

static void
add_enum(weiri_buffer *to, const ProtobufCEnumDescriptor *descriptor, int number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(descriptor, number);

    if (value == NULL)
        weiri_number_add_int64(to, number);
    else
        weiri_json_add_string(to, weiri_bytes_of(value->name));
}

static void
add_base64(weiri_buffer *to, const ProtobufCBinaryData *bytes)
{
    weiri_buffer_add_char(to, '"');
    weiri_base64_add(to, (weiri_bytes){ bytes->data, bytes->len });
    weiri_buffer_add_char(to, '"');
}

static void
add_value(weiri_buffer *to, const ProtobufCFieldDescriptor *field, const void *member, unsigned flags)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        weiri_number_add_int64(to, *(const int32_t *)member);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        weiri_number_add_uint64(to, *(const uint32_t *)member);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        add_64(to, field, member);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        add_real(to, isfinite(*(const float *)member), *(const float *)member, true);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        add_real(to, isfinite(*(const double *)member), *(const double *)member, false);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        weiri_buffer_add_text(to, *(const protobuf_c_boolean *)member ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_ENUM:
        add_enum(to, field->descriptor, *(const int *)member);
        break;
    case PROTOBUF_C_TYPE_STRING:
        weiri_json_add_string(to, weiri_bytes_of(*(const char *const *)member));
        break;
    case PROTOBUF_C_TYPE_BYTES:
        add_base64(to, member);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        weiri_json_add_message(to, *(ProtobufCMessage *const *)member, flags);
        break;
    }
}

void
weiri_json_add_field(weiri_buffer *to, const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, unsigned flags)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        add_value(to, field, place(message, field->offset), flags);
        return;
    }
    size_t n = *(const size_t *)place(message, field->quantifier_offset), size = weiri_build_member_size(field->type);
    const char *list = *(const char *const *)place(message, field->offset);
    weiri_buffer_add_char(to, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            weiri_buffer_add_char(to, ',');
        add_value(to, field, list + i * size, flags);
    }
    weiri_buffer_add_char(to, ']');
}

/* Whether a field without a value is written all the same: what has presence of its own isn't. */
static bool
shows_default(const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return true;
    return !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && field->label != PROTOBUF_C_LABEL_OPTIONAL &&
           field->type != PROTOBUF_C_TYPE_MESSAGE;
}

void
weiri_json_add_message(weiri_buffer *to, const ProtobufCMessage *message, unsigned flags)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    bool first = true;

    weiri_buffer_add_char(to, '{');
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (!weiri_message_has(message, field) && !((flags & WEIRI_JSON_DEFAULTS) && shows_default(field)))
            continue;
        if (!first)
            weiri_buffer_add_char(to, ',');
        first = false;
        add_name(to, field->name);
        weiri_json_add_field(to, message, field, flags);
    }
    weiri_buffer_add_char(to, '}');
}
