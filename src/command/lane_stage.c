/* SPDX-License-Identifier: Apache-2.0
 * Staging what became of a command into lane->filling: the command, its events or its outcome, what is to be remembered of it,
 * and its answer. No allocation a command, once buffers have grown. A command that is stored leaves exactly one outcome: its
 * events, or a record in outcomes. */
#include "command/lane_stage.h"
#include "base/assert.h"
#include "message/discard.h"
#include <stdio.h>
#include <string.h>

weiri_answer_kind
weiri_lane_kind_of(const weiri_request *request)
{
    static const weiri_answer_kind kinds[] = { WEIRI_ANSWER_OUTCOME, WEIRI_ANSWER_STATE, WEIRI_ANSWER_LOOKUP, WEIRI_ANSWER_HELD,
        WEIRI_ANSWER_OUTCOME, WEIRI_ANSWER_OUTCOME, WEIRI_ANSWER_OUTCOME };

    return kinds[request->kind];
}

weiri_pending *
weiri_lane_answer(weiri_lane *lane, const weiri_request *request, weir_status status)
{
    weiri_batch *batch = lane->filling;

    weiri_assert(batch->count < WEIRI_BATCH_COMMANDS);
    weiri_pending *pending = &batch->pending[batch->count++];
    *pending = (weiri_pending){ .done = request->done,
        .user = request->user,
        .kind = (uint8_t)weiri_lane_kind_of(request),
        .status = (uint8_t)status,
        .source = WEIRI_NO_OFFSET,
        .offset = WEIRI_NO_EVENTS,
        .code = "",
        .text_at = WEIRI_NO_TEXT };
    return pending;
}

void
weiri_lane_answer_words(weiri_lane *lane, weiri_pending *pending, const char *code, const char *text)
{
    weiri_buffer *texts = &lane->filling->texts;

    pending->text_at = (uint32_t)texts->size;
    pending->code = code;
    if (code == NULL)
        weiri_buffer_add(texts, lane->decision.code, strlen(lane->decision.code) + 1);
    weiri_buffer_add(texts, text, strlen(text) + 1);
}

static void
add_source_headers(weiri_lane *lane, const weiri_subject *s)
{
    weiri_headers_add(&lane->headers, WEIRI_HEADER_SOURCE, s->source);
    weiri_headers_add_number(&lane->headers, WEIRI_HEADER_SEQUENCE, s->request->sequence);
    weiri_headers_add_number(&lane->headers, WEIRI_HEADER_FINGERPRINT, s->request->fingerprint);
}

static weiri_record
record_of(const weiri_lane *lane, const weiri_subject *s, weiri_record_kind kind)
{
    return (weiri_record){ .kind = (uint8_t)kind,
        .flags = s->request->client_id ? WEIRI_RECORD_CLIENT_ID : 0,
        .time_ms = lane->time_ms,
        .source = s->at,
        .previous_source = WEIRI_NO_OFFSET,
        .previous_offset = WEIRI_NO_OFFSET,
        .aggregate = s->aggregate == WEIRI_NO_TYPE ? (weiri_bytes){ 0 } : lane->commands->aggregate_names[s->aggregate],
        .key = s->key,
        .id = s->id };
}

/* On a shared log the command stands in the log already: what is staged answers it. */
static void
stage_command(weiri_lane *lane, weiri_subject *s)
{
    weiri_batch *batch = lane->filling;

    s->at = lane->share.on ? s->request->log_source : lane->next_command;
    lane->next_command = s->at + 1;
    if (batch->stored++ == 0)
        batch->append.first_source = s->at;
    batch->append.last_source = s->at;
    if (lane->share.on)
        return;
    weiri_record record = record_of(lane, s, WEIRI_RECORD_COMMAND);
    if (s->type != NULL)
        record.type = lane->commands->type_names[s->type->number];
    else
        record.type = weiri_bytes_of(s->request->kind == WEIRI_REQUEST_DISCARD ? WEIRI_COMMAND_DISCARD_LETTER : WEIRI_COMMAND_RELEASE);
    record.payload = s->payload;
    record.headers = s->headers;
    if (s->request->expect) {
        record.flags |= WEIRI_RECORD_EXPECTS;
        record.expected_version = s->request->expected_version;
    }
    if (s->source.size > 0) {
        weiri_buffer_clear(&lane->headers);
        weiri_buffer_add_bytes(&lane->headers, s->headers);
        add_source_headers(lane, s);
        weiri_headers_add_number(&lane->headers, WEIRI_HEADER_PREVIOUS, s->request->previous);
        record.headers = weiri_buffer_bytes(&lane->headers);
    }
    weiri_staged_add(&lane->filling->append.topics[WEIRI_TOPIC_COMMANDS], &record);
}

