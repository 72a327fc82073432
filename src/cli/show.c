/* SPDX-License-Identifier: Apache-2.0
 * weir show: an aggregate's state, now or earlier, or its history with what each event changed. Thread: the main thread. */
#include "base/memory.h"
#include "base/text.h"
#include "cli/offline.h"
#include "cli/output.h"

enum { PAGE = 500 };

typedef struct subject {
    char *aggregate; /* owned */
    const char *key;
} subject;

static weir_status
find_subject(const char *name, subject *of, weir_error *err)
{
    const char *slash = strchr(name, '/');

    if (slash == NULL || slash == name || slash[1] == '\0')
        return weiri_error_set(err, WEIR_INVALID, "'%.100s': write it as AGGREGATE/KEY", name);
    of->aggregate = weiri_text_copy_n(name, (size_t)(slash - name));
    of->key = slash + 1;
    return WEIR_OK;
}

static void
add_path(const subject *of, bool history, uint64_t after, weiri_buffer *path)
{
    weiri_buffer_add_text(path, "/aggregates/");
    weiri_client_add_encoded(path, weiri_bytes_of(of->aggregate));
    weiri_buffer_add_char(path, '/');
    weiri_client_add_encoded(path, weiri_bytes_of(of->key));
    if (history)
        weiri_buffer_print(path, "/events?order=oldest&states=true&limit=%d", PAGE);
    if (after > 0)
        weiri_buffer_print(path, history ? "&after=%llu" : "?version=%llu", (unsigned long long)after);
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

/* One page of the history behind version `after`, or with history false the state at that version. */
static int
fetch(weiri_cli_door *door, const subject *of, bool history, uint64_t after, json_t **ret_json)
{
    weiri_reply reply = { 0 };
    weiri_answer answer = { 0 };
    weiri_buffer path = { 0 };
    weiri_history_call call = { of->aggregate, of->key, after, PAGE, true, door->offline == NULL || door->module.module != NULL };
    int exit_code;

    if (door->offline != NULL) {
        if (history)
            weiri_offline_history(door->offline, &call, &reply);
        else
            weiri_offline_state(door->offline, of->aggregate, of->key, after, &reply);
        weiri_answer_take(&answer, &reply);
        exit_code = weiri_answer_json(door->cli, &answer, "the directory", ret_json);
    } else {
        add_path(of, history, after, &path);
        const weiri_client_request request = { .path = weiri_buffer_text(&path) };
        exit_code = weiri_client_json(door->cli, door->client, &request, NULL, ret_json);
    }
    weiri_answer_fini(&answer);
    weiri_buffer_fini(&path);
    return exit_code;
}

static int
show_history(weiri_cli_door *door, const subject *of)
{
    json_t *before = json_object();
    uint64_t next = 0;
    int exit_code;

    do {
        json_t *json = NULL;
        exit_code = fetch(door, of, true, next, &json);
        if (exit_code != 0)
            break;
        tell_page(door->cli, json_object_get(json, "events"), &before);
        uint64_t following = (uint64_t)json_integer_value(json_object_get(json, "next"));
        next = following > next ? following : 0;
        json_decref(json);
    } while (next > 0);
    json_decref(before);
    return exit_code;
}

static int
show_state(weiri_cli_door *door, const subject *of, uint64_t at)
{
    json_t *json = NULL;
    int exit_code = fetch(door, of, false, at, &json);

    if (exit_code != 0)
        return exit_code;
    if (door->cli->json)
        weiri_output_json(door->cli->out, json);
    else
        tell_state(door->cli, json);
    json_decref(json);
    return 0;
}

static int
run(weiri_cli *cli)
{
    weiri_cli_door door = { 0 };
    subject of = { 0 };
    weir_error err;
    uint64_t at = 0;
    int exit_code;

    weir_status status = find_subject(cli->arguments[0], &of, &err);
    if (status == WEIR_OK)
        status = weiri_cli_number(cli, "at", 0, 1, UINT64_MAX, &at, &err);
    if (status == WEIR_OK && at > 0 && weiri_cli_has(cli, "history"))
        status = weiri_error_set(&err, WEIR_INVALID, "--at and --history exclude each other");
    exit_code = status == WEIR_OK ? weiri_cli_door_open(cli, &door) : weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s", err.text);
    if (exit_code == 0)
        exit_code = weiri_cli_has(cli, "history") ? show_history(&door, &of) : show_state(&door, &of, at);
    weiri_cli_door_close(&door);
    weiri_release(of.aggregate);
    return exit_code;
}

static const weiri_cli_option options[] = {
    { "at", 0, "VERSION", "the state after this version" },
    { "history", 0, NULL, "its events, oldest first, with what each changed" },
    { "dir", 0, "DIR", "from this data directory instead of a running engine" },
    { "module", 0, "MODULE.so", "with --dir: the module, which a state needs" },
    { NULL, 0, NULL, NULL },
};

const weiri_cli_command weiri_cli_show = {
    .name = "show",
    .what = "An aggregate's state, or its history",
    .usage = "AGGREGATE/KEY [--at VERSION | --history]",
    .examples = "weir show stock/mug\nweir show stock/mug --at 7\nweir show stock/mug --history\n"
                "weir show stock/mug --dir shop.data --module ./shop.so",
    .options = options,
    .talks = true,
    .least = 1,
    .most = 1,
    .run = run,
};
