/* SPDX-License-Identifier: Apache-2.0
 * Small hand-written readers of header values. Each looks at every byte once and writes its result only when the whole value is good. */
#include "http/accept.h"
#include "base/text.h"
#include <stdio.h>
#include <strings.h>

static bool
is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static const char *
skip_blanks(const char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

static bool
word_is(const char *word, size_t size, const char *name)
{
    return strlen(name) == size && strncasecmp(word, name, size) == 0;
}

/* ---- Prefer ------------------------------------------------------------------------------------------- */

/* token or quoted string behind a '='; copies it, unescaped and cut to the room, to `to`. NULL: neither. */
static const char *
read_word(const char *at, char *to, size_t room)
{
    size_t n = 0;

    if (*at != '"') {
        if (!is_token_char(*at))
            return NULL;
        for (; is_token_char(*at); at++)
            if (n + 1 < room)
                to[n++] = *at;
        to[n] = '\0';
        return at;
    }
    for (at++; *at != '"'; at++) {
        if (*at == '\\')
            at++;
        if (*at == '\0')
            return NULL;
        if (n + 1 < room)
            to[n++] = *at;
    }
    to[n] = '\0';
    return at + 1;
}

/* name [ = word ]; a name without a value leaves `value` empty. NULL: malformed. */
static const char *
read_pair(const char *at, const char **ret_name, size_t *ret_size, char *value, size_t room)
{
    const char *name = at;

    value[0] = '\0';
    while (is_token_char(*at))
        at++;
    if (at == name)
        return NULL;
    *ret_name = name;
    *ret_size = (size_t)(at - name);
    at = skip_blanks(at);
    if (*at != '=')
        return at;
    at = read_word(skip_blanks(at + 1), value, room);
    return at == NULL ? NULL : skip_blanks(at);
}

static weir_status
apply_preference(weiri_prefer *prefer, bool *has_return, const char *name, size_t size, const char *value, weir_error *err)
{
    uint64_t seconds;

    if (word_is(name, size, "return")) {
        if (strcasecmp(value, "representation") != 0 && strcasecmp(value, "minimal") != 0)
            return weiri_error_set(err, WEIR_INVALID, "Prefer: return=%s: it is return=representation or return=minimal", value);
        if (!*has_return)
            prefer->representation = strcasecmp(value, "representation") == 0;
        *has_return = true;
    } else if (word_is(name, size, "respond-async")) {
        if (value[0] != '\0')
            return weiri_error_set(err, WEIR_INVALID, "Prefer: respond-async takes no value");
        prefer->respond_async = true;
    } else if (word_is(name, size, "wait")) {
        if (!weiri_text_to_uint64(value, &seconds))
            return weiri_error_set(err, WEIR_INVALID, "Prefer: wait=%s: it is a whole number of seconds", value);
        if (!prefer->has_wait)
            prefer->wait_s = seconds > WEIRI_WAIT_MOST_S ? WEIRI_WAIT_MOST_S : (int64_t)seconds;
        prefer->has_wait = true;
    }
    return WEIR_OK;
}

weir_status
weiri_prefer_read(const char *value, weiri_prefer *prefer, weir_error *err)
{
    const char *at = value, *name;
    size_t size;
    char word[128], ignored[128];
    weiri_prefer fresh = *prefer;
    bool has_return = prefer->representation;

    while (true) {
        at = skip_blanks(at);
        if (*at == ',') { /* empty elements of a list are allowed */
            at++;
            continue;
        }
        if (*at == '\0')
            break;
        at = read_pair(at, &name, &size, word, sizeof word);
        if (at == NULL)
            return weiri_error_set(err, WEIR_INVALID, "Prefer: '%.100s' is not a list of preferences", value);
        weir_status status = apply_preference(&fresh, &has_return, name, size, word, err);
        if (status != WEIR_OK)
            return status;
        while (*at == ';') {
            at = skip_blanks(at + 1);
            if (*at == ';' || *at == ',' || *at == '\0')
                continue;
            at = read_pair(at, &name, &size, ignored, sizeof ignored);
            if (at == NULL)
                return weiri_error_set(err, WEIR_INVALID, "Prefer: '%.100s' is not a list of preferences", value);
        }
        if (*at != ',' && *at != '\0')
            return weiri_error_set(err, WEIR_INVALID, "Prefer: '%.100s' is not a list of preferences", value);
    }
    *prefer = fresh;
    return WEIR_OK;
}

/* ---- entity tags -------------------------------------------------------------------------------------- */

weir_status
weiri_etag_read(const char *header, const char *value, uint64_t *ret_version, weir_error *err)
{
    size_t size = strlen(value);
    char digits[24];

    if (value[0] == 'W' && value[1] == '/')
        return weiri_error_set(err, WEIR_INVALID, "%s: %.40s is a weak ETag; only strong ones count, as \"7\"", header, value);
    if (size < 3 || size > sizeof digits || value[0] != '"' || value[size - 1] != '"')
        return weiri_error_set(err, WEIR_INVALID, "%s: '%.40s' is not one version in quotes, as \"7\"", header, value);
    memcpy(digits, value + 1, size - 2);
    digits[size - 2] = '\0';
    if (!weiri_text_to_uint64(digits, ret_version))
        return weiri_error_set(err, WEIR_INVALID, "%s: '%.40s' is not one version in quotes, as \"7\"", header, value);
    return WEIR_OK;
}

bool
weiri_etag_listed(const char *value, uint64_t version)
{
    char tag[32];
    size_t size = (size_t)snprintf(tag, sizeof tag, "\"%llu\"", (unsigned long long)version);

    if (strcmp(skip_blanks(value), "*") == 0)
        return true;
    for (const char *at = skip_blanks(value); *at != '\0'; at = skip_blanks(at + (*at == ','))) {
        if (at[0] == 'W' && at[1] == '/')
            at += 2;
        if (strncmp(at, tag, size) == 0 && (at[size] == ',' || *skip_blanks(at + size) == '\0' || *skip_blanks(at + size) == ','))
            return true;
        while (*at != '\0' && *at != ',')
            at++;
    }
    return false;
}

/* ---- Idempotency-Key ---------------------------------------------------------------------------------- */

weir_status
weiri_idempotency_key_read(const char *value, char ret_id[WEIRI_KEY_MOST + 1], weir_error *err)
{
    bool quoted = value[0] == '"';
    const char *at = value + quoted;
    char id[WEIRI_KEY_MOST + 1];
    size_t n = 0;

    for (; *at != '\0' && !(quoted && *at == '"'); at++) {
        if (quoted && at[0] == '\\' && (at[1] == '\\' || at[1] == '"'))
            at++;
        else if (*at < (quoted ? 0x20 : 0x21) || *at > 0x7e || *at == '\\' || *at == '"')
            return weiri_error_set(
                err, WEIR_INVALID, "Idempotency-Key: character %zu is not allowed there; it is printable ASCII, best in quotes", n + 1);
        if (n == WEIRI_KEY_MOST)
            return weiri_error_set(err, WEIR_INVALID, "Idempotency-Key: longer than %d characters", WEIRI_KEY_MOST);
        id[n++] = *at;
    }
    if (quoted && (at[0] != '"' || at[1] != '\0'))
        return weiri_error_set(err, WEIR_INVALID, "Idempotency-Key: %s the closing quote", at[0] == '"' ? "something follows" : "it lacks");
    if (n == 0)
        return weiri_error_set(err, WEIR_INVALID, "Idempotency-Key: it is empty");
    id[n] = '\0';
    memcpy(ret_id, id, n + 1);
    return WEIR_OK;
}

/* ---- Accept, Content-Type ----------------------------------------------------------------------------- */

/* The q parameter in thousandths; 1000 where there is none or it is no number. */
static int
read_quality(const char *at, const char *end)
{
    for (; at < end; at++) {
        if (*at != ';')
            continue;
        const char *p = skip_blanks(at + 1);
        if ((*p != 'q' && *p != 'Q') || p[1] != '=')
            continue;
        int quality = p[2] == '1' ? 1000 : 0, weight = 100;
        if (p[2] != '0' && p[2] != '1') /* the value may end here */
            return 1000;
        for (p += p[3] == '.' ? 4 : 3; p < end && *p >= '0' && *p <= '9' && weight > 0; p++, weight /= 10)
            quality += (*p - '0') * weight;
        return quality > 1000 ? 1000 : quality;
    }
    return 1000;
}

int
weiri_accept_quality(const char *accept, const char *type)
{
    int best = 0, best_rank = 0;
    size_t main_size = (size_t)(strchr(type, '/') - type) + 1;

    if (accept == NULL || *skip_blanks(accept) == '\0')
        return 1;
    for (const char *at = skip_blanks(accept); *at != '\0'; at = skip_blanks(at + (*at == ','))) {
        const char *end = at + strcspn(at, ",");
        size_t size = strcspn(at, " \t;,");
        int rank = word_is(at, size, type)                                                                 ? 3
                   : size == main_size + 1 && at[size - 1] == '*' && strncasecmp(at, type, main_size) == 0 ? 2
                   : word_is(at, size, "*/*")                                                              ? 1
                                                                                                           : 0;
        if (rank > best_rank) {
            best_rank = rank;
            best = read_quality(at, end);
        }
        at = end;
    }
    return best;
}

bool
weiri_media_type_is(const char *value, const char *type)
{
    value = skip_blanks(value);
    return word_is(value, strcspn(value, " \t;"), type);
}

bool
weiri_media_type_is_utf8(const char *value)
{
    for (const char *at = strchr(value, ';'); at != NULL; at = strchr(at, ';')) {
        at = skip_blanks(at + 1);
        if (strncasecmp(at, "charset=", 8) != 0)
            continue;
        at += 8 + (at[8] == '"');
        return word_is(at, strcspn(at, " \t;\""), "utf-8");
    }
    return true;
}

bool
weiri_traceparent_valid(const char *value)
{
    static const char shape[] = "00-00000000000000000000000000000000-0000000000000000-00";
    bool trace = false, span = false;

    if (strlen(value) != sizeof shape - 1 || strncmp(value, "ff", 2) == 0)
        return false;
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        if (shape[i] == '-' ? value[i] != '-' : !((value[i] >= '0' && value[i] <= '9') || (value[i] >= 'a' && value[i] <= 'f')))
            return false;
        trace = trace || (i >= 3 && i < 35 && value[i] != '0');
        span = span || (i >= 36 && i < 52 && value[i] != '0');
    }
    return trace && span;
}
