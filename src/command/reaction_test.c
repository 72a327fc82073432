/* SPDX-License-Identifier: Apache-2.0
 * Steps of a process: what they store, what passes them by, and the author's mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "command/reaction.h"
#include "message/process.h"
#include "testing_process.h"

typedef struct fixture {
    weiri_schema *schema;
    weir_reaction reaction;
    Weir__ProcessInstance instance;
    bool there;
    uint64_t at;
    int64_t now_ms;
    weiri_reacted reacted;
} fixture;

static int
set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    weiri_problems problems = { 0 };

    weiri_schema_new(&testing_process_module, &f->schema, &problems);
    for (size_t i = 0; i < problems.n; i++)
        print_error("%s\n", problems.list[i].text);
    assert_int_equal(problems.n, 0);
    weir__process_instance__init(&f->instance);
    f->now_ms = 1000;
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    fixture *f = *state;

    weiri_reaction_fini(&f->reaction);
    free(f->instance.state.data);
    f->instance.state.data = NULL;
    while (f->instance.n_timers > 0)
        weir_list_remove(&f->instance.n_timers, &f->instance.timers, 0);
    free(f->instance.timers);
    weiri_schema_free(f->schema);
    free(f);
    return 0;
}

/* Runs one step of the instance "m1"; what it stores is folded in. */
static weir_status
step(fixture *f, const weiri_trigger *trigger)
{
    int aggregate = weiri_schema_aggregate_find(f->schema, weiri_bytes_of("moving"));

    assert_int_equal(aggregate, 2);
    weiri_reaction_begin(&f->reaction, f->schema, (uint16_t)aggregate, "m1", f->there ? &f->instance.base : NULL, f->at++, f->now_ms);
    weir_status status = weiri_reaction_run(&f->reaction, trigger, &f->reacted);
    if (status != WEIR_OK || f->reacted != WEIRI_STEPPED)
        return status;
    weiri_bytes bytes = weiri_reaction_stepped(&f->reaction);
    Weir__ProcessStepped *stepped = weir__process_stepped__unpack(NULL, bytes.size, bytes.data);
    assert_non_null(stepped);
    weiri_process_evolve(&f->instance, stepped);
    f->there = true;
    weir__process_stepped__free_unpacked(stepped, NULL);
    return status;
}

static weir_status
event(fixture *f, const ProtobufCMessage *message)
{
    uint8_t bytes[512];
    const weiri_trigger trigger = { .kind = WEIRI_TRIGGER_EVENT,
        .type = weiri_schema_find(f->schema, weiri_bytes_of(message->descriptor->name)),
        .payload = { bytes, protobuf_c_message_pack(message, bytes) } };

    return step(f, &trigger);
}

static weir_status
requested(fixture *f, const char *from, const char *to, int64_t patience_ms)
{
    Testing__V1__MoveRequested e = TESTING__V1__MOVE_REQUESTED__INIT;

    e.move_id = (char *)(uintptr_t) "m1";
    e.from = (char *)(uintptr_t)from;
    e.to = (char *)(uintptr_t)to;
    e.coins = 5;
    e.patience_ms = patience_ms;
    return event(f, &e.base);
}

static weir_status
rejected(fixture *f, const ProtobufCMessage *command, const char *code)
{
    uint8_t bytes[512];
    const weiri_trigger trigger = { .kind = WEIRI_TRIGGER_REJECTION,
        .type = weiri_schema_find(f->schema, weiri_bytes_of(command->descriptor->name)),
        .payload = { bytes, protobuf_c_message_pack(command, bytes) },
        .code = code,
        .text = "" };

    return step(f, &trigger);
}

static weir_status
timer(fixture *f, uint64_t set_by)
{
    const weiri_trigger trigger = { .kind = WEIRI_TRIGGER_TIMER, .timer = "patience", .set_by = set_by };

    return step(f, &trigger);
}

static void
assert_sent(fixture *f, size_t i, const char *type, const char *key)
{
    assert_true(i < f->reaction.n_sends);
    const weiri_sent sent = weiri_reaction_sent(&f->reaction, i);
    assert_string_equal(sent.type->descriptor->name, type);
    assert_true(weiri_bytes_are(sent.key, key));
}

