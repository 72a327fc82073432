/* SPDX-License-Identifier: Apache-2.0
 * A ring of jobs under one lock. Not a mailbox: a mailbox has one receiver, and here any idle thread takes the next job.
 * Invariants: jobs in the ring and jobs being run are at most JOBS_MOST together, so a job that goes back always finds room; a thread
 * that is in `idle` sleeps, or is about to, on its own signal: a new job wakes one thread, not all of them. */
#include "http/pool.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"

typedef struct job {
    weiri_pool_fn *run;
    void *argument;
} job;

typedef struct worker {
    weiri_pool *pool;
    weiri_thread thread;
    weiri_signal woken;
} worker;

struct weiri_pool {
    weiri_lock lock;
    size_t first, waiting, running;   /* guarded by lock */
    worker *idle[WEIRI_POOL_THREADS]; /* guarded by lock; the last to fall idle is woken first */
    size_t n_idle;                    /* guarded by lock */
    bool stopping;                    /* guarded by lock */
    job ring[WEIRI_POOL_JOBS_MOST];   /* guarded by lock */
    worker workers[WEIRI_POOL_THREADS];
};

static void
put(weiri_pool *pool, job j)
{
    pool->ring[(pool->first + pool->waiting) % WEIRI_POOL_JOBS_MOST] = j;
    pool->waiting++;
}

/* Ends the last job (`again`: puts it back) and takes the next. Without one the worker is idle. */
static bool
take(worker *w, bool ended, bool again, job *j, bool *ret_stopping)
{
    weiri_pool *pool = w->pool;

    weiri_lock_take(&pool->lock);
    pool->running -= ended;
    if (again)
        put(pool, *j);
    bool there = pool->waiting > 0;
    if (there) {
        *j = pool->ring[pool->first];
        pool->first = (pool->first + 1) % WEIRI_POOL_JOBS_MOST;
        pool->waiting--;
        pool->running++;
    } else if (!pool->stopping) {
        pool->idle[pool->n_idle++] = w;
    }
    *ret_stopping = pool->stopping;
    weiri_lock_give(&pool->lock);
    return there;
}

static void
work(void *argument)
{
    worker *w = argument;
    bool ended = false, again = false, stopping = false;
    job j = { 0 };

    while (true) {
        uint64_t seen = weiri_signal_count(&w->woken);
        if (take(w, ended, again, &j, &stopping)) {
            again = !j.run(j.argument);
            ended = true;
            continue;
        }
        if (stopping)
            return;
        ended = again = false;
        weiri_signal_wait(&w->woken, seen, -1);
    }
}

weir_status
weiri_pool_start(weiri_pool **ret_pool, weir_error *err)
{
    weiri_pool *pool = weiri_allocate(sizeof *pool);

    weiri_lock_init(&pool->lock);
    for (size_t i = 0; i < WEIRI_POOL_THREADS; i++) {
        pool->workers[i].pool = pool;
        weiri_signal_init(&pool->workers[i].woken);
    }
    for (size_t i = 0; i < WEIRI_POOL_THREADS; i++) {
        if (weiri_thread_start(&pool->workers[i].thread, "weir-wait", work, &pool->workers[i]) != WEIR_OK) {
            weiri_pool_stop(pool);
            return weiri_error_set(err, WEIR_NO_MEMORY, "no thread for waiting queries could be started");
        }
    }
    *ret_pool = pool;
    return WEIR_OK;
}

bool
weiri_pool_run(weiri_pool *pool, weiri_pool_fn *run, void *argument)
{
    worker *woken = NULL;

    weiri_lock_take(&pool->lock);
    bool room = pool->waiting + pool->running < WEIRI_POOL_JOBS_MOST;
    if (room)
        put(pool, (job){ run, argument });
    if (room && pool->n_idle > 0)
        woken = pool->idle[--pool->n_idle];
    weiri_lock_give(&pool->lock);
    if (woken != NULL)
        weiri_signal_raise(&woken->woken);
    return room;
}

void
weiri_pool_stop(weiri_pool *pool)
{
    if (pool == NULL)
        return;
    weiri_lock_take(&pool->lock);
    weiri_assert(pool->waiting == 0);
    pool->stopping = true;
    weiri_lock_give(&pool->lock);
    for (size_t i = 0; i < WEIRI_POOL_THREADS; i++) {
        weiri_signal_raise(&pool->workers[i].woken);
        weiri_thread_join(&pool->workers[i].thread);
    }
    for (size_t i = 0; i < WEIRI_POOL_THREADS; i++)
        weiri_signal_fini(&pool->workers[i].woken);
    weiri_lock_fini(&pool->lock);
    weiri_release(pool);
}
