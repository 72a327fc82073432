/* SPDX-License-Identifier: Apache-2.0
 * The log's contract: what log/log.h promises, one test a promise. Processes are forked while this one has no
 * threads, and speak through pipes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "log_contract.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/assert.h"
#include "log/log_testing.h"
#include "log/shared.h"

enum { WRITERS = 4, WRITES_EACH = 60, LARGE = 900 * 1024 };

static const log_contract *engine;

static weiri_log *
open_log(const char *place)
{
    weiri_log *log = NULL;
    weir_error err = { 0 };

    if (engine->open(place, "testing", 4, false, &log, &err) != WEIR_OK)
        fail_msg("%s", err.text);
    return log;
}

/* Of which every command has one record, in order, under its source. A shared log has its commands elsewhere. */
static weiri_topic
stored(weiri_log *log)
{
    return weiri_log_shared(log) ? WEIRI_TOPIC_EVENTS : WEIRI_TOPIC_COMMANDS;
}

static int
make_place(void **state)
{
    *state = testing_directory();
    return 0;
}

static int
remove_place(void **state)
{
    testing_directory_remove(*state);
    return 0;
}

static void
test_a_new_log_is_empty_everywhere(void **state)
{
    weiri_log *log = open_log(*state);
    const weiri_log_identity *identity = weiri_log_identity_of(log);
    weiri_chunk chunk = { 0 };
    weiri_record record;
    weir_status status;
    uint64_t offset;
    uint32_t checksum;
    weir_error err;

    assert_true(identity->id != 0);
    assert_int_equal(identity->partitions, 4);
    assert_string_equal(identity->module, "testing");
    assert_int_equal(weiri_log_state(log, &err), WEIR_OK);
    for (uint32_t p = 0; p < 4; p++) {
        assert_int_equal(weiri_log_next_command(log, p), 0);
        for (unsigned t = 0; t < WEIRI_TOPICS; t++) {
            assert_int_equal(weiri_log_end(log, t, p), 0);
            assert_int_equal(weiri_log_read(log, t, p, 0, &chunk, &err), WEIR_OK);
            assert_false(weiri_chunk_next(&chunk, &record, &offset, &status));
            assert_int_equal(status, WEIR_OK);
            assert_int_equal(chunk.next_offset, 0);
            assert_int_equal(weiri_log_checksum(log, t, p, 0, &checksum, &err), WEIR_OK);
            assert_int_equal(weiri_log_checksum(log, t, p, 1, &checksum, &err), WEIR_NOT_FOUND);
        }
    }
    weiri_chunk_fini(&chunk);
    weiri_log_close(log);
}

static void
check_payload(void *user, uint64_t offset, const weiri_record *record)
{
    char wanted[32];

    (void)snprintf(wanted, sizeof wanted, "payload %llu", (unsigned long long)record->source);
    assert_true(weiri_bytes_are(record->payload, wanted));
    assert_true(record->kind != WEIRI_RECORD_COMMAND || record->source == offset);
    (*(uint64_t *)user)++;
}

static void
decide_some(testing_writer *writer, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        char payload[32];
        (void)snprintf(payload, sizeof payload, "payload %llu", (unsigned long long)writer->next_command);
        (void)testing_writer_decide(writer, i, weiri_log_shared(writer->log) ? 1 : i % 3, weiri_bytes_of(payload));
    }
}

static void
test_an_append_is_durable_when_answered_in_all_its_topics(void **state)
{
    weiri_log *log = open_log(*state);
    testing_writer writer;
    uint64_t seen = 0, moved = weiri_signal_count(weiri_log_moved(log));

    testing_writer_init(&writer, log, 2);
    for (unsigned i = 0; i < 30; i++) {
        char payload[32];
        (void)snprintf(payload, sizeof payload, "payload %llu", (unsigned long long)writer.next_command);
        (void)testing_writer_decide(&writer, i, i % 3, weiri_bytes_of(payload));
    }
    assert_int_equal(testing_writer_write(&writer), WEIR_OK);
    assert_int_equal(weiri_log_end(log, WEIRI_TOPIC_COMMANDS, 2), 30);
    assert_int_equal(weiri_log_end(log, WEIRI_TOPIC_EVENTS, 2), 30);
    assert_int_equal(weiri_log_end(log, WEIRI_TOPIC_OUTCOMES, 2), 10);
    assert_int_equal(weiri_log_next_command(log, 2), 30);
    assert_true(weiri_signal_count(weiri_log_moved(log)) > moved);
    if (!weiri_log_shared(log))
        assert_int_equal(testing_read_all(log, WEIRI_TOPIC_COMMANDS, 2, 0, check_payload, &seen), 30);
    assert_int_equal(testing_read_all(log, WEIRI_TOPIC_EVENTS, 2, 0, check_payload, &seen), 30);
    assert_int_equal(testing_read_all(log, WEIRI_TOPIC_OUTCOMES, 2, 0, check_payload, &seen), 10);
    assert_int_equal(seen, weiri_log_shared(log) ? 40 : 70);
    for (uint32_t p = 0; p < 4; p++)
        assert_int_equal(weiri_log_end(log, WEIRI_TOPIC_COMMANDS, p), p == 2 ? 30 : 0);
    testing_writer_fini(&writer);
    weiri_log_close(log);
}

