/* SPDX-License-Identifier: Apache-2.0
 * Shapes out of descriptors, as JSON and back, and what is no such JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "message/json.h"
#include "message/shapes.h"
#include "test/testing_module.h"

static weir_status
read(weiri_bytes text, weiri_shapes *shapes, weir_error *err)
{
    json_t *json = NULL;

    assert_int_equal(weiri_json_parse(text, &json, err), WEIR_OK);
    weir_status status = weiri_shapes_read(json, shapes, err);
    json_decref(json);
    return status;
}

static void
test_shapes_are_those_of_the_messages_in_the_log(void **state)
{
    static const char *const names[] = { "testing.v1.Add", "testing.v1.Added", "testing.v1.Colour", "testing.v1.Point", "testing.v1.Reset",
        "testing.v1.Tick", "testing.v1.Ticked", "testing.v1.TickedOnce", "testing.v1.WasReset" };
    weiri_shapes shapes;

    weiri_shapes_of(&testing_module, &shapes);
    assert_int_equal(shapes.n, sizeof names / sizeof *names); /* states are not in the log */
    for (size_t i = 0; i < shapes.n; i++)
        assert_string_equal(shapes.list[i].name, names[i]);
    assert_int_equal(weiri_shapes_find(&shapes, "testing.v1.Add")->kind, WEIRI_SHAPE_COMMAND);
    assert_int_equal(weiri_shapes_find(&shapes, "testing.v1.TickedOnce")->kind, WEIRI_SHAPE_EVENT);
    assert_int_equal(weiri_shapes_find(&shapes, "testing.v1.Point")->kind, WEIRI_SHAPE_NESTED);
    assert_null(weiri_shapes_find(&shapes, "testing.v1.Counter"));

    const weiri_shape *ticked = weiri_shapes_find(&shapes, "testing.v1.Ticked");
    assert_int_equal(ticked->n, 7);
    assert_true(ticked->fields[2].repeated && ticked->fields[2].type == PROTOBUF_C_TYPE_MESSAGE);
    assert_string_equal(ticked->fields[2].of, "testing.v1.Point");
    assert_string_equal(ticked->fields[4].of, "testing.v1.Colour");
    assert_true(ticked->fields[5].oneof == 6 && ticked->fields[4].oneof == 0);
    const weiri_shape *colour = weiri_shapes_find(&shapes, "testing.v1.Colour");
    assert_true(colour->n == 3 && colour->fields[2].number == 5 && strcmp(colour->fields[2].name, "BLUE") == 0);
    weiri_shapes_fini(&shapes);
}

static void
test_what_is_written_reads_back_to_the_same_bytes(void **state)
{
    weiri_shapes shapes, again;
    weiri_buffer first = { 0 }, second = { 0 };
    weir_error err;

    weiri_shapes_of(&testing_module, &shapes);
    weiri_shapes_write(&shapes, &first);
    assert_int_equal(read(weiri_buffer_bytes(&first), &again, &err), WEIR_OK);
    weiri_shapes_write(&again, &second);
    assert_string_equal(weiri_buffer_text(&first), weiri_buffer_text(&second));
    assert_non_null(strstr(weiri_buffer_text(&first),
        "{\"name\":\"testing.v1.TickedOnce\",\"kind\":\"event\",\"fields\":[{\"number\":1,\"name\":\"tally_id\",\"type\":\"int64\"}]}"));
    weiri_buffer_fini(&first);
    weiri_buffer_fini(&second);
    weiri_shapes_fini(&shapes);
    weiri_shapes_fini(&again);
}

static void
test_the_order_of_tables_does_not_count(void **state)
{
    weir_module turned = testing_module;
    weiri_shapes shapes, other;
    weiri_buffer first = { 0 }, second = { 0 };

    turned.aggregates[0] = testing_module.aggregates[1];
    turned.aggregates[1] = testing_module.aggregates[0];
    weiri_shapes_of(&testing_module, &shapes);
    weiri_shapes_of(&turned, &other);
    weiri_shapes_write(&shapes, &first);
    weiri_shapes_write(&other, &second);
    assert_string_equal(weiri_buffer_text(&first), weiri_buffer_text(&second));
    weiri_buffer_fini(&first);
    weiri_buffer_fini(&second);
    weiri_shapes_fini(&shapes);
    weiri_shapes_fini(&other);
}

static void
test_a_broken_list_is_told_with_its_place(void **state)
{
    static const char *const pairs[][2] = {
        { "{}", "the messages are no list" },
        { "[7]", "a message has no name" },
        { "[{\"name\":\"\",\"kind\":\"event\",\"fields\":[]}]", "a message has no name" },
        { "[{\"name\":\"t.E\",\"kind\":\"thing\",\"fields\":[]}]", "t.E is of no known kind" },
        { "[{\"name\":\"t.E\",\"fields\":[]}]", "t.E is of no known kind" },
        { "[{\"name\":\"t.E\",\"kind\":\"event\"}]", "t.E has no list of its fields" },
        { "[{\"name\":\"t.E\",\"kind\":\"enum\",\"fields\":[]}]", "t.E has no list of its values" },
        { "[{\"name\":\"t.E\",\"kind\":\"event\",\"fields\":[{}]}]", "a field of t.E has no name" },
        { "[{\"name\":\"t.E\",\"kind\":\"event\",\"fields\":[{\"name\":\"x\",\"number\":0,\"type\":\"bool\"}]}]",
            "t.E.x has no number that it could have" },
        { "[{\"name\":\"t.E\",\"kind\":\"event\",\"fields\":[{\"name\":\"x\",\"number\":\"1\",\"type\":\"bool\"}]}]",
            "t.E.x has no number that it could have" },
        { "[{\"name\":\"t.E\",\"kind\":\"event\",\"fields\":[{\"name\":\"x\",\"number\":1,\"type\":\"int128\"}]}]",
            "t.E.x has no type that Protobuf knows" },
        { "[{\"name\":\"t.E\",\"kind\":\"event\",\"fields\":[{\"name\":\"x\",\"number\":1,\"type\":\"enum\"}]}]",
            "t.E.x is enum and doesn't say of which" },
        { "[{\"name\":\"t.F\",\"kind\":\"event\",\"fields\":[]},{\"name\":\"t.E\",\"kind\":\"event\",\"fields\":[]}]",
            "t.E stands out of its order" },
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        weiri_shapes shapes = { .n = 77 };
        weir_error err = { 0 };
        assert_int_equal(read(weiri_bytes_of(pairs[i][0]), &shapes, &err), WEIR_CORRUPT);
        assert_int_equal(err.status, WEIR_CORRUPT);
        if (strncmp(err.text, pairs[i][1], strlen(pairs[i][1])) != 0)
            fail_msg("expected '%s', got '%s'", pairs[i][1], err.text);
        assert_int_equal(shapes.n, 77);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes_are_those_of_the_messages_in_the_log),
        cmocka_unit_test(test_what_is_written_reads_back_to_the_same_bytes),
        cmocka_unit_test(test_the_order_of_tables_does_not_count),
        cmocka_unit_test(test_a_broken_list_is_told_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
