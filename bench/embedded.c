/* SPDX-License-Identifier: Apache-2.0
 * script/bench embedded: weir on the embedded log beside its limits, a line a figure. Everything runs in this process. */
#include "domain.h"
#include "engine/service.h"
#include "figures.h"
#include "http/server.h"
#include "limit_http.h"
#include "limits.h"
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMANDS = 400000, BATCH = 16384, EXECUTES = 1000, VIEW_ROWS = 400000, CONNECTIONS = 64, HTTP_REQUESTS = 30000 };

/* What the envelope adds to a record here: the head, the names, the key, the id and its place in the table of starts. */
enum { RECORD_HEAD = 72 + 4 + 15 + 7 + 10 + 36 };

typedef struct context {
    const char *views; /* the directory with account.sql */
} context;

static void
check(weir_status status, const weir_error *err, const char *what)
{
    if (status != WEIR_OK)
        bench_fail("%s: %s: %s", what, weir_status_name(status), err->text);
}

static weir_engine *
engine_open(const char *directory, const char *more)
{
    weir_engine *engine;
    weir_error err = { 0 };
    char settings[600];

    (void)snprintf(settings, sizeof settings, "dir=%s %s", directory, more);
    check(weir_open(&bench_module, settings, &engine, &err), &err, "weir_open");
    return engine;
}

static void
count_done(void *user, const weir_outcome *outcome)
{
    unsigned *bad = user;

    *bad += outcome->status != WEIR_OK;
}

/* Made before any clock runs, as the packed ones of the limits are. */
static const bench_command *
prepared(void)
{
    static bench_command *all;

    if (all == NULL) {
        all = calloc(COMMANDS, sizeof *all);
        for (unsigned i = 0; i < COMMANDS; i++)
            bench_command_make(&all[i], i);
    }
    return all;
}

static void
submit_all(weir_engine *engine, unsigned commands, unsigned *bad)
{
    const bench_command *all = prepared();
    weir_error err = { 0 };

    for (unsigned i = 0; i < commands; i++)
        check(weir_submit(engine, &all[i].message.base, NULL, count_done, bad, &err), &err, "weir_submit");
    check(weir_settle(engine, false, 60000), &err, "weir_settle");
    if (*bad > 0)
        bench_fail("%u commands were not accepted", *bad);
}

/* ---- durable commands a second ------------------------------------------------------------------------- */

static double
weir_commands(void *user)
{
    char directory[256];
    unsigned bad = 0;

    (void)user;
    bench_directory(directory, sizeof directory);
    (void)prepared();
    weir_engine *engine = engine_open(directory, "views=");
    int64_t began = bench_now_ns();
    submit_all(engine, COMMANDS, &bad);
    int64_t took = bench_now_ns() - began;
    weir_close(engine);
    bench_remove(directory);
    return COMMANDS * 1e9 / (double)took;
}

static double
limit_of_commands(void *user)
{
    (void)user;
    return limit_commands(COMMANDS, BATCH, RECORD_HEAD);
}

/* ---- one client's latency ---------------------------------------------------------------------------------- */

static int
ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double
weir_latency(void *user)
{
    char directory[256];
    int64_t times[EXECUTES];

    (void)user;
    bench_directory(directory, sizeof directory);
    weir_engine *engine = engine_open(directory, "views=");
    for (unsigned i = 0; i < EXECUTES; i++) {
        bench_command c;
        weir_outcome outcome;
        bench_command_make(&c, i);
        int64_t began = bench_now_ns();
        if (weir_execute(engine, &c.message.base, NULL, &outcome) != WEIR_OK)
            bench_fail("weir_execute: %s", outcome.text);
        times[i] = bench_now_ns() - began;
    }
    weir_close(engine);
    bench_remove(directory);
    qsort(times, EXECUTES, sizeof *times, ascending);
    return (double)times[EXECUTES / 2] / 1e3;
}

