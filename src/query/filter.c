/* SPDX-License-Identifier: Apache-2.0
 * The compiler of filters. A column of declared type takes only values of that type, so that 'lt.10' means what it says;
 * a column that is an expression is compared by the type of what stands in it. Thread: any. */
#include "query/filter.h"
#include <stdio.h>
#include <string.h>
#include "base/memory.h"
#include "base/text.h"
#include "query/value.h"

typedef struct compiler {
    const weiri_relation *relation;
    const char *what;
    weiri_question *q;
    weiri_buffer where, order, columns;
    weiri_value limit, offset; /* NULL: none */
    weir_error *err;
} compiler;

static const struct {
    const char *name, *sql;
} operators[] = { { "eq", "=" }, { "neq", "<>" }, { "gt", ">" }, { "gte", ">=" }, { "lt", "<" }, { "lte", "<=" }, { "like", NULL },
    { "in", NULL }, { "is", NULL } };
enum { OPERATORS = sizeof operators / sizeof *operators };

size_t
weiri_question_value(weiri_question *question, weiri_value value)
{
    weiri_buffer_add(&question->values, &value, sizeof value);
    return question->values.size / sizeof value;
}

void
weiri_question_fini(weiri_question *question)
{
    weiri_buffer_fini(&question->sql);
    weiri_buffer_fini(&question->values);
    weiri_arena_fini(&question->arena);
}

static void
add_column(weiri_buffer *to, const char *name)
{
    weiri_buffer_add_text(to, "weir_t.\"");
    for (; *name != '\0'; name++) {
        if (*name == '"')
            weiri_buffer_add_char(to, '"');
        weiri_buffer_add_char(to, *name);
    }
    weiri_buffer_add_char(to, '"');
}

static void
add_value(compiler *c, weiri_value value)
{
    weiri_buffer_print(&c->where, "?%zu", weiri_question_value(c->q, value));
}

static weir_status
no_column(compiler *c, const char *name)
{
    weiri_nearest nearest = { 0 };
    char hint[128];

    for (size_t i = 0; i < c->relation->n; i++)
        weiri_nearest_offer(&nearest, name, c->relation->columns[i].name);
    return weiri_error_set(c->err, WEIR_INVALID, "%s has no column '%s'%s", c->what, name, weiri_nearest_hint(&nearest, hint, sizeof hint));
}

static weir_status
find_column(compiler *c, const char *name, size_t size, const weiri_column **ret_column)
{
    *ret_column = weiri_relation_column(c->relation, name, size);
    if (*ret_column != NULL)
        return WEIR_OK;
    char *copy = weiri_text_copy_n(name, size);
    weir_status status = no_column(c, copy);
    weiri_release(copy);
    return status;
}

/* ---- values -------------------------------------------------------------------------------------------- */

static bool
read_number(const char *text, weiri_value *ret_value)
{
    weiri_value value = { .kind = WEIRI_VALUE_INTEGER };

    if (!weiri_text_to_int64(text, &value.integer)) {
        value.kind = WEIRI_VALUE_REAL;
        if (!weiri_text_to_double(text, &value.real))
            return false;
    }
    *ret_value = value;
    return true;
}

