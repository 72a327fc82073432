/* SPDX-License-Identifier: Apache-2.0
 * script/bench kafka: weir on a broker beside the bare consume-produce-commit loop on the same one, a line a figure; and what a
 * restart after kill -9 takes. weir runs in this process, and where it is to be killed in another one. */
#include "child.h"
#include "domain.h"
#include "engine/inside.h"
#include "figures.h"
#include "limit_kafka.h"
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

enum { COMMANDS = 300000, BATCH = 16384, AT_REST = 300, WARM = 100, PACED = 40000, FRONT = 100000, ROUNDS = 3 };
enum { EVENTS = 200000, EVENTS_FULL = 1000000 }; /* to recover from */
enum { WEIR_REST, LIMIT_REST, WEIR_HALF, LIMIT_HALF, SERIES };

typedef struct context {
    const char *brokers, *self, *more; /* more: settings */
    double pace;                       /* commands a second */
    int percent;                       /* of the latencies: 50 or 99 */
    unsigned events;
    const char *lost; /* what is gone at the restart: "checkpoint", "" all of the directory, NULL nothing */
} context;

static void
sleep_us(int64_t us)
{
    (void)thrd_sleep(&(struct timespec){ .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 }, NULL);
}

static weir_engine *
engine_open(const char *brokers, const char *app, const char *directory, const char *more)
{
    weir_engine *engine;
    weir_error err = { 0 };
    char settings[1000];

    (void)snprintf(
        settings, sizeof settings, "log=kafka brokers=%s app=%s cluster.weak=yes dir=%s views= %s", brokers, app, directory, more);
    if (weir_open(&bench_module, settings, &engine, &err) != WEIR_OK)
        bench_fail("weir_open: %s", err.text);
    return engine;
}

/* One command, as often as it takes until there is an answer. */
static void
execute(weir_engine *engine, unsigned i)
{
    bench_command c;
    weir_outcome outcome;

    bench_command_make(&c, i);
    while (weir_execute(engine, &c.message.base, NULL, &outcome) != WEIR_OK) {
        if (outcome.status != WEIR_BUSY && outcome.status != WEIR_TIMEOUT)
            bench_fail("weir_execute: %s", outcome.text);
        sleep_us(1000);
    }
}

