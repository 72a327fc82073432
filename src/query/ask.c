/* SPDX-License-Identifier: Apache-2.0
 * Questions to a view: rows of a table, and named queries with their typed parameters, after waiting for the position
 * that was asked for. Thread: any. */
#include <stdio.h>
#include <string.h>
#include "base/memory.h"
#include "base/text.h"
#include "query/filter.h"
#include "query/kept.h"

static bool
is_fresh(const weiri_freshness *freshness, const weiri_result *result)
{
    for (uint32_t p = 0; freshness->has_token && p < result->partitions; p++)
        if (result->sources[p] < freshness->sources[p])
            return false;
    return true;
}

static weir_status
read_once(weiri_view *view, const weiri_read *read, const weiri_freshness *freshness, weiri_result **ret_result, weir_error *err)
{
    weir_status status = weiri_view_wait(view, freshness, err);
    if (status == WEIR_OK)
        status = weiri_view_enter(view, err);
    if (status != WEIR_OK)
        return status;
    status = view->store->ops->read(view->store, read, ret_result, err);
    weiri_view_leave(view);
    return status;
}

static weir_status
ask(weiri_view *view, weiri_question *question, const weiri_freshness *freshness, weiri_result **ret_result, weir_error *err)
{
    const weiri_world *world = view->views->config.world;
    weiri_freshness left = freshness == NULL ? (weiri_freshness){ 0 } : *freshness;
    int64_t until_us = world->monotonic_us(world) + left.wait_ms * 1000;
    weiri_result *result = NULL;
    weiri_read read = { weiri_buffer_text(&question->sql), (const weiri_value *)(const void *)question->values.data,
        question->values.size / sizeof(weiri_value) };

    for (;;) {
        weir_status status = read_once(view, &read, &left, &result, err);
        if (status == WEIR_BEHIND)
            *ret_result = weiri_view_position_only(view);
        if (status != WEIR_OK)
            return status;
        if (is_fresh(&left, result))
            break;
        /* Built anew between the wait and the question: these rows are older than what was waited for. */
        weiri_result_free(result);
        result = NULL;
        int64_t left_us = until_us - world->monotonic_us(world);
        if (left_us <= 0) {
            *ret_result = weiri_view_position_only(view);
            return weiri_error_set(err, WEIR_BEHIND, "view %s is being built anew, and not yet where it was asked to be", view->file->name);
        }
        left.wait_ms = left_us / 1000;
    }
    *ret_result = result;
    return WEIR_OK;
}

/* How a refusal goes on: with the nearest name, or, when none is near, with those that there are. */
static void
add_names(const weiri_nearest *nearest, const char *name, weiri_buffer *names)
{
    if (nearest->word == NULL)
        weiri_buffer_print(names, "%s%s", names->size == 0 ? "; it has " : ", ", name);
}

static weir_status
no_such(const char *view, const char *what, const char *name, const weiri_nearest *nearest, weiri_buffer *names, weir_error *err)
{
    char hint[128];
    const char *rest = nearest->word != NULL ? weiri_nearest_hint(nearest, hint, sizeof hint) : weiri_buffer_text(names);
    weir_status status = weiri_error_set(err, WEIR_NOT_FOUND, "view %s has no %s '%s'%.200s", view, what, name, rest);

    weiri_buffer_fini(names);
    return status;
}

static const weiri_relation *
find_table(const weiri_view_file *file, const char *name, weir_error *err)
{
    weiri_nearest nearest = { 0 };
    weiri_buffer names = { 0 };

    for (size_t i = 0; i < file->tables_n; i++) {
        if (strcmp(file->tables[i].name, name) == 0)
            return &file->tables[i];
        weiri_nearest_offer(&nearest, name, file->tables[i].name);
    }
    for (size_t i = 0; i < file->tables_n; i++)
        add_names(&nearest, file->tables[i].name, &names);
    (void)no_such(file->name, "table", name, &nearest, &names, err);
    return NULL;
}

/* What is asked of one version of a view; the same words may mean another statement to the next version. */
typedef struct asked {
    bool query;
    const char *name; /* of the table or query */
    const weiri_argument *arguments;
    size_t n;
} asked;

