/* SPDX-License-Identifier: Apache-2.0
 * The model: what must have become of each command, by a naive reading of the promises, from the log's commands alone. It shares
 * no code with the lanes but the records' format. Folded forward as the log's durable end moves. */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include "log/log.h"
#include "message/schema.h"

enum {
    SIM_PARTITIONS = 3, /* at most */
    SIM_KEYS = 6,
    SIM_AGGREGATES = 2,
    SIM_SOURCES = 2,
    SIM_POISONS = 2,
    SIM_SUBMISSIONS = 2000,
    SIM_TOTAL_MOST = 60, /* of a counter, by the domain's rule */
    SIM_POISON = 777,    /* an amount that kills */
    SIM_WINDOW_MOST = 8,
    SIM_HELD_MOST = 512,
};
#define SIM_HEADER "sim" /* 4 bytes: the submission's number */

struct sim;

typedef enum sim_kind { SIM_ADD, SIM_RESET, SIM_TICK, SIM_MALFORMED, SIM_RELEASE } sim_kind;

/* What the log must say, and the answer with it. */
typedef struct sim_outcome {
    weir_status status;
    bool repeated, conflict, quarantined, kept_out, released;
    const char *code;
    uint64_t at; /* the command's own offset */
    uint64_t source, version, offset;
    uint32_t events;
} sim_outcome;

typedef struct sim_submission {
    uint32_t number;
    sim_kind kind;
    uint8_t aggregate, key, partition;
    int64_t amount;
    char id[16];
    bool client_id, expect;
    uint64_t expected;
    int source; /* -1: none */
    uint64_t sequence, previous, fingerprint;
    uint8_t payload[32];
    size_t size;
    /* its life */
    bool sent, lost, answered, durable;
    uint64_t version_then, last_then; /* durable when it was sent: of its aggregate, its source */
    const sim_outcome *window_then;   /* a look-up: what the durable window held */
    uint64_t held_then;               /* a release: the command for which its aggregate was in quarantine; else WEIRI_NO_OFFSET */
    uint8_t question;                 /* weiri_request_kind */
    bool discard;
    sim_outcome outcome; /* if durable */
} sim_submission;

typedef struct sim_past { /* of an aggregate after each event */
    uint64_t source, offset;
    int64_t total, adds;
} sim_past;

typedef struct sim_aggregate {
    uint64_t version, last_source, last_offset;
    uint32_t last_index;
    int64_t total, adds;
    weiri_buffer past; /* sim_past each, by version - 1 */
} sim_aggregate;

typedef struct sim_known {
    uint64_t last, fingerprint;
    bool seen;
} sim_known;

/* A command in quarantine. */
typedef struct sim_held {
    uint64_t command;
    uint32_t number; /* the submission's */
    bool cause, released;
} sim_held;

typedef struct sim_partition {
    uint64_t next_command, next_event, next_outcome;
    int64_t time_ms;
    uint32_t window[SIM_WINDOW_MOST]; /* submissions' numbers, oldest first */
    uint32_t n_window;
    sim_known sources[SIM_SOURCES];
    sim_held held[SIM_HELD_MOST]; /* in the order they came */
    uint32_t n_held;
    weiri_buffer reached; /* uint64_t by event: `reached` of a view that has seen it */
} sim_partition;

typedef struct sim_model {
    uint32_t window;
    uint8_t partition_of[SIM_KEYS];
    sim_aggregate aggregates[SIM_AGGREGATES][SIM_KEYS];
    sim_partition parts[SIM_PARTITIONS];
    weiri_chunk chunk, events, outcomes;
} sim_model;

/* A bulk sender's lines of one partition. Line i, from 1, has sequence 3 * i. */
typedef struct sim_stream {
    uint64_t next, acknowledged;
} sim_stream;

extern const weir_module sim_module;
extern const char *const sim_keys[SIM_KEYS];
extern const char *const sim_aggregate_names[SIM_AGGREGATES];
extern const char *const sim_source_names[SIM_SOURCES];

void sim_model_init(struct sim *s);
void sim_model_fini(sim_model *model);
/* Reads on to the log's durable end, and fails the simulation where the log says something else. */
void sim_model_fold(struct sim *s);
/* What the durable window holds for a submission's id; NULL: nothing. */
const sim_outcome *sim_model_find(struct sim *s, const sim_submission *submission);
/* The durable command for which an aggregate is in quarantine; `any`: also one that was released. WEIRI_NO_OFFSET: none. */
uint64_t sim_model_held(const struct sim *s, const sim_submission *submission, bool any);
static inline const sim_past *
sim_model_past(const sim_aggregate *aggregate, uint64_t version) /* 1 ... version */
{
    return (const sim_past *)(const void *)aggregate->past.data + (version - 1);
}

#endif
