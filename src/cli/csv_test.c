/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "cli/csv.h"

/* Reads all of `text`: records as "LINE:field|field", breaks as "LINE!words", one behind the other. */
static char *
reads_n(const char *text, size_t size, char delimiter)
{
    static char result[4096];
    FILE *file = fmemopen((void *)text, size, "r");
    weiri_csv csv = { 0 };
    weiri_buffer to = { 0 };
    weir_error err;
    weir_status status;

    weiri_csv_init(&csv, file, delimiter);
    while ((status = weiri_csv_next(&csv, &err)) != WEIR_NOT_FOUND) {
        if (status == WEIR_INVALID) {
            weiri_buffer_print(&to, "%d!%s\n", err.line, err.text);
            continue;
        }
        assert_int_equal(status, WEIR_OK);
        weiri_buffer_print(&to, "%d:", (int)csv.first);
        for (size_t i = 0; i < csv.n; i++)
            weiri_buffer_print(&to, "%s%s", i == 0 ? "" : "|", (const char *)weiri_csv_field(&csv, i).data);
        weiri_buffer_add_text(&to, "\n");
    }
    assert_int_equal(weiri_csv_next(&csv, &err), WEIR_NOT_FOUND);
    (void)snprintf(result, sizeof result, "%s", weiri_buffer_text(&to));
    weiri_buffer_fini(&to);
    weiri_csv_fini(&csv);
    (void)fclose(file);
    return result;
}

static char *
reads(const char *text)
{
    return reads_n(text, strlen(text), ',');
}

static void
test_records_are_read(void **state)
{
    assert_string_equal(reads("a,b\n1,2\n"), "1:a|b\n2:1|2\n");
    assert_string_equal(reads("a,b\r\n1,2\r\n"), "1:a|b\n2:1|2\n");
    assert_string_equal(reads("a,b\n1,2"), "1:a|b\n2:1|2\n");
    assert_string_equal(reads("a,,\n"), "1:a||\n");
    assert_string_equal(reads("a\n\nb\n"), "1:a\n2:\n3:b\n");
    assert_string_equal(reads_n("a;b,c\n", 6, ';'), "1:a|b,c\n");
    assert_string_equal(reads("\xef\xbb\xbf"
                              "a,b\n"),
        "1:a|b\n");
}

static void
test_quotes_hold_delimiters_quotes_and_lines(void **state)
{
    assert_string_equal(reads("\"a,b\",\"c\"\"d\",\"\"\n"), "1:a,b|c\"d|\n");
    assert_string_equal(reads("a\n\"x\r\ny\nz\",2\r\n3\n"), "1:a\n2:x\r\ny\nz|2\n5:3\n");
    assert_string_equal(reads("\"a\""), "1:a\n");
    assert_string_equal(reads(" \n"), "1: \n");
}

static void
test_each_break_of_the_form_is_said_with_its_line(void **state)
{
    assert_string_equal(reads("a\nb\"c\nd\n"), "1:a\n2!a quote inside a field that does not begin with one (line 2)\n3:d\n");
    assert_string_equal(reads("a\n\"b\"c,d\ne\n"), "1:a\n2!text behind a closing quote (line 2)\n3:e\n");
    assert_string_equal(reads("a\n\"b\" \ne\n"), "1:a\n2!text behind a closing quote (line 2)\n3:e\n");
    assert_string_equal(reads("a\n\"b\nc\"d\ne\n"), "1:a\n2!text behind a closing quote (line 3)\n4:e\n");
    assert_string_equal(reads("a\nb\rc\nd\n"), "1:a\n2!a carriage return without a line feed (line 2)\n3:d\n");
    assert_string_equal(reads("a\nx,\"b\nc\nd\n"), "1:a\n2!the quote opened in line 2 is not closed: nothing behind it is read\n");
    assert_string_equal(reads("a\n\xff\nd\n"), "1:a\n2!not UTF-8\n3:d\n");
    assert_string_equal(reads("a\nb\"\"c\"\n\"d\n\"\n"), "1:a\n2!a quote inside a field that does not begin with one (line 2)\n3:d\n\n");
    assert_string_equal(reads_n("a\nb\0c\nd\n", 8, ','), "1:a\n2!a NUL byte\n3:d\n");
}

static void
test_nothing_is_read_from_nothing(void **state)
{
    FILE *file = fopen("/dev/null", "r");
    weiri_csv csv = { 0 };
    weir_error err;

    weiri_csv_init(&csv, file, ',');
    assert_int_equal(weiri_csv_next(&csv, &err), WEIR_NOT_FOUND);
    weiri_csv_fini(&csv);
    (void)fclose(file);
}

static void
test_a_record_without_end_is_cut(void **state)
{
    size_t size = WEIRI_CSV_RECORD_MOST + 4096;
    char *text = malloc(size);

    memset(text, 'x', size);
    memcpy(text + size - 6, "\nb\nc\n", 5);
    text[size - 1] = 'd';
    assert_string_equal(reads_n(text, size, ','), "1!longer than 1 MiB\n2:b\n3:c\n4:d\n");
    text[0] = '"';
    assert_string_equal(reads_n(text, size, ','), "1!the quote opened in line 1 is not closed: nothing behind it is read\n");
    free(text);
}

static void
test_raw_bytes_have_no_line_end(void **state)
{
    const char text[] = "a,\"b\"\r\nc\n";
    FILE *file = fmemopen((void *)text, sizeof text - 1, "r");
    weiri_csv csv = { 0 };
    weir_error err;

    weiri_csv_init(&csv, file, ',');
    assert_int_equal(weiri_csv_next(&csv, &err), WEIR_OK);
    assert_true(weiri_bytes_are(weiri_buffer_bytes(&csv.raw), "a,\"b\""));
    assert_int_equal(weiri_csv_next(&csv, &err), WEIR_OK);
    assert_true(weiri_bytes_are(weiri_buffer_bytes(&csv.raw), "c"));
    assert_int_equal(csv.at, sizeof text - 1);
    weiri_csv_fini(&csv);
    (void)fclose(file);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_are_read),
        cmocka_unit_test(test_quotes_hold_delimiters_quotes_and_lines),
        cmocka_unit_test(test_each_break_of_the_form_is_said_with_its_line),
        cmocka_unit_test(test_nothing_is_read_from_nothing),
        cmocka_unit_test(test_a_record_without_end_is_cut),
        cmocka_unit_test(test_raw_bytes_have_no_line_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
