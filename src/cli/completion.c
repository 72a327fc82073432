/* SPDX-License-Identifier: Apache-2.0
 * weir completion: scripts with which bash and zsh complete weir's commands, options and settings; made from the descriptors that the
 * options are read by. Thread: the main thread. */
#include <ctype.h>
#include <string.h>
#include "cli/cli.h"

/* ---- what the words of the tables are ------------------------------------------------------------------- */

typedef enum value_kind { VALUE_NONE, VALUE_ANY, VALUE_FILE, VALUE_DIRECTORY, VALUE_CHOICE } value_kind;

static value_kind
kind_of(const weiri_cli_option *option, const weiri_setting_row *setting)
{
    if (option->argument == NULL)
        return VALUE_NONE;
    if (setting != NULL && setting->choices != NULL)
        return VALUE_CHOICE;
    if (strcmp(option->argument, "DIR") == 0 ||
        (setting != NULL && (strcmp(setting->name, "dir") == 0 || strcmp(setting->name, "views") == 0)))
        return VALUE_DIRECTORY;
    return strcmp(option->argument, "FILE") == 0 || strcmp(option->argument, "MODULE.so") == 0 ? VALUE_FILE : VALUE_ANY;
}

/* The next word of a usage like "list | show KEY": lower-case words that begin an alternative. NULL: no more, or none. */
static const char *
next_verb(const char **at, size_t *ret_size)
{
    const char *p = *at;
    int depth = 0;

    while (*p != '\0') {
        const char *word = p + strspn(p, " \n");
        size_t size = strspn(word, "abcdefghijklmnopqrstuvwxyz");
        for (p = word; *p != '\0' && (depth > 0 || *p != '|'); p++)
            depth = *p == '[' ? depth + 1 : *p == ']' ? depth - 1 : depth;
        p += *p == '|';
        *at = p;
        if (size > 0 && (word[size] == '\0' || word[size] == ' ' || word[size] == '|')) {
            *ret_size = size;
            return word;
        }
    }
    return NULL;
}

/* "embedded,kafka" with blanks between. */
static void
print_choices(const char *choices, FILE *to)
{
    for (const char *p = choices; *p != '\0'; p++)
        fputc(*p == ',' ? ' ' : *p, to);
}

/* ---- bash ------------------------------------------------------------------------------------------------- */

static const char bash_head[] = "# Completion of weir for bash; made by `weir completion bash`.\n"
                                "_weir()\n"
                                "{\n"
                                "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=\n"
                                "    # --name=value is three words to bash\n"
                                "    [ \"$word\" != = ] || word=\n"
                                "    [ \"$before\" != = ] || before=${COMP_WORDS[COMP_CWORD-2]}\n"
                                "    COMPREPLY=()\n";
static const char bash_tail[] = "    if [ \"${word#-}\" != \"$word\" ]; then\n"
                                "        COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                                "    elif [ \"$COMP_CWORD\" -eq 2 ] && [ -n \"$verbs\" ]; then\n"
                                "        COMPREPLY=($(compgen -W \"$verbs\" -- \"$word\"))\n"
                                "    else\n"
                                "        compopt -o filenames 2>/dev/null\n"
                                "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
                                "    fi\n"
                                "}\n"
                                "complete -F _weir weir\n";

static void
bash_flags(const weiri_cli_option *option, FILE *to)
{
    if (option->letter != 0)
        fprintf(to, "-%c ", option->letter);
    fprintf(to, "--%s ", option->name);
}

/* What follows an option that takes a value. */
static void
bash_value(const weiri_cli_command *command, const weiri_cli_option *option, const weiri_setting_row *setting, FILE *to)
{
    value_kind kind = kind_of(option, setting);

    if (kind == VALUE_NONE)
        return;
    fprintf(to, "    %s:--%s", command->name, option->name);
    if (option->letter != 0)
        fprintf(to, " | %s:-%c", command->name, option->letter);
    if (kind == VALUE_CHOICE) {
        fprintf(to, ") COMPREPLY=($(compgen -W \"");
        print_choices(setting->choices, to);
        fprintf(to, "\" -- \"$word\")); return ;;\n");
    } else if (kind == VALUE_ANY)
        fprintf(to, ") return ;;\n");
    else
        fprintf(
            to, ") compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -%c -- \"$word\")); return ;;\n", kind == VALUE_FILE ? 'f' : 'd');
}

static void
print_bash(FILE *to)
{
    const weiri_cli_command *const *c;
    const weiri_setting_row *setting;
    weiri_cli_option option;
    const char *verb;
    size_t size;

    fputs(bash_head, to);
    fprintf(to, "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        COMPREPLY=($(compgen -W \"");
    for (c = weiri_cli_commands; *c != NULL; c++)
        fprintf(to, "%s ", (*c)->name);
    fprintf(to, "help --help --version\" -- \"$word\"))\n        return\n    fi\n    case ${COMP_WORDS[1]}:$before in\n");
    for (c = weiri_cli_commands; *c != NULL; c++)
        for (size_t at = 0; weiri_cli_each_option(*c, &at, &option, &setting);)
            bash_value(*c, &option, setting, to);
    fprintf(to, "    esac\n    local verbs=\n    case ${COMP_WORDS[1]} in\n");
    for (c = weiri_cli_commands; *c != NULL; c++) {
        const char *usage = (*c)->usage;
        fprintf(to, "    %s)\n        words=\"", (*c)->name);
        for (size_t at = 0; weiri_cli_each_option(*c, &at, &option, &setting);)
            bash_flags(&option, to);
        fprintf(to, "\"\n        verbs=\"");
        while ((verb = next_verb(&usage, &size)) != NULL)
            fprintf(to, "%.*s ", (int)size, verb);
        fprintf(to, "\" ;;\n");
    }
    fprintf(to, "    esac\n");
    fputs(bash_tail, to);
}

/* ---- zsh -------------------------------------------------------------------------------------------------- */

/* Within single quotes; what _arguments and _describe read as more than text has a backslash before it. */
static void
zsh_text(const char *text, FILE *to)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs("'\\''", to);
            continue;
        }
        if (strchr("[]:\\", *text) != NULL)
            fputc('\\', to);
        fputc(*text, to);
    }
}

