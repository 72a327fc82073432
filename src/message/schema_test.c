/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/state.h>
#include "message/schema.h"
#include "testing.pb-c.h"

static weir_status
decide_add(weir_decision *d, const void *state, const void *command)
{
    return WEIR_OK;
}

static weir_status
decide_reset(weir_decision *d, const void *state, const void *command)
{
    return WEIR_REJECTED;
}

static weir_status
decide_count(weir_decision *d, const void *state, const void *command)
{
    return WEIR_CONFLICT;
}

static weir_status
decide_other(weir_decision *d, const void *state, const void *command)
{
    return WEIR_INVALID;
}

static void
evolve_added(void *state, const void *event)
{
    ((Testing__V1__Counter *)state)->total++;
}

static weir_status
once_to_tick(const void *old, void *fresh, weir_error *err)
{
    Testing__V1__Tick *tick = fresh;

    (void)err;
    weir_assign(tick, old);
    Testing__V1__Point *point = weir_list_add(&tick->n_points, &tick->points, &testing__v1__point__descriptor);
    weir_string_set(&point->label, "made by the first");
    return WEIR_OK;
}

static weir_status
tick_to_ticked(const void *old, void *fresh, weir_error *err)
{
    const int64_t id = ((const Testing__V1__Tick *)old)->tally_id;

    weir_assign(fresh, old);
    ((Testing__V1__Ticked *)fresh)->times = 1;
    return id == 13 ? weir_upcast_fail(err, "tally %d was %s", 13, "never one") : id == 14 ? WEIR_INVALID : WEIR_OK;
}

static weir_status
reset_to_added(const void *old, void *fresh, weir_error *err)
{
    (void)err;
    ((Testing__V1__Added *)fresh)->amount = -1;
    return WEIR_OK;
}

/* Messages that testing.proto lacks: CountTick is Tick under another name; an old Added has its short name. */
static ProtobufCMessageDescriptor count_tick, old_added;

static weir_aggregate counter = {
    .name = "counter",
    .key = "counter_id",
    .state = &testing__v1__counter__descriptor,
    .commands = { { &testing__v1__add__descriptor, decide_add }, { &testing__v1__reset__descriptor, decide_reset } },
    .events = { { &testing__v1__added__descriptor, evolve_added } },
};
static weir_aggregate tally = {
    .name = "tally",
    .key = "tally_id",
    .state = &testing__v1__tally__descriptor,
    .commands = { { &count_tick, decide_count } },
    .events = { { &testing__v1__ticked__descriptor, NULL } },
};
/* A Ticked was a Tick once, and before that a TickedOnce. */
static weir_module module = {
    .abi = WEIR_ABI,
    .name = "schema-test",
    .aggregates = { &counter, &tally },
    .upcasts = { { &testing__v1__ticked_once__descriptor, &testing__v1__tick__descriptor, once_to_tick },
        { &testing__v1__tick__descriptor, &testing__v1__ticked__descriptor, tick_to_ticked },
        { &old_added, &testing__v1__added__descriptor, reset_to_added } },
};

static weiri_schema *
compile(void)
{
    weiri_problems problems = { 0 };
    weiri_schema *schema;

    weiri_schema_new(&module, &schema, &problems);
    for (size_t i = 0; i < problems.n; i++)
        print_error("%s\n", problems.list[i].text);
    assert_non_null(schema);
    weiri_problems_fini(&problems);
    return schema;
}

static int
set_up(void **state)
{
    count_tick = testing__v1__tick__descriptor;
    count_tick.name = "testing.v1.CountTick";
    old_added = testing__v1__point__descriptor; /* which has no counter_id */
    old_added.name = "testing.v0.Added";
    *state = compile();
    return 0;
}

static int
tear_down(void **state)
{
    weiri_schema_free(*state);
    weiri_schema_free(NULL);
    return 0;
}

static const weiri_type *
type_of(const weiri_schema *schema, const char *name)
{
    return weiri_schema_find(schema, weiri_bytes_of(name));
}

