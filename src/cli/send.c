/* SPDX-License-Identifier: Apache-2.0
 * weir send: one command from arguments or a file, or one a line from stdin, and what became of it. Thread: the main thread. */
#include <errno.h>
#include <stdlib.h>
#include "base/memory.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/send.h"

enum { FILE_MOST = 8 << 20 };

/* "accepted: stock/mug is at version 3 (StockReceived)". */
static void
tell_outcome(FILE *to, const json_t *outcome)
{
    const json_t *events = json_object_get(outcome, "events"), *event;
    weiri_buffer line = { 0 };
    size_t i;

    weiri_buffer_add_text(&line, json_is_true(json_object_get(outcome, "repeated")) ? "accepted before: " : "accepted: ");
    weiri_output_add_value(&line, json_object_get(outcome, "aggregate"));
    weiri_buffer_add_char(&line, '/');
    weiri_output_add_value(&line, json_object_get(outcome, "key"));
    weiri_buffer_add_text(&line, " is at version ");
    weiri_output_add_value(&line, json_object_get(outcome, "version"));
    json_array_foreach((json_t *)events, i, event)
    {
        weiri_buffer_add_text(&line, i == 0 ? " (" : ", ");
        weiri_output_add_value(&line, json_object_get(event, "type"));
    }
    weiri_buffer_add_text(&line, json_array_size(events) > 0 ? ")" : ", nothing to record");
    fprintf(to, "%s\n", weiri_buffer_text(&line));
    weiri_buffer_fini(&line);
}

int
weiri_cli_tell_outcome(const weiri_cli *cli, int http, const json_t *answer, const char *context)
{
    weir_error err;
    weiri_buffer words = { 0 };
    int exit_code = 0;

    if (cli->json)
        weiri_output_json(cli->out, answer);
    if (http < 300 && !cli->json)
        tell_outcome(cli->out, answer);
    if (http >= 300) {
        exit_code = weiri_problem_exit(http, answer, &err);
        weiri_output_add_safe(&words, weiri_bytes_of(weiri_problem_words(err.text)));
        (void)weiri_cli_fail(cli, exit_code, "%s%s", context, weiri_buffer_text(&words));
    }
    weiri_buffer_fini(&words);
    return exit_code;
}

/* ---- one command -------------------------------------------------------------------------------------- */

static weir_status
make_headers(const weiri_cli *cli, weiri_buffer *id, weiri_buffer *expect, const char **headers, weir_error *err)
{
    const char *given = weiri_cli_value(cli, "id");
    uint64_t version = 0;
    size_t n = 0;

    if (given != NULL && (*given == '\0' || strlen(given) > 128 || strpbrk(given, "\"\\\r\n") != NULL))
        return weiri_error_set(err, WEIR_INVALID, "--id: 1-128 bytes without quotes, backslashes and line ends");
    if (given != NULL) {
        weiri_buffer_print(id, "Idempotency-Key: \"%s\"", given);
        headers[n++] = weiri_buffer_text(id);
    }
    weir_status status = weiri_cli_number(cli, "expect", 0, 0, UINT64_MAX, &version, err);
    if (status == WEIR_OK && weiri_cli_has(cli, "expect")) {
        if (version == 0)
            weiri_buffer_add_text(expect, "If-None-Match: *");
        else
            weiri_buffer_print(expect, "If-Match: \"%llu\"", (unsigned long long)version);
        headers[n++] = weiri_buffer_text(expect);
    }
    headers[n] = NULL;
    return status;
}

