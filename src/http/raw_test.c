/* SPDX-License-Identifier: Apache-2.0
 * What no well-behaved client sends: malformed lines, lengths and chunks; and what a slow or a hasty one may. The server answers or ends
 * the connection, and goes on serving the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>
#include "http/server.h"
#include "http/service_double.h"
#include "http/test_client.h"

static weiri_http *http;

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

/* Sends the text on a connection of its own; the reply's status, or 0 when there is none. Afterwards the server must still serve. */
static int
send_raw(const char *text)
{
    test_client client, next;

    test_client_open(&client, weiri_http_port(http));
    int status = test_client_ask(&client, text);
    test_client_close(&client);
    test_client_open(&next, weiri_http_port(http));
    assert_int_equal(test_client_ask(&next, "GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
    test_client_close(&next);
    return status;
}

static void
test_malformed_requests_are_400_or_end_the_connection(void **state)
{
    static const char *const bad[] = { "\x01\x02\x03\r\n\r\n", "GET\r\n\r\n", "GET /views HTTP/9.9\r\nHost: h\r\n\r\n",
        "GET /views HTTP/1.1\r\nHost h\r\n\r\n", "GET /views HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
        "POST /commands/now HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        "POST /commands/now HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "POST /commands/now HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        "POST /commands/now HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}xx\r\n0\r\n\r\n",
        "POST /commands/now HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}" };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t calls = atomic_load(&double_calls);
        int status = send_raw(bad[i]);
        if (status != 0 && (status < 400 || status > 505))
            fail_msg("request %zu was answered %d", i, status);
        assert_true(atomic_load(&double_calls) == calls);
    }
}

