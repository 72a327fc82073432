/* SPDX-License-Identifier: Apache-2.0
 * weir verify: reads a whole log, beside the engine or without one. Thread: the main thread. */
#include "base/memory.h"
#include "cli/offline.h"
#include "cli/output.h"

static void
tell_fault(void *user, const char *words)
{
    const weiri_cli *cli = user;
    weiri_buffer safe = { 0 };

    weiri_output_add_safe(&safe, weiri_bytes_of(words));
    fprintf(cli->talk, "%s\n", weiri_buffer_text(&safe));
    weiri_buffer_fini(&safe);
}

static int
verify(weiri_cli *cli, weiri_offline *offline)
{
    weiri_reply reply = { 0 };
    weiri_answer answer = { 0 };
    uint64_t faults = 0;
    json_t *json = NULL;

    weiri_offline_verify(offline, tell_fault, cli, &reply, &faults);
    weiri_answer_take(&answer, &reply);
    int exit_code = weiri_answer_json(cli, &answer, "the directory", &json);
    if (exit_code == 0) {
        if (cli->json)
            weiri_output_json(cli->out, json);
        else
            weiri_output_object(cli->out, json);
        exit_code = faults > 0 ? WEIRI_EXIT_REJECTED : WEIRI_EXIT_DONE;
    }
    json_decref(json);
    weiri_answer_fini(&answer);
    return exit_code;
}

static int
run(weiri_cli *cli)
{
    weiri_offline *offline = NULL;
    char *dir = NULL;
    weir_error err;

    if (weiri_cli_directory(cli, &dir, &err) != WEIR_OK)
        return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s", err.text);
    weir_status status = weiri_offline_open(dir, NULL, &offline, &err);
    int exit_code = status == WEIR_OK ? verify(cli, offline) : weiri_cli_fail_error(cli, &err);
    weiri_offline_close(offline);
    weiri_release(dir);
    return exit_code;
}

static const weiri_cli_option options[] = {
    { "dir", 0, "DIR", "data directory; default: the only *.data here" },
    { NULL, 0, NULL, NULL },
};

const weiri_cli_command weiri_cli_verify = {
    .name = "verify",
    .what = "Reads a whole log: checksums, chains, versions, gaps",
    .usage = "[--dir DIR]",
    .examples = "weir verify --dir shop.data",
    .more = "Each fault is a line on stderr, and the exit status is then 1. It may run beside the engine.",
    .options = options,
    .run = run,
};
