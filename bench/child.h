/* SPDX-License-Identifier: Apache-2.0
 * A process that is started to be killed: it says a word on its stdout when it is where it should be. */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stdio.h>
#include <sys/types.h>

typedef struct bench_child {
    pid_t pid;
    FILE *said;
} bench_child;

void bench_child_start(bench_child *child, const char *const *words); /* words[0]: the program; ends with NULL */
void bench_child_await(bench_child *child, const char *word);         /* a line that is this; fails when it ends before */
void bench_child_kill(bench_child *child);

#endif
