/* SPDX-License-Identifier: Apache-2.0
 * What a message weighs is what was allocated for it: counted by an allocator, over random messages of every kind of field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <malloc.h>
#include <stdlib.h>
#include <weir/state.h>
#include "message/random_message.h"
#include "message/weigh.h"
#include "testing.pb-c.h"

static size_t allocated;

static void *
take(void *data, size_t size)
{
    void *memory = malloc(size);

    allocated += malloc_usable_size(memory) + 8;
    return memory;
}

static void
give(void *data, void *memory)
{
    if (memory != NULL)
        allocated -= malloc_usable_size(memory) + 8;
    free(memory);
}

static void
test_a_message_weighs_what_was_allocated_for_it(void **state)
{
    ProtobufCAllocator counting = { .alloc = take, .free = give };
    random_source random = { 42 };
    size_t heaviest = 0;

    for (int i = 0; i < 2000; i++) {
        ProtobufCMessage *message = random_message(&random, &testing__v1__everything__descriptor);
        size_t size = protobuf_c_message_get_packed_size(message);
        uint8_t *packed = malloc(size + 1);
        assert_int_equal(protobuf_c_message_pack(message, packed), size);
        allocated = 0;
        ProtobufCMessage *again = protobuf_c_message_unpack(message->descriptor, &counting, size, packed);
        assert_non_null(again);
        assert_int_equal(weiri_message_weigh(again), allocated);
        heaviest = allocated > heaviest ? allocated : heaviest;
        protobuf_c_message_free_unpacked(again, &counting);
        free(packed);
        protobuf_c_message_free_unpacked(message, NULL);
    }
    assert_true(heaviest > 500);
}

static void
test_the_room_of_a_list_counts(void **state)
{
    Testing__V1__Everything *m = malloc(sizeof *m);

    testing__v1__everything__init(m);
    size_t empty = weiri_message_weigh(&m->base);
    for (int64_t i = 0; i < 1000; i++)
        weir_int64s_add(&m->n_numbers, &m->numbers, i);
    size_t full = weiri_message_weigh(&m->base);
    assert_in_range(full, empty + 8000, empty + 10000);
    while (m->n_numbers > 0)
        weir_int64s_remove(&m->n_numbers, &m->numbers, 0);
    assert_int_equal(weiri_message_weigh(&m->base), full); /* it keeps its memory */
    testing__v1__everything__free_unpacked(m, NULL);
}

static void
test_flat_messages_are_those_of_numbers_alone(void **state)
{
    assert_false(weiri_message_flat(&testing__v1__everything__descriptor));
    assert_false(weiri_message_flat(&testing__v1__counter__descriptor)); /* a string */
    assert_false(weiri_message_flat(&testing__v1__tally__descriptor));   /* a list */
    const ProtobufCMessageDescriptor none = { .n_fields = 0 };
    assert_true(weiri_message_flat(&none));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_weighs_what_was_allocated_for_it),
        cmocka_unit_test(test_the_room_of_a_list_counts),
        cmocka_unit_test(test_flat_messages_are_those_of_numbers_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
