/* SPDX-License-Identifier: Apache-2.0
 * One thread, one mailbox of jobs. Thread: its own, save for post. */
#include "engine/walker.h"

enum { JOBS_MOST = 1024 };

void
weiri_walker_init(weiri_walker *walker)
{
    weiri_signal_init(&walker->arrived);
    weiri_mailbox_init(&walker->jobs, (size_t)JOBS_MOST * 64, JOBS_MOST, &walker->arrived);
}

static bool
run_all(weiri_walker *walker, weiri_buffer *taken)
{
    weiri_bytes item;
    size_t at = 0;

    weiri_buffer_clear(taken);
    size_t n = weiri_mailbox_take(&walker->jobs, taken);
    while (weiri_mailbox_next(taken, &at, &item)) {
        weiri_walk *walk;
        memcpy(&walk, item.data, sizeof walk);
        walk->run(walk, &walker->finder);
    }
    return n > 0;
}

static void
run(void *argument)
{
    weiri_walker *walker = argument;
    weiri_buffer taken = { 0 };

    for (;;) {
        uint64_t seen = weiri_signal_count(&walker->arrived);
        /* Closed is read before the last look, so that nothing sent earlier is left behind. */
        weiri_lock_take(&walker->jobs.lock);
        bool closed = walker->jobs.closed;
        weiri_lock_give(&walker->jobs.lock);
        if (run_all(walker, &taken))
            continue;
        if (closed)
            break;
        (void)weiri_signal_wait(&walker->arrived, seen, -1);
    }
    weiri_buffer_fini(&taken);
}

weir_status
weiri_walker_start(weiri_walker *walker)
{
    return weiri_thread_start(&walker->thread, "weir-walker", run, walker);
}

weir_status
weiri_walker_post(weiri_walker *walker, weiri_walk *walk)
{
    return weiri_mailbox_send(&walker->jobs, &(weiri_bytes){ &walk, sizeof walk }, 1, 0);
}

void
weiri_walker_stop(weiri_walker *walker)
{
    weiri_mailbox_close(&walker->jobs);
    weiri_signal_raise(&walker->arrived);
    weiri_thread_join(&walker->thread);
}

void
weiri_walker_fini(weiri_walker *walker)
{
    weiri_walker_stop(walker);
    weiri_finder_fini(&walker->finder);
    weiri_mailbox_fini(&walker->jobs);
    weiri_signal_fini(&walker->arrived);
}
