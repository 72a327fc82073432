/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "message/record.h"

enum { ROUNDS = 20000, SMALL = 40 };

static uint64_t
draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static weiri_bytes
draw_bytes(uint64_t *seed, uint8_t *room, size_t most)
{
    size_t size = draw(seed) % (most + 1);

    for (size_t i = 0; i < size; i++)
        room[i] = (uint8_t)draw(seed);
    return (weiri_bytes){ room, size };
}

static void
draw_record(uint64_t *seed, uint8_t rooms[5][300], weiri_buffer *headers, weiri_record *record)
{
    weiri_buffer_clear(headers);
    for (uint64_t i = draw(seed) % 4; i > 0; i--) {
        uint8_t room[SMALL];
        weiri_headers_add(headers, i % 2 ? WEIRI_HEADER_SOURCE : "x", draw_bytes(seed, room, sizeof room));
    }
    *record = (weiri_record){
        .kind = (uint8_t)(1 + draw(seed) % 3),
        .flags = (uint8_t)draw(seed),
        .time_ms = (int64_t)(draw(seed) << 40 | draw(seed)),
        .source = draw(seed) << 35 | draw(seed),
        .index = (uint32_t)draw(seed),
        .version = draw(seed) << 35 | draw(seed),
        .expected_version = draw(seed) << 35 | draw(seed),
        .previous_source = draw(seed) << 35 | draw(seed),
        .previous_index = (uint32_t)draw(seed),
        .previous_offset = draw(seed) % 2 ? WEIRI_NO_OFFSET : draw(seed),
        .type = draw_bytes(seed, rooms[0], 300),
        .aggregate = draw_bytes(seed, rooms[1], 255),
        .key = draw_bytes(seed, rooms[2], 255),
        .id = draw_bytes(seed, rooms[3], 128),
        .payload = draw_bytes(seed, rooms[4], 300),
        .headers = weiri_buffer_bytes(headers),
    };
}

static void
assert_same(weiri_bytes a, weiri_bytes b)
{
    assert_true(weiri_bytes_equal(a, b));
}

static void
test_a_record_comes_back_as_it_was(void **state)
{
    uint64_t seed = 7;
    uint8_t rooms[5][300];
    weiri_buffer headers = { 0 };

    for (unsigned i = 0; i < ROUNDS; i++) {
        weiri_record record, back;
        draw_record(&seed, rooms, &headers, &record);
        const size_t size = weiri_record_size(&record);
        uint8_t *bytes = malloc(size);
        weiri_record_write(&record, bytes);
        assert_int_equal(weiri_record_read((weiri_bytes){ bytes, size }, &back), WEIR_OK);
        assert_int_equal(back.kind, record.kind);
        assert_int_equal(back.flags, record.flags);
        assert_true(back.time_ms == record.time_ms && back.source == record.source && back.version == record.version);
        assert_true(back.expected_version == record.expected_version && back.index == record.index);
        assert_true(back.previous_source == record.previous_source && back.previous_index == record.previous_index);
        assert_true(back.previous_offset == record.previous_offset);
        assert_same(back.type, record.type);
        assert_same(back.aggregate, record.aggregate);
        assert_same(back.key, record.key);
        assert_same(back.id, record.id);
        assert_same(back.headers, record.headers);
        assert_same(back.payload, record.payload);
        free(bytes);
    }
    weiri_buffer_fini(&headers);
}

static uint8_t
touch(weiri_bytes part, weiri_bytes whole, uint8_t sum)
{
    const uint8_t *p = part.data, *first = whole.data;

    assert_true(p >= first && part.size <= whole.size && (size_t)(p - first) <= whole.size - part.size);
    for (size_t i = 0; i < part.size; i++)
        sum ^= p[i];
    return sum;
}

/* Reads `size` bytes that end where their memory ends, and touches all that the record says it has. */
static weir_status
read_and_touch(const uint8_t *bytes, size_t size)
{
    static volatile uint8_t sink;
    uint8_t *exact = malloc(size == 0 ? 1 : size);
    weiri_record record;
    weiri_bytes whole = { exact, size }, value;
    uint64_t number;

    memcpy(exact, bytes, size);
    weir_status status = weiri_record_read(whole, &record);
    assert_true(status == WEIR_OK || status == WEIR_CORRUPT);
    if (status == WEIR_OK) {
        sink = touch(record.type, whole, touch(record.aggregate, whole, touch(record.key, whole, 0)));
        sink = touch(record.id, whole, touch(record.headers, whole, touch(record.payload, whole, sink)));
        if (weiri_headers_find(record.headers, WEIRI_HEADER_SOURCE, &value))
            sink = touch(value, whole, sink);
        (void)weiri_headers_find_number(record.headers, "x", &number);
    }
    free(exact);
    return status;
}

