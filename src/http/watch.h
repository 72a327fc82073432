/* SPDX-License-Identifier: Apache-2.0
 * Connections whose client takes too long in all, though something moves now and then: libmicrohttpd's own limit begins anew with every
 * byte. A thread looks once a second at the time by which each must be further, and shuts down those that aren't. The list of connections
 * is guarded by its lock; each one's time is written by its HTTP thread. */
#ifndef WEIRI_HTTP_WATCH_H
#define WEIRI_HTTP_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include "base/error.h"
#include "base/thread.h"

enum {
    WEIRI_WATCH_GRACE_S = 10,         /* for a head, beyond the seconds that a connection may lie idle */
    WEIRI_WATCH_BYTES_A_S = 16 << 10, /* that a body must bring, and a reply must be taken in, in the long run */
};

typedef struct weiri_watched {
    struct weiri_watched *next, *previous; /* guarded by the watch's lock */
    int fd;
    int64_t since_s;
    _Atomic int64_t until_s; /* 0: the client is not the one to wait for */
} weiri_watched;

typedef struct weiri_watch {
    int64_t idle_s;
    weiri_lock lock;
    weiri_watched head; /* guarded by lock: a ring */
    _Atomic int64_t now_s;
    _Atomic uint64_t cut; /* connections shut down */
    _Atomic bool stopping;
    weiri_signal changed;
    weiri_thread thread;
} weiri_watch;

WEIR_MUST_USE weir_status weiri_watch_start(weiri_watch *watch, int64_t idle_s, weir_error *err);
/* All connections are gone. Fine if it was never started. */
void weiri_watch_stop(weiri_watch *watch);

void weiri_watch_add(weiri_watch *watch, weiri_watched *connection, int fd);
void weiri_watch_remove(weiri_watch *watch, weiri_watched *connection); /* before its descriptor is closed */

/* From now on: a head is due; a body; a reply is being taken; none of these. */
void weiri_watch_head(weiri_watch *watch, weiri_watched *connection);
void weiri_watch_bytes(weiri_watch *watch, weiri_watched *connection);
void weiri_watch_nothing(weiri_watched *connection);
/* So many bytes of the body have come, or are in the reply. */
void weiri_watch_allow(weiri_watch *watch, weiri_watched *connection, uint64_t bytes);

#endif
