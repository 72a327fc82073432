/* SPDX-License-Identifier: Apache-2.0
 * One request at a time over a real socket, against a double of the service: every refusal first, then every path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include "http/server.h"
#include "http/service_double.h"
#include "http/test_client.h"

static weiri_http *http;
static test_client client;

static int
open_server(void **state)
{
    weiri_http_config config = { .listen = "127.0.0.1:0", .threads = 2 };
    weir_error err;

    double_start();
    return weiri_http_start(NULL, &config, &http, &err) == WEIR_OK ? 0 : -1;
}

static int
close_server(void **state)
{
    weiri_http_stop(http);
    double_stop();
    return 0;
}

static int
connect_client(void **state)
{
    double_reach(true);
    test_client_open(&client, weiri_http_port(http));
    return 0;
}

static int
disconnect_client(void **state)
{
    test_client_close(&client);
    return 0;
}

/* Asks with these lines (a body behind the empty line gets its Content-Length). */
static int
ask(const char *method_and_target, const char *headers, const char *body)
{
    char request[8192];

    if (body == NULL)
        (void)snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: h\r\n%s\r\n", method_and_target, headers);
    else
        (void)snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: h\r\n%sContent-Length: %zu\r\n\r\n%s", method_and_target, headers,
            strlen(body), body);
    return test_client_ask(&client, request);
}

static void
assert_header(const char *name, const char *value)
{
    char text[2048];

    assert_string_equal(test_client_header(&client, name, text, sizeof text), value);
}

static void
assert_says(const char *words)
{
    if (strstr(client.body, words) == NULL)
        fail_msg("'%s' is not in: %s", words, client.body);
}

/* A refusal: a problem, and the connection still good for the next request. */
static void
assert_refused(int status, const char *words)
{
    assert_int_equal(client.status, status);
    assert_header("Content-Type", "application/problem+json");
    assert_says(words);
    assert_int_equal(ask("GET /health/live", "", NULL), 200);
}

static void
test_a_malformed_target_is_400(void **state)
{
    ask("GET /aggregates/stock/%zz", "", NULL);
    assert_refused(400, "two hexadecimal digits");
    ask("GET /aggregates/stock/a%00b", "", NULL);
    assert_refused(400, "NUL");
    ask("GET /views/v/t?sku=%ff", "", NULL);
    assert_refused(400, "UTF-8");
    ask("POST /commands/%zz", "Content-Type: application/json\r\n", "{}");
    assert_refused(400, "two hexadecimal digits");
}

static void
test_an_unknown_path_is_404(void **state)
{
    static const char *const paths[] = { "GET /nothing", "GET /views/", "GET /views/v", "GET /aggregates/stock", "GET /aggregates/stock/",
        "GET /commands/", "GET //", "GET /health", "GET /a/b/c/d/e/f/g/h/i/j", "POST /views//rebuild", "GET /Views" };

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        ask(paths[i], "", paths[i][0] == 'P' ? "{}" : NULL);
        assert_refused(404, "there is nothing at");
    }
}

static void
test_pages_are_looked_up_by_name_alone(void **state)
{
    static const char *const paths[] = { "GET /console/..%2f..%2fetc%2fpasswd", "GET /console/index.html%2f", "GET /console/%2e%2e",
        "GET /console/meson.build", "GET /app/", "GET /app", "GET /app/a/b.html", "GET /app/..%2fx" };

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        ask(paths[i], "", NULL);
        assert_refused(404, i < 4 ? "there is no page" : "has no pages");
    }
    assert_int_equal(ask("GET /console/main.js", "", NULL), 200);
    assert_header("Content-Type", "text/javascript; charset=utf-8");
    assert_header("X-Content-Type-Options", "nosniff");
    assert_int_equal(ask("GET /", "Accept: text/html,*/*;q=0.8\r\n", NULL), 200);
    assert_says("<!doctype html>");
    assert_int_equal(ask("GET /", "", NULL), 200);
    assert_says("upstream commands");
}

/* Reads what comes until these words are in it, or the connection ends. */
static void
read_feed(const char *words)
{
    char text[4096] = "";
    size_t size = 0;
    ssize_t n;

    while (strstr(text, words) == NULL) {
        n = recv(client.fd, text + size, sizeof text - 1 - size, 0);
        if (n <= 0)
            fail_msg("'%s' did not come: %s", words, text);
        size += (size_t)n;
        text[size] = '\0';
    }
}

