/* SPDX-License-Identifier: Apache-2.0
 * A lane: the one writer of one partition. It takes requests, decides them against its own memory, and stages commands,
 * events and outcomes in one append; answers follow when that is durable. Everything in it belongs to its lane thread,
 * except what is marked. A lane may act on what it has staged: nothing else may. */
#ifndef WEIRI_LANE_H
#define WEIRI_LANE_H

#include <stdatomic.h>
#include "base/mailbox.h"
#include "base/memory.h"
#include "base/arena.h"
#include "command/attempts.h"
#include "command/checkpoint.h"
#include "command/command.h"
#include "command/decision.h"
#include "command/lane_process.h"
#include "command/quarantine.h"
#include "command/recall.h"
#include "command/sources.h"
#include "command/states.h"
#include "command/window.h"
#include "log/shared.h"
#include "message/outcome.h"

enum {
    WEIRI_BATCH_COMMANDS = 16384, /* requests of one batch; its bytes: WEIRI_APPEND_MOST */
    WEIRI_AHEAD = 32,             /* how far a lane looks ahead, a power of two */
    WEIRI_BATCHES = 3,            /* one filling, one being committed, one being answered */
};

typedef enum weiri_request_kind {
    WEIRI_REQUEST_COMMAND,
    WEIRI_REQUEST_STATE,
    WEIRI_REQUEST_LOOKUP,
    WEIRI_REQUEST_HELD,
    WEIRI_REQUEST_RELEASE, /* a command of weir's own: its payload is the reason */
    WEIRI_REQUEST_DISCARD, /* another one: its payload is that of message/discard.h */
    WEIRI_REQUEST_FLAWED,  /* of a shared log: a command that can't be decided; payload: code NUL words NUL */
} weiri_request_kind;

#define WEIRI_NO_TYPE UINT16_MAX /* of a FLAWED request: its aggregate isn't known */
#define WEIRI_NO_PREVIOUS WEIRI_ANY_PREVIOUS

/* One item of a lane's mailbox: this, then key NUL id source headers payload. The sender's thread has done the hashing. */
typedef struct weiri_request {
    uint8_t kind, client_id, expect, key_size;
    uint16_t id_size, source_size;
    uint16_t type;  /* number of the command's; STATE, LOOKUP, RELEASE, DISCARD and FLAWED: of the aggregate */
    bool discard;   /* RELEASE */
    bool processes; /* HELD: what processes have that is pending or unheard, instead */
    uint32_t headers_size, payload_size;
    uint64_t aggregate_hash, payload_hash;
    weiri_id_hash id_hash;
    uint64_t expected_version, sequence, previous, fingerprint;
    weiri_answer_fn *done; /* NULL: nobody waits here */
    void *user;
    uint64_t log_source; /* of a shared log: where the command stands in it ... */
    int64_t log_time_ms; /* ... and since when */
    uint32_t session;    /* the lane's when it came */
} weiri_request;

/* An answer in the making: it leaves with its batch. */
typedef struct weiri_pending {
    weiri_answer_fn *done;
    void *user;
    uint8_t kind, status; /* weiri_answer_kind, weir_status */
    bool repeated;
    bool recall; /* a repeat or look-up of a rejection: code and text are in outcomes[p] at `offset` */
    uint32_t events;
    uint64_t source, version, offset, last_sequence;
    const char *code; /* of weir itself: static; NULL: at text_at, with a NUL, before the text */
    uint32_t text_at; /* in the batch's texts: the text with a NUL; STATE: the packed state; HELD: rows */
    uint32_t size;    /* STATE, HELD: their bytes */
} weiri_pending;
#define WEIRI_NO_TEXT UINT32_MAX

typedef struct weiri_moved_source {
    const weiri_source *source; /* its name and fingerprint never change */
    uint64_t last;
} weiri_moved_source;

typedef struct weiri_lane weiri_lane;

typedef struct weiri_batch {
    weiri_append append;
    uint32_t stored; /* commands that the append answers */
    weiri_lane *lane;
    uint64_t number; /* of its handing over, from 1 */
    weiri_pending *pending;
    uint32_t count;
    weiri_buffer texts;
    weiri_moved_source *moved;
    uint32_t n_moved, moved_room;
    weir_status status; /* what became of the append */
    _Atomic bool busy;  /* handed over, and not all answered yet: cleared by the callback thread */
} weiri_batch;

/* What a lane of a shared log has beside: lane_shared.c, intake.c. */
typedef struct weiri_lane_share {
    bool on;                              /* the log is shared */
    _Atomic int life;                     /* weiri_lane_life; the lane's thread alone changes it */
    bool claim_live;                      /* the last claim has not been released */
    bool halting;                         /* claim_err is the reason */
    _Atomic uint32_t session;             /* grows when serving ends: commands that came before are worth nothing then */
    _Atomic bool given, revoked, claimed; /* said by the log's thread, taken by the lane's */
    weiri_lock lock;                      /* guards the rest but intake */
    weir_status claim_status;
    weir_error claim_err, halt_err;
    weiri_buffer intake, intake_headers; /* of the log's thread that brings commands */
} weiri_lane_share;
#define WEIRI_FENCED_WORDS "the partition is served by another process"

