/* SPDX-License-Identifier: Apache-2.0
 * What writing checkpoints (checkpoint.c) and reading them (checkpoint_load.c) share. */
#ifndef WEIRI_CHECKPOINT_INSIDE_H
#define WEIRI_CHECKPOINT_INSIDE_H

#include <lmdb.h>
#include "base/mailbox.h"
#include "command/checkpoint.h"

struct weiri_checkpoints {
    weiri_log *log;
    uint64_t fingerprint;
    uint32_t partitions;
    MDB_env *env;
    MDB_dbi *tables;
    weiri_lock lock;
    bool claimed; /* guarded by lock, with the next two */
    uint32_t claimed_by;
    weiri_signal **waiting; /* by partition: whom to wake when the claim is given back */
    weiri_mailbox slices;   /* pointers */
    weiri_signal arrived;
    _Atomic bool ending;
    weiri_thread thread;
    weiri_buffer items; /* the writer's, with the next two: slices taken */
    MDB_txn *txn;
    weiri_buffer value;
};

uint32_t weiri_checkpoint_row_crc(weiri_bytes key, weiri_bytes value);
/* The identity of a position: the checksum of the batch that holds the record before it. */
WEIR_MUST_USE weir_status weiri_checkpoint_position_crc(
    weiri_checkpoints *checkpoints, weiri_topic topic, uint32_t partition, uint64_t offset, uint32_t *ret_crc);
uint64_t weiri_checkpoint_meta_checksum(const weiri_checkpoint_meta *meta);

#endif
