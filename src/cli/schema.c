/* SPDX-License-Identifier: Apache-2.0
 * weir schema: which messages a log was written with, and whether a module may go on with it. Needs no running engine. Thread: the
 * main thread. */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include "base/memory.h"
#include "cli/offline.h"
#include "cli/output.h"

typedef struct asking {
    weiri_cli *cli;
    const char *verb;
    weiri_settings settings;
    weiri_loaded_module module, against;
    char *dir;
    weiri_schema_call call;
    json_t *told;
} asking;

static bool
is_verb(const asking *a, const char *verb)
{
    return strcmp(a->verb, verb) == 0;
}

static bool
ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), size = strlen(end);

    return n >= size && strcmp(text + n - size, end) == 0;
}

/* check and diff have a module; list may have one, to know which log on Kafka is meant. */
static weir_status
load_module(asking *a, weir_error *err)
{
    const char *path = a->cli->n_arguments > 1 ? a->cli->arguments[1] : NULL;

    if (path == NULL && a->cli->linked == NULL && !is_verb(a, "list"))
        return weiri_error_set(err, WEIR_INVALID, "which module? weir schema %s MODULE.so", a->verb);
    weir_status status = weiri_cli_module(a->cli, path, NULL, &a->module, err);
    if (status != WEIR_OK || is_verb(a, "list"))
        return status;
    a->call.module = a->module.module;
    a->call.build = a->module.build_id;
    a->call.latest = is_verb(a, "diff");
    return WEIR_OK;
}

/* What it is compared with: a file, another module, the log on Kafka, or the one in a directory. */
static weir_status
find_log(asking *a, weir_error *err)
{
    const char *against = weiri_cli_value(a->cli, "against");

    if (against != NULL && ends_with(against, ".so")) {
        weir_status status = weiri_module_load(against, NULL, &a->against, err);
        a->call.against_module = a->against.module;
        a->call.against_build = a->against.build_id;
        return status;
    }
    a->call.against = against;
    if (against != NULL)
        return WEIR_OK;
    if (!weiri_settings_has(&a->settings, "log", "kafka")) {
        weir_status status = weiri_cli_directory(a->cli, &a->dir, err);
        a->call.dir = a->dir;
        return status;
    }
    a->call.app = a->module.module != NULL ? a->module.module->name : weiri_settings_text(&a->settings, "app");
    if (a->call.app[0] != '\0')
        return WEIR_OK;
    return weiri_error_set(err, WEIR_INVALID, "which log on Kafka? say --app NAME, or name the module");
}

static weir_status
ask(asking *a, weir_error *err)
{
    weiri_buffer json = { 0 };
    json_error_t error;

    weir_status status = weiri_offline_schema(&a->settings, &a->call, &json, err);
    if (status == WEIR_OK && (a->told = json_loadb((const char *)json.data, json.size, 0, &error)) == NULL)
        status = weiri_error_set(err, WEIR_CORRUPT, "%s", error.text);
    weiri_buffer_fini(&json);
    return status;
}

/* ---- telling ------------------------------------------------------------------------------------------ */

static json_int_t
count_kind(const json_t *messages, const char *kind)
{
    json_int_t n = 0;
    json_t *one;
    size_t i;

    json_array_foreach(messages, i, one)
    {
        const char *is = json_string_value(json_object_get(one, "kind"));
        n += is != NULL && strcmp(is, kind) == 0;
    }
    return n;
}

