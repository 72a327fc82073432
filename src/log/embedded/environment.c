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
weiri_embedded_meta_get(const weiri_pages *pages, const void *key, size_t size, weiri_buffer *ret_value, weir_error *err)
{
    weiri_bytes wanted = { key, size };
    weiri_page_cursor cursor;
    weiri_page_tree meta;

    weir_status status = weiri_pages_named(pages, "meta", &meta, err);
    if (status != WEIR_OK)
        return status;
    weiri_page_cursor_init(&cursor, pages, &meta);
    status = weiri_page_cursor_last_to(&cursor, wanted, err);
    if (status == WEIR_OK && !weiri_bytes_equal(weiri_page_cursor_key(&cursor), wanted))
        status = weiri_error_set(err, WEIR_NOT_FOUND, "no such key");
    if (status == WEIR_OK)
        status = weiri_page_cursor_copy(&cursor, SIZE_MAX, ret_value, err);
    weiri_page_cursor_fini(&cursor);
    return status;
}

weir_status
weiri_embedded_vector_get(const weiri_pages *pages, uint32_t partition, weiri_embedded_vector *ret_vector, weir_error *err)
{
    weiri_embedded_vector vector = { 0 };
    weiri_buffer value = { 0 };
    uint8_t key[13];

    vector_key(key, partition);
    weir_status status = weiri_embedded_meta_get(pages, key, sizeof key, &value, err);
    if (status == WEIR_NOT_FOUND || (status == WEIR_OK && value.size != sizeof vector))
        status = weiri_error_set(err, WEIR_CORRUPT, "partition %u: the record of its ends is missing or has another size", partition);
    else if (status != WEIR_OK)
        (void)weiri_error_prefix(err, "partition %u: reading its ends", partition);
    else
        memcpy(&vector, value.data, sizeof vector);
    weiri_buffer_fini(&value);
    if (status == WEIR_OK && vector.crc != weiri_crc32c(0, &vector, offsetof(weiri_embedded_vector, crc)))
        status = weiri_error_set(err, WEIR_CORRUPT, "partition %u: the record of its ends is damaged", partition);
    if (status == WEIR_OK)
        *ret_vector = vector;
    return status;
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
    MDB_txn *txn;

    int rc = mdb_txn_begin(e->env, NULL, MDB_RDONLY, &txn);
    if (rc == 0)
        mdb_txn_abort(txn);
    if (rc != MDB_PANIC || e->again != NULL)
        return;
    (void)snprintf(path, sizeof path, "%s/log", e->dir);
    if (open_map(path, MDB_RDONLY | MDB_NOLOCK, &e->again) == 0) /* else reading goes on answering IO */
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
    identity.id = config->copy_of;
    while (identity.id == 0)
        e->world->random_bytes(e->world, &identity.id, sizeof identity.id);
    (void)snprintf(identity.module, sizeof identity.module, "%s", config->module);
    identity.crc = weiri_crc32c(0, &identity, offsetof(weiri_embedded_identity, crc));
    v = (MDB_val){ sizeof identity, &identity };
    rc = mdb_put(txn, e->meta, &k, &v, 0);
    for (uint32_t p = 0; rc == 0 && p < identity.partitions; p++)
        rc = weiri_embedded_vector_put(e, txn, p, &empty);
    if (rc == 0 && config->copy_of != 0)
        rc = weiri_embedded_copy_make(e, txn, identity.partitions);
    if (rc != 0)
        return weiri_error_set(err, WEIR_IO, "%s: making a new log: %s", e->dir, mdb_strerror(rc));
    return WEIR_OK;
}

weir_status
weiri_embedded_identity_get(const weiri_pages *pages, const char *dir, weiri_embedded_identity *ret_identity, weir_error *err)
{
    weiri_embedded_identity found = { .format = 0 };
    weiri_buffer value = { 0 };

    weir_status status = weiri_embedded_meta_get(pages, "identity", 8, &value, err);
    size_t size = value.size;
    if (status == WEIR_OK)
        memcpy(&found, value.data, size < sizeof found ? size : sizeof found);
    weiri_buffer_fini(&value);
    if (status == WEIR_NOT_FOUND)
        return weiri_error_set(err, WEIR_NOT_FOUND, "there is no log in %s", dir);
    if (status != WEIR_OK) {
        (void)weiri_error_prefix(err, "reading the log's identity");
        return status;
    }
    if (size >= 8 && memcmp(found.magic, magic, sizeof magic) == 0 && found.format > WEIRI_LOG_FORMAT)
        return weiri_error_set(
            err, WEIR_INVALID, "%s was written by a newer weir (format %u, this one knows %d)", dir, found.format, WEIRI_LOG_FORMAT);
    if (memcmp(found.magic, magic, sizeof magic) != 0 || size != sizeof found ||
        found.crc != weiri_crc32c(0, &found, offsetof(weiri_embedded_identity, crc)) || found.id == 0 || found.partitions == 0 ||
        found.partitions > WEIRI_EMBEDDED_PARTITIONS_MOST || found.module[sizeof found.module - 1] != '\0')
        return weiri_error_set(err, WEIR_CORRUPT, "the log's identity is damaged");
    *ret_identity = found;
    return WEIR_OK;
}

