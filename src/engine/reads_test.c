/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/engine_testing.h"
#include "engine/offline.h"

static void
add(testing_engine *engine, const char *key, int amount, const char *note)
{
    char body[200];

    (void)snprintf(body, sizeof body, "{\"counterId\":\"%s\",\"amount\":%d,\"note\":\"%s\"}", key, amount, note);
    testing_expect(testing_send(engine, "Add", body, NULL), 200, "");
}

/* ---- states and histories --------------------------------------------------------------------------------- */

static void
test_a_state_is_shown_now_and_at_any_version(void **state)
{
    add(*state, "a", 1, "x");
    add(*state, "b", 9, "other");
    add(*state, "a", 2, "y");
    testing_expect(testing_send(*state, "Reset", "{\"counterId\":\"a\"}", NULL), 200, "WasReset");
    weiri_reply r = testing_state(*state, "counter", "a", 0);
    assert_true(r.has_version && r.version == 3);
    assert_string_equal(testing_body(&r),
        "{\"aggregate\":\"counter\",\"key\":\"a\",\"version\":3,\"state\":{\"total\":\"0\",\"adds\":\"2\",\"lastNote\":\"y\"}}");
    weiri_reply_fini(&r);
    testing_expect(
        testing_state(*state, "counter", "a", 1), 200, "\"version\":1,\"state\":{\"total\":\"1\",\"adds\":\"1\",\"lastNote\":\"x\"}}");
    testing_expect(testing_state(*state, "counter", "a", 2), 200, "\"version\":2,\"state\":{\"total\":\"3\"");
    testing_expect(testing_state(*state, "counter", "a", 3), 200, "\"version\":3,\"state\":{\"total\":\"0\"");
    testing_expect(testing_state(*state, "counter", "a", 4), 404, "counter/a has no version 4 yet: it is at version 3");
    testing_expect(testing_state(*state, "counter", "c", 0), 404, "there is no counter with key 'c'");
    testing_expect(testing_state(*state, "counter", "c", 1), 404, "there is no counter with key 'c'");
    testing_expect(testing_state(*state, "taly", "c", 0), 404, "there is no aggregate 'taly'; did you mean 'tally'?");
    testing_expect(testing_state(*state, "counter", "", 0), 400, "the key must be 1-255 bytes");
}

/* The versions in the page, as "3 2 1", and its next. */
static void
expect_page(testing_engine *engine, weiri_history_call call, const char *versions, int next)
{
    weiri_reply r = testing_history(engine, call);
    char found[200] = "", word[40];

    assert_int_equal(r.http, 200);
    for (const char *at = strstr(testing_body(&r), "\"events\":["); (at = strstr(at, "\"type\":")) != NULL; at++)
        (void)snprintf(found + strlen(found), sizeof found - strlen(found), "%s%d", found[0] != '\0' ? " " : "",
            atoi(strstr(at, "\"version\":") + 10));
    assert_string_equal(found, versions);
    (void)snprintf(word, sizeof word, "\"next\":%d}", next);
    if ((strstr(testing_body(&r), next > 0 ? word : "\"next\"") != NULL) != (next > 0))
        fail_msg("next %d: %s", next, testing_body(&r));
    weiri_reply_fini(&r);
}

static void
test_a_history_is_paged_both_ways(void **state)
{
    weiri_history_call call = { .aggregate = "counter", .key = "a" };

    testing_expect(testing_history(*state, call), 404, "it has no events");
    for (int i = 1; i <= 7; i++) {
        add(*state, "a", i, "");
        add(*state, "b", i, "");
    }
    expect_page(*state, call, "7 6 5 4 3 2 1", 0);
    call.limit = 3;
    expect_page(*state, call, "7 6 5", 5);
    call.after = 5;
    expect_page(*state, call, "4 3 2", 2);
    call.after = 2;
    expect_page(*state, call, "1", 0);
    call.after = 1;
    expect_page(*state, call, "", 0);
    call.oldest_first = true;
    call.after = 0;
    expect_page(*state, call, "1 2 3", 3);
    call.after = 3;
    expect_page(*state, call, "4 5 6", 6);
    call.after = 6;
    expect_page(*state, call, "7", 0);
    call.after = 7;
    expect_page(*state, call, "", 0);
    call.after = 99;
    expect_page(*state, call, "", 0);
}

