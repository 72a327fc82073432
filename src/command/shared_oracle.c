/* SPDX-License-Identifier: Apache-2.0
 * Reading the log as anybody may, and comparing. Thread: one at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "command/shared_oracle.h"
#include "base/memory.h"
#include "message/outcome.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 64 };

typedef struct versions {
    char key[16];
    uint64_t version, source;
    uint32_t index;
} versions;

void
testing_told_keep(testing_told *told, const testing_answer *answer)
{
    const weiri_answer *a = &answer->answer;

    told->status = a->status;
    told->repeated = a->repeated;
    told->partition = a->partition;
    told->events = a->events;
    told->source = a->source;
    told->version = a->version;
    told->events_offset = a->events_offset;
    (void)snprintf(told->code, sizeof told->code, "%s", answer->code);
    (void)snprintf(told->text, sizeof told->text, "%s", answer->text);
}

#define COPY(to, bytes) (void)snprintf(to, sizeof(to), "%.*s", (int)(bytes).size, (const char *)(bytes).data)

static void
fill(testing_outcome *o, uint32_t partition, const weiri_record *record, uint64_t offset)
{
    weiri_bytes value;

    *o = (testing_outcome){ .partition = partition,
        .source = record->source,
        .version = record->version,
        .events_offset = WEIRI_NO_EVENTS,
        .original = WEIRI_NO_OFFSET };
    if (record->kind == WEIRI_RECORD_EVENT) {
        (void)snprintf(o->type, sizeof o->type, "%s", WEIRI_OUTCOME_ACCEPTED);
        o->events = record->index + 1;
        o->events_offset = offset - record->index;
    } else {
        COPY(o->type, record->type);
        COPY(o->text, record->payload);
    }
    COPY(o->id, record->id);
    COPY(o->key, record->key);
    if (weiri_headers_find(record->headers, WEIRI_HEADER_CODE, &value))
        COPY(o->code, value);
    (void)weiri_headers_find_number(record->headers, WEIRI_HEADER_ORIGINAL, &o->original);
    if (weiri_headers_find(record->headers, WEIRI_HEADER_SOURCE, &value)) {
        COPY(o->source_name, value);
        (void)weiri_headers_find_number(record->headers, WEIRI_HEADER_SEQUENCE, &o->sequence);
    }
}

/* The first event carries what the outcome of the whole decision says. */
static void
keep(testing_oracle *oracle, uint32_t partition, const weiri_record *record, uint64_t offset)
{
    if (oracle->n == oracle->room) {
        oracle->room = oracle->room == 0 ? 256 : oracle->room * 2;
        oracle->all = weiri_reallocate(oracle->all, oracle->room * sizeof *oracle->all);
    }
    testing_outcome *o = &oracle->all[oracle->n++];
    fill(o, partition, record, offset);
    oracle->repeats += strcmp(o->type, WEIRI_OUTCOME_REPEATED) == 0;
    oracle->malformed += strcmp(o->code, "malformed") == 0;
}

/* A key's versions go up by one, and each event names the one before. */
static void
check_version(versions *known, const weiri_record *record)
{
    char key[16];
    versions *v = known;

    COPY(key, record->key);
    while (v->key[0] != '\0' && strcmp(v->key, key) != 0)
        v++;
    if (v->key[0] == '\0')
        (void)snprintf(v->key, sizeof v->key, "%s", key);
    assert_int_equal(record->version, v->version + 1);
    assert_int_equal((record->flags & WEIRI_RECORD_FIRST) != 0, v->version == 0);
    if (v->version > 0) {
        assert_int_equal(record->previous_source, v->source);
        assert_int_equal(record->previous_index, v->index);
    }
    v->version = record->version;
    v->source = record->source;
    v->index = record->index;
}

