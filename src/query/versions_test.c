/* SPDX-License-Identifier: Apache-2.0
 * Versions of a view that change places: under a hundred clients who read what they wrote, with files that break, after restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include "query/kept.h"
#include "query/sqlite/checked.h"
#include "query/testing_log.h"

enum { CLIENTS = 100, SWAPS = 8 };

/* Version n of the view: other rows, the same answers. */
static void
put_version(world *w, int n, const char *more)
{
    weiri_buffer text = { 0 };
    char path[200], other[200];

    weiri_buffer_print(&text,
        "-- schema:\nCREATE TABLE seen (p INTEGER, o INTEGER, source_key TEXT, n INTEGER, v%d INTEGER, PRIMARY KEY (p, o));\n"
        "-- on: testing.v1.Added\nINSERT INTO seen VALUES (:_partition, :_offset, :_key, :amount, %d);\n"
        "-- query: sum\nSELECT count(*) AS c, coalesce(sum(n), 0) AS s FROM seen;\n%s",
        n, n, more);
    place_file(&w->place, "other.text", weiri_buffer_text(&text));
    (void)snprintf(path, sizeof path, "%s/v.sql", w->place.views);
    (void)snprintf(other, sizeof other, "%s/other.text", w->place.views);
    assert_int_equal(rename(other, path), 0);
    weiri_buffer_fini(&text);
}

typedef struct client {
    world *world;
    weiri_thread thread;
    unsigned number;
    uint64_t seen[PARTITIONS];
} client;

static weiri_lock writing[PARTITIONS];
static _Atomic bool over;
static _Atomic uint64_t questions, failed, back, missing;

/* Writes, asks for it, and never sees less than it saw before. */
static void
write_and_read(void *user)
{
    client *c = user;
    world *w = c->world;
    uint32_t p = c->number % PARTITIONS;
    weir_error err;

    while (!atomic_load(&over)) {
        uint64_t sources[PARTITIONS] = { 0 };
        weiri_freshness freshness = { true, sources, SETTLE_MS };
        weiri_result *result = NULL;
        weiri_lock_take(&writing[p]);
        uint64_t source = stage(w, p, 1, 1, false);
        weiri_assert(testing_writer_write(&w->writers[p]) == WEIR_OK);
        weiri_lock_give(&writing[p]);
        sources[p] = source + 1;
        weir_status status = weiri_views_query(w->views, "v", "sum", NULL, 0, &freshness, &result, &err);
        if (status != WEIR_OK)
            fprintf(stderr, "%s: %s\n", weir_status_name(status), err.text);
        atomic_fetch_add(&questions, 1);
        atomic_fetch_add(&failed, status != WEIR_OK);
        for (uint32_t i = 0; status == WEIR_OK && i < PARTITIONS; i++) {
            atomic_fetch_add(&back, result->sources[i] < c->seen[i]);
            c->seen[i] = result->sources[i];
        }
        uint64_t sum = 0;
        for (uint32_t i = 0; status == WEIR_OK && i < PARTITIONS; i++)
            sum += result->sources[i];
        atomic_fetch_add(&missing, status == WEIR_OK && (result->sources[p] < source + 1 || (uint64_t)result->values[0].integer != sum));
        weiri_result_free(result);
        usleep(2000);
    }
}

static void
wait_for_version(world *w, const char * not, weiri_view_status *ret_status)
{
    for (int i = 0; i < 12000; i++) {
        weiri_views_status(w->views, 0, ret_status);
        if (!ret_status->building.is && strcmp(ret_status->version, not ) != 0)
            return;
        usleep(5000);
    }
    fprintf(stderr, "%s: %s %s\n", ret_status->state, ret_status->broken, ret_status->building.error);
    fail();
}

