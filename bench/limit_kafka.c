/* SPDX-License-Identifier: Apache-2.0
 * The bare consume-produce-commit loop, on librdkafka alone, with the properties that weir's lane uses. Threads: the loop's own. */
#include "limit_kafka.h"
#include "child.h"
#include "domain.h"
#include "figures.h"
#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <unistd.h>

enum { SENT_MOST = 2000000, WAIT_MS = 10000, FILL_FLUSH_MS = 120000 };

struct bare_loop {
    rd_kafka_t *consumer, *producer, *sender;
    rd_kafka_topic_t *from, *to, *commands;
    unsigned batch;
    thrd_t thread;
    atomic_bool stop;
    atomic_uint done;
    int64_t *times;
};

static rd_kafka_t *
handle(const char *brokers, rd_kafka_type_t type, const char *const *properties)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char words[512];

    for (; *properties != NULL; properties += 2)
        if (rd_kafka_conf_set(conf, properties[0], properties[1], words, sizeof words) != RD_KAFKA_CONF_OK)
            bench_fail("%s", words);
    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, words, sizeof words) != RD_KAFKA_CONF_OK)
        bench_fail("%s", words);
    rd_kafka_conf_set(conf, "socket.nagle.disable", "true", words, sizeof words);
    rd_kafka_t *rk = rd_kafka_new(type, conf, words, sizeof words);
    if (rk == NULL)
        bench_fail("%s", words);
    return rk;
}

