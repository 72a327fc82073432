/* SPDX-License-Identifier: Apache-2.0
 * Records as messages and back: random ones, whatever a foreign client may send, and garbage. WEIR_TEST_SEED chooses another run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/hash.h"
#include "base/text.h"
#include "log/kafka/records.h"
#include "message/outcome.h"
#include "message/random_message.h"
#include "testing.pb-c.h"
#include "testing_module.h"

enum { ROUNDS = 20000 };

static struct {
    weiri_kafka_format format, reading;
    weiri_kafka_message message, again;
    uint64_t random;
    weiri_buffer bytes, headers;
} t;

static uint64_t
draw(uint64_t below)
{
    t.random = weiri_hash64(1, &t.random, sizeof t.random);
    return t.random % below;
}

static void
reset(const weiri_schema *schema, bool json)
{
    const char *seed = getenv("WEIR_TEST_SEED");

    weiri_kafka_format_fini(&t.format);
    weiri_kafka_format_fini(&t.reading);
    weiri_buffer_fini(&t.bytes);
    weiri_buffer_fini(&t.headers);
    t.format = (weiri_kafka_format){ .source = "weir/test", .schema = schema, .json = json };
    t.reading = (weiri_kafka_format){ .source = "weir/test", .schema = schema };
    t.random = 1;
    assert_true(seed == NULL || weiri_text_to_uint64(seed, &t.random));
}

/* Bytes that live until the next call of `reset`, since the buffer is large enough from the beginning. */
static weiri_bytes
some(size_t least, size_t most, bool plain)
{
    const size_t size = least + (size_t)draw(most - least + 1);
    uint8_t *to = weiri_buffer_extend(&t.bytes, size);

    for (size_t i = 0; i < size; i++)
        to[i] = plain ? (uint8_t)(' ' + draw(95)) : (uint8_t)draw(256);
    return (weiri_bytes){ to, size };
}

static weiri_record
random_record(weiri_record_kind kind)
{
    const bool event = kind == WEIRI_RECORD_EVENT, first = draw(3) == 0;
    weiri_record r = { .kind = (uint8_t)kind, .time_ms = (int64_t)draw(253402300800000), .source = draw(UINT64_MAX) };

    weiri_buffer_clear(&t.bytes);
    (void)weiri_buffer_reserve(&t.bytes, 8192);
    weiri_buffer_clear(&t.headers);
    r.flags = (uint8_t)(draw(16) & ~(uint64_t)WEIRI_RECORD_FIRST);
    r.previous_source = r.previous_offset = WEIRI_NO_OFFSET;
    r.version = draw(UINT64_MAX);
    r.expected_version = (r.flags & WEIRI_RECORD_EXPECTS) != 0 ? draw(UINT64_MAX) : 0;
    if (event) {
        r.index = (uint32_t)draw(UINT32_MAX);
        if (first) {
            r.flags |= WEIRI_RECORD_FIRST;
        } else {
            r.previous_source = draw(UINT64_MAX);
            r.previous_index = (uint32_t)draw(UINT32_MAX);
            r.previous_offset = draw(UINT64_MAX);
        }
    }
    r.type = some(1, 255, true);
    r.aggregate = weiri_bytes_of("stock");
    r.key = some(1, 255, true);
    r.id = some(0, 128, true);
    if (draw(2) == 0) {
        weiri_headers_add(&t.headers, WEIRI_HEADER_PAYLOAD_HASH, some(8, 8, false));
        weiri_headers_add_number(&t.headers, WEIRI_HEADER_SEQUENCE, draw(UINT64_MAX));
    }
    if (draw(4) == 0)
        weiri_headers_add(&t.headers, WEIRI_HEADER_TRACEPARENT, some(1, 55, true));
    if (!event && draw(2) == 0)
        weiri_headers_add(&t.headers, WEIRI_HEADER_CODE, some(1, 40, true));
    if (draw(8) == 0)
        weiri_headers_add(&t.headers, "x-of-tomorrow", some(0, 40, false));
    r.headers = weiri_buffer_bytes(&t.headers);
    r.payload = some(0, 2000, false);
    return r;
}

static void
assert_bytes(weiri_bytes a, weiri_bytes b)
{
    assert_int_equal(a.size, b.size);
    assert_true(weiri_bytes_equal(a, b));
}

