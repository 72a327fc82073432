/* SPDX-License-Identifier: Apache-2.0
 * What is the embedded engine's own: places it refuses, identities it refuses, failing writes, the reserve, readers that pin.
 * Children are forked before the log has threads in this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/assert.h"
#include "log/embedded/damage_testing.h"

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

static const char *
under(const char *dir, const char *name)
{
    static char path[600];

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void
make_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

static void
expect_refusal(const char *dir, weir_status status, const char *words)
{
    weiri_log *log = NULL;
    weir_error err = { 0 };

    assert_int_equal(damage_try_open(dir, false, &log, &err), status);
    assert_null(log);
    if (strstr(err.text, words) == NULL)
        fail_msg("expected \"%s\", got \"%s\"", words, err.text);
}

static void
test_places_that_cannot_hold_a_log_are_refused(void **state)
{
    make_file(under(*state, "file"), "no directory");
    expect_refusal(under(*state, "file"), WEIR_INVALID, "file is a file, not a directory");
    expect_refusal(under(*state, "file/below"), WEIR_INVALID, "file/below can't be made: Not a directory");
    expect_refusal("/proc/nothing/here", WEIR_INVALID, "/proc/nothing/here can't be made: ");
    expect_refusal("", WEIR_INVALID, "no data directory was given");
    if (geteuid() != 0) {
        assert_int_equal(mkdir(under(*state, "closed"), 0555), 0);
        expect_refusal(under(*state, "closed"), WEIR_INVALID, "closed is not writable: Permission denied");
    }
}

static void
test_missing_parents_are_made(void **state)
{
    weiri_log *log = damage_open(under(*state, "a/b//c/"));

    assert_int_equal(weiri_log_identity_of(log)->partitions, 4);
    weiri_log_close(log);
    assert_int_equal(access(under(*state, "a/b/c/log/data.mdb"), R_OK), 0);
}

static void
test_what_is_not_a_log_is_refused(void **state)
{
    assert_int_equal(mkdir(under(*state, "log"), 0777), 0);
    char text[8192];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    make_file(under(*state, "log/data.mdb"), text);
    expect_refusal(*state, WEIR_CORRUPT, "log/data.mdb is not a log: ");
}

/* Two pages as LMDB makes them, of which page `lost` was lost and the other tells of `transaction`. */
static void
make_half_made(const char *dir, unsigned lost, uint8_t transaction)
{
    static const uint8_t magic[4] = { 0xde, 0xc0, 0xef, 0xbe };
    uint8_t pages[2][4096] = { 0 };

    pages[1 - lost][10] = 8; /* a meta page */
    memcpy(pages[1 - lost] + 16, magic, sizeof magic);
    pages[1 - lost][20] = 1;
    pages[1 - lost][41] = sizeof pages[0] >> 8;
    pages[1 - lost][144] = transaction;
    (void)mkdir(under(dir, "log"), 0777);
    FILE *file = fopen(under(dir, "log/data.mdb"), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(pages, 1, sizeof pages, file), sizeof pages);
    assert_int_equal(fclose(file), 0);
}

static void
test_a_log_that_was_never_finished_is_made_again(void **state)
{
    weiri_log *log;
    weir_error err;

    for (unsigned lost = 0; lost < 2; lost++) {
        make_half_made(*state, lost, 1); /* damage: something was committed */
        expect_refusal(*state, WEIR_CORRUPT, "log/data.mdb is not a log: ");
        make_half_made(*state, lost, 0);
        assert_int_equal(damage_try_open(*state, true, &log, &err), WEIR_NOT_FOUND);
        weiri_log_close(damage_open(*state));
        weiri_log_close(damage_open(*state));
    }
}

static void
test_names_and_numbers_out_of_range_are_refused(void **state)
{
    char name[65];
    weiri_embedded_config config = { .dir = *state, .module = name, .world = &weiri_world_real };
    weiri_log *log = NULL;
    weir_error err;

    memset(name, 'm', 64);
    name[64] = '\0';
    assert_int_equal(weiri_embedded_open(&config, &log, &err), WEIR_INVALID);
    assert_string_equal(err.text, "a module's name has 1 to 63 bytes");
    config.module = "";
    assert_int_equal(weiri_embedded_open(&config, &log, &err), WEIR_INVALID);
    config.module = NULL;
    assert_int_equal(weiri_embedded_open(&config, &log, &err), WEIR_INVALID);
    config.module = "m";
    config.partitions = 4097;
    assert_int_equal(weiri_embedded_open(&config, &log, &err), WEIR_INVALID);
    assert_string_equal(err.text, "4097 partitions are too many: 4096 at most");
}

static void
make_newer(uint8_t *value, size_t size)
{
    value[4] = 2;
}

