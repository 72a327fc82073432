/* SPDX-License-Identifier: Apache-2.0
 * Verifying the whole log as of one moment: every batch by itself, its place in the chain, and (history.h) what the records say
 * together. A damaged batch is told, and the checks go on behind it. Thread: any; each batch is read in a transaction of
 * its own, so a running engine is not held up. */
#include <inttypes.h>
#include <stdio.h>
#include "base/memory.h"
#include "log/embedded/history.h"
#include "log/embedded/internal.h"

typedef struct verification {
    weiri_embedded *e;
    void (*found)(void *user, const char *words);
    void *user;
    weiri_verify_place *place;
    weiri_verify_report report;
    weiri_embedded_vector *parts; /* of the moment */
    bool *known;                  /* is the partition's vector readable? */
    weir_error unsound;           /* what examine.c has against the file; status OK: nothing */
    uint64_t told;                /* faults so far */
    uint64_t entries;             /* batches of the moment, wherever they belong */
    weiri_history history;
    weiri_buffer batch;
    /* the topic-partition at hand */
    weiri_topic topic;
    uint32_t partition;
    uint64_t next;        /* the offset that must come now */
    uint32_t crc;         /* of the batch before */
    uint64_t last_source; /* of the batch before; with sourced */
    bool sourced;
    bool lost; /* the batch before was damaged: next and crc are not known */
} verification;

/* What is read next, for whoever finds this process dead. */
static void
reach(verification *v)
{
    if (v->place == NULL)
        return;
    (void)snprintf(v->place->where, sizeof v->place->where, "%s, partition %" PRIu32 ", offset %" PRIu64, weiri_topic_name(v->topic),
        v->partition, v->next);
    atomic_fetch_add(&v->place->steps, 1);
}

static void
tell(void *user, weiri_topic topic, uint64_t offset, const char *words)
{
    verification *v = user;
    weir_error err;

    (void)weiri_error_set(&err, WEIR_CORRUPT, "%s", words);
    (void)weiri_embedded_where(&err, WEIR_CORRUPT, topic, v->partition, offset);
    v->told++;
    v->found(v->user, err.text);
}

static void fault(verification *v, uint64_t offset, const char *format, ...) WEIR_PRINTF(3, 4);

static void
fault(verification *v, uint64_t offset, const char *format, ...)
{
    weir_error words;
    va_list arguments;

    va_start(arguments, format);
    (void)weiri_error_setv(&words, WEIR_CORRUPT, format, arguments);
    va_end(arguments);
    tell(v, v->topic, offset, words.text);
}

/* Where a whole partition, or the file, is meant. */
static void
fault_of(verification *v, const weir_error *err)
{
    v->told++;
    v->found(v->user, err->text);
}

/* The moment: all vectors, and how many batches there are, of one snapshot; and what the file says about itself. */
static weir_status
take_moment(verification *v, weir_error *err)
{
    weiri_embedded *e = v->e;
    weiri_embedded_snapshot snapshot;
    weiri_page_tree batches;
    weir_error words;

    weir_status status = weiri_embedded_snapshot_begin(e, &snapshot, err);
    if (status != WEIR_OK)
        return status;
    if (weiri_embedded_examine_metas(snapshot.pages.fd, e->dir, false, &words) == WEIR_CORRUPT ||
        weiri_embedded_examine_pages(&snapshot.pages, e->dir, &words) == WEIR_CORRUPT) {
        v->unsound = words; /* told at the end, if nothing else is: it may be what a batch tells with its place */
    }
    for (uint32_t p = 0; p < e->log.identity.partitions; p++) {
        v->known[p] = weiri_embedded_vector_get(&snapshot.pages, p, &v->parts[p], &words) == WEIR_OK;
        if (!v->known[p])
            fault_of(v, &words);
    }
    if (weiri_pages_named(&snapshot.pages, "batches", &batches, &words) == WEIR_OK)
        v->entries = batches.entries;
    weiri_embedded_snapshot_end(&snapshot);
    return status;
}

/* Where reading can go on behind pages that can't be read. Errors: NOT_FOUND. */
static weir_status
skip_damage(verification *v, weiri_page_cursor *cursor, uint64_t *ret_base)
{
    weir_status status = WEIR_CORRUPT;
    weir_error ignored;

    while (status == WEIR_CORRUPT)
        status = weiri_page_cursor_skip(cursor, &ignored);
    return status == WEIR_OK && weiri_embedded_at_place(cursor, v->topic, v->partition, ret_base) ? WEIR_OK : WEIR_NOT_FOUND;
}

