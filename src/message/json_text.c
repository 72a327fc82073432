/* SPDX-License-Identifier: Apache-2.0
 * A strict JSON reader (RFC 8259) that goes from text straight into messages: no tree between, no allocation but the message's
 * own and one for escapes. Recursion follows the messages' nesting, which weiri_build_enter bounds; UTF-8 is checked where
 * strings are stored, and outside strings nothing but ASCII is JSON. Thread: any. */
#include "message/json_text.h"
#include "message/json.h"
#include "base/number.h"
#include "message/literal.h"
#include <stdio.h>
#include <string.h>

typedef struct reader {
    const char *begin, *at, *end;
    weiri_buffer scratch; /* the last string that had escapes */
    weiri_build *build;
    const char *field; /* the text is the value of this one; NULL: of a whole message */
} reader;

static weir_status read_message(reader *r, ProtobufCMessage *message);

/* INVALID, at the present place. */
static weir_status
fail_syntax(reader *r, const char *expected)
{
    size_t line = 1, column = 1;
    char found[16];

    for (const char *p = r->begin; p < r->at; p++) {
        line += *p == '\n';
        column = *p == '\n' ? 1 : column + (((unsigned char)*p & 0xc0) != 0x80);
    }
    if (r->at >= r->end)
        (void)snprintf(found, sizeof found, "the end");
    else if (*r->at > ' ' && *r->at < 0x7f)
        (void)snprintf(found, sizeof found, "'%c'", *r->at);
    else
        (void)snprintf(found, sizeof found, "byte 0x%02x", (unsigned char)*r->at);
    (void)weiri_error_set(r->build->err, WEIR_INVALID, "line %zu, column %zu: expected %s, found %s", line, column, expected, found);
    return r->field == NULL ? WEIR_INVALID : weiri_error_prefix(r->build->err, "%s", r->field);
}

static void
skip_blanks(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
}

