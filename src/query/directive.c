/* SPDX-License-Identifier: Apache-2.0
 * The reader of directive lines, and of a query's parameters. A comment that looks like a directive with a typo is an
 * error, since nothing else would ever tell its author. Thread: any. */
#include "query/directive.h"
#include "base/memory.h"
#include "base/text.h"
#include "query/value.h"
#include <ctype.h>
#include <string.h>

enum { WORD_MOST = 16 };

static const struct {
    const char *word;
    weiri_directive_kind kind;
} directives[] = {
    { "schema", WEIRI_DIRECTIVE_SCHEMA },
    { "on", WEIRI_DIRECTIVE_ON },
    { "query", WEIRI_DIRECTIVE_QUERY },
    { "each", WEIRI_DIRECTIVE_EACH },
    { "on-error", WEIRI_DIRECTIVE_ON_ERROR },
    { "for", WEIRI_DIRECTIVE_LATER },
    { "call", WEIRI_DIRECTIVE_LATER },
    { "uses", WEIRI_DIRECTIVE_LATER },
};
enum { DIRECTIVES = sizeof directives / sizeof *directives };

weiri_bytes
weiri_trimmed(const char *begin, const char *end)
{
    while (begin < end && isspace((unsigned char)*begin))
        begin++;
    while (end > begin && isspace((unsigned char)end[-1]))
        end--;
    return (weiri_bytes){ begin, (size_t)(end - begin) };
}

bool
weiri_directive_read(const char *line, weiri_directive *ret_directive)
{
    char word[WORD_MOST + 1];
    const char *begin = line + 2, *end, *colon;

    if (line[0] != '-' || line[1] != '-')
        return false;
    begin += strspn(begin, " \t");
    for (end = begin; isalpha((unsigned char)*end) || *end == '-' || *end == '_'; end++)
        ;
    colon = end + strspn(end, " \t");
    size_t size = (size_t)(end - begin);
    if (*colon != ':' || size == 0 || size > WORD_MOST)
        return false;
    memcpy(word, begin, size);
    word[size] = '\0';
    weiri_bytes text = weiri_trimmed(colon + 1, colon + 1 + strcspn(colon + 1, "\n"));
    weiri_directive d = { WEIRI_DIRECTIVE_WRONG, begin, size, text.data, text.size, NULL };
    bool exact_form = begin == line + 3 && line[2] == ' ' && colon == end;
    unsigned best = 3;
    for (size_t i = 0; i < DIRECTIVES; i++) {
        unsigned distance = weiri_text_distance(word, directives[i].word);
        if (strcmp(word, directives[i].word) == 0 && exact_form)
            d.kind = directives[i].kind;
        if (distance < best) {
            best = distance;
            d.meant = directives[i].word;
        }
    }
    if (best > 2)
        return false;
    *ret_directive = d;
    return true;
}

bool
weiri_directive_begins(const char *line)
{
    weiri_directive d;

    return weiri_directive_read(line, &d) && d.kind != WEIRI_DIRECTIVE_WRONG;
}

/* ---- parameters ---------------------------------------------------------------------------------------- */

typedef struct reader {
    const char *file;
    int line;
    const char *at, *end;
    weiri_problems *problems;
} reader;

static void
skip_blanks(reader *r)
{
    while (r->at < r->end && isspace((unsigned char)*r->at))
        r->at++;
}

static weiri_bytes
read_name(reader *r)
{
    skip_blanks(r);
    const char *begin = r->at;
    if (r->at < r->end && (isalpha((unsigned char)*r->at) || *r->at == '_'))
        while (r->at < r->end && (isalnum((unsigned char)*r->at) || *r->at == '_'))
            r->at++;
    return (weiri_bytes){ begin, (size_t)(r->at - begin) };
}

