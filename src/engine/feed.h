/* SPDX-License-Identifier: Apache-2.0
 * The events of a log as JSON lines, from any log: a running engine's or one read beside it. Thread: any. */
#ifndef WEIRI_FEED_H
#define WEIRI_FEED_H

#include "engine/events.h"
#include "engine/service.h"
#include "log/log.h"
#include "message/schema.h"

/* A walk over the durable events of all partitions from a position on. */
typedef struct weiri_feed_walk {
    weiri_log *log;
    const weiri_schema *schema; /* NULL: events are written without data */
    const weiri_type_filter *filter;
    uint64_t *next;            /* a partition each, at most 64: where it goes on; moves past each event before it is written */
    uint64_t limit, look_most; /* events to write, and to look at */
    size_t bytes_most;         /* it ends when `to` has so many */
    weiri_buffer *to;
    weir_status (*write)(struct weiri_feed_walk *walk, const weiri_record *record, uint32_t partition, uint64_t offset, weir_error *err);
} weiri_feed_walk;
/* Errors: CORRUPT (only when nothing readable is left before the damage), IO, what `write` gives. */
WEIR_MUST_USE weir_status weiri_feed_walk_on(weiri_feed_walk *walk, weir_error *err);

/* A position of the event stream as text: NULL or "start" the beginning, "now" the durable end, or P=N,... ret_next: 64.
 * Errors: INVALID, with the code. */
#define WEIRI_FEED_START "start"
#define WEIRI_FEED_NOW "now"
WEIR_MUST_USE weir_status weiri_feed_position(
    weiri_log *log, const char *after, uint64_t *ret_next, const char **ret_code, weir_error *err);

/* As weiri_service_events. schema NULL: without data, and `types` are full names. */
void weiri_feed_read(weiri_log *log, const weiri_schema *schema, const char *types, const char *after, uint64_t limit, weiri_reply *reply);

#endif
