/* SPDX-License-Identifier: Apache-2.0
 * The outside world as a table of functions: time and chance. Everything of ours that needs either takes a world,
 * so that a simulator or a test is just a second table. Thread: any. */
#ifndef WEIRI_WORLD_H
#define WEIRI_WORLD_H

#include <stddef.h>
#include <stdint.h>

typedef struct weiri_world {
    int64_t (*time_ms)(const struct weiri_world *world);                          /* Unix time; may jump */
    int64_t (*monotonic_us)(const struct weiri_world *world);                     /* never goes back */
    void (*random_bytes)(const struct weiri_world *world, void *to, size_t size); /* unpredictable */
} weiri_world;

extern const weiri_world weiri_world_real;

enum { WEIRI_UUID_SIZE = 37 }; /* text and NUL */
/* A UUIDv7 (RFC 9562): ordered by time, then random. */
void weiri_uuid7(const weiri_world *world, char to[WEIRI_UUID_SIZE]);

#endif
