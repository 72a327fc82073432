/* SPDX-License-Identifier: Apache-2.0
 * An aggregate's history, and its state at an earlier version: the lane says where its last event lies, the walker's thread
 * walks back from there and folds forward. Threads: the caller's, the callback thread, the walker's; one after the other. */
#include "engine/history.h"
#include "engine/history_read.h"
#include "base/hash.h"
#include "base/memory.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct history {
    weiri_call call;
    weiri_walk walk;
    uint64_t at_version; /* 0: a page of events */
    weiri_page page;
    uint16_t aggregate;
    char key[256];
    bool elsewhere; /* no lane here knows: */
    /* Of the lane's answer: */
    uint32_t partition;
    uint64_t version, offset;
} history;

static void
free_history(weiri_call *call)
{
    weiri_release(call);
}

static void
say_late(weiri_call *call, weiri_reply *reply)
{
    (void)call;
    weiri_reply_problem(reply, WEIR_BUSY, "not-ready", "the history could not be read in time: ask again, or for fewer events");
}

static const char *
name_of(const history *h)
{
    return weiri_schema_aggregate(h->call.service->schema, h->aggregate)->name;
}

/* Where no lane is to be asked: the copy is. */
static weir_status
locate(history *h, weir_error *err)
{
    weiri_service *service = h->call.service;

    h->partition = weiri_partition_of(weiri_bytes_of(h->key), service->identity->partitions);
    weir_status status = weiri_elsewhere_find(service->elsewhere, h->partition, weiri_bytes_of(name_of(h)), weiri_bytes_of(h->key),
        WEIRI_ELSEWHERE_MS, &h->version, &h->offset, err);
    if (status == WEIR_OK && h->version == 0)
        status = weiri_error_set(err, WEIR_NOT_FOUND, WEIRI_NO_EVENTS_OF, name_of(h), h->key);
    return status;
}

static void
walk(weiri_walk *job, weiri_finder *finder)
{
    history *h = (history *)(void *)((char *)job - offsetof(history, walk));
    weiri_service *service = h->call.service;
    weiri_reply reply = { 0 };
    weir_error err;

    /* Nobody waits any more: nothing to read for. */
    if (atomic_load(&h->call.claimed)) {
        weiri_call_end(&h->call);
        return;
    }
    weir_status status = h->elsewhere ? locate(h, &err) : WEIR_OK;
    if (status == WEIR_OK) {
        const weiri_history_of of = {
            .past = { service->log, name_of(h), h->key, h->partition, h->version, h->offset },
            .schema = service->schema,
            .aggregate = h->aggregate,
        };
        uint64_t at = h->at_version == WEIRI_LATEST ? h->version : h->at_version;
        status = at > 0 ? weiri_history_read_state(&of, finder, at, &reply, &err)
                        : weiri_history_read_page(&of, finder, &h->page, &reply, &err);
    }
    if (status != WEIR_OK)
        weiri_reply_error(&reply, status == WEIR_BUSY ? "not-ready" : "", &err);
    if (weiri_call_claim(&h->call))
        h->call.done(h->call.user, &reply);
    else
        weiri_reply_fini(&reply);
    weiri_call_end(&h->call);
}

static void
located(void *user, const weiri_answer *answer)
{
    history *h = user;
    weir_error err;

    if (answer->status == WEIR_OK || answer->status == WEIR_FENCED) {
        h->elsewhere = answer->status == WEIR_FENCED;
        h->partition = answer->partition;
        h->version = answer->version;
        h->offset = answer->events_offset;
        weir_status status = weiri_walker_post(&h->call.service->walker, &h->walk);
        if (status == WEIR_OK)
            return;
        (void)weiri_error_set(&err, status, "too many histories are being read");
    } else if (answer->status == WEIR_TIMEOUT) {
        (void)weiri_error_set(&err, WEIR_IO, "%s", WEIRI_NOT_TOLD);
        weiri_call_fail(&h->call, WEIRI_LOG_FAILED, &err);
        return;
    } else if (answer->status == WEIR_NOT_FOUND)
        (void)weiri_error_set(&err, WEIR_NOT_FOUND, WEIRI_NO_EVENTS_OF, name_of(h), h->key);
    else
        (void)weiri_error_set(&err, answer->status, "%s", answer->text);
    weiri_call_fail(&h->call, answer->code, &err);
}

static void
begin(history *h, weiri_service *service, const char *aggregate, const char *key, weiri_reply_fn *done, void *user)
{
    weir_error err;

    h->call = (weiri_call){ .service = service, .done = done, .user = user, .late = say_late, .free = free_history };
    h->walk.run = walk;
    if (weiri_find_aggregate(service->schema, aggregate, key, &h->aggregate, &err) != WEIR_OK) {
        weiri_call_fail_at_once(&h->call, "", &err);
        return;
    }
    (void)snprintf(h->key, sizeof h->key, "%s", key);
    if (!weiri_call_begin(&h->call, 0))
        return;
    if (weiri_is_elsewhere(service, h->key)) {
        const weiri_answer elsewhere = { .status = WEIR_FENCED, .code = "", .text = "" };
        located(h, &elsewhere);
        return;
    }
    if (weiri_commands_ask_state(service->commands, h->aggregate, weiri_bytes_of(h->key), located, h, &err) != WEIR_OK)
        weiri_call_fail(&h->call, err.status == WEIR_IO ? WEIRI_LOG_FAILED : "", &err);
}

void
weiri_history_state_at(weiri_service *service, const char *aggregate, const char *key, uint64_t version, weiri_reply_fn *done, void *user)
{
    history *h = calloc(1, sizeof *h);

    if (h == NULL) {
        weiri_call_no_memory(done, user);
        return;
    }
    h->at_version = version;
    begin(h, service, aggregate, key, done, user);
}

void
weiri_service_history(weiri_service *service, const weiri_history_call *call, weiri_reply_fn *done, void *user)
{
    history *h = calloc(1, sizeof *h);

    if (h == NULL) {
        weiri_call_no_memory(done, user);
        return;
    }
    h->page = (weiri_page){ call->after, call->limit, call->oldest_first, call->states };
    begin(h, service, call->aggregate, call->key, done, user);
}
