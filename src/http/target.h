/* SPDX-License-Identifier: Apache-2.0
 * A request target taken apart: path segments and query pairs, percent-decoded strictly, in place. Thread: one at a time. */
#ifndef WEIRI_TARGET_H
#define WEIRI_TARGET_H

#include "base/bytes.h"
#include "base/error.h"
#include "engine/service.h"

enum { WEIRI_SEGMENTS_MOST = 8, WEIRI_PAIRS_MOST = 256 };

typedef struct weiri_target {
    weiri_buffer text; /* what the segments and pairs point into; its room is kept from request to request */
    size_t n_segments; /* "/" has none; SEGMENTS_MOST + 1: more than any route has */
    const char *segments[WEIRI_SEGMENTS_MOST];
    size_t n_pairs, pairs_room;
    weiri_pair *pairs;
} weiri_target; /* zero-initialise */

/* `raw` is origin form or absolute form. A '+' is a blank in the query and itself in the path.
 * Errors: INVALID: a % without two hexadecimal digits, %00, not UTF-8, too many pairs. */
WEIR_MUST_USE weir_status weiri_target_parse(weiri_target *target, const char *raw, weir_error *err);
/* The value of a pair, or NULL. */
const char *weiri_target_pair(const weiri_target *target, const char *name);
void weiri_target_fini(weiri_target *target);

#endif
