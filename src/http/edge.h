/* SPDX-License-Identifier: Apache-2.0
 * Who may ask, and how often: bearer tokens (RFC 6750) from a file, and a rate for each token, or each address where none is asked for.
 * Both are decided before a body is read. Tokens never leave this file of the program: not in a reply, not in an error. Thread: any. */
#ifndef WEIRI_EDGE_H
#define WEIRI_EDGE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

typedef struct weiri_edge weiri_edge;
struct weiri_request;

enum { WEIRI_TOKENS_MOST = 1024, WEIRI_RATE_SLOTS = 4096 };

/* `tokens`: a file with a line for each, NAME TOKEN [until 2027-01-31T00:00:00Z], and # comments; NULL or "": nobody needs one. `rate`:
 * requests a second, a burst is twice that; 0: as many as they like.
 * Owns: gives *ret_edge. Errors: IO, INVALID (with the line; a file that others may read). */
WEIR_MUST_USE weir_status weiri_edge_new(const char *tokens, uint32_t rate, weiri_edge **ret_edge, weir_error *err);
void weiri_edge_free(weiri_edge *edge); /* NULL is fine */

/* False: the request has its refusal (401, 429). The console's files, a module's pages, health and the list at / need no token. */
bool weiri_edge_admits(weiri_edge *edge, struct weiri_request *request);
uint64_t weiri_edge_refused(const weiri_edge *edge, bool rate);

#endif
