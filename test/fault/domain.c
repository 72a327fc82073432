/* SPDX-License-Identifier: Apache-2.0
 * The rules and the commands of the fault tests' domain. */
#include "domain.h"
#include <stdio.h>
#include <string.h>

unsigned
fault_events_of(int64_t amount)
{
    return amount <= 0 ? 0 : 1 + (unsigned)(amount % 4);
}

static weir_status
add(weir_decision *d, const void *state, const void *command)
{
    const Testing__V1__Add *cmd = command;
    weir_status status = WEIR_OK;
    (void)state;

    if (cmd->amount < 0)
        return weir_reject(d, "negative", "a sum must not be negative");
    for (unsigned n = 0; n < fault_events_of(cmd->amount); n++) {
        Testing__V1__Added e = TESTING__V1__ADDED__INIT;
        e.amount = cmd->amount + n;
        e.note = cmd->note;
        status = weir_emit(d, &e.base);
    }
    return status;
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

const weir_module fault_module = { .abi = WEIR_ABI, .name = "fault", .aggregates = { &counter } };

void
fault_command_make(fault_command *command, unsigned i)
{
    unsigned size = i % 97 == 1 ? FAULT_NOTE_MOST : i % 7 == 1 ? i * 37 % 900 : i % 40;

    testing__v1__add__init(&command->message);
    (void)snprintf(command->id, sizeof command->id, "c-%u", i);
    (void)snprintf(command->key, sizeof command->key, "k-%u", i * 7 % FAULT_KEYS);
    memset(command->note, 'a' + (int)(i % 26), size);
    command->note[size] = '\0';
    command->message.counter_id = command->key;
    command->message.amount = i % 11 == 10 ? 0 : i % 13 == 12 ? -1 : (int64_t)i;
    command->message.note = command->note;
}