static void
read_topic(testing_oracle *oracle, weiri_log *log, weiri_topic topic, uint32_t partition)
{
    versions known[KEYS] = { { "" } };
    weiri_chunk chunk = { 0 };
    weiri_record record;
    uint64_t at = 0, offset, end = weiri_log_end(log, topic, partition), last_source = 0;
    weir_status status = WEIR_OK;
    weir_error err;

    while (at < end) {
        assert_int_equal(weiri_log_read(log, topic, partition, at, &chunk, &err), WEIR_OK);
        while (weiri_chunk_next(&chunk, &record, &offset, &status)) {
            assert_int_equal(status, WEIR_OK);
            assert_int_equal(offset, at++);
            assert_true(record.source >= last_source);
            last_source = record.source;
            if (record.kind == WEIRI_RECORD_EVENT)
                check_version(known, &record);
            if (record.kind == WEIRI_RECORD_OUTCOME || (record.flags & WEIRI_RECORD_LAST) != 0)
                keep(oracle, partition, &record, offset);
        }
    }
    weiri_chunk_fini(&chunk);
}

static int
by_source(const void *a, const void *b)
{
    const testing_outcome *x = a, *y = b;

    if (x->partition != y->partition)
        return x->partition < y->partition ? -1 : 1;
    return x->source < y->source ? -1 : x->source > y->source;
}

/* Carried out: accepted, or rejected by the domain. */
static bool
counts(const testing_outcome *o)
{
    return strcmp(o->type, WEIRI_OUTCOME_ACCEPTED) == 0;
}

static void
check_ids(const testing_oracle *oracle)
{
    for (size_t i = 0; i < oracle->n; i++) {
        const testing_outcome *o = &oracle->all[i];
        if (!counts(o) || (o->id[0] != 'c' && strcmp(o->id, "foreign") != 0))
            continue;
        for (size_t k = i + 1; k < oracle->n; k++)
            assert_false(counts(&oracle->all[k]) && strcmp(oracle->all[k].id, o->id) == 0 && strcmp(oracle->all[k].key, o->key) == 0);
    }
}

void
testing_oracle_read(testing_oracle *oracle, weiri_log *log, testing_cluster *cluster)
{
    size_t seen = 0;

    for (uint32_t p = 0; p < weiri_log_identity_of(log)->partitions; p++) {
        read_topic(oracle, log, WEIRI_TOPIC_EVENTS, p);
        read_topic(oracle, log, WEIRI_TOPIC_OUTCOMES, p);
    }
    qsort(oracle->all, oracle->n, sizeof *oracle->all, by_source);
    for (uint32_t p = 0; p < weiri_log_identity_of(log)->partitions; p++) {
        uint64_t *positions;
        size_t n = testing_cluster_commands(cluster, p, &positions);
        for (size_t i = 0; i < n; i++, seen++) {
            assert_true(seen < oracle->n);
            assert_int_equal(oracle->all[seen].partition, p);
            assert_int_equal(oracle->all[seen].source, positions[i]);
        }
        weiri_release(positions);
    }
    assert_int_equal(seen, oracle->n);
    check_ids(oracle);
}

static const testing_outcome *
outcome_at(const testing_oracle *oracle, uint32_t partition, uint64_t source)
{
    const testing_outcome wanted = { .partition = partition, .source = source };

    return bsearch(&wanted, oracle->all, oracle->n, sizeof wanted, by_source);
}

void
testing_oracle_compare(const testing_oracle *oracle, const testing_told *told, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const testing_told *t = &told[i];
        const testing_outcome *o = outcome_at(oracle, t->partition, t->source);
        assert_non_null(o);
        assert_string_equal(o->id, t->id);
        assert_string_equal(o->key, t->counter);
        assert_int_equal(o->version, t->version);
        assert_int_equal(o->events, t->events);
        assert_int_equal(o->events_offset, t->events_offset);
        assert_string_equal(o->code, t->code);
        assert_string_equal(o->text, t->text);
        weir_status status = strcmp(o->type, WEIRI_OUTCOME_CONFLICT) == 0 ? WEIR_CONFLICT : counts(o) ? WEIR_OK : WEIR_REJECTED;
        assert_int_equal(status, t->status);
    }
}

void
testing_oracle_once(const testing_oracle *oracle, const char *source, uint64_t n)
{
    uint64_t next = 1;

    for (size_t i = 0; i < oracle->n; i++) {
        const testing_outcome *o = &oracle->all[i];
        if (strcmp(o->source_name, source) != 0 || !counts(o))
            continue;
        assert_int_equal(o->sequence, next);
        next++;
    }
    assert_int_equal(next, n + 1);
}

void
testing_oracle_fini(testing_oracle *oracle)
{
    weiri_release(oracle->all);
}
