/* SPDX-License-Identifier: Apache-2.0
 * A few threads for what may block (a view that waits for a position, a rebuild, a page of events), so that the HTTP threads never do.
 * A waiting view waits in short slices and goes to the end of the queue between them: those that wait for what never comes can't keep
 * the others out. Thread: any. */
#ifndef WEIRI_POOL_H
#define WEIRI_POOL_H

#include <stdbool.h>
#include <weir/status.h>

typedef struct weiri_pool weiri_pool;

/* Does one piece of work. True: it is over, and the job was answered; false: call it again later. */
typedef bool weiri_pool_fn(void *argument);

enum { WEIRI_POOL_THREADS = 16, WEIRI_POOL_JOBS_MOST = 4096 };

/* Owns: gives *ret_pool. Errors: NO_MEMORY (threads). */
WEIR_MUST_USE weir_status weiri_pool_start(weiri_pool **ret_pool, weir_error *err);
/* False: WEIRI_POOL_JOBS_MOST are there already. */
WEIR_MUST_USE bool weiri_pool_run(weiri_pool *pool, weiri_pool_fn *run, void *argument);
void weiri_pool_stop(weiri_pool *pool); /* all jobs must be over; NULL is fine */

#endif