/* What recovery needs to fill the window and the sources: in the headers of the first event, or of the outcome. A record without the
 * payload's hash makes no entry, one without a source moves none. */
static void
add_memory_headers(weiri_lane *lane, const weiri_subject *s, bool remembered, bool moves)
{
    if (remembered)
        weiri_headers_add(&lane->headers, WEIRI_HEADER_PAYLOAD_HASH, (weiri_bytes){ &s->request->payload_hash, sizeof(uint64_t) });
    if (moves)
        add_source_headers(lane, s);
}

/* What the first answer said: whoever reads the outcome elsewhere has no window to look it up in. */
static void
add_first_headers(weiri_lane *lane, const weiri_window_entry *first)
{
    weiri_headers_add_number(&lane->headers, WEIRI_HEADER_ORIGINAL_VERSION, first->version);
    if (first->kind == WEIRI_WINDOW_EVENTS)
        weiri_headers_add_number(&lane->headers, WEIRI_HEADER_ORIGINAL_EVENTS, first->events);
    if (first->kind != WEIRI_WINDOW_ACCEPTED)
        weiri_headers_add_number(&lane->headers, WEIRI_HEADER_ORIGINAL_OFFSET, first->offset);
}

static void
move_source(weiri_lane *lane, const weiri_subject *s)
{
    weiri_batch *batch = lane->filling;
    weiri_source *source = weiri_sources_add(&lane->sources, s->source, s->request->fingerprint);

    weiri_quarantine_settle(&lane->quarantine, s->source, s->request->sequence);
    if (source->last < s->request->sequence) /* else it is one that was released */
        source->last = s->request->sequence;
    if (source->batch != batch->number) {
        if (batch->n_moved == batch->moved_room) {
            batch->moved_room = batch->moved_room == 0 ? 16 : batch->moved_room * 2;
            batch->moved = weiri_reallocate(batch->moved, batch->moved_room * sizeof *batch->moved);
        }
        source->batch = batch->number;
        source->moved = batch->n_moved++;
    }
    batch->moved[source->moved] = (weiri_moved_source){ source, source->last };
}

static void
remember(weiri_lane *lane, const weiri_subject *s, uint32_t kind, uint64_t offset, uint32_t events)
{
    const weiri_window_entry entry = { .id = s->request->id_hash,
        .payload_hash = s->request->payload_hash,
        .source = s->at,
        .offset = offset,
        .version = s->version,
        .time_ms = lane->time_ms,
        .events = events,
        .kind = kind };

    weiri_window_add(&lane->window, &entry);
    weiri_quarantine_settle_id(&lane->quarantine, s->request->aggregate_hash, entry.id);
}

weiri_pending *
weiri_lane_end(weiri_lane *lane, weiri_subject *s, const weiri_ending *end)
{
    bool by_source = s->source.size > 0;
    bool remembered = end->remembered && s->request->client_id && !by_source;
    bool moves = end->moves && by_source;

    stage_command(lane, s);
    weiri_buffer_clear(&lane->headers);
    if (end->code[0] != '\0')
        weiri_headers_add(&lane->headers, WEIRI_HEADER_CODE, weiri_bytes_of(end->code));
    if (end->repeats || end->names)
        weiri_headers_add_number(&lane->headers, WEIRI_HEADER_ORIGINAL, end->first == NULL ? end->original : end->first->source);
    if (end->first != NULL)
        add_first_headers(lane, end->first);
    if (end->last != NULL)
        weiri_headers_add_number(&lane->headers, WEIRI_HEADER_LAST, *end->last);
    if (end->attempt != 0)
        weiri_headers_add_number(&lane->headers, WEIRI_HEADER_ATTEMPT, end->attempt);
    if (end->discards)
        weiri_headers_add_number(&lane->headers, WEIRI_HEADER_DISCARD, 1);
    add_memory_headers(lane, s, remembered, moves);
    weiri_record record = record_of(lane, s, WEIRI_RECORD_OUTCOME);
    record.type = weiri_bytes_of(end->type);
    record.version = s->version;
    record.headers = weiri_buffer_bytes(&lane->headers);
    record.payload = weiri_bytes_of(end->text);
    uint64_t offset = lane->next_outcome++;
    weiri_staged_add(&lane->filling->append.topics[WEIRI_TOPIC_OUTCOMES], &record);
    if (moves)
        move_source(lane, s);
    if (remembered)
        remember(lane, s, end->status == WEIR_REJECTED ? WEIRI_WINDOW_REJECTED : WEIRI_WINDOW_ACCEPTED, offset, 0);
    weiri_pending *pending = weiri_lane_answer(lane, s->request, end->status);
    pending->source = s->at;
    pending->version = s->version;
    pending->repeated = end->repeats;
    if (end->code[0] != '\0' || end->text[0] != '\0')
        weiri_lane_answer_words(lane, pending, end->of_domain ? NULL : end->code, end->text);
    return pending;
}

