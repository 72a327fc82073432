/* SPDX-License-Identifier: Apache-2.0
 * What the files of the Kafka engine share. A partition is held by one thread at a time: the follower, or its writer; `order` and
 * `answer` hand it over. k->lock guards what is said to be; it is held for a few assignments, never for a call. */
#ifndef WEIRI_KAFKA_INTERNAL_H
#define WEIRI_KAFKA_INTERNAL_H

#include <stdatomic.h>
#include "log/embedded/embedded.h"
#include "log/kafka/client.h"
#include "log/kafka/rule.h"

enum {
    WEIRI_KAFKA_IDLE_MS = 100,        /* how long a thread sleeps that nobody wakes */
    WEIRI_KAFKA_REVOKE_MS = 5000,     /* how long a revoked partition's running append may take */
    WEIRI_KAFKA_SENDING_MOST = 65536, /* commands under way */
    WEIRI_KAFKA_SENDING_BYTES_MOST = 64 << 20,
};

typedef struct weiri_kafka weiri_kafka;

typedef enum weiri_kafka_order { /* of the writer to the follower */
    WEIRI_KAFKA_FOLLOW,
    WEIRI_KAFKA_FOLLOW_UNTIL, /* the fence record with a nonce has gone on and is in the copy; then the writer holds it */
    WEIRI_KAFKA_HOLD,         /* the writer holds it */
} weiri_kafka_order;

typedef enum weiri_kafka_refusal { /* what a missing right keeps us from, for people */
    WEIRI_KAFKA_NO_MEMBER,
    WEIRI_KAFKA_NO_FOLLOWER,
    WEIRI_KAFKA_REFUSALS,
} weiri_kafka_refusal;

typedef enum weiri_kafka_writing {
    WEIRI_KAFKA_NOT_WRITING,
    WEIRI_KAFKA_CLAIMING,
    WEIRI_KAFKA_SERVING,
} weiri_kafka_writing;

/* An append under way, and where its records have come to, from delivery reports. */
typedef struct weiri_kafka_slot {
    struct weiri_kafka_slot *next_slot;
    weiri_append *append;
    void (*done)(weiri_append *append, weir_status status); /* the owner's own */
    void *user;
    struct weiri_kafka_part *part;
    uint64_t next[WEIRI_KAFKA_SIDES]; /* after its last record, 0: none came back */
    weiri_kafka_mark mark;
} weiri_kafka_slot;

typedef struct weiri_kafka_part {
    weiri_kafka *k;
    uint32_t number;
    weiri_lock calling; /* one call to the lanes at a time; the outermost lock */

    /* guarded by k->lock */
    weiri_kafka_order order;
    char until[WEIRI_KAFKA_NONCE_SIZE];
    bool handed;           /* the writer may have it: `mark` is where it stands */
    weir_error halted;     /* status OK: it isn't */
    weiri_kafka_mark mark; /* of whoever holds it, for who takes it over */
    bool given;            /* by the group */
    bool revoking;         /* to be released */
    bool fenced;           /* by another owner: the member must leave and join again */
    bool claim, release;   /* asked for by the lanes */
    bool stop_now;         /* the time of a revoked partition is over */
    weiri_kafka_writing writing;
    bool with_lanes;                               /* `given` was called, and it has not been released since */
    uint64_t proof_asked, proof_sent, proof_given; /* see weiri_kafka_prove */
    bool serve;                                    /* commands are to flow, from serve_from on */
    uint64_t serve_from;
    bool flowing;                     /* the thread of commands is at it */
    rd_kafka_queue_t *commands_queue; /* while it flows */

    /* the follower's */
    weiri_kafka_rule rule;
    rd_kafka_queue_t *queues[WEIRI_KAFKA_SIDES]; /* NULL: not reading */
    bool checking[WEIRI_KAFKA_SIDES];            /* what comes first is the last record that the copy has */
    weiri_append append;
    _Atomic bool flying; /* the append is with the copy */
    _Atomic uint64_t lag, held;
    uint64_t ends[WEIRI_KAFKA_SIDES];     /* as of the last end reached, markers included; WEIRI_NO_OFFSET: none since reading began */
    _Atomic bool followed;                /* an end was reached once, or a writer here held it */
    char reached[WEIRI_KAFKA_NONCE_SIZE]; /* the nonce of the fence record it stands at; "": none */
    weiri_buffer mark_bytes;

    /* the writer's */
    weiri_thread writer;
    weiri_signal wake;
    weiri_appends waiting;
    weiri_kafka_client producer;
    rd_kafka_topic_t *topics[WEIRI_KAFKA_SIDES];
    weiri_kafka_format format;
    weiri_kafka_message message;
    weiri_kafka_mark written;                                                    /* what the next transaction builds on */
    size_t undelivered[WEIRI_KAFKA_SIDES], undelivered_bytes[WEIRI_KAFKA_SIDES]; /* messages without a report; their keys and values */
    bool failed;                                                                 /* one of them came back with an error, or a call did */
    bool lost; /* fenced or fatal: another owner, or an expired transaction */
    weir_error failure;
    int64_t committed_us;   /* when the last commit ended */
    _Atomic size_t copying; /* appends with the copy */
    _Atomic bool copy_failed;

    /* the commands thread's */
    weiri_thread commands;
    weiri_signal commands_wake;
    weiri_kafka_format commands_format;
    weiri_kafka_message commands_message;
} weiri_kafka_part;