static bool
take(reader *r, char c)
{
    if (r->at >= r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool
take_word(reader *r, const char *word)
{
    size_t size = strlen(word);

    if ((size_t)(r->end - r->at) < size || memcmp(r->at, word, size) != 0)
        return false;
    r->at += size;
    return true;
}

/* The four digits behind \u. */
static bool
take_hex(reader *r, uint32_t *ret_unit)
{
    uint32_t unit = 0;

    for (int i = 0; i < 4; i++, r->at++) {
        char c = r->at < r->end ? *r->at : '\0', low = (char)(c | 0x20);
        if (c >= '0' && c <= '9')
            unit = unit << 4 | (uint32_t)(c - '0');
        else if (low >= 'a' && low <= 'f')
            unit = unit << 4 | (uint32_t)(low - 'a' + 10);
        else
            return false;
    }
    *ret_unit = unit;
    return true;
}

/* Appends a code point. Half of a surrogate pair becomes what is no UTF-8, and is refused as that. */
static void
add_code_point(weiri_buffer *to, uint32_t c)
{
    if (c < 0x80) {
        weiri_buffer_add_char(to, (char)c);
    } else if (c < 0x800) {
        weiri_buffer_add(to, (uint8_t[]){ (uint8_t)(0xc0 | c >> 6), (uint8_t)(0x80 | (c & 63)) }, 2);
    } else if (c < 0x10000) {
        weiri_buffer_add(to, (uint8_t[]){ (uint8_t)(0xe0 | c >> 12), (uint8_t)(0x80 | (c >> 6 & 63)), (uint8_t)(0x80 | (c & 63)) }, 3);
    } else {
        weiri_buffer_add(to,
            (uint8_t[]){
                (uint8_t)(0xf0 | c >> 18), (uint8_t)(0x80 | (c >> 12 & 63)), (uint8_t)(0x80 | (c >> 6 & 63)), (uint8_t)(0x80 | (c & 63)) },
            4);
    }
}

static weir_status
read_escape(reader *r)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    uint32_t unit, low;

    const char *name = r->at < r->end && *r->at != '\0' ? strchr(names, *r->at) : NULL;
    if (name != NULL) {
        r->at++;
        weiri_buffer_add_char(&r->scratch, meanings[name - names]);
        return WEIR_OK;
    }
    if (!take(r, 'u'))
        return fail_syntax(r, "one of \"\\/bfnrtu behind a backslash");
    if (!take_hex(r, &unit))
        return fail_syntax(r, "four hexadecimal digits behind \\u");
    const char *behind = r->at;
    if (unit >= 0xd800 && unit < 0xdc00 && take_word(r, "\\u")) {
        if (!take_hex(r, &low))
            return fail_syntax(r, "four hexadecimal digits behind \\u");
        if (low >= 0xdc00 && low < 0xe000)
            unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        else
            r->at = behind;
    }
    add_code_point(&r->scratch, unit);
    return WEIR_OK;
}

/* Reads a string whose first quote is taken. The result lies in the text, or in `scratch` until the next string. */
static weir_status
read_string(reader *r, weiri_bytes *ret_text)
{
    const char *from = r->at;
    bool escaped = false;

    for (;;) {
        while (r->at < r->end && (unsigned char)*r->at >= 0x20 && *r->at != '"' && *r->at != '\\')
            r->at++;
        if (r->at >= r->end)
            return fail_syntax(r, "'\"' at the end of a string");
        if (*r->at == '"' && !escaped) {
            *ret_text = (weiri_bytes){ from, (size_t)(r->at++ - from) };
            return WEIR_OK;
        }
        if (!escaped)
            weiri_buffer_clear(&r->scratch);
        escaped = true;
        weiri_buffer_add(&r->scratch, from, (size_t)(r->at - from));
        if (take(r, '"')) {
            *ret_text = (weiri_bytes){ weiri_buffer_text(&r->scratch), r->scratch.size };
            return WEIR_OK;
        }
        if (!take(r, '\\'))
            return fail_syntax(r, "an escape (\\n, \\u000a) instead of a control character");
        weir_status status = read_escape(r);
        if (status != WEIR_OK)
            return status;
        from = r->at;
    }
}

/* Reads a scalar; of a list or an object only what it is. */
static weir_status
read_value(reader *r, weiri_literal *ret_value)
{
    weiri_literal value = { 0 };
    weir_status status = WEIR_OK;

    if (take(r, '"')) {
        value.kind = WEIRI_LITERAL_STRING;
        status = read_string(r, &value.text);
    } else if (r->at < r->end && *r->at == '{') {
        value.kind = WEIRI_LITERAL_OBJECT;
    } else if (r->at < r->end && *r->at == '[') {
        value.kind = WEIRI_LITERAL_LIST;
    } else if (take_word(r, "true")) {
        value.kind = WEIRI_LITERAL_TRUE;
    } else if (take_word(r, "false")) {
        value.kind = WEIRI_LITERAL_FALSE;
    } else if (take_word(r, "null")) {
        value.kind = WEIRI_LITERAL_NULL;
    } else {
        value.kind = WEIRI_LITERAL_NUMBER;
        value.text = (weiri_bytes){ r->at, weiri_number_scan(r->at, r->end) };
        if (value.text.size == 0)
            return fail_syntax(r, "a JSON value");
        r->at += value.text.size;
    }
    if (status == WEIR_OK)
        *ret_value = value;
    return status;
}

static weir_status
store(reader *r, const weiri_literal *value, const ProtobufCFieldDescriptor *field, void *member)
{
    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return weiri_build_locate(r->build, weiri_literal_store(value, field, member, r->build->err));
    if (value->kind != WEIRI_LITERAL_OBJECT)
        return weiri_build_locate(r->build, weiri_literal_refuse(value, "an object", r->build->err));
    ProtobufCMessage *message;
    weir_status status = weiri_build_nested(r->build, field, member, &message);
    return status == WEIR_OK ? read_message(r, message) : status;
}

static weir_status
read_list(reader *r, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    weiri_literal value;
    weir_status status;

    r->at++;
    skip_blanks(r);
    if (take(r, ']'))
        return WEIR_OK;
    for (;;) {
        skip_blanks(r);
        if ((status = read_value(r, &value)) != WEIR_OK)
            return status;
        void *element = weiri_build_element(r->build, message, field);
        if ((status = store(r, &value, field, element)) != WEIR_OK)
            return status;
        skip_blanks(r);
        if (take(r, ']'))
            return WEIR_OK;
        if (!take(r, ','))
            return fail_syntax(r, "',' or ']'");
    }
}

static weir_status
read_field(reader *r, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    weiri_literal value;
    void *member;

    weiri_build_enter(r->build, field);
    weir_status status = read_value(r, &value);
    if (status != WEIR_OK)
        return status;
    if (value.kind == WEIRI_LITERAL_NULL) {
        status = WEIR_OK;
    } else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        if (value.kind == WEIRI_LITERAL_LIST)
            status = read_list(r, message, field);
        else
            status = weiri_build_locate(r->build, weiri_literal_refuse(&value, "a list", r->build->err));
    } else {
        status = weiri_build_member(r->build, message, field, &member);
        if (status == WEIR_OK)
            status = store(r, &value, field, member);
    }
    if (status == WEIR_OK)
        weiri_build_leave(r->build);
    return status;
}

