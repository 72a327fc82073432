/* SPDX-License-Identifier: Apache-2.0
 * What the command side can tell: an aggregate's state, its history, outcomes, bulk sources, the event stream. Thread: HTTP; the event
 * stream is read on the pool's. */
#include "http/handlers.h"
#include <inttypes.h>

enum { HISTORY_LIMIT = 100, EVENTS_LIMIT = 1000, PAGE_MOST = 10000 };

void
weiri_http_state(weiri_request *request)
{
    static const char *const names[] = { "version", NULL };
    uint64_t version;

    if (weiri_http_parameters_known(request, names) && weiri_http_parameter_number(request, "version", 1, UINT64_MAX, 0, &version))
        weiri_service_state(request->http->service, request->parameters[0], request->parameters[1], version, weiri_request_done, request);
}

void
weiri_http_history(weiri_request *request)
{
    static const char *const names[] = { "after", "limit", "order", "states", NULL };
    weiri_history_call call = { .aggregate = request->parameters[0], .key = request->parameters[1] };

    if (weiri_http_parameters_known(request, names) && weiri_http_parameter_number(request, "after", 0, UINT64_MAX, 0, &call.after) &&
        weiri_http_parameter_number(request, "limit", 1, PAGE_MOST, HISTORY_LIMIT, &call.limit) &&
        weiri_http_parameter_choice(request, "order", "newest", "oldest", &call.oldest_first) &&
        weiri_http_parameter_choice(request, "states", "false", "true", &call.states))
        weiri_service_history(request->http->service, &call, weiri_request_done, request);
}

static const char *const no_parameters[] = { NULL };

void
weiri_http_outcome(weiri_request *request)
{
    if (weiri_http_parameters_known(request, no_parameters))
        weiri_service_outcome(
            request->http->service, request->parameters[0], request->parameters[1], request->parameters[2], weiri_request_done, request);
}

void
weiri_http_source(weiri_request *request)
{
    if (!weiri_http_parameters_known(request, no_parameters))
        return;
    weiri_service_source(request->http->service, request->parameters[0], &request->reply);
    weiri_request_ready(request);
}

static bool
read_events(void *argument)
{
    weiri_request *request = argument;
    const weiri_target *target = &request->target;

    weiri_service_events(
        request->http->service, weiri_target_pair(target, "types"), weiri_target_pair(target, "after"), request->limit, &request->reply);
    weiri_request_ready(request);
    return true;
}

void
weiri_http_events(weiri_request *request)
{
    static const char *const names[] = { "types", "after", "limit", NULL };

    if (weiri_feeds_wanted(request, "application/x-ndjson"))
        weiri_feeds_events(request);
    else if (weiri_http_parameters_known(request, names) &&
             weiri_http_parameter_number(request, "limit", 1, PAGE_MOST, EVENTS_LIMIT, &request->limit))
        weiri_request_run(request, read_events);
}
