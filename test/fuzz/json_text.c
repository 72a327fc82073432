/* SPDX-License-Identifier: Apache-2.0
 * JSON text to a message and back: what is written reads back as the same message, by both readers, and is written the same again. */
#include "fuzz.h"
#include "message/json.h"
#include "message/random_message.h"

static const ProtobufCMessageDescriptor *const everything = &testing__v1__everything__descriptor;

static void
read_back(const ProtobufCMessage *message, unsigned flags)
{
    weiri_buffer once = { 0 }, twice = { 0 };
    ProtobufCMessage *again = NULL;
    weir_error err;
    json_t *json = NULL;

    weiri_json_add_message(&once, message, flags);
    weir_status status = weiri_json_parse_message(everything, weiri_buffer_bytes(&once), &again, &err);
    weiri_assert(status == WEIR_OK && packs_equal(message, again));
    weiri_json_add_message(&twice, again, flags);
    weiri_assert(weiri_bytes_equal(weiri_buffer_bytes(&once), weiri_buffer_bytes(&twice)));
    status = weiri_json_parse(weiri_buffer_bytes(&once), &json, &err);
    weiri_assert(status == WEIR_OK);
    json_decref(json);
    protobuf_c_message_free_unpacked(again, NULL);
    weiri_buffer_fini(&once);
    weiri_buffer_fini(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ProtobufCMessage *message = NULL;
    weir_error err;

    weir_status status = weiri_json_parse_message(everything, (weiri_bytes){ data, size }, &message, &err);
    if (status != WEIR_OK) {
        weiri_assert(message == NULL);
        fuzz_said(status, &err);
        return 0;
    }
    read_back(message, 0);
    read_back(message, WEIRI_JSON_DEFAULTS);
    protobuf_c_message_free_unpacked(message, NULL);
    return 0;
}
