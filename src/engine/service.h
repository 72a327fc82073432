/* SPDX-License-Identifier: Apache-2.0
 * What HTTP and the command line may ask of an engine: one function a row of the HTTP table (docs/http.md). Bodies in and
 * out are bytes; every reply carries its place in the table of answers, so that no door words an error of its own.
 * Thread: any. */
#ifndef WEIRI_SERVICE_H
#define WEIRI_SERVICE_H

#include <weir/engine.h>
#include "base/bytes.h"
#include "base/error.h"
#include "base/thread.h"
#include "engine/settings.h"

/* ---- the table of answers ----------------------------------------------------------------------------- */

typedef struct weiri_answer_row {
    const char *code; /* "out-of-stock" of a domain has none of its own: it is the row "rejected" */
    weir_status status;
    int http, exit;
    const char *title;
} weiri_answer_row;
/* The row for a status and a code ("" none); never NULL. */
const weiri_answer_row *weiri_answer_row_of(weir_status status, const char *code);

typedef struct weiri_reply {
    int http;
    const char *content_type; /* static */
    weiri_buffer body;
    bool has_version; /* ETag: "version" */
    uint64_t version;
    char position[1600];   /* Weir-Position: a token, or "" */
    uint64_t parked;       /* Weir-Parked: so many events that the view could not take are not in the rows ... */
    bool parked_yours;     /* ... one of them is what the token stands for */
    weiri_buffer location; /* Location:, or empty */
    int retry_after_s;     /* 0: none */
    char traceparent[64];  /* "" none */
} weiri_reply;             /* zero-initialise */
void weiri_reply_fini(weiri_reply *reply);
/* Makes the reply an RFC 9457 problem: type, title, status, code, detail. */
void weiri_reply_problem(weiri_reply *reply, weir_status status, const char *code, const char *detail);

/* ---- life --------------------------------------------------------------------------------------------- */

/* The same object as the public weir_engine. weir_open and weir_close are in engine.h. */
typedef weir_engine weiri_service;

/* Opens as weir_open does, from settings already read; problems found at load all go to `problems`.
 * views_dir: where the module's views lie (NULL: none). build_id: of the object that holds the module. */
WEIR_MUST_USE weir_status weiri_service_open(const weir_module *module, const char *views_dir, const char *build_id,
    const weiri_settings *settings, weiri_service **ret_service, weiri_problems *problems, weir_error *err);

/* The checks of opening alone: all that is wrong with the module and its view files, found at once; nothing is made on disk. */
void weiri_service_check(const weir_module *module, const char *views_dir, weiri_problems *problems);

/* Life cycle: close refuses new commands, stop drains, free. weir_close does all three. */
void weiri_service_refuse(weiri_service *service);

/* ---- commands ----------------------------------------------------------------------------------------- */

typedef enum weiri_body { WEIRI_BODY_JSON, WEIRI_BODY_PROTOBUF, WEIRI_BODY_FORM } weiri_body;

typedef void weiri_reply_fn(void *user, weiri_reply *reply); /* owns the reply: fini it */

typedef struct weiri_command_call {
    const char *type; /* full, or short where unique */
    weiri_body form;
    weiri_bytes body;
    const char *id; /* NULL: weir makes one */
    bool expect;
    uint64_t expected_version;
    bool representation;     /* events with their data */
    bool respond_async;      /* 202 once durable, with Location */
    const char *traceparent; /* NULL: none */
    int64_t timeout_ms;      /* for the outcome; then 504 unknown */
    weiri_reply_fn *done;    /* exactly once: on this thread before the call returns, or on another later */
    void *user;
} weiri_command_call;
void weiri_service_command(weiri_service *service, const weiri_command_call *call);

typedef struct weiri_commands_call {
    bool json_array;  /* else one command a line */
    weiri_bytes body; /* copied */
    const char *traceparent;
    int64_t timeout_ms;
    bool refuse_at_once;  /* never wait for room in a lane: the lines that find none are answered 503 */
    weiri_reply_fn *done; /* body: one line a command, in order */
    void *user;
} weiri_commands_call;
/* A line: {"type", "data", "id", "expectedVersion", "source", "sequence", "previous", "fingerprint"}; at most 10,000 or 8 MB.
 * A reply's line: {"status":200, ...outcome} or a problem. */
enum { WEIRI_BATCH_MOST = 10000, WEIRI_BATCH_BYTES_MOST = 8 << 20 };
void weiri_service_commands(weiri_service *service, const weiri_commands_call *call);

/* Answers asynchronously, as a command does. */
void weiri_service_outcome(
    weiri_service *service, const char *aggregate, const char *key, const char *id, weiri_reply_fn *done, void *user);
/* at_version 0: now. */
void weiri_service_state(
    weiri_service *service, const char *aggregate, const char *key, uint64_t at_version, weiri_reply_fn *done, void *user);
/* The history of an aggregate, a page: limit events, newest first unless `oldest_first`, beyond version `after` in that order (0: from
 * the beginning of it). `states`: each event comes with the state after it. */
typedef struct weiri_history_call {
    const char *aggregate, *key;
    uint64_t after, limit;
    bool oldest_first, states;
} weiri_history_call;
void weiri_service_history(weiri_service *service, const weiri_history_call *call, weiri_reply_fn *done, void *user);

/* ---- the rest answers at once: the reply is filled before the call returns ------------------------------ */

void weiri_service_source(weiri_service *service, const char *name, weiri_reply *reply);

