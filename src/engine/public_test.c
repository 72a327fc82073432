/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/engine_testing.h"

static weir_outcome
add(testing_engine *engine, const char *key, int64_t amount, const weir_submission *submission)
{
    Testing__V1__Add c = TESTING__V1__ADD__INIT;
    weir_outcome outcome;

    c.counter_id = (char *)key;
    c.amount = amount;
    weir_status status = weir_execute(engine->service, &c.base, submission, &outcome);
    assert_int_equal(status, outcome.status);
    return outcome;
}

static void
test_an_outcome_is_what_became_of_the_command(void **state)
{
    weir_submission expects = { .expect = true, .expected_version = 7 }, id = { .id = "one" };

    weir_outcome o = add(*state, "a", 3, &id);
    assert_true(o.status == WEIR_OK && o.version == 1 && o.events == 1 && !o.repeated && o.log_id != 0);
    weir_outcome again = add(*state, "a", 3, &id);
    assert_true(again.status == WEIR_OK && again.repeated && again.version == 1 && again.source == o.source);
    o = add(*state, "a", 4, &id);
    assert_int_equal(o.status, WEIR_REJECTED);
    assert_string_equal(o.code, "id-reused");
    o = add(*state, "a", -1, NULL);
    assert_int_equal(o.status, WEIR_REJECTED);
    assert_string_equal(o.code, "bad-amount");
    assert_string_equal(o.text, "-1 is negative");
    o = add(*state, "a", 1, &expects);
    assert_true(o.status == WEIR_CONFLICT && o.version == 1);
}

static void
test_what_is_wrong_with_a_submission_is_told(void **state)
{
    testing_engine *engine = *state;
    weir_submission both = { .id = "x", .source = "y", .sequence = 1 }, no_sequence = { .source = "y" }, long_id = { .id = "" };
    Testing__V1__Added event = TESTING__V1__ADDED__INIT;
    weir_outcome o;

    o = add(engine, "", 1, NULL);
    assert_int_equal(o.status, WEIR_INVALID);
    assert_non_null(strstr(o.text, "counter_id: the key of testing.v1.Add"));
    assert_int_equal(add(engine, "a\xff", 1, NULL).status, WEIR_INVALID);
    o = add(engine, "a", 1, &both);
    assert_non_null(strstr(o.text, "either an id, or source and sequence"));
    assert_int_equal(add(engine, "a", 1, &no_sequence).status, WEIR_INVALID);
    assert_int_equal(add(engine, "a", 1, &long_id).status, WEIR_INVALID);
    assert_int_equal(weir_execute(engine->service, &event.base, NULL, &o), WEIR_INVALID);
    assert_non_null(strstr(o.text, "testing.v1.Added"));
    weiri_service_refuse(engine->service);
    assert_int_equal(add(engine, "a", 1, NULL).status, WEIR_CLOSED);
}

static void
test_a_source_goes_on_where_it_was(void **state)
{
    weir_submission s = { .source = "file", .sequence = 5, .fingerprint = 1 };

    assert_int_equal(add(*state, "a", 1, &s).status, WEIR_OK);
    assert_true(add(*state, "a", 1, &s).repeated);
    s.previous = 6;
    s.sequence = 7;
    weir_outcome o = add(*state, "a", 1, &s);
    assert_int_equal(o.status, WEIR_CONFLICT);
    assert_string_equal(o.code, "gap");
    s.previous = 5;
    assert_int_equal(add(*state, "a", 1, &s).version, 2);
}

