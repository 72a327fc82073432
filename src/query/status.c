/* SPDX-License-Identifier: Apache-2.0
 * What a view says of itself: how far it is, and what it offers. Thread: any. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "message/json.h"
#include "query/view.h"

enum { SHOWN_PARTITIONS = 64, RATE_OVER = 5 };

static const char *const state_names[] = { "rebuilding", "following", "stopped" };

/* Over the last whole seconds. */
static double
rate_of(const weiri_view *view)
{
    const weiri_world *world = view->views->config.world;
    uint64_t now = (uint64_t)(world->monotonic_us(world) / 1000000), events = 0;

    for (size_t i = 0; i < WEIRI_RATE_SECONDS; i++)
        if (view->rate_second[i] < now && view->rate_second[i] + RATE_OVER >= now)
            events += view->rate_events[i];
    return (double)events / RATE_OVER;
}

/* The age of the oldest event that waits, by reading it. */
static int64_t
lag_ms(weiri_views *views, const weiri_view_status *status, const uint64_t *next)
{
    weiri_chunk chunk = { 0 };
    int64_t oldest = INT64_MAX;

    for (uint32_t p = 0; p < status->partitions; p++) {
        weiri_record record;
        uint64_t offset;
        weir_status read;
        weir_error ignored;
        if (next[p] >= weiri_log_end(views->config.log, WEIRI_TOPIC_EVENTS, p) ||
            weiri_log_read(views->config.log, WEIRI_TOPIC_EVENTS, p, next[p], &chunk, &ignored) != WEIR_OK)
            continue;
        while (weiri_chunk_next(&chunk, &record, &offset, &read) && read == WEIR_OK) {
            if (offset < next[p])
                continue;
            oldest = record.time_ms < oldest ? record.time_ms : oldest;
            break;
        }
    }
    weiri_chunk_fini(&chunk);
    int64_t now = views->config.world->time_ms(views->config.world);
    return oldest == INT64_MAX || oldest >= now ? 0 : now - oldest;
}

void
weiri_views_status(weiri_views *views, size_t i, weiri_view_status *ret_status)
{
    weiri_view *view = &views->list[i];
    weiri_buffer room = { 0 };
    uint64_t *next = weiri_buffer_extend(&room, (views->partitions + 1) * sizeof *next);

    memset(ret_status, 0, sizeof *ret_status);
    ret_status->name = view->file->name;
    memcpy(ret_status->version, view->file->version, sizeof ret_status->version);
    ret_status->partitions = views->partitions;
    for (size_t j = 0; j < view->file->statements_n; j++)
        ret_status->untouched += atomic_load(&view->file->statements[j].untouched);
    weiri_lock_take(&view->state);
    ret_status->state = state_names[view->kind];
    ret_status->applied = view->applied;
    ret_status->parked = view->parked;
    ret_status->parked_keys = view->parked_keys;
    ret_status->discarded = view->discarded;
    ret_status->events_per_second = rate_of(view);
    (void)snprintf(ret_status->error, sizeof ret_status->error, "%s", view->error);
    (void)snprintf(ret_status->note, sizeof ret_status->note, "%s", view->note);
    for (uint32_t p = 0; p < views->partitions; p++) {
        next[p] = view->published[p].next_offset;
        if (p >= SHOWN_PARTITIONS)
            continue;
        ret_status->next_offset[p] = view->published[p].next_offset;
        ret_status->source[p] = view->published[p].reached;
    }
    weiri_lock_give(&view->state);
    for (uint32_t p = 0; p < views->partitions; p++) {
        uint64_t end = weiri_log_end(views->config.log, WEIRI_TOPIC_EVENTS, p);
        ret_status->lag_events += end > next[p] ? end - next[p] : 0;
    }
    if (ret_status->lag_events > 0)
        ret_status->lag_ms = lag_ms(views, ret_status, next);
    weiri_buffer_fini(&room);
}

/* ---- description --------------------------------------------------------------------------------------- */

static void
add_string(weiri_buffer *to, const char *text)
{
    weiri_json_add_string(to, weiri_bytes_of(text));
}

static void
add_relation(weiri_buffer *to, const weiri_relation *relation)
{
    weiri_buffer_add_text(to, "\"columns\":[");
    for (size_t i = 0; i < relation->n; i++) {
        weiri_buffer_add_text(to, i > 0 ? ",{\"name\":" : "{\"name\":");
        add_string(to, relation->columns[i].name);
        weiri_buffer_add_text(to, ",\"type\":");
        add_string(to, relation->columns[i].type);
        weiri_buffer_add_char(to, '}');
    }
    weiri_buffer_add_text(to, "]}");
}

static void
add_query(weiri_buffer *to, const weiri_view_query *query)
{
    weiri_buffer_add_text(to, "{\"name\":");
    add_string(to, query->name);
    weiri_buffer_add_text(to, ",\"parameters\":[");
    for (size_t i = 0; i < query->n; i++) {
        const weiri_parameter *parameter = &query->parameters[i];
        weiri_buffer_add_text(to, i > 0 ? ",{\"name\":" : "{\"name\":");
        add_string(to, parameter->name);
        weiri_buffer_print(
            to, ",\"type\":\"%s\",\"required\":%s", weiri_parameter_type_names[parameter->type], parameter->has_default ? "false" : "true");
        if (parameter->has_default && !parameter->default_null) {
            weiri_buffer_add_text(to, ",\"default\":");
            add_string(to, parameter->fallback);
        }
        weiri_buffer_add_char(to, '}');
    }
    weiri_buffer_add_text(to, "],");
    add_relation(to, &query->answer);
}

void
weiri_views_describe(const weiri_views *views, size_t i, weiri_buffer *to)
{
    const weiri_view_file *file = views->list[i].file;

    weiri_buffer_add_text(to, "\"tables\":[");
    for (size_t j = 0; j < file->tables_n; j++) {
        weiri_buffer_add_text(to, j > 0 ? ",{\"name\":" : "{\"name\":");
        add_string(to, file->tables[j].name);
        weiri_buffer_add_char(to, ',');
        add_relation(to, &file->tables[j]);
    }
    weiri_buffer_add_text(to, "],\"queries\":[");
    for (size_t j = 0; j < file->queries_n; j++) {
        weiri_buffer_add_text(to, j > 0 ? "," : "");
        add_query(to, &file->queries[j]);
    }
    weiri_buffer_add_char(to, ']');
}

weir_status
weiri_views_dump(weiri_views *views, const char *name, weiri_buffer *to, weir_error *err)
{
    weiri_view *view;

    weir_status status = weiri_views_find(views, name, &view, err);
    if (status == WEIR_OK)
        status = weiri_view_enter(view, err);
    if (status != WEIR_OK)
        return status;
    status = view->store->ops->dump(view->store, to, err);
    weiri_view_leave(view);
    return status;
}