/* Who the log is, as the configuration expects it. */
static weir_status
identity_read(weiri_embedded *e, const weiri_embedded_config *config, const weiri_pages *pages, weir_error *err)
{
    weiri_log_identity *identity = &e->log.identity;
    weiri_embedded_identity found;

    weir_status status = weiri_embedded_identity_get(pages, e->dir, &found, err);
    if (status != WEIR_OK)
        return status;
    if (config->module != NULL && strcmp(found.module, config->module) != 0)
        return weiri_error_set(err, WEIR_INVALID, "%s belongs to module '%s', not '%s'", e->dir, found.module, config->module);
    if (config->partitions != 0 && found.partitions != config->partitions)
        return weiri_error_set(
            err, WEIR_INVALID, "%s has %u partitions and keeps them; %u were asked for", e->dir, found.partitions, config->partitions);
    status = weiri_embedded_copy_check(e, config, pages, found.id, err);
    if (status != WEIR_OK)
        return status;
    identity->id = found.id;
    identity->partitions = found.partitions;
    identity->format = found.format;
    identity->created_ms = found.created_ms;
    memcpy(identity->module, found.module, sizeof identity->module);
    return WEIR_OK;
}

static weir_status
check_topic_tail(weiri_page_cursor *cursor, weiri_topic topic, uint32_t partition, const weiri_embedded_vector *vector, weir_error *err)
{
    weiri_log_batch_header header = { .count = 0 };

    weir_status status = weiri_embedded_seek(cursor, topic, partition, UINT64_MAX, err);
    if (status == WEIR_OK)
        status = weiri_embedded_batch_header(cursor, topic, partition, &header, err);
    if (status != WEIR_OK && status != WEIR_NOT_FOUND)
        return weiri_embedded_where(err, status, topic, partition, vector->ends[topic]);
    uint64_t end = header.base_offset + header.count; /* no batch: 0 */
    if (end == vector->ends[topic] && header.crc == vector->crcs[topic])
        return WEIR_OK;
    (void)weiri_error_set(err, WEIR_CORRUPT, "the last batch ends at %llu and is not the one that was recorded", (unsigned long long)end);
    return weiri_embedded_where(err, WEIR_CORRUPT, topic, partition, vector->ends[topic]);
}

weir_status
weiri_embedded_check_tail(const weiri_pages *pages, uint32_t partition, const weiri_embedded_vector *vector, weir_error *err)
{
    weiri_page_cursor cursor;
    weiri_page_tree batches;

    weir_status status = weiri_pages_named(pages, "batches", &batches, err);
    if (status != WEIR_OK)
        return status;
    weiri_page_cursor_init(&cursor, pages, &batches);
    for (unsigned topic = 0; status == WEIR_OK && topic < WEIRI_TOPICS; topic++)
        status = check_topic_tail(&cursor, topic, partition, vector, err);
    weiri_page_cursor_fini(&cursor);
    return status;
}

/* What is read anyway keeps the vectors that it could read, and is 0 elsewhere. */
static weir_status
vectors_read(weiri_embedded *e, const weiri_pages *pages, bool anyway, weir_error *err)
{
    weir_status status = WEIR_OK;
    uint32_t partitions = e->log.identity.partitions;

    e->parts = weiri_allocate(partitions * sizeof *e->parts);
    e->shared = weiri_allocate(partitions * sizeof *e->shared);
    for (uint32_t p = 0; status == WEIR_OK && p < partitions; p++) {
        status = weiri_embedded_vector_get(pages, p, &e->parts[p], err);
        if (status == WEIR_OK)
            (void)weiri_embedded_publish(e, p, &e->parts[p]);
        if (anyway)
            status = WEIR_OK;
    }
    return status;
}

/* One transaction: handles, and a log if there is none. */
static weir_status
open_databases(weiri_embedded *e, const weiri_embedded_config *config, weir_error *err)
{
    MDB_val k = { 8, (void *)(uintptr_t) "identity" }, v;
    MDB_txn *txn = NULL;
    weir_status status = WEIR_OK;

    int rc = mdb_txn_begin(e->env, NULL, 0, &txn);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "batches", MDB_CREATE, &e->batches);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &e->meta);
    if (rc == 0)
        rc = mdb_get(txn, e->meta, &k, &v);
    if (rc == MDB_NOTFOUND) {
        rc = 0;
        status = identity_make(e, config, txn, err);
    }
    if (rc == 0 && status == WEIR_OK) {
        rc = mdb_txn_commit(txn);
        txn = NULL;
    }
    if (rc != 0)
        status = weiri_error_set(err, WEIR_IO, "%s: opening or making the log: %s", e->dir, mdb_strerror(rc));
    mdb_txn_abort(txn);
    return status;
}

