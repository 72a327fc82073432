/* SPDX-License-Identifier: Apache-2.0
 * The rows of PROTOCOL section 4's failure table, each brought about on librdkafka's own mock cluster, which answers chosen requests
 * with chosen errors. The mock knows no aborted records: what was produced is there, whatever became of its transaction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include "base/assert.h"
#include "base/memory.h"
#include "kafka_testing.h"
#include "log/kafka/internal.h"

enum { PRODUCE = 0, OFFSET_COMMIT = 8, INIT_PRODUCER_ID = 22, ADD_PARTITIONS = 24, END_TXN = 26, COMMANDS = 100 };

typedef struct cluster {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *mock;
    char *dir;
    weiri_log *log;
    kafka_lanes *lanes;
    testing_writer writer;
    bool writing;
} cluster;

static int
make_cluster(void **state)
{
    static const char *const topics[] = { "t.commands", "t.events", "t.outcomes" };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    cluster *c = weiri_allocate(sizeof *c);
    char words[256];

    assert_int_equal(rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", words, sizeof words), RD_KAFKA_CONF_OK);
    c->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words, sizeof words);
    assert_non_null(c->rk);
    c->mock = rd_kafka_handle_mock_cluster(c->rk);
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
        assert_int_equal(rd_kafka_mock_topic_create(c->mock, topics[i], 1, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    c->dir = testing_directory();
    const weiri_kafka_config config = { .brokers = rd_kafka_mock_cluster_bootstraps(c->mock),
        .app = "t",
        .module = "testing",
        .dir = c->dir,
        .allow_weak = true,
        .reserve_bytes = 1,
        .transaction_ms = 2000,
        .world = &weiri_world_real };
    const weiri_log_identity identity = { .id = 7, .partitions = 1, .module = "testing", .format = 1 };
    weir_error err;
    if (weiri_kafka_start(&config, &identity, &c->log, &err) != WEIR_OK)
        fail_msg("%s", err.text);
    kafka_testing_send(c->log, 0, COMMANDS);
    *state = c;
    return 0;
}

static int
remove_cluster(void **state)
{
    cluster *c = *state;

    if (c->writing)
        testing_writer_fini(&c->writer);
    weiri_log_close(c->log);
    if (c->lanes != NULL)
        kafka_lanes_free(c->lanes);
    rd_kafka_destroy(c->rk);
    testing_directory_remove(c->dir);
    weiri_release(c);
    return 0;
}

/* Joins, and stands ready to write. */
static void
serve(cluster *c)
{
    if (c->lanes == NULL)
        c->lanes = kafka_lanes_join(c->log, false);
    kafka_lanes_await_serving(c->lanes, 1);
    if (c->writing)
        testing_writer_fini(&c->writer);
    testing_writer_init(&c->writer, c->log, 0);
    c->writing = true;
}

/* As whoever served the partition, after an append that failed. */
static void
claim_again(cluster *c)
{
    weiri_lock_take(&c->lanes->lock);
    c->lanes->parts[0].serving = false;
    weiri_lock_give(&c->lanes->lock);
    weiri_log_claim(c->log, 0);
    serve(c);
}

static weir_status
write_some(cluster *c)
{
    for (unsigned i = 0; i < 5; i++)
        (void)testing_writer_decide(&c->writer, i, i % 3, weiri_bytes_of("payload"));
    return testing_writer_write(&c->writer);
}

static uint64_t
next(cluster *c)
{
    return weiri_log_next_command(c->log, 0);
}

static void
push(cluster *c, int16_t request, unsigned n, rd_kafka_resp_err_t code)
{
    for (unsigned i = 0; i < n; i++)
        rd_kafka_mock_push_request_errors(c->mock, request, 1, code);
}

static weiri_shared_metrics
metrics_of(cluster *c)
{
    weiri_log_metrics metrics;

    weiri_log_metrics_get(c->log, &metrics);
    return metrics.shared;
}

