/* SPDX-License-Identifier: Apache-2.0
 * Accepts connections on a thread of its own and hands them to libmicrohttpd. Not left to libmicrohttpd, whose way of ceasing to listen
 * (MHD_quiesce_daemon of 0.9.75) aborts the program now and then when its threads are busy: they and it take the socket out of the same
 * epoll set. Thread: start and stop from one. */
#ifndef WEIRI_ACCEPTOR_H
#define WEIRI_ACCEPTOR_H

#include "http/request.h"

/* Takes `fd`, a listening socket. Errors: NO_MEMORY (thread); then fd is the caller's still. */
WEIR_MUST_USE weir_status weiri_acceptor_start(weiri_http *http, int fd, weir_error *err);
void weiri_acceptor_stop(weiri_http *http); /* no connection is accepted after it; fine if it never started, or twice */

#endif
