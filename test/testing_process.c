/* SPDX-License-Identifier: Apache-2.0
 * The rules of the tests' domain with processes. */
#include "testing_process.h"
#include <inttypes.h>
#include <string.h>

/* ---- purses ------------------------------------------------------------------------------------------------ */

static weir_status
put(weir_decision *d, const void *state, const void *command)
{
    const Testing__V1__Purse *purse = state;
    const Testing__V1__Put *cmd = command;

    if (strcmp(weir_key(d), "locked") == 0)
        return weir_reject(d, "locked", "nothing goes into %s", weir_key(d));
    if (purse->coins + cmd->coins > 1000)
        return weir_reject(d, "full", "%s has %" PRId64, weir_key(d), purse->coins);
    Testing__V1__CoinsPut e = TESTING__V1__COINS_PUT__INIT;
    e.coins = cmd->coins;
    e.move_id = cmd->move_id;
    e.loop_id = cmd->loop_id;
    return weir_emit(d, &e.base);
}

static void
was_put(void *state, const void *event)
{
    Testing__V1__Purse *purse = state;
    const Testing__V1__CoinsPut *e = event;

    purse->coins += e->coins;
    purse->changes++;
}

static weir_status
take(weir_decision *d, const void *state, const void *command)
{
    const Testing__V1__Purse *purse = state;
    const Testing__V1__Take *cmd = command;

    if (purse->coins < cmd->coins)
        return weir_reject(d, "too-few", "%s has %" PRId64, weir_key(d), purse->coins);
    Testing__V1__CoinsTaken e = TESTING__V1__COINS_TAKEN__INIT;
    e.coins = cmd->coins;
    e.move_id = cmd->move_id;
    return weir_emit(d, &e.base);
}

static void
was_taken(void *state, const void *event)
{
    Testing__V1__Purse *purse = state;
    const Testing__V1__CoinsTaken *e = event;

    purse->coins -= e->coins;
    purse->changes++;
}

static const weir_aggregate purse_aggregate = {
    .name = "purse",
    .key = "purse_id",
    .state = &testing__v1__purse__descriptor,
    .commands = { { &testing__v1__put__descriptor, put }, { &testing__v1__take__descriptor, take } },
    .events = { { &testing__v1__coins_put__descriptor, was_put }, { &testing__v1__coins_taken__descriptor, was_taken } },
};

/* ---- moves -------------------------------------------------------------------------------------------------- */

static weir_status
request(weir_decision *d, const void *state, const void *command)
{
    const Testing__V1__RequestMove *cmd = command;

    if (weir_version(d) > 0)
        return weir_reject(d, "exists", "%s was requested before", weir_key(d));
    Testing__V1__MoveRequested e = TESTING__V1__MOVE_REQUESTED__INIT;
    e.from = cmd->from;
    e.to = cmd->to;
    e.coins = cmd->coins;
    e.patience_ms = cmd->patience_ms;
    (void)state;
    return weir_emit(d, &e.base);
}

static weir_status
close_move(weir_decision *d, const void *state, const void *command)
{
    const Testing__V1__Move *move = state;
    const Testing__V1__CloseMove *cmd = command;

    if (move->closed > 0)
        return weir_reject(d, "closed", "%s is closed: %s", weir_key(d), move->how);
    Testing__V1__MoveClosed e = TESTING__V1__MOVE_CLOSED__INIT;
    e.how = cmd->how;
    return weir_emit(d, &e.base);
}

static void
was_closed(void *state, const void *event)
{
    Testing__V1__Move *move = state;

    weir_assign(move, event);
    move->closed++;
}

static const weir_aggregate move_aggregate = {
    .name = "move",
    .key = "move_id",
    .state = &testing__v1__move__descriptor,
    .commands = { { &testing__v1__request_move__descriptor, request }, { &testing__v1__close_move__descriptor, close_move } },
    .events = { { &testing__v1__move_requested__descriptor, NULL }, { &testing__v1__move_closed__descriptor, was_closed } },
};

/* ---- moving ------------------------------------------------------------------------------------------------- */

