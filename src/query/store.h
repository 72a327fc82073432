/* SPDX-License-Identifier: Apache-2.0
 * The contract of a view's store: the author's tables, and beside them the position that they stand at, always changed
 * in one transaction. sqlite/ is one; another database is another table of functions over the same view file.
 * Threads: one writer at a time (whoever holds the view); `read`, `dump` and `letters`: any thread, also while the writer writes. */
#ifndef WEIRI_STORE_H
#define WEIRI_STORE_H

#include "query/query.h"
#include "query/view_file.h"

/* Where a view stands in one partition of the events. */
typedef struct weiri_position {
    uint64_t next_offset; /* of the first event not yet seen */
    uint64_t source;      /* of the last record seen, with its index */
    uint32_t index;
    uint32_t checksum; /* of the log up to the last record seen: tells another log's position from this one's */
    uint64_t reached;  /* source + 1 of the last command all of whose events are in; 0: none */
    uint64_t outcomes; /* of the first outcome in which no discarded letter was looked for */
} weiri_position;

typedef struct weiri_store_config {
    const weiri_view_file *file; /* borrowed, checked */
    const char *path;            /* NULL: in memory, on the writer's thread alone */
    uint64_t log_id;
    uint32_t partitions;
    const weiri_world *world;
    uint32_t query_ms, result_rows;
} weiri_store_config;

typedef struct weiri_read {
    const char *sql; /* values as ?1 ?2 ... */
    const weiri_value *values;
    size_t n;
} weiri_read;

typedef struct weiri_store weiri_store;

typedef struct weiri_store_ops {
    weir_status (*positions)(weiri_store *store, weiri_position *ret_positions, weir_error *err);

    /* Writing. Errors of all: INVALID (the data: a constraint, a type), IO, CORRUPT, NO_MEMORY (the database: nothing has moved). */
    weir_status (*begin)(weiri_store *store, weir_error *err);
    weir_status (*mark)(weiri_store *store, weir_error *err); /* a point to go back to within the transaction; replaces the last */
    weir_status (*back)(weiri_store *store, weir_error *err); /* to the mark */
    weir_status (*run)(weiri_store *store, size_t statement, const weiri_value *values, size_t n, uint64_t *ret_rows, weir_error *err);
    weir_status (*save)(weiri_store *store, uint32_t partition, const weiri_position *position, weir_error *err);
    /* Letters: `put` replaces what it has of that event. */
    weir_status (*put)(weiri_store *store, const weiri_letter *letter, weir_error *err);
    weir_status (*drop)(weiri_store *store, uint32_t partition, uint64_t source, uint32_t index, weir_error *err);
    weir_status (*commit)(weiri_store *store, weir_error *err);
    void (*rollback)(weiri_store *store); /* fine when there is no transaction */

    /* Runs one statement that only reads, and the position, in one transaction. Owns: gives *ret_result.
     * Errors: TIMEOUT, INVALID (too many rows, or the database's words), BUSY, IO, CORRUPT. */
    weir_status (*read)(weiri_store *store, const weiri_read *read, weiri_result **ret_result, weir_error *err);
    weir_status (*dump)(weiri_store *store, weiri_buffer *to, weir_error *err);
    /* By key, those of one key in the order of the log. `writer`: as its transaction has them, on its thread. */
    weir_status (*letters)(
        weiri_store *store, bool writer, const weiri_letters_asked *asked, weiri_letter_fn *each, void *user, weir_error *err);
    void (*close)(weiri_store *store); /* nobody else is in it */
} weiri_store_ops;

struct weiri_store { /* the first member of each store's own struct */
    const weiri_store_ops *ops;
};

#endif