static void
test_a_feed_goes_on_until_there_is_no_more(void **state)
{
    static const char plain[] = "GET /events HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n";
    static const char again[] = "GET /views/v/changes HTTP/1.1\r\nHost: h\r\nLast-Event-ID: 2\r\n\r\n";

    ask("GET /events?types=bad", "Accept: text/event-stream\r\n", NULL);
    assert_refused(404, "no event");
    ask("GET /views/v/changes", "Accept: text/csv\r\n", NULL);
    assert_refused(406, "text/event-stream");
    assert_true(test_client_send(&client, plain, sizeof plain - 1));
    read_feed("data: {\"n\":3}\n\n\r\n0\r\n\r\n");
    assert_true(test_client_send(&client, again, sizeof again - 1)); /* the connection is kept */
    read_feed("data: {\"n\":3}\n\n\r\n0\r\n\r\n");
}

static void
test_another_method_is_405_with_allow(void **state)
{
    assert_int_equal(ask("GET /commands/now", "", NULL), 405);
    assert_header("Allow", "POST, OPTIONS");
    assert_refused(405, "GET is not for this path; it takes POST");
    assert_int_equal(ask("DELETE /aggregates/stock/mug", "", NULL), 405);
    assert_header("Allow", "GET, HEAD, OPTIONS");
    assert_int_equal(ask("PUT /views/v/rebuild", "", "{}"), 405);
    assert_header("Allow", "GET, HEAD, POST, OPTIONS");
    assert_int_equal(ask("OPTIONS /views", "", NULL), 204);
    assert_header("Allow", "GET, HEAD, OPTIONS");
}

static void
test_an_unknown_content_type_is_415(void **state)
{
    ask("POST /commands/now", "Content-Type: text/xml\r\n", "<a/>");
    assert_refused(415, "application/json, application/protobuf or application/x-www-form-urlencoded");
    ask("POST /commands/now", "Content-Type: application/json; charset=latin1\r\n", "{}");
    assert_refused(415, "charset=utf-8");
    ask("POST /commands", "Content-Type: text/csv\r\n", "a,b");
    assert_refused(415, "application/x-ndjson");
}

static void
test_a_body_too_large_is_413_before_it_is_read(void **state)
{
    assert_int_equal(test_client_ask(&client, "POST /commands/now HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n"), 413);
    assert_says("here it may have 1048576");
    assert_true(test_client_ended(&client));
    disconnect_client(state);
    connect_client(state);
    assert_int_equal(
        test_client_ask(&client, "POST /commands HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 8388609\r\n\r\n"), 413);
    assert_true(test_client_ended(&client));
}

static void
test_a_client_that_sends_it_all_the_same_can_read_why(void **state)
{
    static char body[8 << 20];
    const char *head = "POST /commands/now HTTP/1.1\r\nHost: h\r\nContent-Length: 8388608\r\n\r\n";

    for (int i = 0; i < 5; i++) {
        assert_true(test_client_send(&client, head, strlen(head)));
        assert_true(test_client_send(&client, body, sizeof body)); /* a reset would end it half-way */
        assert_true(test_client_read(&client, false) && client.status == 413);
        disconnect_client(state);
        connect_client(state);
    }
}

static void
test_a_chunked_body_too_large_is_413(void **state)
{
    static char chunk[65536 + 32];
    const char *head = "POST /commands/now HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    size_t n = (size_t)sprintf(chunk, "10000\r\n");

    memset(chunk + n, 'x', 65536);
    memcpy(chunk + n + 65536, "\r\n", 2);
    assert_true(test_client_send(&client, head, strlen(head)));
    for (int i = 0; i < 17; i++)
        assert_true(test_client_send(&client, chunk, n + 65536 + 2));
    assert_true(test_client_send(&client, "0\r\n\r\n", 5) && test_client_read(&client, false));
    assert_refused(413, "more than 1048576 bytes");
}

