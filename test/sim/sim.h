/* SPDX-License-Identifier: Apache-2.0
 * The simulator: the real command side and the real query side on one thread, over a log in memory, with time, chance, delays
 * and deaths drawn from one seed. What the parts of it share. One simulation a process at a time; thread: the only one. */
#ifndef SIM_H
#define SIM_H

#include <setjmp.h>
#include "base/world.h"
#include "command/lane.h"
#include "log/batch.h"
#include "model.h"
#include "query/view.h"

enum {
    SIM_PENDING = 8, /* appends under way: one a partition */
    SIM_ATTEMPTS = 64,
};

/* What happened, counted over all seeds: a figure of 0 says that a path was not reached. */
typedef enum sim_count {
    SIM_STEPS,
    SIM_SENT,
    SIM_REFUSED, /* queue full, reserve, failed log */
    SIM_ACCEPTED,
    SIM_REJECTED,
    SIM_REPEATED,
    SIM_CONFLICTS,
    SIM_GAPS,
    SIM_QUARANTINED,
    SIM_KEY_QUARANTINED,
    SIM_RELEASED,
    SIM_UNKNOWN,
    SIM_QUESTIONS,
    SIM_QUERIES,
    SIM_BEHIND,
    SIM_CRASHES,
    SIM_DEATHS, /* in decide */
    SIM_VIEW_CRASHES,
    SIM_STOPS,
    SIM_LOST_APPENDS,
    SIM_LOG_FAILURES,
    SIM_CHECKPOINTS,
    SIM_CHECKPOINT_FAULTS,
    SIM_FROM_CHECKPOINT, /* lanes recovered so */
    SIM_FROM_NOTHING,
    SIM_OLD_CHECKPOINTS,
    SIM_OLD_VIEWS,
    SIM_REBUILDS,
    SIM_VIEW_FAULTS,
    SIM_READ_FAULTS,
    SIM_RESTORED, /* logs */
    SIM_EVICTED,
    SIM_LOADED,
    SIM_WAITS,
    SIM_COUNTED,
} sim_count;
extern const char *const sim_count_names[SIM_COUNTED];

typedef enum sim_mistake {
    SIM_NO_MISTAKE,
    SIM_FORGETS_LAST, /* recovery loses the newest entry of the window */
    SIM_SHORT_WINDOW, /* the oldest entry of a full window is not found */
    SIM_NO_PREVIOUS,  /* a source's previous sequence is not looked at */
    SIM_LATE_NOTE,    /* a checkpoint notes its position after its states instead of before */
    SIM_CLEAN_STATES, /* states of a checkpoint that failed count as saved */
    SIM_TWO_STEPS,    /* a view's position is written in a transaction of its own, after the rows */
    SIM_LAST_AGAIN,   /* a view goes on at the last event that it has seen, not behind it */
    SIM_BLIND,        /* the log's checksums are not looked at: any log of the right length is this one */
    SIM_MISTAKES
} sim_mistake;
extern const char *const sim_mistake_names[SIM_MISTAKES];

typedef struct sim_topic {
    weiri_buffer bytes; /* batches, one behind the other */
    weiri_buffer index; /* sim_batch each */
    uint64_t end, shown;
    uint32_t crc;
} sim_topic;

typedef struct sim_batch {
    uint64_t base;
    size_t at, size;
} sim_batch;

/* A command that has killed, as the attempt file calls it. */
typedef struct sim_attempt {
    uint64_t command;
    unsigned kills;
} sim_attempt;

typedef struct sim_written {
    uint32_t partition;
    uint64_t ends[WEIRI_TOPICS], next_command;
    size_t bytes[WEIRI_TOPICS], batches[WEIRI_TOPICS];
    uint32_t crcs[WEIRI_TOPICS];
} sim_written;

/* The log: what is on the disk, and how much of that is known to be (shown). */
typedef struct sim_log {
    weiri_log log; /* the first */
    struct sim *sim;
    sim_topic parts[SIM_PARTITIONS][WEIRI_TOPICS];
    uint64_t next_command[SIM_PARTITIONS], shown_command[SIM_PARTITIONS];
    weiri_buffer past;                  /* sim_written each: where a partition was before each append, the oldest first */
    weiri_append *pending[SIM_PENDING]; /* in the order of staging */
    size_t n_pending, n_committed;      /* the first of them are shown and not reported */
    bool failed, reserve;
    unsigned faults; /* one read in so many fails; 0: none */
} sim_log;

