/* SPDX-License-Identifier: Apache-2.0
 * Each rule of the schema guard with a pair that breaks it, and beside it a pair that doesn't. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "message/json.h"
#include "message/shapes.h"

/* Fields of the event t.E, and whole lists. */
#define EVENT(fields) "[{\"name\":\"t.E\",\"kind\":\"event\",\"fields\":[" fields "]}]"
#define FIELD(number, name, type) "{\"number\":" #number ",\"name\":\"" #name "\",\"type\":\"" #type "\"}"
#define LIST(number, name, type) "{\"number\":" #number ",\"name\":\"" #name "\",\"type\":\"" #type "\",\"repeated\":true}"
#define CASE(number, name, of) "{\"number\":" #number ",\"name\":\"" #name "\",\"type\":\"bool\",\"oneof\":" #of "}"
#define OF(number, name, type, of) "{\"number\":" #number ",\"name\":\"" #name "\",\"type\":\"" #type "\",\"of\":\"" of "\"}"
#define VALUES(name, values) "{\"name\":\"" name "\",\"kind\":\"enum\",\"values\":[" values "]}"
#define VALUE(number, name) "{\"number\":" #number ",\"name\":\"" #name "\"}"
#define NESTED(name, fields) "{\"name\":\"" name "\",\"kind\":\"nested\",\"fields\":[" fields "]}"
#define IN_E(fields) "{\"name\":\"t.E\",\"kind\":\"event\",\"fields\":[" fields "]}"

typedef struct pair {
    const char *old, *fresh, *retired;
    const char *breaks; /* "RULE PLACE: words\n" each */
} pair;

