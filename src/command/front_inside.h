/* SPDX-License-Identifier: Apache-2.0
 * The front from inside, for front*.c alone. Waiters, and all that is not marked, belong to the front's thread. */
#ifndef WEIRI_FRONT_INSIDE_H
#define WEIRI_FRONT_INSIDE_H

#include <stdatomic.h>
#include "base/mailbox.h"
#include "command/front.h"
#include "log/shared.h"

enum { WEIRI_FRONT_BUCKETS = 1 << 16, WEIRI_FRONT_BLOCK = 1024, WEIRI_FRONT_LOOK_MS = 100 };

typedef enum weiri_waiter_stage {
    WEIRI_FRONT_SENDING,
    WEIRI_FRONT_SENT,
    WEIRI_FRONT_SENT_SOMEWHERE,
    WEIRI_FRONT_ANSWERED
} weiri_waiter_stage;
typedef enum weiri_news_kind { WEIRI_FRONT_BEGINS, WEIRI_FRONT_IS_SENT, WEIRI_FRONT_IS_CANCELLED } weiri_news_kind;

typedef struct weiri_waiter {
    weiri_front *front;
    weiri_answer_fn *done;
    void *user;
    struct weiri_waiter *next;          /* in its bucket: by offset when WEIRI_FRONT_SENT, else by id; or in the free list */
    struct weiri_waiter *older, *newer; /* by their time; while not WEIRI_FRONT_ANSWERED */
    uint64_t id_hash, offset;
    int64_t until_us;
    uint32_t partition;
    bool sending; /* the log has not reported yet: the memory must stay */
    weiri_waiter_stage stage;
} weiri_waiter;

typedef struct weiri_waiter_block {
    struct weiri_waiter_block *next;
    weiri_waiter waiters[WEIRI_FRONT_BLOCK];
} weiri_waiter_block;

/* What is told to the front's thread: a waiter begins; its command was sent, or could not be; its sender has the error himself. */
typedef struct weiri_news {
    weiri_waiter *waiter;
    weiri_news_kind kind;
    weir_status status;
    uint64_t offset;
    char words[200];
} weiri_news;

/* An outcome that came before the report of its command. */
typedef struct weiri_early {
    uint64_t source, id_hash, offset; /* offset: of its record in the copy */
    uint32_t partition;
    weiri_topic topic;
} weiri_early;

typedef struct weiri_front_tail {
    uint64_t at[2]; /* next offset in events and in outcomes */
} weiri_front_tail;

struct weiri_front {
    weiri_commands_config config;
    uint32_t partitions;
    weiri_thread thread;
    weiri_mailbox mailbox;
    weiri_signal nobody; /* the mailbox's: the thread sleeps on the log's signal */
    weiri_lock lock;     /* guards blocks and free */
    weiri_waiter_block *blocks;
    weiri_waiter *free;
    _Atomic uint64_t waiters, earlies;
    _Atomic int holders; /* the owner, and each command being sent */
    _Atomic bool ending;
    /* Of its thread alone: */
    weiri_waiter **by_offset, **by_id; /* WEIRI_FRONT_BUCKETS each */
    size_t n_by_id;
    weiri_waiter *oldest, *newest;
    weiri_early *early;
    size_t n_early, early_room;
    weiri_front_tail *tails;
    weiri_buffer items;
    weiri_chunk chunk;
    weiri_recall recall;
};

static inline uint64_t
weiri_front_offset_hash(uint32_t partition, uint64_t offset)
{
    return (offset * 0x9e3779b97f4a7c15u + partition) >> 16;
}

/* ---- front_waiters.c */
weiri_waiter *weiri_front_take(weiri_front *front); /* Thread: any */
void weiri_front_let_go(weiri_front *front);        /* Thread: any; the last of the holders frees */
void weiri_front_finish_without(weiri_front *front, weiri_waiter *waiter, weir_status status, const char *words);
/* Tells what a record says: an outcome, or a decision's last event. */
void weiri_front_finish_from(weiri_front *front, weiri_waiter *waiter, const weiri_record *record, uint64_t offset);
void weiri_front_keep_early(weiri_front *front, const weiri_early *early);
/* Takes all news. True: there were some. */
bool weiri_front_hear(weiri_front *front);

#endif
