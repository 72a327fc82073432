/* SPDX-License-Identifier: Apache-2.0
 * Live feeds over HTTP: a reply that goes on (text/event-stream). One thread fills all feeds, each a piece at a time, when its client has
 * taken the piece before: so a feed holds one piece, however slow its client is. A connection without a piece is suspended.
 * Invariant: a feed is its filler's while `turn` is WAITING, when its connection is suspended, and its HTTP thread's else. */
#ifndef WEIRI_FEEDS_H
#define WEIRI_FEEDS_H

#include <stdatomic.h>
#include <stdbool.h>
#include "base/bytes.h"
#include "base/thread.h"
#include "engine/service.h"

#define WEIRI_EVENT_STREAM "text/event-stream"

enum {
    WEIRI_FEEDS_MOST = 4096,
    WEIRI_FEED_PIECE = 32 << 10,        /* bytes; one event may be more */
    WEIRI_FEEDS_HELD_MOST = 256 << 20,  /* of all pieces: beyond it feeds wait */
    WEIRI_FEED_HEARTBEAT_US = 15000000, /* of silence, and an empty event follows, with the position */
};

struct MHD_Response;
struct weiri_request;
struct weiri_http;
typedef struct weiri_live weiri_live;

typedef struct weiri_feeds {
    struct weiri_http *http;
    weiri_thread thread;
    weiri_lock lock;
    weiri_live *first;    /* guarded by lock */
    weiri_tail *tail;     /* the filler's; made when the first feed comes */
    weiri_live **waiting; /* the filler's: those of one pass */
    _Atomic uint32_t count;
    _Atomic uint64_t refused, given, held;
    _Atomic bool ending, stopping;
} weiri_feeds;

WEIR_MUST_USE weir_status weiri_feeds_start(struct weiri_http *http, weir_error *err);
void weiri_feeds_end(weiri_feeds *feeds);  /* from now on every feed ends */
void weiri_feeds_stop(weiri_feeds *feeds); /* the daemon is stopped; fine if it was never started */

/* Does the client ask for a feed rather than for `other` (NULL: nothing else is there)? */
bool weiri_feeds_wanted(const struct weiri_request *request, const char *other);
/* Begins a feed and answers the request, or refuses it. Owns: takes the feed. */
void weiri_feeds_begin(struct weiri_request *request, weiri_feed *feed);
void weiri_feeds_events(struct weiri_request *request); /* GET /events as a feed */
/* The reply of a request whose `live` is set; NULL: no memory. Owns: the response takes the live. */
struct MHD_Response *weiri_feeds_response(struct weiri_request *request);

#endif
