/* SPDX-License-Identifier: Apache-2.0
 * Commands as anybody's Kafka client sends them. Whatever is wrong becomes a flaw, in words that the sender will read; the first
 * that is found counts. */
#include <stdio.h>
#include "base/text.h"
#include "log/kafka/records.h"

enum { KEPT_MOST = 1024, TYPE_MOST = 255 };

typedef enum field {
    FIELD_ID,
    FIELD_TYPE,
    FIELD_PLAIN_TYPE,
    FIELD_EXPECTED,
    FIELD_CONTENT_TYPE,
    FIELD_ID_MADE,
    FIELD_SOURCE, /* from here on: kept as they are */
    FIELD_SEQUENCE,
    FIELD_PREVIOUS,
    FIELD_FINGERPRINT,
    FIELD_CORRELATION,
    FIELD_TRACEPARENT,
    FIELD_HOPS,
    FIELD_INSTANCE,
    FIELDS
} field;

static const char *const names[FIELDS] = { WEIRI_CE_ID, WEIRI_CE_TYPE, "type", WEIRI_KAFKA_EXPECTED, WEIRI_KAFKA_CONTENT_TYPE,
    WEIRI_KAFKA_ID_MADE, WEIRI_HEADER_SOURCE, WEIRI_HEADER_SEQUENCE, WEIRI_HEADER_PREVIOUS, WEIRI_HEADER_FINGERPRINT,
    WEIRI_HEADER_CORRELATION, WEIRI_HEADER_TRACEPARENT, WEIRI_HEADER_HOPS, WEIRI_HEADER_INSTANCE };

static void flaw(weiri_flaw *to, const char *format, ...) WEIR_PRINTF(2, 3);

static void
flaw(weiri_flaw *to, const char *format, ...)
{
    va_list arguments;

    if (to->code != NULL)
        return;
    to->code = "malformed";
    va_start(arguments, format);
    (void)vsnprintf(to->text, sizeof to->text, format, arguments);
    va_end(arguments);
}

static void
find_fields(const weiri_kafka_message *m, weiri_bytes fields[FIELDS], weiri_flaw *ret_flaw)
{
    const unsigned n = m->n > WEIRI_KAFKA_HEADERS_MOST ? WEIRI_KAFKA_HEADERS_MOST : m->n;

    if (m->n > WEIRI_KAFKA_HEADERS_MOST)
        flaw(ret_flaw, "a command has at most %d headers", WEIRI_KAFKA_HEADERS_MOST);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned f = 0; f < FIELDS; f++) {
            if (strcmp(m->headers[i].name, names[f]) != 0)
                continue;
            if (fields[f].data != NULL)
                flaw(ret_flaw, "header %s is there twice", names[f]);
            else if (m->headers[i].value.data != NULL)
                fields[f] = m->headers[i].value;
            break;
        }
    }
}

/* Text without control characters, of 1 to `most` bytes. */
static bool
plain(weiri_bytes text, size_t most)
{
    const unsigned char *s = text.data;

    if (text.size == 0 || text.size > most || !weiri_utf8_valid(text))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (s[i] < ' ' || s[i] == 0x7f)
            return false;
    }
    return true;
}

static void
read_type(const weiri_bytes *fields, weiri_record *record, weiri_flaw *ret_flaw)
{
    const weiri_bytes type = fields[FIELD_TYPE].data != NULL ? fields[FIELD_TYPE] : fields[FIELD_PLAIN_TYPE];

    if (type.data == NULL)
        flaw(ret_flaw, "it has no type: the header ce_type (or type) names the command's message");
    else if (!plain(type, TYPE_MOST))
        flaw(ret_flaw, "the header ce_type is no message's name");
    else
        record->type = type;
}

static void
read_id(const weiri_bytes *fields, weiri_record *record, weiri_flaw *ret_flaw)
{
    if (fields[FIELD_ID].data == NULL || fields[FIELD_ID].size == 0)
        return;
    if (!plain(fields[FIELD_ID], WEIRI_ID_MOST)) {
        flaw(ret_flaw, "the header ce_id, the command's id, has 1 to %d bytes of UTF-8 without control characters", WEIRI_ID_MOST);
        return;
    }
    record->id = fields[FIELD_ID];
    if (!weiri_bytes_are(fields[FIELD_ID_MADE], "1"))
        record->flags |= WEIRI_RECORD_CLIENT_ID;
}

