/* SPDX-License-Identifier: Apache-2.0
 * The reader's rule and the joining of events with outcomes, message by message, without a broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "base/hash.h"
#include "log/kafka/rule.h"
#include "message/outcome.h"

typedef struct reading {
    weiri_kafka_rule rule;
    weiri_append append;
    uint64_t next[WEIRI_KAFKA_SIDES];
    weir_error err;
} reading;

static reading *
begin(void)
{
    static reading r;
    weiri_kafka_mark mark;

    weiri_kafka_rule_fini(&r.rule);
    for (unsigned t = 0; t < WEIRI_TOPICS; t++)
        weiri_staged_fini(&r.append.topics[t]);
    r = (reading){ 0 };
    weiri_kafka_mark_none(&mark);
    weiri_kafka_rule_begin(&r.rule, &mark);
    return &r;
}

static void
fence_at(reading *r, int side, const char *nonce, uint64_t offset)
{
    weiri_kafka_entry entry = { .offset = offset, .fence = true };

    (void)snprintf(entry.nonce, sizeof entry.nonce, "%s", nonce);
    assert_int_equal(weiri_kafka_rule_arrive(&r->rule, side, &entry, offset, &r->err), WEIR_OK);
    r->next[side] = offset + 2; /* a marker lies behind it */
}

static void
fence(reading *r, const char *nonce)
{
    for (int s = 0; s < WEIRI_KAFKA_SIDES; s++)
        fence_at(r, s, nonce, r->next[s]);
}

/* Written in incarnation `of`, at the next offset. */
static weir_status
arrive(reading *r, int side, uint64_t of, uint64_t source, uint32_t index, uint32_t events)
{
    weiri_kafka_entry entry = { .offset = r->next[side], .incarnation = of, .counted = events > 0, .events = events };

    entry.record = (weiri_record){ .kind = side == WEIRI_KAFKA_EVENTS ? WEIRI_RECORD_EVENT : WEIRI_RECORD_OUTCOME,
        .source = source,
        .index = index,
        .time_ms = (int64_t)source * 1000,
        .type = weiri_bytes_of("a.B"),
        .key = weiri_bytes_of("k") };
    return weiri_kafka_rule_arrive(&r->rule, side, &entry, r->next[side]++, &r->err);
}

static void
event(reading *r, uint64_t of, uint64_t source, uint32_t index)
{
    assert_int_equal(arrive(r, WEIRI_KAFKA_EVENTS, of, source, index, 0), WEIR_OK);
}

static void
outcome(reading *r, uint64_t of, uint64_t source, uint32_t events)
{
    assert_int_equal(arrive(r, WEIRI_KAFKA_OUTCOMES, of, source, 0, events), WEIR_OK);
}

/* Joins; so many events and outcomes are then staged, since the beginning. */
static void
join(reading *r, uint32_t events, uint32_t outcomes)
{
    bool reached;

    if (weiri_kafka_rule_join(&r->rule, &r->append, NULL, &reached, &r->err) != WEIR_OK)
        fail_msg("%s", r->err.text);
    assert_int_equal(r->append.topics[WEIRI_TOPIC_EVENTS].count, events);
    assert_int_equal(r->append.topics[WEIRI_TOPIC_OUTCOMES].count, outcomes);
}

static void
join_fails(reading *r, const char *words)
{
    bool reached;

    assert_int_equal(weiri_kafka_rule_join(&r->rule, &r->append, NULL, &reached, &r->err), WEIR_CORRUPT);
    if (strstr(r->err.text, words) == NULL)
        fail_msg("'%s' is not in: %s", words, r->err.text);
}

static void
test_an_outcome_and_its_events_go_on_together(void **state)
{
    reading *r = begin();

    fence(r, "one");
    event(r, 0, 5, 0);
    join(r, 0, 0);
    outcome(r, 0, 3, 0);
    join(r, 0, 1);
    outcome(r, 0, 5, 2);
    join(r, 0, 1);
    event(r, 0, 5, 1);
    join(r, 2, 1);
    assert_int_equal(r->append.first_source, 3);
    assert_int_equal(r->append.last_source, 5);
    assert_int_equal(r->append.next_command, 6);
    assert_int_equal(r->append.time_ms, 3000);
    assert_int_equal(r->rule.joined.last_source, 5);
    assert_int_equal(r->rule.joined.last_index, 1);
    assert_int_equal(r->rule.joined.last_outcome, 5);
    assert_int_equal(r->rule.joined.next[WEIRI_KAFKA_EVENTS], 4);
    assert_int_equal(r->rule.joined.next[WEIRI_KAFKA_OUTCOMES], 4);
}

