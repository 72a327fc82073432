/* SPDX-License-Identifier: Apache-2.0
 * What a domain author writes: functions that decide, and constants that say which message goes to which.
 *
 * The constants are read once, when the module is loaded, and checked as a whole: the list is in docs/.
 * Every table stands inside its owner, ends by itself (an empty row) and needs no count.
 * Handlers run on one thread per partition and must not keep a pointer that they were given, read a clock,
 * draw a random number or touch a file: what they need to know comes through their arguments. */
#ifndef WEIR_DOMAIN_H
#define WEIR_DOMAIN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <protobuf-c/protobuf-c.h>
#include <weir/status.h>
#ifdef __cplusplus
extern "C" {
#endif

enum { WEIR_ROWS = 64 }; /* rows of a table; one more is kept empty, so a table that overflows is noticed at load */

/* ---- aggregates --------------------------------------------------------------------------------------- */

typedef struct weir_decision weir_decision; /* one command being decided */

/* Decides one command. Return what weir_emit or weir_reject returned, or WEIR_OK for "accepted, nothing to record".
 * Borrowed for the call: everything. `state` is all zero and empty before the first event: ask weir_version. */
typedef weir_status weir_decide_fn(weir_decision *d, const void *state, const void *command);

/* Records one event in the state. Total: it cannot refuse, it must take any event that was ever emitted.
 * Live and replay run it on the same bytes, so it may depend on its two arguments only. */
typedef void weir_evolve_fn(void *state, const void *event);

typedef struct weir_command_row {
    const ProtobufCMessageDescriptor *message;
    weir_decide_fn *decide;
} weir_command_row;

typedef struct weir_event_row {
    const ProtobufCMessageDescriptor *message;
    weir_evolve_fn *evolve; /* NULL: this event does not change the state */
} weir_event_row;

typedef struct weir_aggregate {
    const char *name;                         /* [a-z][a-z0-9-]*; never changes */
    const char *key;                          /* the field that holds the id, in every command and event of it */
    const ProtobufCMessageDescriptor *state;
    weir_command_row commands[WEIR_ROWS + 1];
    weir_event_row events[WEIR_ROWS + 1];     /* every event that it emits or ever emitted */
} weir_aggregate;

/* Records `event`. It is packed before the call returns, so it may point into the command, the state or the stack.
 * An empty key field is filled in. Errors stick to the decision, so a result in a loop need not be looked at:
 * an event that no row declares, another aggregate's key, or an emit after a reject fails the whole decision. */
WEIR_API weir_status weir_emit(weir_decision *d, const ProtobufCMessage *event);

/* Refuses the command; events already emitted are dropped. `code` is for programs and never changes
 * ([a-z0-9-]+, "out-of-stock"); the text is for people. Returns WEIR_REJECTED. */
WEIR_API weir_status weir_reject(weir_decision *d, const char *code, const char *format, ...) WEIR_PRINTF(3, 4);

WEIR_API char *weir_key(const weir_decision *d);          /* the aggregate's id; char *, as protobuf-c has it: put it in a message, do not write to it */
WEIR_API uint64_t weir_version(const weir_decision *d);   /* events so far; 0: there is no such aggregate yet */
WEIR_API int64_t weir_time_ms(const weir_decision *d);    /* when the command was accepted into the log, Unix time */
WEIR_API uint64_t weir_random(weir_decision *d);          /* the same numbers for the same command id, for ever */

/* ---- processes ---------------------------------------------------------------------------------------- */

typedef struct weir_reaction weir_reaction; /* one step of one process instance */

typedef struct weir_rejection {
    char *code, *text; /* not yours to write to */
} weir_rejection;

/* A step: may change `state`, send, schedule, finish. All of it takes effect at once, atomically, exactly once; or nothing, if the step
 * made a mistake. Borrowed for the call: everything. What is in `state` is its own: fill it with the functions of state.h. A process
 * without a state is given NULL. */
typedef void weir_event_fn(weir_reaction *r, void *state, const void *event);
typedef void weir_rejected_fn(weir_reaction *r, void *state, const void *command, const weir_rejection *why);
typedef void weir_timer_fn(weir_reaction *r, void *state);

typedef struct weir_start_row {
    const ProtobufCMessageDescriptor *message;
    weir_event_fn *react;
} weir_start_row;

typedef struct weir_rejected_row {
    const ProtobufCMessageDescriptor *message; /* a command that this process sends */
    weir_rejected_fn *react;
} weir_rejected_row;

typedef struct weir_timer_row {
    const char *name;
    weir_timer_fn *react;
} weir_timer_row;

enum { WEIR_STARTS = 8, WEIR_TIMERS = 16 }; /* rows of their tables */

typedef struct weir_process {
    const char *name;                            /* [a-z][a-z0-9-]*; never changes, and no aggregate has it */
    const char *key;                             /* the field, in every event below, that says which instance; empty there: it passes by */
    const ProtobufCMessageDescriptor *state;     /* NULL: it remembers nothing from step to step */
    weir_start_row starts[WEIR_STARTS + 1];      /* events that begin an instance (or reach one that is there) */
    weir_start_row events[WEIR_ROWS + 1];        /* events for an instance that is there; else they pass by */
    weir_rejected_row rejections[WEIR_ROWS + 1]; /* a rejection without a row here is listed as unanswered and blocks nothing */
    weir_timer_row timers[WEIR_TIMERS + 1];
} weir_process;

/* Sends `command` (packed before the call returns), once the step is durable. A repeated step sends nothing twice. Mistakes, which undo
 * the whole step and are told: no aggregate has such a command, its key is empty, too much at once. */
WEIR_API weir_status weir_send(weir_reaction *r, const ProtobufCMessage *command);
/* Calls the timer row `name` after `delay_ms`, unless the instance finishes first. Scheduling it again moves it. Late rather than never,
 * once, never early. Mistakes: no such row, a negative delay. */
WEIR_API weir_status weir_schedule(weir_reaction *r, const char *name, int64_t delay_ms);
WEIR_API void weir_unschedule(weir_reaction *r, const char *name); /* pending or not */
/* Ends the instance: its state and timers go; later events pass it by. What this step sends is sent. */
WEIR_API void weir_finish(weir_reaction *r);
WEIR_API char *weir_instance(const weir_reaction *r); /* the value of the key field */
WEIR_API int64_t weir_reaction_time_ms(const weir_reaction *r); /* lane time of this step, Unix */

/* ---- old events --------------------------------------------------------------------------------------- */

/* Fills `fresh` (initialised, empty) from `old`. One old event becomes one new event: versions must not move.
 * Owns: what is in `fresh` is its own, as in a state: fill it with the functions of state.h. Chains of rows are followed.
 * Returns WEIR_OK, or what weir_upcast_fail returned for an event that can't be one of today: then whoever reads it stops there
 * and says so, and the log stays as it is. Fields that `old`'s type doesn't know go on to `fresh` by themselves. */
typedef weir_status weir_upcast_fn(const void *old, void *fresh, weir_error *err);

/* Says in words why; the types are put in front. Returns WEIR_INVALID. */
WEIR_API weir_status weir_upcast_fail(weir_error *err, const char *format, ...) WEIR_PRINTF(2, 3);

typedef struct weir_upcast_row {
    const ProtobufCMessageDescriptor *from, *to;
    weir_upcast_fn *upcast;
} weir_upcast_row;

/* ---- module ------------------------------------------------------------------------------------------- */

enum { WEIR_ABI = 2 };
typedef struct weir_module {
    int abi;                                          /* WEIR_ABI */
    const char *name;                                 /* prefix of its topics: [a-z][a-z0-9-]* */
    const char *views;                                /* directory of *.sql, relative to the module file; NULL: none */
    const weir_aggregate *aggregates[WEIR_ROWS + 1];
    const weir_process *processes[WEIR_ROWS + 1];
    weir_upcast_row upcasts[WEIR_ROWS + 1];
    /* What the log has, or once had, and this module gives up on purpose; for ever, as `reserved` in a .proto file. Full names:
     * "shop.v1.ReceiveStock", "shop.v1.StockSold.note" (a field), "shop.v1.Colour.RED" (a value of an enum). */
    const char *retired[WEIR_ROWS + 1];
} weir_module;

/* A shared object defines this one symbol; a program may, and passes it to weir_main or weir_open. */
extern WEIR_API const weir_module weir_module_object;

#ifdef __cplusplus
}
#endif
#endif