struct weiri_kafka {
    weiri_log log; /* the first */
    const weiri_world *world;
    weiri_kafka_config config; /* deep copy */
    char **options;
    char source[300]; /* "weir/APP" */
    char topics[WEIRI_TOPICS][WEIRI_KAFKA_TOPIC_ROOM];
    weiri_log *copy;
    weiri_lock lock;
    _Atomic bool stopping;
    weiri_kafka_part *parts;

    weiri_kafka_client follower;
    rd_kafka_topic_t *followed[WEIRI_KAFKA_SIDES];
    rd_kafka_topic_t *counted; /* commands: only for how many partitions it has */
    weiri_thread follower_thread;
    weiri_signal follower_wake;
    weiri_kafka_format follower_format;
    weiri_kafka_message follower_message;

    weiri_kafka_client commands, uncommitted; /* the other one only to see how far a topic goes beyond what is committed */
    rd_kafka_topic_t *commands_topic;

    weiri_kafka_client member;
    weiri_log_lanes lanes;
    weiri_thread member_thread;
    weiri_signal member_wake;
    bool joined; /* guarded by lock: the lanes want partitions */
    _Atomic bool leaving;
    bool must_rejoin;                        /* guarded by lock */
    char refused[WEIRI_KAFKA_REFUSALS][256]; /* guarded by lock; "": it isn't */
    weir_error changed;                      /* guarded by lock: the topics are no longer those of this log; status OK: they are */
    rd_kafka_queue_t *member_queue, *proofs; /* the member's: what came for the consumer, and answers to commits */
    bool proofs_flying;                      /* the member's: a commit is on its way */
    int64_t proofs_after_us;

    weiri_kafka_client sender;
    weiri_thread sender_thread;
    rd_kafka_topic_t *sender_topic;
    weiri_lock sending; /* guards sender_format and sender_message */
    weiri_kafka_format sender_format;
    weiri_kafka_message sender_message;
    _Atomic uint64_t sent_n, sent_bytes; /* under way */

    _Atomic uint64_t commits, records, bytes, commit_us, reopenings, stale, repeats, foreign, fences;
};

/* follower.c */
WEIR_MUST_USE weir_status weiri_kafka_follower_start(weiri_kafka *k, weir_error *err);
void weiri_kafka_follower_stop(weiri_kafka *k);
/* The writer asks for its partition once the fence record with `nonce` is in the copy, and gives it back. */
void weiri_kafka_hand_over(weiri_kafka_part *part, const char *nonce);
void weiri_kafka_hand_back(weiri_kafka_part *part);

/* writer.c */
void weiri_kafka_append(weiri_log *log, weiri_append *append);
void weiri_kafka_writer_run(void *part);
/* Tells the lanes how a claim, or serving, has ended; `changed` overrules `status`. */
void weiri_kafka_call_claimed(weiri_kafka_part *part, weir_status status, const weir_error *err);
WEIR_MUST_USE bool weiri_kafka_interrupted(weiri_kafka_part *part); /* released, revoked or closing: give up what was begun */

/* opening.c: steps OPEN 1 to 7. OK; CLOSED (not ours any more); CORRUPT, INVALID (HALT). */
WEIR_MUST_USE weir_status weiri_kafka_open_lane(weiri_kafka_part *part, weir_error *err);
void weiri_kafka_drop_producer(weiri_kafka_part *part);

/* transaction.c: the steps of one transaction. On failure part->failed, part->lost, part->failure; then nothing but a new producer. */
WEIR_MUST_USE weir_status weiri_kafka_begin(weiri_kafka_part *part);
/* *next becomes the offset behind the message, when it is reported. `copy`: the value is not there until then. */
WEIR_MUST_USE weir_status weiri_kafka_produce(
    weiri_kafka_part *part, int side, const weiri_kafka_message *message, bool copy, uint64_t *next);
