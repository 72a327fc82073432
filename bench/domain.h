/* SPDX-License-Identifier: Apache-2.0
 * The domain that is measured, and its commands: the same ones for weir and for each limit. */
#ifndef BENCH_DOMAIN_H
#define BENCH_DOMAIN_H

#include <weir/weir.h>
#include "bench.pb-c.h"

enum { BENCH_COMMAND_BYTES = 92, BENCH_EVENT_BYTES = 146, BENCH_ACCOUNTS = 100000 };

extern const weir_module bench_module;

/* A command and the memory that it points into. */
typedef struct bench_command {
    Bench__V1__Book message;
    char account_id[16], text[64], reference[32];
} bench_command;
/* The i-th command: accounts in a fixed scattered order, packed to 92 bytes. */
void bench_command_make(bench_command *command, unsigned i);

/* The rules, also called by the straight-line loop. `event` is filled in; borrows from `command`. */
void bench_decide(const Bench__V1__Account *account, const Bench__V1__Book *command, Bench__V1__Booked *event);
void bench_evolve(Bench__V1__Account *account, const Bench__V1__Booked *event);

#endif
