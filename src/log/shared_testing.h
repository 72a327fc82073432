/* SPDX-License-Identifier: Apache-2.0
 * For tests of what runs on a shared log: a cluster in memory, and the logs of several processes over it. Positions of commands
 * have gaps; commands that are sent get lost, are stored though nobody says so, and come twice; appends end unknown, stored or
 * not; partitions change hands with the old owner still at work, which is then fenced. Linked into tests only. */
#ifndef SHARED_TESTING_H
#define SHARED_TESTING_H

#include "log/log.h"
#include "log/shared.h"

typedef struct testing_cluster testing_cluster;

/* In 1,000. */
typedef struct testing_faults {
    unsigned append_lost, append_kept;                 /* its writer hears TIMEOUT; it isn't stored, or is */
    unsigned send_refused, send_lost, send_kept;       /* BUSY; TIMEOUT and not stored; TIMEOUT and stored */
    unsigned send_twice, send_nowhere, send_told_late; /* stored twice; OK without an offset; reported after what follows it */
} testing_faults;

testing_cluster *testing_cluster_new(uint32_t partitions, uint64_t seed);
void testing_cluster_free(testing_cluster *cluster); /* after all its logs are closed */
void testing_cluster_faults(testing_cluster *cluster, const testing_faults *faults);
/* The log of one more process. */
weiri_log *testing_cluster_open(testing_cluster *cluster);

/* The partition is `to`'s from now on (NULL: nobody's). Whoever has it is told first, and may take a moment to release it. */
void testing_cluster_assign(testing_cluster *cluster, uint32_t partition, weiri_log *to);
/* A process that stands still: nothing of what it has handed to its log happens before it goes on. */
void testing_cluster_freeze(weiri_log *log, bool frozen);
/* Holds back its appends alone, from the next one on; how many wait. */
void testing_cluster_hold(weiri_log *log, bool held);
unsigned testing_cluster_held(weiri_log *log);
/* Stores a command as a foreign producer would; returns its position. `flaw` NULL: as it is. */
uint64_t testing_cluster_put(testing_cluster *cluster, uint32_t partition, const weiri_record *record, const weiri_flaw *flaw);
/* Random below `n`. Thread: any. */
unsigned testing_cluster_random(testing_cluster *cluster, unsigned n);

typedef struct testing_cluster_counts {
    uint64_t commands, appends, unknown, fenced, claims; /* commands: stored, with those twice */
} testing_cluster_counts;
testing_cluster_counts testing_cluster_count(testing_cluster *cluster);
/* Positions of all commands stored in a partition, in order; gives *ret_positions for weiri_release. */
size_t testing_cluster_commands(testing_cluster *cluster, uint32_t partition, uint64_t **ret_positions);

#endif
