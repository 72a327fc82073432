/* SPDX-License-Identifier: Apache-2.0
 * How long commands took, from their last byte in to their answer, as a histogram. Thread: any. */
#ifndef WEIRI_METER_H
#define WEIRI_METER_H

#include <stdatomic.h>
#include "base/bytes.h"

enum { WEIRI_METER_BOUNDS = 14 };

typedef struct weiri_meter {
    _Atomic uint64_t counts[WEIRI_METER_BOUNDS + 1]; /* the last: beyond all bounds */
    _Atomic uint64_t sum_us;
} weiri_meter; /* zero-initialise */

void weiri_meter_add(weiri_meter *meter, int64_t us);
void weiri_meter_write(weiri_meter *meter, const char *name, const char *help, weiri_buffer *to); /* Prometheus' text format */

#endif
