/* SPDX-License-Identifier: Apache-2.0
 * What tests of the Kafka log share. */
#include "kafka_testing.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/assert.h"
#include "base/memory.h"

enum { AWAIT_MS = 60000 };

const char *
kafka_testing_brokers(void)
{
    const char *brokers = getenv("WEIR_KAFKA");

    if (brokers == NULL || brokers[0] == '\0')
        fail_msg("these tests need a broker: WEIR_KAFKA=HOST:PORT (test/kafka/broker start DIR prints one)");
    return brokers;
}

char *
kafka_testing_app(void)
{
    uint64_t number;
    char name[32];

    weiri_world_real.random_bytes(&weiri_world_real, &number, sizeof number);
    (void)snprintf(name, sizeof name, "t%012llx", (unsigned long long)number & 0xffffffffffff);
    return weiri_text_copy(name);
}

weiri_kafka_config
kafka_testing_config(const char *app, const char *dir)
{
    return (weiri_kafka_config){ .brokers = kafka_testing_brokers(),
        .app = app,
        .module = "testing",
        .dir = dir,
        .allow_weak = true,
        .reserve_bytes = 1,
        .world = &weiri_world_real };
}

static void
pass_by(void *user, const char *words)
{
    (void)user;
    (void)words;
}

void
kafka_testing_topics(const char *app, uint32_t partitions)
{
    const weiri_kafka_config config = kafka_testing_config(app, "");
    const weiri_topic_plan plan = { .partitions = partitions };
    weir_error err;

    if (weiri_kafka_apply(&config, &plan, pass_by, NULL, &err) != WEIR_OK)
        fail_msg("%s", err.text);
}

weiri_log *
kafka_testing_open(const char *app, const char *dir)
{
    const weiri_kafka_config config = kafka_testing_config(app, dir);
    weiri_log *log = NULL;
    weir_error err;

    if (weiri_kafka_open(&config, &log, &err) != WEIR_OK)
        fail_msg("%s", err.text);
    return log;
}

typedef struct sending {
    weiri_signal stored;
    _Atomic unsigned failed;
} sending;

static void
sent(void *user, weir_status status, uint64_t offset, const weir_error *err)
{
    sending *s = user;

    (void)offset;
    (void)err;
    if (status != WEIR_OK)
        atomic_fetch_add(&s->failed, 1);
    weiri_signal_raise(&s->stored);
}

void
kafka_testing_send(weiri_log *log, uint32_t partition, unsigned n)
{
    sending *s = weiri_allocate(sizeof *s);
    char id[32];
    uint64_t seen;
    weir_error err;

    weiri_signal_init(&s->stored);
    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(id, sizeof id, "id-%u", i);
        const weiri_record command = { .kind = WEIRI_RECORD_COMMAND,
            .flags = WEIRI_RECORD_CLIENT_ID | WEIRI_RECORD_JSON,
            .type = weiri_bytes_of("testing.Add"),
            .key = weiri_bytes_of("key"),
            .id = weiri_bytes_of(id),
            .payload = weiri_bytes_of("{}") };
        if (weiri_log_send(log, partition, &command, sent, s, &err) != WEIR_OK)
            fail_msg("%s", err.text);
    }
    while ((seen = weiri_signal_count(&s->stored)) < n)
        (void)weiri_signal_wait(&s->stored, seen, -1);
    assert_int_equal(atomic_load(&s->failed), 0);
    weiri_signal_fini(&s->stored);
    weiri_release(s);
}

/* ---- lanes ------------------------------------------------------------------------------------------------ */

static void
note(kafka_lanes *lanes)
{
    weiri_lock_give(&lanes->lock);
    weiri_signal_raise(&lanes->changed);
}

static void
given(void *user, uint32_t partition)
{
    kafka_lanes *lanes = user;

    weiri_lock_take(&lanes->lock);
    const bool hold = lanes->parts[partition].hold;
    lanes->parts[partition].given = true;
    lanes->parts[partition].givens++;
    note(lanes);
    if (!hold)
        weiri_log_claim(lanes->log, partition);
}

static void
revoked(void *user, uint32_t partition)
{
    kafka_lanes *lanes = user;

    weiri_lock_take(&lanes->lock);
    const bool keep = lanes->keep;
    lanes->parts[partition].given = lanes->parts[partition].serving = false;
    lanes->parts[partition].revokes++;
    note(lanes);
    if (!keep)
        weiri_log_release(lanes->log, partition);
}

