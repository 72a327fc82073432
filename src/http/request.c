/* SPDX-License-Identifier: Apache-2.0
 * The life of a request: target, headers, body, handler, reply.
 *
 * A handler may be answered before it returns, or later on another thread. `turn` settles which, in two exchanges: whoever comes second
 * acts. The reply comes first: the HTTP thread finds READY, and answers without ever suspending. The HTTP thread comes first: it has
 * suspended the connection before it says so, and weiri_request_ready resumes it. */
#include "http/request.h"
#include "base/assert.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/world.h"
#include "http/answer.h"
#include "http/headers.h"
#include "http/linger.h"
#include "http/routes.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { TURN_RUNNING, TURN_SUSPENDED, TURN_READY };

/* ---- the two sides of a reply -------------------------------------------------------------------------- */

void
weiri_request_ready(weiri_request *request)
{
    weiri_http *http = request->http;
    struct MHD_Connection *connection = request->connection;

    if (request->route->body == WEIRI_ROUTE_COMMAND)
        weiri_meter_add(&http->commands, weiri_world_real.monotonic_us(&weiri_world_real) - request->asked_us);
    if (atomic_exchange_explicit(&request->turn, TURN_READY, memory_order_acq_rel) == TURN_SUSPENDED)
        MHD_resume_connection(connection);
    /* From the exchange on the request may be another's, and from here on the server may be freed. */
    atomic_fetch_sub(&http->asked, 1);
}

/* Field by field: most of a reply is room for a position, which is rarely used up. */
static void
take_reply(weiri_reply *to, weiri_reply *from)
{
    to->http = from->http;
    to->content_type = from->content_type;
    to->body = from->body;
    to->has_version = from->has_version;
    to->version = from->version;
    strcpy(to->position, from->position);
    to->location = from->location;
    to->retry_after_s = from->retry_after_s;
    strcpy(to->traceparent, from->traceparent);
    from->body = from->location = (weiri_buffer){ 0 };
}

void
weiri_request_clear_reply(weiri_request *request)
{
    weiri_reply none;

    weiri_reply_fini(&request->reply);
    none.http = none.retry_after_s = 0;
    none.content_type = NULL;
    none.body = none.location = (weiri_buffer){ 0 };
    none.has_version = false;
    none.version = 0;
    none.position[0] = none.traceparent[0] = '\0';
    take_reply(&request->reply, &none);
}

void
weiri_request_done(void *user, weiri_reply *reply)
{
    weiri_request *request = user;

    take_reply(&request->reply, reply);
    weiri_request_ready(request);
}

void
weiri_request_problem(weiri_request *request, weir_status status, const char *format, ...)
{
    char detail[768];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    weiri_request_clear_reply(request);
    weiri_reply_problem(&request->reply, status, "", detail);
}

void
weiri_request_run(weiri_request *request, weiri_pool_fn *run)
{
    if (weiri_pool_run(request->http->pool, run, request))
        return;
    weiri_request_problem(request, WEIR_BUSY, "%d queries wait already; try again", WEIRI_POOL_JOBS_MOST);
    request->reply.retry_after_s = 1;
    weiri_request_ready(request);
}

/* From here on stop waits for the client to have its reply. Not sooner: a body may never come. */
static enum MHD_Result
refuse(weiri_request *request, bool close)
{
    weiri_http *http = request->http;

    request->replying = true;
    atomic_fetch_add(&http->replying, 1);
    return weiri_answer_send(request, close || atomic_load(&http->stopping));
}

/* True: what this route may answer is large, and clients have not taken the replies that there are. */
static bool
replies_are_full(const weiri_request *request)
{
    return request->route->large && atomic_load_explicit(&request->http->reply_bytes, memory_order_relaxed) > WEIRI_REPLIES_MOST;
}

static enum MHD_Result
ask(weiri_request *request)
{
    weiri_http *http = request->http;

    request->stage = WEIRI_REQUEST_ASKED;
    if (request->route->body == WEIRI_ROUTE_COMMAND)
        request->asked_us = weiri_world_real.monotonic_us(&weiri_world_real);
    request->replying = true;
    weiri_watch_nothing(&request->watched);
    atomic_fetch_add(&http->replying, 1);
    atomic_store_explicit(&request->turn, TURN_RUNNING, memory_order_relaxed);
    atomic_fetch_add(&http->asked, 1); /* before looking at `stopping`: stop sets that, and then looks at this */
    if (atomic_load(&http->stopping)) {
        weiri_request_problem(request, WEIR_CLOSED, "this server is stopping");
        weiri_request_ready(request);
    } else if (replies_are_full(request)) {
        weiri_request_problem(request, WEIR_BUSY, "the replies being sent take %d MB now; try again", WEIRI_REPLIES_MOST >> 20);
        weiri_request_ready(request);
    } else {
        request->route->handler(request);
    }
    if (atomic_load_explicit(&request->turn, memory_order_acquire) == TURN_READY)
        return weiri_answer_send(request, atomic_load(&http->stopping));
    MHD_suspend_connection(request->connection);
    if (atomic_exchange_explicit(&request->turn, TURN_SUSPENDED, memory_order_acq_rel) == TURN_READY) {
        atomic_store_explicit(&request->turn, TURN_READY, memory_order_relaxed);
        MHD_resume_connection(request->connection);
    }
    return MHD_YES;
}

