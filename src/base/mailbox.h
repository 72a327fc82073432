/* SPDX-License-Identifier: Apache-2.0
 * A bounded mailbox of variable-sized items: many senders, one receiver that takes everything at once by swapping
 * two buffers. Items lie in order of sending, each at a multiple of 16 bytes. Senders: any thread; the receiver: one. */
#ifndef WEIRI_MAILBOX_H
#define WEIRI_MAILBOX_H

#include <stdbool.h>
#include "base/bytes.h"
#include "base/thread.h"

typedef struct weiri_mailbox {
    weiri_lock lock;
    weiri_buffer waiting; /* guarded by lock */
    size_t items;         /* guarded by lock */
    bool closed;          /* guarded by lock */
    size_t most_bytes, most_items;
    weiri_signal *arrived; /* borrowed: raised when something was sent; several mailboxes may share one */
    weiri_signal room;     /* raised when the receiver has taken */
} weiri_mailbox;

void weiri_mailbox_init(weiri_mailbox *mailbox, size_t most_bytes, size_t most_items, weiri_signal *arrived);
void weiri_mailbox_fini(weiri_mailbox *mailbox);

/* Sends one item made of `n` pieces, copied one behind the other. timeout_ms: wait so long for room (0: not at all;
 * -1: as long as it takes). Errors: BUSY (no room in time), CLOSED, NO_MEMORY (one with a limit: what is refused can come again;
 * one without, most_bytes SIZE_MAX, must take everything, and running out of memory ends the program). */
WEIR_MUST_USE weir_status weiri_mailbox_send(weiri_mailbox *mailbox, const weiri_bytes *pieces, size_t n, int64_t timeout_ms);

/* Refuses further sends with CLOSED; what is in it can still be taken. */
void weiri_mailbox_close(weiri_mailbox *mailbox);

/* Takes all items into `to`, which must be empty, and leaves its memory for the next ones. Returns their number. */
size_t weiri_mailbox_take(weiri_mailbox *mailbox, weiri_buffer *to);

/* What is waiting now, for metrics. */
void weiri_mailbox_size(weiri_mailbox *mailbox, size_t *ret_items, size_t *ret_bytes);

/* The item at *at in taken `items`; moves *at to the next. False at the end. */
bool weiri_mailbox_next(const weiri_buffer *items, size_t *at, weiri_bytes *ret_item);

#endif
