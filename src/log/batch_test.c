/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "base/hash.h"
#include "log/batch.h"

static weiri_append append; /* events of partition 3: two records */
static uint8_t batch[512];
static size_t batch_size;

static int
make_batch(void **state)
{
    weiri_record record = { .kind = WEIRI_RECORD_EVENT, .type = weiri_bytes_of("a.B"), .key = weiri_bytes_of("k") };

    append = (weiri_append){ .partition = 3, .first_source = 7, .last_source = 8, .next_command = 9, .time_ms = 1000 };
    append.base[WEIRI_TOPIC_EVENTS] = 40;
    weiri_staged_add(&append.topics[WEIRI_TOPIC_EVENTS], &record);
    record.payload = weiri_bytes_of("payload");
    weiri_staged_add(&append.topics[WEIRI_TOPIC_EVENTS], &record);
    batch_size = weiri_log_batch_size(&append.topics[WEIRI_TOPIC_EVENTS]);
    assert_true(batch_size <= sizeof batch);
    (void)weiri_log_batch_write(&append, WEIRI_TOPIC_EVENTS, 0x01020304, batch);
    return 0;
}

static int
free_batch(void **state)
{
    weiri_staged_fini(&append.topics[WEIRI_TOPIC_EVENTS]);
    return 0;
}

static weir_status
check(size_t size, weiri_log_batch_header *ret_header)
{
    weir_error err;

    return weiri_log_batch_check((weiri_bytes){ batch, size }, WEIRI_TOPIC_EVENTS, 3, ret_header, &err);
}

/* The bytes that docs/formats/log.md promises; the records are record.h's. */
static void
test_the_bytes_are_those_of_format_1(void **state)
{
    static const uint8_t head[] = { 'W', 'R', 'B', '1', 0, 0, 0, 0, 4, 3, 2, 1, 2, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0,
        8, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0xe8, 3, 0, 0, 0, 0, 0, 0, 239, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
        /* the table */ 0, 0, 0, 0, 76, 0, 0, 0 };
    uint32_t crc;

    assert_int_equal(batch_size, 72 + 8 + 76 + 83);
    assert_memory_equal(batch, head, 4);
    assert_memory_equal(batch + 8, head + 8, sizeof head - 8);
    memcpy(&crc, batch + 4, sizeof crc);
    assert_int_equal(crc, weiri_crc32c(0, batch + 8, batch_size - 8));
    assert_memory_equal(batch + 80 + 72, "a.Bk", 4);
    assert_memory_equal(batch + batch_size - 11, "a.Bkpayload", 11);
}

static void
test_every_changed_bit_is_noticed(void **state)
{
    weiri_log_batch_header header;

    assert_int_equal(check(batch_size, &header), WEIR_OK);
    for (size_t bit = 0; bit < 8 * batch_size; bit++) {
        batch[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(check(batch_size, &header), WEIR_CORRUPT);
        batch[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    assert_int_equal(check(batch_size, &header), WEIR_OK);
}

static void
test_a_cut_batch_is_noticed(void **state)
{
    weiri_log_batch_header header;

    for (size_t size = 0; size < batch_size; size++)
        assert_int_equal(check(size, &header), WEIR_CORRUPT);
    assert_int_equal(check(batch_size + 1, &header), WEIR_CORRUPT);
}

static void
test_a_batch_of_another_place_is_refused(void **state)
{
    weiri_log_batch_header header;
    weir_error err;

    assert_int_equal(weiri_log_batch_check((weiri_bytes){ batch, batch_size }, WEIRI_TOPIC_EVENTS, 2, &header, &err), WEIR_CORRUPT);
    assert_string_equal(err.text, "the batch belongs to topic 1, partition 3");
    assert_int_equal(weiri_log_batch_check((weiri_bytes){ batch, batch_size }, WEIRI_TOPIC_COMMANDS, 3, &header, &err), WEIR_CORRUPT);
}

/* A writer gone wrong could sign nonsense: the checksum is right, and the table points outside. */
static void
test_a_table_that_points_outside_is_never_followed(void **state)
{
    static const uint32_t wrong[] = { 160, 1000, UINT32_MAX };
    weiri_chunk chunk = { 0 };
    weiri_log_batch_header header;
    weiri_record record;
    weir_status status;
    uint64_t offset;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memcpy(batch + 76, &wrong[i], sizeof wrong[i]);
        header.crc = weiri_crc32c(0, batch + 8, batch_size - 8);
        memcpy(batch + 4, &header.crc, sizeof header.crc);
        assert_int_equal(check(batch_size, &header), WEIR_OK);
        weiri_chunk_fini(&chunk);
        weiri_buffer_add(&chunk.bytes, batch, batch_size);
        assert_true(weiri_chunk_next(&chunk, &record, &offset, &status));
        assert_int_equal(status, WEIR_CORRUPT);
        assert_int_equal(offset, 40);
        assert_int_equal(record.kind, 0);
        assert_false(weiri_chunk_next(&chunk, &record, &offset, &status));
        assert_int_equal(status, WEIR_CORRUPT);
    }
    weiri_chunk_fini(&chunk);
}

static void
test_a_chunk_gives_records_from_where_it_stands(void **state)
{
    weiri_chunk chunk = { .record_at = 1 };
    weiri_record record;
    weir_status status;
    uint64_t offset;

    weiri_buffer_add(&chunk.bytes, batch, batch_size);
    weiri_buffer_add(&chunk.bytes, batch, batch_size);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(weiri_chunk_next(&chunk, &record, &offset, &status));
        assert_int_equal(status, WEIR_OK);
        assert_int_equal(offset, i == 1 ? 40 : 41);
        assert_true(weiri_bytes_are(record.payload, i == 1 ? "" : "payload"));
    }
    assert_false(weiri_chunk_next(&chunk, &record, &offset, &status));
    assert_int_equal(status, WEIR_OK);
    weiri_chunk_fini(&chunk);
}

#define BATCH_TEST(test) cmocka_unit_test_setup_teardown(test, make_batch, free_batch)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        BATCH_TEST(test_the_bytes_are_those_of_format_1),
        BATCH_TEST(test_every_changed_bit_is_noticed),
        BATCH_TEST(test_a_cut_batch_is_noticed),
        BATCH_TEST(test_a_batch_of_another_place_is_refused),
        BATCH_TEST(test_a_table_that_points_outside_is_never_followed),
        BATCH_TEST(test_a_chunk_gives_records_from_where_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
