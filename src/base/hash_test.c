/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/hash.h"

/* The vectors of Kafka's own UtilsTest.testMurmur2. */
static void
test_murmur2_is_kafkas(void **state)
{
    static const struct {
        const char *text;
        int32_t hash;
    } vectors[] = { { "21", -973932308 }, { "foobar", -790332482 }, { "a-little-bit-long-string", -985981536 },
        { "a-little-bit-longer-string", -1486304829 }, { "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971 } };

    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        assert_int_equal((int32_t)weiri_murmur2(vectors[i].text, strlen(vectors[i].text)), vectors[i].hash);
}

/* RFC 3720, B.4, and the usual check value. */
static void
test_crc32c_is_castagnolis(void **state)
{
    const uint8_t zeroes[32] = { 0 };
    uint32_t part = weiri_crc32c(0, "1234", 4);

    assert_int_equal(weiri_crc32c(0, "123456789", 9), 0xe3069283u);
    assert_int_equal(weiri_crc32c(part, "56789", 5), 0xe3069283u);
    assert_int_equal(weiri_crc32c(0, zeroes, sizeof zeroes), 0x8a9136aau);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_murmur2_is_kafkas),
        cmocka_unit_test(test_crc32c_is_castagnolis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
