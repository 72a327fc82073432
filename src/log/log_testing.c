/* SPDX-License-Identifier: Apache-2.0
 * What tests of the log share. */
#include "log/log_testing.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "log/shared.h"
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

char *
testing_directory(void)
{
    const char *tmp = getenv("TMPDIR");
    char path[512];

    (void)snprintf(path, sizeof path, "%s/weir-log-XXXXXX", tmp != NULL ? tmp : "/tmp");
    weiri_assert(mkdtemp(path) != NULL);
    return weiri_text_copy(path);
}

static int
remove_one(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

void
testing_directory_remove(char *dir)
{
    weiri_assert(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
    weiri_release(dir);
}

static void
note_event(void *user, uint64_t offset, const weiri_record *record)
{
    testing_writer *writer = user;

    for (unsigned i = 0; i < TESTING_KEYS; i++) {
        testing_aggregate *a = &writer->aggregates[i];
        if (weiri_bytes_are(record->key, a->key)) {
            a->version = record->version;
            a->source = record->source;
            a->index = record->index;
            a->offset = offset;
        }
    }
}

static void
answered(weiri_append *append, weir_status status)
{
    testing_writer *writer = append->user;

    weiri_lock_take(&writer->lock);
    writer->status = status;
    weiri_signal_raise(&writer->done);
    weiri_lock_give(&writer->lock);
}

void
testing_writer_init(testing_writer *writer, weiri_log *log, uint32_t partition)
{
    unsigned found = 0;

    *writer = (testing_writer){ .log = log };
    writer->append.partition = partition;
    writer->append.user = writer;
    writer->append.done = answered;
    weiri_signal_init(&writer->done);
    weiri_lock_init(&writer->lock);
    for (unsigned t = 0; t < WEIRI_TOPICS; t++)
        writer->append.base[t] = writer->ends[t] = weiri_log_end(log, t, partition);
    writer->next_command = weiri_log_next_command(log, partition);
    writer->append.first_source = writer->next_command;
    for (unsigned i = 0; found < TESTING_KEYS; i++) {
        testing_aggregate *a = &writer->aggregates[found];
        (void)snprintf(a->key, sizeof a->key, "key-%u", i);
        found += weiri_partition_of(weiri_bytes_of(a->key), weiri_log_identity_of(log)->partitions) == partition;
    }
    (void)testing_read_all(log, WEIRI_TOPIC_EVENTS, partition, 0, note_event, writer);
}

void
testing_writer_fini(testing_writer *writer)
{
    for (unsigned t = 0; t < WEIRI_TOPICS; t++)
        weiri_staged_fini(&writer->append.topics[t]);
    weiri_signal_fini(&writer->done);
    weiri_lock_fini(&writer->lock);
}

uint64_t
testing_writer_add(testing_writer *writer, weiri_topic topic, const weiri_record *record)
{
    weiri_staged_add(&writer->append.topics[topic], record);
    return writer->ends[topic]++;
}

uint64_t
testing_writer_decide(testing_writer *writer, unsigned i, unsigned events, weiri_bytes payload)
{
    testing_aggregate *a = &writer->aggregates[i % TESTING_KEYS];
    weiri_record record = { .kind = WEIRI_RECORD_COMMAND, .time_ms = 1700000000000, .type = weiri_bytes_of("testing.Add") };
    const bool shared = weiri_log_shared(writer->log); /* commands come from elsewhere */
    uint64_t source = shared ? writer->next_command : writer->ends[WEIRI_TOPIC_COMMANDS];
    char id[32];

    (void)snprintf(id, sizeof id, "id-%llu", (unsigned long long)source);
    record.source = source;
    record.aggregate = weiri_bytes_of("counter");
    record.key = weiri_bytes_of(a->key);
    record.id = weiri_bytes_of(id);
    record.payload = payload;
    if (!shared)
        (void)testing_writer_add(writer, WEIRI_TOPIC_COMMANDS, &record);
    record.kind = WEIRI_RECORD_EVENT;
    record.type = weiri_bytes_of("testing.Added");
    for (unsigned n = 0; n < events; n++) {
        record.flags = (a->version == 0 ? WEIRI_RECORD_FIRST : 0) | (n + 1 == events ? WEIRI_RECORD_LAST : 0);
        record.index = n;
        record.version = a->version + 1;
        record.previous_source = a->source;
        record.previous_index = a->index;
        record.previous_offset = a->version == 0 ? WEIRI_NO_OFFSET : a->offset;
        a->offset = testing_writer_add(writer, WEIRI_TOPIC_EVENTS, &record);
        a->version = record.version;
        a->source = source;
        a->index = n;
    }
    if (events == 0) {
        record.kind = WEIRI_RECORD_OUTCOME;
        record.type = weiri_bytes_of("weir.accepted");
        record.version = a->version;
        (void)testing_writer_add(writer, WEIRI_TOPIC_OUTCOMES, &record);
    }
    writer->next_command = source + 1;
    return source;
}

void
testing_writer_append(testing_writer *writer)
{
    writer->append.last_source = writer->next_command - 1;
    writer->append.next_command = writer->next_command;
    writer->append.time_ms = 1700000000000;
    writer->appended++;
    weiri_log_append(writer->log, &writer->append);
}

weir_status
testing_writer_wait(testing_writer *writer)
{
    uint64_t seen;

    while ((seen = weiri_signal_count(&writer->done)) < writer->appended)
        (void)weiri_signal_wait(&writer->done, seen, -1);
    weiri_lock_take(&writer->lock);
    weiri_lock_give(&writer->lock);
    for (unsigned t = 0; t < WEIRI_TOPICS; t++) {
        weiri_staged_clear(&writer->append.topics[t]);
        writer->append.base[t] = writer->ends[t];
    }
    writer->append.first_source = writer->next_command;
    return writer->status;
}

weir_status
testing_writer_write(testing_writer *writer)
{
    testing_writer_append(writer);
    return testing_writer_wait(writer);
}

uint64_t
testing_read_all(weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t from,
    void (*each)(void *user, uint64_t offset, const weiri_record *record), void *user)
{
    weiri_chunk chunk = { 0 };
    weiri_record record;
    weir_error err;
    weir_status status;
    uint64_t offset, next = from;

    for (;;) {
        weiri_assert(weiri_log_read(log, topic, partition, next, &chunk, &err) == WEIR_OK);
        if (chunk.next_offset == next)
            break;
        while (weiri_chunk_next(&chunk, &record, &offset, &status)) {
            weiri_assert(status == WEIR_OK && offset == next);
            next++;
            if (each != NULL)
                each(user, offset, &record);
        }
        weiri_assert(status == WEIR_OK && next == chunk.next_offset);
    }
    weiri_chunk_fini(&chunk);
    return next - from;
}
