/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "message/json.h"
#include "message/random_message.h"
#include "testing.pb-c.h"

static const ProtobufCMessageDescriptor *const everything = &testing__v1__everything__descriptor;

/* Reads text both ways, straight and over a tree; the two must be equal. For protobuf_c_message_free_unpacked. */
static ProtobufCMessage *
read_both(const ProtobufCMessageDescriptor *descriptor, const char *text)
{
    ProtobufCMessage *straight = NULL, *over = NULL;
    json_t *json = NULL;
    weir_error err = { 0 };

    if (weiri_json_parse_message(descriptor, weiri_bytes_of(text), &straight, &err) != WEIR_OK ||
        weiri_json_parse(weiri_bytes_of(text), &json, &err) != WEIR_OK || weiri_json_to_message(descriptor, json, &over, &err) != WEIR_OK)
        fail_msg("%s: %s", text, err.text);
    json_decref(json);
    assert_true(packs_equal(straight, over));
    protobuf_c_message_free_unpacked(over, NULL);
    return straight;
}

static Testing__V1__Everything *
read_all(const char *text)
{
    return (Testing__V1__Everything *)read_both(everything, text);
}

static void
free_all(Testing__V1__Everything *m)
{
    protobuf_c_message_free_unpacked(&m->base, NULL);
}

static void
expect_json(const ProtobufCMessage *message, unsigned flags, const char *expected)
{
    weiri_buffer to = { 0 };

    weiri_json_add_message(&to, message, flags);
    assert_string_equal(weiri_buffer_text(&to), expected);
    weiri_buffer_fini(&to);
}

/* What the straight reader says to `text`. */
static void
expect_error(const ProtobufCMessageDescriptor *descriptor, const char *text, const char *expected)
{
    ProtobufCMessage *message = (ProtobufCMessage *)&descriptor;
    weir_error err = { 0 };

    assert_int_equal(weiri_json_parse_message(descriptor, weiri_bytes_of(text), &message, &err), WEIR_INVALID);
    assert_string_equal(err.text, expected);
    assert_ptr_equal(message, &descriptor);
    assert_int_equal(weiri_json_parse_message(descriptor, weiri_bytes_of(text), &message, NULL), WEIR_INVALID);
}

/* The same from both readers. */
static void
expect_refused(const char *text, const char *expected)
{
    ProtobufCMessage *message = NULL;
    weir_error err = { 0 };
    json_t *json = NULL;

    expect_error(everything, text, expected);
    assert_int_equal(weiri_json_parse(weiri_bytes_of(text), &json, &err), WEIR_OK);
    assert_int_equal(weiri_json_to_message(everything, json, &message, &err), WEIR_INVALID);
    assert_string_equal(err.text, expected);
    assert_int_equal(weiri_json_to_message(everything, json, &message, NULL), WEIR_INVALID);
    json_decref(json);
}

