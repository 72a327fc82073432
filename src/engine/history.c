/* SPDX-License-Identifier: Apache-2.0
 * An aggregate's history, and its state at an earlier version: the lane says where its last event lies, the walker's thread
 * walks back from there and folds forward. Threads: the caller's, the callback thread, the walker's; one after the other. */
#include "engine/history.h"
#include "engine/events.h"
#include "engine/past.h"
#include "base/memory.h"
#include "message/json.h"
#include <inttypes.h>
#include <stdio.h>

enum { LIMIT_FALLBACK = 100, LIMIT_MOST = 1000 };

typedef struct history {
    weiri_call call;
    weiri_walk walk;
    bool state_only; /* the state at `at_version`; else a page of events */
    bool oldest_first, states;
    uint16_t aggregate;
    uint64_t at_version, after, limit;
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

static weir_status
read_past(const history *h, weiri_finder *finder, uint64_t lowest, uint64_t highest, weiri_past *past, weir_error *err)
{
    weiri_past_of of = { h->call.service->log, name_of(h), h->key, h->partition, h->version, h->offset };

    return weiri_past_read(past, finder, &of, lowest, highest, err);
}

/* ---- state at a version -------------------------------------------------------------------------------- */

static weir_status
fill_state(const history *h, weiri_finder *finder, weiri_reply *reply, weir_error *err)
{
    const weiri_schema *schema = h->call.service->schema;
    weiri_past past = { 0 };
    weiri_record record;
    uint64_t offset;

    if (h->at_version > h->version)
        return weiri_error_set(err, WEIR_NOT_FOUND, "%s/%s has no version %" PRIu64 " yet: it is at version %" PRIu64, name_of(h), h->key,
            h->at_version, h->version);
    ProtobufCMessage *state = weiri_state_new(weiri_schema_state(schema, h->aggregate));
    weir_status status = read_past(h, finder, 1, h->at_version, &past, err);
    for (uint64_t v = 1; status == WEIR_OK && v <= h->at_version; v++) {
        weiri_past_event(&past, v, &record, &offset);
        status = weiri_state_fold(state, schema, &record, err);
    }
    if (status == WEIR_OK)
        weiri_state_write(reply, name_of(h), h->key, h->at_version, state);
    weiri_past_fini(&past);
    protobuf_c_message_free_unpacked(state, NULL);
    return status;
}

/* ---- a page of events ---------------------------------------------------------------------------------- */

typedef struct page {
    uint64_t lowest, highest; /* versions in it; lowest > highest: none */
    uint64_t next;            /* `after` of the page behind it; 0: this was the last */
} page;

static page
page_of(const history *h)
{
    page p = { 1, 0, 0 };

    if (h->oldest_first) {
        if (h->after >= h->version)
            return p;
        p.lowest = h->after + 1;
        p.highest = h->version - h->after <= h->limit ? h->version : h->after + h->limit;
        p.next = p.highest < h->version ? p.highest : 0;
        return p;
    }
    uint64_t top = h->after == 0 || h->after > h->version ? h->version : h->after - 1;
    if (top == 0)
        return p;
    p.highest = top;
    p.lowest = top <= h->limit ? 1 : top - h->limit + 1;
    p.next = p.lowest > 1 ? p.lowest : 0;
    return p;
}

static weir_status
write_event(const history *h, const weiri_record *record, uint64_t offset, ProtobufCMessage *state, weiri_buffer *to, weir_error *err)
{
    weiri_buffer_add_char(to, '{');
    weir_status status = weiri_event_write(to, h->call.service->schema, record, h->partition, offset, err);
    if (status == WEIR_OK && state != NULL) {
        weiri_member(to, "state");
        weiri_json_add_message(to, state, WEIRI_JSON_DEFAULTS);
    }
    weiri_buffer_add_char(to, '}');
    return status;
}

/* The events of the page, oldest first, one behind the other in `events`; starts: where each begins, and where all end. */
static weir_status
write_events(const history *h, const page *p, const weiri_past *past, weiri_buffer *events, weiri_buffer *starts, weir_error *err)
{
    const weiri_schema *schema = h->call.service->schema;
    ProtobufCMessage *state = h->states ? weiri_state_new(weiri_schema_state(schema, h->aggregate)) : NULL;
    weir_status status = WEIR_OK;
    weiri_record record;
    uint64_t offset;

    for (uint64_t v = h->states ? 1 : p->lowest; status == WEIR_OK && v <= p->highest; v++) {
        weiri_past_event(past, v, &record, &offset);
        if (state != NULL)
            status = weiri_state_fold(state, schema, &record, err);
        if (status != WEIR_OK || v < p->lowest)
            continue;
        weiri_buffer_add(starts, &events->size, sizeof events->size);
        status = write_event(h, &record, offset, state, events, err);
    }
    weiri_buffer_add(starts, &events->size, sizeof events->size);
    if (state != NULL)
        protobuf_c_message_free_unpacked(state, NULL);
    return status;
}

static void
assemble(const history *h, const page *p, const weiri_buffer *events, const weiri_buffer *starts, weiri_reply *reply)
{
    const size_t *at = (const size_t *)(const void *)starts->data;
    size_t n = starts->size / sizeof *at - 1;
    weiri_buffer *to = &reply->body;

    weiri_buffer_add_char(to, '{');
    weiri_member_text(to, "aggregate", name_of(h));
    weiri_member_text(to, "key", h->key);
    weiri_member_number(to, "version", h->version);
    weiri_member(to, "events");
    weiri_buffer_add_char(to, '[');
    for (size_t i = 0; i < n; i++) {
        size_t k = h->oldest_first ? i : n - 1 - i;
        if (i > 0)
            weiri_buffer_add_char(to, ',');
        weiri_buffer_add(to, events->data + at[k], at[k + 1] - at[k]);
    }
    weiri_buffer_add_char(to, ']');
    if (p->next > 0)
        weiri_member_number(to, "next", p->next);
    weiri_buffer_add_char(to, '}');
    weiri_reply_json(reply);
    reply->has_version = true;
    reply->version = h->version;
}

static weir_status
fill_page(const history *h, weiri_finder *finder, weiri_reply *reply, weir_error *err)
{
    weiri_buffer events = { 0 }, starts = { 0 };
    weiri_past past = { 0 };
    weir_status status = WEIR_OK;
    page p = page_of(h);

    if (p.lowest <= p.highest)
        status = read_past(h, finder, h->states ? 1 : p.lowest, p.highest, &past, err);
    if (status == WEIR_OK)
        status = write_events(h, &p, &past, &events, &starts, err);
    if (status == WEIR_OK)
        assemble(h, &p, &events, &starts, reply);
    weiri_past_fini(&past);
    weiri_buffer_fini(&events);
    weiri_buffer_fini(&starts);
    return status;
}

/* ---- its way ------------------------------------------------------------------------------------------- */

static void
walk(weiri_walk *job, weiri_finder *finder)
{
    history *h = (history *)(void *)((char *)job - offsetof(history, walk));
    weiri_reply reply = { 0 };
    weir_error err;

    /* Nobody waits any more: nothing to read for. */
    if (atomic_load(&h->call.claimed)) {
        weiri_call_end(&h->call);
        return;
    }
    weir_status status = h->state_only ? fill_state(h, finder, &reply, &err) : fill_page(h, finder, &reply, &err);
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

    if (answer->status == WEIR_OK && answer->version > 0) {
        h->partition = answer->partition;
        h->version = answer->version;
        h->offset = answer->events_offset;
        weir_status status = weiri_walker_post(&h->call.service->walker, &h->walk);
        if (status == WEIR_OK)
            return;
        (void)weiri_error_set(&err, status, "too many histories are being read");
    } else if (answer->status == WEIR_OK)
        (void)weiri_error_set(&err, WEIR_NOT_FOUND, "there is no %s with key '%s': it has no events", name_of(h), h->key);
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
        weiri_call_fail(&h->call, err.status == WEIR_IO ? "not-ready" : "", &err);
}

void
weiri_history_state_at(weiri_service *service, const char *aggregate, const char *key, uint64_t version, weiri_reply_fn *done, void *user)
{
    history *h = weiri_allocate(sizeof *h);

    h->state_only = true;
    h->at_version = version;
    begin(h, service, aggregate, key, done, user);
}

void
weiri_service_history(weiri_service *service, const weiri_history_call *call, weiri_reply_fn *done, void *user)
{
    history *h = weiri_allocate(sizeof *h);

    h->after = call->after;
    h->limit = call->limit == 0 ? LIMIT_FALLBACK : call->limit > LIMIT_MOST ? LIMIT_MOST : call->limit;
    h->oldest_first = call->oldest_first;
    h->states = call->states;
    begin(h, service, call->aggregate, call->key, done, user);
}
