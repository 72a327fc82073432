/* SPDX-License-Identifier: Apache-2.0
 * The keeper of views: one thread that looks at view files now and then, and makes, swaps and drops versions. Nobody else does, so a
 * version that it has in hand is there. Thread: its own. */
#include "query/kept.h"

enum { LOOK_MS = 500, TEND_MS = 20 };

void
weiri_keeper_run(void *user)
{
    weiri_views *views = user;

    while (!atomic_load(&views->stopping)) {
        uint64_t seen = weiri_signal_count(&views->tend);
        bool building = false;
        for (size_t i = 0; i < views->n && !atomic_load(&views->stopping); i++) {
            weiri_kept_tend(&views->list[i]);
            building = building || views->list[i].next != NULL;
        }
        (void)weiri_signal_wait(&views->tend, seen, building ? TEND_MS : LOOK_MS);
    }
}
