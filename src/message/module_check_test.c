/* SPDX-License-Identifier: Apache-2.0
 * Each load check of a module's aggregates (docs/load-checks.md), with its words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "message/module_check_test.h"

static void
other_abi(void)
{
    module.abi = 77;
    module.name = NULL; /* not looked at any more */
}

static void
no_module_name(void)
{
    module.name = NULL;
}

static void
bad_module_name(void)
{
    module.name = "Shop";
}

static void
empty_name(void)
{
    module.name = "";
}

static void
name_with_underscore(void)
{
    counter.name = "my_counter";
}

static void
name_with_digit_first(void)
{
    counter.name = "1st";
}

static void
long_name(void)
{
    counter.name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
}

static void
no_aggregate_name(void)
{
    counter.name = NULL;
}

static void
no_aggregates(void)
{
    memset(module.aggregates, 0, sizeof module.aggregates);
    memset(module.upcasts, 0, sizeof module.upcasts);
}

static void
same_aggregate_name(void)
{
    tally.name = "counter";
}

static void
same_aggregate(void)
{
    module.aggregates[2] = &counter;
}

static void
full_commands(void)
{
    counter.commands[WEIR_ROWS].decide = decide_more;
}

static void
full_events(void)
{
    counter.events[WEIR_ROWS].message = &testing__v1__point__descriptor;
}

static void
full_aggregates(void)
{
    module.aggregates[WEIR_ROWS] = &counter;
}

static void
full_upcasts(void)
{
    module.upcasts[WEIR_ROWS].upcast = upcast_once;
}

static void
gap_in_commands(void)
{
    counter.commands[3] = counter.commands[1];
    counter.commands[1] = (weir_command_row){ 0 };
}

static void
gap_in_events(void)
{
    counter.events[5] = counter.events[1];
    counter.events[1] = (weir_event_row){ 0 };
}

static void
no_state(void)
{
    counter.state = NULL;
}

static void
no_commands(void)
{
    memset(counter.commands, 0, sizeof counter.commands);
}

static void
command_without_message(void)
{
    counter.commands[1].message = NULL;
}

static void
event_without_message(void)
{
    counter.events[0].message = NULL;
}

static void
command_without_function(void)
{
    counter.commands[1].decide = NULL;
}

static void
two_handlers(void)
{
    tally.commands[1] = (weir_command_row){ &testing__v1__tick__descriptor, decide_more };
}

/* Counter is made of messages like tally's, so that it may have one of tally's too. */
static void
two_handlers_elsewhere(void)
{
    counter.key = "tally_id";
    counter.commands[0] = (weir_command_row){ make(0, &testing__v1__tick__descriptor, "testing.v1.CountTick"), decide_add };
    counter.commands[1] = (weir_command_row){ &testing__v1__tick__descriptor, decide_reset };
    counter.events[0] = (weir_event_row){ make(1, &testing__v1__ticked__descriptor, "testing.v1.CountTicked"), evolve_added };
    counter.events[1] = (weir_event_row){ 0 };
}

static void
two_event_rows(void)
{
    counter.events[2].message = &testing__v1__added__descriptor;
}

static void
event_of_two(void)
{
    two_handlers_elsewhere();
    counter.commands[1] = (weir_command_row){ 0 };
    counter.events[0].message = &testing__v1__ticked__descriptor;
}

static void
command_and_event(void)
{
    counter.events[2].message = &testing__v1__reset__descriptor;
}

static void
one_function_decides_twice(void)
{
    tally.commands[0].decide = decide_add;
}

static void
one_function_evolves_twice(void)
{
    counter.events[1].evolve = evolve_added;
}

static void
no_key(void)
{
    counter.key = NULL;
}

static void
empty_key(void)
{
    counter.key = "";
}

static void
key_repeated(void)
{
    tally.commands[1] = (weir_command_row){ make(0, &testing__v1__tick__descriptor, "testing.v1.TickAll"), decide_more };
    made_fields[0][0].label = PROTOBUF_C_LABEL_REPEATED;
}

