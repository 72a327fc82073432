/* SPDX-License-Identifier: Apache-2.0 */
#include "story/story_testing.h"
#include "testing_process.h"

static void
expect(const char *text, int result, const char *words)
{
    weiri_story_expect(&testing_process_module, text, result, words);
}

static void
test_a_step_shows_what_it_sends_and_carries_nothing_out(void **state)
{
    expect("test sends\n"
           "when MoveRequested move_id=m from=a to=b coins=3 patience_ms=90000\n"
           "then sends Take purse_id=a coins=3 move_id=m\n"
           "and  schedules patience 90s\n"
           "state moving m from=a to=b coins=3 patience_ms=90000\n"
           "when CoinsTaken purse_id=a coins=3 move_id=m\n"
           "then sends Put\n"
           "when CoinsPut purse_id=b coins=3 move_id=m\n"
           "then sends CloseMove move_id=m how=done\n"
           "and  finishes\n"
           "state purse b coins=3 changes=1\n"
           "when CoinsPut purse_id=b coins=3 move_id=m\n"
           "then nothing\n",
        0, NULL);
    expect("test a command is one step, and the processes hear of it\n"
           "when RequestMove move_id=m from=a to=b coins=3\n"
           "then MoveRequested\n"
           "state moving m from=a to=b coins=3\n",
        0, NULL);
    expect("test an event without the key passes by\nwhen CoinsPut purse_id=b coins=3\nthen nothing\n", 0, NULL);
}

static void
test_what_is_given_sends_nothing_and_sets_its_timers(void **state)
{
    expect("test given\n"
           "given MoveRequested move_id=m from=nobody to=b coins=3 patience_ms=60000\n"
           "after 59s\n"
           "then nothing\n"
           "after 1s\n"
           "then sends CloseMove move_id=m how=late\n"
           "and  finishes\n"
           "after 1d\n"
           "then nothing\n",
        0, NULL);
}

static void
test_a_timer_that_is_moved_fires_where_it_was_moved_to(void **state)
{
    expect("test moved in one wait\n"
           "given MoveRequested move_id=m from=nobody to=remind coins=3 patience_ms=1000\n"
           "after 3s\n"
           "then schedules patience 1s\n"
           "and  schedules patience 1s\n"
           "and  schedules patience 1s\n"
           "after 999ms\n"
           "then nothing\n"
           "after 1ms\n"
           "then sends CloseMove how=late move_id=m\n"
           "and  finishes\n",
        0, NULL);
    expect("test taken back\n"
           "given MoveRequested move_id=m from=a to=b coins=3 patience_ms=1000\n"
           "and   CoinsTaken purse_id=a coins=3 move_id=m\n"
           "after 1d\n"
           "then nothing\n",
        0, NULL);
}

static void
test_run_goes_all_the_way(void **state)
{
    expect("test done\n"
           "given CoinsPut purse_id=a coins=5\n"
           "run RequestMove move_id=m from=a to=b coins=3\n"
           "then MoveRequested\n"
           "and CoinsTaken purse_id=a coins=3 move_id=m\n"
           "and CoinsPut purse_id=b coins=3 move_id=m\n"
           "and MoveClosed move_id=m how=done\n"
           "state purse a coins=2 changes=2\n",
        0, NULL);
    expect("test given back\n"
           "given CoinsPut purse_id=a coins=5\n"
           "run RequestMove move_id=m from=a to=locked coins=3\n"
           "then MoveRequested\n"
           "and CoinsTaken\n"
           "and CoinsPut purse_id=a coins=3 move_id=m\n"
           "and MoveClosed move_id=m how=locked\n"
           "run RequestMove move_id=m from=a to=b coins=3\n"
           "then rejected exists\n",
        0, NULL);
    expect("test late, and after a run the clock runs all the way, too\n"
           "run RequestMove move_id=m from=nobody to=b coins=3 patience_ms=60000\n"
           "then MoveRequested\n"
           "after 2min\n"
           "then MoveClosed move_id=m how=late\n"
           "state move m how=late closed=1\n",
        0, NULL);
}

static void
test_a_rejection_reaches_who_sent_the_command(void **state)
{
    expect("test what it sent is known\n"
           "given MoveRequested move_id=m from=a to=b coins=3\n"
           "when rejected too-few Take purse_id=a coins=3 move_id=m\n"
           "then sends CloseMove move_id=m how=too-few\n"
           "and finishes\n",
        0, NULL);
    expect("test else the key says whose it is\n"
           "given MoveRequested move_id=m from=a to=b coins=3\n"
           "when rejected too-few Take purse_id=x move_id=m\n"
           "then sends CloseMove move_id=m how=too-few\n"
           "and finishes\n",
        0, NULL);
    expect("test t\nwhen rejected x CloseMove move_id=m\n", 1, "a.story:2: no process has sent this testing.v1.CloseMove");
    expect("test t\nwhen rejected x\n", 1, "a.story:2: a message is missing");
    expect("test t\nwhen rejected x Tkae purse_id=a\n", 1, "did you mean 'Take'?");
}

