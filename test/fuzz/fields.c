/* SPDX-License-Identifier: Apache-2.0
 * field=value: a line splits, reads, and what is written of the message splits and reads back as the same one. */
#include "fuzz.h"
#include "message/fields.h"
#include "message/random_message.h"

static const ProtobufCMessageDescriptor *const everything = &testing__v1__everything__descriptor;

/* NULL: refused, with words. */
static ProtobufCMessage *
read_line(const char *line)
{
    char **arguments = NULL;
    ProtobufCMessage *message = NULL;
    weir_error err;
    size_t n = 0;

    weir_status status = weiri_fields_split(line, &arguments, &n, &err);
    if (status != WEIR_OK) {
        weiri_assert(arguments == NULL && n == 0);
        fuzz_said(status, &err);
        return NULL;
    }
    weiri_assert(arguments != NULL);
    status = weiri_fields_to_message(everything, (const char *const *)arguments, n, &message, &err);
    weiri_fields_free(arguments, n);
    if (status != WEIR_OK) {
        weiri_assert(message == NULL);
        fuzz_said(status, &err);
    }
    return message;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = fuzz_text(data, size);
    weiri_buffer written = { 0 };

    ProtobufCMessage *message = read_line(line);
    free(line);
    if (message == NULL)
        return 0;
    weiri_fields_add_message(&written, message);
    weiri_assert(written.size == 0 || memchr(written.data, '\n', written.size) == NULL);
    ProtobufCMessage *again = read_line(weiri_buffer_text(&written));
    weiri_assert(again != NULL && packs_equal(message, again));
    protobuf_c_message_free_unpacked(again, NULL);
    protobuf_c_message_free_unpacked(message, NULL);
    weiri_buffer_fini(&written);
    return 0;
}