static void
test_versions_change_places_under_a_hundred_clients(void **state)
{
    static client clients[CLIENTS];
    weiri_view_status status;
    world w;

    begin(&w, view);
    put_version(&w, 0, "");
    for (uint32_t p = 0; p < PARTITIONS; p++)
        weiri_lock_init(&writing[p]);
    open_views(&w, true);
    weiri_views_status(w.views, 0, &status);
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (client){ .world = &w, .number = i };
        assert_int_equal(weiri_thread_start(&clients[i].thread, "client", write_and_read, &clients[i]), WEIR_OK);
    }
    for (int n = 1; n <= SWAPS; n++) {
        char before[17];
        memcpy(before, status.version, sizeof before);
        put_version(&w, n, "");
        wait_for_version(&w, before, &status);
    }
    atomic_store(&over, true);
    for (unsigned i = 0; i < CLIENTS; i++)
        weiri_thread_join(&clients[i].thread);
    printf("# %d versions swapped under %d write-then-read clients: %" PRIu64 " questions, %" PRIu64 " failed, %" PRIu64
           " steps back, %" PRIu64 " without what was written\n",
        SWAPS, CLIENTS, atomic_load(&questions), atomic_load(&failed), atomic_load(&back), atomic_load(&missing));
    assert_int_equal(atomic_load(&failed), 0);
    assert_int_equal(atomic_load(&back), 0);
    assert_int_equal(atomic_load(&missing), 0);
    assert_true(atomic_load(&questions) > CLIENTS);
    end(&w);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        weiri_lock_fini(&writing[p]);
}

static void
write_some(world *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        (void)stage(w, i % PARTITIONS, 1, 1, false);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        weiri_assert(testing_writer_write(&w->writers[p]) == WEIR_OK);
    w->written += n;
}

static void
test_a_file_that_breaks_leaves_the_version_of_before_serving(void **state)
{
    weiri_view_status status;
    char version[17];
    world w;

    begin(&w, view);
    put_version(&w, 1, "");
    open_views(&w, true);
    write_some(&w, 20);
    settle(&w);
    weiri_views_status(w.views, 0, &status);
    memcpy(version, status.version, sizeof version);
    put_version(&w, 2, "-- on: testing.v1.Addde\nDELETE FROM seen;\n");
    for (int i = 0; i < 12000 && status.broken[0] == '\0'; i++) {
        usleep(5000);
        weiri_views_status(w.views, 0, &status);
    }
    assert_string_equal(status.broken,
        "views/v.sql:7: no message 'testing.v1.Addde' in this module; did you mean 'testing.v1.Added'?; the version of before serves on");
    assert_string_equal(status.version, version);
    assert_string_equal(status.state, "following");
    write_some(&w, 20);
    settle(&w);
    assert_string_equal(answer(w.views, "v:sum", "select=c"), "40");
    put_version(&w, 2, ""); /* mended */
    wait_for_version(&w, version, &status);
    assert_string_equal(status.broken, "");
    assert_string_equal(status.note, "built for a changed view file");
    assert_string_equal(answer(w.views, "v:sum", "select=c"), "40");
    end(&w);
}

static void
test_other_queries_are_taken_without_building(void **state)
{
    weiri_view_status status;
    char version[17];
    world w;

    begin(&w, view);
    put_version(&w, 1, "");
    open_views(&w, true);
    write_some(&w, 20);
    settle(&w);
    weiri_views_status(w.views, 0, &status);
    memcpy(version, status.version, sizeof version);
    put_version(&w, 1, "-- query: most\nSELECT max(o) AS o FROM seen;\n");
    for (int i = 0; i < 12000 && strcmp(answer(w.views, "v:most", ""), "4") != 0; i++)
        usleep(5000);
    assert_string_equal(answer(w.views, "v:most", ""), "4");
    weiri_views_status(w.views, 0, &status);
    assert_string_equal(status.version, version);
    write_some(&w, 4);
    settle(&w);
    assert_string_equal(answer(w.views, "v:most", ""), "5");
    end(&w);
}

static void
test_a_version_begun_before_a_restart_goes_on_beside_the_one_that_serves(void **state)
{
    weiri_view_status status;
    char version[17];
    world w;

    begin(&w, view);
    put_version(&w, 1, "");
    open_views(&w, true);
    write_some(&w, 100);
    settle(&w);
    weiri_views_status(w.views, 0, &status);
    memcpy(version, status.version, sizeof version);
    close_views(&w);
    put_version(&w, 2, "");
    for (int i = 0; i < 3; i++) { /* never started: nothing is built, and the old one answers */
        open_views(&w, false);
        weiri_views_status(w.views, 0, &status);
        assert_string_equal(status.version, version);
        assert_true(status.building.is);
        assert_string_equal(answer(w.views, "v:sum", "select=c"), "100");
        close_views(&w);
    }
    open_views(&w, true);
    wait_for_version(&w, version, &status);
    assert_string_equal(answer(w.views, "v:sum", "select=c"), "100");
    end(&w);
}

