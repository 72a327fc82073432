/* SPDX-License-Identifier: Apache-2.0
 * Poison: a command that kills the process while it is decided. DIR/attempts is a mapped file with a word a partition, which names
 * the command in hand; a start that finds one counts it, and what has killed twice is not decided a third time. The file
 * survives the process, and need not survive power; deleting it forgets all. docs/decisions/0101. Thread: a word belongs to its
 * lane; counts grow while opening only. */
#ifndef WEIRI_ATTEMPTS_H
#define WEIRI_ATTEMPTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

typedef struct weiri_attempts weiri_attempts;

/* Makes the file if there is none that fits, else counts what the last process died of. Errors: IO. */
WEIR_MUST_USE weir_status weiri_attempts_open(const char *dir, uint32_t partitions, weiri_attempts **ret_attempts, weir_error *err);
void weiri_attempts_close(weiri_attempts *attempts); /* NULL is fine */

/* The word of a partition: the command's hash while it is decided, else 0. */
_Atomic uint64_t *weiri_attempts_word(weiri_attempts *attempts, uint32_t partition);
/* It is to be tried again: its kills are not counted. Thread: any. */
void weiri_attempts_forget(weiri_attempts *attempts, uint64_t command);
/* Has it killed twice? Thread: any. */
bool weiri_attempts_poison(const weiri_attempts *attempts, uint64_t command);

#endif
