/* SPDX-License-Identifier: Apache-2.0
 * What a program or a person may ask about the engine itself. Thread: HTTP. */
#include "http/answer.h"
#include "http/handlers.h"
#include "http/routes.h"

typedef void ask_fn(weiri_service *service, weiri_reply *reply);

static void
answer(weiri_request *request, ask_fn *ask)
{
    static const char *const names[] = { NULL };

    if (!weiri_http_parameters_known(request, names))
        return;
    ask(request->http->service, &request->reply);
    weiri_request_ready(request);
}

void
weiri_http_types(weiri_request *request)
{
    answer(request, weiri_service_types);
}

void
weiri_http_info(weiri_request *request)
{
    answer(request, weiri_service_info);
}

/* The engine's, then what it does not know: the connections. */
void
weiri_http_metrics(weiri_request *request)
{
    static const char *const names[] = { NULL };
    weiri_http *http = request->http;
    weiri_buffer *to = &request->reply.body;
    const struct {
        const char *name, *kind, *help;
        uint64_t value;
    } rows[] = {
        { "weir_http_connections", "gauge", "Connections open.", atomic_load(&http->connections) },
        { "weir_http_connections_limit", "gauge", "Connections that may be open.", http->connections_most },
        { "weir_http_turned_away_total", "counter", "Connections refused because too many are open.", atomic_load(&http->turned_away) },
        { "weir_http_cut_total", "counter", "Connections cut because their client was too slow in all.", atomic_load(&http->watch.cut) },
        { "weir_http_body_bytes", "gauge", "Bytes of bodies being received.", atomic_load(&http->body_bytes) },
        { "weir_http_token_refused_total", "counter", "Requests refused for want of a good token.", weiri_edge_refused(http->edge, false) },
        { "weir_http_rate_refused_total", "counter", "Requests refused because their asker sends too many.",
            weiri_edge_refused(http->edge, true) },
        { "weir_feeds", "gauge", "Live feeds open.", atomic_load(&http->feeds.count) },
        { "weir_feeds_limit", "gauge", "Live feeds that may be open.", WEIRI_FEEDS_MOST },
        { "weir_feeds_refused_total", "counter", "Live feeds refused because too many are open.", atomic_load(&http->feeds.refused) },
        { "weir_feed_bytes_total", "counter", "Bytes given to live feeds.", atomic_load(&http->feeds.given) },
        { "weir_feed_bytes", "gauge", "Bytes of live feeds that their clients have not taken.", atomic_load(&http->feeds.held) },
        { "weir_http_reply_bytes", "gauge", "Bytes of replies being sent.", atomic_load(&http->reply_bytes) },
    };

    if (!weiri_http_parameters_known(request, names))
        return;
    weiri_service_metrics(http->service, &request->reply);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        weiri_buffer_print(to, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", rows[i].name, rows[i].help, rows[i].name, rows[i].kind,
            rows[i].name, (unsigned long long)rows[i].value);
    weiri_meter_write(
        &http->commands, "weir_http_command_seconds", "How long single commands took, from their last byte to their answer.", to);
    weiri_request_ready(request);
}

/* Every setting in force and where it came from; secrets are hidden, as in `weir config`. */
void
weiri_http_settings(weiri_request *request)
{
    static const char *const names[] = { NULL };
    weiri_buffer *to = &request->reply.body, value = { 0 };
    const weiri_settings *settings = request->http->settings;

    if (!weiri_http_parameters_known(request, names))
        return;
    weiri_buffer_add_text(to, "{\"settings\":[");
    for (const weiri_setting_row *row = weiri_setting_rows; settings != NULL && row->name != NULL; row++) {
        weiri_buffer_clear(&value);
        weiri_settings_show(settings, row->name, &value);
        weiri_buffer_print(to, "%s{\"name\":\"%s\",\"value\":", row == weiri_setting_rows ? "" : ",", row->name);
        weiri_answer_add_text(to, weiri_buffer_text(&value));
        weiri_buffer_add_text(to, ",\"from\":");
        weiri_answer_add_text(to, weiri_settings_origin(settings, row->name));
        weiri_buffer_add_text(to, ",\"what\":");
        weiri_answer_add_text(to, row->what);
        weiri_buffer_add_char(to, '}');
    }
    weiri_buffer_add_text(to, "]}");
    weiri_buffer_fini(&value);
    request->reply.http = 200;
    request->reply.content_type = "application/json";
    weiri_request_ready(request);
}

void
weiri_http_live(weiri_request *request)
{
    answer(request, weiri_service_live);
}

void
weiri_http_ready(weiri_request *request)
{
    answer(request, weiri_service_ready);
}

/* The listing, as text or, where JSON is asked for, as an array. The paths and words are ours: nothing in them needs escaping. */
void
weiri_http_listing(weiri_request *request)
{
    const char *accept = request->headers.accept;
    bool json = accept != NULL && weiri_accept_quality(accept, "application/json") > weiri_accept_quality(accept, "text/plain");
    weiri_reply *reply = &request->reply;

    reply->http = 200;
    reply->content_type = json ? "application/json" : "text/plain; charset=utf-8";
    weiri_buffer_add_text(&reply->body, json ? "[" : "weir: upstream commands, downstream views\n\n");
    for (const weiri_route *route = weiri_routes; route->method != NULL; route++) {
        if (route->what == NULL)
            continue;
        if (json)
            weiri_buffer_print(&reply->body, "%s\n{\"method\":\"%s\",\"path\":\"%s\",\"what\":\"%s\"}", route == weiri_routes ? "" : ",",
                route->method, route->path, route->what);
        else
            weiri_buffer_print(&reply->body, "%-4s %-34s %s\n", route->method, route->path, route->what);
    }
    weiri_buffer_add_text(&reply->body, json ? "\n]\n" : "");
    weiri_request_ready(request);
}
