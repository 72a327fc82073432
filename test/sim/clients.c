/* SPDX-License-Identifier: Apache-2.0
 * The clients: commands with ids of theirs, with expected versions, of bulk sources, sent again early, late and in another order;
 * questions; and what they hear, held against the model. */
#include <stdio.h>
#include "message/outcome.h"
#include "sim.h"
#include "testing.pb-c.h"

/* ---- hearing -------------------------------------------------------------------------------------------- */

static void
demand(sim *s, const sim_submission *sub, bool holds, const char *what)
{
    if (!holds)
        sim_fail(s, "the answer to submission %u (%s %s, id %s): %s", sub->number, sim_aggregate_names[sub->aggregate], sim_keys[sub->key],
            sub->id, what);
}

static void
heard_state(sim *s, const sim_submission *sub, const weiri_answer *a)
{
    const sim_aggregate *now = &s->model.aggregates[sub->aggregate][sub->key];

    if (a->status == WEIR_NOT_FOUND) {
        demand(s, sub, sub->version_then == 0, "a state that was there is not found");
        return;
    }
    demand(s, sub, a->status == WEIR_OK, "no state");
    demand(
        s, sub, a->version >= sub->version_then && a->version >= 1 && a->version <= now->version, "a state that is too old or not durable");
    const sim_past *past = sim_model_past(now, a->version);
    demand(s, sub, a->source == past->source && a->events_offset == past->offset, "the state's last event is another one");
    if (sub->aggregate == 1) {
        Testing__V1__Tally *tally = testing__v1__tally__unpack(NULL, a->state.size, a->state.data);
        demand(s, sub, tally != NULL && tally->ticks == past->total, "the state is not what its events make");
        testing__v1__tally__free_unpacked(tally, NULL);
    } else {
        Testing__V1__Counter *counter = testing__v1__counter__unpack(NULL, a->state.size, a->state.data);
        demand(s, sub, counter != NULL && counter->total == past->total && counter->adds == past->adds,
            "the state is not what its events make");
        testing__v1__counter__free_unpacked(counter, NULL);
    }
}

static bool
is_outcome(const weiri_answer *a, const sim_outcome *o)
{
    return a->status == o->status && a->source == o->source && a->version == o->version && a->events == o->events &&
           a->events_offset == o->offset && strcmp(a->code, o->code) == 0;
}

static void
heard_look_up(sim *s, const sim_submission *sub, const weiri_answer *a)
{
    const sim_outcome *now = sim_model_find(s, sub);

    if (a->status == WEIR_NOT_FOUND) {
        demand(s, sub, now == NULL || now != sub->window_then, "an outcome within the window is not found");
        return;
    }
    for (uint32_t i = 0; i < s->n_submissions; i++) {
        const sim_submission *other = &s->submissions[i];
        if (other->durable && other->question == WEIRI_REQUEST_COMMAND && other->aggregate == sub->aggregate && other->key == sub->key &&
            other->outcome.at == a->source && strcmp(other->id, sub->id) == 0) {
            demand(s, sub, is_outcome(a, &other->outcome), "an outcome is remembered as another one");
            return;
        }
    }
    demand(s, sub, false, "the outcome of a command that was never sent, or is not durable");
}

static void
heard_gap(sim *s, const sim_submission *sub, const weiri_answer *a)
{
    const sim_known *known = &s->model.parts[sub->partition].sources[sub->source];

    s->counts[SIM_GAPS]++;
    demand(s, sub, a->status == WEIR_CONFLICT && !sub->durable, "a gap is in the log");
    demand(s, sub, a->last_sequence >= sub->last_then && a->last_sequence <= known->last, "the last sequence it names is not the source's");
    demand(s, sub, sub->previous != a->last_sequence && sub->sequence > a->last_sequence, "it was no gap");
}

static sim_count
kind_of(const sim_outcome *o)
{
    if (o->released)
        return SIM_RELEASED;
    if (o->repeated)
        return SIM_REPEATED;
    if (o->conflict)
        return SIM_CONFLICTS;
    if (o->quarantined)
        return SIM_QUARANTINED;
    if (o->kept_out)
        return SIM_KEY_QUARANTINED;
    return o->status == WEIR_OK ? SIM_ACCEPTED : SIM_REJECTED;
}