static void
test_wrong_values_are_refused_with_their_path(void **state)
{
    expect_refused("{\"points\":[{},{},{\"x\":\"abc\"}]}", "points[2].x: expected an integer from -2147483648 to 2147483647, got \"abc\"");
    expect_refused("{\"i32\":2147483648}", "i32: expected an integer from -2147483648 to 2147483647, got 2147483648");
    expect_refused("{\"i32\":-2147483649}", "i32: expected an integer from -2147483648 to 2147483647, got -2147483649");
    expect_refused("{\"i32\":1.5}", "i32: expected an integer from -2147483648 to 2147483647, got 1.5");
    expect_refused("{\"s32\":true}", "s32: expected an integer from -2147483648 to 2147483647, got true");
    expect_refused("{\"sf32\":\"\"}", "sf32: expected an integer from -2147483648 to 2147483647, got \"\"");
    expect_refused("{\"u32\":-1}", "u32: expected an integer from 0 to 4294967295, got -1");
    expect_refused("{\"f32\":4294967296}", "f32: expected an integer from 0 to 4294967295, got 4294967296");
    expect_refused("{\"i64\":\"9223372036854775808\"}",
        "i64: expected an integer from -9223372036854775808 to 9223372036854775807, got \"9223372036854775808\"");
    expect_refused(
        "{\"u64\":\"18446744073709551616\"}", "u64: expected an integer from 0 to 18446744073709551615, got \"18446744073709551616\"");
    expect_refused("{\"f64\":\" 1\"}", "f64: expected an integer from 0 to 18446744073709551615, got \" 1\"");
    expect_refused("{\"numbers\":[1,[]]}", "numbers[1]: expected an integer from -9223372036854775808 to 9223372036854775807, got a list");
    expect_refused("{\"yes\":1}", "yes: expected true or false, got 1");
    expect_refused("{\"yes\":\"true\"}", "yes: expected true or false, got \"true\"");
    expect_refused("{\"name\":5}", "name: expected a string, got 5");
    expect_refused("{\"words\":[\"a\",null]}", "words[1]: expected a string, got null");
    expect_refused("{\"words\":\"a\"}", "words: expected a list, got \"a\"");
    expect_refused("{\"point\":[]}", "point: expected an object, got a list");
    expect_refused("{\"points\":{}}", "points: expected a list, got an object");
    expect_refused("{\"points\":[7]}", "points[0]: expected an object, got 7");
    expect_refused("{\"raw\":\"a\"}", "raw: expected a string of bytes in base64, got \"a\"");
    expect_refused("{\"raw\":\"aa=\"}", "raw: expected a string of bytes in base64, got \"aa=\"");
    expect_refused("{\"raw\":\"a b=\"}", "raw: expected a string of bytes in base64, got \"a b=\"");
    expect_refused("{\"raw\":7}", "raw: expected a string of bytes in base64, got 7");
    expect_refused("{\"twice\":\"nan\"}", "twice: expected a number, \"NaN\", \"Infinity\" or \"-Infinity\", got \"nan\"");
    expect_refused(
        "{\"twice\":\"1e400\"}", "twice: expected a number from -1.7976931348623157e+308 to 1.7976931348623157e+308, got \"1e400\"");
    expect_refused("{\"single\":\"1e39\"}", "single: expected a number from -3.4028235e+38 to 3.4028235e+38, got \"1e39\"");
    expect_refused("{\"colour\":\"BLEU\"}", "colour: testing.v1.Colour has no value 'BLEU'; did you mean 'BLUE'?");
    expect_refused("{\"colour\":2}", "colour: testing.v1.Colour has no value 2");
    expect_refused("{\"colour\":true}", "colour: expected a name of testing.v1.Colour, got true");
    expect_refused("[]", "testing.v1.Everything: expected an object, got a list");
}

static void
test_wrong_names_are_refused_with_the_nearest(void **state)
{
    expect_error(&testing__v1__add__descriptor, "{\"amuont\":1}", "testing.v1.Add has no field 'amuont'; did you mean 'amount'?");
    expect_refused("{\"twoWrods\":\"\"}", "testing.v1.Everything has no field 'twoWrods'; did you mean 'twoWords'?");
    expect_refused("{\"madeAtMs\":1,\"xyzzyxyzzy\":1}", "testing.v1.Everything has no field 'xyzzyxyzzy'");
    expect_refused("{\"points\":[{\"z\":1}]}", "points[0]: testing.v1.Point has no field 'z'");
    expect_refused("{\"\":1}", "testing.v1.Everything has no field ''");
    expect_refused("{\"TwoWords\":\"\"}", "testing.v1.Everything has no field 'TwoWords'; did you mean 'twoWords'?");
    expect_refused("{\"two_words\":\"\",\"twoWords\":\"\"}", "'two_words' is given twice");
    expect_refused("{\"text\":\"a\",\"number\":1}", "number: can't be given together with 'text'");
    expect_refused("{\"place\":{},\"text\":\"\"}", "text: can't be given together with 'place'");
}

