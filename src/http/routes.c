/* SPDX-License-Identifier: Apache-2.0
 * Matching walks the table from top to bottom: three dozen rows, each told apart by its number of segments or its first one. */
#include "http/routes.h"
#include "http/handlers.h"
#include <stdio.h>

const weiri_route weiri_routes[] = {
    { "POST", "/commands/{type}", weiri_http_command, WEIRI_ROUTE_COMMAND, "send one command of this type" },
    { "POST", "/commands", weiri_http_commands, WEIRI_ROUTE_BATCH, "send many: a JSON array or one a line", true },
    { "GET", "/views/{view}/{table}", weiri_http_table, WEIRI_ROUTE_NO_BODY,
        "rows of a view's table, filtered: ?column=lt.5&order=column.desc&limit=20", true },
    { "GET", "/views/{view}/queries/{name}", weiri_http_query, WEIRI_ROUTE_NO_BODY, "a named query of a view with its parameters", true },
    { "GET", "/views/{view}/changes", weiri_http_changes, WEIRI_ROUTE_NO_BODY, "live: the view has moved (Server-Sent Events)" },
    { "POST", "/views/{view}/rebuild", weiri_http_rebuild, WEIRI_ROUTE_NO_BODY, "build a view anew from the events" },
    { "GET", "/views", weiri_http_views, WEIRI_ROUTE_NO_BODY, "every view: tables, queries, position, lag" },
    { "GET", "/aggregates/{name}/{key}", weiri_http_state, WEIRI_ROUTE_NO_BODY, "an aggregate's state; ?version=N for an earlier one" },
    { "GET", "/aggregates/{name}/{key}/events", weiri_http_history, WEIRI_ROUTE_NO_BODY,
        "its history: ?order=newest|oldest&after=VERSION&limit=N&states=true", true },
    { "GET", "/aggregates/{name}/{key}/commands/{id}", weiri_http_outcome, WEIRI_ROUTE_NO_BODY,
        "what became of a command sent with this id" },
    { "GET", "/sources/{name}", weiri_http_source, WEIRI_ROUTE_NO_BODY, "how far a bulk source has got" },
    { "GET", "/quarantine", weiri_http_quarantine, WEIRI_ROUTE_NO_BODY, "aggregates that take no commands, since one ended the process" },
    { "GET", "/quarantine/{aggregate}/{key}", weiri_http_held, WEIRI_ROUTE_NO_BODY, "what is held of one; ?data=true with what it says" },
    { "POST", "/quarantine/{aggregate}/{key}/release", weiri_http_release, WEIRI_ROUTE_NO_BODY,
        "let it take commands again: ?reason=TEXT&discard=true" },
    { "GET", "/processes", weiri_http_processes, WEIRI_ROUTE_NO_BODY,
        "processes, their pending timers, and rejections that none of them heard" },
    { "GET", "/letters", weiri_http_letters, WEIRI_ROUTE_NO_BODY, "events that views could not take, and those discarded" },
    { "GET", "/letters/{view}", weiri_http_letters, WEIRI_ROUTE_NO_BODY, "those of one view" },
    { "GET", "/letters/{view}/{event}", weiri_http_letter, WEIRI_ROUTE_NO_BODY, "one of them, with what the event says" },
    { "POST", "/letters/{view}/retry", weiri_http_letter_retry, WEIRI_ROUTE_NO_BODY, "try all again that a view has parked" },
    { "POST", "/letters/{view}/{event}/retry", weiri_http_letter_retry, WEIRI_ROUTE_NO_BODY,
        "try again what is parked with the key of this event" },
    { "POST", "/letters/{view}/{event}/discard", weiri_http_letter_discard, WEIRI_ROUTE_NO_BODY,
        "leave an event out for ever: ?reason=TEXT&who=NAME" },
    { "GET", "/events", weiri_http_events, WEIRI_ROUTE_NO_BODY, "the event stream, one a line: ?types=A,B&after=POSITION&limit=N", true },
    { "GET", "/types", weiri_http_types, WEIRI_ROUTE_NO_BODY, "the messages and their fields" },
    { "GET", "/info", weiri_http_info, WEIRI_ROUTE_NO_BODY, "the module, its log and where its data lies" },
    { "GET", "/metrics", weiri_http_metrics, WEIRI_ROUTE_NO_BODY, "for Prometheus" },
    { "GET", "/health/live", weiri_http_live, WEIRI_ROUTE_NO_BODY, "200 while the engine runs" },
    { "GET", "/health/ready", weiri_http_ready, WEIRI_ROUTE_NO_BODY, "200 when it takes commands" },
    { "GET", "/openapi.json", weiri_http_later, WEIRI_ROUTE_NO_BODY, NULL },
    { "GET", "/app/...", weiri_http_later, WEIRI_ROUTE_NO_BODY, NULL },
    { "GET", "/app", weiri_http_later, WEIRI_ROUTE_NO_BODY, NULL },
    { "GET", "/", weiri_http_root, WEIRI_ROUTE_NO_BODY, "this list" },
    { NULL, NULL, NULL, WEIRI_ROUTE_NO_BODY, NULL, false },
};

/* A fixed segment counts more than a parameter: /views/v/changes is not a table. */
static bool
path_matches(const weiri_target *target, const char *path, const char **parameters, size_t *ret_fixed)
{
    size_t fixed = 0, n = 0, i = 0;
    const char *at = path + 1;

    if (target->n_segments > 0 && target->segments[0][0] != *at) /* settles most rows; none begins with a parameter */
        return false;
    for (; *at != '\0'; i++) {
        size_t size = strcspn(at, "/");
        if (strcmp(at, "...") == 0) {
            *ret_fixed = fixed;
            return true;
        }
        if (i >= target->n_segments)
            return false;
        if (at[0] == '{') {
            if (target->segments[i][0] == '\0')
                return false;
            parameters[n++] = target->segments[i];
        } else {
            if (strncmp(target->segments[i], at, size) != 0 || target->segments[i][size] != '\0')
                return false;
            fixed++;
        }
        at += size + (at[size] == '/');
    }
    *ret_fixed = fixed;
    return i == target->n_segments;
}

static void
allow(weiri_request *request, const char *methods)
{
    if (strstr(request->allow_text, methods) == NULL) {
        size_t used = strlen(request->allow_text);
        (void)snprintf(request->allow_text + used, sizeof request->allow_text - used, "%s%s", used > 0 ? ", " : "", methods);
    }
    request->allow = request->allow_text;
}

const weiri_route *
weiri_route_find(weiri_request *request, const char *method)
{
    const weiri_route *best = NULL;
    size_t best_fixed = 0;

    request->allow = NULL;
    request->allow_text[0] = '\0';
    for (const weiri_route *route = weiri_routes; route->method != NULL; route++) {
        const char *parameters[3] = { NULL, NULL, NULL };
        size_t fixed;
        if (!path_matches(&request->target, route->path, parameters, &fixed))
            continue;
        if (strcmp(route->method, method) != 0 && !(strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0)) {
            allow(request, strcmp(route->method, "GET") == 0 ? "GET, HEAD" : route->method);
            continue;
        }
        if (best == NULL || fixed > best_fixed) {
            best = route;
            best_fixed = fixed;
            memcpy(request->parameters, parameters, sizeof parameters);
        }
    }
    if (best != NULL)
        request->allow = NULL;
    else if (request->allow != NULL)
        allow(request, "OPTIONS");
    return best;
}
