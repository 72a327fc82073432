/* SPDX-License-Identifier: Apache-2.0
 * kill -9 while it writes: a child appends on all partitions and tells each answer through a pipe; what it has told is there
 * after every kill, and the log verifies clean. WEIR_TEST_LOG_KILLS asks for more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/text.h"
#include "log/embedded/embedded.h"
#include "log/log_testing.h"
#include "log_embedded.h"

enum { PARTITIONS = 4, KILLS = 8, WAIT_MOST_US = 40000 };

typedef struct answer {
    uint64_t partition, next_command;
} answer;

static void
write_until_killed(const char *dir, int to)
{
    weiri_log *log;
    weir_error err;
    testing_writer writers[PARTITIONS];

    weiri_assert(log_embedded.open(dir, "testing", PARTITIONS, false, &log, &err) == WEIR_OK);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        testing_writer_init(&writers[p], log, p);
    for (unsigned round = 0;; round++) {
        for (uint32_t p = 0; p < PARTITIONS; p++) {
            for (unsigned i = 0; i < 1 + (round + p) % 7; i++) {
                char payload[32];
                (void)snprintf(payload, sizeof payload, "payload %llu", (unsigned long long)writers[p].next_command);
                (void)testing_writer_decide(&writers[p], round + i, (round + i) % 4, weiri_bytes_of(payload));
            }
            testing_writer_append(&writers[p]);
        }
        for (uint32_t p = 0; p < PARTITIONS; p++) {
            weiri_assert(testing_writer_wait(&writers[p]) == WEIR_OK);
            answer a = { p, writers[p].next_command };
            weiri_assert(write(to, &a, sizeof a) == (ssize_t)sizeof a);
        }
    }
}

/* Hears answers until the child is dead; kills it `after_us` behind its first one. */
static void
kill_after(pid_t child, int from, useconds_t after_us, uint64_t answered[PARTITIONS])
{
    bool killed = false;
    answer a;

    while (read(from, &a, sizeof a) == (ssize_t)sizeof a) {
        assert_true(a.partition < PARTITIONS && a.next_command > answered[a.partition]);
        answered[a.partition] = a.next_command;
        if (!killed) {
            (void)usleep(after_us);
            assert_int_equal(kill(child, SIGKILL), 0);
            killed = true;
        }
    }
    assert_true(killed);
}

static void
count_fault(void *user, const char *words)
{
    print_error("%s\n", words);
    (*(unsigned *)user)++;
}

static void
check_payload(void *user, uint64_t offset, const weiri_record *record)
{
    char wanted[32];

    (void)snprintf(wanted, sizeof wanted, "payload %llu", (unsigned long long)record->source);
    assert_true(weiri_bytes_are(record->payload, wanted));
    *(uint64_t *)user = offset + 1;
}

static void
check_log(const char *dir, const uint64_t answered[PARTITIONS])
{
    weiri_log *log;
    weir_error err;
    weiri_verify_report report;
    unsigned faults = 0;

    if (log_embedded.open(dir, "testing", 0, false, &log, &err) != WEIR_OK)
        fail_msg("%s", err.text);
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        uint64_t last = 0;
        assert_true(weiri_log_next_command(log, p) >= answered[p]);
        (void)testing_read_all(log, WEIRI_TOPIC_COMMANDS, p, 0, check_payload, &last);
        assert_true(last >= answered[p]);
        assert_true(last == weiri_log_next_command(log, p)); /* a command and its events are one transaction */
        (void)testing_read_all(log, WEIRI_TOPIC_EVENTS, p, 0, check_payload, &last);
    }
    assert_int_equal(weiri_log_verify(log, count_fault, &faults, NULL, &report, &err), WEIR_OK);
    assert_int_equal(faults, 0);
    weiri_log_close(log);
}

static void
test_what_was_answered_survives_kill_9(void **state)
{
    char *dir = testing_directory();
    const char *kills = getenv("WEIR_TEST_LOG_KILLS");
    uint64_t answered[PARTITIONS] = { 0 }, n = KILLS;

    if (kills != NULL)
        assert_true(weiri_text_to_uint64(kills, &n));
    srand(1);
    for (uint64_t i = 0; i < n; i++) {
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        pid_t child = fork();
        if (child == 0) {
            (void)close(pipes[0]);
            write_until_killed(dir, pipes[1]);
        }
        (void)close(pipes[1]);
        kill_after(child, pipes[0], (useconds_t)(rand() % WAIT_MOST_US), answered);
        (void)close(pipes[0]);
        assert_int_equal(waitpid(child, NULL, 0), child);
        check_log(dir, answered);
    }
    testing_directory_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_what_was_answered_survives_kill_9) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
