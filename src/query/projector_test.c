/* SPDX-License-Identifier: Apache-2.0
 * Projectors over a real embedded log: restarts, kills, other logs, failing events, tokens from many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include "query/sqlite/checked.h"
#include "query/testing_log.h"

static void
write_events(world *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        (void)stage(w, i % PARTITIONS, i, 1, false);
        w->sum += i;
        w->written++;
        if (i % 100 >= 96 || i + PARTITIONS >= n)
            weiri_assert(testing_writer_write(&w->writers[i % PARTITIONS]) == WEIR_OK);
    }
}

static void
assert_all_seen(world *w)
{
    char expected[64];

    settle(w);
    (void)snprintf(expected, sizeof expected, "%llu|%llu", (unsigned long long)w->written, (unsigned long long)w->sum);
    assert_string_equal(answer(w->views, "v:sum", ""), expected);
}

static void
test_a_view_follows_and_goes_on_after_a_restart(void **state)
{
    world w;
    weiri_view_status status;

    begin(&w, view);
    open_views(&w, true);
    for (unsigned round = 1; round <= 3; round++) {
        write_events(&w, 960);
        assert_all_seen(&w);
        weiri_views_status(w.views, 0, &status);
        assert_string_equal(status.state, "following");
        assert_string_equal(status.error, "");
        assert_int_equal(status.lag_events, 0);
        assert_int_equal(status.next_offset[1], 250 * round - 10);
        assert_int_equal(status.source[1], 250 * round - 10);
        close_views(&w);
        write_events(&w, 40);
        close_log(&w);
        open_log(&w);
        open_views(&w, true);
        assert_all_seen(&w);
        weiri_views_status(w.views, 0, &status);
        assert_int_equal(status.applied, 40);
    }
    end(&w);
}

/* The child owns the log and writes until it is killed; whatever came of it, every durable event is there once. */
static void
test_a_killed_process_leaves_a_view_that_goes_on(void **state)
{
    world w;

    begin(&w, view);
    close_log(&w);
    for (int round = 0; round < 12; round++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            open_log(&w);
            open_views(&w, true);
            for (;;)
                write_events(&w, 400);
        }
        usleep((useconds_t)(20000 + round * 7919 % 60000));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
    }
    open_log(&w);
    open_views(&w, true);
    settle(&w);
    weir_error err;
    weiri_buffer after = { 0 }, anew = { 0 };
    assert_int_equal(weiri_views_dump(w.views, "v", &after, &err), WEIR_OK);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        w.written += weiri_log_end(w.log, WEIRI_TOPIC_EVENTS, p);
    assert_true(w.written > 0);
    char expected[32];
    (void)snprintf(expected, sizeof expected, "%llu", (unsigned long long)w.written);
    assert_string_equal(answer(w.views, "v:sum", "select=c"), expected);
    assert_int_equal(weiri_views_rebuild(w.views, "v", &err), WEIR_OK);
    settle(&w);
    assert_int_equal(weiri_views_dump(w.views, "v", &anew, &err), WEIR_OK);
    assert_string_equal(weiri_buffer_text(&after), weiri_buffer_text(&anew));
    weiri_buffer_fini(&after);
    weiri_buffer_fini(&anew);
    end(&w);
}

static void
database_path(world *w, char to[200])
{
    weiri_view_status status;

    weiri_views_status(w->views, 0, &status);
    (void)snprintf(to, 200, "%s/views/v-%s.db", w->place.data, status.version);
}

static void
change_database(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    /* As weir writes it: else damage is what would be noticed. */
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, WEIRI_SQLITE_CHECKED), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Another record than the last one seen must be noticed, so it is the last one's batch that a position names. */
static void
test_a_position_names_the_batch_of_the_last_event_seen(void **state)
{
    char path[200];
    world w;
    weir_error err;
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    int rows = 0;

    begin(&w, view);
    open_views(&w, true);
    for (int i = 0; i < 20; i++)
        write_events(&w, 1); /* each a batch of its own */
    assert_all_seen(&w);
    database_path(&w, path);
    close_views(&w);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT partition, next_offset, checksum FROM weir_position", -1, &row, NULL), SQLITE_OK);
    for (; sqlite3_step(row) == SQLITE_ROW; rows++) {
        uint32_t checksum = 0, partition = (uint32_t)sqlite3_column_int64(row, 0);
        uint64_t next = (uint64_t)sqlite3_column_int64(row, 1);
        assert_int_equal(weiri_log_checksum(w.log, WEIRI_TOPIC_EVENTS, partition, next, &checksum, &err), WEIR_OK);
        assert_int_equal((uint32_t)sqlite3_column_int64(row, 2), checksum);
    }
    assert_true(rows > 0);
    (void)sqlite3_finalize(row);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    end(&w);
}

