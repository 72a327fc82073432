/* SPDX-License-Identifier: Apache-2.0
 * Reading a log without its engine: the same readers as an engine's, over a read-only log. What a lane would know, where an
 * aggregate's last event lies, is found by reading its partition. Thread: one at a time. */
#include "engine/offline.h"
#include "engine/feed.h"
#include "engine/history.h"
#include "engine/history_read.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "log/embedded/embedded.h"
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

struct weiri_offline {
    weiri_log *log;
    weiri_schema *schema; /* NULL without a module */
};

static weir_status
open_offline(const char *dir, const weir_module *module, bool anyway, weiri_offline **ret_offline, weir_error *err)
{
    weiri_embedded_config config = {
        .dir = dir, .module = module != NULL ? module->name : NULL, .read_only = true, .anyway = anyway, .world = &weiri_world_real
    };
    weiri_offline *offline = weiri_allocate(sizeof *offline);
    weiri_problems problems = { 0 };
    weir_status status = WEIR_OK;

    if (module != NULL) {
        weiri_schema_new(module, &offline->schema, &problems);
        status = weiri_problems_status(&problems, err);
    }
    if (status == WEIR_OK)
        status = weiri_embedded_open(&config, &offline->log, err);
    if (status == WEIR_OK && weiri_log_identity_of(offline->log)->partitions > 64)
        status = weiri_error_set(err, WEIR_INVALID, "%s: more than 64 partitions", dir);
    weiri_problems_fini(&problems);
    if (status == WEIR_OK)
        *ret_offline = offline;
    else
        weiri_offline_close(offline);
    return status;
}

weir_status
weiri_offline_open(const char *dir, const weir_module *module, weiri_offline **ret_offline, weir_error *err)
{
    return open_offline(dir, module, false, ret_offline, err);
}

void
weiri_offline_close(weiri_offline *offline)
{
    if (offline == NULL)
        return;
    weiri_log_close(offline->log);
    weiri_schema_free(offline->schema);
    weiri_release(offline);
}

/* ---- verify --------------------------------------------------------------------------------------------- */

typedef struct faults {
    void (*found)(void *user, const char *words);
    void *user;
    uint64_t count;
} faults;

static void
count_fault(void *user, const char *words)
{
    faults *f = user;

    f->count++;
    f->found(f->user, words);
}

void
weiri_offline_verify(const char *dir, void (*found)(void *user, const char *words), void *user, weiri_verify_place *place,
    weiri_reply *reply, uint64_t *ret_faults)
{
    weiri_verify_report report = { 0 };
    faults f = { found, user, 0 };
    weiri_buffer *to = &reply->body;
    weiri_offline *offline = NULL;
    weir_error err;

    weir_status status = open_offline(dir, NULL, true, &offline, &err);
    if (status == WEIR_OK)
        status = weiri_log_verify(offline->log, count_fault, &f, place, &report, &err);
    if (status == WEIR_CORRUPT)
        count_fault(&f, err.text); /* nothing more can be read */
    *ret_faults = f.count;
    if (status != WEIR_OK && status != WEIR_CORRUPT) {
        weiri_reply_error(reply, "", &err);
        weiri_offline_close(offline);
        return;
    }
    weiri_buffer_add_char(to, '{');
    if (status == WEIR_OK) {
        weiri_identity_write(to, weiri_log_identity_of(offline->log));
        weiri_member_number(to, "batches", report.batches);
        weiri_member_number(to, "bytes", report.bytes);
        for (weiri_topic t = 0; t < WEIRI_TOPICS; t++)
            weiri_member_number(to, weiri_topic_name(t), report.records[t]);
        weiri_member_number(to, "aggregates", report.aggregates);
    }
    weiri_member_number(to, "faults", f.count);
    weiri_buffer_add_char(to, '}');
    weiri_reply_json(reply);
    weiri_offline_close(offline);
}

/* ---- events and aggregates --------------------------------------------------------------------------------- */

void
weiri_offline_events(weiri_offline *offline, const char *types, const char *after, uint64_t limit, weiri_reply *reply)
{
    weir_error err;

    if (weiri_log_refresh(offline->log, &err) != WEIR_OK)
        weiri_reply_error(reply, "", &err);
    else
        weiri_feed_read(offline->log, offline->schema, types, after, limit, reply);
}

