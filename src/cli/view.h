/* SPDX-License-Identifier: Apache-2.0
 * What the files of weir view share. */
#ifndef WEIRI_CLI_VIEW_H
#define WEIRI_CLI_VIEW_H

#include "cli/cli.h"

/* weir view dump: the tables of one view or all, from the files of a data directory. Returns an exit code. */
int weiri_cli_view_dump(weiri_cli *cli);

#endif
