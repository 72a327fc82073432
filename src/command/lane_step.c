/* SPDX-License-Identifier: Apache-2.0
 * The command weir.StepProcess: one step of a process, and what becomes of it. A step that can't be done (its author's mistake, a loop) is
 * held in quarantine with what comes behind it, until a person releases it: nothing is lost. Thread: the lane's. */
#include "base/text.h"
#include "command/lane_stage.h"
#include <inttypes.h>
#include <stdio.h>

static void
pass_by(weiri_lane *lane, weiri_subject *s)
{
    const weiri_ending end = { WEIRI_OUTCOME_ACCEPTED, WEIR_OK, "", "", .moves = true };

    (void)weiri_lane_end(lane, s, &end);
    lane->counted.accepted++;
}

/* The process can't hear it: it has no row, or the instance is no more. */
static void
tell_unanswered(weiri_lane *lane, weiri_subject *s, const Weir__StepProcess *step)
{
    char words[300];

    (void)snprintf(words, sizeof words, "%.63s: %.200s", step->code, step->text);
    const weiri_ending end = { WEIRI_OUTCOME_REJECTED, WEIR_REJECTED, "unanswered", words, .moves = true, .unanswered = step->name };
    (void)weiri_lane_end(lane, s, &end);
    lane->counted.rejected++;
}

static bool
loops(weiri_lane *lane, weiri_subject *s, uint64_t command)
{
    uint64_t hops = 0;
    char words[300];

    (void)weiri_headers_find_number(s->headers, WEIRI_HEADER_HOPS, &hops);
    if (hops <= lane->commands->config.hops_most)
        return false;
    (void)snprintf(words, sizeof words,
        "process %s of %.*s goes round in a loop: %u steps came of each other without a timer between; this one waits for a person",
        s->type->process->name, (int)s->key.size, (const char *)s->key.data, lane->commands->config.hops_most);
    weiri_lane_hold(lane, s, command, "loop", words);
    return true;
}

static weiri_trigger
trigger_of(const weiri_lane *lane, const Weir__StepProcess *step)
{
    weiri_trigger trigger = { .kind = (weiri_trigger_kind)step->kind,
        .json = step->json,
        .payload = { step->message.data, step->message.len },
        .code = step->code,
        .text = step->text,
        .timer = step->name,
        .set_by = step->set_by };

    if (trigger.kind != WEIRI_TRIGGER_TIMER)
        trigger.type = weiri_schema_find(lane->commands->config.schema, weiri_bytes_of(step->name));
    return trigger;
}

static void
store(weiri_lane *lane, weiri_subject *s, uint64_t command)
{
    const weiri_schema *schema = lane->commands->config.schema;
    weir_reaction *r = &lane->processes.reaction;
    bool sets = false;

    for (int i = 0; i < WEIR_TIMERS; i++)
        sets |= r->timer_set[i];
    if (sets && lane->processes.timers.n >= WEIRI_TIMERS_MOST) {
        weiri_lane_hold(lane, s, command, "too-many-timers", "this partition has 1,000,000 pending timers");
        return;
    }
    weiri_decision_begin(&lane->decision, schema, s->type, s->key_text, s->id, s->version, lane->time_ms);
    weiri_decision_add(&lane->decision, weiri_schema_stepped(schema, s->aggregate), weiri_reaction_stepped(r));
    weiri_lane_end_with_events(lane, s);
}

void
weiri_lane_step(weiri_lane *lane, weiri_subject *s, uint64_t command)
{
    weir_reaction *r = &lane->processes.reaction;
    weiri_reacted reacted = WEIRI_PASSED_BY;

    weiri_arena_reset(&lane->arena);
    Weir__StepProcess *step = weir__step_process__unpack(&lane->allocator, s->payload.size, s->payload.data);
    if (step == NULL || step->kind > WEIR__STEP_PROCESS__KIND__TIMER || strcmp(step->process, s->type->process->name) != 0) {
        weiri_lane_hold(lane, s, command, "malformed", "the bytes are no step of this process");
        return;
    }
    const weiri_trigger trigger = trigger_of(lane, step);
    if (trigger.kind == WEIRI_TRIGGER_REJECTION && (trigger.type == NULL || trigger.type->kind != WEIRI_TYPE_COMMAND)) {
        tell_unanswered(lane, s, step);
        return;
    }
    if (trigger.kind == WEIRI_TRIGGER_EVENT && (trigger.type == NULL || trigger.type->kind != WEIRI_TYPE_EVENT)) {
        weiri_lane_hold(lane, s, command, "malformed", "this module does not know the event");
        return;
    }
    if (loops(lane, s, command))
        return;
    uint64_t at = lane->share.on ? s->request->log_source : lane->next_command;
    weiri_reaction_begin(
        r, lane->commands->config.schema, s->aggregate, s->key_text, s->entry == NULL ? NULL : s->entry->state, at, lane->time_ms);
    weir_status status = weiri_reaction_run(r, &trigger, &reacted);
    if (status == WEIR_NO_MEMORY)
        (void)weiri_lane_refuse(lane, s, WEIR_BUSY, "not-ready", "there is no memory for this step now", NULL);
    else if (status != WEIR_OK)
        weiri_lane_hold(lane, s, command, "failed", status == WEIR_INVALID ? r->text : "the kept state, or the event, can't be read");
    else if (reacted == WEIRI_STEPPED)
        store(lane, s, command);
    else if (reacted == WEIRI_UNANSWERED)
        tell_unanswered(lane, s, step);
    else
        pass_by(lane, s);
}
