/* SPDX-License-Identifier: Apache-2.0
 * Queries. They are answered on the HTTP thread, unless they have to wait for a position: that, and a rebuild, is for the pool. */
#include "base/text.h"
#include "base/world.h"
#include "http/answer.h"
#include "http/handlers.h"
#include "http/routes.h"

enum { SLICE_MS = 200 };

static int64_t
now_us(void)
{
    return weiri_world_real.monotonic_us(&weiri_world_real);
}

static void
ask_view(weiri_request *request, int64_t wait_ms)
{
    const char *accept = request->headers.accept;
    weiri_view_call call = { .view = request->parameters[0],
        .name = request->parameters[1],
        .query = request->route->handler == weiri_http_query,
        .arguments = request->target.pairs,
        .n = request->target.n_pairs,
        .position = request->headers.position,
        .wait_ms = wait_ms,
        .csv = weiri_accept_quality(accept, "text/csv") > weiri_accept_quality(accept, "application/json") };

    weiri_service_view(request->http->service, &call, &request->reply);
}

/* A slice of waiting: still behind, and time is left, means once more. */
static bool
wait_for_view(void *argument)
{
    weiri_request *request = argument;
    int64_t left_ms = (request->wait_until_us - now_us() + 999) / 1000;

    ask_view(request, left_ms < 0 ? 0 : left_ms > SLICE_MS ? SLICE_MS : left_ms);
    if (request->reply.http == 409 && left_ms > SLICE_MS && !atomic_load(&request->http->stopping)) {
        weiri_request_clear_reply(request);
        return false;
    }
    weiri_request_ready(request);
    return true;
}

void
weiri_http_table(weiri_request *request)
{
    const weiri_request_headers *headers = &request->headers;

    if (headers->position != NULL && strlen(headers->position) >= WEIRI_TOKEN_MOST) {
        weiri_request_problem(request, WEIR_INVALID, "Weir-Position: longer than %d characters", WEIRI_TOKEN_MOST - 1);
        weiri_request_ready(request);
        return;
    }
    ask_view(request, 0);
    if (request->reply.http != 409 || headers->position == NULL || headers->prefer.wait_s == 0) {
        weiri_request_ready(request);
        return;
    }
    weiri_request_clear_reply(request);
    request->wait_until_us = now_us() + headers->prefer.wait_s * 1000000;
    weiri_request_run(request, wait_for_view);
}

void
weiri_http_query(weiri_request *request)
{
    weiri_http_table(request);
}

static const char *const no_parameters[] = { NULL };

void
weiri_http_views(weiri_request *request)
{
    if (!weiri_http_parameters_known(request, no_parameters))
        return;
    weiri_service_views(request->http->service, &request->reply);
    weiri_request_ready(request);
}

static bool
rebuild(void *argument)
{
    weiri_request *request = argument;

    weiri_service_view_rebuild(request->http->service, request->parameters[0], &request->reply);
    weiri_request_ready(request);
    return true;
}

void
weiri_http_rebuild(weiri_request *request)
{
    if (weiri_http_parameters_known(request, no_parameters))
        weiri_request_run(request, rebuild);
}

/* Which of two it is stands in the path. */
static bool
pause_or_resume(void *argument)
{
    weiri_request *request = argument;

    weiri_service_view_pause(
        request->http->service, request->parameters[0], request->route->handler == weiri_http_view_pause, &request->reply);
    weiri_request_ready(request);
    return true;
}

void
weiri_http_view_pause(weiri_request *request)
{
    if (weiri_http_parameters_known(request, no_parameters))
        weiri_request_run(request, pause_or_resume);
}

void
weiri_http_view_resume(weiri_request *request)
{
    weiri_http_view_pause(request);
}

enum { DIFF_LINES = 100, DIFF_LINES_MOST = 10000 };

static bool
compare(void *argument)
{
    weiri_request *request = argument;
    const char *limit = weiri_target_pair(&request->target, "limit");
    uint64_t most = DIFF_LINES;

    if (limit != NULL)
        (void)weiri_text_to_uint64(limit, &most); /* the handler has refused what is no number */
    weiri_service_view_diff(request->http->service, request->parameters[0], most, &request->reply);
    weiri_request_ready(request);
    return true;
}

void
weiri_http_view_diff(weiri_request *request)
{
    static const char *const names[] = { "limit", NULL };
    uint64_t most;

    if (weiri_http_parameters_known(request, names) && weiri_http_parameter_number(request, "limit", 0, DIFF_LINES_MOST, DIFF_LINES, &most))
        weiri_request_run(request, compare);
}
