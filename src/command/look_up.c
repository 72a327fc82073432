/* SPDX-License-Identifier: Apache-2.0
 * The outcome of an earlier command, found in the log instead of a lane's window. Thread: any. */
#include "command/front.h"
#include "command/lane.h"
#include "message/outcome.h"

typedef struct search {
    weiri_recall *recall;
    uint32_t partition;
    weiri_bytes aggregate, key, id;
    bool found;
    weiri_topic topic;
    uint64_t offset, source; /* of the record that tells it */
} search;

/* What a window remembers is what carries the payload's hash; of a decision the first event does. */
static bool
is_its(const search *s, const weiri_record *record)
{
    weiri_bytes hash;

    return (record->flags & WEIRI_RECORD_CLIENT_ID) != 0 && weiri_bytes_equal(record->id, s->id) &&
           weiri_bytes_equal(record->key, s->key) && weiri_bytes_equal(record->aggregate, s->aggregate) &&
           weiri_headers_find(record->headers, WEIRI_HEADER_PAYLOAD_HASH, &hash);
}

static weir_status
search_topic(search *s, weiri_topic topic, uint64_t most, bool *ret_whole, weir_error *err)
{
    weiri_log *log = s->recall->log;
    uint64_t end = weiri_log_end(log, topic, s->partition), at = end > most ? end - most : 0, offset;
    weiri_chunk chunk = { 0 };
    weiri_record record;
    weir_status status = WEIR_OK;

    *ret_whole &= at == 0;
    while (status == WEIR_OK && at < end) {
        status = weiri_log_read(log, topic, s->partition, at, &chunk, err);
        while (status == WEIR_OK && weiri_chunk_next(&chunk, &record, &offset, &status)) {
            at = offset + 1;
            if (status == WEIR_OK && is_its(s, &record) && (!s->found || record.source > s->source)) {
                s->found = true;
                s->topic = topic;
                s->offset = offset;
                s->source = record.source;
            }
        }
    }
    weiri_chunk_fini(&chunk);
    return status;
}

/* The last event of the decision that begins at s->offset says how many there are. */
static bool
last_event(search *s, weiri_record *ret_record)
{
    do {
        if (!weiri_recall_record(s->recall, s->topic, s->partition, s->offset, ret_record))
            return false;
    } while (s->topic == WEIRI_TOPIC_EVENTS && (ret_record->flags & WEIRI_RECORD_LAST) == 0 && ++s->offset > 0);
    return true;
}

weir_status
weiri_commands_look_up(weiri_commands *commands, const weiri_look_up *what, weiri_answer_fn *done, void *user, weir_error *err)
{
    weiri_recall recall = { .log = commands->config.log, .passed = WEIRI_NO_OFFSET };
    search s = { .recall = &recall, .partition = what->partition, .aggregate = what->aggregate, .key = what->key, .id = what->id };
    weiri_record record;
    weiri_answer answer;
    bool whole = true;

    weir_status status = search_topic(&s, WEIRI_TOPIC_EVENTS, what->most, &whole, err);
    if (status == WEIR_OK)
        status = search_topic(&s, WEIRI_TOPIC_OUTCOMES, what->most, &whole, err);
    if (status == WEIR_OK && !s.found && !whole)
        status = weiri_error_set(err, WEIR_BUSY,
            "the partition is served by another process, and the last %llu records here don't have it: send the command again with its id",
            (unsigned long long)what->most);
    if (status == WEIR_OK && !s.found)
        status = weiri_error_set(err, WEIR_NOT_FOUND, "no outcome is remembered");
    if (status == WEIR_OK && !last_event(&s, &record))
        status = weiri_error_set(err, WEIR_CORRUPT, "the outcome can't be read from the log");
    if (status == WEIR_OK) {
        weiri_front_answer(&recall, s.partition, &record, s.offset, &answer);
        answer.kind = WEIRI_ANSWER_LOOKUP;
        answer.repeated = true;
        done(user, &answer);
    }
    weiri_recall_fini(&recall);
    return status;
}
