/* SPDX-License-Identifier: Apache-2.0
 * libcurl's easy interface, one handle for the program's life, so that one connection serves all requests. A loopback address is
 * never asked through a proxy. Thread: one at a time. */
#include "cli/client.h"
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/memory.h"
#include "base/text.h"
#include "engine/service.h"

enum { CONNECT_MS = 5000, ANSWER_MS = 120000, SILENCE_S = 60, ANSWER_BYTES_MOST = 1 << 30 };

struct weiri_client {
    CURL *curl;
    char *url;           /* without a slash at its end */
    char *authorization; /* a header; NULL: none */
    const weiri_cli *cli;
    weiri_answer *answer;       /* of the call under way */
    weiri_client_line_fn *line; /* of a feed */
    void *line_user;
};

void
weiri_answer_fini(weiri_answer *answer)
{
    weiri_buffer_fini(&answer->body);
}

const char *
weiri_client_url(const weiri_client *client)
{
    return client->url;
}

static size_t
take_body(char *data, size_t one, size_t n, void *user)
{
    weiri_client *client = user;

    if (client->answer->body.size + one * n > ANSWER_BYTES_MOST)
        return 0;
    weiri_buffer_add(&client->answer->body, data, one * n);
    return one * n;
}

static void
take_value(const char *line, size_t size, const char *name, char *to, size_t room)
{
    size_t n = strlen(name);

    if (size <= n || strncasecmp(line, name, n) != 0)
        return;
    for (line += n, size -= n; size > 0 && (*line == ' ' || *line == '\t'); line++)
        size--;
    while (size > 0 && (line[size - 1] == '\r' || line[size - 1] == '\n' || line[size - 1] == ' '))
        size--;
    if (size < room) {
        memcpy(to, line, size);
        to[size] = '\0';
    }
}

static size_t
take_header(char *data, size_t one, size_t n, void *user)
{
    weiri_client *client = user;
    weiri_answer *answer = client->answer;
    char seconds[24] = "";
    uint64_t value;

    take_value(data, one * n, "content-type:", answer->content_type, sizeof answer->content_type);
    take_value(data, one * n, "weir-position:", answer->position, sizeof answer->position);
    take_value(data, one * n, "weir-parked:", answer->parked, sizeof answer->parked);
    take_value(data, one * n, "retry-after:", seconds, sizeof seconds);
    if (weiri_text_to_uint64(seconds, &value) && value <= 3600)
        answer->retry_after_s = (int)value;
    return one * n;
}

static bool
is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0;
}

