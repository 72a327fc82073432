/* SPDX-License-Identifier: Apache-2.0
 * Commands that kill the process, and what a person does about them: each try is a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "command/attempts.h"
#include "command/lane_testing.h"
#include "base/hash.h"
#include "base/memory.h"
#include "command/quarantine.h"
#include "testing_module.h"
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLY = 666, DIED = 9, HELD = 10, ACCEPTED = 11, REPEATED = 12, KEPT_OUT = 13, HELD_STILL = 14, GAP = 15 };
enum { RELEASED = 20, NOT_HELD = 21 };

static weir_decide_fn *real_add;

static weir_status
deadly_add(weir_decision *d, const void *state, const void *command)
{
    const Testing__V1__Add *add = command;

    if (add->amount == DEADLY)
        _exit(DIED); /* as a crash ends it, without the noise of one */
    return real_add(d, state, command);
}

/* In a child: the side opened with a module whose rule crashes, or with the mended one. */
static weir_aggregate counter;
static weir_module module;

static void
open_side(testing_side *side, const char *dir, bool mended)
{
    weiri_problems problems = { 0 };

    module = testing_module;
    counter = *module.aggregates[0];
    real_add = counter.commands[0].decide;
    if (!mended)
        counter.commands[0].decide = deadly_add;
    module.aggregates[0] = &counter;
    testing_side_init(side);
    testing_remove(side->dir, "");
    weiri_release(side->dir);
    side->dir = (char *)(uintptr_t)dir;
    weiri_schema_free(side->schema);
    weiri_schema_new(&module, &side->schema, &problems);
    side->config.build_id = mended ? "mended" : "test";
    testing_side_open(side);
}

static int
meaning_of(const testing_answer *a)
{
    bool held = strcmp(a->code, "quarantined") == 0;

    if (a->answer.repeated)
        return held || strcmp(a->code, "key-quarantined") == 0 ? HELD_STILL : REPEATED;
    if (strcmp(a->code, "gap") == 0)
        return GAP;
    if (strcmp(a->code, "key-quarantined") == 0)
        return KEPT_OUT;
    return a->answer.status == WEIR_OK ? ACCEPTED : held ? HELD : 1;
}

static int
outcome_of(pid_t child)
{
    int status = 0;

    assert_true(waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Opens, sends one command, and ends as its answer says. */
static int
try_with(const char *dir, testing_command command, bool mended)
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        testing_side side;
        testing_answer a;
        open_side(&side, dir, mended);
        testing_run(&side, &command, &a);
        testing_side_close(&side);
        _exit(meaning_of(&a));
    }
    return outcome_of(child);
}

static int
try_once(const char *dir, testing_command command)
{
    return try_with(dir, command, false);
}

static int
release(const char *dir, const char *key, bool discard)
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        testing_side side;
        testing_answer a;
        weir_error err;
        open_side(&side, dir, false);
        testing_answer_init(&a);
        const weiri_release_call call = { .key = weiri_bytes_of(key),
            .id = weiri_bytes_of("r"),
            .reason = weiri_bytes_of("mended"),
            .discard = discard,
            .done = testing_answered,
            .user = &a };
        if (weiri_commands_release(side.commands, &call, &err) != WEIR_OK)
            _exit(1);
        testing_answer_wait(&a);
        /* No orderly end: what was answered must be there all the same. */
        _exit(a.answer.status == WEIR_OK ? RELEASED : a.answer.status == WEIR_NOT_FOUND ? NOT_HELD : 1);
    }
    return outcome_of(child);
}

