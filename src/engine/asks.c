/* SPDX-License-Identifier: Apache-2.0
 * Questions that a lane answers, in its turn and durably: the outcome of an earlier command, and an aggregate's state now.
 * Threads: the caller's, then the callback thread. */
#include "engine/inside.h"
#include "base/hash.h"
#include "engine/history.h"
#include "engine/history_read.h"
#include "message/unpack.h"
#include "base/memory.h"
#include "base/text.h"
#include <stdio.h>
#include <stdlib.h>

weir_status
weiri_find_aggregate(const weiri_schema *schema, const char *name, const char *key, uint16_t *ret_aggregate, weir_error *err)
{
    weiri_nearest nearest = { 0 };
    char hint[96];
    int i = weiri_schema_aggregate_find(schema, weiri_bytes_of(name));

    if (i < 0) {
        for (size_t k = 0; k < weiri_schema_aggregates(schema); k++)
            weiri_nearest_offer(&nearest, name, weiri_schema_aggregate(schema, k)->name);
        return weiri_error_set(err, WEIR_NOT_FOUND, "there is no aggregate '%s'%s", name, weiri_nearest_hint(&nearest, hint, sizeof hint));
    }
    if (!weiri_key_valid(weiri_bytes_of(key)))
        return weiri_error_set(err, WEIR_INVALID, "the key must be 1-255 bytes of UTF-8 without control characters");
    *ret_aggregate = (uint16_t)i;
    return WEIR_OK;
}

bool
weiri_is_elsewhere(weiri_service *service, const char *key)
{
    uint32_t partition = weiri_partition_of(weiri_bytes_of(key), service->identity->partitions);

    return service->elsewhere != NULL && weiri_commands_lane(service->commands, partition, NULL) != WEIRI_LANE_SERVING;
}

typedef struct ask {
    weiri_call call;
    weiri_walk walk;
    uint16_t aggregate;
    char id[WEIRI_ID_MOST + 1], key[256];
} ask;

static void
free_ask(weiri_call *call)
{
    weiri_release(call);
}

static void
say_late(weiri_call *call, weiri_reply *reply)
{
    (void)call;
    weiri_reply_problem(reply, WEIR_BUSY, "not-ready", "the lane did not answer in time: ask again");
}

static ask *
new_ask(weiri_service *service, const char *aggregate, const char *key, weiri_reply_fn *done, void *user)
{
    ask *a = calloc(1, sizeof *a);
    weir_error err;

    if (a == NULL) {
        weiri_call_no_memory(done, user);
        return NULL;
    }
    a->call = (weiri_call){ .service = service, .done = done, .user = user, .late = say_late, .free = free_ask };
    if (weiri_find_aggregate(service->schema, aggregate, key, &a->aggregate, &err) != WEIR_OK) {
        weiri_call_fail_at_once(&a->call, "", &err);
        return NULL;
    }
    (void)snprintf(a->key, sizeof a->key, "%s", key);
    return a;
}

static const char *
name_of(const ask *a)
{
    return weiri_schema_aggregate(a->call.service->schema, a->aggregate)->name;
}

/* ---- outcomes ------------------------------------------------------------------------------------------ */

static void
fill_outcome(const ask *a, const weiri_answer *answer, weiri_reply *reply)
{
    weiri_told told = { .aggregate = name_of(a), .key = a->key, .id = a->id };
    char words[512];

    if (answer->status == WEIR_NOT_FOUND) {
        (void)snprintf(words, sizeof words,
            "no outcome of command '%s' on %s/%s is remembered: it was never sent, or it has left the window", a->id, told.aggregate,
            a->key);
        weiri_reply_problem(reply, WEIR_NOT_FOUND, "", words);
        return;
    }
    if (answer->status == WEIR_TIMEOUT) {
        weiri_reply_problem(reply, WEIR_IO, WEIRI_LOG_FAILED, WEIRI_NOT_TOLD);
        return;
    }
    const weiri_answer_row *row = weiri_outcome_write(a->call.service, &told, answer, &reply->body, reply->position);
    if (row->status == WEIR_OK)
        weiri_reply_json(reply);
    else
        weiri_reply_mark(reply, row);
    reply->has_version = row->status == WEIR_OK;
    reply->version = answer->version;
}

static void
outcome_answered(void *user, const weiri_answer *answer)
{
    ask *a = user;
    weiri_reply reply = { 0 };

    if (weiri_call_claim(&a->call)) {
        fill_outcome(a, answer, &reply);
        a->call.done(a->call.user, &reply);
    }
    weiri_call_end(&a->call);
}