static void
test_bad_text_is_refused_with_line_and_column(void **state)
{
    expect_error(everything, "", "line 1, column 1: expected a JSON value, found the end");
    expect_error(everything, "{", "line 1, column 2: expected a field's name in quotes, found the end");
    expect_error(everything, "{\n  \"i32\": 1,\n}", "line 3, column 1: expected a field's name in quotes, found '}'");
    expect_error(everything, "{\"i32\" 1}", "line 1, column 8: expected ':', found '1'");
    expect_error(everything, "{\"i32\": 01}", "line 1, column 10: expected ',' or '}', found '1'");
    expect_error(everything, "{\"i32\": +1}", "line 1, column 9: expected a JSON value, found '+'");
    expect_error(everything, "{\"i32\": 1.}", "line 1, column 10: expected ',' or '}', found '.'");
    expect_error(everything, "{\"i32\": NaN}", "line 1, column 9: expected a JSON value, found 'N'");
    expect_error(everything, "{\"i32\": 1} x", "line 1, column 12: expected the end, found 'x'");
    expect_error(everything, "{\"words\": [\"a\" \"b\"]}", "line 1, column 16: expected ',' or ']', found '\"'");
    expect_error(everything, "{\"words\": [\"a\",]}", "line 1, column 16: expected a JSON value, found ']'");
    expect_error(everything, "{\"name\": \"\xc3\xa9\n\"}",
        "line 1, column 12: expected an escape (\\n, \\u000a) instead of a control character, found byte 0x0a");
    expect_error(everything, "{\"name\": \"a", "line 1, column 12: expected '\"' at the end of a string, found the end");
    expect_error(everything, "{\"name\": \"\\q\"}", "line 1, column 12: expected one of \"\\/bfnrtu behind a backslash, found 'q'");
    expect_error(everything, "{\"name\": \"\\u12g4\"}", "line 1, column 15: expected four hexadecimal digits behind \\u, found 'g'");
    expect_error(everything, "\xef\xbb\xbf{}", "line 1, column 1: expected a JSON value, found byte 0xef");
    expect_error(everything, "{'i32': 1}", "line 1, column 2: expected a field's name in quotes, found '''");
}

static void
test_bad_characters_are_refused_with_their_path(void **state)
{
    expect_error(everything, "{\"name\":\"\\u0000\"}", "name: a string can't hold the character NUL");
    expect_error(everything, "{\"name\":\"\xff\"}", "name: the string is not valid UTF-8");
    expect_error(everything, "{\"name\":\"\\ud800\"}", "name: the string is not valid UTF-8");
    expect_error(everything, "{\"words\":[\"\\ud800\\u0041\"]}", "words[0]: the string is not valid UTF-8");
    expect_error(everything, "{\"name\":\"\\ud800\\ue000\"}", "name: the string is not valid UTF-8");
    expect_error(everything, "{\"name\":\"\\udc00\\ud800\"}", "name: the string is not valid UTF-8");
    expect_error(everything, "{\"place\":{\"label\":\"\xed\xa0\x80\"}}", "place.label: the string is not valid UTF-8");
    expect_error(everything, "{\"colour\":\"RED\\u0000\"}", "colour: testing.v1.Colour has no value 'RED?'; did you mean 'RED'?");
    expect_error(everything, "{\"n\xff\":1}", "testing.v1.Everything has no field 'n?'");
}

