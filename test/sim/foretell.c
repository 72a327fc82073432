/* SPDX-License-Identifier: Apache-2.0
 * What must become of a command, by a naive reading of the promises: sources, the window, quarantine, expected versions, the domain's
 * rules, in that order. */
#include "foretell.h"

/* ---- what is alike --------------------------------------------------------------------------------------- */

static bool
same_id(const sim_submission *a, const sim_submission *b)
{
    return a->aggregate == b->aggregate && a->key == b->key && strcmp(a->id, b->id) == 0;
}

static bool
same_message(const sim_submission *a, const sim_submission *b)
{
    bool same_type = (a->kind == SIM_MALFORMED ? SIM_ADD : a->kind) == (b->kind == SIM_MALFORMED ? SIM_ADD : b->kind);

    return same_type && a->size == b->size && memcmp(a->payload, b->payload, a->size) == 0;
}

static const sim_submission *
in_window(const sim *s, const sim_submission *sub)
{
    const sim_partition *part = &s->model.parts[sub->partition];

    for (uint32_t i = 0; i < part->n_window; i++)
        if (same_id(&s->submissions[part->window[i]], sub))
            return &s->submissions[part->window[i]];
    return NULL;
}

const sim_outcome *
sim_model_find(sim *s, const sim_submission *sub)
{
    const sim_submission *found = in_window(s, sub);

    return found == NULL ? NULL : &found->outcome;
}

/* ---- quarantine ----------------------------------------------------------------------------------------- */

static bool
same_aggregate(const sim_submission *a, const sim_submission *b)
{
    return a->aggregate == b->aggregate && a->key == b->key;
}

/* For which its aggregate takes no commands. */
static const sim_held *
cause_of(const sim *s, const sim_submission *sub, bool any)
{
    const sim_partition *part = &s->model.parts[sub->partition];

    for (uint32_t i = 0; i < part->n_held; i++) {
        const sim_held *held = &part->held[i];
        if (same_aggregate(&s->submissions[held->number], sub) && (any || (held->cause && !held->released)))
            return held;
    }
    return NULL;
}

uint64_t
sim_model_held(const sim *s, const sim_submission *sub, bool any)
{
    const sim_held *held = cause_of(s, sub, any);

    return held == NULL ? WEIRI_NO_OFFSET : held->command;
}

static void
drop(sim_partition *part, uint32_t i)
{
    memmove(&part->held[i], &part->held[i + 1], (--part->n_held - i) * sizeof part->held[0]);
}

static const sim_held *
held_line(const sim_command *t)
{
    for (uint32_t i = 0; i < t->part->n_held; i++) {
        const sim_submission *other = &t->s->submissions[t->part->held[i].number];
        if (other->source == t->sub->source && other->sequence == t->sub->sequence)
            return &t->part->held[i];
    }
    return NULL;
}

/* The command has another outcome now than to be held: by its source's sequence, or, once released, by its id. */
static void
settle(sim_command *t)
{
    for (uint32_t i = 0; i < t->part->n_held; i++) {
        const sim_submission *other = &t->s->submissions[t->part->held[i].number];
        bool same = t->sub->source >= 0 ? other->source == t->sub->source && other->sequence == t->sub->sequence
                                        : other->source < 0 && t->part->held[i].released && same_id(other, t->sub);
        if (same) {
            drop(t->part, i);
            return;
        }
    }
}

static void
hold(sim_command *t, bool cause)
{
    settle(t);
    if (t->part->n_held == SIM_HELD_MOST)
        sim_fail(t->s, "the model has no room for what is in quarantine");
    t->part->held[t->part->n_held++] = (sim_held){ t->out.at, t->sub->number, cause, false };
}

/* A release changes something, or it is not in the log. */
static void
release(sim_command *t)
{
    const sim_held *cause = cause_of(t->s, t->sub, false);
    unsigned n = 0;

    t->names = t->out.released = true;
    t->original = cause == NULL ? WEIRI_NO_OFFSET : cause->command;
    for (uint32_t i = t->part->n_held; i-- > 0;) {
        sim_held *held = &t->part->held[i];
        if (!same_aggregate(&t->s->submissions[held->number], t->sub) || (held->released && !t->sub->discard))
            continue;
        n++;
        held->released = true;
        if (t->sub->discard)
            drop(t->part, i);
    }
    if (n == 0)
        sim_fail(
            t->s, "a release of %s %s is in the log, and nothing was held", sim_aggregate_names[t->sub->aggregate], sim_keys[t->sub->key]);
}

/* ---- foretelling ---------------------------------------------------------------------------------------- */

static void
end(sim_command *t, weir_status status, const char *code)
{
    t->out.status = status;
    t->out.code = code;
}

