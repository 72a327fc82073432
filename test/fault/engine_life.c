/* SPDX-License-Identifier: Apache-2.0
 * The life. Outcomes arrive on the callback thread, replies on this one: places in `heard` are taken by an atomic count. */
#include "engine_life.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/service.h"
#include "http/server.h"
#include "http/test_client.h"
#include "memory.h"

enum { PATIENCE_MS = 20000, TRIES = 4, REQUEST_MOST = 64 << 10, BURST = 8 };

typedef struct living {
    life *l;
    weir_engine *engine;
    weiri_http *http;
    test_client client;
    bool connected;
    bool sent[LIFE_COMMANDS]; /* it may have been taken without our hearing of it */
} living;

typedef struct waiting {
    life *l;
    unsigned i;
} waiting;

static living now;
static waiting all[LIFE_COMMANDS];
static fault_command command;
static char request[REQUEST_MOST], body[REQUEST_MOST / 2];

static void wrong(life *l, const char *format, ...) WEIR_PRINTF(2, 3);

/* The first fault is the one that is told. */
static void
wrong(life *l, const char *format, ...)
{
    char words[sizeof l->words];
    va_list arguments;

    if (l->words[0] != '\0')
        return;
    va_start(arguments, format);
    (void)vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    (void)snprintf(l->words, sizeof l->words, "%.400s (during %s)", words, l->stage);
}

static void
stage(life *l, const char *name)
{
    (void)snprintf(l->stage, sizeof l->stage, "%s", name);
}

static void
hear(life *l, const fault_heard *heard)
{
    l->heard[atomic_fetch_add(&l->heard_n, 1)] = *heard;
}

/* A refusal must have words and a status that says what kind it is. */
static void
note_refusal(life *l, weir_status status, const char *text, bool of_view)
{
    bool clear = status == WEIR_NO_MEMORY || status == WEIR_BUSY || status == WEIR_IO || status == WEIR_CLOSED ||
                 (of_view && (status == WEIR_BEHIND || status == WEIR_TIMEOUT));

    atomic_fetch_add(&l->refusals, 1);
    if (!clear || text[0] == '\0')
        wrong(l, "a refusal that isn't clear: %s: '%.200s'", weir_status_name(status), text);
}

/* ---- from the program ------------------------------------------------------------------------------------- */

static void
answered(void *user, const weir_outcome *outcome)
{
    const waiting *one = user;
    const fault_heard heard = { one->i, outcome->events, (int32_t)outcome->status, outcome->partition, outcome->version, outcome->source };

    if (outcome->status == WEIR_OK || outcome->status == WEIR_REJECTED)
        hear(one->l, &heard);
    else if (outcome->status == WEIR_TIMEOUT)
        atomic_fetch_add(&one->l->unknown, 1);
    else
        wrong(one->l, "command %u: outcome %s: %.200s", one->i, weir_status_name(outcome->status), outcome->text);
}

static void
submit(life *l, unsigned i)
{
    weir_error err = { 0 };

    fault_command_make(&command, i);
    all[i] = (waiting){ l, i };
    const weir_submission submission = { .id = command.id, .timeout_ms = PATIENCE_MS };
    if (weir_submit(now.engine, &command.message.base, &submission, answered, &all[i], &err) == WEIR_OK)
        return;
    note_refusal(l, err.status, err.text, false);
    l->refused[i] = true;
}

static void
settle(life *l, bool with_views)
{
    if (weir_settle(now.engine, with_views, PATIENCE_MS) != WEIR_OK)
        wrong(l, with_views ? "the views do not get there" : "a command stays without an answer");
}

static void
query(life *l)
{
    weir_error err = { 0 };
    weir_rows *rows = NULL;
    unsigned n = 0;

    if (weir_query(now.engine, "counters.all", NULL, NULL, 0, &rows, &err) != WEIR_OK) {
        note_refusal(l, err.status, err.text, true);
        return;
    }
    while (weir_rows_next(rows))
        n++;
    weir_rows_free(rows);
    if (n > FAULT_KEYS)
        wrong(l, "%u rows of %d keys", n, FAULT_KEYS);
}

/* ---- over HTTP ---------------------------------------------------------------------------------------------- */

