/* SPDX-License-Identifier: Apache-2.0
 * weir dead for views: events that a view could not take, with those behind them; tried again, or discarded for ever with a reason and
 * by whom. Thread: the main thread. */
#include "cli/dead_letters.h"
#include <pwd.h>
#include <unistd.h>
#include "base/text.h"
#include "cli/output.h"

bool
weiri_cli_is_letter(const char *word, weiri_letter_subject *ret_subject)
{
    size_t n = strcspn(word, ":/");

    if (word[n] != ':' || n == 0 || word[n + 1] == '\0')
        return false;
    *ret_subject = (weiri_letter_subject){ { word, n }, word + n + 1, word };
    return true;
}

static void
add_path(const weiri_letter_subject *of, bool event, const char *rest, weiri_buffer *path)
{
    weiri_buffer_add_text(path, "/letters/");
    weiri_client_add_encoded(path, of->view);
    if (event) {
        weiri_buffer_add_char(path, '/');
        weiri_client_add_encoded(path, weiri_bytes_of(of->event));
    }
    weiri_buffer_add_text(path, rest);
}

int
weiri_cli_letters_get(weiri_cli *cli, weiri_client *client, const char *view, json_t **ret_json)
{
    weiri_buffer path = { 0 };
    weiri_letter_subject of = { weiri_bytes_of(view == NULL ? "" : view), "", "" };

    if (view == NULL)
        weiri_buffer_add_text(&path, "/letters");
    else
        add_path(&of, false, "", &path);
    const weiri_client_request request = { .path = weiri_buffer_text(&path) };
    int exit_code = weiri_client_json(cli, client, &request, NULL, ret_json);
    weiri_buffer_fini(&path);
    return exit_code;
}

/* "counter/mug", as the other kind is called. */
static json_t *
aggregate_of(const json_t *letter)
{
    weiri_buffer name = { 0 };

    weiri_output_add_value(&name, json_object_get(letter, "aggregate"));
    weiri_buffer_add_char(&name, '/');
    weiri_output_add_value(&name, json_object_get(letter, "key"));
    json_t *text = json_stringn((const char *)name.data, name.size);
    weiri_buffer_fini(&name);
    return text;
}

static const char *
why_of(const json_t *letter)
{
    const char *error = json_string_value(json_object_get(letter, "error")), *reason = json_string_value(json_object_get(letter, "reason"));

    return error != NULL ? error : reason != NULL ? reason : "behind another of its key";
}

void
weiri_cli_letters_print(weiri_cli *cli, const json_t *letters)
{
    json_t *rows = json_array(), *one;
    size_t i;

    json_array_foreach(json_object_get(letters, "letters"), i, one)
    {
        weiri_buffer name = { 0 };
        weiri_output_add_value(&name, json_object_get(one, "view"));
        weiri_buffer_add_char(&name, ':');
        weiri_output_add_value(&name, json_object_get(one, "event"));
        json_array_append_new(rows, json_pack("{s:s%,s:O?,s:o,s:O?,s:O?,s:s,s:O?}", "event", (const char *)name.data, name.size, "state",
                                        json_object_get(one, "state"), "aggregate", aggregate_of(one), "type", json_object_get(one, "type"),
                                        "since", json_object_get(one, "since"), "why", why_of(one), "who", json_object_get(one, "who")));
        weiri_buffer_fini(&name);
    }
    weiri_output_table(cli->out, NULL, rows, NULL);
    fprintf(cli->talk, "%lld events parked under %lld keys, %lld discarded; shown are %zu\n",
        (long long)json_integer_value(json_object_get(letters, "parked")), (long long)json_integer_value(json_object_get(letters, "keys")),
        (long long)json_integer_value(json_object_get(letters, "discarded")), json_array_size(rows));
    json_decref(rows);
}

int
weiri_cli_letter_show(weiri_cli *cli, weiri_client *client, const weiri_letter_subject *of)
{
    weiri_buffer path = { 0 };
    json_t *json = NULL;

    add_path(of, true, "", &path);
    const weiri_client_request request = { .path = weiri_buffer_text(&path) };
    int exit_code = weiri_client_json(cli, client, &request, NULL, &json);
    if (exit_code == 0 && cli->json)
        weiri_output_json(cli->out, json);
    else if (exit_code == 0)
        weiri_output_object(cli->out, json);
    json_decref(json);
    weiri_buffer_fini(&path);
    return exit_code;
}

int
weiri_cli_letter_retry(weiri_cli *cli, weiri_client *client, const weiri_letter_subject *of)
{
    bool all = strcmp(of->event, "all") == 0;
    weiri_buffer path = { 0 };
    json_t *json = NULL;

    add_path(of, !all, "/retry", &path);
    const weiri_client_request request = { .method = "POST", .path = weiri_buffer_text(&path) };
    int exit_code = weiri_client_json(cli, client, &request, NULL, &json);
    long long parked = (long long)json_integer_value(json_object_get(json, "parked"));
    if (exit_code == 0 && cli->json)
        weiri_output_json(cli->out, json);
    else if (exit_code == 0)
        fprintf(cli->talk, "%lld taken in; the view still has %lld parked under %lld keys\n",
            (long long)json_integer_value(json_object_get(json, "applied")), parked,
            (long long)json_integer_value(json_object_get(json, "keys")));
    if (exit_code == 0 && json_integer_value(json_object_get(json, "applied")) == 0 && parked > 0)
        exit_code = WEIRI_EXIT_REJECTED;
    json_decref(json);
    weiri_buffer_fini(&path);
    return exit_code;
}

/* Who is told without being asked: the login's name. */
static void
add_who(const weiri_cli *cli, weiri_buffer *path)
{
    const char *who = weiri_cli_value(cli, "who");
    const struct passwd *user = who == NULL ? getpwuid(getuid()) : NULL;

    if (who == NULL && user != NULL)
        who = user->pw_name;
    if (who == NULL)
        return;
    weiri_buffer_add_text(path, "&who=");
    weiri_client_add_encoded(path, weiri_bytes_of(who));
}

int
weiri_cli_letter_discard(weiri_cli *cli, weiri_client *client, const weiri_letter_subject *of)
{
    weiri_buffer path = { 0 };
    json_t *json = NULL;

    add_path(of, true, "/discard?reason=", &path);
    weiri_client_add_encoded(&path, weiri_bytes_of(weiri_cli_value(cli, "reason")));
    add_who(cli, &path);
    const weiri_client_request request = { .method = "POST", .path = weiri_buffer_text(&path) };
    int exit_code = weiri_client_json(cli, client, &request, NULL, &json);
    if (exit_code == 0 && cli->json)
        weiri_output_json(cli->out, json);
    else if (exit_code == 0)
        fprintf(cli->talk, "%s is left out, now and whenever the view is built anew\n", of->name);
    json_decref(json);
    weiri_buffer_fini(&path);
    return exit_code;
}
