/* SPDX-License-Identifier: Apache-2.0
 * An account: its balance may go below zero as far as its overdraft limit. What has been booked stays booked, also when the limit
 * is lowered later; then only deposits are taken until the balance is within it again. */
#include "bank.h"

static weir_status
open_account(weir_decision *d, const void *state, const void *command)
{
    const Bank__V1__OpenAccount *cmd = command;
    (void)state;

    if (weir_version(d) > 0)
        return weir_reject(d, "exists", "account %s is open", weir_key(d));
    if (cmd->overdraft_cents < 0 || cmd->overdraft_cents > BANK_MOST_CENTS)
        return weir_reject(d, "bad-overdraft", "%" PRId64 " is no overdraft limit", cmd->overdraft_cents);
    Bank__V1__AccountOpened e = BANK__V1__ACCOUNT_OPENED__INIT;
    e.owner = cmd->owner;
    e.overdraft_cents = cmd->overdraft_cents;
    return weir_emit(d, &e.base);
}

static void
opened(void *state, const void *event)
{
    Bank__V1__Account *account = state;
    weir_assign(account, event);
    account->open = true;
}

static weir_status
change_overdraft(weir_decision *d, const void *state, const void *command)
{
    const Bank__V1__Account *account = state;
    const Bank__V1__ChangeOverdraft *cmd = command;

    if (!account->open)
        return weir_reject(d, "no-account", "there is no account %s", weir_key(d));
    if (cmd->overdraft_cents < 0 || cmd->overdraft_cents > BANK_MOST_CENTS)
        return weir_reject(d, "bad-overdraft", "%" PRId64 " is no overdraft limit", cmd->overdraft_cents);
    if (cmd->overdraft_cents == account->overdraft_cents)
        return WEIR_OK;
    Bank__V1__OverdraftChanged e = BANK__V1__OVERDRAFT_CHANGED__INIT;
    e.overdraft_cents = cmd->overdraft_cents;
    return weir_emit(d, &e.base);
}

static void
overdraft_changed(void *state, const void *event)
{
    weir_assign(state, event);
}

/* What deposits and withdrawals have in common: the account, the amount, the day. */
static weir_status
check_movement(weir_decision *d, const Bank__V1__Account *account, int64_t cents, int64_t booked_on_ms)
{
    if (!account->open)
        return weir_reject(d, "no-account", "there is no account %s", weir_key(d));
    if (cents <= 0 || cents > BANK_MOST_CENTS)
        return weir_reject(d, "bad-amount", "%" PRId64 " is no amount", cents);
    if (booked_on_ms > weir_time_ms(d))
        return weir_reject(d, "bad-day", "%" PRId64 " is still to come", booked_on_ms);
    return WEIR_OK;
}

static int64_t
booked_on(const weir_decision *d, int64_t wanted_ms)
{
    return wanted_ms == 0 ? weir_time_ms(d) : wanted_ms;
}

static weir_status
deposit(weir_decision *d, const void *state, const void *command)
{
    const Bank__V1__Account *account = state;
    const Bank__V1__Deposit *cmd = command;
    weir_status status = check_movement(d, account, cmd->cents, cmd->booked_on_ms);

    if (status != WEIR_OK)
        return status;
    if (account->balance_cents > BANK_MOST_CENTS - cmd->cents)
        return weir_reject(d, "too-much", "account %s can't hold so much", weir_key(d));
    Bank__V1__Deposited e = BANK__V1__DEPOSITED__INIT;
    e.cents = cmd->cents;
    e.text = cmd->text;
    e.booked_on_ms = booked_on(d, cmd->booked_on_ms);
    e.reference = cmd->reference;
    e.transfer_id = cmd->transfer_id;
    return weir_emit(d, &e.base);
}

static void
deposited(void *state, const void *event)
{
    Bank__V1__Account *account = state;
    const Bank__V1__Deposited *e = event;
    account->balance_cents += e->cents;
}

static weir_status
withdraw(weir_decision *d, const void *state, const void *command)
{
    const Bank__V1__Account *account = state;
    const Bank__V1__Withdraw *cmd = command;
    weir_status status = check_movement(d, account, cmd->cents, cmd->booked_on_ms);

    if (status != WEIR_OK)
        return status;
    if (cmd->cents > account->balance_cents + account->overdraft_cents)
        return weir_reject(d, "insufficient-funds", "the balance of %s is %" PRId64, weir_key(d), account->balance_cents);
    Bank__V1__Withdrawn e = BANK__V1__WITHDRAWN__INIT;
    e.cents = cmd->cents;
    e.text = cmd->text;
    e.booked_on_ms = booked_on(d, cmd->booked_on_ms);
    e.reference = cmd->reference;
    e.transfer_id = cmd->transfer_id;
    return weir_emit(d, &e.base);
}

static void
withdrawn(void *state, const void *event)
{
    Bank__V1__Account *account = state;
    const Bank__V1__Withdrawn *e = event;
    account->balance_cents -= e->cents;
}

const weir_aggregate bank_account = {
    .name = "account", .key = "account_id", .state = &bank__v1__account__descriptor,
    .commands = {
        { &bank__v1__open_account__descriptor, open_account },
        { &bank__v1__change_overdraft__descriptor, change_overdraft },
        { &bank__v1__deposit__descriptor, deposit },
        { &bank__v1__withdraw__descriptor, withdraw },
    },
    .events = {
        { &bank__v1__account_opened__descriptor, opened },
        { &bank__v1__overdraft_changed__descriptor, overdraft_changed },
        { &bank__v1__deposited__descriptor, deposited },
        { &bank__v1__withdrawn__descriptor, withdrawn },
    },
};
