/* SPDX-License-Identifier: Apache-2.0
 * The client of the HTTP figures: one thread, one epoll, kept-alive connections, one request in flight on each. */
#include "figures.h"
#include "limit_http.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLY_MOST = 8192 };

typedef struct connection {
    int fd;
    char reply[REPLY_MOST];
    unsigned got;
} connection;

typedef struct load {
    http_make_fn *make;
    void *context;
    unsigned sent, answered, requests;
} load;

static void
send_next(load *l, connection *c)
{
    char request[2048];

    if (l->sent == l->requests)
        return;
    unsigned size = l->make(l->context, l->sent++, request, sizeof request);
    if (send(c->fd, request, size, MSG_NOSIGNAL) != (ssize_t)size)
        bench_fail("a request can't be sent: %s", strerror(errno));
}

/* True when the reply is whole. */
static bool
whole(const connection *c)
{
    const char *end = memmem(c->reply, c->got, "\r\n\r\n", 4);

    if (end == NULL)
        return false;
    const char *length = strcasestr(c->reply, "content-length:");
    if (length == NULL || length > end)
        bench_fail("a reply without Content-Length: %.200s", c->reply);
    return c->got >= (unsigned)(end + 4 - c->reply) + (unsigned)strtoul(length + 15, NULL, 10);
}

static void
receive(load *l, connection *c)
{
    ssize_t n = recv(c->fd, c->reply + c->got, sizeof c->reply - 1 - c->got, 0);

    if (n <= 0)
        bench_fail("the server closed a connection");
    c->got += (unsigned)n;
    c->reply[c->got] = '\0';
    if (!whole(c))
        return;
    if (strncmp(c->reply, "HTTP/1.1 200", 12) != 0)
        bench_fail("not 200: %.400s", c->reply);
    c->got = 0;
    l->answered++;
    send_next(l, c);
}

static int
connect_to(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        bench_fail("nothing answers at port %u: %s", port, strerror(errno));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

double
http_load(uint16_t port, unsigned connections, unsigned requests, http_make_fn *make, void *context)
{
    load l = { .make = make, .context = context, .requests = requests };
    connection *all = calloc(connections, sizeof *all);
    int poll = epoll_create1(0);
    struct epoll_event events[64];

    for (unsigned i = 0; i < connections; i++) {
        all[i].fd = connect_to(port);
        struct epoll_event wanted = { .events = EPOLLIN, .data.ptr = &all[i] };
        (void)epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &wanted);
    }
    int64_t began = bench_now_ns();
    for (unsigned i = 0; i < connections; i++)
        send_next(&l, &all[i]);
    while (l.answered < requests) {
        int n = epoll_wait(poll, events, 64, 10000);
        if (n == 0)
            bench_fail("no answer for ten seconds: %u of %u", l.answered, requests);
        for (int i = 0; i < n; i++)
            receive(&l, events[i].data.ptr);
    }
    int64_t took = bench_now_ns() - began;
    for (unsigned i = 0; i < connections; i++)
        close(all[i].fd);
    close(poll);
    free(all);
    return requests * 1e9 / (double)took;
}
