/* SPDX-License-Identifier: Apache-2.0
 * Many commands in one request: each line is read and submitted by itself, so a bad one spoils no other; the lines' answers
 * come in any order and leave in that of the request. A line's answer is written by whoever moves it from PENDING to WRITING;
 * the last one to finish sends the whole. Threads: the caller's, the callback thread, the timers'. */
#include "engine/lines.h"
#include "base/memory.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PENDING, WRITING };

typedef struct line {
    struct batch *batch;
    _Atomic int state;
    size_t number; /* as people count: from 1 */
    const weiri_type *type;
    char *key, *id; /* one allocation, key first; NULL until known */
    weiri_buffer answer;
} line;

typedef struct batch {
    weiri_timer timer;
    weiri_service *service;
    weiri_reply_fn *done;
    void *user;
    _Atomic size_t left;    /* lines without an answer, and one for the reader */
    _Atomic size_t holders; /* lines that a lane will answer, the reader and the timer */
    size_t n;
    char traceparent[64];
    line *lines;
} batch;

static void
drop(batch *b)
{
    if (atomic_fetch_sub(&b->holders, 1) != 1)
        return;
    for (size_t i = 0; i < b->n; i++) {
        weiri_release(b->lines[i].key);
        weiri_buffer_fini(&b->lines[i].answer);
    }
    weiri_release(b->lines);
    weiri_release(b);
}

/* One answer less is missing; sends the reply if that was the last. */
static void
finish(batch *b)
{
    weiri_reply reply = { .http = 200, .content_type = WEIRI_TYPE_LINES };

    if (atomic_fetch_sub(&b->left, 1) != 1)
        return;
    for (size_t i = 0; i < b->n; i++) {
        weiri_buffer_add_bytes(&reply.body, weiri_buffer_bytes(&b->lines[i].answer));
        weiri_buffer_add_char(&reply.body, '\n');
    }
    memcpy(reply.traceparent, b->traceparent, sizeof reply.traceparent);
    b->done(b->user, &reply);
    if (weiri_timers_remove(&b->service->timers, &b->timer))
        drop(b);
}

static bool
claim(line *l)
{
    int pending = PENDING;

    return atomic_compare_exchange_strong(&l->state, &pending, WRITING);
}

static void
write_problem(line *l, weir_status status, const char *code, const char *detail)
{
    weiri_buffer *to = &l->answer;

    (void)weiri_problem_begin(to, status, code, detail);
    weiri_member_number(to, "line", l->number);
    if (l->id != NULL) {
        weiri_member_text(to, "id", l->id);
        weiri_member_text(to, "aggregate", weiri_schema_aggregate(l->batch->service->schema, l->type->aggregate)->name);
        weiri_member_text(to, "key", l->key);
    }
    weiri_buffer_add_char(to, '}');
}

static void
fail(line *l, const char *code, const weir_error *err)
{
    char words[sizeof err->text + 32];

    (void)snprintf(words, sizeof words, "line %zu: %s", l->number, err->text);
    if (claim(l)) {
        write_problem(l, err->status, code, words);
        finish(l->batch);
    }
}

static void
answered(void *user, const weiri_answer *answer)
{
    line *l = user;
    batch *b = l->batch;
    char token[WEIRI_TOKEN_ROOM];

    if (claim(l)) {
        const char *aggregate = weiri_schema_aggregate(b->service->schema, l->type->aggregate)->name;
        weiri_told told = { .aggregate = aggregate, .key = l->key, .id = l->id, .line = true };
        (void)weiri_outcome_write(b->service, &told, answer, &l->answer, token);
        finish(b);
    }
    drop(b);
}

static void
expire(weiri_timer *timer)
{
    batch *b = (batch *)timer;

    for (size_t i = 0; i < b->n; i++) {
        if (!claim(&b->lines[i]))
            continue;
        write_problem(&b->lines[i], WEIR_TIMEOUT, "unknown", "no outcome in time: send it again with the same id");
        finish(b);
    }
    drop(b);
}

/* ---- one line ------------------------------------------------------------------------------------------ */

static weir_status
name_line(line *l, const char *key, const char *id, weir_error *err)
{
    size_t key_size = strlen(key) + 1, id_size = strlen(id) + 1;

    l->key = malloc(key_size + id_size);
    if (l->key == NULL)
        return weiri_error_set(err, WEIR_NO_MEMORY, "no memory for a command: nothing was taken");
    memcpy(l->key, key, key_size);
    memcpy(l->key + key_size, id, id_size);
    l->id = l->key + key_size;
    return WEIR_OK;
}

static void
choose_id(const weiri_service *service, const weiri_line *given, char to[WEIRI_ID_MOST + 1])
{
    int n = 0;

    if (given->id != NULL)
        n = snprintf(to, WEIRI_ID_MOST + 1, "%s", given->id);
    else if (given->source != NULL)
        n = snprintf(to, WEIRI_ID_MOST + 1, "%s/%" PRIu64, given->source, given->sequence);
    if (n <= 0 || n > WEIRI_ID_MOST)
        weiri_uuid7(service->world, to);
}

