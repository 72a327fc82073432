/* SPDX-License-Identifier: Apache-2.0
 * Filling messages over their descriptors (protobuf-c 1.4): a oneof's case, a list's count and an optional field's flag lie at
 * the quantifier's offset. Lists double at powers of two, so that they need no capacity of their own. Thread: one at a time. */
#include "message/build.h"
#include "base/assert.h"
#include "base/memory.h"
#include "base/text.h"
#include "message/json.h"
#include "message/literal.h"
#include <stdio.h>
#include <string.h>

enum { LIST_LEAST = 4, NAME_MOST = 128, PATH_MOST = 320, BITS = 64 };

static void *
place(void *message, unsigned offset)
{
    return (char *)message + offset;
}

ProtobufCMessage *
weiri_build_message(const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message = weiri_allocate(descriptor->sizeof_message);

    protobuf_c_message_init(descriptor, message);
    return message;
}

void
weiri_given_init(weiri_given *given, const ProtobufCMessageDescriptor *descriptor)
{
    *given = (weiri_given){ 0 };
    given->all = descriptor->n_fields <= sizeof given->few * 8 ? given->few : weiri_allocate((descriptor->n_fields / BITS + 1) * 8);
}

void
weiri_given_fini(weiri_given *given)
{
    if (given->all != given->few)
        weiri_release(given->all);
}

/* Whether `text` is the field's own name or its lowerCamelCase. */
static bool
is_called(const char *name, weiri_bytes text)
{
    const char *at = text.data, *end = at + text.size, *own = name;
    bool upper = false, differs = false; /* differs: the two forms, so far */

    if (text.size == 0 || (*name != *at && *name != '_'))
        return false;
    for (; *own != '\0'; own++) {
        if (*own == '_') {
            upper = differs = true;
            continue;
        }
        char c = upper && *own >= 'a' && *own <= 'z' ? (char)(*own - 'a' + 'A') : *own;
        upper = false;
        if (at == end || *at != c)
            return differs && weiri_bytes_are(text, name);
        at++;
    }
    return at == end || (differs && weiri_bytes_are(text, name));
}

static weir_status
fail_unknown(weiri_build *build, const ProtobufCMessageDescriptor *descriptor, weiri_bytes name)
{
    char shown[WEIRI_LITERAL_SHOWN], camel[NAME_MOST], best[NAME_MOST], hint[NAME_MOST + 32];
    weiri_nearest nearest = { 0 };

    (void)weiri_text_show(name, shown);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        weiri_nearest_offer(&nearest, shown, descriptor->fields[i].name);
        weiri_json_field_name(descriptor->fields[i].name, camel, sizeof camel);
        weiri_nearest_offer(&nearest, shown, camel);
        if (nearest.word == camel)
            nearest.word = memcpy(best, camel, sizeof best);
    }
    return weiri_build_fail(build, "%s has no field '%s'%s", descriptor->name, shown, weiri_nearest_hint(&nearest, hint, sizeof hint));
}

bool
weiri_build_knows(const ProtobufCMessageDescriptor *descriptor, weiri_bytes name)
{
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        if (is_called(descriptor->fields[i].name, name))
            return true;
    return false;
}

weir_status
weiri_build_field(weiri_build *build, const ProtobufCMessageDescriptor *descriptor, weiri_bytes name, weiri_given *given,
    const ProtobufCFieldDescriptor **ret_field)
{
    unsigned n = descriptor->n_fields, i = given->hint, tried = 0;

    for (; tried < n; tried++, i++) {
        i = i >= n ? 0 : i;
        if (is_called(descriptor->fields[i].name, name))
            break;
    }
    if (tried == n)
        return fail_unknown(build, descriptor, name);
    if (given->all[i / BITS] >> (i % BITS) & 1)
        return weiri_build_fail(build, "'%s' is given twice", descriptor->fields[i].name);
    given->all[i / BITS] |= UINT64_C(1) << (i % BITS);
    given->hint = i + 1;
    *ret_field = &descriptor->fields[i];
    return WEIR_OK;
}

void
weiri_build_enter(weiri_build *build, const ProtobufCFieldDescriptor *field)
{
    weiri_assert(build->depth < WEIRI_DEPTH_MOST);
    build->path[build->depth++] = (weiri_build_step){ field, SIZE_MAX };
}