typedef struct weiri_pair {
    const char *name, *value; /* decoded */
} weiri_pair;
typedef struct weiri_view_call {
    const char *view, *name; /* of a table or query */
    bool query;
    const weiri_pair *arguments;
    size_t n;
    const char *position; /* a token, or NULL */
    int64_t wait_ms;      /* blocks the calling thread at most so long */
    bool csv;             /* Accept: text/csv */
} weiri_view_call;
void weiri_service_view(weiri_service *service, const weiri_view_call *call, weiri_reply *reply);

/* Durable events after a position, JSON lines, at most `limit`: {"position","type","aggregate","key","version","time","data"...}.
 * types: comma separated full or short names, or NULL. after: a vector "P=N,P=N" of event offsets, or NULL from the beginning.
 * The reply's `position` is the vector to go on from. */
void weiri_service_events(weiri_service *service, const char *types, const char *after, uint64_t limit, weiri_reply *reply);

/* Live feeds, as Server-Sent Events: of events after a position (as weiri_service_events; "now": the durable end), or of a view's
 * moves after a token (NULL: beginning with where it is). A feed holds a position, never events: what it gives next is read when it is
 * asked for. The tail keeps the newest events, written once for all feeds; beyond it a feed reads the log.
 * Thread: opening and closing a feed: any. A tail and all filling of feeds from it: one. */
typedef struct weiri_tail weiri_tail;
typedef struct weiri_feed weiri_feed;
/* Owns: gives *ret_feed; false: the reply is the problem. */
WEIR_MUST_USE bool weiri_service_event_feed(
    weiri_service *service, const char *types, const char *after, weiri_feed **ret_feed, weiri_reply *reply);
WEIR_MUST_USE bool weiri_service_view_feed(
    weiri_service *service, const char *view, const char *after, weiri_feed **ret_feed, weiri_reply *reply);
void weiri_feed_close(weiri_feed *feed); /* NULL is fine */
weiri_tail *weiri_tail_new(weiri_service *service);
bool weiri_tail_refresh(weiri_tail *tail); /* takes in what is durable now; false: there was nothing */
/* Appends what comes next, until `to` has `most` bytes, whole events at least one. *ret_more: there may be more at once. False: the feed
 * ends: what was appended says why. */
WEIR_MUST_USE bool weiri_tail_fill(weiri_tail *tail, weiri_feed *feed, size_t most, weiri_buffer *to, bool *ret_more);
void weiri_feed_write_position(weiri_tail *tail, weiri_feed *feed, weiri_buffer *to); /* an id alone: where the feed is */
void weiri_tail_free(weiri_tail *tail);                                               /* NULL is fine */
weiri_signal *weiri_service_moved(weiri_service *service); /* raised when more is durable; raising it does no harm */

/* The quarantine: commands that killed the process, and what came behind them. These three wait for the lanes, at most
 * outcome.timeout. */
enum { WEIRI_QUARANTINE_SHOWN = 1000, WEIRI_QUARANTINE_BYTES = 4 << 20 };  /* of one answer; counts are of all */
void weiri_service_quarantine(weiri_service *service, weiri_reply *reply); /* GET /quarantine: a row an aggregate */
/* What is held of one aggregate, oldest first; `data`: with what each command says. */
void weiri_service_held(weiri_service *service, const char *aggregate, const char *key, bool data, weiri_reply *reply);
/* Lets it out, durably; reason: for the log, may be "". `discard`: what is held is not to be tried again. */
void weiri_service_release(
    weiri_service *service, const char *aggregate, const char *key, const char *reason, bool discard, weiri_reply *reply);

/* GET /processes: each process and how far its routers are; timers that are pending and rejections that nobody heard, of the partitions
 * served here, at most WEIRI_PENDING_SHOWN of each. Waits for the lanes. */
enum { WEIRI_PENDING_SHOWN = 1000 };
void weiri_service_processes(weiri_service *service, weiri_reply *reply);

/* Dead letters of views: events that a view could not take, and what was discarded. view NULL: of all views; as bounded as above. */
void weiri_service_letters(weiri_service *service, const char *view, weiri_reply *reply);
/* One, with what the event says; `event`: PARTITION-COMMAND-INDEX. */
void weiri_service_letter(weiri_service *service, const char *view, const char *event, weiri_reply *reply);
/* Tries again what is parked with that event's key, head first; event NULL: all that the view has parked. */
void weiri_service_letter_retry(weiri_service *service, const char *view, const char *event, weiri_reply *reply);
typedef struct weiri_letter_call {
    const char *view, *event, *reason, *who; /* reason: must be there; who: NULL not told */
} weiri_letter_call;
/* For ever, by a record in the log that every version of the view honours; durable when it answers. Waits for the lane. */
void weiri_service_letter_discard(weiri_service *service, const weiri_letter_call *call, weiri_reply *reply);

void weiri_service_views(weiri_service *service, weiri_reply *reply); /* GET /views: status and description of each */
void weiri_service_view_rebuild(weiri_service *service, const char *view, weiri_reply *reply);
void weiri_service_types(weiri_service *service, weiri_reply *reply); /* GET /types: messages and their fields */
void weiri_service_info(weiri_service *service, weiri_reply *reply);  /* GET /info: module, log id, partitions, dir */
void weiri_service_live(weiri_service *service, weiri_reply *reply);
void weiri_service_ready(weiri_service *service, weiri_reply *reply);
void weiri_service_metrics(weiri_service *service, weiri_reply *reply); /* Prometheus text format 0.0.4 */
/* How long, and by which process, a read transaction has kept the log from using its pages again; 0, 0: by none. */
void weiri_service_oldest_reader(weiri_service *service, int64_t *ret_ms, int64_t *ret_pid);

#endif