static weir_status
ask_table(weiri_view *view, const asked *what, const weiri_freshness *freshness, weiri_result **ret_result, weir_error *err)
{
    weiri_question question = { 0 };
    weiri_buffer from = { 0 }, words = { 0 };
    const weiri_relation *relation = find_table(view->file, what->name, err);

    if (relation == NULL)
        return WEIR_NOT_FOUND;
    weiri_buffer_print(&words, "table %s", relation->name);
    weiri_buffer_add_char(&from, '"');
    for (const char *c = relation->name; *c != '\0'; c++)
        weiri_buffer_print(&from, *c == '"' ? "\"%c" : "%c", *c);
    weiri_buffer_add_char(&from, '"');
    weir_status status = weiri_filter_compile(
        relation, weiri_buffer_text(&words), weiri_buffer_text(&from), what->arguments, what->n, &question, err);
    if (status == WEIR_OK)
        status = ask(view, &question, freshness, ret_result, err);
    weiri_question_fini(&question);
    weiri_buffer_fini(&from);
    weiri_buffer_fini(&words);
    return status;
}

/* ---- named queries ------------------------------------------------------------------------------------- */

static const weiri_view_query *
find_query(const weiri_view_file *file, const char *name, weir_error *err)
{
    weiri_nearest nearest = { 0 };
    weiri_buffer names = { 0 };

    for (size_t i = 0; i < file->queries_n; i++) {
        if (strcmp(file->queries[i].name, name) == 0)
            return &file->queries[i];
        weiri_nearest_offer(&nearest, name, file->queries[i].name);
    }
    for (size_t i = 0; i < file->queries_n; i++)
        add_names(&nearest, file->queries[i].name, &names);
    (void)no_such(file->name, "query", name, &nearest, &names, err);
    return NULL;
}

/* The value of one parameter, from the arguments or its default. */
static weir_status
read_parameter(const weiri_view_query *query, const weiri_parameter *parameter, const weiri_argument *arguments, size_t n,
    weiri_arena *arena, weiri_value *ret_value, weir_error *err)
{
    const char *type = weiri_parameter_type_names[parameter->type], *text = NULL;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(arguments[i].name, parameter->name) != 0)
            continue;
        if (text != NULL)
            return weiri_error_set(err, WEIR_INVALID, "'%s' is given twice", parameter->name);
        text = arguments[i].value;
    }
    *ret_value = (weiri_value){ .kind = WEIRI_VALUE_NULL };
    if (text == NULL && !parameter->has_default)
        return weiri_error_set(err, WEIR_INVALID, "query %s needs '%s' (%s)", query->name, parameter->name, type);
    if (text == NULL && parameter->default_null)
        return WEIR_OK;
    if (!weiri_value_read(parameter->type, text == NULL ? parameter->fallback : text, arena, ret_value))
        return weiri_error_set(err, WEIR_INVALID, "'%s' of query %s is %s %s: '%s' is no such value", parameter->name, query->name,
            parameter->type == WEIRI_PARAMETER_INTEGER ? "an" : "a", type, text);
    return WEIR_OK;
}

static bool
is_parameter(const weiri_view_query *query, const char *name)
{
    for (size_t i = 0; i < query->n; i++)
        if (strcmp(query->parameters[i].name, name) == 0)
            return true;
    return false;
}

static bool
is_reserved(const char *name)
{
    return strcmp(name, "select") == 0 || strcmp(name, "order") == 0 || strcmp(name, "limit") == 0 || strcmp(name, "offset") == 0;
}

/* An argument that is neither a parameter nor a column: tell it from both. */
static weir_status
check_name(const weiri_view_query *query, const char *name, weir_error *err)
{
    weiri_nearest nearest = { 0 };
    char hint[128];

    if (is_reserved(name) || weiri_relation_column(&query->answer, name, strlen(name)) != NULL)
        return WEIR_OK;
    for (size_t i = 0; i < query->n; i++)
        weiri_nearest_offer(&nearest, name, query->parameters[i].name);
    for (size_t i = 0; i < query->answer.n; i++)
        weiri_nearest_offer(&nearest, name, query->answer.columns[i].name);
    return weiri_error_set(err, WEIR_INVALID, "query %s has no parameter and no column '%s'%s", query->name, name,
        weiri_nearest_hint(&nearest, hint, sizeof hint));
}

