/* SPDX-License-Identifier: Apache-2.0
 * Figures of the Kafka log, against the broker that WEIR_KAFKA names: the time of one append alone, and the rate of large ones with
 * Protobuf values of 200 bytes, one event a command. Not a test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/memory.h"
#include "kafka_testing.h"

enum { ALONE = 500, VALUE = 200, LARGE_COMMANDS = 100000 };

static int64_t
now_us(void)
{
    return weiri_world_real.monotonic_us(&weiri_world_real);
}

static int
by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void
measure_alone(weiri_log *log)
{
    static int64_t took[ALONE];
    testing_writer writer;

    testing_writer_init(&writer, log, 0);
    for (unsigned i = 0; i < 2 * ALONE; i++) { /* the first half warms up a young broker */
        const int64_t began = now_us();
        (void)testing_writer_decide(&writer, i, 1, weiri_bytes_of("payload"));
        assert_int_equal(testing_writer_write(&writer), WEIR_OK);
        took[i % ALONE] = now_us() - began;
        (void)weiri_signal_wait(&writer.done, weiri_signal_count(&writer.done), 2);
    }
    qsort(took, ALONE, sizeof took[0], by_value);
    print_message("one append alone, Kafka and local copy: p50 %.2f ms, p90 %.2f ms, p99 %.2f ms\n", (double)took[ALONE / 2] / 1e3,
        (double)took[ALONE * 9 / 10] / 1e3, (double)took[ALONE * 99 / 100] / 1e3);
    testing_writer_fini(&writer);
}

static void
measure_large(weiri_log *log, uint32_t partition, unsigned each)
{
    static char value[VALUE];
    weiri_log_metrics before, after;
    testing_writer writer;
    unsigned n = 0;

    testing_writer_init(&writer, log, partition);
    weiri_log_metrics_get(log, &before);
    const int64_t began = now_us();
    const clock_t cpu = clock();
    for (; n < LARGE_COMMANDS; n += each) {
        for (unsigned i = 0; i < each; i++)
            (void)testing_writer_decide(&writer, i, 1, (weiri_bytes){ value, VALUE });
        assert_int_equal(testing_writer_write(&writer), WEIR_OK);
    }
    const double seconds = (double)(now_us() - began) / 1e6, cpu_us = (double)(clock() - cpu) * 1e6 / CLOCKS_PER_SEC;
    weiri_log_metrics_get(log, &after);
    print_message("%u commands an append, one event each: %.0f commands/s (%.1f ms a transaction, %.1f ms an append with its local copy; "
                  "%.1f us of this process's CPU a command)\n",
        each, n / seconds,
        (double)(after.shared.commit_us_total - before.shared.commit_us_total) / 1e3 /
            (double)(after.shared.commits - before.shared.commits),
        seconds * 1e3 * each / n, cpu_us / n);
    testing_writer_fini(&writer);
}

static bool
partition_0(kafka_lanes *lanes, void *user)
{
    return lanes->parts[0].serving;
}

static void
measure(void **state)
{
    char *app = kafka_testing_app(), *dir = testing_directory(), *other = testing_directory();

    kafka_testing_topics(app, 1);
    weiri_log *log = kafka_testing_open(app, dir);
    for (unsigned i = 0; i < 8; i++)
        kafka_testing_send(log, 0, 60000);
    kafka_lanes *lanes = kafka_lanes_join(log, false);
    kafka_lanes_await(lanes, partition_0, NULL);
    measure_alone(log);
    measure_large(log, 0, 100);
    measure_large(log, 0, 1000);
    measure_large(log, 0, 10000);
    const uint64_t next = weiri_log_next_command(log, 0);
    const int64_t began = now_us();
    weiri_log *follower = kafka_testing_open(app, other);
    while (weiri_log_next_command(follower, 0) < next)
        (void)weiri_signal_wait(weiri_log_moved(follower), weiri_signal_count(weiri_log_moved(follower)), 100);
    const double seconds = (double)(now_us() - began) / 1e6;
    print_message(
        "a new follower copies %llu commands in %.2f s: %.0f commands/s\n", (unsigned long long)next, seconds, (double)next / seconds);
    weiri_log_close(follower);
    weiri_log_close(log);
    kafka_lanes_free(lanes);
    testing_directory_remove(dir);
    testing_directory_remove(other);
    weiri_release(app);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(measure) };

    return cmocka_run_group_tests_name("figures", tests, NULL, NULL);
}
