/* SPDX-License-Identifier: Apache-2.0
 * A module in two builds: NEWER has a command, Reset, and an event, WasReset, that the other has never heard of. */
#include <weir/domain.h>
#include "testing.pb-c.h"

static weir_status
add(weir_decision *d, const void *state, const void *command)
{
    const Testing__V1__Add *cmd = command;
    (void)state;

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

#ifdef NEWER
static weir_status
reset(weir_decision *d, const void *state, const void *command)
{
    const Testing__V1__Counter *counter = state;
    (void)command;

    Testing__V1__WasReset e = TESTING__V1__WAS_RESET__INIT;
    e.was = counter->total;
    return weir_emit(d, &e.base);
}

static void
was_reset(void *state, const void *event)
{
    Testing__V1__Counter *counter = state;
    (void)event;

    counter->total = 0;
}
#endif

static const weir_aggregate counter = {
    .name = "counter",
    .key = "counter_id",
    .state = &testing__v1__counter__descriptor,
    .commands = { { &testing__v1__add__descriptor, add },
#ifdef NEWER
        { &testing__v1__reset__descriptor, reset }
#endif
    },
    .events = { { &testing__v1__added__descriptor, added },
#ifdef NEWER
        { &testing__v1__was_reset__descriptor, was_reset }
#endif
    },
};

const weir_module weir_module_object = { .abi = WEIR_ABI, .name = "growing", .aggregates = { &counter } };
