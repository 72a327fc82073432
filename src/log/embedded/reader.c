/* SPDX-License-Identifier: Apache-2.0
 * Reading: whole batches are copied out of the map in one short transaction, and checked after it has ended, so that no
 * reader pins pages. Nothing at or above the published end is read. Thread: any. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/assert.h"
#include "log/embedded/internal.h"

weir_status
weiri_embedded_where(weir_error *err, weir_status status, weiri_topic topic, uint32_t partition, uint64_t offset)
{
    weiri_error_prefix(err, "%s, partition %u, offset %llu", weiri_topic_name(topic), partition, (unsigned long long)offset);
    return status;
}

static bool
same_place(const MDB_val *key, const uint8_t *wanted)
{
    return key->mv_size == WEIRI_EMBEDDED_KEY_SIZE && memcmp(key->mv_data, wanted, 5) == 0;
}

int
weiri_embedded_seek(MDB_cursor *cursor, weiri_topic topic, uint32_t partition, uint64_t offset, MDB_val *ret_value)
{
    uint8_t wanted[WEIRI_EMBEDDED_KEY_SIZE];
    MDB_val k = { sizeof wanted, wanted };

    weiri_embedded_key_write(wanted, topic, partition, offset);
    int rc = mdb_cursor_get(cursor, &k, ret_value, MDB_SET_RANGE);
    if (rc == 0 && k.mv_size == sizeof wanted && memcmp(k.mv_data, wanted, sizeof wanted) == 0)
        return 0;
    if (rc == 0)
        rc = mdb_cursor_get(cursor, &k, ret_value, MDB_PREV);
    else if (rc == MDB_NOTFOUND)
        rc = mdb_cursor_get(cursor, &k, ret_value, MDB_LAST);
    if (rc == 0 && !same_place(&k, wanted))
        rc = MDB_NOTFOUND;
    return rc;
}

static weir_status
missing(weir_error *err, weiri_topic topic, uint32_t partition, uint64_t offset)
{
    (void)weiri_error_set(err, WEIR_CORRUPT, "no batch holds it, though the log goes further");
    return weiri_embedded_where(err, WEIR_CORRUPT, topic, partition, offset);
}

static weir_status
read_failed(weir_error *err, weiri_topic topic, uint32_t partition, uint64_t offset, int rc)
{
    weir_status status = rc == ENOMEM ? WEIR_NO_MEMORY : WEIR_IO;

    (void)weiri_error_set(err, status, "reading: %s", mdb_strerror(rc));
    return weiri_embedded_where(err, status, topic, partition, offset);
}

int
weiri_embedded_begin_read(weiri_embedded *e, MDB_txn **ret_txn)
{
    return mdb_txn_begin(atomic_load(&e->reading), NULL, MDB_RDONLY, ret_txn);
}

/* A short read transaction with a cursor on the batches. Returns an LMDB error code; ends it itself on error. */
static int
begin(weiri_embedded *e, MDB_txn **ret_txn, MDB_cursor **ret_cursor)
{
    int rc = weiri_embedded_begin_read(e, ret_txn);

    if (rc == 0 && (rc = mdb_cursor_open(*ret_txn, e->batches, ret_cursor)) != 0)
        mdb_txn_abort(*ret_txn);
    return rc;
}

static void
end(MDB_txn *txn, MDB_cursor *cursor)
{
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
}

/* Copies batches as they are, from the one that may hold `offset` on. Their sizes agree with what LMDB says, so the copy can
 * be walked; nothing else is known of them. Returns an LMDB error code; a batch that can't be walked ends the copy. */
