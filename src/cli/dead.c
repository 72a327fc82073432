/* SPDX-License-Identifier: Apache-2.0
 * weir dead: what could not be handled, and what a person does about it. Commands in quarantine are AGGREGATE/KEY, events that a view
 * could not take are VIEW:EVENT (dead_letters.c). Thread: the main thread. */
#include <stdlib.h>
#include "base/text.h"
#include "cli/client.h"
#include "cli/dead_letters.h"
#include "cli/output.h"
#include "cli/send.h"

typedef struct subject {
    weiri_bytes aggregate;
    const char *name, *key; /* name: AGGREGATE/KEY, as it was given */
} subject;

/* "/quarantine/AGGREGATE/KEY" and `rest`. */
static void
add_path(const subject *of, const char *rest, weiri_buffer *path)
{
    weiri_buffer_add_text(path, "/quarantine/");
    weiri_client_add_encoded(path, of->aggregate);
    weiri_buffer_add_char(path, '/');
    weiri_client_add_encoded(path, weiri_bytes_of(of->key));
    weiri_buffer_add_text(path, rest);
}

static int
get(weiri_cli *cli, weiri_client *client, const subject *of, const char *rest, json_t **ret_json)
{
    weiri_buffer path = { 0 };

    add_path(of, rest, &path);
    const weiri_client_request request = { .path = weiri_buffer_text(&path) };
    int exit_code = weiri_client_json(cli, client, &request, NULL, ret_json);
    weiri_buffer_fini(&path);
    return exit_code;
}

/* ---- list and show ---------------------------------------------------------------------------------------- */

/* What it is called by its sender: its id, or source and sequence. */
static json_t *
name_of(const json_t *command)
{
    const json_t *source = json_object_get(command, "source");
    weiri_buffer name = { 0 };

    weiri_output_add_value(&name, source == NULL ? json_object_get(command, "id") : source);
    if (source != NULL) {
        weiri_buffer_add_char(&name, ' ');
        weiri_output_add_value(&name, json_object_get(command, "sequence"));
    }
    json_t *text = json_stringn((const char *)name.data, name.size);
    weiri_buffer_fini(&name);
    return text;
}

static json_t *
row_of(const json_t *command, const char *first, json_t *value)
{
    const char *state = json_is_true(json_object_get(command, "released")) ? "released, not tried again yet"
                                                                           : json_string_value(json_object_get(command, "code"));

    return json_pack("{s:o?,s:s?,s:O?,s:O?,s:o?,s:O?}", first, value, "state", state, "why", json_object_get(command, "why"), "type",
        json_object_get(command, "type"), "command", name_of(command), "since", json_object_get(command, "time"));
}

static void
print_quarantine(weiri_cli *cli, const json_t *json)
{
    json_t *rows = json_array(), *one;
    size_t i;

    json_array_foreach(json_object_get(json, "quarantine"), i, one)
    {
        weiri_buffer name = { 0 };
        weiri_output_add_value(&name, json_object_get(one, "aggregate"));
        weiri_buffer_add_char(&name, '/');
        weiri_output_add_value(&name, json_object_get(one, "key"));
        json_t *row = row_of(one, "aggregate", json_stringn((const char *)name.data, name.size));
        json_object_set(row, "held", json_object_get(one, "held"));
        json_array_append_new(rows, row);
        weiri_buffer_fini(&name);
    }
    weiri_output_table(cli->out, NULL, rows, NULL);
    fprintf(cli->talk, "%zu aggregates with commands in quarantine\n", json_array_size(rows));
    json_decref(rows);
}

/* Both kinds, one below the other; with --json one object with the members of both. */
static int
list(weiri_cli *cli, weiri_client *client, const char *view)
{
    const weiri_client_request request = { .path = "/quarantine" };
    json_t *json = NULL, *letters = NULL;
    int exit_code = view == NULL ? weiri_client_json(cli, client, &request, NULL, &json) : 0;

    if (exit_code == 0)
        exit_code = weiri_cli_letters_get(cli, client, view, &letters);
    if (exit_code == 0 && cli->json) {
        if (json == NULL)
            json = json_object();
        (void)json_object_update(json, letters);
        weiri_output_json(cli->out, json);
    } else if (exit_code == 0) {
        bool both = json_array_size(json_object_get(json, "quarantine")) > 0 && json_array_size(json_object_get(letters, "letters")) > 0;
        if (json != NULL)
            print_quarantine(cli, json);
        if (both)
            fputc('\n', cli->out);
        weiri_cli_letters_print(cli, letters);
    }
    json_decref(letters);
    json_decref(json);
    return exit_code;
}

