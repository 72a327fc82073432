/* SPDX-License-Identifier: Apache-2.0
 * The record batch, format 1: all records of one append to one topic-partition, as they lie on disk. docs/formats/log.md is
 * the page of this format. All integers little-endian; a batch may lie at any address. Thread: any.
 *
 *   offset size
 *        0    4  magic "WRB1"                        40   8  next_command
 *        4    4  crc: CRC32C of all behind it        48   8  time_ms of the append
 *        8    4  previous_crc: of the batch before   56   4  size, all of it
 *       12    4  count of records                    60   4  partition
 *       16    8  base_offset                         64   1  topic
 *       24    8  first_source                        65   7  zero
 *       32    8  last_source                         72      count x u32: where each record begins, from the first one's
 *                                                            start; then the records, one behind the other */
#ifndef WEIRI_LOG_BATCH_H
#define WEIRI_LOG_BATCH_H

#include <assert.h>
#include <stddef.h>
#include "log/log.h"

enum { WEIRI_LOG_FORMAT = 1, WEIRI_LOG_BATCH_MAGIC = 0x31425257 };

typedef struct weiri_log_batch_header {
    uint32_t magic, crc, previous_crc, count;
    uint64_t base_offset, first_source, last_source, next_command;
    int64_t time_ms;
    uint32_t size, partition;
    uint8_t topic, zero[7];
} weiri_log_batch_header;

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the header is copied as it stands");
static_assert(sizeof(weiri_log_batch_header) == 72, "format 1");
static_assert(offsetof(weiri_log_batch_header, crc) == 4, "format 1");
static_assert(offsetof(weiri_log_batch_header, previous_crc) == 8, "format 1");
static_assert(offsetof(weiri_log_batch_header, count) == 12, "format 1");
static_assert(offsetof(weiri_log_batch_header, base_offset) == 16, "format 1");
static_assert(offsetof(weiri_log_batch_header, first_source) == 24, "format 1");
static_assert(offsetof(weiri_log_batch_header, last_source) == 32, "format 1");
static_assert(offsetof(weiri_log_batch_header, next_command) == 40, "format 1");
static_assert(offsetof(weiri_log_batch_header, time_ms) == 48, "format 1");
static_assert(offsetof(weiri_log_batch_header, size) == 56, "format 1");
static_assert(offsetof(weiri_log_batch_header, partition) == 60, "format 1");
static_assert(offsetof(weiri_log_batch_header, topic) == 64, "format 1");

/* Bytes that weiri_log_batch_write will write. */
size_t weiri_log_batch_size(const weiri_staged *staged);

/* Writes the batch of `append` for `topic`, chained to `previous_crc`. Returns its checksum. */
uint32_t weiri_log_batch_write(const weiri_append *append, weiri_topic topic, uint32_t previous_crc, void *to);

/* Reads the header and checks that it is a batch, of this topic-partition, of this size. Errors: CORRUPT; `err` says what is
 * wrong and not where. */
WEIR_MUST_USE weir_status weiri_log_batch_open(
    weiri_bytes bytes, weiri_topic topic, uint32_t partition, weiri_log_batch_header *ret_header, weir_error *err);

/* The same, and the checksum of all of it. */
WEIR_MUST_USE weir_status weiri_log_batch_check(
    weiri_bytes bytes, weiri_topic topic, uint32_t partition, weiri_log_batch_header *ret_header, weir_error *err);

/* The bytes of record `i` (below header->count) of an opened batch. Errors: CORRUPT (the table points outside). */
WEIR_MUST_USE weir_status weiri_log_batch_record(
    const uint8_t *batch, const weiri_log_batch_header *header, uint32_t i, weiri_bytes *ret_bytes);

#endif