/* ---- before the body ----------------------------------------------------------------------------------- */

/* A page of another site may make a browser send forms to this one; a browser says so in Origin. */
static bool
is_from_another_site(const weiri_request_headers *headers)
{
    const char *authority = headers->origin == NULL ? NULL : strstr(headers->origin, "://");

    if (headers->origin == NULL)
        return false;
    return authority == NULL || headers->host == NULL || strcasecmp(authority + 3, headers->host) != 0;
}

static void
check_body_size(weiri_request *request)
{
    uint64_t length;

    if (request->headers.content_length == NULL || !weiri_text_to_uint64(request->headers.content_length, &length))
        return;
    if (length > request->body_most)
        weiri_answer_http_problem(
            &request->reply, 413, "the body has %llu bytes; here it may have %zu", (unsigned long long)length, request->body_most);
}

static void
find_route(weiri_request *request, const char *method)
{
    const weiri_target *target = &request->target;

    request->route = weiri_route_find(request, method);
    if (request->route != NULL) {
        request->body_most = request->route->body == WEIRI_ROUTE_BATCH ? WEIRI_BATCH_BYTES_MOST : WEIRI_COMMAND_BODY_MOST;
    } else if (request->allow == NULL) {
        weiri_request_problem(request, WEIR_NOT_FOUND, "there is nothing at /%.60s%s; GET / lists what there is",
            target->n_segments > 0 ? target->segments[0] : "", target->n_segments > 1 ? "/..." : "");
    } else if (strcmp(method, "OPTIONS") == 0) {
        request->reply.http = 204;
    } else {
        weiri_answer_http_problem(&request->reply, 405, "%.20s is not for this path; it takes %s", method, request->allow);
    }
}

/* Fills the reply (http != 0) when the request is refused for its first lines. */
static void
look_at_head(weiri_request *request, const char *method, const char *version)
{
    weir_error err;
    weiri_request_headers *headers = &request->headers;
    weir_status status = weiri_headers_collect(request, &err);

    request->method_is_get = strcmp(method, "HEAD") == 0 || strcmp(method, "GET") == 0;
    if (request->target_error.status != WEIR_OK)
        weiri_request_problem(request, WEIR_INVALID, "%s", request->target_error.text);
    else if (status != WEIR_OK)
        weiri_request_problem(request, status, "%s", err.text);
    else if (headers->host == NULL && strcmp(version, "HTTP/1.1") == 0)
        weiri_request_problem(request, WEIR_INVALID, "an HTTP/1.1 request needs a Host header");
    else if (headers->transfer_encoding != NULL && headers->content_length != NULL)
        weiri_request_problem(request, WEIR_INVALID, "Transfer-Encoding and Content-Length exclude each other");
    else if (headers->transfer_encoding != NULL && strcasecmp(headers->transfer_encoding, "chunked") != 0)
        weiri_answer_http_problem(&request->reply, 501, "Transfer-Encoding: %.40s; only chunked is known", headers->transfer_encoding);
    else if (!request->method_is_get && is_from_another_site(headers))
        weiri_answer_http_problem(&request->reply, 403, "Origin: %.100s is another site", headers->origin);
    else if (weiri_edge_admits(request->http->edge, request))
        find_route(request, method);
    if (request->reply.http == 0)
        check_body_size(request);
}

/* Whether a refused request is answered at once, which ends its connection, or after its body has been read and thrown away. */
static bool
is_refused_at_once(const weiri_request *request)
{
    const weiri_request_headers *headers = &request->headers;

    if ((request->reply.http == 401 || request->reply.http == 429) &&
        (headers->content_length != NULL || headers->transfer_encoding != NULL))
        return true; /* whoever may not ask is not read either */
    return request->reply.http == 413 || request->reply.http == 501 || headers->expect != NULL ||
           (headers->transfer_encoding != NULL && headers->content_length != NULL);
}

static enum MHD_Result
begin(weiri_request *request, const char *method, const char *version)
{
    weiri_watch_bytes(&request->http->watch, &request->watched);
    look_at_head(request, method, version);
    request->stage = request->reply.http == 0 ? WEIRI_REQUEST_BODY : WEIRI_REQUEST_REFUSED;
    if (request->stage == WEIRI_REQUEST_REFUSED && is_refused_at_once(request)) {
        request->lingers = true;
        return refuse(request, true);
    }
    return MHD_YES;
}

/* ---- the body ------------------------------------------------------------------------------------------ */