static int
post_one(weiri_cli *cli, weiri_client *client, const char *type, const char *content_type, weiri_bytes body)
{
    weiri_buffer id = { 0 }, expect = { 0 }, path = { 0 };
    const char *headers[3];
    weiri_answer answer = { 0 };
    weir_error err;
    int exit_code;

    weiri_buffer_add_text(&path, "/commands/");
    weiri_client_add_encoded(&path, weiri_bytes_of(type));
    const weiri_client_request request = {
        .method = "POST", .path = weiri_buffer_text(&path), .type = content_type, .body = body, .headers = headers
    };
    if (make_headers(cli, &id, &expect, headers, &err) != WEIR_OK)
        exit_code = weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s", err.text);
    else if (weiri_client_call(client, &request, &answer, &err) != WEIR_OK)
        exit_code = weiri_client_fail(cli, &err);
    else {
        json_t *json = json_loadb((const char *)answer.body.data, answer.body.size, 0, NULL);
        if (json_is_object(json) && answer.position[0] != '\0')
            json_object_set_new(json, "position", json_string(answer.position));
        exit_code = json == NULL ? weiri_cli_fail(cli, WEIRI_EXIT_UNREACHABLE, "what answers at %s is not weir", weiri_client_url(client))
                                 : weiri_cli_tell_outcome(cli, answer.http, json, "");
        json_decref(json);
    }
    weiri_answer_fini(&answer);
    weiri_buffer_fini(&id);
    weiri_buffer_fini(&expect);
    weiri_buffer_fini(&path);
    return exit_code;
}

static int
send_fields(weiri_cli *cli, weiri_client *client)
{
    weiri_buffer form = { 0 };
    int exit_code = 0;

    for (size_t i = 1; i < cli->n_arguments && exit_code == 0; i++) {
        const char *argument = cli->arguments[i], *equals = strchr(argument, '=');
        if (equals == NULL || equals == argument) {
            exit_code = weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "'%.100s': write a field as field=value", argument);
            break;
        }
        weiri_buffer_add_text(&form, form.size > 0 ? "&" : "");
        weiri_client_add_encoded(&form, (weiri_bytes){ argument, (size_t)(equals - argument) });
        weiri_buffer_add_char(&form, '=');
        weiri_client_add_encoded(&form, weiri_bytes_of(equals + 1));
    }
    if (exit_code == 0)
        exit_code = post_one(cli, client, cli->arguments[0], "application/x-www-form-urlencoded", weiri_buffer_bytes(&form));
    weiri_buffer_fini(&form);
    return exit_code;
}

static int
send_file(weiri_cli *cli, weiri_client *client, const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    weiri_buffer body = { 0 };
    size_t n = 1;
    int exit_code;

    if (file == NULL)
        return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s: %s", path, strerror(errno));
    while (n > 0 && body.size <= FILE_MOST) {
        n = fread(weiri_buffer_reserve(&body, 65536), 1, 65536, file);
        body.size += n;
    }
    if (ferror(file) != 0)
        exit_code = weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s: %s", path, strerror(errno));
    else if (body.size > FILE_MOST)
        exit_code = weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s: larger than 8 MiB; a command is one JSON object", path);
    else
        exit_code = post_one(cli, client, cli->arguments[0], "application/json", weiri_buffer_bytes(&body));
    weiri_buffer_fini(&body);
    if (file != stdin)
        (void)fclose(file);
    return exit_code;
}

/* ---- many, from stdin --------------------------------------------------------------------------------- */

typedef struct lines {
    weiri_cli *cli;
    weiri_client *client;
    weiri_buffer body;
    uint64_t first, line; /* line numbers of stdin: of the batch's first, and of the last read */
    uint64_t *numbers;    /* of each command in the batch */
    size_t n;
    int exit_code; /* the first that is not 0 */
} lines;

enum { LINES_A_REQUEST = 500, LINES_BYTES_MOST = 4 << 20 };

static void
send_lines(lines *l)
{
    const weiri_client_request request = {
        .method = "POST", .path = "/commands", .type = "application/x-ndjson", .body = weiri_buffer_bytes(&l->body)
    };
    weiri_answer answer = { 0 };
    weir_error err;
    char context[48];
    int exit_code = 0;

    if (l->n == 0)
        return;
    if (weiri_client_call(l->client, &request, &answer, &err) != WEIR_OK)
        exit_code = weiri_client_fail(l->cli, &err);
    else if (answer.http != 200) {
        exit_code = weiri_answer_exit(&answer, &err);
        (void)weiri_cli_fail(
            l->cli, exit_code, "lines %llu-%llu: %s", (unsigned long long)l->numbers[0], (unsigned long long)l->line, err.text);
    } else {
        char *at = (char *)weiri_buffer_text(&answer.body);
        for (size_t i = 0; i < l->n && *at != '\0'; i++) {
            size_t size = strcspn(at, "\n");
            json_t *reply = json_loadb(at, size, 0, NULL);
            (void)snprintf(context, sizeof context, "line %llu: ", (unsigned long long)l->numbers[i]);
            int one = weiri_cli_tell_outcome(l->cli, (int)json_integer_value(json_object_get(reply, "status")), reply, context);
            exit_code = exit_code == 0 ? one : exit_code;
            json_decref(reply);
            at += size + (at[size] != '\0');
        }
    }
    l->exit_code = l->exit_code == 0 ? exit_code : l->exit_code;
    l->n = 0;
    weiri_buffer_clear(&l->body);
    weiri_answer_fini(&answer);
}