static void
test_a_query_shows_an_outcomes_effect(void **state)
{
    testing_engine *engine = *state;
    const char *const arguments[] = { "least", "0", NULL }, *const odd[] = { "least", NULL };
    weir_rows *rows = NULL;
    weir_error err;

    for (int i = 1; i <= 50; i++) {
        weir_outcome o = add(engine, "a", 2, NULL);
        assert_int_equal(weir_query(engine->service, "counters.above", arguments, &o, 10000, &rows, &err), WEIR_OK);
        assert_true(weir_rows_next(rows));
        assert_int_equal(weir_rows_integer(rows, 1), 2 * i);
        assert_string_equal(weir_rows_text(rows, 0), "a");
        assert_false(weir_rows_next(rows));
        weir_rows_free(rows);
    }
    weir_outcome foreign = add(engine, "a", 2, NULL);
    foreign.log_id++;
    assert_int_equal(weir_query(engine->service, "counters.above", NULL, &foreign, 0, &rows, &err), WEIR_INVALID);
    foreign.log_id--;
    foreign.source += 1000;
    assert_int_equal(weir_query(engine->service, "counters.above", NULL, &foreign, 0, &rows, &err), WEIR_INVALID);
    assert_int_equal(weir_query(engine->service, "above", NULL, NULL, 0, &rows, &err), WEIR_INVALID);
    assert_int_equal(weir_query(engine->service, "counters.abov", NULL, NULL, 0, &rows, &err), WEIR_NOT_FOUND);
    assert_int_equal(weir_query(engine->service, "counters.above", odd, NULL, 0, &rows, &err), WEIR_INVALID);
    /* A rejection rests on nothing that a view could show. */
    weir_outcome no = add(engine, "a", -2, NULL);
    assert_int_equal(weir_query(engine->service, "counters.above", NULL, &no, 0, &rows, &err), WEIR_OK);
    weir_rows_free(rows);
}

static void
test_rows_give_each_value_as_asked(void **state)
{
    testing_engine *engine = *state;
    weir_rows *rows = NULL;
    weir_error err;

    weir_outcome o = add(engine, "12x", 40, NULL);
    assert_int_equal(weir_query(engine->service, "counters.above", NULL, &o, 10000, &rows, &err), WEIR_OK);
    assert_int_equal(weir_rows_columns(rows), 2);
    assert_string_equal(weir_rows_name(rows, 1), "total");
    assert_string_equal(weir_rows_name(rows, 2), "");
    assert_true(weir_rows_is_null(rows, 0)); /* before the first row there is nothing */
    assert_string_equal(weir_rows_text(rows, 0), "");
    assert_true(weir_rows_next(rows));
    assert_false(weir_rows_is_null(rows, 0));
    assert_true(weir_rows_is_null(rows, 9) && weir_rows_is_null(rows, -1));
    assert_string_equal(weir_rows_text(rows, 1), "40");
    assert_true(weir_rows_real(rows, 1) == 40.0);
    assert_int_equal(weir_rows_integer(rows, 0), 12);
    weir_rows_free(rows);
    weir_rows_free(NULL);
}

static void
count(void *user, const weir_outcome *outcome)
{
    if (outcome->status == WEIR_OK)
        atomic_fetch_add((_Atomic int *)user, 1);
}

static void
submit_many(testing_engine *engine, int n, _Atomic int *accepted)
{
    Testing__V1__Add c = TESTING__V1__ADD__INIT;
    char key[16];
    weir_error err;

    c.counter_id = key;
    c.amount = 1;
    for (int i = 0; i < n; i++) {
        (void)snprintf(key, sizeof key, "k%d", i % 64);
        if (weir_submit(engine->service, &c.base, NULL, count, accepted, &err) != WEIR_OK)
            fail_msg("%s", err.text);
    }
}

static void
test_settling_waits_for_all_that_was_submitted(void **state)
{
    testing_engine *engine = *state;
    _Atomic int accepted = 0;
    weir_rows *rows = NULL;
    int64_t total = 0;
    weir_error err;
    const char *const all[] = { "least", "1", NULL };

    for (int round = 1; round <= 3; round++) {
        submit_many(engine, 5000, &accepted);
        assert_int_equal(weir_settle(engine->service, true, 60000), WEIR_OK);
        assert_int_equal(atomic_load(&accepted), 5000 * round);
    }
    assert_int_equal(weir_query(engine->service, "counters.above", all, NULL, 0, &rows, &err), WEIR_OK);
    while (weir_rows_next(rows))
        total += weir_rows_integer(rows, 1);
    weir_rows_free(rows);
    assert_int_equal(total, 15000);
}

