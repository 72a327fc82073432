/* SPDX-License-Identifier: Apache-2.0
 * For the tests of load checks: a sound module, made anew for each mistake, and what must be said of the mistake. The file that
 * includes this has cmocka's headers in front of it. */
#ifndef WEIRI_MODULE_CHECK_TEST_H
#define WEIRI_MODULE_CHECK_TEST_H

#include <stdio.h>
#include <string.h>
#include <weir/state.h>
#include "message/schema.h"
#include "testing.pb-c.h"

static weir_status
decide_add(weir_decision *d, const void *state, const void *command)
{
    return WEIR_OK;
}

static weir_status
decide_reset(weir_decision *d, const void *state, const void *command)
{
    return WEIR_REJECTED;
}

static weir_status
decide_tick(weir_decision *d, const void *state, const void *command)
{
    return WEIR_CONFLICT;
}

__attribute__((unused)) static weir_status
decide_more(weir_decision *d, const void *state, const void *command)
{
    return WEIR_BUSY;
}

static void
evolve_added(void *state, const void *event)
{
    ((Testing__V1__Counter *)state)->total++;
}

static weir_status
upcast_once(const void *old, void *fresh, weir_error *err)
{
    (void)err;
    weir_assign(fresh, old);
    return WEIR_OK;
}

/* ---- the module, and messages that testing.proto lacks ------------------------------------------------ */

enum { FIELDS_MOST = 32 };
static weir_aggregate counter, tally;
static weir_module module;
static ProtobufCMessageDescriptor made[2];
static ProtobufCFieldDescriptor made_fields[2][FIELDS_MOST];

/* A copy of `like` that can be changed: made[i], with made_fields[i]. */
__attribute__((unused)) static ProtobufCMessageDescriptor *
make(int i, const ProtobufCMessageDescriptor *like, const char *name)
{
    made[i] = *like;
    made[i].name = name;
    made[i].fields = made_fields[i];
    memcpy(made_fields[i], like->fields, like->n_fields * sizeof *like->fields);
    return &made[i];
}

static void
make_module(void)
{
    counter = (weir_aggregate){
        .name = "counter",
        .key = "counter_id",
        .state = &testing__v1__counter__descriptor,
        .commands = { { &testing__v1__add__descriptor, decide_add }, { &testing__v1__reset__descriptor, decide_reset } },
        .events = { { &testing__v1__added__descriptor, evolve_added }, { &testing__v1__was_reset__descriptor, NULL } },
    };
    tally = (weir_aggregate){
        .name = "tally",
        .key = "tally_id",
        .state = &testing__v1__tally__descriptor,
        .commands = { { &testing__v1__tick__descriptor, decide_tick } },
        .events = { { &testing__v1__ticked__descriptor, weir_assign } },
    };
    module = (weir_module){
        .abi = WEIR_ABI,
        .name = "checked",
        .aggregates = { &counter, &tally },
        .upcasts = { { &testing__v1__ticked_once__descriptor, &testing__v1__ticked__descriptor, upcast_once } },
    };
}

typedef struct mistake {
    void (*make_mistake)(void);
    const char *words;
} mistake;

/* Each mistake is told with its words, once, and nothing else is. */
static void
assert_each_is_told(const mistake *mistakes, size_t n)
{
    unsigned wrong = 0;

    for (size_t i = 0; i < n; i++) {
        weiri_problems problems = { 0 };
        weiri_schema *schema = (weiri_schema *)1;
        make_module();
        mistakes[i].make_mistake();
        weiri_schema_new(&module, &schema, &problems);
        assert_null(schema);
        if (problems.n != 1 || strcmp(problems.list[0].text, mistakes[i].words) != 0) {
            print_error("expected: %s\n", mistakes[i].words);
            for (size_t j = 0; j < problems.n; j++)
                print_error("got:      %s\n", problems.list[j].text);
            wrong++;
        }
        weiri_problems_fini(&problems);
    }
    assert_int_equal(wrong, 0);
}

#endif
