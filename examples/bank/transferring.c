/* SPDX-License-Identifier: Apache-2.0
 * Moves a transfer's money: a debit, then a credit. A credit that is refused is given back to where it came from, and a refund
 * that is refused is tried again every hour, for money must not stay between two accounts. */
#include "bank.h"

enum { REFUND_MS = 60 * 60 * 1000 };

static void
give_up(weir_reaction *r, char *reason)
{
    Bank__V1__FailTransfer c = BANK__V1__FAIL_TRANSFER__INIT;
    c.transfer_id = weir_instance(r);
    c.reason = reason;
    weir_send(r, &c.base);
    weir_finish(r);
}

static void
credit(weir_reaction *r, char *account_id, int64_t cents, char *text)
{
    Bank__V1__Deposit c = BANK__V1__DEPOSIT__INIT;
    c.account_id = account_id;
    c.cents = cents;
    c.text = text;
    c.transfer_id = weir_instance(r);
    weir_send(r, &c.base);
}

static void
refund(weir_reaction *r, const Bank__V1__Transferring *t)
{
    static char text[] = "refund";
    credit(r, t->from_account, t->cents, text);
}

static void
on_requested(weir_reaction *r, void *state, const void *event)
{
    const Bank__V1__TransferRequested *e = event;

    weir_assign(state, e);
    Bank__V1__Withdraw c = BANK__V1__WITHDRAW__INIT;
    c.account_id = e->from_account;
    c.cents = e->cents;
    c.text = e->text;
    c.transfer_id = e->transfer_id;
    weir_send(r, &c.base);
}

static void
on_withdrawn(weir_reaction *r, void *state, const void *event)
{
    Bank__V1__Transferring *t = state;
    (void)event;

    if (t->stage != BANK__V1__TRANSFERRING__STAGE__DEBIT)
        return;
    t->stage = BANK__V1__TRANSFERRING__STAGE__CREDIT;
    credit(r, t->to_account, t->cents, t->text);
}

static void
on_deposited(weir_reaction *r, void *state, const void *event)
{
    Bank__V1__Transferring *t = state;
    (void)event;

    if (t->stage == BANK__V1__TRANSFERRING__STAGE__DEBIT)
        return;
    if (t->stage == BANK__V1__TRANSFERRING__STAGE__REFUND) {
        give_up(r, t->reason);
        return;
    }
    Bank__V1__CompleteTransfer c = BANK__V1__COMPLETE_TRANSFER__INIT;
    c.transfer_id = weir_instance(r);
    weir_send(r, &c.base);
    weir_finish(r);
}

static void
on_not_withdrawn(weir_reaction *r, void *state, const void *command, const weir_rejection *why)
{
    (void)state;
    (void)command;
    give_up(r, why->code);
}

static void
on_not_deposited(weir_reaction *r, void *state, const void *command, const weir_rejection *why)
{
    Bank__V1__Transferring *t = state;
    (void)command;

    if (t->stage == BANK__V1__TRANSFERRING__STAGE__REFUND) {
        weir_schedule(r, "refund", REFUND_MS);
        return;
    }
    t->stage = BANK__V1__TRANSFERRING__STAGE__REFUND;
    weir_string_set(&t->reason, why->code);
    refund(r, t);
}

static void
on_refund_due(weir_reaction *r, void *state)
{
    refund(r, state);
}

const weir_process bank_transferring = {
    .name = "transferring", .key = "transfer_id", .state = &bank__v1__transferring__descriptor,
    .starts = { { &bank__v1__transfer_requested__descriptor, on_requested } },
    .events = {
        { &bank__v1__withdrawn__descriptor, on_withdrawn },
        { &bank__v1__deposited__descriptor, on_deposited },
    },
    .rejections = {
        { &bank__v1__withdraw__descriptor, on_not_withdrawn },
        { &bank__v1__deposit__descriptor, on_not_deposited },
    },
    .timers = { { "refund", on_refund_due } },
};
