/* SPDX-License-Identifier: Apache-2.0
 * The reader's rule and the joining of events with outcomes. A record is judged when it arrives, in its topic's order; the mark moves
 * when it goes on. */
#include <inttypes.h>
#include "base/assert.h"
#include "log/kafka/rule.h"

enum { COMPACT_FROM = 1 << 20, MARK_FORMAT = 1 };
static const char *const side_names[WEIRI_KAFKA_SIDES] = { "events", "outcomes" };

void
weiri_kafka_mark_none(weiri_kafka_mark *ret_mark)
{
    *ret_mark = (weiri_kafka_mark){ .format = MARK_FORMAT,
        .last_source = WEIRI_NO_OFFSET,
        .last_outcome = WEIRI_NO_OFFSET,
        .incarnation = { WEIRI_NO_OFFSET, WEIRI_NO_OFFSET } };
}

weir_status
weiri_kafka_mark_read(weiri_bytes bytes, weiri_kafka_mark *ret_mark, weir_error *err)
{
    if (bytes.size == 0) {
        weiri_kafka_mark_none(ret_mark);
        return WEIR_OK;
    }
    if (bytes.size != sizeof *ret_mark)
        return weiri_error_set(err, WEIR_CORRUPT, "the mark of the local copy has %zu bytes", bytes.size);
    memcpy(ret_mark, bytes.data, sizeof *ret_mark);
    if (ret_mark->format != MARK_FORMAT)
        return weiri_error_set(err, WEIR_CORRUPT, "the mark of the local copy has format %u", ret_mark->format);
    return WEIR_OK;
}

void
weiri_kafka_rule_begin(weiri_kafka_rule *rule, const weiri_kafka_mark *mark)
{
    rule->arrived = rule->joined = *mark;
    for (int s = 0; s < WEIRI_KAFKA_SIDES; s++) {
        weiri_buffer_clear(&rule->sides[s].waiting);
        weiri_buffer_clear(&rule->sides[s].bytes);
        rule->sides[s].head = 0;
    }
}

void
weiri_kafka_rule_fini(weiri_kafka_rule *rule)
{
    for (int s = 0; s < WEIRI_KAFKA_SIDES; s++) {
        weiri_buffer_fini(&rule->sides[s].waiting);
        weiri_buffer_fini(&rule->sides[s].bytes);
    }
}

/* ---- arriving --------------------------------------------------------------------------------------------- */

static void
wait_for_other(weiri_kafka_side *side, const weiri_kafka_entry *entry, uint64_t incarnation)
{
    weiri_kafka_waiting w = { .offset = entry->offset, .incarnation = incarnation, .fence = entry->fence };

    if (entry->fence) {
        memcpy(w.nonce, entry->nonce, sizeof w.nonce);
    } else {
        w.source = entry->record.source;
        w.index = entry->record.index;
        w.events = (uint32_t)entry->events;
        w.start = (uint32_t)side->bytes.size;
        if (!entry->counted) { /* the local copy has no outcome of a command with events */
            w.size = (uint32_t)weiri_record_size(&entry->record);
            weiri_record_write(&entry->record, weiri_buffer_extend(&side->bytes, w.size));
        }
    }
    weiri_buffer_add(&side->waiting, &w, sizeof w);
}

static bool
is_repeat(const weiri_kafka_mark *arrived, int side, const weiri_record *record)
{
    if (side == WEIRI_KAFKA_OUTCOMES)
        return arrived->last_outcome != WEIRI_NO_OFFSET && record->source <= arrived->last_outcome;
    return arrived->last_source != WEIRI_NO_OFFSET &&
           (record->source < arrived->last_source || (record->source == arrived->last_source && record->index <= arrived->last_index));
}

weir_status
weiri_kafka_rule_arrive(weiri_kafka_rule *rule, int side, const weiri_kafka_entry *entry, uint64_t offset, weir_error *err)
{
    weiri_kafka_mark *arrived = &rule->arrived;

    arrived->next[side] = offset + 1;
    if (entry == NULL) {
        rule->foreign++;
        return WEIR_OK;
    }
    if (entry->fence) {
        arrived->incarnation[side] = offset;
        wait_for_other(&rule->sides[side], entry, offset);
        return WEIR_OK;
    }
    const uint64_t now = arrived->incarnation[side];
    if (now != WEIRI_NO_OFFSET && entry->incarnation < now) {
        rule->stale++;
        return WEIR_OK;
    }
    if (now == WEIRI_NO_OFFSET || entry->incarnation > now)
        return weiri_error_set(err, WEIR_CORRUPT,
            "%s, offset %" PRIu64 ": it was written in incarnation %" PRIu64 ", and no fence record there began it", side_names[side],
            offset, entry->incarnation);
    if (is_repeat(arrived, side, &entry->record)) {
        rule->repeats++;
        return WEIR_OK;
    }
    if (side == WEIRI_KAFKA_OUTCOMES) {
        arrived->last_outcome = entry->record.source;
    } else {
        arrived->last_source = entry->record.source;
        arrived->last_index = entry->record.index;
    }
    wait_for_other(&rule->sides[side], entry, now);
    return WEIR_OK;
}

