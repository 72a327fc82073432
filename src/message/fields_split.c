/* SPDX-License-Identifier: Apache-2.0
 * A line of a story into its words and arguments. A value ends at a blank; one that begins with a quote or a bracket ends where
 * that closes. Quotes are taken off, brackets stay. Thread: any. */
#include "base/memory.h"
#include "message/fields.h"
#include <string.h>

static const char blanks[] = " \t\r\n";

typedef struct splitter {
    const char *line, *at;
    weiri_buffer word;
    weir_error *err;
} splitter;

static bool
at_blank(const splitter *s)
{
    return *s->at == '\0' || strchr(blanks, *s->at) != NULL;
}

static weir_status
fail(const splitter *s, const char *from, const char *what)
{
    return weiri_error_set(s->err, WEIR_INVALID, "column %zu: %s", (size_t)(from - s->line) + 1, what);
}

/* "...": \" \\ \n \r \t mean what they mean; another backslash stands for itself, so that \x01 reaches fields of bytes. */
static weir_status
take_quoted(splitter *s)
{
    const char *from = s->at++;

    for (; *s->at != '"'; s->at++) {
        static const char names[] = "\"\\nrt", meanings[] = "\"\\\n\r\t";
        const char *name = *s->at == '\\' && s->at[1] != '\0' ? strchr(names, s->at[1]) : NULL;
        if (*s->at == '\0')
            return fail(s, from, "this quote is never closed");
        s->at += name != NULL;
        weiri_buffer_add_char(&s->word, name != NULL ? meanings[name - names] : *s->at);
    }
    s->at++;
    return at_blank(s) ? WEIR_OK : fail(s, s->at, "expected a blank behind the closing quote");
}

/* [...] or {...}: JSON, whose own reader checks more than that the brackets close, outside its strings. */
static weir_status
take_bracketed(splitter *s)
{
    const char *from = s->at;
    size_t open = 0;
    bool quoted = false;

    do {
        if (*s->at == '\0')
            return fail(s, from, "this bracket is never closed (a text that begins with one needs quotes)");
        if (quoted && *s->at == '\\' && s->at[1] != '\0')
            s->at++;
        else if (*s->at == '"')
            quoted = !quoted;
        else if (!quoted && (*s->at == '[' || *s->at == '{'))
            open++;
        else if (!quoted && (*s->at == ']' || *s->at == '}'))
            open--;
        s->at++;
    } while (open > 0);
    weiri_buffer_add(&s->word, from, (size_t)(s->at - from));
    return at_blank(s) ? WEIR_OK : fail(s, s->at, "expected a blank behind the closing bracket");
}

static weir_status
take_value(splitter *s)
{
    if (*s->at == '"')
        return take_quoted(s);
    if (*s->at == '[' || *s->at == '{')
        return take_bracketed(s);
    for (; !at_blank(s); s->at++)
        weiri_buffer_add_char(&s->word, *s->at);
    return WEIR_OK;
}

/* A word without '=', or an argument. */
static weir_status
take_word(splitter *s)
{
    if (*s->at == '"')
        return take_quoted(s);
    while (!at_blank(s)) {
        weiri_buffer_add_char(&s->word, *s->at);
        if (*s->at++ == '=')
            return take_value(s);
    }
    return WEIR_OK;
}

weir_status
weiri_fields_split(const char *line, char ***ret_arguments, size_t *ret_n, weir_error *err)
{
    splitter s = { .line = line, .at = line, .err = err };
    char **arguments = weiri_allocate(sizeof *arguments);
    weir_status status = WEIR_OK;
    size_t n = 0;

    for (;;) {
        s.at += strspn(s.at, blanks);
        if (*s.at == '\0')
            break;
        weiri_buffer_clear(&s.word);
        if ((status = take_word(&s)) != WEIR_OK)
            break;
        arguments = weiri_reallocate(arguments, (n + 1) * sizeof *arguments);
        arguments[n++] = weiri_text_copy(weiri_buffer_text(&s.word));
    }
    weiri_buffer_fini(&s.word);
    if (status != WEIR_OK) {
        weiri_fields_free(arguments, n);
        return status;
    }
    *ret_arguments = arguments;
    *ret_n = n;
    return WEIR_OK;
}

void
weiri_fields_free(char **arguments, size_t n)
{
    for (size_t i = 0; i < n; i++)
        weiri_release(arguments[i]);
    weiri_release(arguments);
}
