/* SPDX-License-Identifier: Apache-2.0
 * A refused request's body that is still on its way. Closing a socket with bytes unread resets the connection, and a client that is still
 * sending then never reads why it was refused. So the socket stays for a while, and what comes is thrown away. Thread: HTTP and the pool's. */
#ifndef WEIRI_LINGER_H
#define WEIRI_LINGER_H

#include "http/request.h"

enum { WEIRI_LINGER_MS = 5000, WEIRI_LINGER_MOST = 64 };

/* Keeps the connection of `fd`, which libmicrohttpd is about to close, until the client ends it, has sent WEIRI_DISCARD_MOST or has had
 * WEIRI_LINGER_MS. Beyond WEIRI_LINGER_MOST of them it does nothing. */
void weiri_linger(weiri_http *http, int fd);

#endif