static void
heard_outcome(sim *s, sim_submission *sub, const weiri_answer *a)
{
    if (strcmp(a->code, "gap") == 0) {
        heard_gap(s, sub, a);
        return;
    }
    if (sub->kind == SIM_RELEASE && a->status == WEIR_NOT_FOUND) {
        bool held = sub->held_then != WEIRI_NO_OFFSET && sub->held_then == sim_model_held(s, sub, sub->discard);
        demand(s, sub, !held && !sub->durable, "an aggregate in quarantine is not found there");
        return;
    }
    demand(s, sub, sub->durable, "it was given before the command was durable");
    demand(s, sub, a->repeated == sub->outcome.repeated,
        sub->outcome.repeated ? "a repeat is told as new" : "a new command is told as a repeat");
    demand(s, sub, is_outcome(a, &sub->outcome), "it is not what the log says");
    s->counts[kind_of(&sub->outcome)]++;
    if (a->status != WEIR_OK)
        return;
    if (sub->source >= 0 && sub->sequence > s->streams[sub->source][sub->partition].acknowledged)
        s->streams[sub->source][sub->partition].acknowledged = sub->sequence;
    if (a->events > 0 && a->source + 1 > s->token[a->partition])
        s->token[a->partition] = a->source + 1;
}

static void
heard(void *user, const weiri_answer *a)
{
    sim *s = sim_now;
    sim_submission *sub = user;

    sim_tell(s, "answer", sub->number, a->status, a->source);
    demand(s, sub, sub->sent && !sub->answered && !sub->lost, "nobody waits for it");
    demand(s, sub, a->partition == sub->partition, "another partition gave it");
    sub->answered = true;
    if (a->status == WEIR_TIMEOUT) {
        s->counts[SIM_UNKNOWN]++;
        demand(s, sub, s->log.failed, "the outcome is called unknown, and the log is well");
    } else if (a->kind == WEIRI_ANSWER_STATE)
        heard_state(s, sub, a);
    else if (a->kind == WEIRI_ANSWER_LOOKUP)
        heard_look_up(s, sub, a);
    else
        heard_outcome(s, sub, a);
}

/* ---- asking --------------------------------------------------------------------------------------------- */

static void
pack(sim_submission *sub)
{
    Testing__V1__Add add = TESTING__V1__ADD__INIT;
    Testing__V1__Reset reset = TESTING__V1__RESET__INIT;
    Testing__V1__Tick tick = TESTING__V1__TICK__INIT;
    char *key = (char *)(uintptr_t)sim_keys[sub->key];

    add.counter_id = reset.counter_id = key;
    add.amount = sub->amount;
    tick.tally_id = sub->key + 1;
    if (sub->kind == SIM_RELEASE)
        memcpy(sub->payload, "why", sub->size = 3);
    else if (sub->kind == SIM_MALFORMED)
        memcpy(sub->payload, "\xff\xff\xff", sub->size = 3);
    else if (sub->kind == SIM_ADD)
        sub->size = testing__v1__add__pack(&add, sub->payload);
    else if (sub->kind == SIM_RESET)
        sub->size = testing__v1__reset__pack(&reset, sub->payload);
    else
        sub->size = testing__v1__tick__pack(&tick, sub->payload);
}

/* What is durable at this moment: answers must not fall behind it. */
static void
note_then(sim *s, sim_submission *sub)
{
    sub->partition = s->model.partition_of[sub->key];
    sub->version_then = s->model.aggregates[sub->aggregate][sub->key].version;
    sub->last_then = sub->source < 0 ? 0 : s->model.parts[sub->partition].sources[sub->source].last;
    sub->window_then = sim_model_find(s, sub);
    sub->held_then = sim_model_held(s, sub, sub->discard);
}

static weir_status
submit(sim *s, sim_submission *sub, weir_error *err)
{
    static const char *const types[] = { "testing.v1.Add", "testing.v1.Reset", "testing.v1.Tick", "testing.v1.Add" };
    weiri_buffer headers = { 0 };

    weiri_headers_add(&headers, SIM_HEADER, (weiri_bytes){ &sub->number, sizeof sub->number });
    const weiri_submit all = { .type = weiri_schema_find(s->schema, weiri_bytes_of(types[sub->kind])),
        .key = weiri_bytes_of(sim_keys[sub->key]),
        .payload = { sub->payload, sub->size },
        .id = weiri_bytes_of(sub->id),
        .client_id = sub->client_id,
        .expect = sub->expect,
        .expected_version = sub->expected,
        .source = weiri_bytes_of(sub->source < 0 ? NULL : sim_source_names[sub->source]),
        .sequence = sub->sequence,
        .previous = sub->previous,
        .fingerprint = sub->fingerprint,
        .headers = weiri_buffer_bytes(&headers),
        .done = heard,
        .user = sub };
    weir_status status = weiri_commands_submit(s->commands, &all, err);
    weiri_buffer_fini(&headers);
    return status;
}

