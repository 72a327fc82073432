/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/hash.h"
#include "cli/load_send.h"

/* An engine that keeps the rule of (source, sequence, previous) and misbehaves on order. */
enum { PARTITIONS = 3, LINES_MOST = 64 };
typedef struct engine {
    uint64_t last[PARTITIONS], fingerprint;
    unsigned applied[LINES_MOST]; /* how often each line has been */
    unsigned requests, busy, drops, lost_answers, pauses, unreadable;
    uint64_t busy_line;   /* refused 503 while busy > 0 */
    uint64_t bad_line;    /* 400 */
    uint64_t reject_line; /* 422 */
    bool known, interrupt;
} engine;

static const char *
one_line(engine *e, const json_t *line)
{
    static char reply[256];
    const char *key = json_string_value(json_object_get(json_object_get(line, "data"), "key"));
    uint64_t sequence = (uint64_t)json_integer_value(json_object_get(line, "sequence"));
    uint64_t previous = (uint64_t)json_integer_value(json_object_get(line, "previous"));
    uint32_t p = weiri_partition_of(weiri_bytes_of(key), PARTITIONS);

    e->fingerprint = (uint64_t)json_integer_value(json_object_get(line, "fingerprint"));
    e->known = true;
    if (sequence == e->bad_line)
        return "{\"status\":400,\"detail\":\"line 3: no such colour\"}";
    if (sequence == e->busy_line && e->busy > 0) {
        e->busy--;
        return "{\"status\":503,\"code\":\"queue-full\"}";
    }
    if (sequence <= e->last[p])
        return "{\"status\":200,\"repeated\":true}";
    if (previous != e->last[p])
        return "{\"status\":409,\"code\":\"gap\"}";
    e->last[p] = sequence;
    e->applied[sequence]++;
    (void)snprintf(reply, sizeof reply, "%s",
        sequence == e->reject_line ? "{\"status\":422,\"code\":\"out-of-stock\"}" : "{\"status\":200,\"version\":1}");
    return reply;
}

static weir_status
take_commands(void *user, weiri_bytes lines, int *ret_http, weiri_buffer *reply, int *ret_retry_after_s, weir_error *err)
{
    engine *e = user;
    const char *p = lines.data, *end = p + lines.size;

    e->requests++;
    if (e->drops > 0) {
        e->drops--;
        return weiri_error_set(err, WEIR_CLOSED, "nothing answers");
    }
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        json_t *line = json_loadb(p, (size_t)(newline - p), 0, NULL);
        assert_non_null(line);
        weiri_buffer_print(reply, "%s\n", one_line(e, line));
        json_decref(line);
        p = newline + 1;
    }
    if (e->lost_answers > 0) {
        e->lost_answers--;
        return weiri_error_set(err, WEIR_TIMEOUT, "no answer");
    }
    *ret_http = 200;
    return WEIR_OK;
}

static weir_status
tell_source(
    void *user, const char *source, uint32_t partitions, uint64_t *last, bool *ret_known, uint64_t *ret_fingerprint, weir_error *err)
{
    engine *e = user;

    assert_string_equal(source, "a \"file\"");
    memcpy(last, e->last, sizeof e->last);
    *ret_known = e->known;
    *ret_fingerprint = e->fingerprint;
    return WEIR_OK;
}

static void
count_pause(void *user, int64_t pause_ms, const char *why)
{
    assert_true(strlen(why) > 0);
    assert_true(pause_ms > 0 && pause_ms <= WEIRI_LOAD_PAUSE_MOST_MS);
    ((engine *)user)->pauses++;
}

static bool
is_interrupted(void *user)
{
    return ((engine *)user)->interrupt;
}

static void
tell_unreadable(void *user, uint64_t line, const char *words)
{
    engine *e = user;
    assert_int_equal(line, e->bad_line);
    assert_string_equal(words, "no such colour");
    e->unreadable++;
}

/* Loads lines 2 to `to`, each with a key of its own, in batches of 8. */
static weir_status
load(engine *e, uint64_t to, weiri_load_tally *ret_tally, weir_error *err)
{
    const weiri_load_door door = { take_commands, tell_source, count_pause, is_interrupted, tell_unreadable, e };
    weiri_load_sender sender = { 0 };
    char data[64], key[16];

    weiri_load_sender_init(&sender, &door, "shop.v1.X", "a \"file\"", PARTITIONS, 8);
    weir_status status = weiri_load_sender_resume(&sender, 77, err);
    for (uint64_t line = 2; status == WEIR_OK && line <= to; line++) {
        (void)snprintf(key, sizeof key, "k%" PRIu64, line);
        (void)snprintf(data, sizeof data, "{\"key\":\"%s\"}", key);
        status = weiri_load_sender_add(&sender, line, weiri_bytes_of(key), weiri_bytes_of(data), err);
    }
    if (status == WEIR_OK)
        status = weiri_load_sender_flush(&sender, err);
    free(ret_tally->codes);
    *ret_tally = sender.tally;
    sender.tally.codes = NULL;
    weiri_load_sender_fini(&sender);
    return status;
}

