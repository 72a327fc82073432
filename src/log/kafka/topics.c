/* SPDX-License-Identifier: Apache-2.0
 * The app's topics looked at: what is there, what must be, and the command of Kafka's own tools that mends each difference. */
#include <stdio.h>
#include <stdlib.h>
#include "base/text.h"
#include "log/kafka/internal.h"
#include "log/kafka/topics.h"

enum { WORDS = 1024 };
#define NEVER_GONE "what is in it is the truth, and must never be deleted"
#define COMMANDS_LAST "14 days are what lanes may be away without losing commands"

const weiri_topic_need weiri_topic_needs[] = {
    { WEIRI_TOPIC_EVENTS, "cleanup.policy", "delete", WEIRI_NEED_WITHOUT, NEVER_GONE, false },
    { WEIRI_TOPIC_EVENTS, "retention.ms", "-1", WEIRI_NEED_EQUAL, NEVER_GONE, false },
    { WEIRI_TOPIC_EVENTS, "retention.bytes", "-1", WEIRI_NEED_EQUAL, NEVER_GONE, false },
    { WEIRI_TOPIC_OUTCOMES, "cleanup.policy", "delete", WEIRI_NEED_WITHOUT, NEVER_GONE, false },
    { WEIRI_TOPIC_OUTCOMES, "retention.ms", "-1", WEIRI_NEED_EQUAL, NEVER_GONE, false },
    { WEIRI_TOPIC_OUTCOMES, "retention.bytes", "-1", WEIRI_NEED_EQUAL, NEVER_GONE, false },
    { WEIRI_TOPIC_COMMANDS, "cleanup.policy", "delete", WEIRI_NEED_WITHOUT, "commands of one key are all different", false },
    { WEIRI_TOPIC_COMMANDS, "retention.ms", "1209600000", WEIRI_NEED_AT_LEAST, COMMANDS_LAST, false },
    { WEIRI_TOPIC_COMMANDS, "retention.bytes", "-1", WEIRI_NEED_EQUAL, COMMANDS_LAST, false },
    { WEIRI_TOPIC_COMMANDS, "message.timestamp.type", "LogAppendTime", WEIRI_NEED_EQUAL, "lane time is never a client's clock", false },
    { WEIRI_TOPIC_DEAD_LETTERS, "cleanup.policy", "delete", WEIRI_NEED_WITHOUT, "letters of one key are all different", false },
    { WEIRI_TOPIC_SCHEMAS, "cleanup.policy", "compact", WEIRI_NEED_EQUAL, "the log's identity must never be deleted", false },
    { WEIRI_TOPICS, "max.message.bytes", "1048588", WEIRI_NEED_AT_LEAST_A_MEGABYTE, "a message has up to 900 KB", false },
    { WEIRI_TOPICS, "min.insync.replicas", NULL, WEIRI_NEED_NO_MORE, "with fewer replicas than that nothing can be written", false },
    { WEIRI_TOPICS, "min.insync.replicas", NULL, WEIRI_NEED_NO_FEWER,
        "one broker alone must not acknowledge; --allow-weak-cluster for trying out", true },
    { WEIRI_TOPICS, "unclean.leader.election.enable", "false", WEIRI_NEED_EQUAL, "a broker that lacks records must not become leader",
        true },
};
const size_t weiri_topic_needs_n = sizeof weiri_topic_needs / sizeof weiri_topic_needs[0];

/* ---- looking ---------------------------------------------------------------------------------------------- */

static weir_status
look_at_metadata(weiri_topics_seen *seen, weir_error *err)
{
    const struct rd_kafka_metadata *metadata;
    const rd_kafka_resp_err_t code = rd_kafka_metadata(seen->client->rk, 1, NULL, &metadata, WEIRI_TOPIC_ASK_MS);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return weiri_error_set(err, WEIR_IO, "asking for the topics: %s", rd_kafka_err2str(code));
    seen->brokers = (uint32_t)metadata->broker_cnt;
    seen->a_broker = metadata->broker_cnt > 0 ? metadata->brokers[0].id : -1;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *t = &metadata->topics[i];
        for (unsigned topic = 0; topic < WEIRI_TOPICS; topic++) {
            if (strcmp(t->topic, seen->names[topic]) != 0 || t->partition_cnt == 0)
                continue;
            seen->topics[topic].here = true;
            seen->topics[topic].partitions = (uint32_t)t->partition_cnt;
            seen->topics[topic].replication = (uint32_t)t->partitions[0].replica_cnt;
        }
    }
    rd_kafka_metadata_destroy(metadata);
    return WEIR_OK;
}