static void
test_what_has_killed_twice_is_not_tried_again(void **state)
{
    char dir[] = "/tmp/weir-poison-XXXXXX";
    const testing_command deadly = { .counter = "a", .amount = DEADLY, .id = "x" };
    const testing_command same_words = { .counter = "b", .amount = DEADLY, .id = "y" };
    const testing_command other_words = { .counter = "a", .amount = 2, .id = "x" };

    assert_non_null(mkdtemp(dir));
    assert_int_equal(try_once(dir, deadly), DIED);
    assert_int_equal(try_once(dir, (testing_command){ .counter = "a", .amount = 1 }), ACCEPTED);
    assert_int_equal(try_once(dir, deadly), DIED);
    assert_int_equal(try_once(dir, deadly), HELD);
    assert_int_equal(try_once(dir, deadly), HELD_STILL);
    assert_int_equal(try_once(dir, (testing_command){ .counter = "a", .amount = 1, .id = "z" }), KEPT_OUT);
    assert_int_equal(try_once(dir, other_words), KEPT_OUT);
    assert_int_equal(try_once(dir, (testing_command){ .counter = "b", .amount = 1, .id = "z" }), ACCEPTED);
    assert_int_equal(try_once(dir, same_words), DIED); /* another command, though it says the same */
    testing_remove(dir, "checkpoint");
    testing_remove(dir, "attempts"); /* the log knows by now */
    assert_int_equal(try_once(dir, deadly), HELD_STILL);
    assert_int_equal(try_once(dir, (testing_command){ .counter = "a", .amount = 1 }), KEPT_OUT);
    testing_remove(dir, "");
}

static void
test_a_person_releases_an_aggregate(void **state)
{
    char dir[] = "/tmp/weir-poison-XXXXXX";
    const testing_command deadly = { .counter = "a", .amount = DEADLY, .id = "x" };
    const testing_command next = { .counter = "a", .amount = 1, .id = "z" };

    assert_non_null(mkdtemp(dir));
    assert_int_equal(release(dir, "a", false), NOT_HELD);
    for (int round = 0; round < 2; round++) { /* the second time with the same module: nothing is lost by it */
        assert_int_equal(try_once(dir, deadly), DIED);
        assert_int_equal(try_once(dir, deadly), DIED);
        assert_int_equal(try_once(dir, deadly), HELD);
        assert_int_equal(try_once(dir, next), KEPT_OUT);
        assert_int_equal(release(dir, "a", false), RELEASED);
        assert_int_equal(release(dir, "a", false), NOT_HELD);
        if (round == 0)
            testing_remove(dir, "checkpoint");
    }
    assert_int_equal(try_once(dir, next), ACCEPTED);
    assert_int_equal(try_with(dir, deadly, true), ACCEPTED);
    assert_int_equal(try_with(dir, deadly, true), REPEATED);
    assert_int_equal(try_with(dir, next, true), REPEATED);
    testing_remove(dir, "");
}

static void
test_what_is_discarded_is_not_tried_again(void **state)
{
    char dir[] = "/tmp/weir-poison-XXXXXX";
    const testing_command deadly = { .counter = "a", .amount = DEADLY, .id = "x" };
    const testing_command line = { .counter = "a", .amount = 1, .source = "file", .sequence = 1 };

    assert_non_null(mkdtemp(dir));
    assert_int_equal(try_once(dir, deadly), DIED);
    assert_int_equal(try_once(dir, deadly), DIED);
    assert_int_equal(try_once(dir, deadly), HELD);
    assert_int_equal(try_once(dir, line), KEPT_OUT);
    assert_int_equal(release(dir, "a", true), RELEASED);
    assert_int_equal(try_once(dir, line), REPEATED);
    assert_int_equal(try_once(dir, (testing_command){ .counter = "a", .amount = 1 }), ACCEPTED);
    assert_int_equal(try_once(dir, deadly), HELD);
    testing_remove(dir, "");
}

