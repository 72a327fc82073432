/* SPDX-License-Identifier: Apache-2.0
 * The events of all partitions as JSON lines, a bounded piece of them after a position; between partitions ordered by time, so
 * that people can read them, though nothing may depend on that. Thread: the caller's. */
#include "engine/feed.h"
#include "engine/inside.h"
#include "log/shared.h"
#include "base/memory.h"
#include <stdio.h>

enum { LIMIT_FALLBACK = 1000, LIMIT_MOST = 100000, LOOK_AT_MOST = 1000000, BYTES_MOST = 16 << 20 };

/* One partition being read: its next event, if there is one. */
typedef struct strand {
    weiri_chunk chunk;
    weiri_record record;
    uint64_t offset, end;
    bool has, filled;
} strand;

static weir_status
advance(weiri_log *log, strand *s, uint32_t partition, weir_error *err)
{
    weir_status status = WEIR_OK;
    uint64_t from = s->offset;

    s->has = false;
    while (!s->has && from < s->end) {
        while (s->filled && weiri_chunk_next(&s->chunk, &s->record, &s->offset, &status)) {
            if (status != WEIR_OK)
                return weiri_error_set(err, status, "events, partition %u: there is no readable record at offset %llu", partition,
                    (unsigned long long)s->offset);
            if (s->offset < from || s->record.kind != WEIRI_RECORD_EVENT)
                continue;
            s->has = s->offset < s->end;
            return WEIR_OK;
        }
        if (s->filled)
            from = s->chunk.next_offset;
        if (from >= s->end)
            break;
        status = weiri_log_read(log, WEIRI_TOPIC_EVENTS, partition, from, &s->chunk, err);
        if (status != WEIR_OK)
            return status;
        s->filled = true;
    }
    return WEIR_OK;
}

/* A strand that meets damage ends there; the first damage is kept. Errors: what is no damage. */
static weir_status
advance_or_end(weiri_log *log, strand *s, uint32_t partition, weir_error *damage, weir_error *err)
{
    weir_status status = advance(log, s, partition, err);

    if (status != WEIR_CORRUPT)
        return status;
    s->has = false;
    if (damage->status == WEIR_OK)
        *damage = *err;
    return WEIR_OK;
}

static strand *
earliest(strand *strands, uint32_t partitions)
{
    strand *best = NULL;

    for (uint32_t p = 0; p < partitions; p++) {
        if (strands[p].has && (best == NULL || strands[p].record.time_ms < best->record.time_ms))
            best = &strands[p];
    }
    return best;
}

static weir_status
write_line(weiri_feed_walk *walk, const weiri_record *record, uint32_t partition, uint64_t offset, weir_error *err)
{
    char position[1600];

    weiri_vector_format(walk->next, weiri_log_identity_of(walk->log)->partitions, position, sizeof position);
    weiri_buffer_add_char(walk->to, '{');
    weiri_member_text(walk->to, "position", position);
    weir_status status = weiri_event_write(walk->to, walk->schema, record, partition, offset, err);
    weiri_buffer_add_text(walk->to, "}\n");
    return status;
}

/* Damage is told when all that lies before it, in any partition, has been given: so nothing readable is kept back. */
static weir_status
walk_strands(weiri_feed_walk *walk, strand *strands, weir_error *err)
{
    uint32_t partitions = weiri_log_identity_of(walk->log)->partitions;
    weir_status status = WEIR_OK;
    weir_error damage = { .status = WEIR_OK };
    uint64_t written = 0, seen;
    strand *s;

    for (uint32_t p = 0; p < partitions && status == WEIR_OK; p++) {
        strands[p].offset = walk->next[p];
        status = advance_or_end(walk->log, &strands[p], p, &damage, err);
    }
    for (seen = 0; status == WEIR_OK && written < walk->limit && seen < walk->look_most && walk->to->size < walk->bytes_most; seen++) {
        s = earliest(strands, partitions);
        if (s == NULL)
            break;
        uint32_t p = (uint32_t)(s - strands);
        walk->next[p] = s->offset + 1;
        if (weiri_type_filter_has(walk->filter, walk->schema, s->record.type)) {
            status = walk->write(walk, &s->record, p, s->offset, err);
            written++;
        }
        s->offset++;
        if (status == WEIR_OK)
            status = advance_or_end(walk->log, s, p, &damage, err);
    }
    if (status == WEIR_OK && seen == 0 && damage.status != WEIR_OK)
        status = weiri_error_set(err, damage.status, "%s", damage.text);
    return status;
}

