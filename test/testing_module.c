/* SPDX-License-Identifier: Apache-2.0
 * The rules of the tests' small domain. */
#include "testing_module.h"
#include <inttypes.h>

static weir_status
add(weir_decision *d, const void *state, const void *command)
{
    const Testing__V1__Counter *counter = state;
    const Testing__V1__Add *cmd = command;

    if (cmd->amount < 0)
        return weir_reject(d, "bad-amount", "%" PRId64 " is negative", cmd->amount);
    if (counter->total + cmd->amount > 1000000)
        return weir_reject(d, "too-much", "%s is at %" PRId64, weir_key(d), counter->total);
    if (cmd->amount == 0)
        return WEIR_OK;
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
    weir_string_set(&counter->last_note, e->note);
}

static weir_status
reset(weir_decision *d, const void *state, const void *command)
{
    const Testing__V1__Counter *counter = state;
    (void)command;

    if (counter->total == 0)
        return WEIR_OK;
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

static weir_status
tick(weir_decision *d, const void *state, const void *command)
{
    const Testing__V1__Tick *cmd = command;
    (void)state;

    Testing__V1__Ticked e = TESTING__V1__TICKED__INIT;
    e.times = 1;
    e.n_points = cmd->n_points;
    e.points = cmd->points;
    e.ticked_at_ms = weir_time_ms(d);
    return weir_emit(d, &e.base);
}

static void
ticked(void *state, const void *event)
{
    Testing__V1__Tally *tally = state;
    const Testing__V1__Ticked *e = event;

    tally->ticks += e->times;
    for (size_t i = 0; i < e->n_points; i++)
        weir_assign(weir_list_add(&tally->n_points, &tally->points, &testing__v1__point__descriptor), e->points[i]);
}

static weir_status
ticked_once(const void *old, void *fresh, weir_error *err)
{
    Testing__V1__Ticked *e = fresh;

    (void)err;
    weir_assign(e, old);
    e->times = 1;
    return WEIR_OK;
}

static const weir_aggregate counter_aggregate = {
    .name = "counter",
    .key = "counter_id",
    .state = &testing__v1__counter__descriptor,
    .commands = { { &testing__v1__add__descriptor, add }, { &testing__v1__reset__descriptor, reset } },
    .events = { { &testing__v1__added__descriptor, added }, { &testing__v1__was_reset__descriptor, was_reset } },
};

static const weir_aggregate tally_aggregate = {
    .name = "tally",
    .key = "tally_id",
    .state = &testing__v1__tally__descriptor,
    .commands = { { &testing__v1__tick__descriptor, tick } },
    .events = { { &testing__v1__ticked__descriptor, ticked } },
};

const weir_module testing_module = {
    .abi = WEIR_ABI,
    .name = "testing",
    .aggregates = { &counter_aggregate, &tally_aggregate },
    .upcasts = { { &testing__v1__ticked_once__descriptor, &testing__v1__ticked__descriptor, ticked_once } },
};
