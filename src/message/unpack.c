/* SPDX-License-Identifier: Apache-2.0
 * Unpacking a Protobuf message that comes from outside: its depth is measured on the wire before protobuf-c recurses into it. What is
 * no message at all is left to protobuf-c to refuse. Thread: any. */
#include "message/unpack.h"
#include "message/build.h"
#include <stdlib.h>

/* Wire types: https://protobuf.dev/programming-guides/encoding/#structure */
enum { VARINT = 0, FIXED64 = 1, DELIMITED = 2, FIXED32 = 5 };

/* False: the bytes end, or the number has more than 10 bytes. */
static bool
take_varint(weiri_bytes *from, uint64_t *ret_value)
{
    const uint8_t *at = from->data;
    uint64_t value = 0;

    for (size_t i = 0; i < from->size && i < 10; i++) {
        value |= (uint64_t)(at[i] & 0x7f) << (7 * i);
        if (at[i] < 0x80) {
            *from = (weiri_bytes){ at + i + 1, from->size - i - 1 };
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool
skip(weiri_bytes *from, uint64_t size)
{
    if (size > from->size)
        return false;
    *from = (weiri_bytes){ (const uint8_t *)from->data + size, from->size - (size_t)size };
    return true;
}

/* True: nowhere deeper than `left` messages, as far as the bytes can be read. */
static bool
shallow(const ProtobufCMessageDescriptor *descriptor, weiri_bytes bytes, unsigned left)
{
    uint64_t tag, size = 0;

    if (left == 0)
        return false;
    while (take_varint(&bytes, &tag)) {
        unsigned wire = tag & 7;
        if (wire != DELIMITED) {
            uint64_t value;
            bool more = wire == VARINT ? take_varint(&bytes, &value) : skip(&bytes, wire == FIXED64 ? 8 : 4);
            if (!more || (wire != VARINT && wire != FIXED64 && wire != FIXED32))
                return true;
            continue;
        }
        weiri_bytes inner = { 0 };
        if (!take_varint(&bytes, &size))
            return true;
        inner = (weiri_bytes){ bytes.data, (size_t)size };
        if (!skip(&bytes, size))
            return true;
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(descriptor, (unsigned)(tag >> 3));
        if (field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE && !shallow(field->descriptor, inner, left - 1))
            return false;
    }
    return true;
}

static void *
try_take(void *failed, size_t size)
{
    void *memory = malloc(size);

    *(bool *)failed |= memory == NULL;
    return memory;
}

static void
give(void *failed, void *memory)
{
    (void)failed;
    free(memory);
}

weir_status
weiri_message_unpack_stored(const ProtobufCMessageDescriptor *descriptor, weiri_bytes bytes, ProtobufCMessage **ret_message)
{
    bool failed = false;
    ProtobufCAllocator allocator = { .alloc = try_take, .free = give, .allocator_data = &failed };
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &allocator, bytes.size, bytes.data);

    if (message == NULL)
        return failed ? WEIR_NO_MEMORY : WEIR_CORRUPT;
    *ret_message = message;
    return WEIR_OK;
}

weir_status
weiri_message_unpack(const ProtobufCMessageDescriptor *descriptor, weiri_bytes bytes, ProtobufCMessage **ret_message, weir_error *err)
{
    if (!shallow(descriptor, bytes, WEIRI_DEPTH_MOST))
        return weiri_error_set(err, WEIR_INVALID, "%s: messages within each other are deeper than %d", descriptor->name, WEIRI_DEPTH_MOST);
    weir_status status = weiri_message_unpack_stored(descriptor, bytes, ret_message);
    if (status == WEIR_NO_MEMORY)
        return weiri_error_set(err, status, "no memory for a %s of %zu bytes", descriptor->name, bytes.size);
    return status == WEIR_OK ? WEIR_OK : weiri_error_set(err, WEIR_INVALID, "the bytes are no %s in Protobuf", descriptor->name);
}
