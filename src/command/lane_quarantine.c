/* SPDX-License-Identifier: Apache-2.0
 * A lane and its quarantine: a command that has killed is held and keeps its aggregate from taking others, until a person releases
 * it. Each step is an outcome in the log, from which recovery makes the same (weiri_lane_fold_held). docs/decisions/0101. */
#include "command/lane_stage.h"
#include <stdio.h>
#include <string.h>

/* Nothing is stored: a source stays where it is, a sender may come again. */
static void
refuse_full(weiri_lane *lane, weiri_subject *s)
{
    (void)weiri_lane_refuse(lane, s, WEIR_BUSY, WEIRI_CODE_QUARANTINE_FULL,
        "this partition holds 16,384 commands in quarantine: release or discard some first", NULL);
}

static void
add(weiri_lane *lane, const weiri_subject *s, uint64_t attempt)
{
    const weiri_held_row row = { .command = s->at,
        .outcome = lane->next_outcome - 1,
        .sequence = s->request->sequence,
        .attempt = attempt,
        .id = s->request->id_hash,
        .aggregate = s->aggregate,
        .cause = attempt != 0 };

    weiri_quarantine_add(&lane->quarantine, &row, s->key, s->source);
}

void
weiri_lane_repeat_held(weiri_lane *lane, weiri_subject *s, const weiri_held *held)
{
    const weiri_ending end = { WEIRI_OUTCOME_REPEATED, WEIR_REJECTED, held->row.cause ? "quarantined" : "key-quarantined",
        "this command is held in quarantine until a person releases its aggregate", .repeats = true, .original = held->row.command };

    weiri_lane_end(lane, s, &end)->source = held->row.command;
    lane->counted.repeated++;
}

bool
weiri_lane_kept_out(weiri_lane *lane, weiri_subject *s, uint64_t attempt)
{
    const weiri_held *cause = weiri_quarantine_of_key(&lane->quarantine, s->request->aggregate_hash, s->aggregate, s->key);
    bool bulk = s->source.size > 0;
    char text[160];

    if (cause == NULL)
        return false;
    if (!bulk && cause->row.attempt == attempt) {
        weiri_lane_repeat_held(lane, s, cause);
        return true;
    }
    if (bulk && lane->quarantine.count == WEIRI_HELD_MOST) {
        refuse_full(lane, s);
        return true;
    }
    (void)snprintf(text, sizeof text, "the aggregate is in quarantine since command %llu of partition %u: a person must release it",
        (unsigned long long)cause->row.command, lane->partition);
    const weiri_ending end = { WEIRI_OUTCOME_REJECTED, WEIR_REJECTED, "key-quarantined", text, .moves = true, .names = true,
        .original = cause->row.command };
    (void)weiri_lane_end(lane, s, &end);
    lane->counted.key_quarantined++;
    if (bulk)
        add(lane, s, 0);
    return true;
}

void
weiri_lane_hold(weiri_lane *lane, weiri_subject *s, uint64_t attempt, const char *code, const char *text)
{
    const weiri_ending end = { WEIRI_OUTCOME_QUARANTINED, WEIR_REJECTED, code, text, .moves = true, .attempt = attempt };

    if (lane->quarantine.count == WEIRI_HELD_MOST) {
        refuse_full(lane, s);
        return;
    }
    (void)weiri_lane_end(lane, s, &end);
    lane->counted.quarantined++;
    add(lane, s, attempt);
}

void
weiri_lane_release(weiri_lane *lane, weiri_subject *s)
{
    bool discard = s->request->discard;
    uint64_t hash = s->request->aggregate_hash;
    const weiri_held *cause = weiri_quarantine_of_key(&lane->quarantine, hash, s->aggregate, s->key);
    uint64_t original = cause == NULL ? WEIRI_NO_OFFSET : cause->row.command;

    /* Before it is durable: forgotten too early, the command is held by the log all the same. What is discarded is not tried again,
     * whoever sends it. */
    if (cause != NULL && !discard)
        weiri_attempts_forget(lane->attempts, cause->row.attempt);
    if (weiri_quarantine_release(&lane->quarantine, hash, s->aggregate, s->key, discard) == 0) {
        (void)weiri_lane_refuse(lane, s, WEIR_NOT_FOUND, WEIRI_CODE_NOT_HELD, "the aggregate is not in quarantine", NULL);
        return;
    }
    char reason[WEIRI_REASON_MOST + 1];
    (void)snprintf(reason, sizeof reason, "%.*s", (int)s->payload.size, (const char *)s->payload.data);
    const weiri_ending end = { WEIRI_OUTCOME_RELEASED, WEIR_OK, "", reason, .names = true, .original = original, .discards = discard };
    (void)weiri_lane_end(lane, s, &end);
    lane->counted.released++;
    atomic_store(&lane->processes.retries, !discard);
}

