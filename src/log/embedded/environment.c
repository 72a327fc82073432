/* SPDX-License-Identifier: Apache-2.0
 * Opening the LMDB environment: the map, the two sub-databases, who the log is, and how far each partition is. What was
 * committed before is synced before any of it is read, since after a kill it may exist in the page cache alone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "log/embedded/internal.h"

/* LOCK_ROOM: of LMDB's table of readers, 64 bytes each and less than a page before them. It is mapped. */
enum { PATH_ROOM = 4096, READERS_MOST = 512, LOCK_ROOM = READERS_MOST * 64 + 4096, DEFAULT_PARTITIONS = 4 };
static const size_t map_most = (size_t)1 << 40, map_least = (size_t)1 << 26;
static const char magic[4] = { 'W', 'E', 'I', 'R' };

void
weiri_embedded_key_write(uint8_t key[WEIRI_EMBEDDED_KEY_SIZE], weiri_topic topic, uint32_t partition, uint64_t base_offset)
{
    key[0] = (uint8_t)topic;
    for (int i = 0; i < 4; i++)
        key[1 + i] = (uint8_t)(partition >> (24 - 8 * i));
    for (int i = 0; i < 8; i++)
        key[5 + i] = (uint8_t)(base_offset >> (56 - 8 * i));
}

void
weiri_embedded_key_read(const uint8_t key[WEIRI_EMBEDDED_KEY_SIZE], unsigned *ret_topic, uint32_t *ret_partition, uint64_t *ret_base)
{
    *ret_topic = key[0];
    *ret_partition = 0;
    *ret_base = 0;
    for (int i = 0; i < 4; i++)
        *ret_partition = *ret_partition << 8 | key[1 + i];
    for (int i = 0; i < 8; i++)
        *ret_base = *ret_base << 8 | key[5 + i];
}

static void
vector_key(uint8_t key[13], uint32_t partition)
{
    memcpy(key, "partition", 9);
    for (int i = 0; i < 4; i++)
        key[9 + i] = (uint8_t)(partition >> (24 - 8 * i));
}

int
weiri_embedded_vector_put(weiri_embedded *e, MDB_txn *txn, uint32_t partition, weiri_embedded_vector *vector)
{
    uint8_t key[13];
    MDB_val k = { sizeof key, key }, v = { sizeof *vector, vector };

    vector_key(key, partition);
    vector->crc = weiri_crc32c(0, vector, offsetof(weiri_embedded_vector, crc));
    return mdb_put(txn, e->meta, &k, &v, 0);
}

weir_status
weiri_embedded_vector_get(weiri_embedded *e, MDB_txn *txn, uint32_t partition, weiri_embedded_vector *ret_vector, weir_error *err)
{
    weiri_embedded_vector vector;
    uint8_t key[13];
    MDB_val k = { sizeof key, key }, v;

    vector_key(key, partition);
    int rc = mdb_get(txn, e->meta, &k, &v);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return weiri_error_set(err, WEIR_IO, "partition %u: reading its ends: %s", partition, mdb_strerror(rc));
    if (rc == MDB_NOTFOUND || v.mv_size != sizeof vector)
        return weiri_error_set(err, WEIR_CORRUPT, "partition %u: the record of its ends is missing or has another size", partition);
    memcpy(&vector, v.mv_data, sizeof vector);
    if (vector.crc != weiri_crc32c(0, &vector, offsetof(weiri_embedded_vector, crc)))
        return weiri_error_set(err, WEIR_CORRUPT, "partition %u: the record of its ends is damaged", partition);
    *ret_vector = vector;
    return WEIR_OK;
}

static weir_status
open_failed(const char *path, bool read_only, int rc, weir_error *err)
{
    if (rc == ENOENT && read_only)
        return weiri_error_set(err, WEIR_NOT_FOUND, "there is no log in %s", path);
    if (rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH || rc == MDB_CORRUPTED)
        return weiri_error_set(err, WEIR_CORRUPT, "%s/data.mdb is not a log: %s", path, mdb_strerror(rc));
    if (rc == EACCES || rc == EROFS || rc == EISDIR || rc == ENOTDIR)
        return weiri_error_set(err, WEIR_INVALID, "%s can't be opened: %s", path, mdb_strerror(rc));
    return weiri_error_set(err, WEIR_IO, "%s can't be opened: %s", path, mdb_strerror(rc));
}

