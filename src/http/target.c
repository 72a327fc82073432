/* SPDX-License-Identifier: Apache-2.0
 * Splits first and decodes after, so that %2F in a key stays in its segment and %26 in a value stays in its pair. */
#include "http/target.h"
#include "base/memory.h"
#include "base/text.h"

static int
hexadecimal(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes `text` where it stands. `where` is "path" or "query", for the words. */
static weir_status
decode(char *text, bool plus_is_blank, const char *where, weir_error *err)
{
    char *to = text;
    bool plain = true;

    for (const char *at = text; *at != '\0'; at++) {
        int c = (unsigned char)*at;
        if (c == '%') {
            int high = hexadecimal(at[1]), low = high < 0 ? -1 : hexadecimal(at[2]);
            if (low < 0)
                return weiri_error_set(err, WEIR_INVALID, "the %s has '%.3s': a %% is followed by two hexadecimal digits", where, at);
            c = high * 16 + low;
            if (c == 0)
                return weiri_error_set(err, WEIR_INVALID, "the %s holds %%00: no name or value has a NUL in it", where);
            at += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        plain = plain && c < 0x80;
        *to++ = (char)c;
    }
    *to = '\0';
    if (!plain && !weiri_utf8_valid(weiri_bytes_of(text)))
        return weiri_error_set(err, WEIR_INVALID, "the %s is not UTF-8", where);
    return WEIR_OK;
}

static weir_status
split_path(weiri_target *target, char *path, weir_error *err)
{
    target->n_segments = 0;
    if (strcmp(path, "/") == 0)
        return WEIR_OK;
    for (char *at = path; at != NULL; target->n_segments++) {
        char *segment = at + 1, *slash = strchr(segment, '/');
        if (slash != NULL)
            *slash = '\0';
        if (target->n_segments == WEIRI_SEGMENTS_MOST) {
            target->n_segments++;
            return WEIR_OK;
        }
        weir_status status = decode(segment, false, "path", err);
        if (status != WEIR_OK)
            return status;
        target->segments[target->n_segments] = segment;
        at = slash;
    }
    return WEIR_OK;
}

static weir_status
add_pair(weiri_target *target, char *pair, weir_error *err)
{
    char *value = strchr(pair, '=');

    if (target->n_pairs == WEIRI_PAIRS_MOST)
        return weiri_error_set(err, WEIR_INVALID, "the query has more than %d parameters", WEIRI_PAIRS_MOST);
    if (target->n_pairs == target->pairs_room) {
        target->pairs_room = target->pairs_room == 0 ? 8 : target->pairs_room * 2;
        target->pairs = weiri_reallocate(target->pairs, target->pairs_room * sizeof *target->pairs);
    }
    if (value != NULL)
        *value++ = '\0';
    weir_status status = decode(pair, true, "query", err);
    if (status == WEIR_OK && value != NULL)
        status = decode(value, true, "query", err);
    if (status == WEIR_OK)
        target->pairs[target->n_pairs++] = (weiri_pair){ pair, value == NULL ? "" : value };
    return status;
}

weir_status
weiri_target_parse(weiri_target *target, const char *raw, weir_error *err)
{
    weir_status status;

    target->n_segments = target->n_pairs = 0;
    if (raw[0] != '/') { /* absolute form: the authority is the Host header's matter */
        const char *authority = strstr(raw, "://");
        if (authority == NULL)
            return weiri_error_set(err, WEIR_INVALID, "the request target '%.60s' is not a path", raw);
        authority += 3;
        raw = authority + strcspn(authority, "/?");
    }
    weiri_buffer_clear(&target->text);
    if (*raw != '/')
        weiri_buffer_add_char(&target->text, '/');
    weiri_buffer_add(&target->text, raw, strlen(raw) + 1);
    char *path = (char *)target->text.data, *query = strchr(path, '?');
    if (query != NULL)
        *query++ = '\0';
    status = split_path(target, path, err);
    while (status == WEIR_OK && query != NULL) {
        char *next = strchr(query, '&');
        if (next != NULL)
            *next++ = '\0';
        if (*query != '\0')
            status = add_pair(target, query, err);
        query = next;
    }
    return status;
}

const char *
weiri_target_pair(const weiri_target *target, const char *name)
{
    for (size_t i = 0; i < target->n_pairs; i++)
        if (strcmp(target->pairs[i].name, name) == 0)
            return target->pairs[i].value;
    return NULL;
}

void
weiri_target_fini(weiri_target *target)
{
    weiri_buffer_fini(&target->text);
    weiri_release(target->pairs);
    *target = (weiri_target){ 0 };
}
