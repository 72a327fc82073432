/* SPDX-License-Identifier: Apache-2.0
 * Messages as field=value, on one line that splits and reads back to the same message. Thread: any. */
#include "base/assert.h"
#include "message/fields.h"
#include "message/json_write.h"
#include "base/number.h"
#include <stdio.h>

/* Whether a text must stand in quotes: an empty one, blanks and control characters, what begins like a quote or JSON, and '#'. */
static bool
needs_quotes(const char *text)
{
    if (*text == '\0' || *text == '"' || *text == '[' || *text == '{')
        return true;
    for (; *text != '\0'; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f || *text == '#')
            return true;
    return false;
}

static void
add_text(weiri_buffer *to, const char *text)
{
    static const char specials[] = "\"\\\n\r\t", names[] = "\"\\nrt";

    text = text == NULL ? "" : text;
    if (!needs_quotes(text)) {
        weiri_buffer_add_text(to, text);
        return;
    }
    weiri_buffer_add_char(to, '"');
    for (; *text != '\0'; text++) {
        const char *special = strchr(specials, *text);
        if (special != NULL)
            weiri_buffer_add_char(to, '\\');
        weiri_buffer_add_char(to, special == NULL ? *text : names[special - specials]);
    }
    weiri_buffer_add_char(to, '"');
}

/* Only what is visible and means nothing stands for itself, so that bytes never need quotes. */
static void
add_bytes(weiri_buffer *to, const ProtobufCBinaryData *bytes)
{
    if (bytes->len == 0)
        weiri_buffer_add_text(to, "\"\"");
    for (size_t i = 0; i < bytes->len; i++) {
        uint8_t byte = bytes->data[i];
        if (byte == '\\')
            weiri_buffer_add_text(to, "\\\\");
        else if (byte > ' ' && byte < 0x7f && strchr("\"[{#", byte) == NULL)
            weiri_buffer_add_char(to, (char)byte);
        else
            weiri_buffer_print(to, "\\x%02x", byte);
    }
}

static void
add_scalar(weiri_buffer *to, const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const void *member = (const char *)message + field->offset;

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        add_text(to, *(const char *const *)member);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        add_bytes(to, member);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        weiri_number_add_int64(to, *(const int64_t *)member);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        weiri_number_add_uint64(to, *(const uint64_t *)member);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        weiri_number_add_float(to, *(const float *)member);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        weiri_number_add_double(to, *(const double *)member);
        break;
    case PROTOBUF_C_TYPE_ENUM: {
        const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)member);
        if (value == NULL)
            weiri_number_add_int64(to, *(const int *)member);
        else
            weiri_buffer_add_text(to, value->name);
        break;
    }
    default: /* as JSON: small integers and bools */
        weiri_json_add_field(to, message, field, 0);
        break;
    }
}

void
weiri_fields_add_message(weiri_buffer *to, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    bool first = true;

    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (!weiri_message_has(message, field))
            continue;
        if (!first)
            weiri_buffer_add_char(to, ' ');
        first = false;
        weiri_buffer_add_text(to, field->name);
        weiri_buffer_add_char(to, '=');
        if (field->label == PROTOBUF_C_LABEL_REPEATED || field->type == PROTOBUF_C_TYPE_MESSAGE)
            weiri_json_add_field(to, message, field, 0);
        else
            add_scalar(to, message, field);
    }
}