static void
test_reading_begins_at_any_offset(void **state)
{
    weiri_log *log = open_log(*state);
    testing_writer writer;
    uint64_t seen = 0;

    testing_writer_init(&writer, log, 0);
    for (unsigned i = 1; i <= 7; i++) {
        decide_some(&writer, i);
        assert_int_equal(testing_writer_write(&writer), WEIR_OK);
    }
    for (uint64_t from = 0; from <= 28; from++)
        assert_int_equal(testing_read_all(log, stored(log), 0, from, check_payload, &seen), 28 - from);
    assert_int_equal(testing_read_all(log, stored(log), 0, 29, check_payload, &seen), 0);
    assert_int_equal(testing_read_all(log, stored(log), 0, UINT64_MAX, check_payload, &seen), 0);
    testing_writer_fini(&writer);
    weiri_log_close(log);
}

static void
test_reopening_keeps_records_positions_and_identity(void **state)
{
    weiri_log *log = open_log(*state);
    uint64_t id = weiri_log_identity_of(log)->id, seen = 0;
    uint32_t before, after;
    testing_writer writer;
    weir_error err;

    for (unsigned round = 0; round < 3; round++) {
        testing_writer_init(&writer, log, 1);
        decide_some(&writer, 10);
        assert_int_equal(testing_writer_write(&writer), WEIR_OK);
        testing_writer_fini(&writer);
        assert_int_equal(weiri_log_checksum(log, stored(log), 1, 10, &before, &err), WEIR_OK);
        weiri_log_close(log);
        log = open_log(*state);
        assert_true(weiri_log_identity_of(log)->id == id);
        assert_int_equal(weiri_log_next_command(log, 1), 10 * (round + 1));
        assert_int_equal(testing_read_all(log, stored(log), 1, 0, check_payload, &seen), 10 * (round + 1));
        assert_int_equal(weiri_log_checksum(log, stored(log), 1, 10, &after, &err), WEIR_OK);
        assert_int_equal(before, after);
    }
    weiri_log_close(log);
}

static void
test_a_checksum_is_that_of_the_batch_before_the_position(void **state)
{
    weiri_log *log = open_log(*state);
    uint32_t at[7] = { 0 };
    testing_writer writer;
    weir_error err;

    testing_writer_init(&writer, log, 0);
    for (unsigned i = 0; i < 2; i++) {
        decide_some(&writer, 3);
        assert_int_equal(testing_writer_write(&writer), WEIR_OK);
    }
    for (unsigned i = 0; i <= 6; i++)
        assert_int_equal(weiri_log_checksum(log, stored(log), 0, i, &at[i], &err), WEIR_OK);
    assert_int_equal(at[0], 0);
    assert_int_equal(at[1], at[3]);
    assert_int_equal(at[4], at[6]);
    assert_int_not_equal(at[3], at[4]);
    assert_int_equal(weiri_log_checksum(log, stored(log), 0, 7, &at[0], &err), WEIR_NOT_FOUND);
    testing_writer_fini(&writer);
    weiri_log_close(log);
}

static void
test_large_records_are_whole(void **state)
{
    weiri_log *log = open_log(*state);
    uint8_t *large = malloc(LARGE);
    testing_writer writer;
    weiri_chunk chunk = { 0 };
    weiri_record record;
    weir_status status;
    uint64_t offset;
    weir_error err;

    testing_writer_init(&writer, log, 3);
    for (unsigned i = 0; i < 4; i++) {
        memset(large, (int)('a' + i), LARGE);
        (void)testing_writer_decide(&writer, i, 1, (weiri_bytes){ large, LARGE });
        if (i % 2 == 1)
            assert_int_equal(testing_writer_write(&writer), WEIR_OK);
    }
    for (uint64_t i = 0; i < 4; i++) {
        memset(large, (int)('a' + i), LARGE);
        assert_int_equal(weiri_log_read(log, WEIRI_TOPIC_EVENTS, 3, i, &chunk, &err), WEIR_OK);
        assert_true(weiri_chunk_next(&chunk, &record, &offset, &status) && status == WEIR_OK && offset == i);
        assert_true(weiri_bytes_equal(record.payload, (weiri_bytes){ large, LARGE }));
    }
    weiri_chunk_fini(&chunk);
    testing_writer_fini(&writer);
    weiri_log_close(log);
    free(large);
}

