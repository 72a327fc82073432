/* SPDX-License-Identifier: Apache-2.0
 * The checks of one partition's records against one another. Aggregates are known by 128 bits of hash, commands by a bit. */
#include "log/embedded/history.h"
#include "base/hash.h"
#include "base/memory.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void fault(weiri_history *history, weiri_topic topic, uint64_t offset, const char *format, ...) WEIR_PRINTF(4, 5);

static void
fault(weiri_history *history, weiri_topic topic, uint64_t offset, const char *format, ...)
{
    weir_error words;
    va_list arguments;

    va_start(arguments, format);
    (void)weiri_error_setv(&words, WEIR_CORRUPT, format, arguments);
    va_end(arguments);
    history->fault(history->user, topic, offset, words.text);
}

void
weiri_history_begin(weiri_history *history, uint32_t partition, uint64_t next_command)
{
    size_t bytes = (size_t)(next_command / 8 + 1);

    history->partition = partition;
    history->next_command = next_command;
    weiri_buffer_clear(&history->answered);
    memset(weiri_buffer_extend(&history->answered, bytes), 0, bytes);
    history->aggregates = 0;
    if (history->room > 0)
        memset(history->slots, 0, history->room * sizeof *history->slots);
    history->damaged = false;
    history->damaged_from = UINT64_MAX;
    weiri_history_topic(history);
}

void
weiri_history_topic(weiri_history *history)
{
    history->sourced = false;
    history->open = false;
    history->resync = false;
}

void
weiri_history_damage(weiri_history *history, weiri_topic topic, uint64_t offset)
{
    history->damaged = true;
    history->resync = true;
    history->open = false;
    if (topic == WEIRI_TOPIC_EVENTS && offset < history->damaged_from)
        history->damaged_from = offset;
}

static weiri_history_aggregate *
slot_of(weiri_history_aggregate *slots, size_t room, const uint64_t hash[2])
{
    size_t i = (size_t)hash[0] & (room - 1);

    while ((slots[i].hash[0] != 0 || slots[i].hash[1] != 0) && (slots[i].hash[0] != hash[0] || slots[i].hash[1] != hash[1]))
        i = (i + 1) & (room - 1);
    return &slots[i];
}

static weir_status
grow(weiri_history *history, weir_error *err)
{
    size_t room = history->room == 0 ? 1024 : 2 * history->room;
    weiri_history_aggregate *slots = calloc(room, sizeof *slots);

    if (slots == NULL)
        return weiri_error_set(err, WEIR_NO_MEMORY, "no memory for %zu aggregates", room);
    for (size_t i = 0; i < history->room; i++) {
        const weiri_history_aggregate *old = &history->slots[i];
        if (old->hash[0] != 0 || old->hash[1] != 0)
            *slot_of(slots, room, old->hash) = *old;
    }
    free(history->slots);
    history->slots = slots;
    history->room = room;
    return WEIR_OK;
}

static void
check_answer(weiri_history *history, weiri_topic topic, uint64_t offset, uint64_t source)
{
    if (source >= history->next_command) {
        fault(history, topic, offset, "it answers command %" PRIu64 ", but commands from %" PRIu64 " on are not answered yet", source,
            history->next_command);
        return;
    }
    uint8_t *bits = &history->answered.data[source / 8], bit = (uint8_t)(1u << (source % 8));
    if ((*bits & bit) != 0)
        fault(history, topic, offset, "command %" PRIu64 " was answered before", source);
    *bits |= bit;
}

/* Sources rise from answer to answer; an answer's events are numbered from 0, and the last one says so. */
static void
check_order(weiri_history *history, weiri_topic topic, uint64_t offset, const weiri_record *record)
{
    bool event = topic == WEIRI_TOPIC_EVENTS;
    bool continues = history->open && record->source == history->last_source && record->index == history->last_index + 1;

    if (history->open && !continues)
        fault(history, topic, offset,
            "the event before it is not the last of command %" PRIu64 "'s, yet this is event %u of command %" PRIu64, history->last_source,
            record->index, record->source);
    else if (!history->open && !history->resync && event && record->index != 0)
        fault(history, topic, offset, "it is event %u of command %" PRIu64 ", whose first is missing", record->index, record->source);
    if (!continues && !history->resync && history->sourced && record->source <= history->last_source)
        fault(history, topic, offset, "it answers command %" PRIu64 " after command %" PRIu64, record->source, history->last_source);
    if (!continues)
        check_answer(history, topic, offset, record->source);
    history->resync = false;
    history->sourced = true;
    history->last_source = record->source;
    history->last_index = record->index;
    history->open = event && (record->flags & WEIRI_RECORD_LAST) == 0;
}

