/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "story/story_testing.h"
#include "testing_module.h"

static void
expect(const char *text, int result, const char *words)
{
    weiri_story_expect(&testing_module, text, result, words);
}

static void
test_what_holds_is_ok(void **state)
{
    expect("# a comment\n"
           "test adds\n"
           "given Added counter_id=a amount=2 note=\"two words\"\n"
           "when  Add counter_id=a\n"
           "      amount=3\n"
           "then  Added counter_id=a amount=3\n"
           "state counter a total=5 adds=2\n"
           "when  Add counter_id=a amount=0\n"
           "then  nothing\n"
           "when  Add counter_id=a amount=-1\n"
           "then  rejected bad-amount\n"
           "run   Reset counter_id=a\n"
           "then  WasReset\n",
        0, NULL);
}

static void
test_an_old_event_is_upcast(void **state)
{
    expect("test old\ngiven TickedOnce tally_id=7\nstate tally 7 ticks=1\n", 0, NULL);
}

static void
test_the_clock_is_the_storys(void **state)
{
    expect("test time\nafter 30min\nwhen Tick tally_id=7\nthen Ticked tally_id=7 times=1 ticked_at_ms=1767227400000\n", 0, NULL);
    expect("test time\nafter soon\n", 1, "a.story:2: 'soon' is no time span");
}

static void
test_a_difference_is_told_ready_to_paste(void **state)
{
    expect(
        "test t\nwhen Add counter_id=a amount=3\nthen Added counter_id=a amount=4\n", 1, "a.story:3: then Added counter_id=a amount=3\n");
    expect("test t\nwhen Add counter_id=a amount=3\nthen nothing\n", 1, "a.story:3: then Added counter_id=a amount=3\n");
    expect("test t\nwhen Add counter_id=a amount=3\nthen rejected too-much\n", 1, "a.story:3: then Added");
    expect("test t\nwhen Add counter_id=a amount=-3\nthen Added\n", 1, "a.story:3: then rejected bad-amount\n");
    expect("test t\nwhen Add counter_id=a amount=0\nthen Added\n", 1, "a.story:3: then nothing");
    expect("test t\ngiven Added counter_id=a amount=3\nstate counter a total=4\n", 1, "a.story:3: state counter a total=3 adds=1\n");
}

static void
test_once_one_result_is_named_all_must_be(void **state)
{
    expect("test unnamed is fine\nwhen Add counter_id=a amount=3\nwhen Add counter_id=a amount=4\nthen Added\n", 0, NULL);
    expect("test t\nwhen Add counter_id=a amount=3\nthen Added\nand Added\n", 1, "a.story:4: then nothing");
}

static void
test_errors_of_form_are_all_found_before_anything_runs(void **state)
{
    expect("given Added counter_id=a\ntest\nwhn Add\n| a |\n   more\ntest t\nand Add\n", -1, "a.story:1: a step before the first test");
    expect("test t\nwhn Add counter_id=a\n", -1, "a.story:2: a story has no word 'whn'; did you mean 'when'?");
    expect("test t\nrows a.b\n| a | b\n", -1, "a.story:3: a row ends with a bar");
    expect("", -1, "a.story: no test in this file");
    expect("test \xff\n", -1, "UTF-8");
}

static void
test_a_step_with_a_mistake_names_it(void **state)
{
    expect("test t\nwhen Ad counter_id=a\n", 1, "did you mean");
    expect("test t\nwhen Add counter_id=a amuont=3\n", 1, "did you mean 'amount'?");
    expect("test t\nwhen Add amount=3\n", 1, "counter_id: the key of testing.v1.Add must be");
    expect("test t\nwhen rejected x Add counter_id=a\n", 1, "no process has sent");
    expect("test t\nstate nothing a\n", 1, "no aggregate or process 'nothing'");
    expect("test t\nrows a.b\n", 1, "this module has no views");
}

static void
test_rows_are_compared_and_untouched_updates_are_named(void **state)
{
    char views[64];

    (void)snprintf(views, sizeof views, "%s/views", weiri_story_directory);
    assert_int_equal(mkdir(views, 0700), 0);
    weiri_story_write("views/c.sql", "-- schema:\nCREATE TABLE c (id TEXT PRIMARY KEY, total INTEGER NOT NULL, half REAL, none TEXT);\n"
                                     "-- on: testing.v1.Added\nINSERT INTO c VALUES (:counter_id, :amount, :amount / 2.0, NULL);\n"
                                     "-- on: testing.v1.WasReset\nUPDATE c SET total = 0 WHERE id = 'nobody';\n"
                                     "-- query: big(least integer = 2)\nSELECT id, total FROM c WHERE total >= :least;\n");
    weiri_story_said s = weiri_story_say(&testing_module,
        "test t\ngiven Added counter_id=a|b amount=3\nrows c.c\n | a\\|b | 3 | 1.5 | null |\nrows c.big least=4\n"
        "rows c.c total=gt.4\n",
        views);
    if (s.result != 0)
        fail_msg("%s", s.talk);
    free(s.tap);
    free(s.talk);
    s = weiri_story_say(
        &testing_module, "test t\ngiven Added counter_id=a amount=3\nand WasReset counter_id=a was=3\nrows c.big\n | a | 0 |\n", views);
    assert_int_equal(s.result, 1);
    assert_non_null(strstr(s.talk, "a.story:4: rows c.big\n      | a | 3 |\n"));
    assert_non_null(strstr(s.talk, "c.sql:6"));
    free(s.tap);
    free(s.talk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_holds_is_ok),
        cmocka_unit_test(test_an_old_event_is_upcast),
        cmocka_unit_test(test_the_clock_is_the_storys),
        cmocka_unit_test(test_a_difference_is_told_ready_to_paste),
        cmocka_unit_test(test_once_one_result_is_named_all_must_be),
        cmocka_unit_test(test_errors_of_form_are_all_found_before_anything_runs),
        cmocka_unit_test(test_a_step_with_a_mistake_names_it),
        cmocka_unit_test(test_rows_are_compared_and_untouched_updates_are_named),
    };
    return weiri_story_tests(tests, sizeof tests / sizeof *tests);
}