/* Parameters in the order of the statement's bindings, so that its ?n are the first. */
static weir_status
bind_parameters(const weiri_view_query *query, const weiri_argument *arguments, size_t n, weiri_question *question, weir_error *err)
{
    weir_status status = WEIR_OK;

    for (size_t i = 0; i < query->sql.n && status == WEIR_OK; i++) {
        weiri_value value;
        status = read_parameter(query, &query->parameters[query->numbers[i]], arguments, n, &question->arena, &value, err);
        if (status == WEIR_OK)
            (void)weiri_question_value(question, value);
    }
    return status;
}

static weir_status
compile_query(const weiri_view_query *query, const weiri_argument *arguments, size_t n, weiri_question *question, weir_error *err)
{
    weiri_buffer filters = { 0 }, from = { 0 }, what = { 0 };

    weir_status status = bind_parameters(query, arguments, n, question, err);
    for (size_t i = 0; i < n && status == WEIR_OK; i++) {
        if (is_parameter(query, arguments[i].name))
            continue;
        status = check_name(query, arguments[i].name, err);
        weiri_buffer_add(&filters, &arguments[i], sizeof arguments[i]);
    }
    if (status == WEIR_OK && filters.size == 0)
        weiri_buffer_add_text(&question->sql, query->sql.text);
    weiri_buffer_print(&from, "(%s)", query->sql.text);
    weiri_buffer_print(&what, "query %s", query->name);
    if (status == WEIR_OK && filters.size > 0)
        status = weiri_filter_compile(&query->answer, weiri_buffer_text(&what), weiri_buffer_text(&from),
            (const weiri_argument *)(const void *)filters.data, filters.size / sizeof *arguments, question, err);
    weiri_buffer_fini(&filters);
    weiri_buffer_fini(&from);
    weiri_buffer_fini(&what);
    return status;
}

static weir_status
ask_query(weiri_view *view, const asked *what, const weiri_freshness *freshness, weiri_result **ret_result, weir_error *err)
{
    weiri_question question = { 0 };
    const weiri_view_query *query = find_query(view->file, what->name, err);

    if (query == NULL)
        return WEIR_NOT_FOUND;
    weir_status status = compile_query(query, what->arguments, what->n, &question, err);
    if (status == WEIR_OK)
        status = ask(view, &question, freshness, ret_result, err);
    weiri_question_fini(&question);
    return status;
}

/* ---- whichever version serves --------------------------------------------------------------------------- */

static weir_status
ask_view(
    weiri_views *views, const char *name, const asked *what, const weiri_freshness *freshness, weiri_result **ret_result, weir_error *err)
{
    const weiri_world *world = views->config.world;
    weiri_freshness left = freshness == NULL ? (weiri_freshness){ 0 } : *freshness;
    int64_t until_us = world->monotonic_us(world) + left.wait_ms * 1000;
    weir_status status = WEIR_FENCED;
    weiri_view *view;

    while (status == WEIR_FENCED) {
        status = weiri_views_hold(views, name, &view, err);
        if (status != WEIR_OK)
            return status;
        status = (what->query ? ask_query : ask_table)(view, what, &left, ret_result, err);
        weiri_kept_let_go(view);
        int64_t left_us = until_us - world->monotonic_us(world);
        left.wait_ms = left_us > 0 ? left_us / 1000 : 0;
    }
    return status;
}

weir_status
weiri_views_rows(weiri_views *views, const char *name, const char *table, const weiri_argument *arguments, size_t n,
    const weiri_freshness *freshness, weiri_result **ret_result, weir_error *err)
{
    const asked what = { false, table, arguments, n };

    return ask_view(views, name, &what, freshness, ret_result, err);
}

weir_status
weiri_views_query(weiri_views *views, const char *name, const char *query_name, const weiri_argument *arguments, size_t n,
    const weiri_freshness *freshness, weiri_result **ret_result, weir_error *err)
{
    const asked what = { true, query_name, arguments, n };

    return ask_view(views, name, &what, freshness, ret_result, err);
}
