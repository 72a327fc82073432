/* SPDX-License-Identifier: Apache-2.0
 * The program: finds the command, reads its options, runs it. With a module linked in, commands that need one have it.
 * Thread: the main thread. */
#include <errno.h>
#include <string.h>
#include "base/text.h"
#include "cli/cli.h"
#include "engine/service.h"

static const weiri_cli_command *const commands[] = { &weiri_cli_run, &weiri_cli_send, &weiri_cli_load, &weiri_cli_show, &weiri_cli_view,
    &weiri_cli_events, &weiri_cli_dead, &weiri_cli_process, &weiri_cli_check, &weiri_cli_test, &weiri_cli_verify, &weiri_cli_topics,
    &weiri_cli_acl, &weiri_cli_copy, &weiri_cli_config, &weiri_cli_new, &weiri_cli_version, NULL };

/* Words of the command line that other versions of weir know. */
static const char *const later[] = { "process", "schema", "bench", "completion", NULL };

int
weiri_cli_fail(const weiri_cli *cli, int exit_code, const char *format, ...)
{
    char text[2048];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)fflush(cli->out);
    if (cli->command != NULL)
        fprintf(cli->talk, "weir %s: %s\n", cli->command->name, text);
    else
        fprintf(cli->talk, "weir: %s\n", text);
    return exit_code;
}

int
weiri_cli_fail_error(const weiri_cli *cli, const weir_error *err)
{
    char text[1200];

    weiri_error_format(err, text, sizeof text);
    return weiri_cli_fail(cli, weiri_answer_row_of(err->status, "")->exit, "%s", text);
}

int
weiri_cli_fail_problems(const weiri_cli *cli, const weiri_problems *problems)
{
    char text[1200];

    (void)fflush(cli->out);
    for (size_t i = 0; i < problems->n; i++) {
        weiri_error_format(&problems->list[i], text, sizeof text);
        fprintf(cli->talk, "%s\n", text);
    }
    return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%zu mistake%s; nothing was started", problems->n, problems->n == 1 ? "" : "s");
}

int
weiri_cli_finish(const weiri_cli *cli, int exit_code)
{
    if ((fflush(cli->out) != 0 || ferror(cli->out) != 0) && exit_code == 0) {
        fprintf(cli->talk, "weir: stdout: %s\n", strerror(errno));
        return WEIRI_EXIT_REJECTED;
    }
    return exit_code;
}

static int
unknown_command(const weiri_cli *cli, const char *word)
{
    weiri_nearest nearest = { 0 };
    char hint[160];

    for (size_t i = 0; later[i] != NULL; i++)
        if (strcmp(word, later[i]) == 0)
            return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "'%s' is not in this version of weir", word);
    for (size_t i = 0; commands[i] != NULL; i++)
        weiri_nearest_offer(&nearest, word, commands[i]->name);
    return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "there is no command '%.60s'%s%s", word, weiri_nearest_hint(&nearest, hint, sizeof hint),
        nearest.word == NULL ? "; see 'weir --help'" : "");
}

static int
run_command(weiri_cli *cli, int argc, char **argv)
{
    weir_error err;
    int exit_code;

    if (weiri_cli_read(cli, argc, argv, &err) != WEIR_OK)
        exit_code = weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s", err.text);
    else if (cli->help) {
        weiri_cli_help_command(cli, cli->out);
        exit_code = WEIRI_EXIT_DONE;
    } else
        exit_code = cli->command->run(cli);
    exit_code = weiri_cli_finish(cli, exit_code);
    weiri_cli_fini(cli);
    return exit_code;
}

static bool
asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

int
weir_main(int argc, char **argv, const weir_module *module)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    weiri_cli cli = { .linked = module, .out = stdout, .talk = stderr };
    char *only_help[] = { (char *)"--help" };

    cli.program = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "weir";
    if (argc < 2) {
        weiri_cli_help_program(&cli, commands, cli.talk);
        return WEIRI_EXIT_USAGE;
    }
    bool help = asks_for_help(argv[1]);
    if (help && argc < 3) {
        weiri_cli_help_program(&cli, commands, cli.out);
        return weiri_cli_finish(&cli, WEIRI_EXIT_DONE);
    }
    const char *word = strcmp(argv[1], "--version") == 0 ? "version" : help ? argv[2] : argv[1];
    for (size_t i = 0; commands[i] != NULL; i++)
        if (strcmp(commands[i]->name, word) == 0)
            cli.command = commands[i];
    if (cli.command == NULL)
        return unknown_command(&cli, word);
    return help ? run_command(&cli, 1, only_help) : run_command(&cli, argc - 2, argv + 2);
}
