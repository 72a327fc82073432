/* SPDX-License-Identifier: Apache-2.0
 * Protobuf bytes as events of the tests' module: what unpacks, also over an upcast, packs and unpacks again, with both allocators,
 * and its JSON reads. The first byte chooses the type; beyond the types it is the message with every kind of field. */
#include "base/arena.h"
#include "fuzz.h"
#include "message/json.h"

/* A number that its enum does not name is written, and refused when it is read: docs/json.md. All else reads back. */
static void
check_json(const ProtobufCMessage *message)
{
    weiri_buffer once = { 0 }, twice = { 0 };
    ProtobufCMessage *again = NULL;
    json_t *json = NULL;
    weir_error err;

    weiri_json_add_message(&once, message, 0);
    weir_status status = weiri_json_parse(weiri_buffer_bytes(&once), &json, &err);
    weiri_assert(status == WEIR_OK);
    json_decref(json);
    status = weiri_json_parse_message(message->descriptor, weiri_buffer_bytes(&once), &again, &err);
    weiri_assert(status == WEIR_OK || strstr(err.text, " has no value ") != NULL);
    if (status == WEIR_OK) {
        weiri_json_add_message(&twice, again, 0);
        weiri_assert(weiri_bytes_equal(weiri_buffer_bytes(&once), weiri_buffer_bytes(&twice)));
        protobuf_c_message_free_unpacked(again, NULL);
    }
    weiri_buffer_fini(&once);
    weiri_buffer_fini(&twice);
}

static void
unpack_everything(weiri_bytes payload)
{
    ProtobufCMessage *message = protobuf_c_message_unpack(&testing__v1__everything__descriptor, NULL, payload.size, payload.data);

    if (message != NULL)
        check_json(message);
    if (message != NULL)
        protobuf_c_message_free_unpacked(message, NULL);
}

static void
unpack_with_arena(const weiri_type *type, weiri_bytes payload, weir_status expected)
{
    weiri_arena arena = { 0 };
    ProtobufCAllocator allocator = weiri_arena_allocator(&arena);
    const weiri_type *newest = NULL;
    ProtobufCMessage *message = NULL;
    bool upcast = false;

    weir_status status = weiri_type_unpack_event(type, payload, &allocator, &newest, &message, &upcast, NULL);
    weiri_assert(status == expected);
    if (status == WEIR_OK)
        protobuf_c_message_free_unpacked(message, upcast ? NULL : &allocator);
    weiri_arena_fini(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const weiri_schema *schema = fuzz_schema();
    const weiri_type *newest = NULL;
    ProtobufCMessage *message = NULL;
    char digits[WEIRI_KEY_DIGITS];
    bool upcast = false;

    if (size == 0)
        return 0;
    weiri_bytes payload = { data + 1, size - 1 };
    if (data[0] >= weiri_schema_types(schema)) {
        unpack_everything(payload);
        return 0;
    }
    const weiri_type *type = weiri_schema_type(schema, data[0]);
    if (type->kind != WEIRI_TYPE_EVENT)
        return 0;
    weir_status status = weiri_type_unpack_event(type, payload, NULL, &newest, &message, &upcast, NULL);
    unpack_with_arena(type, payload, status);
    if (status != WEIR_OK) {
        weiri_assert(status == WEIR_CORRUPT && message == NULL && newest == NULL && !upcast);
        return 0;
    }
    weiri_assert(newest == type->newest && message->descriptor == newest->descriptor && upcast == (type->upcast != NULL));
    (void)weiri_type_key(newest, message, digits);
    check_json(message);
    protobuf_c_message_free_unpacked(message, NULL);
    return 0;
}
