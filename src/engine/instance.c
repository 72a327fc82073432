/* SPDX-License-Identifier: Apache-2.0
 * A process instance as JSON: {"finished", "timers": [{"name", "due"}], "state": {...}}. Thread: any. */
#include "engine/instance.h"
#include "message/json.h"
#include "message/process.pb-c.h"
#include "message/unpack.h"

static void
add_instance(weiri_buffer *to, const weir_process *process, const Weir__ProcessInstance *instance)
{
    ProtobufCMessage *state = NULL;

    weiri_buffer_add_text(to, instance->finished ? "{\"finished\":true" : "{\"finished\":false");
    weiri_member(to, "timers");
    weiri_buffer_add_char(to, '[');
    for (size_t i = 0; i < instance->n_timers; i++) {
        weiri_buffer_add_text(to, i == 0 ? "{" : ",{");
        weiri_member_text(to, "name", instance->timers[i]->name);
        weiri_member_time(to, "due", instance->timers[i]->due_ms);
        weiri_buffer_add_char(to, '}');
    }
    weiri_buffer_add_char(to, ']');
    if (process->state != NULL && !instance->finished &&
        weiri_message_unpack_stored(process->state, (weiri_bytes){ instance->state.data, instance->state.len }, &state) == WEIR_OK) {
        weiri_member(to, "state");
        weiri_json_add_message(to, state, WEIRI_JSON_DEFAULTS);
        protobuf_c_message_free_unpacked(state, NULL);
    }
    weiri_buffer_add_char(to, '}');
}

void
weiri_add_state(weiri_buffer *to, const weiri_schema *schema, const char *aggregate, const ProtobufCMessage *state)
{
    int found = schema == NULL ? -1 : weiri_schema_aggregate_find(schema, weiri_bytes_of(aggregate));
    const weir_process *process = found < 0 ? NULL : weiri_schema_process(schema, (size_t)found);

    if (process != NULL)
        add_instance(to, process, (const Weir__ProcessInstance *)(const void *)state);
    else
        weiri_json_add_message(to, state, WEIRI_JSON_DEFAULTS);
}
