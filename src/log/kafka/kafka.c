/* SPDX-License-Identifier: Apache-2.0
 * The Kafka engine put together: opening (reach, check, identify, copy, follow), what is asked of it in passing, closing. Reading is
 * the local copy's; writing goes to the partition's writer. */
#include <stdio.h>
#include <string.h>
#include "base/assert.h"
#include "base/memory.h"
#include "log/kafka/internal.h"

enum { REACH_MS = 10000 };

/* ---- what is asked in passing ----------------------------------------------------------------------------- */

static uint64_t
read_end(weiri_log *log, weiri_topic topic, uint32_t partition)
{
    return weiri_log_end(((weiri_kafka *)log)->copy, topic, partition);
}

static uint64_t
read_next_command(weiri_log *log, uint32_t partition)
{
    return weiri_log_next_command(((weiri_kafka *)log)->copy, partition);
}

static weir_status
refresh(weiri_log *log, weir_error *err)
{
    return weiri_log_refresh(((weiri_kafka *)log)->copy, err);
}

void
weiri_kafka_refused(weiri_kafka *k, weiri_kafka_refusal what, const char *topic, const char *words)
{
    char *to = k->refused[what];

    weiri_lock_take(&k->lock);
    if (words == NULL)
        to[0] = '\0';
    else
        (void)snprintf(to, sizeof k->refused[what], "%s: %s; the rights that weir needs: weir acl print", topic, words);
    weiri_lock_give(&k->lock);
}

static weir_status
state(weiri_log *log, weir_error *err)
{
    weiri_kafka *k = (weiri_kafka *)log;
    char words[512];

    weir_status status = weiri_log_state(k->copy, err);
    if (status != WEIR_OK)
        return status;
    weiri_lock_take(&k->lock);
    if (k->changed.status != WEIR_OK)
        status = weiri_error_set(err, WEIR_BUSY, "%s", k->changed.text);
    for (int i = 0; i < WEIRI_KAFKA_REFUSALS && status == WEIR_OK; i++) {
        if (k->refused[i][0] != '\0')
            status = weiri_error_set(err, WEIR_BUSY, "%s", k->refused[i]);
    }
    weiri_lock_give(&k->lock);
    if (status != WEIR_OK)
        return status;
    if (!atomic_load(&k->follower.down))
        return WEIR_OK;
    weiri_kafka_client_words(&k->follower, words, sizeof words);
    return weiri_error_set(err, WEIR_BUSY, "no broker of %s can be reached (%s); views go on, commands are taken again when one is back",
        k->config.brokers, words);
}

static weir_status
followed(weiri_log *log, weir_error *err)
{
    weiri_kafka *k = (weiri_kafka *)log;
    weir_status status = WEIR_OK;
    uint32_t behind = 0;

    weiri_lock_take(&k->lock);
    for (uint32_t p = 0; p < k->log.identity.partitions && status == WEIR_OK; p++) {
        behind += !atomic_load(&k->parts[p].followed);
        status = k->parts[p].halted.status;
        if (status != WEIR_OK)
            *err = k->parts[p].halted;
    }
    weiri_lock_give(&k->lock);
    if (status != WEIR_OK || behind == 0)
        return status;
    return weiri_error_set(err, WEIR_BUSY, "the local copy of %" PRIu32 " of %" PRIu32 " partitions has not caught up with the log yet",
        behind, k->log.identity.partitions);
}

static weir_status
read(weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, weiri_chunk *chunk, weir_error *err)
{
    return weiri_log_read(((weiri_kafka *)log)->copy, topic, partition, offset, chunk, err);
}

static weir_status
checksum(weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, uint32_t *ret_checksum, weir_error *err)
{
    return weiri_log_checksum(((weiri_kafka *)log)->copy, topic, partition, offset, ret_checksum, err);
}

