/* SPDX-License-Identifier: Apache-2.0
 * A copy is compared by its packed form after the original is gone, so that sharing shows under AddressSanitizer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/state.h>
#include "base/bytes.h"
#include "base/thread.h"
#include "message/assign.h"
#include "testing.pb-c.h"

static void *
fresh(const ProtobufCMessageDescriptor *descriptor)
{
    void *m = malloc(descriptor->sizeof_message);

    protobuf_c_message_init(descriptor, m);
    return m;
}

static void
give_back(void *m)
{
    protobuf_c_message_free_unpacked(m, NULL);
}

static weiri_buffer
packed(const void *m)
{
    weiri_buffer bytes = { 0 };

    protobuf_c_message_pack(m, weiri_buffer_extend(&bytes, protobuf_c_message_get_packed_size(m)));
    return bytes;
}

/* Every kind of field, each with something in it. `n` makes it another one. */
static Testing__V1__Everything *
everything(int n)
{
    Testing__V1__Everything *m = fresh(&testing__v1__everything__descriptor);

    weir_string_set(&m->name, "name");
    m->i32 = -1 - n;
    m->i64 = INT64_MIN + n;
    m->u32 = UINT32_MAX;
    m->u64 = UINT64_MAX;
    m->s32 = -5;
    m->s64 = -6;
    m->f32 = 7;
    m->f64 = 8;
    m->sf32 = -9;
    m->sf64 = -10;
    m->single = 1.5f;
    m->twice = 2.5;
    m->yes = 1;
    weir_bytes_set(&m->raw, "r\0w", 3);
    m->colour = TESTING__V1__COLOUR__BLUE;
    m->point = fresh(&testing__v1__point__descriptor);
    weir_string_set(&m->point->label, "nested");
    for (int i = 0; i < n; i++) {
        Testing__V1__Point *point = weir_list_add(&m->n_points, &m->points, &testing__v1__point__descriptor);
        point->x = i;
        weir_string_set(&point->label, i % 2 ? "label" : "");
        weir_strings_add(&m->n_words, &m->words, i % 2 ? "word" : "");
        weir_int64s_add(&m->n_numbers, &m->numbers, i);
    }
    m->n_colours = m->n_blobs = m->n_flags = m->n_doubles = 2;
    m->colours = calloc(2, sizeof *m->colours);
    m->colours[1] = TESTING__V1__COLOUR__RED;
    m->blobs = calloc(2, sizeof *m->blobs);
    weir_bytes_set(&m->blobs[1], "blob", 4);
    m->flags = calloc(2, sizeof *m->flags);
    m->flags[1] = 1;
    m->doubles = calloc(2, sizeof *m->doubles);
    m->doubles[1] = 0.25;
    m->made_at_ms = 1;
    weir_string_set(&m->two_words, "two");
    return m;
}

static void
set_choice(Testing__V1__Everything *m, Testing__V1__Everything__ChoiceCase choice)
{
    m->choice_case = choice;
    if (choice == TESTING__V1__EVERYTHING__CHOICE_TEXT) {
        weir_string_set(&m->text, "chosen");
    } else if (choice == TESTING__V1__EVERYTHING__CHOICE_NUMBER) {
        m->number = 77;
    } else if (choice == TESTING__V1__EVERYTHING__CHOICE_PLACE) {
        m->place = fresh(&testing__v1__point__descriptor);
        weir_string_set(&m->place->label, "here");
    }
}

static const Testing__V1__Everything__ChoiceCase choices[] = { TESTING__V1__EVERYTHING__CHOICE__NOT_SET,
    TESTING__V1__EVERYTHING__CHOICE_TEXT, TESTING__V1__EVERYTHING__CHOICE_NUMBER, TESTING__V1__EVERYTHING__CHOICE_PLACE };

/* Copies `from` over `to` and expects that the two are then equal. Ends both. */
static void
assert_assigned(void *to, void *from)
{
    weiri_buffer expected = packed(from);

    weir_assign(to, from);
    give_back(from);
    weiri_buffer got = packed(to);
    assert_int_equal(got.size, expected.size);
    if (got.size > 0)
        assert_memory_equal(got.data, expected.data, expected.size);
    give_back(to);
    weiri_buffer_fini(&got);
    weiri_buffer_fini(&expected);
}

static void
test_every_kind_of_field_is_copied_into_an_empty_message(void **state)
{
    for (size_t i = 0; i < 4; i++) {
        Testing__V1__Everything *from = everything(3);
        set_choice(from, choices[i]);
        assert_assigned(fresh(&testing__v1__everything__descriptor), from);
    }
}

static void
test_every_kind_of_field_is_copied_over_another(void **state)
{
    for (size_t i = 0; i < 16; i++) {
        Testing__V1__Everything *from = everything((int)i % 5), *to = everything(4);
        set_choice(from, choices[i / 4]);
        set_choice(to, choices[i % 4]);
        assert_assigned(to, from);
    }
}

