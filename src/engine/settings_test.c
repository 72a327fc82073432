/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/memory.h"
#include "engine/settings.h"

static char path[] = "/tmp/weir-settings-XXXXXX";

static void
write_file(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void
refused(weir_status status, const weir_error *err, const char *words)
{
    char text[1024];

    assert_int_equal(status, WEIR_INVALID);
    weiri_error_format(err, text, sizeof text);
    if (strstr(text, words) == NULL)
        fail_msg("expected '%s' in '%s'", words, text);
}

static void
test_an_unknown_name_is_told_with_the_nearest(void **state)
{
    weiri_settings s = { 0 };
    weir_error err;

    refused(weiri_settings_set(&s, "partition", "4", "--partition", &err), &err,
        "--partition: there is no setting 'partition'; did you mean 'partitions'?");
    refused(weiri_settings_set(&s, "xyzzy", "4", "--xyzzy", &err), &err, "there is no setting 'xyzzy'; `weir config`");
    weiri_settings_fini(&s);
}

static void
test_numbers_sizes_and_ranges_are_checked(void **state)
{
    weiri_settings s = { 0 };
    weir_error err;

    refused(
        weiri_settings_set(&s, "partitions", "four", "--partitions", &err), &err, "--partitions: partitions=four: expected a whole number");
    refused(weiri_settings_set(&s, "partitions", "0", "--partitions", &err), &err, "out of range: expected 1 to 64");
    refused(weiri_settings_set(&s, "partitions", "65", "--partitions", &err), &err, "out of range");
    refused(weiri_settings_set(&s, "queue.size", "64 parsec", "x", &err), &err, "expected a size, as 64MB");
    refused(weiri_settings_set(&s, "queue.size", "99999999999999999999G", "x", &err), &err, "expected a size");
    refused(weiri_settings_set(&s, "queue.size", "17179869184G", "x", &err), &err, "expected a size");
    refused(weiri_settings_set(&s, "queue.size", "1KB", "x", &err), &err, "out of range");
    refused(weiri_settings_set(&s, "dir", "a\nb", "x", &err), &err, "control character");
    assert_int_equal(weiri_settings_number(&s, "partitions"), 4);
    assert_int_equal(weiri_settings_number(&s, "queue.size"), 64 << 20);
    assert_int_equal(weiri_settings_set(&s, "queue.size", "128m", "x", &err), WEIR_OK);
    assert_int_equal(weiri_settings_number(&s, "queue.size"), 128 << 20);
    assert_int_equal(weiri_settings_set(&s, "queue.size", "4194304", "x", &err), WEIR_OK);
    assert_int_equal(weiri_settings_number(&s, "queue.size"), 4194304);
    weiri_settings_fini(&s);
}

static void
test_a_flag_beats_a_variable_beats_the_file_beats_the_default(void **state)
{
    weiri_settings s = { 0 };
    weir_error err;

    write_file("# a comment\n\nthreads = 5\nwindow=7\n  listen =  127.0.0.1:1  \ndir = 'a dir'\n");
    assert_int_equal(setenv("WEIR_THREADS", "6", 1), 0);
    assert_int_equal(setenv("WEIR_HTTP_THREADS", "3", 1), 0);
    assert_int_equal(setenv("WEIR_LISTEN", "127.0.0.1:2", 1), 0);
    assert_int_equal(weiri_settings_set(&s, "listen", "127.0.0.1:3", "--listen", &err), WEIR_OK);
    assert_int_equal(weiri_settings_read_environment(&s, &err), WEIR_OK);
    assert_int_equal(weiri_settings_read_file(&s, path, true, &err), WEIR_OK);
    assert_string_equal(weiri_settings_text(&s, "listen"), "127.0.0.1:3");
    assert_string_equal(weiri_settings_origin(&s, "listen"), "--listen");
    assert_int_equal(weiri_settings_number(&s, "threads"), 6);
    assert_string_equal(weiri_settings_origin(&s, "threads"), "WEIR_THREADS");
    assert_int_equal(weiri_settings_number(&s, "http.threads"), 3);
    assert_int_equal(weiri_settings_number(&s, "window"), 7);
    assert_non_null(strstr(weiri_settings_origin(&s, "window"), ":4"));
    assert_string_equal(weiri_settings_text(&s, "dir"), "a dir");
    assert_int_equal(weiri_settings_number(&s, "query.rows"), 100000);
    assert_string_equal(weiri_settings_origin(&s, "query.rows"), "default");
    weiri_settings_fini(&s);
    unsetenv("WEIR_THREADS");
    unsetenv("WEIR_HTTP_THREADS");
    unsetenv("WEIR_LISTEN");
}

static void
test_variables_that_are_wrong_are_told(void **state)
{
    weiri_settings s = { 0 };
    weir_error err;

    assert_int_equal(setenv("WEIR_PARTITIONS", "many", 1), 0);
    refused(weiri_settings_read_environment(&s, &err), &err, "WEIR_PARTITIONS: partitions=many: expected a whole number");
    unsetenv("WEIR_PARTITIONS");
    assert_int_equal(setenv("WEIR_PARTITIOS", "4", 1), 0);
    refused(weiri_settings_read_environment(&s, &err), &err, "WEIR_PARTITIOS names no setting; did you mean 'WEIR_PARTITIONS'?");
    unsetenv("WEIR_PARTITIOS");
    assert_int_equal(setenv("WEIR_OF_SOMEBODY_ELSE", "4", 1), 0);
    assert_int_equal(weiri_settings_read_environment(&s, &err), WEIR_OK);
    unsetenv("WEIR_OF_SOMEBODY_ELSE");
    weiri_settings_fini(&s);
}

static void
test_a_bad_line_of_the_file_is_told_by_file_and_line(void **state)
{
    static const struct {
        const char *text, *words;
    } files[] = {
        { "threads = 1\nlisten\n", ":2: expected `name = value` or a # comment, found 'listen'" },
        { "\n\nthraeds = 1\n", ":3: there is no setting 'thraeds'; did you mean 'threads'?" },
        { "threads = 65\n", ":1: threads=65 is out of range" },
        { "threads = 1\nthreads = 2\n", ":2: threads is set a second time; it was set at" },
        { "dir = \xff\n", ":1: this is not UTF-8 text" },
    };
    weir_error err;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        weiri_settings s = { 0 };
        write_file(files[i].text);
        refused(weiri_settings_read_file(&s, path, true, &err), &err, files[i].words);
        assert_string_equal(err.file, path);
        weiri_settings_fini(&s);
    }
}

