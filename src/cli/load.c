/* SPDX-License-Identifier: Apache-2.0
 * weir load: a file into commands, each line exactly once however often it is loaded. Thread: the main thread; the signal handler sets
 * one flag. */
#include <inttypes.h>
#include <signal.h>
#include <time.h>
#include "base/memory.h"
#include "base/text.h"
#include "cli/load.h"
#include "cli/output.h"
#include "engine/service.h"

static volatile sig_atomic_t stop_asked;

typedef struct loading {
    const weiri_cli *cli;
    weiri_client *client;
    const char *source;
    uint32_t partitions;
    uint64_t batch, limit, records;
    weiri_load_type type;
    weiri_load_map map;
    weiri_load_input input;
    weiri_load_sender sender;
    weiri_load_progress progress;
    weiri_load_door http;
    weiri_buffer data;
    bool begun; /* the source has been asked how far it is */
} loading;

static void
on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

static void
watch_signals(void)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND };

    stop_asked = 0;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

/* ---- the door ----------------------------------------------------------------------------------------- */

static weir_status
send_commands(void *user, weiri_bytes lines, int *ret_http, weiri_buffer *reply, int *ret_retry_after_s, weir_error *err)
{
    loading *l = user;

    weiri_load_progress_draw(&l->progress, l->records, weiri_load_input_at(&l->input), l->input.size);
    return l->http.commands(l->client, lines, ret_http, reply, ret_retry_after_s, err);
}

static weir_status
ask_source(void *user, const char *source, uint32_t partitions, uint64_t *last, bool *ret_known, uint64_t *ret_fingerprint, weir_error *err)
{
    loading *l = user;

    return l->http.source(l->client, source, partitions, last, ret_known, ret_fingerprint, err);
}

/* Short pauses are nobody's business; a person who has to wait is told why. */
static void
wait_a_little(void *user, int64_t pause_ms, const char *why)
{
    const struct timespec pause = { pause_ms / 1000, pause_ms % 1000 * 1000000 };
    loading *l = user;

    if (pause_ms >= 400) {
        weiri_load_progress_clear(&l->progress);
        fprintf(l->cli->talk, "weir load: %s; trying again in %.1f s\n", why, (double)pause_ms / 1000);
    }
    (void)nanosleep(&pause, NULL);
}

static bool
is_stopped(void *user)
{
    (void)user;
    return stop_asked != 0;
}

static void
tell_unreadable(void *user, uint64_t line, const char *words)
{
    loading *l = user;
    weiri_buffer safe = { 0 };

    weiri_load_progress_clear(&l->progress);
    weiri_output_add_safe(&safe, weiri_bytes_of(words));
    fprintf(l->cli->talk, "%s:%" PRIu64 ": unreadable: %s\n", l->input.path, line, weiri_buffer_text(&safe));
    weiri_buffer_fini(&safe);
}

/* ---- getting ready ------------------------------------------------------------------------------------ */

static weir_status
one_of(const weiri_cli *cli, const char *name, const char *allowed, char fallback, char *ret_value, weir_error *err)
{
    const char *value = weiri_cli_value(cli, name);

    *ret_value = fallback;
    if (value == NULL)
        return WEIR_OK;
    if (strcmp(value, "tab") == 0 || strcmp(value, "\\t") == 0)
        value = "\t";
    if (value[0] == '\0' || value[1] != '\0' || strchr(allowed, value[0]) == NULL)
        return weiri_error_set(
            err, WEIR_INVALID, "--%s: '%.20s' is not one of %s", name, value, strlen(allowed) > 2 ? ", ; : | tab" : ". ,");
    *ret_value = value[0];
    return WEIR_OK;
}

static bool
ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcasecmp(text + n - m, end) == 0;
}

/* What only CSV has. */
static weir_status
check_options(const weiri_cli *cli, bool json, weir_error *err)
{
    static const char *const csv_only[] = { "map", "delimiter", "decimal", NULL };

    if (!weiri_cli_has(cli, "as"))
        return weiri_error_set(err, WEIR_INVALID, "as which command? say --as TYPE");
    for (size_t i = 0; json && csv_only[i] != NULL; i++)
        if (weiri_cli_has(cli, csv_only[i]))
            return weiri_error_set(err, WEIR_INVALID, "--%s is for CSV; JSON lines have the fields' own names", csv_only[i]);
    return WEIR_OK;
}