static int
copy_batches(weiri_embedded *e, weiri_topic topic, uint32_t partition, uint64_t offset, uint64_t below, weiri_buffer *to, weir_error *err)
{
    uint8_t place[WEIRI_EMBEDDED_KEY_SIZE];
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val k, v;
    unsigned ignored_topic;
    uint32_t ignored_partition;
    uint64_t base;

    int rc = begin(e, &txn, &cursor);
    if (rc != 0)
        return rc;
    weiri_embedded_key_write(place, topic, partition, 0);
    rc = weiri_embedded_seek(cursor, topic, partition, offset, &v);
    while (rc == 0) {
        weiri_log_batch_header header;
        if (weiri_log_batch_open((weiri_bytes){ v.mv_data, v.mv_size }, topic, partition, &header, err) != WEIR_OK)
            break;
        weiri_buffer_add(to, v.mv_data, v.mv_size);
        rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
        if (rc != 0 || !same_place(&k, place) || to->size + v.mv_size > WEIRI_EMBEDDED_READ_MOST)
            break;
        weiri_embedded_key_read(k.mv_data, &ignored_topic, &ignored_partition, &base);
        if (base >= below)
            break;
    }
    end(txn, cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Keeps the good batches that follow one another from `offset` on. Errors only if there is none. */
static weir_status
check_batches(weiri_chunk *chunk, weiri_topic topic, uint32_t partition, uint64_t offset, weir_error *err)
{
    weir_status status = WEIR_OK;
    uint64_t next = offset;
    size_t at = 0;

    while (at < chunk->bytes.size) {
        weiri_log_batch_header header;
        memcpy(&header, chunk->bytes.data + at, sizeof header);
        status = weiri_log_batch_check((weiri_bytes){ chunk->bytes.data + at, header.size }, topic, partition, &header, err);
        if (status != WEIR_OK)
            break;
        if (at == 0 ? header.base_offset > offset || offset - header.base_offset >= header.count : header.base_offset != next) {
            status = weiri_error_set(
                err, WEIR_CORRUPT, "no batch holds it; the nearest begins at %llu", (unsigned long long)header.base_offset);
            break;
        }
        if (at == 0)
            chunk->record_at = (uint32_t)(offset - header.base_offset);
        next = header.base_offset + header.count;
        at += header.size;
    }
    chunk->bytes.size = at;
    chunk->next_offset = next;
    if (status != WEIR_OK && at == 0)
        return weiri_embedded_where(err, status, topic, partition, offset);
    return WEIR_OK;
}

weir_status
weiri_embedded_read(weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, weiri_chunk *chunk, weir_error *err)
{
    weiri_embedded *e = (weiri_embedded *)log;
    uint64_t below = atomic_load(&e->shared[partition].ends[topic]);
    weir_error unread = { .status = WEIR_OK };

    if (offset >= below)
        return WEIR_OK;
    int rc = copy_batches(e, topic, partition, offset, below, &chunk->bytes, &unread);
    if (rc != 0)
        return read_failed(err, topic, partition, offset, rc);
    if (chunk->bytes.size > 0)
        return check_batches(chunk, topic, partition, offset, err);
    if (unread.status == WEIR_OK)
        return missing(err, topic, partition, offset);
    (void)weiri_error_set(err, WEIR_CORRUPT, "%s", unread.text);
    return weiri_embedded_where(err, WEIR_CORRUPT, topic, partition, offset);
}

weir_status
weiri_embedded_checksum(weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, uint32_t *ret_checksum, weir_error *err)
{
    weiri_embedded *e = (weiri_embedded *)log;
    weiri_log_batch_header header;
    weir_status status;
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val v;

    if (offset == 0) {
        *ret_checksum = 0;
        return WEIR_OK;
    }
    uint64_t log_end = atomic_load(&e->shared[partition].ends[topic]);
    if (offset > log_end) {
        (void)weiri_error_set(err, WEIR_NOT_FOUND, "the log ends at %llu", (unsigned long long)log_end);
        return weiri_embedded_where(err, WEIR_NOT_FOUND, topic, partition, offset);
    }
    int rc = begin(e, &txn, &cursor);
    if (rc != 0)
        return read_failed(err, topic, partition, offset, rc);
    rc = weiri_embedded_seek(cursor, topic, partition, offset - 1, &v);
    if (rc == MDB_NOTFOUND) {
        status = missing(err, topic, partition, offset - 1);
    } else if (rc != 0) {
        status = read_failed(err, topic, partition, offset - 1, rc);
    } else {
        status = weiri_log_batch_open((weiri_bytes){ v.mv_data, v.mv_size }, topic, partition, &header, err);
        if (status != WEIR_OK)
            status = weiri_embedded_where(err, status, topic, partition, offset - 1);
        else if (offset - 1 - header.base_offset >= header.count)
            status = missing(err, topic, partition, offset - 1);
        else
            *ret_checksum = header.crc;
    }
    end(txn, cursor);
    return status;
}

weir_status
weiri_embedded_refresh(weiri_log *log, weir_error *err)
{
    weiri_embedded *e = (weiri_embedded *)log;
    weiri_embedded_vector vector;
    weir_status status = WEIR_OK;
    bool moved = false;
    MDB_txn *txn;

    if (!e->read_only)
        return WEIR_OK; /* the committer publishes */
    int rc = weiri_embedded_begin_read(e, &txn);
    if (rc != 0)
        return weiri_error_set(err, WEIR_IO, "%s: reading: %s", e->dir, mdb_strerror(rc));
    for (uint32_t p = 0; status == WEIR_OK && p < e->log.identity.partitions; p++) {
        status = weiri_embedded_vector_get(e, txn, p, &vector, err);
        if (status == WEIR_OK)
            moved |= weiri_embedded_publish(e, p, &vector);
    }
    mdb_txn_abort(txn);
    if (moved)
        weiri_signal_raise(&e->log.moved);
    return status;
}

/* One line of LMDB's list of readers, "pid thread txnid", keeps the lowest id that is in use. */
static int
note_reader(const char *line, void *oldest)
{
    size_t *lowest = oldest, txn_id;
    long pid;
    size_t thread;

    if (sscanf(line, "%ld %zx %zu", &pid, &thread, &txn_id) == 3 && txn_id < *lowest)
        *lowest = txn_id;
    return 0;
}

int64_t
weiri_embedded_oldest_reader_ms(weiri_embedded *e)
{
    size_t lowest = SIZE_MAX;
    int64_t now = e->world->monotonic_us(e->world), since = now;
    int dead;

    (void)mdb_reader_check(e->env, &dead);
    (void)mdb_reader_list(e->env, note_reader, &lowest);
    weiri_lock_take(&e->lock);
    size_t kept = e->moments_n < WEIRI_EMBEDDED_MOMENTS ? e->moments_n : WEIRI_EMBEDDED_MOMENTS;
    for (size_t i = e->moments_n - kept; i < e->moments_n && lowest != SIZE_MAX; i++) {
        const weiri_embedded_moment *moment = &e->moments[i % WEIRI_EMBEDDED_MOMENTS];
        if (moment->txn_id > lowest) {
            since = moment->at_us;
            break;
        }
    }
    weiri_lock_give(&e->lock);
    return (now - since) / 1000;
}