/* Everything that is known of the log at opening, of one snapshot. */
static weir_status
read_all(weiri_embedded *e, const weiri_embedded_config *config, weir_error *err)
{
    weiri_embedded_snapshot snapshot;

    weir_status status = weiri_embedded_snapshot_begin(e, &snapshot, err);
    if (status != WEIR_OK)
        return status;
    if (snapshot.pages.meta.names.root == WEIRI_PAGES_NONE)
        status = weiri_error_set(err, WEIR_NOT_FOUND, "there is no log in %s", e->dir);
    if (status == WEIR_OK && !config->anyway)
        status = weiri_embedded_examine_pages(&snapshot.pages, e->dir, err);
    if (status == WEIR_OK)
        status = identity_read(e, config, &snapshot.pages, err);
    if (status == WEIR_OK)
        status = vectors_read(e, &snapshot.pages, config->anyway, err);
    if (status == WEIR_CORRUPT || status == WEIR_IO)
        (void)weiri_error_prefix(err, "%s", e->dir);
    weiri_embedded_snapshot_end(&snapshot);
    return status;
}

/* Before LMDB sees the file: it believes what it finds. Finds out whether there is a file to speak of. */
static weir_status
examine_file(weiri_embedded *e, const weiri_embedded_config *config, const char *path, bool *ret_empty, weir_error *err)
{
    char name[PATH_ROOM + 16];
    struct stat about;
    weir_status status = WEIR_OK;

    (void)snprintf(name, sizeof name, "%s/data.mdb", path);
    int fd = open(name, (e->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    *ret_empty = fd < 0 ? errno == ENOENT : fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size == 0;
    if (fd < 0)
        return WEIR_OK; /* LMDB says why */
    weiri_page_meta metas[2] = { { .transaction = 0 } };
    for (unsigned i = 0; i < 2 && !*ret_empty && status == WEIR_OK; i++) {
        status = weiri_page_meta_read(fd, i, &metas[i], err);
        if (status == WEIR_CORRUPT)
            (void)weiri_error_prefix(err, "%s is not a log", name);
    }
    *ret_empty = status == WEIR_OK && metas[0].transaction == 0 && metas[1].transaction == 0; /* nothing was ever committed */
    if (status == WEIR_OK && !*ret_empty && !config->anyway) {
        status = weiri_embedded_examine_metas(fd, e->dir, !e->read_only, err);
        if (status == WEIR_CORRUPT || status == WEIR_IO)
            (void)weiri_error_prefix(err, "%s", e->dir);
    }
    (void)close(fd);
    return status;
}

/* A log may be made where its directory was not there (who wants to begin anew removes it), or was made a moment ago by a process that
 * was killed. Where more than that has been, its traces are there, and an empty file is a loss. */
static weir_status
check_traces(const weiri_embedded *e, weir_error *err)
{
    static const char *const traces[] = { "checkpoint", "views", "attempts" };
    char name[PATH_ROOM];
    struct stat about;

    for (size_t i = 0; i < sizeof traces / sizeof *traces; i++) {
        (void)snprintf(name, sizeof name, "%s/%s", e->dir, traces[i]);
        if (stat(name, &about) == 0)
            return weiri_error_set(err, WEIR_CORRUPT,
                "%s/log is empty, but %s is there: the log is lost. Restore it, or remove %s to begin anew", e->dir, name, e->dir);
    }
    return WEIR_OK;
}

weir_status
weiri_embedded_environment_open(weiri_embedded *e, const weiri_embedded_config *config, weir_error *err)
{
    char path[PATH_ROOM], lock[PATH_ROOM + 16];
    struct stat about;
    bool was_there, never, empty = false;
    int dead;

    if (snprintf(path, sizeof path, "%s/log", e->dir) >= (int)sizeof path)
        return weiri_error_set(err, WEIR_INVALID, "%.200s...: the name is too long", e->dir);
    was_there = stat(path, &about) == 0;
    if (e->read_only && !was_there)
        return weiri_error_set(err, WEIR_NOT_FOUND, "there is no log in %s", e->dir);
    weir_status status = e->read_only ? WEIR_OK : weiri_directory_make(path, err);
    never = was_never_made(path);
    if (status == WEIR_OK && !never)
        status = examine_file(e, config, path, &empty, err);
    if (status == WEIR_OK && was_there && (never || empty))
        status = check_traces(e, err);
    if (status == WEIR_OK && e->read_only && (never || empty))
        status = weiri_error_set(err, WEIR_NOT_FOUND, "there is no log in %s", e->dir);
    if (status == WEIR_OK && never)
        status = begin_anew(path, err);
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
    if (status == WEIR_OK && !e->read_only && !never && !empty)
        status = read_all(e, config, err);
    if (status == WEIR_OK && !e->read_only)
        status = open_databases(e, config, err);
    if (status == WEIR_OK && (e->read_only || never || empty))
        status = read_all(e, config, err);
    if (status == WEIR_OK)
        (void)mdb_reader_check(e->env, &dead); /* readers that were killed pin nothing */
    return status;
}