static void
zsh_option(const weiri_cli_option *option, const weiri_setting_row *setting, FILE *to)
{
    value_kind kind = kind_of(option, setting);

    for (int letter = option->letter != 0; letter >= 0; letter--) {
        if (letter)
            fprintf(to, " \\\n            '*-%c", option->letter);
        else
            fprintf(to, " \\\n            '*--%s%s", option->name, kind == VALUE_NONE ? "" : "=");
        fprintf(to, "[");
        zsh_text(option->what, to);
        fprintf(to, "]");
        if (kind != VALUE_NONE) {
            fprintf(to, ":");
            zsh_text(option->argument, to);
            fprintf(to, ":");
        }
        if (kind == VALUE_CHOICE) {
            fprintf(to, "(");
            print_choices(setting->choices, to);
            fprintf(to, ")");
        } else if (kind == VALUE_FILE || kind == VALUE_DIRECTORY)
            fputs(kind == VALUE_FILE ? "_files" : "_files -/", to);
        fprintf(to, "'");
    }
}

static void
zsh_command(const weiri_cli_command *command, FILE *to)
{
    const char *usage = command->usage, *verb;
    const weiri_setting_row *setting;
    weiri_cli_option option;
    size_t size, verbs = 0;

    fprintf(to, "    %s)\n        _arguments -S", command->name);
    for (size_t at = 0; weiri_cli_each_option(command, &at, &option, &setting);)
        zsh_option(&option, setting, to);
    fprintf(to, " \\\n            '");
    while ((verb = next_verb(&usage, &size)) != NULL)
        fprintf(to, "%s%.*s", verbs++ == 0 ? "1:what:(" : " ", (int)size, verb);
    fprintf(to, "%s*:file:_files' ;;\n", verbs == 0 ? "" : ")' \\\n            '");
}

static void
print_zsh(FILE *to)
{
    fprintf(to, "#compdef weir\n# Completion of weir for zsh; made by `weir completion zsh`.\n"
                "_weir()\n{\n    if (( CURRENT == 2 )); then\n        local -a commands\n        commands=(\n");
    for (const weiri_cli_command *const *c = weiri_cli_commands; *c != NULL; c++) {
        fprintf(to, "            '%s:", (*c)->name);
        zsh_text((*c)->what, to);
        fprintf(to, "'\n");
    }
    fprintf(to, "        )\n        _describe command commands\n        return\n    fi\n"
                "    shift words\n    (( CURRENT-- ))\n    case $words[1] in\n");
    for (const weiri_cli_command *const *c = weiri_cli_commands; *c != NULL; c++)
        zsh_command(*c, to);
    fprintf(to, "    esac\n}\ncompdef _weir weir\n");
}

static int
run(weiri_cli *cli)
{
    if (strcmp(cli->arguments[0], "bash") == 0)
        print_bash(cli->out);
    else if (strcmp(cli->arguments[0], "zsh") == 0)
        print_zsh(cli->out);
    else
        return weiri_cli_fail(
            cli, WEIRI_EXIT_USAGE, "there is a completion for bash and one for zsh, and none for '%.60s'", cli->arguments[0]);
    return WEIRI_EXIT_DONE;
}

static const weiri_cli_option options[] = { { NULL, 0, NULL, NULL } };

const weiri_cli_command weiri_cli_completion = {
    .name = "completion",
    .what = "Prints what makes bash or zsh complete weir's commands and options",
    .usage = "bash | zsh",
    .examples = "weir completion bash >~/.local/share/bash-completion/completions/weir\nweir completion zsh >~/.zfunc/_weir",
    .more = "An installed weir brings both.",
    .options = options,
    .least = 1,
    .most = 1,
    .run = run,
};
