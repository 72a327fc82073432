/* SPDX-License-Identifier: Apache-2.0
 * One connection to SQLite: opening, preparing, binding, and its errors in our words. Thread: one at a time. */
#ifndef WEIRI_SQLITE_CONNECTION_H
#define WEIRI_SQLITE_CONNECTION_H

#include <sqlite3.h>
#include "base/error.h"
#include "query/query.h"

/* Opens `path` (":memory:" too) with SQLITE_OPEN_ flags. Errors: IO, CORRUPT, NO_MEMORY. */
WEIR_MUST_USE weir_status weiri_sqlite_connect(const char *path, int flags, sqlite3 **ret_db, weir_error *err);
/* What the last call on `db` said: INVALID data or statement; TIMEOUT interrupted; CORRUPT; NO_MEMORY; IO all others. */
weir_status weiri_sqlite_error(sqlite3 *db, weir_error *err);
/* One statement, kept long: for statements that run again and again. */
WEIR_MUST_USE weir_status weiri_sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_statement, weir_error *err);
/* Runs statements without values to their end. */
WEIR_MUST_USE weir_status weiri_sqlite_execute(sqlite3 *db, const char *sql, weir_error *err);
/* Binds values by number; texts and blobs are borrowed until the statement is reset. */
WEIR_MUST_USE weir_status weiri_sqlite_bind(sqlite3_stmt *statement, const weiri_value *values, size_t n, weir_error *err);
/* Steps a statement that gives no rows, and resets it. */
WEIR_MUST_USE weir_status weiri_sqlite_step(sqlite3_stmt *statement, weir_error *err);
/* "name" with its quotes doubled. */
void weiri_sqlite_add_name(weiri_buffer *to, const char *name);

/* What a statement may do. The guard is set once on a connection, since setting it has all its statements prepared again. */
typedef enum weiri_sqlite_may {
    WEIRI_SQLITE_MAY_ALL,
    WEIRI_SQLITE_MAY_CREATE,
    WEIRI_SQLITE_MAY_CHANGE,
    WEIRI_SQLITE_MAY_READ
} weiri_sqlite_may;
typedef struct weiri_sqlite_guard {
    weiri_sqlite_may may;
    bool reads, inserts, updates, deletes; /* what the statements asked for */
    char refused[96];                      /* "" or what was asked for and not allowed */
} weiri_sqlite_guard;
void weiri_sqlite_guard_set(sqlite3 *db, weiri_sqlite_guard *guard); /* guard: borrowed while it is set; NULL: takes it away */

#endif