static void
test_appends_are_stored_when_nothing_fails(void **state)
{
    cluster *c = *state;

    serve(c);
    assert_int_equal(write_some(c), WEIR_OK);
    assert_int_equal(write_some(c), WEIR_OK);
    assert_int_equal(next(c), 10);
    assert_int_equal(metrics_of(c).fences, 1);
}

static void
test_a_delivery_error_ends_serving_and_opens_again(void **state)
{
    cluster *c = *state;

    serve(c);
    assert_int_equal(write_some(c), WEIR_OK);
    push(c, PRODUCE, 4, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    assert_int_equal(write_some(c), WEIR_TIMEOUT);
    rd_kafka_mock_clear_request_errors(c->mock, PRODUCE);
    assert_int_equal(next(c), 5);
    claim_again(c);
    assert_int_equal(metrics_of(c).fences, 2);
    assert_int_equal(c->lanes->parts[0].givens, 1); /* the partition was ours all the time */
    assert_int_equal(write_some(c), WEIR_OK);
    assert_int_equal(next(c), 10);
}

static void
test_a_transaction_that_must_be_aborted_is_left_to_the_next_fence(void **state)
{
    cluster *c = *state;

    serve(c);
    push(c, ADD_PARTITIONS, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    assert_int_equal(write_some(c), WEIR_TIMEOUT);
    claim_again(c);
    assert_int_equal(write_some(c), WEIR_OK);
    assert_int_equal(next(c), 5);
}

static void
test_a_commit_that_says_retriable_is_tried_again(void **state)
{
    cluster *c = *state;

    serve(c);
    push(c, END_TXN, 3, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
    assert_int_equal(write_some(c), WEIR_OK);
    push(c, END_TXN, 2, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS);
    assert_int_equal(write_some(c), WEIR_OK);
    assert_int_equal(next(c), 10);
    assert_int_equal(metrics_of(c).fences, 1);
}

static void
test_a_commit_of_which_nothing_is_known_comes_back_if_it_was_stored(void **state)
{
    cluster *c = *state;

    serve(c);
    push(c, END_TXN, 1, RD_KAFKA_RESP_ERR_UNKNOWN);
    assert_int_equal(write_some(c), WEIR_TIMEOUT);
    claim_again(c);
    assert_int_equal(next(c), 5); /* it was: the mock keeps what was produced */
    assert_int_equal(c->writer.next_command, 5);
    assert_int_equal(write_some(c), WEIR_OK);
    assert_int_equal(next(c), 10);
    assert_int_equal(metrics_of(c).repeats, 0);
}

static void
test_a_fenced_commit_leaves_the_group_and_joins_again(void **state)
{
    cluster *c = *state;

    serve(c);
    push(c, END_TXN, 1, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
    assert_int_equal(write_some(c), WEIR_TIMEOUT);
    kafka_lanes_await_again(c->lanes);
    serve(c);
    assert_int_equal(write_some(c), WEIR_OK);
}

static void
test_nothing_is_fenced_before_the_group_has_answered(void **state)
{
    cluster *c = *state;

    push(c, OFFSET_COMMIT, 5, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS);
    serve(c);
    assert_int_equal(metrics_of(c).fences, 1);
    push(c, OFFSET_COMMIT, 10000, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    push(c, END_TXN, 1, RD_KAFKA_RESP_ERR_UNKNOWN);
    assert_int_equal(write_some(c), WEIR_TIMEOUT);
    weiri_lock_take(&c->lanes->lock);
    c->lanes->parts[0].serving = false;
    weiri_lock_give(&c->lanes->lock);
    weiri_log_claim(c->log, 0);
    (void)weiri_signal_wait(&c->lanes->changed, weiri_signal_count(&c->lanes->changed), 1500);
    assert_false(c->lanes->parts[0].serving);
    assert_int_equal(metrics_of(c).fences, 1);
    rd_kafka_mock_clear_request_errors(c->mock, OFFSET_COMMIT);
    serve(c);
    assert_int_equal(metrics_of(c).fences, 2);
}

static void
test_what_waiting_does_not_cure_halts_with_words(void **state)
{
    cluster *c = *state;

    push(c, INIT_PRODUCER_ID, 20, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    c->lanes = kafka_lanes_join(c->log, false);
    for (unsigned i = 0; i < 300 && c->lanes->parts[0].claims_failed == 0; i++)
        (void)weiri_signal_wait(&c->lanes->changed, weiri_signal_count(&c->lanes->changed), 100);
    assert_int_equal(c->lanes->parts[0].claims_failed, 1);
    print_message("%s\n", c->lanes->parts[0].failure.text);
    assert_int_equal(c->lanes->parts[0].failure.status, WEIR_INVALID);
    assert_non_null(strstr(c->lanes->parts[0].failure.text, "becoming the writer t.lane.0"));
}

static void
test_a_coordinator_that_comes_late_is_waited_for(void **state)
{
    cluster *c = *state;

    push(c, INIT_PRODUCER_ID, 5, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
    serve(c);
    assert_int_equal(write_some(c), WEIR_OK);
}

static void
test_while_the_broker_is_away_the_log_is_busy_and_reads_go_on(void **state)
{
    cluster *c = *state;
    weir_error err = { 0 };

    serve(c);
    assert_int_equal(write_some(c), WEIR_OK);
    assert_int_equal(weiri_log_state(c->log, &err), WEIR_OK);
    assert_int_equal(rd_kafka_mock_broker_set_down(c->mock, -1), RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(write_some(c), WEIR_TIMEOUT); /* within twice the transaction's time */
    for (unsigned i = 0; i < 100 && weiri_log_state(c->log, &err) == WEIR_OK; i++)
        (void)weiri_signal_wait(&c->lanes->changed, weiri_signal_count(&c->lanes->changed), 100);
    assert_int_equal(weiri_log_state(c->log, &err), WEIR_BUSY);
    print_message("%s\n", err.text);
    assert_int_equal(testing_read_all(c->log, WEIRI_TOPIC_EVENTS, 0, 0, NULL, NULL), 4);
    weiri_lock_take(&c->lanes->lock);
    c->lanes->parts[0].serving = false;
    weiri_lock_give(&c->lanes->lock);
    weiri_log_claim(c->log, 0);
    assert_int_equal(rd_kafka_mock_broker_set_up(c->mock, -1), RD_KAFKA_RESP_ERR_NO_ERROR);
    serve(c);
    const uint64_t before = next(c);
    assert_int_equal(write_some(c), WEIR_OK);
    assert_int_equal(next(c), before + 5);
    for (unsigned i = 0; i < 100 && weiri_log_state(c->log, &err) != WEIR_OK; i++)
        (void)weiri_signal_wait(&c->lanes->changed, weiri_signal_count(&c->lanes->changed), 100);
    assert_int_equal(weiri_log_state(c->log, &err), WEIR_OK);
}

#define MOCK_TEST(test) cmocka_unit_test_setup_teardown(test, make_cluster, remove_cluster)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        MOCK_TEST(test_a_delivery_error_ends_serving_and_opens_again),
        MOCK_TEST(test_a_transaction_that_must_be_aborted_is_left_to_the_next_fence),
        MOCK_TEST(test_a_commit_that_says_retriable_is_tried_again),
        MOCK_TEST(test_a_commit_of_which_nothing_is_known_comes_back_if_it_was_stored),
        MOCK_TEST(test_a_fenced_commit_leaves_the_group_and_joins_again),
        MOCK_TEST(test_nothing_is_fenced_before_the_group_has_answered),
        MOCK_TEST(test_what_waiting_does_not_cure_halts_with_words),
        MOCK_TEST(test_a_coordinator_that_comes_late_is_waited_for),
        MOCK_TEST(test_while_the_broker_is_away_the_log_is_busy_and_reads_go_on),
        MOCK_TEST(test_appends_are_stored_when_nothing_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
