/* SPDX-License-Identifier: Apache-2.0
 * Is a data directory what the workload was told? The log opens, verifies without a fault, holds every command that was
 * acknowledged once with its events whole, and nothing that wasn't sent. One thread. */
#ifndef FAULT_CHECK_H
#define FAULT_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include "domain.h"

typedef struct expected {
    const fault_heard *heard;
    size_t heard_n;
    unsigned commands;   /* numbers below it may be there */
    const bool *refused; /* by number: told that they were not taken, and never sent again. NULL: none */
} expected;

/* Through the log. True, or false with why in `words`. */
bool check_log(const char *dir, const expected *e, char words[512]);
/* Through the engine, too: opened with a view that is compared with the sum of the events; the last command acknowledged is
 * answered again as it was; a new one is taken. */
bool check_engine(const char *dir, const char *views, const expected *e, char words[512]);

#endif
