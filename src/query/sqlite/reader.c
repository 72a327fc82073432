/* SPDX-License-Identifier: Apache-2.0
 * The readers of a view on SQLite: a few connections, each for one question at a time, with statements kept prepared,
 * a guard that lets nothing but reading through, and a time limit. Position and rows come from one transaction.
 * Thread: any; the list of idle readers is guarded by the store's lock. */
#include <stdio.h>
#include <string.h>
#include "base/memory.h"
#include "query/result.h"
#include "query/sqlite/store_sqlite.h"

enum { STEPS_BETWEEN_LOOKS = 1000 }; /* of SQLite's machine, between two looks at the clock */

static int
look_at_clock(void *user)
{
    const weiri_sqlite_reader *r = user;

    return r->world->monotonic_us(r->world) > r->deadline_us;
}

static void
free_reader(weiri_sqlite_reader *r)
{
    for (size_t i = 0; i < WEIRI_SQLITE_STATEMENTS; i++) {
        (void)sqlite3_finalize(r->cached[i].statement);
        weiri_release(r->cached[i].sql);
    }
    (void)sqlite3_finalize(r->begin);
    (void)sqlite3_finalize(r->end);
    (void)sqlite3_finalize(r->reached);
    if (r->borrowed)
        weiri_sqlite_guard_set(r->db, NULL);
    else
        (void)sqlite3_close(r->db);
    weiri_release(r);
}

void
weiri_sqlite_close_readers(weiri_sqlite *s)
{
    for (size_t i = 0; i < s->idle_n; i++)
        free_reader(s->idle[i]);
    s->idle_n = s->readers_n = 0;
}

static weir_status
new_reader(weiri_sqlite *s, weiri_sqlite_reader **ret_reader, weir_error *err)
{
    weiri_sqlite_reader *r = weiri_allocate(sizeof *r);
    weir_status status = WEIR_OK;

    r->world = s->world;
    r->borrowed = s->path == NULL;
    if (r->borrowed)
        r->db = s->db;
    else
        status = weiri_sqlite_connect(s->path, SQLITE_OPEN_READWRITE, &r->db, err);
    if (status == WEIR_OK && !r->borrowed)
        status = weiri_sqlite_execute(r->db, "PRAGMA query_only=1; PRAGMA temp_store=MEMORY;", err);
    if (status == WEIR_OK)
        weiri_sqlite_guard_set(r->db, &r->guard);
    if (status == WEIR_OK)
        status = weiri_sqlite_prepare(r->db, "BEGIN", &r->begin, err);
    if (status == WEIR_OK)
        status = weiri_sqlite_prepare(r->db, "COMMIT", &r->end, err);
    if (status == WEIR_OK)
        status = weiri_sqlite_prepare(r->db, "SELECT partition, reached, parked, parked_from FROM weir_position", &r->reached, err);
    if (status != WEIR_OK) {
        free_reader(r);
        return status;
    }
    *ret_reader = r;
    return WEIR_OK;
}

/* Takes an idle reader, makes one more, or waits for one. */
static weir_status
borrow_reader(weiri_sqlite *s, int64_t deadline_us, weiri_sqlite_reader **ret_reader, weir_error *err)
{
    for (;;) {
        weiri_sqlite_reader *r = NULL;
        uint64_t seen = weiri_signal_count(&s->returned);
        weiri_lock_take(&s->lock);
        bool more = s->readers_n < WEIRI_SQLITE_READERS;
        if (s->idle_n > 0)
            r = s->idle[--s->idle_n];
        else if (more)
            s->readers_n++;
        weiri_lock_give(&s->lock);
        if (r == NULL && more) {
            weir_status status = new_reader(s, &r, err);
            if (status != WEIR_OK) {
                weiri_lock_take(&s->lock);
                s->readers_n--;
                weiri_lock_give(&s->lock);
                return status;
            }
        }
        if (r != NULL) {
            *ret_reader = r;
            return WEIR_OK;
        }
        int64_t left_ms = (deadline_us - s->world->monotonic_us(s->world)) / 1000;
        if (left_ms <= 0 || !weiri_signal_wait(&s->returned, seen, left_ms))
            return weiri_error_set(err, WEIR_BUSY, "%d queries on this view are running already", WEIRI_SQLITE_READERS);
    }
}

static void
return_reader(weiri_sqlite *s, weiri_sqlite_reader *r)
{
    weiri_lock_take(&s->lock);
    s->idle[s->idle_n++] = r;
    weiri_lock_give(&s->lock);
    weiri_signal_raise(&s->returned);
}

/* The prepared statement for this text; the one longest unused makes room. */
static weir_status
prepared(weiri_sqlite_reader *r, const char *sql, sqlite3_stmt **ret_statement, weir_error *err)
{
    weiri_sqlite_cached *oldest = &r->cached[0];
    sqlite3_stmt *statement = NULL;

    for (size_t i = 0; i < WEIRI_SQLITE_STATEMENTS; i++) {
        weiri_sqlite_cached *c = &r->cached[i];
        if (c->sql != NULL && strcmp(c->sql, sql) == 0) {
            c->used = ++r->uses;
            *ret_statement = c->statement;
            return WEIR_OK;
        }
        if (c->used < oldest->used)
            oldest = c;
    }
    r->guard = (weiri_sqlite_guard){ .may = WEIRI_SQLITE_MAY_READ };
    weir_status status = weiri_sqlite_prepare(r->db, sql, &statement, err);
    r->guard.may = WEIRI_SQLITE_MAY_ALL;
    if (status == WEIR_OK && !sqlite3_stmt_readonly(statement)) {
        (void)sqlite3_finalize(statement);
        status = weiri_error_set(err, WEIR_INVALID, "the statement writes: a query only reads");
    }
    if (status != WEIR_OK)
        return status;
    (void)sqlite3_finalize(oldest->statement);
    weiri_release(oldest->sql);
    *oldest = (weiri_sqlite_cached){ weiri_text_copy(sql), statement, ++r->uses };
    *ret_statement = statement;
    return WEIR_OK;
}

