/* SPDX-License-Identifier: Apache-2.0
 * Options of one command: "--name value", "--name=value", "-n value", "-nvalue", flags anywhere among the arguments, "--" ends
 * them, "-" alone is an argument. What a command takes stands in its descriptor, the common options here, settings in their table.
 * Thread: the main thread. */
#include "cli/cli.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/settings.h"

static const weiri_cli_option common[] = {
    { "json", 0, NULL, "JSON on stdout" },
    { "help", 'h', NULL, "this text" },
    { NULL, 0, NULL, NULL },
};
static const weiri_cli_option file[] = {
    { "config", 'F', "FILE", "file with settings (default weir.conf, if there is one)" },
    { NULL, 0, NULL, NULL },
};
static const weiri_cli_option kafka[] = {
    { "kafka-option", 'X', "NAME=VALUE", "one of librdkafka's own properties; again for more" },
    { "allow-weak-cluster", 0, NULL, "the same as --cluster.weak yes" },
    { NULL, 0, NULL, NULL },
};

/* Flags are typed with '-', the table may have '_' or '.'. */
static bool
same_name(const char *given, size_t size, const char *name)
{
    for (size_t i = 0; i < size; i++) {
        char a = given[i], b = name[i];
        if (a != b && !(strchr("-_.", a) != NULL && b != '\0' && strchr("-_.", b) != NULL))
            return false;
    }
    return name[size] == '\0';
}

static const weiri_setting_row *
next_setting(const weiri_cli_command *command, const weiri_setting_row *row)
{
    row = row == NULL ? weiri_setting_rows : row + 1;
    while (row->name != NULL && !command->settings && !(command->talks && strcmp(row->name, "url") == 0))
        row++;
    return row->name == NULL ? NULL : row;
}

static bool
takes_settings(const weiri_cli_command *command)
{
    return command->settings || command->talks;
}

/* ---- every option of a command, for completions and manuals ----------------------------------------------- */

/* The n-th of a table; *n becomes what is left behind it. */
static const weiri_cli_option *
option_at(const weiri_cli_option *options, size_t *n)
{
    for (; options != NULL && options->name != NULL; options++)
        if ((*n)-- == 0)
            return options;
    return NULL;
}

bool
weiri_cli_each_option(const weiri_cli_command *command, size_t *at, weiri_cli_option *ret_option, const weiri_setting_row **ret_setting)
{
    const weiri_cli_option *const tables[] = { command->options, common, takes_settings(command) ? file : NULL,
        command->settings ? kafka : NULL };
    const weiri_setting_row *row = NULL;
    size_t n = (*at)++;

    *ret_setting = NULL;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        const weiri_cli_option *option = option_at(tables[i], &n);
        if (option != NULL) {
            *ret_option = *option;
            return true;
        }
    }
    while ((row = next_setting(command, row)) != NULL)
        if (n-- == 0) {
            *ret_option = (weiri_cli_option){ row->name, 0, "VALUE", row->what };
            *ret_setting = row;
            return true;
        }
    return false;
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

typedef struct found {
    const char *name;
    bool takes_argument, setting;
} found;

static bool
find_in(const weiri_cli_option *options, const char *name, size_t size, found *ret_found)
{
    for (; options != NULL && options->name != NULL; options++)
        if (size == 0 ? options->letter != 0 && options->letter == *name : same_name(name, size, options->name)) {
            *ret_found = (found){ options->name, options->argument != NULL, false };
            return true;
        }
    return false;
}

/* size 0: by letter. */
static bool
find(const weiri_cli_command *command, const char *name, size_t size, found *ret_found)
{
    if (find_in(command->options, name, size, ret_found) || find_in(common, name, size, ret_found) ||
        (takes_settings(command) && find_in(file, name, size, ret_found)) || (command->settings && find_in(kafka, name, size, ret_found)))
        return true;
    for (const weiri_setting_row *row = NULL; size > 0 && (row = next_setting(command, row)) != NULL;)
        if (same_name(name, size, row->name)) {
            *ret_found = (found){ row->name, true, true };
            return true;
        }
    return false;
}

