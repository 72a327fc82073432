/* SPDX-License-Identifier: Apache-2.0
 * The log's contract: dispatch to an engine, and what all engines share: topic names, staging records, walking a chunk. */
#include "log/log.h"
#include "base/assert.h"
#include "log/batch.h"
#include "log/shared.h"

const char *
weiri_topic_name(weiri_topic topic)
{
    static const char *const names[WEIRI_TOPICS] = { "commands", "events", "outcomes", "dead-letters", "schemas" };

    weiri_assert((unsigned)topic < WEIRI_TOPICS);
    return names[topic];
}

void
weiri_staged_add(weiri_staged *staged, const weiri_record *record)
{
    size_t size = weiri_record_size(record);
    uint32_t start = (uint32_t)staged->bytes.size;

    weiri_assert(staged->bytes.size + size <= UINT32_MAX / 2);
    weiri_buffer_add(&staged->starts, &start, sizeof start);
    weiri_record_write(record, weiri_buffer_extend(&staged->bytes, size));
    staged->count++;
}

void
weiri_staged_clear(weiri_staged *staged)
{
    weiri_buffer_clear(&staged->bytes);
    weiri_buffer_clear(&staged->starts);
    staged->count = 0;
}

void
weiri_staged_fini(weiri_staged *staged)
{
    weiri_buffer_fini(&staged->bytes);
    weiri_buffer_fini(&staged->starts);
    staged->count = 0;
}

bool
weiri_chunk_next(weiri_chunk *chunk, weiri_record *ret_record, uint64_t *ret_offset, weir_status *ret_status)
{
    weiri_log_batch_header header;
    weiri_bytes bytes;

    *ret_status = chunk->status;
    if (chunk->status != WEIR_OK || chunk->batch_at == chunk->bytes.size)
        return false;
    const uint8_t *batch = chunk->bytes.data + chunk->batch_at;
    memcpy(&header, batch, sizeof header);
    *ret_offset = header.base_offset + chunk->record_at;
    weir_status status = weiri_log_batch_record(batch, &header, chunk->record_at, &bytes);
    if (status == WEIR_OK)
        status = weiri_record_read(bytes, ret_record);
    if (status != WEIR_OK) {
        *ret_record = (weiri_record){ 0 };
        chunk->status = *ret_status = WEIR_CORRUPT;
        return true;
    }
    if (++chunk->record_at == header.count) {
        chunk->batch_at += header.size;
        chunk->record_at = 0;
    }
    return true;
}

void
weiri_chunk_fini(weiri_chunk *chunk)
{
    weiri_buffer_fini(&chunk->bytes);
    *chunk = (weiri_chunk){ 0 };
}

void
weiri_log_append(weiri_log *log, weiri_append *append)
{
    weiri_assert(append->partition < log->identity.partitions);
    log->ops->append(log, append);
}

const weiri_log_identity *
weiri_log_identity_of(const weiri_log *log)
{
    return &log->identity;
}

uint64_t
weiri_log_end(weiri_log *log, weiri_topic topic, uint32_t partition)
{
    weiri_assert((unsigned)topic < WEIRI_TOPICS && partition < log->identity.partitions);
    return log->ops->end(log, topic, partition);
}

uint64_t
weiri_log_next_command(weiri_log *log, uint32_t partition)
{
    weiri_assert(partition < log->identity.partitions);
    return log->ops->next_command(log, partition);
}

weiri_signal *
weiri_log_moved(weiri_log *log)
{
    return &log->moved;
}

weir_status
weiri_log_refresh(weiri_log *log, weir_error *err)
{
    return log->ops->refresh(log, err);
}

weir_status
weiri_log_state(weiri_log *log, weir_error *err)
{
    return log->ops->state(log, err);
}

weir_status
weiri_log_read(weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, weiri_chunk *chunk, weir_error *err)
{
    weiri_assert((unsigned)topic < WEIRI_TOPICS && partition < log->identity.partitions);
    weiri_buffer_clear(&chunk->bytes);
    chunk->next_offset = offset;
    chunk->batch_at = 0;
    chunk->record_at = 0;
    chunk->status = WEIR_OK;
    return log->ops->read(log, topic, partition, offset, chunk, err);
}

weir_status
weiri_log_checksum(weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, uint32_t *ret_checksum, weir_error *err)
{
    weiri_assert((unsigned)topic < WEIRI_TOPICS && partition < log->identity.partitions);
    return log->ops->checksum(log, topic, partition, offset, ret_checksum, err);
}

void
weiri_log_metrics_get(weiri_log *log, weiri_log_metrics *ret_metrics)
{
    log->ops->metrics(log, ret_metrics);
}

void
weiri_log_close(weiri_log *log)
{
    if (log != NULL)
        log->ops->close(log);
}

/* ---- for engines ------------------------------------------------------------------------------------------ */

void
weiri_appends_push(weiri_appends *appends, weiri_append *append)
{
    append->next = atomic_load_explicit(&appends->newest, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&appends->newest, &append->next, append, memory_order_release, memory_order_relaxed))
        ;
}

weiri_append *
weiri_appends_take(weiri_appends *appends)
{
    weiri_append *a = atomic_exchange_explicit(&appends->newest, NULL, memory_order_acquire), *oldest = NULL;

    while (a != NULL) {
        weiri_append *next = a->next;
        a->next = oldest;
        oldest = a;
        a = next;
    }
    return oldest;
}

/* ---- a log shared by several processes -------------------------------------------------------------------- */

bool
weiri_log_shared(const weiri_log *log)
{
    return log->shared != NULL;
}

weir_status
weiri_log_join(weiri_log *log, const weiri_log_lanes *lanes, weir_error *err)
{
    return log->shared->join(log, lanes, err);
}

void
weiri_log_claim(weiri_log *log, uint32_t partition)
{
    log->shared->claim(log, partition);
}

void
weiri_log_serve(weiri_log *log, uint32_t partition, uint64_t from_command)
{
    log->shared->serve(log, partition, from_command);
}

void
weiri_log_release(weiri_log *log, uint32_t partition)
{
    log->shared->release(log, partition);
}

void
weiri_log_leave(weiri_log *log)
{
    log->shared->leave(log);
}

weir_status
weiri_log_followed(weiri_log *log, weir_error *err)
{
    return log->shared->followed(log, err);
}

weir_status
weiri_log_send(weiri_log *log, uint32_t partition, const weiri_record *command, weiri_sent_fn *done, void *user, weir_error *err)
{
    weiri_assert(partition < log->identity.partitions);
    return log->shared->send(log, partition, command, done, user, err);
}
