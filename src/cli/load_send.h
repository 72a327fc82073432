/* SPDX-License-Identifier: Apache-2.0
 * Sending the lines of a source, each exactly once: one request under way, and per partition the chain of what has been decided.
 * What was not decided (no room, a gap, no answer) goes again, from the partition's last line on. Thread: one at a time. */
#ifndef WEIRI_CLI_LOAD_SEND_H
#define WEIRI_CLI_LOAD_SEND_H

#include <stdint.h>
#include "base/bytes.h"
#include "base/error.h"

/* What lies on the other side, so that a test can be there. */
typedef struct weiri_load_door {
    /* Sends command lines. OK: *ret_http and the reply's lines in *reply (empty before), retry_after_s 0 if not said. Errors: CLOSED, IO,
     * TIMEOUT: it isn't known what became of them. */
    weir_status (*commands)(void *user, weiri_bytes lines, int *ret_http, weiri_buffer *reply, int *ret_retry_after_s, weir_error *err);
    /* How far `source` is: the last line of each of `partitions`; all 0 and known false for one never seen. Errors: CLOSED, IO, TIMEOUT, BUSY;
     * INVALID: no such answer. */
    weir_status (*source)(
        void *user, const char *source, uint32_t partitions, uint64_t *last, bool *ret_known, uint64_t *ret_fingerprint, weir_error *err);
    void (*pause)(void *user, int64_t pause_ms, const char *why);
    bool (*interrupted)(void *user);
    void (*unreadable)(void *user, uint64_t line, const char *words); /* the engine could make no command of it */
    void *user;
} weiri_load_door;

typedef struct weiri_load_code {
    char code[64];
    uint64_t n;
} weiri_load_code;

typedef struct weiri_load_tally {
    uint64_t accepted, rejected, unreadable, repeated;
    weiri_load_code *codes; /* of the rejected, in order of appearance */
    size_t n_codes;
} weiri_load_tally;

typedef struct weiri_load_sender {
    weiri_load_door door;
    const char *type, *source; /* borrowed */
    uint32_t partitions;
    uint64_t *last; /* partitions: the last line decided there */
    size_t batch;   /* lines a request */
    weiri_load_tally tally;
    struct weiri_load_item *items; /* not yet decided, in order */
    size_t n, room;
    weiri_buffer prefix, data, body, reply;
    uint64_t *sent;  /* partitions: scratch */
} weiri_load_sender; /* zero-initialise */

enum { WEIRI_LOAD_TRIES = 12, WEIRI_LOAD_PAUSE_MOST_MS = 5000, WEIRI_LOAD_BYTES_MOST = 4 << 20 };

void weiri_load_sender_init(
    weiri_load_sender *sender, const weiri_load_door *door, const char *type, const char *source, uint32_t partitions, size_t batch);
void weiri_load_sender_fini(weiri_load_sender *sender);

/* Asks how far the source is; before the first line. Errors: REJECTED: the name is another file's; what door.source gives. */
WEIR_MUST_USE weir_status weiri_load_sender_resume(weiri_load_sender *sender, uint64_t fingerprint, weir_error *err);

/* Takes line `line` (greater than the one before); sends when a batch is full. A line already known is counted as repeated and not sent.
 * Errors: as weiri_load_sender_flush. */
WEIR_MUST_USE weir_status weiri_load_sender_add(
    weiri_load_sender *sender, uint64_t line, weiri_bytes key, weiri_bytes data, weir_error *err);
/* Sends until every line taken is decided. Errors: BUSY, CLOSED, IO, TIMEOUT: none was decided in WEIRI_LOAD_TRIES tries; INVALID: the
 * request itself was refused; REJECTED: source-reused; WEIR_OK with lines left when interrupted. */
WEIR_MUST_USE weir_status weiri_load_sender_flush(weiri_load_sender *sender, weir_error *err);

#endif
