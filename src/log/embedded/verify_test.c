/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "base/hash.h"
#include "log/batch.h"
#include "log/embedded/damage_testing.h"

enum { P = 1, BATCHES = 5, EACH = 4 };

/* Batches in partition 1, each of 4 commands with 0, 1, 2 and 1 events: 4 events and 1 outcome. */
static int
make_log(void **state)
{
    testing_writer writer;

    *state = testing_directory();
    weiri_log *log = damage_open(*state);
    testing_writer_init(&writer, log, P);
    for (unsigned i = 0; i < BATCHES; i++) {
        for (unsigned n = 0; n < EACH; n++)
            (void)testing_writer_decide(&writer, n, n == 3 ? 1 : n, weiri_bytes_of("payload"));
        assert_int_equal(testing_writer_write(&writer), WEIR_OK);
    }
    testing_writer_fini(&writer);
    weiri_log_close(log);
    return 0;
}

static int
remove_log(void **state)
{
    testing_directory_remove(*state);
    return 0;
}

static void
expect_found(const char *dir, const char *words, weiri_verify_report *report)
{
    weiri_buffer found = { 0 };

    damage_verify(dir, &found, report);
    if (*words == '\0' ? found.size != 0 : strstr(weiri_buffer_text(&found), words) == NULL)
        fail_msg("expected \"%s\", found:\n%s", words, weiri_buffer_text(&found));
    weiri_buffer_fini(&found);
}

static void
expect_only(const char *dir, const char *words)
{
    weiri_verify_report report;
    weiri_buffer found = { 0 };

    damage_verify(dir, &found, &report);
    assert_string_equal(weiri_buffer_text(&found), words);
    weiri_buffer_fini(&found);
}

static void
test_a_sound_log_is_clean_and_counted(void **state)
{
    weiri_verify_report report;

    expect_found(*state, "", &report);
    assert_int_equal(report.batches, 3 * BATCHES);
    assert_int_equal(report.damaged, 0);
    assert_int_equal(report.records[WEIRI_TOPIC_COMMANDS], BATCHES * EACH);
    assert_int_equal(report.records[WEIRI_TOPIC_EVENTS], BATCHES * 4);
    assert_int_equal(report.records[WEIRI_TOPIC_OUTCOMES], BATCHES);
    assert_int_equal(report.aggregates, 3);
}

static size_t flip_at;

static void
flip(uint8_t *value, size_t size)
{
    value[flip_at % size] ^= 0x10;
}

/* The third batch of events, offsets 8 to 11, is damaged byte by byte: it is never read, the ones before it are. */
static void
test_damage_is_told_where_it_is_wherever_it_is(void **state)
{
    size_t size = 72 + 4 * (4 + 72 + 13 + 7 + 5 + 4 + 7);
    weiri_chunk chunk = { 0 };
    weiri_record record;
    weir_status status;
    uint64_t offset, reads;
    weir_error err;

    for (flip_at = 0; flip_at < size; flip_at += flip_at < 88 ? 1 : 37) {
        damage_batch(*state, WEIRI_TOPIC_EVENTS, P, 8, flip);
        weiri_log *log = damage_open(*state);
        assert_int_equal(weiri_log_read(log, WEIRI_TOPIC_EVENTS, P, 2, &chunk, &err), WEIR_OK);
        for (reads = 0; weiri_chunk_next(&chunk, &record, &offset, &status); reads++)
            assert_int_equal(offset, 2 + reads);
        assert_int_equal(reads, 6);
        assert_int_equal(chunk.next_offset, 8);
        assert_int_equal(weiri_log_read(log, WEIRI_TOPIC_EVENTS, P, 9, &chunk, &err), WEIR_CORRUPT);
        assert_non_null(strstr(err.text, "events, partition 1, offset 9: "));
        assert_int_equal(weiri_log_read(log, WEIRI_TOPIC_EVENTS, P, 12, &chunk, &err), WEIR_OK);
        weiri_log_close(log);
        if (flip_at % 8 == 3) {
            weiri_verify_report report;
            weiri_buffer found = { 0 };
            damage_verify(*state, &found, &report);
            const char *words = weiri_buffer_text(&found);
            assert_int_equal(strncmp(words, "events, partition 1, offset 8: ", 31), 0);
            assert_ptr_equal(strchr(words, '\n'), words + found.size - 1); /* one line */
            assert_int_equal(report.damaged, 1);
            weiri_buffer_fini(&found);
        }
        damage_batch(*state, WEIRI_TOPIC_EVENTS, P, 8, flip);
    }
    weiri_chunk_fini(&chunk);
}