static weir_status
open_input(loading *l, weir_error *err)
{
    const weiri_cli *cli = l->cli;
    const char *path = cli->arguments[0], *slash = strrchr(path, '/');
    bool json = ends_with(path, ".jsonl") || ends_with(path, ".ndjson");
    char delimiter = ',';

    weir_status status = check_options(cli, json, err);
    if (status == WEIR_OK)
        status = one_of(cli, "delimiter", ",;:|\t", ',', &delimiter, err);
    if (status == WEIR_OK)
        status = one_of(cli, "decimal", ".,", '.', &l->map.convert.decimal, err);
    if (status == WEIR_OK)
        status = weiri_cli_number(cli, "batch", 500, 1, WEIRI_BATCH_MOST, &l->batch, err);
    if (status == WEIR_OK)
        status = weiri_cli_number(cli, "limit", UINT64_MAX, 1, UINT64_MAX, &l->limit, err);
    if (status == WEIR_OK)
        status = weiri_load_input_open(&l->input, path, json, delimiter, err);
    l->map.convert.time_format = weiri_cli_value(cli, "time-format");
    l->source = weiri_cli_value(cli, "source");
    if (l->source == NULL)
        l->source = slash == NULL ? path : slash + 1;
    if (status == WEIR_OK && !weiri_key_valid(weiri_bytes_of(l->source)))
        status = weiri_error_set(
            err, WEIR_INVALID, "a source's name has 1-255 bytes of UTF-8 without control characters: say --source NAME");
    return status;
}

/* Asks the engine for the type and the number of partitions. Returns an exit code. */
static int
ask_engine(loading *l)
{
    const weiri_client_request types = { .path = "/types" }, info = { .path = "/info" };
    json_t *type_list = NULL, *about = NULL;
    weir_error err;

    int exit_code = weiri_client_json(l->cli, l->client, &types, NULL, &type_list);
    if (exit_code == 0 && weiri_load_type_find(type_list, weiri_cli_value(l->cli, "as"), &l->type, &err) != WEIR_OK)
        exit_code = weiri_cli_fail(l->cli, WEIRI_EXIT_USAGE, "%s", err.text);
    if (exit_code == 0)
        exit_code = weiri_client_json(l->cli, l->client, &info, NULL, &about);
    json_int_t partitions = json_integer_value(json_object_get(about, "partitions"));
    if (exit_code == 0 && (partitions < 1 || partitions > 65536))
        exit_code = weiri_cli_fail(l->cli, WEIRI_EXIT_UNREACHABLE, "GET /info has no \"partitions\"");
    l->partitions = (uint32_t)partitions;
    json_decref(type_list);
    json_decref(about);
    return exit_code;
}

static weir_status
make_map(loading *l, weir_error *err)
{
    const char **maps = weiri_allocate((l->cli->n_given + 1) * sizeof *maps), *value;
    size_t n = 0, at = 0;
    weir_status status = WEIR_OK;

    l->map.type = &l->type;
    while (status == WEIR_OK && (value = weiri_cli_each(l->cli, "set", &at)) != NULL)
        status = weiri_load_map_set(&l->map, value, err);
    for (at = 0; (value = weiri_cli_each(l->cli, "map", &at)) != NULL;)
        maps[n++] = value;
    if (status == WEIR_OK && !l->input.json)
        status = weiri_load_map_make(&l->map, &l->input.csv, maps, n, err);
    if (status == WEIR_OK && l->map.unmatched.size > 0)
        fprintf(l->cli->talk, "weir load: ignored columns: %s\n", weiri_buffer_text(&l->map.unmatched));
    weiri_release(maps);
    return status;
}

/* ---- the loop ----------------------------------------------------------------------------------------- */

static weir_status
take_record(loading *l, weir_status read, weir_error *err)
{
    uint64_t line = weiri_load_input_line(&l->input);

    weiri_buffer_clear(&l->data);
    if (read == WEIR_OK && l->input.json)
        read = weiri_load_map_json(&l->map, (weiri_bytes){ l->input.line, l->input.line_size }, &l->data, err);
    else if (read == WEIR_OK)
        read = weiri_load_map_record(&l->map, &l->input.csv, &l->data, err);
    l->records++;
    if (read == WEIR_INVALID) {
        l->sender.tally.unreadable++;
        tell_unreadable(l, line, err->text);
        return WEIR_OK;
    }
    return weiri_load_sender_add(&l->sender, line, weiri_buffer_bytes(&l->map.key), weiri_buffer_bytes(&l->data), err);
}

static weir_status
load_all(loading *l, weir_error *err)
{
    while (stop_asked == 0 && l->records < l->limit) {
        weir_status status = weiri_load_input_next(&l->input, err);
        if (status == WEIR_NOT_FOUND)
            break;
        if (status != WEIR_OK && status != WEIR_INVALID)
            return status;
        if (!l->begun) {
            weir_error source_err;
            weir_status asked = weiri_load_sender_resume(&l->sender, l->input.fingerprint, &source_err);
            if (asked != WEIR_OK) {
                *err = source_err;
                return asked;
            }
            l->begun = true;
        }
        status = take_record(l, status, err);
        if (status != WEIR_OK)
            return status;
    }
    return weiri_load_sender_flush(&l->sender, err);
}

