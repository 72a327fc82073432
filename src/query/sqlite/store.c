/* SPDX-License-Identifier: Apache-2.0
 * The writer of a view on SQLite: one connection in WAL mode, prepared statements, the author's rows and weir's position
 * in one transaction. synchronous=NORMAL: after a power cut the file is an older state of the same view, never a torn
 * one, and the log has the rest. Thread: whoever holds the view. */
#include "query/sqlite/sqlite.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/memory.h"
#include "query/sqlite/store_sqlite.h"

/* docs/formats/view.md is the page of these, and of letters.c's. */
static const char tables[] =
    "CREATE TABLE weir_view (name TEXT NOT NULL, version TEXT NOT NULL, log_id INTEGER NOT NULL, partitions INTEGER NOT NULL,"
    " file TEXT NOT NULL);"
    "CREATE TABLE weir_position (partition INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL, source INTEGER NOT NULL,"
    " source_index INTEGER NOT NULL, checksum INTEGER NOT NULL, reached INTEGER NOT NULL, outcomes INTEGER NOT NULL,"
    " parked INTEGER NOT NULL, parked_from INTEGER NOT NULL);";
static const char save_position[] = "INSERT OR REPLACE INTO weir_position VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7,"
                                    " (SELECT count(*) FROM weir_letter WHERE partition = ?1 AND state = 0),"
                                    " (SELECT coalesce(min(source) + 1, 0) FROM weir_letter WHERE partition = ?1 AND state = 0))";

