/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "query/binding.h"
#include "query/moment.h"
#include "query/testing.h"
#include "query/value.h"

/* What `path` gives for a message, as text: its kind's letter and the value. */
static const char *
value_of(const ProtobufCMessage *message, const char *each, size_t index, const char *path)
{
    static weiri_buffer text;
    weiri_record record = { .kind = WEIRI_RECORD_EVENT,
        .time_ms = 1767312000123,
        .version = 7,
        .key = weiri_bytes_of("a key"),
        .id = weiri_bytes_of("id-1"),
        .type = weiri_bytes_of("old.type") };
    weiri_type type = { .descriptor = message->descriptor };
    weiri_arena arena = { 0 };
    weiri_binding binding;
    weiri_value v;
    weir_error err;

    weiri_buffer_clear(&text);
    const ProtobufCFieldDescriptor *field = each == NULL ? NULL
                                                         : protobuf_c_message_descriptor_get_field_by_name(message->descriptor, each);
    weir_status status = weiri_binding_compile(path, message->descriptor, field, &binding, &err);
    weiri_bound_event event = { &record, &type, message, 3, 99, index, &arena };
    if (status == WEIR_OK)
        status = weiri_binding_value(&binding, &event, &v, &err);
    if (status != WEIR_OK) {
        weiri_buffer_print(&text, "%s", err.text);
        return weiri_buffer_text(&text);
    }
    weiri_buffer_add_char(&text, "NIRTB"[v.kind]);
    if (v.kind == WEIRI_VALUE_INTEGER)
        weiri_buffer_print(&text, " %lld", (long long)v.integer);
    else if (v.kind == WEIRI_VALUE_REAL)
        weiri_buffer_print(&text, " %g", v.real);
    else if (v.kind == WEIRI_VALUE_TEXT)
        weiri_buffer_print(&text, " %.*s", (int)v.bytes.size, (const char *)v.bytes.data);
    for (size_t i = 0; v.kind == WEIRI_VALUE_BLOB && i < v.bytes.size; i++)
        weiri_buffer_print(&text, " %02x", ((const uint8_t *)v.bytes.data)[i]);
    weiri_arena_fini(&arena);
    return weiri_buffer_text(&text);
}

