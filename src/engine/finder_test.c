/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "engine/finder.h"
#include "log/embedded/embedded.h"
#include "log/log_testing.h"

enum { BATCHES = 5, EACH = 8 };

static void
expect(weiri_finder *finder, weiri_log *log, uint64_t offset)
{
    weiri_record record;
    weir_error err;

    assert_int_equal(weiri_finder_find(finder, log, 0, offset, &record, &err), WEIR_OK);
    assert_int_equal(record.kind, WEIRI_RECORD_EVENT);
    assert_int_equal(record.version, offset + 1); /* one aggregate, so version and offset go together */
}

static void
test_events_are_found_in_any_order(void **state)
{
    char *dir = testing_directory();
    weiri_embedded_config config = { .dir = dir, .module = "testing", .partitions = 1, .reserve_bytes = 1, .world = &weiri_world_real };
    testing_writer writer;
    weiri_finder finder = { 0 };
    weiri_record record;
    weiri_log *log = NULL;
    weir_error err;

    assert_int_equal(weiri_embedded_open(&config, &log, &err), WEIR_OK);
    testing_writer_init(&writer, log, 0);
    for (int b = 0; b < BATCHES; b++) {
        (void)testing_writer_decide(&writer, 0, EACH, weiri_bytes_of("x"));
        assert_int_equal(testing_writer_write(&writer), WEIR_OK);
    }
    for (uint64_t o = 0; o < BATCHES * EACH; o++)
        expect(&finder, log, o);
    for (uint64_t o = BATCHES * EACH; o-- > 0;)
        expect(&finder, log, o);
    srand(1);
    for (int i = 0; i < 2000; i++)
        expect(&finder, log, (uint64_t)(rand() % (BATCHES * EACH)));
    assert_int_equal(weiri_finder_find(&finder, log, 0, BATCHES * EACH, &record, &err), WEIR_CORRUPT);
    expect(&finder, log, 3);
    weiri_finder_fini(&finder);
    testing_writer_fini(&writer);
    weiri_log_close(log);
    testing_directory_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_events_are_found_in_any_order) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
