/* SPDX-License-Identifier: Apache-2.0
 * An instance evolved by a step: the state is replaced, its timers are cleared, moved and added. Thread: any. */
#include "message/process.h"
#include <string.h>
#include <weir/state.h>
#include "message/process.pb-c.h"

static void
clear_timer(Weir__ProcessInstance *instance, const char *name)
{
    for (size_t i = 0; i < instance->n_timers; i++)
        if (strcmp(instance->timers[i]->name, name) == 0) {
            weir_list_remove(&instance->n_timers, &instance->timers, i);
            return;
        }
}

static void
remove_timers(Weir__ProcessInstance *instance)
{
    while (instance->n_timers > 0)
        weir_list_remove(&instance->n_timers, &instance->timers, instance->n_timers - 1);
}

void
weiri_process_evolve(void *state, const void *event)
{
    Weir__ProcessInstance *instance = state;
    const Weir__ProcessStepped *step = event;

    weir_bytes_set(&instance->state, step->state.data, step->state.len);
    instance->finished = step->finished;
    if (step->finished)
        remove_timers(instance);
    for (size_t i = 0; i < step->n_timers_cleared; i++)
        clear_timer(instance, step->timers_cleared[i]);
    for (size_t i = 0; i < step->n_timers_set; i++) {
        clear_timer(instance, step->timers_set[i]->name);
        weir_assign(weir_list_add(&instance->n_timers, &instance->timers, &weir__pending_timer__descriptor), step->timers_set[i]);
    }
}
