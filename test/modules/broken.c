/* SPDX-License-Identifier: Apache-2.0
 * A module whose tables are wrong in several ways: all of them must be told at once. */
#include <weir/domain.h>
#include "testing.pb-c.h"

static weir_status
decide(weir_decision *d, const void *state, const void *command)
{
    (void)d, (void)state, (void)command;
    return WEIR_OK;
}

/* No state; a command without a function; an empty row before the last; a key that a message hasn't got. */
static const weir_aggregate counter = {
    .name = "counter",
    .key = "counter_id",
    .commands = { { &testing__v1__add__descriptor, decide }, { &testing__v1__reset__descriptor, NULL },
        { &testing__v1__tick__descriptor, decide } },
    .events = { { &testing__v1__added__descriptor, NULL }, { NULL, NULL }, { &testing__v1__was_reset__descriptor, NULL } },
};

/* A name that is none, and a command that the other has already. */
static const weir_aggregate tally = {
    .name = "Tally",
    .key = "counter_id",
    .state = &testing__v1__tally__descriptor,
    .commands = { { &testing__v1__add__descriptor, decide } },
};

const weir_module weir_module_object = { .abi = WEIR_ABI, .name = "broken", .aggregates = { &counter, &tally } };
