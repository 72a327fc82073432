/* SPDX-License-Identifier: Apache-2.0
 * The engine for tests. A reply is waited for on a signal of its own. Thread: the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/engine_testing.h"

static const char counters_sql[] = "-- schema:\n"
                                   "CREATE TABLE counters (counter_id TEXT PRIMARY KEY, total INTEGER NOT NULL, note TEXT, share REAL);\n"
                                   "-- on: testing.v1.Added\n"
                                   "INSERT INTO counters VALUES (:counter_id, :amount, nullif(:note, ''), 0.5)\n"
                                   "  ON CONFLICT (counter_id) DO UPDATE SET total = total + excluded.total, note = excluded.note;\n"
                                   "-- on: testing.v1.WasReset\n"
                                   "UPDATE counters SET total = 0 WHERE counter_id = :counter_id;\n"
                                   "-- query: above(least integer = 10)\n"
                                   "SELECT counter_id, total FROM counters WHERE total >= :least ORDER BY counter_id;\n";

/* ---- replies -------------------------------------------------------------------------------------------- */

/* On the test's stack: `told` is the last that is done to it elsewhere. What is slept on outlives every call. */
typedef struct awaited {
    weiri_reply reply;
    _Atomic bool told;
} awaited;

static weiri_signal replied;

static void
told(void *user, weiri_reply *reply)
{
    awaited *a = user;

    a->reply = *reply;
    atomic_store(&a->told, true);
    weiri_signal_raise(&replied);
}

static weiri_reply
await(awaited *a)
{
    for (uint64_t seen = weiri_signal_count(&replied); !atomic_load(&a->told); seen = weiri_signal_count(&replied))
        (void)weiri_signal_wait(&replied, seen, -1);
    return a->reply;
}

void
testing_engine_open(testing_engine *engine, const char *more_settings)
{
    char settings[512];
    weir_error err;

    (void)snprintf(settings, sizeof settings, "dir=%s/data views=%s/sql disk.reserve=1MB %s", engine->dir, engine->dir, more_settings);
    if (weir_open(&testing_module, settings, &engine->service, &err) != WEIR_OK)
        fail_msg("open: %s: %s", weir_status_name(err.status), err.text);
}

void
testing_engine_close(testing_engine *engine)
{
    weir_close(engine->service);
    engine->service = NULL;
}

int
testing_engine_setup(void **state)
{
    static bool ready;
    testing_engine *engine = calloc(1, sizeof *engine);
    char path[128];

    (void)snprintf(engine->dir, sizeof engine->dir, "/tmp/weir-engine-XXXXXX");
    assert_non_null(mkdtemp(engine->dir));
    (void)snprintf(path, sizeof path, "%s/sql", engine->dir);
    assert_int_equal(mkdir(path, 0777), 0);
    (void)snprintf(path, sizeof path, "%s/sql/counters.sql", engine->dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(counters_sql, file) >= 0 && fclose(file) == 0);
    if (!ready)
        weiri_signal_init(&replied);
    ready = true;
    testing_engine_open(engine, "");
    *state = engine;
    return 0;
}

static int
remove_one(const char *path, const struct stat *about, int kind, struct FTW *at)
{
    (void)about;
    (void)kind;
    (void)at;
    return remove(path);
}

int
testing_engine_teardown(void **state)
{
    testing_engine *engine = *state;

    testing_engine_close(engine);
    (void)nftw(engine->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(engine);
    return 0;
}

/* ---- asking ----------------------------------------------------------------------------------------------- */

const char *
testing_body(weiri_reply *reply)
{
    return weiri_buffer_text(&reply->body);
}

void
testing_expect(weiri_reply reply, int http, const char *words)
{
    const char *body = testing_body(&reply);

    if (reply.http != http || strstr(body, words) == NULL)
        fail_msg("expected %d with '%s', got %d: %s", http, words, reply.http, body);
    weiri_reply_fini(&reply);
}

weiri_reply
testing_call(testing_engine *engine, weiri_command_call call)
{
    awaited a = { 0 };

    call.done = told;
    call.user = &a;
    weiri_service_command(engine->service, &call);
    return await(&a);
}

weiri_reply
testing_send(testing_engine *engine, const char *type, const char *json, const char *id)
{
    return testing_call(engine, (weiri_command_call){ .type = type, .body = weiri_bytes_of(json), .id = id });
}

weiri_reply
testing_batch(testing_engine *engine, const char *body, bool json_array)
{
    awaited a = { 0 };

    weiri_commands_call call = { .json_array = json_array, .body = weiri_bytes_of(body), .done = told, .user = &a };
    weiri_service_commands(engine->service, &call);
    return await(&a);
}

weiri_reply
testing_outcome(testing_engine *engine, const char *aggregate, const char *key, const char *id)
{
    awaited a = { 0 };

    weiri_service_outcome(engine->service, aggregate, key, id, told, &a);
    return await(&a);
}

weiri_reply
testing_state(testing_engine *engine, const char *aggregate, const char *key, uint64_t version)
{
    awaited a = { 0 };

    weiri_service_state(engine->service, aggregate, key, version, told, &a);
    return await(&a);
}

weiri_reply
testing_history(testing_engine *engine, weiri_history_call call)
{
    awaited a = { 0 };

    weiri_service_history(engine->service, &call, told, &a);
    return await(&a);
}

weiri_reply
testing_view(testing_engine *engine, const char *view, const char *name, bool query, const char *position)
{
    weiri_view_call call = { .view = view, .name = name, .query = query, .position = position, .wait_ms = 10000 };
    weiri_reply reply = { 0 };

    weiri_service_view(engine->service, &call, &reply);
    return reply;
}