static const pair pairs[] = {
    /* MESSAGE_NO_DELETE: not of the category; the log has them */
    { "[" IN_E(FIELD(1, id, string)) "]", "[]", NULL,
        "MESSAGE_NO_DELETE t.E: the module has no such event, and .retired doesn't name it\n" },
    { "[" IN_E(FIELD(1, id, string)) "]", "[" NESTED("t.E", FIELD(1, id, string)) "]", NULL,
        "MESSAGE_NO_DELETE t.E: the module has no such event, and .retired doesn't name it\n" },
    { "[{\"name\":\"t.C\",\"kind\":\"command\",\"fields\":[]}]", "[]", NULL,
        "MESSAGE_NO_DELETE t.C: the module has no such command, and .retired doesn't name it\n" },
    { "[" IN_E(FIELD(1, id, string)) "]", "[]", "t.E", "" },
    { "[" NESTED("t.N", FIELD(1, id, string)) "]", "[]", NULL, "" },
    { "[]", "[" IN_E(FIELD(1, id, string)) "]", NULL, "" },
    /* FIELD_NO_DELETE_UNLESS_...: both, as the number and the name are free again */
    { EVENT(FIELD(1, id, string) "," FIELD(2, note, string)), EVENT(FIELD(1, id, string)), NULL,
        "FIELD_NO_DELETE_UNLESS_NAME_RESERVED t.E.note: it is gone, and .retired doesn't name it\n"
        "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED t.E.note: its number 2 is gone, and .retired doesn't name it\n" },
    { EVENT(FIELD(1, id, string) "," FIELD(2, note, string)), EVENT(FIELD(1, id, string)), "t.E.note", "" },
    { EVENT(FIELD(2, note, string)), EVENT(""), "t.E.notes",
        "FIELD_NO_DELETE_UNLESS_NAME_RESERVED t.E.note: it is gone, and .retired doesn't name it\n"
        "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED t.E.note: its number 2 is gone, and .retired doesn't name it\n" },
    { EVENT(FIELD(2, note, string)), EVENT(FIELD(3, note, string)), NULL,
        "FIELD_NO_DELETE_UNLESS_NAME_RESERVED t.E.note: it is gone, and .retired doesn't name it\n"
        "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED t.E.note: its number 2 is gone, and .retired doesn't name it\n" },
    { EVENT(FIELD(1, id, string)), EVENT(FIELD(1, id, string) "," FIELD(2, note, string)), NULL, "" },
    /* FIELD_SAME_NAME; what is retired can't come back as something else */
    { EVENT(FIELD(2, note, string)), EVENT(FIELD(2, remark, string)), NULL,
        "FIELD_SAME_NAME t.E.note: its number 2 is called remark now\n" },
    { EVENT(FIELD(2, note, string)), EVENT(FIELD(2, count, int64)), "t.E.note",
        "FIELD_SAME_NAME t.E.note: its number 2 is called count now\n"
        "FIELD_WIRE_JSON_COMPATIBLE_TYPE t.E.note: it was string and is int64 now\n" },
    /* FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY */
    { EVENT(FIELD(2, note, string)), EVENT(LIST(2, note, string)), NULL,
        "FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY t.E.note: it is repeated now\n" },
    { EVENT(LIST(2, note, string)), EVENT(FIELD(2, note, string)), NULL,
        "FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY t.E.note: it was repeated and isn't now\n" },
    /* FIELD_WIRE_JSON_COMPATIBLE_TYPE: scalars */
    { EVENT(FIELD(2, n, int32)), EVENT(FIELD(2, n, int64)), NULL,
        "FIELD_WIRE_JSON_COMPATIBLE_TYPE t.E.n: it was int32 and is int64 now\n" },
    { EVENT(FIELD(2, n, int32)), EVENT(FIELD(2, n, sint32)), NULL,
        "FIELD_WIRE_JSON_COMPATIBLE_TYPE t.E.n: it was int32 and is sint32 now\n" },
    { EVENT(FIELD(2, n, string)), EVENT(FIELD(2, n, bytes)), NULL,
        "FIELD_WIRE_JSON_COMPATIBLE_TYPE t.E.n: it was string and is bytes now\n" },
    { EVENT(FIELD(2, n, bool)), EVENT(FIELD(2, n, int32)), NULL, "FIELD_WIRE_JSON_COMPATIBLE_TYPE t.E.n: it was bool and is int32 now\n" },
    { EVENT(FIELD(2, n, fixed32)), EVENT(FIELD(2, n, int32)), NULL,
        "FIELD_WIRE_JSON_COMPATIBLE_TYPE t.E.n: it was fixed32 and is int32 now\n" },
    { EVENT(FIELD(2, n, int32)), EVENT(FIELD(2, n, uint32)), NULL, "" },
    { EVENT(FIELD(2, n, uint64)), EVENT(FIELD(2, n, int64)), NULL, "" },
    { EVENT(FIELD(2, n, fixed32)), EVENT(FIELD(2, n, sfixed32)), NULL, "" },
    { EVENT(FIELD(2, n, sfixed64)), EVENT(FIELD(2, n, fixed64)), NULL, "" },
    /* ... messages and enums */
    { EVENT(OF(2, n, message, "t.A")), EVENT(OF(2, n, message, "t.B")), NULL,
        "FIELD_WIRE_JSON_COMPATIBLE_TYPE t.E.n: it was t.A and is t.B now\n" },
    { EVENT(OF(2, n, enum, "t.A")), EVENT(FIELD(2, n, int32)), NULL,
        "FIELD_WIRE_JSON_COMPATIBLE_TYPE t.E.n: it was t.A and is int32 now\n" },
    { "[" VALUES("t.A", VALUE(0, NONE) "," VALUE(1, RED)) "," IN_E(OF(2, n, enum, "t.A")) "]",
        "[" IN_E(OF(2, n, enum, "u.A")) "," VALUES("u.A", VALUE(0, NONE) "," VALUE(1, RED) "," VALUE(2, BLUE)) "]", NULL, "" },
    { "[" VALUES("t.A", VALUE(0, NONE) "," VALUE(1, RED)) "," IN_E(OF(2, n, enum, "t.A")) "]",
        "[" IN_E(OF(2, n, enum, "u.A")) "," VALUES("u.A", VALUE(0, NONE)) "]", NULL,
        "FIELD_WIRE_JSON_COMPATIBLE_TYPE t.E.n: it was t.A and is u.A now\n" },
    { "[" VALUES("t.A", VALUE(0, NONE)) "," IN_E(OF(2, n, enum, "t.A")) "]",
        "[" VALUES("t.B", VALUE(0, NONE)) "," IN_E(OF(2, n, enum, "t.B")) "]", NULL,
        "FIELD_WIRE_JSON_COMPATIBLE_TYPE t.E.n: it was t.A and is t.B now\n" },
    /* ... within nested messages too */
    { "[" IN_E(OF(2, n, message, "t.N")) "," NESTED("t.N", FIELD(1, x, int32)) "]",
        "[" IN_E(OF(2, n, message, "t.N")) "," NESTED("t.N", FIELD(1, x, double)) "]", NULL,
        "FIELD_WIRE_JSON_COMPATIBLE_TYPE t.N.x: it was int32 and is double now\n" },
    /* FIELD_SAME_ONEOF */
    { EVENT(FIELD(2, a, bool)), EVENT(CASE(2, a, 2)), NULL, "FIELD_SAME_ONEOF t.E.a: it is in a oneof now\n" },
    { EVENT(CASE(2, a, 2)), EVENT(FIELD(2, a, bool)), NULL, "FIELD_SAME_ONEOF t.E.a: it was in a oneof and isn't now\n" },
    { EVENT(CASE(2, a, 2) "," CASE(3, b, 2)), EVENT(CASE(2, a, 2) "," CASE(3, b, 3)), NULL,
        "FIELD_SAME_ONEOF t.E.a: the oneof that it is in has other fields now\n"
        "FIELD_SAME_ONEOF t.E.b: the oneof that it is in has other fields now\n" },
    { EVENT(CASE(2, a, 2) "," CASE(3, b, 2) "," CASE(4, c, 2)), EVENT(CASE(3, b, 1) "," CASE(4, c, 1) "," CASE(1, d, 1)), "t.E.a", "" },
    /* enums */
    { "[" VALUES("t.A", VALUE(0, NONE) "," VALUE(1, RED)) "]", "[" VALUES("t.A", VALUE(0, NONE)) "]", NULL,
        "ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED t.A.RED: it is gone, and .retired doesn't name it\n"
        "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED t.A.RED: its number 1 is gone, and .retired doesn't name it\n" },
    { "[" VALUES("t.A", VALUE(0, NONE) "," VALUE(1, RED)) "]", "[" VALUES("t.A", VALUE(0, NONE)) "]", "t.A.RED", "" },
    { "[" VALUES("t.A", VALUE(1, RED)) "]", "[" VALUES("t.A", VALUE(1, ROUGE)) "]", NULL,
        "ENUM_VALUE_SAME_NAME t.A.RED: its number 1 is called ROUGE now\n" },
    { "[" VALUES("t.A", VALUE(1, RED)) "]", "[" VALUES("t.A", VALUE(1, RED) "," VALUE(1, ROUGE) "," VALUE(-2, BLUE)) "]", NULL, "" },
    { "[" VALUES("t.A", VALUE(1, RED) "," VALUE(1, ROUGE)) "]", "[" VALUES("t.A", VALUE(1, ROUGE)) "]", NULL,
        "ENUM_VALUE_SAME_NAME t.A.RED: its number 1 is called ROUGE now\n" },
};