/* The largest map that the address space takes. Returns an LMDB error code. */
static int
open_map(const char *path, unsigned flags, MDB_env **ret_env)
{
    int rc = ENOMEM;

    for (size_t map = map_most; rc == ENOMEM && map >= map_least; map /= 2) {
        MDB_env *env;
        if ((rc = mdb_env_create(&env)) != 0)
            break;
        if ((rc = mdb_env_set_maxdbs(env, 2)) == 0 && (rc = mdb_env_set_maxreaders(env, READERS_MOST)) == 0 &&
            (rc = mdb_env_set_mapsize(env, map)) == 0)
            rc = mdb_env_open(env, path, flags | MDB_NORDAHEAD | MDB_NOMEMINIT | MDB_NOTLS, 0666);
        if (rc == 0)
            *ret_env = env;
        else
            mdb_env_close(env);
    }
    return rc;
}

void
weiri_embedded_reopen(weiri_embedded *e)
{
    char path[PATH_ROOM];
    MDB_dbi batches, meta;
    MDB_txn *txn;

    int rc = mdb_txn_begin(e->env, NULL, MDB_RDONLY, &txn);
    if (rc == 0)
        mdb_txn_abort(txn);
    if (rc != MDB_PANIC || e->again != NULL)
        return;
    (void)snprintf(path, sizeof path, "%s/log", e->dir);
    if (open_map(path, MDB_RDONLY | MDB_NOLOCK, &e->again) != 0 || mdb_txn_begin(e->again, NULL, MDB_RDONLY, &txn) != 0)
        return; /* reading goes on answering IO */
    if (mdb_dbi_open(txn, "batches", 0, &batches) != 0 || mdb_dbi_open(txn, "meta", 0, &meta) != 0) {
        mdb_txn_abort(txn);
        return;
    }
    weiri_assert(batches == e->batches && meta == e->meta); /* handles are numbered as they are opened */
    if (mdb_txn_commit(txn) == 0)
        atomic_store(&e->reading, e->again);
}

/* Is it a file that nothing was ever committed to? Power may go while LMDB makes its two first pages, and leave one without the
 * other, which it then takes for no log at all, for ever. The first commit grows the file before it names a transaction:
 * a file of two pages, each empty or a meta page of transaction 0, holds nothing. Offsets: LMDB 0.9's MDB_page and MDB_meta. */
static bool
was_never_made(const char *path)
{
    enum { META_SIZE = 152, MAGIC_AT = 16, TRANSACTION_AT = 144 };
    static const uint8_t nothing[META_SIZE], lmdb[4] = { 0xde, 0xc0, 0xef, 0xbe };
    char name[PATH_ROOM + 16];
    struct stat about;
    off_t page_size = sysconf(_SC_PAGESIZE);

    (void)snprintf(name, sizeof name, "%s/data.mdb", path);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool never = fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0 && about.st_size <= 2 * page_size;
    for (off_t page = 0; never && page < 2; page++) {
        uint8_t meta[META_SIZE] = { 0 };
        never = pread(fd, meta, sizeof meta, page * page_size) >= 0 &&
                (memcmp(meta, nothing, sizeof meta) == 0 ||
                    (memcmp(meta + MAGIC_AT, lmdb, sizeof lmdb) == 0 && memcmp(meta + TRANSACTION_AT, nothing, 8) == 0));
    }
    (void)close(fd);
    return never;
}

/* Empties such a file, so that LMDB begins anew. The directory's lock is held. */
static weir_status
begin_anew(const char *path, weir_error *err)
{
    char name[PATH_ROOM + 16];

    (void)snprintf(name, sizeof name, "%s/data.mdb", path);
    if (truncate(name, 0) != 0)
        return weiri_error_set(err, WEIR_IO, "%s can't be begun anew: %s", name, strerror(errno));
    return WEIR_OK;
}

/* A read-only environment refuses mdb_env_sync, but the kernel syncs through any descriptor. */
static weir_status
sync_all(weiri_embedded *e, const char *path, weir_error *err)
{
    mdb_filehandle_t fd;
    int rc = mdb_env_get_fd(e->env, &fd);

    if (rc == 0 && e->read_only)
        rc = fdatasync(fd) == 0 || errno == EROFS || errno == EINVAL ? 0 : errno;
    else if (rc == 0)
        rc = mdb_env_sync(e->env, 1);
    if (rc != 0)
        return weiri_error_set(err, WEIR_IO, "%s can't be synced: %s", path, mdb_strerror(rc));
    return e->read_only ? WEIR_OK : weiri_directory_sync(path, err); /* the new file's name */
}

