/* SPDX-License-Identifier: Apache-2.0
 * Folding the model: each durable command is foretold from those before it, and the log's events and outcomes must be just that,
 * with versions, chains and positions without a gap. */
#include "base/hash.h"
#include "message/outcome.h"
#include "foretell.h"
#include "testing.pb-c.h"
void
sim_model_init(sim *s)
{
    sim_model *m = &s->model;

    for (int a = 0; a < SIM_AGGREGATES; a++)
        for (int k = 0; k < SIM_KEYS; k++) {
            weiri_buffer past = m->aggregates[a][k].past;
            weiri_buffer_clear(&past);
            m->aggregates[a][k] = (sim_aggregate){ .past = past };
        }
    for (int p = 0; p < SIM_PARTITIONS; p++) {
        weiri_buffer reached = m->parts[p].reached;
        weiri_buffer_clear(&reached);
        m->parts[p] = (sim_partition){ .reached = reached };
    }
    for (int k = 0; k < SIM_KEYS; k++)
        m->partition_of[k] = (uint8_t)weiri_partition_of(weiri_bytes_of(sim_keys[k]), s->partitions);
    m->window = s->config.window;
}

void
sim_model_fini(sim_model *m)
{
    for (int a = 0; a < SIM_AGGREGATES; a++)
        for (int k = 0; k < SIM_KEYS; k++)
            weiri_buffer_fini(&m->aggregates[a][k].past);
    for (int p = 0; p < SIM_PARTITIONS; p++)
        weiri_buffer_fini(&m->parts[p].reached);
    weiri_chunk_fini(&m->chunk);
    weiri_chunk_fini(&m->events);
    weiri_chunk_fini(&m->outcomes);
}
/* ---- what the log says ---------------------------------------------------------------------------------- */

static bool
take(sim *s, weiri_chunk *chunk, weiri_topic topic, uint32_t p, uint64_t at, weiri_record *ret_record)
{
    weir_error err = { .text = "" };
    weir_status status = WEIR_OK;
    uint64_t offset = 0;

    if (at >= weiri_log_end(&s->log.log, topic, p))
        return false;
    if (!weiri_chunk_next(chunk, ret_record, &offset, &status)) {
        status = weiri_log_read(&s->log.log, topic, p, at, chunk, &err);
        if (status != WEIR_OK || !weiri_chunk_next(chunk, ret_record, &offset, &status))
            sim_fail(s, "%s[%u] can't be read at %llu: %s", weiri_topic_name(topic), p, (unsigned long long)at, err.text);
    }
    if (status != WEIR_OK || offset != at)
        sim_fail(s, "%s[%u]: %llu instead of %llu", weiri_topic_name(topic), p, (unsigned long long)offset, (unsigned long long)at);
    return true;
}

static void
demand(const sim_command *t, bool holds, const char *what)
{
    if (!holds)
        sim_fail(t->s, "partition %u, command %llu (submission %u, %s %s, id %s): %s", t->p, (unsigned long long)t->out.at, t->sub->number,
            sim_aggregate_names[t->sub->aggregate], sim_keys[t->sub->key], t->sub->id, what);
}

static bool
about(const sim_command *t, const weiri_record *r, weiri_record_kind kind, const char *type)
{
    return r->kind == kind && weiri_bytes_are(r->type, type) && weiri_bytes_are(r->aggregate, sim_aggregate_names[t->sub->aggregate]) &&
           weiri_bytes_are(r->key, sim_keys[t->sub->key]) && weiri_bytes_are(r->id, t->sub->id) && r->source == t->out.at &&
           r->time_ms == t->time_ms;
}