static void
test_empty_fields_empty_those_they_are_copied_over(void **state)
{
    for (size_t i = 0; i < 4; i++) {
        Testing__V1__Everything *to = everything(2);
        set_choice(to, choices[i]);
        assert_assigned(to, fresh(&testing__v1__everything__descriptor));
    }
}

static void
test_a_oneof_may_hold_the_shared_empty_string(void **state)
{
    Testing__V1__Everything *to = everything(1), *from = everything(1);

    to->text = (char *)(uintptr_t)protobuf_c_empty_string;
    to->choice_case = TESTING__V1__EVERYTHING__CHOICE_TEXT;
    set_choice(from, TESTING__V1__EVERYTHING__CHOICE_TEXT);
    assert_assigned(to, from);
}

static void
test_a_message_assigned_to_itself_stays(void **state)
{
    Testing__V1__Everything *m = everything(3);
    weiri_buffer before = packed(m);

    weir_assign(m, m);
    weiri_buffer after = packed(m);
    assert_true(weiri_bytes_equal(weiri_buffer_bytes(&before), weiri_buffer_bytes(&after)));
    weiri_buffer_fini(&before);
    weiri_buffer_fini(&after);
    give_back(m);
}

static void
test_only_fields_of_equal_name_and_type_are_copied(void **state)
{
    Testing__V1__Ticked *event = fresh(&testing__v1__ticked__descriptor);
    Testing__V1__Everything *m = everything(1);

    event->tally_id = 5;
    event->times = 6;
    weir_bytes_set(&event->raw, "event", 5);
    event->colour = TESTING__V1__COLOUR__RED;
    weir_assign(m, event); /* raw, colour, points; and nothing named times or tally_id */
    give_back(event);
    assert_int_equal(m->raw.len, 5);
    assert_int_equal(m->colour, TESTING__V1__COLOUR__RED);
    assert_int_equal(m->n_points, 0);
    assert_string_equal(m->name, "name");
    assert_int_equal(m->n_words, 1);
    give_back(m);
}

/* Plain has outside a oneof what Everything has in one. */
typedef struct plain {
    ProtobufCMessage base;
    char *text;
    int64_t number;
    Testing__V1__Point *place;
    int64_t name; /* a string in Everything */
    int64_t words;
} plain;

static void plain_init(ProtobufCMessage *message);

static const ProtobufCFieldDescriptor plain_fields[] = {
    { "text", 1, PROTOBUF_C_LABEL_NONE, PROTOBUF_C_TYPE_STRING, 0, offsetof(plain, text), NULL, &protobuf_c_empty_string, 0, 0, NULL,
        NULL },
    { "number", 2, PROTOBUF_C_LABEL_NONE, PROTOBUF_C_TYPE_INT64, 0, offsetof(plain, number), NULL, NULL, 0, 0, NULL, NULL },
    { "place", 3, PROTOBUF_C_LABEL_NONE, PROTOBUF_C_TYPE_MESSAGE, 0, offsetof(plain, place), &testing__v1__point__descriptor, NULL, 0, 0,
        NULL, NULL },
    { "name", 4, PROTOBUF_C_LABEL_NONE, PROTOBUF_C_TYPE_INT64, 0, offsetof(plain, name), NULL, NULL, 0, 0, NULL, NULL },
    { "words", 5, PROTOBUF_C_LABEL_NONE, PROTOBUF_C_TYPE_INT64, 0, offsetof(plain, words), NULL, NULL, 0, 0, NULL, NULL },
};
static const unsigned plain_by_name[] = { 3, 1, 2, 0, 4 };
static const ProtobufCIntRange plain_ranges[] = { { 1, 0 }, { 0, 5 } };
static const ProtobufCMessageDescriptor plain_descriptor = { PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC, "testing.v1.Plain", "Plain", "Plain",
    "testing.v1", sizeof(plain), 5, plain_fields, plain_by_name, 1, plain_ranges, plain_init, NULL, NULL, NULL };

static void
plain_init(ProtobufCMessage *message)
{
    *(plain *)(void *)message = (plain){ .base = PROTOBUF_C_MESSAGE_INIT(&plain_descriptor),
        .text = (char *)(uintptr_t)protobuf_c_empty_string };
}

static void
test_a_field_of_a_oneof_is_copied_to_one_that_stands_alone(void **state)
{
    for (size_t i = 0; i < 4; i++) {
        Testing__V1__Everything *from = everything(1);
        plain *to = fresh(&plain_descriptor);
        weir_string_set(&to->text, "old");
        to->number = 3;
        to->place = fresh(&testing__v1__point__descriptor);
        to->name = 9;
        to->words = 8;
        set_choice(from, choices[i]);
        weir_assign(to, from);
        give_back(from);
        assert_string_equal(to->text, choices[i] == TESTING__V1__EVERYTHING__CHOICE_TEXT ? "chosen" : "");
        assert_int_equal(to->number, choices[i] == TESTING__V1__EVERYTHING__CHOICE_NUMBER ? 77 : 0);
        assert_int_equal(to->place != NULL, choices[i] == TESTING__V1__EVERYTHING__CHOICE_PLACE);
        assert_true(to->name == 9 && to->words == 8);
        give_back(to);
    }
}

