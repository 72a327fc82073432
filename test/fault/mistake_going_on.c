/* SPDX-License-Identifier: Apache-2.0
 * A mistake, linked into fault_workload_going_on alone: an engine that goes on after a failed write or sync, as one without the FAILED
 * latch would. The batch that failed is still answered `unknown`; what comes after it is tried. The linker puts these functions before
 * the engine's own (--wrap), so that its source has no switch for it. Threads: those of what they stand before. */
#include "command/lane.h"
#include "log/embedded/internal.h"

void __real_weiri_embedded_append(weiri_log *log, weiri_append *append);
void __wrap_weiri_embedded_append(weiri_log *log, weiri_append *append);
weir_status __real_weiri_log_state(weiri_log *log, weir_error *err);
weir_status __wrap_weiri_log_state(weiri_log *log, weir_error *err);
bool __real_weiri_lane_turn(weiri_lane *lane);
bool __wrap_weiri_lane_turn(weiri_lane *lane);

void
__wrap_weiri_embedded_append(weiri_log *log, weiri_append *append)
{
    atomic_store(&((weiri_embedded *)log)->failed, false);
    __real_weiri_embedded_append(log, append);
}

weir_status
__wrap_weiri_log_state(weiri_log *log, weir_error *err)
{
    atomic_store(&((weiri_embedded *)log)->failed, false);
    return __real_weiri_log_state(log, err);
}

bool
__wrap_weiri_lane_turn(weiri_lane *lane)
{
    atomic_store(&lane->failed, false);
    return __real_weiri_lane_turn(lane);
}
