/* SPDX-License-Identifier: Apache-2.0
 * The part of the log's contract that only a log shared by several processes has (Kafka): being given partitions, becoming their
 * one writer, commands that arrive from elsewhere, sending commands. docs/decisions/0301 says how the rest stays as it is: such a
 * log keeps a local copy, an embedded log without commands, and reading, ends, checksums and the signal are the copy's.
 *
 * A partition of this process is one of
 *   followed   the log copies its events and outcomes; nothing may be appended
 *   claimed    asked for with weiri_log_claim; PROTOCOL section 4, OPEN 1-6, runs on a thread of the log
 *   served     `claimed` said OK: the copy is complete, this process is the one writer, commands arrive after weiri_log_serve
 * An append that fails (TIMEOUT: what became of it is not known; what was appended after it is not stored) ends serving: the
 * partition is followed again, no more commands arrive, and whoever served it forgets what it decided and claims anew. */
#ifndef WEIRI_SHARED_H
#define WEIRI_SHARED_H

#include "log/log.h"

/* Why a record of the commands topic is no command; NULL code: it is one. */
typedef struct weiri_flaw {
    const char *code; /* "malformed": no key, no type, tombstone, headers that can't be read, too large */
    char text[160];
} weiri_flaw;

/* What the log tells whoever runs the lanes. Each call comes on a thread of the log, one at a time a partition. */
typedef struct weiri_log_lanes {
    /* The group has given this process the partition: claim it. */
    void (*given)(void *user, uint32_t partition);
    /* It is to go elsewhere, or was fenced: commands have stopped. Release it when the running append is done; the log waits 5 s. */
    void (*revoked)(void *user, uint32_t partition);
    /* The end of weiri_log_claim, with CLOSED soon after the partition was revoked or released; no call of `command` of before is
     * under way by then. OK: serve. CLOSED: not ours any more, wait for `given`; nothing is to be released. Anything else: HALT, a person must look; err says
     * what is wrong; this also comes for a partition that is served, when commands turn out to be missing. That a broker is away is
     * no end: the log goes on trying (weiri_log_state says BUSY meanwhile). */
    void (*claimed)(void *user, uint32_t partition, weir_status status, const weir_error *err);
    /* A command of a served partition, in order: record->source is its offset, record->time_ms the log's append time. `record` is
     * borrowed for the call; with a flaw, what could be read of it. May block for room; false: the lane takes no more, and the
     * log stops sending until the partition is served again. */
    bool (*command)(void *user, uint32_t partition, const weiri_record *record, const weiri_flaw *flaw);
    void *user;
} weiri_log_lanes;

/* A record of a command as it arrives: kind COMMAND; type, key, payload (flag JSON: proto3 JSON), id (`ce_id`; empty: none), flag
 * CLIENT_ID unless a front made the id, flag EXPECTS + expected_version, headers as in record.h (WEIRI_HEADER_SOURCE, _SEQUENCE,
 * _PREVIOUS, _FINGERPRINT, _CORRELATION, _TRACEPARENT; others are dropped), aggregate empty. The same goes into weiri_log_send. */

/* Called once, on a thread of the log. OK: the command is stored, at `offset` (WEIRI_NO_OFFSET: the broker didn't say where); BUSY: it is not, send it again; TIMEOUT: not known. */
typedef void weiri_sent_fn(void *user, weir_status status, uint64_t offset, const weir_error *err);

typedef struct weiri_shared_ops {
    weir_status (*join)(weiri_log *log, const weiri_log_lanes *lanes, weir_error *err);
    void (*claim)(weiri_log *log, uint32_t partition);
    void (*serve)(weiri_log *log, uint32_t partition, uint64_t from_command);
    void (*release)(weiri_log *log, uint32_t partition);
    void (*leave)(weiri_log *log);
    weir_status (*send)(weiri_log *log, uint32_t partition, const weiri_record *command, weiri_sent_fn *done, void *user, weir_error *err);
    weir_status (*followed)(weiri_log *log, weir_error *err);
} weiri_shared_ops;

bool weiri_log_shared(const weiri_log *log);
/* Asks for partitions to write; `lanes` is copied. Once, after opening. Errors: IO. */
WEIR_MUST_USE weir_status weiri_log_join(weiri_log *log, const weiri_log_lanes *lanes, weir_error *err);
/* Of a partition that was given. Ends in lanes->claimed. Thread: any. */
void weiri_log_claim(weiri_log *log, uint32_t partition);
/* Commands begin to arrive, from offset `from_command` on. After `claimed` said OK. */
void weiri_log_serve(weiri_log *log, uint32_t partition, uint64_t from_command);
/* Nothing of the partition is under way here any more. After `revoked`, or when a lane has HALTed. */
void weiri_log_release(weiri_log *log, uint32_t partition);
/* Gives all partitions back: each is revoked first, also one being claimed; then none is given any more. May wait until they are
 * released: not on a thread that releases. Fine twice, one behind the other. Before closing, and when a lane can't be recovered here. */
void weiri_log_leave(weiri_log *log);
/* Puts a command into commands[partition]; what it points to is copied. Errors: BUSY (too many under way: try later), IO. On
 * error `done` is never called. Thread: any. */
WEIR_MUST_USE weir_status weiri_log_send(
    weiri_log *log, uint32_t partition, const weiri_record *command, weiri_sent_fn *done, void *user, weir_error *err);

/* Has the local copy been where the log ends, once, and does it go on? Errors: BUSY: not yet; CORRUPT: a partition can't be followed any
 * more, with why. Thread: any. */
WEIR_MUST_USE weir_status weiri_log_followed(weiri_log *log, weir_error *err);

/* What a record of outcomes says beyond outcome.h, on a shared log only: an accepted command with events has one, too, in the
 * topic and not in the local copy, weir.accepted with
 *   weir-events   how many
 * so that step OPEN 6 can compare. The writer makes it out of the events; the follower compares it and drops it. */
#define WEIRI_HEADER_EVENTS "weir-events"

#endif
