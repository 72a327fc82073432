/* SPDX-License-Identifier: Apache-2.0
 * Messages of Kafka, whoever wrote them, as records. An input is a message: topic (0 commands, 1 events, 2 outcomes), u8 key size, key, u16
 * value size (little-endian), value, and headers: u8 name size, name, u8 value size, value. A size of 255, of a value 65,535, is none.
 * Whatever is wrong has words; what is read fits the log. */
#include "fuzz.h"
#include "log/kafka/records.h"

static weiri_kafka_message message;
static char names[WEIRI_KAFKA_HEADERS_MOST + 1][256];

static uint64_t
take_number(weiri_bytes *from, size_t size)
{
    uint64_t number = 0;

    for (size_t i = 0; i < size && i < from->size; i++)
        number |= (uint64_t)((const uint8_t *)from->data)[i] << (8 * i);
    size = size < from->size ? size : from->size;
    *from = (weiri_bytes){ (const uint8_t *)from->data + size, from->size - size };
    return number;
}

static weiri_bytes
take_sized(weiri_bytes *from, size_t of_size)
{
    uint64_t size = take_number(from, of_size);

    if (size == (UINT64_C(1) << (8 * of_size)) - 1)
        return (weiri_bytes){ 0 };
    weiri_bytes taken = { from->data, size < from->size ? (size_t)size : from->size };
    *from = (weiri_bytes){ (const uint8_t *)from->data + taken.size, from->size - taken.size };
    return taken;
}

static void
take_message(weiri_bytes from)
{
    message = (weiri_kafka_message){ .offset = 7, .time_ms = 1700000000000 };
    message.key = take_sized(&from, 1);
    message.value = take_sized(&from, 2);
    for (; from.size > 0 && message.n <= WEIRI_KAFKA_HEADERS_MOST; message.n++) {
        weiri_bytes name = take_sized(&from, 1), value = take_sized(&from, 1);
        if (message.n == WEIRI_KAFKA_HEADERS_MOST)
            continue;
        size_t size = name.data == NULL ? 0 : strnlen(name.data, name.size);
        memcpy(names[message.n], name.data == NULL ? "" : name.data, size);
        names[message.n][size] = '\0';
        message.headers[message.n] = (weiri_kafka_header){ names[message.n], value };
    }
}

/* It fits the log. */
static void
check_record(const weiri_record *record)
{
    size_t size = weiri_record_size(record);
    uint8_t *bytes = malloc(size);
    weiri_record read;

    weiri_assert(bytes != NULL);
    weiri_record_write(record, bytes);
    weir_status status = weiri_record_read((weiri_bytes){ bytes, size }, &read);
    weiri_assert(status == WEIR_OK && weiri_bytes_equal(read.type, record->type) && weiri_bytes_equal(read.payload, record->payload));
    weiri_assert(weiri_bytes_equal(read.headers, record->headers) && read.source == record->source && read.flags == record->flags);
    free(bytes);
}

static void
check_entry(const weiri_kafka_entry *entry)
{
    if (entry->fence) {
        weiri_assert(strlen(entry->nonce) < WEIRI_KAFKA_NONCE_SIZE);
        return;
    }
    check_record(&entry->record);
    weiri_assert(!entry->counted || entry->events > 0);
}

static void
check_command(weiri_kafka_format *format)
{
    weiri_record record;
    weiri_flaw flaw;

    weiri_kafka_read_command(format, &message, &record, &flaw);
    weiri_assert(strnlen(flaw.text, sizeof flaw.text) < sizeof flaw.text);
    weiri_assert(record.kind == WEIRI_RECORD_COMMAND && record.source == message.offset && record.time_ms == message.time_ms);
    if (flaw.code != NULL) {
        weiri_assert(flaw.text[0] != '\0');
        return;
    }
    weiri_assert(
        record.type.size > 0 && record.key.size > 0 && record.payload.size <= WEIRI_MESSAGE_MOST && record.id.size <= WEIRI_ID_MOST);
    check_record(&record);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const weiri_topic topics[] = { WEIRI_TOPIC_COMMANDS, WEIRI_TOPIC_EVENTS, WEIRI_TOPIC_OUTCOMES };
    weiri_kafka_format format = { .source = "weir/fuzz", .schema = fuzz_schema() };
    weiri_kafka_entry entry;
    weir_error err;

    if (size == 0)
        return 0;
    weiri_topic topic = topics[data[0] % 3];
    take_message((weiri_bytes){ data + 1, size - 1 });
    if (topic == WEIRI_TOPIC_COMMANDS)
        check_command(&format);
    else {
        weir_status status = weiri_kafka_read(&format, topic, &message, &entry, &err);
        weiri_assert(status == WEIR_OK || status == WEIR_NOT_FOUND || status == WEIR_CORRUPT);
        if (status == WEIR_CORRUPT)
            fuzz_said(status, &err);
        if (status == WEIR_OK)
            check_entry(&entry);
    }
    weiri_kafka_format_fini(&format);
    return 0;
}