/* Copies the first batch at or above `from`, whatever is in it. Errors: NOT_FOUND; CORRUPT: *ret_base is the next one that may be
 * read, or UINT64_MAX; IO. */
static weir_status
copy_next(verification *v, uint64_t from, uint64_t *ret_base, weir_error *err)
{
    uint8_t wanted[WEIRI_EMBEDDED_KEY_SIZE];
    weiri_embedded_snapshot snapshot;
    weiri_page_cursor cursor;
    weiri_page_tree batches;

    *ret_base = UINT64_MAX;
    weiri_buffer_clear(&v->batch);
    weir_status status = weiri_embedded_snapshot_begin(v->e, &snapshot, err);
    if (status != WEIR_OK)
        return status;
    status = weiri_pages_named(&snapshot.pages, "batches", &batches, err);
    if (status == WEIR_OK) {
        weiri_page_cursor_init(&cursor, &snapshot.pages, &batches);
        weiri_embedded_key_write(wanted, v->topic, v->partition, from);
        status = weiri_page_cursor_from(&cursor, (weiri_bytes){ wanted, sizeof wanted }, err);
        if (status == WEIR_OK && !weiri_embedded_at_place(&cursor, v->topic, v->partition, ret_base))
            status = WEIR_NOT_FOUND;
        else if (status == WEIR_CORRUPT && skip_damage(v, &cursor, ret_base) != WEIR_OK)
            *ret_base = UINT64_MAX;
        if (status == WEIR_OK) {
            status = weiri_page_cursor_copy(&cursor, SIZE_MAX, &v->batch, err);
            *ret_base += status == WEIR_CORRUPT; /* the batch is lost, and no other */
        }
        weiri_page_cursor_fini(&cursor);
    }
    weiri_embedded_snapshot_end(&snapshot);
    return status;
}

static void
check_place(verification *v, uint64_t base, const weiri_log_batch_header *header)
{
    if (header->base_offset != base)
        fault(v, base, "the batch says that it begins at %" PRIu64, header->base_offset);
    if (!v->lost && base != v->next) {
        fault(v, v->next, "no batch holds it; the next one begins at %" PRIu64, base);
        weiri_history_damage(&v->history, v->topic, v->next);
    } else if (!v->lost && header->previous_crc != v->crc) {
        fault(v, base, "the batch is chained to checksum %08x, and the one before it has %08x", header->previous_crc, v->crc);
    }
    if (header->first_source <= header->last_source) {
        if (v->sourced && header->first_source < v->last_source)
            fault(v, base, "the batch answers commands from %" PRIu64 " on, after one that went to %" PRIu64, header->first_source,
                v->last_source);
        v->sourced = true;
        v->last_source = header->last_source;
    }
    if (header->next_command > v->parts[v->partition].next_command)
        fault(v, base, "the batch answers commands below %" PRIu64 ", and the log below %" PRIu64, header->next_command,
            v->parts[v->partition].next_command);
}

static weir_status
check_records(verification *v, uint64_t base, const weiri_log_batch_header *header, weir_error *err)
{
    bool answers = v->topic == WEIRI_TOPIC_EVENTS || v->topic == WEIRI_TOPIC_OUTCOMES;

    for (uint32_t i = 0; i < header->count; i++) {
        weiri_record record;
        weiri_bytes bytes;
        if (weiri_log_batch_record(v->batch.data, header, i, &bytes) != WEIR_OK || weiri_record_read(bytes, &record) != WEIR_OK) {
            fault(v, base + i, "the record can't be read, though its batch's checksum is right");
            weiri_history_damage(&v->history, v->topic, base + i);
            continue;
        }
        if (answers && (record.source < header->first_source || record.source > header->last_source))
            fault(v, base + i, "it answers command %" PRIu64 ", and its batch %" PRIu64 " to %" PRIu64, record.source, header->first_source,
                header->last_source);
        weir_status status = weiri_history_record(&v->history, v->topic, base + i, &record, err);
        if (status != WEIR_OK)
            return status;
    }
    v->report.records[v->topic] += header->count;
    return WEIR_OK;
}

static weir_status
check_batch(verification *v, uint64_t base, weir_error *err)
{
    weiri_log_batch_header header;
    weir_error words;

    v->report.batches++;
    v->report.bytes += v->batch.size;
    if (weiri_log_batch_check(weiri_buffer_bytes(&v->batch), v->topic, v->partition, &header, &words) != WEIR_OK) {
        v->report.damaged++;
        fault(v, base, "%s", words.text);
        weiri_history_damage(&v->history, v->topic, base);
        v->lost = true;
        v->next = base + 1;
        return WEIR_OK;
    }
    check_place(v, base, &header);
    weir_status status = check_records(v, base, &header, err);
    v->lost = false;
    v->next = base + header.count;
    v->crc = header.crc;
    return status;
}

