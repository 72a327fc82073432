/* SPDX-License-Identifier: Apache-2.0
 * What is done with a message of a known type: its key read and put in, an event unpacked and brought up to date.
 * Thread: any. */
#include "base/assert.h"
#include "base/memory.h"
#include "base/text.h"
#include "message/assign.h"
#include "message/unpack.h"
#include "message/schema.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static bool
is_signed(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return true;
    default:
        return false;
    }
}

static bool
is_wide(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return true;
    default:
        return false;
    }
}

static void
print_number(ProtobufCType type, const void *at, char digits[WEIRI_KEY_DIGITS])
{
    if (is_signed(type))
        (void)snprintf(digits, WEIRI_KEY_DIGITS, "%" PRId64, is_wide(type) ? *(const int64_t *)at : *(const int32_t *)at);
    else
        (void)snprintf(digits, WEIRI_KEY_DIGITS, "%" PRIu64, is_wide(type) ? *(const uint64_t *)at : *(const uint32_t *)at);
}

weiri_bytes
weiri_type_key(const weiri_type *type, const void *message, char digits[WEIRI_KEY_DIGITS])
{
    weiri_assert(type->key != NULL);
    const void *at = (const uint8_t *)message + type->key->offset;

    if (type->key->type == PROTOBUF_C_TYPE_STRING)
        return weiri_bytes_of(*(char *const *)at);
    print_number(type->key->type, at, digits);
    return weiri_bytes_of(digits);
}

weir_status
weiri_type_check_key(const weiri_type *type, const void *message, char digits[WEIRI_KEY_DIGITS], weiri_bytes *ret_key, weir_error *err)
{
    weiri_bytes key = weiri_type_key(type, message, digits);

    if (!weiri_key_valid(key))
        return weiri_error_set(err, WEIR_INVALID, "%s: the key of %s must be 1-255 bytes of UTF-8 without control characters",
            type->key->name, type->descriptor->name);
    *ret_key = key;
    return WEIR_OK;
}

/* Reads `key` into *ret_value, as the bits of the field; false: no number, out of the field's range, or not written as weir
 * writes it ("007"): the key of the record and that of the message would differ. */
static bool
read_number(ProtobufCType type, const char *key, uint64_t *ret_value)
{
    char digits[WEIRI_KEY_DIGITS];
    int64_t number;
    uint64_t value;

    if (is_signed(type)) {
        if (!weiri_text_to_int64(key, &number) || (!is_wide(type) && (number < INT32_MIN || number > INT32_MAX)))
            return false;
        value = (uint64_t)number;
    } else if (!weiri_text_to_uint64(key, &value) || (!is_wide(type) && value > UINT32_MAX)) {
        return false;
    }
    (void)snprintf(digits, sizeof digits, is_signed(type) ? "%" PRId64 : "%" PRIu64, value);
    *ret_value = value;
    return strcmp(digits, key) == 0;
}

weir_status
weiri_type_set_key(const weiri_type *type, void *message, const char *key, weir_error *err)
{
    weiri_assert(type->key != NULL);
    const ProtobufCFieldDescriptor *field = type->key;
    void *at = (uint8_t *)message + field->offset;
    char digits[WEIRI_KEY_DIGITS];
    uint64_t value;

    if (field->type == PROTOBUF_C_TYPE_STRING) {
        char **text = at;
        if (*text == NULL || **text == '\0') {
            *text = (char *)(uintptr_t)key;
            return WEIR_OK;
        }
        if (strcmp(*text, key) == 0)
            return WEIR_OK;
        return weiri_error_set(err, WEIR_INVALID, "%s: key '%s' holds '%s' and not '%s'", type->descriptor->name, field->name, *text, key);
    }
    print_number(field->type, at, digits);
    if (strcmp(digits, key) == 0)
        return WEIR_OK;
    if (strcmp(digits, "0") != 0)
        return weiri_error_set(err, WEIR_INVALID, "%s: key '%s' holds '%s' and not '%s'", type->descriptor->name, field->name, digits, key);
    if (!read_number(field->type, key, &value))
        return weiri_error_set(err, WEIR_INVALID, "%s: key '%s' can't hold '%s'", type->descriptor->name, field->name, key);
    if (is_wide(field->type)) {
        memcpy(at, &value, sizeof value);
    } else {
        const uint32_t narrow = (uint32_t)value;
        memcpy(at, &narrow, sizeof narrow);
    }
    return WEIR_OK;
}

/* ---- old events --------------------------------------------------------------------------------------- */

weir_status
weir_upcast_fail(weir_error *err, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    weiri_error_setv(err, WEIR_INVALID, format, arguments);
    va_end(arguments);
    return WEIR_INVALID;
}

/* One row: `old` to *ret_fresh. */
static weir_status
upcast(const weiri_type *type, const ProtobufCMessage *old, ProtobufCMessage **ret_fresh, weir_error *err)
{
    const ProtobufCMessageDescriptor *to = type->next->descriptor;
    ProtobufCMessage *fresh = weiri_allocate(to->sizeof_message);
    weir_error cause = { 0 };

    protobuf_c_message_init(to, fresh);
    if (type->upcast->upcast(old, fresh, &cause) != WEIR_OK) {
        protobuf_c_message_free_unpacked(fresh, NULL);
        return weiri_error_set(err, WEIR_INVALID, "the upcast of %s to %s failed: %s", type->descriptor->name, to->name,
            cause.text[0] != '\0' ? cause.text : "it gave no reason");
    }
    weiri_assign_unknown(fresh, old);
    *ret_fresh = fresh;
    return WEIR_OK;
}

weir_status
weiri_type_unpack_event(const weiri_type *type, weiri_bytes payload, ProtobufCAllocator *allocator, const weiri_type **ret_type,
    ProtobufCMessage **ret_message, bool *ret_upcast, weir_error *err)
{
    ProtobufCMessage *message = NULL, *fresh = NULL;
    weir_status status = WEIR_OK;

    if (allocator == NULL)
        status = weiri_message_unpack_stored(type->descriptor, payload, &message);
    else if ((message = protobuf_c_message_unpack(type->descriptor, allocator, payload.size, payload.data)) == NULL)
        status = WEIR_CORRUPT;
    if (status != WEIR_OK)
        return weiri_error_set(
            err, status, status == WEIR_NO_MEMORY ? "no memory for a %s" : "these bytes are no %s", type->descriptor->name);
    for (const weiri_type *old = type; status == WEIR_OK && old->upcast != NULL; old = old->next) {
        status = upcast(old, message, &fresh, err);
        protobuf_c_message_free_unpacked(message, old == type ? allocator : NULL);
        message = fresh;
    }
    if (status != WEIR_OK)
        return status;
    *ret_type = type->newest;
    *ret_message = message;
    *ret_upcast = type->upcast != NULL;
    return WEIR_OK;
}
