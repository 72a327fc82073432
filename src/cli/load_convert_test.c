/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "cli/load_convert.h"

static const weiri_convert plain = { '.', NULL };
static const weiri_convert comma = { ',', NULL };

/* What becomes of a cell: the JSON, or the words of the refusal. */
static const char *
becomes_with(const weiri_convert *convert, const char *name, const char *type, bool repeated, const char *text)
{
    static char result[1024];
    weiri_load_field field = { (char *)name, (char *)type, repeated };
    weiri_buffer to = { 0 };
    weir_error err = { 0 };

    weir_status status = weiri_convert_field(convert, &field, weiri_bytes_of(text), &to, &err);
    (void)snprintf(result, sizeof result, "%s", status == WEIR_OK ? weiri_buffer_text(&to) : err.text);
    weiri_buffer_fini(&to);
    return result;
}

static const char *
becomes(const char *name, const char *type, const char *text)
{
    return becomes_with(&plain, name, type, false, text);
}

static void
test_cents_are_exact(void **state)
{
    assert_string_equal(becomes("price_cents", "int64", "2.55"), "255");
    assert_string_equal(becomes("price_cents", "int64", "0.07"), "7");
    assert_string_equal(becomes("price_cents", "int64", "-0.5"), "-50");
    assert_string_equal(becomes("price_cents", "int64", "1.1"), "110"); /* 1.1 * 100 isn't, in floating point */
    assert_string_equal(becomes("price_cents", "int64", "4"), "400");
    assert_string_equal(becomes("price_cents", "int64", "92233720368547758.07"), "9223372036854775807");
    assert_string_equal(becomes_with(&comma, "price_cents", "int64", false, "8142,75"), "814275");
    const char *const bad[] = { "2.555", "2.550", "1,234.00", ".5", "5.", "1e3", "EUR 5", "", "-", "--1", " 1", "92233720368547758.08",
        "99999999999999999999999999999999999999" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_non_null(strstr(becomes("price_cents", "int64", bad[i]), "is not an amount with at most two decimals"));
}

static void
test_integers_are_whole_and_in_range(void **state)
{
    assert_string_equal(becomes("n", "int64", "-9223372036854775808"), "-9223372036854775808");
    assert_string_equal(becomes("n", "uint64", "18446744073709551615"), "\"18446744073709551615\"");
    assert_string_equal(becomes("n", "int64", "17850.0"), "17850");
    assert_string_equal(becomes("n", "int32", "2147483647"), "2147483647");
    assert_non_null(strstr(becomes("n", "int32", "2147483648"), "is not a whole number from -2147483648"));
    assert_non_null(strstr(becomes("n", "uint32", "4294967296"), "is not a whole number from 0 to"));
    assert_non_null(strstr(becomes("n", "uint64", "-1"), "is not a whole number from 0"));
    assert_non_null(strstr(becomes("n", "int64", "9223372036854775808"), "is not a whole number that fits"));
    assert_non_null(strstr(becomes("n", "uint64", "18446744073709551616"), "is not a whole number that fits"));
    assert_non_null(strstr(becomes("n", "int64", "1.5"), "is not a whole number"));
    assert_non_null(strstr(becomes("n", "int64", "0x10"), "is not a whole number"));
}

static void
test_times_are_utc(void **state)
{
    assert_string_equal(becomes("sold_at_ms", "int64", "2010-12-01 08:26:00"), "1291191960000");
    assert_string_equal(becomes("sold_at_ms", "int64", "2010-12-01T08:26Z"), "1291191960000");
    assert_string_equal(becomes("sold_at_ms", "int64", "2010-12-01T09:26:00.125+01:00"), "1291191960125");
    assert_string_equal(becomes("sold_at_ms", "int64", "1969-12-31"), "-86400000");
    assert_string_equal(becomes("sold_at_ms", "int64", "2024-02-29"), "1709164800000");
    const char *const bad[] = { "2023-02-29", "2010-13-01", "2010-12-01 24:00:00", "2010-12-01 08:26:00 ", "930101", "1291191960000",
        "2010-12-01T08:26:00.1234", "2010-12-01T08", "01/12/2010", "2010-12-01T08:26:00+1" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_non_null(strstr(becomes("sold_at_ms", "int64", bad[i]), "is not a time like"));
}

static void
test_times_in_other_forms(void **state)
{
    const weiri_convert yymmdd = { '.', "%y%m%d" }, zoned = { '.', "%d/%m/%Y %H.%M.%S %z" }, seconds = { '.', "s" }, ms = { '.', "ms" };

    assert_string_equal(becomes_with(&yymmdd, "at_ms", "int64", false, "930101"), "725846400000");
    assert_non_null(strstr(becomes_with(&yymmdd, "at_ms", "int64", false, "930231"), "is not a time like --time-format %y%m%d"));
    assert_non_null(strstr(becomes_with(&yymmdd, "at_ms", "int64", false, "9301011"), "is not a time"));
    assert_string_equal(becomes_with(&zoned, "at_ms", "int64", false, "10/03/2004 18.00.00 +0100"), "1078938000000");
    assert_string_equal(becomes_with(&seconds, "at_ms", "int64", false, "1291191960"), "1291191960000");
    assert_string_equal(becomes_with(&ms, "at_ms", "int64", false, "1291191960000"), "1291191960000");
    assert_non_null(strstr(becomes_with(&seconds, "at_ms", "int64", false, "9223372036854775807"), "is not Unix time"));
}

static void
test_other_types(void **state)
{
    assert_string_equal(becomes("d", "double", "-0.5e3"), "-500");
    assert_string_equal(becomes_with(&comma, "d", "double", false, "2,6"), "2.6");
    assert_non_null(strstr(becomes_with(&comma, "d", "double", false, "2.6"), "is not a number"));
    assert_non_null(strstr(becomes("d", "double", "2,6"), "--decimal ,"));
    assert_non_null(strstr(becomes("d", "double", "nan"), "is not a number"));
    assert_string_equal(becomes("b", "bool", "TRUE"), "true");
    assert_string_equal(becomes("b", "bool", "no"), "false");
    assert_non_null(strstr(becomes("b", "bool", "maybe"), "is not true or false"));
    assert_string_equal(becomes("s", "string", "a \"b\"\\\n\x01 \xc3\xa9"), "\"a \\\"b\\\"\\\\\\u000a\\u0001 \xc3\xa9\"");
    assert_string_equal(becomes("c", "enum", "RED"), "\"RED\"");
    assert_string_equal(becomes("c", "enum", "5"), "5");
    assert_string_equal(becomes("p", "message", "{\"x\": 1}"), "{\"x\":1}");
    assert_non_null(strstr(becomes("p", "message", "{x"), "is not a message in JSON"));
    assert_string_equal(becomes_with(&plain, "w", "string", true, "[\"a\", \"b\"]"), "[\"a\",\"b\"]");
    assert_non_null(strstr(becomes_with(&plain, "w", "string", true, "a"), "is not a list in JSON"));
    assert_non_null(strstr(becomes("r", "bytes", "a"), "bytes can't be loaded"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cents_are_exact),
        cmocka_unit_test(test_integers_are_whole_and_in_range),
        cmocka_unit_test(test_times_are_utc),
        cmocka_unit_test(test_times_in_other_forms),
        cmocka_unit_test(test_other_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
