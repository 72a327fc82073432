/* SPDX-License-Identifier: Apache-2.0
 * Opens the socket itself rather than leaving it to libmicrohttpd, so that each failure can be told in its own words. */
#include "http/listen.h"
#include "base/text.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

static weir_status
split(const char *address, char *host, size_t room, const char **ret_port, weir_error *err)
{
    const char *colon = strrchr(address, ':');
    uint64_t port;

    if (colon == NULL || !weiri_text_to_uint64(colon + 1, &port) || port > UINT16_MAX)
        return weiri_error_set(err, WEIR_INVALID, "'%s' is not HOST:PORT, as 127.0.0.1:8080", address);
    size_t size = (size_t)(colon - address);
    if (size >= 2 && address[0] == '[' && colon[-1] == ']') {
        address++;
        size -= 2;
    } else if (memchr(address, ':', size) != NULL) {
        return weiri_error_set(err, WEIR_INVALID, "'%s': an IPv6 address stands in brackets, as [::1]:8080", address);
    }
    if (size == 0) {
        address = "127.0.0.1";
        size = strlen(address);
    }
    if (size >= room)
        return weiri_error_set(err, WEIR_INVALID, "'%s' is too long for a host", address);
    memcpy(host, address, size);
    host[size] = '\0';
    *ret_port = colon + 1;
    return WEIR_OK;
}

static weir_status
explain(const char *address, int error, weir_error *err)
{
    switch (error) {
    case EADDRINUSE:
        return weiri_error_set(err, WEIR_IO, "%s is taken by another program; choose another with --listen", address);
    case EACCES:
        return weiri_error_set(err, WEIR_IO, "%s: ports below 1024 are for root; choose another with --listen", address);
    case EADDRNOTAVAIL:
        return weiri_error_set(err, WEIR_IO, "%s: this machine has no such address; choose another with --listen", address);
    default:
        return weiri_error_set(err, WEIR_IO, "%s: %s", address, strerror(error));
    }
}

static uint16_t
port_of(int fd)
{
    struct sockaddr_storage name = { 0 };
    socklen_t size = sizeof name;

    if (getsockname(fd, (struct sockaddr *)&name, &size) != 0)
        return 0;
    return ntohs(name.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&name)->sin6_port : ((struct sockaddr_in *)&name)->sin_port);
}

weir_status
weiri_listen(const char *address, int *ret_fd, uint16_t *ret_port, weir_error *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *found = NULL;
    char host[256];
    const char *port = NULL;
    int yes = 1, fd = -1;
    weir_status status = split(address, host, sizeof host, &port, err);

    if (status != WEIR_OK)
        return status;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0)
        return weiri_error_set(err, WEIR_INVALID, "'%s': %s", address, gai_strerror(error));
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0); /* accept waits */
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 || bind(fd, found->ai_addr, found->ai_addrlen) != 0 ||
        listen(fd, BACKLOG) != 0) {
        status = explain(address, errno, err);
        goto out;
    }
    *ret_port = port_of(fd);
    *ret_fd = fd;
    fd = -1;
out:
    if (fd >= 0)
        (void)close(fd);
    freeaddrinfo(found);
    return status;
}