static void
test_a_history_can_show_each_state(void **state)
{
    weiri_history_call call = { .aggregate = "counter", .key = "a", .limit = 1, .after = 3, .states = true };

    for (int i = 1; i <= 3; i++)
        add(*state, "a", i, "n");
    weiri_reply r = testing_history(*state, call);
    assert_non_null(strstr(testing_body(&r), "\"data\":{\"counterId\":\"a\",\"amount\":\"2\",\"note\":\"n\"}"));
    assert_non_null(strstr(testing_body(&r), "\"commandId\":\""));
    testing_expect(r, 200, "\"state\":{\"total\":\"3\",\"adds\":\"2\",\"lastNote\":\"n\"}");
}

/* ---- views ------------------------------------------------------------------------------------------------ */

static void
test_a_view_shows_what_its_token_asks_for(void **state)
{
    testing_engine *engine = *state;

    for (int i = 0; i < 50; i++) {
        weiri_reply sent = testing_send(engine, "Add", "{\"counterId\":\"a\",\"amount\":1}", NULL);
        char words[64];
        (void)snprintf(words, sizeof words, "\"total\":%d,\"note\":null,\"share\":0.5}", i + 1);
        weiri_reply rows = testing_view(engine, "counters", "counters", false, sent.position);
        assert_true(strncmp(rows.position, sent.position, 17) == 0);
        testing_expect(rows, 200, words);
        weiri_reply_fini(&sent);
    }
    testing_expect(testing_view(engine, "counters", "above", true, NULL), 200, "[{\"counter_id\":\"a\",\"total\":50}]");
}

static void
test_rows_come_as_csv(void **state)
{
    testing_engine *engine = *state;
    weiri_pair order = { "order", "counter_id" };
    weiri_view_call call = { .view = "counters", .name = "counters", .csv = true, .arguments = &order, .n = 1 };
    weiri_reply r = { 0 };

    add(engine, "a,b", 1, "say \\\"hi\\\"");
    add(engine, "c", 2, "");
    assert_int_equal(weir_settle(engine->service, true, 10000), WEIR_OK);
    weiri_service_view(engine->service, &call, &r);
    assert_string_equal(r.content_type, "text/csv; charset=utf-8");
    testing_expect(r, 200, "counter_id,total,note,share\r\n\"a,b\",1,\"say \"\"hi\"\"\",0.5\r\nc,2,,0.5\r\n");
}

static void
test_what_is_wrong_with_a_question_is_told(void **state)
{
    testing_engine *engine = *state;
    weiri_pair bad = { "totl", "eq.1" }, least = { "least", "many" };
    weiri_view_call call = { .view = "counters", .name = "counters", .arguments = &bad, .n = 1 };
    weiri_reply r = { 0 };

    weiri_service_view(engine->service, &call, &r);
    testing_expect(r, 400, "total");
    r = (weiri_reply){ 0 };
    call = (weiri_view_call){ .view = "counters", .name = "above", .query = true, .arguments = &least, .n = 1 };
    weiri_service_view(engine->service, &call, &r);
    testing_expect(r, 400, "least");
    testing_expect(testing_view(engine, "conters", "counters", false, NULL), 404, "counters");
    testing_expect(testing_view(engine, "counters", "conters", false, NULL), 404, "counters");
    testing_expect(testing_view(engine, "counters", "abov", true, NULL), 404, "above");
}

