/* SPDX-License-Identifier: Apache-2.0
 * Messages of events and outcomes become records again, exactly as the lane staged them. What has no incarnation was not written by
 * a lane, and is passed by; what has one must be whole. */
#include "base/text.h"
#include "log/kafka/records.h"
#include "message/json.h"
#include "message/outcome.h"

enum {
    ID,
    TYPE,
    SUBJECT,
    TIME,
    SEQUENCE,
    CONTENT_TYPE,
    COMMAND_OFFSET,
    INDEX,
    INCARNATION,
    FLAGS,
    PREVIOUS_EVENT,
    CAUSATION,
    EXPECTED,
    NONCE,
    ENVELOPE, /* how many there are */
    SPECVERSION = ENVELOPE,
    SOURCE,
    NAMES
};

/* In the order of writing, so that looking a header up begins where the last one was found. */
static const struct {
    const char *name;
    int field;
} names[NAMES] = { { WEIRI_CE_SPECVERSION, SPECVERSION }, { WEIRI_CE_ID, ID }, { WEIRI_CE_TYPE, TYPE }, { WEIRI_CE_SOURCE, SOURCE },
    { WEIRI_CE_SUBJECT, SUBJECT }, { WEIRI_CE_TIME, TIME }, { WEIRI_CE_SEQUENCE, SEQUENCE }, { WEIRI_KAFKA_CONTENT_TYPE, CONTENT_TYPE },
    { WEIRI_KAFKA_COMMAND_OFFSET, COMMAND_OFFSET }, { WEIRI_KAFKA_INDEX, INDEX }, { WEIRI_KAFKA_INCARNATION, INCARNATION },
    { WEIRI_KAFKA_FLAGS, FLAGS }, { WEIRI_KAFKA_PREVIOUS_EVENT, PREVIOUS_EVENT }, { WEIRI_KAFKA_CAUSATION, CAUSATION },
    { WEIRI_KAFKA_EXPECTED, EXPECTED }, { WEIRI_KAFKA_NONCE, NONCE } };