static int
tell_versions(const asking *a)
{
    json_t *versions = json_object_get(a->told, "versions"), *rows = json_array(), *one;
    size_t i;

    if (a->cli->json) {
        weiri_output_json(a->cli->out, versions);
        json_decref(rows);
        return WEIRI_EXIT_DONE;
    }
    json_array_foreach(versions, i, one)
    {
        const json_t *messages = json_object_get(one, "messages");
        const time_t at = (time_t)(json_integer_value(json_object_get(one, "recorded_ms")) / 1000);
        struct tm parts;
        char text[32] = "";
        if (gmtime_r(&at, &parts) != NULL)
            (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
        json_array_append_new(
            rows, json_pack("{s:I, s:s, s:I, s:I, s:I, s:O}", "version", (json_int_t)i + 1, "recorded", text, "commands",
                      count_kind(messages, "command"), "events", count_kind(messages, "event"), "others",
                      count_kind(messages, "nested") + count_kind(messages, "enum"), "build", json_object_get(one, "build")));
    }
    if (json_array_size(rows) == 0)
        fprintf(a->cli->talk, "no version is recorded yet: the next module that opens the log is the first\n");
    else
        weiri_output_table(a->cli->out, a->cli->talk, rows, NULL);
    json_decref(rows);
    return WEIRI_EXIT_DONE;
}

static void
tell_change(const weiri_cli *cli, const json_t *change)
{
    const char *rule = json_string_value(json_object_get(change, "rule"));
    weiri_buffer line = { 0 };

    weiri_buffer_print(&line, "%s%s%s: %s", rule == NULL ? "" : rule, rule == NULL ? "" : " ",
        json_string_value(json_object_get(change, "place")), json_string_value(json_object_get(change, "words")));
    fprintf(cli->out, "%s\n", weiri_buffer_text(&line));
    weiri_buffer_fini(&line);
}

/* check tells breaks; diff everything. */
static int
tell_changes(asking *a)
{
    const json_t *changes = json_object_get(a->told, "changes");
    const json_int_t known = json_integer_value(json_object_get(a->told, "known"));
    const json_int_t breaks = json_integer_value(json_object_get(a->told, "breaks"));
    const size_t versions = json_array_size(json_object_get(a->told, "versions"));
    const bool check = is_verb(a, "check");
    json_t *change;
    size_t i;

    if (a->cli->json) {
        json_object_del(a->told, "versions");
        weiri_output_json(a->cli->out, a->told);
        return check && breaks > 0 ? WEIRI_EXIT_REJECTED : WEIRI_EXIT_DONE;
    }
    json_array_foreach(changes, i, change)
    {
        if (!check || json_object_get(change, "rule") != NULL)
            tell_change(a->cli, change);
    }
    if (check && breaks == 0 && known > 0)
        fprintf(a->cli->out, "ok: these are the messages of version %" JSON_INTEGER_FORMAT " of %zu\n", known, versions);
    else if (check && breaks == 0)
        fprintf(a->cli->out, "ok: new messages, and nothing of %zu version%s breaks\n", versions, versions == 1 ? "" : "s");
    else if (check)
        fprintf(
            a->cli->talk, "%" JSON_INTEGER_FORMAT " change%s what the log was written with\n", breaks, breaks == 1 ? " breaks" : "s break");
    else if (json_array_size(changes) == 0)
        fprintf(a->cli->talk, "no difference\n");
    return check && breaks > 0 ? WEIRI_EXIT_REJECTED : WEIRI_EXIT_DONE;
}

static int
run(weiri_cli *cli)
{
    asking a = { .cli = cli, .verb = cli->n_arguments > 0 ? cli->arguments[0] : "list" };
    int exit_code = WEIRI_EXIT_DONE;
    weir_error err;

    weir_status status = is_verb(&a, "list") || is_verb(&a, "check") || is_verb(&a, "diff")
                             ? weiri_cli_settings(cli, &a.settings, &err)
                             : weiri_error_set(&err, WEIR_INVALID, "'%.40s' is none of list, check, diff", a.verb);
    if (status == WEIR_OK)
        status = load_module(&a, &err);
    if (status == WEIR_OK)
        status = find_log(&a, &err);
    if (status == WEIR_OK)
        status = ask(&a, &err);
    if (status != WEIR_OK)
        exit_code = weiri_cli_fail_error(cli, &err);
    else
        exit_code = is_verb(&a, "list") ? tell_versions(&a) : tell_changes(&a);
    json_decref(a.told);
    weiri_release(a.dir);
    weiri_module_unload(&a.module);
    weiri_module_unload(&a.against);
    weiri_settings_fini(&a.settings);
    return exit_code;
}

static const weiri_cli_option options[] = {
    { "against", 0, "FILE", "instead of a log: what `weir schema list --json` printed, or another module (its name ends with .so)" },
    { NULL, 0, NULL, NULL },
};

const weiri_cli_command weiri_cli_schema = {
    .name = "schema",
    .what = "The messages that a log was written with, and whether a module breaks them",
    .usage = "list|check|diff [MODULE.so] [--dir DIR] [--against FILE]",
    .examples = "weir schema list --dir shop.data\nweir schema check ./shop.so --dir shop.data\nweir schema list --json > released.json\n"
                "weir schema check ./shop.so --against released.json\nweir schema diff ./shop.so --against ./shop-before.so",
    .more =
        "No engine need run. check compares with every version that ever wrote the log, as weir run does at its start: each break is a\n"
        "line with rule (of buf breaking's WIRE_JSON) and field, and the exit status is then 1. diff tells all that differs from the last\n"
        "version. With --log kafka the log is that of --app on --brokers.",
    .options = options,
    .settings = true,
    .most = 2,
    .run = run,
};
