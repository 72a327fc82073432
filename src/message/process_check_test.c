/* SPDX-License-Identifier: Apache-2.0
 * Each load check of a module's processes (docs/load-checks.md), with its words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "message/module_check_test.h"

static weir_process process, other;

static void
on_added(weir_reaction *r, void *state, const void *event)
{
    weir_finish(r);
}

static void
on_reset(weir_reaction *r, void *state, const void *event)
{
    (void)weir_schedule(r, "soon", 1);
}

static void
on_again(weir_reaction *r, void *state, const void *event)
{
}

static void
on_rejected(weir_reaction *r, void *state, const void *command, const weir_rejection *why)
{
    weir_unschedule(r, "soon");
}

static void
on_time(weir_reaction *r, void *state)
{
}

static void
make_process(void)
{
    process = (weir_process){
        .name = "following",
        .key = "counter_id",
        .state = &testing__v1__counter__descriptor,
        .starts = { { &testing__v1__added__descriptor, on_added } },
        .events = { { &testing__v1__was_reset__descriptor, on_reset } },
        .rejections = { { &testing__v1__add__descriptor, on_rejected }, { &testing__v1__reset__descriptor, on_rejected } },
        .timers = { { "soon", on_time }, { "late", on_time } },
    };
    other = process;
    other.name = "other";
    module.processes[0] = &process;
}

#define MISTAKE(name, ...) \
    static void name(void) \
    { \
        make_process(); \
        __VA_ARGS__; \
    }

MISTAKE(no_name, process.name = NULL)
MISTAKE(bad_name, process.name = "Following")
MISTAKE(same_name, module.processes[1] = &other; other.name = "following")
MISTAKE(name_of_an_aggregate, process.name = "tally")
MISTAKE(gap, module.processes[2] = &other)
MISTAKE(no_key, process.key = NULL)
MISTAKE(missing_key, process.key = "counterid")
MISTAKE(no_starts, process.starts[0] = (weir_start_row){ 0 })
MISTAKE(full_starts, for (int i = 0; i <= WEIR_STARTS; i++) process.starts[i].react = on_added; module.processes[0] = NULL;
        module.processes[WEIR_ROWS] = &process)
MISTAKE(gap_in_events, process.events[2] = process.events[0]; process.events[0] = (weir_start_row){ 0 })
MISTAKE(without_message, process.events[1].react = on_added)
MISTAKE(without_function, process.events[0].react = NULL)
MISTAKE(twice, process.events[1].message = process.starts[0].message; process.events[1].react = on_again)
MISTAKE(one_function, process.events[0].react = on_added)
MISTAKE(a_command, process.starts[0].message = &testing__v1__add__descriptor)
MISTAKE(an_old_event, process.key = "tally_id"; process.events[0] = (weir_start_row){ 0 };
        process.starts[0].message = &testing__v1__ticked_once__descriptor)
MISTAKE(an_event_rejected, process.rejections[0].message = &testing__v1__added__descriptor)
MISTAKE(rejected_twice, process.rejections[0].message = process.rejections[1].message)
MISTAKE(timer_bad_name, process.timers[0].name = "So_on")
MISTAKE(timer_twice, process.timers[1].name = "soon")
MISTAKE(timer_without_function, process.timers[1].react = NULL)

static const mistake mistakes[] = {
    { no_name, "process has no name" },
    { bad_name, "process 'Following': a name is [a-z][a-z0-9-]*, at most 63 characters" },
    { same_name, "two processes are called 'following'" },
    { name_of_an_aggregate, "an aggregate and a process are both called 'tally'" },
    { gap, "processes: row 2 is empty and row 3 is not: a table ends at its first empty row" },
    { no_key, "process following names no key" },
    { no_starts, "process following has no starts: nothing would ever begin it" },
    { full_starts, "processes: the table is full: 64 rows are the most" },
    { gap_in_events, "process following, events: row 1 is empty and row 3 is not: a table ends at its first empty row" },
    { without_message, "process following, events: row 2 has a function and no message" },
    { without_function, "process following, events: testing.v1.WasReset has no function" },
    { twice, "testing.v1.Added has two rows in process following" },
    { one_function, "one function stands in two rows: of testing.v1.Added and of testing.v1.WasReset in process following" },
    { a_command, "process following: no aggregate has an event testing.v1.Add" },
    { an_old_event, "testing.v1.TickedOnce is upcast to testing.v1.Ticked: the row of process following names that" },
    { an_event_rejected, "process following: no aggregate has a command testing.v1.Added" },
    { rejected_twice, "testing.v1.Reset has two rows in process following" },
    { timer_bad_name, "process following, timer 'So_on': a name is [a-z][a-z0-9-]*, at most 63 characters" },
    { timer_twice, "process following has two timers 'soon'" },
    { timer_without_function, "process following: timer late has no function" },
};

static void
test_each_mistake_is_told_once_and_alone(void **state)
{
    assert_each_is_told(mistakes, sizeof mistakes / sizeof *mistakes);
}

static void
test_a_missing_key_is_told_for_each_event(void **state)
{
    weiri_problems problems = { 0 };
    weiri_schema *schema;

    make_module();
    missing_key();
    weiri_schema_new(&module, &schema, &problems);
    assert_int_equal(problems.n, 2);
    assert_string_equal(problems.list[0].text,
        "process following: key 'counterid' of testing.v1.Added must be one string or integer: there "
        "is no such field; did you mean 'counter_id'?");
    weiri_problems_fini(&problems);
}

static void
test_a_sound_process_and_one_without_a_state_are_taken(void **state)
{
    weiri_problems problems = { 0 };
    weiri_schema *schema;

    make_module();
    make_process();
    other.state = NULL;
    module.processes[1] = &other;
    weiri_schema_new(&module, &schema, &problems);
    assert_int_equal(problems.n, 0);
    assert_non_null(schema);
    weiri_schema_free(schema);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_mistake_is_told_once_and_alone),
        cmocka_unit_test(test_a_missing_key_is_told_for_each_event),
        cmocka_unit_test(test_a_sound_process_and_one_without_a_state_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
