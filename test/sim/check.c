/* SPDX-License-Identifier: Apache-2.0
 * Holding against the model what a lane knows after recovery, what a view shows, and what is left when all is quiet. */
#include "sim.h"
#include "testing.pb-c.h"

static void
demand(sim *s, uint32_t p, bool holds, const char *what)
{
    if (!holds)
        sim_fail(s, "partition %u, after recovery: %s", p, what);
}

static bool
state_is(const weiri_state_entry *entry, uint8_t a, const sim_aggregate *want)
{
    if (entry->version != want->version || entry->last_source != want->last_source || entry->last_index != want->last_index ||
        entry->last_offset != want->last_offset)
        return false;
    if (a == 1)
        return ((const Testing__V1__Tally *)entry->state)->ticks == want->total;
    const Testing__V1__Counter *counter = (const Testing__V1__Counter *)entry->state;
    return counter->total == want->total && counter->adds == want->adds;
}

static void
check_states(sim *s, uint32_t p, weiri_lane *lane)
{
    size_t n = 0;
    weiri_state_entry *entry = NULL;

    for (uint8_t a = 0; a < SIM_AGGREGATES; a++)
        for (uint8_t k = 0; k < SIM_KEYS; k++) {
            const sim_aggregate *want = &s->model.aggregates[a][k];
            weiri_bytes key = weiri_bytes_of(sim_keys[k]);
            if (s->model.partition_of[k] != p)
                continue;
            weir_status status = weiri_lane_find(lane, weiri_states_hash(a, key), a, key, &entry);
            demand(s, p, status == WEIR_OK, "a state that was evicted can't be read");
            demand(s, p, (entry != NULL) == (want->version > 0), "an aggregate is there that has no events, or the other way round");
            if (entry != NULL && !state_is(entry, a, want))
                sim_fail(s, "partition %u, after recovery: the state of %s %s is not the fold of its events: version %llu instead of %llu",
                    p, sim_aggregate_names[a], sim_keys[k], (unsigned long long)entry->version, (unsigned long long)want->version);
            n += entry != NULL;
        }
    demand(s, p, lane->states.known == n, "there are aggregates that nobody made");
}

static void
check_window(sim *s, uint32_t p, const weiri_lane *lane)
{
    const sim_partition *part = &s->model.parts[p];

    demand(s, p, lane->window.count == part->n_window, "the window has not as many entries as it promises");
    for (uint32_t i = 0; i < part->n_window; i++) {
        const weiri_window_entry *entry = weiri_window_at(&lane->window, i);
        const sim_outcome *want = &s->submissions[part->window[i]].outcome;
        demand(s, p, entry->source == want->source && entry->version == want->version && entry->events == want->events,
            "the window has another entry");
        demand(s, p, weiri_window_find(&lane->window, entry->id) == entry, "an entry of the window is not found");
    }
}

static void
check_sources(sim *s, uint32_t p, const weiri_lane *lane)
{
    const sim_partition *part = &s->model.parts[p];

    for (int i = 0; i < SIM_SOURCES; i++) {
        const weiri_source *source = weiri_sources_find(&lane->sources, weiri_bytes_of(sim_source_names[i]));
        demand(s, p, (source != NULL) == part->sources[i].seen, "a source is known that was never seen, or the other way round");
        demand(s, p, source == NULL || (source->last == part->sources[i].last && source->fingerprint == part->sources[i].fingerprint),
            "a source stands elsewhere");
    }
}

static void
check_quarantine(sim *s, uint32_t p, const weiri_lane *lane)
{
    const sim_partition *part = &s->model.parts[p];
    uint32_t n = 0;

    for (const weiri_held *held = lane->quarantine.first; held != NULL; held = held->next, n++) {
        const sim_held *want = &part->held[n];
        demand(s, p,
            n < part->n_held && held->row.command == want->command && held->row.cause == want->cause &&
                held->row.released == want->released && held->row.aggregate == s->submissions[want->number].aggregate,
            "another command is in quarantine");
    }
    demand(s, p, n == part->n_held, "a command is not in quarantine any more");
}

void
sim_check_recovered(sim *s)
{
    for (uint32_t p = 0; p < s->partitions; p++) {
        weiri_lane *lane = &s->commands->lanes[p];
        const sim_partition *part = &s->model.parts[p];
        demand(s, p,
            lane->next_command == part->next_command && lane->next_event == part->next_event && lane->next_outcome == part->next_outcome,
            "the lane goes on elsewhere");
        demand(s, p, lane->time_ms >= part->time_ms, "lane time has gone back");
        check_states(s, p, lane);
        check_window(s, p, lane);
        check_sources(s, p, lane);
        check_quarantine(s, p, lane);
    }
}