enum { WEIRI_METRICS = sizeof(weiri_lane_metrics) / sizeof(uint64_t) };

struct weiri_lane {
    weiri_commands *commands;
    uint32_t partition;
    weiri_signal *wake;     /* of its thread; shared with the other lanes there */
    weiri_mailbox mailbox;  /* any thread sends */
    weiri_mailbox *answers; /* batches (pointers) for the callback thread */
    weiri_lane_share share;

    weiri_buffer taken; /* requests taken out of the mailbox ... */
    size_t taken_at;    /* ... up to here handled */
    size_t ahead_at;    /* ... up to here prefetched */
    uint32_t ahead;
    uint64_t ahead_hash[WEIRI_AHEAD]; /* of the aggregates of the last requests prefetched, by ahead */
    weiri_batch batches[WEIRI_BATCHES];
    weiri_batch *filling; /* NULL: none is free */
    uint64_t handed;      /* number of the last batch handed over */
    _Atomic bool in_flight;
    _Atomic bool failed;      /* the log has */
    bool closed;              /* its mailbox, because of that */
    _Atomic uint64_t durable; /* number of the last batch known to be durable */
    weiri_lock done_lock;     /* held by the log's thread while it reports: whoever frees the lane takes it once first */

    uint64_t next_command, next_event, next_outcome; /* offsets; with what is staged */
    int64_t time_ms;
    weiri_states states;
    weiri_window window;
    weiri_sources sources;
    weiri_quarantine quarantine;
    weiri_lock durable_lock; /* guards durable_sources */
    weiri_sources durable_sources;

    weiri_attempts *attempts;  /* borrowed */
    _Atomic uint64_t *attempt; /* this partition's word */
    weir_decision decision;
    weiri_arena arena;
    ProtobufCAllocator allocator; /* over the arena */
    weiri_buffer headers;

    weiri_lane_processes processes;

    weiri_lane_checkpoint checkpoint;
    weiri_checkpoint_finder finder; /* of states that were evicted */
    bool waiting;                   /* for a checkpoint, so that states can be evicted */

    weiri_lane_metrics counted;
    _Atomic uint64_t shown[WEIRI_METRICS]; /* a copy of counted, for any thread */
    _Atomic uint64_t refused;              /* by senders */
};

/* What the callback thread keeps between its turns. */
typedef struct weiri_answerer {
    weiri_commands *commands;
    weiri_buffer items; /* batches taken: pointers */
    weiri_recall recall;
    char words[1024]; /* of the log's failure */
} weiri_answerer;

struct weiri_commands {
    weiri_commands_config config;
    uint32_t partitions, threads;
    weiri_bytes *type_names, *aggregate_names; /* by number: their sizes are asked for at every record */
    uint64_t *type_hashes;                     /* of the names: two types may have the same bytes */
    weiri_lane *lanes;
    struct weiri_lane_thread *lane_threads;
    weiri_mailbox answers;
    weiri_signal answers_arrived;
    weiri_thread answers_thread;
    weiri_answerer answerer;
    weiri_checkpoints *checkpoints;
    weiri_attempts *attempts;
    struct weiri_router *router; /* NULL: the module has no processes */
    struct weiri_front *front;   /* NULL: the log is not shared, or neither doors nor a router send commands here */
    bool joined;                 /* the log has been asked for partitions */
    _Atomic bool leaving;        /* partitions are to be given back: a lane can't be recovered here */
    weiri_thread leaver;
    _Atomic bool refusing, stopping, answers_end; /* set once, by stop */
    bool started, stopped;
};

/* ---- lane.c */
void weiri_lane_init(weiri_lane *lane, weiri_commands *commands, uint32_t partition, weiri_signal *wake);
void weiri_lane_fini(weiri_lane *lane);
void weiri_lane_forget(weiri_lane *lane); /* empties what recovery fills */
/* One turn: takes, decides, hands over. True: something moved, so call again before sleeping. */
bool weiri_lane_turn(weiri_lane *lane);
void weiri_lane_publish(weiri_lane *lane); /* shows what is counted */
/* With the mailbox closed: nothing is left to do. */
bool weiri_lane_finished(weiri_lane *lane);

enum { WEIRI_SCOPE_MOST = 255 + 1 + WEIRI_ID_MOST };

/* ---- lane_shared.c: a lane that comes and goes */
void weiri_lane_share_init(weiri_lane *lane);
void weiri_lane_share_fini(weiri_lane *lane);
bool weiri_lane_share_turn(weiri_lane *lane);
/* A request about to be handled. False: it came before the lane began anew, or is answered already. Moves lane time. */
bool weiri_lane_share_admits(weiri_lane *lane, const weiri_request *request);
/* While recovering: the partition has been taken away meanwhile. */
bool weiri_lane_share_lost(const weiri_lane *lane);
static inline weiri_lane_life
weiri_lane_life_of(const weiri_lane *lane)
{
    return (weiri_lane_life)atomic_load_explicit(&lane->share.life, memory_order_relaxed);
}
/* Serves for one turn, whatever log it is. */
bool weiri_lane_serve_turn(weiri_lane *lane);
/* The batch being filled leaves. */
void weiri_lane_hand_over(weiri_lane *lane);