static void
metrics(weiri_log *log, weiri_log_metrics *ret_metrics)
{
    weiri_kafka *k = (weiri_kafka *)log;

    weiri_log_metrics_get(k->copy, ret_metrics);
    ret_metrics->shared = (weiri_shared_metrics){
        .commits = atomic_load(&k->commits),
        .records = atomic_load(&k->records),
        .bytes = atomic_load(&k->bytes),
        .commit_us_total = atomic_load(&k->commit_us),
        .fences = atomic_load(&k->fences),
        .reopenings = atomic_load(&k->reopenings),
        .stale_writer = atomic_load(&k->stale),
        .repeats = atomic_load(&k->repeats),
        .foreign = atomic_load(&k->foreign),
        .sending = atomic_load(&k->sent_n),
    };
    weiri_lock_take(&k->lock);
    for (uint32_t p = 0; p < k->log.identity.partitions; p++) {
        ret_metrics->shared.served += k->parts[p].writing == WEIRI_KAFKA_SERVING;
        ret_metrics->shared.lag += atomic_load(&k->parts[p].lag);
        ret_metrics->shared.held += atomic_load(&k->parts[p].held);
        ret_metrics->shared.behind += !atomic_load(&k->parts[p].followed);
        ret_metrics->shared.halted += k->parts[p].halted.status != WEIR_OK;
    }
    weiri_lock_give(&k->lock);
}

/* ---- what lanes ask --------------------------------------------------------------------------------------- */

static void
claim(weiri_log *log, uint32_t partition)
{
    weiri_kafka *k = (weiri_kafka *)log;
    weiri_kafka_part *part = &k->parts[partition];

    weiri_lock_take(&k->lock);
    part->claim = true;
    part->with_lanes = true;
    weiri_lock_give(&k->lock);
    weiri_signal_raise(&part->wake);
}

static void
serve(weiri_log *log, uint32_t partition, uint64_t from_command)
{
    weiri_kafka *k = (weiri_kafka *)log;
    weiri_kafka_part *part = &k->parts[partition];

    weiri_lock_take(&k->lock);
    if (part->writing == WEIRI_KAFKA_SERVING && !part->revoking) {
        part->serve = true;
        part->serve_from = from_command;
    }
    weiri_lock_give(&k->lock);
    weiri_signal_raise(&part->commands_wake);
}

static void
release(weiri_log *log, uint32_t partition)
{
    weiri_kafka *k = (weiri_kafka *)log;
    weiri_kafka_part *part = &k->parts[partition];

    weiri_lock_take(&k->lock);
    part->with_lanes = false;
    part->claim = false;
    part->release = part->writing != WEIRI_KAFKA_NOT_WRITING;
    weiri_lock_give(&k->lock);
    weiri_signal_raise(&part->wake);
    weiri_signal_raise(&k->member_wake);
}

/* ---- life ------------------------------------------------------------------------------------------------- */

static void
stop_threads(weiri_kafka *k)
{
    weiri_kafka_leave(&k->log);
    atomic_store(&k->stopping, true);
    for (uint32_t p = 0; p < k->log.identity.partitions; p++) {
        weiri_signal_raise(&k->parts[p].wake);
        weiri_signal_raise(&k->parts[p].commands_wake);
    }
    for (uint32_t p = 0; p < k->log.identity.partitions; p++) {
        weiri_thread_join(&k->parts[p].commands);
        weiri_thread_join(&k->parts[p].writer);
    }
    weiri_kafka_follower_stop(k);
    weiri_kafka_sender_stop(k);
}

static void
free_part(weiri_kafka_part *part)
{
    weiri_kafka_rule_fini(&part->rule);
    for (unsigned t = 0; t < WEIRI_TOPICS; t++)
        weiri_staged_fini(&part->append.topics[t]);
    weiri_buffer_fini(&part->mark_bytes);
    weiri_kafka_format_fini(&part->format);
    weiri_kafka_format_fini(&part->commands_format);
    weiri_signal_fini(&part->wake);
    weiri_signal_fini(&part->commands_wake);
    weiri_lock_fini(&part->calling);
}

static void
free_config(weiri_kafka *k)
{
    for (size_t i = 0; k->options != NULL && k->options[i] != NULL; i++)
        weiri_release(k->options[i]);
    weiri_release(k->options);
    weiri_release((void *)(uintptr_t)k->config.brokers);
    weiri_release((void *)(uintptr_t)k->config.app);
    weiri_release((void *)(uintptr_t)k->config.module);
    weiri_release((void *)(uintptr_t)k->config.dir);
}