static void
read(const char *text, weiri_shapes *shapes)
{
    json_t *json = NULL;
    weir_error err = { 0 };

    if (weiri_json_parse(weiri_bytes_of(text), &json, &err) != WEIR_OK || weiri_shapes_read(json, shapes, &err) != WEIR_OK)
        fail_msg("%s: %s", text, err.text);
    json_decref(json);
}

static void
add_breaks(const weiri_changes *changes, weiri_buffer *to)
{
    for (size_t i = 0; i < changes->n; i++)
        if (changes->list[i].rule != NULL)
            weiri_buffer_print(to, "%s %s: %s\n", changes->list[i].rule, changes->list[i].place, changes->list[i].words);
}

static void
test_each_rule_is_told_by_a_pair_and_left_alone_by_another(void **state)
{
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const char *const retired[] = { pairs[i].retired, NULL };
        weiri_shapes old, fresh;
        weiri_changes changes = { 0 };
        weiri_buffer told = { 0 };
        read(pairs[i].old, &old);
        read(pairs[i].fresh, &fresh);
        weiri_shapes_compare(&old, &fresh, retired, &changes);
        add_breaks(&changes, &told);
        assert_string_equal(weiri_buffer_text(&told), pairs[i].breaks);
        const size_t all = changes.n;
        weiri_shapes_compare(&old, &fresh, retired, &changes); /* the same again is no more */
        assert_int_equal(changes.n, all);
        weiri_buffer_fini(&told);
        weiri_changes_fini(&changes);
        weiri_shapes_fini(&old);
        weiri_shapes_fini(&fresh);
    }
}

static void
test_nothing_differs_from_itself(void **state)
{
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        weiri_shapes old;
        weiri_changes changes = { 0 };
        read(pairs[i].old, &old);
        weiri_shapes_compare(&old, &old, NULL, &changes);
        assert_int_equal(changes.n, 0);
        weiri_changes_fini(&changes);
        weiri_shapes_fini(&old);
    }
}

static void
test_what_breaks_nothing_is_told_without_a_rule(void **state)
{
    weiri_shapes old, fresh;
    weiri_changes changes = { 0 };
    static const char *const retired[] = { "t.A.RED", NULL }, *const words[] = { "t.A.RED: is given up", "t.A.BLUE: is new, number 2",
        "t.E.n: it was int32 and is uint32 now", "t.E.m: is new, number 3", "t.F: is new, an event" };

    read("[" VALUES("t.A", VALUE(1, RED)) "," IN_E(FIELD(2, n, int32)) "]", &old);
    read("[" VALUES("t.A", VALUE(2, BLUE)) "," IN_E(
             FIELD(2, n, uint32) "," FIELD(3, m, bool)) ",{\"name\":\"t.F\",\"kind\":\"event\",\"fields\":[]}]",
        &fresh);
    weiri_shapes_compare(&old, &fresh, retired, &changes);
    assert_int_equal(changes.n, sizeof words / sizeof *words);
    for (size_t i = 0; i < changes.n; i++) {
        char line[200];
        (void)snprintf(line, sizeof line, "%s: %s", changes.list[i].place, changes.list[i].words);
        assert_string_equal(line, words[i]);
    }
    weiri_changes_fini(&changes);
    weiri_shapes_fini(&old);
    weiri_shapes_fini(&fresh);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_is_told_by_a_pair_and_left_alone_by_another),
        cmocka_unit_test(test_nothing_differs_from_itself),
        cmocka_unit_test(test_what_breaks_nothing_is_told_without_a_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
