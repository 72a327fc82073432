/* SPDX-License-Identifier: Apache-2.0
 * See the header. Held and late commands wait in a mailbox; one thread answers the late ones. */
#include "http/service_double.h"
#include "base/mailbox.h"
#include "base/memory.h"
#include "base/thread.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct late {
    weiri_reply_fn *done;
    void *user;
} late;

static weiri_mailbox late_box, held_box;
static weiri_signal late_arrived, held_arrived, reached_changed, moved;
static weiri_thread late_thread;
static _Atomic bool stopping, reached;
_Atomic uint64_t double_calls, double_view_calls;

void
weiri_reply_fini(weiri_reply *reply)
{
    weiri_buffer_fini(&reply->body);
    weiri_buffer_fini(&reply->location);
}

void
weiri_reply_problem(weiri_reply *reply, weir_status status, const char *code, const char *detail)
{
    static const int https[] = { 200, 422, 412, 400, 404, 503, 504, 409, 503, 503, 500, 500, 500 };

    reply->http = https[status];
    reply->content_type = "application/problem+json";
    if (status == WEIR_BUSY)
        reply->retry_after_s = 1;
    weiri_buffer_print(&reply->body, "{\"status\":%d,\"code\":\"%s\",\"detail\":\"%s\"}", reply->http, code, detail);
}

static void
answer(weiri_reply_fn *done, void *user, const char *text)
{
    weiri_reply reply = { .http = 200, .content_type = "application/json", .has_version = true, .version = 7 };

    strcpy(reply.position, "0abc:1=2");
    weiri_buffer_add_text(&reply.body, text);
    done(user, &reply);
}

static void
answer_all(weiri_mailbox *box, bool slowly)
{
    weiri_buffer items = { 0 };
    weiri_bytes item;
    size_t at = 0;

    (void)weiri_mailbox_take(box, &items);
    while (weiri_mailbox_next(&items, &at, &item)) {
        late l;
        memcpy(&l, item.data, sizeof l);
        if (slowly && ((uintptr_t)l.user >> 8) % 8 == 0)
            (void)usleep((unsigned)(at * 37 % 2000));
        answer(l.done, l.user, "{\"late\":true}");
    }
    weiri_buffer_fini(&items);
}

static void
run_late(void *argument)
{
    (void)argument;
    while (!atomic_load(&stopping)) {
        uint64_t seen = weiri_signal_count(&late_arrived);
        answer_all(&late_box, true);
        weiri_signal_wait(&late_arrived, seen, 50);
    }
    answer_all(&late_box, false);
}

void
double_start(void)
{
    weiri_signal_init(&late_arrived);
    weiri_signal_init(&held_arrived);
    weiri_signal_init(&reached_changed);
    weiri_signal_init(&moved);
    weiri_mailbox_init(&late_box, 1 << 20, 4096, &late_arrived);
    weiri_mailbox_init(&held_box, 1 << 20, 4096, &held_arrived);
    atomic_store(&stopping, false);
    (void)!weiri_thread_start(&late_thread, "late", run_late, NULL);
}

void
double_stop(void)
{
    atomic_store(&stopping, true);
    weiri_signal_raise(&late_arrived);
    weiri_thread_join(&late_thread);
    weiri_mailbox_fini(&late_box);
    weiri_mailbox_fini(&held_box);
    weiri_signal_fini(&late_arrived);
    weiri_signal_fini(&held_arrived);
    weiri_signal_fini(&reached_changed);
    weiri_signal_fini(&moved);
}

void
double_release(void)
{
    answer_all(&held_box, false);
}

unsigned
double_held(void)
{
    size_t items, bytes;

    weiri_mailbox_size(&held_box, &items, &bytes);
    return (unsigned)items;
}

void
double_reach(bool there)
{
    atomic_store(&reached, there);
    weiri_signal_raise(&reached_changed);
}

static void
say_command(const weiri_command_call *call, weiri_reply *reply)
{
    static const char *const forms[] = { "json", "protobuf", "form" };

    *reply = (weiri_reply){
        .http = call->respond_async ? 202 : 200, .content_type = "application/json", .has_version = true, .version = 7
    };
    strcpy(reply->position, "0abc:1=2");
    if (call->respond_async)
        weiri_buffer_add_text(&reply->location, "/aggregates/stock/mug/commands/1");
    if (call->traceparent != NULL)
        (void)snprintf(reply->traceparent, sizeof reply->traceparent, "%s", call->traceparent);
    weiri_buffer_print(&reply->body, "%s %s id=%s expect=%d/%" PRIu64 " rep=%d async=%d timeout=%" PRId64 " size=%zu body=%.*s", call->type,
        forms[call->form], call->id == NULL ? "-" : call->id, call->expect, call->expected_version, call->representation,
        call->respond_async, call->timeout_ms, call->body.size, call->body.size > 60 ? 60 : (int)call->body.size,
        (const char *)call->body.data);
}

