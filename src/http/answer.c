/* SPDX-License-Identifier: Apache-2.0
 * The body is lent to libmicrohttpd, never copied: it belongs to the request, which outlives its response. */
#include "http/answer.h"
#include <inttypes.h>
#include <stdio.h>

static const char *
title_of(int http)
{
    static const struct {
        int http;
        const char *title;
    } titles[] = { { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" }, { 413, "Content Too Large" }, { 415, "Unsupported Media Type" }, { 501, "Not Implemented" } };

    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (titles[i].http == http)
            return titles[i].title;
    return "Error";
}

void
weiri_answer_add_text(weiri_buffer *to, const char *text)
{
    weiri_buffer_add_char(to, '"');
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            weiri_buffer_print(to, "\\u%04x", (unsigned)*text);
        else if (*text == '"' || *text == '\\')
            weiri_buffer_print(to, "\\%c", *text);
        else
            weiri_buffer_add_char(to, *text);
    }
    weiri_buffer_add_char(to, '"');
}

void
weiri_answer_http_problem(weiri_reply *reply, int http, const char *format, ...)
{
    char detail[512];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    weiri_reply_fini(reply);
    *reply = (weiri_reply){ .http = http, .content_type = "application/problem+json" };
    weiri_buffer_print(&reply->body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":", title_of(http), http);
    weiri_answer_add_text(&reply->body, detail);
    weiri_buffer_add_char(&reply->body, '}');
}

/* What a page may load comes from here, and nobody frames it. */
static bool
add_page_headers(struct MHD_Response *response, const weiri_page *page)
{
    static const char *const headers[][2] = {
        { "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'" },
        { "X-Content-Type-Options", "nosniff" },
        { "Referrer-Policy", "no-referrer" },
        { "Cache-Control", "no-cache" },
    };
    bool good = MHD_add_response_header(response, "ETag", page->etag) == MHD_YES;

    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        good = good && MHD_add_response_header(response, headers[i][0], headers[i][1]) == MHD_YES;
    return good;
}

static struct MHD_Response *
make_response(weiri_request *request)
{
    const weiri_page *page = request->page;
    weiri_reply *reply = &request->reply;

    if (request->live != NULL)
        return weiri_feeds_response(request);
    if (page == NULL)
        return MHD_create_response_from_buffer(reply->body.size, reply->body.data, MHD_RESPMEM_PERSISTENT);
    return MHD_create_response_from_buffer(reply->http == 304 ? 0 : page->size, (void *)(uintptr_t)page->data, MHD_RESPMEM_PERSISTENT);
}

static bool
is_not_modified(const weiri_request *request)
{
    const weiri_reply *reply = &request->reply;

    if (request->page != NULL && request->headers.if_none_match != NULL)
        return strstr(request->headers.if_none_match, request->page->etag) != NULL;
    return request->headers.if_none_match != NULL && request->method_is_get && reply->http == 200 && reply->has_version &&
           weiri_etag_listed(request->headers.if_none_match, reply->version);
}

/* False: out of memory, or a value that can't be in a header. */
static bool
add_headers(struct MHD_Response *response, weiri_request *request, bool close)
{
    weiri_reply *reply = &request->reply;
    char text[64];
    bool good = true;

    if (reply->content_type != NULL)
        good = MHD_add_response_header(response, "Content-Type", reply->content_type) == MHD_YES;
    if (reply->has_version) {
        (void)snprintf(text, sizeof text, "\"%" PRIu64 "\"", reply->version);
        good = good && MHD_add_response_header(response, "ETag", text) == MHD_YES;
    }
    if (reply->position[0] != '\0')
        good = good && MHD_add_response_header(response, "Weir-Position", reply->position) == MHD_YES;
    if (reply->parked > 0) {
        (void)snprintf(text, sizeof text, "%" PRIu64 "%s", reply->parked, reply->parked_yours ? ";token" : "");
        good = good && MHD_add_response_header(response, "Weir-Parked", text) == MHD_YES;
    }
    if (reply->location.size > 0)
        good = good && MHD_add_response_header(response, "Location", weiri_buffer_text(&reply->location)) == MHD_YES;
    if (reply->retry_after_s > 0) {
        (void)snprintf(text, sizeof text, "%d", reply->retry_after_s);
        good = good && MHD_add_response_header(response, "Retry-After", text) == MHD_YES;
    }
    if (reply->content_type != NULL && strcmp(reply->content_type, WEIRI_EVENT_STREAM) == 0)
        good = good && MHD_add_response_header(response, "Cache-Control", "no-store") == MHD_YES;
    if (reply->traceparent[0] != '\0')
        good = good && MHD_add_response_header(response, "traceparent", reply->traceparent) == MHD_YES;
    if (request->challenge != NULL)
        good = good && MHD_add_response_header(response, "WWW-Authenticate", request->challenge) == MHD_YES;
    if (request->page != NULL)
        good = good && add_page_headers(response, request->page);
    if (request->allow != NULL)
        good = good && MHD_add_response_header(response, "Allow", request->allow) == MHD_YES;
    if (close)
        good = good && MHD_add_response_header(response, "Connection", "close") == MHD_YES;
    return good;
}

enum MHD_Result
weiri_answer_send(weiri_request *request, bool close)
{
    weiri_reply *reply = &request->reply;
    enum MHD_Result result = MHD_NO;

    if (is_not_modified(request)) {
        reply->http = 304;
        reply->content_type = NULL;
        weiri_buffer_clear(&reply->body);
    }
    struct MHD_Response *response = make_response(request);
    if (response == NULL)
        return MHD_NO;
    atomic_fetch_add_explicit(&request->http->reply_bytes, reply->body.size, memory_order_relaxed);
    request->reply_counted += reply->body.size;
    weiri_watch_bytes(&request->http->watch, &request->watched);
    weiri_watch_allow(&request->http->watch, &request->watched, reply->body.size);
    if (add_headers(response, request, close))
        result = MHD_queue_response(request->connection, (unsigned)reply->http, response);
    MHD_destroy_response(response);
    return result;
}