static void
test_a_stale_writers_records_are_dropped_and_counted(void **state)
{
    reading *r = begin();

    fence(r, "one");
    event(r, 0, 1, 0);
    outcome(r, 0, 1, 1);
    fence(r, "two");
    event(r, 0, 2, 0);
    outcome(r, 0, 2, 1);
    event(r, 3, 2, 0);
    outcome(r, 3, 2, 0);
    assert_int_equal(r->rule.stale, 2);
    join_fails(r, "event 0 of command 2");
    r = begin();
    fence(r, "one");
    fence(r, "two");
    event(r, 0, 2, 0);
    outcome(r, 0, 2, 1);
    outcome(r, 2, 2, 0);
    join(r, 0, 1);
    assert_int_equal(r->rule.stale, 2);
}

static void
test_repeats_are_dropped_and_counted(void **state)
{
    reading *r = begin();

    fence(r, "one");
    for (unsigned again = 0; again < 2; again++) {
        event(r, 0, 4, 0);
        event(r, 0, 4, 1);
        outcome(r, 0, 4, 2);
        event(r, 0, 3, 0);
        outcome(r, 0, 3, 1);
    }
    join(r, 2, 0);
    assert_int_equal(r->rule.repeats, 7);
}

static void
test_events_without_their_outcome_halt(void **state)
{
    reading *r = begin();

    fence(r, "one");
    event(r, 0, 1, 0);
    outcome(r, 0, 2, 0);
    join_fails(r, "command 2 has 0 events by its outcome, and there is event 0 of command 1 at offset 2");
    r = begin();
    fence(r, "one");
    event(r, 0, 1, 0);
    fence(r, "two");
    join_fails(r, "command 1 has events and no outcome");
    r = begin();
    fence(r, "one");
    outcome(r, 0, 7, 0);
    join(r, 0, 1);
    event(r, 0, 7, 0);
    join_fails(r, "which has no outcome that says so");
}

static void
test_outcomes_without_their_events_halt(void **state)
{
    reading *r = begin();

    fence(r, "one");
    outcome(r, 0, 1, 2);
    event(r, 0, 1, 0);
    event(r, 0, 2, 0);
    join_fails(r, "command 1 has 2 events by its outcome, and there is event 0 of command 2");
    r = begin();
    fence(r, "one");
    outcome(r, 0, 1, 1);
    fence(r, "two");
    join_fails(r, "some are missing before the fence record");
    r = begin();
    fence(r, "one");
    outcome(r, 0, 1, 1);
    event(r, 0, 1, 0);
    event(r, 0, 1, 1);
    join_fails(r, "there is event 1 of command 1");
}

static void
test_fences_of_both_topics_must_agree(void **state)
{
    reading *r = begin();

    fence_at(r, WEIRI_KAFKA_EVENTS, "one", 0);
    join(r, 0, 0);
    fence_at(r, WEIRI_KAFKA_OUTCOMES, "two", 0);
    join_fails(r, "is another than that");
}

static void
test_an_incarnation_without_its_fence_is_refused(void **state)
{
    reading *r = begin();

    assert_int_equal(arrive(r, WEIRI_KAFKA_EVENTS, 0, 1, 0, 0), WEIR_CORRUPT);
    fence(r, "one");
    assert_int_equal(arrive(r, WEIRI_KAFKA_EVENTS, 9, 1, 0, 0), WEIR_CORRUPT);
    assert_non_null(strstr(r->err.text, "no fence record there began it"));
}

static void
test_foreign_records_are_passed_by(void **state)
{
    reading *r = begin();

    fence(r, "one");
    assert_int_equal(weiri_kafka_rule_arrive(&r->rule, WEIRI_KAFKA_EVENTS, NULL, r->next[0]++, &r->err), WEIR_OK);
    event(r, 0, 1, 0);
    outcome(r, 0, 1, 1);
    join(r, 1, 0);
    assert_int_equal(r->rule.foreign, 1);
}

static void
test_joining_stops_at_ones_own_fence(void **state)
{
    reading *r = begin();
    bool reached;

    fence(r, "one");
    outcome(r, 0, 1, 0);
    fence(r, "mine");
    outcome(r, r->next[1] - 2, 2, 0);
    assert_int_equal(weiri_kafka_rule_join(&r->rule, &r->append, "mine", &reached, &r->err), WEIR_OK);
    assert_true(reached);
    assert_int_equal(r->append.topics[WEIRI_TOPIC_OUTCOMES].count, 1);
    assert_int_equal(r->rule.joined.incarnation[WEIRI_KAFKA_OUTCOMES], 3);
    assert_int_equal(r->rule.joined.incarnation[WEIRI_KAFKA_EVENTS], 2);
}

