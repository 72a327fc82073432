/* SPDX-License-Identifier: Apache-2.0
 * What the words of a story mean. A step that can't be understood or differs ends its test; the words say what there was,
 * in the syntax of the story, ready to paste. Results that `then` left unnamed are looked at when the next step begins.
 * Thread: one. */
#include "story/story_run.h"
#include "base/number.h"
#include "base/memory.h"
#include "base/text.h"
#include "message/fields.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct run {
    const char *path;
    const weiri_step *step;
    weiri_story_world *world;
    weiri_buffer *talk;
    size_t named; /* results that a `then` has named */
    bool thens;   /* there was one since the last step that had results */
    int thens_line;
} run;

static bool WEIR_PRINTF(2, 3) differs(run *r, const char *format, ...)
{
    char text[sizeof((weir_error *)0)->text];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    weiri_buffer_print(r->talk, "%s:%d: %s\n", r->path, r->step->line, text);
    return false;
}

/* An error of a step; one with a place of its own (a view's statement) keeps it behind the story's. */
static bool
fails(run *r, const weir_error *err)
{
    char text[sizeof err->text + sizeof err->file];

    weiri_error_format(err, text, sizeof text);
    return differs(r, "%s", text);
}

static void
add_result_words(weiri_buffer *to, const weiri_story_result *result)
{
    if (result->type == NULL) {
        weiri_buffer_print(to, "rejected %s", result->code);
        return;
    }
    weiri_buffer_print(to, "%s ", result->type->descriptor->short_name);
    weiri_fields_add_message(to, result->message);
}

/* "Type field=value ...": the type looked up, the message read; the type alone gives *ret_bare. */
static weir_status
read_message(run *r, weiri_type_kind kind, const char *text, const weiri_type **ret_type, ProtobufCMessage **ret_message, bool *ret_bare,
    weir_error *err)
{
    char **arguments = NULL;
    size_t n = 0;
    weir_status status = weiri_fields_split(text, &arguments, &n, err);

    if (status != WEIR_OK)
        return status;
    if (n == 0)
        status = weiri_error_set(err, WEIR_INVALID, "a message is missing: Type field=value ...");
    else
        status = weiri_schema_look_up(r->world->schema, kind, arguments[0], ret_type, err);
    if (status == WEIR_OK)
        status = weiri_fields_to_message((*ret_type)->descriptor, (const char *const *)arguments + 1, n - 1, ret_message, err);
    if (ret_bare != NULL)
        *ret_bare = n == 1;
    weiri_fields_free(arguments, n);
    return status;
}

static bool
given(run *r)
{
    const weiri_type *type;
    ProtobufCMessage *message;
    weir_error err;

    if (read_message(r, WEIRI_TYPE_EVENT, r->step->text, &type, &message, NULL, &err) != WEIR_OK)
        return fails(r, &err);
    weir_status status = weiri_story_world_happen(r->world, type, message, 0, &err);
    protobuf_c_message_free_unpacked(message, NULL);
    return status == WEIR_OK || fails(r, &err);
}

static bool
when(run *r)
{
    const weiri_type *type;
    ProtobufCMessage *message;
    weir_error err;

    if (strncmp(r->step->text, "rejected ", 9) == 0)
        return differs(r, "'when rejected' asks a process, and this version of weir has none");
    if (read_message(r, WEIRI_TYPE_COMMAND, r->step->text, &type, &message, NULL, &err) != WEIR_OK)
        return fails(r, &err);
    weir_status status = weiri_story_world_decide(r->world, type, message, &err);
    protobuf_c_message_free_unpacked(message, NULL);
    return status == WEIR_OK || fails(r, &err);
}

