/* SPDX-License-Identifier: Apache-2.0
 * Commands that kill the process: each try is a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "command/attempts.h"
#include "command/lane_testing.h"
#include "testing_module.h"
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLY = 666, DIED = 9, REJECTED = 10, ACCEPTED = 11, REPEATED = 12 };

static weir_decide_fn *real_add;

static weir_status
deadly_add(weir_decision *d, const void *state, const void *command)
{
    const Testing__V1__Add *add = command;

    if (add->amount == DEADLY)
        _exit(DIED); /* as a crash ends it, without the noise of one */
    return real_add(d, state, command);
}

/* Opens, sends one command, and ends as its answer says. */
static int
try_once(const char *dir, testing_command command)
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        testing_side side;
        testing_answer a;
        weir_module module = testing_module;
        weir_aggregate counter = *module.aggregates[0];
        weiri_problems problems = { 0 };
        real_add = counter.commands[0].decide;
        counter.commands[0].decide = deadly_add;
        module.aggregates[0] = &counter;
        testing_side_init(&side);
        testing_remove(side.dir, "");
        side.dir = (char *)(uintptr_t)dir;
        weiri_schema_free(side.schema);
        weiri_schema_new(&module, &side.schema, &problems);
        testing_side_open(&side);
        testing_run(&side, &command, &a);
        testing_side_close(&side);
        if (a.answer.repeated)
            _exit(REPEATED);
        _exit(a.answer.status == WEIR_OK ? ACCEPTED : strcmp(a.code, "quarantined") == 0 ? REJECTED : 1);
    }
    assert_true(waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void
test_what_has_killed_twice_is_not_tried_again(void **state)
{
    char dir[] = "/tmp/weir-poison-XXXXXX";
    const testing_command deadly = { .counter = "a", .amount = DEADLY, .id = "x" };
    const testing_command other = { .counter = "a", .amount = DEADLY, .id = "y" };
    const testing_command line = { .counter = "a", .amount = DEADLY, .source = "file", .sequence = 1 };
    const testing_command next = { .counter = "a", .amount = 1, .source = "file", .sequence = 2, .previous = 1 };

    assert_non_null(mkdtemp(dir));
    assert_int_equal(try_once(dir, deadly), DIED);
    assert_int_equal(try_once(dir, (testing_command){ .counter = "a", .amount = 1 }), ACCEPTED);
    assert_int_equal(try_once(dir, deadly), DIED);
    assert_int_equal(try_once(dir, deadly), REJECTED);
    assert_int_equal(try_once(dir, deadly), REPEATED);
    assert_int_equal(try_once(dir, other), DIED); /* another command, though it says the same */
    assert_int_equal(try_once(dir, line), DIED);
    assert_int_equal(try_once(dir, line), DIED);
    assert_int_equal(try_once(dir, line), REJECTED);
    assert_int_equal(try_once(dir, next), ACCEPTED);
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
        cmocka_unit_test(test_a_file_that_does_not_fit_is_made_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