size_t
weiri_kafka_rule_waiting(const weiri_kafka_rule *rule, int side)
{
    const weiri_kafka_side *s = &rule->sides[side];

    return s->waiting.size - s->head * sizeof(weiri_kafka_waiting) + s->bytes.size;
}

/* ---- joining ---------------------------------------------------------------------------------------------- */

static size_t
count(const weiri_kafka_side *side)
{
    return side->waiting.size / sizeof(weiri_kafka_waiting) - side->head;
}

static const weiri_kafka_waiting *
peek(const weiri_kafka_side *side, size_t i)
{
    return (const weiri_kafka_waiting *)(const void *)side->waiting.data + side->head + i;
}

/* What has gone on is forgotten, now and then: all of it at once, or when it is the larger part. */
static void
drop(weiri_kafka_side *side, size_t n)
{
    const size_t all = side->waiting.size / sizeof(weiri_kafka_waiting);

    side->head += n;
    if (side->head == all) {
        weiri_buffer_clear(&side->waiting);
        weiri_buffer_clear(&side->bytes);
        side->head = 0;
    } else if (side->bytes.size + side->waiting.size > COMPACT_FROM && side->head > all / 2) {
        const size_t gone = peek(side, 0)->start;
        memmove(side->bytes.data, side->bytes.data + gone, side->bytes.size - gone);
        side->bytes.size -= gone;
        memmove(side->waiting.data, side->waiting.data + side->head * sizeof(weiri_kafka_waiting),
            side->waiting.size - side->head * sizeof(weiri_kafka_waiting));
        side->waiting.size -= side->head * sizeof(weiri_kafka_waiting);
        side->head = 0;
        weiri_kafka_waiting *w = (weiri_kafka_waiting *)(void *)side->waiting.data;
        for (size_t i = 0; i < side->waiting.size / sizeof *w; i++)
            w[i].start -= (uint32_t)gone;
    }
}

static weir_status
disagree(const weiri_kafka_rule *rule, const weiri_kafka_waiting *event, const weiri_kafka_waiting *outcome, weir_error *err)
{
    (void)rule;
    if (event->fence && outcome->fence)
        return weiri_error_set(err, WEIR_CORRUPT,
            "the fence record at offset %" PRIu64 " of events is another than that at offset %" PRIu64 " of outcomes", event->offset,
            outcome->offset);
    if (outcome->fence)
        return weiri_error_set(err, WEIR_CORRUPT,
            "events, offset %" PRIu64 ": command %" PRIu64
            " has events and no outcome: the next in outcomes is a fence record at offset %" PRIu64,
            event->offset, event->source, outcome->offset);
    if (event->fence)
        return weiri_error_set(err, WEIR_CORRUPT,
            "outcomes, offset %" PRIu64 ": command %" PRIu64
            " has %u events, and some are missing before the fence record at offset %" PRIu64 " of events",
            outcome->offset, outcome->source, outcome->events, event->offset);
    return weiri_error_set(err, WEIR_CORRUPT,
        "outcomes, offset %" PRIu64 ": command %" PRIu64 " has %u events by its outcome, and there is event %u of command %" PRIu64
        " at offset %" PRIu64 " of events",
        outcome->offset, outcome->source, outcome->events, event->index, event->source, event->offset);
}

static void
stage(weiri_append *append, weiri_topic topic, const weiri_kafka_side *side, const weiri_kafka_waiting *w)
{
    weiri_staged *staged = &append->topics[topic];
    const uint32_t start = (uint32_t)staged->bytes.size;

    weiri_buffer_add(&staged->starts, &start, sizeof start);
    weiri_buffer_add(&staged->bytes, side->bytes.data + w->start, w->size);
    staged->count++;
}

static void
note_answer(weiri_append *append, const weiri_kafka_side *side, const weiri_kafka_waiting *first, uint64_t source)
{
    if (append->topics[WEIRI_TOPIC_EVENTS].count + append->topics[WEIRI_TOPIC_OUTCOMES].count == 0) {
        weiri_record record;
        weir_status status = weiri_record_read((weiri_bytes){ side->bytes.data + first->start, first->size }, &record);
        weiri_assert(status == WEIR_OK); /* written by wait_for_other */
        append->first_source = source;
        append->time_ms = record.time_ms;
    }
    append->last_source = source;
    append->next_command = source + 1;
}

