/* SPDX-License-Identifier: Apache-2.0
 * One request of a lane: identify, decide, end. The order of checks: source or id, payload, expected version, decide. No
 * allocation, lock, clock or system call a command. */
#include "base/hash.h"
#include "command/lane_stage.h"
#include <stdio.h>
#include <string.h>

/* A look-up tells the version of what is held alone; what can't be read may be of no aggregate. */
static bool
needs_state(const weiri_lane *lane, const weiri_request *request)
{
    return request->kind != WEIRI_REQUEST_HELD && request->type != WEIRI_NO_TYPE &&
           (request->kind != WEIRI_REQUEST_LOOKUP || lane->quarantine.count > 0);
}

/* False: its aggregate was evicted, and can't be read now. */
static bool
subject_read(weiri_lane *lane, const weiri_request *request, weiri_subject *s)
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
    s->aggregate = request->type;
    s->type = NULL;
    if (request->kind == WEIRI_REQUEST_COMMAND) {
        s->type = weiri_schema_type(lane->commands->config.schema, request->type);
        s->aggregate = s->type->aggregate;
    }
    s->known = NULL;
    s->at = WEIRI_NO_OFFSET;
    s->entry = NULL;
    if (needs_state(lane, request) && weiri_lane_find(lane, request->aggregate_hash, s->aggregate, s->key, &s->entry) != WEIR_OK)
        return false;
    s->version = s->entry == NULL ? 0 : s->entry->version;
    return true;
}

/* A refusal: nothing is stored. On a shared log, where the command can't be sent back, the lane begins anew, and replays if it must. */
static void
refuse_unreadable(weiri_lane *lane, const weiri_subject *s)
{
    lane->counted.states_unreadable++;
    if (lane->share.on) {
        atomic_store(&lane->failed, true);
        weiri_lane_handle_unknown(lane, s->request);
        return;
    }
    weiri_lane_answer_words(lane, weiri_lane_answer(lane, s->request, WEIR_BUSY), "not-ready",
        "the state of this aggregate can't be read from the checkpoint; a restart replays it from the log");
}

static void
reject(weiri_lane *lane, weiri_subject *s, const char *code, const char *text, bool moves)
{
    const weiri_ending end = { WEIRI_OUTCOME_REJECTED, WEIR_REJECTED, code, text, .moves = moves };

    (void)weiri_lane_end(lane, s, &end);
    lane->counted.rejected++;
}

/* ---- has it been decided before? ------------------------------------------------------------------------ */

static void
refuse_gap(weiri_lane *lane, weiri_subject *s, uint64_t last)
{
    char text[160];

    (void)snprintf(text, sizeof text, "the source is at %llu in this partition; the command says that it follows %llu",
        (unsigned long long)last, (unsigned long long)s->request->previous);
    weiri_lane_refuse(lane, s, WEIR_CONFLICT, WEIRI_CODE_GAP, text, &last)->last_sequence = last;
}

