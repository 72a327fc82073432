/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/text.h"

static void
test_numbers_are_read_strictly(void **state)
{
    int64_t i = 7;
    uint64_t u = 7;
    double d = 7;

    assert_true(weiri_text_to_int64("-9223372036854775808", &i) && i == INT64_MIN);
    assert_true(weiri_text_to_int64("9223372036854775807", &i) && i == INT64_MAX);
    assert_false(weiri_text_to_int64("9223372036854775808", &i));
    assert_false(weiri_text_to_int64("-9223372036854775809", &i));
    assert_false(weiri_text_to_int64("", &i) || weiri_text_to_int64("-", &i) || weiri_text_to_int64(" 1", &i));
    assert_true(i == INT64_MAX);
    assert_true(weiri_text_to_uint64("18446744073709551615", &u) && u == UINT64_MAX);
    assert_false(weiri_text_to_uint64("18446744073709551616", &u) || weiri_text_to_uint64("-1", &u) || weiri_text_to_uint64("1x", &u));
    assert_true(weiri_text_to_double("-1.5e3", &d) && d == -1500.0);
    assert_false(weiri_text_to_double("nan", &d) || weiri_text_to_double("0x10", &d) || weiri_text_to_double("1e999", &d));
}

static void
test_utf8_refuses_what_is_not(void **state)
{
    assert_true(weiri_utf8_valid(weiri_bytes_of("mug \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80")));
    assert_false(weiri_utf8_valid(weiri_bytes_of("\xc0\xaf")));         /* overlong */
    assert_false(weiri_utf8_valid(weiri_bytes_of("\xed\xa0\x80")));     /* surrogate */
    assert_false(weiri_utf8_valid(weiri_bytes_of("\xf4\x90\x80\x80"))); /* above U+10FFFF */
    assert_false(weiri_utf8_valid(weiri_bytes_of("\xe2\x82")));         /* cut */
}

static void
test_keys_have_no_control_characters(void **state)
{
    char longest[257] = { 0 };

    memset(longest, 'k', 255);
    assert_true(weiri_key_valid(weiri_bytes_of(longest)));
    longest[255] = 'k';
    assert_false(weiri_key_valid(weiri_bytes_of(longest)));
    assert_false(weiri_key_valid(weiri_bytes_of("")));
    assert_false(weiri_key_valid(weiri_bytes_of("a\nb")) || weiri_key_valid(weiri_bytes_of("a\x7f")) ||
                 weiri_key_valid(weiri_bytes_of("a\xc2\x85")));
}

static void
test_what_does_not_fit_is_cut_between_characters(void **state)
{
    char to[4];

    weiri_text_fit(to, sizeof to, "abc");
    assert_string_equal(to, "abc");
    weiri_text_fit(to, sizeof to, "abcd");
    assert_string_equal(to, "abc");
    weiri_text_fit(to, sizeof to, "ab\xc3\xa9");
    assert_string_equal(to, "ab");
    weiri_text_fit(to, sizeof to, "");
    assert_string_equal(to, "");
}

static void
test_the_nearest_word_is_offered_and_a_far_one_is_not(void **state)
{
    weiri_nearest nearest = { 0 };
    char hint[64];

    weiri_nearest_offer(&nearest, "qantity", "sku");
    weiri_nearest_offer(&nearest, "qantity", "quantity");
    assert_string_equal(weiri_nearest_hint(&nearest, hint, sizeof hint), "; did you mean 'quantity'?");
    nearest = (weiri_nearest){ 0 };
    weiri_nearest_offer(&nearest, "price", "country");
    assert_string_equal(weiri_nearest_hint(&nearest, hint, sizeof hint), "");
    assert_int_equal(weiri_text_distance("shiped", "shipped"), 1);
    assert_int_equal(weiri_text_distance("recieve", "receive"), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_read_strictly),
        cmocka_unit_test(test_utf8_refuses_what_is_not),
        cmocka_unit_test(test_keys_have_no_control_characters),
        cmocka_unit_test(test_what_does_not_fit_is_cut_between_characters),
        cmocka_unit_test(test_the_nearest_word_is_offered_and_a_far_one_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