/* The WAL is copied back every 32 MiB, and cut when it had to grow beyond twice that. */
static const char settings[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=8192; PRAGMA journal_size_limit=67108864;"
    "PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY;";

static weiri_sqlite *
of(weiri_store *store)
{
    return (weiri_sqlite *)store;
}

static void
close_store(weiri_store *store)
{
    weiri_sqlite *s = of(store);

    weiri_sqlite_close_readers(s);
    sqlite3_stmt *own[] = { s->begin, s->commit, s->rollback, s->mark, s->back, s->release, s->save, s->put, s->drop };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        (void)sqlite3_finalize(own[i]);
    for (size_t i = 0; s->statements != NULL && i < s->file->statements_n; i++)
        (void)sqlite3_finalize(s->statements[i]);
    (void)sqlite3_close(s->db);
    weiri_signal_fini(&s->returned);
    weiri_lock_fini(&s->lock);
    weiri_release(s->statements);
    weiri_release(s->path);
    weiri_release(s);
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static weir_status
begin(weiri_store *store, weir_error *err)
{
    of(store)->marked = false;
    return weiri_sqlite_step(of(store)->begin, err);
}

static weir_status
commit(weiri_store *store, weir_error *err)
{
    return weiri_sqlite_step(of(store)->commit, err);
}

static void
rollback(weiri_store *store)
{
    weir_error ignored;

    /* A statement of the author's may have rolled back by itself (OR ROLLBACK). */
    if (!sqlite3_get_autocommit(of(store)->db))
        (void)!weiri_sqlite_step(of(store)->rollback, &ignored);
}

static weir_status
mark(weiri_store *store, weir_error *err)
{
    weiri_sqlite *s = of(store);

    if (s->marked && weiri_sqlite_step(s->release, err) != WEIR_OK)
        return err->status;
    s->marked = true;
    return weiri_sqlite_step(s->mark, err);
}

static weir_status
back(weiri_store *store, weir_error *err)
{
    weiri_sqlite *s = of(store);

    if (sqlite3_get_autocommit(s->db))
        return weiri_error_set(err, WEIR_INVALID, "the statement has rolled back the whole transaction");
    return weiri_sqlite_step(s->back, err);
}

static weir_status
run(weiri_store *store, size_t number, const weiri_value *values, size_t n, uint64_t *ret_rows, weir_error *err)
{
    weiri_sqlite *s = of(store);
    sqlite3_stmt *statement = s->statements[number];

    weir_status status = weiri_sqlite_bind(statement, values, n, err);
    if (status == WEIR_OK)
        status = weiri_sqlite_step(statement, err);
    if (status == WEIR_OK)
        *ret_rows = (uint64_t)sqlite3_changes64(s->db);
    return status;
}

static weir_status
save(weiri_store *store, uint32_t partition, const weiri_position *position, weir_error *err)
{
    weiri_sqlite *s = of(store);

    /* Unsigned numbers keep their bits. */
    int64_t values[] = { partition, (int64_t)position->next_offset, (int64_t)position->source, position->index, position->checksum,
        (int64_t)position->reached, (int64_t)position->outcomes };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (sqlite3_bind_int64(s->save, (int)i + 1, values[i]) != SQLITE_OK)
            return weiri_sqlite_error(s->db, err);
    return weiri_sqlite_step(s->save, err);
}

static weir_status
positions(weiri_store *store, weiri_position *ret_positions, weir_error *err)
{
    weiri_sqlite *s = of(store);
    sqlite3_stmt *statement = NULL;
    int rc = SQLITE_DONE;

    weir_status status = weiri_sqlite_prepare(
        s->db, "SELECT partition, next_offset, source, source_index, checksum, reached, outcomes FROM weir_position", &statement, err);
    if (status != WEIR_OK)
        return status;
    memset(ret_positions, 0, s->partitions * sizeof *ret_positions);
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        int64_t partition = sqlite3_column_int64(statement, 0);
        if (partition < 0 || partition >= s->partitions)
            continue;
        ret_positions[partition] = (weiri_position){ .next_offset = (uint64_t)sqlite3_column_int64(statement, 1),
            .source = (uint64_t)sqlite3_column_int64(statement, 2),
            .index = (uint32_t)sqlite3_column_int64(statement, 3),
            .checksum = (uint32_t)sqlite3_column_int64(statement, 4),
            .reached = (uint64_t)sqlite3_column_int64(statement, 5),
            .outcomes = (uint64_t)sqlite3_column_int64(statement, 6) };
    }
    if (rc != SQLITE_DONE)
        status = weiri_sqlite_error(s->db, err);
    (void)sqlite3_finalize(statement);
    return status;
}

/* ---- opening ------------------------------------------------------------------------------------------- */

static weir_status
is_empty(weiri_sqlite *s, bool *ret_empty, weir_error *err)
{
    sqlite3_stmt *statement = NULL;

    weir_status status = weiri_sqlite_prepare(s->db, "SELECT count(*) FROM sqlite_schema", &statement, err);
    if (status == WEIR_OK && sqlite3_step(statement) != SQLITE_ROW)
        status = weiri_sqlite_error(s->db, err);
    if (status == WEIR_OK)
        *ret_empty = sqlite3_column_int64(statement, 0) == 0;
    (void)sqlite3_finalize(statement);
    return status;
}

/* Everything in one transaction: a file has all of it, or is empty. */
static weir_status
create(weiri_sqlite *s, uint64_t log_id, weir_error *err)
{
    sqlite3_stmt *statement = NULL;

    weir_status status = weiri_sqlite_execute(s->db, "BEGIN IMMEDIATE", err);
    for (size_t i = 0; status == WEIR_OK && i < s->file->schema_n; i++) {
        status = weiri_sqlite_execute(s->db, s->file->schema[i].text, err);
        if (status == WEIR_INVALID)
            return weiri_error_at(err, status, s->file->file, s->file->schema[i].line, "sqlite: %s", sqlite3_errmsg(s->db));
    }
    if (status == WEIR_OK)
        status = weiri_sqlite_execute(s->db, tables, err);
    if (status == WEIR_OK)
        status = weiri_sqlite_execute(s->db, weiri_sqlite_letters_table, err);
    if (status == WEIR_OK)
        status = weiri_sqlite_prepare(s->db, "INSERT INTO weir_view VALUES (?1, ?2, ?3, ?4, ?5)", &statement, err);
    weiri_value values[] = { { .kind = WEIRI_VALUE_TEXT, .bytes = weiri_bytes_of(s->file->name) },
        { .kind = WEIRI_VALUE_TEXT, .bytes = weiri_bytes_of(s->file->version) },
        { .kind = WEIRI_VALUE_INTEGER, .integer = (int64_t)log_id }, { .kind = WEIRI_VALUE_INTEGER, .integer = s->partitions },
        { .kind = WEIRI_VALUE_TEXT, .bytes = weiri_bytes_of(s->file->text) } };
    if (status == WEIR_OK)
        status = weiri_sqlite_bind(statement, values, 5, err);
    if (status == WEIR_OK)
        status = weiri_sqlite_step(statement, err);
    (void)sqlite3_finalize(statement);
    return status == WEIR_OK ? weiri_sqlite_execute(s->db, "COMMIT", err) : status;
}

static weir_status
compare(sqlite3_stmt *statement, const weiri_sqlite *s, uint64_t log_id, weir_error *err)
{
    const char *name = (const char *)sqlite3_column_text(statement, 0), *version = (const char *)sqlite3_column_text(statement, 1);

    if (name == NULL || version == NULL || strcmp(name, s->file->name) != 0 || strcmp(version, s->file->version) != 0)
        return weiri_error_set(err, WEIR_CONFLICT, "it is version %s of view %s", version == NULL ? "" : version, name == NULL ? "" : name);
    if ((uint64_t)sqlite3_column_int64(statement, 2) != log_id)
        return weiri_error_set(err, WEIR_CONFLICT, "it was made from log %016llx, and this is log %016llx",
            (unsigned long long)sqlite3_column_int64(statement, 2), (unsigned long long)log_id);
    if (sqlite3_column_int64(statement, 3) != s->partitions)
        return weiri_error_set(err, WEIR_CONFLICT, "it was made from %lld partitions, and the log has %u",
            (long long)sqlite3_column_int64(statement, 3), s->partitions);
    return WEIR_OK;
}

static weir_status
check_identity(weiri_sqlite *s, uint64_t log_id, weir_error *err)
{
    sqlite3_stmt *statement = NULL;

    weir_status status = weiri_sqlite_prepare(s->db, "SELECT name, version, log_id, partitions FROM weir_view", &statement, err);
    if (status == WEIR_INVALID)
        return weiri_error_set(err, WEIR_CONFLICT, "it is not a view's database");
    if (status != WEIR_OK)
        return status;
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        status = compare(statement, s, log_id, err);
    else
        status = rc == SQLITE_DONE ? weiri_error_set(err, WEIR_CONFLICT, "it does not say what view it is")
                                   : weiri_sqlite_error(s->db, err);
    (void)sqlite3_finalize(statement);
    return status;
}

static weir_status
prepare_all(weiri_sqlite *s, weir_error *err)
{
    const struct {
        const char *sql;
        sqlite3_stmt **statement;
    } own[] = { { "BEGIN IMMEDIATE", &s->begin }, { "COMMIT", &s->commit }, { "ROLLBACK", &s->rollback },
        { "SAVEPOINT weir_event", &s->mark }, { "ROLLBACK TO weir_event", &s->back }, { "RELEASE weir_event", &s->release },
        { save_position, &s->save }, { weiri_sqlite_letters_put, &s->put }, { weiri_sqlite_letters_drop, &s->drop } };
    weir_status status = WEIR_OK;

    for (size_t i = 0; status == WEIR_OK && i < sizeof own / sizeof *own; i++)
        status = weiri_sqlite_prepare(s->db, own[i].sql, own[i].statement, err);
    s->statements = weiri_allocate(s->file->statements_n * sizeof *s->statements);
    for (size_t i = 0; status == WEIR_OK && i < s->file->statements_n; i++) {
        status = weiri_sqlite_prepare(s->db, s->file->statements[i].sql.text, &s->statements[i], err);
        if (status == WEIR_INVALID)
            return weiri_error_at(err, status, s->file->file, s->file->statements[i].sql.line, "sqlite: %s", sqlite3_errmsg(s->db));
    }
    return status;
}

static const weiri_store_ops sqlite_ops = { positions, begin, mark, back, run, save, weiri_sqlite_letter_put, weiri_sqlite_letter_drop,
    commit, rollback, weiri_sqlite_read, weiri_sqlite_dump, weiri_sqlite_letters, close_store };

weir_status
weiri_sqlite_open(const weiri_store_config *config, weiri_store **ret_store, bool *ret_fresh, weir_error *err)
{
    weiri_sqlite *s = weiri_allocate(sizeof *s);
    bool empty = true;

    s->store.ops = &sqlite_ops;
    s->file = config->file;
    s->path = weiri_text_copy(config->path);
    s->partitions = config->partitions;
    s->world = config->world;
    s->query_ms = config->query_ms;
    s->result_rows = config->result_rows;
    weiri_lock_init(&s->lock);
    weiri_signal_init(&s->returned);
    weir_status status = weiri_sqlite_connect(
        s->path == NULL ? ":memory:" : s->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &s->db, err);
    if (status == WEIR_OK && s->path != NULL)
        status = weiri_sqlite_execute(s->db, settings, err);
    if (status == WEIR_OK)
        status = is_empty(s, &empty, err);
    if (status == WEIR_OK)
        status = empty ? create(s, config->log_id, err) : check_identity(s, config->log_id, err);
    if (status == WEIR_OK)
        status = prepare_all(s, err);
    if (status != WEIR_OK) {
        close_store(&s->store);
        return status;
    }
    *ret_store = &s->store;
    *ret_fresh = empty;
    return WEIR_OK;
}

weir_status
weiri_sqlite_remove(const char *path, weir_error *err)
{
    static const char *const suffixes[] = { "-wal", "-shm", "-journal", "" };
    weiri_buffer name = { 0 };
    weir_status status = WEIR_OK;

    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && status == WEIR_OK; i++) {
        weiri_buffer_clear(&name);
        weiri_buffer_print(&name, "%s%s", path, suffixes[i]);
        if (unlink(weiri_buffer_text(&name)) != 0 && errno != ENOENT)
            status = weiri_error_set(err, WEIR_IO, "%s: %s", weiri_buffer_text(&name), strerror(errno));
    }
    weiri_buffer_fini(&name);
    return status;
}