static int
run_show(weiri_cli *cli, weiri_client *client, const subject *of)
{
    bool data = weiri_cli_has(cli, "data");
    json_t *json = NULL, *rows = json_array(), *one;
    size_t i;
    int exit_code = get(cli, client, of, data ? "?data=true" : "", &json);

    if (exit_code == 0 && cli->json)
        weiri_output_json(cli->out, json);
    else if (exit_code == 0) {
        json_array_foreach(json_object_get(json, "commands"), i, one)
        {
            json_t *row = row_of(one, "offset", json_incref(json_object_get(one, "command")));
            if (data)
                json_object_set(row, "data", json_object_get(one, "data"));
            json_array_append_new(rows, row);
        }
        weiri_output_table(cli->out, NULL, rows, NULL);
        fprintf(cli->talk, "%lld held in partition %lld\n", (long long)json_integer_value(json_object_get(json, "held")),
            (long long)json_integer_value(json_object_get(json, "partition")));
    }
    json_decref(rows);
    json_decref(json);
    return exit_code;
}

/* ---- release, discard, retry ------------------------------------------------------------------------------ */

static int
post_release(weiri_cli *cli, weiri_client *client, const subject *of, bool discard, weiri_answer *answer, weir_error *err)
{
    const char *reason = weiri_cli_value(cli, "reason");
    weiri_buffer path = { 0 };

    add_path(of, discard ? "/release?discard=true" : "/release?discard=false", &path);
    if (reason != NULL) {
        weiri_buffer_add_text(&path, "&reason=");
        weiri_client_add_encoded(&path, weiri_bytes_of(reason));
    }
    const weiri_client_request request = { .method = "POST", .path = weiri_buffer_text(&path) };
    int exit_code = 0;
    if (weiri_client_call(client, &request, answer, err) != WEIR_OK)
        exit_code = WEIRI_EXIT_UNREACHABLE;
    else if (answer->http != 200)
        exit_code = weiri_answer_exit(answer, err);
    weiri_buffer_fini(&path);
    return exit_code;
}

static int
release(weiri_cli *cli, weiri_client *client, const subject *of, bool discard)
{
    weiri_answer answer = { 0 };
    weir_error err;
    int exit_code = post_release(cli, client, of, discard, &answer, &err);

    if (exit_code != 0)
        (void)weiri_cli_fail(cli, exit_code, "%s", err.text);
    else if (cli->json)
        fprintf(cli->out, "%s\n", weiri_buffer_text(&answer.body));
    else if (discard)
        fprintf(cli->talk, "%s takes commands again; what was held is forgotten\n", of->name);
    else
        fprintf(
            cli->talk, "%s takes commands again; what is held may be tried again: %s dead retry %s\n", of->name, cli->program, of->name);
    weiri_answer_fini(&answer);
    return exit_code;
}

static int
run_release(weiri_cli *cli, weiri_client *client, const subject *of)
{
    return release(cli, client, of, false);
}

static int
run_discard(weiri_cli *cli, weiri_client *client, const subject *of)
{
    if (weiri_cli_value(cli, "reason") == NULL)
        return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "what is discarded is not tried again: say why, with --reason TEXT");
    return release(cli, client, of, true);
}

/* A held command as a line for POST /commands: under its own id, or its own place in its source. */
static void
add_line(weiri_buffer *body, const json_t *command)
{
    static const char *const members[] = { "type", "data", "id", "source", "sequence", "previous", "fingerprint", "expectedVersion" };
    json_t *line = json_object();

    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (json_object_get(command, members[i]) != NULL)
            json_object_set(line, members[i], json_object_get(command, members[i]));
    char *text = json_dumps(line, JSON_COMPACT);
    weiri_buffer_add_text(body, text);
    weiri_buffer_add_char(body, '\n');
    free(text);
    json_decref(line);
}