static void
test_opening_refuses_another_module_and_another_number_of_partitions(void **state)
{
    weiri_log *log = open_log(*state);
    weir_error err = { 0 };

    weiri_log_close(log);
    assert_int_equal(engine->open(*state, "shop", 4, false, &log, &err), WEIR_INVALID);
    assert_non_null(strstr(err.text, "belongs to module 'testing', not 'shop'"));
    assert_int_equal(engine->open(*state, "testing", 8, false, &log, &err), WEIR_INVALID);
    assert_non_null(strstr(err.text, "has 4 partitions and keeps them; 8 were asked for"));
    assert_int_equal(engine->open(*state, "testing", 0, false, &log, &err), WEIR_OK);
    assert_int_equal(weiri_log_identity_of(log)->partitions, 4);
    weiri_log_close(log);
}

/* ---- threads ------------------------------------------------------------------------------------------ */

typedef struct worker {
    weiri_log *log;
    uint32_t partition;
    uint64_t read;
    _Atomic bool *finished;
} worker;

static void
write_many(void *argument)
{
    worker *w = argument;
    testing_writer writer;

    testing_writer_init(&writer, w->log, w->partition);
    for (unsigned i = 0; i < WRITES_EACH; i++) {
        decide_some(&writer, 1 + i % 5);
        weiri_assert(testing_writer_write(&writer) == WEIR_OK);
    }
    testing_writer_fini(&writer);
}

/* Follows a partition's commands: what it sees is contiguous, and the events of a command are there with it. */
static void
follow(void *argument)
{
    worker *w = argument;

    for (;;) {
        uint64_t seen = weiri_signal_count(weiri_log_moved(w->log));
        bool finished = atomic_load(w->finished);
        uint64_t answered = weiri_log_next_command(w->log, w->partition);
        w->read += testing_read_all(w->log, stored(w->log), w->partition, w->read, NULL, NULL);
        weiri_assert(w->read >= answered);
        if (finished)
            return;
        (void)weiri_signal_wait(weiri_log_moved(w->log), seen, 1000);
    }
}

static void
test_writers_of_several_partitions_and_readers_run_together(void **state)
{
    weiri_log *log = open_log(*state);
    weiri_thread threads[2 * WRITERS] = { 0 };
    worker workers[2 * WRITERS];
    _Atomic bool finished = false;
    uint64_t seen = 0;

    for (unsigned i = 0; i < 2 * WRITERS; i++) {
        workers[i] = (worker){ log, i % WRITERS, 0, &finished };
        assert_int_equal(weiri_thread_start(&threads[i], "worker", i < WRITERS ? write_many : follow, &workers[i]), WEIR_OK);
    }
    for (unsigned i = 0; i < WRITERS; i++)
        weiri_thread_join(&threads[i]);
    atomic_store(&finished, true);
    for (unsigned i = WRITERS; i < 2 * WRITERS; i++) {
        weiri_thread_join(&threads[i]);
        assert_int_equal(workers[i].read, 3 * WRITES_EACH);
    }
    for (uint32_t p = 0; p < WRITERS; p++)
        assert_int_equal(testing_read_all(log, stored(log), p, 0, check_payload, &seen), 3 * WRITES_EACH);
    weiri_log_close(log);
}

static void
test_closing_finishes_the_appends_it_has(void **state)
{
    weiri_log *log = open_log(*state);
    testing_writer writers[WRITERS];

    for (uint32_t p = 0; p < WRITERS; p++) {
        testing_writer_init(&writers[p], log, p);
        decide_some(&writers[p], 100);
        testing_writer_append(&writers[p]);
    }
    weiri_log_close(log);
    log = open_log(*state);
    for (uint32_t p = 0; p < WRITERS; p++) {
        assert_int_equal(testing_writer_wait(&writers[p]), WEIR_OK);
        assert_int_equal(weiri_log_end(log, WEIRI_TOPIC_COMMANDS, p), 100);
        testing_writer_fini(&writers[p]);
    }
    weiri_log_close(log);
}