static void
test_a_field_that_stands_alone_is_copied_into_a_oneof(void **state)
{
    for (size_t i = 0; i < 4; i++) {
        plain *from = fresh(&plain_descriptor);
        Testing__V1__Everything *to = everything(1);
        set_choice(to, choices[i]);
        from->number = 12;
        weir_string_set(&from->text, "plain");
        weir_assign(to, from); /* all three are there; the last that holds something is the choice */
        give_back(from);
        assert_int_equal(to->choice_case, TESTING__V1__EVERYTHING__CHOICE_NUMBER);
        assert_int_equal(to->number, 12);
        assert_string_equal(to->name, "name");
        give_back(to);
    }
}

/* A nested message from a newer build keeps what this build doesn't know. */
static void
test_unknown_fields_of_nested_messages_are_copied(void **state)
{
    const uint8_t bytes[] = { 0x8a, 1, 5, 0x08, 1, 0x92, 0x4e, 0 };
    Testing__V1__Everything *from = testing__v1__everything__unpack(NULL, sizeof bytes, bytes);

    assert_non_null(from);
    assert_int_equal(from->point->base.n_unknown_fields, 1);
    assert_assigned(fresh(&testing__v1__everything__descriptor), from);
}

/* As when one module is unloaded and another's descriptor comes to lie where one of its descriptors lay. */
static void
test_what_is_forgotten_is_found_again(void **state)
{
    ProtobufCMessageDescriptor descriptor = plain_descriptor;
    ProtobufCFieldDescriptor fields[5];
    plain from = { .base = PROTOBUF_C_MESSAGE_INIT(&descriptor), .number = 5, .name = 6 };
    plain *to = fresh(&plain_descriptor);

    memcpy(fields, plain_fields, sizeof fields);
    descriptor.fields = fields;
    weir_assign(to, &from);
    assert_true(to->number == 5 && to->name == 6);
    fields[1].type = PROTOBUF_C_TYPE_DOUBLE;
    to->number = to->name = 1;
    weiri_assign_forget();
    weir_assign(to, &from);
    assert_true(to->number == 1 && to->name == 6);
    weiri_assign_forget();
    give_back(to);
}

static void
assign_often(void *argument)
{
    for (int i = 0; i < 500; i++) {
        Testing__V1__Everything *to = everything(1), *from = everything(3);
        Testing__V1__Ticked *ticked = fresh(&testing__v1__ticked__descriptor);
        weir_assign(to, from);
        weir_assign(ticked, to);
        if (ticked->n_points != 3 || to->i32 != from->i32)
            abort();
        if (i % 50 == 0)
            weiri_assign_forget();
        give_back(to);
        give_back(from);
        give_back(ticked);
    }
}

static void
test_many_threads_assign_at_once(void **state)
{
    weiri_thread threads[4] = { 0 };

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(weiri_thread_start(&threads[i], "assign", assign_often, NULL), WEIR_OK);
    for (size_t i = 0; i < 4; i++)
        weiri_thread_join(&threads[i]);
}

/* More pairs of descriptors than the table has places: those that find none are planned each time, and still right. */
static void
test_more_pairs_than_the_table_holds(void **state)
{
    enum { PAIRS = 6000 };
    ProtobufCMessageDescriptor *copies = calloc(PAIRS, sizeof *copies);
    plain *to = fresh(&plain_descriptor);

    for (size_t i = 0; i < PAIRS; i++) {
        plain from = { .base = PROTOBUF_C_MESSAGE_INIT(&copies[i]), .number = (int64_t)i };
        copies[i] = plain_descriptor;
        from.text = (char *)(uintptr_t) "text";
        weir_assign(to, &from);
        assert_int_equal(to->number, i);
    }
    give_back(to);
    weiri_assign_forget();
    free(copies);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_of_field_is_copied_into_an_empty_message),
        cmocka_unit_test(test_every_kind_of_field_is_copied_over_another),
        cmocka_unit_test(test_empty_fields_empty_those_they_are_copied_over),
        cmocka_unit_test(test_a_oneof_may_hold_the_shared_empty_string),
        cmocka_unit_test(test_a_message_assigned_to_itself_stays),
        cmocka_unit_test(test_only_fields_of_equal_name_and_type_are_copied),
        cmocka_unit_test(test_a_field_of_a_oneof_is_copied_to_one_that_stands_alone),
        cmocka_unit_test(test_a_field_that_stands_alone_is_copied_into_a_oneof),
        cmocka_unit_test(test_unknown_fields_of_nested_messages_are_copied),
        cmocka_unit_test(test_what_is_forgotten_is_found_again),
        cmocka_unit_test(test_many_threads_assign_at_once),
        cmocka_unit_test(test_more_pairs_than_the_table_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
