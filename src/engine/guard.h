/* SPDX-License-Identifier: Apache-2.0
 * The schema guard: each version of the module that wrote a log stands in its topic `schemas` as JSON (docs/formats/schemas.md), and a
 * module that breaks the messages of any of them is refused before it writes. Thread: one at a time. */
#ifndef WEIRI_GUARD_H
#define WEIRI_GUARD_H

#include "base/world.h"
#include "log/versions.h"
#include "message/shapes.h"

/* A version as it was recorded. */
typedef struct weiri_version {
    char module[64], build[65];
    int64_t recorded_ms;
    weiri_shapes shapes;
} weiri_version;

/* Errors: CORRUPT (it can't be read), INVALID (a newer format). Owns: gives *ret_version, for weiri_shapes_fini of its shapes. */
WEIR_MUST_USE weir_status weiri_version_read(weiri_bytes text, weiri_version *ret_version, weir_error *err);

typedef struct weiri_guard {
    const weir_module *module; /* which its checks have passed */
    const char *build;
    const weiri_world *world;
    weiri_shapes shapes;
    weiri_changes changes; /* against all versions, with `latest` against the last one alone */
    bool latest;
    size_t known; /* which version the module is, from 1; 0: a new one */
} weiri_guard;

void weiri_guard_init(weiri_guard *guard, const weir_module *module, const char *build, const weiri_world *world);
void weiri_guard_fini(weiri_guard *guard);

/* A weiri_versions_fn: guard->changes and ->known. Adds nothing. A version that has been there breaks nothing: whoever goes back to it
 * may. Errors: those of weiri_version_read, with the version's number. */
weir_status weiri_guard_compare(void *guard, const weiri_versions *versions, weiri_buffer *add, weir_error *err);
/* The same for opening a log: INVALID if something breaks; adds a new version. */
weir_status weiri_guard_open(void *guard, const weiri_versions *versions, weiri_buffer *add, weir_error *err);
/* Each break as a problem. */
void weiri_guard_tell(const weiri_guard *guard, weiri_problems *problems);

#endif
