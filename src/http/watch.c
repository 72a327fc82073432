/* SPDX-License-Identifier: Apache-2.0
 * Shutting a socket down wakes its HTTP thread, which closes it: the descriptor stays libmicrohttpd's. */
#include "http/watch.h"
#include "base/world.h"
#include <sys/socket.h>

enum { TICK_MS = 1000 };

static int64_t
clock_s(void)
{
    return weiri_world_real.monotonic_us(&weiri_world_real) / 1000000;
}

static void
look(weiri_watch *watch, int64_t now_s)
{
    weiri_lock_take(&watch->lock);
    for (weiri_watched *c = watch->head.next; c != &watch->head; c = c->next) {
        int64_t until_s = atomic_load_explicit(&c->until_s, memory_order_relaxed);
        if (until_s == 0 || now_s <= until_s)
            continue;
        (void)shutdown(c->fd, SHUT_RDWR);
        atomic_store_explicit(&c->until_s, 0, memory_order_relaxed);
        atomic_fetch_add_explicit(&watch->cut, 1, memory_order_relaxed);
    }
    weiri_lock_give(&watch->lock);
}

static void
run(void *argument)
{
    weiri_watch *watch = argument;

    while (!atomic_load(&watch->stopping)) {
        uint64_t seen = weiri_signal_count(&watch->changed);
        int64_t now_s = clock_s();
        atomic_store(&watch->now_s, now_s);
        look(watch, now_s);
        if (!atomic_load(&watch->stopping))
            (void)weiri_signal_wait(&watch->changed, seen, TICK_MS);
    }
}

weir_status
weiri_watch_start(weiri_watch *watch, int64_t idle_s, weir_error *err)
{
    watch->idle_s = idle_s;
    watch->head.next = watch->head.previous = &watch->head;
    atomic_store(&watch->now_s, clock_s());
    weiri_lock_init(&watch->lock);
    weiri_signal_init(&watch->changed);
    if (weiri_thread_start(&watch->thread, "weir-watch", run, watch) == WEIR_OK)
        return WEIR_OK;
    weiri_signal_fini(&watch->changed);
    weiri_lock_fini(&watch->lock);
    return weiri_error_set(err, WEIR_NO_MEMORY, "the thread that watches connections could not be started");
}

void
weiri_watch_stop(weiri_watch *watch)
{
    if (!watch->thread.running)
        return;
    atomic_store(&watch->stopping, true);
    weiri_signal_raise(&watch->changed);
    weiri_thread_join(&watch->thread);
    weiri_signal_fini(&watch->changed);
    weiri_lock_fini(&watch->lock);
}

void
weiri_watch_add(weiri_watch *watch, weiri_watched *connection, int fd)
{
    connection->fd = fd;
    weiri_watch_head(watch, connection);
    weiri_lock_take(&watch->lock);
    connection->next = &watch->head;
    connection->previous = watch->head.previous;
    connection->previous->next = connection->next->previous = connection;
    weiri_lock_give(&watch->lock);
}

void
weiri_watch_remove(weiri_watch *watch, weiri_watched *connection)
{
    weiri_lock_take(&watch->lock);
    connection->next->previous = connection->previous;
    connection->previous->next = connection->next;
    weiri_lock_give(&watch->lock);
}

static void
begin(weiri_watch *watch, weiri_watched *connection, int64_t seconds)
{
    connection->since_s = atomic_load_explicit(&watch->now_s, memory_order_relaxed);
    atomic_store_explicit(&connection->until_s, connection->since_s + seconds, memory_order_relaxed);
}

void
weiri_watch_head(weiri_watch *watch, weiri_watched *connection)
{
    begin(watch, connection, watch->idle_s + WEIRI_WATCH_GRACE_S);
}

void
weiri_watch_bytes(weiri_watch *watch, weiri_watched *connection)
{
    begin(watch, connection, watch->idle_s);
}

void
weiri_watch_nothing(weiri_watched *connection)
{
    atomic_store_explicit(&connection->until_s, 0, memory_order_relaxed);
}

void
weiri_watch_allow(weiri_watch *watch, weiri_watched *connection, uint64_t bytes)
{
    int64_t seconds = watch->idle_s + (int64_t)(bytes / WEIRI_WATCH_BYTES_A_S);

    atomic_store_explicit(&connection->until_s, connection->since_s + seconds, memory_order_relaxed);
}
