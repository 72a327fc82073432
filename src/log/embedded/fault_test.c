/* SPDX-License-Identifier: Apache-2.0
 * Failing disks: this program's own pwrite, writev and fdatasync stand before the C library's for LMDB, too, and fail when told.
 * Each failure is let through once only: what comes after it would succeed, and must not be tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/assert.h"
#include "log/embedded/damage_testing.h"

typedef enum fault {
    FAULT_NONE,
    FAULT_DATA, /* the next write of pages */
    FAULT_SYNC, /* the next sync */
    FAULT_META, /* the next write of the meta page, which is shorter than a page */
} fault;

static _Atomic int armed;
static _Atomic unsigned writes; /* since the last arm */

static bool
fails(fault kind)
{
    int expected = kind;

    atomic_fetch_add(&writes, 1);
    return atomic_compare_exchange_strong(&armed, &expected, FAULT_NONE);
}

static void
arm(fault kind)
{
    atomic_store(&armed, kind);
    atomic_store(&writes, 0);
}

/* LMDB calls pwrite; our own code, with 64-bit offsets, pwrite64, which must not fail here. */
WEIR_API ssize_t failing_pwrite(int fd, const void *data, size_t size, off_t at) __asm__("pwrite");

ssize_t
failing_pwrite(int fd, const void *data, size_t size, off_t at)
{
    static ssize_t (*real)(int fd, const void *data, size_t size, off_t at);

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "pwrite");
    if (fails(size < 4096 ? FAULT_META : FAULT_DATA)) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, data, size, at);
}

WEIR_API ssize_t
writev(int fd, const struct iovec *pieces, int n)
{
    static ssize_t (*real)(int fd, const struct iovec *pieces, int n);

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "writev");
    if (fails(FAULT_DATA)) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, pieces, n);
}

WEIR_API int
fdatasync(int fd)
{
    static int (*real)(int fd);

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    if (fails(FAULT_SYNC)) {
        errno = EIO;
        return -1;
    }
    return real(fd);
}

static weir_status
write_one(weiri_log *log)
{
    testing_writer writer;

    testing_writer_init(&writer, log, 0);
    (void)testing_writer_decide(&writer, 0, 1, weiri_bytes_of("x"));
    weir_status status = testing_writer_write(&writer);
    testing_writer_fini(&writer);
    return status;
}

static void
expect_events(weiri_log *log, uint64_t n)
{
    assert_true(weiri_log_end(log, WEIRI_TOPIC_EVENTS, 0) == n);
    assert_true(testing_read_all(log, WEIRI_TOPIC_EVENTS, 0, 0, NULL, NULL) == n);
}

/* Two appends are answered; the third meets the fault; the fourth is never tried. Opened again: the first two, perhaps the
 * third (its result was unknown), never the fourth, and no hole. */
static void
check_fault(fault kind, const char *words)
{
    char *dir = testing_directory();
    weiri_log *log = damage_open(dir);
    weiri_verify_report report;
    weiri_buffer found = { 0 };
    weir_error err;

    assert_int_equal(write_one(log), WEIR_OK);
    assert_int_equal(write_one(log), WEIR_OK);
    arm(kind);
    assert_int_equal(write_one(log), WEIR_IO);
    assert_int_equal(atomic_load(&armed), FAULT_NONE);
    arm(FAULT_NONE);
    assert_int_equal(write_one(log), WEIR_IO);
    assert_int_equal(atomic_load(&writes), 0);
    assert_int_equal(weiri_log_state(log, &err), WEIR_IO);
    assert_non_null(strstr(err.text, words));
    expect_events(log, 2);
    weiri_log_close(log);
    log = damage_open(dir);
    assert_int_equal(weiri_log_state(log, &err), WEIR_OK);
    uint64_t end = weiri_log_end(log, WEIRI_TOPIC_EVENTS, 0);
    assert_in_range(end, 2, 3);
    assert_int_equal(write_one(log), WEIR_OK);
    expect_events(log, end + 1);
    weiri_log_close(log);
    damage_verify(dir, &found, &report);
    assert_string_equal(weiri_buffer_text(&found), "");
    weiri_buffer_fini(&found);
    testing_directory_remove(dir);
}

static void
test_a_failed_write_is_final(void **state)
{
    check_fault(FAULT_DATA, "log: committing: No space left on device");
}

static void
test_a_failed_sync_is_final(void **state)
{
    check_fault(FAULT_SYNC, "log: committing: Input/output error");
}

static void
test_a_failed_meta_write_is_final_and_reading_goes_on(void **state)
{
    check_fault(FAULT_META, "log: committing: ");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failed_write_is_final),
        cmocka_unit_test(test_a_failed_sync_is_final),
        cmocka_unit_test(test_a_failed_meta_write_is_final_and_reading_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
