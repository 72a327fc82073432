/* SPDX-License-Identifier: Apache-2.0
 * The front of a shared log: sends commands into it, keeps a waiter for each, and answers it from the outcome or the events that
 * some lane somewhere has stored, as they come into the local copy. Waiters are found by where their command stands in the log;
 * by its id only where the broker did not say. Threads: submit from any; its own thread owns the waiters and answers. */
#ifndef WEIRI_FRONT_H
#define WEIRI_FRONT_H

#include "command/command.h"
#include "command/recall.h"

typedef struct weiri_front weiri_front;

weiri_front *weiri_front_new(const weiri_commands_config *config);
WEIR_MUST_USE weir_status weiri_front_start(weiri_front *front);
/* Errors: BUSY (too many wait, or are being sent), IO. On error `done` is never called. Thread: any. */
WEIR_MUST_USE weir_status weiri_front_send(
    weiri_front *front, const weiri_record *command, int64_t timeout_ms, weiri_answer_fn *done, void *user, weir_error *err);
WEIR_MUST_USE weir_status weiri_front_submit(weiri_front *front, const weiri_submit *submit, weir_error *err);
uint64_t weiri_front_waiters(const weiri_front *front);
/* Waits so long at most for outcomes of what was submitted; then answers the rest TIMEOUT, and ends its thread. No submit may be under
 * way. */
void weiri_front_stop(weiri_front *front, int64_t wait_ms);
/* Reports of what was sent may still come: the memory goes with the last of them. NULL is fine. */
void weiri_front_free(weiri_front *front);

/* ---- front_answer.c ---------------------------------------------------------------------------------------- */

/* What a lane answered, told from the record that it left: an outcome, or the last event of a decision. Borrows recall and record. */
void weiri_front_answer(weiri_recall *recall, uint32_t partition, const weiri_record *record, uint64_t offset, weiri_answer *ret_answer);

#endif
