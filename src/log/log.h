/* SPDX-License-Identifier: Apache-2.0
 * The contract of the log: topics with partitions; a batch of records appended to several topic-partitions atomically;
 * committed records read from an offset; waiting for more; the end. Each engine fills weiri_log_ops; one contract suite
 * (test/contract/) tests them all.
 *
 * Appending is asynchronous. Order of staging is order of commit: appends of one writer become durable in the order of
 * weiri_log_append, and a crash loses a suffix of them, never a middle. The first failed write is final: it latches the log
 * FAILED, that append and all later ones are answered IO and never committed; reading goes on. */
#ifndef WEIRI_LOG_H
#define WEIRI_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/bytes.h"
#include "base/error.h"
#include "base/thread.h"
#include "message/record.h"

typedef enum weiri_topic {
    WEIRI_TOPIC_COMMANDS,
    WEIRI_TOPIC_EVENTS,
    WEIRI_TOPIC_OUTCOMES,
    WEIRI_TOPIC_DEAD_LETTERS,
    WEIRI_TOPIC_SCHEMAS,
    WEIRI_TOPICS
} weiri_topic;

const char *weiri_topic_name(weiri_topic topic); /* "commands", ... */

typedef struct weiri_log weiri_log;

/* Records for one topic-partition, in the making: their bytes and where each begins. */
typedef struct weiri_staged {
    weiri_buffer bytes;
    weiri_buffer starts; /* uint32_t each */
    uint32_t count;
} weiri_staged; /* zero-initialise */

void weiri_staged_add(weiri_staged *staged, const weiri_record *record);
void weiri_staged_clear(weiri_staged *staged); /* keeps its memory */
void weiri_staged_fini(weiri_staged *staged);

/* One atomic append of the writer of `partition`. The caller owns it and leaves it alone until `done`. */
typedef struct weiri_append {
    uint32_t partition;
    weiri_staged topics[WEIRI_TOPICS];  /* empty ones are skipped */
    uint64_t base[WEIRI_TOPICS];        /* the offset that the first record of each will have: the writer counts them itself,
                                              from weiri_log_end at opening */
    uint64_t first_source, last_source; /* commands it answers; first > last: none */
    uint64_t next_command;              /* the first command not yet answered */
    int64_t time_ms;                    /* lane time of its first record */
    weiri_bytes mark; /* at most WEIRI_MARK_MOST bytes that a local copy keeps with it (embedded/embedded.h); empty: the last one stays */
    /* Called once, on the log's committer thread (must not block): OK when all of it is durable; IO: unknown, the log FAILED. */
    void (*done)(struct weiri_append *append, weir_status status);
    void *user;
    struct weiri_append *next; /* the log's */
} weiri_append;

/* The size limit of one append's bytes together: the lane waits beyond. */
enum { WEIRI_APPEND_MOST = 4 << 20, WEIRI_MARK_MOST = 256 };

void weiri_log_append(weiri_log *log, weiri_append *append); /* Thread: any; one at a time a partition's writer */

typedef struct weiri_log_identity {
    uint64_t id; /* random, made with the log; never 0 */
    uint32_t partitions;
    char module[64];
    uint32_t format;
    int64_t created_ms;
} weiri_log_identity;

const weiri_log_identity *weiri_log_identity_of(const weiri_log *log);

/* The durable end: the offset after the last durable record. Thread: any. */
uint64_t weiri_log_end(weiri_log *log, weiri_topic topic, uint32_t partition);
/* The durable position of commands answered: next_command of the last durable append (0 in an empty log). */
uint64_t weiri_log_next_command(weiri_log *log, uint32_t partition);
/* Raised after every durable append; a reader in another process looks for itself (see weiri_log_refresh). */
weiri_signal *weiri_log_moved(weiri_log *log);
/* Raised by weiri_log_moved's side when nothing is known: in read-only logs, looks whether the end has moved. */
WEIR_MUST_USE weir_status weiri_log_refresh(weiri_log *log, weir_error *err);
/* WEIR_OK, or in words why the log takes no more: BUSY (the disk reserve is reached; resumes by itself), IO (it has FAILED),
 * INVALID (opened for reading only). What was handed in before goes on. Thread: any. */
WEIR_MUST_USE weir_status weiri_log_state(weiri_log *log, weir_error *err);

/* Records copied out of the log: whole batches, contiguous from the offset asked for. Zero-initialise; reuse. */
typedef struct weiri_chunk {
    weiri_buffer bytes;   /* whole batches as stored (log/batch.h) */
    uint64_t next_offset; /* where to read on */
    size_t batch_at;      /* the iterator: the current batch in bytes ... */
    uint32_t record_at;   /* ... and the next record in it */
    weir_status status;   /* CORRUPT once a record could not be read: the iterator stays there */
} weiri_chunk;

