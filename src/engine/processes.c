/* SPDX-License-Identifier: Apache-2.0
 * Processes as a person sees them: which there are, how far their routers have got, what is pending, what nobody heard. The lanes are
 * asked, so all that is told is durable; the words of rejections are read from the log. Thread: the caller's, which waits here. */
#include <inttypes.h>
#include <stdlib.h>
#include "base/memory.h"
#include "engine/asking.h"
#include "message/outcome.h"

typedef struct item {
    uint32_t partition;
    weiri_pending_row row;
    weiri_bytes name, key; /* borrowed from the asking */
} item;

typedef struct pending {
    item *items;
    size_t n, room, timers; /* timers: how many of them are such */
} pending;

/* Timers first, the earliest in front; then rejections as the lanes gave them, the latest in front. */
static int
compare(const void *left, const void *right)
{
    const item *a = left, *b = right;

    if (a->row.timer != b->row.timer)
        return a->row.timer ? -1 : 1;
    if (a->row.number != b->row.number)
        return (a->row.number < b->row.number) == (a->row.timer != 0) ? -1 : 1;
    return a->partition < b->partition ? -1 : a->partition > b->partition;
}

static void
take_rows(pending *all, uint32_t partition, weiri_bytes rows)
{
    item one = { .partition = partition };
    size_t at = 0;

    while (weiri_pending_row_next(rows, &at, &one.row, &one.name, &one.key)) {
        if (all->n == all->room) {
            all->room = all->room == 0 ? 64 : all->room * 2;
            all->items = weiri_reallocate(all->items, all->room * sizeof *all->items);
        }
        all->items[all->n++] = one;
        all->timers += one.row.timer != 0;
    }
}

/* Partitions that others serve are left out. */
static weir_status
ask_lanes(weiri_service *service, weiri_asking *a, pending *all, weir_error *err)
{
    weir_status status = WEIR_OK;
    uint32_t unasked = 0;

    for (uint32_t p = 0; p < a->partitions; p++) {
        weir_status asked = status == WEIR_OK ? weiri_commands_ask_processes(service->commands, p, weiri_asking_answered, a, err) : status;
        unasked += asked != WEIR_OK;
        if (asked != WEIR_OK && asked != WEIR_FENCED)
            status = asked;
    }
    status = weiri_asking_await(service, a, status, unasked, err);
    if (status == WEIR_FENCED)
        status = WEIR_OK;
    for (uint32_t p = 0; status == WEIR_OK && p < a->partitions; p++)
        take_rows(all, p, weiri_buffer_bytes(&a->rows[p]));
    if (all->n > 0)
        qsort(all->items, all->n, sizeof *all->items, compare);
    return status;
}

/* ---- writing ---------------------------------------------------------------------------------------------- */

static void
write_process(weiri_service *service, size_t i, weiri_buffer *to)
{
    const weir_process *process = weiri_schema_module(service->schema)->processes[i];
    uint64_t behind = 0;

    weiri_buffer_add_char(to, '{');
    weiri_member_text(to, "name", process->name);
    weiri_member_text(to, "key", process->key);
    weiri_member(to, "routed");
    weiri_buffer_add_char(to, '[');
    for (uint32_t p = 0; p < service->identity->partitions; p++) {
        weiri_process_metrics metrics;
        uint64_t end = weiri_log_next_command(service->log, p);
        weiri_commands_process_metrics(service->commands, p, i, &metrics);
        if (metrics.routed == UINT64_MAX)
            weiri_buffer_add_text(to, p == 0 ? "null" : ",null");
        else
            weiri_buffer_print(to, "%s%" PRIu64, p == 0 ? "" : ",", metrics.routed);
        bool here = weiri_commands_lane(service->commands, p, NULL) == WEIRI_LANE_SERVING;
        behind += here && metrics.routed < end ? end - metrics.routed : 0;
    }
    weiri_buffer_add_char(to, ']');
    weiri_member_number(to, "behind", behind);
    weiri_buffer_add_char(to, '}');
}

