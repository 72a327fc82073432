/* SPDX-License-Identifier: Apache-2.0
 * An order: placed, confirmed when all of it is reserved, paid or cancelled, perhaps returned. Its reservations are fulfilment.c's. */
#include "shop.h"

enum { MOST_LINES = 100, MOST_QUANTITY = 1000000, MOST_CENTS = 1000000000 };

static weir_status
check_line(weir_decision *d, const Shop__V1__PlaceOrder *cmd, size_t i)
{
    const Shop__V1__Line *line = cmd->lines[i];

    if (line->sku[0] == '\0')
        return weir_reject(d, "no-sku", "line %zu names no article", i + 1);
    if (line->quantity <= 0 || line->quantity > MOST_QUANTITY)
        return weir_reject(d, "bad-quantity", "%" PRId64 " of %s", line->quantity, line->sku);
    if (line->price_cents <= 0 || line->price_cents > MOST_CENTS)
        return weir_reject(d, "bad-price", "%s for %" PRId64, line->sku, line->price_cents);
    for (size_t j = 0; j < i; j++)
        if (strcmp(line->sku, cmd->lines[j]->sku) == 0)
            return weir_reject(d, "same-sku", "%s stands in two lines", line->sku);
    return WEIR_OK;
}

static weir_status
place(weir_decision *d, const void *state, const void *command)
{
    const Shop__V1__PlaceOrder *cmd = command;
    (void)state;

    if (weir_version(d) > 0)
        return weir_reject(d, "exists", "order %s was placed before", weir_key(d));
    if (cmd->n_lines == 0 || cmd->n_lines > MOST_LINES)
        return weir_reject(d, "bad-lines", "an order has 1 to %d lines, not %zu", MOST_LINES, cmd->n_lines);
    for (size_t i = 0; i < cmd->n_lines; i++) {
        weir_status status = check_line(d, cmd, i);
        if (status != WEIR_OK)
            return status;
    }
    Shop__V1__OrderPlaced e = SHOP__V1__ORDER_PLACED__INIT;
    e.customer = cmd->customer;
    e.n_lines = cmd->n_lines;
    e.lines = cmd->lines;
    return weir_emit(d, &e.base);
}

static void
placed(void *state, const void *event)
{
    Shop__V1__Order *order = state;

    weir_assign(order, event);
    order->status = SHOP__V1__ORDER_STATUS__PLACED;
    for (size_t i = 0; i < order->n_lines; i++)
        order->total_cents += order->lines[i]->quantity * order->lines[i]->price_cents;
}

/* An order that was cancelled meanwhile stays cancelled: the process hears of that by the event. */
static weir_status
confirm(weir_decision *d, const void *state, const void *command)
{
    const Shop__V1__Order *order = state;
    (void)command;

    if (order->status == SHOP__V1__ORDER_STATUS__CANCELLED)
        return WEIR_OK;
    if (order->status != SHOP__V1__ORDER_STATUS__PLACED)
        return weir_reject(d, "not-placed", "order %s can't be confirmed now", weir_key(d));
    Shop__V1__OrderConfirmed e = SHOP__V1__ORDER_CONFIRMED__INIT;
    return weir_emit(d, &e.base);
}

static void
confirmed(void *state, const void *event)
{
    Shop__V1__Order *order = state;
    (void)event;
    order->status = SHOP__V1__ORDER_STATUS__CONFIRMED;
}

static weir_status
pay(weir_decision *d, const void *state, const void *command)
{
    const Shop__V1__Order *order = state;
    const Shop__V1__PayOrder *cmd = command;

    if (order->status != SHOP__V1__ORDER_STATUS__CONFIRMED)
        return weir_reject(d, "not-payable", "order %s can't be paid now", weir_key(d));
    if (cmd->amount_cents != order->total_cents)
        return weir_reject(d, "wrong-amount", "%" PRId64 " instead of %" PRId64, cmd->amount_cents, order->total_cents);
    Shop__V1__OrderPaid e = SHOP__V1__ORDER_PAID__INIT;
    e.amount_cents = cmd->amount_cents;
    return weir_emit(d, &e.base);
}

static void
paid(void *state, const void *event)
{
    Shop__V1__Order *order = state;
    (void)event;
    order->status = SHOP__V1__ORDER_STATUS__PAID;
}

static weir_status
give_up(weir_decision *d, char *reason)
{
    Shop__V1__OrderCancelled e = SHOP__V1__ORDER_CANCELLED__INIT;
    e.reason = reason;
    return weir_emit(d, &e.base);
}

static weir_status
cancel(weir_decision *d, const void *state, const void *command)
{
    const Shop__V1__Order *order = state;
    const Shop__V1__CancelOrder *cmd = command;

    if (order->status == SHOP__V1__ORDER_STATUS__CANCELLED)
        return WEIR_OK;
    if (order->status != SHOP__V1__ORDER_STATUS__PLACED && order->status != SHOP__V1__ORDER_STATUS__CONFIRMED)
        return weir_reject(d, "not-cancellable", "order %s can't be cancelled now", weir_key(d));
    return give_up(d, cmd->reason);
}

/* The time to pay is over; an order that was paid or cancelled meanwhile is none of it. */
static weir_status
expire(weir_decision *d, const void *state, const void *command)
{
    const Shop__V1__Order *order = state;
    static char reason[] = "unpaid";
    (void)command;

    return order->status == SHOP__V1__ORDER_STATUS__CONFIRMED ? give_up(d, reason) : WEIR_OK;
}

static void
cancelled(void *state, const void *event)
{
    Shop__V1__Order *order = state;
    (void)event;
    order->status = SHOP__V1__ORDER_STATUS__CANCELLED;
}

static weir_status
return_goods(weir_decision *d, const void *state, const void *command)
{
    const Shop__V1__Order *order = state;
    const Shop__V1__ReturnOrder *cmd = command;

    if (order->status != SHOP__V1__ORDER_STATUS__PAID)
        return weir_reject(d, "not-paid", "only an order that was paid can be returned");
    Shop__V1__OrderReturned e = SHOP__V1__ORDER_RETURNED__INIT;
    e.reason = cmd->reason;
    e.n_lines = order->n_lines;
    e.lines = order->lines;
    return weir_emit(d, &e.base);
}

static void
returned(void *state, const void *event)
{
    Shop__V1__Order *order = state;
    (void)event;
    order->status = SHOP__V1__ORDER_STATUS__RETURNED;
}

const weir_aggregate shop_order = {
    .name = "order", .key = "order_id", .state = &shop__v1__order__descriptor,
    .commands = {
        { &shop__v1__place_order__descriptor, place },
        { &shop__v1__confirm_order__descriptor, confirm },
        { &shop__v1__expire_order__descriptor, expire },
        { &shop__v1__pay_order__descriptor, pay },
        { &shop__v1__cancel_order__descriptor, cancel },
        { &shop__v1__return_order__descriptor, return_goods },
    },
    .events = {
        { &shop__v1__order_placed__descriptor, placed },
        { &shop__v1__order_confirmed__descriptor, confirmed },
        { &shop__v1__order_paid__descriptor, paid },
        { &shop__v1__order_cancelled__descriptor, cancelled },
        { &shop__v1__order_returned__descriptor, returned },
    },
};