static void
test_ambiguous_lengths_are_refused(void **state)
{
    assert_int_equal(
        send_raw("POST /commands/now HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
        400);
    assert_int_equal(send_raw("POST /commands/now HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), 400);
    assert_int_equal(send_raw("POST /commands/now HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n{}"), 501);
}

static void
test_a_missing_host_is_400(void **state)
{
    assert_int_equal(send_raw("GET /views HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(send_raw("GET /views HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
    assert_int_equal(send_raw("GET /views HTTP/1.0\r\n\r\n"), 200);
}

static void
test_headers_too_large_are_refused(void **state)
{
    static char request[100000];
    size_t n = (size_t)sprintf(request, "GET /views HTTP/1.1\r\nHost: h\r\nX: ");

    memset(request + n, 'x', 90000);
    memcpy(request + n + 90000, "\r\n\r\n", 5);
    int status = send_raw(request);
    assert_true(status == 0 || status == 431 || status == 413);
    memcpy(request, "GET /", 5);
    memset(request + 5, 'x', 90000);
    memcpy(request + 90005, " HTTP/1.1\r\n\r\n", 14);
    status = send_raw(request);
    assert_true(status == 0 || status == 414 || status == 431);
}

static void
test_pipelined_requests_are_answered_in_order(void **state)
{
    const char *two = "POST /commands/later HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}GET /views HTTP/1.1\r\nHost: h\r\n\r\n"
                      "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n";
    test_client client;

    test_client_open(&client, weiri_http_port(http));
    assert_int_equal(test_client_ask(&client, two), 200);
    assert_string_equal(client.body, "{\"late\":true}");
    assert_true(test_client_read(&client, false) && client.status == 200);
    assert_string_equal(client.body, "views");
    assert_true(test_client_read(&client, false) && client.status == 404);
    test_client_close(&client);
}

static void
test_a_slow_body_is_waited_for(void **state)
{
    const char *request = "POST /commands/now HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
    test_client client;

    test_client_open(&client, weiri_http_port(http));
    for (const char *at = request; *at != '\0'; at++) {
        assert_true(test_client_send(&client, at, 1));
        (void)usleep(200);
    }
    assert_true(test_client_read(&client, false) && client.status == 200);
    assert_non_null(strstr(client.body, "size=7 body={\"a\":1}"));
    test_client_close(&client);
}

static void
test_a_chunked_body_is_put_together(void **state)
{
    test_client client;

    test_client_open(&client, weiri_http_port(http));
    assert_int_equal(test_client_ask(&client, "POST /commands/now HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                                              "3;x=y\r\n{\"a\r\n4\r\n\":1}\r\n0\r\nTrailer: t\r\n\r\n"),
        200);
    assert_non_null(strstr(client.body, "json id=- expect=0/0 rep=0 async=0 timeout=30000 size=7 body={\"a\":1}"));
    assert_int_equal(test_client_ask(&client, "GET http://h/views HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
    test_client_close(&client);
}

static void
test_a_client_that_leaves_in_its_body_is_forgotten(void **state)
{
    const char *half = "POST /commands/now HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{\"half";

    for (int i = 0; i < 50; i++) {
        test_client client;
        test_client_open(&client, weiri_http_port(http));
        assert_true(test_client_send(&client, half, strlen(half)));
        test_client_close(&client);
    }
    assert_int_equal(send_raw("GET /views HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
}

static void
test_more_connections_than_may_be_are_told_so(void **state)
{
    enum { MOST = 4 };
    weiri_http_config config = { .listen = "127.0.0.1:0", .threads = 2, .connections = MOST };
    weiri_http *small;
    test_client clients[MOST], more;
    weir_error err;

    assert_int_equal(weiri_http_start(NULL, &config, &small, &err), WEIR_OK);
    for (int i = 0; i < MOST; i++) {
        test_client_open(&clients[i], weiri_http_port(small));
        assert_int_equal(test_client_ask(&clients[i], "GET /views HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
    }
    test_client_open(&more, weiri_http_port(small));
    assert_true(test_client_read(&more, false) && more.status == 503);
    assert_non_null(strstr(more.body, "too many connections"));
    test_client_close(&more);
    test_client_close(&clients[0]);
    int status = 0;
    while (status != 200) { /* until the end of the first has been seen */
        test_client_open(&more, weiri_http_port(small));
        status = test_client_ask(&more, "GET /views HTTP/1.1\r\nHost: h\r\n\r\n");
        test_client_close(&more);
    }
    for (int i = 1; i < MOST; i++)
        test_client_close(&clients[i]);
    weiri_http_stop(small);
}

/* Bytes now and then keep libmicrohttpd's own limit away: one that brings a body so slowly is cut all the same, and one that does not is
 * let alone. */
static void
test_a_body_that_drips_is_cut(void **state)
{
    weiri_http_config config = { .listen = "127.0.0.1:0", .threads = 2, .idle_s = 1 };
    const char *head = "POST /commands/now HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n";
    weiri_http *patient;
    test_client slow, other;
    weir_error err;

    assert_int_equal(weiri_http_start(NULL, &config, &patient, &err), WEIR_OK);
    test_client_open(&slow, weiri_http_port(patient));
    assert_true(test_client_send(&slow, head, strlen(head)));
    while (test_client_send(&slow, " ", 1)) {
        test_client_open(&other, weiri_http_port(patient));
        assert_int_equal(test_client_ask(&other, "GET /views HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
        test_client_close(&other);
        (void)usleep(50000);
    }
    test_client_close(&slow);
    test_client_open(&other, weiri_http_port(patient));
    assert_int_equal(test_client_ask(&other, "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
    assert_non_null(strstr(other.body, "\nweir_http_cut_total 1\n"));
    test_client_close(&other);
    weiri_http_stop(patient);
}

static void
test_a_taken_port_says_so(void **state)
{
    char address[40], words[120];
    weiri_http *other = NULL;
    weir_error err;

    (void)snprintf(address, sizeof address, "127.0.0.1:%u", weiri_http_port(http));
    weiri_http_config config = { .listen = address };
    assert_int_equal(weiri_http_start(NULL, &config, &other, &err), WEIR_IO);
    (void)snprintf(words, sizeof words, "%s is taken by another program; choose another with --listen", address);
    assert_string_equal(err.text, words);
    assert_null(other);
}

static void
test_a_bad_address_says_so(void **state)
{
    static const char *const bad[][2] = { { "8080", "is not HOST:PORT" }, { "127.0.0.1:", "is not HOST:PORT" },
        { "127.0.0.1:70000", "is not HOST:PORT" }, { "::1:80", "stands in brackets" },
        { "no.such.host.invalid:80", "no.such.host.invalid" } };
    weiri_http *other = NULL;
    weir_error err;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        weiri_http_config config = { .listen = bad[i][0] };
        assert_int_equal(weiri_http_start(NULL, &config, &other, &err), WEIR_INVALID);
        assert_non_null(strstr(err.text, bad[i][1]));
    }
    weiri_http_config elsewhere = { .listen = "192.0.2.1:8080" };
    assert_int_equal(weiri_http_start(NULL, &elsewhere, &other, &err), WEIR_IO);
    assert_non_null(strstr(err.text, "this machine has no such address"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malformed_requests_are_400_or_end_the_connection),
        cmocka_unit_test(test_ambiguous_lengths_are_refused),
        cmocka_unit_test(test_a_missing_host_is_400),
        cmocka_unit_test(test_headers_too_large_are_refused),
        cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(test_a_slow_body_is_waited_for),
        cmocka_unit_test(test_a_chunked_body_is_put_together),
        cmocka_unit_test(test_a_client_that_leaves_in_its_body_is_forgotten),
        cmocka_unit_test(test_more_connections_than_may_be_are_told_so),
        cmocka_unit_test(test_a_body_that_drips_is_cut),
        cmocka_unit_test(test_a_taken_port_says_so),
        cmocka_unit_test(test_a_bad_address_says_so),
    };

    return cmocka_run_group_tests(tests, open_server, close_server);
}
