/* SPDX-License-Identifier: Apache-2.0
 * What the history of an aggregate shares with the state now. Thread: any. */
#ifndef WEIRI_HISTORY_H
#define WEIRI_HISTORY_H

#include "engine/inside.h"

#define WEIRI_NO_EVENTS_OF "there is no %s with key '%s': it has no events"

#define WEIRI_LATEST UINT64_MAX /* as a version: whatever it is */

void weiri_history_state_at(
    weiri_service *service, const char *aggregate, const char *key, uint64_t version, weiri_reply_fn *done, void *user);

#endif