static void
test_a_start_begins_an_instance_and_other_events_do_not(void **state)
{
    fixture *f = *state;
    Testing__V1__CoinsTaken taken = TESTING__V1__COINS_TAKEN__INIT;

    assert_int_equal(event(f, &taken.base), WEIR_OK);
    assert_int_equal(f->reacted, WEIRI_PASSED_BY);
    assert_int_equal(requested(f, "a", "b", 0), WEIR_OK);
    assert_int_equal(f->reacted, WEIRI_STEPPED);
    assert_int_equal(f->reaction.n_sends, 1);
    assert_sent(f, 0, "testing.v1.Take", "a");
    assert_int_equal(event(f, &taken.base), WEIR_OK);
    assert_int_equal(f->reacted, WEIRI_STEPPED);
    assert_sent(f, 0, "testing.v1.Put", "b");
}

static void
test_the_same_step_makes_the_same_bytes(void **state)
{
    fixture *f = *state;

    assert_int_equal(requested(f, "a", "b", 77), WEIR_OK);
    weiri_bytes bytes = weiri_reaction_stepped(&f->reaction);
    uint8_t *first = malloc(bytes.size);
    memcpy(first, bytes.data, bytes.size);
    f->there = false;
    f->at = 0;
    assert_int_equal(requested(f, "a", "b", 77), WEIR_OK);
    assert_int_equal(weiri_reaction_stepped(&f->reaction).size, bytes.size);
    assert_memory_equal(weiri_reaction_stepped(&f->reaction).data, first, bytes.size);
    free(first);
}

static void
test_a_rejection_comes_back_and_nobody_hears_it_after_the_end(void **state)
{
    fixture *f = *state;
    Testing__V1__Take take = TESTING__V1__TAKE__INIT;
    Testing__V1__CloseMove close = TESTING__V1__CLOSE_MOVE__INIT;

    assert_int_equal(rejected(f, &take.base, "too-few"), WEIR_OK);
    assert_int_equal(f->reacted, WEIRI_UNANSWERED);
    assert_int_equal(requested(f, "a", "b", 500), WEIR_OK);
    assert_int_equal(f->instance.n_timers, 1);
    assert_int_equal(rejected(f, &close.base, "closed"), WEIR_OK);
    assert_int_equal(f->reacted, WEIRI_UNANSWERED); /* no row */
    assert_int_equal(rejected(f, &take.base, "too-few"), WEIR_OK);
    assert_int_equal(f->reacted, WEIRI_STEPPED);
    assert_sent(f, 0, "testing.v1.CloseMove", "m1");
    assert_true(f->instance.finished);
    assert_int_equal(f->instance.n_timers, 0);
    assert_int_equal(f->instance.state.len, 0);
    assert_int_equal(rejected(f, &take.base, "too-few"), WEIR_OK);
    assert_int_equal(f->reacted, WEIRI_UNANSWERED);
    assert_int_equal(requested(f, "a", "b", 0), WEIR_OK);
    assert_int_equal(f->reacted, WEIRI_PASSED_BY); /* a start, too */
}

static void
test_a_timer_counts_when_it_is_that_one_and_due(void **state)
{
    fixture *f = *state;

    assert_int_equal(requested(f, "nobody", "remind", 500), WEIR_OK); /* step 0 */
    assert_int_equal(f->instance.timers[0]->due_ms, 1500);
    f->now_ms = 1499;
    assert_int_equal(timer(f, 0), WEIR_OK);
    assert_int_equal(f->reacted, WEIRI_PASSED_BY); /* early */
    f->now_ms = 1500;
    assert_int_equal(timer(f, 7), WEIR_OK);
    assert_int_equal(f->reacted, WEIRI_PASSED_BY); /* another */
    f->at = 100;
    assert_int_equal(timer(f, 0), WEIR_OK);
    assert_int_equal(f->reacted, WEIRI_STEPPED); /* it moves itself */
    assert_int_equal(f->instance.n_timers, 1);
    assert_int_equal(f->instance.timers[0]->due_ms, 2000);
    assert_int_equal(f->instance.timers[0]->set_by, 100);
    f->now_ms = 9999;
    assert_int_equal(timer(f, 0), WEIR_OK);
    assert_int_equal(f->reacted, WEIRI_PASSED_BY); /* twice */
    assert_int_equal(timer(f, 100), WEIR_OK);
    assert_int_equal(f->reacted, WEIRI_STEPPED);
}

