/* SPDX-License-Identifier: Apache-2.0
 * Threads, locks and signals over pthreads. A signal's count is raised under its mutex only while somebody sleeps. */
#include "base/thread.h"
#include "base/assert.h"
#include "base/memory.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void
weiri_lock_init(weiri_lock *lock)
{
    weiri_assert(pthread_mutex_init(&lock->mutex, NULL) == 0);
}

void
weiri_lock_fini(weiri_lock *lock)
{
    weiri_assert(pthread_mutex_destroy(&lock->mutex) == 0);
}

void
weiri_lock_take(weiri_lock *lock)
{
    weiri_assert(pthread_mutex_lock(&lock->mutex) == 0);
}

void
weiri_lock_give(weiri_lock *lock)
{
    weiri_assert(pthread_mutex_unlock(&lock->mutex) == 0);
}

void
weiri_signal_init(weiri_signal *signal)
{
    pthread_condattr_t attributes;

    weiri_assert(pthread_mutex_init(&signal->mutex, NULL) == 0);
    weiri_assert(pthread_condattr_init(&attributes) == 0);
    weiri_assert(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    weiri_assert(pthread_cond_init(&signal->raised, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
    atomic_init(&signal->count, 0);
    atomic_init(&signal->sleepers, 0);
}

void
weiri_signal_fini(weiri_signal *signal)
{
    weiri_assert(pthread_cond_destroy(&signal->raised) == 0);
    weiri_assert(pthread_mutex_destroy(&signal->mutex) == 0);
}

uint64_t
weiri_signal_count(weiri_signal *signal)
{
    return atomic_load(&signal->count);
}

void
weiri_signal_raise(weiri_signal *signal)
{
    atomic_fetch_add(&signal->count, 1);
    if (atomic_load(&signal->sleepers) == 0)
        return;
    /* A sleeper has said so under the mutex before it looked at the count: taking it here orders the two. */
    weiri_assert(pthread_mutex_lock(&signal->mutex) == 0);
    weiri_assert(pthread_cond_broadcast(&signal->raised) == 0);
    weiri_assert(pthread_mutex_unlock(&signal->mutex) == 0);
}

static struct timespec
deadline_after(int64_t timeout_ms)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += timeout_ms / 1000;
    at.tv_nsec += timeout_ms % 1000 * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

bool
weiri_signal_wait(weiri_signal *signal, uint64_t seen, int64_t timeout_ms)
{
    int error = 0;

    if (atomic_load(&signal->count) != seen || timeout_ms == 0)
        return atomic_load(&signal->count) != seen;
    struct timespec until = deadline_after(timeout_ms < 0 ? 0 : timeout_ms);
    weiri_assert(pthread_mutex_lock(&signal->mutex) == 0);
    atomic_fetch_add(&signal->sleepers, 1);
    while (atomic_load(&signal->count) == seen && error == 0) {
        if (timeout_ms < 0)
            error = pthread_cond_wait(&signal->raised, &signal->mutex);
        else
            error = pthread_cond_timedwait(&signal->raised, &signal->mutex, &until);
    }
    atomic_fetch_sub(&signal->sleepers, 1);
    weiri_assert(pthread_mutex_unlock(&signal->mutex) == 0);
    weiri_assert(error == 0 || error == ETIMEDOUT);
    return atomic_load(&signal->count) != seen;
}

typedef struct start {
    void (*run)(void *argument);
    void *argument;
    char name[16];
} start;

static void *
trampoline(void *argument)
{
    start s = *(start *)argument;

    weiri_release(argument);
    (void)pthread_setname_np(pthread_self(), s.name);
    s.run(s.argument);
    return NULL;
}

weir_status
weiri_thread_start(weiri_thread *thread, const char *name, void (*run)(void *argument), void *argument)
{
    sigset_t all, old;
    start *s = weiri_allocate(sizeof *s);

    s->run = run;
    s->argument = argument;
    (void)snprintf(s->name, sizeof s->name, "%s", name);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&thread->id, NULL, trampoline, s);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    thread->running = error == 0;
    if (error == 0)
        return WEIR_OK;
    weiri_release(s);
    return WEIR_NO_MEMORY;
}

void
weiri_thread_join(weiri_thread *thread)
{
    if (!thread->running)
        return;
    weiri_assert(pthread_join(thread->id, NULL) == 0);
    thread->running = false;
}
