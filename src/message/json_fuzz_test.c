/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "message/fields.h"
#include "message/json.h"
#include "message/random_message.h"
#include "testing.pb-c.h"

enum { MUTATIONS = 50000, LINES = 20000, NODES = 64 };

static const ProtobufCMessageDescriptor *const everything = &testing__v1__everything__descriptor;

static void
replace(weiri_buffer *text, size_t at, size_t old_size, const void *with, size_t size)
{
    weiri_buffer changed = { 0 };

    weiri_buffer_add(&changed, text->data, at);
    weiri_buffer_add(&changed, with, size);
    weiri_buffer_add(&changed, text->data + at + old_size, text->size - at - old_size);
    weiri_buffer_fini(text);
    *text = changed;
}

static void
mutate(random_source *random, weiri_buffer *text)
{
    static const char *const pieces[] = { "{", "}", "[", "]", "\"", ":", ",", "\\", "\\u0000", "\\ud83d", "\\ude00", "null", "true",
        "1e999", "-", "0", ".5", "e5", "99999999999999999999", "\"i32\":", "\"points\":[{}", "\"NaN\"", "\xff", "\xc3\xa9", " ", "\n", "=",
        "\\x", "", "1.0", "\"text\":\"\"" };

    for (uint64_t n = random_next(random) % 4 + 1; n > 0; n--) {
        size_t at = random_next(random) % (text->size + 1), most = text->size - at;
        size_t size = random_next(random) % 5 < 4 ? random_next(random) % 4 : random_next(random) % 64;
        const char *piece = pieces[random_next(random) % (sizeof pieces / sizeof *pieces)];
        size = size < most ? size : most;
        switch (random_next(random) % 5) {
        case 0: /* cut out */
            replace(text, at, size, "", 0);
            break;
        case 1: /* put in */
            replace(text, at, 0, piece, strlen(piece));
            break;
        case 2: /* write over */
            replace(text, at, size, piece, strlen(piece));
            break;
        case 3: /* twice */
            replace(text, at, 0, text->data + at, size);
            break;
        default:
            if (at < text->size)
                text->data[at] = (uint8_t)(text->data[at] ^ 1U << random_next(random) % 8);
        }
    }
}

/* Memory of exactly the text's size, so that a sanitizer sees the first byte read beyond it. */
static weiri_bytes
exactly(const weiri_buffer *text)
{
    void *copy = malloc(text->size == 0 ? 1 : text->size);

    assert_non_null(copy);
    if (text->size > 0)
        memcpy(copy, text->data, text->size);
    return (weiri_bytes){ copy, text->size };
}

/* A tree can't hold some numbers; all else is judged alike by both readers. */
static bool
is_limit_of_trees(const weir_error *err)
{
    return strstr(err->text, "too big") != NULL || strstr(err->text, "real number overflow") != NULL ||
           strstr(err->text, "expected an integer from") != NULL;
}

static void
read_both(weiri_bytes text)
{
    ProtobufCMessage *straight = NULL, *over = NULL;
    weir_error err = { 0 }, tree_err = { 0 };
    json_t *json = NULL;

    weir_status status = weiri_json_parse_message(everything, text, &straight, &err);
    weir_status tree_status = weiri_json_parse(text, &json, &tree_err);
    if (tree_status == WEIR_OK)
        tree_status = weiri_json_to_message(everything, json, &over, &tree_err);
    json_decref(json);
    if (status != tree_status && !(status == WEIR_OK && is_limit_of_trees(&tree_err)))
        fail_msg("%.*s\nstraight: %s\ntree: %s", (int)text.size, (const char *)text.data, err.text, tree_err.text);
    /* -0 is an integer to jansson, and so 0 */
    if (status == WEIR_OK && tree_status == WEIR_OK && memmem(text.data, text.size, "-0", 2) == NULL)
        assert_true(packs_equal(straight, over));
    assert_true(status == WEIR_OK || err.text[0] != '\0');
    protobuf_c_message_free_unpacked(straight, NULL);
    protobuf_c_message_free_unpacked(over, NULL);
}