/* Reads durable records of a topic-partition from `offset`, up to 1 MiB (at least one batch), checking every batch's
 * checksum. OK with nothing in it: at the end, or beyond it. Errors: CORRUPT (topic, partition and offset in err), IO, NO_MEMORY; good
 * batches before a damaged one are read first.
 * Thread: any, one chunk at a time; no read transaction outlives the call. */
WEIR_MUST_USE weir_status weiri_log_read(
    weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, weiri_chunk *chunk, weir_error *err);
/* The next record in the chunk and its offset; false: read on from chunk->next_offset. A record that can't be read is true
 * with an empty record and CORRUPT in `ret_status`, then false with CORRUPT: looking after either is enough. The record
 * borrows the chunk's bytes. */
bool weiri_chunk_next(weiri_chunk *chunk, weiri_record *ret_record, uint64_t *ret_offset, weir_status *ret_status);
void weiri_chunk_fini(weiri_chunk *chunk);

/* The identity of a position, for noticing a log that was restored or exchanged below a view or a checkpoint: the chain
 * checksum of the batch that holds record `offset` - 1, the last one before the position; 0 for offset 0. It is the stored
 * one: weiri_log_read checks it. Errors: NOT_FOUND (the log ends below `offset`), CORRUPT (no batch holds it), IO. */
WEIR_MUST_USE weir_status weiri_log_checksum(
    weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, uint32_t *ret_checksum, weir_error *err);

/* Of a log shared by several processes: the rest of weiri_log_metrics is then its local copy's. */
typedef struct weiri_shared_metrics {
    uint64_t commits, records, bytes; /* of this process's writers */
    uint64_t commit_us_total;         /* from begin to the end of commit */
    uint64_t fences, reopenings;      /* partitions taken over; attempts to that had to be made again */
    uint64_t stale_writer, repeats;   /* records dropped by the reader's rule */
    uint64_t foreign;                 /* records in events and outcomes that no lane wrote */
    uint64_t sending;                 /* commands on their way */
    uint64_t lag;                     /* offsets of events and outcomes that are not in the copy yet, as far as is known */
    uint64_t held;           /* offsets of commands of served partitions that nobody reads, since a transaction before them is open */
    uint32_t served, halted; /* partitions */
    uint32_t behind;         /* partitions whose end the copy has not reached yet since the log was opened */
} weiri_shared_metrics;

typedef struct weiri_log_metrics {
    uint64_t commits, records, bytes;
    uint64_t sync_us_total;
    uint64_t disk_free_bytes, disk_used_bytes;
    int64_t oldest_reader_ms;    /* how long the oldest read transaction has kept pages from being used again ... */
    int64_t oldest_reader_pid;   /* ... and whose it is; 0: nobody's */
    weiri_shared_metrics shared; /* all 0 in a log of one process */
} weiri_log_metrics;
void weiri_log_metrics_get(weiri_log *log, weiri_log_metrics *ret_metrics);

/* Finishes the appends it has, then frees. NULL is fine. */
void weiri_log_close(weiri_log *log);

/* ---- for engines -------------------------------------------------------------------------------------- */

typedef struct weiri_log_ops {
    void (*append)(weiri_log *log, weiri_append *append);
    uint64_t (*end)(weiri_log *log, weiri_topic topic, uint32_t partition);
    uint64_t (*next_command)(weiri_log *log, uint32_t partition);
    weir_status (*refresh)(weiri_log *log, weir_error *err);
    weir_status (*state)(weiri_log *log, weir_error *err);
    weir_status (*read)(weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, weiri_chunk *chunk, weir_error *err);
    weir_status (*checksum)(
        weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, uint32_t *ret_checksum, weir_error *err);
    void (*metrics)(weiri_log *log, weiri_log_metrics *ret_metrics);
    void (*close)(weiri_log *log);
} weiri_log_ops;

/* Appends handed in and not yet taken: any thread pushes, one takes all, and no lock is held. */
typedef struct weiri_appends {
    _Atomic(weiri_append *) newest; /* each points to the one before it */
} weiri_appends;                    /* zero-initialise */

void weiri_appends_push(weiri_appends *appends, weiri_append *append);
weiri_append *weiri_appends_take(weiri_appends *appends); /* all of them by `next`, the oldest first; NULL: none */

struct weiri_shared_ops; /* log/shared.h */

struct weiri_log { /* the first member of each engine's own struct */
    const weiri_log_ops *ops;
    const struct weiri_shared_ops *shared; /* NULL: one process writes this log */
    weiri_log_identity identity;
    weiri_signal moved;
};

#endif
