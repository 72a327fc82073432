/* SPDX-License-Identifier: Apache-2.0
 * Folding an aggregate's past forward, and showing a page of it. Thread: one at a time. */
#include "engine/history_read.h"
#include "engine/events.h"
#include "engine/instance.h"
#include "engine/reply.h"
#include "message/json.h"
#include <inttypes.h>

/* ---- state at a version -------------------------------------------------------------------------------- */

void
weiri_state_write(
    weiri_reply *reply, const weiri_schema *schema, const char *aggregate, const char *key, uint64_t version, const ProtobufCMessage *state)
{
    weiri_buffer *to = &reply->body;

    weiri_buffer_add_char(to, '{');
    weiri_member_text(to, "aggregate", aggregate);
    weiri_member_text(to, "key", key);
    weiri_member_number(to, "version", version);
    weiri_member(to, "state");
    weiri_add_state(to, schema, aggregate, state);
    weiri_buffer_add_char(to, '}');
    weiri_reply_json(reply);
    reply->has_version = true;
    reply->version = version;
}

weir_status
weiri_history_read_state(const weiri_history_of *of, weiri_finder *finder, uint64_t version, weiri_reply *reply, weir_error *err)
{
    weiri_past past = { 0 };
    weiri_record record;
    uint64_t offset;

    if (version > of->past.version)
        return weiri_error_set(err, WEIR_NOT_FOUND, "%s/%s has no version %" PRIu64 " yet: it is at version %" PRIu64, of->past.aggregate,
            of->past.key, version, of->past.version);
    ProtobufCMessage *state = weiri_state_new(weiri_schema_state(of->schema, of->aggregate));
    weir_status status = weiri_past_read(&past, finder, &of->past, 1, version, err);
    for (uint64_t v = 1; status == WEIR_OK && v <= version; v++) {
        weiri_past_event(&past, v, &record, &offset);
        status = weiri_state_fold(state, of->schema, &record, err);
    }
    if (status == WEIR_OK)
        weiri_state_write(reply, of->schema, of->past.aggregate, of->past.key, version, state);
    weiri_past_fini(&past);
    protobuf_c_message_free_unpacked(state, NULL);
    return status;
}

/* ---- a page of events ---------------------------------------------------------------------------------- */

typedef struct range {
    uint64_t lowest, highest; /* versions; lowest > highest: none */
    uint64_t next;            /* `after` of the page behind it; 0: this was the last */
} range;

static range
range_of(uint64_t version, const weiri_page *page)
{
    uint64_t limit = page->limit == 0 ? WEIRI_PAGE_FALLBACK : page->limit > WEIRI_PAGE_MOST ? WEIRI_PAGE_MOST : page->limit;
    range r = { 1, 0, 0 };

    if (page->oldest_first) {
        if (page->after >= version)
            return r;
        r.lowest = page->after + 1;
        r.highest = version - page->after <= limit ? version : page->after + limit;
        r.next = r.highest < version ? r.highest : 0;
        return r;
    }
    uint64_t top = page->after == 0 || page->after > version ? version : page->after - 1;
    if (top == 0)
        return r;
    r.highest = top;
    r.lowest = top <= limit ? 1 : top - limit + 1;
    r.next = r.lowest > 1 ? r.lowest : 0;
    return r;
}

static weir_status
write_event(
    const weiri_history_of *of, const weiri_record *record, uint64_t offset, ProtobufCMessage *state, weiri_buffer *to, weir_error *err)
{
    weiri_buffer_add_char(to, '{');
    weir_status status = weiri_event_write(to, of->schema, record, of->past.partition, offset, err);
    if (status == WEIR_OK && state != NULL) {
        weiri_member(to, "state");
        weiri_add_state(to, of->schema, of->past.aggregate, state);
    }
    weiri_buffer_add_char(to, '}');
    return status;
}

/* The events of the range, oldest first, one behind the other in `events`; starts: where each begins, and where all end. */
static weir_status
write_events(const weiri_history_of *of, const range *r, bool states, const weiri_past *past, weiri_buffer *events, weiri_buffer *starts,
    weir_error *err)
{
    ProtobufCMessage *state = states ? weiri_state_new(weiri_schema_state(of->schema, of->aggregate)) : NULL;
    weir_status status = WEIR_OK;
    weiri_record record;
    uint64_t offset;

    for (uint64_t v = states ? 1 : r->lowest; status == WEIR_OK && v <= r->highest; v++) {
        weiri_past_event(past, v, &record, &offset);
        if (state != NULL)
            status = weiri_state_fold(state, of->schema, &record, err);
        if (status != WEIR_OK || v < r->lowest)
            continue;
        weiri_buffer_add(starts, &events->size, sizeof events->size);
        status = write_event(of, &record, offset, state, events, err);
    }
    weiri_buffer_add(starts, &events->size, sizeof events->size);
    if (state != NULL)
        protobuf_c_message_free_unpacked(state, NULL);
    return status;
}

static void
assemble(
    const weiri_past_of *of, bool oldest_first, uint64_t next, const weiri_buffer *events, const weiri_buffer *starts, weiri_reply *reply)
{
    const size_t *at = (const size_t *)(const void *)starts->data;
    size_t n = starts->size / sizeof *at - 1;
    weiri_buffer *to = &reply->body;

    weiri_buffer_add_char(to, '{');
    weiri_member_text(to, "aggregate", of->aggregate);
    weiri_member_text(to, "key", of->key);
    weiri_member_number(to, "version", of->version);
    weiri_member(to, "events");
    weiri_buffer_add_char(to, '[');
    for (size_t i = 0; i < n; i++) {
        size_t k = oldest_first ? i : n - 1 - i;
        if (i > 0)
            weiri_buffer_add_char(to, ',');
        weiri_buffer_add(to, events->data + at[k], at[k + 1] - at[k]);
    }
    weiri_buffer_add_char(to, ']');
    if (next > 0)
        weiri_member_number(to, "next", next);
    weiri_buffer_add_char(to, '}');
    weiri_reply_json(reply);
    reply->has_version = true;
    reply->version = of->version;
}

weir_status
weiri_history_read_page(const weiri_history_of *of, weiri_finder *finder, const weiri_page *page, weiri_reply *reply, weir_error *err)
{
    weiri_buffer events = { 0 }, starts = { 0 };
    range r = range_of(of->past.version, page);
    bool states = page->states && of->schema != NULL;
    weiri_past past = { 0 };
    weir_status status = WEIR_OK;

    if (r.lowest <= r.highest)
        status = weiri_past_read(&past, finder, &of->past, states ? 1 : r.lowest, r.highest, err);
    if (status == WEIR_OK)
        status = write_events(of, &r, states && r.lowest <= r.highest, &past, &events, &starts, err);
    if (status == WEIR_OK)
        assemble(&of->past, page->oldest_first, r.next, &events, &starts, reply);
    weiri_past_fini(&past);
    weiri_buffer_fini(&events);
    weiri_buffer_fini(&starts);
    return status;
}
