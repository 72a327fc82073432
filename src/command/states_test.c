/* SPDX-License-Identifier: Apache-2.0
 * The list of what a checkpoint has yet to take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/memory.h"
#include "command/states.h"
#include "testing_module.h"

static weiri_state_entry *
add(weiri_states *states, const char *key)
{
    return weiri_states_add(states, weiri_states_hash(0, weiri_bytes_of(key)), 0, weiri_bytes_of(key), NULL);
}

static void
test_all_are_marked_though_a_checkpoint_that_failed_still_held_some(void **state)
{
    weiri_problems problems = { 0 };
    weiri_schema *schema;
    weiri_states states;

    weiri_schema_new(&testing_module, &schema, &problems);
    weiri_states_init(&states, schema);
    weiri_state_entry *packed = add(&states, "packed"), *left = add(&states, "left"), *later = add(&states, "later");
    weiri_states_mark(&states, packed);
    weiri_states_mark(&states, left);
    weiri_state_entry **taken = states.dirty; /* as a checkpoint does */
    states.dirty = NULL;
    states.n_dirty = states.dirty_room = 0;
    packed->dirty = false;
    weiri_states_mark(&states, later);
    weiri_release(taken); /* it has failed */
    weiri_states_mark_all(&states);
    assert_int_equal(states.n_dirty, 3);
    for (size_t i = 0; i < states.n_dirty; i++)
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal(states.dirty[i], states.dirty[j]);
    assert_true(packed->dirty && left->dirty && later->dirty);
    weiri_states_fini(&states);
    weiri_schema_free(schema);
    weiri_problems_fini(&problems);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_marked_though_a_checkpoint_that_failed_still_held_some),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
