/* SPDX-License-Identifier: Apache-2.0
 * The table of aggregates against a model: what may be evicted and what may not, what is found afterwards, and what it says it weighs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/hash.h"
#include "base/memory.h"
#include "command/states.h"
#include "message/weigh.h"
#include "testing_module.h"
#include <stdio.h>
#include <string.h>
#include <weir/state.h>

enum { KEYS = 3000, LIMIT = 300 << 10 };

typedef struct model {
    weiri_schema *schema;
    weiri_states states;
    uint16_t counter, tally; /* aggregates: with a string, with a list */
    weiri_state_entry *there[KEYS];
    uint32_t number; /* of the checkpoint */
} model;

static int
set_up(void **state)
{
    static model m;
    weiri_problems problems = { 0 };

    memset(&m, 0, sizeof m);
    weiri_schema_new(&testing_module, &m.schema, &problems);
    m.counter = (uint16_t)weiri_schema_aggregate_find(m.schema, weiri_bytes_of("counter"));
    m.tally = (uint16_t)weiri_schema_aggregate_find(m.schema, weiri_bytes_of("tally"));
    weiri_states_init(&m.states, m.schema, LIMIT);
    *state = &m;
    return 0;
}

static int
tear_down(void **state)
{
    model *m = *state;

    weiri_states_fini(&m->states);
    weiri_schema_free(m->schema);
    return 0;
}

static uint16_t
name(const model *m, unsigned i, char key[80])
{
    (void)snprintf(key, 80, "%0*u", 1 + (int)(i % 60), i); /* entries of all sizes */
    return i % 2 == 0 ? m->counter : m->tally;
}

static weiri_state_entry *
find(model *m, unsigned i, uint64_t *ret_hash)
{
    char key[80];
    uint16_t aggregate = name(m, i, key);

    *ret_hash = weiri_states_hash(aggregate, weiri_bytes_of(key));
    return weiri_states_find(&m->states, *ret_hash, aggregate, weiri_bytes_of(key));
}

static void
change(model *m, weiri_state_entry *entry, uint64_t chance)
{
    char note[300];

    if (entry->aggregate == m->counter) {
        size_t size = chance / 7 % (sizeof note - 1);
        memset(note, 'n', size);
        note[size] = '\0';
        weir_string_set(&((Testing__V1__Counter *)entry->state)->last_note, note);
        weiri_states_grew(&m->states, entry, size + 4);
    } else {
        Testing__V1__Tally *tally = (Testing__V1__Tally *)entry->state;
        (void)weir_list_add(&tally->n_points, &tally->points, &testing__v1__point__descriptor);
        weiri_states_grew(&m->states, entry, 4);
    }
    weiri_states_mark(&m->states, entry);
}

/* As a lane does it: the list is packed, and from then on readable. */
static void
checkpoint(model *m)
{
    m->number++;
    for (size_t i = 0; i < m->states.n_dirty; i++) {
        m->states.dirty[i]->dirty = false;
        m->states.dirty[i]->packed_in = m->number;
    }
    m->states.n_dirty = 0;
    m->states.committed = m->number;
}

/* Everything in the table is what the model has; what has left was clean. Returns how many are there. */
static size_t
check(model *m)
{
    size_t count = 0, said = (m->states.mask + 1) * sizeof *m->states.slots, true_bytes = said;
    uint64_t hash;

    for (unsigned i = 0; i < KEYS; i++) {
        weiri_state_entry *entry = find(m, i, &hash);
        if (entry == NULL) {
            m->there[i] = NULL;
            continue;
        }
        assert_ptr_equal(entry, m->there[i]);
        count++;
        said += entry->bytes;
        true_bytes += weiri_message_weigh(entry->state) + sizeof *entry + entry->key_size + 1;
    }
    assert_int_equal(count, m->states.count);
    assert_int_equal(said, m->states.bytes);
    assert_in_range(m->states.bytes, true_bytes * 2 / 3, true_bytes * 3 / 2 + 64 * count);
    for (size_t i = 0; i < m->states.n_dirty; i++)
        assert_true(m->states.dirty[i]->dirty);
    return count;
}

