/* SPDX-License-Identifier: Apache-2.0
 * Telling what became of a command. The lane says where its events lie; their types are read back from the log, so a repeat
 * tells the same as the first answer did. Thread: any; the finders are under service->telling. */
#include "engine/inside.h"
#include "engine/events.h"
#include "message/outcome.h"
#include <inttypes.h>
#include <stdio.h>

/* Answers of one lane come in the order of their events, so each partition's finder moves forward only. A repeat, which points
 * back, has a finder of its own. */
static weiri_finder *
finder_for(weiri_service *service, uint32_t partition, uint64_t offset)
{
    weiri_finder *finder = &service->recent[partition];

    if (weiri_finder_holds(finder, partition, offset) || !finder->filled || offset >= finder->chunk.next_offset)
        return finder;
    return &service->recent[service->identity->partitions];
}

static weir_status
write_events(weiri_service *service, const weiri_told *told, const weiri_answer *answer, weiri_buffer *to, weir_error *err)
{
    weir_status status = WEIR_OK;
    weiri_record record;

    weiri_lock_take(&service->telling);
    weiri_member(to, "events");
    weiri_buffer_add_char(to, '[');
    for (uint32_t i = 0; i < answer->events && answer->events_offset != WEIRI_NO_EVENTS && status == WEIR_OK; i++) {
        uint64_t offset = answer->events_offset + i;
        weiri_finder *finder = finder_for(service, answer->partition, offset);
        status = weiri_finder_find(finder, service->log, answer->partition, offset, &record, err);
        if (status != WEIR_OK)
            break;
        if (i > 0)
            weiri_buffer_add_char(to, ',');
        weiri_buffer_add_char(to, '{');
        status = weiri_event_write_type(to, service->schema, &record, told->representation, err);
        weiri_buffer_add_char(to, '}');
    }
    weiri_buffer_add_char(to, ']');
    weiri_lock_give(&service->telling);
    return status;
}

static void
write_subject(const weiri_told *told, weiri_buffer *to)
{
    if (told->id[0] != '\0')
        weiri_member_text(to, "id", told->id);
    weiri_member_text(to, "aggregate", told->aggregate);
    weiri_member_text(to, "key", told->key);
}

static const weiri_answer_row *
write_problem(const weiri_told *told, const weiri_answer *answer, weiri_buffer *to)
{
    const char *code = answer->status == WEIR_TIMEOUT ? "unknown" : answer->code;
    char words[160];
    const char *detail = answer->text;

    if (detail[0] == '\0' && answer->status == WEIR_CONFLICT) {
        (void)snprintf(words, sizeof words, "the aggregate is at version %" PRIu64, answer->version);
        detail = words;
    }
    const weiri_answer_row *row = weiri_problem_begin(to, answer->status, code, detail);
    write_subject(told, to);
    if (row->status == WEIR_CONFLICT && strcmp(row->code, "gap") == 0)
        weiri_member_number(to, "lastSequence", answer->last_sequence);
    else if (answer->status == WEIR_REJECTED || answer->status == WEIR_CONFLICT)
        weiri_member_number(to, "version", answer->version);
    if (told->line && answer->repeated)
        weiri_buffer_add_text(to, ",\"repeated\":true");
    weiri_buffer_add_char(to, '}');
    return row;
}

const weiri_answer_row *
weiri_outcome_write(
    weiri_service *service, const weiri_told *told, const weiri_answer *answer, weiri_buffer *to, char ret_token[WEIRI_TOKEN_ROOM])
{
    size_t start = to->size;
    weir_error err;

    ret_token[0] = '\0';
    if (answer->status != WEIR_OK)
        return write_problem(told, answer, to);
    if (answer->events > 0 && answer->source != WEIRI_NO_OFFSET)
        (void)snprintf(
            ret_token, WEIRI_TOKEN_ROOM, "%016" PRIx64 ":%" PRIu32 "=%" PRIu64, service->identity->id, answer->partition, answer->source);
    weiri_buffer_add_char(to, '{');
    if (told->line)
        weiri_member_number(to, "status", 200);
    write_subject(told, to);
    weiri_member_number(to, "version", answer->version);
    if (told->line && ret_token[0] != '\0')
        weiri_member_text(to, "position", ret_token);
    if (told->line && answer->repeated)
        weiri_buffer_add_text(to, ",\"repeated\":true");
    if (write_events(service, told, answer, to, &err) == WEIR_OK) {
        weiri_buffer_add_char(to, '}');
        return weiri_answer_row_of(WEIR_OK, "");
    }
    to->size = start;
    (void)weiri_error_prefix(&err, "the command was accepted, but its events can't be shown");
    const weiri_answer_row *row = weiri_problem_begin(to, err.status, "", err.text);
    write_subject(told, to);
    weiri_buffer_add_char(to, '}');
    return row;
}
