/* SPDX-License-Identifier: Apache-2.0
 * Live feeds of events and of views' moves, as Server-Sent Events. Invariants: every event's id is the feed's position behind it; a feed
 * gives each event from its position on exactly once, from the tail where that reaches back far enough, else from the log.
 * Thread: live.h. */
#include "engine/live.h"
#include "base/memory.h"
#include "message/json.h"

enum { LOOK_MOST = 20000 }; /* events of the log that one filling looks at: the other feeds wait meanwhile */

struct weiri_feed {
    bool of_view;
    /* of events */
    weiri_type_filter filter;
    uint64_t next[64];
    uint64_t at; /* the tail's event that comes next ... */
    bool joined; /* ... if it follows the tail */
    /* of a view */
    size_t view;
    bool told;
    uint64_t source[64];
    char version[17];
    const char *state;
};

bool
weiri_service_event_feed(weiri_service *service, const char *types, const char *after, weiri_feed **ret_feed, weiri_reply *reply)
{
    weiri_feed *feed = weiri_allocate(sizeof *feed);
    const char *code = "";
    weir_error err;

    weir_status status = weiri_feed_position(service->log, after, feed->next, &code, &err);
    if (status == WEIR_OK && types != NULL) {
        code = "";
        status = weiri_type_filter_parse(service->schema, types, &feed->filter, &err);
    }
    if (status != WEIR_OK) {
        weiri_reply_error(reply, code, &err);
        weiri_feed_close(feed);
        return false;
    }
    *ret_feed = feed;
    return true;
}

bool
weiri_service_view_feed(weiri_service *service, const char *view, const char *after, weiri_feed **ret_feed, weiri_reply *reply)
{
    weiri_feed *feed = weiri_allocate(sizeof *feed);
    size_t n = weiri_views_count(service->views);
    weir_status status = WEIR_OK;
    const char *code = "";
    uint64_t ends[64];
    weir_error err;

    feed->of_view = true;
    for (feed->view = 0; feed->view < n; feed->view++) {
        weiri_view_status of = { 0 };
        weiri_views_status(service->views, feed->view, &of);
        if (strcmp(of.name, view) == 0) {
            memcpy(feed->version, of.version, sizeof feed->version);
            feed->state = of.state;
            break;
        }
    }
    if (feed->view == n)
        status = weiri_error_set(&err, WEIR_NOT_FOUND, "no view '%.60s'; GET /views lists them", view);
    else if (after != NULL) {
        weiri_ends(service, WEIRI_TOPIC_COMMANDS, ends);
        status = weiri_token_parse(after, service->identity->id, ends, service->identity->partitions, feed->source, &code, &err);
        feed->told = true;
    }
    if (status != WEIR_OK) {
        weiri_reply_error(reply, code, &err);
        weiri_feed_close(feed);
        return false;
    }
    *ret_feed = feed;
    return true;
}

void
weiri_feed_close(weiri_feed *feed)
{
    if (feed == NULL)
        return;
    weiri_type_filter_fini(&feed->filter);
    weiri_release(feed);
}

/* ---- events -------------------------------------------------------------------------------------------- */

static void
add_id(weiri_buffer *to, const uint64_t *next, uint32_t partitions)
{
    char position[1600];

    weiri_vector_format(next, partitions, position, sizeof position);
    weiri_buffer_add_text(to, "id: ");
    weiri_buffer_add_text(to, position[0] == '\0' ? WEIRI_FEED_START : position);
    weiri_buffer_add_char(to, '\n');
}

static weir_status
write_event(weiri_feed_walk *walk, const weiri_record *record, uint32_t partition, uint64_t offset, weir_error *err)
{
    size_t before = walk->to->size;

    add_id(walk->to, walk->next, weiri_log_identity_of(walk->log)->partitions);
    weir_status status = weiri_tail_write(walk->to, walk->schema, record, partition, offset, err);
    if (status != WEIR_OK)
        walk->to->size = before;
    return status;
}

static void
say_why(weiri_buffer *to, weir_error *err)
{
    weiri_reply reply = { 0 };

    weiri_reply_error(&reply, "", err);
    weiri_buffer_add_text(to, "retry: 60000\nevent: error\ndata: ");
    weiri_buffer_add_bytes(to, weiri_buffer_bytes(&reply.body));
    weiri_buffer_add_text(to, "\n\n");
    weiri_reply_fini(&reply);
}

