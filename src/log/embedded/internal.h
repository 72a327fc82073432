/* SPDX-License-Identifier: Apache-2.0
 * What the files of the embedded engine share. The committer thread alone writes to LMDB and to `parts`; everybody
 * else sees only what it has published in `shared` after the disk had it. docs/formats/log.md is the page of the keys. */
#ifndef WEIRI_EMBEDDED_INTERNAL_H
#define WEIRI_EMBEDDED_INTERNAL_H

#include <assert.h>
#include <lmdb.h>
#include <stdatomic.h>
#include "log/batch.h"
#include "log/embedded/embedded.h"
#include "log/embedded/lockfile.h"
#include "log/embedded/pages.h"
#include "log/embedded/space.h"

enum {
    WEIRI_EMBEDDED_KEY_SIZE = 13, /* topic u8, partition u32 BE, base offset u64 BE */
    WEIRI_EMBEDDED_READ_MOST = 1 << 20,
    WEIRI_EMBEDDED_COMMIT_MOST = 64 << 20,
    WEIRI_EMBEDDED_PARTITIONS_MOST = 4096,
    WEIRI_EMBEDDED_MOMENTS = 128,
    WEIRI_EMBEDDED_MOMENT_US = 100000,
};

/* The value of meta key "partition" + u32 BE: how far a partition is, in the transaction that made it so. */
typedef struct weiri_embedded_vector {
    uint64_t ends[WEIRI_TOPICS];
    uint64_t next_command;
    uint32_t crcs[WEIRI_TOPICS]; /* of the last batch of each topic; 0: none */
    uint32_t crc;                /* CRC32C of all before it */
} weiri_embedded_vector;
static_assert(WEIRI_TOPICS == 5, "format 1");
static_assert(sizeof(weiri_embedded_vector) == 72, "format 1");
static_assert(offsetof(weiri_embedded_vector, next_command) == 40, "format 1");
static_assert(offsetof(weiri_embedded_vector, crcs) == 48, "format 1");
static_assert(offsetof(weiri_embedded_vector, crc) == 68, "format 1");

/* The value of meta key "identity". */
typedef struct weiri_embedded_identity {
    char magic[4];   /* "WEIR" */
    uint32_t format; /* these two stay where they are in every format */
    uint64_t id;
    int64_t created_ms;
    uint32_t partitions;
    char module[64]; /* NUL-terminated */
    uint32_t crc;    /* CRC32C of all before it */
} weiri_embedded_identity;
static_assert(sizeof(weiri_embedded_identity) == 96, "format 1");
static_assert(offsetof(weiri_embedded_identity, module) == 28, "format 1");
static_assert(offsetof(weiri_embedded_identity, crc) == 92, "format 1");

typedef struct weiri_embedded_shared { /* of a partition: published */
    _Atomic uint64_t ends[WEIRI_TOPICS];
    _Atomic uint64_t next_command;
} weiri_embedded_shared;

/* When a transaction was committed: the age of a reader is that of the first commit that it can't see. */
typedef struct weiri_embedded_moment {
    size_t txn_id;
    int64_t at_us;
} weiri_embedded_moment;

typedef struct weiri_embedded {
    weiri_log log; /* the first */
    const weiri_world *world;
    char *dir;
    bool read_only;
    bool copy; /* a local copy of a log elsewhere: no commands in it */
    weiri_lockfile lockfile;
    MDB_env *env;
    MDB_env *again;             /* the same file, for reading only: see weiri_embedded_reopen; the committer's, freed at the end */
    _Atomic(MDB_env *) reading; /* env, or again */
    MDB_dbi batches, meta;
    weiri_embedded_vector *parts; /* the committer's */
    weiri_embedded_shared *shared;

    weiri_appends waiting;
    weiri_signal arrived;
    _Atomic bool stopping;
    weiri_thread committer;
    weiri_space space;

    weiri_lock lock;
    weir_error failure;                                    /* guarded by lock; written once, before failed */
    weiri_embedded_moment moments[WEIRI_EMBEDDED_MOMENTS]; /* guarded by lock: a ring */
    size_t moments_n;                                      /* guarded by lock */
    size_t pinned_txn;                                     /* guarded by lock: of the oldest reader, when it was last asked for; 0: none */
    int64_t pinned_since_us;                               /* guarded by lock */
    _Atomic bool failed;
    _Atomic uint64_t commits, records, bytes, sync_us_total;
} weiri_embedded;

/* environment.c: the LMDB environment, identity and vectors. */
WEIR_MUST_USE weir_status weiri_embedded_environment_open(weiri_embedded *e, const weiri_embedded_config *config, weir_error *err);
/* Returns an LMDB error code; sets the vector's crc. */
int weiri_embedded_vector_put(weiri_embedded *e, MDB_txn *txn, uint32_t partition, weiri_embedded_vector *vector);
WEIR_MUST_USE weir_status weiri_embedded_vector_get(
    const weiri_pages *pages, uint32_t partition, weiri_embedded_vector *ret_vector, weir_error *err);
/* Errors: NOT_FOUND (there is no log yet), INVALID (a newer format), CORRUPT, IO. */
WEIR_MUST_USE weir_status weiri_embedded_identity_get(
    const weiri_pages *pages, const char *dir, weiri_embedded_identity *ret_identity, weir_error *err);