static void
key_real(void)
{
    tally.commands[1] = (weir_command_row){ make(0, &testing__v1__tick__descriptor, "testing.v1.TickAll"), decide_more };
    made_fields[0][0].type = PROTOBUF_C_TYPE_DOUBLE;
}

static void
key_in_oneof(void)
{
    tally.commands[1] = (weir_command_row){ make(0, &testing__v1__tick__descriptor, "testing.v1.TickAll"), decide_more };
    made_fields[0][0].flags = PROTOBUF_C_FIELD_FLAG_ONEOF;
}

static void
key_missing(void)
{
    static const unsigned by_name[] = { 1, 0 };

    tally.commands[1] = (weir_command_row){ make(0, &testing__v1__tick__descriptor, "testing.v1.TickAll"), decide_more };
    made_fields[0][0].name = "tallyid"; /* behind points now: t after p */
    made[0].fields_sorted_by_name = by_name;
}

static void
keys_of_two_kinds(void)
{
    tally.commands[1] = (weir_command_row){ make(0, &testing__v1__tick__descriptor, "testing.v1.TickAll"), decide_more };
    made_fields[0][0].type = PROTOBUF_C_TYPE_STRING;
}

#define BAD_NAME ": a name is [a-z][a-z0-9-]*, at most 63 characters"
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const mistake mistakes[] = {
    { other_abi, "the module was built for ABI 77 of weir, this is ABI 2: build it again" },
    { no_module_name, "module has no name" },
    { bad_module_name, "module 'Shop'" BAD_NAME },
    { empty_name, "module ''" BAD_NAME },
    { name_with_underscore, "aggregate 'my_counter'" BAD_NAME },
    { name_with_digit_first, "aggregate '1st'" BAD_NAME },
    { long_name, "aggregate '" A64 "'" BAD_NAME },
    { no_aggregate_name, "aggregate has no name" },
    { no_aggregates, "the module has no aggregates" },
    { same_aggregate_name, "two aggregates are called 'counter'" },
    { same_aggregate, "two aggregates are called 'counter'" },
    { full_commands, "aggregate counter, commands: the table is full: 64 rows are the most" },
    { full_events, "aggregate counter, events: the table is full: 64 rows are the most" },
    { full_aggregates, "aggregates: the table is full: 64 rows are the most" },
    { full_upcasts, "upcasts: the table is full: 64 rows are the most" },
    { gap_in_commands, "aggregate counter, commands: row 2 is empty and row 4 is not: a table ends at its first empty row" },
    { gap_in_events, "aggregate counter, events: row 2 is empty and row 6 is not: a table ends at its first empty row" },
    { no_state, "aggregate counter has no state" },
    { no_commands, "aggregate counter has no commands" },
    { command_without_message, "aggregate counter, commands: row 2 has a function and no message" },
    { event_without_message, "aggregate counter, events: row 1 has a function and no message" },
    { command_without_function, "aggregate counter: command testing.v1.Reset has no function" },
    { two_handlers, "command testing.v1.Tick has two handlers in aggregate tally" },
    { two_handlers_elsewhere, "command testing.v1.Tick has two handlers: in aggregate counter and in tally" },
    { two_event_rows, "event testing.v1.Added has two rows in aggregate counter" },
    { event_of_two, "event testing.v1.Ticked has two rows: in aggregate counter and in tally" },
    { command_and_event, "testing.v1.Reset is a command of aggregate counter and an event of counter" },
    { one_function_decides_twice,
        "one function stands in two rows: of testing.v1.Add in aggregate counter and of testing.v1.Tick in tally" },
    { one_function_evolves_twice,
        "one function stands in two rows: of testing.v1.Added in aggregate counter and of testing.v1.WasReset in counter" },
    { no_key, "aggregate counter names no key" },
    { empty_key, "aggregate counter names no key" },
    { key_repeated, "aggregate tally: key 'tally_id' of testing.v1.TickAll must be one string or integer" },
    { key_real, "aggregate tally: key 'tally_id' of testing.v1.TickAll must be one string or integer" },
    { key_in_oneof, "aggregate tally: key 'tally_id' of testing.v1.TickAll must be one string or integer" },
    { key_missing, "aggregate tally: key 'tally_id' of testing.v1.TickAll must be one string or integer: there is no such field; did you "
                   "mean 'tallyid'?" },
    { keys_of_two_kinds, "aggregate tally: key 'tally_id' is a string in testing.v1.TickAll and an integer in testing.v1.Tick" },
};