/* ---- processes ---------------------------------------------------------------------------------------- */

static void
say(int fd, char word)
{
    weiri_assert(write(fd, &word, 1) == 1);
}

static char
hear(int fd)
{
    char word = 0;

    return read(fd, &word, 1) == 1 ? word : 0;
}

static void
expect_success(pid_t child)
{
    int how;

    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

/* The child: follows the log read-only, and says after each word it hears whether it sees so many commands. */
static int
child_reader(const char *place, int from, int to)
{
    weiri_log *log;
    weir_error err;
    uint64_t seen = 0, expected = 0;

    (void)hear(from);
    if (engine->open(place, "testing", 0, true, &log, &err) != WEIR_OK || weiri_log_state(log, &err) != WEIR_INVALID)
        return 1;
    for (char word = 'r'; word == 'r'; word = hear(from)) {
        expected += 10;
        if (weiri_log_refresh(log, &err) != WEIR_OK || weiri_log_end(log, WEIRI_TOPIC_COMMANDS, 1) != expected ||
            testing_read_all(log, engine->commands ? WEIRI_TOPIC_COMMANDS : WEIRI_TOPIC_EVENTS, 1, 0, check_payload, &seen) != expected)
            return 2;
        say(to, 'y');
    }
    weiri_log_close(log);
    return 0;
}

static void
test_a_reader_in_another_process_follows(void **state)
{
    int down[2], up[2];
    testing_writer writer;

    assert_int_equal(pipe(down) | pipe(up), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)close(down[1]);
        _exit(child_reader(*state, down[0], up[1]));
    }
    (void)close(up[1]);
    (void)close(down[0]);
    weiri_log *log = open_log(*state);
    testing_writer_init(&writer, log, 1);
    for (unsigned round = 0; round < 5; round++) {
        decide_some(&writer, 10);
        assert_int_equal(testing_writer_write(&writer), WEIR_OK);
        say(down[1], 'r');
        assert_int_equal(hear(up[0]), 'y');
    }
    (void)close(down[1]);
    expect_success(child);
    (void)close(up[0]);
    testing_writer_fini(&writer);
    weiri_log_close(log);
}

static void
test_a_second_writer_is_refused_and_told_by_whom(void **state)
{
    weiri_log *log = NULL;
    weir_error err = { 0 };
    char wanted[64];
    int down[2];

    assert_int_equal(pipe(down), 0);
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        (void)hear(down[0]);
        (void)snprintf(wanted, sizeof wanted, "is in use by process %d (", (int)parent);
        if (engine->open(*state, "testing", 4, false, &log, &err) != WEIR_INVALID || strstr(err.text, wanted) == NULL)
            (void)fprintf(stderr, "refused with: %s\n", err.text);
        else
            _exit(0);
        _exit(1);
    }
    log = open_log(*state);
    say(down[1], 'g');
    expect_success(child);
    weiri_log_close(log);
    log = open_log(*state);
    weiri_log_close(log);
    (void)close(down[0]);
    (void)close(down[1]);
}

static void
test_reading_only_needs_a_log(void **state)
{
    weiri_log *log;
    weir_error err = { 0 };

    assert_int_equal(engine->open(*state, "testing", 0, true, &log, &err), WEIR_NOT_FOUND);
    assert_non_null(strstr(err.text, "there is no log in"));
}

#define CONTRACT_TEST(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int
log_contract_run(const log_contract *of)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(test_a_reader_in_another_process_follows),
        CONTRACT_TEST(test_a_second_writer_is_refused_and_told_by_whom),
        CONTRACT_TEST(test_reading_only_needs_a_log),
        CONTRACT_TEST(test_a_new_log_is_empty_everywhere),
        CONTRACT_TEST(test_an_append_is_durable_when_answered_in_all_its_topics),
        CONTRACT_TEST(test_reading_begins_at_any_offset),
        CONTRACT_TEST(test_reopening_keeps_records_positions_and_identity),
        CONTRACT_TEST(test_a_checksum_is_that_of_the_batch_before_the_position),
        CONTRACT_TEST(test_large_records_are_whole),
        CONTRACT_TEST(test_opening_refuses_another_module_and_another_number_of_partitions),
        CONTRACT_TEST(test_writers_of_several_partitions_and_readers_run_together),
        CONTRACT_TEST(test_closing_finishes_the_appends_it_has),
    };

    engine = of;
    return cmocka_run_group_tests_name(of->name, tests, NULL, NULL);
}