/* Pages can't be read: all batches from here to the one that begins at `base`. */
static void
lose_batches(verification *v, uint64_t base, const weir_error *why)
{
    v->report.damaged++;
    fault(v, v->next, "%s", why->text);
    weiri_history_damage(&v->history, v->topic, v->next);
    v->lost = true;
    v->next = base;
}

static weir_status
check_topic(verification *v, weir_error *err)
{
    const weiri_embedded_vector *vector = &v->parts[v->partition];
    uint64_t end = vector->ends[v->topic], base = 0;
    weir_status status = WEIR_OK;

    v->next = 0;
    v->crc = 0;
    v->sourced = false;
    v->lost = false;
    weiri_history_topic(&v->history);
    while (status == WEIR_OK && v->next < end) {
        reach(v);
        status = copy_next(v, v->next, &base, err);
        if (status == WEIR_NOT_FOUND || (status == WEIR_OK && base >= end)) {
            status = WEIR_OK;
            break;
        }
        if (status == WEIR_CORRUPT) {
            lose_batches(v, base, err);
            status = WEIR_OK;
        } else if (status != WEIR_OK) {
            return weiri_embedded_where(err, status, v->topic, v->partition, v->next);
        } else {
            status = check_batch(v, base, err);
        }
    }
    if (status == WEIR_OK && !v->lost && v->next != end)
        fault(v, v->next, "the batches end here, and the log at %" PRIu64, end);
    else if (status == WEIR_OK && !v->lost && v->crc != vector->crcs[v->topic])
        fault(v, v->next, "the last batch has checksum %08x, and %08x was recorded", v->crc, vector->crcs[v->topic]);
    return status;
}

static weir_status
check_partition(verification *v, uint32_t partition, weir_error *err)
{
    const weiri_embedded_vector *vector = &v->parts[partition];
    weir_status status = WEIR_OK;

    if (!v->known[partition])
        return WEIR_OK; /* told already */
    v->partition = partition;
    v->topic = WEIRI_TOPIC_COMMANDS;
    if (!v->e->copy && vector->next_command > vector->ends[WEIRI_TOPIC_COMMANDS]) {
        fault(v, vector->ends[WEIRI_TOPIC_COMMANDS], "the commands end here, and those below %" PRIu64 " are said to be answered",
            vector->next_command);
        return WEIR_OK;
    }
    weiri_history_begin(&v->history, partition, vector->next_command);
    for (unsigned t = 0; status == WEIR_OK && t < WEIRI_TOPICS; t++) {
        v->topic = t;
        status = check_topic(v, err);
    }
    if (status == WEIR_OK)
        weiri_history_end(&v->history);
    v->report.aggregates += v->history.aggregates;
    return status;
}

weir_status
weiri_log_verify(weiri_log *log, void (*found)(void *user, const char *words), void *user, weiri_verify_place *place,
    weiri_verify_report *ret_report, weir_error *err)
{
    uint32_t partitions = log->identity.partitions;
    verification v = { .e = (weiri_embedded *)log, .found = found, .user = user, .place = place };
    char words[128];

    v.history = (weiri_history){ .partitions = partitions, .copy = v.e->copy, .fault = tell, .user = &v };
    v.parts = weiri_allocate(partitions * sizeof *v.parts);
    v.known = weiri_allocate(partitions * sizeof *v.known);
    weir_status status = take_moment(&v, err);
    for (uint32_t p = 0; status == WEIR_OK && p < partitions; p++)
        status = check_partition(&v, p, err);
    if (status == WEIR_OK && v.told == 0 && v.unsound.status != WEIR_OK)
        found(user, v.unsound.text);
    else if (status == WEIR_OK && v.told == 0 && v.report.batches != v.entries) {
        (void)snprintf(
            words, sizeof words, "%" PRIu64 " batches are stored, and %" PRIu64 " belong to the log", v.entries, v.report.batches);
        found(user, words);
    }
    if (status == WEIR_OK)
        *ret_report = v.report;
    weiri_history_fini(&v.history);
    weiri_buffer_fini(&v.batch);
    weiri_release(v.parts);
    weiri_release(v.known);
    return status;
}
