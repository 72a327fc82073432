/* SPDX-License-Identifier: Apache-2.0
 * The embedded log as the local copy of a log elsewhere: whose copy it is, its mark, and what verifying makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "log/embedded/damage_testing.h"

enum { ID = 0xabcdef, MARK = 56 };

static weir_status
try_open(const char *dir, uint64_t copy_of, bool read_only, weiri_log **ret_log, weir_error *err)
{
    const weiri_embedded_config config = { .dir = dir,
        .module = "testing",
        .partitions = 4,
        .copy_of = copy_of,
        .read_only = read_only,
        .reserve_bytes = 1,
        .world = &weiri_world_real };

    return weiri_embedded_open(&config, ret_log, err);
}

static weiri_log *
open_copy(const char *dir)
{
    weiri_log *log = NULL;
    weir_error err;

    if (try_open(dir, ID, false, &log, &err) != WEIR_OK)
        fail_msg("%s", err.text);
    return log;
}

/* As from Kafka: no commands, sources with gaps. */
static void
append_some(weiri_log *log, uint64_t source, const char *mark)
{
    testing_writer writer;

    testing_writer_init(&writer, log, 1);
    for (unsigned i = 0; i < 10; i++) {
        const uint64_t next = source + 3 * i;
        writer.ends[WEIRI_TOPIC_COMMANDS] = next;
        (void)testing_writer_decide(&writer, i, i % 3, weiri_bytes_of("p"));
        weiri_staged_clear(&writer.append.topics[WEIRI_TOPIC_COMMANDS]);
    }
    writer.append.first_source = source;
    writer.append.mark = weiri_bytes_of(mark);
    assert_int_equal(testing_writer_write(&writer), WEIR_OK);
    testing_writer_fini(&writer);
}

static void
test_a_copy_is_refused_to_who_does_not_name_its_log(void **state)
{
    char *dir = testing_directory();
    weir_error err = { 0 };
    weiri_log *log = open_copy(dir);

    assert_int_equal(weiri_log_identity_of(log)->id, ID);
    weiri_log_close(log);
    assert_int_equal(try_open(dir, 7, false, &log, &err), WEIR_INVALID);
    assert_non_null(strstr(err.text, "holds a copy of log 0000000000abcdef, and the log on Kafka is 0000000000000007"));
    assert_int_equal(try_open(dir, 0, false, &log, &err), WEIR_INVALID);
    assert_non_null(strstr(err.text, "holds the local copy of a log on Kafka"));
    assert_int_equal(try_open(dir, 0, true, &log, &err), WEIR_OK);
    weiri_log_close(log);
    testing_directory_remove(dir);
}

static void
test_a_log_of_its_own_is_no_copy(void **state)
{
    char *dir = testing_directory();
    weir_error err = { 0 };
    weiri_log *log;

    assert_int_equal(try_open(dir, 0, false, &log, &err), WEIR_OK);
    const uint64_t id = weiri_log_identity_of(log)->id;
    weiri_log_close(log);
    assert_int_equal(try_open(dir, id, false, &log, &err), WEIR_INVALID);
    assert_non_null(strstr(err.text, "holds a log of its own"));
    testing_directory_remove(dir);
}

static void
test_the_mark_is_that_of_the_last_append_which_left_one(void **state)
{
    char *dir = testing_directory();
    weiri_buffer mark = { 0 };
    weir_error err;
    weiri_log *log = open_copy(dir);

    assert_int_equal(weiri_embedded_mark(log, 1, &mark, &err), WEIR_OK);
    assert_int_equal(mark.size, 0);
    append_some(log, 100, "first");
    append_some(log, 200, "");
    weiri_log_close(log);
    log = open_copy(dir);
    assert_int_equal(weiri_embedded_mark(log, 1, &mark, &err), WEIR_OK);
    assert_true(weiri_bytes_are(weiri_buffer_bytes(&mark), "first"));
    assert_int_equal(weiri_embedded_mark(log, 2, &mark, &err), WEIR_OK);
    assert_int_equal(mark.size, 0);
    append_some(log, 300, "second");
    assert_int_equal(weiri_embedded_mark(log, 1, &mark, &err), WEIR_OK);
    assert_true(weiri_bytes_are(weiri_buffer_bytes(&mark), "second"));
    weiri_log_close(log);
    weiri_buffer_fini(&mark);
    testing_directory_remove(dir);
}

static void
spoil(uint8_t *value, size_t size)
{
    value[size - 1] ^= 1;
}

static void
test_a_damaged_mark_is_told(void **state)
{
    static const uint8_t key[] = { 'm', 'a', 'r', 'k', 0, 0, 0, 1 };
    char *dir = testing_directory();
    weiri_buffer mark = { 0 };
    weir_error err = { 0 };
    weiri_log *log = open_copy(dir);

    append_some(log, 100, "first");
    weiri_log_close(log);
    damage_value(dir, "meta", key, sizeof key, spoil);
    log = open_copy(dir);
    assert_int_equal(weiri_embedded_mark(log, 1, &mark, &err), WEIR_CORRUPT);
    assert_non_null(strstr(err.text, "partition 1: the mark of the local copy is damaged"));
    weiri_log_close(log);
    weiri_buffer_fini(&mark);
    testing_directory_remove(dir);
}

static void
test_the_end_of_its_commands_is_the_next_one(void **state)
{
    char *dir = testing_directory();
    weiri_chunk chunk = { 0 };
    weir_error err;
    weiri_log *log = open_copy(dir);

    append_some(log, 100, "m");
    assert_int_equal(weiri_log_next_command(log, 1), 128);
    assert_int_equal(weiri_log_end(log, WEIRI_TOPIC_COMMANDS, 1), 128);
    assert_int_equal(weiri_log_read(log, WEIRI_TOPIC_COMMANDS, 1, 0, &chunk, &err), WEIR_OK);
    assert_int_equal(chunk.bytes.size, 0);
    weiri_chunk_fini(&chunk);
    weiri_log_close(log);
    testing_directory_remove(dir);
}

static void
test_verifying_a_copy_misses_no_commands(void **state)
{
    char *dir = testing_directory();
    weiri_verify_report report;
    weiri_buffer found = { 0 };
    weiri_log *log = open_copy(dir);

    append_some(log, 100, "m");
    append_some(log, 200, "m");
    weiri_log_close(log);
    damage_verify(dir, &found, &report);
    assert_string_equal(weiri_buffer_text(&found), "");
    assert_int_equal(report.records[WEIRI_TOPIC_EVENTS], 18);
    assert_int_equal(report.records[WEIRI_TOPIC_OUTCOMES], 8);
    weiri_buffer_fini(&found);
    testing_directory_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_copy_is_refused_to_who_does_not_name_its_log),
        cmocka_unit_test(test_a_log_of_its_own_is_no_copy),
        cmocka_unit_test(test_a_damaged_mark_is_told),
        cmocka_unit_test(test_the_mark_is_that_of_the_last_append_which_left_one),
        cmocka_unit_test(test_the_end_of_its_commands_is_the_next_one),
        cmocka_unit_test(test_verifying_a_copy_misses_no_commands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