static void
offer_all(weiri_nearest *nearest, const char *typo, const weiri_cli_option *options)
{
    for (; options != NULL && options->name != NULL; options++)
        weiri_nearest_offer(nearest, typo, options->name);
}

static weir_status
unknown_option(const weiri_cli *cli, const char *name, size_t size, weir_error *err)
{
    weiri_nearest nearest = { 0 };
    char *typo = weiri_text_copy_n(name, size);
    char hint[160] = "";

    offer_all(&nearest, typo, cli->command->options);
    offer_all(&nearest, typo, common);
    offer_all(&nearest, typo, takes_settings(cli->command) ? file : NULL);
    offer_all(&nearest, typo, cli->command->settings ? kafka : NULL);
    for (const weiri_setting_row *row = NULL; (row = next_setting(cli->command, row)) != NULL;)
        weiri_nearest_offer(&nearest, typo, row->name);
    if (nearest.word != NULL)
        (void)snprintf(hint, sizeof hint, "; did you mean '--%s'?", nearest.word);
    else
        (void)snprintf(hint, sizeof hint, "; `weir %s --help` lists them", cli->command->name);
    weir_status status = weiri_error_set(err, WEIR_INVALID, "there is no option '--%.60s'%s", typo, hint);
    weiri_release(typo);
    return status;
}

static void
keep(weiri_cli *cli, const found *what, const char *value)
{
    cli->given = weiri_reallocate(cli->given, (cli->n_given + 1) * sizeof *cli->given);
    cli->given[cli->n_given++] = (weiri_cli_given){ what->name, value, what->setting };
}

static weir_status
read_long(weiri_cli *cli, int argc, char **argv, int *i, weir_error *err)
{
    const char *name = argv[*i] + 2, *equals = strchr(name, '=');
    size_t size = equals == NULL ? strlen(name) : (size_t)(equals - name);
    found what;

    if (size == 0 || !find(cli->command, name, size, &what))
        return unknown_option(cli, name, size, err);
    if (equals != NULL && !what.takes_argument && !what.setting)
        return weiri_error_set(err, WEIR_INVALID, "--%s takes no argument", what.name);
    if (equals != NULL)
        keep(cli, &what, equals + 1);
    else if (!what.takes_argument)
        keep(cli, &what, what.setting ? "true" : "");
    else if (*i + 1 >= argc)
        return weiri_error_set(err, WEIR_INVALID, "--%s needs an argument", what.name);
    else
        keep(cli, &what, argv[++*i]);
    return WEIR_OK;
}

static weir_status
read_letter(weiri_cli *cli, int argc, char **argv, int *i, weir_error *err)
{
    const char *text = argv[*i] + 1;
    found what;

    if (!find(cli->command, text, 0, &what))
        return weiri_error_set(err, WEIR_INVALID, "there is no option '-%c'", *text);
    if (!what.takes_argument && text[1] != '\0')
        return weiri_error_set(err, WEIR_INVALID, "-%c takes no argument", *text);
    if (!what.takes_argument)
        keep(cli, &what, "");
    else if (text[1] != '\0')
        keep(cli, &what, text + 1);
    else if (*i + 1 >= argc)
        return weiri_error_set(err, WEIR_INVALID, "-%c needs an argument", *text);
    else
        keep(cli, &what, argv[++*i]);
    return WEIR_OK;
}

static weir_status
check_arguments(weiri_cli *cli, weir_error *err)
{
    if (cli->command->module && cli->linked == NULL && !cli->help) {
        if (cli->n_arguments == 0)
            return weiri_error_set(
                err, WEIR_INVALID, "which module? usage: %s %s %s", cli->program, cli->command->name, cli->command->usage);
        cli->module_path = cli->arguments[0];
        cli->n_arguments--;
        memmove(cli->arguments, cli->arguments + 1, cli->n_arguments * sizeof *cli->arguments);
    }
    if (cli->help || (cli->n_arguments >= cli->command->least && cli->n_arguments <= cli->command->most))
        return WEIR_OK;
    if (cli->n_arguments > cli->command->most)
        return weiri_error_set(err, WEIR_INVALID, "'%.60s' is one argument too many; usage: %s %s %s", cli->arguments[cli->command->most],
            cli->program, cli->command->name, cli->command->usage);
    return weiri_error_set(
        err, WEIR_INVALID, "something is missing; usage: %s %s %s", cli->program, cli->command->name, cli->command->usage);
}

