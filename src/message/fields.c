/* SPDX-License-Identifier: Apache-2.0
 * field=value arguments into messages. One argument is one field, its value by the field's type: text and bytes have forms of
 * their own here, lists and messages are JSON, all else follows the rules of JSON's scalars. Thread: any. */
#include "message/fields.h"
#include "base/memory.h"
#include "message/build.h"
#include "message/json_text.h"
#include "base/number.h"
#include "message/literal.h"
#include <string.h>

static bool
take_hex(const char *at, uint8_t *ret_byte)
{
    unsigned byte = 0;

    for (int i = 0; i < 2; i++) {
        char low = (char)(at[i] | 0x20);
        if (at[i] >= '0' && at[i] <= '9')
            byte = byte << 4 | (unsigned)(at[i] - '0');
        else if (low >= 'a' && low <= 'f')
            byte = byte << 4 | (unsigned)(low - 'a' + 10);
        else
            return false;
    }
    *ret_byte = (uint8_t)byte;
    return true;
}

/* Undoes \xNN \n \r \t \\; every other byte stands for itself. */
static weir_status
store_bytes(weiri_build *build, const char *text, ProtobufCBinaryData *member)
{
    weiri_buffer bytes = { 0 };
    weir_status status = WEIR_OK;
    uint8_t byte;

    for (; status == WEIR_OK && *text != '\0'; text++) {
        byte = (uint8_t)*text;
        if (byte == '\\') {
            text++;
            if (*text == 'x' && take_hex(text + 1, &byte))
                text += 2;
            else if (*text == 'n' || *text == 'r' || *text == 't')
                byte = *text == 'n' ? '\n' : *text == 'r' ? '\r' : '\t';
            else if (*text != '\\')
                status = weiri_build_fail(build, "expected one of \\xNN \\n \\r \\t \\\\ behind a backslash");
        }
        weiri_buffer_add_char(&bytes, (char)byte);
    }
    if (status == WEIR_OK)
        weiri_literal_store_bytes(weiri_buffer_bytes(&bytes), member);
    weiri_buffer_fini(&bytes);
    return status;
}

static weiri_literal
value_of(const ProtobufCFieldDescriptor *field, const char *text)
{
    weiri_literal value = { .kind = WEIRI_LITERAL_STRING, .text = weiri_bytes_of(text) };

    if (field->type == PROTOBUF_C_TYPE_BOOL && strcmp(text, "true") == 0)
        value.kind = WEIRI_LITERAL_TRUE;
    else if (field->type == PROTOBUF_C_TYPE_BOOL && strcmp(text, "false") == 0)
        value.kind = WEIRI_LITERAL_FALSE;
    else if (field->type != PROTOBUF_C_TYPE_STRING && weiri_number_is(value.text))
        value.kind = WEIRI_LITERAL_NUMBER;
    return value;
}

static weir_status
store(weiri_build *build, const char *text, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    void *member;

    weiri_build_enter(build, field);
    weir_status status = weiri_build_member(build, message, field, &member);
    if (status != WEIR_OK)
        return status;
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        status = store_bytes(build, text, member);
    } else {
        weiri_literal value = value_of(field, text);
        status = weiri_build_locate(build, weiri_literal_store(&value, field, member, build->err));
    }
    if (status == WEIR_OK)
        weiri_build_leave(build);
    return status;
}

/* A list or a message, which begin with their bracket: nothing else may pass for JSON here. */
static weir_status
store_json(weiri_build *build, const char *text, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    bool list = field->label == PROTOBUF_C_LABEL_REPEATED;
    char shown[WEIRI_LITERAL_SHOWN];

    if (text[strspn(text, " \t\r\n")] == (list ? '[' : '{'))
        return weiri_json_read_field(build, weiri_bytes_of(text), message, field);
    return weiri_build_fail(build, "%s: expected %s, got '%s'", field->name, list ? "a list as JSON: [...]" : "a message as JSON: {...}",
        weiri_text_show(weiri_bytes_of(text), shown));
}

static weir_status
read_argument(weiri_build *build, const char *argument, ProtobufCMessage *message, weiri_given *given)
{
    const ProtobufCFieldDescriptor *field;
    const char *equals = strchr(argument, '=');
    char shown[WEIRI_LITERAL_SHOWN];

    if (equals == NULL || equals == argument)
        return weiri_build_fail(build, "expected field=value, got '%s'", weiri_text_show(weiri_bytes_of(argument), shown));
    weiri_bytes name = { argument, (size_t)(equals - argument) };
    const char *dot = memchr(name.data, '.', name.size);
    if (dot != NULL) {
        (void)weiri_text_show(name, shown);
        return weiri_build_fail(build, "'%s': a field of a message can't be set alone: give the message as JSON", shown);
    }
    weir_status status = weiri_build_field(build, message->descriptor, name, given, &field);
    if (status != WEIR_OK)
        return status;
    if (field->label == PROTOBUF_C_LABEL_REPEATED || field->type == PROTOBUF_C_TYPE_MESSAGE)
        return store_json(build, equals + 1, message, field);
    return store(build, equals + 1, message, field);
}

weir_status
weiri_fields_to_message(
    const ProtobufCMessageDescriptor *descriptor, const char *const *arguments, size_t n, ProtobufCMessage **ret_message, weir_error *err)
{
    ProtobufCMessage *message = weiri_build_message(descriptor);
    weir_status status = WEIR_OK;
    weiri_given given;
    weiri_build build;
    build.depth = 0;
    build.err = err;

    weiri_given_init(&given, descriptor);
    for (size_t i = 0; status == WEIR_OK && i < n; i++)
        status = read_argument(&build, arguments[i], message, &given);
    weiri_given_fini(&given);
    if (status == WEIR_OK)
        *ret_message = message;
    else
        protobuf_c_message_free_unpacked(message, NULL);
    return status;
}
