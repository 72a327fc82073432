/* SPDX-License-Identifier: Apache-2.0
 * weir view dump: read from the files, so it works without an engine, and beside one. Thread: the main thread. */
#include <glob.h>
#include "base/memory.h"
#include "cli/offline.h"
#include "cli/output.h"
#include "cli/view.h"

/* The running engine's own directory. 0, or an exit code with the words told. */
static int
ask_engine(weiri_cli *cli, char **ret_dir)
{
    const weiri_client_request request = { .path = "/info" };
    weiri_client *client = NULL;
    json_t *info = NULL;
    weir_error err;

    if (weiri_client_new(cli, &client, &err) != WEIR_OK)
        return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s", err.text);
    int exit_code = weiri_client_json(cli, client, &request, NULL, &info);
    const char *dir = json_string_value(json_object_get(info, "dir"));
    if (exit_code == 0 && dir == NULL)
        exit_code = weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "GET /info has no \"dir\": say --dir DIR");
    if (exit_code == 0)
        *ret_dir = weiri_text_copy(dir);
    json_decref(info);
    weiri_client_free(client);
    return exit_code;
}

static int
dump_one(const weiri_cli *cli, const char *dir, const char *view)
{
    weiri_reply reply = { 0 };
    weiri_answer answer = { 0 };
    weir_error err;
    int exit_code = 0;

    weiri_offline_view_dump(dir, view, &reply);
    weiri_answer_take(&answer, &reply);
    if (answer.http == 200)
        (void)fwrite(answer.body.data, 1, answer.body.size, cli->out);
    else {
        exit_code = weiri_answer_exit(&answer, &err);
        (void)weiri_cli_fail(cli, exit_code, "%s", err.text);
    }
    weiri_answer_fini(&answer);
    return exit_code;
}

/* VIEW-VERSION.db: while a view is rebuilt there are two of it, so each name is taken once; glob sorts them. */
static int
dump_all(const weiri_cli *cli, const char *dir)
{
    weiri_buffer pattern = { 0 };
    glob_t files = { 0 };
    char *before = NULL;
    int exit_code = 0;

    weiri_buffer_print(&pattern, "%s/views/*-*.db", dir);
    (void)glob(weiri_buffer_text(&pattern), 0, NULL, &files);
    if (files.gl_pathc == 0)
        exit_code = weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "there are no views in %s/views", dir);
    for (size_t i = 0; i < files.gl_pathc && exit_code == 0; i++) {
        const char *name = strrchr(files.gl_pathv[i], '/') + 1;
        char *view = weiri_text_copy_n(name, (size_t)(strrchr(name, '-') - name));
        if (before == NULL || strcmp(before, view) != 0) {
            fprintf(cli->out, "view %s\n", view);
            exit_code = dump_one(cli, dir, view);
        }
        weiri_release(before);
        before = view;
    }
    weiri_release(before);
    globfree(&files);
    weiri_buffer_fini(&pattern);
    return exit_code;
}

int
weiri_cli_view_dump(weiri_cli *cli)
{
    const char *given = weiri_cli_value(cli, "dir");
    char *dir = weiri_text_copy(given);
    int exit_code = given == NULL ? ask_engine(cli, &dir) : 0;

    if (exit_code == 0)
        exit_code = cli->n_arguments > 1 ? dump_one(cli, dir, cli->arguments[1]) : dump_all(cli, dir);
    weiri_release(dir);
    return exit_code;
}
