/* SPDX-License-Identifier: Apache-2.0
 * Straight-line loops over protobuf-c, LMDB and SQLite. Two buffers pass between the loop and the thread that commits. */
#include "limits.h"
#include "domain.h"
#include "figures.h"
#include <lmdb.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a table of accounts ------------------------------------------------------------------------------- */

enum { SLOTS = 1 << 18 };

typedef struct slot {
    char key[16];
    Bench__V1__Account state;
    uint64_t version;
} slot;

static slot *
find(slot *table, const char *key)
{
    uint64_t hash = 14695981039346656037u;

    for (const char *c = key; *c != '\0'; c++)
        hash = (hash ^ (uint8_t)*c) * 1099511628211u;
    for (size_t i = hash % SLOTS;; i = (i + 1) % SLOTS) {
        if (table[i].key[0] == '\0') {
            (void)snprintf(table[i].key, sizeof table[i].key, "%s", key);
            bench__v1__account__init(&table[i].state);
        }
        if (strcmp(table[i].key, key) == 0)
            return &table[i];
    }
}

double
limit_aggregate_bytes(void)
{
    return (double)sizeof(slot) * SLOTS / BENCH_ACCOUNTS;
}

/* ---- an allocator that forgets everything at once --------------------------------------------------------- */

typedef struct arena {
    size_t used;
    _Alignas(16) uint8_t bytes[4096];
} arena;

static void *
arena_alloc(void *data, size_t size)
{
    arena *a = data;
    size_t at = a->used;

    a->used += (size + 15) & ~(size_t)15;
    return a->used <= sizeof a->bytes ? a->bytes + at : NULL;
}

static void
arena_free(void *data, void *pointer)
{
    (void)data;
    (void)pointer;
}

/* ---- LMDB -------------------------------------------------------------------------------------------------- */

typedef struct store {
    char directory[256];
    MDB_env *env;
    MDB_dbi dbi;
} store;

static void
must(int error, const char *what)
{
    if (error != 0)
        bench_fail("%s: %s", what, mdb_strerror(error));
}

static void
store_open(store *s)
{
    MDB_txn *txn;

    bench_directory(s->directory, sizeof s->directory);
    must(mdb_env_create(&s->env), "mdb_env_create");
    must(mdb_env_set_mapsize(s->env, (size_t)1 << 36), "mdb_env_set_mapsize");
    must(mdb_env_open(s->env, s->directory, MDB_NORDAHEAD | MDB_NOMEMINIT | MDB_NOTLS, 0600), "mdb_env_open");
    must(mdb_txn_begin(s->env, NULL, 0, &txn), "mdb_txn_begin");
    must(mdb_dbi_open(txn, NULL, 0, &s->dbi), "mdb_dbi_open");
    must(mdb_txn_commit(txn), "mdb_txn_commit");
}

static void
store_close(store *s)
{
    mdb_env_close(s->env);
    bench_remove(s->directory);
}

typedef struct block {
    uint8_t *bytes;
    size_t size, room;
} block;

static void
block_add(block *b, const void *data, size_t size, size_t head)
{
    if (b->size + head + size + 4 > b->room)
        bench_fail("a block is too small");
    uint32_t whole = (uint32_t)(head + size);
    memcpy(b->bytes + b->size, &whole, sizeof whole);
    memset(b->bytes + b->size + 4, 0, head);
    memcpy(b->bytes + b->size + 4 + head, data, size);
    b->size += 4 + head + size;
}

static void
store_put(MDB_txn *txn, store *s, char topic, uint64_t number, const block *b)
{
    uint8_t key[9] = { (uint8_t)topic };
    MDB_val k = { sizeof key, key }, v = { b->size, NULL };

    for (int i = 0; i < 8; i++)
        key[1 + i] = (uint8_t)(number >> (56 - 8 * i));
    must(mdb_put(txn, s->dbi, &k, &v, MDB_RESERVE), "mdb_put");
    memcpy(v.mv_data, b->bytes, b->size);
}

/* ---- the second thread ------------------------------------------------------------------------------------- */

typedef struct pass {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    store *s;
    block blocks[2][2]; /* [buffer][command, event] */
    int full[2];
    int over;
} pass;