static int
tell_end(loading *l, weir_status status, const weir_error *err)
{
    const weiri_load_summary summary = { l->input.path, l->type.name, l->source, l->records, weiri_load_progress_seconds(&l->progress),
        stop_asked != 0, l->sender.n, &l->sender.tally };
    bool again = stop_asked != 0 || status == WEIR_BUSY || status == WEIR_CLOSED || status == WEIR_TIMEOUT || status == WEIR_IO;
    int exit_code = l->sender.tally.unreadable > 0 ? WEIRI_EXIT_REJECTED : WEIRI_EXIT_DONE;

    weiri_load_progress_clear(&l->progress);
    if (l->begun || status == WEIR_OK)
        weiri_load_summary_print(l->cli, &summary);
    if (status != WEIR_OK)
        exit_code = weiri_cli_fail_error(l->cli, err);
    else if (stop_asked != 0)
        exit_code = weiri_cli_fail(
            l->cli, WEIRI_EXIT_INTERRUPTED, "interrupted at line %" PRIu64 " of %s", weiri_load_input_line(&l->input), l->input.path);
    if (again)
        fprintf(l->cli->talk, "weir load: the same command again goes on where this one ended; nothing is loaded twice\n");
    return exit_code;
}

static int
load(loading *l)
{
    weiri_load_door door = { send_commands, ask_source, wait_a_little, is_stopped, tell_unreadable, l };
    weir_error err = { 0 };

    int exit_code = ask_engine(l);
    if (exit_code != 0)
        return exit_code;
    if (make_map(l, &err) != WEIR_OK)
        return weiri_cli_fail(l->cli, WEIRI_EXIT_USAGE, "%s: %s", l->input.path, err.text);
    weiri_load_door_http(&l->http);
    weiri_load_sender_init(&l->sender, &door, l->type.name, l->source, l->partitions, l->batch);
    weiri_load_progress_begin(&l->progress, l->cli->talk);
    watch_signals();
    weir_status status = load_all(l, &err);
    return tell_end(l, status, &err);
}

static int
run(weiri_cli *cli)
{
    loading *l = weiri_allocate(sizeof *l);
    weir_error err;
    int exit_code;

    l->cli = cli;
    weir_status status = open_input(l, &err);
    if (status == WEIR_OK)
        status = weiri_client_new(cli, &l->client, &err);
    exit_code = status != WEIR_OK ? weiri_cli_fail(cli, WEIRI_EXIT_USAGE, "%s", err.text) : load(l);
    weiri_load_sender_fini(&l->sender);
    weiri_load_map_fini(&l->map);
    weiri_load_type_fini(&l->type);
    weiri_load_input_close(&l->input);
    weiri_buffer_fini(&l->data);
    weiri_client_free(l->client);
    weiri_release(l);
    return exit_code;
}

static const weiri_cli_option options[] = {
    { "as", 0, "TYPE", "the command that each record becomes" },
    { "source", 0, "NAME", "name of this content (default: the file's name): a line of it is loaded once" },
    { "map", 0, "FIELD=COLUMN", "this column for that field" },
    { "set", 0, "FIELD=VALUE", "the same value in every command" },
    { "delimiter", 0, "CHARACTER", "between columns: , ; : | tab (default ,)" },
    { "decimal", 0, "CHARACTER", "decimal point of the file: . or , (default .)" },
    { "time-format", 0, "FORMAT", "of times, as in strptime(3), or s or ms for Unix time (default: ISO 8601)" },
    { "batch", 0, "N", "commands a request (default 500)" },
    { "limit", 0, "N", "end after N records" },
    { NULL, 0, NULL, NULL },
};

const weiri_cli_command weiri_cli_load = {
    .name = "load",
    .what = "Loads a CSV or JSON lines file, each line exactly once",
    .usage = "FILE.csv|FILE.jsonl --as TYPE [--map FIELD=COLUMN]... [--set FIELD=VALUE]...",
    .examples = "weir load opening.csv --as ReceiveStock\n"
                "weir load online-retail.csv --as RecordSale --map sku=StockCode --map sold_at_ms=InvoiceDate\n"
                "weir load bank.csv --as Post --delimiter ';' --time-format %y%m%d\n"
                "weir load deliveries.jsonl --as ReceiveStock --source deliveries-2026",
    .more = "Columns find fields by name without case, '_' and blanks. *_cents takes an amount with at most two decimals, *_ms a time\n"
            "(UTC). An empty cell leaves its field out. The same command again goes on where it ended: lines already there are\n"
            "repeats, and a grown file continues. Ends with 1 when a line could not be read, with 130 when interrupted.",
    .options = options,
    .talks = true,
    .least = 1,
    .most = 1,
    .run = run,
};
