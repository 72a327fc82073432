/* SPDX-License-Identifier: Apache-2.0
 * What a lane knows, found without one: on a shared log a process reads the local copy for partitions that others serve. Where each
 * aggregate's last event lies and how far each bulk source is: an index in memory, made when it is first asked for and carried on
 * whenever it is asked again; 24 bytes an aggregate. Thread: any; a partition's index is one thread's at a time. */
#ifndef WEIRI_ELSEWHERE_H
#define WEIRI_ELSEWHERE_H

#include "base/world.h"
#include "log/log.h"

typedef struct weiri_elsewhere weiri_elsewhere;

weiri_elsewhere *weiri_elsewhere_new(weiri_log *log, const weiri_world *world);
void weiri_elsewhere_free(weiri_elsewhere *elsewhere); /* NULL is fine */

/* Where the last event of an aggregate is; *ret_version 0: it has none. Errors: BUSY (reading the copy takes longer than `most_ms`; it
 * goes on from there next time), CORRUPT, IO. */
WEIR_MUST_USE weir_status weiri_elsewhere_find(weiri_elsewhere *elsewhere, uint32_t partition, weiri_bytes aggregate, weiri_bytes key,
    int64_t most_ms, uint64_t *ret_version, uint64_t *ret_offset, weir_error *err);
/* How far a source is there; *ret_last 0: never seen. Errors: the same. */
WEIR_MUST_USE weir_status weiri_elsewhere_source(weiri_elsewhere *elsewhere, uint32_t partition, weiri_bytes source, int64_t most_ms,
    uint64_t *ret_last, uint64_t *ret_fingerprint, weir_error *err);
/* Memory of the index, for the metrics. */
uint64_t weiri_elsewhere_bytes(weiri_elsewhere *elsewhere);

#endif