static void
test_what_does_not_fit_the_log_is_built_anew(void **state)
{
    static const struct {
        const char *sql, *note;
    } cases[] = { { "UPDATE weir_position SET checksum = checksum + 1",
                      "diverged: the log has another events/0/24 than it has seen; built anew" },
        { "UPDATE weir_position SET next_offset = 1000 WHERE partition = 2",
            "diverged: it has seen events/2/999, and the log ends at 25; built anew" },
        { "UPDATE weir_view SET partitions = 3", "diverged: it was made from 3 partitions, and the log has 4; built anew" },
        { "UPDATE weir_view SET version = 'x'", "diverged: it is version x of view v; built anew" },
        { "DELETE FROM weir_view", "diverged: it does not say what view it is; built anew" },
        { "DROP TABLE weir_view", "diverged: it is not a view's database; built anew" } };
    char path[200];
    world w;
    weiri_view_status status;

    begin(&w, view);
    open_views(&w, true);
    write_events(&w, 100);
    database_path(&w, path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_all_seen(&w);
        close_views(&w);
        change_database(path, "UPDATE seen SET n = n + 1"); /* what another log would have made of it */
        change_database(path, cases[i].sql);
        open_views(&w, false);
        weiri_views_status(w.views, 0, &status);
        assert_string_equal(status.note, cases[i].note);
        assert_string_equal(status.state, "rebuilding");
        assert_int_equal(status.lag_events, 100);
        assert_true(status.lag_ms > 0);
        close_views(&w);
        open_views(&w, true);
        assert_all_seen(&w);
    }
    close_views(&w);
    FILE *file = fopen(path, "w");
    assert_true(file != NULL && fputs("this is no database, and it is long enough to be looked at by SQLite ................", file) >= 0);
    assert_int_equal(fclose(file), 0);
    open_views(&w, true);
    assert_all_seen(&w);
    end(&w);
}

static void
test_a_view_of_another_log_is_built_anew(void **state)
{
    char command[300];
    world w;
    weiri_view_status status;

    begin(&w, view);
    open_views(&w, true);
    write_events(&w, 100);
    assert_all_seen(&w);
    close_views(&w);
    close_log(&w);
    (void)snprintf(command, sizeof command, "rm -r '%s/log'", w.place.data);
    assert_int_equal(system(command), 0);
    w.written = w.sum = 0;
    open_log(&w);
    write_events(&w, 200);
    open_views(&w, true);
    assert_all_seen(&w);
    weiri_views_status(w.views, 0, &status);
    assert_non_null(strstr(status.note, "diverged: it was made from log "));
    end(&w);
}

static bool
is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static void
test_another_version_is_removed_once_the_new_one_has_caught_up(void **state)
{
    char old[200], fresh[200];
    world w;
    weiri_view_status status;

    begin(&w, view);
    open_views(&w, true);
    write_events(&w, 100);
    assert_all_seen(&w);
    database_path(&w, old);
    close_views(&w);
    weiri_buffer changed = { 0 };
    weiri_buffer_print(&changed, "%s-- on: testing.v1.WasReset\nDELETE FROM total WHERE k = :counter_id;\n", view);
    place_file(&w.place, "v.sql", weiri_buffer_text(&changed));
    weiri_buffer_fini(&changed);
    open_views(&w, false);
    database_path(&w, fresh);
    weiri_views_status(w.views, 0, &status);
    assert_string_equal(status.state, "rebuilding");
    assert_string_equal(status.note, "another version's database stays until this one has caught up");
    assert_true(is_there(old) && is_there(fresh));
    close_views(&w);
    open_views(&w, true);
    assert_all_seen(&w);
    close_views(&w); /* the projector removes it after it has published */
    assert_true(!is_there(old) && is_there(fresh));
    end(&w);
}

static const char touchy[] = "-- on-error: stop\n-- schema:\nCREATE TABLE t (n INTEGER CHECK (n <> 13));\n-- on: testing.v1.Added\n"
                             "INSERT INTO t VALUES (:amount + 1000);\nINSERT INTO t VALUES\n(:amount);\n";