static void
end_as_held(sim_command *t, const sim_held *held)
{
    end(t, WEIR_REJECTED, held->cause ? "quarantined" : "key-quarantined");
    t->out.repeated = t->held = true;
    t->out.source = t->original = held->command;
}

/* True: its aggregate is in quarantine. */
static bool
kept_out(sim_command *t)
{
    const sim_held *cause = cause_of(t->s, t->sub, false);

    if (cause == NULL)
        return false;
    const sim_submission *then = &t->s->submissions[cause->number];
    if (t->sub->source < 0 && then->source < 0 && same_id(then, t->sub) && same_message(then, t->sub)) {
        end_as_held(t, cause);
        return true;
    }
    end(t, WEIR_REJECTED, "key-quarantined");
    t->out.kept_out = t->names = t->moves = true;
    t->original = cause->command;
    if (t->sub->source >= 0)
        hold(t, false);
    return true;
}

/* True: it has been decided before, or is a misuse of its source's name. */
static bool
by_source(sim_command *t)
{
    const sim_known *known = &t->part->sources[t->sub->source];
    const sim_held *held = held_line(t);

    if (known->seen && known->fingerprint != t->sub->fingerprint) {
        end(t, WEIR_REJECTED, "source-reused");
    } else if (held != NULL) {
        if (held->released)
            return false;
        end_as_held(t, held);
    } else if (t->sub->sequence <= known->last) {
        end(t, WEIR_OK, "");
        t->out.repeated = true;
        t->out.source = t->original = WEIRI_NO_OFFSET;
    } else if (t->sub->previous != known->last) {
        sim_fail(t->s, "a gap of source %s is in the log: %llu follows %llu, and the last was %llu", sim_source_names[t->sub->source],
            (unsigned long long)t->sub->sequence, (unsigned long long)t->sub->previous, (unsigned long long)known->last);
    } else
        return false;
    return true;
}

static bool
by_id(sim_command *t)
{
    const sim_submission *then = t->sub->client_id ? in_window(t->s, t->sub) : NULL;

    if (then == NULL)
        return false;
    if (!same_message(then, t->sub)) {
        end(t, WEIR_REJECTED, "id-reused");
        return true;
    }
    uint64_t at = t->out.at;
    t->out = then->outcome;
    t->out.at = at;
    t->out.repeated = true;
    t->out.quarantined = false;
    t->original = then->outcome.source;
    return true;
}

/* What the domain says. */
static void
decide(sim_command *t)
{
    const sim_submission *sub = t->sub;
    int64_t total = t->aggregate->total;

    t->remembered = t->moves = true;
    end(t, WEIR_OK, "");
    if (sub->kind == SIM_TICK) {
        t->out.events = 1;
        t->amounts[0] = 1;
    } else if (sub->kind == SIM_RESET) {
        t->out.events = total != 0;
        t->amounts[0] = total;
    } else if (sub->amount < 0) {
        end(t, WEIR_REJECTED, "negative");
    } else if (total + sub->amount > SIM_TOTAL_MOST) {
        end(t, WEIR_REJECTED, "too-much");
    } else if (sub->amount > 0) {
        t->out.events = 1 + (uint32_t)(sub->amount % 3);
        for (uint32_t i = 0; i < t->out.events; i++)
            t->amounts[i] = sub->amount + i;
    }
}

void
sim_foretell(sim_command *t)
{
    const sim_submission *sub = t->sub;

    if (sub->kind == SIM_RELEASE) {
        end(t, WEIR_OK, "");
        release(t);
        return;
    }
    if ((sub->source >= 0 ? by_source(t) : by_id(t)) || kept_out(t))
        return;
    if (sub->expect && sub->expected != t->aggregate->version) {
        end(t, WEIR_CONFLICT, "");
        t->out.conflict = t->moves = true;
    } else if (sub->kind == SIM_ADD && sub->amount == SIM_POISON) {
        end(t, WEIR_REJECTED, "quarantined"); /* or it would have ended the process */
        t->out.quarantined = t->moves = true;
        hold(t, true);
    } else if (sub->kind == SIM_MALFORMED) {
        end(t, WEIR_REJECTED, "malformed");
        t->moves = true;
    } else
        decide(t);
}

void
sim_remember(sim_command *t)
{
    sim_partition *part = t->part;

    if (t->moves && t->sub->source >= 0) {
        sim_known *known = &part->sources[t->sub->source];
        *known = (sim_known){ known->last > t->sub->sequence ? known->last : t->sub->sequence, t->sub->fingerprint, true };
        if (!t->out.kept_out && !t->out.quarantined)
            settle(t);
    }
    if (!t->remembered || !t->sub->client_id || t->sub->source >= 0)
        return;
    settle(t);
    if (part->n_window == t->s->model.window)
        memmove(part->window, part->window + 1, --part->n_window * sizeof part->window[0]);
    part->window[part->n_window++] = t->sub->number;
}