static void
assert_same(const weiri_record *a, const weiri_record *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->flags, b->flags);
    assert_true(a->time_ms == b->time_ms && a->source == b->source && a->version == b->version && a->index == b->index);
    assert_true(a->expected_version == b->expected_version && a->previous_source == b->previous_source);
    assert_true(a->previous_index == b->previous_index && a->previous_offset == b->previous_offset);
    assert_bytes(a->type, b->type);
    assert_bytes(a->aggregate, b->aggregate);
    assert_bytes(a->key, b->key);
    assert_bytes(a->id, b->id);
    assert_bytes(a->headers, b->headers);
    assert_bytes(a->payload, b->payload);
}

static void
test_random_records_come_back_as_they_were(void **state)
{
    weiri_kafka_entry entry;
    weir_error err;
    bool converted;

    reset(NULL, false);
    for (unsigned i = 0; i < ROUNDS; i++) {
        const bool event = draw(2) == 0;
        const weiri_record record = random_record(event ? WEIRI_RECORD_EVENT : WEIRI_RECORD_OUTCOME);
        const uint64_t incarnation = draw(UINT64_MAX);
        weiri_kafka_write(&t.format, &record, 3, incarnation, &t.message, &converted);
        t.message.offset = i;
        if (weiri_kafka_read(&t.reading, event ? WEIRI_TOPIC_EVENTS : WEIRI_TOPIC_OUTCOMES, &t.message, &entry, &err) != WEIR_OK)
            fail_msg("round %u: %s", i, err.text);
        assert_false(converted || entry.fence || entry.counted);
        assert_true(entry.incarnation == incarnation && entry.offset == i);
        assert_same(&record, &entry.record);
    }
}

static weiri_bytes
header(const weiri_kafka_message *m, const char *name)
{
    for (unsigned i = 0; i < m->n; i++) {
        if (strcmp(m->headers[i].name, name) == 0)
            return m->headers[i].value;
    }
    return (weiri_bytes){ 0 };
}

static void
test_an_event_is_a_cloudevent(void **state)
{
    const weiri_record event = { .kind = WEIRI_RECORD_EVENT,
        .flags = WEIRI_RECORD_FIRST | WEIRI_RECORD_LAST,
        .time_ms = 1709251199999,
        .source = 42,
        .version = 1,
        .type = weiri_bytes_of("shop.v1.StockReserved"),
        .aggregate = weiri_bytes_of("stock"),
        .key = weiri_bytes_of("mug/1"),
        .id = weiri_bytes_of("o-1") };
    static const char *const wanted[][2] = { { "ce_specversion", "1.0" }, { "ce_id", "3-42-0" }, { "ce_type", "shop.v1.StockReserved" },
        { "ce_source", "weir/test" }, { "ce_subject", "stock/mug/1" }, { "ce_time", "2024-02-29T23:59:59.999Z" }, { "ce_sequence", "1" },
        { "weir-command-offset", "42" }, { "weir-index", "0" }, { "weir-incarnation", "7" }, { "weir-causation", "o-1" },
        { "content-type", "application/protobuf" } };
    weiri_kafka_entry entry;
    weir_error err;
    bool converted;

    reset(NULL, true);
    weiri_kafka_write(&t.format, &event, 3, 7, &t.message, &converted);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (!weiri_bytes_are(header(&t.message, wanted[i][0]), wanted[i][1]))
            fail_msg("%s is not %s", wanted[i][0], wanted[i][1]);
    }
    assert_non_null(t.message.value.data); /* an empty value is no tombstone */
    assert_int_equal(weiri_kafka_read(&t.reading, WEIRI_TOPIC_EVENTS, &t.message, &entry, &err), WEIR_OK);
    assert_bytes(entry.record.aggregate, weiri_bytes_of("stock"));
    assert_bytes(entry.record.key, weiri_bytes_of("mug/1"));
}

