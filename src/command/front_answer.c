/* SPDX-License-Identifier: Apache-2.0
 * From the record that a lane left to the answer that it would have given: the same to the letter, wherever it is read.
 * Thread: the front's. */
#include "command/front.h"
#include "message/discard.h"
#include "message/outcome.h"
#include <string.h>

static void
repeat(weiri_recall *recall, const weiri_record *record, weiri_answer *answer)
{
    uint64_t original = WEIRI_NO_OFFSET, events = 0, offset = WEIRI_NO_OFFSET;

    answer->repeated = true;
    (void)weiri_headers_find_number(record->headers, WEIRI_HEADER_ORIGINAL, &original);
    (void)weiri_headers_find_number(record->headers, WEIRI_HEADER_ORIGINAL_VERSION, &answer->version);
    answer->source = original;
    bool has_events = weiri_headers_find_number(record->headers, WEIRI_HEADER_ORIGINAL_EVENTS, &events);
    if (!weiri_headers_find_number(record->headers, WEIRI_HEADER_ORIGINAL_OFFSET, &offset)) {
        weiri_recall_words(recall, record, answer); /* of one that is held in quarantine */
        answer->status = answer->code[0] == '\0' ? WEIR_OK : WEIR_REJECTED;
    } else if (has_events) {
        answer->events = (uint32_t)events;
        answer->events_offset = offset;
    } else {
        answer->status = WEIR_REJECTED;
        weiri_recall_words_at(recall, answer->partition, offset, answer);
    }
}

static weir_status
status_of_rejection(const weiri_record *record, weiri_answer *answer)
{
    if (strcmp(answer->code, WEIRI_CODE_GAP) == 0) {
        (void)weiri_headers_find_number(record->headers, WEIRI_HEADER_LAST, &answer->last_sequence);
        return WEIR_CONFLICT;
    }
    if (strcmp(answer->code, WEIRI_CODE_NOT_HELD) == 0)
        return WEIR_NOT_FOUND;
    bool busy = strcmp(answer->code, WEIRI_CODE_TOO_MANY_SOURCES) == 0 || strcmp(answer->code, WEIRI_CODE_QUARANTINE_FULL) == 0;
    return busy ? WEIR_BUSY : WEIR_REJECTED;
}

void
weiri_front_answer(weiri_recall *recall, uint32_t partition, const weiri_record *record, uint64_t offset, weiri_answer *ret_answer)
{
    *ret_answer = (weiri_answer){ .kind = WEIRI_ANSWER_OUTCOME,
        .partition = partition,
        .source = record->source,
        .version = record->version,
        .events_offset = WEIRI_NO_EVENTS,
        .code = "",
        .text = "" };
    if (record->kind == WEIRI_RECORD_EVENT) {
        ret_answer->events = record->index + 1;
        ret_answer->events_offset = offset - record->index;
    } else if (weiri_bytes_are(record->type, WEIRI_OUTCOME_REPEATED))
        repeat(recall, record, ret_answer);
    else if (!weiri_bytes_are(record->type, WEIRI_OUTCOME_ACCEPTED) && !weiri_bytes_are(record->type, WEIRI_OUTCOME_RELEASED) &&
             !weiri_bytes_are(record->type, WEIRI_OUTCOME_LETTER_DISCARDED)) {
        weiri_recall_words(recall, record, ret_answer);
        ret_answer->status = weiri_bytes_are(record->type, WEIRI_OUTCOME_CONFLICT) ? WEIR_CONFLICT
                                                                                   : status_of_rejection(record, ret_answer);
    }
}