static void
test_a_wrong_value_in_the_file_is_told_even_where_a_flag_is_stronger(void **state)
{
    weiri_settings s = { 0 };
    weir_error err;

    write_file("threads = lots\n");
    assert_int_equal(weiri_settings_set(&s, "threads", "1", "--threads", &err), WEIR_OK);
    refused(weiri_settings_read_file(&s, path, true, &err), &err, ":1: threads=lots");
    weiri_settings_fini(&s);
}

static void
test_a_missing_file_is_an_error_only_if_it_was_named(void **state)
{
    weiri_settings s = { 0 };
    weir_error err;

    assert_int_equal(weiri_settings_read_file(&s, "/nowhere/weir.conf", false, &err), WEIR_OK);
    refused(weiri_settings_read_file(&s, "/nowhere/weir.conf", true, &err), &err, "/nowhere/weir.conf: No such file");
    weiri_settings_fini(&s);
}

static void
test_the_text_of_weir_open_is_read(void **state)
{
    weiri_settings s = { 0 };
    weir_error err;

    assert_int_equal(weiri_settings_parse(&s, "dir='a b' threads=2\tviews=\"v\" listen=", &err), WEIR_OK);
    assert_string_equal(weiri_settings_text(&s, "dir"), "a b");
    assert_int_equal(weiri_settings_number(&s, "threads"), 2);
    assert_string_equal(weiri_settings_text(&s, "views"), "v");
    assert_string_equal(weiri_settings_text(&s, "listen"), "");
    refused(weiri_settings_parse(&s, "dir='a b", &err), &err, "the quote 'a b is not closed");
    refused(weiri_settings_parse(&s, "dir='a'b", &err), &err, "expected a blank before 'b'");
    refused(weiri_settings_parse(&s, "dir", &err), &err, "expected name=value, found 'dir'");
    refused(weiri_settings_parse(&s, "dri=a", &err), &err, "did you mean 'dir'?");
    weiri_settings_fini(&s);
}