static void
test_an_unanswered_rejection_fails(void **state)
{
    expect("test no row\n"
           "given MoveRequested move_id=m from=a to=b coins=3\n"
           "and   CoinsTaken purse_id=a coins=3 move_id=m\n"
           "and   CoinsPut purse_id=b coins=3 move_id=m\n"
           "when rejected closed CloseMove move_id=m how=done\n",
        1, "a.story:5: unanswered by process moving of m: rejected closed CloseMove move_id=m how=done\n");
    expect("test no such instance\nwhen rejected too-few Take purse_id=a coins=3 move_id=m\n", 1,
        "a.story:2: unanswered by process moving of m: rejected too-few Take purse_id=a coins=3 move_id=m\n");
    expect("test in a run, whatever else holds\n"
           "run Put purse_id=a coins=999 loop_id=l\n"
           "then CoinsPut\n",
        1, "a.story:2: unanswered by process looping of l: rejected full Put purse_id=a coins=1 loop_id=l: a has 1000\n");
}

static void
test_a_loop_ends_and_is_named(void **state)
{
    expect("test t\nrun Put purse_id=a coins=-100000 loop_id=l\n", 1,
        "a.story:2: process looping of l: no end after 4096 steps: it sends in a loop\n");
}

static void
test_what_differs_is_told_ready_to_paste(void **state)
{
    const char *begin = "test t\nwhen MoveRequested move_id=m from=a to=b coins=3 patience_ms=5400000\n";
    const struct {
        const char *then, *words;
    } cases[] = {
        { "then sends Take purse_id=b coins=3 move_id=m\n", "a.story:3: then sends Take purse_id=a coins=3 move_id=m\n" },
        { "then Take purse_id=a\n", "no message 'Take' in this module" },
        { "then MoveRequested\n", "a.story:3: then sends Take" },
        { "then finishes\n", "a.story:3: then sends Take" },
        { "then schedules patience\n", "a.story:3: then sends Take" },
        { "then nothing\n", "a.story:3: then sends Take" },
        { "then sends Take\nand schedules patience 1h\n", "a.story:4: then schedules patience 90min\n" },
        { "then sends Take\nand schedules patience soon\n", "'soon' is no time span" },
        { "then sends Take\nand schedules patince 90min\n", "a.story:4: then schedules patience 90min\n" },
        { "then sends Take\n", "a.story:3: and schedules patience 90min\n" },
        { "then sends Take\nand schedules patience\nand finishes\n", "a.story:5: then nothing (more)\n" },
        { "then sends\n", "did you mean" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char story[256];
        (void)snprintf(story, sizeof story, "%s%s", begin, cases[i].then);
        if (i + 1 < sizeof cases / sizeof *cases)
            expect(story, 1, cases[i].words);
        else
            expect(story, 1, NULL);
    }
}

static void
test_mistakes_of_a_step_and_of_a_story_are_named(void **state)
{
    expect("test t\nwhen MoveRequested move_id=m from=mistake-timer\n", 1,
        "a.story:2: process moving of m scheduled the timer 'patince', for which it has no row\n");
    expect("test t\nrun RequestMove move_id=m from=mistake-send\n", 1, "process moving of m sent testing.v1.Tick");
    expect("test t\ngiven MoveRequested move_id=m from=mistake-key\n", 1, "process moving of m sent what can't be sent: purse_id");
    expect("test t\nrun MoveRequested move_id=m\n", 1, "no command 'MoveRequested'");
    expect("test t\nwhen MoveRequestd move_id=m\n", 1, "'MoveRequestd'");
    expect("test t\nstate moving m\n", 1, "nothing has happened to moving m");
    expect("test t\nstate movin m\n", 1, "no aggregate or process 'movin'");
    expect("test t\ngiven CoinsPut purse_id=a loop_id=l\nstate looping l\n", 1, "process looping keeps no state");
    expect("test t\ngiven MoveRequested move_id=m from=a to=b\nstate moving m from=a\n", 1, "a.story:3: state moving m from=a to=b\n");
    expect("test t\nrun RequestMove move_id=m from=a to=b coins=3\nstate moving m\n", 1, "moving m has finished");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_step_shows_what_it_sends_and_carries_nothing_out),
        cmocka_unit_test(test_what_is_given_sends_nothing_and_sets_its_timers),
        cmocka_unit_test(test_a_timer_that_is_moved_fires_where_it_was_moved_to),
        cmocka_unit_test(test_run_goes_all_the_way),
        cmocka_unit_test(test_a_rejection_reaches_who_sent_the_command),
        cmocka_unit_test(test_an_unanswered_rejection_fails),
        cmocka_unit_test(test_a_loop_ends_and_is_named),
        cmocka_unit_test(test_what_differs_is_told_ready_to_paste),
        cmocka_unit_test(test_mistakes_of_a_step_and_of_a_story_are_named),
    };
    return weiri_story_tests(tests, sizeof tests / sizeof *tests);
}
