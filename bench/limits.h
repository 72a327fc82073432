/* SPDX-License-Identifier: Apache-2.0
 * The limits: what the same libraries do for the same bytes in a straight line, without weir. */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* Unpacks, finds, decides, packs, unpacks, evolves each of `commands` and appends command and event to LMDB, `batch` commands a
 * commit, from a second thread. Commands a second. `record_head`: bytes that weir's envelope adds to each of the two. */
double limit_commands(unsigned commands, unsigned batch, size_t record_head);

/* The median time of one commit of one small value: microseconds. */
double limit_commit_us(unsigned commits);

/* A log of `events`, a cursor over it, unpack and evolve of each: events a second. */
double limit_replay(unsigned events, unsigned batch, size_t record_head);

/* The same statement as the view's on a SQLite file, 10,000 rows a transaction: rows a second. */
double limit_view(unsigned rows);

/* Bytes that the straight-line loop's table needs an aggregate. */
double limit_aggregate_bytes(void);

#endif