static void
test_every_default_is_itself_allowed(void **state)
{
    weiri_settings s = { 0 };
    weir_error err;

    for (const weiri_setting_row *row = weiri_setting_rows; row->name != NULL; row++)
        assert_int_equal(weiri_settings_set(&s, row->name, row->fallback, "default", &err), WEIR_OK);
    weiri_settings_fini(&s);
}

static void
test_words_are_some_of_the_choices(void **state)
{
    weiri_settings s = { 0 };
    weir_error err;

    assert_true(
        weiri_settings_has(&s, "roles", "front") && weiri_settings_has(&s, "roles", "lane") && weiri_settings_has(&s, "roles", "views"));
    assert_int_equal(weiri_settings_set(&s, "roles", "lane,views", "x", &err), WEIR_OK);
    assert_true(!weiri_settings_has(&s, "roles", "front") && weiri_settings_has(&s, "roles", "lane"));
    refused(weiri_settings_set(&s, "roles", "lane,view", "x", &err), &err, "'view' is none of front,lane,views");
    refused(weiri_settings_set(&s, "roles", "", "x", &err), &err, "is none of");
    refused(weiri_settings_set(&s, "log", "embedded,kafka", "x", &err), &err, "expected one of embedded,kafka");
    refused(weiri_settings_set(&s, "cluster.weak", "true", "x", &err), &err, "'true' is none of yes,no");
    weiri_settings_fini(&s);
}

static void
test_pairs_are_split_and_their_secrets_hidden(void **state)
{
    weiri_settings s = { 0 };
    weiri_buffer shown = { 0 };
    weir_error err;

    refused(weiri_settings_set(&s, "kafka.options", "a=b c", "x", &err), &err, "expected name=value, found 'c'");
    refused(weiri_settings_set(&s, "kafka.options", "=b", "x", &err), &err, "expected name=value");
    refused(weiri_settings_set(&s, "kafka.options", "a='b", "x", &err), &err, "a quote is not closed");
    assert_int_equal(weiri_settings_set(&s, "kafka.options", "a=b  sasl.password='p q'", "weir.conf:1", &err), WEIR_OK);
    assert_int_equal(weiri_settings_add_pair(&s, "kafka.options", "c=it's d", "-X", &err), WEIR_OK);
    refused(weiri_settings_add_pair(&s, "kafka.options", "abc", "-X", &err), &err, "-X: expected name=value, found 'abc'");
    assert_string_equal(weiri_settings_origin(&s, "kafka.options"), "weir.conf:1, -X");
    char **pairs = weiri_settings_pairs(&s, "kafka.options");
    assert_string_equal(pairs[0], "a=b");
    assert_string_equal(pairs[1], "sasl.password=p q");
    assert_string_equal(pairs[2], "c=it's d");
    assert_null(pairs[3]);
    weiri_settings_show(&s, "kafka.options", &shown);
    assert_string_equal(weiri_buffer_text(&shown), "a=b sasl.password=*** c=\"it's d\"");
    for (size_t i = 0; pairs[i] != NULL; i++)
        weiri_release(pairs[i]);
    weiri_release(pairs);
    weiri_buffer_fini(&shown);
    weiri_settings_fini(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_are_some_of_the_choices),
        cmocka_unit_test(test_pairs_are_split_and_their_secrets_hidden),
        cmocka_unit_test(test_an_unknown_name_is_told_with_the_nearest),
        cmocka_unit_test(test_numbers_sizes_and_ranges_are_checked),
        cmocka_unit_test(test_a_flag_beats_a_variable_beats_the_file_beats_the_default),
        cmocka_unit_test(test_variables_that_are_wrong_are_told),
        cmocka_unit_test(test_a_bad_line_of_the_file_is_told_by_file_and_line),
        cmocka_unit_test(test_a_wrong_value_in_the_file_is_told_even_where_a_flag_is_stronger),
        cmocka_unit_test(test_a_missing_file_is_an_error_only_if_it_was_named),
        cmocka_unit_test(test_the_text_of_weir_open_is_read),
        cmocka_unit_test(test_every_default_is_itself_allowed),
    };
    int file = mkstemp(path);
    if (file < 0)
        return 1;
    (void)close(file);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    return failed;
}