static void
test_the_table_is_what_a_model_says(void **state)
{
    model *m = *state;
    char key[80];
    uint64_t hash;
    unsigned full = 0;

    for (uint64_t n = 0; n < 200000; n++) {
        uint64_t chance = weiri_hash64(3, &n, sizeof n);
        unsigned i = (unsigned)(chance % KEYS);
        weiri_state_entry *entry = find(m, i, &hash);
        if (m->there[i] != entry) {
            assert_null(entry); /* it was evicted */
            m->there[i] = NULL;
        }
        if (entry == NULL) {
            uint16_t aggregate = name(m, i, key);
            m->there[i] = entry = weiri_states_add(&m->states, hash, aggregate, weiri_bytes_of(key), NULL);
            assert_int_equal(entry->version, 0);
        }
        if (chance / KEYS % 3 == 0)
            change(m, entry, chance);
        entry->used = true;
        if (m->states.bytes > LIMIT && !weiri_states_evict(&m->states)) {
            full++;
            assert_true(m->states.n_dirty * 16 >= m->states.count * 14);
            checkpoint(m);
            assert_true(weiri_states_evict(&m->states));
        }
        assert_true(m->states.bytes <= LIMIT + 2048);
        if (n % 5000 == 0)
            (void)check(m);
    }
    size_t there = check(m);
    print_message(
        "%zu aggregates at the end, %llu evicted, %u times full of changes\n", there, (unsigned long long)m->states.evicted, full);
    assert_true(full > 10 && m->states.evicted > 10000);
}

static void
test_what_is_used_stays(void **state)
{
    model *m = *state;
    uint64_t hash;
    char key[80];

    for (unsigned i = 0; i < KEYS; i++) {
        uint16_t aggregate = name(m, i, key);
        (void)find(m, i, &hash);
        m->there[i] = weiri_states_add(&m->states, hash, aggregate, weiri_bytes_of(key), NULL);
        for (unsigned k = 0; k < 50 && k < i; k++) /* these are asked for all the time */
            if ((m->there[k] = find(m, k, &hash)) != NULL)
                m->there[k]->used = true;
        if (m->states.bytes > LIMIT)
            assert_true(weiri_states_evict(&m->states));
    }
    for (unsigned k = 0; k < 50; k++)
        assert_non_null(find(m, k, &hash));
    assert_true(m->states.evicted > 100);
}

/* What a checkpoint had in its list when it failed: packed, packed and changed again, or not yet packed. */
static void
test_a_list_that_is_put_back_is_dirty_again_and_in_one_list(void **state)
{
    model *m = *state;
    weiri_states *states = &m->states;
    weiri_state_entry *entries[4];
    uint64_t hash;
    char key[80];

    for (unsigned i = 0; i < 4; i++) {
        uint16_t aggregate = name(m, i, key);
        (void)find(m, i, &hash);
        entries[i] = weiri_states_add(states, hash, aggregate, weiri_bytes_of(key), NULL);
        if (i < 3)
            weiri_states_mark(states, entries[i]);
    }
    weiri_state_entry **taken = states->dirty; /* as a checkpoint does */
    states->dirty = NULL;
    states->n_dirty = states->dirty_room = 0;
    entries[0]->dirty = entries[1]->dirty = false;
    weiri_states_mark(states, entries[1]);
    weiri_states_mark(states, entries[3]);
    weiri_states_put_back(states, taken, 3, 2);
    weiri_release(taken);
    assert_int_equal(states->n_dirty, 4);
    for (size_t i = 0; i < states->n_dirty; i++) {
        assert_true(states->dirty[i]->dirty);
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal(states->dirty[i], states->dirty[j]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_table_is_what_a_model_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_used_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_list_that_is_put_back_is_dirty_again_and_in_one_list, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