static void
close_log(weiri_log *log)
{
    weiri_kafka *k = (weiri_kafka *)log;

    stop_threads(k);
    weiri_log_close(k->copy); /* finishes the follower's last appends */
    for (int s = 0; s < WEIRI_KAFKA_SIDES; s++) {
        if (k->followed[s] != NULL)
            rd_kafka_topic_destroy(k->followed[s]);
    }
    if (k->counted != NULL)
        rd_kafka_topic_destroy(k->counted);
    weiri_kafka_client_close(&k->follower);
    if (k->commands_topic != NULL)
        rd_kafka_topic_destroy(k->commands_topic);
    weiri_kafka_client_close(&k->commands);
    weiri_kafka_client_close(&k->uncommitted);
    for (uint32_t p = 0; k->parts != NULL && p < k->log.identity.partitions; p++)
        free_part(&k->parts[p]);
    weiri_release(k->parts);
    weiri_kafka_format_fini(&k->follower_format);
    free_config(k);
    weiri_signal_fini(&k->follower_wake);
    weiri_signal_fini(&k->member_wake);
    weiri_signal_fini(&k->log.moved);
    weiri_lock_fini(&k->lock);
    weiri_lock_fini(&k->sending);
    weiri_release(k);
}

static const weiri_log_ops kafka_ops = {
    .append = weiri_kafka_append,
    .end = read_end,
    .next_command = read_next_command,
    .refresh = refresh,
    .state = state,
    .read = read,
    .checksum = checksum,
    .metrics = metrics,
    .close = close_log,
};

static const weiri_shared_ops kafka_shared_ops = {
    .join = weiri_kafka_join,
    .claim = claim,
    .serve = serve,
    .release = release,
    .leave = weiri_kafka_leave,
    .send = weiri_kafka_send,
    .followed = followed,
};

static void
copy_config(weiri_kafka *k, const weiri_kafka_config *config)
{
    size_t n = 0;

    k->config = *config;
    k->config.brokers = weiri_text_copy(config->brokers);
    k->config.app = weiri_text_copy(config->app);
    k->config.module = weiri_text_copy(config->module);
    k->config.dir = weiri_text_copy(config->dir);
    while (config->options != NULL && config->options[n] != NULL)
        n++;
    k->options = weiri_allocate((n + 1) * sizeof *k->options);
    for (size_t i = 0; i < n; i++)
        k->options[i] = weiri_text_copy(config->options[i]);
    k->config.options = (const char *const *)k->options;
    (void)snprintf(k->source, sizeof k->source, "weir/%s", config->app);
    for (unsigned t = 0; t < WEIRI_TOPICS; t++)
        weiri_kafka_topic_name(config->app, t, k->topics[t]);
}

static weir_status
start_parts(weiri_kafka *k, weir_error *err)
{
    for (uint32_t p = 0; p < k->log.identity.partitions; p++) {
        weiri_kafka_part *part = &k->parts[p];
        char name[32];
        part->format = (weiri_kafka_format){ .source = k->source, .schema = k->config.schema, .json = k->config.json };
        part->commands_format = (weiri_kafka_format){ .source = k->source };
        (void)snprintf(name, sizeof name, "writer %u", p);
        if (weiri_thread_start(&part->writer, name, weiri_kafka_writer_run, part) != WEIR_OK)
            return weiri_error_set(err, WEIR_NO_MEMORY, "the writer of partition %u can't be started", p);
        (void)snprintf(name, sizeof name, "commands %u", p);
        if (weiri_thread_start(&part->commands, name, weiri_kafka_commands_run, part) != WEIR_OK)
            return weiri_error_set(err, WEIR_NO_MEMORY, "the reader of commands of partition %u can't be started", p);
    }
    return WEIR_OK;
}

static weir_status
open_copy(weiri_kafka *k, weir_error *err)
{
    const weiri_embedded_config copy = {
        .dir = k->config.dir,
        .module = k->config.module,
        .partitions = k->log.identity.partitions,
        .copy_of = k->log.identity.id,
        .reserve_bytes = k->config.reserve_bytes,
        .world = k->world,
    };

    return weiri_embedded_open(&copy, &k->copy, err);
}

