/* SPDX-License-Identifier: Apache-2.0
 * weir process: which processes there are, one of their instances, the timers that are pending. Thread: the main thread. */
#include "base/text.h"
#include "cli/client.h"
#include "cli/output.h"

static int
get(weiri_cli *cli, weiri_client *client, const char *path, json_t **ret_json)
{
    const weiri_client_request request = { .path = path };

    return weiri_client_json(cli, client, &request, NULL, ret_json);
}

static void
print_list(weiri_cli *cli, const json_t *json)
{
    static const char *const heard[] = { "process", "instance", "command", "key", "code", "detail", "time", NULL };
    json_t *rows = json_array(), *one;
    const json_t *unanswered = json_object_get(json, "unanswered"), *words = json_object_get(json, "router");
    size_t i;

    json_array_foreach(json_object_get(json, "processes"), i, one)
        json_array_append_new(rows, json_pack("{s:O?,s:O?,s:O?}", "process", json_object_get(one, "name"), "key",
                                        json_object_get(one, "key"), "behind", json_object_get(one, "behind")));
    weiri_output_table(cli->out, NULL, rows, NULL);
    if (json_array_size(unanswered) > 0) {
        fputc('\n', cli->out);
        weiri_output_table(cli->out, NULL, unanswered, heard);
    }
    fprintf(cli->talk, "%lld rejections that no process heard; %zu timers pending\n",
        (long long)json_integer_value(json_object_get(json, "unansweredTotal")), json_array_size(json_object_get(json, "timers")));
    if (json_is_string(words))
        fprintf(cli->talk, "%s\n", json_string_value(words));
    json_decref(rows);
}

static int
list(weiri_cli *cli, weiri_client *client, const char *what)
{
    json_t *json = NULL;
    int exit_code = get(cli, client, "/processes", &json);

    (void)what;
    if (exit_code == 0 && cli->json)
        weiri_output_json(cli->out, json);
    else if (exit_code == 0)
        print_list(cli, json);
    json_decref(json);
    return exit_code;
}

/* Of all processes, or of the one that is named. */
static int
timers(weiri_cli *cli, weiri_client *client, const char *what)
{
    static const char *const columns[] = { "due", "process", "key", "timer", NULL };
    json_t *json = NULL, *rows = json_array(), *one;
    int exit_code = get(cli, client, "/processes", &json);
    size_t i;

    json_array_foreach(json_object_get(json, "timers"), i,
        one) if (what == NULL || strcmp(what, json_string_value(json_object_get(one, "process"))) == 0) json_array_append(rows, one);
    if (exit_code == 0 && cli->json)
        weiri_output_json(cli->out, rows);
    else if (exit_code == 0)
        weiri_output_table(cli->out, cli->talk, rows, columns);
    json_decref(rows);
    json_decref(json);
    return exit_code;
}

static int
show(weiri_cli *cli, weiri_client *client, const char *what)
{
    const char *slash = what == NULL ? NULL : strchr(what, '/');
    weiri_buffer path = { 0 };
    json_t *json = NULL;

    if (slash == NULL || slash == what || slash[1] == '\0')
        return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "which instance: write it as PROCESS/KEY");
    weiri_buffer_add_text(&path, "/aggregates/");
    weiri_client_add_encoded(&path, (weiri_bytes){ what, (size_t)(slash - what) });
    weiri_buffer_add_char(&path, '/');
    weiri_client_add_encoded(&path, weiri_bytes_of(slash + 1));
    int exit_code = get(cli, client, weiri_buffer_text(&path), &json);
    if (exit_code == 0 && cli->json)
        weiri_output_json(cli->out, json);
    else if (exit_code == 0) {
        const json_t *instance = json_object_get(json, "state");
        fprintf(cli->out, "%s after %lld steps%s\n", what, (long long)json_integer_value(json_object_get(json, "version")),
            json_is_true(json_object_get(instance, "finished")) ? ", finished" : "");
        if (json_object_get(instance, "state") != NULL)
            weiri_output_object(cli->out, json_object_get(instance, "state"));
        if (json_array_size(json_object_get(instance, "timers")) > 0)
            weiri_output_table(cli->out, NULL, json_object_get(instance, "timers"), NULL);
    }
    json_decref(json);
    weiri_buffer_fini(&path);
    return exit_code;
}

static const struct verb {
    const char *name;
    int (*run)(weiri_cli *cli, weiri_client *client, const char *what);
} verbs[] = { { "list", list }, { "show", show }, { "timers", timers }, { NULL, NULL } };

static int
run(weiri_cli *cli)
{
    const char *word = cli->arguments[0], *what = cli->n_arguments > 1 ? cli->arguments[1] : NULL;
    weiri_nearest nearest = { 0 };
    weiri_client *client = NULL;
    char hint[160];
    weir_error err;

    for (const struct verb *v = verbs; v->name != NULL; v++) {
        if (strcmp(v->name, word) == 0) {
            if (weiri_client_new(cli, &client, &err) != WEIR_OK)
                return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s", err.text);
            int exit_code = v->run(cli, client, what);
            weiri_client_free(client);
            return exit_code;
        }
        weiri_nearest_offer(&nearest, word, v->name);
    }
    return weiri_cli_fail(
        cli, WEIRI_EXIT_USAGE, "no '%s' here: list, show or timers%s", word, weiri_nearest_hint(&nearest, hint, sizeof hint));
}

const weiri_cli_command weiri_cli_process = {
    .name = "process",
    .what = "Processes: how far they are, their instances, their pending timers",
    .usage = "list | show PROCESS/KEY | timers [PROCESS]",
    .examples = "weir process list\nweir process show fulfilment/o1\nweir process timers",
    .more =
        "'list' also tells which rejections no process heard: of a command that a process sent, and for whose rejection it has no row,\n"
        "or whose instance has finished. They block nothing. A step that can't be done is in quarantine: weir dead list.",
    .talks = true,
    .least = 1,
    .most = 2,
    .run = run,
};