static void
test_taking_a_timer_back_clears_it(void **state)
{
    fixture *f = *state;
    Testing__V1__CoinsTaken taken = TESTING__V1__COINS_TAKEN__INIT;

    assert_int_equal(requested(f, "a", "b", 500), WEIR_OK);
    assert_int_equal(f->instance.n_timers, 1);
    assert_int_equal(event(f, &taken.base), WEIR_OK);
    assert_int_equal(f->instance.n_timers, 0);
    f->now_ms = 9999;
    assert_int_equal(timer(f, 0), WEIR_OK);
    assert_int_equal(f->reacted, WEIRI_PASSED_BY);
}

static void
test_a_mistake_undoes_the_whole_step_and_is_named(void **state)
{
    fixture *f = *state;

    assert_int_equal(requested(f, "mistake-timer", "b", 500), WEIR_INVALID);
    assert_string_equal(f->reaction.text, "process moving of m1 scheduled the timer 'patince', for which it has no row");
    assert_int_equal(requested(f, "mistake-send", "b", 500), WEIR_INVALID);
    assert_string_equal(f->reaction.text, "process moving of m1 sent testing.v1.Tick: no aggregate of this module has such a command");
    assert_int_equal(requested(f, "mistake-key", "b", 500), WEIR_INVALID);
    assert_string_equal(f->reaction.text, "process moving of m1 sent a command without a key: purse_id: the key of testing.v1.Take must be "
                                          "1-255 bytes of UTF-8 without control characters");
    assert_false(f->there);
}

static void
test_damaged_bytes_are_told(void **state)
{
    fixture *f = *state;
    const weiri_trigger trigger = { .kind = WEIRI_TRIGGER_EVENT,
        .type = weiri_schema_find(f->schema, weiri_bytes_of("testing.v1.MoveRequested")),
        .payload = { "\x0a\xff", 2 } };

    assert_int_equal(step(f, &trigger), WEIR_CORRUPT);
}

static void
test_the_types_of_processes_are_told_apart_and_nobody_elses(void **state)
{
    fixture *f = *state;
    const weiri_schema *schema = f->schema;
    const weiri_type *type;
    weir_error err;

    assert_int_equal(weiri_schema_aggregates(schema), 4);
    assert_int_equal(weiri_schema_processes(schema), 2);
    assert_null(weiri_schema_process(schema, 1));
    for (uint16_t a = 2; a < 4; a++) {
        const char *name = weiri_schema_process(schema, a)->name;
        type = weiri_schema_find_of(schema, weiri_bytes_of(WEIRI_EVENT_STEPPED), weiri_bytes_of(name));
        assert_ptr_equal(type, weiri_schema_stepped(schema, a));
        assert_int_equal(type->aggregate, a);
        type = weiri_schema_find_of(schema, weiri_bytes_of(WEIRI_COMMAND_STEP), weiri_bytes_of(name));
        assert_ptr_equal(type, weiri_schema_step(schema, a));
        assert_int_equal(type->aggregate, a);
        assert_non_null(type->key);
    }
    assert_null(weiri_schema_find_of(schema, weiri_bytes_of(WEIRI_EVENT_STEPPED), weiri_bytes_of("purse")));
    assert_int_equal(weiri_schema_look_up(schema, WEIRI_TYPE_COMMAND, WEIRI_COMMAND_STEP, &type, &err), WEIR_NOT_FOUND);
    assert_int_equal(weiri_schema_look_up(schema, WEIRI_TYPE_COMMAND, "StepProcess", &type, &err), WEIR_NOT_FOUND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_start_begins_an_instance_and_other_events_do_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_same_step_makes_the_same_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_rejection_comes_back_and_nobody_hears_it_after_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_timer_counts_when_it_is_that_one_and_due, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_taking_a_timer_back_clears_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_mistake_undoes_the_whole_step_and_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_bytes_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_types_of_processes_are_told_apart_and_nobody_elses, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