static double
limit_of_latency(void *user)
{
    (void)user;
    return limit_commit_us(EXECUTES);
}

/* ---- replay: opening without checkpoints --------------------------------------------------------------------- */

static double
weir_replay(void *user)
{
    char directory[256], checkpoint[300];
    unsigned bad = 0;

    (void)user;
    bench_directory(directory, sizeof directory);
    weir_engine *engine = engine_open(directory, "views=");
    submit_all(engine, COMMANDS, &bad);
    weir_close(engine);
    (void)snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint", directory);
    bench_remove(checkpoint);
    int64_t began = bench_now_ns();
    engine = engine_open(directory, "views=");
    int64_t took = bench_now_ns() - began;
    weir_close(engine);
    bench_remove(directory);
    return COMMANDS * 1e9 / (double)took;
}

static double
limit_of_replay(void *user)
{
    (void)user;
    return limit_replay(COMMANDS, BATCH, RECORD_HEAD);
}

/* ---- view rows a second ---------------------------------------------------------------------------------------- */

static double
weir_view(void *user)
{
    const context *c = user;
    char directory[256], settings[400];
    unsigned bad = 0;
    weir_error err = { 0 };

    bench_directory(directory, sizeof directory);
    weir_engine *engine = engine_open(directory, "views=");
    submit_all(engine, VIEW_ROWS, &bad);
    weir_close(engine);
    (void)snprintf(settings, sizeof settings, "views='%s'", c->views);
    int64_t began = bench_now_ns();
    engine = engine_open(directory, settings);
    check(weir_settle(engine, true, 120000), &err, "weir_settle with views");
    int64_t took = bench_now_ns() - began;
    weir_close(engine);
    bench_remove(directory);
    return VIEW_ROWS * 1e9 / (double)took;
}

static double
limit_of_view(void *user)
{
    (void)user;
    return limit_view(VIEW_ROWS);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static double
heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return (double)(info.uordblks + info.hblkhd);
}

/* The heap of an engine that has opened a log with so many accounts, less what was there before. */
static double
engine_bytes(unsigned accounts)
{
    char directory[256];
    unsigned bad = 0;

    bench_directory(directory, sizeof directory);
    weir_engine *engine = engine_open(directory, "views=");
    submit_all(engine, accounts, &bad);
    weir_close(engine);
    double before = heap_bytes();
    engine = engine_open(directory, "views=");
    double bytes = heap_bytes() - before;
    weir_close(engine);
    bench_remove(directory);
    return bytes;
}

static double
weir_memory(void *user)
{
    (void)user;
    return (engine_bytes(BENCH_ACCOUNTS) - engine_bytes(1)) / (BENCH_ACCOUNTS - 1);
}

static double
limit_of_memory(void *user)
{
    (void)user;
    return limit_aggregate_bytes();
}

/* ---- HTTP ---------------------------------------------------------------------------------------------------------- */

static unsigned
make_command(void *user, unsigned i, char *to, unsigned size)
{
    char body[512];
    bench_command c;

    (void)user;
    bench_command_make(&c, i);
    int n = snprintf(body, sizeof body,
        "{\"accountId\":\"%s\",\"cents\":\"%" PRId64 "\",\"text\":\"%s\",\"reference\":\"%s\",\"bookedAtMs\":%" PRId64 "}", c.account_id,
        c.message.cents, c.text, c.reference, c.message.booked_at_ms);
    return (unsigned)snprintf(to, size,
        "POST /commands/bench.v1.Book HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", n, body);
}

static unsigned
make_query(void *user, unsigned i, char *to, unsigned size)
{
    (void)user;
    return (unsigned)snprintf(
        to, size, "GET /views/account/queries/one?account_id=acc-%06u HTTP/1.1\r\nHost: bench\r\n\r\n", i * 7919u % BENCH_ACCOUNTS);
}

