/* SPDX-License-Identifier: Apache-2.0
 * What people ask of processes, told by the lane: pending timers, rejections that nobody heard; and what was held and is released, for the
 * router to send again. Threads: the lane's; weiri_commands_*: any. */
#include "base/memory.h"
#include "command/lane_stage.h"
#include "command/router.h"
#include <stdlib.h>

static void
add_row(weiri_buffer *to, const weiri_pending_row *row, const char *names)
{
    weiri_buffer_add(to, row, sizeof *row);
    if (row->timer != 0) {
        weiri_buffer_add(to, names, row->name_size);
        weiri_buffer_add(to, names + row->name_size + 1, row->key_size);
    }
}

static int
compare_slots(const void *left, const void *right)
{
    const struct weiri_timer_slot *a = left, *b = right;

    return a->at_ms < b->at_ms ? -1 : a->at_ms > b->at_ms;
}

/* The earliest that are pending. What was moved or cleared is in the heap too, and must not take the place of those. */
static void
add_timers(weiri_lane *lane, weiri_buffer *to)
{
    const weiri_timer_heap *timers = &lane->processes.timers;
    struct weiri_timer_slot *slots = weiri_allocate((timers->n + 1) * sizeof *slots);
    size_t told = 0;

    if (timers->n > 0) {
        memcpy(slots, timers->slots, timers->n * sizeof *slots);
        qsort(slots, timers->n, sizeof *slots, compare_slots);
    }
    for (size_t i = 0; i < timers->n && told < WEIRI_PENDING_ROWS; i++) {
        const weiri_pending_timer *timer = slots[i].timer;
        int64_t due_ms;
        if (!weiri_lane_timer_pending(lane, timer, &due_ms))
            continue;
        const weiri_pending_row row = { (uint64_t)due_ms, timer->set_by, timer->aggregate, 1, timer->name_size, timer->key_size };
        add_row(to, &row, timer->names);
        told++;
    }
    weiri_release(slots);
}

void
weiri_lane_tell_processes(weiri_lane *lane, const weiri_request *request)
{
    const weiri_lane_processes *processes = &lane->processes;
    const weiri_unanswered *u = &processes->unanswered;
    weiri_buffer *texts = &lane->filling->texts;
    weiri_pending *pending = weiri_lane_answer(lane, request, WEIR_OK);

    pending->text_at = (uint32_t)texts->size;
    add_timers(lane, texts);
    for (uint64_t i = 0; i < u->total && i < WEIRI_PENDING_ROWS; i++) {
        const weiri_pending_row row = { .number = u->offsets[(u->total - 1 - i) % WEIRI_UNANSWERED_KEPT] };
        add_row(texts, &row, NULL);
    }
    pending->size = (uint32_t)(texts->size - pending->text_at);
}

bool
weiri_pending_row_next(weiri_bytes rows, size_t *at, weiri_pending_row *ret_row, weiri_bytes *ret_name, weiri_bytes *ret_key)
{
    const uint8_t *data = rows.data;

    if (rows.size - *at < sizeof *ret_row)
        return false;
    memcpy(ret_row, data + *at, sizeof *ret_row);
    *at += sizeof *ret_row;
    *ret_name = (weiri_bytes){ data + *at, ret_row->name_size };
    *ret_key = (weiri_bytes){ data + *at + ret_row->name_size, ret_row->key_size };
    *at += (size_t)ret_row->name_size + ret_row->key_size;
    return *at <= rows.size;
}

void
weiri_commands_process_metrics(weiri_commands *c, uint32_t partition, size_t process, weiri_process_metrics *ret_metrics)
{
    const weiri_lane_processes *processes = &c->lanes[partition].processes;

    *ret_metrics = (weiri_process_metrics){ .routed = atomic_load(&processes->routed[process]),
        .timers = atomic_load(&processes->pending),
        .unanswered = atomic_load(&processes->unanswered_total),
        .fired = atomic_load(&processes->fired_total) };
}

bool
weiri_commands_router_stands(weiri_commands *c, weir_error *ret_err)
{
    return c->router != NULL && weiri_router_stands(c->router, ret_err);
}

void
weiri_lane_route_again(weiri_lane *lane)
{
    size_t aggregate;

    if (lane->commands->router == NULL || !atomic_load_explicit(&lane->processes.retries, memory_order_relaxed) ||
        !atomic_exchange(&lane->processes.retries, false))
        return;
    for (const weiri_held *held = lane->quarantine.first; held != NULL; held = held->next) {
        weiri_bytes source = { held->names + held->row.key_size, held->row.source_size };
        if (held->row.released && weiri_router_source_process(lane->commands, source, &aggregate))
            weiri_router_again(lane->commands->router, source, held->row.sequence);
    }
}
