/* SPDX-License-Identifier: Apache-2.0
 * What a reader of events[p] and outcomes[p] may believe (PROTOCOL section 4, the reader's rule), and how the two become one: an
 * outcome and its events go on together, or not at all (OPEN 6). No I/O. Owned by whoever follows the partition. */
#ifndef WEIRI_KAFKA_RULE_H
#define WEIRI_KAFKA_RULE_H

#include "log/kafka/records.h"

enum { WEIRI_KAFKA_EVENTS, WEIRI_KAFKA_OUTCOMES, WEIRI_KAFKA_SIDES };

/* How far a partition has been followed: what stands with the local copy. docs/formats/kafka.md. Little-endian, as it lies there. */
typedef struct weiri_kafka_mark {
    uint32_t format;                         /* 1 */
    uint32_t last_index;                     /* of the last event */
    uint64_t last_source;                    /* of the last event; WEIRI_NO_OFFSET: none */
    uint64_t last_outcome;                   /* source of the last outcome; WEIRI_NO_OFFSET: none */
    uint64_t next[WEIRI_KAFKA_SIDES];        /* offset in the topic to read on from */
    uint64_t incarnation[WEIRI_KAFKA_SIDES]; /* offset of the last fence record; WEIRI_NO_OFFSET: none */
} weiri_kafka_mark;
static_assert(sizeof(weiri_kafka_mark) == 56 && sizeof(weiri_kafka_mark) <= WEIRI_MARK_MOST, "format 1");

typedef struct weiri_kafka_waiting { /* one that has arrived and waits for its counterpart */
    uint64_t offset, incarnation, source;
    uint32_t index;
    uint32_t start, size; /* of the record's bytes; of a fence none */
    uint32_t events;      /* of an outcome: how many */
    bool fence;
    char nonce[WEIRI_KAFKA_NONCE_SIZE];
} weiri_kafka_waiting;

typedef struct weiri_kafka_side {
    weiri_buffer waiting; /* weiri_kafka_waiting each */
    weiri_buffer bytes;
    size_t head; /* the first that waits */
} weiri_kafka_side;

typedef struct weiri_kafka_rule {
    weiri_kafka_mark arrived; /* as of the last message that came */
    weiri_kafka_mark joined;  /* as of the last one that went on */
    weiri_kafka_side sides[WEIRI_KAFKA_SIDES];
    uint64_t stale, repeats, foreign; /* counted since the beginning of the process */
} weiri_kafka_rule;                   /* zero-initialise, then weiri_kafka_rule_begin */

void weiri_kafka_mark_none(weiri_kafka_mark *ret_mark);
/* Errors: CORRUPT (another format or size). */
WEIR_MUST_USE weir_status weiri_kafka_mark_read(weiri_bytes bytes, weiri_kafka_mark *ret_mark, weir_error *err);

/* Begins at `mark`: nothing waits. */
void weiri_kafka_rule_begin(weiri_kafka_rule *rule, const weiri_kafka_mark *mark);
void weiri_kafka_rule_fini(weiri_kafka_rule *rule);
/* One message of a side has come; NULL: a foreign one, at `offset`. What is stale or repeated is dropped and counted. Errors: CORRUPT. */
WEIR_MUST_USE weir_status weiri_kafka_rule_arrive(
    weiri_kafka_rule *rule, int side, const weiri_kafka_entry *entry, uint64_t offset, weir_error *err);
size_t weiri_kafka_rule_waiting(const weiri_kafka_rule *rule, int side); /* bytes, roughly */
/* Moves what is complete into `append`: events and outcomes, sources, next_command, time; until it holds WEIRI_APPEND_MOST bytes, or
 * the fence with nonce `until` (NULL: none) has gone on: then *ret_reached. rule->joined is the mark that belongs to it.
 * Errors: CORRUPT: events and outcomes don't agree. */
WEIR_MUST_USE weir_status weiri_kafka_rule_join(
    weiri_kafka_rule *rule, weiri_append *append, const char *until, bool *ret_reached, weir_error *err);

#endif
