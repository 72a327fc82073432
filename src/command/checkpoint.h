/* SPDX-License-Identifier: Apache-2.0
 * Checkpoints on disk: DIR/checkpoint, one LMDB environment, a sub-database a partition; docs/formats/checkpoint.md.
 * They save time and nothing else: whatever is wrong with one, it is dropped and the log replayed. One thread writes, one
 * checkpoint at a time, each in one transaction; lanes hand it slices of what is durable. */
#ifndef WEIRI_CHECKPOINT_H
#define WEIRI_CHECKPOINT_H

#include <stdatomic.h>
#include "base/bytes.h"
#include "base/error.h"
#include "base/thread.h"
#include "log/log.h"

typedef struct weiri_checkpoints weiri_checkpoints;

/* The row "M" of a partition, in this layout. */
typedef struct weiri_checkpoint_meta {
    uint32_t format, partition, partitions, window; /* window: its size, not what is in it */
    uint64_t log_id, fingerprint;
    uint64_t from_event, from_outcome; /* replay starts here */
    uint64_t next_command;             /* the first command that replay will find */
    int64_t time_ms;                   /* lane time there */
    uint64_t end_event, end_outcome;   /* no state here is newer: these positions must be in the log ... */
    uint32_t crc_event, crc_outcome;   /* ... with these checksums (of the record before each; 0 at 0) */
    uint32_t window_entries, sources;
    uint64_t held, states;
    uint64_t checksum; /* of all the above */
} weiri_checkpoint_meta;
_Static_assert(sizeof(weiri_checkpoint_meta) == 120, "docs/formats/checkpoint.md");
enum { WEIRI_CHECKPOINT_FORMAT = 2 };

/* Rows on their way to disk: u32 key size, u32 value size, key, value; one behind the other. The writer puts a CRC32C of key and
 * value behind each value; loading checks it and takes it off. Begin, then append the value to `rows`, then end. */
size_t weiri_checkpoint_row_begin(weiri_buffer *rows, weiri_bytes key);
void weiri_checkpoint_row_end(weiri_buffer *rows, size_t begun);

/* One slice: the lane fills it and gives it away with weiri_checkpoints_write; it is the lane's again when `busy` is false. */
typedef struct weiri_slice {
    uint32_t partition;
    bool first, last; /* of its checkpoint */
    bool clear;       /* first: whatever was there goes */
    weiri_buffer rows;
    weiri_checkpoint_meta meta; /* last: all but the checksums */
    weiri_signal *wake;         /* raised when it is the lane's again */
    bool abandon;               /* last: nothing of this checkpoint is to be kept */
    bool failed;                /* set by the writer: this checkpoint has come to nothing */
    _Atomic bool busy;
} weiri_slice;

/* What a lane keeps of its running checkpoint. */
typedef enum weiri_checkpoint_phase {
    WEIRI_CHECKPOINT_IDLE,
    WEIRI_CHECKPOINT_PACK,  /* fill the next slice */
    WEIRI_CHECKPOINT_AWAIT, /* the slice is full: it may go when batch `after` is durable */
    WEIRI_CHECKPOINT_WRITE, /* it is with the writer */
} weiri_checkpoint_phase;

struct weiri_state_entry;
typedef struct weiri_lane_checkpoint {
    weiri_checkpoint_phase phase;
    weiri_slice slice;
    uint64_t after;
    struct weiri_state_entry **list; /* dirty when it began */
    size_t n, at;
    uint32_t number;                       /* of the last one begun since the start */
    uint64_t since;                        /* events staged since the last one began */
    uint64_t commands;                     /* next_command when the last one began; UINT64_MAX: it has to be made again */
    uint64_t loaded_event, loaded_outcome; /* the end positions of the one that was loaded: states may be that new */
    bool clear;                            /* the next one starts from nothing */
    bool closing;                          /* the one under way began when the engine stopped: there is none after it */
    int64_t again_us;                      /* not 0: the last one failed; for room alone, none before then */
} weiri_lane_checkpoint;

/* Opens DIR/checkpoint; what is damaged, or no environment, is deleted and made anew. Errors: IO. */
WEIR_MUST_USE weir_status weiri_checkpoints_open(
    const char *dir, weiri_log *log, uint64_t fingerprint, weiri_checkpoints **ret_checkpoints, weir_error *err);
void weiri_checkpoints_close(weiri_checkpoints *checkpoints); /* NULL is fine */
WEIR_MUST_USE weir_status weiri_checkpoints_start(weiri_checkpoints *checkpoints);
void weiri_checkpoints_stop(weiri_checkpoints *checkpoints); /* writes what it has */
/* One turn of the writer: the slices that wait. True: there were some. Thread: the writer's, or its caller's if it was never started. */
bool weiri_checkpoints_turn(weiri_checkpoints *checkpoints);
uint64_t weiri_checkpoints_fingerprint(const weiri_checkpoints *checkpoints);

/* One lane at a time: false: another has it; it raises `wake` of all who asked when it gives it back. */
bool weiri_checkpoints_claim(weiri_checkpoints *checkpoints, uint32_t partition, weiri_signal *wake);
void weiri_checkpoints_release(weiri_checkpoints *checkpoints, uint32_t partition);
void weiri_checkpoints_write(weiri_checkpoints *checkpoints, weiri_slice *slice);
/* The same by the calling thread, which has the claim: all slices of a checkpoint, before weiri_checkpoints_start. */
void weiri_checkpoints_write_here(weiri_checkpoints *checkpoints, weiri_slice *slice);

/* Looks rows up in a partition's newest checkpoint, which must be one that this process has loaded or written. Thread: one. */
typedef struct weiri_checkpoint_finder {
    void *txn; /* LMDB's; NULL: none yet */
    bool active;
} weiri_checkpoint_finder; /* zero-initialise */
/* The value is borrowed until rest. Errors: NOT_FOUND, CORRUPT, IO. */
WEIR_MUST_USE weir_status weiri_checkpoints_find(
    weiri_checkpoints *checkpoints, weiri_checkpoint_finder *finder, uint32_t partition, weiri_bytes key, weiri_bytes *ret_value);
/* Lets go of what was read, so that the file's pages can be used again; the next find sees the newest checkpoint. */
void weiri_checkpoint_finder_rest(weiri_checkpoint_finder *finder);
void weiri_checkpoint_finder_fini(weiri_checkpoint_finder *finder);

/* Loads a partition's rows, if there is a checkpoint that fits this log, module and window: *ret_found. `row` is called for each row
 * but M; what it returns, if not OK, ends the loading as not found (then what it was given so far is worth nothing). Thread: any. */
typedef weir_status weiri_checkpoint_row_fn(void *user, weiri_bytes key, weiri_bytes value);
void weiri_checkpoints_load(weiri_checkpoints *checkpoints, uint32_t partition, uint32_t window, weiri_checkpoint_row_fn *row, void *user,
    weiri_checkpoint_meta *ret_meta, bool *ret_found);

#endif
