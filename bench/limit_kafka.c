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
    rd_kafka_topic_t *from, *events, *outcomes, *commands;
    bare_kind kind;
    unsigned batch;
    Bench__V1__Account accounts[BENCH_ACCOUNTS];
    unsigned unreported[2];       /* events, outcomes */
    ProtobufCAllocator allocator; /* of `room`, anew for each command */
    uint8_t room[4096];
    size_t used;
    thrd_t thread;
    atomic_bool stop;
    atomic_uint done;
    int64_t *times;
};

static rd_kafka_t *
handle_with(const char *brokers, rd_kafka_type_t type, const char *const *properties,
    void (*delivered)(rd_kafka_t *rk, const rd_kafka_message_t *message, void *user))
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char words[512];

    for (; *properties != NULL; properties += 2)
        if (rd_kafka_conf_set(conf, properties[0], properties[1], words, sizeof words) != RD_KAFKA_CONF_OK)
            bench_fail("%s", words);
    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, words, sizeof words) != RD_KAFKA_CONF_OK)
        bench_fail("%s", words);
    rd_kafka_conf_set(conf, "socket.nagle.disable", "true", words, sizeof words);
    if (delivered != NULL)
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_t *rk = rd_kafka_new(type, conf, words, sizeof words);
    if (rk == NULL)
        bench_fail("%s", words);
    return rk;
}

static rd_kafka_t *
handle(const char *brokers, rd_kafka_type_t type, const char *const *properties)
{
    return handle_with(brokers, type, properties, NULL);
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

/* ---- the loop ---------------------------------------------------------------------------------------------- */

typedef struct header {
    const char *name, *value;
} header;

/* As long as weir's; what they say costs nothing here. */
static const header of_event[] = { { "ce_specversion", "1.0" }, { "ce_id", "0-123456-0" }, { "ce_type", "bench.v1.Booked" },
    { "ce_source", "weir/bench12345-0" }, { "ce_subject", "account/acc-123456" }, { "ce_time", "2024-02-29T23:59:59.999Z" },
    { "ce_sequence", "2" }, { "content-type", "application/protobuf" }, { "weir-command-offset", "123456" }, { "weir-index", "0" },
    { "weir-incarnation", "0" }, { "weir-flags", "8" }, { "weir-previous-event", "123456-0-123456" }, { "weir-causation", "0-123456" },
    { NULL, NULL } };
static const header of_outcome[] = { { "ce_specversion", "1.0" }, { "ce_id", "0-123456-outcome" }, { "ce_type", "weir.accepted" },
    { "ce_source", "weir/bench12345-0" }, { "ce_subject", "account/acc-123456" }, { "ce_time", "2024-02-29T23:59:59.999Z" },
    { "ce_sequence", "2" }, { "content-type", "text/plain" }, { "weir-command-offset", "123456" }, { "weir-incarnation", "0" },
    { "weir-flags", "0" }, { "weir-causation", "0-123456" }, { "weir-events", "1" }, { NULL, NULL } };

static void
produce(bare_loop *loop, bool event, const rd_kafka_message_t *command, void *value, size_t size, const header *list)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(16);
    const rd_kafka_vu_t values[] = {
        { .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = event ? loop->events : loop->outcomes },
        { .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = 0 },
        { .vtype = RD_KAFKA_VTYPE_KEY, .u.mem = { command->key, command->key_len } },
        { .vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = { value, size } },
        { .vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK },
        { .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = &loop->unreported[event ? 0 : 1] },
        { .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers },
    };

    loop->unreported[event ? 0 : 1]++;
    for (; list->name != NULL; list++)
        (void)rd_kafka_header_add(headers, list->name, -1, list->value, -1);
    must(rd_kafka_produceva(loop->producer, values, sizeof values / sizeof values[0]), "produce");
}

static void *
take_room(void *user, size_t size)
{
    bare_loop *loop = user;

    size = (size + 15) & ~(size_t)15;
    if (loop->used + size > sizeof loop->room)
        bench_fail("a command is too large");
    loop->used += size;
    return loop->room + loop->used - size;
}

static void
give_room(void *user, void *room)
{
    (void)user;
    (void)room;
}