static void
assert_refused(const weiri_schema *schema, weiri_type_kind kind, const char *name, weir_status status, const char *words)
{
    const weiri_type *const untouched = weiri_schema_type(schema, 0);
    const weiri_type *type = untouched;
    weir_error err;

    assert_int_equal(weiri_schema_look_up(schema, kind, name, &type, &err), status);
    assert_ptr_equal(type, untouched);
    assert_int_equal(err.status, status);
    assert_string_equal(err.text, words);
}

static void
test_unknown_names_are_told_with_the_nearest(void **state)
{
    assert_refused(*state, WEIRI_TYPE_COMMAND, "testing.v1.Rseet", WEIR_NOT_FOUND,
        "no command 'testing.v1.Rseet' in this module; did you mean 'testing.v1.Reset'?");
    assert_refused(*state, WEIRI_TYPE_COMMAND, "Rest", WEIR_NOT_FOUND, "no command 'Rest' in this module; did you mean 'Reset'?");
    assert_refused(*state, WEIRI_TYPE_EVENT, "testing.v1.Tickd", WEIR_NOT_FOUND,
        "no message 'testing.v1.Tickd' in this module; did you mean 'testing.v1.Ticked'?");
    assert_refused(*state, WEIRI_TYPE_STATE, "Cuonter", WEIR_NOT_FOUND, "no state 'Cuonter' in this module; did you mean 'Counter'?");
    assert_refused(*state, WEIRI_TYPE_COMMAND, "Elephant", WEIR_NOT_FOUND, "no command 'Elephant' in this module");
    assert_refused(*state, WEIRI_TYPE_COMMAND, "", WEIR_NOT_FOUND, "no command '' in this module");
}

static void
test_a_name_of_another_kind_is_told_as_such(void **state)
{
    assert_refused(*state, WEIRI_TYPE_EVENT, "testing.v1.Reset", WEIR_NOT_FOUND, "testing.v1.Reset is a command, not an event");
    assert_refused(*state, WEIRI_TYPE_COMMAND, "testing.v1.Counter", WEIR_NOT_FOUND, "testing.v1.Counter is a state, not a command");
}

static void
test_an_ambiguous_short_name_is_refused(void **state)
{
    ProtobufCMessageDescriptor other = testing__v1__add__descriptor;
    other.name = "testing.v2.Add";
    counter.commands[2] = (weir_command_row){ &other, decide_other };
    weiri_schema *schema = compile();
    counter.commands[2] = (weir_command_row){ 0 };

    assert_refused(schema, WEIRI_TYPE_COMMAND, "Add", WEIR_INVALID, "'Add' may be testing.v1.Add or testing.v2.Add: write the whole name");
    weiri_schema_free(schema);
}

static void
test_names_are_looked_up_full_and_short(void **state)
{
    static const struct {
        weiri_type_kind kind;
        const char *name, *full;
    } names[] = {
        { WEIRI_TYPE_COMMAND, "testing.v1.Add", "testing.v1.Add" },
        { WEIRI_TYPE_COMMAND, "Reset", "testing.v1.Reset" },
        { WEIRI_TYPE_EVENT, "Ticked", "testing.v1.Ticked" },
        { WEIRI_TYPE_EVENT, "TickedOnce", "testing.v1.TickedOnce" },
        { WEIRI_TYPE_EVENT, "Added", "testing.v1.Added" }, /* not the old one of that short name */
        { WEIRI_TYPE_EVENT, "testing.v0.Added", "testing.v0.Added" },
        { WEIRI_TYPE_STATE, "Tally", "testing.v1.Tally" },
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const weiri_type *type;
        assert_int_equal(weiri_schema_look_up(*state, names[i].kind, names[i].name, &type, NULL), WEIR_OK);
        assert_string_equal(type->descriptor->name, names[i].full);
        assert_int_equal(type->kind, names[i].kind);
    }
}

