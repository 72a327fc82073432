/* SPDX-License-Identifier: Apache-2.0
 * What the records of one partition must say together: every command answered once, decisions whole and in order,
 * every aggregate's versions without a gap, each event naming the one before. Fed by weiri_log_verify, topic by topic
 * (commands, events, outcomes) in order of offsets. Thread: one. */
#ifndef WEIRI_HISTORY_H
#define WEIRI_HISTORY_H

#include "base/error.h"
#include "log/log.h"

typedef struct weiri_history_aggregate {
    uint64_t hash[2]; /* of name and key; both 0: an empty slot */
    uint64_t version, source, offset;
    uint32_t index;
} weiri_history_aggregate;

typedef struct weiri_history {
    uint32_t partition, partitions;
    bool copy;             /* of a log elsewhere: sources have gaps, and no command is here to be without an answer */
    uint64_t next_command; /* commands below it are answered */
    weiri_buffer answered; /* a bit a command */
    weiri_history_aggregate *slots;
    size_t room, aggregates; /* room: a power of two, or 0 */
    uint64_t last_source;    /* of the topic, with sourced */
    bool sourced;
    bool open; /* a decision whose last event has not come yet: last_source, last_index */
    uint32_t last_index;
    bool resync;           /* records are missing before the next one */
    bool damaged;          /* somewhere in this partition */
    uint64_t damaged_from; /* first offset of the events that could not be read */
    /* Called for each fault. `words` says what, and not where. */
    void (*fault)(void *user, weiri_topic topic, uint64_t offset, const char *words);
    void *user;
} weiri_history; /* zero-initialise; then partitions, fault, user */

void weiri_history_begin(weiri_history *history, uint32_t partition, uint64_t next_command);
void weiri_history_topic(weiri_history *history); /* before the first record of each topic */
/* Errors: NO_MEMORY. */
WEIR_MUST_USE weir_status weiri_history_record(
    weiri_history *history, weiri_topic topic, uint64_t offset, const weiri_record *record, weir_error *err);
/* Records of `topic` from `offset` on can't be read: what rests on them is not held against the others. */
void weiri_history_damage(weiri_history *history, weiri_topic topic, uint64_t offset);
/* The partition is through: what was never answered? */
void weiri_history_end(weiri_history *history);
void weiri_history_fini(weiri_history *history);

#endif
