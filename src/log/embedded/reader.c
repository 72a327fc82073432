/* SPDX-License-Identifier: Apache-2.0
 * Reading: whole batches are copied out of the file in one short transaction, and checked after it has ended, so that no
 * reader pins pages. The transaction holds the pages; they are read and checked by pages.h, never by LMDB, which does not survive
 * damaged ones. Nothing at or above the published end is read. Thread: any. */
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

/* ---- snapshots ------------------------------------------------------------------------------------------- */

int
weiri_embedded_begin_read(weiri_embedded *e, MDB_txn **ret_txn)
{
    return mdb_txn_begin(atomic_load(&e->reading), NULL, MDB_RDONLY, ret_txn);
}

/* LMDB holds the pages of a transaction for its reader, but not the meta page: two commits later it is of another. */
weir_status
weiri_embedded_snapshot_begin(weiri_embedded *e, weiri_embedded_snapshot *snapshot, weir_error *err)
{
    enum { TRIES = 1000 };
    weir_status status = WEIR_NOT_FOUND;
    MDB_txn *txn = NULL;
    mdb_filehandle_t fd;

    for (int i = 0; status == WEIR_NOT_FOUND && i < TRIES; i++) {
        int rc = weiri_embedded_begin_read(e, &txn);
        if (rc == 0)
            rc = mdb_env_get_fd(mdb_txn_env(txn), &fd);
        if (rc != 0) {
            status = weiri_error_set(err, rc == ENOMEM ? WEIR_NO_MEMORY : WEIR_IO, "reading: %s", mdb_strerror(rc));
        } else {
            status = weiri_pages_open_transaction(fd, mdb_txn_id(txn), &snapshot->pages, err);
        }
        if (status != WEIR_OK) {
            mdb_txn_abort(txn);
            txn = NULL;
        }
    }
    if (status == WEIR_NOT_FOUND)
        return weiri_error_set(err, WEIR_CORRUPT, "data.mdb has no meta page of its newest transaction");
    snapshot->txn = txn;
    return status;
}

void
weiri_embedded_snapshot_end(weiri_embedded_snapshot *snapshot)
{
    mdb_txn_abort(snapshot->txn);
    snapshot->txn = NULL;
}

/* A snapshot with a cursor on the batches. Ends it itself on error. */
static weir_status
begin(weiri_embedded *e, weiri_embedded_snapshot *snapshot, weiri_page_cursor *cursor, weir_error *err)
{
    weiri_page_tree batches;

    weir_status status = weiri_embedded_snapshot_begin(e, snapshot, err);
    if (status != WEIR_OK)
        return status;
    status = weiri_pages_named(&snapshot->pages, "batches", &batches, err);
    if (status == WEIR_OK)
        weiri_page_cursor_init(cursor, &snapshot->pages, &batches);
    else
        weiri_embedded_snapshot_end(snapshot);
    return status;
}

static void
end(weiri_embedded_snapshot *snapshot, weiri_page_cursor *cursor)
{
    weiri_page_cursor_fini(cursor);
    weiri_embedded_snapshot_end(snapshot);
}

bool
weiri_embedded_at_place(const weiri_page_cursor *cursor, weiri_topic topic, uint32_t partition, uint64_t *ret_base)
{
    weiri_bytes key = weiri_page_cursor_key(cursor);
    unsigned found_topic;
    uint32_t found_partition;

    if (key.size != WEIRI_EMBEDDED_KEY_SIZE)
        return false;
    weiri_embedded_key_read(key.data, &found_topic, &found_partition, ret_base);
    return found_topic == (unsigned)topic && found_partition == partition;
}

