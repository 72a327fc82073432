/* SPDX-License-Identifier: Apache-2.0
 * For tests of the log: temporary directories, and a writer of one partition that writes what a lane would: commands,
 * events that name the one before, outcomes. Linked into tests only. One thread a writer. */
#ifndef LOG_TESTING_H
#define LOG_TESTING_H

#include "base/world.h"
#include "log/log.h"

enum { TESTING_KEYS = 16 };

/* A fresh directory under TMPDIR or /tmp. For testing_directory_remove, which removes it with all in it. */
char *testing_directory(void);
void testing_directory_remove(char *dir);

typedef struct testing_aggregate {
    char key[16];
    uint64_t version, source, offset;
    uint32_t index;
} testing_aggregate;

typedef struct testing_writer {
    weiri_log *log;
    weiri_append append;
    uint64_t ends[WEIRI_TOPICS]; /* staged so far */
    uint64_t next_command;
    testing_aggregate aggregates[TESTING_KEYS];
    weiri_lock lock; /* held while an answer is given, so that the writer does not end below it */
    weiri_signal done;
    uint64_t appended;  /* appends handed in: done has been raised so often when all are answered */
    weir_status status; /* of the last one answered; read after testing_writer_wait */
} testing_writer;

/* Begins where the partition's durable end is; reads its events to know the aggregates. */
void testing_writer_init(testing_writer *writer, weiri_log *log, uint32_t partition);
void testing_writer_fini(testing_writer *writer);
/* Stages one record as it is. Returns its offset. */
uint64_t testing_writer_add(testing_writer *writer, weiri_topic topic, const weiri_record *record);
/* Stages one command to aggregate `i` with `payload`, and `events` events, or an outcome if 0. Returns its source. */
uint64_t testing_writer_decide(testing_writer *writer, unsigned i, unsigned events, weiri_bytes payload);
/* Hands in what is staged. The next record may be staged after testing_writer_wait. */
void testing_writer_append(testing_writer *writer);
weir_status testing_writer_wait(testing_writer *writer);
weir_status testing_writer_write(testing_writer *writer); /* both */

/* Reads a topic-partition from `from` to the end. Returns the number of records; each goes to `each` (NULL: none) with
 * its offset, which must follow the one before. Fails the test on errors. */
uint64_t testing_read_all(weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t from,
    void (*each)(void *user, uint64_t offset, const weiri_record *record), void *user);

#endif
