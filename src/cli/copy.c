/* SPDX-License-Identifier: Apache-2.0
 * weir copy: from a data directory into Kafka's topics. Thread: the main thread. */
#include <inttypes.h>
#include "cli/offline.h"
#include "cli/output.h"

static void
told(void *user, const char *words)
{
    const weiri_cli *cli = user;

    fprintf(cli->talk, "%s\n", words);
    (void)fflush(cli->talk);
}

static void
tell_report(const weiri_cli *cli, const weiri_copy_report *report)
{
    char id[17];

    (void)snprintf(id, sizeof id, "%016" PRIx64, report->id);
    json_t *all = json_pack("{s:s, s:I, s:I, s:I, s:s}", "log", id, "commands", (json_int_t)report->commands, "events",
        (json_int_t)report->events, "outcomes", (json_int_t)report->outcomes, "dir", report->dir);
    if (cli->json)
        weiri_output_json(cli->out, all);
    else
        weiri_output_object(cli->out, all);
    json_decref(all);
}

static int
run(weiri_cli *cli)
{
    const char *brokers = weiri_cli_value(cli, "to");
    weiri_copy_call call = { .from = weiri_cli_value(cli, "from"), .told = told, .user = cli };
    weiri_loaded_module module = { 0 };
    weiri_settings settings = { 0 };
    weiri_copy_report report;
    weir_error err;

    weir_status status = call.from != NULL ? weiri_cli_settings(cli, &settings, &err)
                                           : weiri_error_set(&err, WEIR_INVALID, "which log? say --from DIR");
    if (status == WEIR_OK && brokers != NULL)
        status = weiri_settings_set(&settings, "brokers", brokers, "--to", &err);
    if (status == WEIR_OK)
        status = weiri_cli_module(cli, weiri_cli_value(cli, "module"), NULL, &module, &err);
    if (status == WEIR_OK) {
        call.module = module.module;
        status = weiri_offline_copy(&settings, &call, &report, &err);
    }
    if (status == WEIR_OK)
        tell_report(cli, &report);
    int exit_code = status == WEIR_OK ? WEIRI_EXIT_DONE : weiri_cli_fail_error(cli, &err);
    weiri_module_unload(&module);
    weiri_settings_fini(&settings);
    return exit_code;
}

static const weiri_cli_option options[] = {
    { "from", 0, "DIR", "the data directory to be copied; no engine may run on it" },
    { "to", 0, "HOST:PORT,...", "the brokers; default: the setting brokers" },
    { "module", 0, "FILE", "the module's shared object: events are written as JSON; without it, as Protobuf" },
    { NULL, 0, NULL, NULL },
};

const weiri_cli_command weiri_cli_copy = {
    .name = "copy",
    .what = "Copies a data directory's log into Kafka's empty topics",
    .usage = "--from DIR --to HOST:PORT,... [--app NAME] [--module MODULE.so] [--dir DIR]",
    .examples = "weir copy --from shop.data --to localhost:9092 --allow-weak-cluster\n"
                "weir copy --from shop.data --to kafka1:9092,kafka2:9092 --app sales --module ./shop.so --dir sales.data",
    .more = "The log keeps its id, commands their offsets and ids, events their order, versions and times. Interrupted, the same command\n"
            "goes on; until it is done, no weir runs on the topics. --dir becomes the data directory of the log on Kafka, for\n"
            "weir run --log kafka --dir DIR; default: APP.kafka.data.",
    .options = options,
    .settings = true,
    .run = run,
};
