/* SPDX-License-Identifier: Apache-2.0
 * Makes topics that are missing, and alters settings of those that are there. What needs another number of partitions or replicas, or
 * a person's thought, is left to weiri_kafka_plan's words. */
#include <stdio.h>
#include <stdlib.h>
#include "log/kafka/topics.h"

enum { WORDS = 512 };

static weir_status
create(const weiri_topics_seen *seen, unsigned topic, uint32_t partitions, uint32_t replication, weir_error *err)
{
    char words[WORDS];
    const rd_kafka_topic_result_t **results;
    weir_status status = WEIR_OK;
    size_t n = 0;

    rd_kafka_NewTopic_t *new = rd_kafka_NewTopic_new(
        seen->names[topic], topic == WEIRI_TOPIC_SCHEMAS ? 1 : (int)partitions, (int)replication, words, sizeof words);
    if (new == NULL)
        return weiri_error_set(err, WEIR_INVALID, "topic %s can't be made: %s", seen->names[topic], words);
    for (size_t i = 0; i < weiri_topic_needs_n; i++) {
        if ((unsigned)weiri_topic_needs[i].topic == topic)
            (void)rd_kafka_NewTopic_set_config(new, weiri_topic_needs[i].name, weiri_topic_needs[i].value);
    }
    (void)rd_kafka_NewTopic_set_config(new, "min.insync.replicas", weiri_topic_isr(replication));
    (void)rd_kafka_NewTopic_set_config(new, "unclean.leader.election.enable", "false");
    rd_kafka_queue_t *queue = rd_kafka_queue_new(seen->client->rk);
    rd_kafka_CreateTopics(seen->client->rk, &new, 1, NULL, queue);
    rd_kafka_event_t *event = weiri_topics_answer(queue, "making a topic", err);
    if (event == NULL) {
        status = err->status;
    } else {
        results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
        const rd_kafka_resp_err_t code = n == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR_UNKNOWN;
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            status = weiri_error_set(err, WEIR_IO, "topic %s can't be made: %s", seen->names[topic],
                n == 1 ? rd_kafka_topic_result_error_string(results[0]) : rd_kafka_err2str(code));
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(new);
    return status;
}

/* The need that a setting of the topic doesn't meet; NULL: there is none. */
static const weiri_topic_need *
unmet(const weiri_topics_seen *seen, unsigned topic, const char *name)
{
    for (size_t i = 0; i < weiri_topic_needs_n; i++) {
        if (strcmp(weiri_topic_needs[i].name, name) == 0 && weiri_topic_unmet(seen, topic, &weiri_topic_needs[i]))
            return &weiri_topic_needs[i];
    }
    return NULL;
}

/* The request that librdkafka has replaces all settings of a topic: those that it has are sent again, and what is needed instead of
 * what doesn't do. A setting is named once. */
static weir_status
alter(const weiri_topics_seen *seen, unsigned topic, weir_error *err)
{
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, seen->names[topic]);
    weir_status status = WEIR_OK;
    size_t n = 0;

    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(seen->topics[topic].configs, &n);
    for (size_t i = 0; i < n; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        const weiri_topic_need *need = unmet(seen, topic, name);
        if (need != NULL)
            (void)rd_kafka_ConfigResource_set_config(resource, name, weiri_topic_must(seen, topic, need));
        else if (rd_kafka_ConfigEntry_source(entries[i]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG)
            (void)rd_kafka_ConfigResource_set_config(resource, name, rd_kafka_ConfigEntry_value(entries[i]));
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(seen->client->rk);
    rd_kafka_AlterConfigs(seen->client->rk, &resource, 1, NULL, queue);
    rd_kafka_event_t *event = weiri_topics_answer(queue, "altering a topic", err);
    if (event == NULL) {
        status = err->status;
    } else {
        const rd_kafka_ConfigResource_t **results = rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &n);
        if (n != 1 || rd_kafka_ConfigResource_error(results[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
            status = weiri_error_set(err, WEIR_IO, "topic %s can't be altered: %s", seen->names[topic],
                n == 1 ? rd_kafka_ConfigResource_error_string(results[0]) : "no answer about it");
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy(resource);
    return status;
}

/* Says which settings differ. True if any does. */
static bool
differs(const weiri_topics_seen *seen, unsigned topic, weiri_buffer *words)
{
    weiri_buffer_clear(words);
    for (size_t i = 0; i < weiri_topic_needs_n; i++) {
        const weiri_topic_need *need = &weiri_topic_needs[i];
        if (weiri_topic_unmet(seen, topic, need))
            weiri_buffer_print(words, "%s%s from %s to %s", words->size > 0 ? ", " : "", need->name,
                weiri_topic_value(seen->topics[topic].configs, need->name), weiri_topic_must(seen, topic, need));
    }
    return words->size > 0;
}

static weir_status
apply_topic(const weiri_topics_seen *seen, unsigned topic, const weiri_topic_plan *plan, weiri_topic_found_fn *found, void *user,
    weiri_buffer *words, weir_error *err)
{
    uint32_t partitions, replication;
    char line[WORDS];
    weir_status status;

    weiri_topics_sizes(seen, plan, &partitions, &replication);
    if (!seen->topics[topic].here) {
        status = create(seen, topic, partitions, replication, err);
        (void)snprintf(line, sizeof line, "%s: made with %u partitions and %u replicas", seen->names[topic],
            topic == WEIRI_TOPIC_SCHEMAS ? 1 : partitions, replication);
    } else if (differs(seen, topic, words)) {
        status = alter(seen, topic, err);
        (void)snprintf(line, sizeof line, "%s: set %s", seen->names[topic], weiri_buffer_text(words));
    } else {
        return WEIR_OK;
    }
    if (status == WEIR_OK)
        found(user, line);
    return status;
}

/* What was made is known to every broker a moment later. */
static weir_status
await_topics(const weiri_kafka_config *config, weiri_kafka_client *client, weir_error *err)
{
    const int64_t until = config->world->monotonic_us(config->world) + (int64_t)WEIRI_TOPIC_ASK_MS * 1000;

    for (;;) {
        weiri_topics_seen seen = { 0 };
        weir_status status = weiri_topics_look(&seen, config, client, err);
        bool all = status == WEIR_OK;
        for (unsigned topic = 0; topic < WEIRI_TOPICS; topic++)
            all &= seen.topics[topic].here;
        weiri_topics_fini(&seen);
        if (all)
            return WEIR_OK;
        if (config->world->monotonic_us(config->world) > until)
            return status != WEIR_OK ? status : weiri_error_set(err, WEIR_IO, "the topics were made, and are not seen yet");
        (void)rd_kafka_poll(client->rk, 20);
    }
}

weir_status
weiri_kafka_apply(const weiri_kafka_config *config, const weiri_topic_plan *plan, weiri_topic_found_fn *found, void *user, weir_error *err)
{
    weiri_kafka_client client = { 0 };
    weiri_topics_seen seen = { 0 };
    weiri_buffer words = { 0 };

    weir_status status = weiri_kafka_client_open(&client, WEIRI_KAFKA_EVERYTHING, config, NULL, err);
    if (status == WEIR_OK)
        status = weiri_kafka_client_reach(&client, config->brokers, WEIRI_TOPIC_ASK_MS, config->world, err);
    if (status == WEIR_OK)
        status = weiri_topics_look(&seen, config, &client, err);
    for (unsigned topic = 0; topic < WEIRI_TOPICS && status == WEIR_OK; topic++)
        status = apply_topic(&seen, topic, plan, found, user, &words, err);
    if (status == WEIR_OK)
        status = await_topics(config, &client, err);
    weiri_buffer_fini(&words);
    weiri_topics_fini(&seen);
    weiri_kafka_client_close(&client);
    return status;
}
