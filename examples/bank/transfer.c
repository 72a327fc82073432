/* SPDX-License-Identifier: Apache-2.0
 * A transfer as its customer sees it: requested once, and completed or failed once. Who moves the money is transferring.c. */
#include "bank.h"
#include <string.h>

static weir_status
request(weir_decision *d, const void *state, const void *command)
{
    const Bank__V1__RequestTransfer *cmd = command;
    (void)state;

    if (weir_version(d) > 0)
        return weir_reject(d, "exists", "transfer %s was requested before", weir_key(d));
    if (cmd->cents <= 0 || cmd->cents > BANK_MOST_CENTS)
        return weir_reject(d, "bad-amount", "%" PRId64 " is no amount", cmd->cents);
    if (cmd->from_account[0] == '\0' || cmd->to_account[0] == '\0')
        return weir_reject(d, "no-account", "a transfer goes from one account to another");
    if (strcmp(cmd->from_account, cmd->to_account) == 0)
        return weir_reject(d, "same-account", "%s is on both sides", cmd->from_account);
    Bank__V1__TransferRequested e = BANK__V1__TRANSFER_REQUESTED__INIT;
    e.from_account = cmd->from_account;
    e.to_account = cmd->to_account;
    e.cents = cmd->cents;
    e.text = cmd->text;
    return weir_emit(d, &e.base);
}

static void
requested(void *state, const void *event)
{
    Bank__V1__Transfer *transfer = state;
    (void)event;
    transfer->status = BANK__V1__TRANSFER__STATUS__REQUESTED;
}

static weir_status
complete(weir_decision *d, const void *state, const void *command)
{
    const Bank__V1__Transfer *transfer = state;
    (void)command;

    if (transfer->status != BANK__V1__TRANSFER__STATUS__REQUESTED)
        return weir_reject(d, "not-open", "transfer %s is not under way", weir_key(d));
    Bank__V1__TransferCompleted e = BANK__V1__TRANSFER_COMPLETED__INIT;
    return weir_emit(d, &e.base);
}

static void
completed(void *state, const void *event)
{
    Bank__V1__Transfer *transfer = state;
    (void)event;
    transfer->status = BANK__V1__TRANSFER__STATUS__COMPLETED;
}

static weir_status
fail(weir_decision *d, const void *state, const void *command)
{
    const Bank__V1__Transfer *transfer = state;
    const Bank__V1__FailTransfer *cmd = command;

    if (transfer->status != BANK__V1__TRANSFER__STATUS__REQUESTED)
        return weir_reject(d, "not-open", "transfer %s is not under way", weir_key(d));
    Bank__V1__TransferFailed e = BANK__V1__TRANSFER_FAILED__INIT;
    e.reason = cmd->reason;
    return weir_emit(d, &e.base);
}

static void
failed(void *state, const void *event)
{
    Bank__V1__Transfer *transfer = state;
    weir_assign(transfer, event);
    transfer->status = BANK__V1__TRANSFER__STATUS__FAILED;
}

const weir_aggregate bank_transfer = {
    .name = "transfer", .key = "transfer_id", .state = &bank__v1__transfer__descriptor,
    .commands = {
        { &bank__v1__request_transfer__descriptor, request },
        { &bank__v1__complete_transfer__descriptor, complete },
        { &bank__v1__fail_transfer__descriptor, fail },
    },
    .events = {
        { &bank__v1__transfer_requested__descriptor, requested },
        { &bank__v1__transfer_completed__descriptor, completed },
        { &bank__v1__transfer_failed__descriptor, failed },
    },
};