static void
test_the_largest_bodies_are_taken(void **state)
{
    static char body[8 << 20];
    char head[200];

    memset(body, 'a', sizeof body);
    for (int batch = 0; batch < 2; batch++) {
        size_t size = batch ? sizeof body : 1 << 20;
        (void)snprintf(head, sizeof head,
            "POST /commands%s HTTP/1.1\r\nHost: h\r\nContent-Type: application/%s\r\nContent-Length: %zu\r\n\r\n", batch ? "" : "/now",
            batch ? "x-ndjson" : "json", size);
        assert_true(test_client_send(&client, head, strlen(head)) && test_client_send(&client, body, size));
        assert_true(test_client_read(&client, false));
        assert_int_equal(client.status, 200);
        (void)snprintf(head, sizeof head, "size=%zu", size);
        assert_says(head);
    }
}

static void
test_bad_conditions_are_400_by_name(void **state)
{
    static const char *const bad[][2] = { { "Prefer: wait=soon\r\n", "Prefer: wait=soon" }, { "If-Match: 7\r\n", "If-Match" },
        { "If-Match: W/\"7\"\r\n", "weak ETag" }, { "If-Match: *\r\n", "If-Match" }, { "If-None-Match: \"7\"\r\n", "If-None-Match" },
        { "If-Match: \"7\"\r\nIf-None-Match: *\r\n", "exclude each other" }, { "Idempotency-Key: \"a\r\n", "Idempotency-Key" },
        { "Idempotency-Key: a\r\nIdempotency-Key: b\r\n", "Idempotency-Key came twice" } };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ask("POST /commands/now", bad[i][0], "{}");
        assert_refused(400, bad[i][1]);
    }
    ask("POST /commands", "Idempotency-Key: a\r\n", "[]");
    assert_refused(400, "Idempotency-Key is for one command");
    ask("POST /commands", "If-Match: \"1\"\r\n", "[]");
    assert_refused(400, "If-Match is for one command");
}

static void
test_parameters_are_checked_by_name(void **state)
{
    ask("GET /events?afetr=1", "", NULL);
    assert_refused(400, "takes no parameter 'afetr'; did you mean 'after'?");
    ask("GET /events?limit=0", "", NULL);
    assert_refused(400, "limit=0: it is a whole number from 1 to 10000");
    ask("GET /events?limit=1&limit=2", "", NULL);
    assert_refused(400, "limit came twice");
    ask("GET /aggregates/stock/mug?version=x", "", NULL);
    assert_refused(400, "version=x");
    ask("GET /aggregates/stock/mug/events?order=up", "", NULL);
    assert_refused(400, "it is newest or oldest");
    ask("POST /commands/now?sku=1", "", "{}");
    assert_refused(400, "takes no parameter 'sku'");
}

static void
test_a_command_says_what_its_headers_ask(void **state)
{
    assert_int_equal(ask("POST /commands/shop.v1.Reserve",
                         "Content-Type: application/json\r\nIdempotency-Key: \"k 1\"\r\nIf-Match: \"7\"\r\n"
                         "Prefer: return=representation\r\nPrefer: wait=3\r\n"
                         "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
                         "{\"a\":1}"),
        200);
    assert_string_equal(client.body, "shop.v1.Reserve json id=k 1 expect=1/7 rep=1 async=0 timeout=3000 size=7 body={\"a\":1}");
    assert_header("ETag", "\"7\"");
    assert_header("Weir-Position", "0abc:1=2");
    assert_header("Content-Type", "application/json");
    assert_header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_int_equal(ask("POST /commands/now", "If-None-Match: *\r\nPrefer: respond-async\r\ntraceparent: rubbish\r\n", "sku=1"), 202);
    assert_string_equal(client.body, "now form id=- expect=1/0 rep=0 async=1 timeout=30000 size=5 body=sku=1");
    assert_header("Location", "/aggregates/stock/mug/commands/1");
    assert_header("traceparent", "");
}