static void *
commit_blocks(void *argument)
{
    pass *p = argument;
    MDB_txn *txn;

    for (uint64_t number = 0;; number++) {
        int i = (int)(number % 2);
        pthread_mutex_lock(&p->lock);
        while (!p->full[i] && !p->over)
            pthread_cond_wait(&p->changed, &p->lock);
        int full = p->full[i];
        pthread_mutex_unlock(&p->lock);
        if (!full)
            return NULL;
        must(mdb_txn_begin(p->s->env, NULL, 0, &txn), "mdb_txn_begin");
        store_put(txn, p->s, 'c', number, &p->blocks[i][0]);
        store_put(txn, p->s, 'e', number, &p->blocks[i][1]);
        must(mdb_txn_commit(txn), "mdb_txn_commit");
        pthread_mutex_lock(&p->lock);
        p->full[i] = 0;
        p->blocks[i][0].size = p->blocks[i][1].size = 0;
        pthread_cond_signal(&p->changed);
        pthread_mutex_unlock(&p->lock);
    }
}

static void
one_command(slot *table, arena *a, const uint8_t *packed, block *commands, block *events, size_t head)
{
    ProtobufCAllocator allocator = { arena_alloc, arena_free, a };
    uint8_t bytes[256];
    Bench__V1__Booked event;

    a->used = 0;
    Bench__V1__Book *command = bench__v1__book__unpack(&allocator, BENCH_COMMAND_BYTES, packed);
    slot *account = find(table, command->account_id);
    bench_decide(&account->state, command, &event);
    size_t size = bench__v1__booked__pack(&event, bytes);
    Bench__V1__Booked *decoded = bench__v1__booked__unpack(&allocator, size, bytes);
    bench_evolve(&account->state, decoded);
    account->version++;
    block_add(commands, packed, BENCH_COMMAND_BYTES, head);
    block_add(events, bytes, size, head);
}

static uint8_t *
packed_commands(unsigned n)
{
    uint8_t *packed = malloc((size_t)n * BENCH_COMMAND_BYTES);

    for (unsigned i = 0; packed != NULL && i < n; i++) {
        bench_command c;
        bench_command_make(&c, i);
        if (bench__v1__book__pack(&c.message, packed + (size_t)i * BENCH_COMMAND_BYTES) != BENCH_COMMAND_BYTES)
            bench_fail("a command is not %d bytes", BENCH_COMMAND_BYTES);
    }
    return packed;
}

