/* SPDX-License-Identifier: Apache-2.0
 * The stock of one article: what is on hand, what is reserved for which order, and how much was sold and has not come back. What has been
 * received is the sum of the three, always. */
#include "shop.h"

static weir_status
receive(weir_decision *d, const void *state, const void *command)
{
    const Shop__V1__ReceiveStock *cmd = command;
    (void)state;

    if (cmd->quantity <= 0)
        return weir_reject(d, "bad-quantity", "%" PRId64 " of %s can't be received", cmd->quantity, weir_key(d));
    Shop__V1__StockReceived e = SHOP__V1__STOCK_RECEIVED__INIT;
    e.quantity = cmd->quantity;
    return weir_emit(d, &e.base);
}

static void
received(void *state, const void *event)
{
    Shop__V1__Stock *stock = state;
    const Shop__V1__StockReceived *e = event;
    stock->on_hand += e->quantity;
}

static char *
customer(const Shop__V1__RecordSale *cmd)
{
    static char nobody[] = "";
    return strcmp(cmd->customer_id, "0.0") == 0 ? nobody : cmd->customer_id;
}

static weir_status
give_back(weir_decision *d, const Shop__V1__Stock *stock, const Shop__V1__RecordSale *cmd)
{
    if (-cmd->quantity > stock->sold)
        return weir_reject(d, "never-sold", "%" PRId64 " of %s come back, %" PRId64 " were sold", -cmd->quantity, weir_key(d), stock->sold);
    Shop__V1__StockReturned e = SHOP__V1__STOCK_RETURNED__INIT;
    e.invoice_no = cmd->invoice_no;
    e.description = cmd->description;
    e.quantity = -cmd->quantity;
    e.unit_price_cents = cmd->unit_price_cents;
    e.sold_at_ms = cmd->sold_at_ms;
    e.customer_id = customer(cmd);
    e.country = cmd->country;
    return weir_emit(d, &e.base);
}

/* One line of an invoice. A cancellation's number begins with C and its quantity is below zero. */
static weir_status
record_sale(weir_decision *d, const void *state, const void *command)
{
    const Shop__V1__Stock *stock = state;
    const Shop__V1__RecordSale *cmd = command;
    bool cancellation = cmd->invoice_no[0] == 'C';

    if (cmd->quantity == 0 || cmd->quantity == INT64_MIN || (cmd->quantity < 0) != cancellation)
        return weir_reject(d, "bad-quantity", "%" PRId64 " on invoice %s", cmd->quantity, cmd->invoice_no);
    if (cmd->unit_price_cents == 0)
        return weir_reject(d, "no-price", "%s costs nothing on invoice %s", weir_key(d), cmd->invoice_no);
    if (cancellation)
        return give_back(d, stock, cmd);
    if (cmd->quantity > stock->on_hand)
        return weir_reject(d, "out-of-stock", "%" PRId64 " of %s wanted, %" PRId64 " on hand", cmd->quantity, weir_key(d), stock->on_hand);
    Shop__V1__StockSold e = SHOP__V1__STOCK_SOLD__INIT;
    e.invoice_no = cmd->invoice_no;
    e.description = cmd->description;
    e.quantity = cmd->quantity;
    e.unit_price_cents = cmd->unit_price_cents;
    e.sold_at_ms = cmd->sold_at_ms;
    e.customer_id = customer(cmd);
    e.country = cmd->country;
    return weir_emit(d, &e.base);
}

static void
sold(void *state, const void *event)
{
    Shop__V1__Stock *stock = state;
    const Shop__V1__StockSold *e = event;
    stock->on_hand -= e->quantity;
    stock->sold += e->quantity;
}

static void
returned(void *state, const void *event)
{
    Shop__V1__Stock *stock = state;
    const Shop__V1__StockReturned *e = event;
    stock->on_hand += e->quantity;
    stock->sold -= e->quantity;
}

/* ---- orders ------------------------------------------------------------------------------------------- */

static size_t
find(const Shop__V1__Stock *stock, const char *order_id)
{
    size_t i = 0;
    while (i < stock->n_reservations && strcmp(stock->reservations[i]->order_id, order_id) != 0)
        i++;
    return i;
}