/* As nobody should: in the database, by another program. */
static void
change_row(world *w)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open_v2(w->views->list[0].live->path, &db, SQLITE_OPEN_READWRITE, WEIRI_SQLITE_CHECKED), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE total SET n = n + 1 WHERE k = (SELECT min(k) FROM total)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* By hand, without threads: the new one is where the log ended when it was begun, and the old one has gone on since. */
static void
test_nothing_is_swapped_that_lacks_an_event(void **state)
{
    world w;

    begin(&w, view);
    put_version(&w, 1, "");
    open_views(&w, true);
    write_some(&w, 100);
    settle(&w);
    close_views(&w);
    put_version(&w, 2, "");
    open_views(&w, false);
    weiri_kept *kept = &w.views->list[0];
    weiri_view *old = kept->live, *next = kept->next;
    assert_non_null(next);
    while (weiri_view_turn(next))
        ;
    write_some(&w, 10);
    while (weiri_view_turn(old))
        ;
    weiri_kept_tend(kept);
    assert_true(kept->live == old && kept->next == next);
    assert_string_equal(answer(w.views, "v:sum", "select=c"), "110");
    while (weiri_view_turn(next))
        ;
    weiri_kept_tend(kept);
    assert_true(kept->live == next && kept->next == NULL);
    assert_string_equal(answer(w.views, "v:sum", "select=c"), "110");
    end(&w);
}

static void
test_a_view_is_built_anew_paused_resumed_and_compared(void **state)
{
    weiri_view_status status;
    weiri_buffer lines = { 0 };
    uint64_t differing = 7;
    weir_error err;
    world w;

    begin(&w, view);
    open_views(&w, true);
    write_some(&w, 100);
    settle(&w);
    assert_int_equal(weiri_views_diff(w.views, "v", 10, &lines, &differing, &err), WEIR_OK);
    assert_int_equal(differing, 0);
    change_row(&w);
    assert_int_equal(weiri_views_diff(w.views, "v", 2, &lines, &differing, &err), WEIR_OK);
    assert_int_equal(differing, 2);
    assert_string_equal(weiri_buffer_text(&lines), "+ total: \"key-0\"\t25\t25\n- total: \"key-0\"\t26\t25\n");
    weiri_buffer_fini(&lines);
    assert_int_equal(weiri_views_pause(w.views, "v", true, &err), WEIR_OK);
    assert_int_equal(weiri_views_diff(w.views, "v", 10, &lines, &differing, &err), WEIR_BUSY);
    write_some(&w, 4);
    usleep(50000);
    weiri_views_status(w.views, 0, &status);
    assert_string_equal(status.state, "paused");
    assert_int_equal(status.lag_events, 4);
    assert_int_equal(weiri_views_pause(w.views, "v", false, &err), WEIR_OK);
    settle(&w);
    weiri_views_status(w.views, 0, &status);
    assert_string_equal(status.state, "following");
    for (int i = 0; i < 2; i++) { /* under one version's name and another */
        assert_int_equal(weiri_views_renew(w.views, "v", &err), WEIR_OK);
        for (int j = 0; j < 12000; j++) {
            weiri_views_status(w.views, 0, &status);
            if (!status.building.is && strcmp(status.note, "built anew, since a person asked for it") == 0 && status.applied == 104)
                break;
            usleep(5000);
        }
        assert_string_equal(answer(w.views, "v:sum", "select=c"), "104");
    }
    assert_int_equal(weiri_views_renew(w.views, "w", &err), WEIR_NOT_FOUND);
    end(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_that_breaks_leaves_the_version_of_before_serving),
        cmocka_unit_test(test_other_queries_are_taken_without_building),
        cmocka_unit_test(test_a_version_begun_before_a_restart_goes_on_beside_the_one_that_serves),
        cmocka_unit_test(test_nothing_is_swapped_that_lacks_an_event),
        cmocka_unit_test(test_a_view_is_built_anew_paused_resumed_and_compared),
        cmocka_unit_test(test_versions_change_places_under_a_hundred_clients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
