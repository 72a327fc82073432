/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include "engine/timers.h"

enum { MOST = 262144 }; /* the default of the setting */

typedef struct probe {
    weiri_timer timer;
    _Atomic int expired;
    weiri_signal told;
} probe;

static void
expire(weiri_timer *timer)
{
    probe *p = (probe *)timer;

    atomic_fetch_add(&p->expired, 1);
    weiri_signal_raise(&p->told);
}

static void
probe_init(probe *p)
{
    *p = (probe){ .timer.expire = expire };
    weiri_signal_init(&p->told);
}

static void
test_a_timer_expires_once_and_the_removed_never(void **state)
{
    weiri_timers timers = { 0 };
    probe soon, late, removed;

    probe_init(&soon);
    probe_init(&late);
    probe_init(&removed);
    weiri_timers_init(&timers, &weiri_world_real, MOST);
    assert_int_equal(weiri_timers_start(&timers), WEIR_OK);
    assert_true(weiri_timers_add(&timers, &late.timer, 3600000));
    assert_true(weiri_timers_add(&timers, &removed.timer, 3600000));
    assert_true(weiri_timers_add(&timers, &soon.timer, 1)); /* earlier than what the thread sleeps for */
    assert_true(weiri_signal_wait(&soon.told, 0, -1));
    assert_int_equal(atomic_load(&soon.expired), 1);
    assert_false(weiri_timers_remove(&timers, &soon.timer));
    assert_true(weiri_timers_remove(&timers, &removed.timer));
    assert_false(weiri_timers_remove(&timers, &removed.timer));
    assert_int_equal(weiri_timers_count(&timers), 1);
    weiri_timers_stop(&timers);
    assert_int_equal(atomic_load(&late.expired), 0);
    assert_true(weiri_timers_remove(&timers, &late.timer));
    weiri_timers_fini(&timers);
    weiri_signal_fini(&soon.told);
    weiri_signal_fini(&late.told);
    weiri_signal_fini(&removed.told);
}

static void
test_there_is_a_limit(void **state)
{
    static weiri_timer many[MOST + 1];
    weiri_timers timers = { 0 };

    weiri_timers_init(&timers, &weiri_world_real, MOST);
    for (size_t i = 0; i < MOST; i++)
        assert_true(weiri_timers_add(&timers, &many[i], 3600000));
    assert_false(weiri_timers_add(&timers, &many[MOST], 3600000));
    assert_true(weiri_timers_remove(&timers, &many[0]));
    assert_true(weiri_timers_add(&timers, &many[MOST], 3600000));
    weiri_timers_fini(&timers);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_timer_expires_once_and_the_removed_never),
        cmocka_unit_test(test_there_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