weir_status
weiri_kafka_start(const weiri_kafka_config *config, const weiri_log_identity *identity, weiri_log **ret_log, weir_error *err)
{
    weiri_kafka *k = weiri_allocate(sizeof *k);

    k->log.ops = &kafka_ops;
    k->log.shared = &kafka_shared_ops;
    k->log.identity = *identity;
    k->world = config->world;
    weiri_signal_init(&k->log.moved);
    weiri_signal_init(&k->follower_wake);
    weiri_signal_init(&k->member_wake);
    weiri_lock_init(&k->lock);
    weiri_lock_init(&k->sending);
    copy_config(k, config);
    k->parts = weiri_allocate(identity->partitions * sizeof *k->parts);
    for (uint32_t p = 0; p < identity->partitions; p++) {
        k->parts[p].k = k;
        k->parts[p].number = p;
        weiri_lock_init(&k->parts[p].calling);
        weiri_signal_init(&k->parts[p].wake);
        weiri_signal_init(&k->parts[p].commands_wake);
    }
    weir_status status = open_copy(k, err);
    if (status == WEIR_OK)
        status = weiri_kafka_client_open(&k->follower, WEIRI_KAFKA_FOLLOWER, &k->config, NULL, err);
    if (status == WEIR_OK)
        status = weiri_kafka_client_open(&k->commands, WEIRI_KAFKA_READER, &k->config, NULL, err);
    if (status == WEIR_OK)
        status = weiri_kafka_client_open(&k->uncommitted, WEIRI_KAFKA_LOOKER, &k->config, NULL, err);
    if (status == WEIR_OK)
        status = weiri_kafka_client_topic(&k->commands, k->config.app, WEIRI_TOPIC_COMMANDS, REACH_MS, &k->commands_topic, err);
    if (status == WEIR_OK)
        status = weiri_kafka_follower_start(k, err);
    if (status == WEIR_OK)
        status = weiri_kafka_sender_start(k, err);
    if (status == WEIR_OK)
        status = start_parts(k, err);
    if (status != WEIR_OK) {
        close_log(&k->log);
        return status;
    }
    *ret_log = &k->log;
    return WEIR_OK;
}

static weir_status
check_config(const weiri_kafka_config *config, weir_error *err)
{
    if (config->brokers == NULL || config->brokers[0] == '\0')
        return weiri_error_set(err, WEIR_INVALID, "no brokers were given: HOST:PORT[,HOST:PORT...]");
    if (config->app == NULL || config->app[0] == '\0' || strlen(config->app) > 200)
        return weiri_error_set(err, WEIR_INVALID, "the app, which is the topics' prefix, has 1 to 200 characters");
    if (config->app[strspn(config->app, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] != '\0')
        return weiri_error_set(
            err, WEIR_INVALID, "app '%s': the names of topics consist of letters, digits, '.', '_' and '-'", config->app);
    return WEIR_OK;
}

weir_status
weiri_kafka_check_all(const weiri_kafka_config *config, uint32_t *ret_partitions, weir_error *err)
{
    weiri_kafka_client client = { 0 };
    uint32_t partitions;

    weir_status status = check_config(config, err);
    if (status == WEIR_OK)
        status = weiri_kafka_client_open(&client, WEIRI_KAFKA_EVERYTHING, config, NULL, err);
    if (status == WEIR_OK)
        status = weiri_kafka_client_reach(&client, config->brokers, REACH_MS, config->world, err);
    if (status == WEIR_OK)
        status = weiri_kafka_check(config, &client, &partitions, err);
    weiri_kafka_client_close(&client);
    if (status == WEIR_OK && config->partitions != 0 && config->partitions != partitions)
        status = weiri_error_set(err, WEIR_INVALID, "the log %s has %u partitions and keeps them; %u were asked for", config->app,
            partitions, config->partitions);
    if (status == WEIR_OK)
        *ret_partitions = partitions;
    return status;
}

weir_status
weiri_kafka_open(const weiri_kafka_config *config, weiri_log **ret_log, weir_error *err)
{
    weiri_log_identity identity;
    uint32_t partitions;

    weir_status status = weiri_kafka_check_all(config, &partitions, err);
    if (status == WEIR_OK)
        status = weiri_kafka_identify(config, partitions, &identity, err);
    return status == WEIR_OK ? weiri_kafka_start(config, &identity, ret_log, err) : status;
}
