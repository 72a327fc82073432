/* SPDX-License-Identifier: Apache-2.0
 * A module whose rule crashes: Add with the note "crash" ends the process. Built a second time with MENDED, where it does not. */
#include <string.h>
#include <weir/domain.h>
#include "testing.pb-c.h"

static weir_status
add(weir_decision *d, const void *state, const void *command)
{
    const Testing__V1__Add *cmd = command;
    (void)state;

#ifndef MENDED
    if (strcmp(cmd->note, "crash") == 0)
        __builtin_trap();
#endif
    Testing__V1__Added e = TESTING__V1__ADDED__INIT;
    e.amount = cmd->amount;
    e.note = cmd->note;
    return weir_emit(d, &e.base);
}

static void
added(void *state, const void *event)
{
    Testing__V1__Counter *counter = state;
    const Testing__V1__Added *e = event;

    counter->total += e->amount;
    counter->adds++;
}

static const weir_aggregate counter = {
    .name = "counter",
    .key = "counter_id",
    .state = &testing__v1__counter__descriptor,
    .commands = { { &testing__v1__add__descriptor, add } },
    .events = { { &testing__v1__added__descriptor, added } },
};

const weir_module weir_module_object = { .abi = WEIR_ABI, .name = "crash", .aggregates = { &counter } };