/* ---- intake.c: commands out of a shared log. All are members of weiri_log_lanes; user: the weiri_commands. */
void weiri_intake_given(void *user, uint32_t partition);
void weiri_intake_revoked(void *user, uint32_t partition);
void weiri_intake_claimed(void *user, uint32_t partition, weir_status status, const weir_error *err);
bool weiri_intake_command(void *user, uint32_t partition, const weiri_record *record, const weiri_flaw *flaw);

/* ---- lane_decide.c: one request, into lane->filling */
void weiri_lane_handle(weiri_lane *lane, const weiri_request *request);
void weiri_lane_handle_unknown(weiri_lane *lane, const weiri_request *request); /* once the log has failed */

/* ---- lane_quarantine.c: lane_stage.h, and for recovery: what an outcome says to the quarantine */
void weiri_lane_fold_held(weiri_lane *lane, const weiri_record *outcome, uint64_t offset, uint16_t aggregate);

/* ---- lane_fold.c: what live and replay share */
/* Evolves the entry's state by one packed event. Errors: those of weiri_type_unpack_event. */
WEIR_MUST_USE weir_status weiri_lane_evolve(
    weiri_lane *lane, weiri_state_entry *entry, const weiri_type *type, weiri_bytes payload, weir_error *err);

/* ---- lane_recover.c */
WEIR_MUST_USE weir_status weiri_lane_recover(weiri_lane *lane, weir_error *err);

/* ---- lane_load.c: rows of the lane's checkpoint into its memory */
/* A weiri_checkpoint_row_fn whose user is the lane. States beyond the limit of memory are left where they are. Errors: CORRUPT. */
WEIR_MUST_USE weir_status weiri_lane_load_row(void *lane, weiri_bytes key, weiri_bytes value);
/* The aggregate, from memory or, if it was evicted, from the checkpoint. *ret_entry NULL: it has had no event.
 * Errors: CORRUPT, IO (the row can't be read). */
WEIR_MUST_USE weir_status weiri_lane_find(
    weiri_lane *lane, uint64_t hash, uint16_t aggregate, weiri_bytes key, weiri_state_entry **ret_entry);

/* ---- lane_checkpoint.c */
/* One step of a checkpoint, if one is due or under way: at a moment when nothing is staged in lane->filling. True: it moved. */
bool weiri_lane_checkpoint_step(weiri_lane *lane);
bool weiri_lane_checkpoint_idle(const weiri_lane *lane);
/* A whole one, by the calling thread, in recovery: at a moment between two commands. False: it could not be written. */
bool weiri_lane_checkpoint_now(weiri_lane *lane);
/* False: memory is at its limit, and only a checkpoint can make room. Between two requests. */
bool weiri_lane_has_room(weiri_lane *lane);

/* ---- lane.c, for lane_timers.c */
bool weiri_lane_batch_full(const weiri_lane *lane);
void weiri_lane_take(weiri_lane *lane, const weiri_request *request); /* one request into lane->filling */

/* ---- lane_timers.c */
/* Timers that a step, or a checkpoint's row, says are pending. */
void weiri_lane_timers_note(weiri_lane *lane, uint16_t aggregate, weiri_bytes key, size_t n, Weir__PendingTimer *const *pending);
bool weiri_lane_timer_pending(weiri_lane *lane, const weiri_pending_timer *timer, int64_t *ret_due_ms);
bool weiri_lane_fire_timers(weiri_lane *lane);             /* those that are due; there is a batch being filled. True: it moved */
int64_t weiri_lane_timers_wait_ms(const weiri_lane *lane); /* how long it may sleep; -1: no timer is pending */

/* ---- lane_process.c: what is written for processes, and read back */
void weiri_lane_processes_init(weiri_lane *lane);
void weiri_lane_processes_forget(weiri_lane *lane); /* what recovery fills */
void weiri_lane_processes_fini(weiri_lane *lane);
void weiri_lane_look_for_moves(weiri_lane *lane); /* of the router, where a batch begins */
void weiri_lane_tell_positions(weiri_lane *lane); /* into lane->headers, of the record being staged */
void weiri_lane_fold_processes(weiri_lane *lane, const weiri_record *record, uint64_t offset);
void weiri_lane_begin_positions(weiri_lane *lane); /* of processes that the log does not know: at the end of recovery */
void weiri_lane_note_unanswered(weiri_lane *lane, uint64_t offset);
void weiri_lane_route_again(weiri_lane *lane); /* if it is to */
void weiri_lane_add_process_rows(weiri_lane *lane, weiri_buffer *rows);
WEIR_MUST_USE weir_status weiri_lane_load_process_row(weiri_lane *lane, weiri_bytes key, weiri_bytes value);

/* ---- answers.c: the callback thread */
/* One turn: answers the batches that wait. True: there were some. */
bool weiri_answers_turn(weiri_commands *commands);
void weiri_answers_run(void *commands);

#endif
