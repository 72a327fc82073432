/* SPDX-License-Identifier: Apache-2.0
 * Finding and opening a data directory. Thread: the main thread. */
#include "cli/offline.h"
#include <glob.h>
#include "base/memory.h"

weir_status
weiri_cli_module(const weiri_cli *cli, const char *path, const char *views, weiri_loaded_module *ret_module, weir_error *err)
{
    if (path != NULL)
        return weiri_module_load(path, views, ret_module, err);
    return cli->linked != NULL ? weiri_module_linked(cli->linked, views, ret_module, err) : WEIR_OK;
}

/* The only *.data of the current directory that has a log in it. */
static weir_status
only_directory(char **ret_dir, weir_error *err)
{
    weir_status status = WEIR_OK;
    glob_t found = { 0 };

    (void)glob("*.data/log", GLOB_ONLYDIR, NULL, &found);
    if (found.gl_pathc == 1)
        *ret_dir = weiri_text_copy_n(found.gl_pathv[0], strlen(found.gl_pathv[0]) - strlen("/log"));
    else
        status = weiri_error_set(err, WEIR_INVALID, "%s: say --dir DIR",
            found.gl_pathc == 0 ? "there is no data directory here" : "there are several data directories here");
    globfree(&found);
    return status;
}

weir_status
weiri_cli_directory(const weiri_cli *cli, char **ret_dir, weir_error *err)
{
    const char *given = weiri_cli_value(cli, "dir");
    weiri_settings settings = { 0 };
    weir_status status = WEIR_OK;

    if (given != NULL) {
        *ret_dir = weiri_text_copy(given);
        return WEIR_OK;
    }
    status = weiri_cli_settings(cli, &settings, err);
    if (status == WEIR_OK && weiri_settings_text(&settings, "dir")[0] != '\0')
        *ret_dir = weiri_text_copy(weiri_settings_text(&settings, "dir"));
    else if (status == WEIR_OK)
        status = only_directory(ret_dir, err);
    weiri_settings_fini(&settings);
    return status;
}

int
weiri_cli_door_open(const weiri_cli *cli, weiri_cli_door *door)
{
    const char *dir = weiri_cli_value(cli, "dir"), *module = weiri_cli_value(cli, "module");
    weir_error err;

    door->cli = cli;
    if (dir == NULL) {
        if (module != NULL)
            return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "--module goes with --dir: the running engine has its own");
        return weiri_client_new(cli, &door->client, &err) == WEIR_OK ? 0 : weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s", err.text);
    }
    weir_status status = weiri_cli_module(cli, module, NULL, &door->module, &err);
    if (status == WEIR_OK)
        status = weiri_offline_open(dir, door->module.module, &door->offline, &err);
    return status == WEIR_OK ? 0 : weiri_cli_fail_error(cli, &err);
}

void
weiri_cli_door_close(weiri_cli_door *door)
{
    weiri_client_free(door->client);
    weiri_offline_close(door->offline);
    weiri_module_unload(&door->module);
}

void
weiri_answer_take(weiri_answer *answer, weiri_reply *reply)
{
    weiri_buffer_fini(&answer->body);
    answer->http = reply->http;
    answer->body = reply->body;
    (void)snprintf(answer->position, sizeof answer->position, "%s", reply->position);
    answer->retry_after_s = reply->retry_after_s;
    reply->body = (weiri_buffer){ 0 };
    weiri_reply_fini(reply);
}