static void
write_timer(weiri_service *service, const item *of, weiri_buffer *to)
{
    weiri_buffer_add_char(to, '{');
    weiri_member_text(to, "process", weiri_schema_aggregate(service->schema, of->row.aggregate)->name);
    weiri_member_bytes(to, "key", of->key);
    weiri_member_bytes(to, "timer", of->name);
    weiri_member_time(to, "due", (int64_t)of->row.number);
    weiri_member_number(to, "partition", of->partition);
    weiri_member_number(to, "setBy", of->row.set_by);
    weiri_buffer_add_char(to, '}');
}

static void
write_header(weiri_buffer *to, const char *name, const weiri_record *record, const char *header)
{
    weiri_bytes value;

    if (weiri_headers_find(record->headers, header, &value))
        weiri_member_bytes(to, name, value);
}

static void
write_rejection(weiri_service *service, weiri_chunk *chunk, const item *of, weiri_buffer *to)
{
    weiri_record record;
    weir_error err;
    uint64_t at;
    weir_status status = weiri_log_read(service->log, WEIRI_TOPIC_OUTCOMES, of->partition, of->row.number, chunk, &err);

    weiri_buffer_add_char(to, '{');
    weiri_member_number(to, "partition", of->partition);
    weiri_member_number(to, "outcome", of->row.number);
    while (status == WEIR_OK && weiri_chunk_next(chunk, &record, &at, &status)) {
        if (status != WEIR_OK || at != of->row.number)
            continue;
        write_header(to, "process", &record, WEIRI_HEADER_PROCESS);
        write_header(to, "instance", &record, WEIRI_HEADER_INSTANCE);
        write_header(to, "command", &record, WEIRI_HEADER_REJECTED);
        weiri_member_bytes(to, "key", record.key);
        write_header(to, "code", &record, WEIRI_HEADER_CODE);
        weiri_member_bytes(to, "detail", record.payload);
        weiri_member_time(to, "time", record.time_ms);
        break;
    }
    weiri_buffer_add_char(to, '}');
}

static void
write_all(weiri_service *service, const pending *all, weiri_buffer *to)
{
    weiri_process_metrics sum = { 0 }, metrics;
    weiri_chunk chunk = { 0 };
    weir_error err;

    weiri_buffer_add_text(to, "{\"processes\":[");
    for (size_t i = 0; i < weiri_schema_processes(service->schema); i++) {
        weiri_buffer_add_text(to, i == 0 ? "" : ",");
        write_process(service, i, to);
    }
    weiri_buffer_add_text(to, "],\"timers\":[");
    for (size_t i = 0; i < all->timers && i < WEIRI_PENDING_SHOWN; i++) {
        weiri_buffer_add_text(to, i == 0 ? "" : ",");
        write_timer(service, &all->items[i], to);
    }
    weiri_buffer_add_text(to, "],\"unanswered\":[");
    for (size_t i = all->timers; i < all->n && i < all->timers + WEIRI_PENDING_SHOWN; i++) {
        weiri_buffer_add_text(to, i == all->timers ? "" : ",");
        write_rejection(service, &chunk, &all->items[i], to);
    }
    weiri_buffer_add_char(to, ']');
    for (uint32_t p = 0; weiri_schema_processes(service->schema) > 0 && p < service->identity->partitions; p++) {
        weiri_commands_process_metrics(service->commands, p, 0, &metrics);
        sum.unanswered += metrics.unanswered;
        sum.fired += metrics.fired;
    }
    weiri_member_number(to, "unansweredTotal", sum.unanswered);
    weiri_member_number(to, "timersFired", sum.fired);
    if (weiri_commands_router_stands(service->commands, &err))
        weiri_member_text(to, "router", err.text);
    weiri_buffer_add_char(to, '}');
    weiri_chunk_fini(&chunk);
}

void
weiri_service_processes(weiri_service *service, weiri_reply *reply)
{
    weiri_asking *a = weiri_asking_new(service->identity->partitions, service->identity->partitions);
    pending all = { 0 };
    weir_error err;

    weir_status status = ask_lanes(service, a, &all, &err);
    if (status == WEIR_OK) {
        write_all(service, &all, &reply->body);
        weiri_reply_json(reply);
    } else
        weiri_reply_error(reply, status == WEIR_IO ? WEIRI_LOG_FAILED : status == WEIR_TIMEOUT ? "unknown" : "", &err);
    weiri_release(all.items);
    weiri_asking_drop(a);
}
