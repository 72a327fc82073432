/* SPDX-License-Identifier: Apache-2.0
 * weir events: the event stream, from a position on, and following it. Thread: the main thread. */
#include <time.h>
#include "base/text.h"
#include "cli/offline.h"
#include "cli/output.h"

enum { PAGE = 1000, POLL_MS = 300 };

typedef struct stream {
    const weiri_cli *cli;
    weiri_cli_door door;
    weiri_buffer types; /* comma separated */
    char after[1700];   /* the position to go on from */
    uint64_t left;      /* of --limit */
    bool follow;
} stream;

static void
tell_event(const weiri_cli *cli, const char *text, size_t size)
{
    static const char *const first[] = { "position", "time", "type", NULL };
    weiri_buffer line = { 0 };
    json_t *event = json_loadb(text, size, 0, NULL);

    for (size_t i = 0; first[i] != NULL; i++) {
        weiri_output_add_value(&line, json_object_get(event, first[i]));
        weiri_buffer_add_text(&line, "  ");
    }
    weiri_output_add_value(&line, json_object_get(event, "aggregate"));
    weiri_buffer_add_char(&line, '/');
    weiri_output_add_value(&line, json_object_get(event, "key"));
    weiri_buffer_add_text(&line, " v");
    weiri_output_add_value(&line, json_object_get(event, "version"));
    weiri_buffer_add_text(&line, "  ");
    weiri_output_add_fields(&line, json_object_get(event, "data"));
    fprintf(cli->out, "%s\n", weiri_buffer_text(&line));
    weiri_buffer_fini(&line);
    json_decref(event);
}

static uint64_t
tell_lines(stream *s, weiri_buffer *body)
{
    const char *at = weiri_buffer_text(body);
    uint64_t n = 0;

    while (*at != '\0') {
        size_t size = strcspn(at, "\n");
        if (size > 0 && s->cli->json)
            fprintf(s->cli->out, "%.*s\n", (int)size, at);
        else if (size > 0)
            tell_event(s->cli, at, size);
        n += size > 0;
        at += size + (at[size] != '\0');
    }
    return n;
}

static weir_status
ask_engine(stream *s, uint64_t limit, weiri_answer *answer, weir_error *err)
{
    weiri_buffer path = { 0 };

    weiri_buffer_print(&path, "/events?limit=%llu", (unsigned long long)limit);
    if (s->types.size > 0) {
        weiri_buffer_add_text(&path, "&types=");
        weiri_client_add_encoded(&path, weiri_buffer_bytes(&s->types));
    }
    if (s->after[0] != '\0') {
        weiri_buffer_add_text(&path, "&after=");
        weiri_client_add_encoded(&path, weiri_bytes_of(s->after));
    }
    const weiri_client_request request = { .path = weiri_buffer_text(&path) };
    weir_status status = weiri_client_call(s->door.client, &request, answer, err);
    weiri_buffer_fini(&path);
    return status;
}

static void
ask_directory(stream *s, uint64_t limit, weiri_answer *answer)
{
    weiri_reply reply = { 0 };

    weiri_offline_events(
        s->door.offline, s->types.size > 0 ? weiri_buffer_text(&s->types) : NULL, s->after[0] != '\0' ? s->after : NULL, limit, &reply);
    weiri_answer_take(answer, &reply);
}

/* One page. Returns an exit code. */
static int
read_page(stream *s, uint64_t *ret_n)
{
    uint64_t limit = s->left < PAGE ? s->left : PAGE;
    weiri_answer answer = { 0 };
    weir_status status = WEIR_OK;
    weir_error err;
    int exit_code = 0;

    if (s->door.offline != NULL)
        ask_directory(s, limit, &answer);
    else
        status = ask_engine(s, limit, &answer, &err);
    if (status != WEIR_OK)
        exit_code = weiri_client_fail(s->cli, &err);
    else if (answer.http != 200) {
        exit_code = weiri_answer_exit(&answer, &err);
        (void)weiri_cli_fail(s->cli, exit_code, "%s", err.text);
    } else {
        *ret_n = tell_lines(s, &answer.body);
        if (answer.position[0] != '\0')
            (void)snprintf(s->after, sizeof s->after, "%s", answer.position);
    }
    weiri_answer_fini(&answer);
    return exit_code;
}

static int
read_stream(stream *s)
{
    const struct timespec pause = { 0, POLL_MS * 1000000L };
    char before[sizeof s->after];

    while (s->left > 0) {
        uint64_t n = 0;
        memcpy(before, s->after, sizeof before);
        int exit_code = read_page(s, &n);
        if (exit_code != 0)
            return exit_code;
        s->left -= n < s->left ? n : s->left;
        bool moved = strcmp(before, s->after) != 0;
        if (!moved && !s->follow)
            break;
        if (fflush(s->cli->out) != 0)
            return WEIRI_EXIT_REJECTED;
        if (!moved)
            (void)nanosleep(&pause, NULL);
    }
    return 0;
}