/* A connection may end without a word when the HTTP library has no memory: then once more. 0: it never answered. */
static int
ask(life *l)
{
    for (long i = 0; i < TRIES + l->times; i++) {
        if (!now.connected)
            test_client_open(&now.client, weiri_http_port(now.http));
        now.connected = true;
        int status = test_client_ask(&now.client, request);
        if (status != 0)
            return status;
        atomic_fetch_add(&l->refusals, 1);
        test_client_close(&now.client);
        now.connected = false;
    }
    wrong(l, "no reply to %.60s", request);
    return 0;
}

static void
get(life *l, const char *path)
{
    (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    int status = ask(l);
    if (status == 503 || status == 500)
        atomic_fetch_add(&l->refusals, 1);
    else if (status != 200 && status != 404 && status != 409)
        wrong(l, "GET %s: %d: %.200s", path, status, now.client.body);
}

static size_t
write_json(char *to, size_t room)
{
    return (size_t)snprintf(
        to, room, "{\"counterId\":\"%s\",\"amount\":\"%" PRId64 "\",\"note\":\"%s\"}", command.key, command.message.amount, command.note);
}

static bool
number_behind(const char *text, const char *name, uint64_t *ret_number)
{
    const char *at = strstr(text, name);

    if (at == NULL)
        return false;
    *ret_number = strtoull(at + strlen(name), NULL, 10);
    return true;
}

/* The outcome in a reply's body, or a line of it, and its token. */
static void
hear_reply(life *l, unsigned i, int status, const char *text, const char *token)
{
    const char *colon = strchr(token, ':'), *equals = strchr(token, '=');
    fault_heard heard = { .i = i, .status = status == 200 ? WEIR_OK : WEIR_REJECTED };

    fault_command_make(&command, i);
    if (status == 422 && command.message.amount >= 0)
        wrong(l, "command %u is rejected: %.200s", i, text);
    if (status != 200 || fault_events_of(command.message.amount) == 0)
        return; /* only commands with events tell their place */
    heard.events = fault_events_of(command.message.amount);
    if (!number_behind(text, "\"version\":", &heard.version) || colon == NULL || equals == NULL)
        wrong(l, "command %u: no version or position in %.200s", i, text);
    else {
        heard.partition = (int32_t)strtol(colon + 1, NULL, 10);
        heard.source = strtoull(equals + 1, NULL, 10);
        hear(l, &heard);
    }
}

/* A command that was sent before, or on a connection that ended, may be there although it is refused now. */
static void
note_reply(life *l, unsigned i, int status, const char *text, const char *token, bool sure)
{
    const char *detail = strstr(text, "\"detail\":\"");
    const fault_heard accepted = { .i = i, .status = WEIR_OK, .partition = -1 };

    l->refused[i] = false; /* whatever it was told before, it was sent again */
    if (status == 200 || status == 422) {
        hear_reply(l, i, status, text, token);
    } else if (status == 504) {
        atomic_fetch_add(&l->unknown, 1);
    } else if ((status == 503 || status == 500) && detail != NULL && strstr(detail, "the command was accepted, but") != NULL) {
        atomic_fetch_add(&l->refusals, 1);
        hear(l, &accepted);
    } else if (status == 503 && detail != NULL) {
        atomic_fetch_add(&l->refusals, 1);
        l->refused[i] = sure && !now.sent[i];
    } else {
        wrong(l, "command %u: %d: %.200s", i, status, text);
    }
    now.sent[i] = true;
}

static void
post(life *l, unsigned i)
{
    char token[128];
    unsigned before = l->refusals;

    fault_command_make(&command, i);
    size_t size = write_json(body, sizeof body);
    (void)snprintf(request, sizeof request,
        "POST /commands/Add HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nIdempotency-Key: \"%s\"\r\nContent-Length: "
        "%zu\r\n\r\n%s",
        command.id, size, body);
    int status = ask(l);
    if (status != 0)
        note_reply(
            l, i, status, now.client.body, test_client_header(&now.client, "Weir-Position", token, sizeof token), l->refusals == before);
}

/* Commands from `from` to before `to`, a line each. Both that a whole batch is refused, and one line of it, is a refusal. */
static void
post_batch(life *l, unsigned from, unsigned to)
{
    size_t size = 0;
    char token[128];
    unsigned before = l->refusals;

    for (unsigned i = from; i < to; i++) {
        fault_command_make(&command, i);
        size += (size_t)snprintf(body + size, sizeof body - size, "{\"type\":\"Add\",\"id\":\"%s\",\"data\":", command.id);
        size += write_json(body + size, sizeof body - size);
        size += (size_t)snprintf(body + size, sizeof body - size, "}\n");
    }
    (void)snprintf(request, sizeof request,
        "POST /commands HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: %zu\r\n\r\n%s", size, body);
    int status = ask(l);
    const char *line = now.client.body;
    for (unsigned i = from; status != 0 && i < to; i++) {
        uint64_t of_line = (uint64_t)status;
        token[0] = '\0';
        if (status == 200) {
            const char *end = strchr(line, '\n'), *position = strstr(line, "\"position\":\"");
            if (end == NULL || !number_behind(line, "\"status\":", &of_line)) {
                wrong(l, "the batch's reply has no line for command %u: %.200s", i, line);
                return;
            }
            if (position != NULL && position < end)
                (void)snprintf(token, sizeof token, "%.100s", position + 12);
            note_reply(l, i, (int)of_line, line, token, l->refusals == before);
            line = end + 1;
        } else {
            note_reply(l, i, status, line, token, l->refusals == before);
        }
    }
}

/* ---- the life ------------------------------------------------------------------------------------------- */

static void
start(life *l)
{
    const weiri_http_config config = { .listen = "127.0.0.1:0", .threads = 2 };
    weir_error err = { 0 };
    char settings[512];

    stage(l, "opening");
    (void)snprintf(
        settings, sizeof settings, "dir='%s' views='%s' checkpoint.events=20 partitions=2 threads=2 disk.reserve=1MB", l->dir, l->views);
    if (weir_open(&fault_module, settings, &now.engine, &err) != WEIR_OK ||
        weiri_http_start(now.engine, &config, &now.http, &err) != WEIR_OK) {
        wrong(l, "not opened: %.300s", err.text);
        exit(LIFE_WRONG);
    }
}

static void
submit_some(life *l, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        submit(l, i);
        if (i % BURST == BURST - 1)
            settle(l, false);
    }
    settle(l, false);
}

