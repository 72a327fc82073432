/* SPDX-License-Identifier: Apache-2.0
 * Bytes of a record and of its headers, both ways. What is read is checked against the bytes that are there before it is
 * touched: a record comes from a disk or from somebody else's program. Thread: any. */
#include "message/record.h"
#include "base/assert.h"
#include "base/text.h"
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>

enum { HEADER_HEAD_SIZE = 6, NUMBER_ROOM = 24 };

size_t
weiri_record_size(const weiri_record *record)
{
    return WEIRI_RECORD_HEAD_SIZE + record->type.size + record->aggregate.size + record->key.size + record->id.size + record->headers.size +
           record->payload.size;
}

static uint8_t *
put(uint8_t *at, weiri_bytes bytes)
{
    if (bytes.size > 0)
        memcpy(at, bytes.data, bytes.size);
    return at + bytes.size;
}

void
weiri_record_write(const weiri_record *record, void *to)
{
    weiri_assert(record->type.size <= UINT16_MAX && record->id.size <= UINT16_MAX);
    weiri_assert(record->aggregate.size <= UINT8_MAX && record->key.size <= UINT8_MAX);
    weiri_assert(record->payload.size <= UINT32_MAX && record->headers.size <= UINT32_MAX);
    const weiri_record_head head = {
        .kind = record->kind,
        .flags = record->flags,
        .type_size = htole16((uint16_t)record->type.size),
        .aggregate_size = (uint8_t)record->aggregate.size,
        .key_size = (uint8_t)record->key.size,
        .id_size = htole16((uint16_t)record->id.size),
        .time_ms = htole64((uint64_t)record->time_ms),
        .source = htole64(record->source),
        .version = htole64(record->version),
        .expected_version = htole64(record->expected_version),
        .index = htole32(record->index),
        .previous_index = htole32(record->previous_index),
        .previous_source = htole64(record->previous_source),
        .previous_offset = htole64(record->previous_offset),
        .payload_size = htole32((uint32_t)record->payload.size),
        .headers_size = htole32((uint32_t)record->headers.size),
    };

    memcpy(to, &head, sizeof head);
    uint8_t *at = put((uint8_t *)to + sizeof head, record->type);
    at = put(at, record->aggregate);
    at = put(at, record->key);
    at = put(at, record->id);
    at = put(at, record->headers);
    put(at, record->payload);
}

bool
weiri_headers_next(weiri_bytes *headers, weiri_bytes *ret_name, weiri_bytes *ret_value)
{
    const uint8_t *p = headers->data;
    uint16_t name_size;
    uint32_t value_size;

    if (headers->size < HEADER_HEAD_SIZE)
        return false;
    memcpy(&name_size, p, sizeof name_size);
    memcpy(&value_size, p + sizeof name_size, sizeof value_size);
    const uint64_t name = le16toh(name_size), value = le32toh(value_size);
    if (headers->size - HEADER_HEAD_SIZE < name + value)
        return false;
    *ret_name = (weiri_bytes){ p + HEADER_HEAD_SIZE, name };
    *ret_value = (weiri_bytes){ p + HEADER_HEAD_SIZE + name, value };
    *headers = (weiri_bytes){ p + HEADER_HEAD_SIZE + name + value, headers->size - HEADER_HEAD_SIZE - name - value };
    return true;
}

static bool
headers_whole(weiri_bytes headers)
{
    weiri_bytes name, value;

    while (headers.size > 0)
        if (!weiri_headers_next(&headers, &name, &value))
            return false;
    return true;
}

weir_status
weiri_record_read(weiri_bytes bytes, weiri_record *ret_record)
{
    weiri_record_head head;

    if (bytes.size < sizeof head)
        return WEIR_CORRUPT;
    memcpy(&head, bytes.data, sizeof head);
    const uint32_t payload_size = le32toh(head.payload_size), headers_size = le32toh(head.headers_size);
    const uint16_t type_size = le16toh(head.type_size), id_size = le16toh(head.id_size);
    const uint64_t size = sizeof head + (uint64_t)type_size + head.aggregate_size + head.key_size + id_size + headers_size + payload_size;
    if (head.kind < WEIRI_RECORD_COMMAND || head.kind > WEIRI_RECORD_OUTCOME || size > bytes.size)
        return WEIR_CORRUPT;
    const uint8_t *at = (const uint8_t *)bytes.data + sizeof head;
    const size_t before_headers = (size_t)type_size + head.aggregate_size + head.key_size + id_size;
    if (headers_size > 0 && !headers_whole((weiri_bytes){ at + before_headers, headers_size }))
        return WEIR_CORRUPT;
    *ret_record = (weiri_record){
        .kind = head.kind,
        .flags = head.flags,
        .time_ms = (int64_t)le64toh(head.time_ms),
        .source = le64toh(head.source),
        .version = le64toh(head.version),
        .expected_version = le64toh(head.expected_version),
        .index = le32toh(head.index),
        .previous_index = le32toh(head.previous_index),
        .previous_source = le64toh(head.previous_source),
        .previous_offset = le64toh(head.previous_offset),
        .type = { at, type_size },
        .aggregate = { at + type_size, head.aggregate_size },
        .key = { at + type_size + head.aggregate_size, head.key_size },
        .id = { at + before_headers - id_size, id_size },
        .headers = { at + before_headers, headers_size },
        .payload = { at + before_headers + headers_size, payload_size },
    };
    return WEIR_OK;
}

void
weiri_headers_add(weiri_buffer *headers, const char *name, weiri_bytes value)
{
    const size_t name_size = strlen(name);

    weiri_assert(name_size <= UINT16_MAX && value.size <= UINT32_MAX);
    const uint16_t name_size_le = htole16((uint16_t)name_size);
    const uint32_t value_size_le = htole32((uint32_t)value.size);
    weiri_buffer_add(headers, &name_size_le, sizeof name_size_le);
    weiri_buffer_add(headers, &value_size_le, sizeof value_size_le);
    weiri_buffer_add(headers, name, name_size);
    weiri_buffer_add_bytes(headers, value);
}

void
weiri_headers_add_number(weiri_buffer *headers, const char *name, uint64_t value)
{
    char digits[NUMBER_ROOM];

    (void)snprintf(digits, sizeof digits, "%" PRIu64, value);
    weiri_headers_add(headers, name, weiri_bytes_of(digits));
}

bool
weiri_headers_find(weiri_bytes headers, const char *name, weiri_bytes *ret_value)
{
    const weiri_bytes wanted = weiri_bytes_of(name);
    weiri_bytes found, value;

    while (weiri_headers_next(&headers, &found, &value)) {
        if (weiri_bytes_equal(found, wanted)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

bool
weiri_headers_find_number(weiri_bytes headers, const char *name, uint64_t *ret_value)
{
    char digits[NUMBER_ROOM];
    weiri_bytes value;

    if (!weiri_headers_find(headers, name, &value) || value.size >= sizeof digits || memchr(value.data, '\0', value.size) != NULL)
        return false;
    memcpy(digits, value.data, value.size);
    digits[value.size] = '\0';
    return weiri_text_to_uint64(digits, ret_value);
}