static weir_status
set_up(weiri_client *client, weir_error *err)
{
    CURLU *parts = curl_url();
    char *host = NULL, *scheme = NULL;
    weir_status status = WEIR_OK;

    if (parts == NULL || curl_url_set(parts, CURLUPART_URL, client->url, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK || curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        status = weiri_error_set(err, WEIR_INVALID, "'%.200s' is not an address like http://127.0.0.1:8080", client->url);
    else {
        curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(client->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
        curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, (long)ANSWER_MS);
        curl_easy_setopt(client->curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(client->curl, CURLOPT_USERAGENT, "weir");
        curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, client);
        curl_easy_setopt(client->curl, CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(client->curl, CURLOPT_HEADERDATA, client);
        if (is_loopback(host))
            curl_easy_setopt(client->curl, CURLOPT_PROXY, "");
    }
    curl_free(host);
    curl_free(scheme);
    curl_url_cleanup(parts);
    return status;
}

/* The token is read from a file and never told: not in an error either. */
static weir_status
read_token(weiri_client *client, const weiri_settings *settings, weir_error *err)
{
    const char *path = weiri_settings_text(settings, "token.file"), *ca = weiri_settings_text(settings, "tls.ca");
    char token[520] = "", header[560];

    if (ca[0] != '\0')
        curl_easy_setopt(client->curl, CURLOPT_CAINFO, ca);
    if (path[0] == '\0')
        return WEIR_OK;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return weiri_error_set(err, WEIR_INVALID, "token.file %s: %s", path, strerror(errno));
    bool there = fscanf(file, "%512s", token) == 1;
    (void)fclose(file);
    if (!there)
        return weiri_error_set(err, WEIR_INVALID, "token.file %s: there is no token in it", path);
    (void)snprintf(header, sizeof header, "Authorization: Bearer %s", token);
    client->authorization = weiri_text_copy(header);
    return WEIR_OK;
}

/* jansson must not see that memory has run out: http/server.c says why. */
static void *
take_memory(size_t size)
{
    return weiri_reallocate(NULL, size);
}

weir_status
weiri_client_new(const weiri_cli *cli, weiri_client **ret_client, weir_error *err)
{
    weiri_client *client = weiri_allocate(sizeof *client);
    weiri_settings settings = { 0 };

    client->cli = cli;
    json_set_alloc_funcs(take_memory, weiri_release);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    client->curl = curl_easy_init();
    weir_status status = client->curl == NULL ? weiri_error_set(err, WEIR_NO_MEMORY, "the HTTP client does not start")
                                              : weiri_cli_settings(cli, &settings, err);
    if (status == WEIR_OK) {
        client->url = weiri_text_copy(weiri_settings_text(&settings, "url"));
        for (size_t n = strlen(client->url); n > 0 && client->url[n - 1] == '/'; n--)
            client->url[n - 1] = '\0';
        status = set_up(client, err);
        if (status == WEIR_OK)
            status = read_token(client, &settings, err);
    }
    weiri_settings_fini(&settings);
    if (status != WEIR_OK) {
        weiri_client_free(client);
        return status;
    }
    *ret_client = client;
    return WEIR_OK;
}

void
weiri_client_free(weiri_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->curl);
    curl_global_cleanup();
    weiri_release(client->authorization);
    weiri_release(client->url);
    weiri_release(client);
}

static weir_status
told_by_curl(const weiri_client *client, CURLcode code, weir_error *err)
{
    const weiri_cli *cli = client->cli;

    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
        return weiri_error_set(err, WEIR_CLOSED, "nothing answers at %s; start it with: %s run%s", client->url, cli->program,
            cli->linked == NULL ? " MODULE.so" : "");
    if (code == CURLE_OPERATION_TIMEDOUT)
        return weiri_error_set(err, WEIR_TIMEOUT, "no answer from %s in time", client->url);
    return weiri_error_set(err, WEIR_IO, "%s: %s", client->url, curl_easy_strerror(code));
}

static struct curl_slist *
headers_of(const weiri_client *client, const weiri_client_request *request)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    char type[160];

    if (client->authorization != NULL)
        list = curl_slist_append(list, client->authorization);
    if (request->type != NULL) {
        (void)snprintf(type, sizeof type, "Content-Type: %s", request->type);
        list = curl_slist_append(list, type);
    }
    for (const char *const *header = request->headers; header != NULL && *header != NULL; header++)
        list = curl_slist_append(list, *header);
    return list;
}

weir_status
weiri_client_call(weiri_client *client, const weiri_client_request *request, weiri_answer *answer, weir_error *err)
{
    struct curl_slist *headers = headers_of(client, request);
    weiri_buffer url = { 0 };
    long http = 0;

    weiri_buffer_print(&url, "%s%s", client->url, request->path);
    weiri_buffer_clear(&answer->body);
    answer->content_type[0] = answer->position[0] = answer->parked[0] = '\0';
    answer->retry_after_s = 0;
    client->answer = answer;
    curl_easy_setopt(client->curl, CURLOPT_URL, weiri_buffer_text(&url));
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    if (request->method == NULL)
        curl_easy_setopt(client->curl, CURLOPT_HTTPGET, 1L);
    else {
        curl_easy_setopt(client->curl, CURLOPT_POST, 1L);
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, request->body.size == 0 ? "" : request->body.data);
    }
    curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, request->method);
    CURLcode code = curl_easy_perform(client->curl);
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &http);
    answer->http = (int)http;
    client->answer = NULL;
    curl_slist_free_all(headers);
    weiri_buffer_fini(&url);
    return code == CURLE_OK ? WEIR_OK : told_by_curl(client, code, err);
}

static size_t
take_lines(char *data, size_t one, size_t n, void *user)
{
    weiri_client *client = user;
    weiri_buffer *body = &client->answer->body;
    size_t size = take_body(data, one, n, user), at = 0;
    const uint8_t *end;
    long http = 0;

    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &http);
    while (http == 200 && (end = memchr(body->data + at, '\n', body->size - at)) != NULL) {
        size_t line = (size_t)(end - body->data) - at;
        if (!client->line(client->line_user, (const char *)body->data + at, line))
            return 0;
        at += line + 1;
    }
    body->size -= at;
    if (at > 0)
        memmove(body->data, body->data + at, body->size);
    return size;
}

weir_status
weiri_client_follow(weiri_client *client, const char *path, const char *last_id, weiri_client_line_fn *line, void *user,
    weiri_answer *answer, weir_error *err)
{
    char last[1800];
    const char *const headers[] = { "Accept: text/event-stream", last_id[0] == '\0' ? NULL : last, NULL };
    const weiri_client_request request = { .path = path, .headers = headers };

    (void)snprintf(last, sizeof last, "Last-Event-ID: %s", last_id);
    client->line = line;
    client->line_user = user;
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, take_lines);
    curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, 0L);
    curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_S);
    weir_status status = weiri_client_call(client, &request, answer, err);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, (long)ANSWER_MS);
    curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_TIME, 0L);
    /* Once the feed has begun, its end is no failure, whoever brought it about. */
    return answer->http == 200 ? WEIR_OK : status;
}

