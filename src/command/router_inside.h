/* SPDX-License-Identifier: Apache-2.0
 * The router from inside: reading (router.c) and sending (router_send.c). All of it belongs to its thread, but for what is marked. */
#ifndef WEIRI_ROUTER_INSIDE_H
#define WEIRI_ROUTER_INSIDE_H

#include <stdatomic.h>
#include "command/lane.h"
#include "command/router.h"

enum { WEIRI_SWEEP_MOST = 4096 }; /* commands of one partition's sweep */

typedef struct weiri_route_tail {
    weiri_topic topic;
    weiri_chunk chunk;
    weiri_record record;
    uint64_t offset, next; /* next: the first that has not been taken out of the chunk */
    bool have;             /* record is the one at next - 1, and has not been routed */
} weiri_route_tail;

typedef struct weiri_route {
    uint32_t partition;
    bool on;                   /* the lane is served here */
    uint32_t session;          /* the lane's when it was begun */
    weiri_route_tail tails[2]; /* events, outcomes */
    uint64_t begun[2];         /* their offsets when the sweep began */
    uint64_t reached;          /* what the sweep has routed: all before this position */
    uint64_t *positions;       /* by process */
} weiri_route;

struct weiri_router {
    weiri_commands *commands;
    size_t n; /* processes */
    uint32_t partitions;
    weiri_route *routes;
    uint64_t *last; /* (from, process, to): sequence of the last command sent; WEIRI_NO_OFFSET: not known */
    bool *opening;  /* by the same: the first one since nothing was known is under way, and alone, to see that it arrives */
    size_t n_opening;
    weiri_mailbox again; /* weiri_route_again each, any thread sends */
    weiri_signal nobody; /* the mailbox's: the thread sleeps on the log's signal */
    weiri_buffer taken;  /* out of the mailbox */
    weiri_route once;    /* of what is sent again */
    uint64_t only;       /* the one sequence that is sent; 0: all */
    size_t only_process;
    weir_error err;   /* of what has just failed, in words; "": there are none */
    weiri_lock lock;  /* guards words */
    weir_error words; /* why it stands still; "": it does not */
    bool sweeping;    /* sends of a sweep are under way, or their answers not seen */
    bool full;        /* a queue was: the sweep ended there */
    bool failed;      /* sending did: as `refused` */
    int64_t again_us; /* after a failure not before */
    bool **listens;   /* by type and process */
    weiri_buffer payload, headers;
    _Atomic uint64_t under_way; /* answers not come yet: the callback thread counts it down */
    _Atomic bool refused;       /* one of them was refused: the sweep begins again */
    _Atomic bool ending;
    weiri_thread thread;
};

typedef struct weiri_route_again { /* then the source's name */
    uint64_t sequence;
    uint32_t source_size, zero;
} weiri_route_again;

typedef struct weiri_route_item { /* one command to be sent */
    size_t process;
    const weiri_type *type;
    weiri_bytes key, payload;
    uint64_t sequence, source; /* source: of the record that it comes from */
    uint32_t index;
} weiri_route_item;

/* ---- router_send.c */
/* Sends it, unless it was sent before; headers are the router's. Errors: BUSY (no room now), others: the sweep has failed. */
WEIR_MUST_USE weir_status weiri_route_send(weiri_router *router, weiri_route *route, const weiri_route_item *item);
void weiri_route_forget(weiri_router *router, const weiri_route *route); /* what was sent, to be asked again */
void weiri_route_settle(weiri_router *router);                           /* what was sent in this sweep has been answered */
/* One record, for all processes that have not had it. Errors: as weiri_route_send; CORRUPT. */
WEIR_MUST_USE weir_status weiri_route_record(weiri_router *router, weiri_route *route, const weiri_record *record);

#endif