weir_status
weiri_feed_walk_on(weiri_feed_walk *walk, weir_error *err)
{
    uint32_t partitions = weiri_log_identity_of(walk->log)->partitions;
    strand *strands = weiri_allocate(partitions * sizeof *strands);

    for (uint32_t p = 0; p < partitions; p++)
        strands[p].end = weiri_log_end(walk->log, WEIRI_TOPIC_EVENTS, p);
    weir_status status = walk_strands(walk, strands, err);
    for (uint32_t p = 0; p < partitions; p++)
        weiri_chunk_fini(&strands[p].chunk);
    weiri_release(strands);
    return status;
}

weir_status
weiri_feed_position(weiri_log *log, const char *after, uint64_t *ret_next, const char **ret_code, weir_error *err)
{
    uint32_t partitions = weiri_log_identity_of(log)->partitions;
    bool now = after != NULL && strcmp(after, WEIRI_FEED_NOW) == 0;
    uint64_t ends[64], next[64] = { 0 };

    for (uint32_t p = 0; p < partitions; p++) {
        /* A position of another process may be ahead of this one's copy: nothing lies behind it yet. */
        ends[p] = weiri_log_shared(log) && !now ? UINT64_MAX : weiri_log_end(log, WEIRI_TOPIC_EVENTS, p);
        next[p] = now ? ends[p] : 0;
    }
    if (after != NULL && !now && strcmp(after, WEIRI_FEED_START) != 0) {
        weir_status status = weiri_vector_parse(after, ends, partitions, next, ret_code, err);
        if (status != WEIR_OK)
            return status;
    }
    memcpy(ret_next, next, partitions * sizeof *next);
    return WEIR_OK;
}

void
weiri_feed_read(weiri_log *log, const weiri_schema *schema, const char *types, const char *after, uint64_t limit, weiri_reply *reply)
{
    uint64_t next[64] = { 0 };
    weiri_type_filter filter = { 0 };
    weiri_feed_walk walk = { .log = log,
        .schema = schema,
        .filter = &filter,
        .next = next,
        .limit = limit == 0           ? LIMIT_FALLBACK
                 : limit > LIMIT_MOST ? LIMIT_MOST
                                      : limit,
        .look_most = LOOK_AT_MOST,
        .bytes_most = BYTES_MOST,
        .to = &reply->body,
        .write = write_line };
    const char *code = "";
    weir_error err;

    weir_status status = weiri_feed_position(log, after, next, &code, &err);
    if (status == WEIR_OK && types != NULL) {
        code = "";
        status = weiri_type_filter_parse(schema, types, &filter, &err);
    }
    if (status == WEIR_OK)
        status = weiri_feed_walk_on(&walk, &err);
    if (status == WEIR_OK) {
        reply->http = 200;
        reply->content_type = WEIRI_TYPE_LINES;
        weiri_vector_format(next, weiri_log_identity_of(log)->partitions, reply->position, sizeof reply->position);
    } else
        weiri_reply_error(reply, code, &err);
    weiri_type_filter_fini(&filter);
}

void
weiri_service_events(weiri_service *service, const char *types, const char *after, uint64_t limit, weiri_reply *reply)
{
    weiri_feed_read(service->log, service->schema, types, after, limit, reply);
}
