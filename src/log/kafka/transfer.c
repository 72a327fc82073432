/* SPDX-License-Identifier: Apache-2.0
 * Copying an embedded log into empty topics, in the order in which it can be interrupted anywhere: a note that a copy is begun,
 * commands, events and outcomes, a look at all ends, the log's identity. Thread: the caller's. */
#include "log/kafka/transfer.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { ASK_MS = 10000 };

void
weiri_transfer_tell(weiri_transfer *t, const char *format, ...)
{
    char words[512];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    t->told(t->user, words);
}

/* Topics of which nobody has noted that a copy was begun must hold nothing. */
static weir_status
check_empty(const weiri_kafka_config *config, uint32_t partitions, weir_error *err)
{
    weiri_kafka_client client = { 0 };
    char name[WEIRI_KAFKA_TOPIC_ROOM];
    int64_t low = 0, high = 0;

    weir_status status = weiri_kafka_client_open(&client, WEIRI_KAFKA_READER, config, NULL, err);
    for (unsigned topic = WEIRI_TOPIC_COMMANDS; topic <= WEIRI_TOPIC_OUTCOMES; topic++) {
        weiri_kafka_topic_name(config->app, topic, name);
        for (uint32_t p = 0; p < partitions && status == WEIR_OK; p++) {
            const rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(client.rk, name, (int32_t)p, &low, &high, ASK_MS);
            if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
                status = weiri_error_set(
                    err, WEIR_IO, "%s, partition %u doesn't tell how far it goes: %s", name, p, rd_kafka_err2str(code));
            else if (high > 0)
                status = weiri_error_set(err, WEIR_INVALID,
                    "%s, partition %u is not empty (it ends at offset %" PRId64 "), and no copy of this log was begun there", name, p,
                    high);
        }
    }
    weiri_kafka_client_close(&client);
    return status;
}

static weir_status
begin(weiri_transfer *t, weir_error *err)
{
    weiri_kafka_copy_state state;
    uint32_t partitions;

    weir_status status = weiri_kafka_check_all(t->config, &partitions, err);
    if (status == WEIR_OK && partitions != t->identity->partitions)
        status = weiri_error_set(err, WEIR_INVALID,
            "the log has %u partitions, and the topics of app '%s' have %u: keys would go to other partitions; make the topics with "
            "`weir topics apply --partitions %u`",
            t->identity->partitions, t->config->app, partitions, t->identity->partitions);
    if (status == WEIR_OK)
        status = weiri_kafka_copy_look(t->config, t->identity, &state, err);
    if (status != WEIR_OK)
        return status;
    t->report.was_done = state == WEIRI_KAFKA_COPY_DONE;
    if (state != WEIRI_KAFKA_COPY_NONE) {
        weiri_transfer_tell(t, t->report.was_done ? "the copy is whole already" : "a copy was begun; it goes on");
        return WEIR_OK;
    }
    status = check_empty(t->config, partitions, err);
    return status == WEIR_OK ? weiri_kafka_copy_note(t->config, t->identity, WEIRI_KAFKA_COPY_BEGUN, err) : status;
}

static weir_status
check_ends(const weiri_transfer *t, weiri_log *to, weir_error *err)
{
    for (uint32_t p = 0; p < t->identity->partitions; p++) {
        for (unsigned topic = WEIRI_TOPIC_EVENTS; topic <= WEIRI_TOPIC_OUTCOMES; topic++) {
            const uint64_t wanted = weiri_log_end(t->from, topic, p), got = weiri_log_end(to, topic, p);
            if (wanted != got)
                return weiri_error_set(err, WEIR_CORRUPT, "%s, partition %u: the log has %" PRIu64 " records, and its copy %" PRIu64,
                    weiri_topic_name(topic), p, wanted, got);
        }
        if (weiri_log_next_command(t->from, p) != weiri_log_next_command(to, p))
            return weiri_error_set(err, WEIR_CORRUPT,
                "partition %u: the log has answered commands below %" PRIu64 ", and its copy those below %" PRIu64, p,
                weiri_log_next_command(t->from, p), weiri_log_next_command(to, p));
    }
    return WEIR_OK;
}

static weir_status
next_version(void *user, const weiri_versions *versions, weiri_buffer *add, weir_error *err)
{
    const weiri_versions *from = user;

    (void)err;
    if (versions->n < from->n)
        weiri_buffer_add_bytes(add, from->list[versions->n]);
    return WEIR_OK;
}

/* The versions of the module that wrote the log, those that aren't there yet. */
static weir_status
copy_versions(weiri_transfer *t, weir_error *err)
{
    weiri_versions from = { 0 };
    bool more = true;

    weir_status status = weiri_log_versions(t->from, t->config->world, weiri_versions_keep, &from, NULL, err);
    while (status == WEIR_OK && more)
        status = weiri_kafka_versions(t->config, next_version, &from, &more, err);
    weiri_versions_fini(&from);
    return status;
}

static weir_status
copy_all(weiri_transfer *t, weir_error *err)
{
    weiri_log *to = NULL;

    weir_status status = weiri_transfer_commands(t, err);
    if (status == WEIR_OK)
        status = weiri_kafka_start(t->config, t->identity, &to, err);
    if (status == WEIR_OK)
        status = weiri_transfer_records(t, to, err);
    if (status == WEIR_OK)
        status = check_ends(t, to, err);
    weiri_log_close(to);
    if (status == WEIR_OK)
        status = copy_versions(t, err);
    return status == WEIR_OK ? weiri_kafka_copy_note(t->config, t->identity, WEIRI_KAFKA_COPY_DONE, err) : status;
}

weir_status
weiri_kafka_transfer(const weiri_kafka_config *config, weiri_log *from, weiri_transfer_told_fn *told, void *user,
    weiri_transfer_report *ret_report, weir_error *err)
{
    weiri_transfer t = { .config = config, .identity = weiri_log_identity_of(from), .from = from, .told = told, .user = user };

    for (uint32_t p = 0; p < t.identity->partitions; p++) {
        t.report.commands += weiri_log_end(from, WEIRI_TOPIC_COMMANDS, p);
        t.report.events += weiri_log_end(from, WEIRI_TOPIC_EVENTS, p);
        t.report.outcomes += weiri_log_end(from, WEIRI_TOPIC_OUTCOMES, p);
    }
    weir_status status = begin(&t, err);
    if (status == WEIR_OK && !t.report.was_done)
        status = copy_all(&t, err);
    if (status == WEIR_OK)
        *ret_report = t.report;
    return status;
}
