/* SPDX-License-Identifier: Apache-2.0
 * A bare HTTP client for tests: sends bytes as they are, and reads one reply by its Content-Length. Thread: one a connection. */
#ifndef TEST_CLIENT_H
#define TEST_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEST_REPLY_MOST = 64 << 10 };

typedef struct test_client {
    int fd;
    size_t size;                /* bytes in text */
    char text[TEST_REPLY_MOST]; /* of the last reply, headers and body, NUL at its end; and what came behind it */
    size_t used;                /* of these, the last reply's */
    int status;
    const char *body;
    char held; /* the byte that the NUL stands for */
} test_client;

void test_client_open(test_client *client, uint16_t port);
void test_client_close(test_client *client);
bool test_client_send(test_client *client, const void *data, size_t size);
/* The next reply; false: the connection ended before it was whole. `bodiless`: of a HEAD. */
bool test_client_read(test_client *client, bool bodiless);
/* Sends a request's text and reads its reply; its status, or 0. */
int test_client_ask(test_client *client, const char *request);
/* A value of a header of the last reply, copied to `to`; "" without it. */
const char *test_client_header(const test_client *client, const char *name, char *to, size_t size);
bool test_client_ended(test_client *client); /* the server has closed it */

#endif
