/* SPDX-License-Identifier: Apache-2.0
 * weir manual: the manual pages of the program, its commands and its settings, in mdoc(7); made from the descriptors that the options are
 * read by. Thread: the main thread. */
#include <ctype.h>
#include <string.h>
#include "base/text.h"
#include "cli/build_version.h"
#include "cli/cli.h"

/* ---- text --------------------------------------------------------------------------------------------------- */

enum { WIDTH = 72 };

/* One word of n bytes: what roff would read as more than text is escaped. */
static void
print_word(const char *word, size_t n, FILE *to)
{
    for (size_t i = 0; i < n; i++)
        if (word[i] == '\\')
            fputs("\\e", to);
        else if (word[i] == '-')
            fputs("\\-", to);
        else
            fputc(word[i], to);
}

/* Text in lines that are not too long; a sentence that ends within it ends its line, as mdoc wants it. */
static void
print_text(const char *text, FILE *to)
{
    size_t column = 0;

    while (*(text += strspn(text, " \n")) != '\0') {
        size_t n = strcspn(text, " \n");
        bool ends = column > 0 && strchr(".:", text[-2]) != NULL && isupper((unsigned char)text[0]);
        if (column > 0 && (ends || column + 1 + n > WIDTH)) {
            fputc('\n', to);
            column = 0;
        } else if (column > 0) {
            fputc(' ', to);
            column++;
        }
        if (column == 0 && (text[0] == '.' || text[0] == '\''))
            fputs("\\&", to);
        print_word(text, n, to);
        column += n + (text[0] == '-' ? 2 : 0);
        text += n;
    }
}

static void
print_line(const char *text, FILE *to)
{
    print_text(text, to);
    fputc('\n', to);
}

static void
print_head(const char *page, const char *section, const char *name, const char *what, FILE *to)
{
    fprintf(to, ".\\\" Made by `weir manual`.\n.Dd %s\n.Dt ", WEIRI_DATE);
    for (const char *p = page; *p != '\0'; p++)
        fputc(toupper((unsigned char)*p), to);
    fprintf(to, " %s\n.Os\n.Sh NAME\n.Nm %s\n.Nd ", section, name);
    fputc(tolower((unsigned char)what[0]), to);
    print_line(what + 1, to);
}

