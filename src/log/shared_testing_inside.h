/* SPDX-License-Identifier: Apache-2.0
 * The cluster from inside, for shared_testing*.c alone. All of it is under the cluster's one lock, but for what is a thread's own;
 * nobody is called with it held. */
#ifndef SHARED_TESTING_INSIDE_H
#define SHARED_TESTING_INSIDE_H

#include <stdatomic.h>
#include "base/mailbox.h"
#include "log/shared_testing.h"

typedef struct stored_command {
    uint64_t offset;
    int64_t time_ms;
    weiri_flaw flaw;
    size_t size;
    uint8_t *bytes;
} stored_command;

typedef struct stored_batch { /* of one append: a batch in events, one in outcomes; empty: none */
    weiri_buffer bytes[2];
    uint64_t base[2], end[2], next_command;
    uint32_t crc[2]; /* of the last batch up to here */
} stored_batch;

typedef struct double_log double_log;

typedef struct cluster_part {
    stored_command *commands;
    size_t n_commands, commands_room;
    uint64_t next_offset;
    stored_batch **batches;
    size_t n_batches, batches_room;
    uint32_t epoch;
    double_log *owner; /* whom it was given to */
} cluster_part;

struct testing_cluster {
    weiri_lock lock;
    uint32_t partitions;
    uint64_t chance, id;
    int64_t time_ms;
    testing_faults faults;
    cluster_part *parts;
    testing_cluster_counts counts;
};

typedef struct log_part {
    size_t seen; /* batches of the cluster that the copy has */
    uint32_t epoch;
    bool given, serving, bringing, revoking;
    size_t next; /* command to bring */
} log_part;

typedef enum job_kind { GIVE, REVOKE, CLAIM, APPEND, SEND, REPORT } job_kind;

typedef struct job { /* then, for SEND, the record */
    job_kind kind;
    uint32_t partition;
    weiri_append *append;
    weiri_sent_fn *sent;
    void *user;
    weir_status status;
    uint64_t offset;
} job;

struct double_log {
    weiri_log log;
    testing_cluster *cluster;
    weiri_log_lanes lanes;
    log_part *parts;
    weiri_mailbox telling, doing;
    weiri_signal told, to_do;
    weiri_thread teller, doer;
    bool joined;
    _Atomic bool frozen, holding, ending;
    _Atomic unsigned held; /* appends that wait */
};

/* With the lock: */
unsigned testing_cluster_chance(testing_cluster *cluster, unsigned n);
uint64_t testing_cluster_store(testing_cluster *cluster, uint32_t partition, const weiri_record *record, const weiri_flaw *flaw);
/* An append as the topics and every copy hold it. */
void testing_cluster_commit(testing_cluster *cluster, const weiri_append *append);

/* shared_testing_copy.c: what a process sees of the log. */
uint64_t testing_copy_end(weiri_log *log, weiri_topic topic, uint32_t partition);
uint64_t testing_copy_next_command(weiri_log *log, uint32_t partition);
WEIR_MUST_USE weir_status testing_copy_read(
    weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, weiri_chunk *chunk, weir_error *err);
WEIR_MUST_USE weir_status testing_copy_checksum(
    weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, uint32_t *ret_checksum, weir_error *err);

#endif