/* A line is a whole command {"type", "data", ...}; with TYPE given, its data alone. */
static void
take_line(lines *l, const char *text, size_t size)
{
    const char *type = l->cli->n_arguments == 2 ? l->cli->arguments[0] : NULL;

    if (strspn(text, " \t\r\n") == size)
        return;
    size -= text[size - 1] == '\n';
    if (type != NULL) {
        weiri_buffer_add_text(&l->body, "{\"type\":");
        weiri_output_add_json_string(&l->body, weiri_bytes_of(type));
        weiri_buffer_add_text(&l->body, ",\"data\":");
    }
    weiri_buffer_add(&l->body, text, size);
    weiri_buffer_add_text(&l->body, type != NULL ? "}\n" : "\n");
    l->numbers[l->n++] = l->line;
    if (l->n == LINES_A_REQUEST || l->body.size > LINES_BYTES_MOST)
        send_lines(l);
}

static int
send_stdin(weiri_cli *cli, weiri_client *client)
{
    lines l = { .cli = cli, .client = client, .numbers = weiri_allocate(LINES_A_REQUEST * sizeof *l.numbers) };
    char *text = NULL;
    size_t room = 0;
    ssize_t size;

    while ((size = getline(&text, &room, stdin)) > 0 && l.exit_code != WEIRI_EXIT_UNREACHABLE) {
        l.line++;
        take_line(&l, text, (size_t)size);
    }
    send_lines(&l);
    free(text);
    weiri_release(l.numbers);
    weiri_buffer_fini(&l.body);
    return l.exit_code;
}

static int
run(weiri_cli *cli)
{
    const char *file = weiri_cli_value(cli, "file");
    const char *last = cli->arguments[cli->n_arguments - 1];
    weiri_client *client = NULL;
    weir_error err;
    int exit_code;

    if (weiri_client_new(cli, &client, &err) != WEIR_OK)
        return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s", err.text);
    if (strcmp(last, "-") == 0 && cli->n_arguments <= 2 && file == NULL) {
        if (weiri_cli_has(cli, "id") || weiri_cli_has(cli, "expect"))
            exit_code = weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "lines of stdin have \"id\" and \"expectedVersion\" of their own");
        else
            exit_code = send_stdin(cli, client);
    } else if (file != NULL && cli->n_arguments > 1)
        exit_code = weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "fields come from the file or from arguments, not from both");
    else
        exit_code = file != NULL ? send_file(cli, client, file) : send_fields(cli, client);
    weiri_client_free(client);
    return exit_code;
}

static const weiri_cli_option options[] = {
    { "file", 'f', "FILE", "the command's fields as one JSON object from a file (- for stdin)" },
    { "id", 0, "ID", "a second command with this id is answered with the first one's outcome" },
    { "expect", 0, "VERSION", "only if the aggregate is at this version (0: does not exist yet)" },
    { NULL, 0, NULL, NULL },
};

const weiri_cli_command weiri_cli_send = {
    .name = "send",
    .what = "Sends a command and tells what became of it",
    .usage = "TYPE [field=value]... | TYPE -f FILE | [TYPE] -",
    .examples = "weir send ReceiveStock sku=mug quantity=3\n"
                "weir send shop.v1.ReceiveStock sku=mug quantity=3 --id delivery-17 --expect 4\n"
                "weir send ReceiveStock -f delivery.json\n"
                "echo '{\"type\":\"ReceiveStock\",\"data\":{\"sku\":\"mug\",\"quantity\":3}}' | weir send -",
    .more = "A value is read by its field's type; lists and nested messages are JSON: lines='[{\"sku\":\"mug\"}]'.",
    .options = options,
    .talks = true,
    .least = 1,
    .most = 1000,
    .run = run,
};