static int
ascending(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* In milliseconds. */
static double
percentile(int64_t *took_ns, unsigned n, int percent)
{
    qsort(took_ns, n, sizeof *took_ns, ascending);
    return (double)took_ns[(uint64_t)n * (unsigned)percent / 100] / 1e6;
}

/* A run gives both percentiles: that of 99 is kept for the figure after this one. */
static struct {
    double p99[ROUNDS];
    unsigned made, used;
} tails[SERIES];

static bool
was_kept(const context *c, int series, double *ret)
{
    if (c->percent != 99 || tails[series].used == tails[series].made)
        return false;
    *ret = tails[series].p99[tails[series].used++];
    return true;
}

static double
asked_for(const context *c, int series, int64_t *took_ns, unsigned n)
{
    if (c->percent != 99)
        tails[series].p99[tails[series].made++] = percentile(took_ns, n, 99);
    return percentile(took_ns, n, c->percent);
}

/* ---- commands a second: they lie in the topic, and a lane is opened ------------------------------------------ */

/* Says once what one command costs in the topics. */
static void
weigh(const context *c, const char *app, const char *who)
{
    static const char *told[4];
    unsigned i = 0;

    while (i < 3 && told[i] != NULL)
        if (strcmp(told[i++], who) == 0)
            return;
    told[i] = who;
    const double events = bare_weigh(c->brokers, app, "events", 10000), outcomes = bare_weigh(c->brokers, app, "outcomes", 10000);
    fprintf(stderr, "%s writes, of a command: an event of %.0f bytes and ", who, events);
    fprintf(stderr, outcomes > 0 ? "an outcome of %.0f bytes\n" : "no outcome\n", outcomes);
}

static double
weir_rate(void *user)
{
    const context *c = user;
    char app[32], directory[256];
    uint64_t first = 0, now = 0;
    int64_t began = 0;

    bare_topics(c->brokers, app);
    bare_fill(c->brokers, app, COMMANDS);
    bench_directory(directory, sizeof directory);
    weir_engine *engine = engine_open(c->brokers, app, directory, c->more);
    while ((now = weiri_log_next_command(engine->log, 0)) < COMMANDS) {
        if (first == 0 && now > 0) {
            first = now;
            began = bench_now_ns();
        }
        sleep_us(1000);
    }
    const double rate = (double)(COMMANDS - first) * 1e9 / (double)(bench_now_ns() - began);
    weir_close(engine);
    bench_remove(directory);
    weigh(c, app, c->more);
    return rate;
}

static double
rate_of_loop(const context *c, bare_kind kind)
{
    char app[32];

    bare_topics(c->brokers, app);
    bare_fill(c->brokers, app, COMMANDS);
    const double rate = bare_rate(c->brokers, app, kind, COMMANDS, BATCH);
    weigh(c, app, kind == BARE_LIKE ? "the loop that is the limit" : "the plain loop");
    return rate;
}

static double
limit_of_rate(void *user)
{
    return rate_of_loop(user, BARE_LIKE);
}

static double
limit_of_plain_rate(void *user)
{
    return rate_of_loop(user, BARE_PLAIN);
}

/* ---- latency at rest: one at a time, a pause between them --------------------------------------------------- */

static double
weir_at_rest(void *user)
{
    const context *c = user;
    double value;

    if (was_kept(c, WEIR_REST, &value))
        return value;
    int64_t took[AT_REST];
    char app[32], directory[256];

    bare_topics(c->brokers, app);
    bench_directory(directory, sizeof directory);
    weir_engine *engine = engine_open(c->brokers, app, directory, c->more);
    for (unsigned i = 0; i < WARM; i++)
        execute(engine, i);
    for (unsigned i = 0; i < AT_REST; i++) {
        sleep_us(2000);
        const int64_t began = bench_now_ns();
        execute(engine, i);
        took[i] = bench_now_ns() - began;
    }
    weir_close(engine);
    bench_remove(directory);
    return asked_for(c, WEIR_REST, took, AT_REST);
}

static double
limit_at_rest(void *user)
{
    const context *c = user;
    double value;

    if (was_kept(c, LIMIT_REST, &value))
        return value;
    int64_t took[AT_REST];
    char app[32];

    bare_topics(c->brokers, app);
    bare_loop *loop = bare_loop_start(c->brokers, app, BARE_LIKE, BATCH);
    for (unsigned i = 0; i < WARM + AT_REST; i++) {
        sleep_us(2000);
        const int64_t began = bench_now_ns();
        bare_loop_send(loop, i);
        const int64_t *times = bare_loop_wait(loop, i + 1);
        if (i >= WARM)
            took[i - WARM] = times[i] - began;
    }
    bare_loop_stop(loop);
    return asked_for(c, LIMIT_REST, took, AT_REST);
}

/* ---- latency at half load: sent at a pace, measured from when it was due ------------------------------------- */

typedef struct paced {
    int64_t due;
    _Atomic int64_t answered;
} paced;

static void
note_answer(void *user, const weir_outcome *outcome)
{
    paced *p = user;

    if (outcome->status != WEIR_OK)
        bench_fail("an answer: %s", outcome->text);
    atomic_store(&p->answered, bench_now_ns());
}

static void
submit(weir_engine *engine, unsigned i, paced *p)
{
    bench_command c;
    weir_error err = { 0 };
    weir_status status;

    bench_command_make(&c, i);
    while ((status = weir_submit(engine, &c.message.base, NULL, note_answer, p, &err)) == WEIR_BUSY)
        sleep_us(200);
    if (status != WEIR_OK)
        bench_fail("weir_submit: %s", err.text);
}

static int64_t
wait_until_due(int64_t began, unsigned i, double pace)
{
    const int64_t due = began + (int64_t)(i * 1e9 / pace);
    const int64_t left = due - bench_now_ns();

    if (left > 0)
        sleep_us(left / 1000);
    return due;
}

static double
weir_paced(void *user)
{
    const context *c = user;
    double value;

    if (was_kept(c, WEIR_HALF, &value))
        return value;
    paced *all = calloc(PACED, sizeof *all);
    int64_t *took = calloc(PACED, sizeof *took);
    char app[32], directory[256];

    bare_topics(c->brokers, app);
    bench_directory(directory, sizeof directory);
    weir_engine *engine = engine_open(c->brokers, app, directory, c->more);
    for (unsigned i = 0; i < WARM; i++)
        execute(engine, i);
    const int64_t began = bench_now_ns();
    for (unsigned i = 0; i < PACED; i++) {
        all[i].due = wait_until_due(began, i, c->pace);
        submit(engine, i, &all[i]);
    }
    if (weir_settle(engine, false, 60000) != WEIR_OK)
        bench_fail("no answers in time");
    for (unsigned i = 0; i < PACED; i++)
        took[i] = atomic_load(&all[i].answered) - all[i].due;
    weir_close(engine);
    bench_remove(directory);
    value = asked_for(c, WEIR_HALF, took, PACED);
    free(all);
    free(took);
    return value;
}

static double
limit_paced(void *user)
{
    const context *c = user;
    double value;

    if (was_kept(c, LIMIT_HALF, &value))
        return value;
    int64_t *took = calloc(PACED, sizeof *took), *due = calloc(PACED, sizeof *due);
    char app[32];

    bare_topics(c->brokers, app);
    bare_loop *loop = bare_loop_start(c->brokers, app, BARE_LIKE, BATCH);
    for (unsigned i = 0; i < WARM; i++) {
        bare_loop_send(loop, i);
        (void)bare_loop_wait(loop, i + 1);
    }
    const int64_t began = bench_now_ns();
    for (unsigned i = 0; i < PACED; i++) {
        due[i] = wait_until_due(began, i, c->pace);
        bare_loop_send(loop, i);
    }
    const int64_t *times = bare_loop_wait(loop, WARM + PACED);
    for (unsigned i = 0; i < PACED; i++)
        took[i] = times[WARM + i] - due[i];
    bare_loop_stop(loop);
    value = asked_for(c, LIMIT_HALF, took, PACED);
    free(took);
    free(due);
    return value;
}

/* What the front takes and has answered, as fast as it goes: half of it is the half load. */
static double
front_rate(void *user)
{
    const context *c = user;
    paced *all = calloc(FRONT, sizeof *all);
    char app[32], directory[256];

    bare_topics(c->brokers, app);
    bench_directory(directory, sizeof directory);
    weir_engine *engine = engine_open(c->brokers, app, directory, c->more);
    execute(engine, 0);
    const int64_t began = bench_now_ns();
    for (unsigned i = 0; i < FRONT; i++)
        submit(engine, i, &all[i]);
    if (weir_settle(engine, false, 120000) != WEIR_OK)
        bench_fail("no answers in time");
    const double rate = FRONT * 1e9 / (double)(bench_now_ns() - began);
    weir_close(engine);
    bench_remove(directory);
    free(all);
    return rate;
}

static double
limit_of_front(void *user)
{
    const context *c = user;
    char app[32];

    bare_topics(c->brokers, app);
    bare_loop *loop = bare_loop_start(c->brokers, app, BARE_LIKE, BATCH);
    bare_loop_send(loop, 0);
    (void)bare_loop_wait(loop, 1);
    const int64_t began = bench_now_ns();
    for (unsigned i = 1; i <= FRONT; i++)
        bare_loop_send(loop, i);
    (void)bare_loop_wait(loop, FRONT + 1);
    const double rate = FRONT * 1e9 / (double)(bench_now_ns() - began);
    bare_loop_stop(loop);
    return rate;
}

/* ---- recovery ----------------------------------------------------------------------------------------------- */

/* The process that is killed: carries out what lies in the topic, answers one command more, and stays. */
static void
serve(const char *brokers, const char *app, const char *directory, uint64_t commands)
{
    weir_engine *engine = engine_open(brokers, app, directory, "events.format=protobuf checkpoint.events=200000");

    while (weiri_log_next_command(engine->log, 0) < commands)
        sleep_us(10000);
    execute(engine, 0);
    (void)puts("answered");
    (void)fflush(stdout);
    for (;;)
        sleep_us(1000000);
}

static double
weir_recovery(void *user)
{
    static char app[32], directory[256];
    const context *c = user;
    char number[16], lost[300];
    bench_child child;

    (void)snprintf(number, sizeof number, "%u", c->events);
    const char *const words[] = { c->self, "serve", c->brokers, app, directory, number, NULL };
    if (app[0] == '\0') {
        bare_topics(c->brokers, app);
        bare_fill(c->brokers, app, c->events);
        bench_directory(directory, sizeof directory);
        bench_child_start(&child, words);
        bench_child_await(&child, "answered");
        sleep_us(2000000); /* a checkpoint that was begun may end */
        bench_child_kill(&child);
    }
    (void)snprintf(lost, sizeof lost, "%s/%s", directory, c->lost == NULL ? "" : c->lost);
    if (c->lost != NULL)
        bench_remove(lost);
    const int64_t began = bench_now_ns();
    bench_child_start(&child, words);
    bench_child_await(&child, "answered");
    const double seconds = (double)(bench_now_ns() - began) / 1e9;
    bench_child_kill(&child);
    if (c->lost != NULL && c->lost[0] == '\0')
        bench_remove(directory);
    return seconds;
}

static double
limit_of_recovery(void *user)
{
    const context *c = user;
    char app[32];

    bare_topics(c->brokers, app);
    return bare_take_over(c->brokers, app, c->self);
}

/* ---- all of them -------------------------------------------------------------------------------------------- */

static void
measure_all(const char *self, const char *brokers, unsigned events, const char *only)
{
    context protobuf = { .brokers = brokers, .self = self, .more = "events.format=protobuf", .percent = 50, .events = events },
            json = protobuf, tail = protobuf, kept = protobuf, replayed = protobuf, fetched = protobuf;

    json.more = "events.format=json";
    tail.percent = 99;
    replayed.lost = "checkpoint";
    fetched.lost = "";
    const bool half_load = strncmp(only, "kafka-half", strlen("kafka-half")) == 0 || only[0] == '\0';
    if (half_load)
        tail.pace = protobuf.pace = front_rate(&protobuf) / 2;
    const figure all[] = {
        { "kafka-commands", "commands/s", false, ROUNDS, weir_rate, limit_of_rate, &protobuf },
        { "kafka-commands-json", "commands/s", false, 1, weir_rate, limit_of_rate, &json },
        { "kafka-loop", "commands/s", false, 1, limit_of_rate, limit_of_plain_rate, &protobuf },
        { "kafka-front", "commands/s", false, ROUNDS, front_rate, limit_of_front, &protobuf },
        { "kafka-rest-p50", "ms", true, ROUNDS, weir_at_rest, limit_at_rest, &protobuf },
        { "kafka-rest-p99", "ms", true, ROUNDS, weir_at_rest, limit_at_rest, &tail },
        { "kafka-half-p50", "ms", true, ROUNDS, weir_paced, limit_paced, &protobuf },
        { "kafka-half-p99", "ms", true, ROUNDS, weir_paced, limit_paced, &tail },
        { "kafka-recovery", "s", true, 1, weir_recovery, limit_of_recovery, &kept },
        { "kafka-recovery-replay", "s", true, 1, weir_recovery, limit_of_recovery, &replayed },
        { "kafka-recovery-fetch", "s", true, 1, weir_recovery, limit_of_recovery, &fetched },
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (only[0] == '\0' || strcmp(only, all[i].name) == 0)
            figure_measure(&all[i]);
    if (half_load)
        fprintf(stderr, "half load was %.0f commands/s\n", protobuf.pace);
    fprintf(stderr, "%s",
        "The limit is a loop on librdkafka alone, with the lane's properties: it consumes commands, unpacks and decides them, and\n"
        "writes and commits what weir writes, an event and an outcome with their headers. It keeps, checks and answers nothing.\n"
        "kafka-loop: that loop beside one that writes the event alone, without headers. kafka-recovery: the limit is a member of a\n"
        "group that takes over from a killed one.\n");
    if (only[0] == '\0')
        fprintf(stderr, "Recovered from were %u events, with checkpoint, without it, and without the local copy as well.\n", events);
}

int
main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "serve") == 0)
        serve(argv[2], argv[3], argv[4], strtoull(argv[5], NULL, 10));
    else if (argc == 4 && strcmp(argv[1], "member") == 0)
        bare_member(argv[2], argv[3]);
    const bool full = argc > 3 && strcmp(argv[3], "--full") == 0;
    if (argc < 3 || argc > (full ? 5 : 4))
        bench_fail("%s BROKERS DIR [--full] [FIGURE]", argv[0]);
    bench_directories(argv[2]);
    measure_all(argv[0], argv[1], full ? EVENTS_FULL : EVENTS, argc > (full ? 4 : 3) ? argv[argc - 1] : "");
    return 0;
}
