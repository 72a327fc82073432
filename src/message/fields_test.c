/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include "message/fields.h"
#include "message/random_message.h"
#include "testing.pb-c.h"

static const ProtobufCMessageDescriptor *const everything = &testing__v1__everything__descriptor;

/* Reads a line of a story. */
static weir_status
read_line(const char *line, ProtobufCMessage **ret_message, weir_error *err)
{
    char **arguments;
    size_t n;

    weir_status status = weiri_fields_split(line, &arguments, &n, err);
    if (status != WEIR_OK)
        return status;
    status = weiri_fields_to_message(everything, (const char *const *)arguments, n, ret_message, err);
    weiri_fields_free(arguments, n);
    return status;
}

static Testing__V1__Everything *
read_all(const char *line)
{
    ProtobufCMessage *message = NULL;
    weir_error err = { 0 };

    if (read_line(line, &message, &err) != WEIR_OK)
        fail_msg("%s: %s", line, err.text);
    return (Testing__V1__Everything *)message;
}

static void
free_all(Testing__V1__Everything *m)
{
    protobuf_c_message_free_unpacked(&m->base, NULL);
}

static void
expect_line(const ProtobufCMessage *message, const char *expected)
{
    weiri_buffer to = { 0 };

    weiri_fields_add_message(&to, message);
    assert_string_equal(weiri_buffer_text(&to), expected);
    weiri_buffer_fini(&to);
}

static void
expect_refused(const char *line, const char *expected)
{
    ProtobufCMessage *message = NULL;
    weir_error err = { 0 };

    assert_int_equal(read_line(line, &message, &err), WEIR_INVALID);
    assert_string_equal(err.text, expected);
    assert_int_equal(read_line(line, &message, NULL), WEIR_INVALID);
    assert_null(message);
}

static void
test_wrong_fields_are_refused_with_what_was_expected(void **state)
{
    expect_refused("i32=abc", "i32: expected an integer from -2147483648 to 2147483647, got \"abc\"");
    expect_refused("i32=", "i32: expected an integer from -2147483648 to 2147483647, got \"\"");
    expect_refused("u32=-1", "u32: expected an integer from 0 to 4294967295, got -1");
    expect_refused(
        "i64=9223372036854775808", "i64: expected an integer from -9223372036854775808 to 9223372036854775807, got 9223372036854775808");
    expect_refused("twice=0x10", "twice: expected a number, \"NaN\", \"Infinity\" or \"-Infinity\", got \"0x10\"");
    expect_refused("yes=1", "yes: expected true or false, got 1");
    expect_refused("yes=TRUE", "yes: expected true or false, got \"TRUE\"");
    expect_refused("colour=BLEU", "colour: testing.v1.Colour has no value 'BLEU'; did you mean 'BLUE'?");
    expect_refused("colour=3", "colour: testing.v1.Colour has no value 3");
    expect_refused("raw=a\\q", "raw: expected one of \\xNN \\n \\r \\t \\\\ behind a backslash");
    expect_refused("raw=\\x1", "raw: expected one of \\xNN \\n \\r \\t \\\\ behind a backslash");
    expect_refused("raw=\\", "raw: expected one of \\xNN \\n \\r \\t \\\\ behind a backslash");
    expect_refused("name=\xff", "name: the string is not valid UTF-8");
    expect_refused("words=a", "words: expected a list as JSON: [...], got 'a'");
    expect_refused("point=[]", "point: expected a message as JSON: {...}, got '[]'");
    expect_refused("point=null", "point: expected a message as JSON: {...}, got 'null'");
    expect_refused("points=[{\"x\":1},{\"x\":true}]", "points[1].x: expected an integer from -2147483648 to 2147483647, got true");
    expect_refused("words=[\"a\"}", "words: line 1, column 5: expected ',' or ']', found '}'");
}

static void
test_wrong_arguments_are_refused(void **state)
{
    expect_refused("two_wrods=a", "testing.v1.Everything has no field 'two_wrods'; did you mean 'two_words'?");
    expect_refused("i32=1 i32=1", "'i32' is given twice");
    expect_refused("two_words=a twoWords=b", "'two_words' is given twice");
    expect_refused("text=a number=1", "number: can't be given together with 'text'");
    expect_refused("point.x=1", "'point.x': a field of a message can't be set alone: give the message as JSON");
    expect_refused("name", "expected field=value, got 'name'");
    expect_refused("=a", "expected field=value, got '=a'");
}

