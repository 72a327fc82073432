/* SPDX-License-Identifier: Apache-2.0
 * The hashes weir uses, each for one thing: murmur2 chooses partitions (as Kafka's Java client does), CRC32C guards
 * bytes on disk, XXH3 finds things in memory. Thread: any. */
#ifndef WEIRI_HASH_H
#define WEIRI_HASH_H

#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"

/* Kafka's murmur2 (org.apache.kafka.common.utils.Utils.murmur2), seed 0x9747b28c. */
uint32_t weiri_murmur2(const void *data, size_t size);

/* The partition of a record key: (murmur2 & 0x7fffffff) mod partitions, as Kafka's default partitioner. */
uint32_t weiri_partition_of(weiri_bytes key, uint32_t partitions);

/* CRC32C (Castagnoli, RFC 3720), continued from `crc`: begin with 0. */
uint32_t weiri_crc32c(uint32_t crc, const void *data, size_t size);

uint64_t weiri_hash64(uint64_t seed, const void *data, size_t size);

#endif