/* As a number where the column's type isn't known: NULL when it is none, so that it equals nothing. */
static weiri_value
loose_number(const char *text)
{
    weiri_value value = { .kind = WEIRI_VALUE_NULL };

    if (!read_number(text, &value) && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        return weiri_value_integer(text[0] == 't');
    return value;
}

static weir_status
typed_value(compiler *c, const weiri_column *column, const char *text, weiri_value *ret_value)
{
    bool good;

    switch (column->affinity) {
    case WEIRI_AFFINITY_INTEGER:
    case WEIRI_AFFINITY_REAL:
        good = read_number(text, ret_value);
        break;
    case WEIRI_AFFINITY_BLOB:
        good = weiri_value_read(WEIRI_PARAMETER_BYTES, text, &c->q->arena, ret_value);
        break;
    default:
        good = weiri_value_read(WEIRI_PARAMETER_TEXT, text, &c->q->arena, ret_value);
        break;
    }
    if (good)
        return WEIR_OK;
    return weiri_error_set(c->err, WEIR_INVALID, "'%s' is %s: '%s' is no such value", column->name, column->type, text);
}

/* column OP (values): one value, or a list in brackets. */
static weir_status
add_comparison(compiler *c, const weiri_column *column, const char *sql, char *const *texts, size_t n, bool list)
{
    const char *open = list ? "(" : "", *close = list ? ")" : "";
    weiri_value value;

    if (column->affinity != WEIRI_AFFINITY_UNKNOWN) {
        add_column(&c->where, column->name);
        weiri_buffer_print(&c->where, " %s %s", sql, open);
        for (size_t i = 0; i < n; i++) {
            weir_status status = typed_value(c, column, texts[i], &value);
            if (status != WEIR_OK)
                return status;
            weiri_buffer_add_text(&c->where, i > 0 ? ", " : "");
            add_value(c, value);
        }
        weiri_buffer_add_text(&c->where, close);
        return WEIR_OK;
    }
    for (int text = 1; text >= 0; text--) {
        weiri_buffer_add_text(&c->where, text ? "CASE typeof(" : " WHEN 'blob' THEN NULL ELSE ");
        if (text) {
            add_column(&c->where, column->name);
            weiri_buffer_add_text(&c->where, ") WHEN 'text' THEN ");
        }
        add_column(&c->where, column->name);
        weiri_buffer_print(&c->where, " %s %s", sql, open);
        for (size_t i = 0; i < n; i++) {
            weiri_buffer_add_text(&c->where, i > 0 ? ", " : "");
            add_value(c, text ? weiri_value_text(texts[i], strlen(texts[i])) : loose_number(texts[i]));
        }
        weiri_buffer_add_text(&c->where, close);
    }
    weiri_buffer_add_text(&c->where, " END");
    return WEIR_OK;
}

void
weiri_filter_glob(const char *pattern, weiri_buffer *to)
{
    for (; *pattern != '\0'; pattern++) {
        bool literal = *pattern == '\\' && pattern[1] != '\0';
        pattern += literal;
        if (!literal && (*pattern == '*' || *pattern == '%'))
            weiri_buffer_add_char(to, '*');
        else if (!literal && *pattern == '_')
            weiri_buffer_add_char(to, '?');
        else if (*pattern == '*' || *pattern == '?' || *pattern == '[')
            weiri_buffer_print(to, "[%c]", *pattern);
        else
            weiri_buffer_add_char(to, *pattern);
    }
}

static weir_status
add_like(compiler *c, const weiri_column *column, const char *text)
{
    weiri_buffer glob = { 0 };

    if (!weiri_utf8_valid(weiri_bytes_of(text)))
        return weiri_error_set(c->err, WEIR_INVALID, "the pattern for '%s' is not UTF-8", column->name);
    weiri_filter_glob(text, &glob);
    const char *kept = weiri_arena_text(&c->q->arena, weiri_buffer_bytes(&glob));
    add_column(&c->where, column->name);
    weiri_buffer_add_text(&c->where, " GLOB ");
    add_value(c, weiri_value_text(kept, glob.size));
    weiri_buffer_fini(&glob);
    return WEIR_OK;
}

/* (a,b,"c,d"): elements into the arena. */
static weir_status
split_list(compiler *c, const weiri_column *column, const char *text, weiri_buffer *elements)
{
    size_t n = strlen(text);
    const char *at = text + 1, *end = text + n - 1;

    if (n < 2 || text[0] != '(' || *end != ')')
        return weiri_error_set(c->err, WEIR_INVALID, "'%s=in.' is followed by a list in brackets: in.(a,b,\"c,d\")", column->name);
    while (at < end) {
        char *element = weiri_arena_take(&c->q->arena, (size_t)(end - at) + 1), *to = element;
        bool quoted = *at == '"', closed = !quoted;
        for (at += quoted; at < end && (quoted ? !closed : *at != ','); at++) {
            if (quoted && *at == '"') {
                closed = true;
                continue;
            }
            at += quoted && *at == '\\' && at + 1 < end;
            *to++ = *at;
        }
        *to = '\0';
        if (!closed || (at < end && *at != ',') || (at + 1 == end && *at == ','))
            return weiri_error_set(c->err, WEIR_INVALID, "the list of '%s' is not well formed: in.(a,b,\"c,d\")", column->name);
        weiri_buffer_add(elements, &element, sizeof element);
        at++;
    }
    return WEIR_OK;
}

static weir_status
add_in(compiler *c, const weiri_column *column, const char *text)
{
    weiri_buffer elements = { 0 };

    weir_status status = split_list(c, column, text, &elements);
    if (status == WEIR_OK)
        status = add_comparison(c, column, "IN", (char *const *)(void *)elements.data, elements.size / sizeof(char *), true);
    weiri_buffer_fini(&elements);
    return status;
}

static weir_status
add_is(compiler *c, const weiri_column *column, const char *text)
{
    const char *sql = strcmp(text, "null") == 0 ? "NULL" : strcmp(text, "true") == 0 ? "TRUE" : strcmp(text, "false") == 0 ? "FALSE" : NULL;

    if (sql == NULL)
        return weiri_error_set(c->err, WEIR_INVALID, "'%s=is.' is followed by null, true or false, not by '%s'", column->name, text);
    add_column(&c->where, column->name);
    weiri_buffer_print(&c->where, " IS %s", sql);
    return WEIR_OK;
}

/* ---- arguments ----------------------------------------------------------------------------------------- */

static weir_status
no_operator(compiler *c, const char *name, const char *value, size_t size)
{
    weiri_nearest nearest = { 0 };
    char hint[64], word[16];

    (void)snprintf(word, sizeof word, "%.*s", (int)size, value);
    for (size_t i = 0; i < OPERATORS; i++)
        weiri_nearest_offer(&nearest, word, operators[i].name);
    if (value[size] != '.')
        return weiri_error_set(
            c->err, WEIR_INVALID, "'%s=%s': a filter is an operator and a value, as in '%s=eq.%s'", name, value, name, value);
    return weiri_error_set(c->err, WEIR_INVALID, "'%s=%s': no operator '%s' (eq neq gt gte lt lte like in is)%s", name, value, word,
        weiri_nearest_hint(&nearest, hint, sizeof hint));
}

static weir_status
add_filter(compiler *c, const weiri_column *column, const char *value)
{
    bool negated = strncmp(value, "not.", 4) == 0;
    const char *at = value + 4 * negated;
    size_t size = strcspn(at, ".");
    weir_status status = WEIR_OK;

    weiri_buffer_add_text(&c->where, c->where.size == 0 ? " WHERE " : " AND ");
    weiri_buffer_add_text(&c->where, negated ? "NOT (" : "(");
    for (size_t i = 0;; i++) {
        if (i == OPERATORS || at[size] != '.')
            return no_operator(c, column->name, at, size);
        if (strlen(operators[i].name) != size || memcmp(operators[i].name, at, size) != 0)
            continue;
        char *text = weiri_arena_text(&c->q->arena, weiri_bytes_of(at + size + 1));
        if (operators[i].sql != NULL)
            status = add_comparison(c, column, operators[i].sql, &text, 1, false);
        else
            status = operators[i].name[0] == 'l'   ? add_like(c, column, text)
                     : operators[i].name[1] == 'n' ? add_in(c, column, text)
                                                   : add_is(c, column, text);
        break;
    }
    weiri_buffer_add_char(&c->where, ')');
    return status;
}

/* Takes `suffix` off the end of text[0, *size). */
static bool
take_suffix(const char *text, size_t *size, const char *suffix)
{
    size_t n = strlen(suffix);

    if (*size <= n || memcmp(text + *size - n, suffix, n) != 0)
        return false;
    *size -= n;
    return true;
}

static weir_status
add_order(compiler *c, const char *text, size_t size)
{
    const weiri_column *column;
    bool first = take_suffix(text, &size, ".nullsfirst"), last = !first && take_suffix(text, &size, ".nullslast");
    bool descending = take_suffix(text, &size, ".desc");

    if (!descending)
        (void)take_suffix(text, &size, ".asc");
    weir_status status = find_column(c, text, size, &column);
    if (status != WEIR_OK)
        return status;
    weiri_buffer_add_text(&c->order, c->order.size == 0 ? " ORDER BY " : ", ");
    add_column(&c->order, column->name);
    /* As PostgreSQL has it: nothing said means last going up, first going down. */
    weiri_buffer_print(&c->order, " %s NULLS %s", descending ? "DESC" : "ASC", first || (descending && !last) ? "FIRST" : "LAST");
    return WEIR_OK;
}

static weir_status
add_select(compiler *c, const char *text, size_t size)
{
    const weiri_column *column = weiri_relation_column(c->relation, text, size);
    const char *colon = memchr(text, ':', size);
    weiri_buffer alias = { 0 };

    if (size == 1 && text[0] == '*') {
        for (size_t i = 0; i < c->relation->n; i++) {
            weiri_buffer_add_text(&c->columns, c->columns.size == 0 ? "" : ", ");
            add_column(&c->columns, c->relation->columns[i].name);
        }
        return WEIR_OK;
    }
    if (column == NULL) {
        size_t skip = colon == NULL ? 0 : (size_t)(colon - text) + 1;
        weir_status status = find_column(c, text + skip, size - skip, &column);
        if (status != WEIR_OK)
            return status;
        weiri_buffer_add(&alias, text, skip == 0 ? 0 : skip - 1);
    }
    weiri_buffer_add_text(&c->columns, c->columns.size == 0 ? "" : ", ");
    add_column(&c->columns, column->name);
    weiri_buffer_add_text(&c->columns, " AS ");
    weiri_buffer quoted = { 0 };
    add_column(&quoted, alias.size > 0 ? weiri_buffer_text(&alias) : column->name);
    weiri_buffer_add_text(&c->columns, weiri_buffer_text(&quoted) + strlen("weir_t."));
    weiri_buffer_fini(&quoted);
    weiri_buffer_fini(&alias);
    return WEIR_OK;
}

static weir_status
each_of_list(compiler *c, const char *name, const char *text, weir_status (*add)(compiler *c, const char *text, size_t size))
{
    for (;; text++) {
        size_t size = strcspn(text, ",");
        if (size == 0)
            return weiri_error_set(c->err, WEIR_INVALID, "'%s' is a list of columns: one of them is empty", name);
        weir_status status = add(c, text, size);
        if (status != WEIR_OK || text[size] == '\0')
            return status;
        text += size;
    }
}

static weir_status
read_count(compiler *c, const weiri_argument *argument, weiri_value *to)
{
    if (to->kind != WEIRI_VALUE_NULL)
        return weiri_error_set(c->err, WEIR_INVALID, "'%s' is given twice", argument->name);
    to->kind = WEIRI_VALUE_INTEGER;
    if (!weiri_text_to_int64(argument->value, &to->integer) || to->integer < 0)
        return weiri_error_set(c->err, WEIR_INVALID, "'%s' is a number of rows, not '%s'", argument->name, argument->value);
    return WEIR_OK;
}

static weir_status
add_argument(compiler *c, const weiri_argument *argument)
{
    const weiri_column *column;

    if (strcmp(argument->name, "limit") == 0)
        return read_count(c, argument, &c->limit);
    if (strcmp(argument->name, "offset") == 0)
        return read_count(c, argument, &c->offset);
    if (strcmp(argument->name, "order") == 0)
        return each_of_list(c, "order", argument->value, add_order);
    if (strcmp(argument->name, "select") == 0)
        return each_of_list(c, "select", argument->value, add_select);
    weir_status status = find_column(c, argument->name, strlen(argument->name), &column);
    return status == WEIR_OK ? add_filter(c, column, argument->value) : status;
}

weir_status
weiri_filter_compile(const weiri_relation *relation, const char *what, const char *from, const weiri_argument *arguments, size_t n,
    weiri_question *question, weir_error *err)
{
    compiler c = { .relation = relation, .what = what, .q = question, .err = err };
    weir_status status = WEIR_OK;

    for (size_t i = 0; i < n && status == WEIR_OK; i++)
        status = add_argument(&c, &arguments[i]);
    if (status == WEIR_OK && c.columns.size == 0)
        status = add_select(&c, "*", 1);
    if (status == WEIR_OK) {
        weiri_buffer_print(&question->sql, "SELECT %s FROM %s AS weir_t", weiri_buffer_text(&c.columns), from);
        weiri_buffer_add_bytes(&question->sql, weiri_buffer_bytes(&c.where));
        weiri_buffer_add_bytes(&question->sql, weiri_buffer_bytes(&c.order));
        if (c.limit.kind != WEIRI_VALUE_NULL || c.offset.kind != WEIRI_VALUE_NULL) {
            size_t limit = weiri_question_value(question, c.limit.kind == WEIRI_VALUE_NULL ? weiri_value_integer(-1) : c.limit);
            weiri_buffer_print(
                &question->sql, " LIMIT ?%zu OFFSET ?%zu", limit, weiri_question_value(question, weiri_value_integer(c.offset.integer)));
        }
    }
    weiri_buffer_fini(&c.columns);
    weiri_buffer_fini(&c.where);
    weiri_buffer_fini(&c.order);
    return status;
}