static weir_status
submit(line *l, const weiri_line *given, const weiri_packed *packed, weiri_bytes headers, int64_t timeout_ms, const char **ret_code,
    weir_error *err)
{
    batch *b = l->batch;
    char id[WEIRI_ID_MOST + 1];

    choose_id(b->service, given, id);
    if (name_line(l, packed->key, id, err) != WEIR_OK)
        return WEIR_NO_MEMORY;
    weiri_submit s = {
        .type = l->type,
        .key = weiri_bytes_of(l->key),
        .payload = weiri_buffer_bytes(&packed->bytes),
        .id = weiri_bytes_of(l->id),
        .client_id = given->id != NULL,
        .expect = given->expect,
        .expected_version = given->expected_version,
        .source = weiri_bytes_of(given->source),
        .sequence = given->sequence,
        .previous = given->previous,
        .fingerprint = given->fingerprint,
        .headers = headers,
        .timeout_ms = timeout_ms,
        .done = answered,
        .user = l,
    };
    atomic_fetch_add(&b->holders, 1);
    weir_status status = weiri_submit_to_lane(b->service, &s, ret_code, err);
    if (status != WEIR_OK)
        atomic_fetch_sub(&b->holders, 1); /* the reader holds it still */
    return status;
}

static void
take_line(line *l, const weiri_lines *source, weiri_packed *packed, weiri_bytes headers, int64_t until_us)
{
    weiri_service *service = l->batch->service;
    ProtobufCMessage *message = NULL;
    weiri_line given = { 0 };
    const char *code = "";
    weir_error err;

    weir_status status = weiri_lines_read(service->schema, source, l->number - 1, &given, &message, &err);
    if (status == WEIR_OK) {
        l->type = given.type;
        status = weiri_pack_command(l->type, message, packed, &err);
    }
    if (status == WEIR_OK) {
        int64_t left_ms = (until_us - service->world->monotonic_us(service->world)) / 1000;
        status = submit(l, &given, packed, headers, left_ms > 0 ? left_ms : 0, &code, &err);
    }
    if (status != WEIR_OK)
        fail(l, code, &err);
    if (message != NULL)
        protobuf_c_message_free_unpacked(message, NULL);
    weiri_line_fini(&given);
}

/* NULL: no memory. */
static batch *
new_batch(weiri_service *service, const weiri_commands_call *call, size_t n)
{
    batch *b = calloc(1, sizeof *b);
    line *lines = calloc(n, sizeof *lines);

    if (b == NULL || lines == NULL) {
        free(b);
        free(lines);
        return NULL;
    }
    b->timer.expire = expire;
    b->service = service;
    b->done = call->done;
    b->user = call->user;
    b->n = n;
    b->lines = lines;
    for (size_t i = 0; i < n; i++)
        b->lines[i] = (line){ .batch = b, .number = i + 1 };
    atomic_init(&b->left, n + 1);
    atomic_init(&b->holders, 2);
    if (weiri_is_traceparent(call->traceparent))
        (void)snprintf(b->traceparent, sizeof b->traceparent, "%s", call->traceparent);
    return b;
}

static void
run_batch(weiri_service *service, const weiri_commands_call *call, const weiri_lines *source)
{
    int64_t timeout_ms = call->timeout_ms > 0 ? call->timeout_ms : service->outcome_ms;
    int64_t until_us = service->world->monotonic_us(service->world) + timeout_ms * 1000;
    int64_t room_until_us = call->refuse_at_once ? 0 : until_us;
    weiri_buffer headers = { 0 };
    weiri_packed packed = { 0 };
    batch *b = new_batch(service, call, source->n);

    if (b == NULL) {
        weiri_call_no_memory(call->done, call->user);
        return;
    }
    if (b->traceparent[0] != '\0')
        weiri_headers_add(&headers, WEIRI_HEADER_TRACEPARENT, weiri_bytes_of(b->traceparent));
    for (size_t i = 0; i < b->n; i++)
        take_line(&b->lines[i], source, &packed, weiri_buffer_bytes(&headers), room_until_us);
    /* The clock starts now, with what time is left: until here this thread writes into the lines. */
    int64_t left_ms = (until_us - service->world->monotonic_us(service->world)) / 1000;
    if (!weiri_timers_add(&service->timers, &b->timer, left_ms > 1 ? left_ms : 1))
        drop(b); /* too many wait by now: this one waits without a clock, its commands are under way */
    finish(b);
    drop(b);
    weiri_buffer_fini(&packed.bytes);
    weiri_buffer_fini(&headers);
}

void
weiri_service_commands(weiri_service *service, const weiri_commands_call *call)
{
    weiri_lines source = { 0 };
    weiri_reply reply = { 0 };
    weir_error err;

    weir_status status = weiri_lines_open(call->json_array, call->body, &source, &err);
    if (status == WEIR_OK && weiri_timers_full(&service->timers))
        status = weiri_error_set(&err, WEIR_BUSY, "%zu requests are waiting for their outcomes", service->timers.most);
    if (status == WEIR_OK)
        run_batch(service, call, &source);
    else {
        weiri_reply_error(&reply, "", &err);
        call->done(call->user, &reply);
    }
    weiri_lines_close(&source);
}
