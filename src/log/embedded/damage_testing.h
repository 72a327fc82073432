/* SPDX-License-Identifier: Apache-2.0
 * For tests: opening the embedded log, and changing what is stored behind its back, through LMDB. Linked into tests only. */
#ifndef DAMAGE_TESTING_H
#define DAMAGE_TESTING_H

#include <lmdb.h>
#include "log/embedded/embedded.h"
#include "log/log_testing.h"

weir_status damage_try_open(const char *dir, bool read_only, weiri_log **ret_log, weir_error *err);
weiri_log *damage_open(const char *dir); /* it must work */
/* Opens DIR/log with LMDB itself, in a write transaction on sub-database `name`; damage_end commits. */
MDB_txn *damage_begin(const char *dir, const char *name, MDB_dbi *ret_dbi);
void damage_end(MDB_txn *txn);
/* Changes the value of one key; `change` gets a copy. NULL: removes it. */
void damage_value(const char *dir, const char *name, const void *key, size_t key_size, void (*change)(uint8_t *value, size_t size));
void damage_batch(const char *dir, weiri_topic topic, uint32_t partition, uint64_t base, void (*change)(uint8_t *value, size_t size));

/* Verifies the log in `dir` and gives what was found, one line each. Free with weiri_buffer_fini. */
void damage_verify(const char *dir, weiri_buffer *ret_found, weiri_verify_report *ret_report);

#endif