/* ---- following a running engine ------------------------------------------------------------------------- */

typedef struct following {
    stream *s;
    bool failed; /* stdout takes no more */
} following;

/* A line of the feed: an id and an event's data come one after the other. */
static bool
take_line(void *user, const char *line, size_t size)
{
    following *f = user;
    stream *s = f->s;
    weiri_buffer event = { 0 };

    if (size > 4 && size - 4 < sizeof s->after && memcmp(line, "id: ", 4) == 0)
        (void)snprintf(s->after, sizeof s->after, "%.*s", (int)(size - 4), line + 4);
    if (size < 8 || memcmp(line, "data: {", 7) != 0)
        return true;
    weiri_buffer_print(&event, "{\"position\":\"%s\",%.*s\n", s->after, (int)(size - 7), line + 7);
    s->left -= tell_lines(s, &event);
    weiri_buffer_fini(&event);
    f->failed = fflush(s->cli->out) != 0;
    return s->left > 0 && !f->failed;
}

/* A feed that ends is begun again from where it was, until nothing answers any more. */
static int
follow(stream *s)
{
    const struct timespec pause = { 0, POLL_MS * 1000000L };
    following f = { s, false };
    weiri_buffer path = { 0 };
    weiri_answer answer = { 0 };
    int exit_code = 0;
    weir_error err;

    weiri_buffer_add_text(&path, "/events");
    if (s->types.size > 0) {
        weiri_buffer_add_text(&path, "?types=");
        weiri_client_add_encoded(&path, weiri_buffer_bytes(&s->types));
    }
    while (exit_code == 0 && s->left > 0 && !f.failed) {
        weir_status status = weiri_client_follow(s->door.client, weiri_buffer_text(&path), s->after, take_line, &f, &answer, &err);
        if (status != WEIR_OK)
            exit_code = weiri_client_fail(s->cli, &err);
        else if (answer.http != 200) {
            exit_code = weiri_answer_exit(&answer, &err);
            (void)weiri_cli_fail(s->cli, exit_code, "%s", err.text);
        } else if (s->left > 0 && !f.failed)
            (void)nanosleep(&pause, NULL);
    }
    weiri_answer_fini(&answer);
    weiri_buffer_fini(&path);
    return f.failed ? WEIRI_EXIT_REJECTED : exit_code;
}

static int
run(weiri_cli *cli)
{
    stream s = { .cli = cli, .follow = weiri_cli_has(cli, "follow") };
    const char *after = weiri_cli_value(cli, "after"), *type;
    size_t at = 0;
    weir_error err;
    int exit_code;

    while ((type = weiri_cli_each(cli, "type", &at)) != NULL) {
        weiri_buffer_add_text(&s.types, s.types.size > 0 ? "," : "");
        weiri_buffer_add_text(&s.types, type);
    }
    weir_status status = weiri_cli_number(cli, "limit", UINT64_MAX, 1, UINT64_MAX, &s.left, &err);
    if (status == WEIR_OK && after != NULL && strlen(after) >= sizeof s.after)
        status = weiri_error_set(&err, WEIR_INVALID, "--after: that is no position");
    exit_code = status == WEIR_OK ? weiri_cli_door_open(cli, &s.door) : weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s", err.text);
    if (exit_code == 0) {
        (void)snprintf(s.after, sizeof s.after, "%s", after == NULL ? "" : after);
        exit_code = s.follow && s.door.offline == NULL ? follow(&s) : read_stream(&s);
    }
    weiri_cli_door_close(&s.door);
    weiri_buffer_fini(&s.types);
    return exit_code;
}

static const weiri_cli_option options[] = {
    { "type", 0, "TYPE", "only events of this type (again for more)" },
    { "after", 0, "POSITION", "from behind this position (P=N,P=N; now: what comes from now on)" },
    { "follow", 0, NULL, "wait for more" },
    { "limit", 0, "N", "at most so many" },
    { "dir", 0, "DIR", "from this data directory instead of a running engine" },
    { "module", 0, "MODULE.so", "with --dir: the module, which knows the events' fields" },
    { NULL, 0, NULL, NULL },
};

const weiri_cli_command weiri_cli_events = {
    .name = "events",
    .what = "The events, in order within each partition",
    .usage = "[--type TYPE]... [--after POSITION] [--follow]",
    .examples = "weir events\nweir events --type StockSold --follow\nweir events --after 0=1200,1=1187 --json",
    .options = options,
    .talks = true,
    .run = run,
};