static weiri_http *
serve(weir_engine *engine)
{
    const weiri_http_config config = { .listen = "127.0.0.1:0" };
    weiri_http *http;
    weir_error err = { 0 };

    check(weiri_http_start(engine, &config, &http, &err), &err, "weiri_http_start");
    return http;
}

static double
weir_http_commands(void *user)
{
    char directory[256];

    (void)user;
    bench_directory(directory, sizeof directory);
    weir_engine *engine = engine_open(directory, "views=");
    weiri_http *http = serve(engine);
    double rate = http_load(weiri_http_port(http), CONNECTIONS, HTTP_REQUESTS, make_command, NULL);
    weiri_http_stop(http);
    weir_close(engine);
    bench_remove(directory);
    return rate;
}

static double
limit_of_http_commands(void *user)
{
    bare_server *server = bare_commands_start(2);

    (void)user;
    double rate = http_load(bare_server_port(server), CONNECTIONS, HTTP_REQUESTS, make_command, NULL);
    bare_server_stop(server);
    return rate;
}

/* One filled view serves both. */
typedef struct queries {
    const context *context;
    char directory[256], database[600];
    weir_engine *engine;
} queries;

static void
queries_open(queries *q, const context *c)
{
    char settings[400], command[700];
    unsigned bad = 0;
    weir_error err = { 0 };

    q->context = c;
    bench_directory(q->directory, sizeof q->directory);
    (void)snprintf(settings, sizeof settings, "views='%s'", c->views);
    q->engine = engine_open(q->directory, settings);
    submit_all(q->engine, BENCH_ACCOUNTS, &bad);
    check(weir_settle(q->engine, true, 120000), &err, "weir_settle with views");
    (void)snprintf(command, sizeof command, "ls %s/views/*.db", q->directory);
    FILE *list = popen(command, "r");
    if (list == NULL || fscanf(list, "%599s", q->database) != 1)
        bench_fail("the view has no database");
    (void)pclose(list);
}

static double
weir_http_queries(void *user)
{
    queries *q = user;
    weiri_http *http = serve(q->engine);
    double rate = http_load(weiri_http_port(http), CONNECTIONS, HTTP_REQUESTS, make_query, NULL);

    weiri_http_stop(http);
    return rate;
}

static double
limit_of_http_queries(void *user)
{
    queries *q = user;
    bare_server *server = bare_queries_start(2, q->database);
    double rate = http_load(bare_server_port(server), CONNECTIONS, HTTP_REQUESTS, make_query, NULL);

    bare_server_stop(server);
    return rate;
}

static bool
wanted(const char *only, const char *name)
{
    return only == NULL || strcmp(only, name) == 0;
}

int
main(int argc, char **argv)
{
    const char *only = argc > 3 ? argv[3] : NULL;
    context c = { .views = argc > 1 ? argv[1] : "bench/views" };
    queries q;

    bench_directories(argc > 2 ? argv[2] : ".");
    printf("figure\tvalue\tunit\tlimit\tratio\n");
    const figure figures[] = {
        { "commands", "commands/s", false, 5, weir_commands, limit_of_commands, &c },
        { "latency", "us", true, 5, weir_latency, limit_of_latency, &c },
        { "replay", "events/s", false, 5, weir_replay, limit_of_replay, &c },
        { "view", "rows/s", false, 5, weir_view, limit_of_view, &c },
        { "http-commands", "commands/s", false, 5, weir_http_commands, limit_of_http_commands, &c },
        { "memory", "bytes/aggregate", true, 1, weir_memory, limit_of_memory, &c },
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (wanted(only, figures[i].name))
            figure_measure(&figures[i]);
    if (!wanted(only, "http-queries"))
        return 0;
    queries_open(&q, &c);
    figure_measure(&(figure){ "http-queries", "queries/s", false, 5, weir_http_queries, limit_of_http_queries, &q });
    weir_close(q.engine);
    bench_remove(q.directory);
    return 0;
}
