/* SPDX-License-Identifier: Apache-2.0
 * Answers that come before their handler returns, while it returns, and long after; clients that leave meanwhile; stopping under load.
 * Meant to run under the thread sanitizer too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/thread.h"
#include "http/server.h"
#include "http/service_double.h"
#include "http/test_client.h"

enum { CLIENTS = 64, ROUNDS = 2000 };

static weiri_http *http;
static _Atomic uint32_t answered, broken;

static int
open_server(void **state)
{
    weiri_http_config config = { .listen = "127.0.0.1:0", .threads = 4 };
    weir_error err;

    double_start();
    double_reach(true);
    atomic_store(&answered, 0);
    atomic_store(&broken, 0);
    return weiri_http_start(NULL, &config, &http, &err) == WEIR_OK ? 0 : -1;
}

static int
close_server(void **state)
{
    weiri_http_stop(http);
    double_stop();
    return 0;
}

static const char *const requests[] = {
    "POST /commands/now HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}",
    "POST /commands/later HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}",
    "GET /views/stock/stock HTTP/1.1\r\nHost: h\r\nWeir-Position: 0abc:1=2\r\nPrefer: wait=5\r\n\r\n",
    "GET /events HTTP/1.1\r\nHost: h\r\n\r\n",
};

static void
run_client(void *argument)
{
    test_client client;
    uintptr_t number = (uintptr_t)argument;

    test_client_open(&client, weiri_http_port(http));
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (test_client_ask(&client, requests[(number + i) % 4]) == 200)
            atomic_fetch_add(&answered, 1);
        else
            atomic_fetch_add(&broken, 1);
    }
    test_client_close(&client);
}

static void
test_every_request_of_many_connections_is_answered_once(void **state)
{
    static weiri_thread threads[CLIENTS];

    for (uintptr_t i = 0; i < CLIENTS; i++)
        assert_int_equal(weiri_thread_start(&threads[i], "client", run_client, (void *)i), WEIR_OK);
    for (size_t i = 0; i < CLIENTS; i++)
        weiri_thread_join(&threads[i]);
    assert_int_equal(atomic_load(&broken), 0);
    assert_int_equal(atomic_load(&answered), CLIENTS * ROUNDS);
}

static void
wait_for_held(unsigned n)
{
    while (double_held() < n)
        (void)usleep(1000);
}

static void
test_a_client_that_leaves_before_its_answer_harms_nobody(void **state)
{
    const char *request = "POST /commands/hold HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}";
    test_client clients[8];

    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 8; i++) {
            test_client_open(&clients[i], weiri_http_port(http));
            assert_true(test_client_send(&clients[i], request, strlen(request)));
        }
        wait_for_held(8);
        for (int i = 0; i < 8; i++) {
            struct linger at_once = { .l_onoff = 1 };
            if (i % 2 == 0) /* a reset, not an end */
                (void)setsockopt(clients[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            test_client_close(&clients[i]);
        }
        double_release();
    }
    test_client_open(&clients[0], weiri_http_port(http));
    assert_int_equal(test_client_ask(&clients[0], requests[1]), 200);
    test_client_close(&clients[0]);
}

static void
test_waiting_queries_do_not_stop_the_others(void **state)
{
    enum { WAITING = 200 };
    static test_client clients[WAITING];
    test_client other;

    double_reach(false);
    for (int i = 0; i < WAITING; i++) {
        test_client_open(&clients[i], weiri_http_port(http));
        assert_true(test_client_send(&clients[i], requests[2], strlen(requests[2])));
    }
    test_client_open(&other, weiri_http_port(http));
    assert_int_equal(test_client_ask(&other, "GET /events HTTP/1.1\r\nHost: h\r\n\r\n"), 200); /* takes its turn among the waiting */
    assert_int_equal(test_client_ask(&other, requests[0]), 200);
    test_client_close(&other);
    double_reach(true);
    for (int i = 0; i < WAITING; i++) {
        assert_true(test_client_read(&clients[i], false));
        assert_int_equal(clients[i].status, 200);
        test_client_close(&clients[i]);
    }
}

static void
stop_server(void *argument)
{
    weiri_http_stop(http);
    atomic_store((_Atomic bool *)argument, true);
}

static void
test_stop_waits_for_the_reply_under_way(void **state)
{
    const char *request = "POST /commands/hold HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}";
    static _Atomic bool stopped;
    weiri_thread thread = { 0 };
    test_client client, idle, late;
    uint16_t port = weiri_http_port(http);

    test_client_open(&idle, port);
    assert_int_equal(test_client_ask(&idle, requests[0]), 200);
    test_client_open(&client, port);
    assert_true(test_client_send(&client, request, strlen(request)));
    wait_for_held(1);
    weiri_http_refuse(http);
    assert_int_equal(test_client_ask(&idle, requests[0]), 200); /* a connection that is there goes on */
    test_client_open(&late, port);
    assert_int_equal(test_client_ask(&late, requests[0]), 0);
    test_client_close(&late);
    assert_int_equal(weiri_thread_start(&thread, "stop", stop_server, &stopped), WEIR_OK);
    int status;
    while ((status = test_client_ask(&idle, requests[0])) == 200)
        continue;
    assert_int_equal(status, 503); /* and ends once it stops */
    assert_true(test_client_ended(&idle));
    assert_false(atomic_load(&stopped));
    double_release();
    assert_true(test_client_read(&client, false) && client.status == 200);
    weiri_thread_join(&thread);
    test_client_close(&idle);
    test_client_close(&client);
    double_stop();
}

static void
run_until_closed(void *argument)
{
    test_client client;

    test_client_open(&client, weiri_http_port(http));
    for (unsigned i = 0;; i++) {
        int status = test_client_ask(&client, requests[i % 4]);
        if (status == 200)
            atomic_fetch_add(&answered, 1);
        else
            break;
    }
    test_client_close(&client);
}

static void
test_stopping_under_load_ends_every_connection(void **state)
{
    static weiri_thread threads[16];

    for (int round = 0; round < 20; round++) {
        assert_int_equal(open_server(state), 0);
        for (size_t i = 0; i < 16; i++)
            assert_int_equal(weiri_thread_start(&threads[i], "client", run_until_closed, NULL), WEIR_OK);
        while (atomic_load(&answered) < 200)
            (void)usleep(500);
        weiri_http_stop(http);
        for (size_t i = 0; i < 16; i++)
            weiri_thread_join(&threads[i]);
        double_stop();
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_request_of_many_connections_is_answered_once, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_a_client_that_leaves_before_its_answer_harms_nobody, open_server, close_server),
        cmocka_unit_test_setup_teardown(test_waiting_queries_do_not_stop_the_others, open_server, close_server),
        cmocka_unit_test_setup(test_stop_waits_for_the_reply_under_way, open_server),
        cmocka_unit_test(test_stopping_under_load_ends_every_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