void
weiri_client_add_encoded(weiri_buffer *to, weiri_bytes text)
{
    const uint8_t *p = text.data;

    for (size_t i = 0; i < text.size; i++) {
        bool plain = (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z') || (p[i] >= '0' && p[i] <= '9') ||
                     (p[i] != 0 && strchr("-._~", p[i]) != NULL);
        if (plain)
            weiri_buffer_add_char(to, (char)p[i]);
        else
            weiri_buffer_print(to, "%%%02X", p[i]);
    }
}

/* ---- problems ----------------------------------------------------------------------------------------- */

static weir_status
status_of(int http, const char *code)
{
    switch (http) {
    case 404:
        return WEIR_NOT_FOUND;
    case 409:
        return strcmp(code, "behind") == 0 ? WEIR_BEHIND : WEIR_CONFLICT;
    case 412:
        return WEIR_CONFLICT;
    case 422:
        return WEIR_REJECTED;
    case 429:
    case 503:
        return WEIR_BUSY;
    case 504:
        return WEIR_TIMEOUT;
    default:
        if (strcmp(code, "failed") == 0) /* a rule of the module is wrong: an outcome, not an accident */
            return WEIR_REJECTED;
        return http >= 500 ? WEIR_IO : WEIR_INVALID;
    }
}

int
weiri_problem_exit(int http, const json_t *problem, weir_error *err)
{
    const char *code = json_string_value(json_object_get(problem, "code"));
    const char *detail = json_string_value(json_object_get(problem, "detail")),
               *title = json_string_value(json_object_get(problem, "title"));
    weir_status status = status_of(http, code == NULL ? "" : code);

    if (detail == NULL || detail[0] == '\0')
        detail = title;
    if (detail == NULL)
        (void)weiri_error_set(err, status, "HTTP status %d", http);
    else if (status == WEIR_REJECTED && code != NULL)
        (void)weiri_error_set(err, status, "rejected %s: %s", code, detail);
    else
        (void)weiri_error_set(err, status, "%s", detail);
    return weiri_answer_row_of(status, code == NULL ? "" : code)->exit;
}

const char *
weiri_problem_words(const char *words)
{
    int skip = 0;

    return sscanf(words, "line %*u: %n", &skip) == 0 && skip > 0 ? words + skip : words;
}

int
weiri_answer_exit(const weiri_answer *answer, weir_error *err)
{
    json_t *problem = json_loadb((const char *)answer->body.data, answer->body.size, 0, NULL);
    int exit_code = weiri_problem_exit(answer->http, problem, err);

    json_decref(problem);
    return exit_code;
}

int
weiri_client_fail(const weiri_cli *cli, const weir_error *err)
{
    return weiri_cli_fail(cli, err->status == WEIR_TIMEOUT ? WEIRI_EXIT_TIMED_OUT : WEIRI_EXIT_UNREACHABLE, "%s", err->text);
}

int
weiri_answer_json(const weiri_cli *cli, weiri_answer *answer, const char *from, json_t **ret_json)
{
    weir_error err;

    if (answer->http >= 300) {
        int exit_code = weiri_answer_exit(answer, &err);
        if (cli->json && answer->body.size > 0)
            fprintf(cli->out, "%s\n", weiri_buffer_text(&answer->body));
        return weiri_cli_fail(cli, exit_code, "%s", err.text);
    }
    json_t *json = json_loadb((const char *)answer->body.data, answer->body.size, JSON_DECODE_ANY, NULL);
    if (json == NULL)
        return weiri_cli_fail(cli, WEIRI_EXIT_UNREACHABLE, "what answers at %s is not weir", from);
    *ret_json = json;
    return 0;
}

int
weiri_client_json(const weiri_cli *cli, weiri_client *client, const weiri_client_request *request, weiri_answer *answer, json_t **ret_json)
{
    weiri_answer own = { 0 };
    weiri_answer *to = answer == NULL ? &own : answer;
    weir_error err;
    int exit_code;

    if (weiri_client_call(client, request, to, &err) != WEIR_OK)
        exit_code = weiri_client_fail(cli, &err);
    else
        exit_code = weiri_answer_json(cli, to, client->url, ret_json);
    weiri_answer_fini(&own);
    return exit_code;
}
