/* SPDX-License-Identifier: Apache-2.0
 * What one process sees of the cluster's log: as many appends of each partition as have come to it. Any thread. */
#include "log/shared_testing_inside.h"

static int
which_of(weiri_topic topic)
{
    return topic == WEIRI_TOPIC_EVENTS ? 0 : topic == WEIRI_TOPIC_OUTCOMES ? 1 : -1;
}

static uint64_t
end_of(const double_log *d, uint32_t partition, int which)
{
    size_t seen = d->parts[partition].seen;

    return seen == 0 ? 0 : d->cluster->parts[partition].batches[seen - 1]->end[which];
}

uint64_t
testing_copy_end(weiri_log *log, weiri_topic topic, uint32_t partition)
{
    double_log *d = (double_log *)log;

    if (which_of(topic) < 0)
        return 0;
    weiri_lock_take(&d->cluster->lock);
    uint64_t end = end_of(d, partition, which_of(topic));
    weiri_lock_give(&d->cluster->lock);
    return end;
}

uint64_t
testing_copy_next_command(weiri_log *log, uint32_t partition)
{
    double_log *d = (double_log *)log;

    weiri_lock_take(&d->cluster->lock);
    size_t seen = d->parts[partition].seen;
    uint64_t next = seen == 0 ? 0 : d->cluster->parts[partition].batches[seen - 1]->next_command;
    weiri_lock_give(&d->cluster->lock);
    return next;
}

/* With the lock: the number of the batch that holds `offset`, which is below the end. */
static size_t
batch_of(const double_log *d, uint32_t partition, int which, uint64_t offset)
{
    stored_batch *const *batches = d->cluster->parts[partition].batches;
    size_t low = 0, high = d->parts[partition].seen - 1;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (batches[middle]->end[which] > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

weir_status
testing_copy_read(weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, weiri_chunk *chunk, weir_error *err)
{
    double_log *d = (double_log *)log;
    const cluster_part *part = &d->cluster->parts[partition];
    int which = which_of(topic);

    (void)err;
    weiri_lock_take(&d->cluster->lock);
    if (which >= 0 && offset < end_of(d, partition, which)) {
        size_t i = batch_of(d, partition, which, offset);
        chunk->record_at = (uint32_t)(offset - part->batches[i]->base[which]);
        for (; i < d->parts[partition].seen && chunk->bytes.size < (64 << 10); i++) {
            weiri_buffer_add_bytes(&chunk->bytes, weiri_buffer_bytes(&part->batches[i]->bytes[which]));
            chunk->next_offset = part->batches[i]->end[which];
        }
    }
    weiri_lock_give(&d->cluster->lock);
    return WEIR_OK;
}

weir_status
testing_copy_checksum(weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, uint32_t *ret_checksum, weir_error *err)
{
    double_log *d = (double_log *)log;
    weir_status status = WEIR_OK;

    weiri_lock_take(&d->cluster->lock);
    if (offset > end_of(d, partition, which_of(topic)))
        status = weiri_error_set(err, WEIR_NOT_FOUND, "beyond the end");
    else if (offset == 0)
        *ret_checksum = 0;
    else
        *ret_checksum = d->cluster->parts[partition].batches[batch_of(d, partition, which_of(topic), offset - 1)]->crc[which_of(topic)];
    weiri_lock_give(&d->cluster->lock);
    return status;
}