static void
test_tokens_of_another_log_or_of_the_future_are_refused(void **state)
{
    testing_engine *engine = *state;
    weiri_reply sent = testing_send(engine, "Add", "{\"counterId\":\"a\",\"amount\":1}", NULL);
    char token[128];

    testing_expect(testing_view(engine, "counters", "counters", false, "0000000000000001:0=0"), 400, "\"code\":\"foreign-token\"");
    testing_expect(testing_view(engine, "counters", "counters", false, "what"), 400, "as an answer's Weir-Position gave it");
    (void)snprintf(token, sizeof token, "%s9", sent.position);
    testing_expect(testing_view(engine, "counters", "counters", false, token), 400, "\"code\":\"future-token\"");
    (void)snprintf(token, sizeof token, "%.17s64=0", sent.position);
    testing_expect(testing_view(engine, "counters", "counters", false, token), 400, "\"code\":\"foreign-token\"");
    weiri_reply_fini(&sent);
}

/* A command that made no event has nothing to wait for, so there is a source position that no view will ever show. */
static void
test_a_view_that_does_not_get_there_is_behind(void **state)
{
    testing_engine *engine = *state;
    weiri_reply sent = testing_send(engine, "Add", "{\"counterId\":\"a\",\"amount\":1}", NULL);
    uint64_t n = strtoull(strchr(sent.position, '=') + 1, NULL, 10);
    weiri_view_call call = { .view = "counters", .name = "counters", .wait_ms = 20 };
    weiri_reply r = { 0 };
    char token[128];

    testing_expect(testing_send(engine, "Add", "{\"counterId\":\"a\",\"amount\":-1}", NULL), 422, "bad-amount");
    assert_int_equal(weir_settle(engine->service, true, 10000), WEIR_OK);
    (void)snprintf(token, sizeof token, "%.*s%" PRIu64, (int)(strchr(sent.position, '=') + 1 - sent.position), sent.position, n + 1);
    call.position = token;
    weiri_service_view(engine->service, &call, &r);
    assert_string_equal(r.position, sent.position);
    assert_int_equal(r.retry_after_s, 1);
    testing_expect(r, 409, "\"code\":\"behind\"");
    weiri_reply_fini(&sent);
}

/* ---- events ----------------------------------------------------------------------------------------------- */

static weiri_reply
events(testing_engine *engine, const char *types, const char *after, uint64_t limit)
{
    weiri_reply r = { 0 };

    weiri_service_events(engine->service, types, after, limit, &r);
    return r;
}

static int
lines(weiri_reply *r)
{
    int n = 0;

    for (const char *at = testing_body(r); *at != '\0'; at++)
        n += *at == '\n';
    return n;
}

static void
test_events_are_read_on_from_a_position_without_gap_or_repeat(void **state)
{
    testing_engine *engine = *state;
    char after[1600] = "", key[16];
    int n = 0, pages = 0;

    for (int i = 0; i < 40; i++) {
        (void)snprintf(key, sizeof key, "k%d", i);
        add(engine, key, i + 1, "");
    }
    for (;;) {
        weiri_reply r = events(engine, NULL, after[0] != '\0' ? after : NULL, 7);
        assert_int_equal(r.http, 200);
        int here = lines(&r);
        /* The last line's own position is the page's. */
        if (here > 0) {
            char *last = (char *)testing_body(&r) + r.body.size - 1;
            while (last > (char *)r.body.data && last[-1] != '\n')
                last--;
            char expected[1700];
            (void)snprintf(expected, sizeof expected, "{\"position\":\"%s\",", r.position);
            assert_non_null(strstr(testing_body(&r), expected));
        }
        (void)snprintf(after, sizeof after, "%s", r.position);
        weiri_reply_fini(&r);
        n += here;
        pages++;
        if (here == 0)
            break;
    }
    assert_int_equal(n, 40);
    assert_int_equal(pages, 7);
    add(engine, "k0", 1, "new");
    weiri_reply r = events(engine, NULL, after, 7);
    assert_int_equal(lines(&r), 1);
    testing_expect(r, 200, "\"aggregate\":\"counter\",\"key\":\"k0\",\"type\":\"testing.v1.Added\",\"version\":2,\"data\":");
}

