/* SPDX-License-Identifier: Apache-2.0
 * Weighing asks malloc for the true size of every piece, since what was asked for is kept nowhere (state.c relies on the same). */
#include "message/weigh.h"
#include <malloc.h>
#include <stdint.h>
#include <string.h>

enum { PIECE_OVERHEAD = 8 }; /* malloc's own, beside what may be used */

static size_t
piece(const void *memory)
{
    return memory == NULL ? 0 : malloc_usable_size((void *)(uintptr_t)memory) + PIECE_OVERHEAD;
}

static bool
holds_memory(const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_REPEATED || field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_BYTES ||
           field->type == PROTOBUF_C_TYPE_MESSAGE;
}

bool
weiri_message_flat(const ProtobufCMessageDescriptor *descriptor)
{
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        if (holds_memory(&descriptor->fields[i]))
            return false;
    return true;
}

/* One value, which lies at `at` as the struct or the list has it. */
static size_t
value(const ProtobufCFieldDescriptor *field, const uint8_t *at)
{
    ProtobufCBinaryData bytes;
    void *pointer;

    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        memcpy(&bytes, at, sizeof bytes);
        return piece(bytes.data);
    }
    memcpy(&pointer, at, sizeof pointer);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return pointer == NULL ? 0 : weiri_message_weigh(pointer);
    return pointer == field->default_value || pointer == protobuf_c_empty_string ? 0 : piece(pointer);
}

static size_t
list(const ProtobufCFieldDescriptor *field, const uint8_t *base)
{
    const uint8_t *elements;
    size_t n, size = field->type == PROTOBUF_C_TYPE_BYTES ? sizeof(ProtobufCBinaryData) : sizeof(void *);

    memcpy(&n, base + field->quantifier_offset, sizeof n);
    memcpy(&elements, base + field->offset, sizeof elements);
    size_t sum = piece(elements);
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_BYTES || field->type == PROTOBUF_C_TYPE_MESSAGE)
        for (size_t i = 0; i < n; i++)
            sum += value(field, elements + i * size);
    return sum;
}

size_t
weiri_message_weigh(const ProtobufCMessage *message)
{
    const uint8_t *base = (const uint8_t *)message;
    size_t sum = piece(message);

    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        uint32_t chosen;
        if (!holds_memory(field))
            continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            sum += list(field, base);
            continue;
        }
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
            memcpy(&chosen, base + field->quantifier_offset, sizeof chosen);
            if (chosen != field->id)
                continue;
        }
        sum += value(field, base + field->offset);
    }
    return sum;
}
