/* SPDX-License-Identifier: Apache-2.0
 * Evolving a state by a packed event: the one piece of code that live and replay both run, on the same bytes. */
#include "base/assert.h"
#include "command/lane.h"

weir_status
weiri_lane_evolve(weiri_lane *lane, weiri_state_entry *entry, const weiri_type *type, weiri_bytes payload, weir_error *err)
{
    const weiri_type *newest;
    ProtobufCMessage *message;
    bool upcast;

    if (type->newest->evolve == NULL && type->newest == type)
        return WEIR_OK;
    weir_status status = weiri_type_unpack_event(type, payload, &lane->allocator, &newest, &message, &upcast, err);
    if (status != WEIR_OK)
        return status;
    if (newest->evolve != NULL)
        newest->evolve(entry->state, message);
    weiri_states_grew(&lane->states, entry, payload.size);
    if (upcast)
        protobuf_c_message_free_unpacked(message, NULL);
    return WEIR_OK;
}
