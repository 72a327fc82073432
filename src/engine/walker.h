/* SPDX-License-Identifier: Apache-2.0
 * The thread that reads the log for histories, so that neither lanes nor callbacks wait for a disk. It takes jobs in order
 * from a bounded mailbox and owns its finder. Thread: post from any; jobs run on its own. */
#ifndef WEIRI_WALKER_H
#define WEIRI_WALKER_H

#include "base/mailbox.h"
#include "engine/finder.h"

typedef struct weiri_walk {
    void (*run)(struct weiri_walk *walk, weiri_finder *finder);
} weiri_walk;

typedef struct weiri_walker {
    weiri_mailbox jobs; /* each item is one weiri_walk * */
    weiri_signal arrived;
    weiri_finder finder; /* its thread's */
    weiri_thread thread;
} weiri_walker;

void weiri_walker_init(weiri_walker *walker);
WEIR_MUST_USE weir_status weiri_walker_start(weiri_walker *walker);
/* Errors: BUSY (too many wait), CLOSED. Never blocks. */
WEIR_MUST_USE weir_status weiri_walker_post(weiri_walker *walker, weiri_walk *walk);
/* Runs what it has, then ends. Fine if it was never started. */
void weiri_walker_stop(weiri_walker *walker);
void weiri_walker_fini(weiri_walker *walker);

#endif