static void
test_lines_split_at_blanks_outside_quotes_and_brackets(void **state)
{
    static const char *const expected[] = { "order", "a b", "name=a b\"c\\d\n\\x01", "place={\"site\": \"no}rth\\\"\", \"x\": [1]}",
        "a=b=c\"d", "empty=", "quoted=", "x=C:\\new" };
    char **arguments = NULL;
    weir_error err = { 0 };
    size_t n = 0;

    assert_int_equal(
        weiri_fields_split("  order \"a b\"\tname=\"a b\\\"c\\\\d\\n\\x01\" place={\"site\": \"no}rth\\\"\", \"x\": [1]}\n a=b=c\"d "
                           "empty= quoted=\"\" x=C:\\new",
            &arguments, &n, &err),
        WEIR_OK);
    assert_int_equal(n, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(arguments[i], expected[i]);
    weiri_fields_free(arguments, n);
    assert_int_equal(weiri_fields_split(" ", &arguments, &n, &err), WEIR_OK);
    assert_true(n == 0 && arguments != NULL);
    weiri_fields_free(arguments, n);
    weiri_fields_free(NULL, 0);
}

static void
test_what_never_closes_is_refused_with_its_column(void **state)
{
    expect_refused("i32=1 name=\"a b", "column 12: this quote is never closed");
    expect_refused("name=\"a\\\"", "column 6: this quote is never closed");
    expect_refused("name=\"a\"b", "column 9: expected a blank behind the closing quote");
    expect_refused("name=[draft", "column 6: this bracket is never closed (a text that begins with one needs quotes)");
    expect_refused("words=[\"]", "column 7: this bracket is never closed (a text that begins with one needs quotes)");
    expect_refused("words=[]x", "column 9: expected a blank behind the closing bracket");
}

static void
test_values_are_read_by_the_type_of_their_field(void **state)
{
    Testing__V1__Everything *m = read_all(
        "name=123 i32=-5 i64=-9223372036854775808 u64=18446744073709551615 twice=-0.5 single=NaN yes=true "
        "raw=\\x01\\xff\\\\n\\n colour=RED point={\"x\": 1, \"label\": \"a b\"} points=[{\"y\":2}, {}] "
        "words=[\"a\", \"b\"] blobs=[\"AQ==\"] text= madeAtMs=5 two_words=[draft]");

    assert_string_equal(m->name, "123");
    assert_true(m->i32 == -5 && m->i64 == INT64_MIN && m->u64 == UINT64_MAX && m->twice == -0.5 && isnan(m->single) && m->yes == 1);
    assert_true(m->raw.len == 5 && memcmp(m->raw.data, "\x01\xff\\n\n", 5) == 0 && m->colour == TESTING__V1__COLOUR__RED);
    assert_true(m->point->x == 1 && m->n_points == 2 && m->points[0]->y == 2 && m->n_words == 2 && m->n_blobs == 1 && m->blobs[0].len == 1);
    assert_string_equal(m->point->label, "a b");
    assert_string_equal(m->two_words, "[draft]");
    assert_int_equal(m->choice_case, TESTING__V1__EVERYTHING__CHOICE_TEXT);
    assert_string_equal(m->text, "");
    assert_int_equal(m->made_at_ms, 5);
    free_all(m);
}

static void
test_messages_are_written_as_one_reads_them(void **state)
{
    Testing__V1__Everything *m = read_all(
        "name=mug i64=-7 u32=4 single=0.1 twice=Infinity yes=true raw=\"\\x01 a\\\\\\\\\" colour=5 point={\"x\":1} words=[\"a b\"] "
        "numbers=[1] place={} made_at_ms=5 two_words=\"a \\\"b\\\" \\\\ #\"");

    expect_line(&m->base, "name=mug i64=-7 u32=4 single=0.1 twice=Infinity yes=true raw=\\x01\\x20a\\\\ colour=BLUE point={\"x\":1} "
                          "words=[\"a b\"] numbers=[\"1\"] place={} made_at_ms=5 two_words=\"a \\\"b\\\" \\\\ #\"");
    free_all(m);
    Testing__V1__Everything none = TESTING__V1__EVERYTHING__INIT;
    expect_line(&none.base, "");
    none.two_words = (char *)(uintptr_t) "a#1";
    expect_line(&none.base, "two_words=\"a#1\"");
    none.two_words = (char *)(uintptr_t) "";
    none.choice_case = TESTING__V1__EVERYTHING__CHOICE_TEXT;
    none.text = NULL;
    expect_line(&none.base, "text=\"\"");
}

static void
test_random_messages_come_back_as_they_were(void **state)
{
    random_source random = { 7 };
    weiri_buffer line = { 0 };

    for (int i = 0; i < 5000; i++) {
        ProtobufCMessage *message = random_message(&random, everything), *back = NULL;
        weir_error err = { 0 };
        weiri_buffer_clear(&line);
        weiri_fields_add_message(&line, message);
        if (read_line(weiri_buffer_text(&line), &back, &err) != WEIR_OK || !packs_equal(message, back))
            fail_msg("%s: %s", weiri_buffer_text(&line), err.text);
        assert_null(memchr(line.data, '\n', line.size));
        protobuf_c_message_free_unpacked(message, NULL);
        protobuf_c_message_free_unpacked(back, NULL);
    }
    weiri_buffer_fini(&line);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_fields_are_refused_with_what_was_expected),
        cmocka_unit_test(test_wrong_arguments_are_refused),
        cmocka_unit_test(test_lines_split_at_blanks_outside_quotes_and_brackets),
        cmocka_unit_test(test_what_never_closes_is_refused_with_its_column),
        cmocka_unit_test(test_values_are_read_by_the_type_of_their_field),
        cmocka_unit_test(test_messages_are_written_as_one_reads_them),
        cmocka_unit_test(test_random_messages_come_back_as_they_were),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
