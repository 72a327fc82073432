/* SPDX-License-Identifier: Apache-2.0
 * The real world: the kernel's clocks and its random numbers. Thread: any. */
#include "base/world.h"
#include "base/assert.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static int64_t
real_time_ms(const weiri_world *world)
{
    struct timespec now;

    (void)world;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t
real_monotonic_us(const weiri_world *world)
{
    struct timespec now;

    (void)world;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

enum { POOL = 256 }; /* getrandom gives so many whole, or none */

/* A thread's store of random bytes, so that not every id is a system call. Bytes are given out once; a child after fork
 * begins with an empty store. */
static _Thread_local struct {
    uint8_t bytes[POOL];
    size_t left;
    unsigned forks;
} pool;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic unsigned forks;

static void
count_fork(void)
{
    atomic_fetch_add(&forks, 1);
}

static void
watch_forks(void)
{
    weiri_assert(pthread_atfork(NULL, NULL, count_fork) == 0);
}

static void
real_random_bytes(const weiri_world *world, void *to, size_t size)
{
    (void)world;
    weiri_assert(size <= POOL);
    (void)pthread_once(&once, watch_forks);
    if (pool.left < size || pool.forks != atomic_load_explicit(&forks, memory_order_relaxed)) {
        weiri_assert(getrandom(pool.bytes, POOL, 0) == POOL);
        pool.left = POOL;
        pool.forks = atomic_load_explicit(&forks, memory_order_relaxed);
    }
    pool.left -= size;
    memcpy(to, pool.bytes + pool.left, size);
    memset(pool.bytes + pool.left, 0, size);
}

const weiri_world weiri_world_real = { real_time_ms, real_monotonic_us, real_random_bytes };

void
weiri_uuid7(const weiri_world *world, char to[WEIRI_UUID_SIZE])
{
    uint8_t b[16];
    uint64_t ms = (uint64_t)world->time_ms(world);

    world->random_bytes(world, b, sizeof b);
    for (int i = 0; i < 6; i++)
        b[i] = (uint8_t)(ms >> (40 - 8 * i));
    b[6] = (uint8_t)(0x70 | (b[6] & 0x0f));
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = "0123456789abcdef"[b[i] >> 4];
        *to++ = "0123456789abcdef"[b[i] & 15];
    }
    *to = '\0';
}
