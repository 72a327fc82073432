/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "cli/cli.h"

static const weiri_cli_option options[] = {
    { "file", 'f', "FILE", "a file" },
    { "follow", 0, NULL, "go on" },
    { NULL, 0, NULL, NULL },
};
static const weiri_cli_command talker = {
    .name = "talk", .what = "Talks", .usage = "WHAT", .examples = "weir talk a", .options = options, .talks = true, .least = 1, .most = 2
};
static const weiri_cli_command runner = {
    .name = "run", .what = "Runs", .usage = "MODULE.so", .examples = "weir run a.so", .options = options, .settings = true, .module = true
};

static weir_status
reads(weiri_cli *cli, const weiri_cli_command *command, const char **words, weir_error *err)
{
    int n = 0;

    while (words[n] != NULL)
        n++;
    *cli = (weiri_cli){ .command = command, .program = "weir", .out = stdout, .talk = stderr };
    return weiri_cli_read(cli, n, (char **)words, err);
}

#define READS(cli, command, err, ...) reads(cli, command, (const char *[]){ __VA_ARGS__, NULL }, err)

static void
test_options_stand_anywhere(void **state)
{
    weiri_cli cli;
    weir_error err;
    size_t at = 0;

    assert_int_equal(READS(&cli, &talker, &err, "a", "-f", "x", "--follow", "b", "--json", "--file=y", "-fz"), WEIR_OK);
    assert_true(cli.n_arguments == 2 && cli.json && weiri_cli_has(&cli, "follow"));
    assert_string_equal(cli.arguments[1], "b");
    assert_string_equal(weiri_cli_value(&cli, "file"), "z");
    assert_string_equal(weiri_cli_each(&cli, "file", &at), "x");
    assert_string_equal(weiri_cli_each(&cli, "file", &at), "y");
    assert_string_equal(weiri_cli_each(&cli, "file", &at), "z");
    assert_null(weiri_cli_each(&cli, "file", &at));
    weiri_cli_fini(&cli);
    assert_int_equal(READS(&cli, &talker, &err, "--", "--follow", "-"), WEIR_OK);
    assert_true(cli.n_arguments == 2 && !weiri_cli_has(&cli, "follow"));
    weiri_cli_fini(&cli);
}

static void
refuses(const weiri_cli_command *command, const char *first, const char *second, const char *words)
{
    weiri_cli cli;
    weir_error err;

    assert_int_equal(READS(&cli, command, &err, first, second), WEIR_INVALID);
    if (strncmp(err.text, words, strlen(words)) != 0)
        fail_msg("'%s' is not '%s'", err.text, words);
    weiri_cli_fini(&cli);
}

static void
test_what_is_wrong_is_answered_with_the_nearest(void **state)
{
    refuses(&talker, "a", "--folow", "there is no option '--folow'; did you mean '--follow'?");
    refuses(&talker, "a", "--jsn", "there is no option '--jsn'; did you mean '--json'?");
    refuses(&talker, "a", "--ulr=x", "there is no option '--ulr'; did you mean '--url'?");
    refuses(&talker, "a", "--partitions=4", "there is no option '--partitions'"); /* a setting, but not one of a talker */
    refuses(&runner, "a.so", "--partition=4", "there is no option '--partition'; did you mean '--partitions'?");
    refuses(&talker, "a", "-x", "there is no option '-x'");
    refuses(&talker, "a", "--follow=yes", "--follow takes no argument");
    refuses(&talker, "a", "--file", "--file needs an argument");
    refuses(&talker, "a", "-f", "-f needs an argument");
    refuses(&talker, "--follow", "--json", "something is missing; usage: weir talk WHAT");
    refuses(&runner, "--json", "--partitions=4", "which module? usage: weir run MODULE.so");
    refuses(&runner, "a.so", "b.so", "'b.so' is one argument too many");
}

static void
test_settings_are_options_of_those_who_take_them(void **state)
{
    weiri_cli cli;
    weiri_settings settings = { 0 };
    weir_error err;

    assert_int_equal(unsetenv("WEIR_DIR"), 0);
    assert_int_equal(setenv("WEIR_PARTITIONS", "3", 1), 0);
    assert_int_equal(setenv("WEIR_WINDOW", "77", 1), 0);
    assert_int_equal(READS(&cli, &runner, &err, "a.so", "--http-threads", "2", "--partitions=5", "--dir=x"), WEIR_OK);
    assert_string_equal(cli.module_path, "a.so");
    assert_int_equal(cli.n_arguments, 0);
    assert_int_equal(weiri_cli_settings(&cli, &settings, &err), WEIR_OK);
    assert_int_equal(weiri_settings_number(&settings, "http.threads"), 2);
    assert_int_equal(weiri_settings_number(&settings, "partitions"), 5);
    assert_string_equal(weiri_settings_origin(&settings, "partitions"), "--partitions");
    assert_int_equal(weiri_settings_number(&settings, "window"), 77);
    assert_string_equal(weiri_settings_text(&settings, "dir"), "x");
    weiri_settings_fini(&settings);
    weiri_cli_fini(&cli);
    assert_int_equal(unsetenv("WEIR_PARTITIONS"), 0);
    assert_int_equal(unsetenv("WEIR_WINDOW"), 0);
}

static void
test_help_begins_with_examples(void **state)
{
    weiri_cli cli;
    weir_error err;
    char *text = NULL;
    size_t size;

    assert_int_equal(READS(&cli, &runner, &err, "--help"), WEIR_OK);
    assert_true(cli.help);
    cli.program = "shop";
    FILE *to = open_memstream(&text, &size);
    weiri_cli_help_command(&cli, to);
    (void)fclose(to);
    assert_int_equal(strncmp(text, "  shop run a.so\n\nUsage: shop run MODULE.so\n", 42), 0);
    assert_non_null(strstr(text, "--partitions VALUE"));
    free(text);
    weiri_cli_fini(&cli);
}

/* Completions and manual pages are made of this: it must be what is read. */
static void
test_each_option_is_one_that_is_read(void **state)
{
    const weiri_cli_command *const both[] = { &talker, &runner };
    const weiri_setting_row *setting;
    weiri_cli_option option;
    size_t options_of[2] = { 0 }, settings_of[2] = { 0 };
    char word[80];

    for (size_t c = 0; c < 2; c++)
        for (size_t at = 0; weiri_cli_each_option(both[c], &at, &option, &setting);) {
            weiri_cli cli;
            weir_error err;
            (void)snprintf(word, sizeof word, "--%s%s", option.name, option.argument != NULL ? "=1" : "");
            assert_int_equal(READS(&cli, both[c], &err, "a.so", word), WEIR_OK);
            assert_string_equal(cli.given[0].name, option.name);
            assert_int_equal(cli.given[0].setting, setting != NULL);
            weiri_cli_fini(&cli);
            (setting != NULL ? settings_of : options_of)[c]++;
        }
    assert_true(options_of[0] == 5 && settings_of[0] == 1); /* its own two, json, help, config; url */
    assert_true(options_of[1] == 7 && settings_of[1] > 20); /* and Kafka's two; all */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_stand_anywhere),
        cmocka_unit_test(test_what_is_wrong_is_answered_with_the_nearest),
        cmocka_unit_test(test_settings_are_options_of_those_who_take_them),
        cmocka_unit_test(test_help_begins_with_examples),
        cmocka_unit_test(test_each_option_is_one_that_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