/* Whatever was submitted before the close is answered, and whatever was answered OK is there afterwards. */
static void
test_closing_drains_and_nothing_acknowledged_is_lost(void **state)
{
    testing_engine *engine = *state;
    _Atomic int accepted = 0;
    weir_rows *rows = NULL;
    int64_t total = 0;
    weir_error err;
    const char *const all[] = { "least", "1", NULL };

    for (int round = 1; round <= 3; round++) {
        submit_many(engine, 20000, &accepted);
        testing_engine_close(engine);
        assert_int_equal(atomic_load(&accepted), 20000 * round);
        testing_engine_open(engine, round == 2 ? "threads=1 checkpoint.events=1000" : "");
    }
    assert_int_equal(weir_settle(engine->service, true, 60000), WEIR_OK);
    assert_int_equal(weir_query(engine->service, "counters.above", all, NULL, 0, &rows, &err), WEIR_OK);
    while (weir_rows_next(rows))
        total += weir_rows_integer(rows, 1);
    weir_rows_free(rows);
    assert_int_equal(total, 60000);
    testing_expect(testing_state(engine, "counter", "k0", 0), 200, "\"version\":939,");
}

/* ---- opening ------------------------------------------------------------------------------------------------ */

static void
refused(const weir_module *module, const char *settings, weir_status status, const char *words)
{
    weir_engine *engine = NULL;
    weir_error err;
    char text[1024];

    assert_int_equal(weir_open(module, settings, &engine, &err), status);
    assert_null(engine);
    weiri_error_format(&err, text, sizeof text);
    if (strstr(text, words) == NULL)
        fail_msg("expected '%s' in '%s'", words, text);
}

