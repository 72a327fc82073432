/* SPDX-License-Identifier: Apache-2.0
 * An aggregate's history, and its state at an earlier version: the lane says where its last event lies, the walker's thread
 * walks back from there and folds forward. Threads: the caller's, the callback thread, the walker's; one after the other. */
#include "engine/history.h"
#include "engine/history_read.h"
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

static void
walk(weiri_walk *job, weiri_finder *finder)
{
    history *h = (history *)(void *)((char *)job - offsetof(history, walk));
    weiri_history_of of = {
        .past = { h->call.service->log, name_of(h), h->key, h->partition, h->version, h->offset },
        .schema = h->call.service->schema,
        .aggregate = h->aggregate,
    };
    weiri_reply reply = { 0 };
    weir_error err;

    /* Nobody waits any more: nothing to read for. */
    if (atomic_load(&h->call.claimed)) {
        weiri_call_end(&h->call);
        return;
    }
    weir_status status = h->at_version > 0 ? weiri_history_read_state(&of, finder, h->at_version, &reply, &err)
                                           : weiri_history_read_page(&of, finder, &h->page, &reply, &err);
    if (status != WEIR_OK)
        weiri_reply_error(&reply, "", &err);
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

    if (answer->status == WEIR_OK) {
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