static void
test_each_kind_of_field_gives_its_value(void **state)
{
    Testing__V1__Everything e = TESTING__V1__EVERYTHING__INIT;
    uint8_t raw[] = { 0, 255 };

    e.name = (char *)"ada";
    e.i32 = INT32_MIN;
    e.i64 = INT64_MIN;
    e.u32 = UINT32_MAX;
    e.u64 = INT64_MAX;
    e.s32 = -3;
    e.s64 = -4;
    e.f32 = 5;
    e.f64 = 6;
    e.sf32 = -7;
    e.sf64 = -8;
    e.single = 0.5f;
    e.twice = -0.25;
    e.yes = 1;
    e.raw = (ProtobufCBinaryData){ sizeof raw, raw };
    e.colour = TESTING__V1__COLOUR__BLUE;
    const struct {
        const char *path, *value;
    } cases[] = { { "name", "T ada" }, { "i32", "I -2147483648" }, { "i64", "I -9223372036854775808" }, { "u32", "I 4294967295" },
        { "u64", "I 9223372036854775807" }, { "s32", "I -3" }, { "s64", "I -4" }, { "f32", "I 5" }, { "f64", "I 6" }, { "sf32", "I -7" },
        { "sf64", "I -8" }, { "single", "R 0.5" }, { "twice", "R -0.25" }, { "yes", "I 1" }, { "raw", "B 00 ff" }, { "colour", "T BLUE" },
        { "two_words", "T " }, { "point", "N" }, { "point.x", "N" }, { "point.label", "N" }, { "text", "N" }, { "number", "N" },
        { "place", "N" }, { "place.label", "N" }, { "points", "T []" }, { "words", "T []" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(value_of(&e.base, NULL, 0, cases[i].path), cases[i].value);
    e.colour = 77;
    assert_string_equal(value_of(&e.base, NULL, 0, "colour"), "T 77");
    e.u64 = (uint64_t)INT64_MAX + 1;
    assert_string_equal(
        value_of(&e.base, NULL, 0, "u64"), "'u64' is 9223372036854775808: more than an integer of a database holds (9223372036854775807)");
}

static void
test_an_empty_event_gives_zeroes_and_empty_texts(void **state)
{
    Testing__V1__Everything e = TESTING__V1__EVERYTHING__INIT;

    assert_string_equal(value_of(&e.base, NULL, 0, "i64"), "I 0");
    assert_string_equal(value_of(&e.base, NULL, 0, "twice"), "R 0");
    assert_string_equal(value_of(&e.base, NULL, 0, "yes"), "I 0");
    assert_string_equal(value_of(&e.base, NULL, 0, "name"), "T ");
    assert_string_equal(value_of(&e.base, NULL, 0, "raw"), "B");
    assert_string_equal(value_of(&e.base, NULL, 0, "colour"), "T NONE");
}

static void
test_nested_fields_and_cases_of_a_oneof(void **state)
{
    Testing__V1__Everything e = TESTING__V1__EVERYTHING__INIT;
    Testing__V1__Point point = TESTING__V1__POINT__INIT;

    point.x = 4;
    point.label = (char *)"say \"hi\"";
    e.point = &point;
    assert_string_equal(value_of(&e.base, NULL, 0, "point.x"), "I 4");
    assert_string_equal(value_of(&e.base, NULL, 0, "point.y"), "I 0");
    assert_string_equal(value_of(&e.base, NULL, 0, "point"), "T {\"x\":4,\"y\":0,\"label\":\"say \\\"hi\\\"\"}");
    e.choice_case = TESTING__V1__EVERYTHING__CHOICE_NUMBER;
    e.number = 0;
    assert_string_equal(value_of(&e.base, NULL, 0, "number"), "I 0");
    assert_string_equal(value_of(&e.base, NULL, 0, "text"), "N");
    e.choice_case = TESTING__V1__EVERYTHING__CHOICE_PLACE;
    e.place = &point;
    assert_string_equal(value_of(&e.base, NULL, 0, "place.label"), "T say \"hi\"");
    assert_string_equal(value_of(&e.base, NULL, 0, "number"), "N");
    assert_string_equal(value_of(&e.base, NULL, 0, "point.z"), "testing.v1.Point has no field 'z'");
    assert_string_equal(value_of(&e.base, NULL, 0, "name.z"), "'name' is no message: it has no field 'z'");
}

static void
test_repeated_fields_whole_and_each(void **state)
{
    Testing__V1__Everything e = TESTING__V1__EVERYTHING__INIT;
    Testing__V1__Point a = TESTING__V1__POINT__INIT, b = TESTING__V1__POINT__INIT;
    Testing__V1__Point *points[] = { &a, &b };
    char *words[] = { (char *)"one", (char *)"two" };
    int64_t numbers[] = { 1, INT64_MAX };
    protobuf_c_boolean flags[] = { 0, 1 };
    double doubles[] = { 0.5, 2 };
    Testing__V1__Colour colours[] = { TESTING__V1__COLOUR__RED, TESTING__V1__COLOUR__BLUE };
    uint8_t byte = 'x';
    ProtobufCBinaryData blobs[] = { { 1, &byte }, { 0, NULL } };

    b.label = (char *)"b";
    e.n_points = e.n_words = e.n_numbers = e.n_flags = e.n_doubles = e.n_colours = e.n_blobs = 2;
    e.points = points;
    e.words = words;
    e.numbers = numbers;
    e.flags = flags;
    e.doubles = doubles;
    e.colours = colours;
    e.blobs = blobs;
    assert_string_equal(value_of(&e.base, NULL, 0, "words"), "T [\"one\",\"two\"]");
    assert_string_equal(value_of(&e.base, NULL, 0, "numbers"), "T [\"1\",\"9223372036854775807\"]");
    assert_string_equal(value_of(&e.base, NULL, 0, "points"), "T [{\"x\":0,\"y\":0,\"label\":\"\"},{\"x\":0,\"y\":0,\"label\":\"b\"}]");
    assert_string_equal(value_of(&e.base, "points", 1, "points.label"), "T b");
    assert_string_equal(value_of(&e.base, "points", 1, "points"), "T {\"x\":0,\"y\":0,\"label\":\"b\"}");
    assert_string_equal(value_of(&e.base, "points", 1, "_index"), "I 1");
    assert_string_equal(value_of(&e.base, "points", 1, "words"), "T [\"one\",\"two\"]");
    assert_string_equal(value_of(&e.base, "words", 1, "words"), "T two");
    assert_string_equal(value_of(&e.base, "numbers", 1, "numbers"), "I 9223372036854775807");
    assert_string_equal(value_of(&e.base, "flags", 1, "flags"), "I 1");
    assert_string_equal(value_of(&e.base, "doubles", 0, "doubles"), "R 0.5");
    assert_string_equal(value_of(&e.base, "colours", 1, "colours"), "T BLUE");
    assert_string_equal(value_of(&e.base, "blobs", 0, "blobs"), "B 78");
    assert_string_equal(value_of(&e.base, "blobs", 1, "blobs"), "B");
    assert_string_equal(value_of(&e.base, "words", 0, "points.label"), "'points' is repeated: put '-- each: points' above the statement");
}

static void
test_the_envelope_and_parts_of_time(void **state)
{
    Testing__V1__Everything e = TESTING__V1__EVERYTHING__INIT;
    const struct {
        const char *path, *value;
    } cases[] = { { "_key", "T a key" }, { "_version", "I 7" }, { "_partition", "I 3" }, { "_offset", "I 99" }, { "_command_id", "T id-1" },
        { "_type", "T testing.v1.Everything" }, { "_time", "I 1767312000123" }, { "_time.minute", "I 1767312000000" },
        { "_time.text", "T 2026-01-02T00:00:00.123Z" }, { "_time.date", "T 2026-01-02" }, { "made_at_ms", "I -1" },
        { "made_at_ms.minute", "I -60000" }, { "made_at_ms.hour", "I -3600000" }, { "made_at_ms.day", "I -86400000" },
        { "made_at_ms.date", "T 1969-12-31" }, { "made_at_ms.text", "T 1969-12-31T23:59:59.999Z" }, { "_key.x", "':_key' has no parts" },
        { "_time.week", "'_time' is a time: it has .minute .hour .day .date .text, and no 'week'" },
        { "_time.date.x", "'_time' is a time: it has .minute .hour .day .date .text, and no 'date'" } };

    e.made_at_ms = -1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(value_of(&e.base, NULL, 0, cases[i].path), cases[i].value);
}

static void
test_moments_are_read_strictly(void **state)
{
    const struct {
        const char *text;
        int64_t ms;
    } good[] = { { "0", 0 }, { "-5", -5 }, { "1970-01-01", 0 }, { "2024-02-29", 1709164800000 },
        { "2026-01-02T00:00:00.123Z", 1767312000123 }, { "2026-01-02 00:00:00.1239", 1767312000123 },
        { "2026-01-02T01:30+01:30", 1767312000000 }, { "2026-01-01T22:30-0130", 1767312000000 } };
    const char *const bad[] = { "", "2026-01", "2026-13-01", "2026-00-01", "2025-02-29", "1900-02-29", "2026-01-32", "2026-1-1",
        "2026-01-02T", "2026-01-02T24:00", "2026-01-02T00:60", "2026-01-02T00:00:60", "2026-01-02T00:00:00.", "2026-01-02x",
        "2026-01-02T00:00Zx", "2026-01-02T00:00+1", "now" };
    int64_t ms;
    char text[WEIRI_MOMENT_SIZE];

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(weiri_moment_read(good[i].text, &ms) && ms == good[i].ms);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(weiri_moment_read(bad[i], &ms));
    for (int64_t day = -800000; day < 800000; day += 7919) { /* what is written is read back, from before year 0 on */
        (void)weiri_moment_text(day * WEIRI_DAY_MS + 1, text);
        if (day > -719528)
            assert_true(weiri_moment_read(text, &ms) && ms == day * WEIRI_DAY_MS + 1);
    }
    (void)weiri_moment_date(INT64_MIN, text);
    (void)weiri_moment_text(INT64_MAX, text);
    assert_true(weiri_moment_floor(INT64_MIN, WEIRI_DAY_MS) <= INT64_MIN + WEIRI_DAY_MS);
}

static void
test_values_of_parameters_are_read_strictly(void **state)
{
    const struct {
        weiri_parameter_type type;
        const char *good, *bad;
    } cases[] = { { WEIRI_PARAMETER_INTEGER, "-9223372036854775808", "1.5" }, { WEIRI_PARAMETER_INTEGER, "0", " 1" },
        { WEIRI_PARAMETER_REAL, "1e3", "nan" }, { WEIRI_PARAMETER_BOOLEAN, "true", "yes" }, { WEIRI_PARAMETER_BOOLEAN, "0", "" },
        { WEIRI_PARAMETER_BYTES, "\\x00fF", "\\x0" }, { WEIRI_PARAMETER_BYTES, "AP8=", "A" }, { WEIRI_PARAMETER_BYTES, "", "a b=" },
        { WEIRI_PARAMETER_TIME, "2026-01-01", "yesterday" }, { WEIRI_PARAMETER_TEXT, "", "\xff" } };
    weiri_arena arena = { 0 };
    weiri_value value;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(weiri_value_read(cases[i].type, cases[i].good, &arena, &value));
        assert_false(weiri_value_read(cases[i].type, cases[i].bad, &arena, &value));
    }
    assert_true(weiri_value_read(WEIRI_PARAMETER_BYTES, "AP8=", &arena, &value) && value.bytes.size == 2);
    assert_true(((const uint8_t *)value.bytes.data)[1] == 0xff && value.kind == WEIRI_VALUE_BLOB);
    weiri_arena_fini(&arena);
}

static void
test_arena_memory_is_taken_and_forgotten(void **state)
{
    weiri_arena arena = { 0 };

    for (int round = 0; round < 5; round++) {
        for (size_t size = 0; size < 9000; size += 37) {
            uint8_t *at = weiri_arena_take(&arena, size);
            assert_int_equal((uintptr_t)at % 16, 0);
            memset(at, 0xaa, size);
        }
        weiri_arena_reset(&arena);
        assert_true(round == 0 || arena.used == 0);
    }
    assert_string_equal(weiri_arena_text(&arena, weiri_bytes_of("kept")), "kept");
    weiri_arena_fini(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_of_field_gives_its_value),
        cmocka_unit_test(test_an_empty_event_gives_zeroes_and_empty_texts),
        cmocka_unit_test(test_nested_fields_and_cases_of_a_oneof),
        cmocka_unit_test(test_repeated_fields_whole_and_each),
        cmocka_unit_test(test_the_envelope_and_parts_of_time),
        cmocka_unit_test(test_moments_are_read_strictly),
        cmocka_unit_test(test_values_of_parameters_are_read_strictly),
        cmocka_unit_test(test_arena_memory_is_taken_and_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