static void
make_damaged(uint8_t *value, size_t size)
{
    value[20] ^= 1;
}

static void
test_a_newer_format_and_a_damaged_identity_are_refused(void **state)
{
    weiri_log_close(damage_open(*state));
    damage_value(*state, "meta", "identity", 8, make_damaged);
    expect_refusal(*state, WEIR_CORRUPT, "the log's identity is damaged");
    damage_value(*state, "meta", "identity", 8, make_newer);
    expect_refusal(*state, WEIR_INVALID, " was written by a newer weir (format 2, this one knows 1)");
}

static void
test_a_damaged_or_missing_vector_is_refused(void **state)
{
    weiri_log_close(damage_open(*state));
    damage_value(*state, "meta", "partition\0\0\0\2", 13, make_damaged);
    expect_refusal(*state, WEIR_CORRUPT, "partition 2: the record of its ends is damaged");
    damage_value(*state, "meta", "partition\0\0\0\2", 13, NULL);
    expect_refusal(*state, WEIR_CORRUPT, "partition 2: the record of its ends is missing");
}

/* The lock names its holder as /proc does, and a reader without a module's name reads any log. */
static void
test_the_lock_file_says_who_holds_it(void **state)
{
    weiri_log *log = damage_open(*state);
    char words[512] = "", pid[32];
    int fd = open(under(*state, "lock"), O_RDONLY);

    assert_true(read(fd, words, sizeof words - 1) > 0);
    (void)close(fd);
    (void)snprintf(pid, sizeof pid, "%d ", (int)getpid());
    assert_int_equal(strncmp(words, pid, strlen(pid)), 0);
    assert_non_null(strstr(words, "test_log_embedded"));
    weiri_log_close(log);
    const weiri_embedded_config config = { .dir = *state, .read_only = true, .world = &weiri_world_real };
    weir_error err;
    assert_int_equal(weiri_embedded_open(&config, &log, &err), WEIR_OK);
    assert_string_equal(weiri_log_identity_of(log)->module, "testing");
    weiri_log_close(log);
}