static void
check_version(weiri_history *history, uint64_t offset, const weiri_record *record, const weiri_history_aggregate *known)
{
    bool first = (record->flags & WEIRI_RECORD_FIRST) != 0;

    if (known->version == 0) {
        /* What came before may lie in what can't be read. */
        bool excused = !first && record->previous_offset >= history->damaged_from && record->previous_offset < offset;
        if (!excused && (!first || record->version != 1))
            fault(history, WEIRI_TOPIC_EVENTS, offset, "version %" PRIu64 " of %.*s/%.*s is the first one here", record->version,
                (int)record->aggregate.size, (const char *)record->aggregate.data, (int)record->key.size, (const char *)record->key.data);
        return;
    }
    if (!first && record->previous_offset > known->offset && record->previous_offset >= history->damaged_from)
        return;
    if (record->version != known->version + 1)
        fault(history, WEIRI_TOPIC_EVENTS, offset, "version %" PRIu64 " of %.*s/%.*s follows version %" PRIu64 " at offset %" PRIu64,
            record->version, (int)record->aggregate.size, (const char *)record->aggregate.data, (int)record->key.size,
            (const char *)record->key.data, known->version, known->offset);
    if (first || record->previous_source != known->source || record->previous_index != known->index ||
        record->previous_offset != known->offset)
        fault(history, WEIRI_TOPIC_EVENTS, offset,
            "it names another event than the last one of %.*s/%.*s, which is at offset %" PRIu64 " (command %" PRIu64 ", event %u)",
            (int)record->aggregate.size, (const char *)record->aggregate.data, (int)record->key.size, (const char *)record->key.data,
            known->offset, known->source, known->index);
}

static weir_status
check_event(weiri_history *history, uint64_t offset, const weiri_record *record, weir_error *err)
{
    uint64_t seed = weiri_hash64(1, record->aggregate.data, record->aggregate.size);
    uint64_t hash[2] = { weiri_hash64(seed, record->key.data, record->key.size), weiri_hash64(~seed, record->key.data, record->key.size) };
    uint32_t partition = weiri_partition_of(record->key, history->partitions);

    if (partition != history->partition)
        fault(history, WEIRI_TOPIC_EVENTS, offset, "key %.*s belongs to partition %u", (int)record->key.size,
            (const char *)record->key.data, partition);
    check_order(history, WEIRI_TOPIC_EVENTS, offset, record);
    if (4 * history->aggregates >= 3 * history->room) {
        weir_status status = grow(history, err);
        if (status != WEIR_OK)
            return status;
    }
    weiri_history_aggregate *known = slot_of(history->slots, history->room, hash);
    history->aggregates += known->version == 0;
    check_version(history, offset, record, known);
    *known = (weiri_history_aggregate){ { hash[0], hash[1] }, record->version, record->source, offset, record->index };
    return WEIR_OK;
}

weir_status
weiri_history_record(weiri_history *history, weiri_topic topic, uint64_t offset, const weiri_record *record, weir_error *err)
{
    static const uint8_t kinds[WEIRI_TOPICS] = {
        [WEIRI_TOPIC_COMMANDS] = WEIRI_RECORD_COMMAND,
        [WEIRI_TOPIC_EVENTS] = WEIRI_RECORD_EVENT,
        [WEIRI_TOPIC_OUTCOMES] = WEIRI_RECORD_OUTCOME,
    };

    if (kinds[topic] == 0)
        return WEIR_OK;
    if (record->kind != kinds[topic])
        fault(history, topic, offset, "a record of kind %u has no place in this topic", record->kind);
    else if (topic == WEIRI_TOPIC_EVENTS)
        return check_event(history, offset, record, err);
    else if (topic == WEIRI_TOPIC_OUTCOMES)
        check_order(history, topic, offset, record);
    else if (record->source != offset)
        fault(history, topic, offset, "the command says that it is at %" PRIu64, record->source);
    return WEIR_OK;
}

void
weiri_history_end(weiri_history *history)
{
    uint64_t first = 0, missing = 0;

    if (history->damaged || history->copy)
        return; /* the answers may lie in what can't be read; of a copy it isn't known which there must be */
    for (uint64_t s = history->next_command; s-- > 0;) {
        if ((history->answered.data[s / 8] & 1u << (s % 8)) == 0) {
            first = s;
            missing++;
        }
    }
    if (missing > 0)
        fault(history, WEIRI_TOPIC_COMMANDS, first, "the command was never answered, though later ones were (%" PRIu64 " such commands)",
            missing);
}

void
weiri_history_fini(weiri_history *history)
{
    weiri_buffer_fini(&history->answered);
    free(history->slots);
    *history = (weiri_history){ 0 };
}
