/* SPDX-License-Identifier: Apache-2.0
 * Dead letters of views: shown, tried again, discarded. A database is read and a lane waited for: on the pool's threads. */
#include "http/handlers.h"
#include "http/routes.h"

static const char *const no_parameters[] = { NULL };

static bool
list(void *argument)
{
    weiri_request *request = argument;

    weiri_service_letters(request->http->service, request->parameters[0], &request->reply);
    weiri_request_ready(request);
    return true;
}

void
weiri_http_letters(weiri_request *request)
{
    if (weiri_http_parameters_known(request, no_parameters))
        weiri_request_run(request, list);
}

static bool
show(void *argument)
{
    weiri_request *request = argument;

    weiri_service_letter(request->http->service, request->parameters[0], request->parameters[1], &request->reply);
    weiri_request_ready(request);
    return true;
}

void
weiri_http_letter(weiri_request *request)
{
    if (weiri_http_parameters_known(request, no_parameters))
        weiri_request_run(request, show);
}

static bool
retry(void *argument)
{
    weiri_request *request = argument;

    weiri_service_letter_retry(request->http->service, request->parameters[0], request->parameters[1], &request->reply);
    weiri_request_ready(request);
    return true;
}

void
weiri_http_letter_retry(weiri_request *request)
{
    if (weiri_http_parameters_known(request, no_parameters))
        weiri_request_run(request, retry);
}

static bool
discard(void *argument)
{
    weiri_request *request = argument;
    const weiri_letter_call call = { .view = request->parameters[0],
        .event = request->parameters[1],
        .reason = weiri_target_pair(&request->target, "reason"),
        .who = weiri_target_pair(&request->target, "who") };

    weiri_service_letter_discard(request->http->service, &call, &request->reply);
    weiri_request_ready(request);
    return true;
}

void
weiri_http_letter_discard(weiri_request *request)
{
    static const char *const names[] = { "reason", "who", NULL };

    if (weiri_http_parameters_known(request, names))
        weiri_request_run(request, discard);
}