static void
test_the_body_decides_where_no_type_does(void **state)
{
    ask("POST /commands/now", "", " {\"a\":1}");
    assert_says("now json");
    ask("POST /commands/now", "Content-Type: application/x-www-form-urlencoded\r\n", "{\"a\":1}");
    assert_says("now json");
    ask("POST /commands/now", "Content-Type: application/x-www-form-urlencoded\r\n", "a=1&b=2");
    assert_says("now form");
    ask("POST /commands/now", "Content-Type: application/protobuf\r\n", "{\x01");
    assert_says("now protobuf");
    ask("POST /commands/now", "", "");
    assert_says("now form id=- expect=0/0 rep=0 async=0 timeout=30000 size=0");
    ask("POST /commands", "", "[{}]");
    assert_says("array size=4");
    ask("POST /commands", "", "{}\n{}\n");
    assert_says("lines size=6");
    ask("POST /commands", "Content-Type: application/json\r\n", "[]");
    assert_says("array");
}

static void
test_the_table_of_answers_comes_through(void **state)
{
    ask("POST /commands/reject", "", "{}");
    assert_refused(422, "out-of-stock");
    ask("POST /commands/conflict", "", "{}");
    assert_refused(412, "version 7");
    ask("POST /commands/unknown", "", "{}");
    assert_refused(504, "send it again");
    assert_int_equal(ask("POST /commands/busy", "", "{}"), 503);
    assert_header("Retry-After", "1");
}

static void
test_every_path_reaches_its_function(void **state)
{
    static const char *const rows[][2] = { { "GET /aggregates/stock/a%2Fb", "state stock a/b 0" },
        { "GET /aggregates/stock/mug?version=3", "state stock mug 3" },
        { "GET /aggregates/stock/mug/events", "history stock mug after=0 limit=100 oldest=0 states=0" },
        { "GET /aggregates/stock/mug/events?order=oldest&after=2&limit=5&states=true",
            "history stock mug after=2 limit=5 oldest=1 states=1" },
        { "GET /aggregates/stock/mug/commands/a%20b", "outcome stock mug a b" }, { "GET /sources/orders.csv", "source orders.csv" },
        { "GET /quarantine", "quarantine" }, { "GET /quarantine/stock/a%2Fb", "held stock a/b data=0" },
        { "GET /quarantine/stock/mug?data=true", "held stock mug data=1" },
        { "POST /quarantine/stock/mug/release?reason=mended+now", "release stock mug mended now discard=0" },
        { "POST /quarantine/stock/mug/release?discard=true", "release stock mug  discard=1" }, { "GET /events", "events - - 1000" },
        { "GET /events?types=A,B&after=0=1&limit=10", "events A,B 0=1 10" }, { "GET /views", "views" }, { "GET /types", "types" },
        { "GET /info", "info" }, { "GET /health/live", "live" }, { "GET /health/ready", "ready" },
        { "GET /views/stock/stock?sku=eq.a%26b+c", "table stock.stock n=1 sku=eq.a&b c csv=0" },
        { "GET /views/stock/rebuild", "table stock.rebuild n=0 = csv=0" },
        { "GET /views/stock/queries/running_low?threshold=5&x", "query stock.running_low n=2 threshold=5 csv=0" } };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(ask(rows[i][0], "", NULL), 200);
        assert_string_equal(client.body, rows[i][1]);
    }
    assert_int_equal(ask("GET /metrics", "", NULL), 200);
    assert_memory_equal(client.body, "metrics# HELP weir_http_connections ", 36);
    /* The server may still be closing those of the tests before. */
    for (int i = 0; i < 1000 && strstr(client.body, "\nweir_http_connections 1\n") == NULL; i++) {
        (void)usleep(10000);
        assert_int_equal(ask("GET /metrics", "", NULL), 200);
    }
    assert_says("\nweir_http_connections 1\n");
    assert_int_equal(ask("POST /views/stock/rebuild", "", ""), 200);
    assert_string_equal(client.body, "rebuild stock");
    assert_header("Allow", "");
    ask("GET /views/stock/stock", "Accept: text/csv\r\n", NULL);
    assert_says("csv=1");
    ask("GET /views/stock/stock", "Accept: text/html, */*\r\n", NULL);
    assert_says("csv=0");
    assert_int_equal(ask("GET /", "", NULL), 200);
    assert_says("/views/{view}/{table}");
    assert_int_equal(ask("GET /", "Accept: application/json\r\n", NULL), 200);
    assert_header("Content-Type", "application/json");
}