static void
limit_files(rlim_t bytes)
{
    struct rlimit limit;

    weiri_assert(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = bytes;
    weiri_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

/* The file may not grow: the write fails, and room that comes back changes nothing until the log is opened again. */
static void
test_the_first_failed_write_is_final(void **state)
{
    weiri_log *log = damage_open(*state);
    testing_writer writer;
    struct stat about;
    weir_error err;
    char large[20000] = "";

    (void)signal(SIGXFSZ, SIG_IGN);
    testing_writer_init(&writer, log, 0);
    (void)testing_writer_decide(&writer, 0, 1, weiri_bytes_of("kept"));
    assert_int_equal(testing_writer_write(&writer), WEIR_OK);
    assert_int_equal(stat(under(*state, "log/data.mdb"), &about), 0);
    limit_files((rlim_t)about.st_size);
    (void)testing_writer_decide(&writer, 1, 1, (weiri_bytes){ large, sizeof large });
    assert_int_equal(testing_writer_write(&writer), WEIR_IO);
    limit_files(RLIM_INFINITY);
    (void)testing_writer_decide(&writer, 2, 1, weiri_bytes_of("too late"));
    assert_int_equal(testing_writer_write(&writer), WEIR_IO);
    testing_writer_fini(&writer);
    assert_int_equal(weiri_log_state(log, &err), WEIR_IO);
    assert_non_null(strstr(err.text, "log: committing: "));
    assert_non_null(strstr(err.text, "it takes no more"));
    assert_int_equal(weiri_log_end(log, WEIRI_TOPIC_COMMANDS, 0), 1);
    assert_int_equal(testing_read_all(log, WEIRI_TOPIC_EVENTS, 0, 0, NULL, NULL), 1);
    weiri_log_close(log);
    log = damage_open(*state);
    assert_int_equal(weiri_log_state(log, &err), WEIR_OK);
    assert_int_equal(weiri_log_end(log, WEIRI_TOPIC_COMMANDS, 0), 1);
    assert_int_equal(testing_read_all(log, WEIRI_TOPIC_EVENTS, 0, 0, NULL, NULL), 1);
    testing_writer_init(&writer, log, 0);
    (void)testing_writer_decide(&writer, 1, 1, (weiri_bytes){ large, sizeof large });
    assert_int_equal(testing_writer_write(&writer), WEIR_OK);
    testing_writer_fini(&writer);
    weiri_log_close(log);
}

static void
test_below_the_reserve_only_what_was_handed_in_goes(void **state)
{
    weiri_embedded_config config = { .dir = *state, .module = "testing", .reserve_bytes = UINT64_MAX, .world = &weiri_world_real };
    testing_writer writer;
    weiri_log *log;
    weir_error err;

    assert_int_equal(weiri_embedded_open(&config, &log, &err), WEIR_OK);
    assert_int_equal(weiri_log_state(log, &err), WEIR_BUSY);
    assert_int_equal(strncmp(err.text, "disk: ", 6), 0);
    testing_writer_init(&writer, log, 0);
    (void)testing_writer_decide(&writer, 0, 1, weiri_bytes_of("handed in"));
    assert_int_equal(testing_writer_write(&writer), WEIR_OK);
    testing_writer_fini(&writer);
    weiri_log_close(log);
}

/* ---- a reader that pins ------------------------------------------------------------------------------- */

static _Atomic int64_t fake_us;

static int64_t
fake_monotonic(const weiri_world *world)
{
    return fake_us;
}

/* The child: a foreign program that holds a read transaction for ever. */
static void
hold_reader(const char *dir, int from, int to)
{
    char word;
    MDB_env *env;
    MDB_txn *txn;

    weiri_assert(read(from, &word, 1) == 1);
    weiri_assert(mdb_env_create(&env) == 0 && mdb_env_set_mapsize(env, 1 << 28) == 0); /* else the log's: not under sanitizers */
    weiri_assert(mdb_env_open(env, under(dir, "log"), MDB_RDONLY, 0666) == 0);
    weiri_assert(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0);
    weiri_assert(write(to, "h", 1) == 1);
    (void)pause();
}

static void
write_one(weiri_log *log)
{
    testing_writer writer;

    testing_writer_init(&writer, log, 0);
    (void)testing_writer_decide(&writer, 0, 1, weiri_bytes_of("x"));
    assert_int_equal(testing_writer_write(&writer), WEIR_OK);
    testing_writer_fini(&writer);
}

static void
test_metrics_count_and_tell_the_oldest_reader(void **state)
{
    weiri_world world = weiri_world_real;
    const weiri_embedded_config config = { .dir = *state, .module = "testing", .reserve_bytes = 1, .world = &world };
    weiri_log_metrics metrics;
    weiri_log *log;
    weir_error err;
    char word;
    int down[2], up[2];

    assert_int_equal(pipe(down) | pipe(up), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)close(down[1]);
        hold_reader(*state, down[0], up[1]);
    }
    (void)close(down[0]);
    (void)close(up[1]); /* a child that fails is heard as an end */
    world.monotonic_us = fake_monotonic;
    assert_int_equal(weiri_embedded_open(&config, &log, &err), WEIR_OK);
    fake_us = 1000000;
    write_one(log);
    assert_int_equal(write(down[1], "g", 1), 1);
    assert_int_equal(read(up[0], &word, 1), 1);
    fake_us = 3000000;
    weiri_log_metrics_get(log, &metrics);
    assert_int_equal(metrics.oldest_reader_ms, 0); /* it sees all there is */
    write_one(log);
    fake_us = 9000000;
    write_one(log);
    weiri_log_metrics_get(log, &metrics);
    assert_int_equal(metrics.oldest_reader_ms, 6000);
    assert_int_equal(metrics.oldest_reader_pid, child);
    for (int i = 0; i < 200; i++) { /* longer than moments of commits are kept */
        fake_us += 200000;
        write_one(log);
        if (i % 20 == 19)
            weiri_log_metrics_get(log, &metrics);
    }
    assert_int_equal(metrics.oldest_reader_ms, 46000);
    assert_int_equal(metrics.commits, 203);
    assert_int_equal(metrics.records, 406);
    assert_true(metrics.bytes > 6 * 72 && metrics.disk_used_bytes >= metrics.bytes && metrics.disk_free_bytes > 0);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    weiri_log_metrics_get(log, &metrics);
    assert_int_equal(metrics.oldest_reader_ms, 0);
    assert_int_equal(metrics.oldest_reader_pid, 0);
    weiri_log_close(log);
    (void)close(down[1]);
    (void)close(up[0]);
}

#define PLACE_TEST(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_places_that_cannot_hold_a_log_are_refused),
        PLACE_TEST(test_missing_parents_are_made),
        PLACE_TEST(test_a_log_that_was_never_finished_is_made_again),
        PLACE_TEST(test_what_is_not_a_log_is_refused),
        PLACE_TEST(test_names_and_numbers_out_of_range_are_refused),
        PLACE_TEST(test_a_newer_format_and_a_damaged_identity_are_refused),
        PLACE_TEST(test_a_damaged_or_missing_vector_is_refused),
        PLACE_TEST(test_the_lock_file_says_who_holds_it),
        PLACE_TEST(test_the_first_failed_write_is_final),
        PLACE_TEST(test_below_the_reserve_only_what_was_handed_in_goes),
        PLACE_TEST(test_metrics_count_and_tell_the_oldest_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
