/* SPDX-License-Identifier: Apache-2.0
 * A duplicate of the descriptor holds the socket; libmicrohttpd has sent its reply and shut its side down. One job of the pool each, in
 * short slices. */
#include "http/linger.h"
#include "base/memory.h"
#include "base/world.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLICE_MS = 20, SLICE_READS = 64 };

typedef struct lingering {
    weiri_http *http;
    int fd;
    size_t discarded;
    int64_t until_us;
} lingering;

/* False: the client has ended, or has sent too much. */
static bool
discard(lingering *l)
{
    char bytes[16384];

    for (int i = 0; i < SLICE_READS; i++) {
        ssize_t n = recv(l->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        l->discarded += (size_t)n;
        if (n == 0 || l->discarded > WEIRI_DISCARD_MOST)
            return false;
    }
    return true;
}

static bool
run(void *argument)
{
    lingering *l = argument;
    weiri_http *http = l->http;
    struct pollfd readable = { .fd = l->fd, .events = POLLIN };

    (void)poll(&readable, 1, SLICE_MS);
    if (discard(l) && !atomic_load(&http->stopping) && weiri_world_real.monotonic_us(&weiri_world_real) < l->until_us)
        return false;
    (void)close(l->fd);
    weiri_release(l);
    atomic_fetch_sub(&http->lingering, 1);
    return true;
}

void
weiri_linger(weiri_http *http, int fd)
{
    if (atomic_fetch_add(&http->lingering, 1) < WEIRI_LINGER_MOST) {
        lingering *l = weiri_allocate(sizeof *l);
        *l = (lingering){ http, fcntl(fd, F_DUPFD_CLOEXEC, 0), 0,
            weiri_world_real.monotonic_us(&weiri_world_real) + WEIRI_LINGER_MS * (int64_t)1000 };
        if (l->fd >= 0 && weiri_pool_run(http->pool, run, l))
            return;
        if (l->fd >= 0)
            (void)close(l->fd);
        weiri_release(l);
    }
    atomic_fetch_sub(&http->lingering, 1);
}