weir_status
weiri_cli_read(weiri_cli *cli, int argc, char **argv, weir_error *err)
{
    bool ended = false;

    cli->arguments = weiri_allocate(((size_t)argc + 1) * sizeof *cli->arguments);
    for (int i = 0; i < argc; i++) {
        weir_status status = WEIR_OK;
        if (ended || argv[i][0] != '-' || argv[i][1] == '\0')
            cli->arguments[cli->n_arguments++] = argv[i];
        else if (strcmp(argv[i], "--") == 0)
            ended = true;
        else if (argv[i][1] == '-')
            status = read_long(cli, argc, argv, &i, err);
        else
            status = read_letter(cli, argc, argv, &i, err);
        if (status != WEIR_OK)
            return status;
    }
    cli->json = weiri_cli_has(cli, "json");
    cli->help = weiri_cli_has(cli, "help");
    return check_arguments(cli, err);
}

void
weiri_cli_fini(weiri_cli *cli)
{
    weiri_release(cli->given);
    weiri_release(cli->arguments);
    cli->given = NULL;
    cli->arguments = NULL;
}

const char *
weiri_cli_value(const weiri_cli *cli, const char *name)
{
    for (size_t i = cli->n_given; i-- > 0;)
        if (strcmp(cli->given[i].name, name) == 0)
            return cli->given[i].value;
    return NULL;
}

bool
weiri_cli_has(const weiri_cli *cli, const char *name)
{
    return weiri_cli_value(cli, name) != NULL;
}

const char *
weiri_cli_each(const weiri_cli *cli, const char *name, size_t *at)
{
    while (*at < cli->n_given) {
        const weiri_cli_given *given = &cli->given[(*at)++];
        if (strcmp(given->name, name) == 0)
            return given->value;
    }
    return NULL;
}

weir_status
weiri_cli_number(
    const weiri_cli *cli, const char *name, uint64_t fallback, uint64_t least, uint64_t most, uint64_t *ret_value, weir_error *err)
{
    const char *text = weiri_cli_value(cli, name);
    uint64_t value = fallback;

    if (text != NULL && (!weiri_text_to_uint64(text, &value) || value < least || value > most))
        return weiri_error_set(err, WEIR_INVALID, "--%s: '%.40s' is not a whole number from %llu to %llu", name, text,
            (unsigned long long)least, (unsigned long long)most);
    *ret_value = value;
    return WEIR_OK;
}

/* The nearer source first: each sets only what is free. */
weir_status
weiri_cli_settings(const weiri_cli *cli, weiri_settings *settings, weir_error *err)
{
    const char *path = weiri_cli_value(cli, "config"), *pair;
    weir_status status = WEIR_OK;
    char origin[96];

    for (size_t i = 0; i < cli->n_given && status == WEIR_OK; i++) {
        if (!cli->given[i].setting)
            continue;
        (void)snprintf(origin, sizeof origin, "--%s", cli->given[i].name);
        status = weiri_settings_set(settings, cli->given[i].name, cli->given[i].value, origin, err);
    }
    if (status == WEIR_OK && weiri_cli_has(cli, "allow-weak-cluster"))
        status = weiri_settings_set(settings, "cluster.weak", "yes", "--allow-weak-cluster", err);
    if (status == WEIR_OK)
        status = weiri_settings_read_environment(settings, err);
    if (status == WEIR_OK)
        status = weiri_settings_read_file(settings, path != NULL ? path : "weir.conf", path != NULL, err);
    /* Added to what a file says: librdkafka takes the last of two. */
    for (size_t at = 0; status == WEIR_OK && (pair = weiri_cli_each(cli, "kafka-option", &at)) != NULL;)
        status = weiri_settings_add_pair(settings, "kafka.options", pair, "-X", err);
    return status;
}

