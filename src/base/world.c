/* SPDX-License-Identifier: Apache-2.0
 * The real world: the kernel's clocks and its random numbers. Thread: any. */
#include "base/world.h"
#include "base/assert.h"
#include <stdio.h>
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

static void
real_random_bytes(const weiri_world *world, void *to, size_t size)
{
    (void)world;
    weiri_assert(size <= 256); /* getrandom gives so many whole, or none */
    weiri_assert(getrandom(to, size, 0) == (ssize_t)size);
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
    (void)snprintf(to, WEIRI_UUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
        b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}