static void
test_each_mistake_is_told_once_and_alone(void **state)
{
    assert_each_is_told(mistakes, sizeof mistakes / sizeof *mistakes);
}

static void
test_all_mistakes_are_told_at_once(void **state)
{
    static const char *const words[] = { ("module 'Shop'" BAD_NAME), "aggregate tally has no state",
        "aggregate counter: command testing.v1.Reset has no function", "event testing.v1.Added has two rows in aggregate counter",
        "the upcast of testing.v1.TickedOnce to testing.v1.Ticked has no function" };
    weiri_problems problems = { 0 };
    weiri_schema *schema;

    make_module();
    bad_module_name();
    tally.state = NULL;
    command_without_function();
    two_event_rows();
    module.upcasts[0].upcast = NULL;
    weiri_schema_new(&module, &schema, &problems);
    assert_null(schema);
    assert_int_equal(problems.n, sizeof words / sizeof *words);
    for (size_t i = 0; i < problems.n; i++) {
        bool told = false;
        for (size_t j = 0; j < problems.n; j++)
            told = told || strcmp(problems.list[j].text, words[i]) == 0;
        assert_true(told);
    }
    weiri_problems_fini(&problems);
}

static void
test_a_sound_module_has_no_problems(void **state)
{
    weiri_problems problems = { 0 };
    weiri_schema *schema;

    make_module();
    weiri_schema_new(&module, &schema, &problems);
    assert_int_equal(problems.n, 0);
    assert_non_null(schema);
    weiri_schema_free(schema);
}

/* Problems of before (of other files) are no reason to refuse a module. */
static void
test_problems_of_others_do_not_count(void **state)
{
    weiri_problems problems = { 0 };
    weiri_schema *schema;

    weiri_problems_add(&problems, "views/a.sql", 3, "something else");
    make_module();
    weiri_schema_new(&module, &schema, &problems);
    assert_non_null(schema);
    assert_int_equal(problems.n, 1);
    weiri_schema_free(schema);
    weiri_problems_fini(&problems);
}

/* Tables of 64 rows are full to the brim, and right; weir_assign may stand in many. */
static void
test_a_table_may_have_64_rows(void **state)
{
    static ProtobufCMessageDescriptor events[WEIR_ROWS];
    static char names[WEIR_ROWS][32];
    weiri_problems problems = { 0 };
    weiri_schema *schema;

    make_module();
    for (size_t i = 2; i < WEIR_ROWS; i++) {
        (void)snprintf(names[i], sizeof names[i], "testing.v1.Added%zu", i);
        events[i] = testing__v1__added__descriptor;
        events[i].name = names[i];
        counter.events[i] = (weir_event_row){ &events[i], weir_assign };
    }
    weiri_schema_new(&module, &schema, &problems);
    for (size_t i = 0; i < problems.n; i++)
        print_error("%s\n", problems.list[i].text);
    assert_non_null(schema);
    assert_non_null(weiri_schema_find(schema, weiri_bytes_of("testing.v1.Added63")));
    weiri_schema_free(schema);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_mistake_is_told_once_and_alone),
        cmocka_unit_test(test_all_mistakes_are_told_at_once),
        cmocka_unit_test(test_a_sound_module_has_no_problems),
        cmocka_unit_test(test_problems_of_others_do_not_count),
        cmocka_unit_test(test_a_table_may_have_64_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