typedef struct sim {
    weiri_world world; /* the first */
    uint64_t seed, random, hash;
    sim_mistake mistake;
    bool trace;
    uint64_t step;
    int64_t time_ms, monotonic_us;
    bool clock_runs;
    uint64_t *counts; /* SIM_COUNTED; may be shared memory, written by this process alone */

    const char *dir; /* with checkpoint/ attempts views/ */
    const char *files;
    weiri_schema *schema;
    sim_log log;
    uint32_t partitions;
    weiri_commands_config config;
    weiri_commands *commands;
    weiri_views *views, *loaded[SIM_PARTITIONS];
    weiri_view *view;
    char view_path[256];

    sim_model model;
    sim_submission *submissions;
    uint32_t n_submissions;
    sim_stream streams[SIM_SOURCES][SIM_PARTITIONS];
    uint64_t token[SIM_PARTITIONS]; /* of the last answers: source + 1 */
    sim_attempt attempts[SIM_ATTEMPTS];
    jmp_buf death;  /* out of decide */
    bool poisonous; /* this seed's clients send what kills, often */
    bool may_die;   /* a lane's turn is running, which can be left so */

    bool lasting;    /* the view's store stays open when the view is closed, as a database server would: most seeds, for speed */
    int store_left;  /* operations of the view's store until one fails; -1: none will */
    bool store_down; /* from then on all fail */
    bool store_failed;
    bool checkpoint_faults;
    weiri_position saved[SIM_PARTITIONS]; /* of a mistake */
    bool saved_is[SIM_PARTITIONS];
    weiri_buffer old_checkpoint, old_view; /* files as they were some time ago; empty: none kept */
} sim;

extern sim *sim_now;

/* ---- run.c */
void sim_run(sim *s, uint64_t seed); /* one seed, from nothing to nothing; s->hash is its history */
void sim_fini(sim *s);

/* ---- chance and history */
static inline uint64_t
sim_draw(sim *s) /* splitmix64 */
{
    uint64_t z = s->random += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static inline unsigned
sim_below(sim *s, unsigned n)
{
    return (unsigned)((sim_draw(s) >> 32) * n >> 32);
}

static inline bool
sim_one_in(sim *s, unsigned n)
{
    return sim_below(s, n) == 0;
}

/* Adds to the history: its hash, and the trace if somebody looks. */
void sim_tell(sim *s, const char *what, uint64_t a, uint64_t b, uint64_t c);
/* A promise is broken: says which, where, and how to see it again. Does not return. */
_Noreturn void sim_fail(sim *s, const char *format, ...) WEIR_PRINTF(2, 3);
extern void (*sim_failed)(const char *words); /* does not return */

/* ---- memory_log.c */
void sim_log_init(sim_log *log, sim *s);
void sim_log_fini(sim_log *log);
void sim_log_commit(sim_log *log, size_t n); /* the next n appends: onto the disk, and shown */
void sim_log_report(sim_log *log, size_t n); /* to the writers of the first n that are shown */
void sim_log_fail(sim_log *log);
/* The process dies: of what was under way a random part is on the disk. Opens again. */
void sim_log_crash(sim_log *log);
/* Somebody has put an older copy of the log in its place. Nothing is under way. */
void sim_log_restore(sim_log *log);

/* ---- machine.c: opening, dying, stopping */
void sim_open(sim *s);
void sim_crash(sim *s);
void sim_restore(sim *s); /* dies, and the log is an older one when it opens */
void sim_stop(sim *s);    /* in good order; everything is closed */
void sim_view_crash(sim *s);
void sim_view_rebuild(sim *s);
void sim_end(sim *s);      /* the command side is closed: now all of it, and no file is left */
bool sim_turn_all(sim *s); /* one turn of everything; true: something moved */

/* ---- store.c: the view's store with failures */
void sim_store_wrap(sim *s);
void sim_store_empty(sim *s); /* the lasting one: as it is when it is made */
void sim_store_fini(void);

/* ---- clients.c */
void sim_client_step(sim *s);
void sim_clients_forget(sim *s); /* the engine is gone, and with it what was not answered */

/* ---- check.c */
void sim_check_recovered(sim *s);
void sim_check_view(sim *s, bool with_token);
void sim_check_end(sim *s); /* all is quiet */

#endif