static void
test_every_type_is_found_by_its_name_and_no_other(void **state)
{
    const weiri_schema *schema = *state;

    assert_int_equal(weiri_schema_types(schema), 10);
    for (size_t i = 0; i < weiri_schema_types(schema); i++) {
        const weiri_type *type = weiri_schema_type(schema, i);
        char name[64];
        assert_int_equal(type->number, i);
        assert_ptr_equal(type_of(schema, type->descriptor->name), type);
        for (size_t cut = 0; cut < strlen(type->descriptor->name); cut++) {
            const weiri_type *other = weiri_schema_find(schema, (weiri_bytes){ type->descriptor->name, cut });
            assert_true(other == NULL || strlen(other->descriptor->name) == cut); /* Tick begins TickedOnce */
        }
        (void)snprintf(name, sizeof name, "%sx", type->descriptor->name);
        assert_ptr_not_equal(type_of(schema, name), type);
    }
    assert_null(weiri_schema_type(schema, 10));
    assert_null(type_of(schema, "testing.v1.Point")); /* only a part of others */
}

static void
test_a_type_knows_its_row(void **state)
{
    const weiri_schema *schema = *state;
    const weiri_type *reset = type_of(schema, "testing.v1.Reset"), *added = type_of(schema, "testing.v1.Added");
    const weiri_type *ticked = type_of(schema, "testing.v1.Ticked"), *once = type_of(schema, "testing.v1.TickedOnce");

    assert_true(reset->kind == WEIRI_TYPE_COMMAND && reset->aggregate == 0 && reset->decide == decide_reset && reset->newest == reset);
    assert_string_equal(reset->key->name, "counter_id");
    assert_true(added->kind == WEIRI_TYPE_EVENT && added->evolve == evolve_added && added->upcast == NULL && added->newest == added);
    assert_true(ticked->aggregate == 1 && ticked->evolve == NULL);
    assert_true(once->aggregate == 1 && once->upcast == &module.upcasts[0] && once->newest == ticked);
    assert_ptr_equal(once->next, type_of(schema, "testing.v1.Tick"));
    assert_string_equal(once->key->name, "tally_id");
    assert_null(type_of(schema, "testing.v0.Added")->key);
    assert_int_equal(type_of(schema, "testing.v0.Added")->aggregate, 0);
    assert_null(weiri_schema_state(schema, 0)->key);
    assert_ptr_equal(weiri_schema_state(schema, 1)->descriptor, &testing__v1__tally__descriptor);
    assert_null(weiri_schema_state(schema, 2));
    assert_int_equal(weiri_schema_aggregates(schema), 2);
    assert_ptr_equal(weiri_schema_aggregate(schema, 1), &tally);
    assert_null(weiri_schema_aggregate(schema, 2));
    assert_int_equal(weiri_schema_aggregate_find(schema, weiri_bytes_of("tally")), 1);
    assert_int_equal(weiri_schema_aggregate_find(schema, weiri_bytes_of("tall")), -1);
    assert_ptr_equal(weiri_schema_module(schema), &module);
}

static void
test_aggregates_may_share_a_state(void **state)
{
    tally.state = &testing__v1__counter__descriptor;
    weiri_schema *schema = compile();
    tally.state = &testing__v1__tally__descriptor;

    assert_int_equal(weiri_schema_state(schema, 0)->aggregate, 0);
    assert_int_equal(weiri_schema_state(schema, 1)->aggregate, 1);
    assert_ptr_equal(type_of(schema, "testing.v1.Counter"), weiri_schema_state(schema, 0));
    weiri_schema_free(schema);
}

/* ---- fingerprints ------------------------------------------------------------------------------------- */

static uint64_t
fingerprint_now(void)
{
    weiri_schema *schema = compile();
    const uint64_t fingerprint = weiri_schema_fingerprint(schema);

    weiri_schema_free(schema);
    return fingerprint;
}

