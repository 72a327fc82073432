/* SPDX-License-Identifier: Apache-2.0
 * What lanes write into the log for the sake of processes, and read back from it: rejections of what a process sent, those that nobody
 * hears, and the positions of routers. All of it rides on records that are there anyway. Thread: the lane's; in recovery the one that
 * recovers it. */
#include "base/memory.h"
#include "base/number.h"
#include "command/lane_stage.h"
#include "command/router.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void
weiri_unanswered_add(weiri_unanswered *u, uint64_t offset)
{
    if (u->offsets == NULL)
        u->offsets = weiri_allocate(WEIRI_UNANSWERED_KEPT * sizeof *u->offsets);
    u->offsets[u->total++ % WEIRI_UNANSWERED_KEPT] = offset;
}

void
weiri_lane_processes_init(weiri_lane *lane)
{
    weiri_lane_processes *processes = &lane->processes;

    processes->n = weiri_schema_processes(lane->commands->config.schema);
    if (processes->n == 0 || processes->routed != NULL)
        return;
    processes->routed = weiri_allocate(processes->n * sizeof *processes->routed);
    for (size_t i = 0; i < processes->n; i++)
        atomic_init(&processes->routed[i], WEIRI_NO_OFFSET);
}

void
weiri_lane_processes_forget(weiri_lane *lane)
{
    weiri_lane_processes *processes = &lane->processes;

    weiri_timer_heap_fini(&processes->timers);
    weiri_release(processes->unanswered.offsets);
    processes->unanswered = (weiri_unanswered){ 0 };
}

void
weiri_lane_processes_fini(weiri_lane *lane)
{
    weiri_lane_processes_forget(lane);
    weiri_reaction_fini(&lane->processes.reaction);
    weiri_buffer_fini(&lane->processes.request);
    weiri_release((void *)lane->processes.routed);
    lane->processes.routed = NULL;
}

/* ---- rejections -------------------------------------------------------------------------------------------- */

/* The process that sent it; NULL: none of this module did. */
static const weir_process *
sender_of(const weiri_lane *lane, weiri_bytes source)
{
    size_t aggregate;

    return weiri_router_source_process(lane->commands, source, &aggregate) ? weiri_schema_process(lane->commands->config.schema, aggregate)
                                                                           : NULL;
}

bool
weiri_lane_add_rejection(weiri_lane *lane, const weiri_subject *s, const weiri_ending *end)
{
    bool unanswered = end->unanswered != NULL;
    weiri_bytes instance = s->key, type = weiri_bytes_of(end->unanswered);
    const weir_process *process = unanswered ? s->type->process : NULL;

    if (!unanswered) {
        if (s->type == NULL || s->type->process != NULL || !weiri_headers_find(s->headers, WEIRI_HEADER_INSTANCE, &instance))
            return false;
        process = sender_of(lane, s->source);
        if (process == NULL)
            return false;
        type = weiri_bytes_of(s->type->descriptor->name);
        unanswered = weiri_process_rejection(process, s->type->descriptor) == NULL;
        weiri_buffer_add_bytes(&lane->headers, s->headers);
        weiri_headers_add(&lane->headers, WEIRI_HEADER_REJECTED_COMMAND, s->payload);
    } else
        weiri_headers_add(&lane->headers, WEIRI_HEADER_INSTANCE, instance);
    weiri_headers_add(&lane->headers, WEIRI_HEADER_PROCESS, weiri_bytes_of(process->name));
    weiri_headers_add(&lane->headers, WEIRI_HEADER_REJECTED, type);
    if (unanswered)
        weiri_headers_add_number(&lane->headers, WEIRI_HEADER_UNANSWERED, 1);
    return unanswered;
}

void
weiri_lane_note_unanswered(weiri_lane *lane, uint64_t offset)
{
    weiri_unanswered_add(&lane->processes.unanswered, offset);
    atomic_store_explicit(&lane->processes.unanswered_total, lane->processes.unanswered.total, memory_order_relaxed);
}

/* ---- positions of the router ------------------------------------------------------------------------------ */

void
weiri_lane_look_for_moves(weiri_lane *lane)
{
    weiri_lane_processes *processes = &lane->processes;
    uint64_t moves = atomic_load_explicit(&processes->routed_moves, memory_order_acquire);

    if (moves == processes->told_moves)
        return;
    processes->told_moves = moves;
    processes->tells = true;
}

/* "fulfilment=12 restocking=12". */
static void
print_positions(const weiri_lane *lane, weiri_buffer *to)
{
    const weiri_lane_processes *processes = &lane->processes;
    const weir_module *module = weiri_schema_module(lane->commands->config.schema);
    size_t before = to->size;

    for (size_t i = 0; i < processes->n; i++) {
        uint64_t position = atomic_load(&processes->routed[i]);
        if (position != WEIRI_NO_OFFSET)
            weiri_buffer_print(to, "%s%s=%" PRIu64, to->size == before ? "" : " ", module->processes[i]->name, position);
    }
}

