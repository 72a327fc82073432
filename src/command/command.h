/* SPDX-License-Identifier: Apache-2.0
 * The command side: admission with bounded queues, one lane a partition, de-duplication, checkpoints, outcomes.
 * What the engine sees of it. PROTOCOL: a command's outcome leaves memory only when the log has it. */
#ifndef WEIRI_COMMAND_H
#define WEIRI_COMMAND_H

#include "base/error.h"
#include "base/world.h"
#include "log/log.h"
#include "message/discard.h"
#include "message/schema.h"

typedef struct weiri_commands weiri_commands;

typedef struct weiri_commands_config {
    const weiri_schema *schema; /* borrowed */
    weiri_log *log;             /* borrowed */
    const weiri_world *world;
    const char *dir;               /* checkpoint/ and attempts go in here */
    const char *build_id;          /* of the object that holds the module: part of the checkpoints' fingerprint */
    uint32_t threads;              /* lane threads; 0: min(partitions, cores) */
    uint32_t queue_items;          /* of one lane; 0: 65,536 */
    size_t queue_bytes;            /* of one lane; 0: 64 MiB */
    uint32_t window;               /* de-duplication: outcomes with a client's id a partition; 0: 262,144 */
    uint32_t checkpoint_events;    /* a checkpoint is begun after so many events of a partition; 0: 1,000,000 */
    uint64_t states_bytes;         /* of states in memory, of all partitions together, each an equal share; 0: 1 GiB */
    uint32_t hops_most;            /* steps of processes that come of each other without a timer between, then it is a loop; 0: 4,096 */
    bool processes_from_beginning; /* a process that is new in the log hears of all that was before; else of what comes from now on */
    uint32_t checkpoint_slice;     /* bytes of states packed between two batches; 0: 256 KiB */
    /* Of a shared log alone (log/shared.h); on any other a process is both. */
    bool no_lanes;      /* this process asks for no partitions */
    bool no_front;      /* it sends no commands: submit answers INVALID */
    int64_t outcome_ms; /* a command without an outcome after so long is answered TIMEOUT; 0: 30,000 */
} weiri_commands_config;

typedef enum weiri_answer_kind {
    WEIRI_ANSWER_OUTCOME,
    WEIRI_ANSWER_STATE,  /* of weiri_commands_ask_state */
    WEIRI_ANSWER_HELD,   /* of weiri_commands_ask_held */
    WEIRI_ANSWER_LOOKUP, /* of weiri_commands_ask_outcome: status NOT_FOUND when it is not in the window */
} weiri_answer_kind;

#define WEIRI_NO_EVENTS UINT64_MAX

/* What a lane answers. Borrowed for the call of its done function. */
typedef struct weiri_answer {
    weiri_answer_kind kind;
    weir_status status; /* OK, REJECTED, CONFLICT, TIMEOUT (unknown: the log failed, or on a shared one no outcome came in time),
                             NOT_FOUND, BUSY (too many sources; on a shared log: not stored); of a question: FENCED (the partition is
                             served here no more) */
    bool repeated;
    uint32_t partition;
    uint64_t source;  /* of the command that was decided: for a repeat, the original's (if it is known) */
    uint64_t version; /* of the aggregate after it (a conflict: as it is; a STATE answer: now) */
    uint32_t events;
    uint64_t events_offset;  /* of the first of them in events[partition]; WEIRI_NO_EVENTS: none.
                                   A STATE answer: of the aggregate's last event */
    const char *code, *text; /* of a rejection or failure; "" else */
    uint64_t last_sequence;  /* of its source in this partition, for `gap` */
    weiri_bytes state;       /* STATE: the packed state; HELD: rows for weiri_held_next */
    const weiri_type *type;  /* LOOKUP: of the command, where known; else NULL */
} weiri_answer;

/* Called once for each accepted request, on the one callback thread, when what it says is durable. Must not block. */
typedef void weiri_answer_fn(void *user, const weiri_answer *answer);

#define WEIRI_ANY_PREVIOUS UINT64_MAX /* of a source whose sender does not say what a command follows: then nothing is a gap */