static void
live(life *l)
{
    stage(l, "commands");
    submit_some(l, 0, 40);
    stage(l, "a query");
    query(l);
    stage(l, "commands over HTTP");
    for (unsigned i = 40; i < 60; i++)
        post(l, i);
    post(l, 40); /* a repeat */
    stage(l, "a batch over HTTP");
    post_batch(l, 60, 80);
    stage(l, "questions over HTTP");
    get(l, "/aggregates/counter/k-1");
    get(l, "/aggregates/counter/k-1?version=1");
    get(l, "/aggregates/counter/k-7/events?states=true");
    get(l, "/aggregates/counter/k-0/commands/c-0");
    get(l, "/events?limit=50");
    get(l, "/views/counters/counters?order=key&limit=20");
    get(l, "/views/counters/queries/all");
    get(l, "/metrics");
    get(l, "/views");
    stage(l, "more commands");
    submit_some(l, 80, LIFE_COMMANDS);
    stage(l, "views");
    settle(l, true);
    query(l);
}

void
life_reset(life *l, long fail, long times)
{
    const char *views = l->views;
    char dir[sizeof l->dir];

    memcpy(dir, l->dir, sizeof dir);
    memset(l, 0, sizeof *l);
    memcpy(l->dir, dir, sizeof dir);
    l->views = views;
    l->fail = fail;
    l->times = times;
}

int
life_run(void *life_user)
{
    life *l = life_user;

    start(l);
    fault_memory_fail(l->fail, l->times);
    live(l);
    stage(l, "the end");
    if (now.connected)
        test_client_close(&now.client);
    weiri_http_stop(now.http);
    weir_close(now.engine);
    l->allocations = fault_memory_count();
    return l->words[0] == '\0' ? LIFE_DONE : LIFE_WRONG;
}
