/* SPDX-License-Identifier: Apache-2.0
 * The router: reads what is durable in events and outcomes of each partition, in order, and sends what it asks for: commands of
 * processes, events to the processes that listen, rejections back to the process that sent. Everything it sends has the source
 * weir/LOG-ID/PARTITION/PROCESS and a sequence made of the record's own position, so the lane that receives it drops repeats for ever: how
 * far the router has got saves time, and nothing else rests on it. There is none in a module without processes.
 * Thread: its own; turn by turn in the simulator. */
#ifndef WEIRI_ROUTER_H
#define WEIRI_ROUTER_H

#include "command/command.h"

typedef struct weiri_router weiri_router;

enum { WEIRI_SEQUENCE_SHIFT = 20 }; /* sequence = (position of the command + 1) << this, + the event's index or the command's number */

weiri_router *weiri_router_new(weiri_commands *commands); /* of a module with processes */
WEIR_MUST_USE weir_status weiri_router_start(weiri_router *router);
/* Ends its thread. What it has sent may still be under way: its answers find nobody. */
void weiri_router_stop(weiri_router *router);
void weiri_router_free(weiri_router *router); /* NULL is fine; after all answers */
/* One turn: reads and sends, or sees that all that it sent is durable. True: it moved. Without its thread. */
bool weiri_router_turn(weiri_router *router);

/* Sends one command again, which a lane has held and released. Thread: any. */
void weiri_router_again(weiri_router *router, weiri_bytes source, uint64_t sequence);
/* True: it can't go on, and *ret_err says why; it tries again by itself. Thread: any. */
bool weiri_router_stands(weiri_router *router, weir_error *ret_err);

bool weiri_router_source_partition(weiri_bytes source, uint32_t *ret_partition); /* which it routes, of a router's */
/* Is `source` a router's of this log? *ret_aggregate: of the process, in the schema. */
bool weiri_router_source_process(const weiri_commands *commands, weiri_bytes source, size_t *ret_aggregate);

#endif
