/* SPDX-License-Identifier: Apache-2.0
 * Random appends, reads and reopenings against a model in memory. WEIR_TEST_SEED chooses another run, WEIR_TEST_STEPS a
 * longer one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/hash.h"
#include "base/text.h"
#include "log/log_testing.h"
#include "log_embedded.h"

enum { PARTITIONS = 4, STEPS = 300, RECORDS_MOST = 12, PAYLOAD_MOST = 400 * 1024 };

static struct {
    weiri_log *log;
    testing_writer writers[PARTITIONS];
    weiri_buffer hashes[WEIRI_TOPICS][PARTITIONS]; /* uint64_t each: what was appended, in order */
    uint64_t random;
    uint8_t payload[PAYLOAD_MOST];
} model;

static uint64_t
number_from(const char *name, uint64_t otherwise)
{
    uint64_t value = otherwise;
    const char *text = getenv(name);

    if (text != NULL)
        assert_true(weiri_text_to_uint64(text, &value));
    return value;
}

static uint64_t
draw(uint64_t below)
{
    model.random = weiri_hash64(1, &model.random, sizeof model.random);
    return model.random % below;
}

static uint64_t
hash_of(const weiri_record *record)
{
    return weiri_hash64(record->source ^ record->version << 32 ^ (uint64_t)record->kind << 60, record->payload.data, record->payload.size);
}

static void
open_all(const char *place)
{
    weir_error err;

    if (log_embedded.open(place, "testing", PARTITIONS, false, &model.log, &err) != WEIR_OK)
        fail_msg("%s", err.text);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        testing_writer_init(&model.writers[p], model.log, p);
}

static void
close_all(void)
{
    for (uint32_t p = 0; p < PARTITIONS; p++)
        testing_writer_fini(&model.writers[p]);
    weiri_log_close(model.log);
}

static void
stage(uint32_t partition)
{
    testing_writer *writer = &model.writers[partition];

    for (uint64_t n = 1 + draw(RECORDS_MOST); n > 0; n--) {
        unsigned topic = (unsigned)draw(WEIRI_TOPICS);
        size_t size = (size_t)(draw(50) == 0 ? draw(PAYLOAD_MOST) : draw(3) * draw(900));
        weiri_record record = {
            .kind = (uint8_t)(1 + draw(3)), .type = weiri_bytes_of("a.B"), .source = draw(1000), .version = draw(1000)
        };
        for (size_t i = 0; i < size; i += 8)
            model.payload[i] = (uint8_t)draw(256);
        record.payload = (weiri_bytes){ model.payload, size };
        uint64_t hash = hash_of(&record), offset = testing_writer_add(writer, topic, &record);
        assert_true(offset == model.hashes[topic][partition].size / sizeof hash);
        weiri_buffer_add(&model.hashes[topic][partition], &hash, sizeof hash);
    }
    writer->next_command += draw(3);
    testing_writer_append(writer);
}

/* Several partitions at once, so that they share a transaction now and then. */
static void
append_some(void)
{
    uint32_t first = (uint32_t)draw(PARTITIONS), count = 1 + (uint32_t)draw(PARTITIONS);

    for (uint32_t i = 0; i < count; i++)
        stage((first + i) % PARTITIONS);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(testing_writer_wait(&model.writers[(first + i) % PARTITIONS]), WEIR_OK);
}

typedef struct place {
    const weiri_buffer *hashes;
} place;

static void
compare(void *user, uint64_t offset, const weiri_record *record)
{
    const place *at = user;
    uint64_t hash;

    memcpy(&hash, at->hashes->data + offset * sizeof hash, sizeof hash);
    assert_true(hash == hash_of(record));
}

static void
read_from(unsigned topic, uint32_t partition, uint64_t from)
{
    place at = { &model.hashes[topic][partition] };
    uint64_t end = at.hashes->size / sizeof(uint64_t);

    assert_true(weiri_log_end(model.log, topic, partition) == end);
    assert_true(testing_read_all(model.log, topic, partition, from, compare, &at) == end - from);
}

static void
read_some(void)
{
    unsigned topic = (unsigned)draw(WEIRI_TOPICS);
    uint32_t partition = (uint32_t)draw(PARTITIONS);

    read_from(topic, partition, draw(model.hashes[topic][partition].size / sizeof(uint64_t) + 1));
}

static void
test_the_log_is_what_the_model_says(void **state)
{
    char *dir = testing_directory();
    uint64_t seed = number_from("WEIR_TEST_SEED", 1), steps = number_from("WEIR_TEST_STEPS", STEPS);

    print_message("WEIR_TEST_SEED=%llu\n", (unsigned long long)seed);
    model.random = seed;
    open_all(dir);
    for (uint64_t step = 0; step < steps; step++) {
        uint64_t what = draw(20);
        if (what == 0) {
            close_all();
            open_all(dir);
        } else if (what < 10) {
            append_some();
        } else {
            read_some();
        }
    }
    for (unsigned t = 0; t < WEIRI_TOPICS; t++) {
        for (uint32_t p = 0; p < PARTITIONS; p++) {
            read_from(t, p, 0);
            weiri_buffer_fini(&model.hashes[t][p]);
        }
    }
    close_all();
    testing_directory_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_the_log_is_what_the_model_says) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
