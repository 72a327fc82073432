/* SPDX-License-Identifier: Apache-2.0
 * weir view: what views there are, their rows and queries, how far they have got, and building one anew. Thread: the main thread. */
#include "base/memory.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/view.h"

typedef struct verb {
    const char *name;
    size_t least, most; /* arguments behind it */
    const char *usage;
    int (*run)(weiri_cli *cli, weiri_client *client); /* NULL: dump, which reads files */
} verb;

/* One request; with --json its answer is printed as it came, and *ret_json stays NULL. */
static int
get(const weiri_cli *cli, weiri_client *client, const weiri_client_request *request, json_t **ret_json)
{
    weiri_answer answer = { 0 };
    json_t *json = NULL;
    int exit_code = weiri_client_json(cli, client, request, &answer, &json);

    if (exit_code == 0 && cli->json)
        fprintf(cli->out, "%s%s", weiri_buffer_text(&answer.body),
            answer.body.size > 0 && answer.body.data[answer.body.size - 1] == '\n' ? "" : "\n");
    else if (exit_code == 0)
        *ret_json = json_incref(json);
    if (exit_code == 0 && answer.parked[0] != '\0')
        fprintf(cli->talk, "%.*s events that the view could not take are not in these rows%s; see: %s dead list\n",
            (int)strcspn(answer.parked, ";"), answer.parked,
            strstr(answer.parked, ";token") != NULL ? ", among them what you ask to see" : "", cli->program);
    json_decref(json);
    weiri_answer_fini(&answer);
    return exit_code;
}

/* The list inside of an answer: itself, or its member. */
static const json_t *
list_of(const json_t *json, const char *member)
{
    return json_is_array(json) ? json : json_object_get(json, member);
}

/* ---- list and status ---------------------------------------------------------------------------------- */

static void
add_names(weiri_buffer *to, const json_t *list)
{
    json_t *one;
    size_t i;

    json_array_foreach((json_t *)list, i, one)
    {
        weiri_buffer_add_text(to, i > 0 ? ", " : "");
        weiri_output_add_value(to, json_is_object(one) ? json_object_get(one, "name") : one);
    }
}

static int
run_list(weiri_cli *cli, weiri_client *client)
{
    const weiri_client_request request = { .path = "/views" };
    json_t *json = NULL, *rows = json_array(), *view;
    size_t i;
    int exit_code = get(cli, client, &request, &json);

    if (json != NULL) {
        json_array_foreach((json_t *)list_of(json, "views"), i, view)
        {
            weiri_buffer tables = { 0 }, queries = { 0 };
            add_names(&tables, json_object_get(view, "tables"));
            add_names(&queries, json_object_get(view, "queries"));
            json_array_append_new(rows, json_pack("{s:O?,s:s,s:s}", "view", json_object_get(view, "name"), "tables",
                                            weiri_buffer_text(&tables), "queries", weiri_buffer_text(&queries)));
            weiri_buffer_fini(&tables);
            weiri_buffer_fini(&queries);
        }
        weiri_output_table(cli->out, NULL, rows, NULL);
    }
    json_decref(rows);
    json_decref(json);
    return exit_code;
}

static int
run_status(weiri_cli *cli, weiri_client *client)
{
    const weiri_client_request request = { .path = "/views" };
    json_t *json = NULL, *rows, *view;
    size_t i;
    int exit_code = get(cli, client, &request, &json);

    if (json == NULL)
        return exit_code;
    rows = json_array();
    json_array_foreach((json_t *)list_of(json, "views"), i, view)
    {
        json_t *row = json_deep_copy(view);
        json_object_del(row, "tables");
        json_object_del(row, "queries");
        json_array_append_new(rows, row);
    }
    weiri_output_table(cli->out, NULL, rows, NULL);
    json_decref(rows);
    json_decref(json);
    return 0;
}

/* ---- rows and queries --------------------------------------------------------------------------------- */

/* "stock.running_low" and name=value arguments to a path. */
static weir_status
add_path(const weiri_cli *cli, bool query, weiri_buffer *path, weir_error *err)
{
    const char *name = cli->arguments[1], *dot = strchr(name, '.');

    if (dot == NULL || dot == name || dot[1] == '\0')
        return weiri_error_set(err, WEIR_INVALID, "'%.100s': write it as VIEW.%s", name, query ? "QUERY" : "TABLE");
    weiri_buffer_add_text(path, "/views/");
    weiri_client_add_encoded(path, (weiri_bytes){ name, (size_t)(dot - name) });
    weiri_buffer_add_text(path, query ? "/queries/" : "/");
    weiri_client_add_encoded(path, weiri_bytes_of(dot + 1));
    for (size_t i = 2; i < cli->n_arguments; i++) {
        const char *argument = cli->arguments[i], *equals = strchr(argument, '=');
        if (equals == NULL || equals == argument)
            return weiri_error_set(err, WEIR_INVALID, "'%.100s': write it as %s", argument, query ? "name=value" : "column=eq.value");
        weiri_buffer_add_char(path, i == 2 ? '?' : '&');
        weiri_client_add_encoded(path, (weiri_bytes){ argument, (size_t)(equals - argument) });
        weiri_buffer_add_char(path, '=');
        weiri_client_add_encoded(path, weiri_bytes_of(equals + 1));
    }
    return WEIR_OK;
}

