/* SPDX-License-Identifier: Apache-2.0
 * CSV: the reader ends, its lines and bytes count upwards, and a record written with quotes reads back with the same fields.
 * The first byte chooses the delimiter. */
#include "cli/csv.h"
#include "base/text.h"
#include "fuzz.h"

static FILE *
open_bytes(const void *data, size_t size)
{
    FILE *file = size == 0 ? fopen("/dev/null", "re") : fmemopen((void *)(uintptr_t)data, size, "r");

    weiri_assert(file != NULL);
    return file;
}

static void
read_back(const weiri_csv *csv)
{
    weiri_buffer written = { 0 };
    weiri_csv again = { 0 };
    weir_error err;

    for (size_t i = 0; i < csv->n; i++) {
        weiri_bytes field = weiri_csv_field(csv, i);
        weiri_buffer_add_text(&written, i == 0 ? "\"" : "\"");
        for (size_t j = 0; j < field.size; j++) {
            char c = ((const char *)field.data)[j];
            weiri_buffer_add_text(&written, c == '"' ? "\"" : "");
            weiri_buffer_add_char(&written, c);
        }
        weiri_buffer_add_char(&written, '"');
        weiri_buffer_add_char(&written, i + 1 == csv->n ? '\n' : csv->delimiter);
    }
    FILE *file = open_bytes(written.data, written.size);
    weiri_csv_init(&again, file, csv->delimiter);
    weir_status status = weiri_csv_next(&again, &err);
    weiri_assert(status == WEIR_OK && again.n == csv->n && again.first == 1);
    for (size_t i = 0; i < csv->n; i++)
        weiri_assert(weiri_bytes_equal(weiri_csv_field(&again, i), weiri_csv_field(csv, i)));
    status = weiri_csv_next(&again, &err);
    weiri_assert(status == WEIR_NOT_FOUND);
    weiri_csv_fini(&again);
    (void)fclose(file);
    weiri_buffer_fini(&written);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char delimiters[] = ",;\t|";
    weir_status status = WEIR_OK;
    uint64_t line = 1, at = 0;
    weiri_csv csv = { 0 };
    weir_error err;

    if (size == 0)
        return 0;
    FILE *file = open_bytes(data + 1, size - 1);
    weiri_csv_init(&csv, file, delimiters[data[0] % 4]);
    for (size_t calls = 0; status != WEIR_NOT_FOUND; calls++) {
        weiri_assert(calls <= size); /* each call but the last takes a byte at least */
        status = weiri_csv_next(&csv, &err);
        weiri_assert(status == WEIR_OK || status == WEIR_INVALID || status == WEIR_NOT_FOUND);
        weiri_assert(csv.line >= line && csv.at >= at && csv.at <= size - 1);
        if (status == WEIR_OK) {
            weiri_assert(csv.n > 0 && csv.first >= line && csv.first <= csv.line && csv.at > at);
            for (size_t i = 0; i < csv.n; i++) {
                weiri_bytes field = weiri_csv_field(&csv, i);
                weiri_assert(((const char *)field.data)[field.size] == '\0' && weiri_utf8_valid(field));
            }
            read_back(&csv);
        } else if (status == WEIR_INVALID) {
            fuzz_said(status, &err);
            weiri_assert((uint64_t)err.line == csv.first);
        }
        for (; at < csv.at; at++)
            line += data[1 + at] == '\n';
        weiri_assert(csv.line == line);
    }
    weiri_assert(csv.at == size - 1);
    weiri_csv_fini(&csv);
    (void)fclose(file);
    return 0;
}
