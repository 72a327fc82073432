/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "log/embedded/space.h"

static int64_t now_us;
static uint64_t free_now;
static unsigned looks;

static int64_t
fake_monotonic(const weiri_world *world)
{
    return now_us;
}

static uint64_t
fake_free(const char *dir)
{
    looks++;
    return free_now;
}

static const weiri_world fake_world = { .monotonic_us = fake_monotonic };

static void
make(weiri_space *space)
{
    now_us = 1000;
    looks = 0;
    weiri_space_init(space, &fake_world, "/", 0);
    space->free_bytes = fake_free;
}

static void
test_below_the_reserve_it_is_busy_and_resumes_by_itself(void **state)
{
    weiri_space space;
    weir_error err;

    make(&space);
    free_now = 12 << 20;
    assert_int_equal(weiri_space_state(&space, &err), WEIR_BUSY);
    assert_string_equal(err.text, "disk: 12 MB free of a reserve of 256 MB; new commands are refused until there is room");
    free_now = 256 << 20;
    now_us += 100000;
    assert_int_equal(weiri_space_state(&space, &err), WEIR_OK);
    free_now--;
    now_us += 100000;
    assert_int_equal(weiri_space_state(&space, &err), WEIR_BUSY);
}

static void
test_the_file_system_is_asked_seldom(void **state)
{
    weiri_space space;

    make(&space);
    free_now = 1ull << 40;
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(weiri_space_state(&space, NULL), WEIR_OK);
    assert_int_equal(looks, 1);
    weiri_space_wrote(&space, (16 << 20) - 1);
    (void)weiri_space_free(&space);
    assert_int_equal(looks, 1);
    weiri_space_wrote(&space, 1);
    (void)weiri_space_free(&space);
    (void)weiri_space_free(&space);
    assert_int_equal(looks, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_below_the_reserve_it_is_busy_and_resumes_by_itself),
        cmocka_unit_test(test_the_file_system_is_asked_seldom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