typedef struct weiri_submit {
    const weiri_type *type;
    weiri_bytes key;     /* weiri_key_valid */
    weiri_bytes payload; /* the packed message, its key field filled, at most WEIRI_MESSAGE_MOST */
    weiri_bytes id;      /* 1-128 bytes */
    bool client_id;      /* the id is the client's: it counts for de-duplication */
    bool expect;
    uint64_t expected_version;
    weiri_bytes source; /* bulk: (source, sequence, previous); empty: not */
    uint64_t sequence, previous, fingerprint;
    weiri_bytes headers; /* more headers for the command (traceparent, correlation): weiri_headers_add */
    int64_t timeout_ms;  /* for room in the queue: 0 not at all, -1 as long as it takes */
    weiri_answer_fn *done;
    void *user;
} weiri_submit;

/* Recovers every lane (newest checkpoint, then the tail of the log) without starting anything. On a shared log a lane is recovered
 * whenever its partition has come to this process.
 * Owns: gives *ret_commands, for weiri_commands_close. Errors: INVALID (an event type in the log that this module does not
 * know: names it), CORRUPT, IO. */
WEIR_MUST_USE weir_status weiri_commands_open(const weiri_commands_config *config, weiri_commands **ret_commands, weir_error *err);
WEIR_MUST_USE weir_status weiri_commands_start(weiri_commands *commands, weir_error *err);
/* Refuses new requests, answers those it has (on a shared log: waits a little for their outcomes, then gives its partitions back),
 * writes checkpoints, stops its threads. Later: close. */
void weiri_commands_stop(weiri_commands *commands);
void weiri_commands_close(weiri_commands *commands); /* NULL is fine; stops first if need be */

/* Errors: INVALID (key, id, sizes, sequence), BUSY (queue full, disk reserve), CLOSED, IO (the log has failed). On error `done` is never called. Thread: any. */
WEIR_MUST_USE weir_status weiri_commands_submit(weiri_commands *commands, const weiri_submit *submit, weir_error *err);
/* Asks a lane for an aggregate's durable state, or for the outcome of (aggregate, key, id). Errors: as submit; FENCED (the partition
 * is not served in this process). */
WEIR_MUST_USE weir_status weiri_commands_ask_state(
    weiri_commands *commands, uint16_t aggregate, weiri_bytes key, weiri_answer_fn *done, void *user, weir_error *err);
WEIR_MUST_USE weir_status weiri_commands_ask_outcome(
    weiri_commands *commands, uint16_t aggregate, weiri_bytes key, weiri_bytes id, weiri_answer_fn *done, void *user, weir_error *err);

/* The outcome of (aggregate, key, id) as the log has it, for partitions that are not served in this process: read from its last `most`
 * records of each topic. `done` is called before it returns OK. Errors: NOT_FOUND, BUSY (there is more to read), CORRUPT, IO. */
typedef struct weiri_look_up {
    uint32_t partition;
    weiri_bytes aggregate, key, id;
    uint64_t most;
} weiri_look_up;
WEIR_MUST_USE weir_status weiri_commands_look_up(
    weiri_commands *commands, const weiri_look_up *what, weiri_answer_fn *done, void *user, weir_error *err);

/* Asks a lane what is in quarantine there (quarantine.h). Errors: as submit. */
WEIR_MUST_USE weir_status weiri_commands_ask_held(
    weiri_commands *commands, uint32_t partition, weiri_answer_fn *done, void *user, weir_error *err);

/* What a lane has of processes: timers that are pending, the earliest first but for a few, and rejections that no process heard, the
 * latest first: rows for weiri_pending_row_next, at most WEIRI_PENDING_ROWS of each. The answer is of kind HELD. Errors: as submit. */
enum { WEIRI_PENDING_ROWS = 1000 };
typedef struct weiri_pending_row {
    uint64_t number; /* of a timer: when it is due, in ms; else the offset of the rejection in outcomes */
    uint64_t set_by; /* of a timer: the position of the step that set it */
    uint16_t aggregate;
    uint8_t timer, name_size, key_size; /* timer: it is one, with its name and its instance's key behind this */
} weiri_pending_row;
WEIR_MUST_USE weir_status weiri_commands_ask_processes(
    weiri_commands *commands, uint32_t partition, weiri_answer_fn *done, void *user, weir_error *err);
