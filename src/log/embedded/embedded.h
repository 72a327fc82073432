/* SPDX-License-Identifier: Apache-2.0
 * Opening the embedded engine of the log: one LMDB environment in a directory. docs/formats/log.md is its format.
 * Threads: one committer of its own; lanes append, anybody reads. */
#ifndef WEIRI_EMBEDDED_H
#define WEIRI_EMBEDDED_H

#include <stdatomic.h>
#include "base/world.h"
#include "log/log.h"

typedef struct weiri_embedded_config {
    const char *dir;        /* the data directory: holds lock, log/, ... ; made if it isn't there and not read_only */
    const char *module;     /* must equal the log's; NULL, read_only: whatever it is */
    uint32_t partitions;    /* for a new log; 0: 4. An old log keeps its own; another number given is refused */
    uint64_t copy_of;       /* the id of a log elsewhere, whose local copy this is; 0: a log of its own */
    bool read_only;         /* reads the log of a running engine (or of none) from this process; takes no lock */
    bool anyway;            /* with read_only: opens whatever can be read of it, for weiri_log_verify */
    uint64_t reserve_bytes; /* free space that is never touched; 0: 256 MiB */
    const weiri_world *world;
} weiri_embedded_config;

/* A local copy is made with the id it is given, and refused to whoever gives another. It holds events and outcomes, and no commands:
 * the end of its commands is its next_command. It is written only by who gives its id; for reading it is a log like any.
 * Errors: INVALID (in use: by which pid and command line; another module's; a newer format; another P; not writable),
 * NOT_FOUND (read_only and no log), IO, CORRUPT. Durable: on return everything that can be read is. */
WEIR_MUST_USE weir_status weiri_embedded_open(const weiri_embedded_config *config, weiri_log **ret_log, weir_error *err);

bool weiri_embedded_is_copy(const weiri_log *log); /* a local copy of a log elsewhere */
/* The mark that the last append with one left in a partition of a local copy; empty: none yet. Errors: CORRUPT, IO. */
WEIR_MUST_USE weir_status weiri_embedded_mark(weiri_log *log, uint32_t partition, weiri_buffer *to, weir_error *err);

/* How far weiri_log_verify is. May lie in memory shared with a process that watches over the one that reads. */
typedef struct weiri_verify_place {
    _Atomic uint64_t steps; /* rises as long as it gets on */
    char where[112];        /* "events, partition 1, offset 20": what is being read; "" at first */
} weiri_verify_place;

typedef struct weiri_verify_report {
    uint64_t batches, records[WEIRI_TOPICS], bytes, damaged;
    uint64_t aggregates; /* (aggregate, key) pairs seen */
} weiri_verify_report;
/* Reads the whole log: checksums, chains, offsets, versions, previous-event references, and that nothing is missing between them
 * and the recorded ends. Calls `found` for each fault in words (topic, partition, offset first). `place`: NULL, or is kept
 * up to date. OK when it could be read to the end, faults or not. */
WEIR_MUST_USE weir_status weiri_log_verify(weiri_log *log, void (*found)(void *user, const char *words), void *user,
    weiri_verify_place *place, weiri_verify_report *ret_report, weir_error *err);

#endif