/* Sends it and tells what became of it. */
static int
send_again(weiri_cli *cli, weiri_client *client, const json_t *command)
{
    weiri_buffer body = { 0 };
    weiri_answer answer = { 0 };
    json_t *reply = NULL;
    weir_error err;
    char context[64];
    int exit_code;

    add_line(&body, command);
    const weiri_client_request request = {
        .method = "POST", .path = "/commands", .type = "application/x-ndjson", .body = weiri_buffer_bytes(&body)
    };
    if (weiri_client_call(client, &request, &answer, &err) != WEIR_OK)
        exit_code = weiri_client_fail(cli, &err);
    else if (answer.http != 200) {
        exit_code = weiri_answer_exit(&answer, &err);
        (void)weiri_cli_fail(cli, exit_code, "%s", err.text);
    } else {
        (void)snprintf(context, sizeof context, "command %lld: ", (long long)json_integer_value(json_object_get(command, "command")));
        reply = json_loadb((const char *)answer.body.data, answer.body.size, 0, NULL);
        exit_code = weiri_cli_tell_outcome(cli, (int)json_integer_value(json_object_get(reply, "status")), reply, context);
    }
    json_decref(reply);
    weiri_answer_fini(&answer);
    weiri_buffer_fini(&body);
    return exit_code;
}

/* What a process sent, or is told, the engine sends again by itself. */
static bool
is_routed(const json_t *command)
{
    const char *source = json_string_value(json_object_get(command, "source"));

    return source != NULL && strncmp(source, "weir/", 5) == 0;
}

/* Those of one page, head first. A rejection of the domain is an outcome like another; anything else ends it. *ret_last: offset of
 * the last one tried. */
static int
retry_page(weiri_cli *cli, weiri_client *client, const json_t *commands, json_int_t after, json_int_t *ret_last, int *ret_worst)
{
    json_t *one;
    size_t i;

    *ret_last = after;
    json_array_foreach((json_t *)commands, i, one)
    {
        json_int_t offset = json_integer_value(json_object_get(one, "command"));
        if (offset <= after)
            continue;
        int exit_code = is_routed(one) ? 0 : send_again(cli, client, one);
        *ret_last = offset;
        *ret_worst = *ret_worst == 0 ? exit_code : *ret_worst;
        if (exit_code == WEIRI_EXIT_UNREACHABLE || exit_code == WEIRI_EXIT_TIMED_OUT)
            return exit_code;
    }
    return 0;
}

static int
run_retry(weiri_cli *cli, weiri_client *client, const subject *of)
{
    weiri_answer answer = { 0 };
    json_t *json = NULL;
    weir_error err;
    json_int_t last = -1, after;
    int worst = 0, exit_code = post_release(cli, client, of, false, &answer, &err);

    /* Released before, and not tried yet, is fine: the first question below finds out. */
    if (exit_code != 0 && answer.http != 404)
        (void)weiri_cli_fail(cli, exit_code, "%s", err.text);
    weiri_answer_fini(&answer);
    if (exit_code != 0 && exit_code != WEIRI_EXIT_USAGE)
        return exit_code;
    exit_code = get(cli, client, of, "?data=true", &json);
    while (exit_code == 0 && json != NULL) {
        after = last;
        exit_code = retry_page(cli, client, json_object_get(json, "commands"), after, &last, &worst);
        json_int_t shown = (json_int_t)json_array_size(json_object_get(json, "commands"));
        bool more = last > after && json_integer_value(json_object_get(json, "held")) > shown;
        json_decref(json);
        json = NULL;
        if (exit_code == 0 && more)
            exit_code = get(cli, client, of, "?data=true", &json);
    }
    return exit_code != 0 ? exit_code : worst;
}

/* ---- the command ------------------------------------------------------------------------------------------ */

typedef struct verb {
    const char *name;
    int (*run)(weiri_cli *cli, weiri_client *client, const subject *of); /* NULL: list */
    int (*run_letter)(weiri_cli *cli, weiri_client *client, const weiri_letter_subject *of);
} verb;

static const verb verbs[] = {
    { "list", NULL, NULL },
    { "show", run_show, weiri_cli_letter_show },
    { "release", run_release, NULL },
    { "retry", run_retry, weiri_cli_letter_retry },
    { "discard", run_discard, weiri_cli_letter_discard },
    { NULL, NULL, NULL },
};