void
weiri_build_leave(weiri_build *build)
{
    build->depth--;
}

weir_status
weiri_build_member(weiri_build *build, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, void **ret_member)
{
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        uint32_t *which = place(message, field->quantifier_offset);
        if (*which != 0) {
            const ProtobufCFieldDescriptor *other = protobuf_c_message_descriptor_get_field(message->descriptor, *which);
            return weiri_build_fail(build, "can't be given together with '%s'", other->name);
        }
        *which = field->id;
    } else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_STRING &&
               field->type != PROTOBUF_C_TYPE_MESSAGE) {
        *(protobuf_c_boolean *)place(message, field->quantifier_offset) = 1;
    }
    *ret_member = place(message, field->offset);
    return WEIR_OK;
}

weir_status
weiri_build_nested(weiri_build *build, const ProtobufCFieldDescriptor *field, void *member, ProtobufCMessage **ret_message)
{
    if (build->depth == WEIRI_DEPTH_MOST)
        return weiri_build_fail(build, "more than %d messages within each other", WEIRI_DEPTH_MOST);
    *ret_message = *(ProtobufCMessage **)member = weiri_build_message(field->descriptor);
    return WEIR_OK;
}

void *
weiri_build_element(weiri_build *build, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    size_t *count = place(message, field->quantifier_offset), size = weiri_build_member_size(field->type);
    char **list = place(message, field->offset);

    if (*count == 0)
        *list = weiri_reallocate(*list, LIST_LEAST * size);
    else if (*count >= LIST_LEAST && (*count & (*count - 1)) == 0)
        *list = weiri_reallocate(*list, 2 * *count * size);
    build->path[build->depth - 1].index = *count;
    return memset(*list + (*count)++ * size, 0, size);
}

size_t
weiri_build_member_size(ProtobufCType type)
{
    static const size_t sizes[] = { [PROTOBUF_C_TYPE_INT32] = 4,
        [PROTOBUF_C_TYPE_SINT32] = 4,
        [PROTOBUF_C_TYPE_SFIXED32] = 4,
        [PROTOBUF_C_TYPE_INT64] = 8,
        [PROTOBUF_C_TYPE_SINT64] = 8,
        [PROTOBUF_C_TYPE_SFIXED64] = 8,
        [PROTOBUF_C_TYPE_UINT32] = 4,
        [PROTOBUF_C_TYPE_FIXED32] = 4,
        [PROTOBUF_C_TYPE_UINT64] = 8,
        [PROTOBUF_C_TYPE_FIXED64] = 8,
        [PROTOBUF_C_TYPE_FLOAT] = sizeof(float),
        [PROTOBUF_C_TYPE_DOUBLE] = sizeof(double),
        [PROTOBUF_C_TYPE_BOOL] = sizeof(protobuf_c_boolean),
        [PROTOBUF_C_TYPE_ENUM] = sizeof(int),
        [PROTOBUF_C_TYPE_STRING] = sizeof(char *),
        [PROTOBUF_C_TYPE_BYTES] = sizeof(ProtobufCBinaryData),
        [PROTOBUF_C_TYPE_MESSAGE] = sizeof(ProtobufCMessage *) };

    return sizes[type];
}

weir_status
weiri_build_locate(weiri_build *build, weir_status status)
{
    char path[PATH_MOST];
    size_t n = 0;

    if (status == WEIR_OK || build->err == NULL || build->depth == 0)
        return status;
    for (unsigned i = 0; i < build->depth && n < sizeof path; i++) {
        const weiri_build_step *step = &build->path[i];
        n += (size_t)snprintf(path + n, sizeof path - n, "%s%s", i == 0 ? "" : ".", step->field->name);
        if (step->index != SIZE_MAX && n < sizeof path)
            n += (size_t)snprintf(path + n, sizeof path - n, "[%zu]", step->index);
    }
    if (n >= sizeof path)
        memcpy(path + sizeof path - 4, "...", 4);
    return weiri_error_prefix(build->err, "%s", path);
}

weir_status
weiri_build_fail(weiri_build *build, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    weir_status status = weiri_error_setv(build->err, WEIR_INVALID, format, arguments);
    va_end(arguments);
    return weiri_build_locate(build, status);
}