static void
test_mutated_json_is_judged_alike_by_both_readers(void **state)
{
    random_source random = { 42 };
    weiri_buffer text = { 0 };

    for (int i = 0; i < MUTATIONS; i++) {
        if (i % 8 == 0) {
            ProtobufCMessage *message = random_message(&random, everything);
            weiri_buffer_clear(&text);
            weiri_json_add_message(&text, message, 0);
            protobuf_c_message_free_unpacked(message, NULL);
        }
        mutate(&random, &text);
        weiri_bytes copy = exactly(&text);
        read_both(copy);
        free((void *)(uintptr_t)copy.data);
    }
    weiri_buffer_fini(&text);
}

/* Writes and reads again what was read; takes the message. */
static void
write_back(ProtobufCMessage *message)
{
    ProtobufCMessage *back = NULL;
    weiri_buffer line = { 0 };
    char **arguments = NULL;
    weir_error err;
    size_t n = 0;

    weiri_fields_add_message(&line, message);
    assert_int_equal(weiri_fields_split(weiri_buffer_text(&line), &arguments, &n, &err), WEIR_OK);
    assert_int_equal(weiri_fields_to_message(everything, (const char *const *)arguments, n, &back, &err), WEIR_OK);
    assert_true(packs_equal(message, back));
    weiri_fields_free(arguments, n);
    weiri_buffer_fini(&line);
    protobuf_c_message_free_unpacked(message, NULL);
    protobuf_c_message_free_unpacked(back, NULL);
}

static void
test_mutated_lines_that_are_read_are_written_back(void **state)
{
    random_source random = { 43 };
    weiri_buffer line = { 0 };

    for (int i = 0; i < LINES; i++) {
        ProtobufCMessage *message = random_message(&random, everything);
        char **arguments;
        weir_error err;
        size_t n;
        weiri_buffer_clear(&line);
        weiri_fields_add_message(&line, message);
        protobuf_c_message_free_unpacked(message, NULL);
        mutate(&random, &line);
        char *copy = strdup(weiri_buffer_text(&line));
        if (weiri_fields_split(copy, &arguments, &n, &err) == WEIR_OK) {
            if (weiri_fields_to_message(everything, (const char *const *)arguments, n, &message, &err) == WEIR_OK)
                write_back(message);
            weiri_fields_free(arguments, n);
        }
        free(copy);
    }
    weiri_buffer_fini(&line);
}

static void
nest(weiri_buffer *text, int depth)
{
    weiri_buffer_clear(text);
    for (int i = 1; i < depth; i++)
        weiri_buffer_add_text(text, "{\"next\":");
    weiri_buffer_add_text(text, "{}");
    for (int i = 1; i < depth; i++)
        weiri_buffer_add_char(text, '}');
}

static void
test_nesting_is_bounded(void **state)
{
    ProtobufCMessage *message = NULL;
    weiri_buffer text = { 0 };
    weir_error err = { 0 };
    json_t *json = NULL;

    nest(&text, NODES);
    assert_int_equal(weiri_json_parse_message(&testing__v1__node__descriptor, weiri_buffer_bytes(&text), &message, &err), WEIR_OK);
    protobuf_c_message_free_unpacked(message, NULL);
    for (int depth = NODES + 1; depth < 100000; depth *= 7) {
        nest(&text, depth);
        assert_int_equal(weiri_json_parse_message(&testing__v1__node__descriptor, weiri_buffer_bytes(&text), &message, &err), WEIR_INVALID);
        assert_non_null(strstr(err.text, "next.next"));
        assert_non_null(strstr(err.text, ": more than 64 messages within each other"));
    }
    nest(&text, NODES + 1);
    assert_int_equal(weiri_json_parse(weiri_buffer_bytes(&text), &json, &err), WEIR_OK);
    assert_int_equal(weiri_json_to_message(&testing__v1__node__descriptor, json, &message, &err), WEIR_INVALID);
    assert_non_null(strstr(err.text, ": more than 64 messages within each other"));
    json_decref(json);
    weiri_buffer_fini(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutated_json_is_judged_alike_by_both_readers),
        cmocka_unit_test(test_mutated_lines_that_are_read_are_written_back),
        cmocka_unit_test(test_nesting_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
