/* SPDX-License-Identifier: Apache-2.0
 * A batch as it lies in the log, read as it is and with size and checksum made to fit, so that its table and records are reached: each record
 * lies in the batch, offsets count up from its base, and the first that can't be read ends it. The records that can be read make a batch
 * that reads the same. */
#include "log/batch.h"
#include "base/hash.h"
#include "fuzz.h"

enum { PARTITION = 3 };

static bool
records_equal(const weiri_record *a, const weiri_record *b)
{
    size_t size = weiri_record_size(a);
    bool equal = size == weiri_record_size(b);
    uint8_t *of_a = malloc(size), *of_b = malloc(size);

    weiri_assert(of_a != NULL && of_b != NULL);
    if (equal) {
        weiri_record_write(a, of_a);
        weiri_record_write(b, of_b);
        equal = memcmp(of_a, of_b, size) == 0;
    }
    free(of_a);
    free(of_b);
    return equal;
}

static void
write_again(const weiri_staged *staged, const weiri_log_batch_header *like)
{
    weiri_append append = { .partition = PARTITION, .topics[WEIRI_TOPIC_EVENTS] = *staged, .base[WEIRI_TOPIC_EVENTS] = like->base_offset };
    size_t size = weiri_log_batch_size(staged);
    weiri_chunk chunk = { 0 };
    weiri_log_batch_header header;
    weiri_record record, original;
    uint64_t offset;
    weir_status status;
    weir_error err;

    uint32_t crc = weiri_log_batch_write(&append, WEIRI_TOPIC_EVENTS, like->previous_crc, weiri_buffer_extend(&chunk.bytes, size));
    status = weiri_log_batch_check(weiri_buffer_bytes(&chunk.bytes), WEIRI_TOPIC_EVENTS, PARTITION, &header, &err);
    weiri_assert(status == WEIR_OK && header.crc == crc && header.count == staged->count);
    for (uint32_t i = 0; i < staged->count; i++) {
        uint32_t start;
        memcpy(&start, staged->starts.data + i * sizeof start, sizeof start);
        bool more = weiri_chunk_next(&chunk, &record, &offset, &status);
        weiri_assert(more && status == WEIR_OK && offset == like->base_offset + i);
        status = weiri_record_read((weiri_bytes){ staged->bytes.data + start, staged->bytes.size - start }, &original);
        weiri_assert(status == WEIR_OK && records_equal(&record, &original));
    }
    weiri_assert(!weiri_chunk_next(&chunk, &record, &offset, &status) && status == WEIR_OK);
    weiri_chunk_fini(&chunk);
}

/* Two batches behind each other, as a read may give them. */
static void
walk(weiri_bytes batch, const weiri_log_batch_header *header)
{
    weiri_chunk chunk = { 0 };
    weiri_staged staged = { 0 };
    weiri_record record;
    uint64_t offset, seen = 0;
    weir_status status;

    weiri_buffer_add_bytes(&chunk.bytes, batch);
    weiri_buffer_add_bytes(&chunk.bytes, batch);
    while (weiri_chunk_next(&chunk, &record, &offset, &status)) {
        weiri_assert(offset == header->base_offset + seen % header->count);
        seen++;
        if (status == WEIR_OK && staged.count < header->count)
            weiri_staged_add(&staged, &record);
        if (status != WEIR_OK) {
            weiri_assert(status == WEIR_CORRUPT && seen <= header->count && record.type.size == 0);
            break;
        }
    }
    weiri_assert(status == WEIR_OK ? seen == 2 * (uint64_t)header->count : !weiri_chunk_next(&chunk, &record, &offset, &status));
    if (staged.count > 0)
        write_again(&staged, header);
    weiri_staged_fini(&staged);
    weiri_chunk_fini(&chunk);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weiri_log_batch_header header = { .count = 42 };
    weir_error err;

    weir_status status = weiri_log_batch_check((weiri_bytes){ data, size }, WEIRI_TOPIC_EVENTS, PARTITION, &header, &err);
    if (status != WEIR_OK) {
        fuzz_said(status, &err);
        weiri_assert(status == WEIR_CORRUPT && header.count == 42);
    }
    if (size < sizeof header)
        return 0;
    uint8_t *batch = malloc(size);
    weiri_assert(batch != NULL);
    memcpy(batch, data, size);
    memcpy(&header, data, sizeof header);
    header.magic = WEIRI_LOG_BATCH_MAGIC;
    header.size = (uint32_t)size;
    header.topic = WEIRI_TOPIC_EVENTS;
    header.partition = PARTITION;
    memcpy(batch, &header, sizeof header);
    enum { CRC_FROM = offsetof(weiri_log_batch_header, previous_crc) };
    header.crc = weiri_crc32c(0, batch + CRC_FROM, size - CRC_FROM);
    memcpy(batch, &header, sizeof header);
    status = weiri_log_batch_check((weiri_bytes){ batch, size }, WEIRI_TOPIC_EVENTS, PARTITION, &header, &err);
    if (status == WEIR_OK)
        walk((weiri_bytes){ batch, size }, &header);
    else
        weiri_assert(header.count == 0 || header.count > (size - sizeof header) / sizeof(uint32_t));
    free(batch);
    return 0;
}
