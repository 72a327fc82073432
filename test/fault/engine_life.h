/* SPDX-License-Identifier: Apache-2.0
 * A short life of an engine with all that it does: commands from the program and over HTTP, one by one and in a batch, repeats, queries,
 * views, checkpoints, histories, metrics, and the end. From its opening on, allocation number `fail` is failed by the shim.
 * It runs in a child and leaves what it has heard in memory that the parent shares. */
#ifndef FAULT_ENGINE_LIFE_H
#define FAULT_ENGINE_LIFE_H

#include <stdatomic.h>
#include "domain.h"

enum { LIFE_COMMANDS = 120, LIFE_DONE = 0, LIFE_WRONG = 9 };

typedef struct life {
    char dir[64];
    const char *views;
    long fail, times;
    /* What came of it. */
    fault_heard heard[2 * LIFE_COMMANDS];
    _Atomic unsigned heard_n;
    bool refused[LIFE_COMMANDS];        /* told that it was not taken */
    _Atomic unsigned refusals, unknown; /* commands or questions; commands whose outcome nobody knows */
    long allocations;
    char stage[32], words[512]; /* words: with LIFE_WRONG */
} life;

void life_reset(life *l, long fail, long times);
int life_run(void *life_user); /* an exit status: LIFE_DONE, LIFE_WRONG */

#endif
