/* SPDX-License-Identifier: Apache-2.0
 * Records become messages. No allocation a record once scratch has grown; events become JSON through their type's descriptor. */
#include <stdio.h>
#include "base/assert.h"
#include "log/kafka/records.h"
#include "message/json.h"
#include "message/outcome.h"

enum { NUMBER_ROOM = 21 };

void
weiri_kafka_format_fini(weiri_kafka_format *format)
{
    weiri_buffer_fini(&format->value);
    weiri_buffer_fini(&format->headers);
    weiri_arena_fini(&format->arena);
}

/* ---- time ------------------------------------------------------------------------------------------------- */

static const int64_t last_ms = 253402300799999; /* 9999-12-31T23:59:59.999Z */

static void
digits(char *to, unsigned value, int n)
{
    while (n-- > 0) {
        to[n] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* Days since 1970-01-01 to the civil date and back: eras of 400 years that begin in March, so that the leap day is a year's last. */
static void
civil(int64_t days, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    const unsigned shifted = (unsigned)(days + 719468), era = shifted / 146097, of_era = shifted % 146097;
    const unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const unsigned of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;

    *ret_day = of_year - (153 * month + 2) / 5 + 1;
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = year + era * 400 + (*ret_month <= 2);
}

static int64_t
days_of(unsigned year, unsigned month, unsigned day)
{
    const unsigned y = year - (month <= 2), era = y / 400, of_era = y % 400;
    const unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return (int64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void
weiri_kafka_time_write(int64_t time_ms, char to[WEIRI_KAFKA_TIME_SIZE])
{
    unsigned year, month, day;

    time_ms = time_ms < 0 ? 0 : time_ms > last_ms ? last_ms : time_ms;
    const unsigned of_day = (unsigned)(time_ms % 86400000), second = of_day / 1000;
    civil(time_ms / 86400000, &year, &month, &day);
    memcpy(to, "0000-00-00T00:00:00.000Z", WEIRI_KAFKA_TIME_SIZE);
    digits(to, year, 4);
    digits(to + 5, month, 2);
    digits(to + 8, day, 2);
    digits(to + 11, second / 3600, 2);
    digits(to + 14, second / 60 % 60, 2);
    digits(to + 17, second % 60, 2);
    digits(to + 20, of_day % 1000, 3);
}

bool
weiri_kafka_time_read(weiri_bytes text, int64_t *ret_time_ms)
{
    static const struct {
        uint8_t at, n;
    } fields[] = { { 0, 4 }, { 5, 2 }, { 8, 2 }, { 11, 2 }, { 14, 2 }, { 17, 2 }, { 20, 3 } };
    char again[WEIRI_KAFKA_TIME_SIZE];
    unsigned values[7] = { 0 };
    const char *s = text.data;

    if (text.size != WEIRI_KAFKA_TIME_SIZE - 1)
        return false;
    for (unsigned f = 0; f < 7; f++) {
        for (unsigned i = 0; i < fields[f].n; i++) {
            if (s[fields[f].at + i] < '0' || s[fields[f].at + i] > '9')
                return false;
            values[f] = values[f] * 10 + (unsigned)(s[fields[f].at + i] - '0');
        }
    }
    if (values[0] < 1970 || values[1] < 1 || values[1] > 12 || values[2] < 1)
        return false;
    int64_t seconds = days_of(values[0], values[1], values[2]) * 86400 + (int64_t)values[3] * 3600 + values[4] * 60 + values[5];
    *ret_time_ms = seconds * 1000 + values[6];
    weiri_kafka_time_write(*ret_time_ms, again);
    return memcmp(again, s, text.size) == 0; /* no 31st of February, no hour 25 */
}

/* ---- headers ---------------------------------------------------------------------------------------------- */

static void
add(weiri_kafka_message *m, const char *name, weiri_bytes value)
{
    weiri_assert(m->n < WEIRI_KAFKA_HEADERS_MOST);
    if (value.data == NULL)
        value.data = "";
    m->headers[m->n++] = (weiri_kafka_header){ name, value };
}

static void
add_text(weiri_kafka_message *m, const char *name, const char *text)
{
    add(m, name, weiri_bytes_of(text));
}

static size_t
put_number(char *to, uint64_t value)
{
    char reversed[NUMBER_ROOM];
    size_t n = 0;

    do
        reversed[n++] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    for (size_t i = 0; i < n; i++)
        to[i] = reversed[n - 1 - i];
    return n;
}

/* Numbers with '-' between them, then `word`, into the message's own text. */
static void
add_numbers(weiri_kafka_message *m, const char *name, const uint64_t *numbers, unsigned n, const char *word)
{
    char *begin = m->text + m->text_size, *to = begin;

    weiri_assert(m->text_size + n * (NUMBER_ROOM + 1) + strlen(word) <= sizeof m->text);
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            *to++ = '-';
        to += put_number(to, numbers[i]);
    }
    memcpy(to, word, strlen(word));
    to += strlen(word);
    add(m, name, (weiri_bytes){ begin, (size_t)(to - begin) });
    m->text_size += (size_t)(to - begin);
}

static void
add_number(weiri_kafka_message *m, const char *name, uint64_t number)
{
    add_numbers(m, name, &number, 1, "");
}

static void
add_subject(weiri_kafka_message *m, const weiri_record *record)
{
    char *begin = m->text + m->text_size;
    size_t size = record->aggregate.size + 1 + record->key.size;

    weiri_assert(m->text_size + size <= sizeof m->text);
    memcpy(begin, record->aggregate.data == NULL ? "" : record->aggregate.data, record->aggregate.size);
    begin[record->aggregate.size] = '/';
    memcpy(begin + record->aggregate.size + 1, record->key.data == NULL ? "" : record->key.data, record->key.size);
    add(m, WEIRI_CE_SUBJECT, (weiri_bytes){ begin, size });
    m->text_size += size;
}

static void
add_time(weiri_kafka_message *m, int64_t time_ms)
{
    char *begin = m->text + m->text_size;

    weiri_assert(m->text_size + WEIRI_KAFKA_TIME_SIZE <= sizeof m->text);
    weiri_kafka_time_write(time_ms, begin);
    add(m, WEIRI_CE_TIME, (weiri_bytes){ begin, WEIRI_KAFKA_TIME_SIZE - 1 });
    m->text_size += WEIRI_KAFKA_TIME_SIZE - 1;
}

/* Names in a record's headers have no NUL behind them, and librdkafka takes names with their sizes: the known ones point to
 * themselves here, others into the message's text. */
static const char *
name_of(weiri_kafka_message *m, weiri_bytes name)
{
    static const char *const known[] = { WEIRI_HEADER_PAYLOAD_HASH, WEIRI_HEADER_SOURCE, WEIRI_HEADER_SEQUENCE, WEIRI_HEADER_FINGERPRINT,
        WEIRI_HEADER_PREVIOUS, WEIRI_HEADER_TRACEPARENT, WEIRI_HEADER_CORRELATION, WEIRI_HEADER_CODE, WEIRI_HEADER_ORIGINAL,
        WEIRI_HEADER_EVENTS, WEIRI_HEADER_HOPS, WEIRI_HEADER_INSTANCE };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (weiri_bytes_are(name, known[i]))
            return known[i];
    }
    char *begin = m->text + m->text_size;
    weiri_assert(m->text_size + name.size + 1 <= sizeof m->text);
    memcpy(begin, name.data, name.size);
    begin[name.size] = '\0';
    m->text_size += name.size + 1;
    return begin;
}

static void
add_headers_of(weiri_kafka_message *m, weiri_bytes headers)
{
    weiri_bytes name, value;

    while (weiri_headers_next(&headers, &name, &value))
        add(m, name_of(m, name), value);
}

/* ---- values ----------------------------------------------------------------------------------------------- */

/* The event's payload as JSON in format->value. False: it can't be (an unknown type, too large): Protobuf stays. */
static bool
to_json(weiri_kafka_format *format, const weiri_record *record)
{
    const weiri_type *type = format->schema == NULL ? NULL : weiri_schema_find(format->schema, record->type);
    if (type == NULL)
        return false;
    ProtobufCAllocator allocator = weiri_arena_allocator(&format->arena);

    weiri_arena_reset(&format->arena);
    ProtobufCMessage *message = protobuf_c_message_unpack(type->descriptor, &allocator, record->payload.size, record->payload.data);
    if (message == NULL || message->n_unknown_fields > 0)
        return false;
    weiri_buffer_clear(&format->value);
    weiri_json_add_message(&format->value, message, 0);
    return format->value.size <= WEIRI_KAFKA_JSON_MOST;
}

static void
write_value(weiri_kafka_format *format, const weiri_record *record, weiri_kafka_message *m, bool *ret_converted)
{
    const char *content_type = "application/protobuf";

    m->value = record->payload;
    if (m->value.data == NULL)
        m->value.data = ""; /* an empty value is no tombstone */
    if (record->kind == WEIRI_RECORD_OUTCOME) {
        content_type = "text/plain";
    } else if ((record->flags & WEIRI_RECORD_JSON) != 0) {
        content_type = "application/json";
    } else if (record->kind == WEIRI_RECORD_EVENT && format->json && to_json(format, record)) {
        content_type = "application/json";
        m->value = weiri_buffer_bytes(&format->value);
        *ret_converted = true;
    }
    add_text(m, WEIRI_KAFKA_CONTENT_TYPE, content_type);
}

static void
write_command(weiri_kafka_format *format, const weiri_record *record, weiri_kafka_message *m)
{
    bool converted = false;

    add_text(m, WEIRI_CE_SPECVERSION, "1.0");
    if (record->id.size > 0)
        add(m, WEIRI_CE_ID, record->id);
    add(m, WEIRI_CE_TYPE, record->type);
    add_text(m, WEIRI_CE_SOURCE, format->source);
    if (record->id.size > 0 && (record->flags & WEIRI_RECORD_CLIENT_ID) == 0)
        add_text(m, WEIRI_KAFKA_ID_MADE, "1");
    if ((record->flags & WEIRI_RECORD_EXPECTS) != 0)
        add_number(m, WEIRI_KAFKA_EXPECTED, record->expected_version);
    write_value(format, record, m, &converted);
}

static void
write_decided(weiri_kafka_format *format, const weiri_record *record, uint32_t partition, uint64_t incarnation, weiri_kafka_message *m,
    bool *ret_converted)
{
    const bool event = record->kind == WEIRI_RECORD_EVENT;
    const uint64_t id[] = { partition, record->source, record->index };
    const uint64_t previous[] = { record->previous_source, record->previous_index, record->previous_offset };

    add_text(m, WEIRI_CE_SPECVERSION, "1.0");
    add_numbers(m, WEIRI_CE_ID, id, event ? 3 : 2, event ? "" : "-outcome");
    add(m, WEIRI_CE_TYPE, record->type);
    add_text(m, WEIRI_CE_SOURCE, format->source);
    add_subject(m, record);
    add_time(m, record->time_ms);
    add_number(m, WEIRI_CE_SEQUENCE, record->version);
    write_value(format, record, m, ret_converted);
    add_number(m, WEIRI_KAFKA_COMMAND_OFFSET, record->source);
    if (event)
        add_number(m, WEIRI_KAFKA_INDEX, record->index);
    add_number(m, WEIRI_KAFKA_INCARNATION, incarnation);
    add_number(m, WEIRI_KAFKA_FLAGS, record->flags & (unsigned)~WEIRI_RECORD_JSON);
    if (event && (record->flags & WEIRI_RECORD_FIRST) == 0)
        add_numbers(m, WEIRI_KAFKA_PREVIOUS_EVENT, previous, 3, "");
    if (record->id.size > 0)
        add(m, WEIRI_KAFKA_CAUSATION, record->id);
    if ((record->flags & WEIRI_RECORD_EXPECTS) != 0)
        add_number(m, WEIRI_KAFKA_EXPECTED, record->expected_version);
}

static void
begin(weiri_kafka_message *m, weiri_bytes key, int64_t time_ms)
{
    m->key = key;
    m->offset = 0;
    m->time_ms = time_ms;
    m->n = 0;
    m->text_size = 0;
}

void
weiri_kafka_write(weiri_kafka_format *format, const weiri_record *record, uint32_t partition, uint64_t incarnation,
    weiri_kafka_message *ret_message, bool *ret_converted)
{
    *ret_converted = false;
    begin(ret_message, record->key, record->time_ms);
    if (record->kind == WEIRI_RECORD_COMMAND)
        write_command(format, record, ret_message);
    else
        write_decided(format, record, partition, incarnation, ret_message, ret_converted);
    add_headers_of(ret_message, record->headers);
}

void
weiri_kafka_write_fence(weiri_kafka_format *format, const char *nonce, int64_t time_ms, weiri_kafka_message *ret_message)
{
    begin(ret_message, (weiri_bytes){ 0 }, time_ms);
    ret_message->value = weiri_bytes_of("");
    add_text(ret_message, WEIRI_CE_SPECVERSION, "1.0");
    add_text(ret_message, WEIRI_CE_ID, nonce);
    add_text(ret_message, WEIRI_CE_TYPE, WEIRI_KAFKA_FENCE);
    add_text(ret_message, WEIRI_CE_SOURCE, format->source);
    add_time(ret_message, time_ms);
    add_text(ret_message, WEIRI_KAFKA_NONCE, nonce);
}