static bool
has_amount(const sim_command *t, const weiri_record *r, int64_t amount)
{
    bool same = false;

    if (t->sub->kind == SIM_TICK) {
        Testing__V1__Ticked *e = testing__v1__ticked__unpack(NULL, r->payload.size, r->payload.data);
        same = e != NULL && e->times == amount;
        testing__v1__ticked__free_unpacked(e, NULL);
    } else if (t->sub->kind == SIM_RESET) {
        Testing__V1__WasReset *e = testing__v1__was_reset__unpack(NULL, r->payload.size, r->payload.data);
        same = e != NULL && e->was == amount;
        testing__v1__was_reset__free_unpacked(e, NULL);
    } else {
        Testing__V1__Added *e = testing__v1__added__unpack(NULL, r->payload.size, r->payload.data);
        same = e != NULL && e->amount == amount;
        testing__v1__added__free_unpacked(e, NULL);
    }
    return same;
}

static void
match_event(sim_command *t, uint32_t i)
{
    static const char *const types[] = { "testing.v1.Added", "testing.v1.WasReset", "testing.v1.Ticked" };
    sim_aggregate *a = t->aggregate;
    weiri_record r;
    bool last = i + 1 == t->out.events;
    uint64_t offset = t->part->next_event++;

    demand(t, take(t->s, &t->s->model.events, WEIRI_TOPIC_EVENTS, t->p, offset, &r), "an event of it is not in the log");
    demand(t, about(t, &r, WEIRI_RECORD_EVENT, types[t->sub->kind]), "another event is in the place of its own");
    demand(t, r.index == i && ((r.flags & WEIRI_RECORD_LAST) != 0) == last, "its events are not in a row");
    demand(t, r.version == a->version + 1, "its version does not follow");
    demand(t, ((r.flags & WEIRI_RECORD_FIRST) != 0) == (a->version == 0), "the mark of an aggregate's first event is wrong");
    demand(t,
        a->version == 0 ||
            (r.previous_source == a->last_source && r.previous_index == a->last_index && r.previous_offset == a->last_offset),
        "it does not name its aggregate's previous event");
    demand(t, has_amount(t, &r, t->amounts[i]), "its event says something else than the rules");
    *a = (sim_aggregate){ r.version, t->out.at, offset, i, a->total, a->adds, a->past };
    a->total = t->sub->kind == SIM_RESET ? 0 : a->total + t->amounts[i];
    a->adds += t->sub->kind != SIM_RESET;
    const sim_past past = { t->out.at, offset, a->total, a->adds };
    weiri_buffer_add(&a->past, &past, sizeof past);
    uint64_t reached = t->out.at + 1, before = 0;
    weiri_buffer *all = &t->part->reached;
    if (all->size > 0)
        memcpy(&before, all->data + all->size - sizeof before, sizeof before);
    weiri_buffer_add(all, last ? &reached : &before, sizeof before);
}

static void
match_outcome(sim_command *t)
{
    const char *type = t->out.released            ? WEIRI_OUTCOME_RELEASED
                       : t->out.repeated          ? WEIRI_OUTCOME_REPEATED
                       : t->out.conflict          ? WEIRI_OUTCOME_CONFLICT
                       : t->out.quarantined       ? WEIRI_OUTCOME_QUARANTINED
                       : t->out.status == WEIR_OK ? WEIRI_OUTCOME_ACCEPTED
                                                  : WEIRI_OUTCOME_REJECTED;
    weiri_record r;
    weiri_bytes code = { 0 };
    uint64_t original = 0, offset = t->part->next_outcome++;

    demand(t, take(t->s, &t->s->model.outcomes, WEIRI_TOPIC_OUTCOMES, t->p, offset, &r), "its outcome is not in the log");
    if (!about(t, &r, WEIRI_RECORD_OUTCOME, type))
        sim_fail(t->s, "partition %u, command %llu (submission %u): the outcome is %.*s of command %llu, and must be %s %s", t->p,
            (unsigned long long)t->out.at, t->sub->number, (int)r.type.size, (const char *)r.type.data, (unsigned long long)r.source, type,
            t->out.code);
    demand(t, r.version == t->aggregate->version, "its outcome has another version");
    (void)weiri_headers_find(r.headers, WEIRI_HEADER_CODE, &code);
    demand(t, weiri_bytes_are(code, t->out.repeated && !t->held ? "" : t->out.code), "its outcome has another code");
    bool names = weiri_headers_find_number(r.headers, WEIRI_HEADER_ORIGINAL, &original);
    demand(t, names == (t->out.repeated || t->names) && (!names || original == t->original), "its outcome names another original");
}
static sim_submission *
sender_of(sim *s, uint32_t p, const weiri_record *r)
{
    weiri_bytes header;
    uint32_t number = UINT32_MAX;

    if (weiri_headers_find(r->headers, SIM_HEADER, &header) && header.size == sizeof number)
        memcpy(&number, header.data, sizeof number);
    else if (weiri_bytes_are(r->type, WEIRI_COMMAND_RELEASE)) /* its id has the number */
        for (size_t i = number = 0; i + 1 < r->id.size; i++)
            number = number * 10 + ((const uint8_t *)r->id.data)[i + 1] - '0';
    if (number >= s->n_submissions || !s->submissions[number].sent || s->submissions[number].partition != p)
        sim_fail(s, "commands[%u] at %llu: nobody sent this", p, (unsigned long long)r->source);
    if (s->submissions[number].durable)
        sim_fail(s, "commands[%u] at %llu: submission %u is in the log twice", p, (unsigned long long)r->source, number);
    return &s->submissions[number];
}