bool weiri_pending_row_next(weiri_bytes rows, size_t *at, weiri_pending_row *ret_row, weiri_bytes *ret_name, weiri_bytes *ret_key);
/* Of one process in one partition. Thread: any. */
typedef struct weiri_process_metrics {
    uint64_t routed;                    /* commands before this have been routed for it; UINT64_MAX: not known here */
    uint64_t timers, unanswered, fired; /* of all processes of the partition */
} weiri_process_metrics;
void weiri_commands_process_metrics(weiri_commands *commands, uint32_t partition, size_t process, weiri_process_metrics *ret_metrics);
/* True: the router can't go on, for the reason in *ret_err. Thread: any. */
bool weiri_commands_router_stands(weiri_commands *commands, weir_error *ret_err);

enum { WEIRI_REASON_MOST = 500 };
typedef struct weiri_release_call {
    uint16_t aggregate;
    weiri_bytes key, id, reason; /* reason: UTF-8, at most WEIRI_REASON_MOST */
    bool discard;                /* what is held is not to be tried again */
    weiri_answer_fn *done;
    void *user;
} weiri_release_call;
/* Lets an aggregate out of quarantine, durably: a command in the log, whose outcome is `weir.released`. The answer is OK, or NOT_FOUND:
 * it is not in quarantine. Errors: as submit. */
WEIR_MUST_USE weir_status weiri_commands_release(weiri_commands *commands, const weiri_release_call *call, weir_error *err);

typedef struct weiri_discard_call {
    const weiri_discard *discard; /* filled; its aggregate is the module's */
    weiri_bytes key, id;          /* of the event; of this command */
    weiri_answer_fn *done;
    void *user;
} weiri_discard_call;
/* Writes that a view is never to take in an event: a command in the log, whose outcome is `weir.letter-discarded`. It is not asked
 * whether the event is there: views take it as it stands. The answer is OK. Errors: NOT_FOUND (the aggregate); as submit. */
WEIR_MUST_USE weir_status weiri_commands_discard(weiri_commands *commands, const weiri_discard_call *call, weir_error *err);

/* How far a bulk source has got in one partition, durably. False: never seen there. Thread: any. */
bool weiri_commands_source(
    weiri_commands *commands, uint32_t partition, weiri_bytes source, uint64_t *ret_last_sequence, uint64_t *ret_fingerprint);

/* What a lane does. Not of a shared log: always SERVING. */
typedef enum weiri_lane_life {
    WEIRI_LANE_SERVING,
    WEIRI_LANE_AWAY,       /* the partition is another process's, or nobody's yet */
    WEIRI_LANE_CLAIMING,   /* it was given, and is being made ours alone */
    WEIRI_LANE_RECOVERING, /* checkpoint and tail */
    WEIRI_LANE_LEAVING,    /* finishing, or undoing what was decided and is not stored */
    WEIRI_LANE_HALTED,     /* a person must look: the words say what is wrong */
} weiri_lane_life;
const char *weiri_lane_life_name(weiri_lane_life life); /* "serving" */
/* err (NULL: nobody asks) is written for HALTED alone. Thread: any. */
weiri_lane_life weiri_commands_lane(weiri_commands *commands, uint32_t partition, weir_error *err);

typedef struct weiri_lane_metrics {
    uint64_t accepted, rejected, conflicts, repeated, malformed, quarantined, key_quarantined, released, events, batches;
    uint64_t queue_items, queue_bytes, queue_refused;
    uint64_t aggregates, aggregates_known; /* in memory; that have had an event */
    uint64_t state_bytes, state_bytes_limit;
    uint64_t states_evicted, states_loaded, states_unreadable;
    uint64_t states_waits; /* times that the lane waited for a checkpoint, because nothing could be evicted */
    uint64_t window_entries;
    int64_t window_age_ms; /* lane time now minus that of the oldest entry */
    uint64_t checkpoints, checkpoints_failed, checkpoint_offset;
    uint64_t held, kept_out;   /* commands held in quarantine; aggregates that take none */
    uint64_t recovered_events; /* replayed at opening */
    uint64_t reopened;         /* how often an append's result was not known, so that the lane had to begin anew */
} weiri_lane_metrics;
void weiri_commands_metrics(weiri_commands *commands, uint32_t partition, weiri_lane_metrics *ret_metrics);
/* Commands sent into a shared log whose outcome has not come; at most WEIRI_WAITERS_MOST. Thread: any. */
uint64_t weiri_commands_waiters(weiri_commands *commands);
enum { WEIRI_WAITERS_MOST = 262144 };

#endif
