/* SPDX-License-Identifier: Apache-2.0
 * SQLite's calls with our way to fail, and the guard: an authorizer that lets through what a statement of its kind may
 * do and nothing else. Thread: one at a time a connection. */
#include "query/sqlite/connection.h"
#include "query/sqlite/checked.h"
#include <stdio.h>
#include <string.h>

/* A view's file is NAME-VERSION.db. */
static weir_status
damaged(sqlite3 *db, weir_error *err)
{
    const char *path = sqlite3_db_filename(db, "main"), *name = path == NULL ? NULL : strrchr(path, '/'), *dash;
    bool sum = sqlite3_extended_errcode(db) == SQLITE_IOERR_DATA;
    const char *why = sum ? "the checksum of a page is wrong" : sqlite3_errmsg(db);

    if (name == NULL || (dash = strchr(++name, '-')) == NULL)
        return weiri_error_set(err, WEIR_CORRUPT, "sqlite: %s", why);
    return weiri_error_set(err, WEIR_CORRUPT, "sqlite: %s is damaged (%s); 'weir view rebuild %.*s' makes it anew from the log", path, why,
        (int)(dash - name), name);
}

weir_status
weiri_sqlite_error(sqlite3 *db, weir_error *err)
{
    weir_status status;

    if (sqlite3_extended_errcode(db) == SQLITE_IOERR_DATA)
        return damaged(db, err);
    switch (sqlite3_errcode(db) & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_ERROR:
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
    case SQLITE_AUTH:
        status = WEIR_INVALID;
        break;
    case SQLITE_INTERRUPT:
        status = WEIR_TIMEOUT;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return damaged(db, err);
    case SQLITE_NOMEM:
        status = WEIR_NO_MEMORY;
        break;
    default:
        status = WEIR_IO;
        break;
    }
    return weiri_error_set(err, status, "sqlite: %s", sqlite3_errmsg(db));
}

weir_status
weiri_sqlite_connect(const char *path, int flags, sqlite3 **ret_db, weir_error *err)
{
    sqlite3 *db = NULL;

    weir_status status = weiri_sqlite_checked_register(err);
    if (status != WEIR_OK)
        return status;
    if (sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, WEIRI_SQLITE_CHECKED) == SQLITE_OK) {
        if ((flags & SQLITE_OPEN_CREATE) != 0)
            weiri_sqlite_checked_reserve(db);
        (void)sqlite3_extended_result_codes(db, 1);
        (void)sqlite3_busy_timeout(db, 5000);
        /* "nme" is a column that isn't there, never a text. */
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, (int *)NULL);
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, (int *)NULL);
        *ret_db = db;
        return WEIR_OK;
    }
    status = db == NULL ? weiri_error_set(err, WEIR_NO_MEMORY, "sqlite: out of memory") : weiri_sqlite_error(db, err);
    (void)sqlite3_close(db);
    (void)weiri_error_prefix(err, "%s", path);
    return status;
}

weir_status
weiri_sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_statement, weir_error *err)
{
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_statement, NULL) != SQLITE_OK)
        return weiri_sqlite_error(db, err);
    return WEIR_OK;
}

weir_status
weiri_sqlite_execute(sqlite3 *db, const char *sql, weir_error *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? WEIR_OK : weiri_sqlite_error(db, err);
}

weir_status
weiri_sqlite_bind(sqlite3_stmt *statement, const weiri_value *values, size_t n, weir_error *err)
{
    int rc = SQLITE_OK;

    for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
        const weiri_value *v = &values[i];
        int number = (int)i + 1;
        switch (v->kind) {
        case WEIRI_VALUE_NULL:
            rc = sqlite3_bind_null(statement, number);
            break;
        case WEIRI_VALUE_INTEGER:
            rc = sqlite3_bind_int64(statement, number, v->integer);
            break;
        case WEIRI_VALUE_REAL:
            rc = sqlite3_bind_double(statement, number, v->real);
            break;
        case WEIRI_VALUE_TEXT:
            rc = sqlite3_bind_text64(statement, number, v->bytes.size == 0 ? "" : v->bytes.data, v->bytes.size, SQLITE_STATIC, SQLITE_UTF8);
            break;
        case WEIRI_VALUE_BLOB:
            rc = v->bytes.size == 0 ? sqlite3_bind_zeroblob(statement, number, 0)
                                    : sqlite3_bind_blob64(statement, number, v->bytes.data, v->bytes.size, SQLITE_STATIC);
            break;
        }
    }
    return rc == SQLITE_OK ? WEIR_OK : weiri_sqlite_error(sqlite3_db_handle(statement), err);
}

