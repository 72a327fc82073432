/* SPDX-License-Identifier: Apache-2.0
 * One record: all that it points to lies within its bytes, and it writes to the same bytes. */
#include "message/record.h"
#include "fuzz.h"

static void
check_within(weiri_bytes part, const uint8_t *data, size_t size)
{
    const uint8_t *at = part.data;

    weiri_assert(part.size == 0 || (at >= data && part.size <= size && at <= data + (size - part.size)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weiri_record record = { .source = 42 };
    weiri_bytes value;
    uint64_t number;

    weir_status status = weiri_record_read((weiri_bytes){ data, size }, &record);
    if (status != WEIR_OK) {
        weiri_assert(status == WEIR_CORRUPT && record.source == 42 && record.kind == 0);
        return 0;
    }
    const weiri_bytes parts[] = { record.type, record.aggregate, record.key, record.id, record.headers, record.payload };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        check_within(parts[i], data, size);
    size_t written = weiri_record_size(&record);
    weiri_assert(written <= size);
    uint8_t *again = malloc(written);
    weiri_assert(again != NULL);
    weiri_record_write(&record, again);
    weiri_assert(memcmp(again, data, written) == 0);
    free(again);
    if (weiri_headers_find(record.headers, WEIRI_HEADER_SOURCE, &value))
        check_within(value, data, size);
    (void)weiri_headers_find_number(record.headers, WEIRI_HEADER_SEQUENCE, &number);
    return 0;
}
