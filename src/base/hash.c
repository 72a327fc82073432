/* SPDX-License-Identifier: Apache-2.0
 * murmur2 as Kafka has it; CRC32C by ISA-L; XXH3 by xxHash. Thread: any. */
#include "base/hash.h"
#include <isa-l/crc.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

uint32_t
weiri_murmur2(const void *data, size_t size)
{
    const uint32_t m = 0x5bd1e995;
    const uint8_t *p = data;
    uint32_t h = 0x9747b28cu ^ (uint32_t)size;

    for (; size >= 4; p += 4, size -= 4) {
        uint32_t k = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        k *= m;
        k ^= k >> 24;
        h = h * m ^ k * m;
    }
    if (size == 3)
        h ^= (uint32_t)p[2] << 16;
    if (size >= 2)
        h ^= (uint32_t)p[1] << 8;
    if (size >= 1)
        h = (h ^ p[0]) * m;
    h ^= h >> 13;
    h *= m;
    return h ^ h >> 15;
}

uint32_t
weiri_partition_of(weiri_bytes key, uint32_t partitions)
{
    return (weiri_murmur2(key.data, key.size) & 0x7fffffffu) % partitions;
}

uint32_t
weiri_crc32c(uint32_t crc, const void *data, size_t size)
{
    /* ISA-L neither inverts the start nor the end; it takes no const and an int for the length. */
    uint8_t *p = (uint8_t *)(uintptr_t)data;
    const size_t most = 1u << 30;

    crc = ~crc;
    for (; size > most; p += most, size -= most)
        crc = crc32_iscsi(p, (int)most, crc);
    return ~crc32_iscsi(p, (int)size, crc);
}

uint64_t
weiri_hash64(uint64_t seed, const void *data, size_t size)
{
    return XXH3_64bits_withSeed(data, size, seed);
}
