/* SPDX-License-Identifier: Apache-2.0
 * The SQLite store's own struct, shared by its files: the writer's connection (store.c) and the readers' (reader.c). */
#ifndef WEIRI_STORE_SQLITE_H
#define WEIRI_STORE_SQLITE_H

#include "base/thread.h"
#include "query/sqlite/connection.h"
#include "query/store.h"

enum {
    WEIRI_SQLITE_READERS = 8,    /* connections at most */
    WEIRI_SQLITE_STATEMENTS = 32 /* prepared and kept by one of them */
};

typedef struct weiri_sqlite_cached {
    char *sql;
    sqlite3_stmt *statement;
    uint64_t used; /* when, by the connection's count */
} weiri_sqlite_cached;

/* A connection that reads; one question at a time. */
typedef struct weiri_sqlite_reader {
    sqlite3 *db;
    bool borrowed; /* the writer's, of a view in memory */
    sqlite3_stmt *begin, *end, *reached;
    weiri_sqlite_guard guard;
    weiri_sqlite_cached cached[WEIRI_SQLITE_STATEMENTS];
    uint64_t uses;
    const weiri_world *world;
    int64_t deadline_us; /* of the question that runs */
} weiri_sqlite_reader;

typedef struct weiri_sqlite {
    weiri_store store;
    const weiri_view_file *file;
    char *path; /* NULL: in memory */
    uint32_t partitions;
    const weiri_world *world;
    uint32_t query_ms, result_rows;

    /* the writer's */
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *rollback, *mark, *back, *release, *save, *put, *drop;
    bool marked;
    sqlite3_stmt **statements; /* of the file, by number */

    /* the readers': guarded by lock */
    weiri_lock lock;
    weiri_signal returned;
    weiri_sqlite_reader *idle[WEIRI_SQLITE_READERS];
    size_t idle_n, readers_n;
} weiri_sqlite;

weir_status weiri_sqlite_read(weiri_store *store, const weiri_read *read, weiri_result **ret_result, weir_error *err);
void weiri_sqlite_close_readers(weiri_sqlite *s);
extern const char weiri_sqlite_letters_table[], weiri_sqlite_letters_put[], weiri_sqlite_letters_drop[];
weir_status weiri_sqlite_letter_put(weiri_store *store, const weiri_letter *letter, weir_error *err);
weir_status weiri_sqlite_letter_drop(weiri_store *store, uint32_t partition, uint64_t source, uint32_t index, weir_error *err);
weir_status weiri_sqlite_letters(
    weiri_store *store, bool writer, const weiri_letters_asked *asked, weiri_letter_fn *each, void *user, weir_error *err);
weir_status weiri_sqlite_dump(weiri_store *store, weiri_buffer *to, weir_error *err);

#endif