static void
test_times_are_rfc_3339_both_ways(void **state)
{
    char text[WEIRI_KAFKA_TIME_SIZE];
    static const char *const bad[] = { "", "2024-02-30T00:00:00.000Z", "2023-02-29T00:00:00.000Z", "2024-01-01T24:00:00.000Z",
        "2024-01-01 00:00:00.000Z", "2024-13-01T00:00:00.000Z", "2024-01-01T00:00:60.000Z", "1969-12-31T00:00:00.000Z",
        "2024-01-01T00:00:00.00Z" };
    int64_t back;

    reset(NULL, false);
    for (unsigned i = 0; i < ROUNDS; i++) {
        const int64_t time_ms = (int64_t)draw(253402300800000);
        weiri_kafka_time_write(time_ms, text);
        assert_true(weiri_kafka_time_read(weiri_bytes_of(text), &back) && back == time_ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(weiri_kafka_time_read(weiri_bytes_of(bad[i]), &back));
    weiri_kafka_time_write(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    weiri_kafka_time_write(INT64_MIN, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
}

static void
test_fences_carry_their_nonce(void **state)
{
    static const char nonce[] = "0123456789abcdef0123456789abcdef";
    weiri_kafka_entry entry;
    weir_error err;

    reset(NULL, false);
    weiri_kafka_write_fence(&t.format, nonce, 1700000000000, &t.message);
    assert_int_equal(weiri_kafka_read(&t.reading, WEIRI_TOPIC_OUTCOMES, &t.message, &entry, &err), WEIR_OK);
    assert_true(entry.fence);
    assert_string_equal(entry.nonce, nonce);
    assert_true(weiri_bytes_are(header(&t.message, "ce_type"), "weir.lane.opened"));
}

static const weiri_schema *
schema(void)
{
    static weiri_schema *made;
    weiri_problems problems = { 0 };

    if (made == NULL)
        weiri_schema_new(&testing_module, &made, &problems);
    assert_non_null(made);
    weiri_problems_fini(&problems);
    return made;
}

static void
test_events_as_json_come_back_as_protobuf(void **state)
{
    random_source random = { 3 };
    static uint8_t packed[1 << 20];
    weiri_kafka_entry entry;
    weir_error err;
    bool converted;

    reset(schema(), true);
    for (unsigned i = 0; i < 2000; i++) {
        ProtobufCMessage *message = random_message(
            &random, i % 2 == 0 ? &testing__v1__ticked__descriptor : &testing__v1__added__descriptor);
        weiri_record event = random_record(WEIRI_RECORD_EVENT);
        event.type = weiri_bytes_of(message->descriptor->name);
        event.payload = (weiri_bytes){ packed, protobuf_c_message_get_packed_size(message) };
        assert_true(event.payload.size <= sizeof packed);
        (void)protobuf_c_message_pack(message, packed);
        protobuf_c_message_free_unpacked(message, NULL);
        weiri_kafka_write(&t.format, &event, 0, 0, &t.message, &converted);
        assert_true(converted);
        assert_true(weiri_bytes_are(header(&t.message, "content-type"), "application/json"));
        assert_int_equal(((const char *)t.message.value.data)[0], '{');
        if (weiri_kafka_read(&t.reading, WEIRI_TOPIC_EVENTS, &t.message, &entry, &err) != WEIR_OK)
            fail_msg("%s", err.text);
        assert_same(&event, &entry.record);
    }
    /* A build that doesn't know the type keeps what it can't turn back. */
    t.reading.schema = NULL;
    assert_int_equal(weiri_kafka_read(&t.reading, WEIRI_TOPIC_EVENTS, &t.message, &entry, &err), WEIR_OK);
    assert_true((entry.record.flags & WEIRI_RECORD_JSON) != 0);
    t.reading.schema = schema();
    /* So does one that knows the type and not all that is in the event: another version wrote it. */
    t.message.value = weiri_bytes_of("{\"counterId\":\"a\",\"amount\":\"7\",\"givenUp\":{\"x\":[1]}}");
    assert_int_equal(weiri_kafka_read(&t.reading, WEIRI_TOPIC_EVENTS, &t.message, &entry, &err), WEIR_OK);
    assert_true((entry.record.flags & WEIRI_RECORD_JSON) != 0);
    assert_true(weiri_bytes_equal(entry.record.payload, t.message.value));
    t.message.value = weiri_bytes_of("{\"counterId\":");
    assert_int_equal(weiri_kafka_read(&t.reading, WEIRI_TOPIC_EVENTS, &t.message, &entry, &err), WEIR_CORRUPT);
    assert_non_null(strstr(err.text, "its value is no"));
}

/* ---- what isn't right ------------------------------------------------------------------------------------- */

static void
test_records_that_no_lane_wrote_are_passed_by(void **state)
{
    weiri_kafka_entry entry;
    weir_error err;

    reset(NULL, false);
    t.message = (weiri_kafka_message){ .key = weiri_bytes_of("k"), .value = weiri_bytes_of("{}") };
    assert_int_equal(weiri_kafka_read(&t.reading, WEIRI_TOPIC_EVENTS, &t.message, &entry, &err), WEIR_NOT_FOUND);
    t.message.headers[t.message.n++] = (weiri_kafka_header){ "ce_type", weiri_bytes_of("shop.v1.Foreign") };
    assert_int_equal(weiri_kafka_read(&t.reading, WEIRI_TOPIC_EVENTS, &t.message, &entry, &err), WEIR_NOT_FOUND);
}

static void
test_a_lanes_record_that_lacks_a_header_is_damage(void **state)
{
    static const char *const needed[] = { "ce_type", "ce_subject", "ce_time", "ce_sequence", "weir-index", "weir-flags",
        "weir-previous-event" };
    weiri_kafka_entry entry;
    weir_error err;
    bool converted;

    reset(NULL, false);
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        weiri_record event = random_record(WEIRI_RECORD_EVENT);
        event.flags &= (uint8_t)~WEIRI_RECORD_FIRST;
        event.previous_source = event.previous_offset = 1;
        weiri_kafka_write(&t.format, &event, 0, 0, &t.message, &converted);
        for (unsigned h = 0; h < t.message.n; h++) {
            if (strcmp(t.message.headers[h].name, needed[i]) == 0)
                t.message.headers[h].value = weiri_bytes_of("?");
        }
        if (strcmp(needed[i], "ce_type") == 0)
            for (unsigned h = 0; h < t.message.n; h++)
                if (strcmp(t.message.headers[h].name, needed[i]) == 0)
                    t.message.headers[h].value = (weiri_bytes){ 0 };
        assert_int_equal(weiri_kafka_read(&t.reading, WEIRI_TOPIC_EVENTS, &t.message, &entry, &err), WEIR_CORRUPT);
        if (strstr(err.text, needed[i]) == NULL)
            fail_msg("'%s' doesn't name %s", err.text, needed[i]);
    }
}

static void
test_garbage_never_reads_beyond_its_bytes(void **state)
{
    static const char *const names[] = { "ce_id", "ce_type", "ce_subject", "ce_time", "ce_sequence", "content-type", "weir-command-offset",
        "weir-index", "weir-incarnation", "weir-flags", "weir-previous-event", "weir-causation", "weir-expected-version", "weir-nonce",
        "weir-events", "type", "weir-source", "weir-sequence", "x" };
    weiri_kafka_entry entry;
    weiri_record record;
    weiri_flaw flaw;
    weir_error err;
    unsigned read = 0, flawed = 0;

    reset(schema(), false);
    for (unsigned i = 0; i < ROUNDS; i++) {
        weiri_buffer_fini(&t.bytes); /* each value ends where its memory does, as far as one can */
        (void)weiri_buffer_reserve(&t.bytes, 16384);
        t.message = (weiri_kafka_message){ .key = some(0, 300, draw(2) == 0), .value = some(0, 100, draw(2) == 0) };
        for (uint64_t n = draw(20); n > 0; n--) {
            const char *name = names[draw(sizeof names / sizeof names[0])];
            weiri_bytes value = draw(8) == 0 ? (weiri_bytes){ 0 } : some(0, 40, draw(2) == 0);
            if (draw(3) == 0)
                value = weiri_bytes_of(draw(2) == 0 ? "12-0-18446744073709551616" : "18446744073709551616");
            t.message.headers[t.message.n++] = (weiri_kafka_header){ name, value };
        }
        read += weiri_kafka_read(&t.reading, draw(2) == 0 ? WEIRI_TOPIC_EVENTS : WEIRI_TOPIC_OUTCOMES, &t.message, &entry, &err) == WEIR_OK;
        weiri_kafka_read_command(&t.reading, &t.message, &record, &flaw);
        flawed += flaw.code != NULL;
        assert_true(weiri_utf8_valid(weiri_bytes_of(flaw.text)) && record.key.size <= 255 && record.id.size <= WEIRI_ID_MOST);
    }
    print_message("%u of %u were read as records, %u were no commands\n", read, ROUNDS, flawed);
    assert_true(flawed > 0);
}

/* ---- commands --------------------------------------------------------------------------------------------- */

static void
command(const char *const (*headers)[2], const char *key, const char *value, weiri_record *ret_record, weiri_flaw *ret_flaw)
{
    t.message = (weiri_kafka_message){ .key = weiri_bytes_of(key), .value = weiri_bytes_of(value), .offset = 9, .time_ms = 1700000000000 };
    for (; headers != NULL && (*headers)[0] != NULL; headers++)
        t.message.headers[t.message.n++] = (weiri_kafka_header){ (*headers)[0], weiri_bytes_of((*headers)[1]) };
    weiri_kafka_read_command(&t.reading, &t.message, ret_record, ret_flaw);
}

static void
test_a_plain_clients_command_is_read(void **state)
{
    static const char *const headers[][2] = { { "type", "shop.v1.ReserveStock" }, { "ce_id", "o-1" }, { "weir-expected-version", "3" },
        { "traceparent", "00-1-2-01" }, { "weir-source", "file" }, { "weir-sequence", "8" }, { "spring_json_header_types", "{}" },
        { NULL, NULL } };
    weiri_record record;
    weiri_flaw flaw;
    uint64_t sequence;

    reset(NULL, false);
    command(headers, "mug", "{\"sku\":\"mug\"}", &record, &flaw);
    assert_null(flaw.code);
    assert_int_equal(record.kind, WEIRI_RECORD_COMMAND);
    assert_int_equal(record.flags, WEIRI_RECORD_JSON | WEIRI_RECORD_CLIENT_ID | WEIRI_RECORD_EXPECTS);
    assert_int_equal(record.expected_version, 3);
    assert_int_equal(record.source, 9);
    assert_true(record.time_ms == 1700000000000);
    assert_bytes(record.type, weiri_bytes_of("shop.v1.ReserveStock"));
    assert_bytes(record.id, weiri_bytes_of("o-1"));
    assert_true(weiri_headers_find_number(record.headers, "weir-sequence", &sequence) && sequence == 8);
    assert_false(weiri_headers_find(record.headers, "spring_json_header_types", &(weiri_bytes){ 0 }));
}

static void
test_what_is_no_command_says_why(void **state)
{
    static const char *const typed[][2] = { { "ce_type", "a.B" }, { NULL, NULL } };
    static const struct {
        const char *headers[4][2];
        const char *key, *value, *words;
    } cases[] = {
        { { { "ce_type", "a.B" } }, NULL, "{}", "no key" },
        { { { "ce_type", "a.B" } }, "", "{}", "no key" },
        { { { "ce_type", "a.B" } }, "a\nb", "{}", "key is not" },
        { { { NULL, NULL } }, "k", "{}", "no type" },
        { { { "ce_type", "a\001B" } }, "k", "{}", "no message's name" },
        { { { "ce_type", "a.B" } }, "k", NULL, "no value" },
        { { { "ce_type", "a.B" }, { "ce_id", "a\tb" } }, "k", "{}", "ce_id" },
        { { { "ce_type", "a.B" }, { "ce_id", "1" }, { "ce_id", "2" } }, "k", "{}", "ce_id is there twice" },
        { { { "ce_type", "a.B" }, { "content-type", "text/xml" } }, "k", "{}", "not 'text/xml'" },
        { { { "ce_type", "a.B" }, { "content-type", "application/cloudevents+json; charset=utf-8" } }, "k", "{}", "structured mode" },
        { { { "ce_type", "a.B" }, { "weir-expected-version", "-1" } }, "k", "{}", "number in decimal" },
        { { { "ce_type", "a.B" }, { "weir-source", "f" } }, "k", "{}", "needs weir-sequence" },
        { { { "ce_type", "a.B" }, { "weir-source", "f" }, { "weir-sequence", "one" } }, "k", "{}", "weir-sequence is a number" },
    };
    static uint8_t large[WEIRI_MESSAGE_MOST + 1];
    weiri_record record;
    weiri_flaw flaw;

    reset(NULL, false);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        command(cases[i].headers, cases[i].key, cases[i].value, &record, &flaw);
        if (flaw.code == NULL || strcmp(flaw.code, "malformed") != 0 || strstr(flaw.text, cases[i].words) == NULL)
            fail_msg("case %zu: '%s' instead of '%s'", i, flaw.text, cases[i].words);
        assert_int_equal(record.source, 9);
    }
    command(typed, "k", "{}", &record, &flaw);
    assert_null(flaw.code);
    t.message.value = (weiri_bytes){ large, sizeof large };
    weiri_kafka_read_command(&t.reading, &t.message, &record, &flaw);
    assert_non_null(strstr(flaw.text, "at most 921600"));
    assert_int_equal(record.payload.size, 0);
    t.message.value = weiri_bytes_of("{}");
    while (t.message.n <= WEIRI_KAFKA_HEADERS_MOST) {
        if (t.message.n < WEIRI_KAFKA_HEADERS_MOST)
            t.message.headers[t.message.n] = (weiri_kafka_header){ "x", weiri_bytes_of("y") };
        t.message.n++;
    }
    weiri_kafka_read_command(&t.reading, &t.message, &record, &flaw);
    assert_non_null(strstr(flaw.text, "at most 64 headers"));
}

static void
test_a_fronts_command_comes_back_as_it_was_sent(void **state)
{
    weiri_record back;
    weiri_flaw flaw;
    bool converted;

    reset(NULL, false);
    for (unsigned i = 0; i < ROUNDS; i++) {
        weiri_record sent = random_record(WEIRI_RECORD_COMMAND);
        weiri_buffer_clear(&t.headers);
        if (draw(2) == 0) {
            weiri_headers_add(&t.headers, WEIRI_HEADER_SOURCE, weiri_bytes_of("file"));
            weiri_headers_add_number(&t.headers, WEIRI_HEADER_SEQUENCE, draw(100));
            weiri_headers_add_number(&t.headers, WEIRI_HEADER_PREVIOUS, draw(100));
            weiri_headers_add_number(&t.headers, WEIRI_HEADER_FINGERPRINT, draw(UINT64_MAX));
        }
        sent.headers = weiri_buffer_bytes(&t.headers);
        sent.flags &= WEIRI_RECORD_EXPECTS | WEIRI_RECORD_CLIENT_ID;
        sent.flags |= draw(2) == 0 ? WEIRI_RECORD_JSON : 0;
        if (sent.id.size == 0)
            sent.flags &= (uint8_t)~WEIRI_RECORD_CLIENT_ID;
        weiri_kafka_write(&t.format, &sent, 0, 0, &t.message, &converted);
        t.message.offset = sent.source;
        weiri_kafka_read_command(&t.reading, &t.message, &back, &flaw);
        if (flaw.code != NULL)
            fail_msg("round %u: %s", i, flaw.text);
        back.version = sent.version; /* and aggregate: not sent */
        back.aggregate = sent.aggregate;
        assert_same(&sent, &back);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_that_no_lane_wrote_are_passed_by),
        cmocka_unit_test(test_a_lanes_record_that_lacks_a_header_is_damage),
        cmocka_unit_test(test_garbage_never_reads_beyond_its_bytes),
        cmocka_unit_test(test_what_is_no_command_says_why),
        cmocka_unit_test(test_random_records_come_back_as_they_were),
        cmocka_unit_test(test_an_event_is_a_cloudevent),
        cmocka_unit_test(test_times_are_rfc_3339_both_ways),
        cmocka_unit_test(test_fences_carry_their_nonce),
        cmocka_unit_test(test_events_as_json_come_back_as_protobuf),
        cmocka_unit_test(test_a_plain_clients_command_is_read),
        cmocka_unit_test(test_a_fronts_command_comes_back_as_it_was_sent),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    weiri_schema_free((weiri_schema *)(uintptr_t)schema());
    reset(NULL, false);
    weiri_buffer_fini(&t.bytes);
    weiri_buffer_fini(&t.headers);
    return failed;
}
