/* SPDX-License-Identifier: Apache-2.0
 * Strict readers: the whole text is a value of the type, or it is refused. Thread: any. */
#include "query/value.h"
#include "base/text.h"
#include "message/base64.h"
#include "query/moment.h"

const char *const weiri_parameter_type_names[WEIRI_PARAMETER_TYPES] = { "text", "integer", "real", "boolean", "bytes", "time" };

static int
hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
read_hex(const char *text, uint8_t *to, size_t *ret_size)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i += 2) {
        int high = hex_digit(text[i]), low = i + 1 < n ? hex_digit(text[i + 1]) : -1;
        if (high < 0 || low < 0)
            return false;
        to[i / 2] = (uint8_t)(high << 4 | low);
    }
    *ret_size = n / 2;
    return true;
}

static bool
read_bytes(const char *text, weiri_arena *arena, weiri_value *ret_value)
{
    uint8_t *to = weiri_arena_take(arena, weiri_base64_room(strlen(text)));
    size_t size;

    if (text[0] == '\\' && text[1] == 'x') {
        if (!read_hex(text + 2, to, &size))
            return false;
    } else if (!weiri_base64_read(weiri_bytes_of(text), to, &size)) {
        return false;
    }
    *ret_value = (weiri_value){ .kind = WEIRI_VALUE_BLOB, .bytes = { to, size } };
    return true;
}

bool
weiri_value_read(weiri_parameter_type type, const char *text, weiri_arena *arena, weiri_value *ret_value)
{
    weiri_bytes bytes = weiri_bytes_of(text);
    weiri_value value = { .kind = WEIRI_VALUE_INTEGER };
    bool yes;

    switch (type) {
    case WEIRI_PARAMETER_TEXT:
        if (!weiri_utf8_valid(bytes))
            return false;
        value = weiri_value_text(text, bytes.size);
        break;
    case WEIRI_PARAMETER_INTEGER:
        if (!weiri_text_to_int64(text, &value.integer))
            return false;
        break;
    case WEIRI_PARAMETER_REAL:
        value.kind = WEIRI_VALUE_REAL;
        if (!weiri_text_to_double(text, &value.real))
            return false;
        break;
    case WEIRI_PARAMETER_BOOLEAN:
        yes = weiri_bytes_are(bytes, "true") || weiri_bytes_are(bytes, "1");
        if (!yes && !weiri_bytes_are(bytes, "false") && !weiri_bytes_are(bytes, "0"))
            return false;
        value.integer = yes;
        break;
    case WEIRI_PARAMETER_BYTES:
        return read_bytes(text, arena, ret_value);
    case WEIRI_PARAMETER_TIME:
        if (!weiri_moment_read(text, &value.integer))
            return false;
        break;
    case WEIRI_PARAMETER_TYPES:
        return false;
    }
    *ret_value = value;
    return true;
}
