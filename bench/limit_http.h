/* SPDX-License-Identifier: Apache-2.0
 * Bare servers of the same HTTP library, and the client that loads them and weir alike. */
#ifndef BENCH_LIMIT_HTTP_H
#define BENCH_LIMIT_HTTP_H

#include <stdint.h>

typedef struct bare_server bare_server;
/* Suspends each request, syncs 4 KB once a batch on another thread, resumes and answers a constant. */
bare_server *bare_commands_start(unsigned threads);
/* Runs one prepared statement of a SQLite file on a connection a thread, and answers its row as JSON. */
bare_server *bare_queries_start(unsigned threads, const char *database);
uint16_t bare_server_port(const bare_server *server);
void bare_server_stop(bare_server *server);

/* Sends `requests` over `connections` kept-alive connections, one in flight on each. `make` writes the i-th request. Requests a second;
 * ends the program when an answer is not 200. */
typedef unsigned http_make_fn(void *context, unsigned i, char *to, unsigned size);
double http_load(uint16_t port, unsigned connections, unsigned requests, http_make_fn *make, void *context);

#endif