bool
weiri_kafka_number(weiri_bytes text, uint64_t *ret_value)
{
    const char *s = text.data;
    uint64_t value = 0;

    if (text.size == 0 || text.size > 20)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        const unsigned digit = (unsigned)s[i] - '0';
        if (digit > 9 || value > UINT64_MAX / 10 || value * 10 > UINT64_MAX - digit)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

/* "12-0-34" */
static bool
three_numbers(weiri_bytes text, uint64_t ret[3])
{
    const char *s = text.data, *end = s + text.size;

    for (unsigned i = 0; i < 3; i++) {
        const char *dash = i < 2 ? memchr(s, '-', (size_t)(end - s)) : end;
        if (dash == NULL || !weiri_kafka_number((weiri_bytes){ s, (size_t)(dash - s) }, &ret[i]))
            return false;
        s = dash + 1;
    }
    return true;
}

/* The place in `names` of a header, or NAMES. */
static unsigned
place_of(const char *name, unsigned guess)
{
    for (unsigned i = 0; i < NAMES; i++) {
        const unsigned at = (guess + i) % NAMES;
        if (strcmp(names[at].name, name) == 0)
            return at;
    }
    return NAMES;
}

/* Sorts the headers: the envelope's into `fields`, the record's own into format->headers. */
static void
sort_headers(weiri_kafka_format *format, const weiri_kafka_message *message, weiri_bytes fields[NAMES])
{
    unsigned guess = 0;

    weiri_buffer_clear(&format->headers);
    for (unsigned i = 0; i < message->n; i++) {
        const weiri_kafka_header *h = &message->headers[i];
        const unsigned at = guess < NAMES ? place_of(h->name, guess) : NAMES; /* behind the last of the envelope come the record's own */
        if (at == NAMES) {
            weiri_headers_add(&format->headers, h->name, h->value);
            continue;
        }
        if (fields[names[at].field].data == NULL)
            fields[names[at].field] = h->value;
        guess = (at + 1) % NAMES;
    }
}

static weir_status
unreadable(weir_error *err, const char *name)
{
    return weiri_error_set(err, WEIR_CORRUPT, "its header %s is missing or can't be read", name);
}

static weir_status
read_number(const weiri_bytes *fields, int field, const char *name, uint64_t *ret, weir_error *err)
{
    return weiri_kafka_number(fields[field], ret) ? WEIR_OK : unreadable(err, name);
}

/* The numbers of the envelope. */
static weir_status
read_numbers(const weiri_bytes *fields, bool event, weiri_record *record, weir_error *err)
{
    uint64_t flags = 0, index = 0, previous[3];

    weir_status status = read_number(fields, COMMAND_OFFSET, WEIRI_KAFKA_COMMAND_OFFSET, &record->source, err);
    if (status == WEIR_OK)
        status = read_number(fields, SEQUENCE, WEIRI_CE_SEQUENCE, &record->version, err);
    if (status == WEIR_OK)
        status = read_number(fields, FLAGS, WEIRI_KAFKA_FLAGS, &flags, err);
    if (status == WEIR_OK && event)
        status = read_number(fields, INDEX, WEIRI_KAFKA_INDEX, &index, err);
    if (status == WEIR_OK && fields[EXPECTED].data != NULL)
        status = read_number(fields, EXPECTED, WEIRI_KAFKA_EXPECTED, &record->expected_version, err);
    if (status != WEIR_OK)
        return status;
    if (flags > UINT8_MAX)
        return unreadable(err, WEIRI_KAFKA_FLAGS);
    if (index > UINT32_MAX)
        return unreadable(err, WEIRI_KAFKA_INDEX);
    record->flags = (uint8_t)flags;
    record->index = (uint32_t)index;
    record->previous_source = record->previous_offset = WEIRI_NO_OFFSET;
    if (!event || (flags & WEIRI_RECORD_FIRST) != 0)
        return WEIR_OK;
    if (fields[PREVIOUS_EVENT].data == NULL || !three_numbers(fields[PREVIOUS_EVENT], previous) || previous[1] > UINT32_MAX)
        return unreadable(err, WEIRI_KAFKA_PREVIOUS_EVENT);
    record->previous_source = previous[0];
    record->previous_index = (uint32_t)previous[1];
    record->previous_offset = previous[2];
    return WEIR_OK;
}

static weir_status
read_names(const weiri_bytes *fields, weiri_record *record, weir_error *err)
{
    const weiri_bytes subject = fields[SUBJECT];

    if (fields[TYPE].data == NULL || fields[TYPE].size == 0 || fields[TYPE].size > UINT8_MAX)
        return unreadable(err, WEIRI_CE_TYPE);
    const char *slash = subject.data == NULL ? NULL : memchr(subject.data, '/', subject.size);
    if (slash == NULL || slash - (const char *)subject.data > UINT8_MAX)
        return unreadable(err, WEIRI_CE_SUBJECT);
    if (record->key.size > UINT8_MAX)
        return weiri_error_set(err, WEIR_CORRUPT, "its key has %zu bytes", record->key.size);
    if (fields[CAUSATION].size > WEIRI_ID_MOST)
        return unreadable(err, WEIRI_KAFKA_CAUSATION);
    if (!weiri_kafka_time_read(fields[TIME], &record->time_ms))
        return unreadable(err, WEIRI_CE_TIME);
    record->type = fields[TYPE];
    record->aggregate = (weiri_bytes){ subject.data, (size_t)(slash - (const char *)subject.data) };
    record->id = fields[CAUSATION];
    return WEIR_OK;
}

/* JSON of a type that this build knows becomes Protobuf again; of another it stays, with the flag that says so. */
static weir_status
read_payload(weiri_kafka_format *format, const weiri_bytes *fields, weiri_record *record, weir_error *err)
{
    if (record->kind != WEIRI_RECORD_EVENT || !weiri_bytes_are(fields[CONTENT_TYPE], "application/json"))
        return WEIR_OK;
    const weiri_type *type = format->schema == NULL ? NULL : weiri_schema_find(format->schema, record->type);
    record->flags |= WEIRI_RECORD_JSON;
    if (type == NULL)
        return WEIR_OK;
    weir_status status = weiri_type_payload(type, record, &format->value, &record->payload, err);
    record->flags &= (uint8_t)~WEIRI_RECORD_JSON;
    return status;
}

static weir_status
read_fence(const weiri_bytes *fields, weiri_kafka_entry *entry, weir_error *err)
{
    if (fields[NONCE].size != WEIRI_KAFKA_NONCE_SIZE - 1)
        return unreadable(err, WEIRI_KAFKA_NONCE);
    entry->fence = true;
    memcpy(entry->nonce, fields[NONCE].data, fields[NONCE].size);
    entry->nonce[fields[NONCE].size] = '\0';
    return WEIR_OK;
}

static weir_status
read_count(weiri_kafka_entry *entry, weir_error *err)
{
    weiri_bytes value;

    if (!weiri_headers_find(entry->record.headers, WEIRI_HEADER_EVENTS, &value))
        return WEIR_OK;
    entry->counted = true;
    return weiri_kafka_number(value, &entry->events) && entry->events > 0 ? WEIR_OK : unreadable(err, WEIRI_HEADER_EVENTS);
}

weir_status
weiri_kafka_read(
    weiri_kafka_format *format, weiri_topic topic, const weiri_kafka_message *message, weiri_kafka_entry *ret_entry, weir_error *err)
{
    weiri_bytes fields[NAMES] = { 0 };
    weiri_kafka_entry entry = { .offset = message->offset };

    if (message->n > WEIRI_KAFKA_HEADERS_MOST)
        return weiri_error_set(err, WEIR_NOT_FOUND, "no lane writes so many headers");
    sort_headers(format, message, fields);
    weir_status status = WEIR_OK;
    if (weiri_bytes_are(fields[TYPE], WEIRI_KAFKA_FENCE) && fields[NONCE].data != NULL) {
        status = read_fence(fields, &entry, err);
        goto out;
    }
    if (fields[INCARNATION].data == NULL || fields[COMMAND_OFFSET].data == NULL)
        return weiri_error_set(err, WEIR_NOT_FOUND, "it was not written by a lane");
    if (!weiri_kafka_number(fields[INCARNATION], &entry.incarnation))
        return unreadable(err, WEIRI_KAFKA_INCARNATION);
    entry.record.kind = topic == WEIRI_TOPIC_EVENTS ? WEIRI_RECORD_EVENT : WEIRI_RECORD_OUTCOME;
    entry.record.key = message->key;
    entry.record.payload = message->value;
    entry.record.headers = weiri_buffer_bytes(&format->headers);
    status = read_numbers(fields, topic == WEIRI_TOPIC_EVENTS, &entry.record, err);
    if (status == WEIR_OK)
        status = read_names(fields, &entry.record, err);
    if (status == WEIR_OK && topic == WEIRI_TOPIC_OUTCOMES)
        status = read_count(&entry, err);
    if (status == WEIR_OK)
        status = read_payload(format, fields, &entry.record, err);
out:
    if (status == WEIR_OK)
        *ret_entry = entry;
    return status;
}
