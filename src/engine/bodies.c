/* SPDX-License-Identifier: Apache-2.0
 * Bodies: proto3 JSON, Protobuf, or a form whose values are read as on the command line. Thread: any. */
#include "engine/bodies.h"
#include "base/memory.h"
#include "message/fields.h"
#include "message/json.h"
#include "message/unpack.h"
#include <ctype.h>

static int
digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* Decodes one application/x-www-form-urlencoded piece and ends it with a NUL. Errors: INVALID (a bad escape, a NUL). */
static weir_status
decode(const char *text, size_t size, weiri_buffer *to, weir_error *err)
{
    for (size_t i = 0; i < size; i++) {
        char c = text[i] == '+' ? ' ' : text[i];
        if (c == '%') {
            int high = size - i > 2 ? digit(text[i + 1]) : -1;
            int low = size - i > 2 ? digit(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return weiri_error_set(err, WEIR_INVALID, "the form has a %% that no two hexadecimal digits follow");
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return weiri_error_set(err, WEIR_INVALID, "the form has a NUL in it");
        weiri_buffer_add_char(to, c);
    }
    weiri_buffer_add_char(to, '\0');
    return WEIR_OK;
}

static weir_status
read_form(const weiri_type *type, weiri_bytes body, ProtobufCMessage **ret_message, weir_error *err)
{
    enum { FIELDS_MOST = 256 };
    const char *text = body.data, *arguments[FIELDS_MOST];
    size_t starts[FIELDS_MOST], n = 0;
    weiri_buffer decoded = { 0 };
    weir_status status = WEIR_OK;

    for (size_t at = 0; at < body.size && status == WEIR_OK;) {
        const char *end = memchr(text + at, '&', body.size - at);
        size_t size = end != NULL ? (size_t)(end - text) - at : body.size - at;
        if (size > 0 && n == FIELDS_MOST)
            status = weiri_error_set(err, WEIR_INVALID, "the form has more than %d fields", FIELDS_MOST);
        else if (size > 0) {
            starts[n++] = decoded.size;
            status = decode(text + at, size, &decoded, err);
        }
        at += size + 1;
    }
    for (size_t i = 0; i < n; i++)
        arguments[i] = (const char *)decoded.data + starts[i];
    if (status == WEIR_OK)
        status = weiri_fields_to_message(type->descriptor, arguments, n, ret_message, err);
    weiri_buffer_fini(&decoded);
    return status;
}

weir_status
weiri_body_read(const weiri_type *type, weiri_body form, weiri_bytes body, ProtobufCMessage **ret_message, weir_error *err)
{
    switch (form) {
    case WEIRI_BODY_JSON:
        return weiri_json_parse_message(type->descriptor, body, ret_message, err);
    case WEIRI_BODY_FORM:
        return read_form(type, body, ret_message, err);
    case WEIRI_BODY_PROTOBUF:
        break;
    }
    return weiri_message_unpack(type->descriptor, body, ret_message, err);
}