/* A state that holds points, and a copy of Point whose fields can be changed and which can hold itself. */
static void
test_the_fingerprint_covers_nested_fields_and_survives_recursion(void **state)
{
    ProtobufCFieldDescriptor point_fields[3], tally_fields[2];
    ProtobufCMessageDescriptor point = testing__v1__point__descriptor, holder = testing__v1__tally__descriptor;
    uint64_t seen[6];

    memcpy(point_fields, point.fields, sizeof point_fields);
    memcpy(tally_fields, holder.fields, sizeof tally_fields);
    point.name = "testing.v1.Spot";
    point.fields = point_fields;
    holder.fields = tally_fields;
    tally_fields[1].descriptor = &point;
    tally.state = &holder;
    seen[0] = fingerprint_now();
    assert_true(seen[0] == fingerprint_now());
    point_fields[2].name = "lable";
    seen[1] = fingerprint_now();
    point_fields[2].id = 4;
    seen[2] = fingerprint_now();
    point_fields[0].type = PROTOBUF_C_TYPE_SINT32;
    seen[3] = fingerprint_now();
    point_fields[0].label = PROTOBUF_C_LABEL_REPEATED;
    seen[4] = fingerprint_now();
    point_fields[1].type = PROTOBUF_C_TYPE_MESSAGE;
    point_fields[1].descriptor = &point;
    seen[5] = fingerprint_now();
    tally.state = &testing__v1__tally__descriptor;
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
}

static void
test_the_fingerprint_covers_enums_keys_and_upcasts(void **state)
{
    ProtobufCEnumValue values[3];
    ProtobufCEnumDescriptor colour = testing__v1__colour__descriptor;
    ProtobufCFieldDescriptor fields[7];
    ProtobufCMessageDescriptor ticked = testing__v1__ticked__descriptor;
    uint64_t before = fingerprint_now();

    memcpy(values, colour.values, sizeof values);
    memcpy(fields, ticked.fields, sizeof fields);
    colour.values = values;
    values[2].value = 6;
    ticked.fields = fields;
    for (size_t i = 0; i < 7; i++)
        if (fields[i].type == PROTOBUF_C_TYPE_ENUM)
            fields[i].descriptor = &colour;
    tally.events[0].message = &ticked;
    module.upcasts[1].to = &ticked;
    assert_true(fingerprint_now() != before);
    values[2].value = 5;
    assert_true(fingerprint_now() == before);
    tally.events[0].message = &testing__v1__ticked__descriptor;
    module.upcasts[1].to = &testing__v1__ticked__descriptor;
    tally.name = "talley";
    assert_true(fingerprint_now() != before);
    tally.name = "tally";
    assert_true(fingerprint_now() == before);
    module.upcasts[2] = (weir_upcast_row){ 0 };
    assert_true(fingerprint_now() != before);
    module.upcasts[2] = (weir_upcast_row){ &old_added, &testing__v1__added__descriptor, reset_to_added };
}

/* ---- upcasts ------------------------------------------------------------------------------------------ */

static int balance; /* of allocations less frees */

static void *
count_allocate(void *user, size_t size)
{
    balance++;
    return malloc(size);
}

static void
count_free(void *user, void *memory)
{
    balance -= memory != NULL;
    free(memory);
}

