/* SPDX-License-Identifier: Apache-2.0
 * The engine from inside, for the files of this room alone. Everything in it is set before the first request and stays,
 * except where a line says what guards it. */
#ifndef WEIRI_INSIDE_H
#define WEIRI_INSIDE_H

#include <stdatomic.h>
#include "command/command.h"
#include "engine/elsewhere.h"
#include "engine/module.h"
#include "engine/reply.h"
#include "engine/settings.h"
#include "engine/service.h"
#include "engine/timers.h"
#include "engine/walker.h"
#include "engine/finder.h"
#include "query/query.h"

/* Commands of weir_submit that have no outcome yet, in two generations, so that waiting for those of before can end although
 * new ones come: docs in settle.c. */
typedef struct weiri_settling {
    _Atomic uint64_t under_way[2];
    _Atomic unsigned generation; /* which of the two new ones join */
    weiri_signal answered;
    weiri_lock one; /* one settles at a time */
} weiri_settling;

enum { WEIRI_EXECUTED_SIGNALS = 64 };

/* What this process does of the three; on an embedded log all. */
typedef struct weiri_roles {
    bool front, lane, views;
} weiri_roles;

struct weir_engine {
    const weir_module *module;
    const weiri_world *world;
    weiri_schema *schema;
    weiri_log *log;
    weiri_commands *commands;
    weiri_views *views;
    const weiri_log_identity *identity; /* of the log */
    char *dir;
    int64_t outcome_ms, started_ms;
    weiri_timers timers;
    weiri_walker walker;
    weiri_lock telling;         /* guards recent: answers come from fronts, lanes and the walker */
    weiri_finder *recent;       /* one a partition, and one for what lies further back */
    weiri_elsewhere *elsewhere; /* of a shared log, else NULL */
    weiri_roles roles;
    weiri_settling settling;
    weiri_signal executed[WEIRI_EXECUTED_SIGNALS]; /* what callers of weir_execute sleep on, each on one of them */
    _Atomic unsigned executions;
    _Atomic bool refusing;
    weiri_loaded_module loaded; /* of weir_open */
};

/* ---- a request that is answered later ------------------------------------------------------------------ */

/* The first member of each such request. Two hold it: whoever will answer, and its timer; the one that claims it answers. */
typedef struct weiri_call {
    weiri_timer timer;
    _Atomic int holders;
    _Atomic bool claimed;
    weiri_service *service;
    weiri_reply_fn *done;
    void *user;
    void (*late)(struct weiri_call *call, weiri_reply *reply); /* what to say when the time is over */
    void (*free)(struct weiri_call *call);
} weiri_call;

/* Starts the clock. False: too many wait; the call has been answered and freed. */
WEIR_MUST_USE bool weiri_call_begin(weiri_call *call, int64_t timeout_ms);
/* True for the first who asks: that one must answer. */
WEIR_MUST_USE bool weiri_call_claim(weiri_call *call);
/* The answering side is through with it, whether it claimed it or not. */
void weiri_call_end(weiri_call *call);
/* Claims, answers with the error and ends. code may be "". */
void weiri_call_fail(weiri_call *call, const char *code, const weir_error *err);
void weiri_call_fail_at_once(weiri_call *call, const char *code, const weir_error *err); /* of a call not yet begun: frees it */
void weiri_call_no_memory(weiri_reply_fn *done, void *user); /* answers a request that got no call for want of memory */

/* ---- commands ------------------------------------------------------------------------------------------ */

/* A message checked and packed for its lane. */
typedef struct weiri_packed {
    char key[256];
    weiri_buffer bytes; /* kept by the caller from one to the next */
} weiri_packed;
/* Errors: INVALID: no key, bad UTF-8, too large; NO_MEMORY. */
WEIR_MUST_USE weir_status weiri_pack_command(
    const weiri_type *type, const ProtobufCMessage *message, weiri_packed *ret_packed, weir_error *err);
WEIR_MUST_USE weir_status weiri_check_id(const char *what, const char *id, weir_error *err); /* 1-128 bytes, no control characters */
/* "00-<32>-<16>-<2>", as W3C Trace Context has it; anything else is ignored, as it asks. */
bool weiri_is_traceparent(const char *text);
/* A log that has failed takes nothing until the engine is opened again: no BUSY, which a sender would repeat for ever. */
#define WEIRI_LOG_FAILED "log-failed"
/* Of a question that was with its lane when the log failed: it has changed nothing, so it isn't `unknown`, as a command is. */
#define WEIRI_NOT_TOLD "the log has failed: ask again when the engine has been opened anew"
/* Submits. *ret_code: "" or the code for the error. */
WEIR_MUST_USE weir_status weiri_submit_to_lane(weiri_service *service, const weiri_submit *submit, const char **ret_code, weir_error *err);

/* What an answer is about, for telling it. */
typedef struct weiri_told {
    const char *aggregate, *key, *id;
    bool representation; /* events with their data */
    bool line;           /* of a batch: with status, position and repeated */
} weiri_told;
enum { WEIRI_TOKEN_ROOM = 64 };
/* Appends the JSON object of an outcome, or the problem; it reads the events. ret_token: "" or the token. Thread: any. */
const weiri_answer_row *weiri_outcome_write(
    weiri_service *service, const weiri_told *told, const weiri_answer *answer, weiri_buffer *to, char ret_token[WEIRI_TOKEN_ROOM]);

/* ---- aggregates and events ----------------------------------------------------------------------------- */

/* Is the key's partition served by another process? */
bool weiri_is_elsewhere(weiri_service *service, const char *key);
enum { WEIRI_ELSEWHERE_MS = 10000, WEIRI_ELSEWHERE_RECORDS = 500000 }; /* how long, and how much, is read for one question */

/* Errors: NOT_FOUND with the nearest name, INVALID (the key). */
WEIR_MUST_USE weir_status weiri_find_aggregate(
    const weiri_schema *schema, const char *name, const char *key, uint16_t *ret_aggregate, weir_error *err);

/* What the views or events may be asked up to: the durable end of each partition. ends: 64. */
void weiri_ends(weiri_service *service, weiri_topic topic, uint64_t *ends);

/* opening.c */
char *weiri_data_dir(const weir_module *module, const weiri_settings *settings);
/* With the module's messages among those of the log; what they break goes to `problems`. */
WEIR_MUST_USE weir_status weiri_open_log(
    weiri_service *service, const char *build_id, const weiri_settings *settings, weiri_problems *problems, weir_error *err);

/* Members "module", "logId", "partitions", "format" and "created". */
void weiri_identity_write(weiri_buffer *to, const weiri_log_identity *identity);

#endif
