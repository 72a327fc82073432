/* SPDX-License-Identifier: Apache-2.0
 * weir config: every setting in force and where it came from. Thread: the main thread. */
#include "cli/cli.h"
#include "cli/output.h"

static int
run(weiri_cli *cli)
{
    static const char *const columns[] = { "name", "value", "from", "what", NULL };
    weiri_settings settings = { 0 };
    json_t *rows = json_array();
    weir_error err;
    int exit_code = WEIRI_EXIT_DONE;

    if (weiri_cli_settings(cli, &settings, &err) != WEIR_OK)
        exit_code = weiri_cli_fail_error(cli, &err);
    else {
        for (const weiri_setting_row *row = weiri_setting_rows; row->name != NULL; row++) {
            weiri_buffer value = { 0 };
            weiri_settings_show(&settings, row->name, &value);
            json_array_append_new(rows, json_pack("{s:s,s:s,s:s,s:s}", "name", row->name, "value", weiri_buffer_text(&value), "from",
                                            weiri_settings_origin(&settings, row->name), "what", row->what));
            weiri_buffer_fini(&value);
        }
        if (cli->json)
            weiri_output_json(cli->out, rows);
        else
            weiri_output_table(cli->out, NULL, rows, columns);
    }
    json_decref(rows);
    weiri_settings_fini(&settings);
    return exit_code;
}

static const weiri_cli_option options[] = { { NULL, 0, NULL, NULL } };

const weiri_cli_command weiri_cli_config = {
    .name = "config",
    .what = "Every setting in force, and where it came from",
    .usage = "[--SETTING VALUE]...",
    .examples = "weir config\nWEIR_LISTEN=127.0.0.1:9000 weir config --json\nweir config -F production.conf",
    .options = options,
    .settings = true,
    .run = run,
};
