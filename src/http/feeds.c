/* SPDX-License-Identifier: Apache-2.0
 * The filler's thread, and the callback by which a connection takes a piece. Who has a feed: feeds.h. A feed whose client has gone is found
 * when it is filled, or by looking at its socket once a second. */
#include "http/feeds.h"
#include "base/memory.h"
#include "base/world.h"
#include "http/request.h"
#include <sys/socket.h>

enum { PASS_MS = 50, LOOK_US = 1000000, TURN_TAKING = 0, TURN_WAITING };

struct weiri_live {
    weiri_live *next, **place; /* guarded by the feeds' lock */
    weiri_feeds *feeds;
    weiri_request *request; /* its connection's, as long as that has not ended */
    weiri_feed *feed;
    _Atomic int turn;
    weiri_buffer piece; /* what comes next ... */
    size_t at;          /* ... and how much of it has been taken */
    bool last, more;    /* nothing comes after the piece; something comes at once */
    int64_t given_us;
};

static int64_t
now_us(void)
{
    return weiri_world_real.monotonic_us(&weiri_world_real);
}

/* ---- the connection's side ------------------------------------------------------------------------------ */

static void
forget_piece(weiri_live *live)
{
    atomic_fetch_sub(&live->feeds->held, live->piece.size);
    live->at = 0;
    weiri_buffer_clear(&live->piece);
    if (live->piece.room > WEIRI_FEED_PIECE)
        weiri_buffer_fini(&live->piece);
}

static ssize_t
take(void *cls, uint64_t position, char *to, size_t most)
{
    weiri_live *live = cls;
    weiri_feeds *feeds = live->feeds;
    size_t n = live->piece.size - live->at;
    bool more = live->more;
    (void)position;

    if (n == 0) {
        forget_piece(live);
        if (live->last || atomic_load(&feeds->ending))
            return MHD_CONTENT_READER_END_OF_STREAM;
        weiri_watch_nothing(&live->request->watched);
        MHD_suspend_connection(live->request->connection);
        atomic_store_explicit(&live->turn, TURN_WAITING, memory_order_release);
        /* Either the filler sees that it waits, or this sees that all feeds end. */
        if (more || atomic_load(&feeds->ending))
            weiri_signal_raise(weiri_service_moved(feeds->http->service));
        return 0;
    }
    if (live->at == 0) {
        weiri_watch_bytes(&feeds->http->watch, &live->request->watched);
        weiri_watch_allow(&feeds->http->watch, &live->request->watched, live->piece.size);
    }
    n = n < most ? n : most;
    memcpy(to, live->piece.data + live->at, n);
    live->at += n;
    return (ssize_t)n;
}

static void
end(void *cls)
{
    weiri_live *live = cls;
    weiri_feeds *feeds = live->feeds;

    weiri_lock_take(&feeds->lock);
    *live->place = live->next;
    if (live->next != NULL)
        live->next->place = live->place;
    weiri_lock_give(&feeds->lock);
    atomic_fetch_sub(&feeds->held, live->piece.size);
    weiri_buffer_fini(&live->piece);
    weiri_feed_close(live->feed);
    weiri_release(live);
    atomic_fetch_sub(&feeds->count, 1);
}

void
weiri_feeds_begin(weiri_request *request, weiri_feed *feed)
{
    weiri_feeds *feeds = &request->http->feeds;
    weiri_reply *reply = &request->reply;

    if (atomic_fetch_add(&feeds->count, 1) >= WEIRI_FEEDS_MOST) {
        atomic_fetch_sub(&feeds->count, 1);
        atomic_fetch_add(&feeds->refused, 1);
        weiri_feed_close(feed);
        weiri_request_problem(request, WEIR_BUSY, "%d live feeds are open already; try again later", WEIRI_FEEDS_MOST);
        weiri_request_ready(request);
        return;
    }
    weiri_live *live = weiri_allocate(sizeof *live);
    live->feeds = feeds;
    live->request = request;
    live->feed = feed;
    live->more = true;
    live->given_us = now_us() - WEIRI_FEED_HEARTBEAT_US; /* its position comes at once: who has none begins anew when it comes again */
    weiri_lock_take(&feeds->lock);
    live->next = feeds->first;
    live->place = &feeds->first;
    if (live->next != NULL)
        live->next->place = &live->next;
    feeds->first = live;
    weiri_lock_give(&feeds->lock);
    reply->http = 200;
    reply->content_type = WEIRI_EVENT_STREAM;
    request->live = live;
    weiri_request_ready(request);
}

