/* SPDX-License-Identifier: Apache-2.0
 * Which messages the log was written with: one text for each version of the module that ever wrote it, oldest first, in the topic
 * `schemas`; what it says is whoever's who writes it (docs/formats/schemas.md). Kept by the embedded engine in partition 0, on Kafka in
 * APP.schemas under keys of their own. Thread: one at a time. */
#ifndef WEIRI_VERSIONS_H
#define WEIRI_VERSIONS_H

#include "base/arena.h"
#include "base/world.h"
#include "log/log.h"

typedef struct weiri_versions {
    weiri_bytes *list;
    size_t n, room;
    weiri_arena arena; /* holds their bytes, each with a NUL behind it */
} weiri_versions;      /* zero-initialise */

void weiri_versions_add(weiri_versions *versions, weiri_bytes text);
void weiri_versions_clear(weiri_versions *versions);
void weiri_versions_fini(weiri_versions *versions);

/* Looks at all that are there, and may ask for one more by writing it into `add`. It may be asked again, of more versions, when
 * another process has added one meanwhile: the last answer counts. */
typedef weir_status weiri_versions_fn(void *user, const weiri_versions *versions, weiri_buffer *add, weir_error *err);

/* One that asks for none and copies them all into `user`, a weiri_versions. */
weir_status weiri_versions_keep(void *user, const weiri_versions *versions, weiri_buffer *add, weir_error *err);

#define WEIRI_VERSION_TYPE "weir.module-recorded"

/* Of an embedded log that is a log of its own. To add one it must be open for writing, and nobody else append to partition 0.
 * Durable: on return. *ret_added may be NULL. Errors: what `decide` returned; INVALID (too large), CORRUPT, IO. */
WEIR_MUST_USE weir_status weiri_log_versions(
    weiri_log *log, const weiri_world *world, weiri_versions_fn *decide, void *user, bool *ret_added, weir_error *err);
WEIR_MUST_USE weir_status weiri_version_check_size(weiri_bytes text, weir_error *err);

#endif
