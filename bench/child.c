/* SPDX-License-Identifier: Apache-2.0
 * Processes to be killed. */
#include "child.h"
#include "figures.h"
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

void
bench_child_start(bench_child *child, const char *const *words)
{
    posix_spawn_file_actions_t actions;
    int ends[2];

    if (pipe(ends) != 0)
        bench_fail("no pipe");
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    (void)posix_spawn_file_actions_addclose(&actions, ends[0]);
    if (posix_spawn(&child->pid, words[0], &actions, NULL, (char *const *)(uintptr_t)words, environ) != 0)
        bench_fail("%s can't be started", words[0]);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    child->said = fdopen(ends[0], "r");
}

void
bench_child_await(bench_child *child, const char *word)
{
    char line[256];

    while (fgets(line, sizeof line, child->said) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, word) == 0)
            return;
    }
    bench_fail("the child ended before it said '%s'", word);
}

void
bench_child_kill(bench_child *child)
{
    (void)kill(child->pid, SIGKILL);
    (void)waitpid(child->pid, NULL, 0);
    (void)fclose(child->said);
}
