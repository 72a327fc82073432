/* SPDX-License-Identifier: Apache-2.0
 * Views asked: tables and queries as JSON or CSV, with the position that the rows were read at. Thread: the caller's, which
 * waits here for the token it brought. */
#include "engine/inside.h"
#include "log/shared.h"
#include "base/number.h"
#include "base/assert.h"
#include "base/memory.h"
#include "message/json.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
weiri_ends(weiri_service *service, weiri_topic topic, uint64_t *ends)
{
    /* A shared log's commands end nowhere that is known here: what another process has answered may be ahead of the copy. */
    bool unknown = topic == WEIRI_TOPIC_COMMANDS && weiri_log_shared(service->log);

    for (uint32_t p = 0; p < service->identity->partitions; p++)
        ends[p] = unknown ? UINT64_MAX : weiri_log_end(service->log, topic, p);
}

/* ---- rows as JSON -------------------------------------------------------------------------------------- */

static void
write_json_value(weiri_buffer *to, const weiri_value *value)
{
    switch (value->kind) {
    case WEIRI_VALUE_NULL:
        weiri_buffer_add_text(to, "null");
        return;
    case WEIRI_VALUE_INTEGER:
        weiri_buffer_print(to, "%" PRId64, value->integer);
        return;
    case WEIRI_VALUE_REAL:
        if (isfinite(value->real))
            weiri_number_add_real(to, value->real);
        else
            weiri_buffer_add_text(to, value->real > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    case WEIRI_VALUE_TEXT:
        weiri_json_add_string(to, value->bytes);
        return;
    case WEIRI_VALUE_BLOB:
        weiri_buffer_add_char(to, '"');
        weiri_add_base64(to, value->bytes);
        weiri_buffer_add_char(to, '"');
        return;
    }
}

static void
write_json(const weiri_result *result, weiri_buffer *to)
{
    weiri_buffer names = { 0 };
    size_t *ends = weiri_allocate((result->columns + 1) * sizeof *ends);

    for (size_t c = 0; c < result->columns; c++) {
        weiri_json_add_string(&names, weiri_bytes_of(result->names[c]));
        ends[c + 1] = names.size;
    }
    weiri_buffer_add_char(to, '[');
    for (size_t r = 0; r < result->rows; r++) {
        weiri_buffer_add_text(to, r > 0 ? ",\n{" : "{");
        for (size_t c = 0; c < result->columns; c++) {
            if (c > 0)
                weiri_buffer_add_char(to, ',');
            weiri_buffer_add(to, names.data + ends[c], ends[c + 1] - ends[c]);
            weiri_buffer_add_char(to, ':');
            write_json_value(to, &result->values[r * result->columns + c]);
        }
        weiri_buffer_add_char(to, '}');
    }
    weiri_buffer_add_text(to, "]\n");
    weiri_release(ends);
    weiri_buffer_fini(&names);
}

/* ---- rows as CSV (RFC 4180): NULL is nothing, an empty text is "" ---------------------------------------- */

static void
write_csv_text(weiri_buffer *to, weiri_bytes text)
{
    const char *c = text.data;
    bool quote = text.size == 0;

    for (size_t i = 0; i < text.size && !quote; i++)
        quote = c[i] == '"' || c[i] == ',' || c[i] == '\n' || c[i] == '\r';
    if (!quote) {
        weiri_buffer_add_bytes(to, text);
        return;
    }
    weiri_buffer_add_char(to, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (c[i] == '"')
            weiri_buffer_add_char(to, '"');
        weiri_buffer_add_char(to, c[i]);
    }
    weiri_buffer_add_char(to, '"');
}

static void
write_csv(const weiri_result *result, weiri_buffer *to)
{
    for (size_t c = 0; c < result->columns; c++) {
        if (c > 0)
            weiri_buffer_add_char(to, ',');
        write_csv_text(to, weiri_bytes_of(result->names[c]));
    }
    weiri_buffer_add(to, "\r\n", 2);
    for (size_t i = 0; i < result->rows * result->columns; i++) {
        const weiri_value *value = &result->values[i];
        if (i % result->columns > 0)
            weiri_buffer_add_char(to, ',');
        if (value->kind == WEIRI_VALUE_TEXT)
            write_csv_text(to, value->bytes);
        else if (value->kind == WEIRI_VALUE_BLOB)
            weiri_add_base64(to, value->bytes);
        else if (value->kind != WEIRI_VALUE_NULL)
            write_json_value(to, value);
        if (i % result->columns == result->columns - 1)
            weiri_buffer_add(to, "\r\n", 2);
    }
}

/* ---- asking --------------------------------------------------------------------------------------------- */

static void
fill_reply(weiri_service *service, const weiri_view_call *call, const uint64_t *sources, weir_status status, const weiri_result *result,
    const weir_error *err, weiri_reply *reply)
{
    if (result != NULL && result->sources != NULL)
        weiri_token_format(service->identity->id, result->sources, result->partitions, reply->position, sizeof reply->position);
    if (status != WEIR_OK) {
        weiri_reply_error(reply, status == WEIR_TIMEOUT ? "query-timeout" : "", err);
        return;
    }
    /* A token stands for all that lies before it, since whoever sends to several aggregates keeps the highest. */
    reply->parked = result->parked;
    for (uint32_t p = 0; result->parked > 0 && p < result->partitions; p++)
        reply->parked_yours = reply->parked_yours || (result->parked_from[p] > 0 && sources[p] >= result->parked_from[p]);
    reply->http = 200;
    reply->content_type = call->csv ? "text/csv; charset=utf-8" : WEIRI_TYPE_JSON;
    if (call->csv)
        write_csv(result, &reply->body);
    else
        write_json(result, &reply->body);
}

/* False: this process keeps none, and the reply says so. */
static bool
has_views(const weiri_service *service, weiri_reply *reply)
{
    if (service->roles.views)
        return true;
    weiri_reply_problem(reply, WEIR_NOT_FOUND, "", "this process keeps no views: it has not the role 'views'");
    return false;
}

void
weiri_service_view(weiri_service *service, const weiri_view_call *call, weiri_reply *reply)
{
    uint64_t ends[64], sources[64] = { 0 };
    weiri_freshness freshness = { .has_token = call->position != NULL, .sources = sources, .wait_ms = call->wait_ms };
    weiri_result *result = NULL;
    const char *code;
    weir_error err;

    if (!has_views(service, reply))
        return;
    if (call->position != NULL) {
        weiri_ends(service, WEIRI_TOPIC_COMMANDS, ends);
        if (weiri_token_parse(call->position, service->identity->id, ends, service->identity->partitions, sources, &code, &err) !=
            WEIR_OK) {
            weiri_reply_error(reply, code, &err);
            return;
        }
    }
    weiri_argument *arguments = weiri_allocate((call->n + 1) * sizeof *arguments);
    for (size_t i = 0; i < call->n; i++)
        arguments[i] = (weiri_argument){ call->arguments[i].name, call->arguments[i].value };
    weir_status status = call->query
                             ? weiri_views_query(service->views, call->view, call->name, arguments, call->n, &freshness, &result, &err)
                             : weiri_views_rows(service->views, call->view, call->name, arguments, call->n, &freshness, &result, &err);
    fill_reply(service, call, sources, status, result, &err, reply);
    weiri_result_free(result);
    weiri_release(arguments);
}

/* ---- their state ---------------------------------------------------------------------------------------- */

static void
write_vector(weiri_buffer *to, const weiri_service *service, const weiri_view_status *status)
{
    char position[1600];

    weiri_token_format(service->identity->id, status->source, status->partitions < 64 ? status->partitions : 64, position, sizeof position);
    weiri_member_text(to, "position", position);
}

static void
write_view(weiri_buffer *to, weiri_service *service, size_t i)
{
    weiri_view_status status = { 0 };

    weiri_views_status(service->views, i, &status);
    weiri_buffer_add_char(to, '{');
    weiri_member_text(to, "name", status.name);
    weiri_member_text(to, "version", status.version);
    weiri_member_text(to, "state", status.state);
    weiri_member_number(to, "lagEvents", status.lag_events);
    weiri_member_signed(to, "lagMs", status.lag_ms);
    weiri_member(to, "eventsPerSecond");
    weiri_number_add_real(to, status.events_per_second);
    weiri_member_number(to, "applied", status.applied);
    weiri_member_number(to, "untouched", status.untouched);
    weiri_member_number(to, "parked", status.parked);
    weiri_member_number(to, "parkedKeys", status.parked_keys);
    weiri_member_number(to, "discarded", status.discarded);
    write_vector(to, service, &status);
    if (status.error[0] != '\0')
        weiri_member_text(to, "error", status.error);
    if (status.note[0] != '\0')
        weiri_member_text(to, "note", status.note);
    weiri_buffer_add_char(to, ',');
    weiri_views_describe(service->views, i, to);
    weiri_buffer_add_char(to, '}');
}

void
weiri_service_views(weiri_service *service, weiri_reply *reply)
{
    weiri_buffer_add_text(&reply->body, "{\"views\":[");
    for (size_t i = 0; i < weiri_views_count(service->views); i++) {
        if (i > 0)
            weiri_buffer_add_char(&reply->body, ',');
        write_view(&reply->body, service, i);
    }
    weiri_buffer_add_text(&reply->body, "]}");
    weiri_reply_json(reply);
}

void
weiri_service_view_rebuild(weiri_service *service, const char *view, weiri_reply *reply)
{
    weir_error err;

    if (weiri_views_rebuild(service->views, view, &err) != WEIR_OK) {
        weiri_reply_error(reply, "", &err);
        return;
    }
    weiri_buffer_add_char(&reply->body, '{');
    weiri_member_text(&reply->body, "view", view);
    weiri_member_text(&reply->body, "state", "rebuilding");
    weiri_buffer_add_char(&reply->body, '}');
    weiri_reply_json(reply);
    reply->http = 202;
}