/* The last batch of each topic of the partition must be the one that the vector speaks of: appending behind another would
 * build on damage. Errors: CORRUPT, IO. */
WEIR_MUST_USE weir_status weiri_embedded_check_tail(
    const weiri_pages *pages, uint32_t partition, const weiri_embedded_vector *vector, weir_error *err);
/* After a failed write of LMDB's meta page LMDB refuses to read, too: opens the same file anew for reading, where there is no
 * writer any more (the lock keeps others out), and lets readers use that. Thread: the committer. */
void weiri_embedded_reopen(weiri_embedded *e);
/* Reads the value of a key of `meta`. Errors: NOT_FOUND, CORRUPT, IO. */
WEIR_MUST_USE weir_status weiri_embedded_meta_get(
    const weiri_pages *pages, const void *key, size_t size, weiri_buffer *ret_value, weir_error *err);
/* Publishes; true if anything is further than it was. */
bool weiri_embedded_publish(weiri_embedded *e, uint32_t partition, const weiri_embedded_vector *vector);
void weiri_embedded_key_write(uint8_t key[WEIRI_EMBEDDED_KEY_SIZE], weiri_topic topic, uint32_t partition, uint64_t base_offset);
void weiri_embedded_key_read(const uint8_t key[WEIRI_EMBEDDED_KEY_SIZE], unsigned *ret_topic, uint32_t *ret_partition, uint64_t *ret_base);

/* examine.c: is the file fit for LMDB to write to? Nothing that LMDB would follow or write over at an append may be damaged, and
 * no commit that was answered may be missing. Errors: CORRUPT, IO, INVALID (a newer format). */
WEIR_MUST_USE weir_status weiri_embedded_examine_pages(const weiri_pages *pages, const char *dir, weir_error *err);
/* The two meta pages and what they lead to. `writes`: no engine runs, and a commit whose meta page could not be written is
 * finished; else nothing is changed, and what an engine changes meanwhile is no error. */
WEIR_MUST_USE weir_status weiri_embedded_examine_metas(int fd, const char *dir, bool writes, weir_error *err);

/* copy.c: local copies of logs elsewhere. The first two return LMDB error codes. */
int weiri_embedded_copy_make(weiri_embedded *e, MDB_txn *txn, uint32_t partitions);
int weiri_embedded_mark_put(weiri_embedded *e, MDB_txn *txn, uint32_t partition, weiri_bytes mark);
/* Sets e->copy. Errors: INVALID (not for whoever opens it), CORRUPT, IO. */
WEIR_MUST_USE weir_status weiri_embedded_copy_check(
    weiri_embedded *e, const weiri_embedded_config *config, const weiri_pages *pages, uint64_t id, weir_error *err);

/* committer.c */
void weiri_embedded_append(weiri_log *log, weiri_append *append);
void weiri_embedded_commit_run(void *embedded); /* the thread */
void weiri_embedded_fail(weiri_embedded *e, const char *doing, int rc);

/* reader.c */
/* Begins a short read transaction. Returns an LMDB error code. */
int weiri_embedded_begin_read(weiri_embedded *e, MDB_txn **ret_txn);
/* One committed state, held until it is ended. */
typedef struct weiri_embedded_snapshot {
    MDB_txn *txn;
    weiri_pages pages;
} weiri_embedded_snapshot;
WEIR_MUST_USE weir_status weiri_embedded_snapshot_begin(weiri_embedded *e, weiri_embedded_snapshot *snapshot, weir_error *err);
void weiri_embedded_snapshot_end(weiri_embedded_snapshot *snapshot);
/* Puts the cursor on the last batch of the topic-partition that begins at or below `offset`. Errors: NOT_FOUND, CORRUPT, IO. */
WEIR_MUST_USE weir_status weiri_embedded_seek(
    weiri_page_cursor *cursor, weiri_topic topic, uint32_t partition, uint64_t offset, weir_error *err);
/* Is the cursor on a batch of this topic-partition? Then where it begins. */
bool weiri_embedded_at_place(const weiri_page_cursor *cursor, weiri_topic topic, uint32_t partition, uint64_t *ret_base);
/* The header of the batch at hand, as weiri_log_batch_open. */
WEIR_MUST_USE weir_status weiri_embedded_batch_header(
    const weiri_page_cursor *cursor, weiri_topic topic, uint32_t partition, weiri_log_batch_header *ret_header, weir_error *err);
WEIR_MUST_USE weir_status weiri_embedded_read(
    weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, weiri_chunk *chunk, weir_error *err);
WEIR_MUST_USE weir_status weiri_embedded_checksum(
    weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, uint32_t *ret_checksum, weir_error *err);
WEIR_MUST_USE weir_status weiri_embedded_refresh(weiri_log *log, weir_error *err);
/* 0 and pid 0: nobody reads, or what is read is the newest. */
int64_t weiri_embedded_oldest_reader_ms(weiri_embedded *e, int64_t *ret_pid);
/* Puts "TOPIC, partition P, offset O: " in front of what err says. Returns its status. */
weir_status weiri_embedded_where(weir_error *err, weir_status status, weiri_topic topic, uint32_t partition, uint64_t offset);

#endif
