/* SPDX-License-Identifier: Apache-2.0
 * Checkpoints in LMDB. The writer thread owns the one write transaction, which lives from a checkpoint's first slice to its last;
 * loading uses read transactions of its own. A claim (guarded by the lock) keeps two lanes from writing at once. */
#include "command/checkpoint_inside.h"
#include "base/assert.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mailbox.h"
#include "base/memory.h"
#include "log/embedded/pages.h"
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCK_ROOM = 16 << 10 }; /* of LMDB's table of readers, 126 of 64 bytes and what stands before them: it is mapped */

size_t
weiri_checkpoint_row_begin(weiri_buffer *rows, weiri_bytes key)
{
    size_t begun = rows->size;
    uint32_t head[2] = { (uint32_t)key.size, 0 };

    weiri_buffer_add(rows, head, sizeof head);
    weiri_buffer_add_bytes(rows, key);
    return begun;
}

void
weiri_checkpoint_row_end(weiri_buffer *rows, size_t begun)
{
    uint32_t head[2];

    memcpy(head, rows->data + begun, sizeof head);
    head[1] = (uint32_t)(rows->size - begun - sizeof head - head[0]);
    memcpy(rows->data + begun, head, sizeof head);
}

static weir_status
failed(weir_error *err, const char *what, int code)
{
    return weiri_error_set(err, WEIR_IO, "checkpoint: %s: %s", what, mdb_strerror(code));
}

static void
abandon(weiri_checkpoints *c)
{
    mdb_txn_abort(c->txn);
    c->txn = NULL;
}

/* ---- opening -------------------------------------------------------------------------------------------- */

static int
open_environment(weiri_checkpoints *c, const char *path)
{
    int code = mdb_env_create(&c->env);

    if (code != 0)
        return code;
    (void)mdb_env_set_maxdbs(c->env, c->partitions);
    for (size_t size = (size_t)1 << 40;; size /= 2) { /* a sanitizer's or a container's address space may be smaller */
        code = mdb_env_set_mapsize(c->env, size);
        if (code == 0)
            code = mdb_env_open(c->env, path, MDB_NORDAHEAD | MDB_NOMEMINIT | MDB_NOTLS, 0644);
        if (code != ENOMEM || size <= (size_t)1 << 30)
            break;
        mdb_env_close(c->env);
        c->env = NULL;
        code = mdb_env_create(&c->env);
        if (code != 0)
            return code;
        (void)mdb_env_set_maxdbs(c->env, c->partitions);
    }
    return code;
}

static int
open_tables(weiri_checkpoints *c)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(c->env, NULL, 0, &txn);

    for (uint32_t p = 0; code == 0 && p < c->partitions; p++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%u", p);
        code = mdb_dbi_open(txn, name, MDB_CREATE, &c->tables[p]);
        if (code != 0)
            mdb_txn_abort(txn);
    }
    return code == 0 ? mdb_txn_commit(txn) : code;
}

static int
open_both(weiri_checkpoints *c, const char *path)
{
    char file[4200];
    weir_error ignored;

    (void)snprintf(file, sizeof file, "%s/lock.mdb", path);
    int code = weiri_file_allocate(file, LOCK_ROOM, &ignored) == WEIR_OK ? open_environment(c, path) : ENOSPC;
    if (code == 0)
        code = open_tables(c);
    if (code != 0 && c->env != NULL) {
        mdb_env_close(c->env);
        c->env = NULL;
    }
    return code;
}

/* LMDB does not survive damaged pages, neither reading nor writing. The whole file is read at a start anyway, so each of its pages is
 * looked at first. */
static bool
is_sound(const char *path)
{
    weiri_page_meta metas[2] = { { .transaction = 0 } };
    weir_status status = WEIR_OK;
    weiri_pages pages;
    struct stat about;
    weir_error err;
    char file[4200];

    (void)snprintf(file, sizeof file, "%s/data.mdb", path);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0 || about.st_size == 0) {
        if (fd >= 0)
            (void)close(fd);
        return true; /* there is nothing to be damaged */
    }
    for (unsigned i = 0; i < 2 && status == WEIR_OK; i++)
        status = weiri_page_meta_read(fd, i, &metas[i], &err);
    if (status == WEIR_OK)
        status = weiri_pages_open(fd, &metas[metas[1].transaction > metas[0].transaction], &pages, &err);
    if (status == WEIR_OK)
        status = weiri_pages_check_all(&pages, &err);
    (void)close(fd);
    return status == WEIR_OK;
}