weir_status
weiri_embedded_seek(weiri_page_cursor *cursor, weiri_topic topic, uint32_t partition, uint64_t offset, weir_error *err)
{
    uint8_t wanted[WEIRI_EMBEDDED_KEY_SIZE];
    uint64_t base;

    weiri_embedded_key_write(wanted, topic, partition, offset);
    weir_status status = weiri_page_cursor_last_to(cursor, (weiri_bytes){ wanted, sizeof wanted }, err);
    if (status == WEIR_OK && !weiri_embedded_at_place(cursor, topic, partition, &base))
        status = weiri_error_set(err, WEIR_NOT_FOUND, "no batch of it");
    return status;
}

weir_status
weiri_embedded_batch_header(
    const weiri_page_cursor *cursor, weiri_topic topic, uint32_t partition, weiri_log_batch_header *ret_header, weir_error *err)
{
    weiri_buffer begins = { 0 };

    weir_status status = weiri_page_cursor_copy(cursor, sizeof *ret_header, &begins, err);
    if (status == WEIR_OK)
        status = weiri_log_batch_open((weiri_bytes){ begins.data, weiri_page_cursor_size(cursor) }, topic, partition, ret_header, err);
    weiri_buffer_fini(&begins);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------------------- */

static weir_status
missing(weir_error *err, weiri_topic topic, uint32_t partition, uint64_t offset)
{
    (void)weiri_error_set(err, WEIR_CORRUPT, "no batch holds it, though the log goes further");
    return weiri_embedded_where(err, WEIR_CORRUPT, topic, partition, offset);
}

/* Copies batches as they are, from the one that may hold `offset` on. Their sizes agree with what their pages say, so the copy can
 * be walked; nothing else is known of them. What can't be read ends the copy, and is an error if nothing was copied. */
static weir_status
copy_batches(weiri_embedded *e, weiri_topic topic, uint32_t partition, uint64_t offset, uint64_t below, weiri_buffer *to, weir_error *err)
{
    weiri_embedded_snapshot snapshot;
    weiri_page_cursor cursor;
    uint64_t base = 0;

    weir_status status = begin(e, &snapshot, &cursor, err);
    if (status != WEIR_OK)
        return status;
    status = weiri_embedded_seek(&cursor, topic, partition, offset, err);
    while (status == WEIR_OK) {
        weiri_log_batch_header header;
        size_t before = to->size, size = weiri_page_cursor_size(&cursor);
        if (before > 0 && before + size > WEIRI_EMBEDDED_READ_MOST)
            break;
        status = weiri_page_cursor_copy(&cursor, size, to, err);
        if (status == WEIR_OK)
            status = weiri_log_batch_open((weiri_bytes){ to->data + before, size }, topic, partition, &header, err);
        if (status != WEIR_OK) {
            to->size = before;
            break;
        }
        status = weiri_page_cursor_next(&cursor, err);
        if (status == WEIR_OK && (!weiri_embedded_at_place(&cursor, topic, partition, &base) || base >= below))
            break;
    }
    end(&snapshot, &cursor);
    return to->size > 0 ? WEIR_OK : status;
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
    weir_status status = copy_batches(e, topic, partition, offset, below, &chunk->bytes, &unread);
    if (status == WEIR_OK)
        return check_batches(chunk, topic, partition, offset, err);
    if (status == WEIR_NOT_FOUND)
        return missing(err, topic, partition, offset);
    (void)weiri_error_set(err, status, "%s", unread.text);
    return weiri_embedded_where(err, status, topic, partition, offset);
}

weir_status
weiri_embedded_checksum(weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, uint32_t *ret_checksum, weir_error *err)
{
    weiri_embedded *e = (weiri_embedded *)log;
    weiri_embedded_snapshot snapshot;
    weiri_page_cursor cursor;
    weiri_log_batch_header header;

    if (offset == 0) {
        *ret_checksum = 0;
        return WEIR_OK;
    }
    uint64_t log_end = atomic_load(&e->shared[partition].ends[topic]);
    if (offset > log_end) {
        (void)weiri_error_set(err, WEIR_NOT_FOUND, "the log ends at %llu", (unsigned long long)log_end);
        return weiri_embedded_where(err, WEIR_NOT_FOUND, topic, partition, offset);
    }
    weir_status status = begin(e, &snapshot, &cursor, err);
    if (status == WEIR_OK) {
        status = weiri_embedded_seek(&cursor, topic, partition, offset - 1, err);
        if (status == WEIR_OK)
            status = weiri_embedded_batch_header(&cursor, topic, partition, &header, err);
        end(&snapshot, &cursor);
    }
    if (status == WEIR_NOT_FOUND || (status == WEIR_OK && offset - 1 - header.base_offset >= header.count))
        return missing(err, topic, partition, offset - 1);
    if (status != WEIR_OK)
        return weiri_embedded_where(err, status, topic, partition, offset - 1);
    *ret_checksum = header.crc;
    return WEIR_OK;
}

weir_status
weiri_embedded_refresh(weiri_log *log, weir_error *err)
{
    weiri_embedded *e = (weiri_embedded *)log;
    weiri_embedded_snapshot snapshot;
    weiri_embedded_vector vector;
    bool moved = false;

    if (!e->read_only)
        return WEIR_OK; /* the committer publishes */
    weir_status status = weiri_embedded_snapshot_begin(e, &snapshot, err);
    if (status != WEIR_OK)
        return status;
    for (uint32_t p = 0; status == WEIR_OK && p < e->log.identity.partitions; p++) {
        status = weiri_embedded_vector_get(&snapshot.pages, p, &vector, err);
        if (status == WEIR_OK)
            moved |= weiri_embedded_publish(e, p, &vector);
    }
    weiri_embedded_snapshot_end(&snapshot);
    if (moved)
        weiri_signal_raise(&e->log.moved);
    return status;
}

typedef struct oldest {
    size_t txn_id; /* SIZE_MAX: nobody reads */
    int64_t pid;
} oldest;

/* One line of LMDB's list of readers, "pid thread txnid", keeps the lowest id that is in use. */
static int
note_reader(const char *line, void *user)
{
    oldest *o = user;
    size_t txn_id, thread;
    long pid;

    if (sscanf(line, "%ld %zx %zu", &pid, &thread, &txn_id) == 3 && txn_id < o->txn_id)
        *o = (oldest){ txn_id, pid };
    return 0;
}

/* When the first commit was that `txn_id` can't see, as far back as the moments go; `now`: there was none. */
static int64_t
passed_at(const weiri_embedded *e, size_t txn_id, int64_t now)
{
    size_t kept = e->moments_n < WEIRI_EMBEDDED_MOMENTS ? e->moments_n : WEIRI_EMBEDDED_MOMENTS;

    for (size_t i = e->moments_n - kept; i < e->moments_n; i++) {
        const weiri_embedded_moment *moment = &e->moments[i % WEIRI_EMBEDDED_MOMENTS];
        if (moment->txn_id > txn_id)
            return moment->at_us;
    }
    return now;
}

int64_t
weiri_embedded_oldest_reader_ms(weiri_embedded *e, int64_t *ret_pid)
{
    oldest o = { .txn_id = SIZE_MAX };
    int64_t now = e->world->monotonic_us(e->world), since = now;
    int dead;

    (void)mdb_reader_check(e->env, &dead);
    (void)mdb_reader_list(e->env, note_reader, &o);
    weiri_lock_take(&e->lock);
    if (o.txn_id != SIZE_MAX)
        since = passed_at(e, o.txn_id, now);
    /* The moments go back some seconds: one that was seen before is remembered from then on. */
    if (since < now && o.txn_id == e->pinned_txn && e->pinned_since_us < since)
        since = e->pinned_since_us;
    e->pinned_txn = since < now ? o.txn_id : 0;
    e->pinned_since_us = since;
    weiri_lock_give(&e->lock);
    *ret_pid = since < now ? o.pid : 0;
    return (now - since) / 1000;
}