void
weiri_service_command(weiri_service *service, const weiri_command_call *call)
{
    late l = { call->done, call->user };
    weiri_bytes piece = { &l, sizeof l };
    weiri_reply reply = { 0 };
    (void)service;

    atomic_fetch_add(&double_calls, 1);
    if (strcmp(call->type, "later") == 0 || strcmp(call->type, "hold") == 0) {
        if (weiri_mailbox_send(call->type[0] == 'l' ? &late_box : &held_box, &piece, 1, -1) == WEIR_OK)
            return;
    }
    if (strcmp(call->type, "reject") == 0)
        weiri_reply_problem(&reply, WEIR_REJECTED, "out-of-stock", "2 left of mug");
    else if (strcmp(call->type, "busy") == 0)
        weiri_reply_problem(&reply, WEIR_BUSY, "", "the queue is full");
    else if (strcmp(call->type, "unknown") == 0)
        weiri_reply_problem(&reply, WEIR_TIMEOUT, "", "send it again");
    else if (strcmp(call->type, "conflict") == 0)
        weiri_reply_problem(&reply, WEIR_CONFLICT, "", "it is at version 7");
    else
        say_command(call, &reply);
    call->done(call->user, &reply);
}

void
weiri_service_commands(weiri_service *service, const weiri_commands_call *call)
{
    weiri_reply reply = { .http = 200, .content_type = "application/x-ndjson" };
    (void)service;

    weiri_buffer_print(&reply.body, "%s size=%zu", call->json_array ? "array" : "lines", call->body.size);
    call->done(call->user, &reply);
}

static void say(weiri_reply *reply, const char *format, ...) WEIR_PRINTF(2, 3);

static void
say(weiri_reply *reply, const char *format, ...)
{
    char text[2048];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    reply->http = 200;
    reply->content_type = "application/json";
    weiri_buffer_add_text(&reply->body, text);
}

void
weiri_service_outcome(weiri_service *service, const char *aggregate, const char *key, const char *id, weiri_reply_fn *done, void *user)
{
    weiri_reply reply = { 0 };
    (void)service;

    say(&reply, "outcome %s %s %s", aggregate, key, id);
    done(user, &reply);
}

void
weiri_service_state(weiri_service *service, const char *aggregate, const char *key, uint64_t at_version, weiri_reply_fn *done, void *user)
{
    weiri_reply reply = { .has_version = true, .version = 7 };
    (void)service;

    say(&reply, "state %s %s %" PRIu64, aggregate, key, at_version);
    done(user, &reply);
}

void
weiri_service_history(weiri_service *service, const weiri_history_call *call, weiri_reply_fn *done, void *user)
{
    weiri_reply reply = { 0 };
    (void)service;

    say(&reply, "history %s %s after=%" PRIu64 " limit=%" PRIu64 " oldest=%d states=%d", call->aggregate, call->key, call->after,
        call->limit, call->oldest_first, call->states);
    done(user, &reply);
}

void
weiri_service_source(weiri_service *service, const char *name, weiri_reply *reply)
{
    (void)service;
    say(reply, "source %s", name);
}

void
weiri_service_view(weiri_service *service, const weiri_view_call *call, weiri_reply *reply)
{
    (void)service;
    atomic_fetch_add(&double_view_calls, 1);
    if (call->position != NULL && !atomic_load(&reached)) {
        uint64_t seen = weiri_signal_count(&reached_changed);
        if (!atomic_load(&reached))
            weiri_signal_wait(&reached_changed, seen, call->wait_ms);
        if (!atomic_load(&reached)) {
            weiri_reply_problem(reply, WEIR_BEHIND, "", "it is at 0abc:1=1");
            reply->retry_after_s = 1;
            strcpy(reply->position, "0abc:1=1");
            return;
        }
    }
    say(reply, "%s %s.%s n=%zu %s=%s csv=%d", call->query ? "query" : "table", call->view, call->name, call->n,
        call->n > 0 ? call->arguments[0].name : "", call->n > 0 ? call->arguments[0].value : "", call->csv);
}

void
weiri_service_events(weiri_service *service, const char *types, const char *after, uint64_t limit, weiri_reply *reply)
{
    (void)service;
    say(reply, "events %s %s %" PRIu64, types == NULL ? "-" : types, after == NULL ? "-" : after, limit);
    reply->content_type = "application/x-ndjson";
}