struct MHD_Response *
weiri_feeds_response(weiri_request *request)
{
    weiri_live *live = request->live;
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, take, live, end);

    request->live = NULL;
    if (response == NULL)
        end(live);
    return response;
}

/* ---- the filler's side ---------------------------------------------------------------------------------- */

/* Those that wait, one after the other: they can't end meanwhile, since their connections are suspended. */
static size_t
collect(weiri_feeds *feeds)
{
    size_t n = 0;

    weiri_lock_take(&feeds->lock);
    for (weiri_live *live = feeds->first; live != NULL; live = live->next) {
        if (atomic_load_explicit(&live->turn, memory_order_acquire) == TURN_WAITING)
            feeds->waiting[n++] = live;
    }
    weiri_lock_give(&feeds->lock);
    return n;
}

static bool
client_has_gone(const weiri_live *live)
{
    char byte;

    return recv(live->request->watched.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* From here on the feed is its connection's. */
static void
hand_over(weiri_live *live, int64_t at_us)
{
    struct MHD_Connection *connection = live->request->connection;

    live->given_us = at_us;
    atomic_fetch_add(&live->feeds->given, live->piece.size);
    atomic_fetch_add(&live->feeds->held, live->piece.size);
    atomic_store_explicit(&live->turn, TURN_TAKING, memory_order_release);
    MHD_resume_connection(connection);
}

/* True: there may be more at once. */
static bool
serve(weiri_feeds *feeds, weiri_live *live, bool look, int64_t at_us)
{
    if (atomic_load(&feeds->ending) || (look && client_has_gone(live))) {
        live->last = true;
        hand_over(live, at_us);
        return false;
    }
    if (atomic_load(&feeds->held) > WEIRI_FEEDS_HELD_MOST)
        return false;
    live->last = !weiri_tail_fill(feeds->tail, live->feed, WEIRI_FEED_PIECE, &live->piece, &live->more);
    if (live->piece.size == 0 && !live->last) {
        if (at_us - live->given_us < WEIRI_FEED_HEARTBEAT_US)
            return live->more;
        weiri_buffer_add_text(&live->piece, ": weir\n");
        weiri_feed_write_position(feeds->tail, live->feed, &live->piece);
    }
    hand_over(live, at_us);
    return true;
}

static void
fill(void *argument)
{
    weiri_feeds *feeds = argument;
    weiri_signal *moved = weiri_service_moved(feeds->http->service);
    int64_t looked_us = 0;

    while (!atomic_load(&feeds->stopping)) {
        uint64_t seen = weiri_signal_count(moved);
        int64_t at_us = now_us();
        bool more = false, look = at_us - looked_us >= LOOK_US, any = atomic_load(&feeds->count) > 0;
        if (any) {
            if (feeds->tail == NULL)
                feeds->tail = weiri_tail_new(feeds->http->service);
            more = weiri_tail_refresh(feeds->tail);
            looked_us = look ? at_us : looked_us;
            size_t n = collect(feeds);
            for (size_t i = 0; i < n; i++)
                more = serve(feeds, feeds->waiting[i], look, at_us) || more;
        }
        if (!more)
            (void)weiri_signal_wait(moved, seen, any ? PASS_MS : -1);
    }
}

weir_status
weiri_feeds_start(weiri_http *http, weir_error *err)
{
    weiri_feeds *feeds = &http->feeds;

    feeds->http = http;
    feeds->waiting = weiri_allocate(WEIRI_FEEDS_MOST * sizeof *feeds->waiting);
    weiri_lock_init(&feeds->lock);
    if (weiri_thread_start(&feeds->thread, "weir-feeds", fill, feeds) == WEIR_OK)
        return WEIR_OK;
    weiri_lock_fini(&feeds->lock);
    weiri_release(feeds->waiting);
    return weiri_error_set(err, WEIR_NO_MEMORY, "the thread that fills live feeds could not be started");
}

void
weiri_feeds_end(weiri_feeds *feeds)
{
    atomic_store(&feeds->ending, true);
    weiri_signal_raise(weiri_service_moved(feeds->http->service));
}

void
weiri_feeds_stop(weiri_feeds *feeds)
{
    if (!feeds->thread.running)
        return;
    atomic_store(&feeds->stopping, true);
    weiri_signal_raise(weiri_service_moved(feeds->http->service));
    weiri_thread_join(&feeds->thread);
    weiri_tail_free(feeds->tail);
    weiri_lock_fini(&feeds->lock);
    weiri_release(feeds->waiting);
}