static void
remove_files(const char *path)
{
    static const char *const files[] = { "data.mdb", "lock.mdb" };
    char file[4200];

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        (void)snprintf(file, sizeof file, "%s/%s", path, files[i]);
        (void)unlink(file);
    }
}

weir_status
weiri_checkpoints_open(const char *dir, weiri_log *log, uint64_t fingerprint, weiri_checkpoints **ret_checkpoints, weir_error *err)
{
    char path[4096];

    (void)snprintf(path, sizeof path, "%s/checkpoint", dir);
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return weiri_error_set(err, WEIR_IO, "%s: %s", path, strerror(errno));
    weiri_checkpoints *c = weiri_allocate(sizeof *c);
    c->log = log;
    c->fingerprint = fingerprint;
    c->partitions = weiri_log_identity_of(log)->partitions;
    c->tables = weiri_allocate(c->partitions * sizeof *c->tables);
    c->waiting = weiri_allocate(c->partitions * sizeof(weiri_signal *));
    weiri_lock_init(&c->lock);
    weiri_signal_init(&c->arrived);
    weiri_mailbox_init(&c->slices, SIZE_MAX, SIZE_MAX, &c->arrived);
    if (!is_sound(path))
        remove_files(path);
    int code = open_both(c, path);
    if (code == MDB_INVALID || code == MDB_VERSION_MISMATCH || code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND ||
        code == MDB_INCOMPATIBLE || code == MDB_DBS_FULL) {
        remove_files(path);
        code = open_both(c, path);
    }
    if (code != 0) {
        weiri_checkpoints_close(c);
        return failed(err, path, code);
    }
    *ret_checkpoints = c;
    return WEIR_OK;
}

void
weiri_checkpoints_close(weiri_checkpoints *c)
{
    if (c == NULL)
        return;
    weiri_checkpoints_stop(c);
    abandon(c);
    if (c->env != NULL)
        mdb_env_close(c->env);
    weiri_mailbox_fini(&c->slices);
    weiri_signal_fini(&c->arrived);
    weiri_lock_fini(&c->lock);
    weiri_buffer_fini(&c->value);
    weiri_buffer_fini(&c->items);
    weiri_release(c->waiting);
    weiri_release(c->tables);
    weiri_release(c);
}

/* ---- writing -------------------------------------------------------------------------------------------- */

bool
weiri_checkpoints_claim(weiri_checkpoints *c, uint32_t partition, weiri_signal *wake)
{
    weiri_lock_take(&c->lock);
    bool got = !c->claimed;
    if (got) {
        c->claimed = true;
        c->claimed_by = partition;
    }
    c->waiting[partition] = got ? NULL : wake;
    weiri_lock_give(&c->lock);
    return got;
}

void
weiri_checkpoints_release(weiri_checkpoints *c, uint32_t partition)
{
    weiri_lock_take(&c->lock);
    weiri_assert(c->claimed && c->claimed_by == partition);
    c->claimed = false;
    for (uint32_t p = 0; p < c->partitions; p++)
        if (c->waiting[p] != NULL)
            weiri_signal_raise(c->waiting[p]);
    weiri_lock_give(&c->lock);
}

void
weiri_checkpoints_write(weiri_checkpoints *c, weiri_slice *slice)
{
    weiri_bytes piece = { &slice, sizeof slice };

    slice->failed = false;
    atomic_store(&slice->busy, true);
    weir_status sent = weiri_mailbox_send(&c->slices, &piece, 1, 0);
    weiri_assert(sent == WEIR_OK);
}

uint32_t
weiri_checkpoint_row_crc(weiri_bytes key, weiri_bytes value)
{
    return weiri_crc32c(weiri_crc32c(0, key.data, key.size), value.data, value.size);
}

static int
put_row(weiri_checkpoints *c, MDB_dbi table, weiri_bytes key, weiri_bytes value)
{
    MDB_val k = { key.size, (void *)(uintptr_t)key.data };
    uint32_t crc = weiri_checkpoint_row_crc(key, value);

    weiri_buffer_clear(&c->value);
    weiri_buffer_add_bytes(&c->value, value);
    weiri_buffer_add(&c->value, &crc, sizeof crc);
    MDB_val v = { c->value.size, c->value.data };
    return mdb_put(c->txn, table, &k, &v, 0);
}

