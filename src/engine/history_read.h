/* SPDX-License-Identifier: Apache-2.0
 * An aggregate's state at a version and pages of its history, from any log: a running engine's or one read beside it.
 * Thread: one at a time. */
#ifndef WEIRI_HISTORY_READ_H
#define WEIRI_HISTORY_READ_H

#include "engine/past.h"
#include "engine/service.h"
#include "message/schema.h"

typedef struct weiri_history_of {
    weiri_past_of past;
    const weiri_schema *schema; /* NULL: events are shown without their data, and there are no states */
    uint16_t aggregate;         /* its index in the schema */
} weiri_history_of;

enum { WEIRI_PAGE_FALLBACK = 100, WEIRI_PAGE_MOST = 10000 };

typedef struct weiri_page {
    uint64_t after, limit; /* limit: 0 is WEIRI_PAGE_FALLBACK, above WEIRI_PAGE_MOST is that */
    bool oldest_first, states;
} weiri_page;

/* {"aggregate", "key", "version", "state"}. Errors: NOT_FOUND (no such version yet), CORRUPT, IO, INVALID. */
WEIR_MUST_USE weir_status weiri_history_read_state(
    const weiri_history_of *of, weiri_finder *finder, uint64_t version, weiri_reply *reply, weir_error *err);
/* {"aggregate", "key", "version", "events": [...], "next"}: next is the `after` of the page behind it, absent in the last. */
WEIR_MUST_USE weir_status weiri_history_read_page(
    const weiri_history_of *of, weiri_finder *finder, const weiri_page *page, weiri_reply *reply, weir_error *err);

/* The whole answer of a state. */
void weiri_state_write(weiri_reply *reply, const weiri_schema *schema, const char *aggregate, const char *key, uint64_t version,
    const ProtobufCMessage *state);

#endif