static void
print_exit_status(FILE *to)
{
    static const char *const rows[][2] = { { "0", "done" }, { "1", "rejected by the domain; a story, a line or a check that failed" },
        { "2", "usage: what was asked for is wrong" }, { "3", "conflict: the aggregate is at another version" },
        { "4", "unreachable: nothing answers, or there is no room now" },
        { "5", "timed out: what became of it is not known, or a view is behind" } };

    fprintf(to, ".Sh EXIT STATUS\n.Bl -tag -width Ds\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        fprintf(to, ".It %s\n%s\n", rows[i][0], rows[i][1]);
    fprintf(to, ".El\n");
}

/* ---- pages ------------------------------------------------------------------------------------------------ */

static void
print_option(const weiri_cli_option *option, FILE *to)
{
    fprintf(to, ".It ");
    if (option->letter != 0)
        fprintf(to, "Fl %c , ", option->letter);
    fprintf(to, "Fl \\-");
    print_word(option->name, strlen(option->name), to);
    if (option->argument != NULL)
        fprintf(to, " Ar %s", option->argument);
    fputc('\n', to);
    print_line(option->what, to);
}

static void
print_options(const weiri_cli_command *command, FILE *to)
{
    const weiri_setting_row *setting;
    weiri_cli_option option;
    bool settings = false;

    fprintf(to, ".Sh OPTIONS\n.Bl -tag -width Ds\n");
    for (size_t at = 0; weiri_cli_each_option(command, &at, &option, &setting);) {
        settings = settings || setting != NULL;
        if (setting == NULL)
            print_option(&option, to);
    }
    fprintf(to, ".El\n");
    if (!settings)
        return;
    fprintf(to, ".Pp\nThese settings are options, too, with the setting's value;\n.Xr weir.conf 5\ntells what each is:\n");
    const char *mark = "";
    for (size_t at = 0; weiri_cli_each_option(command, &at, &option, &setting);)
        if (setting != NULL) {
            fprintf(to, "%s.Fl \\-%s", mark, option.name);
            mark = " ,\n";
        }
    fprintf(to, " .\n");
}

/* The examples stand as they are typed. */
static void
print_examples(const char *examples, FILE *to)
{
    fprintf(to, ".Sh EXAMPLES\n.Bd -literal\n");
    for (const char *line = examples; *line != '\0'; line += *line == '\n') {
        size_t size = strcspn(line, "\n");
        print_word(line, size, to);
        fputc('\n', to);
        line += size;
    }
    fprintf(to, ".Ed\n");
}

static void
print_command(const weiri_cli_command *command, FILE *to)
{
    char name[64];

    (void)snprintf(name, sizeof name, "weir-%s", command->name);
    print_head(name, "1", name, command->what, to);
    fprintf(to, ".Sh SYNOPSIS\n.Nm weir %s\n", command->name);
    if (command->usage[0] != '\0')
        print_line(command->usage, to);
    fprintf(to, ".Sh DESCRIPTION\n");
    print_text(command->what, to);
    fprintf(to, ".\n");
    if (command->more != NULL)
        print_line(command->more, to);
    if (command->module)
        fprintf(to, ".Pp\nA program with its module linked in has this command, too, without the argument\n.Ar MODULE.so .\n");
    print_options(command, to);
    print_exit_status(to);
    print_examples(command->examples, to);
    fprintf(to, ".Sh SEE ALSO\n.Xr weir 1 ,\n.Xr weir.conf 5\n");
}

static void
print_program(FILE *to)
{
    print_head("weir", "1", "weir", "CQRS and event sourcing: upstream commands, downstream views", to);
    fprintf(to,
        ".Sh SYNOPSIS\n.Nm\n.Ar COMMAND\n.Op Ar OPTION ...\n.Op Ar ARGUMENT ...\n.Sh DESCRIPTION\n"
        "A module has messages, rules, views and stories.\n.Nm\nruns it: commands become events in a log, and views are kept from them.\n"
        "Data goes to standard output, talk to standard error.\nEach command has a page of its own:\n.Bl -tag -width Ds\n");
    for (const weiri_cli_command *const *c = weiri_cli_commands; *c != NULL; c++) {
        fprintf(to, ".It Xr weir-%s 1\n", (*c)->name);
        print_line((*c)->what, to);
    }
    fprintf(to, ".El\n");
    print_exit_status(to);
    print_examples("weir new gifts\nweir run ./gifts.so\nweir send IssueCard card_id=ann amount_cents=5000\nweir view list", to);
    fprintf(to, ".Sh SEE ALSO\n.Xr weir-new 1 ,\n.Xr weir-stories 5 ,\n.Xr weir-views 5 ,\n.Xr weir.conf 5\n");
}

static void
print_settings(FILE *to)
{
    print_head("weir.conf", "5", "weir.conf", "settings of weir", to);
    fprintf(to,
        ".Sh DESCRIPTION\nLines\n.Ql name = value ;\nwhat follows a\n.Ql #\nis a comment.\n.Xr weir 1\nreads the file that\n"
        ".Fl F\nnames, else\n.Pa weir.conf\nin the current directory, if there is one.\n"
        "An option\n.Fl \\-name Ar value\nbeats the variable\n.Ev WEIR_NAME\n"
        "(upper case, with _ for a point), that the file, and that the default.\nA size is a number with K, M or G, in powers of 1,024.\n"
        ".Sh SETTINGS\n.Bl -tag -width Ds\n");
    for (const weiri_setting_row *row = weiri_setting_rows; row->name != NULL; row++) {
        fprintf(to, ".It Sy %s\n", row->name);
        print_line(row->what, to);
        if (row->fallback != NULL && row->fallback[0] != '\0') {
            fprintf(to, "(default: ");
            print_text(row->fallback, to);
            fprintf(to, ")\n");
        }
    }
    fprintf(to,
        ".El\n.Sh FILES\n.Bl -tag -width Ds\n.It Pa weir.conf\nin the directory that weir is started in\n.El\n.Sh EXAMPLES\n.Bd -literal\n"
        "# the shop\ndir = /var/lib/shop\nlisten = 0.0.0.0:8080\nqueue.size = 128MB\n.Ed\n.Sh SEE ALSO\n.Xr weir 1 ,\n.Xr weir-config 1\n");
}

static int
run(weiri_cli *cli)
{
    const char *word = cli->n_arguments == 0 ? "weir" : cli->arguments[0];
    weiri_nearest nearest = { 0 };
    char hint[160];

    if (strcmp(word, "weir") == 0)
        print_program(cli->out);
    else if (strcmp(word, "weir.conf") == 0)
        print_settings(cli->out);
    else {
        for (const weiri_cli_command *const *c = weiri_cli_commands; *c != NULL; c++) {
            weiri_nearest_offer(&nearest, word, (*c)->name);
            if (strcmp(word, (*c)->name) == 0) {
                print_command(*c, cli->out);
                return WEIRI_EXIT_DONE;
            }
        }
        return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "there is no page '%.60s'%s", word, weiri_nearest_hint(&nearest, hint, sizeof hint));
    }
    return WEIRI_EXIT_DONE;
}

static const weiri_cli_option options[] = { { NULL, 0, NULL, NULL } };

const weiri_cli_command weiri_cli_manual = {
    .name = "manual",
    .what = "Prints a page of the manual, for man(1)",
    .usage = "[COMMAND | weir.conf]",
    .examples = "weir manual | man -l -\nweir manual run | man -l -\nweir manual weir.conf | man -l -",
    .more = "An installed weir brings all of them: man weir, man weir-run.",
    .options = options,
    .most = 1,
    .run = run,
};
