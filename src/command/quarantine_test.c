/* SPDX-License-Identifier: Apache-2.0
 * The quarantine against a model that is a plain list, over random steps; and its rows, whole and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/hash.h"
#include "command/quarantine.h"
#include "command/states.h"
#include <stdio.h>

enum { KEYS = 12, ROOM = 4096, STEPS = 40000 };

typedef struct entry {
    int key;                        /* two aggregates have each */
    uint64_t command, sequence, id; /* sequence 0: by id */
    bool cause, released;
} entry;

static entry model[ROOM];
static size_t n_model;
static uint64_t chance_state = 1;

static uint64_t
chance(uint64_t below)
{
    chance_state = weiri_hash64(chance_state, "next", 4);
    return chance_state % below;
}

static uint16_t
aggregate_of(int key)
{
    return (uint16_t)(key % 2);
}

static weiri_bytes
key_of(int key)
{
    static const char *const names[] = { "a", "ab", "abc", "b", "bc", "c" };

    return weiri_bytes_of(names[key / 2]);
}

static uint64_t
hash_of(int key)
{
    return weiri_states_hash(aggregate_of(key), key_of(key));
}

static void
model_remove(size_t i)
{
    n_model--;
    for (; i < n_model; i++)
        model[i] = model[i + 1];
}

static const entry *
model_cause(int key)
{
    for (size_t i = 0; i < n_model; i++)
        if (model[i].key == key && model[i].cause && !model[i].released)
            return &model[i];
    return NULL;
}

static void
add(weiri_quarantine *q, int key, uint64_t command)
{
    bool bulk = chance(2) == 0, cause = model_cause(key) == NULL;
    entry e = {
        .key = key, .command = command, .sequence = bulk ? command : 0, .id = bulk ? 0 : (uint64_t)key * 4 + chance(4), .cause = cause
    };

    if (n_model == ROOM || (!cause && !bulk))
        return;
    for (size_t i = 0; i < n_model; i++)
        if (!bulk && model[i].key == key && model[i].released && model[i].sequence == 0 && model[i].id == e.id) {
            model_remove(i);
            break;
        }
    model[n_model++] = e;
    const weiri_held_row row = {
        .command = command, .sequence = e.sequence, .id = { e.id, e.id }, .aggregate = aggregate_of(key), .cause = cause
    };
    weiri_quarantine_add(q, &row, key_of(key), weiri_bytes_of(bulk ? "file" : ""));
}

static void
settle(weiri_quarantine *q)
{
    if (n_model == 0)
        return;
    size_t i = chance(n_model);
    if (model[i].sequence > 0) {
        weiri_quarantine_settle(q, weiri_bytes_of("file"), model[i].sequence);
        model_remove(i);
    } else {
        weiri_quarantine_settle_id(q, hash_of(model[i].key), (weiri_id_hash){ model[i].id, model[i].id });
        if (model[i].released)
            model_remove(i);
    }
}

static void
release(weiri_quarantine *q, int key, bool discard)
{
    uint32_t n = 0;

    for (size_t i = 0; i < n_model;) {
        bool touched = model[i].key == key && (discard || !model[i].released);
        n += touched;
        if (touched)
            model[i].released = true;
        if (touched && discard)
            model_remove(i);
        else
            i++;
    }
    assert_int_equal(weiri_quarantine_release(q, hash_of(key), aggregate_of(key), key_of(key), discard), n);
}

static void
compare(const weiri_quarantine *q)
{
    uint32_t aggregates = 0;

    for (int key = 0; key < KEYS; key++) {
        const entry *cause = model_cause(key);
        const weiri_held *held = weiri_quarantine_of_key(q, hash_of(key), aggregate_of(key), key_of(key));
        assert_true((cause == NULL) == (held == NULL) && (cause == NULL || held->row.command == cause->command));
        aggregates += cause != NULL;
    }
    assert_true(q->count == n_model && q->aggregates == aggregates);
    const weiri_held *at = q->first;
    for (size_t i = 0; i < n_model; i++, at = at->next) {
        assert_true(at->row.command == model[i].command && at->row.released == model[i].released && at->row.cause == model[i].cause);
        if (model[i].sequence > 0)
            assert_ptr_equal(weiri_quarantine_of_source(q, weiri_bytes_of("file"), model[i].sequence), at);
    }
    assert_null(at);
    assert_null(weiri_quarantine_of_source(q, weiri_bytes_of("file"), UINT64_MAX));
}

static void
test_it_does_what_a_plain_list_does(void **state)
{
    weiri_quarantine q = { 0 };
    weiri_buffer rows = { 0 };
    size_t most = 0;

    for (uint64_t step = 1; step <= STEPS; step++) {
        int key = (int)chance(KEYS);
        uint64_t what = chance(100);
        if (what < 60)
            add(&q, key, step);
        else if (what < 96)
            settle(&q);
        else
            release(&q, key, what == 99);
        if (step % 64 == 0)
            compare(&q);
        if (step % 1024 == 0) { /* as through a checkpoint */
            weiri_buffer_clear(&rows);
            weiri_quarantine_write(&q, &rows);
            weiri_quarantine_fini(&q);
            assert_int_equal(weiri_quarantine_read(&q, 2, weiri_buffer_bytes(&rows)), WEIR_OK);
            compare(&q);
        }
        most = n_model > most ? n_model : most;
    }
    assert_true(most > 20);
    weiri_quarantine_fini(&q);
    weiri_buffer_fini(&rows);
}

static void
test_damaged_rows_are_refused(void **state)
{
    weiri_quarantine q = { 0 }, other = { 0 };
    weiri_buffer rows = { 0 };
    weiri_held_row row = { .command = 1, .sequence = 7, .cause = 1 };

    weiri_quarantine_add(&q, &row, weiri_bytes_of("mug"), weiri_bytes_of("file"));
    row.aggregate = 1;
    weiri_quarantine_add(&q, &row, weiri_bytes_of("mug"), weiri_bytes_of(""));
    weiri_quarantine_write(&q, &rows);
    for (size_t size = 0; size <= rows.size; size++) {
        bool whole = size == 0 || size == rows.size || size == sizeof row + 7;
        assert_int_equal(weiri_quarantine_read(&other, 2, (weiri_bytes){ rows.data, size }), whole ? WEIR_OK : WEIR_CORRUPT);
        weiri_quarantine_fini(&other);
    }
    assert_int_equal(weiri_quarantine_read(&other, 1, weiri_buffer_bytes(&rows)), WEIR_CORRUPT); /* an aggregate that isn't there */
    weiri_quarantine_fini(&other);
    rows.data[offsetof(weiri_held_row, cause)] = 2;
    assert_int_equal(weiri_quarantine_read(&other, 2, weiri_buffer_bytes(&rows)), WEIR_CORRUPT);
    weiri_quarantine_fini(&other);
    weiri_quarantine_fini(&q);
    weiri_buffer_fini(&rows);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_does_what_a_plain_list_does),
        cmocka_unit_test(test_damaged_rows_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
