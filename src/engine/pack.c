/* SPDX-License-Identifier: Apache-2.0
 * From a message to what a lane takes: packed, its key beside it; and small checks of what comes with it. Thread: any. */
#include "engine/inside.h"
#include "base/text.h"
#include "message/pack.h"
#include <ctype.h>

weir_status
weiri_pack_command(const weiri_type *type, const ProtobufCMessage *message, weiri_packed *ret_packed, weir_error *err)
{
    return weiri_message_pack(type, message, ret_packed->key, &ret_packed->bytes, err);
}

weir_status
weiri_check_id(const char *what, const char *id, weir_error *err)
{
    weiri_bytes bytes = weiri_bytes_of(id);

    if (bytes.size <= WEIRI_ID_MOST && weiri_key_valid(bytes))
        return WEIR_OK;
    return weiri_error_set(err, WEIR_INVALID, "%s must be 1-%d bytes of UTF-8 without control characters", what, WEIRI_ID_MOST);
}

bool
weiri_is_traceparent(const char *text)
{
    static const char shape[] = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";

    if (text == NULL || strlen(text) != sizeof shape - 1)
        return false;
    for (size_t i = 0; shape[i] != '\0'; i++) {
        bool hexadecimal = isxdigit((unsigned char)text[i]) && !isupper((unsigned char)text[i]);
        if (shape[i] == '-' ? text[i] != '-' : !hexadecimal)
            return false;
    }
    return strncmp(text, "ff", 2) != 0;
}

weir_status
weiri_submit_to_lane(weiri_service *service, const weiri_submit *submit, const char **ret_code, weir_error *err)
{
    *ret_code = "";
    if (atomic_load(&service->refusing))
        return weiri_error_set(err, WEIR_CLOSED, "the engine is closing");
    weir_status status = weiri_commands_submit(service->commands, submit, err);
    if (status == WEIR_IO)
        *ret_code = WEIRI_LOG_FAILED;
    return status;
}
