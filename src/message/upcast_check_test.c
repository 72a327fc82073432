/* SPDX-License-Identifier: Apache-2.0
 * Each load check of a module's upcasts and of its messages (docs/load-checks.md), with its words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "message/module_check_test.h"

static void
upcast_without_message(void)
{
    module.upcasts[0].to = NULL;
}

static void
upcast_without_function(void)
{
    module.upcasts[0].upcast = NULL;
}

static void
upcast_from_command(void)
{
    module.upcasts[0].from = &testing__v1__add__descriptor;
}

static void
upcast_from_state(void)
{
    module.upcasts[0].from = &testing__v1__counter__descriptor;
}

static void
upcast_to_command(void)
{
    module.upcasts[0].to = &testing__v1__add__descriptor;
}

static void
upcast_to_nothing(void)
{
    module.upcasts[0].to = &testing__v1__point__descriptor;
}

static void
two_upcasts(void)
{
    module.upcasts[1] = (weir_upcast_row){ &testing__v1__ticked_once__descriptor, &testing__v1__added__descriptor, upcast_once };
}

static void
old_event_in_a_row(void)
{
    tally.events[1].message = &testing__v1__ticked_once__descriptor;
}

static void
upcast_loop(void)
{
    module.upcasts[0].to = &testing__v1__point__descriptor;
    module.upcasts[1] = (weir_upcast_row){ &testing__v1__point__descriptor, &testing__v1__everything__descriptor, upcast_once };
    module.upcasts[2] = (weir_upcast_row){ &testing__v1__everything__descriptor, &testing__v1__ticked_once__descriptor, upcast_once };
}

static void
upcast_loop_behind(void)
{
    module.upcasts[0].to = &testing__v1__point__descriptor;
    module.upcasts[1] = (weir_upcast_row){ &testing__v1__point__descriptor, &testing__v1__point__descriptor, upcast_once };
}

static void
two_messages_of_one_name(void)
{
    tally.state = make(0, &testing__v1__tally__descriptor, "testing.v1.Point");
}

static void
name_of_the_engine(void)
{
    tally.state = make(0, &testing__v1__tally__descriptor, "weir.v1.Tally");
}

static void
map_field(void)
{
    tally.state = make(0, &testing__v1__tally__descriptor, "testing.v1.Tally");
    ProtobufCMessageDescriptor *entry = make(1, &testing__v1__point__descriptor, "testing.v1.Tally.PerDay2Entry");
    entry->n_fields = 2;
    made_fields[1][0].name = "key";
    made_fields[1][1].name = "value";
    made_fields[0][1].name = "per_day2";
    made_fields[0][1].descriptor = entry;
}

static void
required_field(void)
{
    tally.state = make(0, &testing__v1__tally__descriptor, "testing.v1.Tally");
    made_fields[0][0].label = PROTOBUF_C_LABEL_REQUIRED;
}

static void
optional_field_of_a_nested_message(void)
{
    tally.state = make(0, &testing__v1__tally__descriptor, "testing.v1.Tally");
    made_fields[0][1].descriptor = make(1, &testing__v1__point__descriptor, "testing.v1.Spot");
    made_fields[1][2].label = PROTOBUF_C_LABEL_OPTIONAL;
}

static void
message_without_names(void)
{
    make(0, &testing__v1__tick__descriptor, NULL);
    made[0].fields_sorted_by_name = NULL;
    for (size_t i = 0; i < made[0].n_fields; i++)
        made_fields[0][i].name = NULL;
    tally.commands[1] = (weir_command_row){ &made[0], decide_more };
}

static void
full_retired(void)
{
    module.retired[WEIR_ROWS] = "testing.v1.Gone";
}

static void
short_retired_name(void)
{
    module.retired[0] = "Gone";
}

static void
retired_command(void)
{
    module.retired[0] = "testing.v1.Gone";
    module.retired[1] = "testing.v1.Add";
}

static void
retired_old_event(void)
{
    module.retired[0] = "testing.v1.TickedOnce";
}

static void
retired_field_of_a_nested_message(void)
{
    module.retired[0] = "testing.v1.Point.label";
}

static void
retired_value(void)
{
    module.retired[0] = "testing.v1.Colour.BLUE";
}

static const mistake mistakes[] = {
    { full_retired, "retired: the table is full: 64 rows are the most" },
    { short_retired_name, "retired 'Gone': a full name is wanted, as in shop.v1.StockSold or shop.v1.StockSold.note" },
    { retired_command, "testing.v1.Add is retired, and still a command of this module" },
    { retired_old_event, "testing.v1.TickedOnce is retired, and still an event of this module" },
    { retired_field_of_a_nested_message, "testing.v1.Point.label is retired, and still a field of testing.v1.Point" },
    { retired_value, "testing.v1.Colour.BLUE is retired, and still a value of testing.v1.Colour" },
    { upcast_without_message, "upcasts: row 1 needs two messages: an old event and a new one" },
    { upcast_without_function, "the upcast of testing.v1.TickedOnce to testing.v1.Ticked has no function" },
    { upcast_from_command, "the upcast of testing.v1.Add to testing.v1.Ticked: testing.v1.Add is a command, not an event" },
    { upcast_from_state, "the upcast of testing.v1.Counter to testing.v1.Ticked: testing.v1.Counter is a state, not an event" },
    { upcast_to_command, "the upcast of testing.v1.TickedOnce to testing.v1.Add: no aggregate has an event testing.v1.Add" },
    { upcast_to_nothing, "the upcast of testing.v1.TickedOnce to testing.v1.Point: no aggregate has an event testing.v1.Point" },
    { two_upcasts, "testing.v1.TickedOnce has two upcasts: to testing.v1.Ticked and to testing.v1.Added" },
    { old_event_in_a_row, "testing.v1.TickedOnce is upcast to testing.v1.Ticked: the row of aggregate tally names that" },
    { upcast_loop, "an upcast loop: testing.v1.TickedOnce to testing.v1.Point to testing.v1.Everything to testing.v1.TickedOnce" },
    { upcast_loop_behind, "an upcast loop: testing.v1.Point to testing.v1.Point" },
    { two_messages_of_one_name, "two different messages are called testing.v1.Point" },
    { name_of_the_engine, "weir.v1.Tally: names that begin with 'weir.' are the engine's own" },
    { map_field, "field 'per_day2' of testing.v1.Tally is a map: write a repeated message with a key and a value" },
    { required_field, "field 'ticks' of testing.v1.Tally is required: weir reads proto3 only" },
    { optional_field_of_a_nested_message, "field 'label' of testing.v1.Spot is a proto2 field: write syntax = \"proto3\" above it" },
    { message_without_names, "a message was compiled without its names: leave out optimize_for = CODE_SIZE" },
};

static void
test_each_mistake_is_told_once_and_alone(void **state)
{
    assert_each_is_told(mistakes, sizeof mistakes / sizeof *mistakes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_mistake_is_told_once_and_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
