/* SPDX-License-Identifier: Apache-2.0
 * How far each bulk source has got in one partition. Kept for ever. Thread: one at a time (the lane's own table: the lane;
 * the durable one: under the lane's lock). */
#ifndef WEIRI_SOURCES_H
#define WEIRI_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"

enum { WEIRI_SOURCES_MOST = 65536, WEIRI_SOURCE_NAME_MOST = 255 };

typedef struct weiri_source {
    uint64_t hash, last, fingerprint;
    uint64_t batch; /* the last batch that moved it ... */
    uint32_t moved; /* ... and its place in that batch's list */
    uint16_t name_size;
    char name[];
} weiri_source;

typedef struct weiri_sources {
    weiri_source **slots, **all; /* all: in the order they were first seen */
    size_t mask, count, room;
} weiri_sources;

void weiri_sources_init(weiri_sources *sources);
void weiri_sources_fini(weiri_sources *sources);
weiri_source *weiri_sources_find(const weiri_sources *sources, weiri_bytes name); /* NULL: never seen */
/* Finds, or adds with last 0. The caller looks at WEIRI_SOURCES_MOST. */
weiri_source *weiri_sources_add(weiri_sources *sources, weiri_bytes name, uint64_t fingerprint);

#endif