static void
applied_once(const engine *e, uint64_t to, uint64_t but)
{
    for (uint64_t line = 2; line <= to; line++)
        assert_int_equal(e->applied[line], line == but ? 0 : 1);
}

static void
test_every_line_goes_once_and_a_second_load_is_all_repeats(void **state)
{
    engine e = { .reject_line = 5 };
    weiri_load_tally tally = { 0 };
    weir_error err;

    assert_int_equal(load(&e, 40, &tally, &err), WEIR_OK);
    applied_once(&e, 40, 0);
    assert_true(tally.accepted == 38 && tally.rejected == 1 && tally.repeated == 0 && e.requests == 5 && e.pauses == 0);
    assert_string_equal(tally.codes[0].code, "out-of-stock");
    assert_int_equal(load(&e, 50, &tally, &err), WEIR_OK);
    applied_once(&e, 50, 0);
    assert_true(tally.accepted == 10 && tally.repeated == 39 && e.requests == 7);
    free(tally.codes);
}

static void
test_no_room_goes_back_to_the_partition(void **state)
{
    engine e = { .busy_line = 4, .busy = 3 };
    weiri_load_tally tally = { 0 };
    weir_error err;

    assert_int_equal(load(&e, 40, &tally, &err), WEIR_OK);
    applied_once(&e, 40, 0);
    assert_true(tally.accepted == 39 && e.pauses == 3);
}

static void
test_no_room_for_ever_is_an_error_with_growing_pauses(void **state)
{
    engine e = { .busy_line = 4, .busy = 1000 };
    weiri_load_tally tally = { 0 };
    weir_error err;

    assert_int_equal(load(&e, 40, &tally, &err), WEIR_BUSY);
    assert_true(e.pauses == WEIRI_LOAD_TRIES && e.applied[4] == 0);
}

static void
test_a_line_that_is_no_command_is_passed_by(void **state)
{
    engine e = { .bad_line = 4 };
    weiri_load_tally tally = { 0 };
    weir_error err;

    assert_int_equal(load(&e, 40, &tally, &err), WEIR_OK);
    applied_once(&e, 40, 4);
    assert_true(tally.accepted == 38 && tally.unreadable == 1 && e.unreadable == 1 && e.pauses == 0);
}

static void
test_a_lost_answer_and_a_lost_connection_apply_nothing_twice(void **state)
{
    engine e = { .lost_answers = 1, .drops = 2 };
    weiri_load_tally tally = { 0 };
    weir_error err;

    assert_int_equal(load(&e, 40, &tally, &err), WEIR_OK);
    applied_once(&e, 40, 0);
    assert_true(tally.accepted == 31 && tally.repeated == 8);
    e.drops = 1000;
    assert_int_equal(load(&e, 60, &tally, &err), WEIR_CLOSED);
}

static void
test_another_file_under_the_same_name_is_refused(void **state)
{
    engine e = { .known = true, .fingerprint = 78 };
    weiri_load_tally tally = { 0 };
    weir_error err;

    assert_int_equal(load(&e, 40, &tally, &err), WEIR_REJECTED);
    assert_int_equal(e.requests, 0);
    assert_non_null(strstr(err.text, "--source NAME"));
}

static void
test_an_interrupt_ends_after_the_request_under_way(void **state)
{
    engine e = { .busy_line = 4, .busy = 1000, .interrupt = true };
    weiri_load_tally tally = { 0 };
    weir_error err;

    assert_int_equal(load(&e, 8, &tally, &err), WEIR_OK);
    assert_int_equal(e.requests, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_line_goes_once_and_a_second_load_is_all_repeats),
        cmocka_unit_test(test_no_room_goes_back_to_the_partition),
        cmocka_unit_test(test_no_room_for_ever_is_an_error_with_growing_pauses),
        cmocka_unit_test(test_a_line_that_is_no_command_is_passed_by),
        cmocka_unit_test(test_a_lost_answer_and_a_lost_connection_apply_nothing_twice),
        cmocka_unit_test(test_another_file_under_the_same_name_is_refused),
        cmocka_unit_test(test_an_interrupt_ends_after_the_request_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
