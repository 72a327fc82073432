/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/memory.h"
#include "log/embedded/damage_testing.h"
#include "log/embedded/internal.h"

enum { BATCHES = 41 /* so that a bit makes the newest transaction look two older */, META_SIZE = 152, PAGE = 4096 };

static void
write_one(weiri_log *log, unsigned i)
{
    static const char text[3000];
    testing_writer writer;

    testing_writer_init(&writer, log, 0);
    (void)testing_writer_decide(&writer, 0, 1, (weiri_bytes){ text, i % 3 * 1200 });
    weiri_assert(testing_writer_write(&writer) == WEIR_OK);
    testing_writer_fini(&writer);
}

static int
make_log(void **state)
{
    *state = testing_directory();
    weiri_log *log = damage_open(*state);
    for (unsigned i = 0; i < BATCHES; i++)
        write_one(log, i);
    weiri_log_close(log);
    return 0;
}

static int
remove_log(void **state)
{
    testing_directory_remove(*state);
    return 0;
}

static int
data_of(const char *dir)
{
    char path[600];

    (void)snprintf(path, sizeof path, "%s/log/data.mdb", dir);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    weiri_assert(fd >= 0);
    return fd;
}

static uint8_t *
read_file(int fd, size_t *ret_size)
{
    off_t size = lseek(fd, 0, SEEK_END);
    uint8_t *bytes = weiri_allocate((size_t)size);

    weiri_assert(pread(fd, bytes, (size_t)size, 0) == size);
    *ret_size = (size_t)size;
    return bytes;
}

/* Every bit of both meta pages: the log is refused, or every event is there, and now and then after new ones were written, too. */
static void
test_no_bit_of_a_meta_page_loses_a_commit(void **state)
{
    unsigned refused = 0, mended = 0, harmless = 0;
    size_t size;
    int fd = data_of(*state);
    uint8_t *bytes = read_file(fd, &size), after[8];

    for (size_t bit = 0; bit < 2 * META_SIZE * 8; bit++) {
        size_t at = bit / (META_SIZE * 8) * PAGE + bit / 8 % META_SIZE;
        uint8_t byte = bytes[at] ^ (uint8_t)(1u << (bit % 8));
        weiri_log *log = NULL;
        weir_error err;
        weiri_assert(pwrite(fd, &byte, 1, (off_t)at) == 1);
        if (damage_try_open(*state, false, &log, &err) == WEIR_OK) {
            assert_true(weiri_log_end(log, WEIRI_TOPIC_EVENTS, 0) == BATCHES);
            weiri_assert(pread(fd, after, sizeof after, (off_t)(at / PAGE * PAGE) + META_SIZE - 8) == 8);
            mended += at % PAGE >= META_SIZE - 8 && memcmp(after, bytes + at / PAGE * PAGE + META_SIZE - 8, sizeof after) == 0;
            harmless++;
            unsigned fresh = bit % 16 == 7 ? 6 : 0; /* commits cost a sync each */
            for (unsigned i = 0; i < fresh; i++)
                write_one(log, i);
            assert_true(testing_read_all(log, WEIRI_TOPIC_EVENTS, 0, 0, NULL, NULL) == BATCHES + fresh);
            weiri_log_close(log);
            weiri_assert(ftruncate(fd, (off_t)size) == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size);
        } else {
            refused++;
            weiri_assert(pwrite(fd, &bytes[at], 1, (off_t)at) == 1);
        }
    }
    print_message("%d bits: %u refused, %u harmless, of which %u mended\n", 2 * META_SIZE * 8, refused, harmless, mended);
    assert_int_equal(mended, 1);
    assert_true(refused > 200);
    weiri_release(bytes);
    (void)close(fd);
}

static weir_status
note_free(void *user, uint64_t page, weir_error *err)
{
    weiri_buffer_add(user, &page, sizeof page);
    return WEIR_OK;
}