rd_kafka_event_t *
weiri_topics_answer(rd_kafka_queue_t *queue, const char *doing, weir_error *err)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WEIRI_TOPIC_ASK_MS);

    if (event == NULL) {
        (void)weiri_error_set(err, WEIR_IO, "%s: no answer in time", doing);
    } else if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)weiri_error_set(err, WEIR_IO, "%s: %s", doing, rd_kafka_event_error_string(event));
        rd_kafka_event_destroy(event);
        event = NULL;
    }
    return event;
}

/* Sorts the answer by topic. */
static weir_status
take_configs(weiri_topics_seen *seen, weir_error *err)
{
    size_t n = 0;
    const rd_kafka_ConfigResource_t **found = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(seen->event), &n);

    for (size_t i = 0; i < n; i++) {
        const char *name = rd_kafka_ConfigResource_name(found[i]);
        const bool broker = rd_kafka_ConfigResource_type(found[i]) == RD_KAFKA_RESOURCE_BROKER;
        const rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(found[i]);
        if (broker) { /* who may not see it goes by the default */
            seen->broker = code == RD_KAFKA_RESP_ERR_NO_ERROR ? found[i] : NULL;
            continue;
        }
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            return weiri_error_set(err, WEIR_IO, "the configuration of topic %s: %s", name, rd_kafka_ConfigResource_error_string(found[i]));
        for (unsigned topic = 0; topic < WEIRI_TOPICS; topic++) {
            if (strcmp(name, seen->names[topic]) == 0)
                seen->topics[topic].configs = found[i];
        }
    }
    return WEIR_OK;
}

/* Topics first; the broker's own configuration is another request, since not everybody may see it. */
static weir_status
look_at_configs(weiri_topics_seen *seen, weir_error *err)
{
    rd_kafka_ConfigResource_t *wanted[WEIRI_TOPICS + 1];
    char id[16];
    size_t n = 0;

    for (unsigned topic = 0; topic < WEIRI_TOPICS; topic++) {
        if (seen->topics[topic].here)
            wanted[n++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, seen->names[topic]);
    }
    if (n == 0)
        return WEIR_OK;
    (void)snprintf(id, sizeof id, "%d", seen->a_broker);
    wanted[n++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, id);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(seen->client->rk);
    rd_kafka_DescribeConfigs(seen->client->rk, wanted, n, NULL, queue);
    seen->event = weiri_topics_answer(queue, "asking for the topics' configurations", err);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy_array(wanted, n);
    return seen->event == NULL ? err->status : take_configs(seen, err);
}

weir_status
weiri_topics_look(weiri_topics_seen *seen, const weiri_kafka_config *config, weiri_kafka_client *client, weir_error *err)
{
    *seen = (weiri_topics_seen){ .config = config, .client = client };
    for (unsigned topic = 0; topic < WEIRI_TOPICS; topic++)
        weiri_kafka_topic_name(config->app, topic, seen->names[topic]);
    weir_status status = look_at_metadata(seen, err);
    return status == WEIR_OK ? look_at_configs(seen, err) : status;
}

void
weiri_topics_fini(weiri_topics_seen *seen)
{
    if (seen->event != NULL)
        rd_kafka_event_destroy(seen->event);
    seen->event = NULL;
}

const char *
weiri_topic_value(const rd_kafka_ConfigResource_t *configs, const char *name)
{
    size_t n = 0;
    const rd_kafka_ConfigEntry_t **entries = configs == NULL ? NULL : rd_kafka_ConfigResource_configs(configs, &n);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0)
            return rd_kafka_ConfigEntry_value(entries[i]);
    }
    return NULL;
}

bool
weiri_topic_unmet(const weiri_topics_seen *seen, unsigned topic, const weiri_topic_need *need)
{
    const weiri_topic_seen *t = &seen->topics[topic];
    const char *value = weiri_topic_value(t->configs, need->name);

    if (((unsigned)need->topic != topic && need->topic != WEIRI_TOPICS) || (need->weak && seen->config->allow_weak) || value == NULL)
        return false; /* not told: not unmet */
    const long long number = strtoll(value, NULL, 10);
    switch (need->how) {
    case WEIRI_NEED_EQUAL:
        return strcmp(value, need->value) != 0;
    case WEIRI_NEED_AT_LEAST:
        return strcmp(value, "-1") != 0 && number < strtoll(need->value, NULL, 10);
    case WEIRI_NEED_WITHOUT:
        return strstr(value, "compact") != NULL;
    case WEIRI_NEED_NO_FEWER:
        return t->replication >= 3 && number < 2; /* fewer than three are told of themselves */
    case WEIRI_NEED_NO_MORE:
        return number > (long long)t->replication;
    case WEIRI_NEED_AT_LEAST_A_MEGABYTE:
        return number < 1000000;
    }
    return false;
}

