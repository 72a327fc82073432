/* SPDX-License-Identifier: Apache-2.0
 * Settings that are pairs themselves, "name=value name='a value'": checked, split, and shown without what is secret.
 * Thread: one at a time. */
#include "engine/settings.h"
#include "base/memory.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { PAIRS_MOST = 256 };

/* One pair at *at into `to`, its quotes taken off. False: there is none. *ret_closed: every quote was. */
static bool
next_pair(const char **at, weiri_buffer *to, bool *ret_closed)
{
    char quote = '\0';

    *at += strspn(*at, " \t");
    if (**at == '\0')
        return false;
    weiri_buffer_clear(to);
    for (; **at != '\0' && (quote != '\0' || strchr(" \t", **at) == NULL); (*at)++) {
        if (quote == '\0' && (**at == '\'' || **at == '"'))
            quote = **at;
        else if (quote != '\0' && **at == quote)
            quote = '\0';
        else
            weiri_buffer_add_char(to, **at);
    }
    *ret_closed = quote == '\0';
    return true;
}

weir_status
weiri_settings_check_pairs(const char *name, const char *value, const char *origin, weir_error *err)
{
    weiri_buffer pair = { 0 };
    weir_status status = WEIR_OK;
    const char *at = value;
    bool closed;
    size_t n = 0;

    while (status == WEIR_OK && next_pair(&at, &pair, &closed)) {
        const char *text = weiri_buffer_text(&pair), *equals = strchr(text, '=');
        if (!closed)
            status = weiri_error_set(err, WEIR_INVALID, "%s: %s: a quote is not closed", origin, name);
        else if (equals == NULL || equals == text)
            status = weiri_error_set(err, WEIR_INVALID, "%s: %s: expected name=value, found '%s'", origin, name, text);
        else if (++n > PAIRS_MOST)
            status = weiri_error_set(err, WEIR_INVALID, "%s: %s: more than %d pairs", origin, name, (int)PAIRS_MOST);
    }
    weiri_buffer_fini(&pair);
    return status;
}

char **
weiri_settings_pairs(const weiri_settings *settings, const char *name)
{
    char **list = weiri_allocate((PAIRS_MOST + 1) * sizeof *list);
    const char *at = weiri_settings_text(settings, name);
    weiri_buffer pair = { 0 };
    size_t n = 0;
    bool closed;

    while (n < PAIRS_MOST && next_pair(&at, &pair, &closed))
        list[n++] = weiri_text_copy(weiri_buffer_text(&pair));
    weiri_buffer_fini(&pair);
    return list;
}

static void
add_quoted(weiri_buffer *to, const char *pair)
{
    const char *quote = strchr(pair, '\'') == NULL ? "'" : "\"";
    size_t name_size = strcspn(pair, "=");

    if (strpbrk(pair, " \t'\"") == NULL) {
        weiri_buffer_add_text(to, pair);
        return;
    }
    weiri_buffer_add(to, pair, name_size + 1);
    weiri_buffer_print(to, "%s%s%s", quote, pair + name_size + 1, quote);
}

weir_status
weiri_settings_add_pair(weiri_settings *settings, const char *name, const char *pair, const char *origin, weir_error *err)
{
    const char *before = weiri_settings_text(settings, name), *equals = strchr(pair, '=');
    weiri_buffer all = { 0 }, origins = { 0 };

    if (equals == NULL || equals == pair)
        return weiri_error_set(err, WEIR_INVALID, "%s: expected name=value, found '%s'", origin, pair);
    weiri_buffer_add_text(&all, before);
    if (before[0] != '\0') {
        weiri_buffer_add_char(&all, ' ');
        weiri_buffer_print(&origins, "%s, ", weiri_settings_origin(settings, name));
    }
    add_quoted(&all, pair);
    weiri_buffer_add_text(&origins, origin);
    weir_status status = weiri_settings_set(settings, name, weiri_buffer_text(&all), weiri_buffer_text(&origins), err);
    weiri_buffer_fini(&all);
    weiri_buffer_fini(&origins);
    return status;
}

static bool
is_secret(const char *pair)
{
    static const char *const words[] = { "password", "secret", "jaas" };
    size_t size = strcspn(pair, "=");

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (size_t at = 0; at + strlen(words[i]) <= size; at++)
            if (strncasecmp(pair + at, words[i], strlen(words[i])) == 0)
                return true;
    return false;
}

void
weiri_settings_show(const weiri_settings *settings, const char *name, weiri_buffer *to)
{
    const weiri_setting_row *row = weiri_setting_rows;

    while (row->name != NULL && strcmp(row->name, name) != 0)
        row++;
    if (row->kind != WEIRI_SETTING_PAIRS) {
        weiri_buffer_add_text(to, weiri_settings_text(settings, name));
        return;
    }
    char **pairs = weiri_settings_pairs(settings, name);
    for (size_t i = 0; pairs[i] != NULL; i++) {
        if (i > 0)
            weiri_buffer_add_char(to, ' ');
        if (is_secret(pairs[i]))
            weiri_buffer_print(to, "%.*s=***", (int)strcspn(pairs[i], "="), pairs[i]);
        else
            add_quoted(to, pairs[i]);
        weiri_release(pairs[i]);
    }
    weiri_release(pairs);
}
