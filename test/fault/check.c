/* SPDX-License-Identifier: Apache-2.0
 * The checks of a data directory: the log record by record against what each command must have made. */
#include "check.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "log/embedded/embedded.h"
#include "message/outcome.h"

enum { WORDS = 512 };

typedef struct found {
    unsigned commands, events, outcomes, repeats;
    uint32_t partition;
    uint64_t source, version; /* source: of the first time that it is there; whatever comes later must be a repeat */
} found;

typedef struct reading {
    const expected *e;
    found *found;    /* by the command's number */
    int64_t *totals; /* by key: sum and number of events */
    int64_t *adds;
    char *words;
} reading;

static bool no(char *words, const char *format, ...) WEIR_PRINTF(2, 3);

static bool
no(char *words, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(words, WORDS, format, arguments);
    va_end(arguments);
    return false;
}

static void
first_fault(void *user, const char *words)
{
    char *to = user;

    if (to[0] == '\0')
        (void)snprintf(to, WORDS, "verify: %.480s", words);
}

static bool
check_event(reading *r, const weiri_record *record, unsigned i, const fault_command *command)
{
    found *f = &r->found[i];
    bool right;

    Testing__V1__Added *event = testing__v1__added__unpack(NULL, record->payload.size, record->payload.data);
    if (event == NULL)
        return no(r->words, "command %u: its event can't be unpacked", i);
    right = record->index == f->events && event->amount == command->message.amount + record->index &&
            strcmp(event->note, command->note) == 0 && strcmp(event->counter_id, command->key) == 0;
    r->totals[i * 7 % FAULT_KEYS] += event->amount;
    r->adds[i * 7 % FAULT_KEYS]++;
    testing__v1__added__free_unpacked(event, NULL);
    f->events++;
    f->version = record->version;
    return right ? true : no(r->words, "command %u: event %u is not the one it makes", i, record->index);
}

static bool
check_repeat(reading *r, found *f, unsigned i, const weiri_record *record)
{
    weiri_bytes original;
    char digits[24];

    (void)snprintf(digits, sizeof digits, "%" PRIu64, f->source);
    f->repeats++;
    if (record->source > f->source && weiri_headers_find(record->headers, WEIRI_HEADER_ORIGINAL, &original) &&
        weiri_bytes_are(original, digits))
        return true;
    return no(r->words, "command %u: a repeat of something else", i);
}

static bool
check_record(reading *r, weiri_topic topic, uint32_t partition, const weiri_record *record)
{
    static fault_command command;
    char id[32];
    unsigned i;

    (void)snprintf(id, sizeof id, "%.*s", (int)(record->id.size < 31 ? record->id.size : 31), (const char *)record->id.data);
    if (sscanf(id, "c-%u", &i) != 1 || i >= r->e->commands)
        return no(r->words, "a command '%s' was never sent", id);
    found *f = &r->found[i];
    fault_command_make(&command, i);
    if (topic == WEIRI_TOPIC_COMMANDS) {
        if (f->commands++ == 0) {
            f->partition = partition;
            f->source = record->source;
        }
        return true;
    }
    if (weiri_bytes_are(record->type, WEIRI_OUTCOME_REPEATED))
        return check_repeat(r, f, i, record);
    if (f->commands == 0 || f->source != record->source || f->partition != partition)
        return no(r->words, "command %u: an answer without its command", i);
    if (topic == WEIRI_TOPIC_EVENTS)
        return check_event(r, record, i, &command);
    f->outcomes++;
    const char *wanted = command.message.amount < 0 ? WEIRI_OUTCOME_REJECTED : WEIRI_OUTCOME_ACCEPTED;
    return weiri_bytes_are(record->type, wanted) ? true : no(r->words, "command %u: another outcome than %s", i, wanted);
}

static bool
read_topic(reading *r, weiri_log *log, weiri_topic topic, uint32_t partition)
{
    weiri_chunk chunk = { 0 };
    weir_error err;
    uint64_t offset = 0, at;
    bool good = true;

    do {
        weiri_record record;
        weir_status status = weiri_log_read(log, topic, partition, offset, &chunk, &err);
        if (status != WEIR_OK)
            good = no(r->words, "reading: %.400s", err.text);
        while (good && weiri_chunk_next(&chunk, &record, &at, &status))
            good = status == WEIR_OK ? check_record(r, topic, partition, &record) : no(r->words, "a record can't be read");
        if (!good || chunk.next_offset == offset)
            break;
        offset = chunk.next_offset;
    } while (offset < weiri_log_end(log, topic, partition));
    weiri_chunk_fini(&chunk);
    if (good && offset != weiri_log_end(log, topic, partition))
        return no(r->words, "reading stops before the end");
    return good;
}

