/* SPDX-License-Identifier: Apache-2.0
 * The embedded log as the local copy of a log elsewhere: what says that it is one, and how far it has followed. Marks are there from
 * the beginning, so that `meta` has as many entries as its identity says. */
#include <string.h>
#include "base/assert.h"
#include "base/hash.h"
#include "log/embedded/internal.h"

enum { KEY_SIZE = 8 };

static void
mark_key(uint8_t key[KEY_SIZE], uint32_t partition)
{
    memcpy(key, "mark", 4);
    for (int i = 0; i < 4; i++)
        key[4 + i] = (uint8_t)(partition >> (24 - 8 * i));
}

int
weiri_embedded_mark_put(weiri_embedded *e, MDB_txn *txn, uint32_t partition, weiri_bytes mark)
{
    uint8_t key[KEY_SIZE], value[4 + WEIRI_MARK_MOST];
    MDB_val k = { sizeof key, key }, v = { 4 + mark.size, value };

    weiri_assert(mark.size <= WEIRI_MARK_MOST);
    const uint32_t crc = weiri_crc32c(0, mark.data, mark.size);
    memcpy(value, &crc, sizeof crc);
    if (mark.size > 0)
        memcpy(value + sizeof crc, mark.data, mark.size);
    mark_key(key, partition);
    return mdb_put(txn, e->meta, &k, &v, 0);
}

int
weiri_embedded_copy_make(weiri_embedded *e, MDB_txn *txn, uint32_t partitions)
{
    MDB_val k = { 4, (void *)(uintptr_t) "kind" }, v = { 4, (void *)(uintptr_t) "copy" };

    int rc = mdb_put(txn, e->meta, &k, &v, 0);
    for (uint32_t p = 0; rc == 0 && p < partitions; p++)
        rc = weiri_embedded_mark_put(e, txn, p, (weiri_bytes){ "", 0 });
    return rc;
}

weir_status
weiri_embedded_mark(weiri_log *log, uint32_t partition, weiri_buffer *to, weir_error *err)
{
    weiri_embedded_snapshot snapshot;
    weiri_buffer value = { 0 };
    uint8_t key[KEY_SIZE];
    uint32_t crc = 0;

    mark_key(key, partition);
    weiri_buffer_clear(to);
    weir_status status = weiri_embedded_snapshot_begin((weiri_embedded *)log, &snapshot, err);
    if (status != WEIR_OK)
        return status;
    status = weiri_embedded_meta_get(&snapshot.pages, key, sizeof key, &value, err);
    weiri_embedded_snapshot_end(&snapshot);
    if (status == WEIR_OK && value.size >= sizeof crc) {
        memcpy(&crc, value.data, sizeof crc);
        weiri_buffer_add(to, value.data + sizeof crc, value.size - sizeof crc);
    }
    if (status == WEIR_NOT_FOUND || (status == WEIR_OK && (value.size < sizeof crc || crc != weiri_crc32c(0, to->data, to->size))))
        status = weiri_error_set(err, WEIR_CORRUPT, "partition %u: the mark of the local copy is damaged", partition);
    else if (status != WEIR_OK)
        (void)weiri_error_prefix(err, "partition %u: reading its mark", partition);
    weiri_buffer_fini(&value);
    return status;
}

weir_status
weiri_embedded_copy_check(weiri_embedded *e, const weiri_embedded_config *config, const weiri_pages *pages, uint64_t id, weir_error *err)
{
    weiri_buffer kind = { 0 };

    weir_status status = weiri_embedded_meta_get(pages, "kind", 4, &kind, err);
    const bool known = status == WEIR_NOT_FOUND || weiri_bytes_are(weiri_buffer_bytes(&kind), "copy");
    weiri_buffer_fini(&kind);
    if (status != WEIR_OK && status != WEIR_NOT_FOUND)
        return weiri_error_prefix(err, "reading what kind of log it is");
    if (!known)
        return weiri_error_set(err, WEIR_INVALID, "%s holds a kind of log that this weir doesn't know", e->dir);
    e->copy = status == WEIR_OK;
    if (e->copy && config->copy_of == 0 && !e->read_only)
        return weiri_error_set(err, WEIR_INVALID,
            "%s holds the local copy of a log on Kafka; it can be read, but commands go to that log (setting log=kafka)", e->dir);
    if (!e->copy && config->copy_of != 0)
        return weiri_error_set(err, WEIR_INVALID,
            "%s holds a log of its own, not the local copy of one on Kafka: choose another directory, or bring it there with `weir copy`",
            e->dir);
    if (config->copy_of != 0 && config->copy_of != id)
        return weiri_error_set(err, WEIR_INVALID,
            "%s holds a copy of log %016llx, and the log on Kafka is %016llx: choose another directory, or remove %s/log to fetch it anew",
            e->dir, (unsigned long long)id, (unsigned long long)config->copy_of, e->dir);
    return WEIR_OK;
}

bool
weiri_embedded_is_copy(const weiri_log *log)
{
    return ((const weiri_embedded *)log)->copy;
}
