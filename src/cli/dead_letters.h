/* SPDX-License-Identifier: Apache-2.0
 * The verbs of weir dead for events that a view could not take. Thread: the main thread. */
#ifndef WEIRI_CLI_DEAD_LETTERS_H
#define WEIRI_CLI_DEAD_LETTERS_H

#include <jansson.h>
#include "cli/client.h"

typedef struct weiri_letter_subject {
    weiri_bytes view;
    const char *event, *name; /* event: PARTITION-COMMAND-INDEX or "all"; name: as it was given */
} weiri_letter_subject;

/* VIEW:EVENT; false: it isn't written so, and is no letter. */
bool weiri_cli_is_letter(const char *word, weiri_letter_subject *ret_subject);

/* The letters of a view (NULL: of all) for listing: owns *ret_json. Returns an exit code, told. */
int weiri_cli_letters_get(weiri_cli *cli, weiri_client *client, const char *view, json_t **ret_json);
void weiri_cli_letters_print(weiri_cli *cli, const json_t *letters);

int weiri_cli_letter_show(weiri_cli *cli, weiri_client *client, const weiri_letter_subject *of);
int weiri_cli_letter_retry(weiri_cli *cli, weiri_client *client, const weiri_letter_subject *of);
int weiri_cli_letter_discard(weiri_cli *cli, weiri_client *client, const weiri_letter_subject *of);

#endif