static weir_status
make_headers(const weiri_cli *cli, weiri_buffer *position, weiri_buffer *wait, const char **headers, weir_error *err)
{
    const char *token = weiri_cli_value(cli, "after");
    uint64_t seconds = 0;
    size_t n = 0;

    weir_status status = weiri_cli_number(cli, "wait", token == NULL ? 0 : 10, 0, 3600, &seconds, err);
    if (status == WEIR_OK && token != NULL && strpbrk(token, "\r\n") != NULL)
        status = weiri_error_set(err, WEIR_INVALID, "--after: that is no position");
    if (status == WEIR_OK && token != NULL) {
        weiri_buffer_print(position, "Weir-Position: %s", token);
        headers[n++] = weiri_buffer_text(position);
        weiri_buffer_print(wait, "Prefer: wait=%llu", (unsigned long long)seconds);
        headers[n++] = weiri_buffer_text(wait);
    }
    headers[n] = NULL;
    return status;
}

static int
ask(weiri_cli *cli, weiri_client *client, bool query)
{
    weiri_buffer path = { 0 }, position = { 0 }, wait = { 0 };
    const char *headers[3];
    json_t *json = NULL;
    weir_error err;
    int exit_code;

    weir_status status = add_path(cli, query, &path, &err);
    if (status == WEIR_OK)
        status = make_headers(cli, &position, &wait, headers, &err);
    if (status != WEIR_OK)
        exit_code = weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s", err.text);
    else {
        const weiri_client_request request = { .path = weiri_buffer_text(&path), .headers = headers };
        exit_code = get(cli, client, &request, &json);
    }
    if (json != NULL)
        weiri_output_table(cli->out, cli->talk, list_of(json, "rows"), NULL);
    json_decref(json);
    weiri_buffer_fini(&path);
    weiri_buffer_fini(&position);
    weiri_buffer_fini(&wait);
    return exit_code;
}

static int
run_query(weiri_cli *cli, weiri_client *client)
{
    return ask(cli, client, true);
}

static int
run_rows(weiri_cli *cli, weiri_client *client)
{
    return ask(cli, client, false);
}

static int
run_rebuild(weiri_cli *cli, weiri_client *client)
{
    weiri_buffer path = { 0 };
    json_t *json = NULL;

    weiri_buffer_add_text(&path, "/views/");
    weiri_client_add_encoded(&path, weiri_bytes_of(cli->arguments[1]));
    weiri_buffer_add_text(&path, "/rebuild");
    const weiri_client_request request = { .method = "POST", .path = weiri_buffer_text(&path) };
    int exit_code = get(cli, client, &request, &json);
    if (json != NULL)
        fprintf(cli->talk, "%s is being rebuilt; see: %s view status\n", cli->arguments[1], cli->program);
    json_decref(json);
    weiri_buffer_fini(&path);
    return exit_code;
}

static const verb verbs[] = {
    { "list", 0, 0, "list", run_list },
    { "query", 1, 1000, "query VIEW.QUERY [name=value]...", run_query },
    { "rows", 1, 1000, "rows VIEW.TABLE [column=eq.value]...", run_rows },
    { "status", 0, 0, "status", run_status },
    { "rebuild", 1, 1, "rebuild VIEW", run_rebuild },
    { "dump", 0, 1, "dump [VIEW] [--dir DIR]", NULL },
    { NULL, 0, 0, NULL, NULL },
};

static int
unknown_verb(const weiri_cli *cli, const char *word)
{
    static const char *const later[] = { "pause", "resume", "diff", NULL };
    weiri_nearest nearest = { 0 };
    char hint[160];

    for (size_t i = 0; later[i] != NULL; i++)
        if (strcmp(word, later[i]) == 0)
            return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "'view %s' is not in this version of weir", word);
    for (const verb *v = verbs; v->name != NULL; v++)
        weiri_nearest_offer(&nearest, word, v->name);
    return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "there is no 'view %.60s'%s", word, weiri_nearest_hint(&nearest, hint, sizeof hint));
}

static int
run(weiri_cli *cli)
{
    const verb *v = verbs;
    weiri_client *client = NULL;
    weir_error err;

    while (v->name != NULL && strcmp(v->name, cli->arguments[0]) != 0)
        v++;
    if (v->name == NULL)
        return unknown_verb(cli, cli->arguments[0]);
    if (cli->n_arguments - 1 < v->least || cli->n_arguments - 1 > v->most)
        return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "usage: %s view %s", cli->program, v->usage);
    if (v->run == NULL)
        return weiri_cli_view_dump(cli);
    if (weiri_cli_has(cli, "dir"))
        return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "'view %s' asks the running engine; --dir is for 'view dump'", v->name);
    if (weiri_client_new(cli, &client, &err) != WEIR_OK)
        return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s", err.text);
    int exit_code = v->run(cli, client);
    weiri_client_free(client);
    return exit_code;
}

static const weiri_cli_option options[] = {
    { "after", 0, "POSITION", "query, rows: as of this position of a command's answer, or later" },
    { "wait", 0, "SECONDS", "how long to wait for that (default 10)" },
    { "dir", 0, "DIR", "dump: of this data directory; default: the running engine's" },
    { NULL, 0, NULL, NULL },
};

const weiri_cli_command weiri_cli_view = {
    .name = "view",
    .what = "Views: their rows, queries and positions",
    .usage = "list | query VIEW.QUERY [name=value]... | rows VIEW.TABLE [filter]... | status | rebuild VIEW | dump [VIEW]",
    .examples = "weir view list\n"
                "weir view query stock.running_low threshold=3\n"
                "weir view rows stock.stock sku=eq.mug order=on_hand.desc limit=20\n"
                "weir view status\nweir view rebuild stock\nweir view dump stock --dir shop.data",
    .more = "Filters are column=OPERATOR.VALUE with eq neq gt gte lt lte like in is; order, limit, offset and select as well.",
    .options = options,
    .talks = true,
    .least = 1,
    .most = 1000,
    .run = run,
};
