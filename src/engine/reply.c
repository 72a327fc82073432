/* SPDX-License-Identifier: Apache-2.0
 * Replies: problems after RFC 9457, JSON written piece by piece into the reply's own buffer. Thread: any, one reply at a time. */
#include "engine/reply.h"
#include "message/json.h"
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

void
weiri_reply_fini(weiri_reply *reply)
{
    weiri_buffer_fini(&reply->body);
    weiri_buffer_fini(&reply->location);
}

/* ---- members ------------------------------------------------------------------------------------------ */

void
weiri_member(weiri_buffer *to, const char *name)
{
    if (to->size > 0 && to->data[to->size - 1] != '{' && to->data[to->size - 1] != '[')
        weiri_buffer_add_char(to, ',');
    weiri_buffer_add_char(to, '"');
    weiri_buffer_add_text(to, name);
    weiri_buffer_add(to, "\":", 2);
}

void
weiri_member_bytes(weiri_buffer *to, const char *name, weiri_bytes value)
{
    weiri_member(to, name);
    weiri_json_add_string(to, value);
}

void
weiri_member_text(weiri_buffer *to, const char *name, const char *value)
{
    weiri_member_bytes(to, name, weiri_bytes_of(value));
}

void
weiri_member_number(weiri_buffer *to, const char *name, uint64_t value)
{
    weiri_member(to, name);
    weiri_buffer_print(to, "%" PRIu64, value);
}

void
weiri_member_signed(weiri_buffer *to, const char *name, int64_t value)
{
    weiri_member(to, name);
    weiri_buffer_print(to, "%" PRId64, value);
}

void
weiri_member_time(weiri_buffer *to, const char *name, int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000 - (time_ms % 1000 < 0));
    struct tm parts;
    char text[48];

    if (gmtime_r(&seconds, &parts) == NULL) {
        weiri_member_signed(to, name, time_ms);
        return;
    }
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(text + n, sizeof text - n, ".%03dZ", (int)((time_ms % 1000 + 1000) % 1000));
    weiri_member_text(to, name, text);
}

/* ---- problems ----------------------------------------------------------------------------------------- */

const weiri_answer_row *
weiri_problem_begin(weiri_buffer *to, weir_status status, const char *code, const char *detail)
{
    const weiri_answer_row *row = weiri_answer_row_of(status, code);
    const char *name = code != NULL && code[0] != '\0' ? code : row->code;

    weiri_buffer_add_text(to, "{\"type\":");
    weiri_buffer_add_text(to, "\"urn:weir:problem:");
    weiri_add_percent(to, weiri_bytes_of(name));
    weiri_buffer_add_char(to, '"');
    weiri_member_text(to, "title", row->title);
    weiri_member_number(to, "status", (uint64_t)row->http);
    weiri_member_text(to, "code", name);
    if (detail != NULL && detail[0] != '\0')
        weiri_member_text(to, "detail", detail);
    return row;
}

void
weiri_reply_mark(weiri_reply *reply, const weiri_answer_row *row)
{
    reply->http = row->http;
    reply->content_type = WEIRI_TYPE_PROBLEM;
    bool again = row->http == 503 || row->http == 429 || row->status == WEIR_BEHIND;
    if (again && row->status != WEIR_IO) /* a log that has failed does not mend itself */
        reply->retry_after_s = 1;
}

void
weiri_reply_problem(weiri_reply *reply, weir_status status, const char *code, const char *detail)
{
    weiri_buffer_clear(&reply->body);
    weiri_reply_mark(reply, weiri_problem_begin(&reply->body, status, code, detail));
    weiri_buffer_add_char(&reply->body, '}');
}

void
weiri_reply_error(weiri_reply *reply, const char *code, const weir_error *err)
{
    char words[sizeof err->text + sizeof err->file + 16];

    weiri_error_format(err, words, sizeof words);
    weiri_reply_problem(reply, err->status, code, words);
}

void
weiri_reply_json(weiri_reply *reply)
{
    reply->http = 200;
    reply->content_type = WEIRI_TYPE_JSON;
}

/* ---- encodings ---------------------------------------------------------------------------------------- */

void
weiri_add_percent(weiri_buffer *to, weiri_bytes text)
{
    const uint8_t *c = text.data;

    for (size_t i = 0; i < text.size; i++) {
        bool plain = (c[i] >= 'a' && c[i] <= 'z') || (c[i] >= 'A' && c[i] <= 'Z') || (c[i] >= '0' && c[i] <= '9') ||
                     (c[i] != '\0' && strchr("-._~", c[i]) != NULL);
        if (plain)
            weiri_buffer_add_char(to, (char)c[i]);
        else
            weiri_buffer_print(to, "%%%02X", c[i]);
    }
}

void
weiri_add_base64(weiri_buffer *to, weiri_bytes bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *from = bytes.data;

    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t n = bytes.size - i;
        uint32_t group = (uint32_t)from[i] << 16 | (n > 1 ? (uint32_t)from[i + 1] << 8 : 0) | (n > 2 ? (uint32_t)from[i + 2] : 0);
        char *four = weiri_buffer_extend(to, 4);
        four[0] = digits[group >> 18];
        four[1] = digits[group >> 12 & 63];
        four[2] = n > 1 ? digits[group >> 6 & 63] : '=';
        four[3] = n > 2 ? digits[group & 63] : '=';
    }
}