/* The front outcome with its events. False: some have not come yet. */
static weir_status
join_outcome(weiri_kafka_rule *rule, weiri_append *append, bool *ret_joined, weir_error *err)
{
    weiri_kafka_side *events = &rule->sides[WEIRI_KAFKA_EVENTS], *outcomes = &rule->sides[WEIRI_KAFKA_OUTCOMES];
    const weiri_kafka_waiting *outcome = peek(outcomes, 0);
    const size_t here = count(events);

    *ret_joined = false;
    for (uint32_t i = 0; i < outcome->events && i < here; i++) {
        const weiri_kafka_waiting *event = peek(events, i);
        if (event->fence || event->source != outcome->source || event->index != i)
            return disagree(rule, event, outcome, err);
    }
    if (here < outcome->events)
        return WEIR_OK;
    if (here > outcome->events) {
        const weiri_kafka_waiting *next = peek(events, outcome->events);
        if (!next->fence && next->source <= outcome->source)
            return disagree(rule, next, outcome, err);
    }
    if (outcome->events == 0) {
        note_answer(append, outcomes, outcome, outcome->source);
        stage(append, WEIRI_TOPIC_OUTCOMES, outcomes, outcome);
    } else {
        note_answer(append, events, peek(events, 0), outcome->source);
        for (uint32_t i = 0; i < outcome->events; i++)
            stage(append, WEIRI_TOPIC_EVENTS, events, peek(events, i));
        const weiri_kafka_waiting *last = peek(events, outcome->events - 1);
        rule->joined.last_source = last->source;
        rule->joined.last_index = last->index;
        rule->joined.next[WEIRI_KAFKA_EVENTS] = last->offset + 1;
    }
    rule->joined.last_outcome = outcome->source;
    rule->joined.next[WEIRI_KAFKA_OUTCOMES] = outcome->offset + 1;
    if (outcome->events > 0)
        drop(events, outcome->events);
    drop(outcomes, 1);
    *ret_joined = true;
    return WEIR_OK;
}

/* An event that came after the outcome of a later command went on has none of its own. */
static weir_status
check_late(const weiri_kafka_rule *rule, const weiri_kafka_waiting *event, weir_error *err)
{
    if (event->fence || rule->joined.last_outcome == WEIRI_NO_OFFSET || event->source > rule->joined.last_outcome)
        return WEIR_OK;
    return weiri_error_set(err, WEIR_CORRUPT,
        "events, offset %" PRIu64 ": it is event %u of command %" PRIu64
        ", which has no outcome that says so, and outcomes go on to command %" PRIu64,
        event->offset, event->index, event->source, rule->joined.last_outcome);
}

weir_status
weiri_kafka_rule_join(weiri_kafka_rule *rule, weiri_append *append, const char *until, bool *ret_reached, weir_error *err)
{
    weiri_kafka_side *events = &rule->sides[WEIRI_KAFKA_EVENTS], *outcomes = &rule->sides[WEIRI_KAFKA_OUTCOMES];
    weir_status status = WEIR_OK;
    bool joined = true;

    *ret_reached = false;
    while (status == WEIR_OK && joined && !*ret_reached) {
        if (count(events) > 0 && (status = check_late(rule, peek(events, 0), err)) != WEIR_OK)
            break;
        if (count(outcomes) == 0 ||
            append->topics[WEIRI_TOPIC_EVENTS].bytes.size + append->topics[WEIRI_TOPIC_OUTCOMES].bytes.size >= WEIRI_APPEND_MOST)
            break;
        if (!peek(outcomes, 0)->fence) {
            status = join_outcome(rule, append, &joined, err);
            continue;
        }
        if (count(events) == 0)
            break;
        const weiri_kafka_waiting *e = peek(events, 0), *o = peek(outcomes, 0);
        if (!e->fence || strcmp(e->nonce, o->nonce) != 0)
            return disagree(rule, e, o, err);
        rule->joined.next[WEIRI_KAFKA_EVENTS] = e->offset + 1;
        rule->joined.incarnation[WEIRI_KAFKA_EVENTS] = e->offset;
        rule->joined.next[WEIRI_KAFKA_OUTCOMES] = o->offset + 1;
        rule->joined.incarnation[WEIRI_KAFKA_OUTCOMES] = o->offset;
        *ret_reached = until != NULL && strcmp(e->nonce, until) == 0;
        drop(events, 1);
        drop(outcomes, 1);
    }
    return status;
}
