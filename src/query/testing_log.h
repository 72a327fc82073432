/* SPDX-License-Identifier: Apache-2.0
 * What the tests of projectors share: a view over a real embedded log, and the writing of events as lanes do.
 * Include it behind cmocka.h; link log_testing. */
#ifndef WEIRI_QUERY_TESTING_LOG_H
#define WEIRI_QUERY_TESTING_LOG_H

#include "base/assert.h"
#include "log/embedded/embedded.h"
#include "log/log_testing.h"
#include "query/testing.h"

enum { PARTITIONS = 4, SETTLE_MS = 60000 };

/* `seen` has each event once, or the view stops; `total` is what a person would ask for. */
static const char view[] =
    "-- schema:\nCREATE TABLE seen (p INTEGER, o INTEGER, source_key TEXT, n INTEGER, PRIMARY KEY (p, o));\n"
    "CREATE TABLE total (k TEXT PRIMARY KEY, n INTEGER NOT NULL, times INTEGER NOT NULL);\n"
    "-- on: testing.v1.Added\nINSERT INTO seen VALUES (:_partition, :_offset, :_key, :amount);\n"
    "INSERT INTO total VALUES (:_key, :amount, 1)\nON CONFLICT (k) DO UPDATE SET n = total.n + excluded.n, times = times + 1;\n"
    "-- query: sum\nSELECT count(*) AS c, coalesce(sum(n), 0) AS s FROM seen;\n";

typedef struct world {
    place place;
    weiri_log *log;
    weiri_views *views;
    testing_writer writers[PARTITIONS];
    uint64_t written, sum;
} world;

static inline void
open_log(world *w)
{
    weiri_embedded_config config = {
        .dir = w->place.data, .module = "testing", .partitions = PARTITIONS, .reserve_bytes = 1, .world = &weiri_world_real
    };
    weir_error err;

    weir_status status = weiri_embedded_open(&config, &w->log, &err);
    if (status != WEIR_OK)
        fprintf(stderr, "%s\n", err.text);
    weiri_assert(status == WEIR_OK);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        testing_writer_init(&w->writers[p], w->log, p);
}

static inline void
close_log(world *w)
{
    for (uint32_t p = 0; p < PARTITIONS; p++)
        testing_writer_fini(&w->writers[p]);
    weiri_log_close(w->log);
    w->log = NULL;
}

static inline void
open_views(world *w, bool start)
{
    char dir[100];
    weir_error err;
    weiri_problems problems = { 0 };

    (void)snprintf(dir, sizeof dir, "%s/views", w->place.data);
    weiri_views_config config = {
        .schema = w->place.schema, .files = w->place.views, .log = w->log, .dir = dir, .world = &weiri_world_real
    };
    weiri_views_load(&config, &w->views, &problems);
    for (size_t i = 0; i < problems.n; i++)
        fprintf(stderr, "%s:%d: %s\n", problems.list[i].file, problems.list[i].line, problems.list[i].text);
    weiri_assert(w->views != NULL);
    weir_status status = weiri_views_open(w->views, &err);
    if (status == WEIR_OK && start)
        status = weiri_views_start(w->views, &err);
    if (status != WEIR_OK)
        fprintf(stderr, "%s\n", err.text);
    weiri_assert(status == WEIR_OK);
}

static inline void
close_views(world *w)
{
    weiri_views_free(w->views);
    w->views = NULL;
}

static inline void
begin(world *w, const char *text)
{
    *w = (world){ 0 };
    place_init(&w->place);
    place_file(&w->place, "v.sql", text);
    open_log(w);
}

static inline void
end(world *w)
{
    close_views(w);
    if (w->log != NULL)
        close_log(w);
    place_fini(&w->place);
}

/* Stages one command of partition p with `events` events; the last is marked so unless `half`. Returns its source. */
static inline uint64_t
stage_key(world *w, uint32_t p, const char *key, int64_t amount, unsigned events, bool half)
{
    testing_writer *writer = &w->writers[p];
    char id[128];
    uint8_t packed[256];
    Testing__V1__Added e = TESTING__V1__ADDED__INIT;
    weiri_record record = { .kind = WEIRI_RECORD_COMMAND,
        .time_ms = 1700000000000,
        .type = weiri_bytes_of("testing.v1.Add"),
        .aggregate = weiri_bytes_of("counter"),
        .key = weiri_bytes_of(key),
        .id = weiri_bytes_of("i") };

    record.source = writer->ends[WEIRI_TOPIC_COMMANDS];
    (void)testing_writer_add(writer, WEIRI_TOPIC_COMMANDS, &record);
    (void)snprintf(id, sizeof id, "%s", key);
    e.counter_id = id;
    e.amount = amount;
    record.kind = WEIRI_RECORD_EVENT;
    record.type = weiri_bytes_of("testing.v1.Added");
    record.payload = (weiri_bytes){ packed, testing__v1__added__pack(&e, packed) };
    for (record.index = 0; record.index < events; record.index++) {
        record.flags = record.index + 1 == events && !half ? WEIRI_RECORD_LAST : 0;
        record.version++;
        (void)testing_writer_add(writer, WEIRI_TOPIC_EVENTS, &record);
    }
    writer->next_command = record.source + 1;
    return record.source;
}

static inline uint64_t
stage(world *w, uint32_t p, int64_t amount, unsigned events, bool half)
{
    return stage_key(w, p, w->writers[p].aggregates[0].key, amount, events, half);
}

static inline void
settle(world *w)
{
    weir_error err = { 0 };

    weir_status status = weiri_views_settle(w->views, SETTLE_MS, &err);
    if (status != WEIR_OK)
        fprintf(stderr, "%s\n", err.text);
    weiri_assert(status == WEIR_OK);
}

#endif
