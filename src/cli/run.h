/* SPDX-License-Identifier: Apache-2.0
 * What weir run says when it is up. */
#ifndef WEIRI_CLI_RUN_H
#define WEIRI_CLI_RUN_H

#include "cli/cli.h"
#include "engine/service.h"

/* Prints where everything is and three lines to try, made from the module's own first command and first view; with --json one
 * object {"url", "pid", ...} of GET /info. */
void weiri_cli_announce(const weiri_cli *cli, weiri_service *service, uint16_t port, const char *listen, bool tls);

#endif
