/* SPDX-License-Identifier: Apache-2.0
 * Events that a view can't take: parked with their successors, tried again, discarded; with kills between any two steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include "base/memory.h"
#include "message/discard.h"
#include "message/outcome.h"
#include "query/sqlite/checked.h"
#include "query/testing_log.h"
#include "query/kept.h"

enum { KEYS = 40 };

/* An amount of 13 in a hundred is one too many until the gate has a row. `chain` tells orders apart. */
static const char gated[] =
    "-- schema:\nCREATE TABLE gate (open INTEGER);\n"
    "CREATE TABLE seen (p INTEGER, source_key TEXT, version INTEGER, n INTEGER NOT NULL);\n"
    "CREATE TABLE chain (k TEXT PRIMARY KEY, h INTEGER NOT NULL);\n"
    "-- on: testing.v1.Added\n"
    "INSERT INTO chain VALUES (:_key, :amount) ON CONFLICT (k) DO UPDATE SET h = (h * 31 + excluded.h) % 1000003;\n"
    "INSERT INTO seen VALUES (:_partition, :_key, :_version, CASE WHEN :amount % 100 = 13 AND NOT EXISTS (SELECT 1 FROM gate) THEN NULL "
    "ELSE :amount END);\n"
    "-- query: sum\nSELECT count(*) AS c, coalesce(sum(n), 0) AS s FROM seen;\n";

static uint32_t
place_of(unsigned key)
{
    return key % PARTITIONS;
}

static uint64_t
write_one(world *w, unsigned number)
{
    char key[16];
    unsigned k = (number * 7 + number / 100) % KEYS;

    (void)snprintf(key, sizeof key, "k%u", k);
    uint64_t source = stage_key(w, place_of(k), key, number, 1, false);
    w->written++;
    return source;
}

static void
flush(world *w)
{
    for (uint32_t p = 0; p < PARTITIONS; p++)
        weiri_assert(testing_writer_write(&w->writers[p]) == WEIR_OK);
}

/* As its lane writes it. */
static void
discard(world *w, uint32_t p, const char *key, uint64_t discarded, const char *reason)
{
    testing_writer *writer = &w->writers[p];
    weiri_buffer json = { 0 };
    weiri_discard d;
    weir_error err;
    weiri_record record = { .kind = WEIRI_RECORD_COMMAND,
        .time_ms = 1700000000000,
        .type = weiri_bytes_of(WEIRI_COMMAND_DISCARD_LETTER),
        .aggregate = weiri_bytes_of("counter"),
        .key = weiri_bytes_of(key),
        .id = weiri_bytes_of("d") };

    assert_int_equal(weiri_discard_fill(&d, "v", "counter", reason, "me", &err), WEIR_OK);
    d.source = discarded;
    d.index = 0;
    weiri_discard_write(&d, &json);
    record.payload = weiri_buffer_bytes(&json);
    record.source = writer->ends[WEIRI_TOPIC_COMMANDS];
    (void)testing_writer_add(writer, WEIRI_TOPIC_COMMANDS, &record);
    record.kind = WEIRI_RECORD_OUTCOME;
    record.type = weiri_bytes_of(WEIRI_OUTCOME_LETTER_DISCARDED);
    (void)testing_writer_add(writer, WEIRI_TOPIC_OUTCOMES, &record);
    writer->next_command = record.source + 1;
    weiri_assert(testing_writer_write(writer) == WEIR_OK);
    weiri_buffer_fini(&json);
}

