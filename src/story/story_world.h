/* SPDX-License-Identifier: Apache-2.0
 * The world of one test: states of aggregates and process instances, views in memory, a clock that only a story moves, and what the
 * last step resulted in. Deciding, evolving and reacting are the lane's own code. Thread: one. */
#ifndef WEIRI_STORY_WORLD_H
#define WEIRI_STORY_WORLD_H

#include "command/decision.h"
#include "command/reaction.h"
#include "query/query.h"

enum { WEIRI_STORY_STEPS_MOST = 4096 }; /* that processes take because of one step of a story; as processes.loop is by default */

/* What becomes of what a process does. */
typedef enum weiri_story_how {
    WEIRI_STORY_GIVEN, /* it has happened: what it sends is dropped */
    WEIRI_STORY_STEP,  /* what it sends, the timers that it sets and its end are results */
    WEIRI_STORY_RUN,   /* what it sends is carried out, until nothing is under way: the events are results */
} weiri_story_how;

typedef struct weiri_story_state {
    uint16_t aggregate;
    char *key;
    ProtobufCMessage *message; /* of a process: Weir__ProcessInstance */
    uint64_t version;
} weiri_story_state;

typedef enum weiri_story_result_kind {
    WEIRI_RESULT_EVENT,
    WEIRI_RESULT_REJECTED,
    WEIRI_RESULT_SENDS,
    WEIRI_RESULT_SCHEDULES,
    WEIRI_RESULT_FINISHES,
} weiri_story_result_kind;

typedef struct weiri_story_result {
    weiri_story_result_kind kind;
    const weiri_type *type;    /* an event, as it was recorded, or a command that is sent */
    ProtobufCMessage *message; /* of `type` */
    char *code;                /* of the rejection */
    char *timer;               /* that is scheduled, in delay_ms */
    int64_t delay_ms;
} weiri_story_result;

/* Under way: an event or a rejection to an instance, or a command of it. */
typedef enum weiri_story_mail_kind {
    WEIRI_MAIL_EVENT,
    WEIRI_MAIL_REJECTION,
    WEIRI_MAIL_COMMAND,
} weiri_story_mail_kind;

typedef struct weiri_story_mail {
    weiri_story_mail_kind kind;
    uint16_t process; /* its aggregate in the schema */
    char *key;        /* of the instance */
    const weiri_type *type;
    weiri_buffer payload;
    char *code, *text; /* of a rejection */
} weiri_story_mail;

typedef struct weiri_story_world {
    const weiri_schema *schema; /* borrowed */
    weiri_views *views;         /* owned; NULL: none */
    weiri_story_state *states;
    size_t n_states;
    weiri_story_result *results;
    size_t n_results;
    weiri_story_mail *mail; /* under way in a run, from `delivered` on */
    size_t n_mail, delivered;
    weiri_story_mail *sent; /* what instances sent and nobody carried out: `when rejected` finds its sender here */
    size_t n_sent;
    weir_reaction reaction;
    size_t steps; /* of processes, since the results were forgotten */
    int64_t time_ms;
    uint64_t commands; /* so far: sources */
} weiri_story_world;

/* Takes `views` (NULL: none). 2026-01-01T00:00Z, nothing in it. */
void weiri_story_world_init(weiri_story_world *world, const weiri_schema *schema, weiri_views *views);
void weiri_story_world_fini(weiri_story_world *world);

/* All of these add results to those that are there. Errors: INVALID: a key, a view's statement, the author's mistakes (an undeclared
 * event, a timer without a row, ...), a rejection that nobody answers, no end of steps. */

/* An event happens: its aggregate's state and the views take it, and the processes that it is for. */
WEIR_MUST_USE weir_status weiri_story_world_happen(
    weiri_story_world *world, const weiri_type *type, const ProtobufCMessage *event, weiri_story_how how, weir_error *err);
/* A command is decided, and what it records happens. */
WEIR_MUST_USE weir_status weiri_story_world_decide(
    weiri_story_world *world, const weiri_type *type, const ProtobufCMessage *command, weiri_story_how how, weir_error *err);
/* A process hears that its command was rejected: the instance that sent this command last, else the one whose key stands in it. */
WEIR_MUST_USE weir_status weiri_story_world_reject(
    weiri_story_world *world, const char *code, const weiri_type *type, const ProtobufCMessage *command, weir_error *err);
/* The clock moves, and stops at each timer that comes due. */
WEIR_MUST_USE weir_status weiri_story_world_wait(weiri_story_world *world, int64_t ms, weiri_story_how how, weir_error *err);
void weiri_story_world_forget_results(weiri_story_world *world);

/* NULL: nothing has happened to it. */
const weiri_story_state *weiri_story_world_state(const weiri_story_world *world, uint16_t aggregate, const char *key);

#endif
