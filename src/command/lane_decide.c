/* SPDX-License-Identifier: Apache-2.0
 * One request of a lane: identify, decide, stage, remember, answer. Everything goes into lane->filling. The order of checks:
 * source or id, payload, expected version, decide. No allocation, lock, clock or system call a command, once buffers have grown.
 * A command that is stored leaves exactly one outcome: its events, or a record in outcomes. */
#include "base/assert.h"
#include "command/lane.h"
#include <stdio.h>
#include <string.h>

typedef struct subject {
    const weiri_request *request;
    const weiri_type *type;
    const char *key_text;
    weiri_bytes key, scope, id, source, headers, payload;
    weiri_state_entry *entry; /* NULL: no events yet */
    uint64_t version;
    weiri_source *known; /* NULL: the source is new here, or none was given */
    uint64_t at;         /* the command's offset, once staged */
} subject;

static void
subject_read(weiri_lane *lane, const weiri_request *request, subject *s)
{
    const char *at = (const char *)(request + 1);

    s->request = request;
    s->key_text = at;
    s->key = (weiri_bytes){ at, request->key_size };
    s->id = (weiri_bytes){ at + request->key_size + 1, request->id_size };
    s->scope = (weiri_bytes){ at, (size_t)request->key_size + 1 + request->id_size };
    at += s->scope.size;
    s->source = (weiri_bytes){ at, request->source_size };
    at += s->source.size;
    s->headers = (weiri_bytes){ at, request->headers_size };
    at += s->headers.size;
    s->payload = (weiri_bytes){ at, request->payload_size };
    uint16_t aggregate = request->type;
    s->type = NULL;
    if (request->kind == WEIRI_REQUEST_COMMAND) {
        s->type = weiri_schema_type(lane->commands->config.schema, request->type);
        aggregate = s->type->aggregate;
    }
    s->entry = weiri_states_find(&lane->states, request->aggregate_hash, aggregate, s->key);
    s->version = s->entry == NULL ? 0 : s->entry->version;
    s->known = NULL;
    s->at = WEIRI_NO_OFFSET;
}

weiri_pending *
weiri_lane_answer(weiri_lane *lane, const weiri_request *request, weir_status status)
{
    static const weiri_answer_kind kinds[] = { WEIRI_ANSWER_OUTCOME, WEIRI_ANSWER_STATE, WEIRI_ANSWER_LOOKUP };
    weiri_batch *batch = lane->filling;

    weiri_assert(batch->count < WEIRI_BATCH_COMMANDS);
    weiri_pending *pending = &batch->pending[batch->count++];
    *pending = (weiri_pending){ .done = request->done,
        .user = request->user,
        .kind = (uint8_t)kinds[request->kind],
        .status = (uint8_t)status,
        .source = WEIRI_NO_OFFSET,
        .offset = WEIRI_NO_EVENTS,
        .code = "",
        .text_at = WEIRI_NO_TEXT };
    return pending;
}

/* The words of an answer; `code` NULL: it is the decision's, and goes in front of them. */
static void
answer_words(weiri_lane *lane, weiri_pending *pending, const char *code, const char *text)
{
    weiri_buffer *texts = &lane->filling->texts;

    pending->text_at = (uint32_t)texts->size;
    pending->code = code;
    if (code == NULL)
        weiri_buffer_add(texts, lane->decision.code, strlen(lane->decision.code) + 1);
    weiri_buffer_add(texts, text, strlen(text) + 1);
}

/* ---- staging -------------------------------------------------------------------------------------------- */

static void
add_source_headers(weiri_lane *lane, const subject *s)
{
    weiri_headers_add(&lane->headers, WEIRI_HEADER_SOURCE, s->source);
    weiri_headers_add_number(&lane->headers, WEIRI_HEADER_SEQUENCE, s->request->sequence);
    weiri_headers_add_number(&lane->headers, WEIRI_HEADER_FINGERPRINT, s->request->fingerprint);
}

static weiri_record
record_of(const weiri_lane *lane, const subject *s, weiri_record_kind kind)
{
    return (weiri_record){ .kind = (uint8_t)kind,
        .flags = s->request->client_id ? WEIRI_RECORD_CLIENT_ID : 0,
        .time_ms = lane->time_ms,
        .source = s->at,
        .previous_source = WEIRI_NO_OFFSET,
        .previous_offset = WEIRI_NO_OFFSET,
        .aggregate = lane->commands->aggregate_names[s->type->aggregate],
        .key = s->key,
        .id = s->id };
}

