/* SPDX-License-Identifier: Apache-2.0
 * The command line's own small frame: a command is one const descriptor in one file; this reads options for it, makes its help,
 * and gives it two ways out: stdout for data, stderr for talk. Thread: the program's main thread. */
#ifndef WEIRI_CLI_H
#define WEIRI_CLI_H

#include <stdio.h>
#include <weir/engine.h>
#include "base/bytes.h"
#include "base/error.h"
#include "engine/settings.h"

/* The exit codes of DESIGN's table of answers, for failures that no engine has answered. */
enum {
    WEIRI_EXIT_DONE = 0,
    WEIRI_EXIT_REJECTED = 1,
    WEIRI_EXIT_USAGE = 2,
    WEIRI_EXIT_CONFLICT = 3,
    WEIRI_EXIT_UNREACHABLE = 4,
    WEIRI_EXIT_TIMED_OUT = 5,
    WEIRI_EXIT_INTERRUPTED = 130
};

typedef struct weiri_cli_option {
    const char *name;     /* "file": the flag is --file */
    char letter;          /* 'f': -f too; 0: none */
    const char *argument; /* "FILE"; NULL: takes none */
    const char *what;
} weiri_cli_option;

typedef struct weiri_cli weiri_cli;

typedef struct weiri_cli_command {
    const char *name, *what;         /* what: one line, for the list of commands */
    const char *usage;               /* behind "weir NAME ", or what a module's own program has: MODULE.so is cut off there */
    const char *examples;            /* lines, each of which works; "weir" is replaced by the program's name */
    const char *more;                /* a paragraph behind the options, or NULL */
    const weiri_cli_option *options; /* ends with a row whose name is NULL */
    bool settings;                   /* takes every setting as an option */
    bool module;                     /* its first argument is a module, unless one is linked in */
    bool talks;                      /* speaks HTTP: takes the setting url */
    size_t least, most;              /* arguments, without the module */
    int (*run)(weiri_cli *cli);
} weiri_cli_command;

typedef struct weiri_cli_given {
    const char *name, *value; /* borrowed from argv or the tables; "" where an option takes no argument */
    bool setting;
} weiri_cli_given;

struct weiri_cli {
    const weiri_cli_command *command;
    const weir_module *linked; /* NULL: none */
    const char *program;
    const char *module_path; /* NULL: linked */
    weiri_cli_given *given;
    size_t n_given;
    const char **arguments;
    size_t n_arguments;
    FILE *out, *talk;
    bool json, help;
};

/* Reads argv (behind the command's name) into `cli`, whose command is set. Errors: INVALID, with the nearest word. */
WEIR_MUST_USE weir_status weiri_cli_read(weiri_cli *cli, int argc, char **argv, weir_error *err);
void weiri_cli_fini(weiri_cli *cli);

/* The value of an option: the last one given, or NULL. "" for one without argument. */
const char *weiri_cli_value(const weiri_cli *cli, const char *name);
bool weiri_cli_has(const weiri_cli *cli, const char *name);
/* Each value of an option in turn: begin with *at = 0. NULL: no more. */
const char *weiri_cli_each(const weiri_cli *cli, const char *name, size_t *at);
/* A whole number within bounds; `fallback` when not given. Errors: INVALID. */
WEIR_MUST_USE weir_status weiri_cli_number(
    const weiri_cli *cli, const char *name, uint64_t fallback, uint64_t least, uint64_t most, uint64_t *ret_value, weir_error *err);

/* Every setting in force: flags, then WEIR_* variables, then the file (-F, or weir.conf if there is one). Owns: *settings (zeroed before),
 * for weiri_settings_fini, on failure too. Errors: INVALID, IO. */
WEIR_MUST_USE weir_status weiri_cli_settings(const weiri_cli *cli, weiri_settings *settings, weir_error *err);

/* The help of a command, or of the whole program. */
void weiri_cli_help_command(const weiri_cli *cli, FILE *to);
void weiri_cli_help_program(const weiri_cli *cli, const weiri_cli_command *const *commands, FILE *to);

/* "weir send: words" on stderr (each line of `err`'s words its own). Returns `exit_code`. */
int weiri_cli_fail(const weiri_cli *cli, int exit_code, const char *format, ...) WEIR_PRINTF(3, 4);
/* The same from an error, with the exit code of its status in the table of answers. */
int weiri_cli_fail_error(const weiri_cli *cli, const weir_error *err);
/* The same for a file that can't be opened or the like: with the exit code for its status, and every problem a line. */
int weiri_cli_fail_problems(const weiri_cli *cli, const weiri_problems *problems);

/* Flushes stdout: a full disk or a closed pipe is a failure too. Returns `exit_code`, or 1 with words. */
int weiri_cli_finish(const weiri_cli *cli, int exit_code);

extern const weiri_cli_command weiri_cli_run, weiri_cli_send, weiri_cli_show, weiri_cli_view, weiri_cli_events, weiri_cli_load,
    weiri_cli_dead, weiri_cli_process, weiri_cli_check, weiri_cli_test, weiri_cli_verify, weiri_cli_topics, weiri_cli_acl, weiri_cli_copy,
    weiri_cli_config, weiri_cli_new, weiri_cli_version;

#endif
