/* SPDX-License-Identifier: Apache-2.0
 * What may be followed: the event stream, and the moves of a view. Thread: HTTP. */
#include "http/answer.h"
#include "http/handlers.h"

bool
weiri_feeds_wanted(const weiri_request *request, const char *other)
{
    const char *accept = request->headers.accept;

    if (weiri_accept_quality(accept, WEIRI_EVENT_STREAM) == 0)
        return false;
    if (other == NULL)
        return true;
    /* Browsers name it alone; whoever takes anything gets lines. */
    return accept != NULL && strcasestr(accept, WEIRI_EVENT_STREAM) != NULL &&
           (strcasestr(accept, other) == NULL || weiri_accept_quality(accept, WEIRI_EVENT_STREAM) > weiri_accept_quality(accept, other));
}

/* Where the feed begins: a client that comes again says so in Last-Event-ID, and then asks for the same address as before. */
static const char *
position_of(const weiri_request *request)
{
    const char *last = request->headers.last_event_id;

    return last != NULL && last[0] != '\0' ? last : weiri_target_pair(&request->target, "after");
}

void
weiri_feeds_events(weiri_request *request)
{
    static const char *const names[] = { "types", "after", NULL };
    weiri_feed *feed;

    if (!weiri_http_parameters_known(request, names))
        return;
    if (weiri_service_event_feed(
            request->http->service, weiri_target_pair(&request->target, "types"), position_of(request), &feed, &request->reply))
        weiri_feeds_begin(request, feed);
    else
        weiri_request_ready(request);
}

void
weiri_http_changes(weiri_request *request)
{
    static const char *const names[] = { "after", NULL };
    weiri_feed *feed;

    if (!weiri_http_parameters_known(request, names))
        return;
    if (!weiri_feeds_wanted(request, NULL)) {
        weiri_answer_http_problem(&request->reply, 406, "a live feed is text/event-stream, and the request's Accept leaves that out");
        weiri_request_ready(request);
    } else if (weiri_service_view_feed(request->http->service, request->parameters[0], position_of(request), &feed, &request->reply)) {
        weiri_feeds_begin(request, feed);
    } else {
        weiri_request_ready(request);
    }
}