/* Reads "name": value pairs up to the closing brace; the opening one is taken. */
static weir_status
read_members(reader *r, ProtobufCMessage *message, weiri_given *given)
{
    const ProtobufCFieldDescriptor *field;
    weir_status status;
    weiri_bytes name;

    for (;;) {
        skip_blanks(r);
        if (!take(r, '"'))
            return fail_syntax(r, "a field's name in quotes");
        if ((status = read_string(r, &name)) != WEIR_OK)
            return status;
        if ((status = weiri_build_field(r->build, message->descriptor, name, given, &field)) != WEIR_OK)
            return status;
        skip_blanks(r);
        if (!take(r, ':'))
            return fail_syntax(r, "':'");
        skip_blanks(r);
        if ((status = read_field(r, message, field)) != WEIR_OK)
            return status;
        skip_blanks(r);
        if (take(r, '}'))
            return WEIR_OK;
        if (!take(r, ','))
            return fail_syntax(r, "',' or '}'");
    }
}

static weir_status
read_message(reader *r, ProtobufCMessage *message)
{
    weiri_given given;

    r->at++;
    skip_blanks(r);
    if (take(r, '}'))
        return WEIR_OK;
    weiri_given_init(&given, message->descriptor);
    weir_status status = read_members(r, message, &given);
    weiri_given_fini(&given);
    return status;
}

static weir_status
expect_end(reader *r)
{
    skip_blanks(r);
    return r->at < r->end ? fail_syntax(r, "the end") : WEIR_OK;
}

static reader
reader_of(weiri_bytes text, weiri_build *build)
{
    const char *data = text.size == 0 ? "" : text.data;

    return (reader){ .begin = data, .at = data, .end = data + text.size, .build = build };
}

weir_status
weiri_json_read_field(weiri_build *build, weiri_bytes text, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    reader r = reader_of(text, build);

    r.field = field->name;
    skip_blanks(&r);
    weir_status status = read_field(&r, message, field);
    if (status == WEIR_OK)
        status = expect_end(&r);
    weiri_buffer_fini(&r.scratch);
    return status;
}

weir_status
weiri_json_parse_message(const ProtobufCMessageDescriptor *descriptor, weiri_bytes text, ProtobufCMessage **ret_message, weir_error *err)
{
    weiri_build build;
    build.depth = 0;
    build.err = err;
    reader r = reader_of(text, &build);
    ProtobufCMessage *message = NULL;
    weiri_literal value;

    skip_blanks(&r);
    weir_status status = read_value(&r, &value);
    if (status == WEIR_OK && value.kind != WEIRI_LITERAL_OBJECT) {
        (void)weiri_literal_refuse(&value, "an object", err);
        status = weiri_error_prefix(err, "%s", descriptor->name);
    }
    if (status == WEIR_OK) {
        message = weiri_build_message(descriptor);
        status = read_message(&r, message);
    }
    if (status == WEIR_OK)
        status = expect_end(&r);
    if (status == WEIR_OK)
        *ret_message = message;
    else
        protobuf_c_message_free_unpacked(message, NULL);
    weiri_buffer_fini(&r.scratch);
    return status;
}