static void
test_trees_are_parsed_strictly(void **state)
{
    static const struct {
        const char *text, *expected;
    } rows[] = { { "", "line 1, column 1: unexpected token near end of file" },
        { "{\"a\":1,\n \"a\":2}", "line 2, column 4: duplicate object key near '\"a\"'" },
        { "[1,]", "line 1, column 4: unexpected token near ']'" },
        { "[\"\xff\"]", "line 1, column 2: unable to decode byte 0xff near '\"'" },
        { "[\"\\u0000\"]", "line 1, column 9: a string can't hold the character NUL" },
        { "{} {}", "line 1, column 4: end of file expected near '{'" } };
    weir_error err;
    json_t *json = NULL;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(weiri_json_parse(weiri_bytes_of(rows[i].text), &json, &err), WEIR_INVALID);
        assert_string_equal(err.text, rows[i].expected);
    }
    assert_null(json);
}

static void
test_a_tree_that_is_not_there_is_refused(void **state)
{
    ProtobufCMessage *message = NULL;
    weir_error err;

    assert_int_equal(weiri_json_to_message(everything, NULL, &message, &err), WEIR_INVALID);
    assert_string_equal(err.text, "testing.v1.Everything: expected an object, got null");
}

static void
test_integers_are_exact_at_their_limits(void **state)
{
    Testing__V1__Everything *m = read_all(
        "{\"i32\":-2147483648,\"i64\":\"-9223372036854775808\",\"u32\":4294967295,"
        "\"u64\":\"18446744073709551615\",\"s32\":2147483647,\"s64\":9223372036854775807,\"f32\":\"4294967295\","
        "\"f64\":9007199254740993,\"sf32\":\"-2147483648\",\"sf64\":-9223372036854775808,\"numbers\":[1.0,1e2,\"12e1\",-0,1.50e1]}");

    assert_true(m->i32 == INT32_MIN && m->i64 == INT64_MIN && m->u32 == UINT32_MAX && m->u64 == UINT64_MAX && m->s32 == INT32_MAX);
    assert_true(m->s64 == INT64_MAX && m->f32 == UINT32_MAX && m->f64 == UINT64_C(9007199254740993) && m->sf32 == INT32_MIN);
    assert_true(m->sf64 == INT64_MIN && m->n_numbers == 5);
    assert_true(m->numbers[0] == 1 && m->numbers[1] == 100 && m->numbers[2] == 120 && m->numbers[3] == 0 && m->numbers[4] == 15);
    m->made_at_ms = INT64_MIN;
    m->n_numbers = 1;
    expect_json(&m->base, 0,
        "{\"i32\":-2147483648,\"i64\":\"-9223372036854775808\",\"u32\":4294967295,\"u64\":\"18446744073709551615\",\"s32\":2147483647,"
        "\"s64\":\"9223372036854775807\",\"f32\":4294967295,\"f64\":\"9007199254740993\",\"sf32\":-2147483648,"
        "\"sf64\":\"-9223372036854775808\",\"numbers\":[\"1\"],\"madeAtMs\":-9223372036854775808}");
    free_all(m);
}

static void
test_bare_integers_beyond_a_double_are_exact(void **state)
{
    ProtobufCMessage *message = NULL;
    weir_error err;

    assert_int_equal(weiri_json_parse_message(everything,
                         weiri_bytes_of("{\"u64\":18446744073709551615,\"i64\":9007199254740993.0,\"sf64\":922337203685477580700e-2,"
                                        "\"twice\":100000000000000000000}"),
                         &message, &err),
        WEIR_OK);
    Testing__V1__Everything *m = (Testing__V1__Everything *)message;
    assert_true(m->u64 == UINT64_MAX && m->i64 == INT64_C(9007199254740993) && m->sf64 == INT64_C(9223372036854775807) && m->twice == 1e20);
    free_all(m);
    expect_error(everything, "{\"i64\":1e999999999999}",
        "i64: expected an integer from -9223372036854775808 to 9223372036854775807, got 1e999999999999");
    expect_error(everything, "{\"i64\":0.1e0}", "i64: expected an integer from -9223372036854775808 to 9223372036854775807, got 0.1e0");
}