static void
fold_command(sim *s, uint32_t p, const weiri_record *r)
{
    static const char *const types[] = { "testing.v1.Add", "testing.v1.Reset", "testing.v1.Tick", "testing.v1.Add", WEIRI_COMMAND_RELEASE };
    sim_submission *sub = sender_of(s, p, r);
    sim_command t = { .s = s, .p = p, .part = &s->model.parts[p], .sub = sub, .aggregate = &s->model.aggregates[sub->aggregate][sub->key] };

    t.time_ms = r->time_ms;
    t.out = (sim_outcome){ .at = r->source, .source = r->source, .offset = WEIRI_NO_EVENTS };
    demand(&t,
        about(&t, r, WEIRI_RECORD_COMMAND, types[sub->kind]) && weiri_bytes_equal(r->payload, (weiri_bytes){ sub->payload, sub->size }),
        "the log has another command than was sent");
    demand(&t, r->source == t.part->next_command++, "commands don't follow one another");
    demand(&t, r->time_ms >= t.part->time_ms, "lane time has gone back");
    t.part->time_ms = r->time_ms;
    sim_foretell(&t);
    bool decided = !t.out.repeated && t.out.events > 0;
    if (decided)
        t.out.offset = t.part->next_event;
    for (uint32_t i = 0; decided && i < t.out.events; i++)
        match_event(&t, i);
    if (!decided)
        match_outcome(&t);
    if (!t.out.repeated || t.sub->source >= 0 || t.held)
        t.out.version = t.aggregate->version;
    sub->durable = true;
    sub->outcome = t.out;
    sim_remember(&t);
}

void
sim_model_fold(sim *s)
{
    weiri_log *log = &s->log.log;
    unsigned faults = s->log.faults;
    weiri_record r;

    s->log.faults = 0;
    for (uint32_t p = 0; p < s->partitions; p++) {
        sim_partition *part = &s->model.parts[p];
        weiri_chunk *chunks[] = { &s->model.chunk, &s->model.events, &s->model.outcomes };
        for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
            weiri_buffer_clear(&chunks[i]->bytes);
            chunks[i]->batch_at = 0;
        }
        while (take(s, &s->model.chunk, WEIRI_TOPIC_COMMANDS, p, part->next_command, &r))
            fold_command(s, p, &r);
        if (part->next_event != weiri_log_end(log, WEIRI_TOPIC_EVENTS, p) ||
            part->next_outcome != weiri_log_end(log, WEIRI_TOPIC_OUTCOMES, p))
            sim_fail(s, "partition %u: there are events or outcomes without a command", p);
        if (part->next_command != weiri_log_next_command(log, p))
            sim_fail(s, "partition %u: the next command is not the one that the log says", p);
    }
    s->log.faults = faults;
}