static void
handle_command(bare_loop *loop, const rd_kafka_message_t *message)
{
    uint8_t packed[2 * BENCH_EVENT_BYTES];
    Bench__V1__Booked event;

    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        bench_fail("consume: %s", rd_kafka_message_errstr(message));
    loop->used = 0;
    const Bench__V1__Book *command = bench__v1__book__unpack(&loop->allocator, message->len, message->payload);
    if (command == NULL)
        bench_fail("a command can't be read");
    Bench__V1__Account *account = &loop->accounts[strtoul(command->account_id + strlen("acc-"), NULL, 10)];
    bench_decide(account, command, &event);
    const size_t size = bench__v1__booked__pack(&event, packed);
    bench_evolve(account, &event);
    if (loop->kind == BARE_LIKE) {
        produce(loop, true, message, packed, size, of_event);
        produce(loop, false, message, (void *)(uintptr_t) "", 0, of_outcome);
        return;
    }
    loop->unreported[0]++;
    if (rd_kafka_produce(loop->events, 0, RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK, packed, size, message->key, message->key_len,
            &loop->unreported[0]) != 0)
        bench_fail("produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
}

static void
reported(rd_kafka_t *rk, const rd_kafka_message_t *message, void *user)
{
    unsigned *unreported = message->_private;

    (void)rk;
    (void)user;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        bench_fail("produce: %s", rd_kafka_err2str(message->err));
    (*unreported)--;
}

/* As weir's writer does: see src/log/kafka/transaction.c. */
static void
await_reports(bare_loop *loop, unsigned requests)
{
    const unsigned most = requests * (loop->kind == BARE_LIKE ? 2000 : 6000);
    int reports = rd_kafka_poll(loop->producer, 0) + 1;

    while (reports > 0)
        reports = loop->unreported[0] >= most || loop->unreported[1] >= most ? rd_kafka_poll(loop->producer, 20) : 0;
}

static void
transact(bare_loop *loop, rd_kafka_message_t **messages, ssize_t n)
{
    const unsigned before = atomic_load(&loop->done);

    must(rd_kafka_begin_transaction(loop->producer), "begin");
    for (ssize_t i = 0; i < n; i++) {
        handle_command(loop, messages[i]);
        rd_kafka_message_destroy(messages[i]);
        if (i % 256 == 0)
            await_reports(loop, 3);
    }
    await_reports(loop, 1);
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
bare_loop_start(const char *brokers, const char *app, bare_kind kind, unsigned batch)
{
    static const char *const reader[] = { "isolation.level", "read_committed", "fetch.wait.max.ms", "20", "queued.max.messages.kbytes",
        "16384", NULL };
    static const char *const sender[] = { "enable.idempotence", "true", "linger.ms", "0", NULL };
    const char *const writer[] = { "transactional.id", app, "linger.ms", "1000", "batch.num.messages", kind == BARE_LIKE ? "2000" : "6000",
        "retry.backoff.ms", "20", "queue.buffering.max.messages", "2000000", NULL };
    bare_loop *loop = calloc(1, sizeof *loop);

    loop->kind = kind;
    loop->batch = batch;
    loop->allocator = (ProtobufCAllocator){ take_room, give_room, loop };
    for (unsigned i = 0; i < BENCH_ACCOUNTS; i++)
        bench__v1__account__init(&loop->accounts[i]);
    loop->times = calloc(SENT_MOST, sizeof *loop->times);
    loop->consumer = handle(brokers, RD_KAFKA_CONSUMER, reader);
    loop->producer = handle_with(brokers, RD_KAFKA_PRODUCER, writer, reported);
    loop->sender = handle(brokers, RD_KAFKA_PRODUCER, sender);
    loop->from = topic_of(loop->consumer, app, "commands");
    loop->events = topic_of(loop->producer, app, "events");
    loop->outcomes = topic_of(loop->producer, app, "outcomes");
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
    rd_kafka_topic_destroy(loop->events);
    rd_kafka_topic_destroy(loop->outcomes);
    rd_kafka_topic_destroy(loop->commands);
    rd_kafka_destroy(loop->consumer);
    rd_kafka_destroy(loop->producer);
    rd_kafka_destroy(loop->sender);
    free(loop->times);
    free(loop);
}

double
bare_rate(const char *brokers, const char *app, bare_kind kind, unsigned n, unsigned batch)
{
    bare_loop *loop = bare_loop_start(brokers, app, kind, batch);
    const int64_t *times = bare_loop_wait(loop, n);
    unsigned first = 0;

    while (first + 1 < n && times[first + 1] == times[0])
        first++;
    const double rate = (double)(n - first - 1) * 1e9 / (double)(times[n - 1] - times[0]);
    bare_loop_stop(loop);
    return rate;
}

/* ---- what was written ------------------------------------------------------------------------------------- */

static size_t
weight_of(const rd_kafka_message_t *message)
{
    size_t bytes = message->key_len + message->len, size;
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;

    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
        for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
            bytes += strlen(name) + size;
    return bytes;
}

double
bare_weigh(const char *brokers, const char *app, const char *topic, unsigned n)
{
    static const char *const reader[] = { "isolation.level", "read_committed", "fetch.wait.max.ms", "20", NULL };
    rd_kafka_t *rk = handle(brokers, RD_KAFKA_CONSUMER, reader);
    rd_kafka_topic_t *from = topic_of(rk, app, topic);
    rd_kafka_message_t *message;
    size_t bytes = 0;
    int64_t low = 0, high = 0;
    unsigned found_n = 0;
    char name[64];

    (void)snprintf(name, sizeof name, "%s.%s", app, topic);
    (void)rd_kafka_query_watermark_offsets(rk, name, 0, &low, &high, WAIT_MS);
    if (rd_kafka_consume_start(from, 0, high > (int64_t)n ? high - (int64_t)n : 0) != 0)
        bench_fail("%s.%s can't be read", app, topic);
    while (found_n < n && (message = rd_kafka_consume(from, 0, 1000)) != NULL) {
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            bytes += weight_of(message);
            found_n++;
        }
        rd_kafka_message_destroy(message);
    }
    (void)rd_kafka_consume_stop(from, 0);
    rd_kafka_topic_destroy(from);
    rd_kafka_destroy(rk);
    return found_n == 0 ? 0 : (double)bytes / found_n;
}

/* ---- a member of a group ----------------------------------------------------------------------------------- */

/* Until it has the partition. */
static rd_kafka_t *
join(const char *brokers, const char *app)
{
    const char *const properties[] = { "group.id", app, "session.timeout.ms", "6000", "heartbeat.interval.ms", "500",
        "statistics.interval.ms", "250", NULL };
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