static void
test_events_are_filtered_by_type(void **state)
{
    testing_engine *engine = *state;

    add(engine, "a", 1, "");
    testing_expect(testing_send(engine, "Reset", "{\"counterId\":\"a\"}", NULL), 200, "");
    testing_expect(testing_send(engine, "Tick", "{\"tallyId\":\"7\",\"points\":[{\"x\":1}]}", NULL), 200, "\"key\":\"7\"");
    weiri_reply r = events(engine, "WasReset,testing.v1.Ticked", NULL, 0);
    assert_int_equal(lines(&r), 2);
    assert_null(strstr(testing_body(&r), "testing.v1.Added"));
    weiri_reply_fini(&r);
    testing_expect(events(engine, "Adde", NULL, 0), 404, "did you mean 'Added'?");
    testing_expect(events(engine, NULL, "0=x", 0), 400, "expected PARTITION=NUMBER");
    testing_expect(events(engine, NULL, "9=0", 0), 400, "foreign-token");
    testing_expect(events(engine, NULL, "0=999", 0), 400, "future-token");
}

/* ---- about itself ------------------------------------------------------------------------------------------ */

static void
test_the_engine_tells_about_itself(void **state)
{
    testing_engine *engine = *state;
    static const struct {
        void (*ask)(weiri_service *service, weiri_reply *reply);
        const char *words;
    } questions[] = {
        { weiri_service_info, "{\"module\":\"testing\",\"logId\":\"" },
        { weiri_service_types,
            "{\"name\":\"testing.v1.Add\",\"kind\":\"command\",\"aggregate\":\"counter\",\"key\":\"counter_id\",\"fields\":[" },
        { weiri_service_types, "\"upcastTo\":\"testing.v1.Ticked\"" },
        { weiri_service_types, "{\"name\":\"colour\",\"json\":\"colour\",\"type\":\"enum\",\"values\":[\"NONE\",\"RED\",\"BLUE\"]}" },
        { weiri_service_views, "{\"views\":[{\"name\":\"counters\",\"version\":\"" },
        { weiri_service_views, "\"queries\":[{\"name\":\"above\"" },
        { weiri_service_live, "live" },
        { weiri_service_ready, "ready" },
        { weiri_service_metrics, "weir_view_lag_events{view=\"counters\"} 0\n" },
        { weiri_service_metrics, "outcome=\"accepted\"} 1\n" },
        { weiri_service_metrics, "weir_log_failed 0\n" },
    };

    add(engine, "a", 1, "");
    assert_int_equal(weir_settle(engine->service, true, 10000), WEIR_OK);
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        weiri_reply r = { 0 };
        questions[i].ask(engine->service, &r);
        testing_expect(r, 200, questions[i].words);
    }
    weiri_service_refuse(engine->service);
    weiri_reply r = { 0 };
    weiri_service_ready(engine->service, &r);
    testing_expect(r, 503, "closing");
}

static void
test_a_view_is_rebuilt_on_request(void **state)
{
    testing_engine *engine = *state;
    weiri_reply r = { 0 };

    add(engine, "a", 1, "");
    weiri_service_view_rebuild(engine->service, "counters", &r);
    testing_expect(r, 202, "rebuilding");
    assert_int_equal(weir_settle(engine->service, true, 10000), WEIR_OK);
    testing_expect(testing_view(engine, "counters", "counters", false, NULL), 200, "\"counter_id\":\"a\",\"total\":1");
    r = (weiri_reply){ 0 };
    weiri_service_view_rebuild(engine->service, "conters", &r);
    testing_expect(r, 404, "counters");
}

/* ---- beside a running engine -------------------------------------------------------------------------------- */

static void
count(void *user, const char *words)
{
    (void)words;
    ++*(int *)user;
}