static void
close_and_finish(weir_reaction *r, char *how)
{
    Testing__V1__CloseMove c = TESTING__V1__CLOSE_MOVE__INIT;

    c.move_id = weir_instance(r);
    c.how = how;
    (void)weir_send(r, &c.base);
    weir_finish(r);
}

static void
put_into(weir_reaction *r, char *purse, int64_t coins)
{
    Testing__V1__Put c = TESTING__V1__PUT__INIT;

    c.purse_id = purse;
    c.coins = coins;
    c.move_id = weir_instance(r);
    (void)weir_send(r, &c.base);
}

static void
on_requested(weir_reaction *r, void *state, const void *event)
{
    const Testing__V1__MoveRequested *e = event;
    Testing__V1__Take c = TESTING__V1__TAKE__INIT;
    Testing__V1__Tick undeclared = TESTING__V1__TICK__INIT;

    weir_assign(state, e);
    if (e->patience_ms > 0)
        (void)weir_schedule(r, "patience", e->patience_ms);
    if (strcmp(e->from, "nobody") == 0)
        return;
    if (strcmp(e->from, "mistake-timer") == 0)
        (void)weir_schedule(r, "patince", 1000);
    if (strcmp(e->from, "mistake-send") == 0)
        (void)weir_send(r, &undeclared.base);
    c.purse_id = strcmp(e->from, "mistake-key") == 0 ? (char *)(uintptr_t) "" : e->from;
    c.coins = e->coins;
    c.move_id = weir_instance(r);
    (void)weir_send(r, &c.base);
}

static void
on_taken(weir_reaction *r, void *state, const void *event)
{
    Testing__V1__Moving *m = state;

    m->taken = true;
    weir_unschedule(r, "patience");
    put_into(r, m->to, m->coins);
    (void)event;
}

static void
on_put(weir_reaction *r, void *state, const void *event)
{
    const Testing__V1__Moving *m = state;

    (void)event;
    close_and_finish(r, m->refunding ? m->reason : (char *)(uintptr_t) "done");
}

static void
on_not_taken(weir_reaction *r, void *state, const void *command, const weir_rejection *why)
{
    (void)state;
    (void)command;
    close_and_finish(r, why->code);
}

static void
on_not_put(weir_reaction *r, void *state, const void *command, const weir_rejection *why)
{
    Testing__V1__Moving *m = state;

    (void)command;
    m->refunding = true;
    weir_string_set(&m->reason, why->code);
    put_into(r, m->from, m->coins);
}

static void
on_impatient(weir_reaction *r, void *state)
{
    Testing__V1__Moving *m = state;

    if (strcmp(m->to, "remind") == 0 && m->reminders++ < 3) {
        (void)weir_schedule(r, "patience", m->patience_ms);
        return;
    }
    close_and_finish(r, (char *)(uintptr_t) "late");
}

static const weir_process moving = {
    .name = "moving",
    .key = "move_id",
    .state = &testing__v1__moving__descriptor,
    .starts = { { &testing__v1__move_requested__descriptor, on_requested } },
    .events = { { &testing__v1__coins_taken__descriptor, on_taken }, { &testing__v1__coins_put__descriptor, on_put } },
    .rejections = { { &testing__v1__take__descriptor, on_not_taken }, { &testing__v1__put__descriptor, on_not_put } },
    .timers = { { "patience", on_impatient } },
};

static void
on_coins(weir_reaction *r, void *state, const void *event)
{
    const Testing__V1__CoinsPut *e = event;
    Testing__V1__Put c = TESTING__V1__PUT__INIT;

    (void)state;
    c.purse_id = e->purse_id;
    c.coins = 1;
    c.loop_id = e->loop_id;
    (void)weir_send(r, &c.base);
}

static const weir_process looping = {
    .name = "looping",
    .key = "loop_id",
    .starts = { { &testing__v1__coins_put__descriptor, on_coins } },
};

const weir_module testing_process_module = {
    .abi = WEIR_ABI,
    .name = "purses",
    .aggregates = { &purse_aggregate, &move_aggregate },
    .processes = { &moving, &looping },
};
