/* SPDX-License-Identifier: Apache-2.0
 * A log in memory behind the log's contract. Appends wait in the order of staging until the simulator commits some of them; a
 * death loses a suffix of what was not committed; a failure is final and may leave on the disk what nobody was told of. */
#include "base/assert.h"
#include "sim.h"

static sim_log *
of(const weiri_log *log)
{
    return (sim_log *)(uintptr_t)log;
}

static void
append(weiri_log *log, weiri_append *a)
{
    sim_log *l = of(log);

    weiri_assert(l->n_pending < SIM_PENDING);
    l->pending[l->n_pending++] = a;
    sim_tell(l->sim, "append", a->partition, a->first_source, a->last_source);
}

static uint64_t
end(weiri_log *log, weiri_topic topic, uint32_t partition)
{
    return of(log)->parts[partition][topic].shown;
}

static uint64_t
next_command(weiri_log *log, uint32_t partition)
{
    return of(log)->shown_command[partition];
}

static weir_status
refresh(weiri_log *log, weir_error *err)
{
    (void)log;
    (void)err;
    return WEIR_OK;
}

static weir_status
state(weiri_log *log, weir_error *err)
{
    if (of(log)->failed)
        return weiri_error_set(err, WEIR_IO, "the simulated log has failed");
    if (of(log)->reserve)
        return weiri_error_set(err, WEIR_BUSY, "the simulated disk is nearly full");
    return WEIR_OK;
}

/* The batch that holds a record; NULL: there is none. */
static const sim_batch *
find(const sim_topic *t, uint64_t offset)
{
    const sim_batch *all = (const sim_batch *)(const void *)t->index.data;
    size_t from = 0, to = t->index.size / sizeof *all;

    if (offset >= t->shown)
        return NULL;
    while (to - from > 1) {
        size_t middle = (from + to) / 2;
        if (all[middle].base <= offset)
            from = middle;
        else
            to = middle;
    }
    return &all[from];
}

static bool
faulty(sim_log *l, weir_error *err)
{
    if (l->faults == 0 || !sim_one_in(l->sim, l->faults))
        return false;
    l->sim->counts[SIM_READ_FAULTS]++;
    (void)weiri_error_set(err, WEIR_IO, "the simulated disk does not read");
    return true;
}

static weir_status
read_batches(weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, weiri_chunk *chunk, weir_error *err)
{
    sim_log *l = of(log);
    const sim_topic *t = &l->parts[partition][topic];
    const sim_batch *b = find(t, offset), *behind = (const sim_batch *)(const void *)(t->index.data + t->index.size);
    unsigned most = 1 + sim_below(l->sim, 8); /* batches: so that readers go on in many places */

    if (b == NULL)
        return WEIR_OK;
    if (faulty(l, err))
        return WEIR_IO;
    chunk->record_at = (uint32_t)(offset - b->base);
    for (; most > 0 && b < behind && b->base < t->shown; most--, b++) {
        weiri_buffer_add(&chunk->bytes, t->bytes.data + b->at, b->size);
        chunk->next_offset = b + 1 < behind ? b[1].base : t->end;
    }
    return WEIR_OK;
}

static weir_status
checksum(weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, uint32_t *ret_checksum, weir_error *err)
{
    sim_log *l = of(log);
    const sim_topic *t = &l->parts[partition][topic];
    weiri_log_batch_header header;

    *ret_checksum = 0;
    if (offset == 0)
        return WEIR_OK;
    if (offset > t->shown)
        return weiri_error_set(err, WEIR_NOT_FOUND, "the log ends at %llu", (unsigned long long)t->shown);
    if (faulty(l, err))
        return WEIR_IO;
    memcpy(&header, t->bytes.data + find(t, offset - 1)->at, sizeof header);
    *ret_checksum = header.crc;
    return WEIR_OK;
}

static void
metrics(weiri_log *log, weiri_log_metrics *ret_metrics)
{
    (void)log;
    *ret_metrics = (weiri_log_metrics){ 0 };
}

static void
close_log(weiri_log *log)
{
    sim_log_fini(of(log));
}

static const weiri_log_ops ops = { append, end, next_command, refresh, state, read_batches, checksum, metrics, close_log };

void
sim_log_init(sim_log *l, sim *s)
{
    l->log.ops = &ops;
    l->log.identity = (weiri_log_identity){ .id = s->seed + 1, .partitions = s->partitions, .module = "sim", .format = WEIRI_LOG_FORMAT };
    l->sim = s;
    for (int p = 0; p < SIM_PARTITIONS; p++)
        for (int t = 0; t < WEIRI_TOPICS; t++) {
            sim_topic *topic = &l->parts[p][t];
            weiri_buffer_clear(&topic->bytes);
            weiri_buffer_clear(&topic->index);
            topic->end = topic->shown = 0;
            topic->crc = 0;
        }
    weiri_buffer_clear(&l->past);
    memset(l->next_command, 0, sizeof l->next_command);
    memset(l->shown_command, 0, sizeof l->shown_command);
    l->n_pending = l->n_committed = 0;
    l->failed = l->reserve = false;
    l->faults = 0;
    weiri_signal_init(&l->log.moved);
}

void
sim_log_fini(sim_log *l)
{
    for (int p = 0; p < SIM_PARTITIONS; p++)
        for (int t = 0; t < WEIRI_TOPICS; t++) {
            weiri_buffer_fini(&l->parts[p][t].bytes);
            weiri_buffer_fini(&l->parts[p][t].index);
        }
    weiri_buffer_fini(&l->past);
}