weiri_pending *
weiri_lane_refuse(weiri_lane *lane, weiri_subject *s, weir_status status, const char *code, const char *text, const uint64_t *last)
{
    const weiri_ending end = { WEIRI_OUTCOME_REJECTED, status, code, text, .last = last };

    if (lane->share.on)
        return weiri_lane_end(lane, s, &end);
    weiri_pending *pending = weiri_lane_answer(lane, s->request, status);
    pending->version = s->version;
    weiri_lane_answer_words(lane, pending, code, text);
    return pending;
}

static void
evolve_staged(weiri_lane *lane, weiri_subject *s, size_t i, uint64_t offset)
{
    const weiri_type *type = lane->decision.emitted[i].type;

    if (s->entry == NULL) {
        s->entry = weiri_states_add(&lane->states, s->request->aggregate_hash, s->aggregate, s->key, NULL);
        lane->states.known++;
    }
    weir_status status = weiri_lane_evolve(lane, s->entry, type, weiri_decision_event(&lane->decision, i), NULL);
    weiri_assert(status == WEIR_OK); /* these bytes were packed a moment ago */
    s->entry->version++;
    s->entry->last_source = s->at;
    s->entry->last_index = (uint32_t)i;
    s->entry->last_offset = offset;
    s->version = s->entry->version;
}

static void
stage_event(weiri_lane *lane, weiri_subject *s, size_t i, bool remembered)
{
    const weir_decision *d = &lane->decision;
    weiri_record record = record_of(lane, s, WEIRI_RECORD_EVENT);
    uint64_t offset = lane->next_event++;

    record.flags = s->entry == NULL ? WEIRI_RECORD_FIRST : 0;
    record.type = lane->commands->type_names[d->emitted[i].type->number];
    record.payload = weiri_decision_event(d, i);
    record.headers = s->headers;
    record.index = (uint32_t)i;
    record.version = s->version + 1;
    if (s->entry != NULL) {
        record.previous_source = s->entry->last_source;
        record.previous_index = s->entry->last_index;
        record.previous_offset = s->entry->last_offset;
    }
    if (i + 1 == d->n_emitted)
        record.flags |= WEIRI_RECORD_LAST;
    if (i == 0) {
        record.flags |= s->request->client_id ? WEIRI_RECORD_CLIENT_ID : 0;
        if (remembered || s->source.size > 0) {
            weiri_buffer_clear(&lane->headers);
            weiri_buffer_add_bytes(&lane->headers, s->headers);
            add_memory_headers(lane, s, remembered, s->source.size > 0);
            record.headers = weiri_buffer_bytes(&lane->headers);
        }
    }
    weiri_staged_add(&lane->filling->append.topics[WEIRI_TOPIC_EVENTS], &record);
    evolve_staged(lane, s, i, offset);
}

void
weiri_lane_end_with_events(weiri_lane *lane, weiri_subject *s)
{
    uint64_t first = lane->next_event;
    uint32_t n = (uint32_t)lane->decision.n_emitted;
    bool remembered = s->request->client_id && s->source.size == 0;

    stage_command(lane, s);
    for (size_t i = 0; i < n; i++)
        stage_event(lane, s, i, remembered);
    weiri_states_mark(&lane->states, s->entry);
    if (s->source.size > 0)
        move_source(lane, s);
    if (remembered)
        remember(lane, s, WEIRI_WINDOW_EVENTS, first, n);
    weiri_pending *pending = weiri_lane_answer(lane, s->request, WEIR_OK);
    pending->source = s->at;
    pending->version = s->version;
    pending->events = n;
    pending->offset = first;
    lane->counted.accepted++;
    lane->counted.events += n;
    lane->checkpoint.since += n;
}

void
weiri_lane_discard(weiri_lane *lane, weiri_subject *s)
{
    char said[WEIRI_DISCARD_BYTES_MOST + 1];

    (void)snprintf(said, sizeof said, "%.*s", (int)s->payload.size, (const char *)s->payload.data);
    const weiri_ending end = { WEIRI_OUTCOME_LETTER_DISCARDED, WEIR_OK, "", said };
    (void)weiri_lane_end(lane, s, &end);
}