static bool
fill_from_log(weiri_tail *tail, weiri_feed *feed, size_t most, weiri_buffer *to, bool *ret_more)
{
    weiri_service *service = tail->service;
    weiri_feed_walk walk = { .log = service->log,
        .schema = service->schema,
        .filter = &feed->filter,
        .next = feed->next,
        .limit = UINT64_MAX,
        .look_most = LOOK_MOST,
        .bytes_most = most,
        .to = to,
        .write = write_event };
    uint64_t before[64];
    weir_error err;

    memcpy(before, feed->next, sizeof before);
    if (weiri_feed_walk_on(&walk, &err) != WEIR_OK) {
        say_why(to, &err);
        return false;
    }
    *ret_more = memcmp(before, feed->next, sizeof before) != 0;
    return true;
}

static void
fill_from_tail(weiri_tail *tail, weiri_feed *feed, size_t most, weiri_buffer *to, bool *ret_more)
{
    uint32_t partitions = tail->service->identity->partitions;

    for (; feed->at < tail->first + tail->n && to->size < most; feed->at++) {
        const weiri_kept *kept = &tail->events[feed->at % WEIRI_TAIL_EVENTS];
        if (kept->offset < feed->next[kept->partition])
            continue;
        feed->next[kept->partition] = kept->offset + 1;
        if (!weiri_type_filter_names(&feed->filter, weiri_bytes_of(kept->type)))
            continue;
        add_id(to, feed->next, partitions);
        weiri_buffer_add(to, tail->bytes + kept->at, kept->size);
    }
    *ret_more = feed->at < tail->first + tail->n;
}

/* ---- views --------------------------------------------------------------------------------------------- */

static void
add_token(weiri_buffer *to, const weiri_service *service, const uint64_t *source)
{
    char position[1600];

    weiri_token_format(service->identity->id, source, service->identity->partitions, position, sizeof position);
    weiri_buffer_print(to, "id: %s\n", position);
}

static void
fill_from_view(weiri_tail *tail, weiri_feed *feed, weiri_buffer *to)
{
    const weiri_view_status *view = &tail->views[feed->view];

    if (tail->views_us == 0 || (feed->told && memcmp(view->source, feed->source, sizeof feed->source) == 0 &&
                                   strcmp(view->version, feed->version) == 0 && feed->state == view->state))
        return;
    feed->told = true;
    feed->state = view->state;
    memcpy(feed->source, view->source, sizeof feed->source);
    memcpy(feed->version, view->version, sizeof feed->version);
    add_token(to, tail->service, feed->source);
    weiri_buffer_add_text(to, "event: change\ndata: {");
    weiri_member_text(to, "view", view->name);
    weiri_member_text(to, "version", view->version);
    weiri_member_text(to, "state", view->state);
    weiri_member_number(to, "lagEvents", view->lag_events);
    weiri_member_signed(to, "lagMs", view->lag_ms);
    weiri_buffer_add_text(to, "}\n\n");
}

/* ---- both ---------------------------------------------------------------------------------------------- */

void
weiri_feed_write_position(weiri_tail *tail, weiri_feed *feed, weiri_buffer *to)
{
    if (!feed->of_view)
        add_id(to, feed->next, tail->service->identity->partitions);
    else if (feed->told)
        add_token(to, tail->service, feed->source);
    weiri_buffer_add_char(to, '\n');
}

bool
weiri_tail_fill(weiri_tail *tail, weiri_feed *feed, size_t most, weiri_buffer *to, bool *ret_more)
{
    *ret_more = false;
    if (feed->of_view) {
        fill_from_view(tail, feed, to);
        return true;
    }
    if (!feed->joined || feed->at < tail->first) {
        feed->joined = weiri_tail_covers(tail, feed->next, tail->service->identity->partitions);
        feed->at = tail->first;
    }
    if (!feed->joined)
        return fill_from_log(tail, feed, most, to, ret_more);
    fill_from_tail(tail, feed, most, to, ret_more);
    return true;
}

weiri_signal *
weiri_service_moved(weiri_service *service)
{
    return weiri_log_moved(service->log);
}
