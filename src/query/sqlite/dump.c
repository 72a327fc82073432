/* SPDX-License-Identifier: Apache-2.0
 * The canonical dump: equal for equal rows, whatever way they came. Tables by name, each with a line of its columns, then
 * its rows sorted by all columns. Thread: any; it opens a connection of its own. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "message/json.h"
#include "base/number.h"
#include "query/sqlite/store_sqlite.h"

static const char list_tables[] = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
                                  " AND name NOT LIKE 'weir!_%' ESCAPE '!' ORDER BY name";

static void
add_value(weiri_buffer *to, sqlite3_stmt *row, int i)
{
    const uint8_t *bytes;
    int size;

    switch (sqlite3_column_type(row, i)) {
    case SQLITE_INTEGER:
        weiri_buffer_print(to, "%" PRId64, (int64_t)sqlite3_column_int64(row, i));
        break;
    case SQLITE_FLOAT:
        weiri_number_add_real(to, sqlite3_column_double(row, i));
        break;
    case SQLITE_NULL:
        weiri_buffer_add_text(to, "null");
        break;
    case SQLITE_TEXT:
        bytes = sqlite3_column_text(row, i);
        weiri_json_add_string(to, (weiri_bytes){ bytes, (size_t)sqlite3_column_bytes(row, i) });
        break;
    default:
        bytes = sqlite3_column_blob(row, i);
        size = sqlite3_column_bytes(row, i);
        weiri_buffer_add_text(to, "x'");
        for (int j = 0; j < size; j++)
            weiri_buffer_print(to, "%02x", bytes[j]);
        weiri_buffer_add_char(to, '\'');
        break;
    }
}

static weir_status
dump_rows(sqlite3 *db, sqlite3_stmt *rows, const char *table, weiri_buffer *to, weir_error *err)
{
    int columns = sqlite3_column_count(rows), rc;

    weiri_buffer_print(to, "# %s", table);
    for (int i = 0; i < columns; i++)
        weiri_buffer_print(to, "\t%s", sqlite3_column_name(rows, i));
    weiri_buffer_add_char(to, '\n');
    while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
        for (int i = 0; i < columns; i++) {
            if (i > 0)
                weiri_buffer_add_char(to, '\t');
            add_value(to, rows, i);
        }
        weiri_buffer_add_char(to, '\n');
    }
    return rc == SQLITE_DONE ? WEIR_OK : weiri_sqlite_error(db, err);
}

/* The number of columns is known once it is prepared: so twice. */
static weir_status
dump_table(sqlite3 *db, const char *table, weiri_buffer *to, weir_error *err)
{
    weiri_buffer sql = { 0 };
    sqlite3_stmt *rows = NULL;

    weiri_buffer_add_text(&sql, "SELECT * FROM ");
    weiri_sqlite_add_name(&sql, table);
    weir_status status = weiri_sqlite_prepare(db, weiri_buffer_text(&sql), &rows, err);
    int columns = status == WEIR_OK ? sqlite3_column_count(rows) : 0;
    for (int i = 0; i < columns; i++)
        weiri_buffer_print(&sql, "%s %d COLLATE BINARY", i == 0 ? " ORDER BY" : ",", i + 1);
    (void)sqlite3_finalize(rows);
    rows = NULL;
    if (status == WEIR_OK)
        status = weiri_sqlite_prepare(db, weiri_buffer_text(&sql), &rows, err);
    if (status == WEIR_OK)
        status = dump_rows(db, rows, table, to, err);
    (void)sqlite3_finalize(rows);
    weiri_buffer_fini(&sql);
    return status;
}

static weir_status
dump_all(sqlite3 *db, weiri_buffer *to, weir_error *err)
{
    sqlite3_stmt *names = NULL;
    int rc = SQLITE_DONE;

    weir_status status = weiri_sqlite_execute(db, "BEGIN", err);
    if (status != WEIR_OK)
        return status;
    status = weiri_sqlite_prepare(db, list_tables, &names, err);
    while (status == WEIR_OK && (rc = sqlite3_step(names)) == SQLITE_ROW)
        status = dump_table(db, (const char *)sqlite3_column_text(names, 0), to, err);
    if (status == WEIR_OK && rc != SQLITE_DONE)
        status = weiri_sqlite_error(db, err);
    (void)sqlite3_finalize(names);
    weir_error ignored;
    (void)!weiri_sqlite_execute(db, "COMMIT", &ignored);
    return status;
}

weir_status
weiri_sqlite_dump(weiri_store *store, weiri_buffer *to, weir_error *err)
{
    weiri_sqlite *s = (weiri_sqlite *)store;

    return s->path == NULL ? dump_all(s->db, to, err) : weiri_view_file_dump(s->path, to, err);
}

weir_status
weiri_view_file_dump(const char *path, weiri_buffer *to, weir_error *err)
{
    sqlite3 *db = NULL;
    size_t before = to->size;

    weir_status status = weiri_sqlite_connect(path, SQLITE_OPEN_READONLY, &db, err);
    if (status == WEIR_OK)
        status = dump_all(db, to, err);
    (void)sqlite3_close(db);
    if (status == WEIR_IO) {
        /* A directory that can't be written, where nobody runs: SQLite can't make its shared memory, and needs none. */
        weiri_buffer uri = { 0 };
        weiri_buffer_add_text(&uri, "file:");
        for (const char *c = path; *c != '\0'; c++)
            weiri_buffer_print(&uri, *c == '%' || *c == '?' || *c == '#' ? "%%%02x" : "%c", (unsigned char)*c);
        weiri_buffer_add_text(&uri, "?immutable=1");
        db = NULL;
        to->size = before;
        status = weiri_sqlite_connect(weiri_buffer_text(&uri), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, &db, err);
        if (status == WEIR_OK)
            status = dump_all(db, to, err);
        (void)sqlite3_close(db);
        weiri_buffer_fini(&uri);
    }
    return status == WEIR_OK ? status : weiri_error_prefix(err, "%s", path);
}
