/* SPDX-License-Identifier: Apache-2.0
 * What is there of an app's topics, and what must be: shared by checking (topics.c) and applying (topics_apply.c). Thread: one. */
#ifndef WEIRI_KAFKA_TOPICS_H
#define WEIRI_KAFKA_TOPICS_H

#include "log/kafka/client.h"

enum { WEIRI_TOPIC_ASK_MS = 15000, WEIRI_TOPIC_DEFAULT_PARTITIONS = 4, WEIRI_TOPIC_DEFAULT_REPLICATION = 3 };

typedef struct weiri_topic_seen {
    bool here;
    uint32_t partitions, replication;
    const rd_kafka_ConfigResource_t *configs; /* NULL: not told; of weiri_topics_seen.event */
} weiri_topic_seen;

typedef struct weiri_topics_seen {
    const weiri_kafka_config *config;
    weiri_kafka_client *client;
    char names[WEIRI_TOPICS][WEIRI_KAFKA_TOPIC_ROOM];
    weiri_topic_seen topics[WEIRI_TOPICS];
    const rd_kafka_ConfigResource_t *broker;
    uint32_t brokers;
    int32_t a_broker;
    rd_kafka_event_t *event;
} weiri_topics_seen;

/* What one setting of a topic must be. */
typedef struct weiri_topic_need {
    weiri_topic topic;        /* WEIRI_TOPICS: every one */
    const char *name, *value; /* as it is made and mended */
    enum {
        WEIRI_NEED_EQUAL,
        WEIRI_NEED_AT_LEAST,
        WEIRI_NEED_WITHOUT,  /* its value must not be in the list */
        WEIRI_NEED_NO_FEWER, /* replicas in sync, where there are three */
        WEIRI_NEED_NO_MORE,  /* replicas in sync than there are replicas */
        WEIRI_NEED_AT_LEAST_A_MEGABYTE,
    } how;
    const char *why;
    bool weak; /* may be otherwise where allow_weak is given */
} weiri_topic_need;
extern const weiri_topic_need weiri_topic_needs[];
extern const size_t weiri_topic_needs_n;

WEIR_MUST_USE weir_status weiri_topics_look(
    weiri_topics_seen *seen, const weiri_kafka_config *config, weiri_kafka_client *client, weir_error *err);
void weiri_topics_fini(weiri_topics_seen *seen);
/* The value of a setting, NULL: not told. */
const char *weiri_topic_value(const rd_kafka_ConfigResource_t *configs, const char *name);
/* Does it concern the topic, and is it not met? */
bool weiri_topic_unmet(const weiri_topics_seen *seen, unsigned topic, const weiri_topic_need *need);
/* What mends it. */
const char *weiri_topic_must(const weiri_topics_seen *seen, unsigned topic, const weiri_topic_need *need);
/* Waits for the answer to an admin request; NULL, with err, if none comes. */
rd_kafka_event_t *weiri_topics_answer(rd_kafka_queue_t *queue, const char *doing, weir_error *err);
/* How many partitions and replicas: of the plan, of the topics, or the default. */
void weiri_topics_sizes(const weiri_topics_seen *seen, const weiri_topic_plan *plan, uint32_t *ret_partitions, uint32_t *ret_replication);
const char *weiri_topic_isr(uint32_t replication); /* min.insync.replicas that goes with it */

#endif