static void
claimed(void *user, uint32_t partition, weir_status status, const weir_error *err)
{
    kafka_lanes *lanes = user;
    kafka_part *part = &lanes->parts[partition];

    weiri_lock_take(&lanes->lock);
    part->serving = status == WEIR_OK;
    part->claims_closed += status == WEIR_CLOSED;
    part->claims_failed += status != WEIR_OK && status != WEIR_CLOSED;
    if (status != WEIR_OK)
        part->failure = *err;
    const uint64_t from = part->from;
    note(lanes);
    if (status == WEIR_OK && from != WEIRI_NO_OFFSET)
        weiri_log_serve(lanes->log, partition, weiri_log_next_command(lanes->log, partition));
}

static void
copy_text(char *to, size_t size, weiri_bytes from)
{
    const size_t n = from.size < size - 1 ? from.size : size - 1;

    memcpy(to, from.data == NULL ? "" : from.data, n);
    to[n] = '\0';
}

static bool
command(void *user, uint32_t partition, const weiri_record *record, const weiri_flaw *flaw)
{
    kafka_lanes *lanes = user;
    kafka_part *part = &lanes->parts[partition];

    weiri_lock_take(&lanes->lock);
    const bool room = part->commands < KAFKA_TESTING_COMMANDS;
    if (room) {
        kafka_command *c = &part->command[part->commands++];
        *c = (kafka_command){ .source = record->source, .flags = record->flags };
        copy_text(c->type, sizeof c->type, record->type);
        copy_text(c->key, sizeof c->key, record->key);
        copy_text(c->id, sizeof c->id, record->id);
        copy_text(c->payload, sizeof c->payload, record->payload);
        copy_text(c->flaw, sizeof c->flaw, weiri_bytes_of(flaw == NULL ? "" : flaw->text));
    }
    note(lanes);
    return room;
}

kafka_lanes *
kafka_lanes_join(weiri_log *log, bool commands)
{
    kafka_lanes *lanes = weiri_allocate(sizeof *lanes);
    const weiri_log_lanes calls = { given, revoked, claimed, command, lanes };
    weir_error err;

    lanes->log = log;
    weiri_lock_init(&lanes->lock);
    weiri_signal_init(&lanes->changed);
    for (unsigned p = 0; p < KAFKA_TESTING_PARTITIONS; p++)
        lanes->parts[p].from = commands ? 0 : WEIRI_NO_OFFSET;
    if (weiri_log_join(log, &calls, &err) != WEIR_OK)
        fail_msg("%s", err.text);
    return lanes;
}

void
kafka_lanes_free(kafka_lanes *lanes)
{
    weiri_lock_fini(&lanes->lock);
    weiri_signal_fini(&lanes->changed);
    weiri_release(lanes);
}

void
kafka_lanes_await(kafka_lanes *lanes, bool (*so)(kafka_lanes *lanes, void *user), void *user)
{
    const int64_t until = weiri_world_real.monotonic_us(&weiri_world_real) + (int64_t)AWAIT_MS * 1000;

    for (;;) {
        const uint64_t seen = weiri_signal_count(&lanes->changed);
        weiri_lock_take(&lanes->lock);
        const bool done = so(lanes, user);
        weiri_lock_give(&lanes->lock);
        if (done)
            return;
        if (weiri_world_real.monotonic_us(&weiri_world_real) > until)
            fail_msg("nothing of what the test waits for has come in %d s", AWAIT_MS / 1000);
        (void)weiri_signal_wait(&lanes->changed, seen, 1000);
    }
}

static bool
serving(kafka_lanes *lanes, void *user)
{
    unsigned n = 0;

    for (unsigned p = 0; p < KAFKA_TESTING_PARTITIONS; p++)
        n += lanes->parts[p].serving || lanes->parts[p].claims_failed > 0;
    return n >= *(unsigned *)user;
}

void
kafka_lanes_await_serving(kafka_lanes *lanes, unsigned partitions)
{
    kafka_lanes_await(lanes, serving, &partitions);
    for (unsigned p = 0; p < KAFKA_TESTING_PARTITIONS; p++) { /* not under the lock: who fails closes the log, which calls the lanes */
        if (lanes->parts[p].claims_failed > 0)
            fail_msg("partition %u: %s", p, lanes->parts[p].failure.text);
    }
}

static bool
given_again(kafka_lanes *lanes, void *user)
{
    (void)user;
    return lanes->parts[0].givens > 1 && lanes->parts[0].serving;
}

void
kafka_lanes_await_again(kafka_lanes *lanes)
{
    weiri_lock_take(&lanes->lock);
    const bool waits = lanes->parts[0].givens == 1;
    if (waits)
        lanes->parts[0].serving = false;
    weiri_lock_give(&lanes->lock);
    if (waits)
        weiri_log_claim(lanes->log, 0);
    kafka_lanes_await(lanes, given_again, NULL);
    print_message("given %u times, claims closed: %u\n", lanes->parts[0].givens, lanes->parts[0].claims_closed);
    assert_in_range(lanes->parts[0].claims_closed, 0, 1);
}
