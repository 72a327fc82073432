/* SPDX-License-Identifier: Apache-2.0
 * The newest events, each written once for all feeds. Invariant: what the tail keeps is, in every partition, all events from `oldest` to
 * `newest`, so a feed whose position is not before `oldest` misses nothing by going on here. Thread: the one that fills feeds. */
#include "engine/live.h"
#include "base/memory.h"

enum { READ_MOST = 1 << 16, VIEWS_EVERY_US = 50000 };

static void
forget_oldest(weiri_tail *tail)
{
    const weiri_kept *kept = &tail->events[tail->first % WEIRI_TAIL_EVENTS];

    tail->oldest[kept->partition] = kept->offset + 1;
    tail->first++;
    tail->n--;
}

static void
forget_all(weiri_tail *tail)
{
    tail->first += tail->n;
    tail->n = 0;
    tail->head = 0;
    memcpy(tail->oldest, tail->newest, sizeof tail->oldest);
}

/* Room for a text: forgets what stands there. In a lap of the ring older texts lie behind the head, younger ones before it. */
static uint8_t *
make_room(weiri_tail *tail, size_t size)
{
    const weiri_kept *kept;

    while (tail->n == WEIRI_TAIL_EVENTS)
        forget_oldest(tail);
    if (tail->head + size > WEIRI_TAIL_BYTES) {
        while (tail->n > 0 && tail->events[tail->first % WEIRI_TAIL_EVENTS].at >= tail->head)
            forget_oldest(tail);
        tail->head = 0;
    }
    while (tail->n > 0) {
        kept = &tail->events[tail->first % WEIRI_TAIL_EVENTS];
        if (kept->at >= tail->head + size || kept->at + kept->size <= tail->head)
            break;
        forget_oldest(tail);
    }
    uint8_t *place = tail->bytes + tail->head;
    tail->head += size;
    return place;
}

weir_status
weiri_tail_write(
    weiri_buffer *to, const weiri_schema *schema, const weiri_record *record, uint32_t partition, uint64_t offset, weir_error *err)
{
    weiri_buffer_add_text(to, "data: {");
    weir_status status = weiri_event_write(to, schema, record, partition, offset, err);
    weiri_buffer_add_text(to, "}\n\n");
    return status;
}

typedef struct taking {
    weiri_feed_walk walk; /* the first */
    weiri_tail *tail;
} taking;

static weir_status
keep(weiri_feed_walk *walk, const weiri_record *record, uint32_t partition, uint64_t offset, weir_error *err)
{
    weiri_tail *tail = ((taking *)walk)->tail;
    const weiri_type *type = weiri_schema_find(walk->schema, record->type);

    weiri_buffer_clear(&tail->room);
    weir_status status = weiri_tail_write(&tail->room, walk->schema, record, partition, offset, err);
    if (status != WEIR_OK)
        return status;
    if (tail->room.size > WEIRI_TAIL_BYTES / 4) { /* too large to keep: feeds read it from the log */
        forget_all(tail);
        tail->oldest[partition] = offset + 1;
        return WEIR_OK;
    }
    uint8_t *place = make_room(tail, tail->room.size);
    memcpy(place, tail->room.data, tail->room.size);
    tail->events[(tail->first + tail->n++) % WEIRI_TAIL_EVENTS] = (weiri_kept){ partition, offset,
        type != NULL ? type->newest->descriptor->name : NULL, (size_t)(place - tail->bytes), tail->room.size };
    return WEIR_OK;
}

weiri_tail *
weiri_tail_new(weiri_service *service)
{
    weiri_tail *tail = weiri_allocate(sizeof *tail);

    tail->service = service;
    tail->bytes = weiri_allocate(WEIRI_TAIL_BYTES);
    tail->views = weiri_allocate((weiri_views_count(service->views) + 1) * sizeof *tail->views);
    weiri_ends(service, WEIRI_TOPIC_EVENTS, tail->newest);
    memcpy(tail->oldest, tail->newest, sizeof tail->oldest);
    return tail;
}

static void
refresh_views(weiri_tail *tail)
{
    const weiri_world *world = tail->service->world;
    int64_t now_us = world->monotonic_us(world);

    if (tail->views_us != 0 && now_us - tail->views_us < VIEWS_EVERY_US)
        return;
    tail->views_us = now_us;
    for (size_t i = 0; i < weiri_views_count(tail->service->views); i++)
        weiri_views_status(tail->service->views, i, &tail->views[i]);
}

bool
weiri_tail_refresh(weiri_tail *tail)
{
    static const weiri_type_filter all = { 0 };
    weiri_buffer none = { 0 };
    taking t = { .walk = { .log = tail->service->log,
                     .schema = tail->service->schema,
                     .filter = &all,
                     .next = tail->newest,
                     .limit = READ_MOST,
                     .look_most = READ_MOST,
                     .bytes_most = 1,
                     .to = &none,
                     .write = keep },
        .tail = tail };
    uint64_t before[64];
    weir_error err;

    memcpy(before, tail->newest, sizeof before);
    if (!tail->broken && weiri_feed_walk_on(&t.walk, &err) != WEIR_OK) {
        tail->broken = true;
        forget_all(tail);
    }
    refresh_views(tail);
    return memcmp(before, tail->newest, sizeof before) != 0;
}

bool
weiri_tail_covers(const weiri_tail *tail, const uint64_t *next, uint32_t partitions)
{
    for (uint32_t p = 0; p < partitions; p++) {
        if (next[p] < tail->oldest[p])
            return false;
    }
    return !tail->broken;
}

void
weiri_tail_free(weiri_tail *tail)
{
    if (tail == NULL)
        return;
    weiri_buffer_fini(&tail->room);
    weiri_release(tail->views);
    weiri_release(tail->bytes);
    weiri_release(tail);
}