static void
give_up_body(weiri_request *request)
{
    atomic_fetch_sub(&request->http->body_bytes, request->body_counted);
    request->body_counted = 0;
    if (request->body.room > WEIRI_BODY_KEPT)
        weiri_buffer_fini(&request->body);
    weiri_buffer_clear(&request->body);
}

static void
collect(weiri_request *request, const char *data, size_t size)
{
    weiri_http *http = request->http;

    if (request->body.size + size > request->body_most) {
        weiri_answer_http_problem(&request->reply, 413, "the body has more than %zu bytes", request->body_most);
    } else if (atomic_fetch_add(&http->body_bytes, size) + size > WEIRI_BODIES_MOST) {
        atomic_fetch_sub(&http->body_bytes, size);
        weiri_request_problem(request, WEIR_BUSY, "the bodies of all requests take %d MB now; try again", WEIRI_BODIES_MOST >> 20);
        request->reply.retry_after_s = request->reply.retry_after_s > 0 ? request->reply.retry_after_s : 1;
    } else if (!weiri_buffer_try_reserve(&request->body, size)) {
        atomic_fetch_sub(&http->body_bytes, size);
        weiri_request_problem(request, WEIR_NO_MEMORY, "no memory for a body of more than %zu bytes", request->body.size);
    } else {
        request->body_counted += size;
        weiri_buffer_add(&request->body, data, size);
        weiri_watch_allow(&http->watch, &request->watched, request->body.size);
        return;
    }
    give_up_body(request);
    request->stage = WEIRI_REQUEST_REFUSED;
}

enum MHD_Result
weiri_request_handle(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
    const char *data, size_t *size, void **context)
{
    weiri_request *request = *context;
    size_t n = *size;
    (void)cls, (void)connection, (void)url;

    if (request == NULL)
        return MHD_NO;
    *size = 0;
    switch (request->stage) {
    case WEIRI_REQUEST_NEW:
        *size = n;
        return begin(request, method, version);
    case WEIRI_REQUEST_BODY:
        if (n == 0)
            return ask(request);
        collect(request, data, n);
        return MHD_YES;
    case WEIRI_REQUEST_REFUSED:
        if (n == 0)
            return refuse(request, false);
        request->discarded += n;
        weiri_watch_allow(&request->http->watch, &request->watched, request->discarded);
        return request->discarded > WEIRI_DISCARD_MOST ? MHD_NO : MHD_YES;
    case WEIRI_REQUEST_ASKED:
        break;
    }
    weiri_assert(atomic_load_explicit(&request->turn, memory_order_acquire) == TURN_READY);
    return weiri_answer_send(request, atomic_load(&request->http->stopping));
}

/* ---- connections --------------------------------------------------------------------------------------- */

void
weiri_request_connection(void *cls, struct MHD_Connection *connection, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
    weiri_request *request = *socket_context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        request = calloc(1, sizeof *request); /* without one the connection ends at its first request */
        *socket_context = request;
        if (request == NULL)
            return;
        request->http = cls;
        request->connection = connection;
        atomic_fetch_add(&request->http->connections, 1);
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        weiri_watch_add(&request->http->watch, &request->watched, info == NULL ? -1 : info->connect_fd);
        return;
    }
    if (request == NULL)
        return;
    weiri_watch_remove(&request->http->watch, &request->watched);
    atomic_fetch_sub(&request->http->connections, 1);
    weiri_reply_fini(&request->reply);
    weiri_target_fini(&request->target);
    weiri_buffer_fini(&request->body);
    weiri_release(request);
    *socket_context = NULL;
}

void *
weiri_request_target(void *cls, const char *raw, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    weiri_request *request = info == NULL ? NULL : info->socket_context;
    (void)cls;

    if (request == NULL)
        return NULL;
    request->stage = WEIRI_REQUEST_NEW;
    request->discarded = 0;
    request->allow = NULL;
    request->live = NULL;
    request->page = NULL;
    request->challenge = NULL;
    request->target_error.status = WEIR_OK;
    if (weiri_target_parse(&request->target, raw, &request->target_error) != WEIR_OK)
        weiri_assert(request->target_error.status != WEIR_OK);
    return request;
}

static void
linger(weiri_request *request, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (info != NULL)
        weiri_linger(request->http, info->connect_fd);
}

void
weiri_request_completed(void *cls, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode code)
{
    weiri_request *request = *context;
    weiri_http *http = cls;
    (void)code;

    if (request == NULL)
        return;
    if (request->lingers)
        linger(request, connection);
    request->lingers = false;
    give_up_body(request);
    weiri_request_clear_reply(request);
    atomic_fetch_sub_explicit(&http->reply_bytes, request->reply_counted, memory_order_relaxed);
    request->reply_counted = 0;
    weiri_watch_head(&http->watch, &request->watched);
    if (request->replying)
        atomic_fetch_sub(&http->replying, 1);
    request->replying = false;
    *context = NULL;
}
