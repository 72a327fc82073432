/* SPDX-License-Identifier: Apache-2.0
 * weir show: an aggregate's state, now or earlier, or its history with what each event changed. Thread: the main thread. */
#include "base/memory.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/output.h"

enum { PAGE = 500 };

/* "/aggregates/stock/mug". Errors: INVALID. */
static weir_status
add_path(const char *name, weiri_buffer *path, weir_error *err)
{
    const char *slash = strchr(name, '/');

    if (slash == NULL || slash == name || slash[1] == '\0')
        return weiri_error_set(err, WEIR_INVALID, "'%.100s': write it as AGGREGATE/KEY", name);
    weiri_buffer_add_text(path, "/aggregates/");
    weiri_client_add_encoded(path, (weiri_bytes){ name, (size_t)(slash - name) });
    weiri_buffer_add_char(path, '/');
    weiri_client_add_encoded(path, weiri_bytes_of(slash + 1));
    return WEIR_OK;
}

static void
tell_state(const weiri_cli *cli, const json_t *state)
{
    weiri_buffer head = { 0 };

    weiri_output_add_value(&head, json_object_get(state, "aggregate"));
    weiri_buffer_add_char(&head, '/');
    weiri_output_add_value(&head, json_object_get(state, "key"));
    weiri_buffer_add_text(&head, " at version ");
    weiri_output_add_value(&head, json_object_get(state, "version"));
    fprintf(cli->out, "%s\n", weiri_buffer_text(&head));
    weiri_output_object(cli->out, json_object_get(state, "state"));
    weiri_buffer_fini(&head);
}

/* "onHand 24 -> 21, reserved 3". */
static void
add_changes(weiri_buffer *to, const json_t *before, const json_t *after)
{
    const char *name, *between = "";
    json_t *value;

    json_object_foreach((json_t *)after, name, value)
    {
        json_t *old = json_object_get(before, name);
        if (old != NULL && json_equal(old, value))
            continue;
        weiri_buffer_print(to, "%s%s ", between, name);
        if (old != NULL) {
            weiri_output_add_value(to, old);
            weiri_buffer_add_text(to, " -> ");
        }
        weiri_output_add_value(to, value);
        between = ", ";
    }
}

/* The rows of one page; *before is the state before it, and then the one behind it. */
static json_t *
history_rows(const json_t *events, json_t **before)
{
    json_t *rows = json_array(), *event;
    size_t i;

    json_array_foreach((json_t *)events, i, event)
    {
        weiri_buffer data = { 0 }, changes = { 0 };
        json_t *state = json_object_get(event, "state");
        weiri_output_add_fields(&data, json_object_get(event, "data"));
        add_changes(&changes, *before, state);
        json_array_append_new(rows,
            json_pack("{s:O?,s:O?,s:O?,s:s,s:s}", "version", json_object_get(event, "version"), "time", json_object_get(event, "time"),
                "event", json_object_get(event, "type"), "data", weiri_buffer_text(&data), "changed", weiri_buffer_text(&changes)));
        json_decref(*before);
        *before = json_incref(state);
        weiri_buffer_fini(&data);
        weiri_buffer_fini(&changes);
    }
    return rows;
}

static void
tell_page(const weiri_cli *cli, const json_t *events, json_t **before)
{
    const json_t *event;
    size_t i;

    if (cli->json) {
        json_array_foreach((json_t *)events, i, event) weiri_output_json(cli->out, event);
        return;
    }
    json_t *rows = history_rows(events, before);
    weiri_output_table(cli->out, NULL, rows, NULL);
    json_decref(rows);
}

static int
show_history(const weiri_cli *cli, weiri_client *client, const char *path)
{
    json_t *before = json_object();
    json_int_t next = 0;
    int exit_code = 0;

    do {
        weiri_buffer page = { 0 };
        json_t *json = NULL;
        weiri_buffer_print(&page, "%s/events?order=oldest&states=true&limit=%d", path, PAGE);
        if (next > 0)
            weiri_buffer_print(&page, "&after=%lld", (long long)next);
        const weiri_client_request request = { .path = weiri_buffer_text(&page) };
        exit_code = weiri_client_json(cli, client, &request, NULL, &json);
        weiri_buffer_fini(&page);
        if (exit_code != 0)
            break;
        tell_page(cli, json_object_get(json, "events"), &before);
        json_int_t following = json_integer_value(json_object_get(json, "next"));
        next = following > next ? following : 0;
        json_decref(json);
    } while (next > 0);
    json_decref(before);
    return exit_code;
}

static int
show_state(const weiri_cli *cli, weiri_client *client, weiri_buffer *path, uint64_t at)
{
    json_t *json = NULL;

    if (at > 0)
        weiri_buffer_print(path, "?version=%llu", (unsigned long long)at);
    const weiri_client_request request = { .path = weiri_buffer_text(path) };
    int exit_code = weiri_client_json(cli, client, &request, NULL, &json);
    if (exit_code != 0)
        return exit_code;
    if (cli->json)
        weiri_output_json(cli->out, json);
    else
        tell_state(cli, json);
    json_decref(json);
    return 0;
}

static int
run(weiri_cli *cli)
{
    weiri_client *client = NULL;
    weiri_buffer path = { 0 };
    weir_error err;
    uint64_t at = 0;
    int exit_code;

    weir_status status = add_path(cli->arguments[0], &path, &err);
    if (status == WEIR_OK)
        status = weiri_cli_number(cli, "at", 0, 1, UINT64_MAX, &at, &err);
    if (status == WEIR_OK && at > 0 && weiri_cli_has(cli, "history"))
        status = weiri_error_set(&err, WEIR_INVALID, "--at and --history exclude each other");
    if (status == WEIR_OK)
        status = weiri_client_new(cli, &client, &err);
    if (status != WEIR_OK)
        exit_code = weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s", err.text);
    else if (weiri_cli_has(cli, "history"))
        exit_code = show_history(cli, client, weiri_buffer_text(&path));
    else
        exit_code = show_state(cli, client, &path, at);
    weiri_client_free(client);
    weiri_buffer_fini(&path);
    return exit_code;
}

static const weiri_cli_option options[] = {
    { "at", 0, "VERSION", "the state after this version" },
    { "history", 0, NULL, "its events, oldest first, with what each changed" },
    { NULL, 0, NULL, NULL },
};

const weiri_cli_command weiri_cli_show = {
    .name = "show",
    .what = "An aggregate's state, or its history",
    .usage = "AGGREGATE/KEY [--at VERSION | --history]",
    .examples = "weir show stock/mug\nweir show stock/mug --at 7\nweir show stock/mug --history",
    .options = options,
    .talks = true,
    .least = 1,
    .most = 1,
    .run = run,
};