static weir_status
identity_make(weiri_embedded *e, const weiri_embedded_config *config, MDB_txn *txn, weir_error *err)
{
    MDB_val k = { 8, (void *)(uintptr_t) "identity" }, v;
    weiri_embedded_identity identity = { .format = WEIRI_LOG_FORMAT, .created_ms = e->world->time_ms(e->world) };
    weiri_embedded_vector empty = { 0 };
    int rc = 0;

    memcpy(identity.magic, magic, sizeof magic);
    identity.partitions = config->partitions == 0 ? DEFAULT_PARTITIONS : config->partitions;
    while (identity.id == 0)
        e->world->random_bytes(e->world, &identity.id, sizeof identity.id);
    (void)snprintf(identity.module, sizeof identity.module, "%s", config->module);
    identity.crc = weiri_crc32c(0, &identity, offsetof(weiri_embedded_identity, crc));
    v = (MDB_val){ sizeof identity, &identity };
    rc = mdb_put(txn, e->meta, &k, &v, 0);
    for (uint32_t p = 0; rc == 0 && p < identity.partitions; p++)
        rc = weiri_embedded_vector_put(e, txn, p, &empty);
    if (rc != 0)
        return weiri_error_set(err, WEIR_IO, "%s: making a new log: %s", e->dir, mdb_strerror(rc));
    return WEIR_OK;
}

/* Errors: NOT_FOUND: nobody has made this log yet. */
static weir_status
identity_read(weiri_embedded *e, const weiri_embedded_config *config, MDB_txn *txn, weir_error *err)
{
    MDB_val k = { 8, (void *)(uintptr_t) "identity" }, v;
    weiri_embedded_identity found;

    int rc = mdb_get(txn, e->meta, &k, &v);
    if (rc == MDB_NOTFOUND)
        return weiri_error_set(err, WEIR_NOT_FOUND, "there is no log in %s", e->dir);
    if (rc != 0)
        return weiri_error_set(err, WEIR_IO, "%s: reading the log's identity: %s", e->dir, mdb_strerror(rc));
    if (v.mv_size < 8 || memcmp(v.mv_data, magic, sizeof magic) != 0)
        return weiri_error_set(err, WEIR_CORRUPT, "%s: the log's identity is damaged", e->dir);
    memcpy(&found, v.mv_data, v.mv_size < sizeof found ? v.mv_size : sizeof found);
    if (found.format > WEIRI_LOG_FORMAT)
        return weiri_error_set(
            err, WEIR_INVALID, "%s was written by a newer weir (format %u, this one knows %d)", e->dir, found.format, WEIRI_LOG_FORMAT);
    if (v.mv_size != sizeof found || found.crc != weiri_crc32c(0, &found, offsetof(weiri_embedded_identity, crc)) || found.id == 0 ||
        found.partitions == 0 || found.partitions > WEIRI_EMBEDDED_PARTITIONS_MOST || found.module[sizeof found.module - 1] != '\0')
        return weiri_error_set(err, WEIR_CORRUPT, "%s: the log's identity is damaged", e->dir);
    if (config->module != NULL && strcmp(found.module, config->module) != 0)
        return weiri_error_set(err, WEIR_INVALID, "%s belongs to module '%s', not '%s'", e->dir, found.module, config->module);
    if (config->partitions != 0 && found.partitions != config->partitions)
        return weiri_error_set(
            err, WEIR_INVALID, "%s has %u partitions and keeps them; %u were asked for", e->dir, found.partitions, config->partitions);
    weiri_log_identity *identity = &e->log.identity;
    identity->id = found.id;
    identity->partitions = found.partitions;
    identity->format = found.format;
    identity->created_ms = found.created_ms;
    memcpy(identity->module, found.module, sizeof identity->module);
    return WEIR_OK;
}

/* The last batch of each topic-partition must be the one that the vector speaks of: appending behind another would
 * build on damage. */
static weir_status
check_tail(weiri_embedded *e, MDB_cursor *cursor, uint32_t partition, const weiri_embedded_vector *vector, weir_error *err)
{
    for (unsigned topic = 0; topic < WEIRI_TOPICS; topic++) {
        weiri_log_batch_header header;
        uint32_t crc = 0;
        uint64_t end = 0;
        MDB_val v;

        int rc = weiri_embedded_seek(cursor, topic, partition, UINT64_MAX, &v);
        if (rc != 0 && rc != MDB_NOTFOUND)
            return weiri_error_set(err, WEIR_IO, "%s: looking for the end: %s", e->dir, mdb_strerror(rc));
        if (rc == 0) {
            weir_status status = weiri_log_batch_open((weiri_bytes){ v.mv_data, v.mv_size }, topic, partition, &header, err);
            if (status != WEIR_OK)
                return weiri_embedded_where(err, status, topic, partition, vector->ends[topic]);
            crc = header.crc;
            end = header.base_offset + header.count;
        }
        if (end != vector->ends[topic] || crc != vector->crcs[topic]) {
            weir_status status = weiri_error_set(
                err, WEIR_CORRUPT, "the last batch ends at %llu and is not the one that was recorded", (unsigned long long)end);
            return weiri_embedded_where(err, status, topic, partition, vector->ends[topic]);
        }
    }
    return WEIR_OK;
}

