/* SPDX-License-Identifier: Apache-2.0
 * The processes of an order. Fulfilment reserves every line, gives back what it got when one can't be had or the order is given up,
 * waits for the money, and ships. An instance ends only when each of its reservations has been answered and is shipped or given back.
 * Restocking puts the goods of a returned order back: one step, no memory. */
#include "shop.h"

enum { PAYMENT_MS = 30 * 60 * 1000 };

static void
release(weir_reaction *r, char *sku)
{
    Shop__V1__ReleaseStock c = SHOP__V1__RELEASE_STOCK__INIT;
    c.sku = sku;
    c.order_id = weir_instance(r);
    weir_send(r, &c.base);
}

/* Gives back all that is reserved; the instance stays until each reservation has been answered. */
static void
compensate(weir_reaction *r, Shop__V1__Fulfilment *f)
{
    f->failed = true;
    for (; f->n_reserved_skus > 0; weir_strings_remove(&f->n_reserved_skus, &f->reserved_skus, 0))
        release(r, f->reserved_skus[0]);
    if (f->waiting == 0)
        weir_finish(r);
}

static void
on_placed(weir_reaction *r, void *state, const void *event)
{
    Shop__V1__Fulfilment *f = state;
    const Shop__V1__OrderPlaced *e = event;

    weir_assign(f, e);
    f->waiting = (int64_t)e->n_lines;
    for (size_t i = 0; i < e->n_lines; i++) {
        Shop__V1__ReserveStock c = SHOP__V1__RESERVE_STOCK__INIT;
        c.sku = e->lines[i]->sku;
        c.order_id = e->order_id;
        c.quantity = e->lines[i]->quantity;
        weir_send(r, &c.base);
    }
}

static void
on_reserved(weir_reaction *r, void *state, const void *event)
{
    Shop__V1__Fulfilment *f = state;
    const Shop__V1__StockReserved *e = event;

    f->waiting--;
    weir_strings_add(&f->n_reserved_skus, &f->reserved_skus, e->sku);
    if (f->failed) {
        compensate(r, f);
    } else if (f->waiting == 0) {
        Shop__V1__ConfirmOrder c = SHOP__V1__CONFIRM_ORDER__INIT;
        c.order_id = e->order_id;
        weir_send(r, &c.base);
        weir_schedule(r, "payment", PAYMENT_MS);
    }
}

static void
on_not_reserved(weir_reaction *r, void *state, const void *command, const weir_rejection *why)
{
    Shop__V1__Fulfilment *f = state;
    (void)command;

    f->waiting--;
    if (!f->failed) {
        Shop__V1__CancelOrder c = SHOP__V1__CANCEL_ORDER__INIT;
        c.order_id = weir_instance(r);
        c.reason = why->code;
        weir_send(r, &c.base);
    }
    compensate(r, f);
}

static void
on_paid(weir_reaction *r, void *state, const void *event)
{
    Shop__V1__Fulfilment *f = state;
    const Shop__V1__OrderPaid *e = event;

    for (size_t i = 0; i < f->n_lines; i++) {
        Shop__V1__ShipStock c = SHOP__V1__SHIP_STOCK__INIT;
        c.sku = f->lines[i]->sku;
        c.order_id = e->order_id;
        weir_send(r, &c.base);
    }
    weir_finish(r);
}

static void
on_cancelled(weir_reaction *r, void *state, const void *event)
{
    (void)event;
    weir_unschedule(r, "payment");
    compensate(r, state);
}

static void
on_unpaid(weir_reaction *r, void *state)
{
    Shop__V1__ExpireOrder c = SHOP__V1__EXPIRE_ORDER__INIT;
    (void)state;

    c.order_id = weir_instance(r);
    weir_send(r, &c.base);
}

const weir_process shop_fulfilment = {
    .name = "fulfilment", .key = "order_id", .state = &shop__v1__fulfilment__descriptor,
    .starts = { { &shop__v1__order_placed__descriptor, on_placed } },
    .events = {
        { &shop__v1__stock_reserved__descriptor, on_reserved },
        { &shop__v1__order_paid__descriptor, on_paid },
        { &shop__v1__order_cancelled__descriptor, on_cancelled },
    },
    .rejections = { { &shop__v1__reserve_stock__descriptor, on_not_reserved } },
    .timers = { { "payment", on_unpaid } },
};

static void
on_returned(weir_reaction *r, void *state, const void *event)
{
    const Shop__V1__OrderReturned *e = event;
    (void)state;

    for (size_t i = 0; i < e->n_lines; i++) {
        Shop__V1__TakeBackStock c = SHOP__V1__TAKE_BACK_STOCK__INIT;
        c.sku = e->lines[i]->sku;
        c.order_id = e->order_id;
        c.quantity = e->lines[i]->quantity;
        weir_send(r, &c.base);
    }
    weir_finish(r);
}

const weir_process shop_restocking = {
    .name = "restocking",
    .key = "order_id",
    .starts = { { &shop__v1__order_returned__descriptor, on_returned } },
};
