/* SPDX-License-Identifier: Apache-2.0
 * Threads, the one kind of lock, and the signal that a thread sleeps on. Locks live in base/ alone: a room that
 * needs one uses a mailbox, a signal, or says why not. */
#ifndef WEIRI_THREAD_H
#define WEIRI_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <weir/status.h>

typedef struct weiri_lock {
    pthread_mutex_t mutex;
} weiri_lock;

void weiri_lock_init(weiri_lock *lock);
void weiri_lock_fini(weiri_lock *lock);
void weiri_lock_take(weiri_lock *lock);
void weiri_lock_give(weiri_lock *lock);

/* A count that only grows, and sleeping until it has grown: read it, look for work, and if there is none wait for a
 * count other than the one read. A raise between the two is never missed. Thread: any.
 * Owns: a signal outlives every raise under way. A waiter may see the new count while the raiser is still at work, so a signal
 * never lies on a waiter's stack. */
typedef struct weiri_signal {
    pthread_mutex_t mutex;
    pthread_cond_t raised;
    _Atomic uint64_t count;
    _Atomic uint32_t sleepers;
} weiri_signal;

void weiri_signal_init(weiri_signal *signal);
void weiri_signal_fini(weiri_signal *signal);
uint64_t weiri_signal_count(weiri_signal *signal);
void weiri_signal_raise(weiri_signal *signal);
/* Returns when the count is not `seen`, or after timeout_ms (-1: never gives up). True if the count has grown. */
bool weiri_signal_wait(weiri_signal *signal, uint64_t seen, int64_t timeout_ms);

typedef struct weiri_thread {
    pthread_t id;
    bool running;
} weiri_thread; /* zero-initialise */

/* Starts `run(argument)` on a thread called `name` (15 characters are shown), all signals blocked in it. Errors: NO_MEMORY. */
WEIR_MUST_USE weir_status weiri_thread_start(weiri_thread *thread, const char *name, void (*run)(void *argument), void *argument);
/* Waits for its end. Fine if it was never started. */
void weiri_thread_join(weiri_thread *thread);

#endif