static void
test_a_missing_batch_is_told(void **state)
{
    weiri_chunk chunk = { 0 };
    weir_error err;
    uint32_t checksum;

    damage_batch(*state, WEIRI_TOPIC_COMMANDS, P, 8, NULL);
    weiri_log *log = damage_open(*state);
    assert_int_equal(weiri_log_read(log, WEIRI_TOPIC_COMMANDS, P, 8, &chunk, &err), WEIR_CORRUPT);
    assert_non_null(strstr(err.text, "commands, partition 1, offset 8: no batch holds it"));
    assert_int_equal(weiri_log_checksum(log, WEIRI_TOPIC_COMMANDS, P, 9, &checksum, &err), WEIR_CORRUPT);
    weiri_log_close(log);
    weiri_chunk_fini(&chunk);
    expect_only(*state, "commands, partition 1, offset 8: no batch holds it; the next one begins at 12\n");
}

static void
sign(uint8_t *value, size_t size)
{
    uint32_t crc = weiri_crc32c(0, value + 8, size - 8);

    memcpy(value + 4, &crc, sizeof crc);
}

static void
rewrite_time(uint8_t *value, size_t size)
{
    value[48]++;
    sign(value, size);
}

/* As after restoring one file from a backup: sound by itself, and not the one that the next batch was chained to. */
static void
test_an_exchanged_batch_breaks_the_chain(void **state)
{
    weiri_buffer found = { 0 };
    weiri_verify_report report;

    damage_batch(*state, WEIRI_TOPIC_EVENTS, P, 4, rewrite_time);
    damage_verify(*state, &found, &report);
    assert_non_null(strstr(weiri_buffer_text(&found), "events, partition 1, offset 8: the batch is chained to checksum "));
    weiri_buffer_fini(&found);
}

static void
test_appending_behind_another_last_batch_is_refused(void **state)
{
    weiri_log *log;
    weir_error err;
    weiri_verify_report report;

    damage_batch(*state, WEIRI_TOPIC_EVENTS, P, 16, rewrite_time);
    assert_int_equal(damage_try_open(*state, false, &log, &err), WEIR_CORRUPT);
    assert_non_null(strstr(err.text, "events, partition 1, offset 20: the last batch ends at 20 and is not the one that was recorded"));
    expect_found(*state, "events, partition 1, offset 20: the last batch has checksum ", &report);
    damage_batch(*state, WEIRI_TOPIC_EVENTS, P, 16, NULL);
    assert_int_equal(damage_try_open(*state, false, &log, &err), WEIR_CORRUPT);
    expect_found(*state, "events, partition 1, offset 16: the batches end here, and the log at 20", &report);
}

static void
test_a_stray_batch_is_told(void **state)
{
    uint8_t key[13] = { WEIRI_TOPIC_SCHEMAS, 0, 0, 0, 3, 0 };
    MDB_val k = { sizeof key, key }, v = { 5, (char[]){ "stray" } };
    MDB_dbi dbi;
    MDB_txn *txn = damage_begin(*state, "batches", &dbi);

    assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
    damage_end(txn);
    expect_only(*state, "schemas, partition 3, offset 0: 5 bytes are too few for a batch\n");
}

/* ---- records that a lane gone wrong would write ------------------------------------------------------- */

static void
no_outcome(testing_writer *writer)
{
    writer->ends[WEIRI_TOPIC_OUTCOMES]--;
    (void)testing_writer_decide(writer, 0, 0, weiri_bytes_of(""));
    weiri_staged_clear(&writer->append.topics[WEIRI_TOPIC_OUTCOMES]);
}

static void
answer_twice(testing_writer *writer)
{
    weiri_record record = { .kind = WEIRI_RECORD_OUTCOME, .type = weiri_bytes_of("weir.accepted") };

    record.source = testing_writer_decide(writer, 1, 1, weiri_bytes_of(""));
    (void)testing_writer_add(writer, WEIRI_TOPIC_OUTCOMES, &record);
}

static void
answer_before_it_came(testing_writer *writer)
{
    weiri_record record = { .kind = WEIRI_RECORD_OUTCOME, .type = weiri_bytes_of("weir.accepted") };

    record.source = testing_writer_decide(writer, 1, 1, weiri_bytes_of("")) + 1;
    (void)testing_writer_add(writer, WEIRI_TOPIC_OUTCOMES, &record);
}

static void
version_gap(testing_writer *writer)
{
    writer->aggregates[1].version++;
    (void)testing_writer_decide(writer, 1, 1, weiri_bytes_of(""));
}

static void
wrong_previous(testing_writer *writer)
{
    writer->aggregates[1].offset--;
    (void)testing_writer_decide(writer, 1, 1, weiri_bytes_of(""));
}