const char *
weiri_topic_must(const weiri_topics_seen *seen, unsigned topic, const weiri_topic_need *need)
{
    return need->value != NULL ? need->value : weiri_topic_isr(seen->topics[topic].replication);
}

/* What most topics have: to one of them alone partitions may have been added. Of two as frequent, the smaller. 0: there are none. */
static uint32_t
most_partitions(const weiri_topics_seen *seen)
{
    uint32_t best = 0;
    unsigned most = 0;

    for (unsigned topic = 0; topic < WEIRI_TOPICS; topic++) {
        const uint32_t partitions = topic != WEIRI_TOPIC_SCHEMAS && seen->topics[topic].here ? seen->topics[topic].partitions : 0;
        unsigned n = 0;
        for (unsigned other = 0; other < WEIRI_TOPICS; other++)
            n += other != WEIRI_TOPIC_SCHEMAS && seen->topics[other].here && seen->topics[other].partitions == partitions;
        if (n > most || (n == most && n > 0 && partitions < best)) {
            best = partitions;
            most = n;
        }
    }
    return best;
}

void
weiri_topics_sizes(const weiri_topics_seen *seen, const weiri_topic_plan *plan, uint32_t *ret_partitions, uint32_t *ret_replication)
{
    uint32_t partitions = plan == NULL ? 0 : plan->partitions, replication = plan == NULL ? 0 : plan->replication;

    if (partitions == 0)
        partitions = most_partitions(seen);
    if (replication == 0)
        replication = seen->brokers < WEIRI_TOPIC_DEFAULT_REPLICATION ? seen->brokers : WEIRI_TOPIC_DEFAULT_REPLICATION;
    *ret_partitions = partitions == 0 ? WEIRI_TOPIC_DEFAULT_PARTITIONS : partitions;
    *ret_replication = replication;
}

const char *
weiri_topic_isr(uint32_t replication)
{
    return replication >= 3 ? "2" : "1";
}

/* ---- differences ------------------------------------------------------------------------------------------ */

typedef struct telling {
    const weiri_topics_seen *seen;
    weiri_topic_found_fn *found;
    void *user;
    uint32_t partitions, replication;
} telling;

static void tell(const telling *t, const char *format, ...) WEIR_PRINTF(2, 3);

static void
tell(const telling *t, const char *format, ...)
{
    char words[WORDS];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    t->found(t->user, words);
}

static void
tell_config(const telling *t, unsigned topic, const char *name, const char *is, const char *must, const char *why)
{
    tell(t,
        "%s: %s is %s, must be %s (%s): kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name %s --add-config "
        "%s=%s",
        t->seen->names[topic], name, is, must, why, t->seen->config->brokers, t->seen->names[topic], name, must);
}

static void
tell_missing(const telling *t, unsigned topic)
{
    char configs[512] = "";

    for (size_t i = 0; i < weiri_topic_needs_n; i++) {
        const weiri_topic_need *need = &weiri_topic_needs[i];
        const size_t at = strlen(configs);
        if ((unsigned)need->topic == topic)
            (void)snprintf(configs + at, sizeof configs - at, " --config %s=%s", need->name, need->value);
    }
    tell(t,
        "%s: there is no such topic: weir topics apply, or kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions %u "
        "--replication-factor %u%s --config min.insync.replicas=%s",
        t->seen->names[topic], t->seen->config->brokers, t->seen->names[topic], topic == WEIRI_TOPIC_SCHEMAS ? 1 : t->partitions,
        t->replication, configs, weiri_topic_isr(t->replication));
}

/* What holds for every topic, and may be weak where that was allowed. */
static void
tell_strength(const telling *t, unsigned topic)
{
    const weiri_topic_seen *seen = &t->seen->topics[topic];

    if (!t->seen->config->allow_weak && seen->replication < 3)
        tell(t,
            "%s: it has %u replica%s, and needs 3, so that no broker's loss loses what was acknowledged: kafka-reassign-partitions.sh, or "
            "make it anew; --allow-weak-cluster for trying out",
            t->seen->names[topic], seen->replication, seen->replication == 1 ? "" : "s");
}