static bool
take(reader *r, char c)
{
    skip_blanks(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* A default: 'text' with '' for a quote, or what stands before the next comma or bracket. */
static bool
read_default(reader *r, weiri_parameter *parameter)
{
    weiri_buffer text = { 0 };
    bool quoted = take(r, '\''), closed = !quoted;

    parameter->has_default = true;
    while (quoted && r->at < r->end) {
        if (*r->at == '\'' && !(r->at + 1 < r->end && r->at[1] == '\'')) {
            r->at++;
            closed = true;
            break;
        }
        r->at += *r->at == '\'';
        weiri_buffer_add_char(&text, *r->at++);
    }
    if (!quoted) {
        const char *begin = r->at;
        while (r->at < r->end && *r->at != ',' && *r->at != ')')
            r->at++;
        weiri_bytes word = weiri_trimmed(begin, r->at);
        weiri_buffer_add_bytes(&text, word);
        parameter->default_null = weiri_bytes_are(word, "null");
        closed = word.size > 0;
    }
    parameter->fallback = weiri_text_copy(weiri_buffer_text(&text));
    weiri_buffer_fini(&text);
    return closed;
}

static bool
type_of(weiri_bytes word, weiri_parameter_type *ret_type)
{
    for (int i = 0; i < WEIRI_PARAMETER_TYPES; i++)
        if (weiri_bytes_are(word, weiri_parameter_type_names[i])) {
            *ret_type = (weiri_parameter_type)i;
            return true;
        }
    return false;
}

static void
check_parameter(reader *r, const weiri_view_query *query, const weiri_parameter *parameter)
{
    static const char *const taken[] = { "select", "order", "limit", "offset" };
    weiri_value value;
    weiri_arena arena = { 0 };

    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(parameter->name, taken[i]) == 0)
            weiri_problems_add(
                r->problems, r->file, r->line, "parameter '%s' of query %s: every query has that one already", taken[i], query->name);
    for (size_t i = 0; i + 1 < query->n; i++)
        if (strcmp(query->parameters[i].name, parameter->name) == 0)
            weiri_problems_add(r->problems, r->file, r->line, "query %s has parameter '%s' twice", query->name, parameter->name);
    if (parameter->has_default && !parameter->default_null && !weiri_value_read(parameter->type, parameter->fallback, &arena, &value))
        weiri_problems_add(r->problems, r->file, r->line, "the default of '%s' is no %s: '%s'", parameter->name,
            weiri_parameter_type_names[parameter->type], parameter->fallback);
    weiri_arena_fini(&arena);
}

static bool
read_parameter(reader *r, weiri_view_query *query)
{
    weiri_bytes name = read_name(r), word = read_name(r);
    weiri_parameter parameter = { 0 };

    if (name.size == 0)
        return false;
    if (!type_of(word, &parameter.type)) {
        weiri_problems_add(r->problems, r->file, r->line, "parameter '%.*s' of query %s needs a type: text integer real boolean bytes time",
            (int)name.size, (const char *)name.data, query->name);
        if (word.size == 0)
            return false;
    }
    parameter.name = weiri_text_copy_n(name.data, name.size);
    bool good = !take(r, '=') || read_default(r, &parameter);
    query->parameters = weiri_reallocate(query->parameters, (query->n + 1) * sizeof *query->parameters);
    query->parameters[query->n++] = parameter;
    if (good)
        check_parameter(r, query, &parameter);
    return good;
}

void
weiri_directive_query(const char *file, int line, const weiri_directive *directive, weiri_view_query *query, weiri_problems *problems)
{
    reader r = { file, line, directive->text, directive->text + directive->size, problems };
    weiri_bytes name = read_name(&r);
    size_t before = problems->n;
    bool good = name.size > 0;

    query->name = weiri_text_copy_n(name.data, name.size);
    if (good && take(&r, '(') && !take(&r, ')')) {
        do
            good = read_parameter(&r, query);
        while (good && take(&r, ','));
        good = good && take(&r, ')');
    }
    skip_blanks(&r);
    if ((!good || r.at < r.end) && problems->n == before)
        weiri_problems_add(problems, file, line, "a query is written '-- query: NAME' or '-- query: NAME(name type, name type = default)'");
}