static void
test_an_event_that_fails_stops_that_view_just_before_it(void **state)
{
    world w;
    weir_error err;
    weiri_view_status status;

    begin(&w, view);
    place_file(&w.place, "touchy.sql", touchy);
    open_views(&w, true);
    for (int i = 0; i < 20; i++)
        (void)stage(&w, 2, i, 1, false);
    assert_int_equal(testing_writer_write(&w.writers[2]), WEIR_OK);
    assert_int_equal(weiri_views_settle(w.views, SETTLE_MS, &err), WEIR_IO);
    assert_string_equal(err.text, "view touchy has stopped: views/touchy.sql:6: sqlite: CHECK constraint failed: n <> 13; at events/2/13");
    for (int i = 0; i < 2; i++) {
        weiri_views_status(w.views, 0, &status);
        assert_string_equal(status.state, "stopped");
        assert_int_equal(status.next_offset[2], 13);
        assert_int_equal(status.lag_events, 7);
        assert_string_equal(answer(w.views, "touchy.t", "select=n&order=n.desc&limit=2"), "1012/1011");
        assert_string_equal(answer(w.views, "touchy.t", "select=n&n=lt.1000&order=n.desc&limit=1"), "12");
        close_views(&w);
        open_views(&w, true); /* it meets the same event again */
        (void)!weiri_views_settle(w.views, SETTLE_MS, &err);
    }
    uint64_t sources[PARTITIONS] = { 0, 0, 15, 0 };
    weiri_freshness freshness = { true, sources, 60000 };
    weiri_result *result = NULL;
    assert_int_equal(weiri_views_rows(w.views, "touchy", "t", NULL, 0, &freshness, &result, &err), WEIR_BEHIND);
    assert_non_null(strstr(err.text, "view touchy has stopped: views/touchy.sql:6: "));
    assert_true(result->rows == 0 && result->sources[2] == 13);
    weiri_result_free(result);
    sources[2] = 20; /* the other one goes on */
    assert_int_equal(weiri_views_rows(w.views, "v", "seen", NULL, 0, &freshness, &result, &err), WEIR_OK);
    assert_int_equal(result->rows, 20);
    weiri_result_free(result);
    end(&w);
}

static void
test_a_view_that_is_behind_says_how_far_it_is(void **state)
{
    world w;
    weir_error err;
    weiri_result *result = NULL;
    uint64_t sources[PARTITIONS] = { 0, 3, 0, 0 };
    weiri_freshness freshness = { true, sources, 20 };

    begin(&w, view);
    open_views(&w, false);
    assert_int_equal(weiri_views_rows(w.views, "v", "seen", NULL, 0, &freshness, &result, &err), WEIR_BEHIND);
    assert_string_equal(err.text, "view v is behind: in partition 1 it has reached nothing, and 2 was asked for");
    assert_true(result->rows == 0 && result->columns == 0 && result->partitions == PARTITIONS);
    weiri_result_free(result);
    (void)stage(&w, 1, 1, 1, false);
    (void)stage(&w, 1, 1, 1, false);
    (void)stage(&w, 1, 1, 2, true); /* the rest of it is still to come */
    assert_int_equal(testing_writer_write(&w.writers[1]), WEIR_OK);
    assert_int_equal(weiri_views_start(w.views, &err), WEIR_OK);
    settle(&w);
    assert_int_equal(weiri_views_rows(w.views, "v", "seen", NULL, 0, &freshness, &result, &err), WEIR_BEHIND);
    assert_string_equal(err.text, "view v is behind: in partition 1 it has reached 1, and 2 was asked for");
    weiri_result_free(result);
    sources[1] = 2;
    assert_int_equal(weiri_views_rows(w.views, "v", "seen", NULL, 0, &freshness, &result, &err), WEIR_OK);
    assert_true(result->rows == 4 && result->sources[1] == 2);
    weiri_result_free(result);
    end(&w);
}

/* Rows older than what was waited for, as for a moment while a view is built anew: the question ends with its time. */
static void
test_rows_that_stay_older_than_what_is_known_end_the_question(void **state)
{
    uint64_t sources[PARTITIONS] = { 0, 1 };
    char path[200];
    weiri_result *result = NULL;
    world w;
    weir_error err;
    weiri_freshness freshness = { true, sources, 20 };

    begin(&w, view);
    open_views(&w, true);
    (void)stage(&w, 1, 1, 1, false);
    assert_int_equal(testing_writer_write(&w.writers[1]), WEIR_OK);
    settle(&w);
    database_path(&w, path);
    change_database(path, "UPDATE weir_position SET reached = 0");
    assert_int_equal(weiri_views_rows(w.views, "v", "seen", NULL, 0, &freshness, &result, &err), WEIR_BEHIND);
    assert_string_equal(err.text, "view v is being built anew, and not yet where it was asked to be");
    weiri_result_free(result);
    end(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_that_stay_older_than_what_is_known_end_the_question),
        cmocka_unit_test(test_a_killed_process_leaves_a_view_that_goes_on),
        cmocka_unit_test(test_a_view_follows_and_goes_on_after_a_restart),
        cmocka_unit_test(test_a_position_names_the_batch_of_the_last_event_seen),
        cmocka_unit_test(test_what_does_not_fit_the_log_is_built_anew),
        cmocka_unit_test(test_a_view_of_another_log_is_built_anew),
        cmocka_unit_test(test_another_version_is_removed_once_the_new_one_has_caught_up),
        cmocka_unit_test(test_an_event_that_fails_stops_that_view_just_before_it),
        cmocka_unit_test(test_a_view_that_is_behind_says_how_far_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