static void
test_every_truncation_is_corrupt(void **state)
{
    uint64_t seed = 11;
    uint8_t rooms[5][300];
    weiri_buffer headers = { 0 };

    for (unsigned round = 0; round < 20; round++) {
        weiri_record record;
        draw_record(&seed, rooms, &headers, &record);
        const size_t size = weiri_record_size(&record);
        uint8_t *bytes = malloc(size);
        weiri_record_write(&record, bytes);
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(read_and_touch(bytes, cut), WEIR_CORRUPT);
        assert_int_equal(read_and_touch(bytes, size), WEIR_OK);
        free(bytes);
    }
    weiri_buffer_fini(&headers);
}

static void
test_a_flipped_bit_never_leads_outside(void **state)
{
    uint64_t seed = 13;
    uint8_t rooms[5][300];
    weiri_buffer headers = { 0 };
    unsigned corrupt = 0;

    for (unsigned round = 0; round < 20; round++) {
        weiri_record record;
        draw_record(&seed, rooms, &headers, &record);
        const size_t size = weiri_record_size(&record);
        uint8_t *bytes = malloc(size);
        weiri_record_write(&record, bytes);
        for (size_t bit = 0; bit < 8 * size; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            corrupt += read_and_touch(bytes, size) == WEIR_CORRUPT;
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        free(bytes);
    }
    assert_true(corrupt > 0);
    weiri_buffer_fini(&headers);
}

static void
test_random_bytes_never_lead_outside(void **state)
{
    uint64_t seed = 17;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint8_t bytes[200];
        weiri_bytes drawn = draw_bytes(&seed, bytes, sizeof bytes);
        for (size_t i = 2; i < 8 && i < drawn.size; i++) /* small sizes, so that some of them fit */
            bytes[i] = i == 3 || i == 7 ? 0 : bytes[i] % 32;
        for (size_t i = 64; i < 72 && i < drawn.size; i++)
            bytes[i] = i % 4 == 0 ? bytes[i] % 32 : 0;
        if (drawn.size > 0)
            bytes[0] %= 4;
        (void)read_and_touch(bytes, drawn.size);
    }
}

/* Of a record as format 1 has it, written down by hand from docs/formats/record.md. */
static const uint8_t golden[] = {
    2, 4 | 8, 3, 0, 2, 1, 4, 0,                       /* an event, first and last; sizes of type, aggregate, key, id */
    0xd2, 0x04, 0, 0, 0, 0, 0, 0,                     /* time 1234 */
    9, 0, 0, 0, 0, 0, 0, 0,                           /* source */
    1, 0, 0, 0, 0, 0, 0, 0,                           /* version */
    0, 1, 0, 0, 0, 0, 0, 0,                           /* expected version 256 */
    3, 0, 0, 0, 5, 0, 0, 0,                           /* index, previous index */
    7, 0, 0, 0, 0, 0, 0, 0,                           /* previous source */
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,   /* previous offset: none */
    2, 0, 0, 0, 10, 0, 0, 0,                          /* sizes of payload and headers */
    'a', '.', 'B', 'a', 'g', 'k', 'i', 'd', '-', '1', /* type, aggregate, key, id */
    1, 0, 3, 0, 0, 0, 'x', '4', '2', '0',             /* header x: 420 */
    0x08, 0x01,                                       /* payload */
};

static void
test_the_bytes_are_those_of_the_format(void **state)
{
    weiri_record record;
    uint64_t number = 0;
    uint8_t again[sizeof golden];

    assert_int_equal(weiri_record_read((weiri_bytes){ golden, sizeof golden }, &record), WEIR_OK);
    assert_int_equal(record.kind, WEIRI_RECORD_EVENT);
    assert_int_equal(record.flags, WEIRI_RECORD_FIRST | WEIRI_RECORD_LAST);
    assert_true(record.time_ms == 1234 && record.source == 9 && record.version == 1 && record.expected_version == 256);
    assert_true(record.index == 3 && record.previous_index == 5 && record.previous_source == 7);
    assert_true(record.previous_offset == WEIRI_NO_OFFSET);
    assert_true(weiri_bytes_are(record.type, "a.B") && weiri_bytes_are(record.aggregate, "ag"));
    assert_true(weiri_bytes_are(record.key, "k") && weiri_bytes_are(record.id, "id-1"));
    assert_true(weiri_headers_find_number(record.headers, "x", &number) && number == 420);
    assert_int_equal(record.payload.size, 2);
    assert_int_equal(weiri_record_size(&record), sizeof golden);
    weiri_record_write(&record, again);
    assert_memory_equal(again, golden, sizeof golden);
}