static void
test_an_engine_that_can_not_open_says_why(void **state)
{
    testing_engine *engine = *state;
    weir_module other = testing_module, wrong = testing_module, old = testing_module;
    char settings[300], path[200];
    struct stat about;

    other.name = "other";
    wrong.name = "No Name";
    old.abi = 1;
    (void)snprintf(settings, sizeof settings, "dir=%s/data", engine->dir);
    refused(&testing_module, settings, WEIR_INVALID, "in use");
    testing_engine_close(engine);
    refused(&other, settings, WEIR_INVALID, "other");
    refused(&old, settings, WEIR_INVALID, "built for ABI 1 of weir, this is ABI 2");
    (void)snprintf(settings, sizeof settings, "dir=%s/data partitions=8", engine->dir);
    refused(&testing_module, settings, WEIR_INVALID, "8");
    refused(&testing_module, "dri=x", WEIR_INVALID, "settings: there is no setting 'dri'; did you mean 'dir'?");
    (void)snprintf(settings, sizeof settings, "dir=%s/fresh", engine->dir);
    refused(&wrong, settings, WEIR_INVALID, "No Name");
    /* What is wrong with a view is told with its line, and nothing has been made on disk. */
    (void)snprintf(path, sizeof path, "%s/sql/bad.sql", engine->dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("-- schema:\nCREATE TABLE t (a TEXT);\n-- on: testing.v1.Adde\nINSERT INTO t VALUES (:note);\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(settings, sizeof settings, "dir=%s/fresh views=%s/sql", engine->dir, engine->dir);
    refused(&testing_module, settings, WEIR_INVALID, "bad.sql:3: no message 'testing.v1.Adde' in this module; did you mean");
    (void)snprintf(path, sizeof path, "%s/fresh", engine->dir);
    assert_int_equal(stat(path, &about), -1);
}

/* ---- a log that has failed -------------------------------------------------------------------------------- */

static weiri_log_ops failing; /* the real log's, but for the two below */
static _Atomic bool failed;

static void
fail_append(weiri_log *log, weiri_append *append)
{
    atomic_store(&failed, true);
    append->done(append, WEIR_IO);
}

static weir_status
failed_state(weiri_log *log, weir_error *err)
{
    return atomic_load(&failed) ? weiri_error_set(err, WEIR_IO, "the disk is gone") : WEIR_OK;
}

static void
never(void *user, const weir_outcome *outcome)
{
    fail_msg("nothing was taken");
}

/* Other threads read the table meanwhile: either will do for them, so this is no race that matters. Returns the one before. */
__attribute__((noinline, no_sanitize("thread"))) static const weiri_log_ops *
exchange(weiri_log *log, const weiri_log_ops *ops)
{
    const weiri_log_ops *real = log->ops;

    failing = *real;
    failing.append = fail_append;
    failing.state = failed_state;
    log->ops = ops;
    return real;
}

/* Whoever repeats what is BUSY would repeat it for ever. */
static void
test_a_log_that_has_failed_is_not_busy(void **state)
{
    testing_engine *engine = *state;
    weiri_log *log = engine->service->log;
    Testing__V1__Add c = TESTING__V1__ADD__INIT;
    weir_submission s = { .id = "x" };
    weiri_reply reply = { 0 };
    weir_rows *rows;
    weir_error err;

    assert_int_equal(add(engine, "a", 1, NULL).status, WEIR_OK);
    const weiri_log_ops *real = exchange(log, &failing);
    assert_int_equal(add(engine, "a", 1, &s).status, WEIR_TIMEOUT); /* it may have taken effect */
    weir_outcome o = add(engine, "a", 1, &s);
    assert_int_equal(o.status, WEIR_IO);
    assert_string_equal(o.code, "log-failed");
    assert_string_equal(o.text, "the disk is gone");
    c.counter_id = (char *)"a";
    assert_int_equal(weir_submit(engine->service, &c.base, &s, never, NULL, &err), WEIR_IO);
    assert_int_equal(weir_release(engine->service, "counter", "a", NULL, &err), WEIR_IO);
    reply = testing_send(engine, "Add", "{\"counterId\":\"a\",\"amount\":1}", "x");
    assert_int_equal(reply.retry_after_s, 0);
    testing_expect(reply, 503, "\"code\":\"log-failed\"");
    testing_expect(testing_batch(engine, "{\"type\":\"Add\",\"data\":{\"counterId\":\"a\"}}", false), 200, "\"code\":\"log-failed\"");
    reply = (weiri_reply){ 0 };
    weiri_service_ready(engine->service, &reply);
    testing_expect(reply, 503, "\"code\":\"log-failed\"");
    assert_int_equal(weir_query(engine->service, "counters.above", NULL, NULL, 0, &rows, &err), WEIR_OK);
    weir_rows_free(rows);
    weiri_commands_stop(engine->service->commands);
    (void)exchange(log, real);
}

/* Nothing is in quarantine unless a command has ended a process: see command/poison_test.c and test_poison.py. */
static void
test_what_is_in_no_quarantine_is_not_released(void **state)
{
    testing_engine *engine = *state;
    char reason[600];
    weiri_reply reply = { 0 };
    weir_error err;

    assert_int_equal(add(engine, "a", 1, NULL).status, WEIR_OK);
    assert_int_equal(weir_release(engine->service, "counter", "a", "why", &err), WEIR_NOT_FOUND);
    assert_string_equal(err.text, "counter/a is not in quarantine");
    assert_int_equal(weir_release(engine->service, "countr", "a", NULL, &err), WEIR_NOT_FOUND);
    assert_non_null(strstr(err.text, "did you mean 'counter'?"));
    assert_int_equal(weir_release(engine->service, "counter", "", NULL, &err), WEIR_INVALID);
    memset(reason, 'x', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    assert_int_equal(weir_release(engine->service, "counter", "a", reason, NULL), WEIR_INVALID);
    weiri_service_held(engine->service, "counter", "a", true, &reply);
    testing_expect(reply, 404, "counter/a is not in quarantine");
    reply = (weiri_reply){ 0 };
    weiri_service_quarantine(engine->service, &reply);
    testing_expect(reply, 200, "{\"quarantine\":[],\"aggregates\":0,\"commands\":0}");
    weiri_service_refuse(engine->service);
    assert_int_equal(weir_release(engine->service, "counter", "a", NULL, &err), WEIR_CLOSED);
}

#define T(name) cmocka_unit_test_setup_teardown(name, testing_engine_setup, testing_engine_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_an_outcome_is_what_became_of_the_command),
        T(test_what_is_wrong_with_a_submission_is_told),
        T(test_a_source_goes_on_where_it_was),
        T(test_a_query_shows_an_outcomes_effect),
        T(test_rows_give_each_value_as_asked),
        T(test_settling_waits_for_all_that_was_submitted),
        T(test_closing_drains_and_nothing_acknowledged_is_lost),
        T(test_an_engine_that_can_not_open_says_why),
        T(test_a_log_that_has_failed_is_not_busy),
        T(test_what_is_in_no_quarantine_is_not_released),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