static void
read_outcome(weiri_walk *job, weiri_finder *finder)
{
    ask *a = (ask *)(void *)((char *)job - offsetof(ask, walk));
    weiri_service *service = a->call.service;
    const weiri_look_up what = { .partition = weiri_partition_of(weiri_bytes_of(a->key), service->identity->partitions),
        .aggregate = weiri_bytes_of(name_of(a)),
        .key = weiri_bytes_of(a->key),
        .id = weiri_bytes_of(a->id),
        .most = WEIRI_ELSEWHERE_RECORDS };
    const weiri_answer none = { .kind = WEIRI_ANSWER_LOOKUP, .status = WEIR_NOT_FOUND, .code = "", .text = "" };
    weir_error err;

    (void)finder;
    weir_status status = weiri_commands_look_up(service->commands, &what, outcome_answered, a, &err);
    if (status == WEIR_NOT_FOUND)
        outcome_answered(a, &none);
    else if (status != WEIR_OK)
        weiri_call_fail(&a->call, status == WEIR_BUSY ? "not-ready" : "", &err);
}

/* By the walker, from the copy. */
static void
look_up_elsewhere(ask *a)
{
    weir_error err;

    a->walk.run = read_outcome;
    weir_status status = weiri_walker_post(&a->call.service->walker, &a->walk);
    if (status == WEIR_OK)
        return;
    (void)weiri_error_set(&err, status, "too many histories are being read");
    weiri_call_fail(&a->call, "", &err);
}

void
weiri_service_outcome(weiri_service *service, const char *aggregate, const char *key, const char *id, weiri_reply_fn *done, void *user)
{
    weir_error err;
    ask *a = new_ask(service, aggregate, key, done, user);

    if (a == NULL)
        return;
    if (weiri_check_id("the command's id", id, &err) != WEIR_OK) {
        weiri_call_fail_at_once(&a->call, "", &err);
        return;
    }
    (void)snprintf(a->id, sizeof a->id, "%s", id);
    if (!weiri_call_begin(&a->call, 0))
        return;
    if (weiri_is_elsewhere(service, a->key)) {
        look_up_elsewhere(a);
        return;
    }
    if (weiri_commands_ask_outcome(
            service->commands, a->aggregate, weiri_bytes_of(a->key), weiri_bytes_of(a->id), outcome_answered, a, &err) != WEIR_OK)
        weiri_call_fail(&a->call, err.status == WEIR_IO ? WEIRI_LOG_FAILED : "", &err);
}

/* ---- state now ----------------------------------------------------------------------------------------- */

static void
fill_state(const ask *a, const weiri_answer *answer, weiri_reply *reply)
{
    const ProtobufCMessageDescriptor *d = weiri_schema_state(a->call.service->schema, a->aggregate)->descriptor;
    weir_error err;

    if (answer->status == WEIR_NOT_FOUND) {
        (void)weiri_error_set(&err, WEIR_NOT_FOUND, WEIRI_NO_EVENTS_OF, name_of(a), a->key);
        weiri_reply_error(reply, "", &err);
        return;
    }
    if (answer->status == WEIR_TIMEOUT) {
        weiri_reply_problem(reply, WEIR_IO, WEIRI_LOG_FAILED, WEIRI_NOT_TOLD);
        return;
    }
    if (answer->status != WEIR_OK) {
        weiri_reply_problem(reply, answer->status, answer->code, answer->text);
        return;
    }
    ProtobufCMessage *state;
    weir_status status = weiri_message_unpack_stored(d, answer->state, &state);
    if (status != WEIR_OK) {
        weiri_reply_problem(reply, status, "", status == WEIR_NO_MEMORY ? "no memory for this state" : "the state in memory can't be read");
        return;
    }
    weiri_state_write(reply, a->call.service->schema, name_of(a), a->key, answer->version, state);
    protobuf_c_message_free_unpacked(state, NULL);
}

static void
state_answered(void *user, const weiri_answer *answer)
{
    ask *a = user;
    weiri_reply reply = { 0 };

    if (weiri_call_claim(&a->call)) {
        fill_state(a, answer, &reply);
        a->call.done(a->call.user, &reply);
    }
    weiri_call_end(&a->call);
}

void
weiri_service_state(weiri_service *service, const char *aggregate, const char *key, uint64_t at_version, weiri_reply_fn *done, void *user)
{
    weir_error err;

    if (at_version == 0 && weiri_is_elsewhere(service, key))
        at_version = WEIRI_LATEST;
    if (at_version > 0) {
        weiri_history_state_at(service, aggregate, key, at_version, done, user);
        return;
    }
    ask *a = new_ask(service, aggregate, key, done, user);
    if (a == NULL || !weiri_call_begin(&a->call, 0))
        return;
    if (weiri_commands_ask_state(service->commands, a->aggregate, weiri_bytes_of(a->key), state_answered, a, &err) != WEIR_OK)
        weiri_call_fail(&a->call, err.status == WEIR_IO ? WEIRI_LOG_FAILED : "", &err);
}