/* With its metadata, or its first use takes a second. */
static rd_kafka_topic_t *
topic_of(rd_kafka_t *rk, const char *app, const char *name)
{
    const struct rd_kafka_metadata *metadata;
    char full[64];

    (void)snprintf(full, sizeof full, "%s.%s", app, name);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, full, NULL);
    if (rd_kafka_metadata(rk, 0, topic, &metadata, WAIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        bench_fail("no metadata of %s", full);
    rd_kafka_metadata_destroy(metadata);
    return topic;
}

static void
must(rd_kafka_error_t *error, const char *what)
{
    if (error != NULL)
        bench_fail("%s: %s", what, rd_kafka_error_string(error));
}

static void
found(void *user, const char *words)
{
    (void)user;
    (void)words;
}

void
bare_topics(const char *brokers, char app[32])
{
    static unsigned n;
    const weiri_topic_plan plan = { 1, 1 };
    weir_error err = { 0 };

    (void)snprintf(app, 32, "bench%d-%u", (int)getpid(), n++);
    const weiri_kafka_config config = { .brokers = brokers, .app = app, .module = "bench", .allow_weak = true, .world = &weiri_world_real };
    if (weiri_kafka_apply(&config, &plan, found, NULL, &err) != WEIR_OK)
        bench_fail("topics: %s", err.text);
}

static void
send_command(rd_kafka_t *rk, rd_kafka_topic_t *topic, unsigned i)
{
    uint8_t packed[2 * BENCH_COMMAND_BYTES];
    bench_command c;

    bench_command_make(&c, i);
    const size_t size = protobuf_c_message_pack(&c.message.base, packed);
    const rd_kafka_vu_t values[] = {
        { .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic },
        { .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = 0 },
        { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK },
        { .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { c.account_id, strlen(c.account_id) } },
        { .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { packed, size } },
        { .vtype = RD_KAFKA_VTYPE_HEADER, .u.header = { "ce_type", "bench.v1.Book", -1 } },
        { .vtype = RD_KAFKA_VTYPE_HEADER, .u.header = { "content-type", "application/protobuf", -1 } },
    };
    must(rd_kafka_produceva(rk, values, sizeof values / sizeof values[0]), "a command");
}

void
bare_fill(const char *brokers, const char *app, unsigned n)
{
    static const char *const properties[] = { "enable.idempotence", "true", "linger.ms", "5", NULL };
    rd_kafka_t *rk = handle(brokers, RD_KAFKA_PRODUCER, properties);
    rd_kafka_topic_t *topic = topic_of(rk, app, "commands");

    for (unsigned i = 0; i < n; i++) {
        send_command(rk, topic, i);
        if (i % 1000 == 0)
            (void)rd_kafka_poll(rk, 0);
    }
    if (rd_kafka_flush(rk, FILL_FLUSH_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        bench_fail("%u commands could not be sent in time", n);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
}

static void
transact(bare_loop *loop, rd_kafka_message_t **messages, ssize_t n)
{
    static char event[BENCH_EVENT_BYTES];
    const unsigned before = atomic_load(&loop->done);

    must(rd_kafka_begin_transaction(loop->producer), "begin");
    for (ssize_t i = 0; i < n; i++) {
        if (messages[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            bench_fail("consume: %s", rd_kafka_message_errstr(messages[i]));
        if (rd_kafka_produce(loop->to, 0, RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK, event, sizeof event, messages[i]->key,
                messages[i]->key_len, NULL) != 0)
            bench_fail("produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
        rd_kafka_message_destroy(messages[i]);
    }
    must(rd_kafka_commit_transaction(loop->producer, WAIT_MS), "commit");
    const int64_t now = bench_now_ns();
    for (ssize_t i = 0; i < n && before + (unsigned)i < SENT_MOST; i++)
        loop->times[before + i] = now;
    atomic_store(&loop->done, before + (unsigned)n);
}

static int
run(void *argument)
{
    bare_loop *loop = argument;
    rd_kafka_message_t **messages = calloc(loop->batch, sizeof(rd_kafka_message_t *));
    int64_t committed = 0;

    while (!atomic_load(&loop->stop)) {
        /* One waits for the first, and takes with it what is there. */
        ssize_t n = rd_kafka_consume_batch(loop->from, 0, 100, messages, 1);
        if (n <= 0)
            continue;
        if (bench_now_ns() - committed < 500000) /* a transaction begun at once after another waits 20 ms */
            (void)thrd_sleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
        const ssize_t more = rd_kafka_consume_batch(loop->from, 0, 0, messages + 1, loop->batch - 1);
        transact(loop, messages, n + (more > 0 ? more : 0));
        committed = bench_now_ns();
    }
    free(messages);
    return 0;
}

bare_loop *
bare_loop_start(const char *brokers, const char *app, unsigned batch)
{
    static const char *const reader[] = { "isolation.level", "read_committed", "fetch.wait.max.ms", "20", "queued.max.messages.kbytes",
        "16384", NULL };
    static const char *const sender[] = { "enable.idempotence", "true", "linger.ms", "0", NULL };
    const char *const writer[] = { "transactional.id", app, "linger.ms", "50", "retry.backoff.ms", "20", "queue.buffering.max.messages",
        "2000000", NULL };
    bare_loop *loop = calloc(1, sizeof *loop);

    loop->batch = batch;
    loop->times = calloc(SENT_MOST, sizeof *loop->times);
    loop->consumer = handle(brokers, RD_KAFKA_CONSUMER, reader);
    loop->producer = handle(brokers, RD_KAFKA_PRODUCER, writer);
    loop->sender = handle(brokers, RD_KAFKA_PRODUCER, sender);
    loop->from = topic_of(loop->consumer, app, "commands");
    loop->to = topic_of(loop->producer, app, "events");
    loop->commands = topic_of(loop->sender, app, "commands");
    must(rd_kafka_init_transactions(loop->producer, WAIT_MS), "init");
    if (rd_kafka_consume_start(loop->from, 0, 0) != 0 || thrd_create(&loop->thread, run, loop) != thrd_success)
        bench_fail("the bare loop can't be started");
    return loop;
}

void
bare_loop_send(bare_loop *loop, unsigned i)
{
    send_command(loop->sender, loop->commands, i);
    (void)rd_kafka_poll(loop->sender, 0);
}

const int64_t *
bare_loop_wait(bare_loop *loop, unsigned n)
{
    while (atomic_load(&loop->done) < n)
        (void)thrd_sleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
    return loop->times;
}

void
bare_loop_stop(bare_loop *loop)
{
    atomic_store(&loop->stop, true);
    (void)thrd_join(loop->thread, NULL);
    (void)rd_kafka_consume_stop(loop->from, 0);
    rd_kafka_topic_destroy(loop->from);
    rd_kafka_topic_destroy(loop->to);
    rd_kafka_topic_destroy(loop->commands);
    rd_kafka_destroy(loop->consumer);
    rd_kafka_destroy(loop->producer);
    rd_kafka_destroy(loop->sender);
    free(loop->times);
    free(loop);
}

double
bare_rate(const char *brokers, const char *app, unsigned n, unsigned batch)
{
    bare_loop *loop = bare_loop_start(brokers, app, batch);
    const int64_t *times = bare_loop_wait(loop, n);
    unsigned first = 0;

    while (first + 1 < n && times[first + 1] == times[0])
        first++;
    const double rate = (double)(n - first - 1) * 1e9 / (double)(times[n - 1] - times[0]);
    bare_loop_stop(loop);
    return rate;
}

/* ---- a member of a group ----------------------------------------------------------------------------------- */

/* Until it has the partition. */
static rd_kafka_t *
join(const char *brokers, const char *app)
{
    const char *const properties[] = { "group.id", app, "session.timeout.ms", "10000", "heartbeat.interval.ms", "1000", NULL };
    rd_kafka_t *rk = handle(brokers, RD_KAFKA_CONSUMER, properties);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1), *given = NULL;
    char name[64];

    (void)snprintf(name, sizeof name, "%s.commands", app);
    rd_kafka_topic_partition_list_add(topics, name, RD_KAFKA_PARTITION_UA);
    if (rd_kafka_subscribe(rk, topics) != RD_KAFKA_RESP_ERR_NO_ERROR)
        bench_fail("the group can't be joined");
    for (int n = 0; n == 0;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 10);
        if (message != NULL)
            rd_kafka_message_destroy(message);
        if (rd_kafka_assignment(rk, &given) == RD_KAFKA_RESP_ERR_NO_ERROR) {
            n = given->cnt;
            rd_kafka_topic_partition_list_destroy(given);
        }
    }
    rd_kafka_topic_partition_list_destroy(topics);
    return rk;
}

void
bare_member(const char *brokers, const char *app)
{
    (void)join(brokers, app);
    (void)puts("given");
    (void)fflush(stdout);
    for (;;)
        (void)pause();
}

double
bare_take_over(const char *brokers, const char *app, const char *self)
{
    bench_child child;

    bench_child_start(&child, (const char *const[]){ self, "member", brokers, app, NULL });
    bench_child_await(&child, "given");
    bench_child_kill(&child);
    const int64_t began = bench_now_ns();
    rd_kafka_t *rk = join(brokers, app);
    const double seconds = (double)(bench_now_ns() - began) / 1e9;
    rd_kafka_destroy(rk);
    return seconds;
}
