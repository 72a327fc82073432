/* SPDX-License-Identifier: Apache-2.0
 * The letters of a view on SQLite: a table beside the author's, changed in the writer's transaction and read as a person
 * asks. Its order is the log's: by partition, source and index. Thread: the writer's; reading for others on a connection of its own. */
#include "query/sqlite/store_sqlite.h"

/* docs/formats/view.md is its page. */
const char weiri_sqlite_letters_table[] =
    "CREATE TABLE weir_letter (partition INTEGER NOT NULL, source INTEGER NOT NULL, source_index INTEGER NOT NULL,"
    " event_offset INTEGER NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL, time_ms INTEGER NOT NULL,"
    " since_ms INTEGER NOT NULL, type TEXT NOT NULL, aggregate TEXT NOT NULL, key TEXT NOT NULL, error TEXT NOT NULL,"
    " reason TEXT NOT NULL, who TEXT NOT NULL, PRIMARY KEY (partition, source, source_index)) WITHOUT ROWID;"
    "CREATE INDEX weir_letter_key ON weir_letter (key, source, source_index);"
    "CREATE INDEX weir_letter_state ON weir_letter (partition, state, source);";
const char weiri_sqlite_letters_put[] =
    "INSERT OR REPLACE INTO weir_letter VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
const char weiri_sqlite_letters_drop[] = "DELETE FROM weir_letter WHERE partition = ?1 AND source = ?2 AND source_index = ?3";

#define COLUMNS \
    "SELECT partition, source, source_index, event_offset, state, attempts, time_ms, since_ms, type, aggregate, key, error, reason, who" \
    " FROM weir_letter WHERE state <= ?1"
#define ORDER " ORDER BY key, source, source_index LIMIT ?2"

static weiri_value
number(uint64_t n)
{
    return (weiri_value){ .kind = WEIRI_VALUE_INTEGER, .integer = (int64_t)n };
}

static weiri_value
text(weiri_bytes bytes)
{
    return (weiri_value){ .kind = WEIRI_VALUE_TEXT, .bytes = bytes };
}

weir_status
weiri_sqlite_letter_put(weiri_store *store, const weiri_letter *l, weir_error *err)
{
    weiri_sqlite *s = (weiri_sqlite *)store;
    const weiri_value values[] = { number(l->partition), number(l->source), number(l->index), number(l->offset), number(l->state),
        number(l->attempts), number((uint64_t)l->time_ms), number((uint64_t)l->since_ms), text(l->type), text(l->aggregate), text(l->key),
        text(l->error), text(l->reason), text(l->who) };

    weir_status status = weiri_sqlite_bind(s->put, values, sizeof values / sizeof *values, err);
    return status == WEIR_OK ? weiri_sqlite_step(s->put, err) : status;
}

weir_status
weiri_sqlite_letter_drop(weiri_store *store, uint32_t partition, uint64_t source, uint32_t index, weir_error *err)
{
    weiri_sqlite *s = (weiri_sqlite *)store;
    const weiri_value values[] = { number(partition), number(source), number(index) };

    weir_status status = weiri_sqlite_bind(s->drop, values, sizeof values / sizeof *values, err);
    return status == WEIR_OK ? weiri_sqlite_step(s->drop, err) : status;
}

static weiri_bytes
text_of(sqlite3_stmt *row, int column)
{
    const unsigned char *data = sqlite3_column_text(row, column);

    return (weiri_bytes){ data, (size_t)sqlite3_column_bytes(row, column) };
}

static uint64_t
number_of(sqlite3_stmt *row, int column)
{
    return (uint64_t)sqlite3_column_int64(row, column);
}

static weiri_letter
letter_of(sqlite3_stmt *row)
{
    return (weiri_letter){ .partition = (uint32_t)number_of(row, 0),
        .source = number_of(row, 1),
        .index = (uint32_t)number_of(row, 2),
        .offset = number_of(row, 3),
        .state = number_of(row, 4) == 0 ? WEIRI_LETTER_PARKED : WEIRI_LETTER_DISCARDED,
        .attempts = (uint32_t)number_of(row, 5),
        .time_ms = sqlite3_column_int64(row, 6),
        .since_ms = sqlite3_column_int64(row, 7),
        .type = text_of(row, 8),
        .aggregate = text_of(row, 9),
        .key = text_of(row, 10),
        .error = text_of(row, 11),
        .reason = text_of(row, 12),
        .who = text_of(row, 13) };
}

weir_status
weiri_sqlite_letters(weiri_store *store, bool writer, const weiri_letters_asked *asked, weiri_letter_fn *each, void *user, weir_error *err)
{
    weiri_sqlite *s = (weiri_sqlite *)store;
    const weiri_value values[] = { number(asked->parked ? WEIRI_LETTER_PARKED : WEIRI_LETTER_DISCARDED),
        number(asked->most > INT64_MAX ? INT64_MAX : asked->most), asked->key == NULL ? number(0) : text(*asked->key) };
    const char *sql = asked->key == NULL ? COLUMNS ORDER : COLUMNS " AND key = ?3" ORDER;
    sqlite3 *own = NULL;
    sqlite3_stmt *row = NULL;
    weir_status status = WEIR_OK;
    int rc = SQLITE_DONE;

    if (!writer && s->path != NULL)
        status = weiri_sqlite_connect(s->path, SQLITE_OPEN_READWRITE, &own, err);
    if (status == WEIR_OK)
        status = weiri_sqlite_prepare(own != NULL ? own : s->db, sql, &row, err);
    if (status == WEIR_OK)
        status = weiri_sqlite_bind(row, values, asked->key == NULL ? 2 : 3, err);
    while (status == WEIR_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        weiri_letter letter = letter_of(row);
        if (!each(user, &letter)) {
            rc = SQLITE_DONE;
            break;
        }
    }
    if (status == WEIR_OK && rc != SQLITE_DONE)
        status = weiri_sqlite_error(own != NULL ? own : s->db, err);
    (void)sqlite3_finalize(row);
    (void)sqlite3_close(own);
    return status;
}
