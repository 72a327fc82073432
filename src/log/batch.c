/* SPDX-License-Identifier: Apache-2.0
 * Writing and checking record batches. Nothing here trusts what it reads: sizes are checked before they are used. */
#include "log/batch.h"
#include "base/assert.h"
#include "base/hash.h"

enum { CRC_FROM = offsetof(weiri_log_batch_header, previous_crc) };

size_t
weiri_log_batch_size(const weiri_staged *staged)
{
    return sizeof(weiri_log_batch_header) + staged->starts.size + staged->bytes.size;
}

uint32_t
weiri_log_batch_write(const weiri_append *append, weiri_topic topic, uint32_t previous_crc, void *to)
{
    const weiri_staged *staged = &append->topics[topic];
    size_t size = weiri_log_batch_size(staged);
    uint8_t *at = to;
    weiri_log_batch_header header = {
        .magic = WEIRI_LOG_BATCH_MAGIC,
        .previous_crc = previous_crc,
        .count = staged->count,
        .base_offset = append->base[topic],
        .first_source = append->first_source,
        .last_source = append->last_source,
        .next_command = append->next_command,
        .time_ms = append->time_ms,
        .size = (uint32_t)size,
        .partition = append->partition,
        .topic = (uint8_t)topic,
    };

    weiri_assert(size <= UINT32_MAX && staged->count > 0);
    header.crc = weiri_crc32c(0, (const uint8_t *)&header + CRC_FROM, sizeof header - CRC_FROM);
    header.crc = weiri_crc32c(header.crc, staged->starts.data, staged->starts.size);
    header.crc = weiri_crc32c(header.crc, staged->bytes.data, staged->bytes.size);
    memcpy(at, &header, sizeof header);
    at += sizeof header;
    memcpy(at, staged->starts.data, staged->starts.size);
    at += staged->starts.size;
    memcpy(at, staged->bytes.data, staged->bytes.size);
    return header.crc;
}

weir_status
weiri_log_batch_open(weiri_bytes bytes, weiri_topic topic, uint32_t partition, weiri_log_batch_header *ret_header, weir_error *err)
{
    weiri_log_batch_header header;

    if (bytes.size < sizeof header)
        return weiri_error_set(err, WEIR_CORRUPT, "%zu bytes are too few for a batch", bytes.size);
    memcpy(&header, bytes.data, sizeof header);
    if (header.magic != WEIRI_LOG_BATCH_MAGIC)
        return weiri_error_set(err, WEIR_CORRUPT, "no batch begins with %08x", header.magic);
    if (header.size != bytes.size)
        return weiri_error_set(err, WEIR_CORRUPT, "the batch says %u bytes and has %zu", header.size, bytes.size);
    if (header.count == 0 || header.count > (bytes.size - sizeof header) / sizeof(uint32_t))
        return weiri_error_set(err, WEIR_CORRUPT, "%u records don't fit in %zu bytes", header.count, bytes.size);
    if (header.topic != (uint8_t)topic || header.partition != partition)
        return weiri_error_set(err, WEIR_CORRUPT, "the batch belongs to topic %u, partition %u", header.topic, header.partition);
    *ret_header = header;
    return WEIR_OK;
}

weir_status
weiri_log_batch_check(weiri_bytes bytes, weiri_topic topic, uint32_t partition, weiri_log_batch_header *ret_header, weir_error *err)
{
    weiri_log_batch_header header;

    weir_status status = weiri_log_batch_open(bytes, topic, partition, &header, err);
    if (status != WEIR_OK)
        return status;
    uint32_t crc = weiri_crc32c(0, (const uint8_t *)bytes.data + CRC_FROM, bytes.size - CRC_FROM);
    if (crc != header.crc)
        return weiri_error_set(err, WEIR_CORRUPT, "the batch's checksum is %08x, its bytes give %08x", header.crc, crc);
    *ret_header = header;
    return WEIR_OK;
}

weir_status
weiri_log_batch_record(const uint8_t *batch, const weiri_log_batch_header *header, uint32_t i, weiri_bytes *ret_bytes)
{
    const uint8_t *table = batch + sizeof *header;
    const uint8_t *records = table + (size_t)header->count * sizeof(uint32_t);
    uint32_t room = header->size - (uint32_t)(records - batch);
    uint32_t start, end = room;

    weiri_assert(i < header->count);
    memcpy(&start, table + (size_t)i * sizeof start, sizeof start);
    if (i + 1 < header->count)
        memcpy(&end, table + (size_t)(i + 1) * sizeof end, sizeof end);
    if (start > end || end > room)
        return WEIR_CORRUPT;
    *ret_bytes = (weiri_bytes){ records + start, end - start };
    return WEIR_OK;
}