static int
put_rows(weiri_checkpoints *c, const weiri_slice *slice)
{
    const uint8_t *at = slice->rows.data, *end = at + slice->rows.size;
    int code = 0;

    while (code == 0 && at < end) {
        uint32_t head[2];
        memcpy(head, at, sizeof head);
        at += sizeof head;
        code = put_row(c, c->tables[slice->partition], (weiri_bytes){ at, head[0] }, (weiri_bytes){ at + head[0], head[1] });
        at += (size_t)head[0] + head[1];
    }
    return code;
}

weir_status
weiri_checkpoint_position_crc(weiri_checkpoints *c, weiri_topic topic, uint32_t partition, uint64_t offset, uint32_t *ret_crc)
{
    weir_error err;

    return weiri_log_checksum(c->log, topic, partition, offset, ret_crc, &err);
}

uint64_t
weiri_checkpoint_meta_checksum(const weiri_checkpoint_meta *meta)
{
    return weiri_hash64(0, meta, offsetof(weiri_checkpoint_meta, checksum));
}

static int
put_meta(weiri_checkpoints *c, weiri_slice *slice)
{
    weiri_checkpoint_meta *meta = &slice->meta;

    if (weiri_checkpoint_position_crc(c, WEIRI_TOPIC_EVENTS, slice->partition, meta->end_event, &meta->crc_event) != WEIR_OK ||
        weiri_checkpoint_position_crc(c, WEIRI_TOPIC_OUTCOMES, slice->partition, meta->end_outcome, &meta->crc_outcome) != WEIR_OK)
        return EIO;
    meta->checksum = weiri_checkpoint_meta_checksum(meta);
    return put_row(c, c->tables[slice->partition], weiri_bytes_of("M"), (weiri_bytes){ meta, sizeof *meta });
}

static int
write_slice(weiri_checkpoints *c, weiri_slice *slice)
{
    int code = 0;

    if (slice->first) {
        weiri_assert(c->txn == NULL);
        code = mdb_txn_begin(c->env, NULL, 0, &c->txn);
        if (code == 0 && slice->clear)
            code = mdb_drop(c->txn, c->tables[slice->partition], 0);
    }
    if (code == 0)
        code = slice->abandon ? ECANCELED : put_rows(c, slice);
    if (code == 0 && slice->last) {
        code = put_meta(c, slice);
        if (code == 0) {
            code = mdb_txn_commit(c->txn);
            c->txn = NULL;
        }
    }
    if (code != 0)
        abandon(c);
    return code;
}

void
weiri_checkpoints_write_here(weiri_checkpoints *c, weiri_slice *slice)
{
    slice->failed = write_slice(c, slice) != 0;
}

bool
weiri_checkpoints_turn(weiri_checkpoints *c)
{
    weiri_bytes item;
    size_t at = 0, n = weiri_mailbox_take(&c->slices, &c->items);

    while (weiri_mailbox_next(&c->items, &at, &item)) {
        weiri_slice *slice;
        memcpy(&slice, item.data, sizeof slice);
        slice->failed = write_slice(c, slice) != 0;
        atomic_store(&slice->busy, false);
        weiri_signal_raise(slice->wake);
    }
    weiri_buffer_clear(&c->items);
    return n > 0;
}

static void
write_all(void *argument)
{
    weiri_checkpoints *c = argument;

    for (;;) {
        uint64_t seen = weiri_signal_count(&c->arrived);
        bool ending = atomic_load(&c->ending);
        if (weiri_checkpoints_turn(c))
            continue;
        if (ending)
            break;
        (void)weiri_signal_wait(&c->arrived, seen, -1);
    }
    abandon(c); /* LMDB wants it on the thread that began it */
}

weir_status
weiri_checkpoints_start(weiri_checkpoints *c)
{
    return weiri_thread_start(&c->thread, "checkpoint", write_all, c);
}

void
weiri_checkpoints_stop(weiri_checkpoints *c)
{
    atomic_store(&c->ending, true);
    weiri_signal_raise(&c->arrived);
    weiri_thread_join(&c->thread);
}

uint64_t
weiri_checkpoints_fingerprint(const weiri_checkpoints *c)
{
    return c->fingerprint;
}
