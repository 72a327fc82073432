/* SPDX-License-Identifier: Apache-2.0
 * The quarantine: what is held there, and letting an aggregate out; and processes. The lanes are asked and waited for: on the pool's threads. */
#include "http/handlers.h"
#include "http/routes.h"

static bool
list(void *argument)
{
    weiri_request *request = argument;

    weiri_service_quarantine(request->http->service, &request->reply);
    weiri_request_ready(request);
    return true;
}

void
weiri_http_quarantine(weiri_request *request)
{
    static const char *const names[] = { NULL };

    if (weiri_http_parameters_known(request, names))
        weiri_request_run(request, list);
}

static bool
list_processes(void *argument)
{
    weiri_request *request = argument;

    weiri_service_processes(request->http->service, &request->reply);
    weiri_request_ready(request);
    return true;
}

void
weiri_http_processes(weiri_request *request)
{
    static const char *const names[] = { NULL };

    if (weiri_http_parameters_known(request, names))
        weiri_request_run(request, list_processes);
}

/* Only "true" sets it: the handler has refused whatever is neither. */
static bool
is_set(const weiri_request *request, const char *name)
{
    const char *value = weiri_target_pair(&request->target, name);

    return value != NULL && strcmp(value, "true") == 0;
}

static bool
show(void *argument)
{
    weiri_request *request = argument;

    weiri_service_held(request->http->service, request->parameters[0], request->parameters[1], is_set(request, "data"), &request->reply);
    weiri_request_ready(request);
    return true;
}

void
weiri_http_held(weiri_request *request)
{
    static const char *const names[] = { "data", NULL };
    bool data;

    if (weiri_http_parameters_known(request, names) && weiri_http_parameter_choice(request, "data", "false", "true", &data))
        weiri_request_run(request, show);
}

static bool
release(void *argument)
{
    weiri_request *request = argument;
    const char *reason = weiri_target_pair(&request->target, "reason");

    weiri_service_release(request->http->service, request->parameters[0], request->parameters[1], reason == NULL ? "" : reason,
        is_set(request, "discard"), &request->reply);
    weiri_request_ready(request);
    return true;
}

void
weiri_http_release(weiri_request *request)
{
    static const char *const names[] = { "reason", "discard", NULL };
    bool discard;

    if (weiri_http_parameters_known(request, names) && weiri_http_parameter_choice(request, "discard", "false", "true", &discard))
        weiri_request_run(request, release);
}
