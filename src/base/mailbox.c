/* SPDX-License-Identifier: Apache-2.0
 * The mailbox: a lock is held for one copy; the receiver swaps buffers and works without it.
 * Item: size_t size, padding to 16 bytes, the bytes, padding to 16. */
#include "base/mailbox.h"
#include "base/world.h"

enum { ITEM_ALIGN = 16 };

static size_t
aligned(size_t size)
{
    return (size + ITEM_ALIGN - 1) & ~(size_t)(ITEM_ALIGN - 1);
}

void
weiri_mailbox_init(weiri_mailbox *mailbox, size_t most_bytes, size_t most_items, weiri_signal *arrived)
{
    *mailbox = (weiri_mailbox){ .most_bytes = most_bytes, .most_items = most_items, .arrived = arrived };
    weiri_lock_init(&mailbox->lock);
    weiri_signal_init(&mailbox->room);
}

void
weiri_mailbox_fini(weiri_mailbox *mailbox)
{
    weiri_buffer_fini(&mailbox->waiting);
    weiri_signal_fini(&mailbox->room);
    weiri_lock_fini(&mailbox->lock);
}

static weir_status
try_send(weiri_mailbox *mailbox, const weiri_bytes *pieces, size_t n, size_t size)
{
    weir_status status = WEIR_OK;

    weiri_lock_take(&mailbox->lock);
    if (mailbox->closed)
        status = WEIR_CLOSED;
    else if (mailbox->items > 0 && (mailbox->items >= mailbox->most_items || mailbox->waiting.size + size > mailbox->most_bytes))
        status = WEIR_BUSY;
    else if (mailbox->most_bytes != SIZE_MAX && !weiri_buffer_try_reserve(&mailbox->waiting, ITEM_ALIGN + aligned(size)))
        status = WEIR_NO_MEMORY;
    else {
        uint8_t *at = weiri_buffer_extend(&mailbox->waiting, ITEM_ALIGN + aligned(size));
        memcpy(at, &size, sizeof size);
        at += ITEM_ALIGN;
        for (size_t i = 0; i < n; i++) {
            if (pieces[i].size > 0)
                memcpy(at, pieces[i].data, pieces[i].size);
            at += pieces[i].size;
        }
        mailbox->items++;
    }
    weiri_lock_give(&mailbox->lock);
    return status;
}

weir_status
weiri_mailbox_send(weiri_mailbox *mailbox, const weiri_bytes *pieces, size_t n, int64_t timeout_ms)
{
    size_t size = 0;
    const weiri_world *world = &weiri_world_real;
    int64_t until_us = timeout_ms > 0 ? world->monotonic_us(world) + timeout_ms * 1000 : 0;

    for (size_t i = 0; i < n; i++)
        size += pieces[i].size;
    for (;;) {
        uint64_t seen = weiri_signal_count(&mailbox->room);
        weir_status status = try_send(mailbox, pieces, n, size);
        if (status == WEIR_OK)
            weiri_signal_raise(mailbox->arrived);
        if (status != WEIR_BUSY || timeout_ms == 0)
            return status;
        int64_t left_ms = timeout_ms < 0 ? -1 : (until_us - world->monotonic_us(world) + 999) / 1000;
        if (timeout_ms > 0 && left_ms <= 0)
            return status;
        (void)weiri_signal_wait(&mailbox->room, seen, left_ms);
    }
}

void
weiri_mailbox_close(weiri_mailbox *mailbox)
{
    weiri_lock_take(&mailbox->lock);
    mailbox->closed = true;
    weiri_lock_give(&mailbox->lock);
    weiri_signal_raise(&mailbox->room);
    weiri_signal_raise(mailbox->arrived);
}

size_t
weiri_mailbox_take(weiri_mailbox *mailbox, weiri_buffer *to)
{
    weiri_lock_take(&mailbox->lock);
    weiri_buffer taken = mailbox->waiting;
    size_t items = mailbox->items;
    mailbox->waiting = *to;
    mailbox->items = 0;
    weiri_lock_give(&mailbox->lock);
    *to = taken;
    if (items > 0)
        weiri_signal_raise(&mailbox->room);
    return items;
}

void
weiri_mailbox_size(weiri_mailbox *mailbox, size_t *ret_items, size_t *ret_bytes)
{
    weiri_lock_take(&mailbox->lock);
    *ret_items = mailbox->items;
    *ret_bytes = mailbox->waiting.size;
    weiri_lock_give(&mailbox->lock);
}

bool
weiri_mailbox_next(const weiri_buffer *items, size_t *at, weiri_bytes *ret_item)
{
    size_t size;

    if (*at >= items->size)
        return false;
    memcpy(&size, items->data + *at, sizeof size);
    *ret_item = (weiri_bytes){ items->data + *at + ITEM_ALIGN, size };
    *at += ITEM_ALIGN + aligned(size);
    return true;
}
