/* SPDX-License-Identifier: Apache-2.0
 * What the history of an aggregate shares with the state now. Thread: any. */
#ifndef WEIRI_HISTORY_H
#define WEIRI_HISTORY_H

#include "engine/inside.h"

void weiri_history_state_at(
    weiri_service *service, const char *aggregate, const char *key, uint64_t version, weiri_reply_fn *done, void *user);
void weiri_state_write(weiri_reply *reply, const char *aggregate, const char *key, uint64_t version, const ProtobufCMessage *state);
void weiri_reply_no_aggregate(weiri_reply *reply, const char *aggregate, const char *key);

#endif