static void
test_head_is_get_without_its_body(void **state)
{
    assert_int_equal(ask("HEAD /aggregates/stock/mug", "", NULL), 200);
    assert_header("ETag", "\"7\"");
    assert_header("Content-Length", "17");
    assert_int_equal(ask("GET /views", "", NULL), 200);
    assert_string_equal(client.body, "views");
}

static void
test_an_etag_that_is_known_is_304(void **state)
{
    assert_int_equal(ask("GET /aggregates/stock/mug", "If-None-Match: \"6\"\r\n", NULL), 200);
    assert_int_equal(ask("GET /aggregates/stock/mug", "If-None-Match: W/\"7\"\r\n", NULL), 304);
    assert_header("ETag", "\"7\"");
    assert_int_equal(ask("GET /views", "", NULL), 200);
}

static void
test_a_page_of_another_site_is_refused(void **state)
{
    ask("POST /commands/now", "Origin: http://evil.example\r\n", "a=1");
    assert_refused(403, "another site");
    ask("POST /commands/now", "Origin: null\r\n", "a=1");
    assert_refused(403, "another site");
    assert_int_equal(ask("POST /commands/now", "Origin: http://h\r\n", "a=1"), 200);
}

static void
test_a_view_waits_for_a_position_and_says_when_it_is_behind(void **state)
{
    double_reach(false);
    uint64_t calls = atomic_load(&double_view_calls);
    assert_int_equal(ask("GET /views/stock/stock", "Weir-Position: 0abc:1=2\r\n", NULL), 409);
    assert_header("Weir-Position", "0abc:1=1");
    assert_header("Retry-After", "1");
    assert_int_equal(ask("GET /views/stock/stock", "Weir-Position: 0abc:1=2\r\nPrefer: wait=1\r\n", NULL), 409);
    assert_true(atomic_load(&double_view_calls) > calls + 3); /* it waited in slices */
    const char *request = "GET /views/stock/stock HTTP/1.1\r\nHost: h\r\nWeir-Position: 0abc:1=2\r\nPrefer: wait=60\r\n\r\n";
    assert_true(test_client_send(&client, request, strlen(request)));
    calls = atomic_load(&double_view_calls);
    while (atomic_load(&double_view_calls) < calls + 2)
        continue;
    double_reach(true);
    assert_true(test_client_read(&client, false));
    assert_int_equal(client.status, 200);
}

static size_t
drop(char *data, size_t size, size_t n, void *user)
{
    (void)data, (void)user;
    return size * n;
}

static void
test_expect_continue_works(void **state)
{
    static char body[100000];
    char url[100];
    long status = 0;
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(curl_slist_append(NULL, "Expect: 100-continue"), "Content-Type: application/json");

    memset(body, 'b', sizeof body - 1);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/commands/now", weiri_http_port(http));
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_EXPECT_100_TIMEOUT_MS, 20000L); /* without the 100 this would take as long */
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 15000L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    assert_int_equal(status, 200);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, connect_client, disconnect_client)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_malformed_target_is_400),
        TEST(test_an_unknown_path_is_404),
        TEST(test_pages_are_looked_up_by_name_alone),
        TEST(test_a_feed_goes_on_until_there_is_no_more),
        TEST(test_another_method_is_405_with_allow),
        TEST(test_an_unknown_content_type_is_415),
        TEST(test_a_body_too_large_is_413_before_it_is_read),
        TEST(test_a_client_that_sends_it_all_the_same_can_read_why),
        TEST(test_a_chunked_body_too_large_is_413),
        TEST(test_the_largest_bodies_are_taken),
        TEST(test_bad_conditions_are_400_by_name),
        TEST(test_parameters_are_checked_by_name),
        TEST(test_a_command_says_what_its_headers_ask),
        TEST(test_the_body_decides_where_no_type_does),
        TEST(test_the_table_of_answers_comes_through),
        TEST(test_every_path_reaches_its_function),
        TEST(test_head_is_get_without_its_body),
        TEST(test_an_etag_that_is_known_is_304),
        TEST(test_a_page_of_another_site_is_refused),
        TEST(test_a_view_waits_for_a_position_and_says_when_it_is_behind),
        TEST(test_expect_continue_works),
    };

    return cmocka_run_group_tests(tests, open_server, close_server);
}
