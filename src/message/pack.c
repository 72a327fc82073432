/* SPDX-License-Identifier: Apache-2.0
 * Packing a command: key, UTF-8 and size checked. One path for every door. Thread: any. */
#include "message/pack.h"
#include "base/text.h"
#include "message/record.h"

/* ---- UTF-8: protobuf-c does not look, and what is not text would reach views and JSON ------------------- */

static bool check_message(const ProtobufCMessage *message, const ProtobufCFieldDescriptor **ret_bad);

static bool
check_value(const ProtobufCFieldDescriptor *field, const void *value, const ProtobufCFieldDescriptor **ret_bad)
{
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(const char *const *)value;
        if (text != NULL && !weiri_utf8_valid(weiri_bytes_of(text))) {
            *ret_bad = field;
            return false;
        }
        return true;
    }
    const ProtobufCMessage *nested = *(const ProtobufCMessage *const *)value;
    return nested == NULL || check_message(nested, ret_bad);
}

static bool
check_message(const ProtobufCMessage *message, const ProtobufCFieldDescriptor **ret_bad)
{
    const ProtobufCMessageDescriptor *d = message->descriptor;

    for (unsigned i = 0; i < d->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &d->fields[i];
        const char *member = (const char *)message + field->offset;
        if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        const void *quantifier = (const char *)message + field->quantifier_offset;
        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 && *(const uint32_t *)quantifier != field->id)
            continue;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            if (!check_value(field, member, ret_bad))
                return false;
            continue;
        }
        const void *const *list = *(const void *const *const *)(const void *)member;
        for (size_t k = 0; k < *(const size_t *)quantifier; k++) {
            if (!check_value(field, &list[k], ret_bad))
                return false;
        }
    }
    return true;
}

/* ---- packing ------------------------------------------------------------------------------------------- */

weir_status
weiri_message_pack(const weiri_type *type, const ProtobufCMessage *message, char ret_key[WEIRI_KEY_ROOM], weiri_buffer *to, weir_error *err)
{
    const ProtobufCFieldDescriptor *bad = NULL;
    char digits[WEIRI_KEY_DIGITS];
    weiri_bytes key;

    if (weiri_type_check_key(type, message, digits, &key, err) != WEIR_OK)
        return WEIR_INVALID;
    if (!check_message(message, &bad))
        return weiri_error_set(err, WEIR_INVALID, "%s: a string of %s that is not UTF-8", bad->name, type->descriptor->name);
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size > WEIRI_MESSAGE_MOST + (type->process == NULL ? 0 : WEIRI_STEP_MORE))
        return weiri_error_set(
            err, WEIR_INVALID, "%s has %zu bytes; a message has at most %d", type->descriptor->name, size, WEIRI_MESSAGE_MOST);
    memcpy(ret_key, key.data, key.size);
    ret_key[key.size] = '\0';
    weiri_buffer_clear(to);
    if (!weiri_buffer_try_reserve(to, size))
        return weiri_error_set(err, WEIR_NO_MEMORY, "no memory for %s of %zu bytes: nothing was taken", type->descriptor->name, size);
    (void)protobuf_c_message_pack(message, weiri_buffer_extend(to, size));
    return WEIR_OK;
}
