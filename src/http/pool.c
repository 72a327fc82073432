/* SPDX-License-Identifier: Apache-2.0
 * A ring of jobs under one lock. Not a mailbox: a mailbox has one receiver, and here any idle thread takes the next job.
 * Invariant: jobs in the ring and jobs being run are at most JOBS_MOST together, so a job that goes back always finds room. */
#include "http/pool.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"

typedef struct job {
    weiri_pool_fn *run;
    void *argument;
} job;

struct weiri_pool {
    weiri_lock lock;
    size_t first, waiting, running; /* guarded by lock */
    bool stopping;                  /* guarded by lock */
    weiri_signal arrived;
    weiri_thread threads[WEIRI_POOL_THREADS];
    job ring[WEIRI_POOL_JOBS_MOST]; /* guarded by lock */
};

static void
put(weiri_pool *pool, job j)
{
    pool->ring[(pool->first + pool->waiting) % WEIRI_POOL_JOBS_MOST] = j;
    pool->waiting++;
}

/* False: nothing waits. */
static bool
take(weiri_pool *pool, job *ret_job, bool *ret_stopping)
{
    weiri_lock_take(&pool->lock);
    bool there = pool->waiting > 0;
    if (there) {
        *ret_job = pool->ring[pool->first];
        pool->first = (pool->first + 1) % WEIRI_POOL_JOBS_MOST;
        pool->waiting--;
        pool->running++;
    }
    *ret_stopping = pool->stopping;
    weiri_lock_give(&pool->lock);
    return there;
}

static void
work(void *argument)
{
    weiri_pool *pool = argument;
    bool stopping = false;

    while (!stopping) {
        uint64_t seen = weiri_signal_count(&pool->arrived);
        job j;
        if (!take(pool, &j, &stopping)) {
            if (!stopping)
                weiri_signal_wait(&pool->arrived, seen, -1);
            continue;
        }
        bool over = j.run(j.argument);
        weiri_lock_take(&pool->lock);
        pool->running--;
        if (!over)
            put(pool, j);
        weiri_lock_give(&pool->lock);
        if (!over)
            weiri_signal_raise(&pool->arrived);
    }
}

weir_status
weiri_pool_start(weiri_pool **ret_pool, weir_error *err)
{
    weiri_pool *pool = weiri_allocate(sizeof *pool);

    weiri_lock_init(&pool->lock);
    weiri_signal_init(&pool->arrived);
    for (size_t i = 0; i < WEIRI_POOL_THREADS; i++) {
        if (weiri_thread_start(&pool->threads[i], "weir-wait", work, pool) != WEIR_OK) {
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
    weiri_lock_take(&pool->lock);
    bool room = pool->waiting + pool->running < WEIRI_POOL_JOBS_MOST;
    if (room)
        put(pool, (job){ run, argument });
    weiri_lock_give(&pool->lock);
    if (room)
        weiri_signal_raise(&pool->arrived);
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
    weiri_signal_raise(&pool->arrived);
    for (size_t i = 0; i < WEIRI_POOL_THREADS; i++)
        weiri_thread_join(&pool->threads[i]);
    weiri_signal_fini(&pool->arrived);
    weiri_lock_fini(&pool->lock);
    weiri_release(pool);
}