static void
mend(world *w)
{
    char path[200];
    weiri_view_status status;
    sqlite3 *db = NULL;

    weiri_views_status(w->views, 0, &status);
    (void)snprintf(path, sizeof path, "%s/views/v-%s.db", w->place.data, status.version);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, WEIRI_SQLITE_CHECKED), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 10000);
    assert_int_equal(sqlite3_exec(db, "INSERT INTO gate SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM gate)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static char *
dump(world *w)
{
    weiri_buffer to = { 0 };
    weir_error err;

    weiri_assert(weiri_views_dump(w->views, "v", &to, &err) == WEIR_OK);
    (void)weiri_buffer_text(&to);
    return (char *)to.data; /* the caller releases it */
}

/* The same log without a failure: the gate stands open from the start. */
static char *
dump_without_failures(world *w)
{
    weir_error err;

    close_views(w);
    open_views(w, false);
    assert_int_equal(weiri_views_rebuild(w->views, "v", &err), WEIR_OK);
    mend(w);
    assert_int_equal(weiri_views_start(w->views, &err), WEIR_OK);
    settle(w);
    return dump(w);
}

/* ---- kills --------------------------------------------------------------------------------------------- */

static const weiri_store_ops *real;
static uint64_t steps_left = UINT64_MAX;

static void
step(void)
{
    if (steps_left-- == 0)
        (void)kill(getpid(), SIGKILL);
}

static weir_status
step_begin(weiri_store *s, weir_error *err)
{
    step();
    return real->begin(s, err);
}

static weir_status
step_mark(weiri_store *s, weir_error *err)
{
    step();
    return real->mark(s, err);
}

static weir_status
step_back(weiri_store *s, weir_error *err)
{
    step();
    return real->back(s, err);
}

static weir_status
step_run(weiri_store *s, size_t statement, const weiri_value *values, size_t n, uint64_t *ret_rows, weir_error *err)
{
    step();
    return real->run(s, statement, values, n, ret_rows, err);
}

static weir_status
step_save(weiri_store *s, uint32_t partition, const weiri_position *position, weir_error *err)
{
    step();
    return real->save(s, partition, position, err);
}

static weir_status
step_put(weiri_store *s, const weiri_letter *letter, weir_error *err)
{
    step();
    return real->put(s, letter, err);
}

static weir_status
step_drop(weiri_store *s, uint32_t partition, uint64_t source, uint32_t index, weir_error *err)
{
    step();
    return real->drop(s, partition, source, index, err);
}

static weir_status
step_commit(weiri_store *s, weir_error *err)
{
    step();
    weir_status status = real->commit(s, err);
    step();
    return status;
}

/* In a child: works until nothing waits, or dies at the step before. Ends with 0 when it got through. */
static void
work_until(world *w, uint64_t steps, bool retry)
{
    static weiri_store_ops stepping;
    weiri_letters_tried tried;
    weir_error err;

    open_log(w);
    open_views(w, false);
    weiri_view *v = w->views->list[0].live;
    real = v->store->ops;
    stepping = *real;
    stepping.begin = step_begin;
    stepping.mark = step_mark;
    stepping.back = step_back;
    stepping.run = step_run;
    stepping.save = step_save;
    stepping.put = step_put;
    stepping.drop = step_drop;
    stepping.commit = step_commit;
    v->store->ops = &stepping;
    steps_left = steps;
    while (weiri_view_turn(v) || v->careful)
        ;
    if (retry && weiri_views_letters_retry(w->views, "v", NULL, &tried, &err) != WEIR_OK)
        _exit(2);
    _exit(0);
}

/* Kills at more and more distant steps until one child gets through. The log and the views are closed meanwhile. */
static unsigned
kill_at_steps(world *w, unsigned *random, bool retry)
{
    unsigned kills = 0;
    int how = 0;

    close_views(w);
    close_log(w);
    for (uint64_t steps = 0;; steps += 1 + (*random = *random * 1103515245 + 12345, *random >> 16) % 29) {
        pid_t child = fork();
        weiri_assert(child >= 0);
        if (child == 0)
            work_until(w, steps, retry);
        weiri_assert(waitpid(child, &how, 0) == child);
        if (WIFEXITED(how))
            break;
        kills++;
    }
    assert_int_equal(WEXITSTATUS(how), 0);
    open_log(w);
    open_views(w, false);
    return kills;
}

static void
test_one_in_a_hundred_fails_under_kills_and_comes_in_when_it_is_mended(void **state)
{
    world w;
    unsigned random = 1, kills = 0;
    weiri_view_status status;
    uint64_t parked = 0, keys = 0;

    begin(&w, gated);
    open_views(&w, false);
    for (unsigned round = 0; round < 8; round++) {
        for (unsigned i = 0; i < 100; i++)
            (void)write_one(&w, round * 100 + i);
        flush(&w);
        kills += kill_at_steps(&w, &random, false);
        weiri_views_status(w.views, 0, &status);
        assert_int_equal(status.lag_events, 0);
        assert_string_equal(status.state, "following");
        assert_true(status.parked >= round + 1);
        parked = status.parked;
        keys = status.parked_keys;
    }
    assert_true(keys > 1 && keys < KEYS && parked > keys); /* the other keys went on */
    mend(&w);
    kills += kill_at_steps(&w, &random, true);
    weiri_views_status(w.views, 0, &status);
    assert_int_equal(status.parked, 0);
    char *mended = dump(&w), *never = dump_without_failures(&w);
    assert_string_equal(mended, never);
    printf("# %" PRIu64 " events, 1 in 100 failing: %" PRIu64 " parked with their successors under %" PRIu64
           " keys; %u kills between two steps; mended and tried again, the dump equals a run without failures\n",
        w.written, parked, keys, kills);
    weiri_release(mended);
    weiri_release(never);
    end(&w);
}

/* ---- by hand ------------------------------------------------------------------------------------------- */

typedef struct listed {
    weiri_buffer text;
} listed;

static bool
list_one(void *user, const weiri_letter *l)
{
    listed *to = user;

    weiri_buffer_print(&to->text, "%.*s %" PRIu32 "-%" PRIu64 "-%" PRIu32 " %s %s%.*s%.*s by %.*s\n", (int)l->key.size,
        (const char *)l->key.data, l->partition, l->source, l->index, l->state == WEIRI_LETTER_PARKED ? "parked" : "discarded",
        l->state != WEIRI_LETTER_PARKED || l->attempts > 0 ? "" : "waits", (int)l->error.size, (const char *)l->error.data,
        (int)l->reason.size, (const char *)l->reason.data, (int)l->who.size, (const char *)l->who.data);
    return true;
}

/* Static memory, for one use. */
static const char *
list(world *w)
{
    static listed to;
    static const weiri_letters_asked all = { .most = 1000 };
    weir_error err;

    weiri_buffer_clear(&to.text);
    weiri_assert(weiri_views_letters(w->views, "v", &all, list_one, &to, &err) == WEIR_OK);
    return weiri_buffer_text(&to.text);
}

static void
wait_for(world *w, uint64_t parked, uint64_t discarded)
{
    weiri_view_status status;

    for (int i = 0; i < 6000; i++) {
        weiri_views_status(w->views, 0, &status);
        if (status.parked == parked && status.discarded == discarded && strcmp(status.state, "following") == 0 && status.lag_events == 0)
            return;
        usleep(10000);
    }
    fprintf(stderr, "%s parked %llu discarded %llu: %s\n%s", status.state, (unsigned long long)status.parked,
        (unsigned long long)status.discarded, status.error, list(w));
    fail();
}

static void
test_a_discarded_event_stays_out_of_every_rebuild(void **state)
{
    world w;
    weir_error err;
    weiri_letters_tried tried;

    begin(&w, gated);
    open_views(&w, true);
    (void)stage_key(&w, 1, "a", 1, 1, false);
    uint64_t bad = stage_key(&w, 1, "a", 13, 1, false);
    (void)stage_key(&w, 1, "b", 5, 1, false);
    uint64_t behind = stage_key(&w, 1, "a", 2, 1, false);
    flush(&w);
    settle(&w);
    wait_for(&w, 2, 0);
    assert_string_equal(answer(w.views, "v:sum", ""), "2|6"); /* b went on */
    assert_non_null(strstr(list(&w), "a 1-1-0 parked views/v.sql:7: sqlite: NOT NULL constraint failed: seen.n by \na 1-3-0 parked waits"));
    assert_true(bad == 1 && behind == 3);
    discard(&w, 1, "a", bad, "was a test");
    wait_for(&w, 0, 1);
    assert_string_equal(answer(w.views, "v:sum", ""), "3|8");
    assert_string_equal(list(&w), "a 1-1-0 discarded was a test by me\n");
    const weiri_letter_name which = { .partition = 1, .source = bad };
    assert_int_equal(weiri_views_letters_retry(w.views, "v", &which, &tried, &err), WEIR_CONFLICT);
    char *before = dump(&w);
    for (int i = 0; i < 2; i++) { /* the second time the event would succeed */
        close_views(&w);
        open_views(&w, false);
        assert_int_equal(weiri_views_rebuild(w.views, "v", &err), WEIR_OK);
        if (i == 1)
            mend(&w);
        assert_int_equal(weiri_views_start(w.views, &err), WEIR_OK);
        settle(&w);
        wait_for(&w, 0, 1);
        assert_string_equal(answer(w.views, "v:sum", ""), "3|8");
        assert_string_equal(list(&w), "a 1-1-0 discarded was a test by me\n");
    }
    weiri_release(before);
    end(&w);
}

static void
test_a_discard_of_an_event_that_is_in_the_rows_builds_the_view_anew(void **state)
{
    world w;
    weiri_view_status status;

    begin(&w, gated);
    open_views(&w, true);
    uint64_t first = stage_key(&w, 2, "a", 7, 1, false);
    (void)stage_key(&w, 2, "a", 8, 1, false);
    flush(&w);
    settle(&w);
    assert_string_equal(answer(w.views, "v:sum", ""), "2|15");
    discard(&w, 2, "a", first, "tried again in between");
    wait_for(&w, 0, 1);
    for (int i = 0; i < 1000 && strcmp(answer(w.views, "v:sum", ""), "1|8") != 0; i++)
        usleep(10000);
    assert_string_equal(answer(w.views, "v:sum", ""), "1|8");
    weiri_views_status(w.views, 0, &status);
    assert_non_null(strstr(status.note, "discarded"));
    end(&w);
}

static void
test_a_parked_event_is_tried_again_by_itself_and_by_hand(void **state)
{
    world w;
    weir_error err;
    weiri_letters_tried tried;

    begin(&w, gated);
    open_views(&w, true);
    uint64_t bad = stage_key(&w, 0, "a", 13, 1, false);
    flush(&w);
    settle(&w);
    wait_for(&w, 1, 0);
    mend(&w);
    wait_for(&w, 0, 0); /* by itself */
    assert_string_equal(answer(w.views, "v:sum", ""), "1|13");
    const weiri_letter_name which = { .partition = 0, .source = bad };
    assert_int_equal(weiri_views_letters_retry(w.views, "v", &which, &tried, &err), WEIR_NOT_FOUND);
    assert_string_equal(err.text, "view v has no parked event 0-0-0");
    end(&w);
}

static void
test_answers_say_what_is_parked(void **state)
{
    world w;
    weir_error err;
    weiri_result *result = NULL;
    uint64_t sources[PARTITIONS] = { 0 };
    weiri_freshness freshness = { true, sources, 60000 };

    begin(&w, gated);
    open_views(&w, true);
    (void)stage_key(&w, 3, "a", 1, 1, false);
    uint64_t bad = stage_key(&w, 3, "a", 13, 1, false);
    uint64_t behind = stage_key(&w, 3, "a", 2, 1, false);
    flush(&w);
    settle(&w);
    sources[3] = behind + 1; /* the position moves on, so a token is answered, and told */
    assert_int_equal(weiri_views_rows(w.views, "v", "seen", NULL, 0, &freshness, &result, &err), WEIR_OK);
    assert_int_equal(result->rows, 1);
    assert_int_equal(result->parked, 2);
    assert_int_equal(result->parked_from[3], bad + 1);
    assert_int_equal(result->parked_from[0], 0);
    weiri_result_free(result);
    end(&w);
}

static void
test_bytes_that_are_no_event_are_parked_too(void **state)
{
    world w;

    begin(&w, gated);
    open_views(&w, true);
    testing_writer *writer = &w.writers[1];
    weiri_record record = { .kind = WEIRI_RECORD_COMMAND,
        .time_ms = 1700000000000,
        .type = weiri_bytes_of("testing.v1.Add"),
        .aggregate = weiri_bytes_of("counter"),
        .key = weiri_bytes_of("a"),
        .id = weiri_bytes_of("i") };
    record.source = writer->ends[WEIRI_TOPIC_COMMANDS];
    (void)testing_writer_add(writer, WEIRI_TOPIC_COMMANDS, &record);
    record.kind = WEIRI_RECORD_EVENT;
    record.flags = WEIRI_RECORD_LAST;
    record.type = weiri_bytes_of("testing.v1.Added");
    record.payload = weiri_bytes_of("\xff\xff\xff");
    (void)testing_writer_add(writer, WEIRI_TOPIC_EVENTS, &record);
    writer->next_command = record.source + 1;
    (void)stage_key(&w, 1, "b", 5, 1, false);
    flush(&w);
    settle(&w);
    wait_for(&w, 1, 0);
    assert_string_equal(answer(w.views, "v:sum", ""), "1|5");
    assert_string_equal(list(&w), "a 1-0-0 parked these bytes are no testing.v1.Added by \n");
    end(&w);
}

/* A thousand keys, each with one event that fails. */
static void
test_too_many_keys_halt_the_view_until_there_are_fewer(void **state)
{
    world w;
    weiri_view_status status;
    weir_error err;
    weiri_letters_tried tried;
    char key[16];

    begin(&w, gated);
    open_views(&w, true);
    for (int i = 0; i < WEIRI_KEYS_PARKED_MOST + 5; i++) {
        (void)snprintf(key, sizeof key, "k%d", i);
        (void)stage_key(&w, 0, key, 13, 1, false);
    }
    flush(&w);
    assert_int_equal(weiri_views_settle(w.views, SETTLE_MS, &err), WEIR_IO);
    assert_non_null(strstr(err.text, "view v has stopped: 1000 keys are parked"));
    weiri_views_status(w.views, 0, &status);
    assert_int_equal(status.parked_keys, 1000);
    assert_int_equal(status.lag_events, 5);
    close_views(&w);
    open_views(&w, true); /* nor does a restart go on */
    assert_int_equal(weiri_views_settle(w.views, SETTLE_MS, &err), WEIR_IO);
    mend(&w);
    assert_int_equal(weiri_views_letters_retry(w.views, "v", NULL, &tried, &err), WEIR_OK);
    wait_for(&w, 0, 0);
    assert_string_equal(answer(w.views, "v:sum", ""), "1005|13065");
    end(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_parked_event_is_tried_again_by_itself_and_by_hand),
        cmocka_unit_test(test_a_discarded_event_stays_out_of_every_rebuild),
        cmocka_unit_test(test_a_discard_of_an_event_that_is_in_the_rows_builds_the_view_anew),
        cmocka_unit_test(test_answers_say_what_is_parked),
        cmocka_unit_test(test_bytes_that_are_no_event_are_parked_too),
        cmocka_unit_test(test_too_many_keys_halt_the_view_until_there_are_fewer),
        cmocka_unit_test(test_one_in_a_hundred_fails_under_kills_and_comes_in_when_it_is_mended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
