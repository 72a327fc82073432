/* SPDX-License-Identifier: Apache-2.0
 * The socket that the server listens on, and why there is none. Thread: any. */
#ifndef WEIRI_LISTEN_H
#define WEIRI_LISTEN_H

#include <stdint.h>
#include "base/error.h"

/* `address` is HOST:PORT, [IPV6]:PORT or :PORT (127.0.0.1). Gives a listening socket that blocks. Errors: INVALID (not an address, no such host),
 * IO (taken, not allowed, not of this machine). */
WEIR_MUST_USE weir_status weiri_listen(const char *address, int *ret_fd, uint16_t *ret_port, weir_error *err);

#endif