static void
first_twice(testing_writer *writer)
{
    writer->aggregates[1].version = 0;
    (void)testing_writer_decide(writer, 1, 1, weiri_bytes_of(""));
}

static void
late_first(testing_writer *writer)
{
    writer->aggregates[9].version = 4;
    (void)testing_writer_decide(writer, 9, 1, weiri_bytes_of(""));
}

static void
foreign_key(testing_writer *writer)
{
    for (unsigned i = 0; weiri_partition_of(weiri_bytes_of(writer->aggregates[9].key), 4) != 2; i++)
        (void)snprintf(writer->aggregates[9].key, sizeof writer->aggregates[9].key, "other-%u", i);
    (void)testing_writer_decide(writer, 9, 1, weiri_bytes_of(""));
}

static void
unfinished(testing_writer *writer)
{
    weiri_record record = { .kind = WEIRI_RECORD_COMMAND, .type = weiri_bytes_of("t.C"), .source = writer->ends[WEIRI_TOPIC_COMMANDS] };

    record.key = weiri_bytes_of(writer->aggregates[9].key);
    (void)testing_writer_add(writer, WEIRI_TOPIC_COMMANDS, &record);
    record.kind = WEIRI_RECORD_EVENT;
    record.flags = WEIRI_RECORD_FIRST;
    record.version = 1;
    (void)testing_writer_add(writer, WEIRI_TOPIC_EVENTS, &record);
    (void)testing_writer_decide(writer, 1, 1, weiri_bytes_of(""));
}

static void
wrong_kind(testing_writer *writer)
{
    weiri_record record = { .kind = WEIRI_RECORD_COMMAND, .type = weiri_bytes_of("t.C") };

    record.source = testing_writer_decide(writer, 1, 1, weiri_bytes_of(""));
    (void)testing_writer_add(writer, WEIRI_TOPIC_EVENTS, &record);
}

static void
displaced(testing_writer *writer)
{
    weiri_record record = { .kind = WEIRI_RECORD_COMMAND, .type = weiri_bytes_of("t.C"), .source = 3 };

    (void)testing_writer_add(writer, WEIRI_TOPIC_COMMANDS, &record);
}

static void
test_what_a_lane_must_not_write_is_told(void **state)
{
    static const struct {
        void (*write)(testing_writer *writer);
        const char *words;
    } rows[] = {
        { no_outcome, "commands, partition 1, offset 20: the command was never answered, though later ones were (1 such commands)\n" },
        { answer_twice, "outcomes, partition 1, offset 5: command 20 was answered before\n" },
        { answer_before_it_came, "outcomes, partition 1, offset 5: it answers command 21, and its batch 20 to 20\n"
                                 "outcomes, partition 1, offset 5: it answers command 21, but commands from 21 on are not answered yet\n" },
        { version_gap, "events, partition 1, offset 20: version 7 of counter/key-4 follows version 5 at offset 16\n" },
        { wrong_previous,
            "events, partition 1, offset 20: it names another event than the last one of counter/key-4, which is at offset 16 "
            "(command 17, event 0)\n" },
        { first_twice, "events, partition 1, offset 20: version 1 of counter/key-4 follows version 5 at offset 16\n" },
        { late_first, "events, partition 1, offset 20: version 5 of counter/" },
        { foreign_key, "belongs to partition 2\n" },
        { unfinished,
            "events, partition 1, offset 21: the event before it is not the last of command 20's, yet this is event 0 of command 21\n" },
        { wrong_kind, "events, partition 1, offset 21: a record of kind 1 has no place in this topic\n" },
        { displaced, "commands, partition 1, offset 20: the command says that it is at 3\n" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        weiri_verify_report report;
        testing_writer writer;
        if (i > 0) {
            (void)remove_log(state);
            (void)make_log(state);
        }
        weiri_log *log = damage_open(*state);
        testing_writer_init(&writer, log, P);
        rows[i].write(&writer);
        assert_int_equal(testing_writer_write(&writer), WEIR_OK);
        testing_writer_fini(&writer);
        weiri_log_close(log);
        expect_found(*state, rows[i].words, &report);
    }
}

#define VERIFY_TEST(test) cmocka_unit_test_setup_teardown(test, make_log, remove_log)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        VERIFY_TEST(test_a_sound_log_is_clean_and_counted),
        VERIFY_TEST(test_damage_is_told_where_it_is_wherever_it_is),
        VERIFY_TEST(test_a_missing_batch_is_told),
        VERIFY_TEST(test_an_exchanged_batch_breaks_the_chain),
        VERIFY_TEST(test_appending_behind_another_last_batch_is_refused),
        VERIFY_TEST(test_a_stray_batch_is_told),
        VERIFY_TEST(test_what_a_lane_must_not_write_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
