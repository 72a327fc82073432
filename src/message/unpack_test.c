/* SPDX-License-Identifier: Apache-2.0
 * Unpacking what comes from outside: what protobuf-c takes is taken, and depth has a bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "message/build.h"
#include "message/random_message.h"
#include "message/unpack.h"
#include "testing.pb-c.h"

/* A Node of `depth` messages within each other, written from the innermost outwards; the caller frees. */
static weiri_buffer
nest(int depth)
{
    weiri_buffer inner = { 0 };

    for (int i = 1; i < depth; i++) {
        weiri_buffer outer = { 0 };
        weiri_buffer_add_char(&outer, 1 << 3 | 2);
        size_t size = inner.size;
        for (; size > 0x7f; size >>= 7)
            weiri_buffer_add_char(&outer, (char)(size | 0x80));
        weiri_buffer_add_char(&outer, (char)size);
        weiri_buffer_add_bytes(&outer, weiri_buffer_bytes(&inner));
        weiri_buffer_fini(&inner);
        inner = outer;
    }
    return inner;
}

static void
test_depth_is_bounded(void **state)
{
    static const int depths[] = { 1, 2, WEIRI_DEPTH_MOST, WEIRI_DEPTH_MOST + 1, 1000, 20000 };

    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        weiri_buffer bytes = nest(depths[i]);
        ProtobufCMessage *message;
        weir_error err = { 0 };
        weir_status status = weiri_message_unpack(&testing__v1__node__descriptor, weiri_buffer_bytes(&bytes), &message, &err);
        weiri_buffer_fini(&bytes);
        if (depths[i] <= WEIRI_DEPTH_MOST) {
            assert_int_equal(status, WEIR_OK);
            protobuf_c_message_free_unpacked(message, NULL);
        } else {
            assert_int_equal(status, WEIR_INVALID);
            assert_string_equal(err.text, "testing.v1.Node: messages within each other are deeper than 64");
        }
    }
}

/* Damaged messages of every kind of field: the same ones are taken as protobuf-c takes, and none is read beyond its end. */
static void
test_it_takes_what_protobuf_c_takes(void **state)
{
    const ProtobufCMessageDescriptor *everything = &testing__v1__everything__descriptor;
    random_source random = { 7 };
    uint64_t taken = 0;

    for (int i = 0; i < 20000; i++) {
        ProtobufCMessage *message = random_message(&random, everything), *ours = NULL, *theirs;
        size_t size = protobuf_c_message_get_packed_size(message);
        uint8_t *packed = malloc(size + 1);
        (void)protobuf_c_message_pack(message, packed);
        protobuf_c_message_free_unpacked(message, NULL);
        if (size > 0 && random_next(&random) % 4 > 0) {
            packed[random_next(&random) % size] ^= (uint8_t)(1 + random_next(&random) % 255);
            size -= random_next(&random) % 2;
        }
        uint8_t *bytes = malloc(size > 0 ? size : 1); /* of this size, so that the sanitizer sees a read beyond it */
        memcpy(bytes, packed, size);
        free(packed);
        weir_error err;
        weir_status status = weiri_message_unpack(everything, (weiri_bytes){ bytes, size }, &ours, &err);
        theirs = protobuf_c_message_unpack(everything, NULL, size, bytes);
        assert_int_equal(status, theirs == NULL ? WEIR_INVALID : WEIR_OK);
        taken += theirs != NULL;
        if (theirs != NULL) {
            protobuf_c_message_free_unpacked(ours, NULL);
            protobuf_c_message_free_unpacked(theirs, NULL);
        }
        free(bytes);
    }
    assert_in_range(taken, 5000, 19999);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_it_takes_what_protobuf_c_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