static int
run_for(weiri_cli *cli, weiri_client *client, const verb *v, const char *word)
{
    weiri_letter_subject letter;

    if (v->run == NULL)
        return list(cli, client, word);
    if (weiri_cli_is_letter(word, &letter))
        return v->run_letter(cli, client, &letter);
    const char *slash = strchr(word, '/');
    const subject of = { { word, (size_t)(slash - word) }, word, slash + 1 };
    return v->run(cli, client, &of);
}

/* What is wrong with the words, before anybody is asked. */
static int
check_words(weiri_cli *cli, const verb *v)
{
    weiri_letter_subject letter;
    const char *word = cli->arguments[1], *slash;

    if (v->run == NULL)
        return 0;
    if (cli->n_arguments != 2)
        return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "usage: %s dead %s AGGREGATE/KEY%s", cli->program, v->name,
            v->run_letter != NULL ? " | VIEW:EVENT" : "");
    if (weiri_cli_is_letter(word, &letter)) {
        if (v->run_letter == NULL)
            return weiri_cli_fail(cli, WEIRI_EXIT_USAGE,
                "an event that a view could not take is not released: '%s dead retry' or 'discard' it", cli->program);
        if (v->run_letter == weiri_cli_letter_discard && weiri_cli_value(cli, "reason") == NULL)
            return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "what is discarded is left out for ever: say why, with --reason TEXT");
        return 0;
    }
    slash = strchr(word, '/');
    if (slash == NULL || slash == word || slash[1] == '\0')
        return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "'%.100s': write it as AGGREGATE/KEY, or as VIEW:EVENT", word);
    return 0;
}

static int
run_verb(weiri_cli *cli, const verb *v)
{
    weiri_client *client = NULL;
    weir_error err;
    int exit_code = check_words(cli, v);

    if (exit_code != 0)
        return exit_code;
    if (weiri_client_new(cli, &client, &err) != WEIR_OK)
        return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s", err.text);
    exit_code = run_for(cli, client, v, cli->n_arguments > 1 ? cli->arguments[1] : NULL);
    weiri_client_free(client);
    return exit_code;
}

static int
run(weiri_cli *cli)
{
    const char *word = cli->arguments[0];
    weiri_nearest nearest = { 0 };
    char hint[160];

    for (const verb *v = verbs; v->name != NULL; v++) {
        if (strcmp(v->name, word) == 0)
            return run_verb(cli, v);
        weiri_nearest_offer(&nearest, word, v->name);
    }
    return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "there is no 'dead %.60s'%s", word, weiri_nearest_hint(&nearest, hint, sizeof hint));
}

static const weiri_cli_option options[] = {
    { "data", 0, NULL, "show: with what each command says" },
    { "reason", 0, "TEXT", "release, retry, discard: why, for the log" },
    { "who", 0, "NAME", "discard of an event: by whom, for the log (default: your login)" },
    { NULL, 0, NULL, NULL },
};

const weiri_cli_command weiri_cli_dead = {
    .name = "dead",
    .what = "Commands in quarantine and events that views could not take",
    .usage = "list [VIEW] | show WHAT | release WHAT | retry WHAT | discard WHAT --reason TEXT",
    .examples = "weir dead list\n"
                "weir dead show stock/mug --data\n"
                "weir dead retry stock/mug --reason 'mended in 1.4.1'\n"
                "weir dead release stock/mug\n"
                "weir dead discard stock/mug --reason 'sent by mistake'\n"
                "weir dead show ledger:2-41-0\n"
                "weir dead retry ledger:2-41-0\n"
                "weir dead retry ledger:all\n"
                "weir dead discard ledger:2-41-0 --reason 'a test of the scanner'",
    .more = "WHAT is AGGREGATE/KEY for commands, and VIEW:EVENT for an event (as 'list' shows it) or VIEW:all.\n"
            "A command that has ended the process twice is not tried a third time, and its aggregate takes no commands until a person\n"
            "releases it. 'retry' releases and sends what is held again, in order; 'release' leaves that to whoever sent it.\n"
            "An event that a view could not take is parked, and with it what comes behind it of the same key; other keys go on. 'retry'\n"
            "tries the key again from its head; 'discard' leaves the event out for ever, in every version of the view.",
    .options = options,
    .talks = true,
    .least = 1,
    .most = 2,
    .run = run,
};
