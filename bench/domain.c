/* SPDX-License-Identifier: Apache-2.0
 * The measured domain: an account that is booked on. */
#include "domain.h"
#include <stdio.h>
#include <string.h>

void
bench_command_make(bench_command *command, unsigned i)
{
    Bench__V1__Book *m = &command->message;

    bench__v1__book__init(m);
    (void)snprintf(command->account_id, sizeof command->account_id, "acc-%06u", i * 7919u % BENCH_ACCOUNTS);
    (void)snprintf(command->reference, sizeof command->reference, "ref-%010u", i);
    m->account_id = command->account_id;
    m->reference = command->reference;
    m->cents = 1 + i % 100;
    m->booked_at_ms = INT64_C(1700000000000) + i;
    memset(command->text, 'x', sizeof command->text);
    command->text[0] = '\0';
    m->text = command->text;
    size_t bare = protobuf_c_message_get_packed_size(&m->base);
    size_t padding = BENCH_COMMAND_BYTES - bare - 2;
    memset(command->text, 'x', padding);
    command->text[padding] = '\0';
}

void
bench_decide(const Bench__V1__Account *account, const Bench__V1__Book *command, Bench__V1__Booked *event)
{
    static char note[64] = "booked by the rules of the measured domain, as agreed";

    bench__v1__booked__init(event);
    event->account_id = command->account_id;
    event->cents = command->cents;
    event->text = command->text;
    event->reference = command->reference;
    event->booked_at_ms = command->booked_at_ms;
    event->balance_cents = account->balance_cents + command->cents;
    event->note = note;
}

void
bench_evolve(Bench__V1__Account *account, const Bench__V1__Booked *event)
{
    account->balance_cents += event->cents;
    account->bookings++;
    account->last_at_ms = event->booked_at_ms;
}

static weir_status
book(weir_decision *d, const void *state, const void *command)
{
    Bench__V1__Booked event;

    bench_decide(state, command, &event);
    return weir_emit(d, &event.base);
}

static void
booked(void *state, const void *event)
{
    bench_evolve(state, event);
}

static const weir_aggregate account_aggregate = {
    .name = "account",
    .key = "account_id",
    .state = &bench__v1__account__descriptor,
    .commands = { { &bench__v1__book__descriptor, book } },
    .events = { { &bench__v1__booked__descriptor, booked } },
};

const weir_module bench_module = { .abi = WEIR_ABI, .name = "bench", .aggregates = { &account_aggregate } };