/* ---- help --------------------------------------------------------------------------------------------- */

static void
print_option(FILE *to, const weiri_cli_option *option)
{
    char flags[96];

    (void)snprintf(flags, sizeof flags, "%c%c%s --%s%s%s", option->letter != 0 ? '-' : ' ', option->letter != 0 ? option->letter : ' ',
        option->letter != 0 ? "," : " ", option->name, option->argument != NULL ? " " : "",
        option->argument != NULL ? option->argument : "");
    fprintf(to, "  %-28s %s\n", flags, option->what);
}

static void
print_options(FILE *to, const weiri_cli_option *options)
{
    for (; options != NULL && options->name != NULL; options++)
        print_option(to, options);
}

static void
print_settings(const weiri_cli_command *command, FILE *to)
{
    fprintf(to, "\nSettings (--name beats $WEIR_NAME beats weir.conf beats the default):\n");
    for (const weiri_setting_row *row = NULL; (row = next_setting(command, row)) != NULL;) {
        char flags[96];
        (void)snprintf(flags, sizeof flags, "    --%s VALUE", row->name);
        fprintf(to, "  %-28s %s", flags, row->what);
        if (row->fallback != NULL && row->fallback[0] != '\0')
            fprintf(to, " (default %s)", row->fallback);
        fprintf(to, "\n");
    }
}

/* The usage of a program with its module linked in has no MODULE.so. */
static const char *
without_module(const weiri_cli *cli, const char *text)
{
    static const char word[] = "MODULE.so";

    if (cli->linked == NULL || strncmp(text, word, sizeof word - 1) != 0)
        return text;
    text += sizeof word - 1;
    return text + strspn(text, " ");
}

static void
print_examples(const weiri_cli *cli, FILE *to)
{
    for (const char *line = cli->command->examples; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        if (strncmp(line, "weir ", 5) == 0)
            fprintf(to, "  %s %.*s\n", cli->program, (int)size - 5, line + 5);
        else
            fprintf(to, "  %.*s\n", (int)size, line);
        line += size + (line[size] != '\0');
    }
}

void
weiri_cli_help_command(const weiri_cli *cli, FILE *to)
{
    const weiri_cli_command *command = cli->command;

    print_examples(cli, to);
    fprintf(to, "\nUsage: %s %s %s\n\n%s.\n", cli->program, command->name, without_module(cli, command->usage), command->what);
    if (command->more != NULL)
        fprintf(to, "%s\n", command->more);
    fprintf(to, "\nOptions:\n");
    print_options(to, command->options);
    print_options(to, takes_settings(command) ? file : NULL);
    print_options(to, command->settings ? kafka : NULL);
    print_options(to, common);
    if (takes_settings(command))
        print_settings(command, to);
    fprintf(to, "\nExit status: 0 done, 1 rejected by the domain, 2 usage, 3 conflict, 4 unreachable, 5 timed out.\n");
}

void
weiri_cli_help_program(const weiri_cli *cli, const weiri_cli_command *const *commands, FILE *to)
{
    const char *module = cli->linked == NULL ? " shop.so" : "";

    fprintf(to, "  %s run%s\n  %s send ReceiveStock sku=mug quantity=3\n  %s show stock/mug --history\n", cli->program, module,
        cli->program, cli->program);
    fprintf(to, "  %s load orders.csv --as RecordSale\n  %s view list\n\n", cli->program, cli->program);
    fprintf(to, "weir: upstream commands, downstream views.\n\nUsage: %s COMMAND [OPTION]... [ARGUMENT]...\n\nCommands:\n", cli->program);
    for (; *commands != NULL; commands++)
        fprintf(to, "  %-10s %s\n", (*commands)->name, (*commands)->what);
    fprintf(to, "\n'%s COMMAND --help' shows examples and options of a command.\n", cli->program);
}