/* A source goes on past what is held, and each of that can be tried again under its own sequence, once. */
static void
test_a_source_goes_on_past_what_is_held(void **state)
{
    char dir[] = "/tmp/weir-poison-XXXXXX";
    const testing_command line[] = {
        { .counter = "a", .amount = 1, .source = "file", .sequence = 1 },
        { .counter = "a", .amount = DEADLY, .source = "file", .sequence = 2, .previous = 1 },
        { .counter = "a", .amount = 3, .source = "file", .sequence = 3, .previous = 2 },
        { .counter = "e", .amount = 4, .source = "file", .sequence = 4, .previous = 3 }, /* e shares its partition with a */
        { .counter = "a", .amount = 5, .source = "file", .sequence = 5, .previous = 4 },
    };

    assert_int_equal(weiri_partition_of(weiri_bytes_of("a"), 2), weiri_partition_of(weiri_bytes_of("e"), 2));
    assert_non_null(mkdtemp(dir));
    assert_int_equal(try_once(dir, line[0]), ACCEPTED);
    assert_int_equal(try_once(dir, line[1]), DIED);
    assert_int_equal(try_once(dir, line[1]), DIED);
    assert_int_equal(try_once(dir, line[1]), HELD);
    assert_int_equal(try_once(dir, line[2]), KEPT_OUT);
    assert_int_equal(try_once(dir, line[3]), ACCEPTED);
    assert_int_equal(try_once(dir, line[2]), HELD_STILL);
    assert_int_equal(try_once(dir, line[1]), HELD_STILL);
    assert_int_equal(release(dir, "a", false), RELEASED);
    assert_int_equal(try_once(dir, line[3]), REPEATED);
    assert_int_equal(try_once(dir, line[0]), REPEATED);
    testing_remove(dir, "checkpoint");
    assert_int_equal(try_once(dir, line[1]), DIED);
    assert_int_equal(try_with(dir, line[1], true), ACCEPTED);
    assert_int_equal(try_with(dir, line[1], true), REPEATED);
    assert_int_equal(try_with(dir, line[2], true), ACCEPTED);
    assert_int_equal(try_with(dir, line[2], true), REPEATED);
    testing_remove(dir, "checkpoint"); /* a sequence that came late moved nothing back */
    assert_int_equal(try_with(dir, line[2], true), REPEATED);
    assert_int_equal(try_with(dir, line[4], true), ACCEPTED);
    testing_remove(dir, "");
}

enum { MOST = WEIRI_HELD_MOST };

/* Lines from..to-1 of one source; returns how many were refused as too many. The others are kept out. */
static unsigned
send_lines(testing_side *side, testing_answer *answers, const char *key, unsigned from, unsigned to)
{
    unsigned refused = 0;
    weir_error err;

    for (unsigned i = from; i < to; i++) {
        const testing_command line = { .counter = key, .amount = 1, .source = "file", .sequence = i, .previous = i - 1, .timeout_ms = -1 };
        assert_int_equal(testing_send(side, &line, &answers[i], &err), WEIR_OK);
    }
    for (unsigned i = from; i < to; i++) {
        testing_answer_wait(&answers[i]);
        if (strcmp(answers[i].code, "quarantine-full") == 0)
            refused += answers[i].answer.status == WEIR_BUSY;
        else
            assert_int_equal(meaning_of(&answers[i]), KEPT_OUT);
    }
    return refused;
}

static void
test_a_full_quarantine_refuses_what_it_would_have_to_hold(void **state)
{
    char dir[] = "/tmp/weir-poison-XXXXXX";
    const testing_command deadly = { .counter = "a", .amount = DEADLY, .id = "x" };
    testing_answer *answers = weiri_allocate((MOST + 2) * sizeof *answers);
    testing_side side;
    testing_answer a;
    weiri_lane_metrics metrics;

    assert_non_null(mkdtemp(dir));
    assert_int_equal(try_once(dir, deadly), DIED);
    assert_int_equal(try_once(dir, deadly), DIED);
    assert_int_equal(try_once(dir, deadly), HELD);
    open_side(&side, dir, false);
    assert_int_equal(send_lines(&side, answers, "a", 1, MOST), 0);
    assert_int_equal(send_lines(&side, answers, "a", MOST, MOST + 1), 1);
    weiri_commands_metrics(side.commands, weiri_partition_of(weiri_bytes_of("a"), 2), &metrics);
    assert_true(metrics.held == MOST && metrics.kept_out == 1 && metrics.key_quarantined == MOST - 1);
    /* Nothing was stored of it: the source goes on from where it was, with what needn't be held. */
    testing_run(&side, &(testing_command){ .counter = "e", .amount = 1, .source = "file", .sequence = MOST, .previous = MOST - 1 }, &a);
    assert_int_equal(meaning_of(&a), ACCEPTED);
    testing_run(&side, &(testing_command){ .counter = "a", .amount = 1, .id = "z" }, &a);
    assert_int_equal(meaning_of(&a), KEPT_OUT); /* nothing is held for an id */
    testing_side_close(&side);
    weiri_schema_free(side.schema);
    assert_int_equal(release(dir, "a", false), RELEASED);
    assert_int_equal(try_once(dir, (testing_command){ .counter = "a", .amount = 1, .source = "file", .sequence = 1 }), ACCEPTED);
    weiri_release(answers);
    testing_remove(dir, "");
}

