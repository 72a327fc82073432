/* SPDX-License-Identifier: Apache-2.0
 * Asking the file system, seldom. */
#include "log/embedded/space.h"
#include <sys/statvfs.h>

/* Of the reserve, what may be written between two looks: pages and views take more than the records do. */
enum { LOOK_EVERY_US = 100000, LOOK_EVERY_PART = 16, DEFAULT_RESERVE = 256 << 20 };

static uint64_t
ask_file_system(const char *dir)
{
    struct statvfs about;

    if (statvfs(dir, &about) != 0)
        return UINT64_MAX;
    return (uint64_t)about.f_bavail * about.f_frsize;
}

void
weiri_space_init(weiri_space *space, const weiri_world *world, const char *dir, uint64_t reserve_bytes)
{
    space->world = world;
    space->dir = dir;
    space->reserve_bytes = reserve_bytes == 0 ? DEFAULT_RESERVE : reserve_bytes;
    space->free_bytes = ask_file_system;
    atomic_init(&space->look_at_us, INT64_MIN);
    atomic_init(&space->free, UINT64_MAX);
    atomic_init(&space->written, 0);
}

void
weiri_space_wrote(weiri_space *space, uint64_t bytes)
{
    atomic_fetch_add_explicit(&space->written, bytes, memory_order_relaxed);
}

uint64_t
weiri_space_free(weiri_space *space)
{
    int64_t now = space->world->monotonic_us(space->world);

    if (now >= atomic_load(&space->look_at_us) ||
        atomic_load_explicit(&space->written, memory_order_relaxed) >= space->reserve_bytes / LOOK_EVERY_PART) {
        atomic_store(&space->look_at_us, now + LOOK_EVERY_US);
        atomic_store_explicit(&space->written, 0, memory_order_relaxed);
        atomic_store(&space->free, space->free_bytes(space->dir));
    }
    return atomic_load(&space->free);
}

weir_status
weiri_space_state(weiri_space *space, weir_error *err)
{
    uint64_t bytes = weiri_space_free(space);

    if (bytes >= space->reserve_bytes)
        return WEIR_OK;
    return weiri_error_set(err, WEIR_BUSY, "disk: %llu MB free of a reserve of %llu MB; new commands are refused until there is room",
        (unsigned long long)(bytes >> 20), (unsigned long long)(space->reserve_bytes >> 20));
}
