/* SPDX-License-Identifier: Apache-2.0
 * A module whose commands take time, so that a test can do something while one runs: Add sleeps `amount` milliseconds, at most ten
 * seconds. Only a test may do that: a rule that sleeps holds up its whole partition. With the note "die" it ends the process as a
 * crash would, with "wrong" it emits an event that no row declares. */
#include <signal.h>
#include <string.h>
#include <time.h>
#include <weir/domain.h>
#include "testing.pb-c.h"

static weir_status
add(weir_decision *d, const void *state, const void *command)
{
    const Testing__V1__Add *cmd = command;
    int64_t ms = cmd->amount < 0 ? 0 : cmd->amount > 10000 ? 10000 : cmd->amount;
    struct timespec time = { ms / 1000, (long)(ms % 1000) * 1000000 };
    (void)state;

    (void)nanosleep(&time, NULL);
    if (strcmp(cmd->note, "die") == 0)
        (void)raise(SIGKILL);
    if (strcmp(cmd->note, "wrong") == 0) {
        Testing__V1__WasReset undeclared = TESTING__V1__WAS_RESET__INIT;
        return weir_emit(d, &undeclared.base);
    }
    Testing__V1__Added e = TESTING__V1__ADDED__INIT;
    e.amount = cmd->amount;
    return weir_emit(d, &e.base);
}

static void
added(void *state, const void *event)
{
    Testing__V1__Counter *counter = state;
    (void)event;

    counter->adds++;
}

static const weir_aggregate counter = {
    .name = "counter",
    .key = "counter_id",
    .state = &testing__v1__counter__descriptor,
    .commands = { { &testing__v1__add__descriptor, add } },
    .events = { { &testing__v1__added__descriptor, added } },
};

const weir_module weir_module_object = { .abi = WEIR_ABI, .name = "slow", .aggregates = { &counter } };