void
weiri_lane_tell_positions(weiri_lane *lane)
{
    weiri_buffer text = { 0 };

    print_positions(lane, &text);
    weiri_headers_add(&lane->headers, WEIRI_HEADER_ROUTED, weiri_buffer_bytes(&text));
    weiri_buffer_fini(&text);
    lane->processes.tells = false;
}

static bool
read_number(weiri_bytes text, uint64_t *ret_number)
{
    bool negative;

    return weiri_number_is(text) && weiri_number_to_integer(text, &negative, ret_number) && !negative;
}

/* What this module doesn't know is passed by. */
static void
read_positions(weiri_lane *lane, weiri_bytes text)
{
    const weir_module *module = weiri_schema_module(lane->commands->config.schema);
    const char *at = text.data, *end = at + text.size;

    while (at < end) {
        const char *blank = memchr(at, ' ', (size_t)(end - at)), *next = blank == NULL ? end : blank;
        const char *sign = memchr(at, '=', (size_t)(next - at));
        uint64_t position;
        for (size_t i = 0; sign != NULL && i < lane->processes.n; i++)
            if (weiri_bytes_are((weiri_bytes){ at, (size_t)(sign - at) }, module->processes[i]->name) &&
                read_number((weiri_bytes){ sign + 1, (size_t)(next - sign - 1) }, &position)) {
                uint64_t known = atomic_load(&lane->processes.routed[i]);
                if (known == WEIRI_NO_OFFSET || known < position)
                    atomic_store(&lane->processes.routed[i], position);
            }
        at = blank == NULL ? end : blank + 1;
    }
}

/* ---- recovery ----------------------------------------------------------------------------------------------- */

void
weiri_lane_fold_processes(weiri_lane *lane, const weiri_record *record, uint64_t offset)
{
    uint64_t one;
    weiri_bytes positions;

    if (weiri_headers_find(record->headers, WEIRI_HEADER_ROUTED, &positions))
        read_positions(lane, positions);
    if (record->kind == WEIRI_RECORD_OUTCOME && weiri_headers_find_number(record->headers, WEIRI_HEADER_UNANSWERED, &one))
        weiri_lane_note_unanswered(lane, offset);
}

/* A process that is new in this log starts from now or from the beginning, as its deployer says; in a new log that is the same. It is
 * decided here, before the lane takes anything, and told by the next record. */
void
weiri_lane_begin_positions(weiri_lane *lane)
{
    bool from_beginning = lane->commands->config.processes_from_beginning;

    for (size_t i = 0; i < lane->processes.n; i++)
        if (atomic_load(&lane->processes.routed[i]) == WEIRI_NO_OFFSET) {
            atomic_store(&lane->processes.routed[i], from_beginning ? 0 : lane->next_command);
            atomic_fetch_add(&lane->processes.routed_moves, 1);
        }
}

void
weiri_lane_add_process_rows(weiri_lane *lane, weiri_buffer *rows)
{
    const weiri_unanswered *u = &lane->processes.unanswered;

    if (lane->processes.n == 0)
        return;
    size_t begun = weiri_checkpoint_row_begin(rows, weiri_bytes_of("P"));
    print_positions(lane, rows);
    weiri_checkpoint_row_end(rows, begun);
    begun = weiri_checkpoint_row_begin(rows, weiri_bytes_of("U"));
    weiri_buffer_add(rows, &u->total, sizeof u->total);
    if (u->offsets != NULL)
        weiri_buffer_add(rows, u->offsets, WEIRI_UNANSWERED_KEPT * sizeof *u->offsets);
    weiri_checkpoint_row_end(rows, begun);
}

weir_status
weiri_lane_load_process_row(weiri_lane *lane, weiri_bytes key, weiri_bytes value)
{
    weiri_unanswered *u = &lane->processes.unanswered;
    const size_t whole = sizeof u->total + WEIRI_UNANSWERED_KEPT * sizeof *u->offsets;

    if (lane->processes.n == 0 || key.size != 1)
        return WEIR_CORRUPT;
    if (*(const char *)key.data == 'P') {
        read_positions(lane, value);
        return WEIR_OK;
    }
    if (value.size != sizeof u->total && value.size != whole)
        return WEIR_CORRUPT;
    memcpy(&u->total, value.data, sizeof u->total);
    if ((u->total == 0) != (value.size != whole))
        return WEIR_CORRUPT;
    if (u->total > 0) {
        if (u->offsets == NULL)
            u->offsets = weiri_allocate(WEIRI_UNANSWERED_KEPT * sizeof *u->offsets);
        memcpy(u->offsets, (const uint8_t *)value.data + sizeof u->total, whole - sizeof u->total);
    }
    atomic_store(&lane->processes.unanswered_total, u->total);
    return WEIR_OK;
}
