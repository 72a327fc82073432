/* SPDX-License-Identifier: Apache-2.0
 * Opening: what is refused, and in which words; topics planned and applied; the log's identity made once. Against a real broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include "base/memory.h"
#include "kafka_testing.h"

enum { PARTITIONS = 4, AT_ONCE = 6 };

typedef struct place {
    char *app, *dir;
} place;

static int
make_place(void **state)
{
    place *at = weiri_allocate(sizeof *at);

    at->app = kafka_testing_app();
    at->dir = testing_directory();
    *state = at;
    return 0;
}

static int
remove_place(void **state)
{
    place *at = *state;

    testing_directory_remove(at->dir);
    weiri_release(at->app);
    weiri_release(at);
    return 0;
}

static void
refused(const weiri_kafka_config *config, weir_status wanted, const char *words)
{
    weir_error err = { 0 };
    weiri_log *log;

    const weir_status status = weiri_kafka_open(config, &log, &err);
    if (status == WEIR_OK)
        fail_msg("it was opened, instead of: %s", words);
    if (status != wanted || strstr(err.text, words) == NULL)
        fail_msg("%s: '%s' is not in: %s", weir_status_name(status), words, err.text);
    print_message("  %.*s\n", 160, err.text);
}

/* One setting of a topic, put as it is given: the others of that topic go back to the broker's defaults. */
static void
spoil(const char *app, const char *topic, const char *name, const char *value)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char full[64], words[256];

    (void)snprintf(full, sizeof full, "%s.%s", app, topic);
    assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", kafka_testing_brokers(), words, sizeof words), RD_KAFKA_CONF_OK);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words, sizeof words);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, full);
    (void)rd_kafka_ConfigResource_set_config(resource, name, value);
    rd_kafka_AlterConfigs(rk, &resource, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 20000);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
}

static void
count_lines(void *user, const char *words)
{
    print_message("  %.*s\n", 160, words);
    (*(unsigned *)user)++;
}

static unsigned
planned(const char *app)
{
    const weiri_kafka_config config = kafka_testing_config(app, "");
    unsigned lines = 0;
    weir_error err;

    if (weiri_kafka_plan(&config, NULL, count_lines, &lines, &err) != WEIR_OK)
        fail_msg("%s", err.text);
    return lines;
}

static unsigned
applied(const char *app)
{
    const weiri_kafka_config config = kafka_testing_config(app, "");
    unsigned lines = 0;
    weir_error err;

    if (weiri_kafka_apply(&config, NULL, count_lines, &lines, &err) != WEIR_OK)
        fail_msg("%s", err.text);
    return lines;
}

static void
test_bad_addresses_and_options_are_told_plainly(void **state)
{
    static const char *const unknown[] = { "no.such.thing=1", NULL }, *const own[] = { "acks=1", NULL },
                             *const half[] = { "linger.ms", NULL }, *const bad[] = { "linger.ms=soon", NULL },
                             *const secret[] = { "security.protocol=sasl_plaintext", "sasl.mechanism=PLAIN", "sasl.username=u",
                                 "sasl.password=wrong", NULL };
    place *at = *state;
    weiri_kafka_config config = kafka_testing_config(at->app, at->dir);

    config.brokers = "127.0.0.1:1";
    refused(&config, WEIR_IO,
        "no broker of 127.0.0.1:1 answers: 127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused");
    config = kafka_testing_config(at->app, at->dir);
    config.options = unknown;
    refused(&config, WEIR_INVALID, "option no.such.thing=1 of librdkafka: No such configuration property");
    config.options = own;
    refused(&config, WEIR_INVALID, "option acks of librdkafka is set by weir");
    config.options = half;
    refused(&config, WEIR_INVALID, "option 'linger.ms' of librdkafka: NAME=VALUE");
    config.options = bad;
    refused(&config, WEIR_INVALID, "option linger.ms=soon of librdkafka");
    config.options = secret;
    refused(&config, WEIR_IO, "the broker doesn't let weir in: ");
    config = kafka_testing_config("a b", at->dir);
    refused(&config, WEIR_INVALID, "app 'a b'");
}

static void
test_missing_topics_are_planned_and_applied(void **state)
{
    place *at = *state;
    const weiri_kafka_config config = kafka_testing_config(at->app, at->dir);

    refused(&config, WEIR_NOT_FOUND, "`weir topics apply` makes them");
    assert_int_equal(planned(at->app), 5);
    assert_int_equal(applied(at->app), 5);
    assert_int_equal(planned(at->app), 0);
    assert_int_equal(applied(at->app), 0);
    weiri_log *log = kafka_testing_open(at->app, at->dir);
    assert_int_equal(weiri_log_identity_of(log)->partitions, 4);
    weiri_log_close(log);
}

