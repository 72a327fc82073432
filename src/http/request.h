/* SPDX-License-Identifier: Apache-2.0
 * One request of one connection, from its first line to its last byte out. The object belongs to the connection and is used again for its
 * next request, so that a kept-alive connection allocates little.
 * Thread: the connection's HTTP thread; from weiri_handler on until weiri_request_ready, whoever was asked to answer. */
#ifndef WEIRI_REQUEST_H
#define WEIRI_REQUEST_H

#include <microhttpd.h>
#include <stdatomic.h>
#include "base/thread.h"
#include "engine/service.h"
#include "http/accept.h"
#include "http/edge.h"
#include "http/feeds.h"
#include "http/meter.h"
#include "http/pages.h"
#include "http/pool.h"
#include "http/server.h"
#include "http/target.h"
#include "http/watch.h"

enum {
    WEIRI_COMMAND_BODY_MOST = 1 << 20, /* a command: 900 KB and what JSON adds to it */
    WEIRI_BODIES_MOST = 256 << 20,     /* all bodies being received at once: beyond it 503 */
    WEIRI_REPLIES_MOST = 256 << 20,    /* all replies being sent at once: beyond it nothing large is asked for: 503 */
    WEIRI_BATCHES_WAITING = 8,         /* batches that may wait for room in a lane: half of the pool's threads */
    WEIRI_DISCARD_MOST = 64 << 20,     /* of a refused body without a length: beyond it the connection is cut */
    WEIRI_BODY_KEPT = 64 << 10,        /* room for bodies that an idle connection keeps */
    WEIRI_TOKEN_MOST = 1600,
};

struct weiri_http {
    weiri_service *service;
    struct MHD_Daemon *daemon;
    weiri_pool *pool;
    int64_t outcome_ms;
    uint16_t port;
    int listen_fd;
    weiri_thread acceptor;
    uint32_t connections_most;
    _Atomic uint32_t connections;
    _Atomic bool refusing;
    _Atomic bool stopping;
    _Atomic uint32_t asked;     /* handlers begun whose weiri_request_ready has not yet returned */
    _Atomic uint32_t replying;  /* requests that are asked or refused and not yet completed */
    _Atomic uint32_t lingering; /* connections of linger.c */
    _Atomic uint64_t body_bytes, reply_bytes;
    _Atomic uint32_t batches;     /* being read and handed to lanes */
    _Atomic uint64_t turned_away; /* connections beyond connections_most */
    weiri_watch watch;
    weiri_feeds feeds;
    weiri_edge *edge;
    weiri_meter commands;                  /* how long they took */
    char *certificate, *key;               /* PEM; NULL: no TLS */
    weiri_page *app;                       /* the module's own pages; NULL: none */
    const struct weiri_settings *settings; /* to be shown; NULL: none */
};

typedef struct weiri_request_headers { /* borrowed from the connection; NULL: not there */
    const char *content_type, *content_length, *transfer_encoding, *expect, *accept, *idempotency_key, *if_match, *if_none_match, *position,
        *traceparent, *origin, *host, *last_event_id, *authorization;
    weiri_prefer prefer;
} weiri_request_headers;

struct weiri_route;

typedef struct weiri_request {
    weiri_watched watched; /* the first */
    weiri_http *http;
    struct MHD_Connection *connection;
    const struct weiri_route *route;
    enum { WEIRI_REQUEST_NEW, WEIRI_REQUEST_BODY, WEIRI_REQUEST_REFUSED, WEIRI_REQUEST_ASKED } stage;
    _Atomic int turn; /* whose it is: request.c */
    bool replying, method_is_get, lingers;
    weir_error target_error; /* of parsing the target: status OK when it is good */
    weiri_target target;
    const char *parameters[3]; /* of the path, as the route names them */
    weiri_request_headers headers;
    char id[WEIRI_KEY_MOST + 1];
    size_t body_most, body_counted, reply_counted, discarded;
    weiri_buffer body;
    int64_t wait_until_us; /* of a view that waits: views.c */
    uint64_t limit;        /* of a page of events: aggregates.c */
    bool json_array;       /* the form of a batch: commands.c */
    weiri_reply reply;     /* filled by whoever answers */
    int64_t asked_us;
    const char *challenge;  /* WWW-Authenticate: of a 401; static */
    const weiri_page *page; /* it instead of the reply's body: pages.c */
    weiri_live *live;       /* a feed begins instead of the reply's body: feeds.c */
    const char *allow;      /* Allow: of a 405 and of OPTIONS */
    char allow_text[64];
} weiri_request;

/* What a route does: fills request->reply and calls weiri_request_ready, now or later on another thread. */
typedef void weiri_handler(weiri_request *request);

/* The reply is there. Called exactly once for each handler; the request is then no longer the caller's. Thread: any. */
void weiri_request_ready(weiri_request *request);
/* The same as a weiri_reply_fn whose user is the request: takes what is in the reply. */
void weiri_request_done(void *user, weiri_reply *reply);
/* Empties request->reply. */
void weiri_request_clear_reply(weiri_request *request);
/* A reply from the table of answers. */
void weiri_request_problem(weiri_request *request, weir_status status, const char *format, ...) WEIR_PRINTF(3, 4);

/* Has the pool do it; without room there the request is answered busy. */
void weiri_request_run(weiri_request *request, weiri_pool_fn *run);

/* libmicrohttpd's callbacks; cls is the weiri_http. */
void weiri_request_connection(
    void *cls, struct MHD_Connection *connection, void **socket_context, enum MHD_ConnectionNotificationCode code);
void *weiri_request_target(void *cls, const char *raw, struct MHD_Connection *connection);
enum MHD_Result weiri_request_handle(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
    const char *data, size_t *size, void **context);
void weiri_request_completed(void *cls, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode code);

#endif
