/* SPDX-License-Identifier: Apache-2.0
 * Scalars by the type of their field: https://protobuf.dev/programming-guides/json/. Nothing is rounded or clipped that is said
 * to be an integer; a string holds no NUL because protobuf-c's strings end at it. Thread: any. */
#include "message/literal.h"
#include "base/assert.h"
#include "base/memory.h"
#include "base/text.h"
#include "message/base64.h"
#include "base/number.h"
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *
weiri_text_show(weiri_bytes text, char to[WEIRI_LITERAL_SHOWN])
{
    const unsigned char *from = text.data;
    const size_t most = WEIRI_LITERAL_SHOWN - 6; /* leaves room for quotes, dots and NUL */
    size_t n = text.size < most ? text.size : most;

    while (n < text.size && n > 0 && (from[n] & 0xc0) == 0x80)
        n--;
    bool valid = weiri_utf8_valid((weiri_bytes){ text.data, n });
    for (size_t i = 0; i < n; i++)
        to[i] = from[i] < 0x20 || from[i] == 0x7f || (from[i] >= 0x80 && !valid) ? '?' : (char)from[i];
    memcpy(to + n, n < text.size ? "..." : "", n < text.size ? 4 : 1);
    return to;
}

const char *
weiri_literal_show(const weiri_literal *value, char to[WEIRI_LITERAL_SHOWN])
{
    static const char *const words[] = { [WEIRI_LITERAL_NULL] = "null",
        [WEIRI_LITERAL_FALSE] = "false",
        [WEIRI_LITERAL_TRUE] = "true",
        [WEIRI_LITERAL_LIST] = "a list",
        [WEIRI_LITERAL_OBJECT] = "an object" };
    char text[WEIRI_LITERAL_SHOWN];

    if (value->kind == WEIRI_LITERAL_STRING)
        (void)snprintf(to, WEIRI_LITERAL_SHOWN, "\"%s\"", weiri_text_show(value->text, text));
    else if (value->kind == WEIRI_LITERAL_NUMBER)
        (void)weiri_text_show(value->text, to);
    else
        (void)snprintf(to, WEIRI_LITERAL_SHOWN, "%s", words[value->kind]);
    return to;
}

weir_status
weiri_literal_refuse(const weiri_literal *value, const char *what, weir_error *err)
{
    char shown[WEIRI_LITERAL_SHOWN];

    return weiri_error_set(err, WEIR_INVALID, "expected %s, got %s", what, weiri_literal_show(value, shown));
}

/* A number, or a string that holds one. */
static bool
is_number(const weiri_literal *value)
{
    return value->kind == WEIRI_LITERAL_NUMBER || (value->kind == WEIRI_LITERAL_STRING && weiri_number_is(value->text));
}

static bool
to_integer(const weiri_literal *value, bool *ret_negative, uint64_t *ret_magnitude)
{
    if (!is_number(value) || !weiri_number_to_integer(value->text, ret_negative, ret_magnitude))
        return false;
    return !value->rounded || *ret_magnitude < UINT64_C(1) << DBL_MANT_DIG;
}

static weir_status
store_signed(const weiri_literal *value, int64_t least, int64_t most, int64_t *ret_number, weir_error *err)
{
    char what[96];
    uint64_t magnitude;
    bool negative;

    if (to_integer(value, &negative, &magnitude) && magnitude <= (uint64_t)most + negative) {
        *ret_number = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
        return WEIR_OK;
    }
    (void)snprintf(what, sizeof what, "an integer from %" PRId64 " to %" PRId64, least, most);
    return weiri_literal_refuse(value, what, err);
}

static weir_status
store_unsigned(const weiri_literal *value, uint64_t most, uint64_t *ret_number, weir_error *err)
{
    char what[96];
    uint64_t magnitude;
    bool negative;

    if (to_integer(value, &negative, &magnitude) && !negative && magnitude <= most) {
        *ret_number = magnitude;
        return WEIR_OK;
    }
    (void)snprintf(what, sizeof what, "an integer from 0 to %" PRIu64, most);
    return weiri_literal_refuse(value, what, err);
}

static weir_status
store_real(const weiri_literal *value, bool single, void *member, weir_error *err)
{
    static const struct {
        const char *name;
        double value;
    } words[] = { { "NaN", NAN }, { "Infinity", INFINITY }, { "-Infinity", -INFINITY } };

    for (size_t i = 0; value->kind == WEIRI_LITERAL_STRING && i < sizeof words / sizeof *words; i++)
        if (weiri_bytes_are(value->text, words[i].name)) {
            if (single)
                *(float *)member = (float)words[i].value;
            else
                *(double *)member = words[i].value;
            return WEIR_OK;
        }
    if (!is_number(value))
        return weiri_literal_refuse(value, "a number, \"NaN\", \"Infinity\" or \"-Infinity\"", err);
    if (single ? weiri_number_to_float(value->text, member) : weiri_number_to_double(value->text, member))
        return WEIR_OK;
    return weiri_literal_refuse(value,
        single ? "a number from -3.4028235e+38 to 3.4028235e+38" : "a number from -1.7976931348623157e+308 to 1.7976931348623157e+308",
        err);
}