static weir_status
release(sim *s, sim_submission *sub, weir_error *err)
{
    const weiri_release_call call = { .aggregate = sub->aggregate,
        .key = weiri_bytes_of(sim_keys[sub->key]),
        .id = weiri_bytes_of(sub->id),
        .reason = { sub->payload, sub->size },
        .discard = sub->discard,
        .done = heard,
        .user = sub };

    return weiri_commands_release(s->commands, &call, err);
}

static void
send(sim *s, sim_submission *sub)
{
    weir_error err;
    weir_status status;
    weiri_bytes key = weiri_bytes_of(sim_keys[sub->key]);

    sub->number = s->n_submissions++;
    sub->sent = true;
    note_then(s, sub);
    if (sub->question == WEIRI_REQUEST_STATE)
        status = weiri_commands_ask_state(s->commands, sub->aggregate, key, heard, sub, &err);
    else if (sub->question == WEIRI_REQUEST_LOOKUP)
        status = weiri_commands_ask_outcome(s->commands, sub->aggregate, key, weiri_bytes_of(sub->id), heard, sub, &err);
    else
        status = sub->kind == SIM_RELEASE ? release(s, sub, &err) : submit(s, sub, &err);
    sim_tell(s, "send", sub->number, (uint64_t)sub->kind << 32 | (uint64_t)sub->key << 16 | sub->aggregate, status);
    s->counts[status != WEIR_OK ? SIM_REFUSED : sub->question == WEIRI_REQUEST_COMMAND ? SIM_SENT : SIM_QUESTIONS]++;
    sub->sent = status == WEIR_OK;
    if (status != WEIR_OK && status != WEIR_BUSY && !(status == WEIR_IO && s->log.failed))
        sim_fail(s, "a command was refused: %s", err.text);
    if (status == WEIR_OK && sub->source >= 0) {
        sim_stream *stream = &s->streams[sub->source][sub->partition];
        if (sub->sequence == stream->next * 3)
            stream->next++;
    }
}

static void
choose_what(sim *s, sim_submission *sub)
{
    unsigned what = sim_below(s, 20);

    sub->source = -1;
    sub->key = (uint8_t)sim_below(s, SIM_KEYS);
    sub->kind = what < 3 ? SIM_TICK : what < 5 ? SIM_RESET : what < 6 ? SIM_MALFORMED : SIM_ADD;
    sub->aggregate = sub->kind == SIM_TICK;
    if (sub->kind == SIM_ADD)
        sub->amount = (int64_t)sim_below(s, 12) - 1;
}

/* A line of a bulk source: the next, one too far, or one of those before. Its content is a function of source and sequence. */
static void
make_line(sim *s, sim_submission *sub)
{
    static const uint8_t kinds[] = { SIM_ADD, SIM_ADD, SIM_TICK, SIM_ADD, SIM_RESET, SIM_MALFORMED, SIM_ADD };
    uint32_t p = sim_below(s, s->partitions);
    sub->source = (int)sim_below(s, SIM_SOURCES);
    sim_stream *stream = &s->streams[sub->source][p];
    unsigned what = sim_below(s, 10);
    uint64_t line = what == 0                       ? stream->next + 1
                    : what > 2 || stream->next == 1 ? stream->next
                                                    : 1 + sim_below(s, (unsigned)stream->next - 1);
    uint64_t chosen = (line * 7 + (uint64_t)sub->source) % SIM_KEYS;

    for (unsigned i = 0; i < SIM_KEYS && s->model.partition_of[chosen] != p; i++)
        chosen = (chosen + 1) % SIM_KEYS;
    sub->key = (uint8_t)chosen;
    if (s->model.partition_of[chosen] != p) { /* no key lives there */
        choose_what(s, sub);
        return;
    }
    sub->kind = (sim_kind)kinds[(line + (uint64_t)sub->source) % sizeof kinds];
    sub->aggregate = sub->kind == SIM_TICK;
    sub->amount = sub->kind != SIM_ADD ? 0 : (line + (uint64_t)sub->source) % 13 == 7 ? SIM_POISON : (int64_t)(line * 5 % 12) - 1;
    sub->sequence = line * 3;
    sub->previous = (line - 1) * 3;
    sub->fingerprint = 99 + (uint64_t)sub->source + sim_one_in(s, 40);
    (void)snprintf(sub->id, sizeof sub->id, "s%u", s->n_submissions);
}