static void
test_a_reader_tolerates_what_it_does_not_know(void **state)
{
    uint8_t bytes[sizeof golden + 8] = { 0 };
    weiri_record record;

    memcpy(bytes, golden, sizeof golden);
    bytes[1] = 0xff;
    assert_int_equal(weiri_record_read((weiri_bytes){ bytes, sizeof bytes }, &record), WEIR_OK);
    assert_int_equal(record.flags, 0xff);
    assert_int_equal(record.payload.size, 2);
    for (unsigned kind = 0; kind < 256; kind++) {
        bytes[0] = (uint8_t)kind;
        assert_int_equal(weiri_record_read((weiri_bytes){ bytes, sizeof bytes }, &record), kind >= 1 && kind <= 3 ? WEIR_OK : WEIR_CORRUPT);
    }
}

static void
test_headers_that_do_not_fill_their_bytes_are_corrupt(void **state)
{
    uint8_t bytes[sizeof golden];
    weiri_record record;

    memcpy(bytes, golden, sizeof golden);
    bytes[72 + 10 + 2] = 4; /* the value's size: one more than there is */
    assert_int_equal(weiri_record_read((weiri_bytes){ bytes, sizeof bytes }, &record), WEIR_CORRUPT);
    bytes[72 + 10 + 2] = 2; /* one less: a byte is left over */
    assert_int_equal(weiri_record_read((weiri_bytes){ bytes, sizeof bytes }, &record), WEIR_CORRUPT);
    bytes[72 + 10 + 2] = 3;
    bytes[72 + 10 + 5] = 0xff;
    assert_int_equal(weiri_record_read((weiri_bytes){ bytes, sizeof bytes }, &record), WEIR_CORRUPT);
}

static void
test_headers_are_found_by_name(void **state)
{
    weiri_buffer headers = { 0 };
    weiri_bytes value;
    uint64_t number = 5;

    assert_false(weiri_headers_find(weiri_buffer_bytes(&headers), "a", &value));
    weiri_headers_add(&headers, "a", weiri_bytes_of("one"));
    weiri_headers_add(&headers, "ab", weiri_bytes_of(""));
    weiri_headers_add_number(&headers, "n", UINT64_MAX);
    weiri_headers_add(&headers, "a", weiri_bytes_of("two"));
    weiri_headers_add(&headers, "bad", weiri_bytes_of("12x"));
    weiri_headers_add(&headers, "long", weiri_bytes_of("00000000000000000000000000000000001"));
    weiri_headers_add(&headers, "nul",
        (weiri_bytes){ "1\0"
                       "2",
            3 });
    const weiri_bytes all = weiri_buffer_bytes(&headers);
    assert_true(weiri_headers_find(all, "a", &value) && weiri_bytes_are(value, "one"));
    assert_true(weiri_headers_find(all, "ab", &value) && value.size == 0);
    assert_false(weiri_headers_find(all, "b", &value));
    assert_false(weiri_headers_find(all, "", &value));
    assert_false(weiri_headers_find_number(all, "ab", &number));
    assert_false(weiri_headers_find_number(all, "bad", &number));
    assert_false(weiri_headers_find_number(all, "long", &number));
    assert_false(weiri_headers_find_number(all, "nul", &number));
    assert_int_equal(number, 5);
    assert_true(weiri_headers_find_number(all, "n", &number) && number == UINT64_MAX);
    weiri_buffer_fini(&headers);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_truncation_is_corrupt),
        cmocka_unit_test(test_a_flipped_bit_never_leads_outside),
        cmocka_unit_test(test_random_bytes_never_lead_outside),
        cmocka_unit_test(test_headers_that_do_not_fill_their_bytes_are_corrupt),
        cmocka_unit_test(test_a_reader_tolerates_what_it_does_not_know),
        cmocka_unit_test(test_the_bytes_are_those_of_the_format),
        cmocka_unit_test(test_a_record_comes_back_as_it_was),
        cmocka_unit_test(test_headers_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
