/* SPDX-License-Identifier: Apache-2.0
 * The table of what may be asked: method, path, function. Thread: any. */
#ifndef WEIRI_ROUTES_H
#define WEIRI_ROUTES_H

#include "http/request.h"

typedef enum weiri_route_body { WEIRI_ROUTE_NO_BODY, WEIRI_ROUTE_COMMAND, WEIRI_ROUTE_BATCH } weiri_route_body;

typedef struct weiri_route {
    const char *method; /* a GET answers HEAD too */
    const char *path;   /* "/views/{view}/rebuild": {...} is one segment that is not empty; "/app/..." whatever follows */
    weiri_handler *handler;
    weiri_route_body body;
    const char *what; /* for the listing; NULL: not listed */
    bool large;       /* its reply may be */
    /* For /openapi.json: "name:type name" of the query; what its reply is (openapi.c), with 200 and with 202. */
    const char *query, *reply, *accepted;
} weiri_route;

/* Ends with a row whose method is NULL. */
extern const weiri_route weiri_routes[];

/* The route of a method and a parsed path, its parameters in request->parameters. NULL: request->allow names the methods of a path that
 * is there, or is NULL where there is no such path. */
const weiri_route *weiri_route_find(weiri_request *request, const char *method);

#endif