static void
stage_command(weiri_lane *lane, subject *s)
{
    s->at = lane->next_command++;
    weiri_record record = record_of(lane, s, WEIRI_RECORD_COMMAND);
    record.type = lane->commands->type_names[s->type->number];
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
add_memory_headers(weiri_lane *lane, const subject *s, bool remembered, bool moves)
{
    if (remembered)
        weiri_headers_add(&lane->headers, WEIRI_HEADER_PAYLOAD_HASH, (weiri_bytes){ &s->request->payload_hash, sizeof(uint64_t) });
    if (moves)
        add_source_headers(lane, s);
}

static void
move_source(weiri_lane *lane, const subject *s)
{
    weiri_batch *batch = lane->filling;
    weiri_source *source = weiri_sources_add(&lane->sources, s->source, s->request->fingerprint);

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
remember(weiri_lane *lane, const subject *s, uint32_t kind, uint64_t offset, uint32_t events)
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
}

typedef struct ending {
    const char *type; /* of the outcome record */
    weir_status status;
    const char *code, *text; /* code "": none; of a domain's rejection: the decision's */
    bool of_domain;          /* the code is the decision's */
    bool remembered;         /* the window keeps it, if the id is a client's and no source was given */
    bool moves;              /* a source goes on past it */
    bool repeats;
    uint64_t original;
} ending;

/* Stores the command with an outcome record, and answers. */
static weiri_pending *
end_without_events(weiri_lane *lane, subject *s, const ending *end)
{
    bool by_source = s->source.size > 0;
    bool remembered = end->remembered && s->request->client_id && !by_source;
    bool moves = end->moves && by_source;

    stage_command(lane, s);
    weiri_buffer_clear(&lane->headers);
    if (end->code[0] != '\0')
        weiri_headers_add(&lane->headers, WEIRI_HEADER_CODE, weiri_bytes_of(end->code));
    if (end->repeats)
        weiri_headers_add_number(&lane->headers, WEIRI_HEADER_ORIGINAL, end->original);
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
        answer_words(lane, pending, end->of_domain ? NULL : end->code, end->text);
    return pending;
}

static void
reject(weiri_lane *lane, subject *s, const char *code, const char *text, bool moves)
{
    const ending end = { WEIRI_OUTCOME_REJECTED, WEIR_REJECTED, code, text, .moves = moves };

    (void)end_without_events(lane, s, &end);
    lane->counted.rejected++;
}

/* ---- has it been decided before? ------------------------------------------------------------------------ */

static void
refuse_gap(weiri_lane *lane, const subject *s, uint64_t last)
{
    char text[160];
    weiri_pending *pending = weiri_lane_answer(lane, s->request, WEIR_CONFLICT);

    (void)snprintf(text, sizeof text, "the source is at %llu in this partition; the command says that it follows %llu",
        (unsigned long long)last, (unsigned long long)s->request->previous);
    pending->version = s->version;
    pending->last_sequence = last;
    answer_words(lane, pending, "gap", text);
}

/* True: by its source it is a repeat, a gap or a misuse, and is answered. */
static bool
settled_by_source(weiri_lane *lane, subject *s)
{
    s->known = weiri_sources_find(&lane->sources, s->source);
    uint64_t last = s->known == NULL ? 0 : s->known->last;

    if (s->known == NULL && lane->sources.count == WEIRI_SOURCES_MOST) {
        answer_words(lane, weiri_lane_answer(lane, s->request, WEIR_BUSY), "too-many-sources", "this partition knows 65,536 sources");
    } else if (s->known != NULL && s->known->fingerprint != s->request->fingerprint) {
        reject(lane, s, "source-reused", "this source was seen with other content under the same name", false);
    } else if (s->request->sequence <= last) {
        const ending end = { WEIRI_OUTCOME_REPEATED, WEIR_OK, "", "", .repeats = true, .original = WEIRI_NO_OFFSET };
        end_without_events(lane, s, &end)->source = WEIRI_NO_OFFSET;
        lane->counted.repeated++;
    } else if (s->request->previous != last) {
        refuse_gap(lane, s, last);
    } else
        return false;
    return true;
}

/* A remembered outcome as an answer. */
static void
answer_as_then(weiri_pending *pending, const weiri_window_entry *entry)
{
    pending->status = entry->kind == WEIRI_WINDOW_REJECTED ? WEIR_REJECTED : WEIR_OK;
    pending->repeated = true;
    pending->recall = entry->kind == WEIRI_WINDOW_REJECTED;
    pending->source = entry->source;
    pending->version = entry->version;
    pending->events = entry->events;
    pending->offset = entry->kind == WEIRI_WINDOW_ACCEPTED ? WEIRI_NO_EVENTS : entry->offset;
}

static bool
settled_by_id(weiri_lane *lane, subject *s)
{
    const weiri_window_entry *found = weiri_window_find(&lane->window, s->request->id_hash);

    if (found == NULL)
        return false;
    if (found->payload_hash != s->request->payload_hash) {
        reject(lane, s, "id-reused", "this id was used for another command of the same aggregate", false);
        return true;
    }
    const ending end = { WEIRI_OUTCOME_REPEATED, WEIR_OK, "", "", .repeats = true, .original = found->source };
    answer_as_then(end_without_events(lane, s, &end), found);
    lane->counted.repeated++;
    return true;
}

/* ---- deciding ------------------------------------------------------------------------------------------- */

static void
evolve_staged(weiri_lane *lane, subject *s, size_t i, uint64_t offset)
{
    const weiri_type *type = lane->decision.emitted[i].type;

    if (s->entry == NULL)
        s->entry = weiri_states_add(&lane->states, s->request->aggregate_hash, s->type->aggregate, s->key, NULL);
    weir_status status = weiri_lane_evolve(lane, s->entry, type, weiri_decision_event(&lane->decision, i));
    weiri_assert(status == WEIR_OK); /* these bytes were packed a moment ago */
    s->entry->version++;
    s->entry->last_source = s->at;
    s->entry->last_index = (uint32_t)i;
    s->entry->last_offset = offset;
    s->version = s->entry->version;
}

static void
stage_event(weiri_lane *lane, subject *s, size_t i, bool remembered)
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

static void
end_with_events(weiri_lane *lane, subject *s)
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

static void
end_by_decision(weiri_lane *lane, subject *s, weir_status status)
{
    const weir_decision *d = &lane->decision;

    if (status == WEIR_OK && d->n_emitted > 0)
        end_with_events(lane, s);
    else if (status == WEIR_OK) {
        const ending end = { WEIRI_OUTCOME_ACCEPTED, WEIR_OK, "", "", .remembered = true, .moves = true };
        (void)end_without_events(lane, s, &end);
        lane->counted.accepted++;
    } else if (status == WEIR_REJECTED) {
        const ending end = { WEIRI_OUTCOME_REJECTED, WEIR_REJECTED, d->code, d->text, .of_domain = true, .remembered = true,
            .moves = true };
        (void)end_without_events(lane, s, &end);
        lane->counted.rejected++;
    } else
        reject(lane, s, "failed", d->text, true); /* not remembered: once the module is mended the same id may try again */
}

static void
handle_command(weiri_lane *lane, subject *s)
{
    const weiri_request *request = s->request;
    weir_decision *d = &lane->decision;

    if (s->source.size > 0 ? settled_by_source(lane, s) : request->client_id && settled_by_id(lane, s))
        return;
    if (request->expect && request->expected_version != s->version) {
        char text[96];
        (void)snprintf(text, sizeof text, "the aggregate is at version %llu, not %llu", (unsigned long long)s->version,
            (unsigned long long)request->expected_version);
        const ending end = { WEIRI_OUTCOME_CONFLICT, WEIR_CONFLICT, "", text, .moves = true };
        (void)end_without_events(lane, s, &end);
        lane->counted.conflicts++;
        return;
    }
    weiri_arena_reset(&lane->arena);
    ProtobufCMessage *message = protobuf_c_message_unpack(s->type->descriptor, &lane->allocator, s->payload.size, s->payload.data);
    if (message == NULL) {
        reject(lane, s, "malformed", "the bytes are no message of this type", true);
        lane->counted.malformed++;
        return;
    }
    weiri_decision_begin(d, lane->commands->config.schema, s->type, s->key_text, s->id, s->version, lane->time_ms);
    const void *state = s->entry == NULL ? weiri_states_empty(&lane->states, s->type->aggregate) : s->entry->state;
    end_by_decision(lane, s, weiri_decision_run(d, state, message));
}

/* ---- questions ------------------------------------------------------------------------------------------ */

static void
handle_state(weiri_lane *lane, const subject *s)
{
    if (s->entry == NULL) {
        (void)weiri_lane_answer(lane, s->request, WEIR_NOT_FOUND);
        return;
    }
    weiri_buffer *texts = &lane->filling->texts;
    weiri_pending *pending = weiri_lane_answer(lane, s->request, WEIR_OK);
    size_t size = protobuf_c_message_get_packed_size(s->entry->state);
    pending->text_at = (uint32_t)texts->size;
    pending->size = (uint32_t)size;
    pending->source = s->entry->last_source;
    pending->version = s->version;
    pending->offset = s->entry->last_offset;
    (void)protobuf_c_message_pack(s->entry->state, weiri_buffer_extend(texts, size));
}

static void
handle_lookup(weiri_lane *lane, const subject *s)
{
    const weiri_window_entry *found = weiri_window_find(&lane->window, s->request->id_hash);
    weiri_pending *pending = weiri_lane_answer(lane, s->request, WEIR_NOT_FOUND);

    if (found != NULL)
        answer_as_then(pending, found);
}

void
weiri_lane_handle(weiri_lane *lane, const weiri_request *request)
{
    subject s;

    subject_read(lane, request, &s);
    switch ((weiri_request_kind)request->kind) {
    case WEIRI_REQUEST_COMMAND:
        handle_command(lane, &s);
        break;
    case WEIRI_REQUEST_STATE:
        handle_state(lane, &s);
        break;
    case WEIRI_REQUEST_LOOKUP:
        handle_lookup(lane, &s);
        break;
    }
}
