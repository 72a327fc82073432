/* SPDX-License-Identifier: Apache-2.0
 * Many threads at one view: those who write see what they wrote, and a view that is built anew under their questions
 * never shows less than was asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include "query/testing_log.h"

enum { READERS = 12, WRITES = 60 };

typedef struct team {
    world *world;
    _Atomic uint64_t reached[PARTITIONS]; /* source + 1 of what is durable, with as many events */
    _Atomic bool over;
    _Atomic unsigned questions, stale;
} team;

typedef struct member {
    team *team;
    unsigned number;
    weiri_thread thread;
} member;

/* Asks with a token for what is durable, and counts a row too few as stale. */
static void
ask(team *t, uint32_t p, uint64_t expected)
{
    uint64_t sources[PARTITIONS] = { 0 };
    weiri_freshness freshness = { true, sources, SETTLE_MS };
    weiri_result *result = NULL;
    weir_error err;
    char filter[16];
    weiri_argument arguments[] = { { "p", filter } };

    sources[p] = expected;
    (void)snprintf(filter, sizeof filter, "eq.%u", p);
    weir_status status = weiri_views_rows(t->world->views, "v", "seen", arguments, 1, &freshness, &result, &err);
    if (status == WEIR_OK) {
        atomic_fetch_add(&t->stale, result->rows < expected || result->sources[p] < expected);
        atomic_fetch_add(&t->questions, 1);
    } else if (status != WEIR_BUSY) { /* while it is built anew */
        fprintf(stderr, "%s\n", err.text);
        atomic_fetch_add(&t->stale, 1);
    }
    weiri_result_free(result);
}

static void
write_and_read(void *user)
{
    member *m = user;
    world *w = m->team->world;
    uint32_t p = m->number;

    for (unsigned i = 0; i < WRITES; i++) {
        uint64_t source = stage(w, p, 1, 1, false);
        weiri_assert(testing_writer_write(&w->writers[p]) == WEIR_OK);
        atomic_store(&m->team->reached[p], source + 1);
        ask(m->team, p, source + 1);
    }
}

static void
read_on(void *user)
{
    member *m = user;

    while (!atomic_load(&m->team->over))
        for (uint32_t p = 0; p < PARTITIONS; p++)
            ask(m->team, p, atomic_load(&m->team->reached[p]));
}

static void
start(team *t, member *members, unsigned n, void (*run)(void *user))
{
    for (unsigned i = 0; i < n; i++) {
        members[i] = (member){ .team = t, .number = i };
        assert_int_equal(weiri_thread_start(&members[i].thread, "member", run, &members[i]), WEIR_OK);
    }
}

static void
join(member *members, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        weiri_thread_join(&members[i].thread);
}

static void
test_who_writes_reads_it_and_nobody_reads_less_than_asked_for(void **state)
{
    world w;
    team t = { .world = &w };
    member writers[PARTITIONS], readers[READERS];
    weiri_view_status status;

    begin(&w, view);
    open_views(&w, true);
    start(&t, readers, READERS, read_on);
    start(&t, writers, PARTITIONS, write_and_read);
    for (int i = 0; i < 50; i++)
        weiri_views_status(w.views, 0, &status);
    join(writers, PARTITIONS);
    atomic_store(&t.over, true);
    join(readers, READERS);
    assert_int_equal(atomic_load(&t.stale), 0);
    assert_true(atomic_load(&t.questions) >= PARTITIONS * WRITES);
    assert_string_equal(answer(w.views, "v:sum", ""), "240|240");
    end(&w);
}

static void
test_a_view_is_built_anew_under_questions(void **state)
{
    world w;
    team t = { .world = &w };
    member writers[PARTITIONS], readers[READERS];
    weir_error err;

    begin(&w, view);
    open_views(&w, true);
    start(&t, readers, READERS, read_on);
    start(&t, writers, PARTITIONS, write_and_read);
    for (int i = 0; i < 10; i++)
        assert_int_equal(weiri_views_rebuild(w.views, "v", &err), WEIR_OK);
    join(writers, PARTITIONS);
    atomic_store(&t.over, true);
    join(readers, READERS);
    assert_int_equal(atomic_load(&t.stale), 0);
    settle(&w);
    assert_string_equal(answer(w.views, "v:sum", ""), "240|240");
    end(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_writes_reads_it_and_nobody_reads_less_than_asked_for),
        cmocka_unit_test(test_a_view_is_built_anew_under_questions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