static void
test_topics_that_would_lose_records_are_refused_and_mended(void **state)
{
    place *at = *state;
    weiri_kafka_config config = kafka_testing_config(at->app, at->dir);

    kafka_testing_topics(at->app, PARTITIONS);
    spoil(at->app, "events", "retention.ms", "3600000");
    refused(&config, WEIR_INVALID, "events: retention.ms is 3600000, must be -1");
    spoil(at->app, "outcomes", "cleanup.policy", "compact");
    refused(&config, WEIR_INVALID, "outcomes: cleanup.policy is compact, must be delete");
    spoil(at->app, "commands", "retention.ms", "86400000");
    refused(&config, WEIR_INVALID, "commands: retention.ms is 86400000, must be 1209600000");
    assert_int_equal(planned(at->app), 4); /* the timestamp's type of commands went, too */
    assert_int_equal(applied(at->app), 3);
    assert_int_equal(planned(at->app), 0);
    config.allow_weak = false;
    refused(&config, WEIR_INVALID, "it has 1 replica, and needs 3");
}

static void
test_topics_with_another_count_of_partitions_are_refused(void **state)
{
    static const char *const topics[] = { "commands", "outcomes", "dead-letters", "schemas" };
    place *at = *state;
    const weiri_kafka_config config = kafka_testing_config(at->app, at->dir);
    char words[256], full[64];

    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", kafka_testing_brokers(), words, sizeof words), RD_KAFKA_CONF_OK);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words, sizeof words);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    (void)snprintf(full, sizeof full, "%s.events", at->app);
    rd_kafka_NewTopic_t *events = rd_kafka_NewTopic_new(full, 3, 1, words, sizeof words);
    rd_kafka_CreateTopics(rk, &events, 1, NULL, queue);
    rd_kafka_event_destroy(rd_kafka_queue_poll(queue, 20000));
    rd_kafka_NewTopic_destroy(events);
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        (void)snprintf(full, sizeof full, "%s.%s", at->app, topics[i]);
        rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(full, 4, 1, words, sizeof words);
        rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
        rd_kafka_event_destroy(rd_kafka_queue_poll(queue, 20000));
        rd_kafka_NewTopic_destroy(topic);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    (void)applied(at->app);
    refused(&config, WEIR_INVALID, ".events: it has 3 partitions, must have 4");
}

static void
test_the_log_of_another_module_is_refused(void **state)
{
    place *at = *state;
    weiri_kafka_config config = kafka_testing_config(at->app, at->dir);

    kafka_testing_topics(at->app, PARTITIONS);
    weiri_log_close(kafka_testing_open(at->app, at->dir));
    config.module = "shop";
    refused(&config, WEIR_INVALID, "belongs to module 'testing', not 'shop'");
}

static void
test_the_copy_of_another_log_is_refused(void **state)
{
    place *at = *state;
    char *other = kafka_testing_app();
    const weiri_kafka_config config = kafka_testing_config(other, at->dir);

    kafka_testing_topics(at->app, PARTITIONS);
    kafka_testing_topics(other, PARTITIONS);
    weiri_log_close(kafka_testing_open(at->app, at->dir));
    refused(&config, WEIR_INVALID, "holds a copy of log ");
    weiri_release(other);
}

typedef struct opening {
    const char *app;
    char *dir;
    uint64_t id;
    weir_error err;
    weiri_thread thread;
} opening;

static void
open_one(void *argument)
{
    opening *o = argument;
    const weiri_kafka_config config = kafka_testing_config(o->app, o->dir);
    weiri_log *log;

    if (weiri_kafka_open(&config, &log, &o->err) != WEIR_OK)
        return;
    o->id = weiri_log_identity_of(log)->id;
    weiri_log_close(log);
}

static void
test_many_that_open_a_new_log_at_once_find_one_identity(void **state)
{
    opening openings[AT_ONCE] = { 0 };
    place *at = *state;

    kafka_testing_topics(at->app, PARTITIONS);
    for (int i = 0; i < AT_ONCE; i++) {
        openings[i].app = at->app;
        openings[i].dir = testing_directory();
        assert_int_equal(weiri_thread_start(&openings[i].thread, "opening", open_one, &openings[i]), WEIR_OK);
    }
    for (int i = 0; i < AT_ONCE; i++)
        weiri_thread_join(&openings[i].thread);
    for (int i = 0; i < AT_ONCE; i++) {
        if (openings[i].id == 0)
            fail_msg("%s", openings[i].err.text);
        assert_true(openings[i].id == openings[0].id);
        testing_directory_remove(openings[i].dir);
    }
    print_message("%d processes at once, one identity: %016llx\n", AT_ONCE, (unsigned long long)openings[0].id);
}

#define TOPICS_TEST(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TOPICS_TEST(test_bad_addresses_and_options_are_told_plainly),
        TOPICS_TEST(test_missing_topics_are_planned_and_applied),
        TOPICS_TEST(test_topics_that_would_lose_records_are_refused_and_mended),
        TOPICS_TEST(test_topics_with_another_count_of_partitions_are_refused),
        TOPICS_TEST(test_the_log_of_another_module_is_refused),
        TOPICS_TEST(test_the_copy_of_another_log_is_refused),
        TOPICS_TEST(test_many_that_open_a_new_log_at_once_find_one_identity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