/* The process ends while the command is decided, and another begins. */
static void
kill_at(const char *dir, weiri_attempts **attempts, uint64_t command)
{
    weir_error err;

    atomic_store(weiri_attempts_word(*attempts, 0), command);
    weiri_attempts_close(*attempts);
    assert_int_equal(weiri_attempts_open(dir, 1, attempts, &err), WEIR_OK);
}

static void
test_kills_are_counted_though_another_command_was_forgotten_between_them(void **state)
{
    char dir[] = "/tmp/weir-poison-XXXXXX";
    weiri_attempts *attempts = NULL;
    weir_error err;

    assert_non_null(mkdtemp(dir));
    assert_int_equal(weiri_attempts_open(dir, 1, &attempts, &err), WEIR_OK);
    kill_at(dir, &attempts, 70);
    kill_at(dir, &attempts, 71);
    weiri_attempts_forget(attempts, 70);
    assert_false(weiri_attempts_poison(attempts, 71));
    kill_at(dir, &attempts, 71);
    assert_true(weiri_attempts_poison(attempts, 71));
    assert_false(weiri_attempts_poison(attempts, 70));
    weiri_attempts_close(attempts);
    testing_remove(dir, "");
}

static void
test_a_file_that_does_not_fit_is_made_anew(void **state)
{
    char dir[] = "/tmp/weir-poison-XXXXXX";
    weiri_attempts *attempts;
    weir_error err;

    assert_non_null(mkdtemp(dir));
    for (uint32_t start = 0; start < 3; start++) {
        assert_int_equal(weiri_attempts_open(dir, 2, &attempts, &err), WEIR_OK);
        assert_int_equal(weiri_attempts_poison(attempts, 77), start == 2);
        assert_false(weiri_attempts_poison(attempts, 78));
        assert_int_equal(atomic_load(weiri_attempts_word(attempts, 1)), 0);
        atomic_store(weiri_attempts_word(attempts, 1), 77);
        weiri_attempts_close(attempts);
    }
    assert_int_equal(weiri_attempts_open(dir, 2, &attempts, &err), WEIR_OK);
    weiri_attempts_forget(attempts, 77);
    assert_false(weiri_attempts_poison(attempts, 77));
    weiri_attempts_close(attempts);
    assert_int_equal(weiri_attempts_open(dir, 3, &attempts, &err), WEIR_OK);
    assert_false(weiri_attempts_poison(attempts, 77));
    weiri_attempts_close(attempts);
    assert_int_equal(weiri_attempts_open("/nowhere/at/all", 3, &attempts, &err), WEIR_IO);
    testing_remove(dir, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_has_killed_twice_is_not_tried_again),
        cmocka_unit_test(test_a_person_releases_an_aggregate),
        cmocka_unit_test(test_what_is_discarded_is_not_tried_again),
        cmocka_unit_test(test_a_source_goes_on_past_what_is_held),
        cmocka_unit_test(test_a_full_quarantine_refuses_what_it_would_have_to_hold),
        cmocka_unit_test(test_kills_are_counted_though_another_command_was_forgotten_between_them),
        cmocka_unit_test(test_a_file_that_does_not_fit_is_made_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