void
weiri_lane_tell_held(weiri_lane *lane, const weiri_request *request)
{
    weiri_buffer *texts = &lane->filling->texts;
    weiri_pending *pending = weiri_lane_answer(lane, request, WEIR_OK);

    pending->text_at = (uint32_t)texts->size;
    weiri_quarantine_write(&lane->quarantine, texts);
    pending->size = (uint32_t)(texts->size - pending->text_at);
}

void
weiri_lane_look_up_held(weiri_lane *lane, const weiri_subject *s, weiri_pending *pending)
{
    const weiri_held *cause = weiri_quarantine_of_key(&lane->quarantine, s->request->aggregate_hash, s->aggregate, s->key);

    if (cause == NULL || cause->row.id.high != s->request->id_hash.high || cause->row.id.low != s->request->id_hash.low)
        return;
    pending->status = WEIR_REJECTED;
    pending->repeated = pending->recall = true;
    pending->source = cause->row.command;
    pending->version = s->version;
    pending->offset = cause->row.outcome;
}

/* ---- recovery ------------------------------------------------------------------------------------------- */

static weiri_held_row
row_of(const weiri_record *outcome, uint64_t offset, uint16_t aggregate, weiri_bytes *ret_source)
{
    uint8_t scope[WEIRI_SCOPE_MOST];
    weiri_held_row row = { .command = outcome->source, .outcome = offset, .aggregate = aggregate };

    memcpy(scope, outcome->key.data, outcome->key.size);
    scope[outcome->key.size] = '\0';
    size_t id_size = outcome->id.size <= WEIRI_ID_MOST ? outcome->id.size : 0;
    memcpy(scope + outcome->key.size + 1, outcome->id.data, id_size);
    row.id = weiri_window_hash(aggregate, (weiri_bytes){ scope, outcome->key.size + 1 + id_size });
    row.cause = weiri_bytes_are(outcome->type, WEIRI_OUTCOME_QUARANTINED);
    (void)weiri_headers_find_number(outcome->headers, WEIRI_HEADER_ATTEMPT, &row.attempt);
    *ret_source = (weiri_bytes){ 0 };
    if (weiri_headers_find(outcome->headers, WEIRI_HEADER_SOURCE, ret_source))
        (void)weiri_headers_find_number(outcome->headers, WEIRI_HEADER_SEQUENCE, &row.sequence);
    return row;
}

void
weiri_lane_fold_held(weiri_lane *lane, const weiri_record *outcome, uint64_t offset, uint16_t aggregate)
{
    uint64_t original, discard;
    weiri_bytes source;

    if (weiri_bytes_are(outcome->type, WEIRI_OUTCOME_RELEASED)) {
        uint64_t hash = weiri_states_hash(aggregate, outcome->key);
        bool forgets = weiri_headers_find_number(outcome->headers, WEIRI_HEADER_DISCARD, &discard);
        (void)weiri_quarantine_release(&lane->quarantine, hash, aggregate, outcome->key, forgets);
        return;
    }
    bool cause = weiri_bytes_are(outcome->type, WEIRI_OUTCOME_QUARANTINED);
    bool behind = weiri_bytes_are(outcome->type, WEIRI_OUTCOME_REJECTED) &&
                  weiri_headers_find_number(outcome->headers, WEIRI_HEADER_ORIGINAL, &original);
    if (!cause && !behind)
        return;
    weiri_held_row row = row_of(outcome, offset, aggregate, &source);
    if (cause || source.size > 0)
        weiri_quarantine_add(&lane->quarantine, &row, outcome->key, source);
}
