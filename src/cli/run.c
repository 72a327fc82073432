/* SPDX-License-Identifier: Apache-2.0
 * weir run: the module, its engine and HTTP, until SIGTERM or SIGINT; then first refuse, then drain, then close. The signals are
 * blocked before any thread starts, so that only this one takes them. Thread: the main thread. */
#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/run.h"
#include "cli/offline.h"
#include "cli/watch.h"
#include "engine/service.h"
#include "http/server.h"

enum { STUCK_READER_MS = 5000, OTHER_FILES = 256 };

typedef struct running {
    weiri_settings settings;
    weiri_loaded_module module;
    weiri_service *service;
    weiri_http *http;
    char listen[300]; /* as it is after the first start: a port of 0 is the one that was free */
    bool dev;
    weiri_watch watch; /* with --dev */
} running;

/* A connection is a descriptor: as many as the settings ask for, if the process may. HTTP makes do with what there is. */
static void
allow_files(const weiri_settings *settings)
{
    rlim_t wanted = weiri_settings_number(settings, "http.connections") + OTHER_FILES;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY || files.rlim_cur >= wanted)
        return;
    files.rlim_cur = files.rlim_max == RLIM_INFINITY || files.rlim_max > wanted ? wanted : files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

/* The directory `app` beside the module's views, unless a setting names another; "": there is none. */
static void
pages_of(const running *r, weiri_buffer *to)
{
    const char *said = weiri_settings_text(&r->settings, "pages"), *views = r->module.views_dir;
    const char *slash = views == NULL ? NULL : strrchr(views, '/');

    if (said[0] != '\0')
        weiri_buffer_add_text(to, said);
    else if (slash != NULL)
        weiri_buffer_print(to, "%.*s/app", (int)(slash - views), views);
    else if (views != NULL)
        weiri_buffer_add_text(to, "app");
}

static weir_status
start_http(running *r, weir_error *err)
{
    weiri_buffer pages = { 0 };

    pages_of(r, &pages);
    const weiri_http_config config = { .listen = r->listen,
        .threads = (uint32_t)weiri_settings_number(&r->settings, "http.threads"),
        .connections = (uint32_t)weiri_settings_number(&r->settings, "http.connections"),
        .idle_s = (uint32_t)weiri_settings_number(&r->settings, "http.idle"),
        .tokens = weiri_settings_text(&r->settings, "tokens"),
        .rate = (uint32_t)weiri_settings_number(&r->settings, "http.rate"),
        .certificate = weiri_settings_text(&r->settings, "tls.certificate"),
        .key = weiri_settings_text(&r->settings, "tls.key"),
        .app_dir = pages.size > 0 ? weiri_buffer_text(&pages) : NULL,
        .settings = &r->settings,
        .outcome_ms = (int64_t)weiri_settings_number(&r->settings, "outcome.timeout") };
    weir_status status = weiri_http_start(r->service, &config, &r->http, err);
    weiri_buffer_fini(&pages);
    return status;
}

static weir_status
open_engine(running *r, weiri_problems *problems, weir_error *err)
{
    weir_status status = weiri_service_open(
        r->module.module, r->module.views_dir, r->module.build_id, &r->settings, &r->service, problems, err);
    return status != WEIR_OK ? status : start_http(r, err);
}

static weir_status
start(const weiri_cli *cli, running *r, weiri_problems *problems, weir_error *err)
{
    weir_status status = weiri_cli_settings(cli, &r->settings, err);

    if (status == WEIR_OK) {
        const char *views = weiri_settings_text(&r->settings, "views");
        views = views[0] == '\0' ? NULL : views;
        status = weiri_cli_module(cli, cli->module_path, views, &r->module, err);
    }
    r->dev = weiri_cli_has(cli, "dev");
    if (status == WEIR_OK && r->dev && r->module.views_dir == NULL)
        status = weiri_error_set(err, WEIR_INVALID, "--dev: the module has no views");
    if (status == WEIR_OK && r->dev)
        status = weiri_watch_open(&r->watch, r->module.views_dir, err);
    if (status == WEIR_OK) {
        allow_files(&r->settings);
        (void)snprintf(r->listen, sizeof r->listen, "%s", weiri_settings_text(&r->settings, "listen"));
        status = open_engine(r, problems, err);
    }
    if (status == WEIR_OK && strrchr(r->listen, ':') != NULL) {
        char *port = strrchr(r->listen, ':') + 1;
        (void)snprintf(port, sizeof r->listen - (size_t)(port - r->listen), "%u", weiri_http_port(r->http));
    }
    return status;
}

/* Whatever there is of it. */
static void
close_engine(running *r)
{
    if (r->http != NULL)
        weiri_http_refuse(r->http);
    if (r->service != NULL)
        weiri_service_refuse(r->service);
    weiri_http_stop(r->http);
    weir_close(r->service);
    r->http = NULL;
    r->service = NULL;
}

static void
stop(running *r)
{
    close_engine(r);
    weiri_watch_close(&r->watch);
    weiri_module_unload(&r->module);
    weiri_settings_fini(&r->settings);
}