static void
test_trees_refuse_integers_that_were_rounded(void **state)
{
    ProtobufCMessage *message = NULL;
    json_t *json = NULL;
    weir_error err;

    assert_int_equal(weiri_json_parse(weiri_bytes_of("{\"i64\":9007199254740993.0}"), &json, &err), WEIR_OK);
    assert_int_equal(weiri_json_to_message(everything, json, &message, &err), WEIR_INVALID);
    assert_string_equal(err.text, "i64: expected an integer from -9223372036854775808 to 9223372036854775807, got 9007199254740992");
    json_decref(json);
}

static void
test_reals_are_exact(void **state)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = { { 0.1, "0.1" }, { -1.5, "-1.5" }, { 1e15, "1000000000000000" }, { 9007199254740991.0, "9007199254740991" },
        { 1e22, "1e+22" }, { DBL_TRUE_MIN, "4.94065645841247e-324" }, { DBL_MIN, "2.2250738585072014e-308" },
        { DBL_MAX, "1.7976931348623157e+308" }, { -0.0, "-0.0" }, { 83.25, "83.25" }, { 1.0 / 3, "0.3333333333333333" },
        { 0.30000000000000004, "0.30000000000000004" }, { 123456.789, "123456.789" }, { 1e-7, "1e-07" }, { (double)(NAN), "\"NaN\"" },
        { INFINITY, "\"Infinity\"" }, { -INFINITY, "\"-Infinity\"" } };
    Testing__V1__Everything m = TESTING__V1__EVERYTHING__INIT;
    char expected[128];

    m.n_doubles = 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double value = rows[i].value;
        m.doubles = &value;
        (void)snprintf(expected, sizeof expected, "{\"doubles\":[%s]}", rows[i].text);
        expect_json(&m.base, 0, expected);
        Testing__V1__Everything *back = read_all(expected);
        assert_memory_equal(back->doubles, &value, isnan(value) ? 0 : sizeof value);
        assert_true(!isnan(value) || isnan(back->doubles[0]));
        free_all(back);
    }
}

/* A host program may have set its own locale; where none with a comma is installed there is nothing to see. */
static void
test_numbers_do_not_depend_on_the_locale(void **state)
{
    const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8" };
    Testing__V1__Everything m = TESTING__V1__EVERYTHING__INIT;
    bool found = false;

    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++)
        found = setlocale(LC_NUMERIC, names[i]) != NULL;
    if (!found)
        skip();
    m.single = 1.17549435e-38F;
    m.twice = 2.2250738585072014e-308;
    expect_json(&m.base, 0, "{\"single\":1.1754944e-38,\"twice\":2.2250738585072014e-308}");
    Testing__V1__Everything *back = read_all("{\"single\":1.1754944e-38,\"twice\":2.2250738585072014e-308}");
    assert_true(back->single == m.single && back->twice == m.twice);
    free_all(back);
    assert_non_null(setlocale(LC_NUMERIC, "C"));
}

static void
test_floats_are_exact(void **state)
{
    static const struct {
        float value;
        const char *text;
    } rows[] = { { 0.1F, "0.1" }, { 16777216.0F, "16777216" }, { FLT_MAX, "3.4028235e+38" }, { FLT_TRUE_MIN, "1.4013e-45" },
        { 1.0F / 3, "0.33333334" }, { -2.5F, "-2.5" }, { INFINITY, "\"Infinity\"" }, { -0.0F, "-0.0" } };
    Testing__V1__Everything m = TESTING__V1__EVERYTHING__INIT;
    char expected[128];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        m.single = rows[i].value;
        (void)snprintf(expected, sizeof expected, "{\"single\":%s}", rows[i].text);
        expect_json(&m.base, 0, expected);
        Testing__V1__Everything *back = read_all(expected);
        assert_memory_equal(&back->single, &m.single, sizeof m.single);
        free_all(back);
    }
}