static weir_status
vectors_read(weiri_embedded *e, MDB_txn *txn, weir_error *err)
{
    MDB_cursor *cursor;
    weir_status status = WEIR_OK;
    uint32_t partitions = e->log.identity.partitions;

    e->parts = weiri_allocate(partitions * sizeof *e->parts);
    e->shared = weiri_allocate(partitions * sizeof *e->shared);
    int rc = mdb_cursor_open(txn, e->batches, &cursor);
    if (rc != 0)
        return weiri_error_set(err, WEIR_IO, "%s: %s", e->dir, mdb_strerror(rc));
    for (uint32_t p = 0; status == WEIR_OK && p < partitions; p++) {
        status = weiri_embedded_vector_get(e, txn, p, &e->parts[p], err);
        if (status != WEIR_OK)
            weiri_error_prefix(err, "%s", e->dir);
        else if (!e->read_only)
            status = check_tail(e, cursor, p, &e->parts[p], err);
        if (status == WEIR_OK)
            (void)weiri_embedded_publish(e, p, &e->parts[p]);
    }
    mdb_cursor_close(cursor);
    return status;
}

/* One transaction: handles, identity (made if there is none), vectors. */
static weir_status
open_databases(weiri_embedded *e, const weiri_embedded_config *config, weir_error *err)
{
    MDB_txn *txn = NULL;
    weir_status status;
    unsigned create = e->read_only ? 0 : MDB_CREATE;

    int rc = mdb_txn_begin(e->env, NULL, e->read_only ? MDB_RDONLY : 0, &txn);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "batches", create, &e->batches);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "meta", create, &e->meta);
    if (rc != 0) {
        status = rc == MDB_NOTFOUND ? weiri_error_set(err, WEIR_NOT_FOUND, "there is no log in %s", e->dir)
                                    : weiri_error_set(err, WEIR_IO, "%s: %s", e->dir, mdb_strerror(rc));
        goto out;
    }
    status = identity_read(e, config, txn, err);
    if (status == WEIR_NOT_FOUND && !e->read_only) {
        status = identity_make(e, config, txn, err);
        if (status == WEIR_OK)
            status = identity_read(e, config, txn, err);
    }
    if (status == WEIR_OK)
        status = vectors_read(e, txn, err);
    if (status != WEIR_OK)
        goto out;
    rc = mdb_txn_commit(txn);
    txn = NULL;
    if (rc != 0)
        status = weiri_error_set(err, WEIR_IO, "%s: making a new log: %s", e->dir, mdb_strerror(rc));
out:
    mdb_txn_abort(txn);
    return status;
}

weir_status
weiri_embedded_environment_open(weiri_embedded *e, const weiri_embedded_config *config, weir_error *err)
{
    char path[PATH_ROOM], lock[PATH_ROOM + 16];
    struct stat about;
    int dead;

    if (snprintf(path, sizeof path, "%s/log", e->dir) >= (int)sizeof path)
        return weiri_error_set(err, WEIR_INVALID, "%.200s...: the name is too long", e->dir);
    if (e->read_only && stat(path, &about) != 0)
        return weiri_error_set(err, WEIR_NOT_FOUND, "there is no log in %s", e->dir);
    weir_status status = e->read_only ? WEIR_OK : weiri_directory_make(path, err);
    if (status == WEIR_OK && was_never_made(path))
        status = e->read_only ? weiri_error_set(err, WEIR_NOT_FOUND, "there is no log in %s", e->dir) : begin_anew(path, err);
    if (status != WEIR_OK)
        return status;
    if (!e->read_only) {
        (void)snprintf(lock, sizeof lock, "%s/lock.mdb", path);
        if ((status = weiri_file_allocate(lock, LOCK_ROOM, err)) != WEIR_OK)
            return status;
    }
    int rc = open_map(path, e->read_only ? MDB_RDONLY : 0, &e->env);
    if (rc != 0)
        return open_failed(path, e->read_only, rc, err);
    atomic_store(&e->reading, e->env);
    status = sync_all(e, path, err);
    if (status == WEIR_OK)
        status = open_databases(e, config, err);
    if (status == WEIR_OK)
        (void)mdb_reader_check(e->env, &dead); /* readers that were killed pin nothing */
    return status;
}