weir_status
weiri_sqlite_step(sqlite3_stmt *statement, weir_error *err)
{
    weir_status status = WEIR_OK;
    int rc;

    do
        rc = sqlite3_step(statement);
    while (rc == SQLITE_ROW);
    if (rc != SQLITE_DONE)
        status = weiri_sqlite_error(sqlite3_db_handle(statement), err);
    (void)sqlite3_reset(statement);
    return status;
}

void
weiri_sqlite_add_name(weiri_buffer *to, const char *name)
{
    weiri_buffer_add_char(to, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"')
            weiri_buffer_add_char(to, '"');
        weiri_buffer_add_char(to, *name);
    }
    weiri_buffer_add_char(to, '"');
}

/* ---- guard --------------------------------------------------------------------------------------------- */

static int
refuse(weiri_sqlite_guard *guard, const char *what, const char *of)
{
    if (guard->refused[0] == '\0')
        (void)snprintf(guard->refused, sizeof guard->refused, "%s%s%s", what, of == NULL ? "" : " ", of == NULL ? "" : of);
    return SQLITE_DENY;
}

static bool
is_ours(const char *table)
{
    return table != NULL && sqlite3_strnicmp(table, "weir_", 5) == 0;
}

/* Changes of rows. SQLite asks for them in its own schema table too when tables are created. */
static int
on_change(weiri_sqlite_guard *guard, int action, const char *table)
{
    bool *asked = action == SQLITE_INSERT ? &guard->inserts : action == SQLITE_UPDATE ? &guard->updates : &guard->deletes;
    bool schema_table = table != NULL && sqlite3_strnicmp(table, "sqlite_", 7) == 0;

    if (schema_table)
        return guard->may == WEIRI_SQLITE_MAY_CREATE ? SQLITE_OK : refuse(guard, "a change of tables", NULL);
    *asked = true;
    if (guard->may != WEIRI_SQLITE_MAY_CHANGE || is_ours(table))
        return refuse(guard, action == SQLITE_INSERT ? "INSERT" : action == SQLITE_UPDATE ? "UPDATE" : "DELETE", table);
    return SQLITE_OK;
}

static int
ask_guard(void *user, int action, const char *first, const char *second, const char *database, const char *trigger)
{
    weiri_sqlite_guard *guard = user;
    bool create = guard->may == WEIRI_SQLITE_MAY_CREATE;

    (void)database;
    (void)trigger;
    if (guard->may == WEIRI_SQLITE_MAY_ALL)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
        guard->reads = true;
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return sqlite3_stricmp(second, "load_extension") == 0 ? refuse(guard, second, NULL) : SQLITE_OK;
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
        return on_change(guard, action, first);
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_VIEW:
        if (create && is_ours(first))
            return refuse(guard, "the name", first);
        return create ? SQLITE_OK : refuse(guard, "CREATE", first);
    case SQLITE_CREATE_INDEX:
    case SQLITE_REINDEX:
        return create ? SQLITE_OK : refuse(guard, "CREATE INDEX", NULL);
    case SQLITE_PRAGMA:
        return refuse(guard, "PRAGMA", first);
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
        return refuse(guard, action == SQLITE_ATTACH ? "ATTACH" : "DETACH", NULL);
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
        return refuse(guard, "a transaction of its own", NULL);
    default:
        return refuse(guard, "this statement", NULL);
    }
}

void
weiri_sqlite_guard_set(sqlite3 *db, weiri_sqlite_guard *guard)
{
    (void)sqlite3_set_authorizer(db, guard == NULL ? NULL : ask_guard, guard);
}