/* A read transaction that does not end keeps the log from using its pages again, until the disk reserve stops commands: it is said once,
 * and once more when it is over. weir's own readers last milliseconds. */
static void
watch_readers(const weiri_cli *cli, weiri_service *service, int64_t *told_pid)
{
    int64_t ms, pid;

    weiri_service_oldest_reader(service, &ms, &pid);
    if (*told_pid == 0 && ms >= STUCK_READER_MS) {
        fprintf(cli->talk,
            "weir run: process %" PRId64 " has been reading the log for %" PRId64 " s in one transaction: the log grows until that ends\n",
            pid, ms / 1000);
        *told_pid = pid;
    } else if (*told_pid != 0 && ms < STUCK_READER_MS) {
        fprintf(cli->talk, "weir run: process %" PRId64 " has let go of the log\n", *told_pid);
        *told_pid = 0;
    }
    (void)fflush(cli->talk);
}

/* The views as they are saved now. What is wrong with them is told, and what runs goes on; else the engine is opened anew, which builds
 * the views that differ from the events. Commands under way are finished before. */
static void
take_up_views(const weiri_cli *cli, running *r)
{
    weiri_problems problems = { 0 };
    weir_error err = { 0 };
    char text[1200] = "";

    weiri_service_check(r->module.module, r->module.views_dir, &problems);
    if (problems.n == 0) {
        close_engine(r);
        if (open_engine(r, &problems, &err) != WEIR_OK) {
            close_engine(r);
            weiri_error_format(&err, text, sizeof text);
        }
    }
    for (size_t i = 0; i < problems.n; i++) {
        weiri_error_format(&problems.list[i], text, sizeof text);
        fprintf(cli->talk, "%s\n", text);
    }
    if (r->service == NULL)
        fprintf(cli->talk, "weir run: %s; nothing runs until views are saved again\n", problems.n > 0 ? "they changed meanwhile" : text);
    else if (problems.n > 0)
        fprintf(
            cli->talk, "weir run: %zu mistake%s in what was saved; the views before it go on\n", problems.n, problems.n == 1 ? "" : "s");
    else
        fprintf(cli->talk, "weir run: the views are those that were saved now\n");
    (void)fflush(cli->talk);
    weiri_problems_fini(&problems);
}

/* Waits for one of the signals; a second one ends the program at once, as a person who presses ^C again wants it. */
static void
wait_for_end(const weiri_cli *cli, running *r, const sigset_t *ends)
{
    const struct timespec second = { 1, 0 }, moment = { 0, 100 * 1000 * 1000 };
    int64_t told_pid = 0;
    int signal_number;

    while ((signal_number = sigtimedwait(ends, NULL, r->dev ? &moment : &second)) < 0) {
        if (r->service != NULL)
            watch_readers(cli, r->service, &told_pid);
        if (r->dev && weiri_watch_changed(&r->watch))
            take_up_views(cli, r);
    }
    fprintf(cli->talk, "weir run: %s: finishing what is under way\n", signal_number == SIGINT ? "interrupted" : "asked to end");
    (void)fflush(cli->talk);
    (void)signal(SIGINT, SIG_DFL); /* a shell that starts something in the background may have it ignored */
    (void)signal(SIGTERM, SIG_DFL);
    (void)pthread_sigmask(SIG_UNBLOCK, ends, NULL);
}

static int
run(weiri_cli *cli)
{
    running r = { .http = NULL };
    weiri_problems problems = { 0 };
    weir_error err = { 0 };
    sigset_t ends;
    int exit_code = WEIRI_EXIT_DONE;

    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGINT);
    (void)sigaddset(&ends, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    if (start(cli, &r, &problems, &err) == WEIR_OK) {
        weiri_cli_announce(cli, r.service, weiri_http_port(r.http), weiri_settings_text(&r.settings, "listen"),
            weiri_settings_text(&r.settings, "tls.key")[0] != '\0');
        wait_for_end(cli, &r, &ends);
    } else if (problems.n > 0)
        exit_code = weiri_cli_fail_problems(cli, &problems);
    else
        exit_code = weiri_cli_fail_error(cli, &err);
    stop(&r);
    weiri_problems_fini(&problems);
    return exit_code;
}

static const weiri_cli_option options[] = {
    { "dev", 0, NULL, "takes up view files as they are saved" },
    { NULL, 0, NULL, NULL },
};

const weiri_cli_command weiri_cli_run = {
    .name = "run",
    .what = "Runs a module: engine and HTTP, until SIGTERM or SIGINT",
    .usage = "MODULE.so [--dir DIR] [--dev] [--SETTING VALUE]...",
    .examples =
        "weir run ./shop.so\nweir run ./shop.so --dir /var/lib/shop --listen 127.0.0.1:9000\nweir run ./shop.so --dev --views views",
    .more =
        "On SIGTERM or SIGINT it refuses what is new, finishes what is under way, and ends with status 0.\n"
        "With --dev it looks at the view files: when they are saved, it checks them, opens itself anew with them (for a moment nothing\n"
        "answers), and builds those that changed. When there is a mistake, it says so, and the views before it go on.",
    .options = options,
    .settings = true,
    .module = true,
    .run = run,
};