static void
test_strings_are_escaped_and_mended(void **state)
{
    Testing__V1__Everything *m = read_all(
        "{\"name\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u00e9\\u20AC\\ud83d\\ude00\xc3\xa9\x7f\",\"twoWords\":\"a\\u0062\"}");

    assert_string_equal(m->name, "\"\\/\b\f\n\r\t\x01\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9\x7f");
    assert_string_equal(m->two_words, "ab");
    expect_json(
        &m->base, 0, "{\"name\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9\x7f\",\"twoWords\":\"ab\"}");
    free_all(m);
    Testing__V1__Add add = TESTING__V1__ADD__INIT;
    add.note = (char *)"a\xff\xe2\x82z\xed\xa0\x80";
    expect_json(&add.base, 0, "{\"note\":\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}");
    add.note = NULL;
    expect_json(&add.base, 0, "{}");
}

static void
test_bytes_are_read_in_either_alphabet(void **state)
{
    Testing__V1__Everything *m = read_all("{\"raw\":\"+/8=\",\"blobs\":[\"-_8\",\"-_8=\",\"AAECAw\",\"AAECAw==\",\"\",\"-_\"]}");

    assert_true(m->raw.len == 2 && m->raw.data[0] == 0xfb && m->raw.data[1] == 0xff && m->n_blobs == 6);
    assert_true(m->blobs[0].len == 2 && memcmp(m->blobs[0].data, m->raw.data, 2) == 0 && m->blobs[1].len == 2);
    assert_true(m->blobs[2].len == 4 && memcmp(m->blobs[2].data, "\0\1\2\3", 4) == 0 && m->blobs[3].len == 4);
    assert_true(m->blobs[4].len == 0 && m->blobs[5].len == 1);
    expect_json(&m->base, 0, "{\"raw\":\"+/8=\",\"blobs\":[\"+/8=\",\"+/8=\",\"AAECAw==\",\"AAECAw==\",\"\",\"+w==\"]}");
    free_all(m);
}

static void
test_names_enums_nulls_and_cases(void **state)
{
    Testing__V1__Everything *m = read_all(
        " {\"two_words\" : \"a\" , \"madeAtMs\":\"5\", \"colour\":\"BLUE\",\"colours\":[1,\"NONE\",5.0],"
        "\"point\":null,\"points\":null,\"text\":null,\"number\":\"0\",\"flags\":[true,false],\"words\":[]}\n");

    assert_string_equal(m->two_words, "a");
    assert_true(
        m->made_at_ms == 5 && m->colour == TESTING__V1__COLOUR__BLUE && m->n_colours == 3 && m->colours[2] == TESTING__V1__COLOUR__BLUE);
    assert_true(m->point == NULL && m->n_points == 0 && m->n_words == 0 && m->n_flags == 2);
    assert_int_equal(m->choice_case, TESTING__V1__EVERYTHING__CHOICE_NUMBER);
    expect_json(&m->base, 0,
        "{\"colour\":\"BLUE\",\"colours\":[\"RED\",\"NONE\",\"BLUE\"],\"flags\":[true,false],\"number\":\"0\",\"madeAtMs\":5,\"twoWords\":"
        "\"a\"}");
    m->colour = (Testing__V1__Colour)7;
    m->n_colours = m->n_flags = 0;
    expect_json(&m->base, 0, "{\"colour\":7,\"number\":\"0\",\"madeAtMs\":5,\"twoWords\":\"a\"}");
    m->n_colours = 3;
    m->n_flags = 2;
    free_all(m);
    m = read_all("{\"place\":{},\"point\":{\"label\":\"\"}}");
    expect_json(&m->base, 0, "{\"point\":{},\"place\":{}}");
    free_all(m);
}

