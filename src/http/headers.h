/* SPDX-License-Identifier: Apache-2.0
 * Collects the headers that weir reads in one walk over the request's. Thread: the connection's HTTP thread. */
#ifndef WEIRI_HEADERS_H
#define WEIRI_HEADERS_H

#include "http/request.h"

/* Fills request->headers. Errors: INVALID: a header twice that may come once; a Prefer that is malformed. */
WEIR_MUST_USE weir_status weiri_headers_collect(weiri_request *request, weir_error *err);

#endif