static void
make_poison(sim *s, sim_submission *sub)
{
    unsigned which = sim_below(s, SIM_POISONS);

    *sub = (sim_submission){ .source = -1, .amount = SIM_POISON, .client_id = true, .key = (uint8_t)(which % SIM_KEYS) };
    (void)snprintf(sub->id, sizeof sub->id, "poison%u", which);
}

/* Of an aggregate in quarantine, most often. */
static void
make_release(sim *s, sim_submission *sub)
{
    uint32_t p = sim_below(s, s->partitions);
    const sim_partition *part = &s->model.parts[p];
    uint8_t aggregate = 0, key = (uint8_t)sim_below(s, SIM_KEYS);

    if (part->n_held > 0) {
        const sim_submission *held = &s->submissions[part->held[sim_below(s, part->n_held)].number];
        aggregate = held->aggregate;
        key = held->key;
    }
    *sub = (sim_submission){ .source = -1, .kind = SIM_RELEASE, .aggregate = aggregate, .key = key, .discard = sim_one_in(s, 3) };
    (void)snprintf(sub->id, sizeof sub->id, "r%u", s->n_submissions);
}

/* The same again, or almost: most often one of the last. */
static void
make_repeat(sim *s, sim_submission *sub)
{
    unsigned back = 1 + sim_below(s, sim_one_in(s, 4) ? 60 : 12);
    const sim_submission *then = &s->submissions[back > s->n_submissions ? 0 : s->n_submissions - back];

    if (!then->client_id)
        return;
    bool other = sim_one_in(s, 8);
    sim_submission fresh = { .kind = then->kind,
        .aggregate = then->aggregate,
        .key = then->key,
        .amount = then->amount,
        .client_id = true,
        .source = -1,
        .expect = then->expect,
        .expected = then->expected };
    memcpy(fresh.id, then->id, sizeof fresh.id);
    if (other && fresh.aggregate == 0)
        fresh.kind = sim_one_in(s, 2) ? SIM_RESET : SIM_ADD;
    if (other && fresh.kind == SIM_ADD)
        fresh.amount = (int64_t)sim_below(s, 3);
    if (sim_one_in(s, 6))
        fresh.expect = !fresh.expect;
    *sub = fresh;
}

static void
ask_sources(sim *s)
{
    for (int i = 0; i < SIM_SOURCES; i++)
        for (uint32_t p = 0; p < s->partitions; p++) {
            uint64_t last = 0, fingerprint;
            const sim_known *known = &s->model.parts[p].sources[i];
            sim_stream *stream = &s->streams[i][p];
            (void)weiri_commands_source(s->commands, p, weiri_bytes_of(sim_source_names[i]), &last, &fingerprint);
            if (last > known->last || last < stream->acknowledged)
                sim_fail(s, "source %s is told to be at %llu in partition %u; the log has %llu, and %llu was acknowledged",
                    sim_source_names[i], (unsigned long long)last, p, (unsigned long long)known->last,
                    (unsigned long long)stream->acknowledged);
            stream->next = last / 3 + 1; /* goes on there, whatever is under way */
        }
}

void
sim_client_step(sim *s)
{
    unsigned what = sim_below(s, 32);
    sim_submission *sub = &s->submissions[s->n_submissions];

    if (s->n_submissions == SIM_SUBMISSIONS)
        return;
    *sub = (sim_submission){ 0 };
    choose_what(s, sub);
    sub->client_id = sim_below(s, 8) > 1;
    (void)snprintf(sub->id, sizeof sub->id, "%c%u", sub->client_id ? 'c' : 'e', s->n_submissions);
    if (sim_one_in(s, 6)) {
        sub->expect = true;
        sub->expected = s->model.aggregates[sub->aggregate][sub->key].version + sim_below(s, 3) / 2;
    }
    if (what < 8 && s->n_submissions > 0)
        make_repeat(s, sub);
    else if (what < 16)
        make_line(s, sub);
    else if (what < 18) {
        make_repeat(s, sub);
        sub->question = sim_one_in(s, 2) ? WEIRI_REQUEST_LOOKUP : WEIRI_REQUEST_STATE;
    } else if (what >= 21 && what < 24 ? s->poisonous : what == 18 && sim_one_in(s, s->attempts[0].kills == 0 ? 8 : 2))
        make_poison(s, sub);
    else if (what == 19)
        ask_sources(s);
    else if (what == 20)
        make_release(s, sub);
    pack(sub);
    send(s, sub);
}

void
sim_clients_forget(sim *s)
{
    for (uint32_t i = 0; i < s->n_submissions; i++) {
        sim_submission *sub = &s->submissions[i];
        if (sub->sent && !sub->answered)
            sub->lost = true;
    }
}