/* Onto the disk, and nobody knows. */
static void
write_down(sim_log *l, const weiri_append *a)
{
    sim_written before = { .partition = a->partition, .next_command = l->next_command[a->partition] };

    for (int topic = 0; topic < WEIRI_TOPICS; topic++) {
        const sim_topic *t = &l->parts[a->partition][topic];
        before.ends[topic] = t->end;
        before.bytes[topic] = t->bytes.size;
        before.batches[topic] = t->index.size;
        before.crcs[topic] = t->crc;
    }
    weiri_buffer_add(&l->past, &before, sizeof before);
    for (int topic = 0; topic < WEIRI_TOPICS; topic++) {
        const weiri_staged *staged = &a->topics[topic];
        sim_topic *t = &l->parts[a->partition][topic];
        if (staged->count == 0)
            continue;
        if (a->base[topic] != t->end)
            sim_fail(l->sim, "partition %u stages %s at %llu, and the log ends at %llu", a->partition, weiri_topic_name(topic),
                (unsigned long long)a->base[topic], (unsigned long long)t->end);
        sim_batch batch = { t->end, t->bytes.size, weiri_log_batch_size(staged) };
        t->crc = weiri_log_batch_write(a, topic, t->crc, weiri_buffer_extend(&t->bytes, batch.size));
        weiri_buffer_add(&t->index, &batch, sizeof batch);
        t->end += staged->count;
    }
    l->next_command[a->partition] = a->next_command;
}

static void
show(sim_log *l)
{
    for (int p = 0; p < SIM_PARTITIONS; p++) {
        for (int t = 0; t < WEIRI_TOPICS; t++)
            l->parts[p][t].shown = l->parts[p][t].end;
        l->shown_command[p] = l->next_command[p];
    }
    weiri_signal_raise(&l->log.moved);
    sim_model_fold(l->sim);
}

/* Hands the first n back. */
static void
give_back(sim_log *l, size_t n, weir_status status)
{
    weiri_append *all[SIM_PENDING];

    memcpy(all, l->pending, n * sizeof(weiri_append *));
    memmove(l->pending, l->pending + n, (l->n_pending - n) * sizeof(weiri_append *));
    l->n_pending -= n;
    l->n_committed -= n < l->n_committed ? n : l->n_committed;
    for (size_t i = 0; i < n; i++)
        all[i]->done(all[i], status);
}

void
sim_log_commit(sim_log *l, size_t n)
{
    weiri_assert(!l->failed && l->n_committed + n <= l->n_pending);
    for (size_t i = 0; i < n; i++)
        write_down(l, l->pending[l->n_committed + i]);
    l->n_committed += n;
    sim_tell(l->sim, "commit", n, l->n_pending, 0);
    show(l);
}

void
sim_log_report(sim_log *l, size_t n)
{
    sim_tell(l->sim, "report", n, l->n_committed, l->failed);
    if (l->failed)
        give_back(l, l->n_pending, WEIR_IO);
    else
        give_back(l, n < l->n_committed ? n : l->n_committed, WEIR_OK);
}

/* The transaction that fails may be on the disk whole; nothing behind it ever is. */
void
sim_log_fail(sim_log *l)
{
    size_t waiting = l->n_pending - l->n_committed;
    size_t group = waiting == 0 ? 0 : 1 + sim_below(l->sim, (unsigned)waiting);

    if (l->failed)
        return;
    give_back(l, l->n_committed, WEIR_OK);
    bool there = sim_one_in(l->sim, 2);
    for (size_t i = 0; i < group && there; i++)
        write_down(l, l->pending[i]);
    l->failed = true;
    l->sim->counts[SIM_LOG_FAILURES]++;
    sim_tell(l->sim, "log failed", group, there, 0);
}

void
sim_log_crash(sim_log *l)
{
    size_t waiting = l->n_pending - l->n_committed;
    size_t kept = l->failed ? 0 : sim_below(l->sim, (unsigned)waiting + 1);

    for (size_t i = 0; i < kept; i++)
        write_down(l, l->pending[l->n_committed + i]);
    l->sim->counts[SIM_LOST_APPENDS] += waiting - kept;
    sim_tell(l->sim, "kept", kept, waiting, 0);
    l->n_committed = 0;
    give_back(l, l->n_pending, WEIR_IO); /* nobody hears of it: a lane in flight can't be thrown away */
    l->failed = l->reserve = false;
    show(l);
}

void
sim_log_restore(sim_log *l)
{
    unsigned n = (unsigned)(l->past.size / sizeof(sim_written)), lost = n == 0 ? 0 : 1 + sim_below(l->sim, n < 12 ? n : 12);
    sim_written before;

    weiri_assert(l->n_pending == 0);
    for (unsigned i = 0; i < lost; i++) {
        l->past.size -= sizeof before;
        memcpy(&before, l->past.data + l->past.size, sizeof before);
        for (int topic = 0; topic < WEIRI_TOPICS; topic++) {
            sim_topic *t = &l->parts[before.partition][topic];
            t->end = before.ends[topic];
            t->bytes.size = before.bytes[topic];
            t->index.size = before.batches[topic];
            t->crc = before.crcs[topic];
        }
        l->next_command[before.partition] = before.next_command;
    }
    sim_tell(l->sim, "restored", lost, n, 0);
    show(l);
}
