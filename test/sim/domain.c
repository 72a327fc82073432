/* SPDX-License-Identifier: Apache-2.0
 * The rules of the simulated domain, over the tests' messages: decisions that depend on the state, of one to three events, of
 * none, rejections, and a command that ends the process. */
#include <weir/weir.h>
#include "base/assert.h"
#include "base/hash.h"
#include "sim.h"
#include "testing.pb-c.h"

/* The process ends here, in decide. The attempt file counts, and so does the simulator. */
static void
die(const char *key)
{
    const weiri_lane *lane = &sim_now->commands->lanes[weiri_partition_of(weiri_bytes_of(key), sim_now->partitions)];
    uint64_t command = atomic_load(lane->attempt);
    sim_attempt *attempt = sim_now->attempts;

    while (attempt->command != command && attempt->command != 0)
        weiri_assert(++attempt < sim_now->attempts + SIM_ATTEMPTS);
    attempt->command = command;
    if (attempt->kills++ == 2)
        sim_fail(sim_now, "a command of counter %s is decided again, after it has ended the process twice", key);
    weiri_assert(sim_now->may_die);
    longjmp(sim_now->death, 1);
}

static weir_status
add(weir_decision *d, const void *state, const void *command)
{
    const Testing__V1__Counter *counter = state;
    const Testing__V1__Add *cmd = command;
    weir_status status = WEIR_OK;

    if (cmd->amount == SIM_POISON)
        die(weir_key(d));
    if (cmd->amount < 0)
        return weir_reject(d, "negative", "a sum must not be negative");
    if (counter->total + cmd->amount > SIM_TOTAL_MOST)
        return weir_reject(d, "too-much", "it is at %lld", (long long)counter->total);
    for (int64_t n = 0; cmd->amount > 0 && n <= cmd->amount % 3; n++) {
        Testing__V1__Added e = TESTING__V1__ADDED__INIT;
        e.amount = cmd->amount + n;
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
    (void)state;
    (void)command;
    Testing__V1__Ticked e = TESTING__V1__TICKED__INIT;
    e.times = 1;
    return weir_emit(d, &e.base);
}

static void
ticked(void *state, const void *event)
{
    Testing__V1__Tally *tally = state;
    const Testing__V1__Ticked *e = event;

    tally->ticks += e->times;
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

const weir_module sim_module = { .abi = WEIR_ABI, .name = "sim", .aggregates = { &counter_aggregate, &tally_aggregate } };
const char *const sim_keys[SIM_KEYS] = { "1", "2", "3", "4", "5", "6" }; /* a tally's is a number */
const char *const sim_aggregate_names[SIM_AGGREGATES] = { "counter", "tally" };
const char *const sim_source_names[SIM_SOURCES] = { "file", "feed" };