static void
add_value(weiri_result_maker *maker, sqlite3_stmt *statement, int column)
{
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        weiri_result_add(maker, (weiri_value){ .kind = WEIRI_VALUE_INTEGER, .integer = sqlite3_column_int64(statement, column) });
        break;
    case SQLITE_FLOAT:
        weiri_result_add(maker, (weiri_value){ .kind = WEIRI_VALUE_REAL, .real = sqlite3_column_double(statement, column) });
        break;
    case SQLITE_NULL:
        weiri_result_add(maker, (weiri_value){ .kind = WEIRI_VALUE_NULL });
        break;
    default: {
        bool text = sqlite3_column_type(statement, column) == SQLITE_TEXT;
        const void *data = text ? (const void *)sqlite3_column_text(statement, column) : sqlite3_column_blob(statement, column);
        weiri_result_add(maker, (weiri_value){ .kind = text ? WEIRI_VALUE_TEXT : WEIRI_VALUE_BLOB,
                                    .bytes = { data, (size_t)sqlite3_column_bytes(statement, column) } });
        break;
    }
    }
}

static weir_status
read_rows(weiri_sqlite *s, sqlite3_stmt *statement, weiri_result_maker *maker, weir_error *err)
{
    int columns = sqlite3_column_count(statement), rc;

    for (int i = 0; i < columns; i++)
        weiri_result_name(maker, sqlite3_column_name(statement, i));
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        if (maker->rows == s->result_rows)
            return weiri_error_set(err, WEIR_INVALID,
                "the answer has more than %u rows: ask for fewer with filters, or for parts with limit and offset", s->result_rows);
        for (int i = 0; i < columns; i++)
            add_value(maker, statement, i);
        maker->rows++;
    }
    if (rc == SQLITE_DONE)
        return WEIR_OK;
    weir_status status = weiri_sqlite_error(sqlite3_db_handle(statement), err);
    if (status == WEIR_TIMEOUT)
        return weiri_error_set(err, status, "the query took longer than %u ms", s->query_ms);
    return status;
}

static weir_status
read_reached(weiri_sqlite *s, weiri_sqlite_reader *r, weiri_result_maker *maker, weir_error *err)
{
    weir_status status = WEIR_OK;
    int rc;

    weiri_result_partitions(maker, s->partitions);
    while ((rc = sqlite3_step(r->reached)) == SQLITE_ROW) {
        int64_t partition = sqlite3_column_int64(r->reached, 0);
        if (partition < 0 || partition >= s->partitions)
            continue;
        maker->sources[partition] = (uint64_t)sqlite3_column_int64(r->reached, 1);
        maker->parked += (uint64_t)sqlite3_column_int64(r->reached, 2);
        maker->parked_from[partition] = (uint64_t)sqlite3_column_int64(r->reached, 3);
    }
    if (rc != SQLITE_DONE)
        status = weiri_sqlite_error(r->db, err);
    (void)sqlite3_reset(r->reached);
    return status;
}

static weir_status
ask(weiri_sqlite *s, weiri_sqlite_reader *r, const weiri_read *read, weiri_result_maker *maker, weir_error *err)
{
    sqlite3_stmt *statement;
    weir_error ignored;

    weir_status status = prepared(r, read->sql, &statement, err);
    if (status != WEIR_OK)
        return status;
    status = weiri_sqlite_step(r->begin, err);
    if (status != WEIR_OK)
        return status;
    sqlite3_progress_handler(r->db, STEPS_BETWEEN_LOOKS, look_at_clock, r);
    status = read_reached(s, r, maker, err);
    if (status == WEIR_OK)
        status = weiri_sqlite_bind(statement, read->values, read->n, err);
    if (status == WEIR_OK)
        status = read_rows(s, statement, maker, err);
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    sqlite3_progress_handler(r->db, 0, NULL, NULL);
    (void)!weiri_sqlite_step(r->end, &ignored);
    return status;
}

weir_status
weiri_sqlite_read(weiri_store *store, const weiri_read *read, weiri_result **ret_result, weir_error *err)
{
    weiri_sqlite *s = (weiri_sqlite *)store;
    weiri_sqlite_reader *r = NULL;
    weiri_result_maker maker = { 0 };
    int64_t deadline_us = s->world->monotonic_us(s->world) + (int64_t)s->query_ms * 1000;

    weir_status status = borrow_reader(s, deadline_us, &r, err);
    if (status != WEIR_OK)
        return status;
    r->deadline_us = deadline_us;
    status = ask(s, r, read, &maker, err);
    return_reader(s, r);
    if (status == WEIR_OK)
        *ret_result = weiri_result_make(&maker);
    weiri_result_maker_fini(&maker);
    return status;
}
