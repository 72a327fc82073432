/* SPDX-License-Identifier: Apache-2.0
 * Messages by chance: xorshift64*, so that a failure comes again with its seed. Thread: one at a time. */
#include "message/random_message.h"
#include "base/memory.h"
#include "base/text.h"
#include "message/build.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>

uint64_t
random_next(random_source *random)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return random->state * UINT64_C(2685821657736338717);
}

static char *
random_text(random_source *random)
{
    static const char *const pieces[] = { "a", "mug", " ", "\"", "\\", "\n", "\t", "\x01", "\x1f", "\x7f", "\xc3\xa9", "\xe2\x82\xac",
        "\xf0\x9f\x98\x80", "=", "[", "]", "{", "}", "#", ",", "/", "\\n", "\\x01", "'", ":", "\r", "\xc2\xa0", "null", "1e5" };
    weiri_buffer text = { 0 };

    for (uint64_t n = random_next(random) % 6; n > 0; n--)
        weiri_buffer_add_text(&text, pieces[random_next(random) % (sizeof pieces / sizeof *pieces)]);
    char *copy = weiri_text_copy(weiri_buffer_text(&text));
    weiri_buffer_fini(&text);
    return copy;
}

static uint64_t
random_bits(random_source *random)
{
    static const uint64_t limits[] = { 0, 1, UINT64_MAX, INT64_MAX, (uint64_t)INT64_MIN, INT32_MAX, (uint64_t)INT32_MIN, UINT32_MAX,
        UINT64_C(1) << 53, (UINT64_C(1) << 53) + 1, 10, 100, UINT64_C(10000000000000000000) };
    uint64_t choice = random_next(random);

    if (choice % 3 == 0)
        return limits[choice / 3 % (sizeof limits / sizeof *limits)];
    return random_next(random) >> (choice / 3 % 64);
}

static double
random_real(random_source *random)
{
    static const double limits[] = { 0.0, -0.0, 1, -1, DBL_MAX, -DBL_MAX, DBL_MIN, DBL_TRUE_MIN, FLT_MAX, FLT_MIN, FLT_TRUE_MIN, 0.1, 1e15,
        1e16, 1e22, 1e23, 9007199254740993.0, 5e-324, 2.2250738585072011e-308, 1e-7, 123456.789 };
    uint64_t choice = random_next(random), bits = random_next(random);
    double value;

    if (choice % 4 == 0)
        return limits[choice / 4 % (sizeof limits / sizeof *limits)];
    if (choice % 4 == 1)
        return (double)(int64_t)(bits >> 20) / 100;
    memcpy(&value, &bits, sizeof value);
    return isnan(value) ? (double)NAN : value; /* JSON has but one */
}

static void
fill_bytes(random_source *random, ProtobufCBinaryData *member)
{
    member->len = random_next(random) % 8;
    member->data = member->len == 0 ? NULL : weiri_allocate(member->len);
    for (size_t i = 0; i < member->len; i++)
        member->data[i] = random_next(random) % 2 == 0 ? (uint8_t)random_next(random) : (uint8_t) " \\\"#[{a\n"[random_next(random) % 8];
}

static void
fill(random_source *random, const ProtobufCFieldDescriptor *field, void *member)
{
    const ProtobufCEnumDescriptor *names = field->descriptor;
    uint64_t bits = random_bits(random);

    switch (field->type) {
    case PROTOBUF_C_TYPE_FLOAT:
        *(float *)member = (float)random_real(random);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        *(double *)member = random_real(random);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)member = (protobuf_c_boolean)(bits % 2);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        *(int *)member = names->values[bits % names->n_values].value;
        break;
    case PROTOBUF_C_TYPE_STRING:
        *(char **)member = random_text(random);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        fill_bytes(random, member);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)member = random_message(random, field->descriptor);
        break;
    default: /* integers; little-endian, so the low bytes come first */
        memcpy(member, &bits, weiri_build_member_size(field->type));
        break;
    }
}

ProtobufCMessage *
random_message(random_source *random, const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message = weiri_build_message(descriptor);
    weiri_build build;
    void *member;
    build.depth = 1;
    build.err = NULL;

    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        uint64_t choice = random_next(random) % 8;
        if (choice < 3)
            continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            for (; choice > 3; choice--)
                fill(random, field, weiri_build_element(&build, message, field));
            continue;
        }
        if (weiri_build_member(&build, message, field, &member) != WEIR_OK)
            continue;
        fill(random, field, member);
    }
    return message;
}

bool
packs_equal(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    size_t size = protobuf_c_message_get_packed_size(a);
    bool equal = false;

    if (size == protobuf_c_message_get_packed_size(b)) {
        uint8_t *bytes = weiri_allocate(2 * size);
        protobuf_c_message_pack(a, bytes);
        protobuf_c_message_pack(b, bytes + size);
        equal = memcmp(bytes, bytes + size, size) == 0;
        weiri_release(bytes);
    }
    return equal;
}