/* ---- the view ------------------------------------------------------------------------------------------- */

/* Where an aggregate stands for who has seen the events before `offset`; NULL: nothing yet. */
static const sim_past *
past_before(const sim_aggregate *a, uint64_t offset)
{
    uint64_t version = a->version;

    while (version > 0 && sim_model_past(a, version)->offset >= offset)
        version--;
    return version == 0 ? NULL : sim_model_past(a, version);
}

static void
check_rows(sim *s, const weiri_result *r)
{
    size_t row = 0;

    for (int a = 0; a < SIM_AGGREGATES; a++)
        for (int k = 0; k < SIM_KEYS; k++) {
            const sim_aggregate *aggregate = &s->model.aggregates[a][k];
            const sim_past *want = past_before(aggregate, s->view->positions[s->model.partition_of[k]].next_offset);
            if (want == NULL)
                continue;
            const weiri_value *v = &r->values[row++ * r->columns];
            int64_t version = want - sim_model_past(aggregate, 1) + 1;
            if (row > r->rows || !weiri_bytes_are(v[0].bytes, sim_aggregate_names[a]) || !weiri_bytes_are(v[1].bytes, sim_keys[k]) ||
                v[2].integer != want->total || v[3].integer != version || v[4].integer != version)
                sim_fail(s,
                    "the view's row of %s %s is not what its events make at its position: %lld after %lld events, version %lld; it must be "
                    "%lld after %lld",
                    sim_aggregate_names[a], sim_keys[k], row > r->rows ? -1 : (long long)v[2].integer,
                    row > r->rows ? -1 : (long long)v[3].integer, row > r->rows ? -1 : (long long)v[4].integer, (long long)want->total,
                    (long long)version);
        }
    if (row != r->rows)
        sim_fail(s, "the view has %zu rows instead of %zu", r->rows, row);
}

/* What a view must say that it has reached. */
static uint64_t
reached_by(const sim *s, uint32_t p)
{
    uint64_t next = s->view->positions[p].next_offset, reached = 0;

    if (next > 0)
        memcpy(&reached, s->model.parts[p].reached.data + (next - 1) * sizeof reached, sizeof reached);
    return reached;
}

void
sim_check_view(sim *s, bool with_token)
{
    const weiri_freshness freshness = { .has_token = with_token, .sources = s->token };
    weiri_result *result = NULL;
    weir_error err = { .text = "" };
    bool there = true;

    for (uint32_t p = 0; p < s->partitions; p++) {
        if (s->view->positions[p].next_offset > s->model.parts[p].next_event)
            sim_fail(s, "the view has seen events of partition %u that are not durable", p);
        there = there && (!with_token || reached_by(s, p) >= s->token[p]);
    }
    weir_status status = weiri_views_query(s->views, "v", "everything", NULL, 0, &freshness, &result, &err);
    sim_tell(s, "query", with_token, status, result == NULL ? 0 : result->rows);
    s->counts[status == WEIR_OK ? SIM_QUERIES : SIM_BEHIND]++;
    if (status != WEIR_OK && status != WEIR_BEHIND)
        sim_fail(s, "a query fails: %s", err.text);
    if ((status == WEIR_OK) != there)
        sim_fail(s,
            there ? "a query with a token is told that the view is behind, and it is not: %s"
                  : "a query with a token is answered though the view is behind",
            err.text);
    for (uint32_t p = 0; p < s->partitions; p++)
        if (result->sources[p] != reached_by(s, p))
            sim_fail(s, "the view says that it has reached %llu of partition %u, and it has reached %llu",
                (unsigned long long)result->sources[p], p, (unsigned long long)reached_by(s, p));
    if (status == WEIR_OK)
        check_rows(s, result);
    weiri_result_free(result);
}

void
sim_check_end(sim *s)
{
    for (uint32_t i = 0; i < s->n_submissions; i++)
        if (s->submissions[i].sent && !s->submissions[i].lost && !s->submissions[i].answered)
            sim_fail(s, "submission %u is never answered", i);
    for (uint32_t p = 0; p < s->partitions; p++)
        if (s->view->positions[p].next_offset != s->model.parts[p].next_event)
            sim_fail(s, "the view stays behind in partition %u", p);
    sim_check_view(s, true);
}
