/* SPDX-License-Identifier: Apache-2.0
 * weir check: every load check of a module and its views, all that is wrong at once. Thread: the main thread. */
#include <glob.h>
#include <unistd.h>
#include "base/memory.h"
#include "cli/offline.h"
#include "cli/output.h"

static size_t
count_views(const char *dir)
{
    weiri_buffer pattern = { 0 };
    glob_t found = { 0 };

    if (dir == NULL)
        return 0;
    weiri_buffer_print(&pattern, "%s/*.sql", dir);
    (void)glob(weiri_buffer_text(&pattern), 0, NULL, &found);
    size_t n = found.gl_pathc;
    globfree(&found);
    weiri_buffer_fini(&pattern);
    return n;
}

static void
tell_ok(const weiri_cli *cli, const weiri_loaded_module *module)
{
    size_t commands = 0, events = 0, views = count_views(module->views_dir);

    for (size_t a = 0; module->module->aggregates[a] != NULL; a++) {
        const weir_aggregate *aggregate = module->module->aggregates[a];
        for (size_t i = 0; aggregate->commands[i].message != NULL; i++)
            commands++;
        for (size_t i = 0; aggregate->events[i].message != NULL; i++)
            events++;
    }
    if (cli->json)
        fprintf(cli->out, "{\"ok\":true,\"commands\":%zu,\"events\":%zu,\"views\":%zu}\n", commands, events, views);
    else
        fprintf(cli->out, "ok: %zu command%s, %zu event%s, %zu view%s\n", commands, commands == 1 ? "" : "s", events,
            events == 1 ? "" : "s", views, views == 1 ? "" : "s");
}

/* Problems are what was asked for: data, on stdout. */
static int
tell_problems(const weiri_cli *cli, const weiri_problems *problems)
{
    json_t *list = json_array();
    char text[1200];

    for (size_t i = 0; i < problems->n; i++) {
        const weir_error *problem = &problems->list[i];
        weiri_error_format(problem, text, sizeof text);
        if (cli->json)
            json_array_append_new(list, json_pack("{s:s,s:i,s:s}", "file", problem->file, "line", problem->line, "text", problem->text));
        else
            fprintf(cli->out, "%s\n", text);
    }
    if (cli->json) {
        json_t *all = json_pack("{s:b,s:O}", "ok", 0, "problems", list);
        weiri_output_json(cli->out, all);
        json_decref(all);
    }
    json_decref(list);
    return WEIRI_EXIT_USAGE;
}

static void
found(void *user, const char *words)
{
    weiri_problems_add(user, "", 0, "%s", words);
}

/* Broker, topics and rights, as far as they can be seen. */
static void
check_kafka(const char *module, const weiri_settings *settings, weiri_problems *problems)
{
    const weiri_topics_call call = { .found = found, .user = problems };
    weir_error err;

    if (weiri_offline_topics(module, settings, &call, &err) != WEIR_OK)
        weiri_problems_add(problems, "", 0, "kafka: %s", err.text);
}

/* With a log at hand, whether the module breaks what was written into it; without, there is nothing to break. */
static void
check_schema(const weiri_loaded_module *module, const weiri_settings *settings, weiri_problems *problems)
{
    weiri_schema_call call = { .module = module->module, .build = module->build_id, .app = module->module->name };
    weiri_buffer dir = { 0 }, log = { 0 };
    weir_error err;

    if (!weiri_settings_has(settings, "log", "kafka")) {
        weiri_buffer_add_text(&dir, weiri_settings_text(settings, "dir"));
        if (dir.size == 0)
            weiri_buffer_print(&dir, "%s.data", module->module->name);
        weiri_buffer_print(&log, "%s/log/data.mdb", weiri_buffer_text(&dir));
        call.dir = weiri_buffer_text(&dir);
    }
    if ((call.dir == NULL || access(weiri_buffer_text(&log), R_OK) == 0) &&
        weiri_offline_schema_check(settings, &call, problems, &err) != WEIR_OK)
        weiri_problems_add(problems, "", 0, "%s", err.text);
    weiri_buffer_fini(&dir);
    weiri_buffer_fini(&log);
}

static int
run(weiri_cli *cli)
{
    weiri_loaded_module module = { 0 };
    weiri_problems problems = { 0 };
    weiri_settings settings = { 0 };
    int exit_code = WEIRI_EXIT_DONE;
    weir_error err;

    weir_status status = weiri_cli_settings(cli, &settings, &err);
    if (status == WEIR_OK) {
        const char *views = weiri_settings_text(&settings, "views");
        status = weiri_cli_module(cli, cli->module_path, views[0] == '\0' ? NULL : views, &module, &err);
    }
    if (status == WEIR_OK) {
        weiri_service_check(module.module, module.views_dir, &problems);
        if (weiri_settings_has(&settings, "log", "kafka"))
            check_kafka(module.module->name, &settings, &problems);
        if (problems.n == 0)
            check_schema(&module, &settings, &problems);
        if (problems.n > 0)
            exit_code = tell_problems(cli, &problems);
        else
            tell_ok(cli, &module);
    } else
        exit_code = weiri_cli_fail_error(cli, &err);
    weiri_problems_fini(&problems);
    weiri_module_unload(&module);
    weiri_settings_fini(&settings);
    return exit_code;
}

static const weiri_cli_option options[] = {
    { NULL, 0, NULL, NULL },
};

const weiri_cli_command weiri_cli_check = {
    .name = "check",
    .what = "Checks a module and its views as loading them does, against its log, and Kafka's topics",
    .usage = "MODULE.so [--SETTING VALUE]...",
    .examples = "weir check ./shop.so\nweir check ./shop.so --json\nweir check ./shop.so --log kafka --brokers kafka-1:9092,kafka-2:9092",
    .more = "Nothing is started and nothing written. Every problem is a line on stdout. With --log kafka the broker is asked, too.\n"
            "If there is a log (--dir, or MODULE.data here), the module's messages are compared with those it was written with.",
    .options = options,
    .settings = true,
    .module = true,
    .run = run,
};