WEIR_MUST_USE weir_status weiri_kafka_produce_append(weiri_kafka_part *part, weiri_kafka_slot *slot);
WEIR_MUST_USE weir_status weiri_kafka_commit(weiri_kafka_part *part);
void weiri_kafka_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque);
WEIR_MUST_USE weir_status weiri_kafka_failed(weiri_kafka_part *part, rd_kafka_error_t *error, const char *doing); /* destroys error */
rd_kafka_headers_t *weiri_kafka_headers(const weiri_kafka_message *message);

/* member.c */
WEIR_MUST_USE weir_status weiri_kafka_join(weiri_log *log, const weiri_log_lanes *lanes, weir_error *err);
void weiri_kafka_leave(weiri_log *log);
/* Step OPEN 1: the group gives us the partition now. OK; CLOSED; BUSY: nobody answered yet, ask again. */
WEIR_MUST_USE weir_status weiri_kafka_prove(weiri_kafka_part *part, weir_error *err);
void weiri_kafka_fenced(weiri_kafka_part *part);

/* commands.c */
void weiri_kafka_commands_run(void *part);
WEIR_MUST_USE weir_status weiri_kafka_commands_check(weiri_kafka_part *part, uint64_t next, weir_error *err);
void weiri_kafka_commands_stop(weiri_kafka_part *part); /* no command comes after it has returned */

/* sender.c */
WEIR_MUST_USE weir_status weiri_kafka_send(
    weiri_log *log, uint32_t partition, const weiri_record *command, weiri_sent_fn *done, void *user, weir_error *err);
WEIR_MUST_USE weir_status weiri_kafka_sender_start(weiri_kafka *k, weir_error *err);
void weiri_kafka_sender_stop(weiri_kafka *k);

/* identity.c: who the log is, read from APP.schemas, or made. `partitions`: of the topics. */
WEIR_MUST_USE weir_status weiri_kafka_identify(
    const weiri_kafka_config *config, uint32_t partitions, weiri_log_identity *ret_identity, weir_error *err);

/* A log that is copied here from elsewhere: nobody opens the topics between BEGUN and DONE. Errors: INVALID (they hold another log, or
 * another copy was begun), IO. */
typedef enum weiri_kafka_copy_state { WEIRI_KAFKA_COPY_NONE, WEIRI_KAFKA_COPY_BEGUN, WEIRI_KAFKA_COPY_DONE } weiri_kafka_copy_state;
WEIR_MUST_USE weir_status weiri_kafka_copy_look(
    const weiri_kafka_config *config, const weiri_log_identity *from, weiri_kafka_copy_state *ret_state, weir_error *err);
WEIR_MUST_USE weir_status weiri_kafka_copy_note(
    const weiri_kafka_config *config, const weiri_log_identity *from, weiri_kafka_copy_state state, weir_error *err);

/* topics.c: INVALID: all that is wrong, in err. */
WEIR_MUST_USE weir_status weiri_kafka_check(
    const weiri_kafka_config *config, weiri_kafka_client *client, uint32_t *ret_partitions, weir_error *err);

/* kafka.c: a right is missing, or (words NULL) there. */
void weiri_kafka_refused(weiri_kafka *k, weiri_kafka_refusal what, const char *topic, const char *words);

/* kafka.c: reaches the brokers and checks options and topics, config->partitions too. Errors: as weiri_kafka_open. */
WEIR_MUST_USE weir_status weiri_kafka_check_all(const weiri_kafka_config *config, uint32_t *ret_partitions, weir_error *err);

/* kafka.c: everything but the checks, for a log of which all is known: the open of tests without Kafka's admin requests, too. */
WEIR_MUST_USE weir_status weiri_kafka_start(
    const weiri_kafka_config *config, const weiri_log_identity *identity, weiri_log **ret_log, weir_error *err);

/* A message of librdkafka as ours, which borrows it. */
void weiri_kafka_message_of(const rd_kafka_message_t *from, weiri_kafka_message *to);
/* How far `next` is from the end that the last fetch told of; for people, nothing rests on it. */
uint64_t weiri_kafka_lag(weiri_kafka_client *client, const char *topic, uint32_t partition, uint64_t next);
static inline weiri_topic
weiri_kafka_topic_of(int side)
{
    return side == WEIRI_KAFKA_EVENTS ? WEIRI_TOPIC_EVENTS : WEIRI_TOPIC_OUTCOMES;
}

#endif
