/* SPDX-License-Identifier: Apache-2.0
 * The cluster: what is stored in it, under its one lock. */
#include "log/shared_testing_inside.h"
#include "base/assert.h"
#include "base/memory.h"
#include "log/batch.h"

static const weiri_topic copied[2] = { WEIRI_TOPIC_EVENTS, WEIRI_TOPIC_OUTCOMES };

unsigned
testing_cluster_chance(testing_cluster *c, unsigned n)
{
    c->chance ^= c->chance << 13;
    c->chance ^= c->chance >> 7;
    c->chance ^= c->chance << 17;
    return (unsigned)(c->chance >> 20) % n;
}

unsigned
testing_cluster_random(testing_cluster *c, unsigned n)
{
    weiri_lock_take(&c->lock);
    unsigned value = testing_cluster_chance(c, n);
    weiri_lock_give(&c->lock);
    return value;
}

testing_cluster *
testing_cluster_new(uint32_t partitions, uint64_t seed)
{
    testing_cluster *c = weiri_allocate(sizeof *c);

    weiri_lock_init(&c->lock);
    c->partitions = partitions;
    c->chance = seed * 0x9e3779b97f4a7c15u + 1;
    c->id = seed + 1;
    c->time_ms = 1000000;
    c->parts = weiri_allocate(partitions * sizeof *c->parts);
    return c;
}

void
testing_cluster_free(testing_cluster *c)
{
    for (uint32_t p = 0; p < c->partitions; p++) {
        cluster_part *part = &c->parts[p];
        for (size_t i = 0; i < part->n_commands; i++)
            weiri_release(part->commands[i].bytes);
        for (size_t i = 0; i < part->n_batches; i++) {
            weiri_buffer_fini(&part->batches[i]->bytes[0]);
            weiri_buffer_fini(&part->batches[i]->bytes[1]);
            weiri_release(part->batches[i]);
        }
        weiri_release(part->commands);
        weiri_release(part->batches);
    }
    weiri_lock_fini(&c->lock);
    weiri_release(c->parts);
    weiri_release(c);
}

void
testing_cluster_faults(testing_cluster *c, const testing_faults *faults)
{
    weiri_lock_take(&c->lock);
    c->faults = *faults;
    weiri_lock_give(&c->lock);
}

testing_cluster_counts
testing_cluster_count(testing_cluster *c)
{
    weiri_lock_take(&c->lock);
    testing_cluster_counts counts = c->counts;
    weiri_lock_give(&c->lock);
    return counts;
}

size_t
testing_cluster_commands(testing_cluster *c, uint32_t partition, uint64_t **ret_positions)
{
    weiri_lock_take(&c->lock);
    const cluster_part *part = &c->parts[partition];
    size_t n = part->n_commands;
    *ret_positions = weiri_allocate((n + 1) * sizeof **ret_positions);
    for (size_t i = 0; i < n; i++)
        (*ret_positions)[i] = part->commands[i].offset;
    weiri_lock_give(&c->lock);
    return n;
}

uint64_t
testing_cluster_store(testing_cluster *c, uint32_t partition, const weiri_record *record, const weiri_flaw *flaw)
{
    cluster_part *part = &c->parts[partition];

    if (part->n_commands == part->commands_room) {
        part->commands_room = part->commands_room == 0 ? 256 : part->commands_room * 2;
        part->commands = weiri_reallocate(part->commands, part->commands_room * sizeof *part->commands);
    }
    stored_command *command = &part->commands[part->n_commands++];
    *command = (stored_command){ .size = weiri_record_size(record) };
    if (testing_cluster_chance(c, 4) == 0)
        part->next_offset += 1 + testing_cluster_chance(c, 3);
    command->offset = part->next_offset++;
    command->time_ms = c->time_ms + (int64_t)testing_cluster_chance(c, 5) - 2; /* brokers' clocks differ */
    c->time_ms += testing_cluster_chance(c, 2);
    command->bytes = weiri_allocate(command->size);
    weiri_record_write(record, command->bytes);
    if (flaw != NULL)
        command->flaw = *flaw;
    c->counts.commands++;
    return command->offset;
}

uint64_t
testing_cluster_put(testing_cluster *c, uint32_t partition, const weiri_record *record, const weiri_flaw *flaw)
{
    weiri_lock_take(&c->lock);
    uint64_t offset = testing_cluster_store(c, partition, record, flaw);
    weiri_lock_give(&c->lock);
    return offset;
}

void
testing_cluster_commit(testing_cluster *c, const weiri_append *append)
{
    cluster_part *part = &c->parts[append->partition];
    const stored_batch *last = part->n_batches == 0 ? &(stored_batch){ .next_command = 0 } : part->batches[part->n_batches - 1];
    stored_batch *batch = weiri_allocate(sizeof *batch);

    weiri_assert(append->topics[WEIRI_TOPIC_COMMANDS].count == 0 && append->first_source >= last->next_command);
    weiri_assert(append->next_command == append->last_source + 1 && append->first_source <= append->last_source);
    batch->next_command = append->next_command;
    for (int i = 0; i < 2; i++) {
        const weiri_staged *staged = &append->topics[copied[i]];
        batch->base[i] = batch->end[i] = last->end[i];
        batch->crc[i] = last->crc[i];
        if (staged->count == 0)
            continue;
        weiri_assert(append->base[copied[i]] == last->end[i]);
        batch->end[i] += staged->count;
        batch->crc[i] = weiri_log_batch_write(
            append, copied[i], last->crc[i], weiri_buffer_extend(&batch->bytes[i], weiri_log_batch_size(staged)));
    }
    if (part->n_batches == part->batches_room) {
        part->batches_room = part->batches_room == 0 ? 256 : part->batches_room * 2;
        part->batches = weiri_reallocate(part->batches, part->batches_room * sizeof *part->batches);
    }
    part->batches[part->n_batches++] = batch;
}
