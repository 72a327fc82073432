/* SPDX-License-Identifier: Apache-2.0
 * Values from text, by the type a query's parameter asks for. What is read and written again reads the same. */
#include <math.h>
#include <stdio.h>
#include "base/number.h"
#include "base/text.h"
#include "fuzz.h"
#include "query/moment.h"
#include "query/value.h"

static void
write_value(weiri_parameter_type type, const weiri_value *value, weiri_buffer *to)
{
    char moment[WEIRI_MOMENT_SIZE];

    switch (value->kind) {
    case WEIRI_VALUE_INTEGER:
        weiri_number_add_int64(to, value->integer);
        break;
    case WEIRI_VALUE_REAL:
        weiri_assert(isfinite(value->real));
        weiri_number_add_double(to, value->real);
        break;
    case WEIRI_VALUE_TEXT:
        weiri_buffer_add_bytes(to, value->bytes);
        break;
    case WEIRI_VALUE_BLOB:
        weiri_buffer_add_text(to, "\\x");
        for (size_t i = 0; i < value->bytes.size; i++)
            weiri_buffer_print(to, "%02x", ((const uint8_t *)value->bytes.data)[i]);
        break;
    case WEIRI_VALUE_NULL:
        weiri_assert(false);
    }
    if (type != WEIRI_PARAMETER_TIME)
        return;
    size_t n = weiri_moment_text(value->integer, moment);
    weiri_assert(n < sizeof moment && moment[n] == '\0');
    if (n == strlen("2026-01-31T23:59:59.000Z") && moment[0] != '-') { /* years of four digits */
        weiri_buffer_clear(to);
        weiri_buffer_add_text(to, moment);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weiri_buffer written = { 0 };
    weiri_arena arena = { 0 };
    char *text = fuzz_text(data, size);

    for (int i = 0; i < WEIRI_PARAMETER_TYPES; i++) {
        weiri_parameter_type type = (weiri_parameter_type)i;
        weiri_value value = { .kind = WEIRI_VALUE_NULL, .integer = 42 }, again;
        if (!weiri_value_read(type, text, &arena, &value)) {
            weiri_assert(value.kind == WEIRI_VALUE_NULL && value.integer == 42);
            continue;
        }
        weiri_buffer_clear(&written);
        write_value(type, &value, &written);
        bool read = weiri_value_read(type, weiri_buffer_text(&written), &arena, &again);
        weiri_assert(read && again.kind == value.kind && again.integer == value.integer);
        weiri_assert(memcmp(&again.real, &value.real, sizeof again.real) == 0 && weiri_bytes_equal(again.bytes, value.bytes));
    }
    weiri_buffer_fini(&written);
    weiri_arena_fini(&arena);
    free(text);
    return 0;
}