static void
test_a_log_is_read_beside_its_engine(void **state)
{
    testing_engine *engine = *state;
    weiri_history_call call = { .aggregate = "counter", .key = "a" };
    weiri_offline *with = NULL, *without = NULL;
    char dir[96];
    weiri_reply r = { 0 }, online;
    uint64_t faults = 7;
    weir_error err;
    int found = 0;

    (void)snprintf(dir, sizeof dir, "%s/data", engine->dir);
    add(engine, "a", 1, "x");
    assert_int_equal(weiri_offline_open(dir, &testing_module, &with, &err), WEIR_OK);
    assert_int_equal(weiri_offline_open(dir, NULL, &without, &err), WEIR_OK);
    add(engine, "a", 2, "y");
    online = testing_history(engine, call);
    weiri_offline_history(with, &call, &r);
    assert_string_equal(testing_body(&r), testing_body(&online));
    weiri_reply_fini(&online);
    weiri_reply_fini(&r);
    online = testing_state(engine, "counter", "a", 0);
    weiri_offline_state(with, "counter", "a", 0, &r);
    assert_string_equal(testing_body(&r), testing_body(&online));
    weiri_reply_fini(&online);
    weiri_reply_fini(&r);
    online = events(engine, NULL, NULL, 0);
    weiri_offline_events(with, NULL, NULL, 0, &r);
    assert_string_equal(testing_body(&r), testing_body(&online));
    weiri_reply_fini(&online);
    weiri_reply_fini(&r);
    weiri_offline_events(without, "testing.v1.Added", NULL, 1, &r);
    assert_int_equal(lines(&r), 1);
    assert_null(strstr(testing_body(&r), "\"data\""));
    weiri_reply_fini(&r);
    r = (weiri_reply){ 0 };
    weiri_offline_state(without, "counter", "a", 0, &r);
    testing_expect(r, 400, "name the module");
    r = (weiri_reply){ 0 };
    weiri_offline_state(with, "counter", "zzz", 0, &r);
    testing_expect(r, 404, "it has no events");
    r = (weiri_reply){ 0 };
    weiri_offline_verify(dir, count, &found, NULL, &r, &faults);
    assert_true(faults == 0 && found == 0);
    testing_expect(r, 200, "\"commands\":2,\"events\":2,\"outcomes\":0");
    weiri_offline_close(with);
    weiri_offline_close(without);
    assert_int_equal(weir_settle(engine->service, true, 10000), WEIR_OK);
    r = (weiri_reply){ 0 };
    weiri_offline_view_dump(dir, "counters", &r);
    testing_expect(r, 200, "\"a\"\t3\t\"y\"");
    r = (weiri_reply){ 0 };
    weiri_offline_view_dump(dir, "../x", &r);
    testing_expect(r, 404, "there is no view '../x'");
}

static void
test_a_directory_without_a_log_is_told(void **state)
{
    weiri_offline *offline = NULL;
    weir_error err;

    assert_int_equal(weiri_offline_open("/nowhere/shop.data", NULL, &offline, &err), WEIR_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nowhere/shop.data"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, testing_engine_setup, testing_engine_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_state_is_shown_now_and_at_any_version),
        T(test_a_history_is_paged_both_ways),
        T(test_a_history_can_show_each_state),
        T(test_a_view_shows_what_its_token_asks_for),
        T(test_rows_come_as_csv),
        T(test_what_is_wrong_with_a_question_is_told),
        T(test_tokens_of_another_log_or_of_the_future_are_refused),
        T(test_a_view_that_does_not_get_there_is_behind),
        T(test_events_are_read_on_from_a_position_without_gap_or_repeat),
        T(test_events_are_filtered_by_type),
        T(test_the_engine_tells_about_itself),
        T(test_a_view_is_rebuilt_on_request),
        T(test_a_log_is_read_beside_its_engine),
        cmocka_unit_test(test_a_directory_without_a_log_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
