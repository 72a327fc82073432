/* SPDX-License-Identifier: Apache-2.0
 * How the command line tells what became of a command, whoever sent it. */
#ifndef WEIRI_CLI_SEND_H
#define WEIRI_CLI_SEND_H

#include <jansson.h>
#include "cli/cli.h"

/* Prints one outcome or problem; `context` goes before the words of a problem. Returns its exit code. */
int weiri_cli_tell_outcome(const weiri_cli *cli, int http, const json_t *answer, const char *context);

#endif
