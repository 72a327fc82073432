/* SPDX-License-Identifier: Apache-2.0
 * See the header. Reading stops after 20 s, so that a test fails instead of hanging. */
#include "http/test_client.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

void
test_client_open(test_client *client, uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = 20 };
    int yes = 1;

    client->size = client->used = 0;
    client->held = '\0';
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    (void)!connect(client->fd, (struct sockaddr *)&to, sizeof to); /* without one, sending fails */
}

void
test_client_close(test_client *client)
{
    (void)close(client->fd);
}

bool
test_client_send(test_client *client, const void *data, size_t size)
{
    while (size > 0) {
        ssize_t n = send(client->fd, data, size, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        data = (const char *)data + n;
        size -= (size_t)n;
    }
    return true;
}

static bool
receive(test_client *client)
{
    ssize_t n = recv(client->fd, client->text + client->size, sizeof client->text - 1 - client->size, 0);

    if (n <= 0)
        return false;
    client->size += (size_t)n;
    client->text[client->size] = '\0';
    return true;
}

bool
test_client_read(test_client *client, bool bodiless)
{
    char *end, length[32];

    if (client->used > 0) { /* what came behind the last reply is the beginning of this one */
        client->text[client->used] = client->held;
        memmove(client->text, client->text + client->used, client->size - client->used);
        client->size -= client->used;
        client->used = 0;
    }
    client->text[client->size] = '\0';
    while ((end = strstr(client->text, "\r\n\r\n")) == NULL)
        if (!receive(client))
            return false;
    client->status = atoi(client->text + 9);
    client->used = (size_t)(end - client->text) + 4;
    size_t header = client->used;
    if (!bodiless && client->status >= 200 && client->status != 204 && client->status != 304) {
        client->used = header + strtoul(test_client_header(client, "Content-Length", length, sizeof length), NULL, 10);
        while (client->size < client->used)
            if (!receive(client))
                return false;
    }
    client->body = client->text + header;
    client->held = client->text[client->used];
    client->text[client->used] = '\0';
    return true;
}

int
test_client_ask(test_client *client, const char *request)
{
    if (!test_client_send(client, request, strlen(request)) || !test_client_read(client, strncmp(request, "HEAD ", 5) == 0))
        return 0;
    return client->status;
}

const char *
test_client_header(const test_client *client, const char *name, char *to, size_t size)
{
    size_t length = strlen(name);

    to[0] = '\0';
    for (const char *at = strstr(client->text, "\r\n"); at != NULL && strncmp(at, "\r\n\r\n", 4) != 0; at = strstr(at + 2, "\r\n")) {
        if (strncasecmp(at + 2, name, length) != 0 || at[2 + length] != ':')
            continue;
        at += 3 + length;
        at += strspn(at, " ");
        (void)snprintf(to, size, "%.*s", (int)strcspn(at, "\r"), at);
        break;
    }
    return to;
}

bool
test_client_ended(test_client *client)
{
    char c;

    return recv(client->fd, &c, 1, 0) <= 0;
}