/* "30min": a whole number and ms, s, min, h or d. */
static bool
after(run *r)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = { { "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 }, { "d", 86400000 } };
    char digits[16] = "";
    const char *text = r->step->text;
    size_t n = strspn(text, "0123456789");
    int64_t amount;

    if (n > 0 && n < 10) {
        memcpy(digits, text, n);
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
            if (strcmp(text + n, units[i].unit) == 0 && weiri_text_to_int64(digits, &amount)) {
                r->world->time_ms += amount * units[i].ms;
                return true;
            }
    }
    return differs(r, "'%s' is no time span: a whole number and ms, s, min, h or d, as in 30min", text);
}

static bool
same_message(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    size_t size = protobuf_c_message_get_packed_size(a);

    if (size != protobuf_c_message_get_packed_size(b))
        return false;
    weiri_buffer packed = { 0 };
    (void)protobuf_c_message_pack(a, weiri_buffer_extend(&packed, size));
    (void)protobuf_c_message_pack(b, weiri_buffer_extend(&packed, size));
    bool same = memcmp(packed.data, packed.data + size, size) == 0;
    weiri_buffer_fini(&packed);
    return same;
}

static bool
differs_from_result(run *r, const weiri_story_result *result)
{
    weiri_buffer words = { 0 };

    add_result_words(&words, result);
    differs(r, "then %s", weiri_buffer_text(&words));
    weiri_buffer_fini(&words);
    return false;
}

static bool
then_event(run *r, const weiri_story_result *result)
{
    const weiri_type *type;
    ProtobufCMessage *message;
    weir_error err;
    bool bare;

    if (read_message(r, WEIRI_TYPE_EVENT, r->step->text, &type, &message, &bare, &err) != WEIR_OK)
        return fails(r, &err);
    bool same = result != NULL && result->type == type && (bare || same_message(message, result->message));
    protobuf_c_message_free_unpacked(message, NULL);
    if (same)
        return true;
    return result == NULL ? differs(r, "then nothing (more)") : differs_from_result(r, result);
}

static bool
then(run *r)
{
    const char *text = r->step->text;
    const weiri_story_result *result = r->named < r->world->n_results ? &r->world->results[r->named] : NULL;

    r->thens = true;
    r->thens_line = r->step->line;
    if (strcmp(text, "nothing") == 0)
        return result == NULL || differs_from_result(r, result);
    if (strncmp(text, "sends ", 6) == 0 || strncmp(text, "schedules ", 10) == 0 || strcmp(text, "finishes") == 0)
        return differs(r, "'then %.*s' is of processes, and this version of weir has none", (int)strcspn(text, " "), text);
    r->named++;
    if (strncmp(text, "rejected ", 9) != 0)
        return then_event(r, result);
    if (result != NULL && result->type == NULL && strcmp(result->code, text + 9) == 0)
        return true;
    return result == NULL ? differs(r, "then nothing") : differs_from_result(r, result);
}

/* Once one `then` is there, all results must be named. */
static bool
all_named(run *r)
{
    bool all = !r->thens || r->named >= r->world->n_results;

    for (size_t i = r->named; !all && i < r->world->n_results; i++) {
        weiri_buffer words = { 0 };
        add_result_words(&words, &r->world->results[i]);
        weiri_buffer_print(r->talk, "%s:%d: and %s\n", r->path, r->thens_line, weiri_buffer_text(&words));
        weiri_buffer_fini(&words);
    }
    r->thens = false;
    r->named = 0;
    return all;
}

static bool
compare_state(run *r, uint16_t aggregate, char **arguments, size_t n)
{
    const ProtobufCMessageDescriptor *descriptor = weiri_schema_state(r->world->schema, aggregate)->descriptor;
    const weiri_story_state *state = weiri_story_world_state(r->world, aggregate, arguments[1]);
    ProtobufCMessage *wanted;
    weir_error err;

    if (weiri_fields_to_message(descriptor, (const char *const *)arguments + 2, n - 2, &wanted, &err) != WEIR_OK)
        return fails(r, &err);
    bool same = state != NULL && same_message(state->message, wanted);
    protobuf_c_message_free_unpacked(wanted, NULL);
    if (same)
        return true;
    if (state == NULL)
        return differs(r, "nothing has happened to %s %s", arguments[0], arguments[1]);
    weiri_buffer words = { 0 };
    weiri_fields_add_message(&words, state->message);
    differs(r, "state %s %s %s", arguments[0], arguments[1], weiri_buffer_text(&words));
    weiri_buffer_fini(&words);
    return false;
}

static bool
state_is(run *r)
{
    char **arguments = NULL;
    size_t n = 0;
    weir_error err;
    bool holds;

    if (weiri_fields_split(r->step->text, &arguments, &n, &err) != WEIR_OK)
        return fails(r, &err);
    int aggregate = n < 2 ? -1 : weiri_schema_aggregate_find(r->world->schema, weiri_bytes_of(arguments[0]));
    if (n < 2)
        holds = differs(r, "state AGGREGATE KEY field=value ...");
    else if (aggregate < 0)
        holds = differs(r, "no aggregate '%s' in this module", arguments[0]);
    else
        holds = compare_state(r, (uint16_t)aggregate, arguments, n);
    weiri_fields_free(arguments, n);
    return holds;
}

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
compare_rows(run *r, const weiri_result *result)
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
ask(run *r, char **arguments, size_t n, weiri_result **ret_result, weir_error *err)
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

static bool
rows(run *r)
{
    char **arguments = NULL;
    size_t n = 0;
    weir_error err;
    weiri_result *result = NULL;
    bool holds = false;

    if (weiri_fields_split(r->step->text, &arguments, &n, &err) != WEIR_OK)
        return fails(r, &err);
    if (n == 0)
        holds = differs(r, "rows VIEW.QUERY or VIEW.TABLE");
    else if (ask(r, arguments, n, &result, &err) != WEIR_OK)
        holds = fails(r, &err);
    else
        holds = compare_rows(r, result);
    weiri_result_free(result);
    weiri_fields_free(arguments, n);
    return holds;
}

bool
weiri_story_test_run(const char *path, const weiri_story_test *test, weiri_story_world *world, weiri_buffer *talk)
{
    static bool (*const meaning[])(run * r) = { given, when, after, then, state_is, rows };
    run r = { .path = path, .world = world, .talk = talk };

    for (size_t i = 0; i < test->n_steps; i++) {
        r.step = &test->steps[i];
        bool begins = r.step->kind == WEIRI_STEP_GIVEN || r.step->kind == WEIRI_STEP_WHEN || r.step->kind == WEIRI_STEP_AFTER;
        if (begins && !all_named(&r))
            return false;
        if (begins)
            weiri_story_world_forget_results(world);
        if (!meaning[r.step->kind](&r))
            return false;
    }
    return all_named(&r);
}
