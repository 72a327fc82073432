/* SPDX-License-Identifier: Apache-2.0
 * weir verify: reads a whole log, beside the engine or without one. A child process reads, so that whatever damage does to it is a
 * finding too; this one watches over it. Threads: one in each. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/memory.h"
#include "cli/offline.h"
#include "cli/output.h"

enum { STILL_SECONDS_MOST = 120 };

static void
tell_fault(void *user, const char *words)
{
    const weiri_cli *cli = user;
    weiri_buffer safe = { 0 };

    weiri_output_add_safe(&safe, weiri_bytes_of(words));
    fprintf(cli->talk, "%s\n", weiri_buffer_text(&safe));
    (void)fflush(cli->talk);
    weiri_buffer_fini(&safe);
}

/* The child's part. Returns the exit status. */
static int
verify(weiri_cli *cli, const char *dir, weiri_verify_place *place)
{
    weiri_reply reply = { 0 };
    weiri_answer answer = { 0 };
    uint64_t faults = 0;
    json_t *json = NULL;

    weiri_offline_verify(dir, tell_fault, cli, place, &reply, &faults);
    weiri_answer_take(&answer, &reply);
    int exit_code = weiri_answer_json(cli, &answer, "the directory", &json);
    if (exit_code == 0) {
        if (cli->json)
            weiri_output_json(cli->out, json);
        else
            weiri_output_object(cli->out, json);
        exit_code = faults > 0 ? WEIRI_EXIT_REJECTED : WEIRI_EXIT_DONE;
    }
    json_decref(json);
    weiri_answer_fini(&answer);
    return weiri_cli_finish(cli, exit_code);
}

/* Waits for the end of the pipe, which the child has open as long as it lives. False: it has stood still for too long. */
static bool
watch(int from, const weiri_verify_place *place)
{
    struct pollfd end = { .fd = from, .events = POLLIN };
    uint64_t seen = 0;

    for (int still = 0; still < STILL_SECONDS_MOST; still++) {
        if (poll(&end, 1, 1000) > 0)
            return true;
        uint64_t steps = atomic_load(&place->steps);
        if (steps != seen)
            still = 0;
        seen = steps;
    }
    return false;
}

/* A process that died, or stood still, over what it read. */
static int
tell_death(weiri_cli *cli, const weiri_verify_place *place, const char *how)
{
    char words[256];

    (void)snprintf(words, sizeof words, "%s: reading the log %s; nothing behind it was read",
        place->where[0] == '\0' ? "before the first batch" : place->where, how);
    tell_fault(cli, words);
    return WEIRI_EXIT_REJECTED;
}

static int
outlive(weiri_cli *cli, pid_t child, int from, const weiri_verify_place *place)
{
    char how[128];
    int status = 0;
    bool moved = watch(from, place);

    if (!moved)
        (void)kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (!moved)
        (void)snprintf(how, sizeof how, "came to nothing for %d seconds", STILL_SECONDS_MOST);
    else if (WIFSIGNALED(status))
        (void)snprintf(how, sizeof how, "ended the process: %s", strsignal(WTERMSIG(status)));
    else
        return WEXITSTATUS(status);
    return tell_death(cli, place, how);
}

static int
verify_in_child(weiri_cli *cli, const char *dir)
{
    weiri_verify_place *place = mmap(NULL, sizeof *place, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int ends[2], exit_code;
    pid_t child = -1;

    if (place == MAP_FAILED)
        return weiri_cli_fail(cli, WEIRI_EXIT_UNREACHABLE, "no memory to watch over the reading");
    if (pipe(ends) == 0) {
        (void)fflush(cli->out);
        (void)fflush(cli->talk);
        child = fork();
        if (child == 0) {
            (void)close(ends[0]);
            _exit(verify(cli, dir, place));
        }
        (void)close(ends[1]);
    }
    if (child > 0) {
        exit_code = outlive(cli, child, ends[0], place);
        (void)close(ends[0]);
    } else
        exit_code = weiri_cli_fail(cli, WEIRI_EXIT_UNREACHABLE, "the reading process can't be started: %s", strerror(errno));
    (void)munmap(place, sizeof *place);
    return exit_code;
}

static int
run(weiri_cli *cli)
{
    char *dir = NULL;
    weir_error err;

    if (weiri_cli_directory(cli, &dir, &err) != WEIR_OK)
        return weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s", err.text);
    int exit_code = verify_in_child(cli, dir);
    weiri_release(dir);
    return exit_code;
}

static const weiri_cli_option options[] = {
    { "dir", 0, "DIR", "data directory; default: the only *.data here" },
    { NULL, 0, NULL, NULL },
};

const weiri_cli_command weiri_cli_verify = {
    .name = "verify",
    .what = "Reads a whole log: checksums, chains, versions, gaps, pages",
    .usage = "[--dir DIR]",
    .examples = "weir verify --dir shop.data",
    .more = "Each fault is a line on stderr, and the exit status is then 1. It may run beside the engine. A process of its own reads; "
            "should damage end it, that is a fault too, at the place it had reached.",
    .options = options,
    .run = run,
};