static bool
begins(weiri_bytes text, const char *word)
{
    const size_t size = strlen(word);

    if (text.size < size || strncasecmp(text.data, word, size) != 0)
        return false;
    return text.size == size || strchr("; \t", ((const char *)text.data)[size]) != NULL;
}

static void
read_value(const weiri_bytes *fields, const weiri_kafka_message *m, weiri_record *record, weiri_flaw *ret_flaw)
{
    const weiri_bytes type = fields[FIELD_CONTENT_TYPE];

    if (type.data == NULL || type.size == 0 || begins(type, "application/json"))
        record->flags |= WEIRI_RECORD_JSON;
    else if (begins(type, "application/cloudevents+json"))
        flaw(ret_flaw, "CloudEvents in structured mode are not read: send the binary mode, ce_type and the others as headers");
    else if (!begins(type, "application/protobuf") && !begins(type, "application/x-protobuf"))
        flaw(ret_flaw, "content-type is application/json or application/protobuf, not '%.*s'", plain(type, 60) ? (int)type.size : 0,
            (const char *)type.data);
    if (m->value.data == NULL)
        flaw(ret_flaw, "it has no value");
    else if (m->value.size > WEIRI_MESSAGE_MOST + (weiri_bytes_are(record->type, WEIRI_COMMAND_STEP) ? WEIRI_STEP_MORE : 0))
        flaw(ret_flaw, "its value has %zu bytes: at most %d", m->value.size, WEIRI_MESSAGE_MOST);
    else
        record->payload = m->value;
}

static void
read_kept(weiri_kafka_format *format, const weiri_bytes *fields, weiri_flaw *ret_flaw)
{
    uint64_t number;

    for (unsigned f = FIELD_SOURCE; f < FIELDS; f++) {
        const bool numeric = f == FIELD_SEQUENCE || f == FIELD_PREVIOUS || f == FIELD_FINGERPRINT || f == FIELD_HOPS;
        if (fields[f].data == NULL)
            continue;
        if (numeric && !weiri_kafka_number(fields[f], &number))
            flaw(ret_flaw, "the header %s is a number in decimal", names[f]);
        else if (!numeric && !plain(fields[f], KEPT_MOST))
            flaw(ret_flaw, "the header %s has 1 to %d bytes of UTF-8 without control characters", names[f], KEPT_MOST);
        else
            weiri_headers_add(&format->headers, names[f], fields[f]);
    }
    if (fields[FIELD_SOURCE].data != NULL && fields[FIELD_SEQUENCE].data == NULL)
        flaw(ret_flaw, "the header weir-source needs weir-sequence");
}

void
weiri_kafka_read_command(weiri_kafka_format *format, const weiri_kafka_message *m, weiri_record *ret_record, weiri_flaw *ret_flaw)
{
    weiri_bytes fields[FIELDS] = { 0 };

    weiri_buffer_clear(&format->headers);
    *ret_flaw = (weiri_flaw){ 0 };
    *ret_record = (weiri_record){ .kind = WEIRI_RECORD_COMMAND,
        .time_ms = m->time_ms,
        .source = m->offset,
        .previous_source = WEIRI_NO_OFFSET,
        .previous_offset = WEIRI_NO_OFFSET };
    find_fields(m, fields, ret_flaw);
    if (m->key.data == NULL || m->key.size == 0)
        flaw(ret_flaw, "it has no key: a command's record key is the text of its aggregate's key");
    else if (!weiri_key_valid(m->key))
        flaw(ret_flaw, "its key is not 1 to 255 bytes of UTF-8 without control characters");
    else
        ret_record->key = m->key;
    read_type(fields, ret_record, ret_flaw);
    read_id(fields, ret_record, ret_flaw);
    read_value(fields, m, ret_record, ret_flaw);
    if (fields[FIELD_EXPECTED].data != NULL) {
        ret_record->flags |= WEIRI_RECORD_EXPECTS;
        if (!weiri_kafka_number(fields[FIELD_EXPECTED], &ret_record->expected_version))
            flaw(ret_flaw, "the header %s is a number in decimal", WEIRI_KAFKA_EXPECTED);
    }
    read_kept(format, fields, ret_flaw);
    ret_record->headers = weiri_buffer_bytes(&format->headers);
}
