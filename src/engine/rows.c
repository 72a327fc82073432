/* SPDX-License-Identifier: Apache-2.0
 * weir_query and the rows it gives: the whole answer in memory, and a cursor over it. Thread: one at a time. */
#include "engine/inside.h"
#include "base/number.h"
#include "base/memory.h"
#include "base/text.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct weir_rows {
    weiri_result *result;
    size_t at;          /* the row after the present one; 0: before the first */
    weiri_buffer texts; /* of the present row's numbers and texts, NUL-ended */
    size_t *starts;     /* of each column in texts; SIZE_MAX: not made yet */
};

static weir_status
freshness_of(weir_engine *engine, const weir_outcome *after, uint64_t sources[64], bool *ret_has, weir_error *err)
{
    *ret_has = after != NULL && after->status == WEIR_OK && after->events > 0 && after->source != WEIRI_NO_OFFSET;
    if (!*ret_has)
        return WEIR_OK;
    if (after->log_id != engine->identity->id)
        return weiri_error_set(
            err, WEIR_INVALID, "the outcome is of log %016" PRIx64 ", and this is log %016" PRIx64, after->log_id, engine->identity->id);
    uint64_t ends[64];
    weiri_ends(engine, WEIRI_TOPIC_COMMANDS, ends);
    if (after->partition < 0 || (uint32_t)after->partition >= engine->identity->partitions || after->source >= ends[after->partition])
        return weiri_error_set(err, WEIR_INVALID, "the outcome's position is ahead of this log");
    sources[after->partition] = after->source + 1;
    return WEIR_OK;
}

static weir_status
query(weir_engine *engine, const char *name, const char *const *arguments, const weiri_freshness *freshness, weiri_result **ret_result,
    weir_error *err)
{
    const char *dot = strchr(name, '.');
    size_t n = 0;

    if (dot == NULL || dot == name || dot[1] == '\0')
        return weiri_error_set(err, WEIR_INVALID, "query '%s': expected VIEW.QUERY, as stock.running_low", name);
    while (arguments != NULL && arguments[2 * n] != NULL) {
        if (arguments[2 * n + 1] == NULL)
            return weiri_error_set(err, WEIR_INVALID, "query %s: argument '%s' has no value", name, arguments[2 * n]);
        n++;
    }
    weiri_argument *pairs = weiri_allocate((n + 1) * sizeof *pairs);
    for (size_t i = 0; i < n; i++)
        pairs[i] = (weiri_argument){ arguments[2 * i], arguments[2 * i + 1] };
    char *view = weiri_text_copy_n(name, (size_t)(dot - name));
    weir_status status = weiri_views_query(engine->views, view, dot + 1, pairs, n, freshness, ret_result, err);
    weiri_release(view);
    weiri_release(pairs);
    return status;
}

weir_status
weir_query(weir_engine *engine, const char *name, const char *const *arguments, const weir_outcome *after, int64_t timeout_ms,
    weir_rows **ret_rows, weir_error *err)
{
    uint64_t sources[64] = { 0 };
    weiri_freshness freshness = { .sources = sources, .wait_ms = timeout_ms };
    weiri_result *result = NULL;

    weir_status status = freshness_of(engine, after, sources, &freshness.has_token, err);
    if (status == WEIR_OK)
        status = query(engine, name, arguments, &freshness, &result, err);
    if (status != WEIR_OK) {
        weiri_result_free(result);
        return status;
    }
    weir_rows *rows = weiri_allocate(sizeof *rows);
    rows->result = result;
    rows->starts = weiri_allocate((result->columns + 1) * sizeof *rows->starts);
    *ret_rows = rows;
    return WEIR_OK;
}

bool
weir_rows_next(weir_rows *rows)
{
    if (rows->at >= rows->result->rows)
        return false;
    rows->at++;
    weiri_buffer_clear(&rows->texts);
    /* All texts at once: a pointer given out earlier must stay good when the next column is asked for. */
    for (size_t c = 0; c < rows->result->columns; c++) {
        const weiri_value *v = &rows->result->values[(rows->at - 1) * rows->result->columns + c];
        rows->starts[c] = rows->texts.size;
        if (v->kind == WEIRI_VALUE_INTEGER)
            weiri_buffer_print(&rows->texts, "%" PRId64, v->integer);
        else if (v->kind == WEIRI_VALUE_REAL)
            weiri_number_add_real(&rows->texts, v->real);
        else if (v->kind != WEIRI_VALUE_NULL)
            weiri_buffer_add_bytes(&rows->texts, v->bytes);
        weiri_buffer_add_char(&rows->texts, '\0');
    }
    return true;
}

int
weir_rows_columns(const weir_rows *rows)
{
    return (int)rows->result->columns;
}

const char *
weir_rows_name(const weir_rows *rows, int column)
{
    return column >= 0 && column < weir_rows_columns(rows) ? rows->result->names[column] : "";
}

/* NULL for a column that is not there, or before the first row. */
static const weiri_value *
value_at(const weir_rows *rows, int column)
{
    if (rows->at == 0 || column < 0 || column >= weir_rows_columns(rows))
        return NULL;
    return &rows->result->values[(rows->at - 1) * rows->result->columns + (size_t)column];
}

bool
weir_rows_is_null(const weir_rows *rows, int column)
{
    const weiri_value *v = value_at(rows, column);

    return v == NULL || v->kind == WEIRI_VALUE_NULL;
}

const char *
weir_rows_text(const weir_rows *rows, int column)
{
    return value_at(rows, column) == NULL ? "" : (const char *)rows->texts.data + rows->starts[column];
}

int64_t
weir_rows_integer(const weir_rows *rows, int column)
{
    const weiri_value *v = value_at(rows, column);

    if (v == NULL)
        return 0;
    if (v->kind == WEIRI_VALUE_INTEGER)
        return v->integer;
    if (v->kind == WEIRI_VALUE_REAL)
        return v->real >= -0x1p63 && v->real < 0x1p63 ? (int64_t)v->real : 0;
    return strtoll(weir_rows_text(rows, column), NULL, 10);
}

double
weir_rows_real(const weir_rows *rows, int column)
{
    const weiri_value *v = value_at(rows, column);

    if (v == NULL)
        return 0;
    if (v->kind == WEIRI_VALUE_INTEGER)
        return (double)v->integer;
    if (v->kind == WEIRI_VALUE_REAL)
        return v->real;
    double real = 0;
    (void)weiri_text_to_double(weir_rows_text(rows, column), &real);
    return real;
}

void
weir_rows_free(weir_rows *rows)
{
    if (rows == NULL)
        return;
    weiri_result_free(rows->result);
    weiri_buffer_fini(&rows->texts);
    weiri_release(rows->starts);
    weiri_release(rows);
}