/* A feed of this many events, in pieces of one; "types=bad" is refused. */
enum { FEED_EVENTS = 3 };
struct weiri_feed {
    int given;
};

bool
weiri_service_event_feed(weiri_service *service, const char *types, const char *after, weiri_feed **ret_feed, weiri_reply *reply)
{
    (void)service;
    if (types != NULL && strcmp(types, "bad") == 0) {
        weiri_reply_problem(reply, WEIR_NOT_FOUND, "", "no event 'bad'");
        return false;
    }
    *ret_feed = weiri_allocate(sizeof **ret_feed);
    (*ret_feed)->given = after == NULL ? 0 : atoi(after);
    return true;
}

bool
weiri_service_view_feed(weiri_service *service, const char *view, const char *after, weiri_feed **ret_feed, weiri_reply *reply)
{
    return weiri_service_event_feed(service, view, after, ret_feed, reply);
}

void
weiri_feed_close(weiri_feed *feed)
{
    weiri_release(feed);
}

weiri_tail *
weiri_tail_new(weiri_service *service)
{
    (void)service;
    return NULL;
}

bool
weiri_tail_refresh(weiri_tail *tail)
{
    (void)tail;
    return false;
}

bool
weiri_tail_fill(weiri_tail *tail, weiri_feed *feed, size_t most, weiri_buffer *to, bool *ret_more)
{
    (void)tail, (void)most;
    *ret_more = feed->given < FEED_EVENTS;
    if (*ret_more)
        weiri_buffer_print(to, "id: %d\ndata: {\"n\":%d}\n\n", feed->given + 1, feed->given + 1);
    return feed->given++ < FEED_EVENTS;
}

void
weiri_feed_write_position(weiri_tail *tail, weiri_feed *feed, weiri_buffer *to)
{
    (void)tail;
    weiri_buffer_print(to, "id: %d\n\n", feed->given);
}

void
weiri_tail_free(weiri_tail *tail)
{
    (void)tail;
}

weiri_signal *
weiri_service_moved(weiri_service *service)
{
    (void)service;
    return &moved;
}

void
weiri_service_views(weiri_service *service, weiri_reply *reply)
{
    (void)service;
    say(reply, "views");
}

void
weiri_service_view_rebuild(weiri_service *service, const char *view, weiri_reply *reply)
{
    (void)service;
    say(reply, "rebuild %s", view);
}

void
weiri_service_types(weiri_service *service, weiri_reply *reply)
{
    (void)service;
    say(reply, "types");
}

void
weiri_service_info(weiri_service *service, weiri_reply *reply)
{
    (void)service;
    say(reply, "info");
}

void
weiri_service_live(weiri_service *service, weiri_reply *reply)
{
    (void)service;
    say(reply, "live");
}

void
weiri_service_ready(weiri_service *service, weiri_reply *reply)
{
    (void)service;
    say(reply, "ready");
}

void
weiri_service_metrics(weiri_service *service, weiri_reply *reply)
{
    (void)service;
    say(reply, "metrics");
}

void
weiri_service_quarantine(weiri_service *service, weiri_reply *reply)
{
    (void)service;
    say(reply, "quarantine");
}

void
weiri_service_processes(weiri_service *service, weiri_reply *reply)
{
    (void)service;
    say(reply, "quarantine");
}

void
weiri_service_held(weiri_service *service, const char *aggregate, const char *key, bool data, weiri_reply *reply)
{
    (void)service;
    say(reply, "held %s %s data=%d", aggregate, key, data);
}

void
weiri_service_release(weiri_service *service, const char *aggregate, const char *key, const char *reason, bool discard, weiri_reply *reply)
{
    (void)service;
    say(reply, "release %s %s %s discard=%d", aggregate, key, reason, discard);
}

void
weiri_service_letters(weiri_service *service, const char *view, weiri_reply *reply)
{
    (void)service;
    say(reply, "letters %s", view == NULL ? "-" : view);
}

void
weiri_service_letter(weiri_service *service, const char *view, const char *event, weiri_reply *reply)
{
    (void)service;
    say(reply, "letter %s %s", view, event);
}

void
weiri_service_letter_retry(weiri_service *service, const char *view, const char *event, weiri_reply *reply)
{
    (void)service;
    say(reply, "retry %s %s", view, event == NULL ? "-" : event);
}

void
weiri_service_letter_discard(weiri_service *service, const weiri_letter_call *call, weiri_reply *reply)
{
    (void)service;
    say(reply, "discard %s %s %s %s", call->view, call->event, call->reason == NULL ? "-" : call->reason,
        call->who == NULL ? "-" : call->who);
}