/* Where a number stands in the leaf of the list of free pages, if it stands there once. 0: it doesn't. */
static size_t
place_of(const uint8_t *bytes, uint64_t leaf, uint64_t number)
{
    size_t found = 0;
    unsigned n = 0;

    for (size_t at = leaf * PAGE + 16; at + sizeof number <= (leaf + 1) * PAGE; at += 2) {
        if (memcmp(bytes + at, &number, sizeof number) == 0) {
            found = at;
            n++;
        }
    }
    return n == 1 ? found : 0;
}

static bool
is_among(const uint64_t *pages, size_t n, uint64_t page)
{
    for (size_t i = 0; i < n; i++)
        if (pages[i] == page)
            return true;
    return false;
}

/* Every page that is in use, listed as free: LMDB would write over it at one of the next commits. The lists stay in order, so
 * that it is the page itself that gives it away. */
static void
test_a_page_in_use_that_is_listed_as_free_is_refused(void **state)
{
    weiri_buffer listed = { 0 };
    weiri_page_meta metas[2];
    weiri_pages pages;
    weir_error err;
    size_t size;
    unsigned refused = 0;
    int fd = data_of(*state);
    uint8_t *bytes = read_file(fd, &size);

    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(weiri_page_meta_read(fd, i, &metas[i], &err), WEIR_OK);
    assert_int_equal(weiri_pages_open(fd, &metas[metas[1].transaction > metas[0].transaction], &pages, &err), WEIR_OK);
    assert_int_equal(weiri_embedded_examine_pages(&pages, *state, &err), WEIR_OK);
    assert_int_equal(weiri_pages_free(&pages, note_free, &listed, &err), WEIR_OK);
    const uint64_t *numbers = (const uint64_t *)listed.data;
    size_t n = listed.size / sizeof *numbers;
    for (size_t i = 0; i < n; i++) {
        uint64_t above = i > 0 && numbers[i - 1] > numbers[i] ? numbers[i - 1] : pages.meta.last_page + 1;
        uint64_t below = i + 1 < n && numbers[i + 1] < numbers[i] ? numbers[i + 1] : 1;
        size_t place = place_of(bytes, pages.meta.free.root, numbers[i]);
        for (uint64_t page = below + 1; page < above && place > 0; page++) {
            if (is_among(numbers, n, page))
                continue;
            weiri_assert(pwrite(fd, &page, sizeof page, (off_t)place) == 8);
            assert_int_equal(weiri_embedded_examine_pages(&pages, *state, &err), WEIR_CORRUPT);
            assert_non_null(strstr(err.text, "is listed as free and in use"));
            refused++;
        }
        weiri_assert(pwrite(fd, bytes, size, 0) == (ssize_t)size);
    }
    print_message("%zu free pages; %u times one in use in their place, each time refused\n", n, refused);
    assert_true(refused > 20);
    weiri_buffer_fini(&listed);
    weiri_release(bytes);
    (void)close(fd);
}

static void
test_an_empty_file_beside_traces_of_a_log_is_refused(void **state)
{
    char path[600];
    weiri_log *log = NULL;
    weir_error err;
    int fd = data_of(*state);

    weiri_assert(ftruncate(fd, 0) == 0 && close(fd) == 0);
    (void)snprintf(path, sizeof path, "%s/attempts", (const char *)*state);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    weiri_assert(fd >= 0 && close(fd) == 0);
    assert_int_equal(damage_try_open(*state, false, &log, &err), WEIR_CORRUPT);
    assert_non_null(strstr(err.text, "the log is lost"));
    weiri_assert(unlink(path) == 0);
    log = damage_open(*state);
    assert_true(weiri_log_end(log, WEIRI_TOPIC_EVENTS, 0) == 0);
    weiri_log_close(log);
}

#define LOG_TEST(test) cmocka_unit_test_setup_teardown(test, make_log, remove_log)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_no_bit_of_a_meta_page_loses_a_commit),
        LOG_TEST(test_a_page_in_use_that_is_listed_as_free_is_refused),
        LOG_TEST(test_an_empty_file_beside_traces_of_a_log_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