static void
pass_wait_empty(pass *p, int i)
{
    pthread_mutex_lock(&p->lock);
    while (p->full[i])
        pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

static void
pass_hand_over(pass *p, int i)
{
    pthread_mutex_lock(&p->lock);
    p->full[i] = 1;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static void
pass_init(pass *p, store *s, unsigned batch, size_t head)
{
    *p = (pass){ .s = s };
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    for (int i = 0; i < 4; i++) {
        block *b = &p->blocks[i / 2][i % 2];
        b->room = (size_t)batch * (head + BENCH_EVENT_BYTES + 64);
        b->bytes = malloc(b->room);
    }
}

static void
pass_fini(pass *p)
{
    for (int i = 0; i < 4; i++)
        free(p->blocks[i / 2][i % 2].bytes);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->changed);
}

static double
run_loop(store *s, unsigned commands, unsigned batch, size_t head)
{
    pass p;
    pthread_t second;
    static arena a;
    slot *table = calloc(SLOTS, sizeof *table);
    uint8_t *packed = packed_commands(commands);

    pass_init(&p, s, batch, head);
    int64_t began = bench_now_ns();
    pthread_create(&second, NULL, commit_blocks, &p);
    int i = 0;
    for (unsigned n = 0; n < commands; i = 1 - i) {
        pass_wait_empty(&p, i);
        for (unsigned end = n + batch < commands ? n + batch : commands; n < end; n++)
            one_command(table, &a, packed + (size_t)n * BENCH_COMMAND_BYTES, &p.blocks[i][0], &p.blocks[i][1], head);
        pass_hand_over(&p, i);
    }
    pass_wait_empty(&p, 0);
    pass_wait_empty(&p, 1);
    int64_t took = bench_now_ns() - began;
    pthread_mutex_lock(&p.lock);
    p.over = 1;
    pthread_cond_signal(&p.changed);
    pthread_mutex_unlock(&p.lock);
    pthread_join(second, NULL);
    pass_fini(&p);
    free(packed);
    free(table);
    return commands * 1e9 / (double)took;
}

double
limit_commands(unsigned commands, unsigned batch, size_t record_head)
{
    store s;

    store_open(&s);
    double rate = run_loop(&s, commands, batch, record_head);
    store_close(&s);
    return rate;
}

static int
ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

double
limit_commit_us(unsigned commits)
{
    store s;
    uint8_t bytes[BENCH_COMMAND_BYTES + BENCH_EVENT_BYTES] = { 0 };
    block b = { bytes, sizeof bytes, sizeof bytes };
    int64_t *times = malloc(commits * sizeof *times);

    store_open(&s);
    for (unsigned i = 0; i < commits; i++) {
        MDB_txn *txn;
        int64_t began = bench_now_ns();
        must(mdb_txn_begin(s.env, NULL, 0, &txn), "mdb_txn_begin");
        store_put(txn, &s, 'e', i, &b);
        must(mdb_txn_commit(txn), "mdb_txn_commit");
        times[i] = bench_now_ns() - began;
    }
    store_close(&s);
    qsort(times, commits, sizeof *times, ascending);
    double us = (double)times[commits / 2] / 1e3;
    free(times);
    return us;
}

/* The events of one block: unpack, find, evolve. Returns their number. */
static unsigned
replay_block(slot *table, arena *a, const uint8_t *at, const uint8_t *end, size_t head)
{
    ProtobufCAllocator allocator = { arena_alloc, arena_free, a };
    unsigned n = 0;

    for (; at < end; n++) {
        uint32_t whole;
        memcpy(&whole, at, sizeof whole);
        a->used = 0;
        Bench__V1__Booked *event = bench__v1__booked__unpack(&allocator, whole - head, at + 4 + head);
        slot *account = find(table, event->account_id);
        bench_evolve(&account->state, event);
        account->version++;
        at += 4 + whole;
    }
    return n;
}

double
limit_replay(unsigned events, unsigned batch, size_t record_head)
{
    store s;
    MDB_txn *txn;
    MDB_cursor *cursor;
    char first[] = "e";
    MDB_val k = { 1, first }, v;
    static arena a;
    unsigned n = 0;

    store_open(&s);
    (void)run_loop(&s, events, batch, record_head);
    slot *table = calloc(SLOTS, sizeof *table);
    int64_t began = bench_now_ns();
    must(mdb_txn_begin(s.env, NULL, MDB_RDONLY, &txn), "mdb_txn_begin");
    must(mdb_cursor_open(txn, s.dbi, &cursor), "mdb_cursor_open");
    for (int error = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE); error == 0; error = mdb_cursor_get(cursor, &k, &v, MDB_NEXT))
        n += replay_block(table, &a, v.mv_data, (const uint8_t *)v.mv_data + v.mv_size, record_head);
    int64_t took = bench_now_ns() - began;
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    store_close(&s);
    free(table);
    if (n != events)
        bench_fail("replayed %u of %u events", n, events);
    return events * 1e9 / (double)took;
}

/* ---- SQLite ------------------------------------------------------------------------------------------------- */

static void
sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        bench_fail("%s: %s", text, sqlite3_errmsg(db));
}

double
limit_view(unsigned rows)
{
    char directory[256], path[300];
    sqlite3 *db;
    sqlite3_stmt *statement;

    bench_directory(directory, sizeof directory);
    (void)snprintf(path, sizeof path, "%s/view.db", directory);
    if (sqlite3_open(path, &db) != SQLITE_OK)
        bench_fail("%s: %s", path, sqlite3_errmsg(db));
    sql(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;");
    sql(db, "CREATE TABLE account (account_id TEXT PRIMARY KEY, balance_cents INTEGER NOT NULL, bookings INTEGER NOT NULL)");
    if (sqlite3_prepare_v2(db,
            "INSERT INTO account (account_id, balance_cents, bookings) VALUES (?1, ?2, 1) ON CONFLICT (account_id) DO UPDATE "
            "SET balance_cents = account.balance_cents + excluded.balance_cents, bookings = account.bookings + 1",
            -1, &statement, NULL) != SQLITE_OK)
        bench_fail("%s", sqlite3_errmsg(db));
    int64_t began = bench_now_ns();
    for (unsigned i = 0; i < rows; i++) {
        char key[16];
        int size = snprintf(key, sizeof key, "acc-%06u", i * 7919u % BENCH_ACCOUNTS);
        if (i % 10000 == 0)
            sql(db, "BEGIN");
        sqlite3_bind_text(statement, 1, key, size, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 2, 1 + i % 100);
        if (sqlite3_step(statement) != SQLITE_DONE)
            bench_fail("%s", sqlite3_errmsg(db));
        sqlite3_reset(statement);
        if (i % 10000 == 9999 || i + 1 == rows)
            sql(db, "COMMIT");
    }
    int64_t took = bench_now_ns() - began;
    sqlite3_finalize(statement);
    sqlite3_close(db);
    bench_remove(directory);
    return rows * 1e9 / (double)took;
}