static void
test_defaults_are_written_when_asked_for(void **state)
{
    Testing__V1__Everything m = TESTING__V1__EVERYTHING__INIT;

    expect_json(&m.base, 0, "{}");
    expect_json(&m.base, WEIRI_JSON_DEFAULTS,
        "{\"name\":\"\",\"i32\":0,\"i64\":\"0\",\"u32\":0,\"u64\":\"0\",\"s32\":0,\"s64\":\"0\",\"f32\":0,\"f64\":\"0\",\"sf32\":0,"
        "\"sf64\":\"0\","
        "\"single\":0,\"twice\":0,\"yes\":false,\"raw\":\"\",\"colour\":\"NONE\",\"points\":[],\"words\":[],\"numbers\":[],\"colours\":[],"
        "\"blobs\":[],\"flags\":[],\"doubles\":[],\"madeAtMs\":0,\"twoWords\":\"\"}");
}

static void
test_field_names_become_camels(void **state)
{
    static const char *const rows[][2] = { { "two_words", "twoWords" }, { "a", "a" }, { "made_at_ms", "madeAtMs" }, { "x_1y", "x1y" },
        { "_lead", "Lead" }, { "end_", "end" }, { "a__b", "aB" }, { "URL_of", "URLOf" } };
    char to[32];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        weiri_json_field_name(rows[i][0], to, sizeof to);
        assert_string_equal(to, rows[i][1]);
    }
    weiri_json_field_name("two_words", to, 5);
    assert_string_equal(to, "twoW");
}

static void
test_random_messages_come_back_as_they_were(void **state)
{
    random_source random = { 20260101 };
    weiri_buffer text = { 0 };

    for (int i = 0; i < 5000; i++) {
        ProtobufCMessage *message = random_message(&random, everything);
        weiri_buffer_clear(&text);
        weiri_json_add_message(&text, message, i % 2 == 0 ? 0 : WEIRI_JSON_DEFAULTS);
        weir_error err = { 0 };
        ProtobufCMessage *straight = NULL, *back = NULL;
        json_t *json = NULL;
        if (weiri_json_parse_message(everything, weiri_buffer_bytes(&text), &straight, &err) != WEIR_OK || !packs_equal(message, straight))
            fail_msg("%s: %s", weiri_buffer_text(&text), err.text);
        /* A time beyond 2^63 is the one number that jansson can't hold; testing.v1 has no such field. */
        assert_int_equal(weiri_json_parse(weiri_buffer_bytes(&text), &json, &err), WEIR_OK);
        assert_int_equal(weiri_json_to_message(everything, json, &back, &err), WEIR_OK);
        assert_true(packs_equal(message, back));
        json_decref(json);
        protobuf_c_message_free_unpacked(message, NULL);
        protobuf_c_message_free_unpacked(straight, NULL);
        protobuf_c_message_free_unpacked(back, NULL);
    }
    weiri_buffer_fini(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_values_are_refused_with_their_path),
        cmocka_unit_test(test_wrong_names_are_refused_with_the_nearest),
        cmocka_unit_test(test_bad_text_is_refused_with_line_and_column),
        cmocka_unit_test(test_bad_characters_are_refused_with_their_path),
        cmocka_unit_test(test_trees_are_parsed_strictly),
        cmocka_unit_test(test_a_tree_that_is_not_there_is_refused),
        cmocka_unit_test(test_integers_are_exact_at_their_limits),
        cmocka_unit_test(test_bare_integers_beyond_a_double_are_exact),
        cmocka_unit_test(test_trees_refuse_integers_that_were_rounded),
        cmocka_unit_test(test_reals_are_exact),
        cmocka_unit_test(test_numbers_do_not_depend_on_the_locale),
        cmocka_unit_test(test_floats_are_exact),
        cmocka_unit_test(test_strings_are_escaped_and_mended),
        cmocka_unit_test(test_bytes_are_read_in_either_alphabet),
        cmocka_unit_test(test_names_enums_nulls_and_cases),
        cmocka_unit_test(test_defaults_are_written_when_asked_for),
        cmocka_unit_test(test_field_names_become_camels),
        cmocka_unit_test(test_random_messages_come_back_as_they_were),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