static weir_status
reserve(weir_decision *d, const void *state, const void *command)
{
    const Shop__V1__Stock *stock = state;
    const Shop__V1__ReserveStock *cmd = command;

    if (cmd->quantity <= 0)
        return weir_reject(d, "bad-quantity", "%" PRId64 " of %s can't be reserved", cmd->quantity, weir_key(d));
    if (find(stock, cmd->order_id) < stock->n_reservations)
        return weir_reject(d, "reserved-before", "order %s has some of %s", cmd->order_id, weir_key(d));
    if (cmd->quantity > stock->on_hand)
        return weir_reject(d, "out-of-stock", "%" PRId64 " of %s wanted, %" PRId64 " on hand", cmd->quantity, weir_key(d), stock->on_hand);
    Shop__V1__StockReserved e = SHOP__V1__STOCK_RESERVED__INIT;
    e.order_id = cmd->order_id;
    e.quantity = cmd->quantity;
    return weir_emit(d, &e.base);
}

static void
reserved(void *state, const void *event)
{
    Shop__V1__Stock *stock = state;
    const Shop__V1__StockReserved *e = event;

    weir_assign(weir_list_add(&stock->n_reservations, &stock->reservations, &shop__v1__reservation__descriptor), e);
    stock->on_hand -= e->quantity;
    stock->reserved += e->quantity;
}

/* Whoever gives up an order need not know what it has. */
static weir_status
release(weir_decision *d, const void *state, const void *command)
{
    const Shop__V1__Stock *stock = state;
    const Shop__V1__ReleaseStock *cmd = command;
    size_t i = find(stock, cmd->order_id);

    if (i == stock->n_reservations)
        return WEIR_OK;
    Shop__V1__StockReleased e = SHOP__V1__STOCK_RELEASED__INIT;
    e.order_id = cmd->order_id;
    e.quantity = stock->reservations[i]->quantity;
    return weir_emit(d, &e.base);
}

static void
released(void *state, const void *event)
{
    Shop__V1__Stock *stock = state;
    const Shop__V1__StockReleased *e = event;

    weir_list_remove(&stock->n_reservations, &stock->reservations, find(stock, e->order_id));
    stock->reserved -= e->quantity;
    stock->on_hand += e->quantity;
}

static weir_status
ship(weir_decision *d, const void *state, const void *command)
{
    const Shop__V1__Stock *stock = state;
    const Shop__V1__ShipStock *cmd = command;
    size_t i = find(stock, cmd->order_id);

    if (i == stock->n_reservations)
        return weir_reject(d, "not-reserved", "order %s has none of %s", cmd->order_id, weir_key(d));
    Shop__V1__StockShipped e = SHOP__V1__STOCK_SHIPPED__INIT;
    e.order_id = cmd->order_id;
    e.quantity = stock->reservations[i]->quantity;
    return weir_emit(d, &e.base);
}

static void
shipped(void *state, const void *event)
{
    Shop__V1__Stock *stock = state;
    const Shop__V1__StockShipped *e = event;

    weir_list_remove(&stock->n_reservations, &stock->reservations, find(stock, e->order_id));
    stock->reserved -= e->quantity;
    stock->sold += e->quantity;
}

static weir_status
take_back(weir_decision *d, const void *state, const void *command)
{
    const Shop__V1__Stock *stock = state;
    const Shop__V1__TakeBackStock *cmd = command;

    if (cmd->quantity <= 0 || cmd->quantity > stock->sold)
        return weir_reject(d, "never-sold", "%" PRId64 " of %s come back, %" PRId64 " were sold", cmd->quantity, weir_key(d), stock->sold);
    Shop__V1__StockTakenBack e = SHOP__V1__STOCK_TAKEN_BACK__INIT;
    e.order_id = cmd->order_id;
    e.quantity = cmd->quantity;
    return weir_emit(d, &e.base);
}

static void
taken_back(void *state, const void *event)
{
    Shop__V1__Stock *stock = state;
    const Shop__V1__StockTakenBack *e = event;
    stock->sold -= e->quantity;
    stock->on_hand += e->quantity;
}

const weir_aggregate shop_stock = {
    .name = "stock", .key = "sku", .state = &shop__v1__stock__descriptor,
    .commands = {
        { &shop__v1__receive_stock__descriptor, receive },
        { &shop__v1__record_sale__descriptor, record_sale },
        { &shop__v1__reserve_stock__descriptor, reserve },
        { &shop__v1__release_stock__descriptor, release },
        { &shop__v1__ship_stock__descriptor, ship },
        { &shop__v1__take_back_stock__descriptor, take_back },
    },
    .events = {
        { &shop__v1__stock_received__descriptor, received },
        { &shop__v1__stock_sold__descriptor, sold },
        { &shop__v1__stock_returned__descriptor, returned },
        { &shop__v1__stock_reserved__descriptor, reserved },
        { &shop__v1__stock_released__descriptor, released },
        { &shop__v1__stock_shipped__descriptor, shipped },
        { &shop__v1__stock_taken_back__descriptor, taken_back },
    },
};