static weir_status
refuse_enum(const weiri_literal *value, const ProtobufCEnumDescriptor *descriptor, weir_error *err)
{
    char shown[WEIRI_LITERAL_SHOWN], hint[160] = "";
    weiri_nearest nearest = { 0 };

    if (value->kind == WEIRI_LITERAL_NUMBER)
        return weiri_error_set(err, WEIR_INVALID, "%s has no value %s", descriptor->name, weiri_text_show(value->text, shown));
    (void)weiri_text_show(value->text, shown);
    for (unsigned i = 0; i < descriptor->n_value_names; i++)
        weiri_nearest_offer(&nearest, shown, descriptor->values_by_name[i].name);
    return weiri_error_set(
        err, WEIR_INVALID, "%s has no value '%s'%s", descriptor->name, shown, weiri_nearest_hint(&nearest, hint, sizeof hint));
}

static weir_status
store_enum(const weiri_literal *value, const ProtobufCEnumDescriptor *descriptor, int *member, weir_error *err)
{
    char what[160];
    int64_t number;

    if (value->kind == WEIRI_LITERAL_STRING) {
        for (unsigned i = 0; i < descriptor->n_value_names; i++)
            if (weiri_bytes_are(value->text, descriptor->values_by_name[i].name)) {
                *member = descriptor->values[descriptor->values_by_name[i].index].value;
                return WEIR_OK;
            }
        return refuse_enum(value, descriptor, err);
    }
    if (value->kind != WEIRI_LITERAL_NUMBER) {
        (void)snprintf(what, sizeof what, "a name of %.100s", descriptor->name);
        return weiri_literal_refuse(value, what, err);
    }
    if (store_signed(value, INT32_MIN, INT32_MAX, &number, NULL) != WEIR_OK ||
        protobuf_c_enum_descriptor_get_value(descriptor, (int)number) == NULL)
        return refuse_enum(value, descriptor, err);
    *member = (int)number;
    return WEIR_OK;
}

static weir_status
store_string(const weiri_literal *value, char **member, weir_error *err)
{
    if (value->kind != WEIRI_LITERAL_STRING)
        return weiri_literal_refuse(value, "a string", err);
    if (memchr(value->text.data, '\0', value->text.size) != NULL)
        return weiri_error_set(err, WEIR_INVALID, "a string can't hold the character NUL");
    if (!weiri_utf8_valid(value->text))
        return weiri_error_set(err, WEIR_INVALID, "the string is not valid UTF-8");
    *member = weiri_text_copy_n(value->text.data, value->text.size);
    return WEIR_OK;
}

void
weiri_literal_store_bytes(weiri_bytes bytes, ProtobufCBinaryData *member)
{
    if (bytes.size == 0)
        return;
    member->data = weiri_allocate(bytes.size);
    memcpy(member->data, bytes.data, bytes.size);
    member->len = bytes.size;
}

static weir_status
store_base64(const weiri_literal *value, ProtobufCBinaryData *member, weir_error *err)
{
    if (value->kind != WEIRI_LITERAL_STRING)
        return weiri_literal_refuse(value, "a string of bytes in base64", err);
    if (value->text.size == 0)
        return WEIR_OK;
    uint8_t *data = weiri_allocate(weiri_base64_room(value->text.size));
    if (!weiri_base64_read(value->text, data, &member->len)) {
        weiri_release(data);
        return weiri_literal_refuse(value, "a string of bytes in base64", err);
    }
    member->data = data;
    return WEIR_OK;
}

static weir_status
store_bool(const weiri_literal *value, protobuf_c_boolean *member, weir_error *err)
{
    if (value->kind != WEIRI_LITERAL_TRUE && value->kind != WEIRI_LITERAL_FALSE)
        return weiri_literal_refuse(value, "true or false", err);
    *member = value->kind == WEIRI_LITERAL_TRUE;
    return WEIR_OK;
}

weir_status
weiri_literal_store(const weiri_literal *value, const ProtobufCFieldDescriptor *field, void *member, weir_error *err)
{
    weir_status status;
    int64_t i = 0;
    uint64_t u = 0;

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        status = store_signed(value, INT32_MIN, INT32_MAX, &i, err);
        *(int32_t *)member = (int32_t)i;
        return status;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return store_signed(value, INT64_MIN, INT64_MAX, member, err);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        status = store_unsigned(value, UINT32_MAX, &u, err);
        *(uint32_t *)member = (uint32_t)u;
        return status;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return store_unsigned(value, UINT64_MAX, member, err);
    case PROTOBUF_C_TYPE_FLOAT:
        return store_real(value, true, member, err);
    case PROTOBUF_C_TYPE_DOUBLE:
        return store_real(value, false, member, err);
    case PROTOBUF_C_TYPE_BOOL:
        return store_bool(value, member, err);
    case PROTOBUF_C_TYPE_ENUM:
        return store_enum(value, field->descriptor, member, err);
    case PROTOBUF_C_TYPE_STRING:
        return store_string(value, member, err);
    case PROTOBUF_C_TYPE_BYTES:
        return store_base64(value, member, err);
    case PROTOBUF_C_TYPE_MESSAGE:
        break;
    }
    weiri_assert(field->type != PROTOBUF_C_TYPE_MESSAGE);
    return WEIR_INVALID;
}