/* ---- any cut ---------------------------------------------------------------------------------------------- */

enum { COMMANDS = 400 };

typedef struct message {
    uint64_t of, source;
    uint32_t index, events;
    bool fence;
} message;

typedef struct history {
    message all[WEIRI_KAFKA_SIDES][4 * COMMANDS]; /* a message's place is its offset */
    unsigned n[WEIRI_KAFKA_SIDES], expected;
    uint64_t random;
} history;

static uint64_t
draw(history *h)
{
    h->random = weiri_hash64(1, &h->random, sizeof h->random);
    return h->random;
}

static void
make_history(history *h)
{
    uint64_t of[WEIRI_KAFKA_SIDES] = { 0 };

    for (uint64_t c = 0; c < COMMANDS; c++) {
        const uint32_t events = (uint32_t)(draw(h) % 3);
        for (int s = 0; s < WEIRI_KAFKA_SIDES && c % 50 == 0; s++) {
            of[s] = h->n[s];
            h->all[s][h->n[s]++] = (message){ .source = c, .fence = true };
        }
        for (uint32_t i = 0; i < events; i++)
            h->all[0][h->n[0]++] = (message){ .of = of[0], .source = c, .index = i };
        h->all[1][h->n[1]++] = (message){ .of = of[1], .source = c, .events = events };
        h->expected += events == 0 ? 1 : events;
    }
}

static void
let_arrive(reading *r, const history *h, int side, unsigned at)
{
    const message *m = &h->all[side][at];
    char nonce[16];

    r->next[side] = at;
    (void)snprintf(nonce, sizeof nonce, "%llu", (unsigned long long)m->source);
    if (m->fence)
        fence_at(r, side, nonce, at);
    else if (arrive(r, side, m->of, m->source, m->index, m->events) != WEIR_OK)
        fail_msg("%s", r->err.text);
}

/* A log of many commands, read in pieces of any size, from any mark that an append left: always the same records. */
static void
test_any_cut_gives_the_same_log(void **state)
{
    static history h;
    unsigned at[WEIRI_KAFKA_SIDES] = { 0 }, joined = 0, appends = 0;
    reading *r = begin();

    h = (history){ .random = 7 };
    make_history(&h);
    while (at[0] < h.n[0] || at[1] < h.n[1]) {
        bool reached;
        const int side = (int)(draw(&h) & 1);
        for (uint64_t take = h.random / 2 % 20; take > 0 && at[side] < h.n[side]; take--)
            let_arrive(r, &h, side, at[side]++);
        if (weiri_kafka_rule_join(&r->rule, &r->append, NULL, &reached, &r->err) != WEIR_OK)
            fail_msg("%s", r->err.text);
        joined += r->append.topics[WEIRI_TOPIC_EVENTS].count + r->append.topics[WEIRI_TOPIC_OUTCOMES].count;
        appends++;
        for (unsigned t = 0; t < WEIRI_TOPICS; t++)
            weiri_staged_clear(&r->append.topics[t]);
        if (h.random % 11 == 0) { /* another process goes on where the mark stands */
            const weiri_kafka_mark mark = r->rule.joined;
            weiri_kafka_rule_begin(&r->rule, &mark);
            at[0] = (unsigned)mark.next[0];
            at[1] = (unsigned)mark.next[1];
        }
    }
    print_message("%u records of %u in %u appends\n", joined, h.expected, appends);
    assert_int_equal(joined, h.expected);
    assert_int_equal(r->rule.joined.last_outcome, COMMANDS - 1);
    assert_int_equal(r->rule.stale + r->rule.repeats + r->rule.foreign, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_outcome_and_its_events_go_on_together),
        cmocka_unit_test(test_a_stale_writers_records_are_dropped_and_counted),
        cmocka_unit_test(test_repeats_are_dropped_and_counted),
        cmocka_unit_test(test_events_without_their_outcome_halt),
        cmocka_unit_test(test_outcomes_without_their_events_halt),
        cmocka_unit_test(test_fences_of_both_topics_must_agree),
        cmocka_unit_test(test_an_incarnation_without_its_fence_is_refused),
        cmocka_unit_test(test_foreign_records_are_passed_by),
        cmocka_unit_test(test_joining_stops_at_ones_own_fence),
        cmocka_unit_test(test_any_cut_gives_the_same_log),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    (void)begin();
    return failed;
}
