/* SPDX-License-Identifier: Apache-2.0
 * The events of a log as JSON lines, from any log: a running engine's or one read beside it. Thread: any. */
#ifndef WEIRI_FEED_H
#define WEIRI_FEED_H

#include "engine/service.h"
#include "log/log.h"
#include "message/schema.h"

/* As weiri_service_events. schema NULL: without data, and `types` are full names. */
void weiri_feed_read(weiri_log *log, const weiri_schema *schema, const char *types, const char *after, uint64_t limit, weiri_reply *reply);

#endif
