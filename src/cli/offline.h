/* SPDX-License-Identifier: Apache-2.0
 * The way to a data directory without HTTP, for the commands that have --dir. Thread: the main thread. */
#ifndef WEIRI_CLI_OFFLINE_H
#define WEIRI_CLI_OFFLINE_H

#include "cli/client.h"
#include "engine/module.h"
#include "engine/offline.h"

/* A module for one command: the one linked in, or `path`, or none (path NULL). */
WEIR_MUST_USE weir_status weiri_cli_module(
    const weiri_cli *cli, const char *path, const char *views, weiri_loaded_module *ret_module, weir_error *err);

/* The data directory: --dir, else the setting (so WEIR_DIR and weir.conf too), else the only one in the current directory whose name
 * ends with ".data". Owns: gives *ret_dir, for weiri_release. Errors: INVALID. */
WEIR_MUST_USE weir_status weiri_cli_directory(const weiri_cli *cli, char **ret_dir, weir_error *err);

/* A running engine over HTTP, or a directory; which of them, --dir says. */
typedef struct weiri_cli_door {
    const weiri_cli *cli;
    weiri_client *client;   /* NULL: offline */
    weiri_offline *offline; /* NULL: HTTP */
    weiri_loaded_module module;
} weiri_cli_door; /* zero-initialise */
/* 0, or an exit code with the words told. */
int weiri_cli_door_open(const weiri_cli *cli, weiri_cli_door *door);
void weiri_cli_door_close(weiri_cli_door *door);

/* Takes a reply of the engine's as if it had come over HTTP; the reply is emptied. */
void weiri_answer_take(weiri_answer *answer, weiri_reply *reply);

#endif
