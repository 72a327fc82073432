/* SPDX-License-Identifier: Apache-2.0
 * For tests on a shared log: all outcomes that a log holds, read without a lane, and what clients were told beside them. Fails the
 * test at the first contradiction. Linked into tests only. */
#ifndef SHARED_ORACLE_H
#define SHARED_ORACLE_H

#include "command/lane_testing.h"
#include "log/shared_testing.h"

/* What a client heard in the end about one command. */
typedef struct testing_told {
    char id[24], counter[16], code[32], text[160];
    weir_status status;
    bool repeated;
    uint32_t partition, events;
    uint64_t source, version, events_offset;
} testing_told;
void testing_told_keep(testing_told *told, const testing_answer *answer);

/* One outcome in the log. */
typedef struct testing_outcome {
    uint32_t partition, events;
    uint64_t source, version, events_offset, original;
    char type[24], code[32], text[160], id[48], key[16];
    char source_name[16];
    uint64_t sequence;
} testing_outcome;

typedef struct testing_oracle {
    testing_outcome *all; /* by partition and source */
    size_t n, room;
    uint64_t repeats, malformed;
} testing_oracle; /* zero-initialise */

/* Each command of the cluster has one outcome; versions of a key have no gap; an id is carried out once. */
void testing_oracle_read(testing_oracle *oracle, weiri_log *log, testing_cluster *cluster);
void testing_oracle_compare(const testing_oracle *oracle, const testing_told *told, size_t n);
/* The source's sequences 1 to `n` were each carried out once. */
void testing_oracle_once(const testing_oracle *oracle, const char *source, uint64_t n);
void testing_oracle_fini(testing_oracle *oracle);

#endif
