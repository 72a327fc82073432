/* SPDX-License-Identifier: Apache-2.0
 * See versions.h: the embedded engine's half, and what both share. A version is a record of the engine's own type; the append carries
 * no answers, so to the lane of partition 0 it is as if it weren't there. */
#include "log/versions.h"
#include <inttypes.h>
#include <stdio.h>
#include "base/memory.h"

void
weiri_versions_add(weiri_versions *versions, weiri_bytes text)
{
    if (versions->n == versions->room) {
        versions->room = versions->room == 0 ? 8 : 2 * versions->room;
        versions->list = weiri_reallocate(versions->list, versions->room * sizeof *versions->list);
    }
    versions->list[versions->n++] = (weiri_bytes){ weiri_arena_text(&versions->arena, text), text.size };
}

void
weiri_versions_clear(weiri_versions *versions)
{
    weiri_arena_reset(&versions->arena);
    versions->n = 0;
}

void
weiri_versions_fini(weiri_versions *versions)
{
    weiri_release(versions->list);
    weiri_arena_fini(&versions->arena);
    *versions = (weiri_versions){ 0 };
}

weir_status
weiri_versions_keep(void *user, const weiri_versions *versions, weiri_buffer *add, weir_error *err)
{
    (void)add;
    (void)err;
    weiri_versions_clear(user);
    for (size_t i = 0; i < versions->n; i++)
        weiri_versions_add(user, versions->list[i]);
    return WEIR_OK;
}

weir_status
weiri_version_check_size(weiri_bytes text, weir_error *err)
{
    if (text.size <= WEIRI_MESSAGE_MOST)
        return WEIR_OK;
    return weiri_error_set(err, WEIR_INVALID, "what the module's messages look like takes %zu bytes, and a record of the log at most %d",
        text.size, WEIRI_MESSAGE_MOST);
}

static weir_status
read_all(weiri_log *log, weiri_versions *versions, weir_error *err)
{
    const uint64_t end = weiri_log_end(log, WEIRI_TOPIC_SCHEMAS, 0);
    weiri_chunk chunk = { 0 };
    weiri_record record;
    weir_status status = WEIR_OK;
    uint64_t at = 0, offset;

    while (status == WEIR_OK && at < end) {
        status = weiri_log_read(log, WEIRI_TOPIC_SCHEMAS, 0, at, &chunk, err);
        while (status == WEIR_OK && weiri_chunk_next(&chunk, &record, &offset, &status)) {
            if (status != WEIR_OK)
                weiri_error_set(err, status, "schemas, partition 0: an unreadable record at offset %" PRIu64, offset);
            else if (weiri_bytes_are(record.type, WEIRI_VERSION_TYPE))
                weiri_versions_add(versions, record.payload);
        }
        at = chunk.next_offset;
    }
    weiri_chunk_fini(&chunk);
    return status;
}

/* ---- appending ---------------------------------------------------------------------------------------- */

static void
done(weiri_append *append, weir_status status)
{
    atomic_store((_Atomic int *)append->user, (int)status + 1); /* the last thing that is done with it */
}

static weir_status
append_version(weiri_log *log, const weiri_world *world, size_t number, weiri_bytes text, weir_error *err)
{
    _Atomic int answer = 0;
    char key[24];
    weiri_append append = {
        .base[WEIRI_TOPIC_SCHEMAS] = weiri_log_end(log, WEIRI_TOPIC_SCHEMAS, 0),
        .first_source = 1, /* above the last: it answers nothing */
        .next_command = weiri_log_next_command(log, 0),
        .time_ms = world->time_ms(world),
        .done = done,
        .user = &answer,
    };

    (void)snprintf(key, sizeof key, "%zu", number);
    const weiri_record record = {
        .kind = WEIRI_RECORD_EVENT,
        .flags = WEIRI_RECORD_JSON,
        .time_ms = append.time_ms,
        .type = weiri_bytes_of(WEIRI_VERSION_TYPE),
        .key = weiri_bytes_of(key),
        .payload = text,
    };
    /* The reserve is for what must be written all the same, and this is once a version: reading starts on a full disk too. */
    weir_status status = weiri_log_state(log, err);
    if (status != WEIR_OK && status != WEIR_BUSY)
        return status;
    weiri_staged_add(&append.topics[WEIRI_TOPIC_SCHEMAS], &record);
    weiri_log_append(log, &append);
    while (atomic_load(&answer) == 0)
        (void)weiri_signal_wait(weiri_log_moved(log), weiri_signal_count(weiri_log_moved(log)), 5);
    status = (weir_status)(atomic_load(&answer) - 1);
    weiri_staged_fini(&append.topics[WEIRI_TOPIC_SCHEMAS]);
    if (status == WEIR_OK)
        return WEIR_OK;
    if (weiri_log_state(log, err) == WEIR_OK) /* else it says why */
        (void)weiri_error_set(err, status, "the log has not taken them");
    (void)weiri_error_prefix(err, "the module's messages could not be recorded");
    return err->status = status;
}

weir_status
weiri_log_versions(weiri_log *log, const weiri_world *world, weiri_versions_fn *decide, void *user, bool *ret_added, weir_error *err)
{
    weiri_versions versions = { 0 };
    weiri_buffer add = { 0 };

    weir_status status = read_all(log, &versions, err);
    if (status == WEIR_OK)
        status = decide(user, &versions, &add, err);
    if (status == WEIR_OK && add.size > 0)
        status = weiri_version_check_size(weiri_buffer_bytes(&add), err);
    if (status == WEIR_OK && add.size > 0)
        status = append_version(log, world, versions.n + 1, weiri_buffer_bytes(&add), err);
    if (status == WEIR_OK && ret_added != NULL)
        *ret_added = add.size > 0;
    weiri_versions_fini(&versions);
    weiri_buffer_fini(&add);
    return status;
}