/* Finds the last event of `of`, by reading its whole partition. of->version stays 0 if there is none. */
static weir_status
find_last(weiri_past_of *of, weir_error *err)
{
    weiri_chunk chunk = { 0 };
    weiri_record record;
    weir_status status = WEIR_OK;
    uint64_t at = 0, offset, end = weiri_log_end(of->log, WEIRI_TOPIC_EVENTS, of->partition);

    while (status == WEIR_OK && at < end) {
        status = weiri_log_read(of->log, WEIRI_TOPIC_EVENTS, of->partition, at, &chunk, err);
        while (status == WEIR_OK && weiri_chunk_next(&chunk, &record, &offset, &status)) {
            if (status != WEIR_OK) {
                (void)weiri_error_set(
                    err, status, "events, partition %" PRIu32 ": an unreadable record at offset %" PRIu64, of->partition, offset);
                break;
            }
            if (record.kind != WEIRI_RECORD_EVENT || !weiri_bytes_are(record.key, of->key) ||
                !weiri_bytes_are(record.aggregate, of->aggregate))
                continue;
            of->version = record.version;
            of->offset = offset;
        }
        at = chunk.next_offset;
    }
    weiri_chunk_fini(&chunk);
    return status;
}

static weir_status
locate(weiri_offline *offline, const char *aggregate, const char *key, weiri_history_of *of, weir_error *err)
{
    weir_status status = weiri_log_refresh(offline->log, err);

    if (status == WEIR_OK && offline->schema != NULL)
        status = weiri_find_aggregate(offline->schema, aggregate, key, &of->aggregate, err);
    if (status == WEIR_OK && !weiri_key_valid(weiri_bytes_of(key)))
        status = weiri_error_set(err, WEIR_INVALID, "the key must be 1-255 bytes of UTF-8 without control characters");
    if (status != WEIR_OK)
        return status;
    of->schema = offline->schema;
    of->past = (weiri_past_of){ .log = offline->log, .aggregate = aggregate, .key = key };
    of->past.partition = weiri_partition_of(weiri_bytes_of(key), weiri_log_identity_of(offline->log)->partitions);
    status = find_last(&of->past, err);
    if (status == WEIR_OK && of->past.version == 0)
        status = weiri_error_set(err, WEIR_NOT_FOUND, WEIRI_NO_EVENTS_OF, aggregate, key);
    return status;
}

void
weiri_offline_state(weiri_offline *offline, const char *aggregate, const char *key, uint64_t at_version, weiri_reply *reply)
{
    weiri_finder finder = { 0 };
    weiri_history_of of = { 0 };
    weir_error err;

    weir_status status = offline->schema != NULL ? locate(offline, aggregate, key, &of, &err)
                                                 : weiri_error_set(&err, WEIR_INVALID,
                                                       "a state is made by the module's rules: name the module (its history needs none)");
    if (status == WEIR_OK)
        status = weiri_history_read_state(&of, &finder, at_version > 0 ? at_version : of.past.version, reply, &err);
    if (status != WEIR_OK)
        weiri_reply_error(reply, "", &err);
    weiri_finder_fini(&finder);
}

void
weiri_offline_history(weiri_offline *offline, const weiri_history_call *call, weiri_reply *reply)
{
    weiri_page page = { call->after, call->limit, call->oldest_first, call->states };
    weiri_finder finder = { 0 };
    weiri_history_of of = { 0 };
    weir_error err;

    weir_status status = locate(offline, call->aggregate, call->key, &of, &err);
    if (status == WEIR_OK)
        status = weiri_history_read_page(&of, &finder, &page, reply, &err);
    if (status != WEIR_OK)
        weiri_reply_error(reply, "", &err);
    weiri_finder_fini(&finder);
}

/* ---- views ---------------------------------------------------------------------------------------------- */

/* VIEW-VERSION.db; while a view is being rebuilt there are two, and the one written last is taken. */
static char *
newest_file(const char *dir, const char *view)
{
    char pattern[4096];
    struct timespec newest = { 0, 0 };
    char *path = NULL;
    glob_t files = { 0 };

    (void)snprintf(pattern, sizeof pattern, "%s/views/%s-*.db", dir, view);
    (void)glob(pattern, 0, NULL, &files);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        struct stat about;
        if (stat(files.gl_pathv[i], &about) != 0)
            continue;
        if (path != NULL &&
            (about.st_mtim.tv_sec < newest.tv_sec || (about.st_mtim.tv_sec == newest.tv_sec && about.st_mtim.tv_nsec < newest.tv_nsec)))
            continue;
        newest = about.st_mtim;
        weiri_release(path);
        path = weiri_text_copy(files.gl_pathv[i]);
    }
    globfree(&files);
    return path;
}

static bool
name_is_plain(const char *view)
{
    return view[0] != '\0' && strspn(view, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(view);
}

void
weiri_offline_view_dump(const char *dir, const char *view, weiri_reply *reply)
{
    char *path = name_is_plain(view) ? newest_file(dir, view) : NULL;
    weir_error err;

    if (path == NULL) {
        (void)weiri_error_set(&err, WEIR_NOT_FOUND, "there is no view '%s' in %s/views", view, dir);
        weiri_reply_error(reply, "", &err);
        return;
    }
    if (weiri_view_file_dump(path, &reply->body, &err) != WEIR_OK)
        weiri_reply_error(reply, "", &err);
    else {
        reply->http = 200;
        reply->content_type = "text/plain; charset=utf-8";
    }
    weiri_release(path);
}
