/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "message/schema.h"
#include "testing.pb-c.h"

/* A type whose key is that field of Everything. */
static weiri_type
keyed_by(const char *field)
{
    weiri_type type = { .descriptor = &testing__v1__everything__descriptor, .kind = WEIRI_TYPE_EVENT };

    type.key = protobuf_c_message_descriptor_get_field_by_name(type.descriptor, field);
    assert_non_null(type.key);
    return type;
}

static const struct {
    const char *field, *least, *most, *below, *above;
} kinds[] = {
    { "i32", "-2147483648", "2147483647", "-2147483649", "2147483648" },
    { "s32", "-2147483648", "2147483647", "-2147483649", "2147483648" },
    { "sf32", "-2147483648", "2147483647", "-2147483649", "2147483648" },
    { "u32", "1", "4294967295", "-1", "4294967296" },
    { "f32", "1", "4294967295", "-1", "4294967296" },
    { "i64", "-9223372036854775808", "9223372036854775807", "-9223372036854775809", "9223372036854775808" },
    { "s64", "-9223372036854775808", "9223372036854775807", "-9223372036854775809", "9223372036854775808" },
    { "sf64", "-9223372036854775808", "9223372036854775807", "-9223372036854775809", "9223372036854775808" },
    { "u64", "1", "18446744073709551615", "-1", "18446744073709551616" },
    { "f64", "1", "18446744073709551615", "-1", "18446744073709551616" },
};

static void
test_an_integer_key_must_fit_and_be_written_as_weir_writes_it(void **state)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const weiri_type type = keyed_by(kinds[i].field);
        const char *const bad[] = { kinds[i].below, kinds[i].above, "", "-", "x", "1x", " 1", "+1", "007", "-0", "1.0" };
        for (size_t j = 0; j < sizeof bad / sizeof *bad; j++) {
            Testing__V1__Everything m = TESTING__V1__EVERYTHING__INIT;
            char words[256];
            weir_error err;
            assert_int_equal(weiri_type_set_key(&type, &m, bad[j], &err), WEIR_INVALID);
            (void)snprintf(words, sizeof words, "testing.v1.Everything: key '%s' can't hold '%s'", kinds[i].field, bad[j]);
            assert_string_equal(err.text, words);
            assert_int_equal(testing__v1__everything__get_packed_size(&m), 0);
        }
    }
}

static void
test_every_kind_of_integer_is_set_and_read_back(void **state)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const weiri_type type = keyed_by(kinds[i].field);
        const char *const good[] = { kinds[i].least, kinds[i].most, "0", "7" };
        for (size_t j = 0; j < sizeof good / sizeof *good; j++) {
            Testing__V1__Everything m = TESTING__V1__EVERYTHING__INIT;
            char digits[WEIRI_KEY_DIGITS];
            assert_int_equal(weiri_type_set_key(&type, &m, good[j], NULL), WEIR_OK);
            assert_true(weiri_bytes_are(weiri_type_key(&type, &m, digits), good[j]));
            assert_int_equal(weiri_type_set_key(&type, &m, good[j], NULL), WEIR_OK); /* it holds that already */
        }
    }
}

static void
test_a_narrow_key_leaves_its_neighbour_alone(void **state)
{
    weiri_type type = { .descriptor = &testing__v1__point__descriptor, .kind = WEIRI_TYPE_EVENT };
    Testing__V1__Point m = TESTING__V1__POINT__INIT;
    char digits[WEIRI_KEY_DIGITS];

    type.key = protobuf_c_message_descriptor_get_field_by_name(type.descriptor, "x");
    assert_int_equal(type.key->offset + sizeof m.x, offsetof(Testing__V1__Point, y));
    m.y = 77;
    assert_int_equal(weiri_type_set_key(&type, &m, "-5", NULL), WEIR_OK);
    assert_true(m.x == -5 && m.y == 77);
    assert_true(weiri_bytes_are(weiri_type_key(&type, &m, digits), "-5"));
}

static void
test_another_key_is_refused(void **state)
{
    char mug[] = "mug";
    const weiri_type text = keyed_by("name"), number = keyed_by("i64");
    Testing__V1__Everything m = TESTING__V1__EVERYTHING__INIT;
    weir_error err;

    m.name = mug;
    m.i64 = 5;
    assert_int_equal(weiri_type_set_key(&text, &m, "cup", &err), WEIR_INVALID);
    assert_string_equal(err.text, "testing.v1.Everything: key 'name' holds 'mug' and not 'cup'");
    assert_int_equal(weiri_type_set_key(&number, &m, "6", &err), WEIR_INVALID);
    assert_string_equal(err.text, "testing.v1.Everything: key 'i64' holds '5' and not '6'");
    assert_int_equal(weiri_type_set_key(&text, &m, "mug", &err), WEIR_OK);
    assert_string_equal(m.name, "mug");
}

static void
test_a_string_key_is_borrowed(void **state)
{
    const weiri_type type = keyed_by("name");
    Testing__V1__Everything m = TESTING__V1__EVERYTHING__INIT;
    char digits[WEIRI_KEY_DIGITS];
    const char *key = "mug";

    assert_int_equal(weiri_type_key(&type, &m, digits).size, 0);
    assert_int_equal(weiri_type_set_key(&type, &m, key, NULL), WEIR_OK);
    assert_ptr_equal(m.name, key);
    assert_true(weiri_bytes_are(weiri_type_key(&type, &m, digits), "mug"));
    m.name = NULL;
    assert_int_equal(weiri_type_key(&type, &m, digits).size, 0);
    assert_int_equal(weiri_type_set_key(&type, &m, key, NULL), WEIR_OK);
    assert_ptr_equal(m.name, key);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_integer_key_must_fit_and_be_written_as_weir_writes_it),
        cmocka_unit_test(test_another_key_is_refused),
        cmocka_unit_test(test_every_kind_of_integer_is_set_and_read_back),
        cmocka_unit_test(test_a_narrow_key_leaves_its_neighbour_alone),
        cmocka_unit_test(test_a_string_key_is_borrowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
