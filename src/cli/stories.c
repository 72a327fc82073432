/* SPDX-License-Identifier: Apache-2.0
 * weir test: the story files of a module, as TAP. Thread: the main thread. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/memory.h"
#include "cli/cli.h"
#include "cli/offline.h"
#include "story/story.h"

/* The directory `test` beside the module, or beside this program when the module is linked in. */
static void
directory_beside(const weiri_cli *cli, char *to, size_t size)
{
    char self[PATH_MAX] = "";
    const char *path = cli->module_path;

    if (path == NULL) {
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        self[n > 0 ? n : 0] = '\0';
        path = self;
    }
    const char *slash = strrchr(path, '/');
    (void)snprintf(to, size, "%.*stest", slash == NULL ? 0 : (int)(slash - path + 1), path);
}

static int
run_stories(const weiri_cli *cli, const weiri_loaded_module *module)
{
    char beside[PATH_MAX + 8];
    const char **paths = weiri_allocate((cli->n_arguments + 2) * sizeof *paths);
    struct stat found;
    int failed = -1;

    for (size_t i = 0; i < cli->n_arguments; i++)
        paths[i] = cli->arguments[i];
    if (cli->n_arguments == 0) {
        directory_beside(cli, beside, sizeof beside);
        paths[0] = beside;
    }
    if (cli->n_arguments == 0 && stat(beside, &found) != 0)
        (void)weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s: %s; name the story files", beside, strerror(errno));
    else
        failed = weiri_story_run(module->module, module->views_dir, paths, cli->out, cli->talk);
    weiri_release(paths);
    return failed < 0 ? WEIRI_EXIT_USAGE : failed > 0 ? WEIRI_EXIT_REJECTED : WEIRI_EXIT_DONE;
}

static int
run(weiri_cli *cli)
{
    weiri_loaded_module module = { 0 };
    const char *views = weiri_cli_value(cli, "views");
    weir_error err;

    if (weiri_cli_module(cli, cli->module_path, views, &module, &err) != WEIR_OK)
        return weiri_cli_fail_error(cli, &err);
    int exit_code = run_stories(cli, &module);
    weiri_module_unload(&module);
    return exit_code;
}

static const weiri_cli_option options[] = {
    { "views", 0, "DIR", "directory of the view files; default: the module's own" },
    { NULL, 0, NULL, NULL },
};

const weiri_cli_command weiri_cli_test = {
    .name = "test",
    .what = "Runs the story files of a module",
    .usage = "MODULE.so [FILE.story | DIR]...",
    .examples = "weir test ./shop.so\nweir test ./shop.so test/stock.story",
    .more = "TAP on stdout, differences as FILE:LINE on stderr. Without files: all *.story in the directory 'test' beside the module.",
    .options = options,
    .module = true,
    .most = 1000,
    .run = run,
};