/* True: by its source it is a repeat, a gap or a misuse, and is answered. */
static bool
settled_by_source(weiri_lane *lane, weiri_subject *s)
{
    s->known = weiri_sources_find(&lane->sources, s->source);
    uint64_t last = s->known == NULL ? 0 : s->known->last;
    const weiri_held *held = s->request->sequence > last ? NULL
                                                         : weiri_quarantine_of_source(&lane->quarantine, s->source, s->request->sequence);

    if (s->known == NULL && lane->sources.count == WEIRI_SOURCES_MOST) {
        (void)weiri_lane_refuse(lane, s, WEIR_BUSY, WEIRI_CODE_TOO_MANY_SOURCES, "this partition knows 65,536 sources", NULL);
    } else if (s->known != NULL && s->known->fingerprint != s->request->fingerprint) {
        reject(lane, s, "source-reused", "this source was seen with other content under the same name", false);
    } else if (held != NULL) {
        if (held->row.released)
            return false; /* again, as a person wants it */
        weiri_lane_repeat_held(lane, s, held);
    } else if (s->request->sequence <= last) {
        const weiri_ending end = { WEIRI_OUTCOME_REPEATED, WEIR_OK, "", "", .repeats = true, .original = WEIRI_NO_OFFSET };
        weiri_lane_end(lane, s, &end)->source = WEIRI_NO_OFFSET;
        lane->counted.repeated++;
    } else if (s->request->previous != last && s->request->previous != WEIRI_NO_PREVIOUS) {
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
settled_by_id(weiri_lane *lane, weiri_subject *s)
{
    const weiri_window_entry *found = weiri_window_find(&lane->window, s->request->id_hash);

    if (found == NULL)
        return false;
    if (found->payload_hash != s->request->payload_hash) {
        reject(lane, s, "id-reused", "this id was used for another command of the same aggregate", false);
        return true;
    }
    const weiri_ending end = { WEIRI_OUTCOME_REPEATED, WEIR_OK, "", "", .repeats = true, .first = found };
    answer_as_then(weiri_lane_end(lane, s, &end), found);
    lane->counted.repeated++;
    return true;
}

/* ---- deciding ------------------------------------------------------------------------------------------- */

static void
end_by_decision(weiri_lane *lane, weiri_subject *s, weir_status status)
{
    const weir_decision *d = &lane->decision;

    if (status == WEIR_OK && d->n_emitted > 0)
        weiri_lane_end_with_events(lane, s);
    else if (status == WEIR_OK) {
        const weiri_ending end = { WEIRI_OUTCOME_ACCEPTED, WEIR_OK, "", "", .remembered = true, .moves = true };
        (void)weiri_lane_end(lane, s, &end);
        lane->counted.accepted++;
    } else if (status == WEIR_REJECTED) {
        const weiri_ending end = { WEIRI_OUTCOME_REJECTED, WEIR_REJECTED, d->code, d->text, .of_domain = true, .remembered = true,
            .moves = true };
        (void)weiri_lane_end(lane, s, &end);
        lane->counted.rejected++;
    } else
        reject(lane, s, "failed", d->text, true); /* not remembered: once the module is mended the same id may try again */
}

static void
decide(weiri_lane *lane, weiri_subject *s)
{
    weir_decision *d = &lane->decision;

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

/* What a sender who repeats a command repeats with it: never 0. */
static uint64_t
identity_of(const weiri_subject *s)
{
    const weiri_request *request = s->request;
    uint64_t words[4] = { request->type, request->payload_hash, request->id_hash.high, request->id_hash.low };

    if (s->source.size > 0) {
        words[2] = weiri_hash64(0, s->source.data, s->source.size);
        words[3] = request->sequence;
    }
    uint64_t hash = weiri_hash64(1, words, sizeof words);
    return hash == 0 ? 1 : hash;
}

/* What the log brought and no rule can see: "malformed" as one that can't be unpacked, or "wrong-partition". */
static void
handle_flawed(weiri_lane *lane, weiri_subject *s)
{
    const char *code = s->payload.data, *text = code + strlen(code) + 1;

    if (s->source.size > 0 && settled_by_source(lane, s))
        return;
    reject(lane, s, code, text, s->source.size > 0);
    lane->counted.malformed++;
}

static void
handle_command(weiri_lane *lane, weiri_subject *s)
{
    const weiri_request *request = s->request;

    if (s->source.size > 0 ? settled_by_source(lane, s) : request->client_id && settled_by_id(lane, s))
        return;
    uint64_t command = identity_of(s);
    if (lane->quarantine.aggregates > 0 && weiri_lane_kept_out(lane, s, command))
        return;
    if (request->expect && request->expected_version != s->version) {
        char text[96];
        if (request->expected_version == 0)
            (void)snprintf(text, sizeof text, "the aggregate exists already, at version %llu", (unsigned long long)s->version);
        else
            (void)snprintf(text, sizeof text, "the aggregate is at version %llu, not %llu", (unsigned long long)s->version,
                (unsigned long long)request->expected_version);
        const weiri_ending end = { WEIRI_OUTCOME_CONFLICT, WEIR_CONFLICT, "", text, .moves = true };
        (void)weiri_lane_end(lane, s, &end);
        lane->counted.conflicts++;
        return;
    }
    if (weiri_attempts_poison(lane->attempts, command)) {
        weiri_lane_hold(lane, s, command, "quarantined",
            "deciding this command has ended the process twice: it is not tried again until a person releases it");
        return;
    }
    /* Relaxed is enough: it is read by the next process, and the calls between are opaque to the compiler. */
    atomic_store_explicit(lane->attempt, command, memory_order_relaxed);
    if (s->type->process == NULL)
        decide(lane, s);
    else
        weiri_lane_step(lane, s, command);
    atomic_store_explicit(lane->attempt, 0, memory_order_relaxed);
}

/* ---- questions ------------------------------------------------------------------------------------------ */

static void
handle_state(weiri_lane *lane, const weiri_subject *s)
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
handle_lookup(weiri_lane *lane, const weiri_subject *s)
{
    const weiri_window_entry *found = weiri_window_find(&lane->window, s->request->id_hash);
    weiri_pending *pending = weiri_lane_answer(lane, s->request, WEIR_NOT_FOUND);

    if (found != NULL)
        answer_as_then(pending, found);
    else
        weiri_lane_look_up_held(lane, s, pending);
}

void
weiri_lane_handle(weiri_lane *lane, const weiri_request *request)
{
    weiri_subject s;

    if (!subject_read(lane, request, &s)) {
        refuse_unreadable(lane, &s);
        return;
    }
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
    case WEIRI_REQUEST_HELD:
        if (request->processes)
            weiri_lane_tell_processes(lane, request);
        else
            weiri_lane_tell_held(lane, request);
        break;
    case WEIRI_REQUEST_RELEASE:
        weiri_lane_release(lane, &s);
        break;
    case WEIRI_REQUEST_DISCARD:
        weiri_lane_discard(lane, &s);
        break;
    case WEIRI_REQUEST_FLAWED:
        handle_flawed(lane, &s);
        break;
    }
}

void
weiri_lane_handle_unknown(weiri_lane *lane, const weiri_request *request)
{
    (void)weiri_lane_answer(lane, request, WEIR_TIMEOUT); /* its words come from the batch's status */
}
