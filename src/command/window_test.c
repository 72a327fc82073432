/* SPDX-License-Identifier: Apache-2.0
 * The window, the table of states and that of sources, each against a plain model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/hash.h"
#include "command/sources.h"
#include "command/states.h"
#include "command/window.h"
#include "testing_module.h"

static uint64_t
draw(uint64_t *seed, uint64_t below)
{
    uint64_t n = (*seed)++;

    return weiri_hash64(17, &n, sizeof n) % below;
}

static void
test_the_window_holds_the_last_n_and_nothing_else(void **state)
{
    static const uint32_t sizes[] = { 1, 2, 3, 7, 64, 100 };
    uint64_t seed = 1;

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        enum { IDS = 6000 };
        weiri_window window;
        static uint64_t added[IDS]; /* by number: its key in the hash, so that runs collide */
        weiri_window_init(&window, sizes[s]);
        for (uint64_t n = 0; n < IDS; n++) {
            /* Few different low parts: long runs in the index, and homes before and behind a gap. */
            added[n] = draw(&seed, 16) * 3;
            weiri_window_add(&window, &(weiri_window_entry){ .id = { n, added[n] }, .source = n });
            uint64_t oldest = n + 1 < sizes[s] ? 0 : n + 1 - sizes[s];
            assert_int_equal(window.count, n + 1 - oldest);
            for (uint64_t i = oldest; i <= n; i++) {
                const weiri_window_entry *found = weiri_window_find(&window, (weiri_id_hash){ i, added[i] });
                assert_true(found != NULL && found->source == i);
                assert_int_equal(weiri_window_at(&window, (uint32_t)(i - oldest))->source, i);
            }
            if (oldest > 0)
                assert_null(weiri_window_find(&window, (weiri_id_hash){ oldest - 1, added[oldest - 1] }));
            assert_null(weiri_window_find(&window, (weiri_id_hash){ n + 1, added[n] }));
        }
        weiri_window_fini(&window);
    }
}

static void
test_the_scope_of_an_id_is_aggregate_key_and_id(void **state)
{
    const weiri_bytes ab = { "a\0b", 3 }, a_b = { "a\0b\0", 4 };
    weiri_id_hash one = weiri_window_hash(0, ab), other = weiri_window_hash(1, ab), longer = weiri_window_hash(0, a_b);

    assert_true(one.high != other.high && one.low != other.low && one.low != longer.low && one.high != one.low);
}

static void
test_states_are_found_by_aggregate_and_key_while_the_table_grows(void **state)
{
    enum { KEYS = 20000 };
    weiri_schema *schema;
    weiri_problems problems = { 0 };
    weiri_states states;
    char key[16];

    weiri_schema_new(&testing_module, &schema, &problems);
    assert_non_null(schema);
    weiri_states_init(&states, schema, SIZE_MAX);
    for (unsigned i = 0; i < KEYS; i++) {
        uint16_t aggregate = (uint16_t)(i % 2);
        (void)snprintf(key, sizeof key, "k%u", i / 2);
        uint64_t hash = weiri_states_hash(aggregate, weiri_bytes_of(key));
        assert_null(weiri_states_find(&states, hash, aggregate, weiri_bytes_of(key)));
        weiri_state_entry *entry = weiri_states_add(&states, hash, aggregate, weiri_bytes_of(key), NULL);
        entry->version = i + 1;
        weiri_states_mark(&states, entry);
        weiri_states_mark(&states, entry);
    }
    assert_int_equal(states.n_dirty, KEYS);
    for (unsigned i = 0; i < KEYS; i++) {
        uint16_t aggregate = (uint16_t)(i % 2);
        (void)snprintf(key, sizeof key, "k%u", i / 2);
        weiri_state_entry *entry = weiri_states_find(
            &states, weiri_states_hash(aggregate, weiri_bytes_of(key)), aggregate, weiri_bytes_of(key));
        assert_true(entry != NULL && entry->version == i + 1);
        assert_string_equal(entry->key, key);
    }
    /* The same hash of another key is not the same aggregate. */
    uint64_t hash = weiri_states_hash(0, weiri_bytes_of("k1"));
    assert_null(weiri_states_find(&states, hash, 0, weiri_bytes_of("k1 ")));
    assert_null(weiri_states_find(&states, hash, 1, weiri_bytes_of("k1")));
    weiri_states_fini(&states);
    weiri_schema_free(schema);
}

static void
test_sources_are_found_by_name_while_the_table_grows(void **state)
{
    weiri_sources sources;
    char name[16];

    weiri_sources_init(&sources);
    for (unsigned i = 0; i < 3000; i++) {
        (void)snprintf(name, sizeof name, "s%u", i);
        assert_null(weiri_sources_find(&sources, weiri_bytes_of(name)));
        weiri_sources_add(&sources, weiri_bytes_of(name), i)->last = i;
    }
    for (unsigned i = 0; i < 3000; i++) {
        (void)snprintf(name, sizeof name, "s%u", i);
        const weiri_source *source = weiri_sources_find(&sources, weiri_bytes_of(name));
        assert_true(source != NULL && source->last == i && source->fingerprint == i);
        assert_ptr_equal(weiri_sources_add(&sources, weiri_bytes_of(name), 99), source);
    }
    assert_int_equal(sources.count, 3000);
    weiri_sources_fini(&sources);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_window_holds_the_last_n_and_nothing_else),
        cmocka_unit_test(test_the_scope_of_an_id_is_aggregate_key_and_id),
        cmocka_unit_test(test_states_are_found_by_aggregate_and_key_while_the_table_grows),
        cmocka_unit_test(test_sources_are_found_by_name_while_the_table_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