static void
test_an_old_event_is_taken_through_the_whole_chain(void **state)
{
    /* tally_id 42, fields 31 and 30 that nobody knows, and between them field 3, which TickedOnce doesn't know and Ticked does */
    const uint8_t packed[] = { 0x08, 42, 0xfa, 1, 1, 'u', 0x1a, 0, 0xf0, 1, 7 };
    ProtobufCAllocator allocator = { count_allocate, count_free, NULL };
    const weiri_type *type;
    ProtobufCMessage *message;
    bool upcast = false;

    balance = 0;
    assert_int_equal(weiri_type_unpack_event(type_of(*state, "testing.v1.TickedOnce"), (weiri_bytes){ packed, sizeof packed }, &allocator,
                         &type, &message, &upcast, NULL),
        WEIR_OK);
    assert_int_equal(balance, 0);
    assert_true(upcast);
    assert_ptr_equal(type, type_of(*state, "testing.v1.Ticked"));
    const Testing__V1__Ticked *ticked = (const Testing__V1__Ticked *)message;
    assert_ptr_equal(message->descriptor, &testing__v1__ticked__descriptor);
    assert_true(ticked->tally_id == 42 && ticked->times == 1 && ticked->n_points == 1);
    assert_string_equal(ticked->points[0]->label, "made by the first");
    assert_int_equal(message->n_unknown_fields, 2);
    assert_true(message->unknown_fields[0].tag == 31 && message->unknown_fields[1].tag == 30);
    assert_memory_equal(message->unknown_fields[0].data, "\1u", message->unknown_fields[0].len);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void
test_an_upcast_that_fails_gives_its_words_and_nothing_else(void **state)
{
    static const char *const words[] = { "the upcast of testing.v1.Tick to testing.v1.Ticked failed: tally 13 was never one",
        "the upcast of testing.v1.Tick to testing.v1.Ticked failed: it gave no reason" };
    ProtobufCAllocator allocator = { count_allocate, count_free, NULL };

    for (uint8_t i = 0; i < 2; i++) {
        const uint8_t packed[] = { 0x08, (uint8_t)(13 + i) };
        const weiri_type *type = NULL;
        ProtobufCMessage *message = NULL;
        weir_error err;
        bool upcast = false;
        balance = 0;
        assert_int_equal(weiri_type_unpack_event(type_of(*state, "testing.v1.TickedOnce"), (weiri_bytes){ packed, sizeof packed },
                             &allocator, &type, &message, &upcast, &err),
            WEIR_INVALID);
        assert_string_equal(err.text, words[i]);
        assert_true(type == NULL && message == NULL && !upcast);
        assert_int_equal(balance, 0);
    }
}

static void
test_an_event_of_today_is_unpacked_by_the_given_allocator(void **state)
{
    const uint8_t packed[] = { 0x08, 42, 0x10, 3 };
    ProtobufCAllocator allocator = { count_allocate, count_free, NULL };
    const weiri_type *type, *ticked = type_of(*state, "testing.v1.Ticked");
    ProtobufCMessage *message;
    bool upcast = true;

    balance = 0;
    assert_int_equal(
        weiri_type_unpack_event(ticked, (weiri_bytes){ packed, sizeof packed }, &allocator, &type, &message, &upcast, NULL), WEIR_OK);
    assert_false(upcast);
    assert_ptr_equal(type, ticked);
    assert_true(((Testing__V1__Ticked *)message)->times == 3);
    assert_true(balance > 0);
    protobuf_c_message_free_unpacked(message, &allocator);
    assert_int_equal(balance, 0);
}

static void
test_bytes_that_are_no_such_message_are_corrupt(void **state)
{
    static const uint8_t packed[] = { 0x08, 0xff };
    const char *const names[] = { "testing.v1.Ticked", "testing.v1.TickedOnce" };

    for (size_t i = 0; i < 2; i++) {
        const weiri_type *type = NULL;
        ProtobufCMessage *message = NULL;
        bool upcast = false;
        assert_int_equal(weiri_type_unpack_event(
                             type_of(*state, names[i]), (weiri_bytes){ packed, sizeof packed }, NULL, &type, &message, &upcast, NULL),
            WEIR_CORRUPT);
        assert_true(type == NULL && message == NULL && !upcast);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_names_are_told_with_the_nearest),
        cmocka_unit_test(test_a_name_of_another_kind_is_told_as_such),
        cmocka_unit_test(test_an_ambiguous_short_name_is_refused),
        cmocka_unit_test(test_bytes_that_are_no_such_message_are_corrupt),
        cmocka_unit_test(test_names_are_looked_up_full_and_short),
        cmocka_unit_test(test_every_type_is_found_by_its_name_and_no_other),
        cmocka_unit_test(test_a_type_knows_its_row),
        cmocka_unit_test(test_aggregates_may_share_a_state),
        cmocka_unit_test(test_the_fingerprint_covers_nested_fields_and_survives_recursion),
        cmocka_unit_test(test_the_fingerprint_covers_enums_keys_and_upcasts),
        cmocka_unit_test(test_an_old_event_is_taken_through_the_whole_chain),
        cmocka_unit_test(test_an_upcast_that_fails_gives_its_words_and_nothing_else),
        cmocka_unit_test(test_an_event_of_today_is_unpacked_by_the_given_allocator),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
