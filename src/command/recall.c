/* SPDX-License-Identifier: Apache-2.0
 * Reading single records back, through the chunk that was read last. Thread: one at a time. */
#include "command/recall.h"
#include "message/outcome.h"
#include <stdio.h>

bool
weiri_recall_record(weiri_recall *recall, weiri_topic topic, uint32_t partition, uint64_t offset, weiri_record *ret_record)
{
    weir_error err;
    weir_status status = WEIR_OK;
    uint64_t at;
    bool held = recall->passed != WEIRI_NO_OFFSET && recall->topic == topic && recall->partition == partition && offset > recall->passed &&
                offset < recall->chunk.next_offset;

    if (!held) {
        recall->passed = WEIRI_NO_OFFSET;
        status = weiri_log_read(recall->log, topic, partition, offset, &recall->chunk, &err);
        recall->topic = topic;
        recall->partition = partition;
    }
    while (status == WEIR_OK && weiri_chunk_next(&recall->chunk, ret_record, &at, &status)) {
        recall->passed = at;
        if (at >= offset)
            return status == WEIR_OK && at == offset;
    }
    recall->passed = WEIRI_NO_OFFSET;
    return false;
}

void
weiri_recall_words(weiri_recall *recall, const weiri_record *record, weiri_answer *answer)
{
    weiri_bytes code;

    answer->code = "";
    if (weiri_headers_find(record->headers, WEIRI_HEADER_CODE, &code)) {
        (void)snprintf(recall->code, sizeof recall->code, "%.*s", (int)code.size, (const char *)code.data);
        answer->code = recall->code;
    }
    (void)snprintf(recall->words, sizeof recall->words, "%.*s", (int)record->payload.size, (const char *)record->payload.data);
    answer->text = recall->words;
}

void
weiri_recall_words_at(weiri_recall *recall, uint32_t partition, uint64_t offset, weiri_answer *answer)
{
    weiri_record record;

    answer->code = "";
    answer->text = "the words of this rejection can't be read from the log";
    if (weiri_recall_record(recall, WEIRI_TOPIC_OUTCOMES, partition, offset, &record))
        weiri_recall_words(recall, &record, answer);
}

void
weiri_recall_fini(weiri_recall *recall)
{
    weiri_chunk_fini(&recall->chunk);
}