static void
tell_topic(const telling *t, unsigned topic)
{
    const weiri_topic_seen *seen = &t->seen->topics[topic];

    if (!seen->here) {
        tell_missing(t, topic);
        return;
    }
    if (topic != WEIRI_TOPIC_SCHEMAS && seen->partitions != t->partitions)
        tell(t,
            "%s: it has %u partitions, must have %u, as the others: a key's records would not meet. Partitions can't be taken away: if "
            "nothing was written yet, kafka-topics.sh --bootstrap-server %s --delete --topic %s, then weir topics apply",
            t->seen->names[topic], seen->partitions, t->partitions, t->seen->config->brokers, t->seen->names[topic]);
    for (size_t i = 0; i < weiri_topic_needs_n; i++) {
        const weiri_topic_need *need = &weiri_topic_needs[i];
        if (weiri_topic_unmet(t->seen, topic, need))
            tell_config(
                t, topic, need->name, weiri_topic_value(seen->configs, need->name), weiri_topic_must(t->seen, topic, need), need->why);
    }
    tell_strength(t, topic);
}

static void
tell_all(const weiri_topics_seen *seen, const weiri_topic_plan *plan, weiri_topic_found_fn *found, void *user)
{
    telling t = { seen, found, user, 0, 0 };
    const char *verification = weiri_topic_value(seen->broker, "transaction.partition.verification.enable");

    weiri_topics_sizes(seen, plan, &t.partitions, &t.replication);
    for (unsigned topic = 0; topic < WEIRI_TOPICS; topic++)
        tell_topic(&t, topic);
    if (verification != NULL && strcmp(verification, "false") == 0)
        tell(&t,
            "brokers: transaction.partition.verification.enable is false, must be true (late records of an aborted transaction would be "
            "taken into the next): kafka-configs.sh --bootstrap-server %s --alter --entity-type brokers --entity-default --add-config "
            "transaction.partition.verification.enable=true",
            seen->config->brokers);
}

weir_status
weiri_kafka_plan(const weiri_kafka_config *config, const weiri_topic_plan *plan, weiri_topic_found_fn *found, void *user, weir_error *err)
{
    weiri_kafka_client client = { 0 };
    weiri_topics_seen seen = { 0 };

    weir_status status = weiri_kafka_client_open(&client, WEIRI_KAFKA_EVERYTHING, config, NULL, err);
    if (status == WEIR_OK)
        status = weiri_kafka_client_reach(&client, config->brokers, WEIRI_TOPIC_ASK_MS, config->world, err);
    if (status == WEIR_OK)
        status = weiri_topics_look(&seen, config, &client, err);
    if (status == WEIR_OK)
        tell_all(&seen, plan, found, user);
    weiri_topics_fini(&seen);
    weiri_kafka_client_close(&client);
    return status;
}

/* ---- at opening ------------------------------------------------------------------------------------------- */

static void
collect(void *user, const char *words)
{
    weiri_buffer *all = user;

    if (all->size > 0)
        weiri_buffer_add_char(all, '\n');
    weiri_buffer_add_text(all, words);
}

weir_status
weiri_kafka_check(const weiri_kafka_config *config, weiri_kafka_client *client, uint32_t *ret_partitions, weir_error *err)
{
    weiri_topics_seen seen = { 0 };
    weiri_buffer all = { 0 };
    bool any = false;

    weir_status status = weiri_topics_look(&seen, config, client, err);
    for (unsigned topic = 0; topic < WEIRI_TOPICS; topic++)
        any |= seen.topics[topic].here;
    if (status == WEIR_OK && !any)
        status = weiri_error_set(err, WEIR_NOT_FOUND,
            "%s has no topics of app '%s' yet: `weir topics apply` makes them. Or there are, and this user may not see them: `weir acl "
            "print`",
            config->brokers, config->app);
    if (status == WEIR_OK)
        tell_all(&seen, NULL, collect, &all);
    if (all.size > 0) {
        char text[sizeof err->text];
        weiri_text_fit(text, sizeof text, weiri_buffer_text(&all));
        status = weiri_error_set(err, WEIR_INVALID, "%s", text);
    }
    *ret_partitions = seen.topics[WEIRI_TOPIC_EVENTS].partitions;
    weiri_buffer_fini(&all);
    weiri_topics_fini(&seen);
    return status;
}
