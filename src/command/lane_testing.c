/* SPDX-License-Identifier: Apache-2.0
 * The harness of the lanes' tests. */
#include "command/lane_testing.h"
#include "base/assert.h"
#include "base/memory.h"
#include "testing_module.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
run_shell(const char *command)
{
    weiri_assert(system(command) == 0);
}

void
testing_remove(const char *dir, const char *name)
{
    char command[512];

    (void)snprintf(command, sizeof command, "rm -rf '%s/%s'", dir, name);
    run_shell(command);
}

void
testing_copy(const char *dir, const char *from, const char *to)
{
    char command[1024];

    (void)snprintf(command, sizeof command, "rm -rf '%s/%s' && cp -r --sparse=always '%s/%s' '%s/%s'", dir, to, dir, from, dir, to);
    run_shell(command);
}

void
testing_side_init(testing_side *side)
{
    const char *tmp = getenv("TMPDIR");
    char dir[256];
    weiri_problems problems = { 0 };

    (void)snprintf(dir, sizeof dir, "%s/weir-lane-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    weiri_assert(mkdtemp(dir) != NULL);
    *side = (testing_side){ .dir = weiri_text_copy(dir), .partitions = 2 };
    weiri_schema_new(&testing_module, &side->schema, &problems);
    weiri_assert(side->schema != NULL);
    weiri_problems_fini(&problems);
    side->config = (weiri_commands_config){ .build_id = "test", .window = 1000 };
}

weir_status
testing_side_try_open(testing_side *side, weir_error *err)
{
    const weiri_embedded_config log = {
        .dir = side->dir, .module = "testing", .partitions = side->partitions, .reserve_bytes = 1 << 20, .world = &weiri_world_real
    };
    weir_status status = weiri_embedded_open(&log, &side->log, err);

    if (status != WEIR_OK)
        return status;
    side->config.schema = side->schema;
    side->config.log = side->log;
    side->config.dir = side->dir;
    if (side->config.world == NULL)
        side->config.world = &weiri_world_real;
    status = weiri_commands_open(&side->config, &side->commands, err);
    if (status == WEIR_OK)
        status = weiri_commands_start(side->commands, err);
    if (status != WEIR_OK) {
        weiri_log_close(side->log);
        side->log = NULL;
    }
    return status;
}

void
testing_side_open(testing_side *side)
{
    weir_error err;
    weir_status status = testing_side_try_open(side, &err);

    if (status != WEIR_OK)
        (void)fprintf(stderr, "open: %s\n", err.text);
    weiri_assert(status == WEIR_OK);
}

void
testing_side_close(testing_side *side)
{
    weiri_commands_close(side->commands);
    weiri_log_close(side->log);
    side->commands = NULL;
    side->log = NULL;
}

void
testing_side_fini(testing_side *side)
{
    testing_side_close(side);
    testing_remove(side->dir, "");
    weiri_schema_free(side->schema);
    weiri_release(side->dir);
}

/* One for all answers, never destroyed: the callback thread may still be raising it when an answer has been seen. */
static weiri_signal answered = { .mutex = PTHREAD_MUTEX_INITIALIZER, .raised = PTHREAD_COND_INITIALIZER };

void
testing_answer_init(testing_answer *answer)
{
    *answer = (testing_answer){ 0 };
}

void
testing_answered(void *user, const weiri_answer *answer)
{
    testing_answer *to = user;

    to->answer = *answer;
    (void)snprintf(to->code, sizeof to->code, "%s", answer->code);
    (void)snprintf(to->text, sizeof to->text, "%s", answer->text);
    to->answer.code = to->code;
    to->answer.text = to->text;
    weiri_assert(answer->state.size <= sizeof to->state);
    if (answer->state.size > 0)
        memcpy(to->state, answer->state.data, answer->state.size);
    to->answer.state.data = to->state;
    atomic_fetch_add(&to->calls, 1);
    weiri_signal_raise(&answered);
}

void
testing_answer_wait(testing_answer *answer)
{
    for (;;) {
        uint64_t seen = weiri_signal_count(&answered);
        if (atomic_load(&answer->calls) > 0)
            break;
        (void)weiri_signal_wait(&answered, seen, -1);
    }
    weiri_assert(atomic_load(&answer->calls) == 1);
}

static size_t
pack_command(const testing_command *command, uint8_t *to)
{
    Testing__V1__Add add = TESTING__V1__ADD__INIT;
    Testing__V1__Reset reset = TESTING__V1__RESET__INIT;

    add.counter_id = reset.counter_id = (char *)(uintptr_t)command->counter;
    add.amount = command->amount;
    return protobuf_c_message_pack(command->reset ? &reset.base : &add.base, to);
}

weir_status
testing_send(testing_side *side, const testing_command *command, testing_answer *answer, weir_error *err)
{
    uint8_t packed[512];
    char uuid[WEIRI_UUID_SIZE];
    bool client = command->id != NULL && command->id[0] != '\0';

    if (!client)
        weiri_uuid7(&weiri_world_real, uuid);
    const char *type = command->reset ? "testing.v1.Reset" : "testing.v1.Add";
    const weiri_submit submit = { .type = weiri_schema_find(side->schema, weiri_bytes_of(type)),
        .key = weiri_bytes_of(command->counter),
        .payload = { packed, pack_command(command, packed) },
        .id = weiri_bytes_of(client ? command->id : uuid),
        .client_id = client,
        .expect = command->expect,
        .expected_version = command->expected_version,
        .source = weiri_bytes_of(command->source),
        .sequence = command->sequence,
        .previous = command->previous,
        .fingerprint = command->fingerprint,
        .timeout_ms = command->timeout_ms,
        .done = testing_answered,
        .user = answer };
    return weiri_commands_submit(side->commands, &submit, err);
}

void
testing_run(testing_side *side, const testing_command *command, testing_answer *answer)
{
    weir_error err;

    testing_answer_init(answer);
    weir_status status = testing_send(side, command, answer, &err);
    weiri_assert(status == WEIR_OK);
    testing_answer_wait(answer);
}

void
testing_ask_state(testing_side *side, const char *counter, testing_answer *answer)
{
    weir_error err;
    int aggregate = weiri_schema_aggregate_find(side->schema, weiri_bytes_of("counter"));

    testing_answer_init(answer);
    weir_status status = weiri_commands_ask_state(
        side->commands, (uint16_t)aggregate, weiri_bytes_of(counter), testing_answered, answer, &err);
    weiri_assert(status == WEIR_OK);
    testing_answer_wait(answer);
}

int64_t
testing_total(testing_side *side, const char *counter, uint64_t *ret_version)
{
    testing_answer answer;

    testing_ask_state(side, counter, &answer);
    *ret_version = answer.answer.version;
    if (answer.answer.status != WEIR_OK)
        return -1;
    Testing__V1__Counter *state = testing__v1__counter__unpack(NULL, answer.answer.state.size, answer.state);
    int64_t total = state->total;
    testing__v1__counter__free_unpacked(state, NULL);
    return total;
}

uint64_t
testing_records(testing_side *side, weiri_topic topic)
{
    uint64_t n = 0;

    for (uint32_t p = 0; p < weiri_log_identity_of(side->log)->partitions; p++)
        n += weiri_log_end(side->log, topic, p);
    return n;
}

/* The n-th command of a mixed load: accepted, empty, rejected; with an id, a source or neither. */
testing_command
testing_mixed(unsigned n, char counter[16], char id[16])
{
    testing_command command = { .counter = counter, .amount = (int64_t)(n % 7) - 1, .reset = n % 11 == 0 };

    (void)snprintf(counter, 16, "c%u", n % 37);
    (void)snprintf(id, 16, "id%u", n);
    if (n % 3 == 0)
        command.id = id;
    return command;
}

void
testing_send_mixed(testing_side *side, unsigned from, unsigned to)
{
    unsigned n = to - from;
    testing_answer *answers = weiri_allocate(n * sizeof *answers);
    weir_error err;

    for (unsigned i = 0; i < n; i++) {
        char counter[16], id[16];
        testing_command command = testing_mixed(from + i, counter, id);
        testing_answer_init(&answers[i]);
        weir_status status = testing_send(side, &command, &answers[i], &err);
        weiri_assert(status == WEIR_OK);
    }
    for (unsigned i = 0; i < n; i++) {
        testing_answer_wait(&answers[i]);
    }
    weiri_release(answers);
}

/* All that a lane knows, as text: states, answers to repeats, sources. */
char *
testing_knowledge(testing_side *side, unsigned commands)
{
    weiri_buffer text = { 0 };
    uint64_t version, last = 0, fingerprint = 0;

    for (unsigned i = 0; i < 38; i++) {
        char counter[16];
        (void)snprintf(counter, sizeof counter, i == 37 ? "s" : "c%u", i);
        int64_t total = testing_total(side, counter, &version);
        weiri_buffer_print(&text, "%s=%lld at %llu\n", counter, (long long)total, (unsigned long long)version);
    }
    testing_answer *answers = weiri_allocate(commands * sizeof *answers);
    for (unsigned i = 0; i < commands; i += 3) {
        char counter[16], id[16];
        weir_error err;
        testing_command command = testing_mixed(i, counter, id);
        testing_answer_init(&answers[i]);
        weir_status status = testing_send(side, &command, &answers[i], &err);
        weiri_assert(status == WEIR_OK);
    }
    for (unsigned i = 0; i < commands; i += 3) {
        testing_answer *a = &answers[i];
        testing_answer_wait(a);
        weiri_assert(a->answer.repeated);
        weiri_buffer_print(&text, "%u: %d %llu %llu %u %llu %s %s\n", i, (int)a->answer.status, (unsigned long long)a->answer.source,
            (unsigned long long)a->answer.version, a->answer.events, (unsigned long long)a->answer.events_offset, a->code, a->text);
    }
    weiri_release(answers);
    for (uint32_t p = 0; p < 2; p++)
        if (weiri_commands_source(side->commands, p, weiri_bytes_of("file"), &last, &fingerprint))
            weiri_buffer_print(&text, "file %u: %llu %llu\n", p, (unsigned long long)last, (unsigned long long)fingerprint);
    char *copy = weiri_text_copy(weiri_buffer_text(&text));
    weiri_buffer_fini(&text);
    return copy;
}

uint64_t
testing_recovered(testing_side *side)
{
    weiri_lane_metrics metrics;
    uint64_t n = 0;

    for (uint32_t p = 0; p < weiri_log_identity_of(side->log)->partitions; p++) {
        weiri_commands_metrics(side->commands, p, &metrics);
        n += metrics.recovered_events;
    }
    return n;
}
