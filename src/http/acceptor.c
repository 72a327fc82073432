/* SPDX-License-Identifier: Apache-2.0
 * The loop ends when the listening socket has been shut down, which wakes accept and refuses what has not been accepted. */
#include "http/acceptor.h"
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAUSE_US = 10000 };

/* As many connections as there may be: says so, instead of leaving the client to wait for one that ends. */
static void
turn_away(weiri_http *http, int fd)
{
    static const char body[] = "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
                               "\"detail\":\"too many connections; try again later\"}";
    char text[512];
    int n = snprintf(text, sizeof text,
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n"
        "Content-Type: application/problem+json\r\nContent-Length: %zu\r\n\r\n%s",
        sizeof body - 1, body);

    atomic_fetch_add_explicit(&http->turned_away, 1, memory_order_relaxed);
    (void)!send(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)close(fd);
}

static void
run(void *argument)
{
    weiri_http *http = argument;

    while (!atomic_load(&http->refusing)) {
        struct sockaddr_storage from;
        socklen_t size = sizeof from;
        int fd = accept4(http->listen_fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno != EINTR && errno != ECONNABORTED) /* no descriptors or memory, or the end */
                (void)usleep(PAUSE_US);
            continue;
        }
        if (atomic_load(&http->connections) >= http->connections_most)
            turn_away(http, fd);
        else
            (void)MHD_add_connection(http->daemon, fd, (struct sockaddr *)&from, size); /* closes it when it fails */
    }
}

weir_status
weiri_acceptor_start(weiri_http *http, int fd, weir_error *err)
{
    http->listen_fd = fd;
    if (weiri_thread_start(&http->acceptor, "weir-accept", run, http) == WEIR_OK)
        return WEIR_OK;
    return weiri_error_set(err, WEIR_NO_MEMORY, "the thread that accepts connections could not be started");
}

void
weiri_acceptor_stop(weiri_http *http)
{
    if (!http->acceptor.running)
        return;
    atomic_store(&http->refusing, true);
    (void)shutdown(http->listen_fd, SHUT_RDWR);
    weiri_thread_join(&http->acceptor);
    (void)close(http->listen_fd);
}