static bool
check_commands(const reading *r)
{
    static fault_command command;

    for (unsigned i = 0; i < r->e->commands; i++) {
        const found *f = &r->found[i];
        if (f->commands > 1 + f->repeats)
            return no(r->words, "command %u is there %u times", i, f->commands - f->repeats);
        if (f->commands > 0 && r->e->refused != NULL && r->e->refused[i])
            return no(r->words, "command %u was refused and is there", i);
        if (f->commands == 0)
            continue;
        fault_command_make(&command, i);
        unsigned events = fault_events_of(command.message.amount);
        if (f->events != events || f->outcomes != (events == 0))
            return no(r->words, "command %u is half there: %u of %u events, %u outcomes", i, f->events, events, f->outcomes);
    }
    for (size_t n = 0; n < r->e->heard_n; n++) {
        const fault_heard *h = &r->e->heard[n];
        const found *f = &r->found[h->i];
        if (f->commands == 0)
            return no(r->words, "command %u was acknowledged and is not there", h->i);
        if (h->partition < 0)
            continue;
        if (f->source != h->source || f->partition != (uint32_t)h->partition || f->events != h->events ||
            (h->events > 0 && f->version != h->version))
            return no(r->words, "command %u was acknowledged as something else than what is there", h->i);
    }
    return true;
}

static bool
read_log(const char *dir, reading *r)
{
    const weiri_embedded_config config = { .dir = dir, .module = "fault", .partitions = 2, .world = &weiri_world_real };
    weiri_verify_report report;
    weiri_log *log;
    weir_error err;
    bool good = true;

    weir_status status = weiri_embedded_open(&config, &log, &err);
    if (status != WEIR_OK)
        return no(r->words, "not opened: %s: %.400s", weir_status_name(status), err.text);
    r->words[0] = '\0';
    if (weiri_log_verify(log, first_fault, r->words, NULL, &report, &err) != WEIR_OK)
        good = no(r->words, "not verified: %.400s", err.text);
    else if (r->words[0] != '\0')
        good = false;
    for (uint32_t p = 0; good && p < log->identity.partitions; p++) {
        for (weiri_topic t = WEIRI_TOPIC_COMMANDS; good && t <= WEIRI_TOPIC_OUTCOMES; t++)
            good = read_topic(r, log, t, p);
    }
    weiri_log_close(log);
    return good && check_commands(r);
}

static void
reading_init(reading *r, const expected *e, char *words)
{
    *r = (reading){ .e = e,
        .found = calloc(e->commands + 1, sizeof *r->found),
        .totals = calloc(FAULT_KEYS, sizeof *r->totals),
        .adds = calloc(FAULT_KEYS, sizeof *r->adds),
        .words = words };
    if (r->found == NULL || r->totals == NULL || r->adds == NULL)
        abort();
}

static void
reading_fini(reading *r)
{
    free(r->found);
    free(r->totals);
    free(r->adds);
}

bool
check_log(const char *dir, const expected *e, char words[WORDS])
{
    reading r;

    reading_init(&r, e, words);
    bool good = read_log(dir, &r);
    reading_fini(&r);
    return good;
}

static bool
check_view(weir_engine *engine, const reading *r)
{
    weir_error err = { 0 };
    weir_rows *rows;
    unsigned seen = 0, wanted = 0;
    bool good = true;

    if (weir_settle(engine, true, 60000) != WEIR_OK)
        return no(r->words, "the view does not catch up");
    if (weir_query(engine, "counters.all", NULL, NULL, 0, &rows, &err) != WEIR_OK)
        return no(r->words, "the view can't be asked: %.400s", err.text);
    for (; good && weir_rows_next(rows); seen++) {
        unsigned key = FAULT_KEYS;
        (void)sscanf(weir_rows_text(rows, 0), "k-%u", &key);
        good = key < FAULT_KEYS && weir_rows_integer(rows, 1) == r->totals[key] && weir_rows_integer(rows, 2) == r->adds[key];
    }
    weir_rows_free(rows);
    for (unsigned key = 0; key < FAULT_KEYS; key++)
        wanted += r->adds[key] > 0;
    return good && seen == wanted ? true : no(r->words, "the view differs from the sum of the events");
}

static bool
check_answers(weir_engine *engine, const reading *r)
{
    static fault_command command;
    const expected *e = r->e;
    weir_outcome outcome = { 0 };

    for (size_t n = e->heard_n < 3 ? 0 : e->heard_n - 3; n < e->heard_n; n++) {
        const fault_heard *h = &e->heard[n];
        fault_command_make(&command, h->i);
        weir_status status = weir_execute(engine, &command.message.base, &(weir_submission){ .id = command.id }, &outcome);
        if (status != (weir_status)h->status || !outcome.repeated || (h->events > 0 && outcome.version != h->version))
            return no(r->words, "command %u sent again: %s, repeated %d, version %llu: %.200s", h->i, weir_status_name(status),
                outcome.repeated, (unsigned long long)outcome.version, outcome.text);
    }
    fault_command_make(&command, 1);
    if (weir_execute(engine, &command.message.base, &(weir_submission){ .id = "new" }, &outcome) != WEIR_OK || outcome.repeated)
        return no(r->words, "a new command is not taken: %.200s", outcome.text);
    return true;
}

bool
check_engine(const char *dir, const char *views, const expected *e, char words[WORDS])
{
    weir_engine *engine = NULL;
    weir_error err = { 0 };
    char settings[4200];
    reading r;

    reading_init(&r, e, words);
    bool good = read_log(dir, &r);
    (void)snprintf(settings, sizeof settings, "dir='%s' views='%s' checkpoint.events=300", dir, views);
    if (good && weir_open(&fault_module, settings, &engine, &err) != WEIR_OK)
        good = no(words, "the engine does not open: %.400s", err.text);
    good = good && check_view(engine, &r) && check_answers(engine, &r);
    weir_close(engine);
    reading_fini(&r);
    return good;
}
