/* SPDX-License-Identifier: Apache-2.0
 * Each test ends by giving its message back to protobuf-c: under AddressSanitizer that is half of what is tested. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <weir/state.h>
#include "testing.pb-c.h"

static Testing__V1__Everything *
fresh(void)
{
    Testing__V1__Everything *m = malloc(sizeof *m);

    testing__v1__everything__init(m);
    return m;
}

static void
give_back(Testing__V1__Everything *m)
{
    testing__v1__everything__free_unpacked(m, NULL);
}

static void
test_a_string_is_set_again_and_again(void **state)
{
    static const char *const values[] = { "mug", "a longer mug", "", "m", NULL, "", "mug" };
    Testing__V1__Everything *m = fresh();
    char large[2000];

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        weir_string_set(&m->name, values[i]);
        assert_string_equal(m->name, values[i] == NULL ? "" : values[i]);
    }
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    weir_string_set(&m->name, large);
    assert_string_equal(m->name, large);
    weir_string_set(&m->name, "small");
    assert_string_equal(m->name, "small");
    give_back(m);
}

static void
test_an_empty_string_stays_the_shared_one(void **state)
{
    Testing__V1__Everything *m = fresh();

    weir_string_set(&m->name, "");
    weir_string_set(&m->name, NULL);
    assert_ptr_equal(m->name, protobuf_c_empty_string);
    assert_int_equal(testing__v1__everything__get_packed_size(m), 0);
    give_back(m);
}

static void
test_a_string_can_be_set_to_a_part_of_itself(void **state)
{
    Testing__V1__Everything *m = fresh();
    char large[600];

    weir_string_set(&m->name, "sku-mug");
    weir_string_set(&m->name, m->name);
    assert_string_equal(m->name, "sku-mug");
    weir_string_set(&m->name, m->name + 4);
    assert_string_equal(m->name, "mug");
    weir_string_set(&m->name, m->name + 1); /* the two overlap */
    assert_string_equal(m->name, "ug");
    memset(large, 'y', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    weir_string_set(&m->name, large);
    weir_string_set(&m->name, m->name + 590);
    assert_string_equal(m->name, "yyyyyyyyy");
    give_back(m);
}

/* protobuf-c packs no oneof whose string is its shared empty one, so an empty text in a oneof must be another. */
static void
test_an_empty_string_in_a_oneof_is_packed(void **state)
{
    Testing__V1__Everything *m = fresh();

    weir_string_set(&m->text, "");
    m->choice_case = TESTING__V1__EVERYTHING__CHOICE_TEXT;
    assert_int_equal(testing__v1__everything__get_packed_size(m), 3);
    give_back(m);
}

static void
test_bytes_are_copied(void **state)
{
    Testing__V1__Everything *m = fresh();

    weir_bytes_set(&m->raw, "abc", 3);
    assert_int_equal(m->raw.len, 3);
    weir_bytes_set(&m->raw, m->raw.data + 1, 2);
    assert_memory_equal(m->raw.data, "bc", 2);
    weir_bytes_set(&m->raw, NULL, 0);
    assert_int_equal(m->raw.len, 0);
    weir_bytes_set(&m->raw, "\0", 1);
    assert_int_equal(m->raw.len, 1);
    give_back(m);
}

static void
test_lists_grow_and_shrink_in_order(void **state)
{
    Testing__V1__Everything *m = fresh();

    for (int32_t i = 0; i < 100; i++) {
        Testing__V1__Point *point = weir_list_add(&m->n_points, &m->points, &testing__v1__point__descriptor);
        assert_int_equal(point->x, 0);
        assert_ptr_equal(point->label, protobuf_c_empty_string);
        point->x = i;
        weir_string_set(&point->label, i % 2 ? "odd" : "");
        weir_strings_add(&m->n_words, &m->words, i % 3 ? "word" : NULL);
        weir_int64s_add(&m->n_numbers, &m->numbers, i);
    }
    for (size_t i = 0; i < 50; i++) { /* every even one */
        weir_list_remove(&m->n_points, &m->points, i);
        weir_strings_remove(&m->n_words, &m->words, i);
        weir_int64s_remove(&m->n_numbers, &m->numbers, i);
    }
    assert_true(m->n_points == 50 && m->n_words == 50 && m->n_numbers == 50);
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(m->points[i]->x, 2 * i + 1);
        assert_string_equal(m->words[i], (2 * i + 1) % 3 ? "word" : "");
        assert_int_equal(m->numbers[i], 2 * i + 1);
    }
    give_back(m);
}

static void
test_removing_what_is_not_there_does_nothing(void **state)
{
    Testing__V1__Everything *m = fresh();

    weir_list_remove(&m->n_points, &m->points, 0);
    weir_strings_remove(&m->n_words, &m->words, 0);
    weir_int64s_remove(&m->n_numbers, &m->numbers, 0);
    weir_int64s_add(&m->n_numbers, &m->numbers, 4);
    weir_int64s_remove(&m->n_numbers, &m->numbers, 1);
    assert_int_equal(m->n_numbers, 1);
    weir_int64s_remove(&m->n_numbers, &m->numbers, 0);
    weir_int64s_remove(&m->n_numbers, &m->numbers, 0);
    assert_int_equal(m->n_numbers, 0);
    weir_int64s_add(&m->n_numbers, &m->numbers, 5);
    assert_int_equal(m->numbers[0], 5);
    give_back(m);
}

/* An unpacked list has room for just what it holds; adding must see that. */
static void
test_an_unpacked_list_grows(void **state)
{
    const uint8_t packed[] = { 0xa2, 1, 3, 7, 8, 9, 0x9a, 1, 1, 'a' };
    Testing__V1__Everything *m = testing__v1__everything__unpack(NULL, sizeof packed, packed);

    assert_non_null(m);
    assert_int_equal(m->n_numbers, 3);
    for (int64_t i = 0; i < 10; i++) {
        weir_int64s_add(&m->n_numbers, &m->numbers, i);
        weir_strings_add(&m->n_words, &m->words, "b");
    }
    assert_int_equal(m->numbers[2], 9);
    assert_int_equal(m->numbers[12], 9);
    assert_string_equal(m->words[0], "a");
    assert_string_equal(m->words[10], "b");
    give_back(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_removing_what_is_not_there_does_nothing),
        cmocka_unit_test(test_a_string_is_set_again_and_again),
        cmocka_unit_test(test_an_empty_string_stays_the_shared_one),
        cmocka_unit_test(test_a_string_can_be_set_to_a_part_of_itself),
        cmocka_unit_test(test_an_empty_string_in_a_oneof_is_packed),
        cmocka_unit_test(test_bytes_are_copied),
        cmocka_unit_test(test_lists_grow_and_shrink_in_order),
        cmocka_unit_test(test_an_unpacked_list_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
