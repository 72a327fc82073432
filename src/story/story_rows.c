/* SPDX-License-Identifier: Apache-2.0
 * `rows` of a story: a query's or a table's answer held against the rows between bars. Thread: one. */
#include "base/memory.h"
#include "base/number.h"
#include "message/fields.h"
#include "story/story_inside.h"
#include <string.h>

/* A value as a row of a story shows it. */
static void
add_cell(weiri_buffer *to, const weiri_value *value)
{
    switch (value->kind) {
    case WEIRI_VALUE_NULL:
        weiri_buffer_add_text(to, "null");
        break;
    case WEIRI_VALUE_INTEGER:
        weiri_buffer_print(to, "%lld", (long long)value->integer);
        break;
    case WEIRI_VALUE_REAL:
        weiri_number_add_real(to, value->real);
        break;
    case WEIRI_VALUE_TEXT:
        for (size_t i = 0; i < value->bytes.size; i++) {
            char c = ((const char *)value->bytes.data)[i];
            weiri_buffer_add_text(to, c == '|' ? "\\" : "");
            weiri_buffer_add_char(to, c);
        }
        break;
    case WEIRI_VALUE_BLOB:
        weiri_buffer_add_text(to, value->bytes.size == 0 ? "" : "0x");
        for (size_t i = 0; i < value->bytes.size; i++)
            weiri_buffer_print(to, "%02x", ((const uint8_t *)value->bytes.data)[i]);
        break;
    }
}

static bool
same_row(const weiri_step_row *row, const weiri_value *values, size_t columns)
{
    weiri_buffer cell = { 0 };
    bool same = row->n == columns;

    for (size_t i = 0; same && i < columns; i++) {
        weiri_buffer_clear(&cell);
        add_cell(&cell, &values[i]);
        same = strcmp(weiri_buffer_text(&cell), row->cells[i]) == 0;
    }
    weiri_buffer_fini(&cell);
    return same;
}

static bool
compare_rows(weiri_story_running *r, const weiri_result *result)
{
    bool same = result->rows == r->step->n_rows;
    weiri_buffer words = { 0 };

    for (size_t i = 0; same && i < result->rows; i++)
        same = same_row(&r->step->rows[i], result->values + i * result->columns, result->columns);
    if (same)
        return true;
    for (size_t i = 0; i < result->rows; i++) {
        weiri_buffer_add_text(&words, "\n      |");
        for (size_t j = 0; j < result->columns; j++) {
            weiri_buffer_add_text(&words, " ");
            add_cell(&words, &result->values[i * result->columns + j]);
            weiri_buffer_add_text(&words, " |");
        }
    }
    weiri_buffer_print(r->talk, "%s:%d: rows %s%s\n", r->path, r->step->line, r->step->text,
        result->rows == 0 ? "\n      (no rows)" : weiri_buffer_text(&words));
    weiri_views_untouched(r->world->views, r->talk);
    weiri_buffer_fini(&words);
    return false;
}

/* "VIEW.NAME name=value ...": of a query, else of a table. */
static weir_status
ask(weiri_story_running *r, char **arguments, size_t n, weiri_result **ret_result, weir_error *err)
{
    static const weiri_freshness any = { 0 };
    char *dot = strchr(arguments[0], '.');
    weiri_argument *pairs = weiri_allocate(n * sizeof *pairs);
    size_t used = 0;
    weir_status status = WEIR_OK;

    if (dot == NULL || r->world->views == NULL) {
        status = weiri_error_set(err, WEIR_INVALID, dot == NULL ? "rows VIEW.QUERY or VIEW.TABLE" : "this module has no views");
        goto out;
    }
    *dot = '\0';
    for (size_t i = 1; i < n; i++) {
        char *equals = strchr(arguments[i], '=');
        if (equals == NULL) {
            status = weiri_error_set(err, WEIR_INVALID, "'%s' is not name=value", arguments[i]);
            goto out;
        }
        *equals = '\0';
        pairs[used++] = (weiri_argument){ arguments[i], equals + 1 };
    }
    status = weiri_views_query(r->world->views, arguments[0], dot + 1, pairs, used, &any, ret_result, err);
    if (status == WEIR_NOT_FOUND) {
        weir_error of_table;
        weir_status again = weiri_views_rows(r->world->views, arguments[0], dot + 1, pairs, used, &any, ret_result, &of_table);
        if (again != WEIR_NOT_FOUND) {
            status = again;
            *err = of_table;
        }
    }
out:
    weiri_release(pairs);
    return status;
}

bool
weiri_story_rows(weiri_story_running *r)
{
    char **arguments = NULL;
    size_t n = 0;
    weir_error err;
    weiri_result *result = NULL;
    bool holds = false;

    if (weiri_fields_split(r->step->text, &arguments, &n, &err) != WEIR_OK)
        return weiri_story_fails(r, &err);
    if (n == 0)
        holds = weiri_story_differs(r, "rows VIEW.QUERY or VIEW.TABLE");
    else if (ask(r, arguments, n, &result, &err) != WEIR_OK)
        holds = weiri_story_fails(r, &err);
    else
        holds = compare_rows(r, result);
    weiri_result_free(result);
    weiri_fields_free(arguments, n);
    return holds;
}
