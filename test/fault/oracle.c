/* SPDX-License-Identifier: Apache-2.0
 * Asking a data directory, first a sound one, then damaged copies of it. One thread. */
#include "oracle.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "engine/service.h"
#include "log/embedded/embedded.h"

enum { AGAIN = 25, SETTLE_MS = 20000 };

static oracle_verdict say(char *words, oracle_verdict verdict, const char *format, ...) WEIR_PRINTF(3, 4);

static oracle_verdict
say(char *words, oracle_verdict verdict, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(words, ORACLE_WORDS, format, arguments);
    va_end(arguments);
    return verdict;
}

/* ---- the log -------------------------------------------------------------------------------------------- */

static void
pack(const weiri_record *record, weiri_buffer *to)
{
    uint32_t size = (uint32_t)weiri_record_size(record);

    weiri_buffer_add(to, &size, sizeof size);
    weiri_record_write(record, weiri_buffer_extend(to, size));
}

typedef struct asking {
    const oracle *o;
    oracle *learn; /* not NULL: what is read is what is right */
    bool more;
    char *words;
} asking;

/* Compares one record with what is known of its offset; they are read in order. */
static oracle_verdict
compare(const asking *a, weiri_topic topic, uint32_t partition, uint64_t offset, const weiri_record *record, size_t *at)
{
    const weiri_buffer *known = &a->o->records[topic][partition];
    weiri_buffer packed = { 0 };

    if (a->learn != NULL) {
        pack(record, &a->learn->records[topic][partition]);
        return ORACLE_RIGHT;
    }
    if (offset >= a->o->ends[topic][partition])
        return a->more ? ORACLE_RIGHT : say(a->words, ORACLE_WRONG, "a record that was never written at %llu", (unsigned long long)offset);
    pack(record, &packed);
    bool same = packed.size <= known->size - *at && memcmp(packed.data, known->data + *at, packed.size) == 0;
    *at += packed.size;
    weiri_buffer_fini(&packed);
    return same ? ORACLE_RIGHT
                : say(a->words, ORACLE_WRONG, "%s, partition %u, offset %llu: another record than was written", weiri_topic_name(topic),
                      partition, (unsigned long long)offset);
}

static oracle_verdict
read_topic(const asking *a, weiri_log *log, weiri_topic topic, uint32_t partition)
{
    uint64_t end = weiri_log_end(log, topic, partition), next = 0, offset;
    oracle_verdict verdict = ORACLE_RIGHT;
    weiri_chunk chunk = { 0 };
    weiri_record record;
    weir_status status;
    weir_error err = { 0 };
    char where[64];
    size_t at = 0;

    (void)snprintf(where, sizeof where, "%s, partition %u, offset ", weiri_topic_name(topic), partition);
    while (verdict == ORACLE_RIGHT && next < end) {
        status = weiri_log_read(log, topic, partition, next, &chunk, &err);
        if (status != WEIR_OK) {
            verdict = strncmp(err.text, where, strlen(where)) == 0
                          ? say(a->words, ORACLE_FOUND, "%.350s", err.text)
                          : say(a->words, ORACLE_WRONG, "damage without its place: %.300s", err.text);
            break;
        }
        while (verdict == ORACLE_RIGHT && weiri_chunk_next(&chunk, &record, &offset, &status)) {
            if (status != WEIR_OK || offset != next)
                verdict = say(
                    a->words, ORACLE_WRONG, "%s%llu: served at %llu", where, (unsigned long long)next, (unsigned long long)offset);
            else
                verdict = compare(a, topic, partition, next++, &record, &at);
        }
        if (chunk.bytes.size == 0 && verdict == ORACLE_RIGHT)
            verdict = say(a->words, ORACLE_WRONG, "%s%llu: nothing, before the end", where, (unsigned long long)next);
    }
    weiri_chunk_fini(&chunk);
    return verdict;
}

static oracle_verdict
read_log(asking *a, const char *dir)
{
    const weiri_embedded_config config = { .dir = dir, .module = "fault", .reserve_bytes = 1, .world = &weiri_world_real };
    oracle_verdict verdict = ORACLE_RIGHT;
    weir_error err = { 0 };
    weiri_log *log;

    weir_status status = weiri_embedded_open(&config, &log, &err);
    if (status != WEIR_OK)
        return say(a->words, ORACLE_FOUND, "not opened: %.350s", err.text);
    for (uint32_t p = 0; p < ORACLE_PARTITIONS && verdict != ORACLE_WRONG; p++) {
        for (unsigned t = 0; t < WEIRI_TOPICS && verdict != ORACLE_WRONG; t++) {
            uint64_t end = weiri_log_end(log, t, p);
            if (a->learn != NULL)
                a->learn->ends[t][p] = end;
            else if (end < a->o->ends[t][p] || (!a->more && end > a->o->ends[t][p]))
                verdict = say(a->words, ORACLE_WRONG, "%s, partition %u: the log ends at %llu, not %llu, and says nothing",
                    weiri_topic_name(t), p, (unsigned long long)end, (unsigned long long)a->o->ends[t][p]);
            oracle_verdict one = verdict == ORACLE_WRONG ? verdict : read_topic(a, log, t, p);
            verdict = one > verdict ? one : verdict;
        }
    }
    weiri_log_close(log);
    return verdict;
}

oracle_verdict
oracle_ask_log(const oracle *o, const char *dir, bool more, char words[ORACLE_WORDS])
{
    asking a = { .o = o, .more = more, .words = words };

    return read_log(&a, dir);
}

/* ---- the engine ----------------------------------------------------------------------------------------- */

static bool
may_tell(weir_status status)
{
    return status == WEIR_CORRUPT || status == WEIR_IO || status == WEIR_BUSY || status == WEIR_CLOSED || status == WEIR_BEHIND ||
           status == WEIR_TIMEOUT;
}

static oracle_verdict
ask_view(weir_engine *engine, weiri_buffer *ret_rows, char *words)
{
    weir_error err = { 0 };
    weir_rows *rows;

    if (weir_settle(engine, true, SETTLE_MS) != WEIR_OK)
        return say(words, ORACLE_FOUND, "the view stands still");
    weir_status status = weir_query(engine, "counters.all", NULL, NULL, 0, &rows, &err);
    if (status != WEIR_OK)
        return say(words, may_tell(status) ? ORACLE_FOUND : ORACLE_WRONG, "the view says: %.300s", err.text);
    while (weir_rows_next(rows))
        weiri_buffer_print(ret_rows, "%s %lld %lld\n", weir_rows_text(rows, 0), (long long)weir_rows_integer(rows, 1),
            (long long)weir_rows_integer(rows, 2));
    weir_rows_free(rows);
    return ORACLE_RIGHT;
}

typedef struct state_asked {
    weiri_buffer *to;
    weiri_signal answered;
    int http;
} state_asked;

static void
hear_state(void *user, weiri_reply *reply)
{
    state_asked *asked = user;

    asked->http = reply->http;
    weiri_buffer_add_bytes(asked->to, weiri_buffer_bytes(&reply->body));
    weiri_buffer_add_char(asked->to, '\n');
    weiri_signal_raise(&asked->answered);
}

/* What the lanes have in memory: from a checkpoint, where there is one that fits. */
static oracle_verdict
ask_states(weir_engine *engine, state_asked *asked, char *words)
{
    oracle_verdict verdict = ORACLE_RIGHT;
    char key[16];

    for (unsigned k = 0; k < FAULT_KEYS && verdict == ORACLE_RIGHT; k++) {
        uint64_t seen = weiri_signal_count(&asked->answered);
        (void)snprintf(key, sizeof key, "k-%u", k);
        weiri_service_state(engine, "counter", key, 0, hear_state, asked);
        (void)weiri_signal_wait(&asked->answered, seen, -1);
        if (asked->http != 200 && asked->http != 404)
            verdict = say(words, ORACLE_FOUND, "state of %s: %.300s", key, weiri_buffer_text(asked->to));
    }
    return verdict;
}

/* A command sent again has the answer it had; commands are taken from all over the log. */
static oracle_verdict
ask_again(weir_engine *engine, const oracle *o, char *words)
{
    static fault_command command;

    for (size_t n = 0; n < o->heard_n; n += o->heard_n / AGAIN + 1) {
        const fault_heard *h = &o->heard[n];
        weir_outcome outcome = { 0 };
        fault_command_make(&command, h->i);
        weir_status status = weir_execute(engine, &command.message.base, &(weir_submission){ .id = command.id }, &outcome);
        if (may_tell(status))
            return say(words, ORACLE_FOUND, "command %u sent again: %.300s", h->i, outcome.text);
        if (status != (weir_status)h->status || !outcome.repeated || (h->events > 0 && outcome.version != h->version))
            return say(words, ORACLE_WRONG, "command %u sent again: %s, repeated %d, version %llu: %.200s", h->i, weir_status_name(status),
                outcome.repeated, (unsigned long long)outcome.version, outcome.text);
    }
    return ORACLE_RIGHT;
}

static oracle_verdict
send_fresh(weir_engine *engine, unsigned fresh, char *words)
{
    static fault_command command;
    char id[32];

    for (unsigned i = 0; i < fresh; i++) {
        weir_outcome outcome = { 0 };
        fault_command_make(&command, 13 * i + 1); /* none is refused */
        (void)snprintf(id, sizeof id, "fresh-%u", i);
        weir_status status = weir_execute(engine, &command.message.base, &(weir_submission){ .id = id }, &outcome);
        if (may_tell(status))
            return say(words, ORACLE_FOUND, "a new command: %.300s", outcome.text);
        if (status != WEIR_OK || outcome.repeated)
            return say(words, ORACLE_WRONG, "a new command: %s: %.300s", weir_status_name(status), outcome.text);
    }
    return ORACLE_RIGHT;
}

static oracle_verdict
open_engine(const char *dir, const char *views, weir_engine **ret_engine, char *words)
{
    weir_error err = { 0 };
    char settings[4200];

    (void)snprintf(settings, sizeof settings, "dir='%s' views='%s' disk.reserve=1048576 checkpoint.events=300", dir, views);
    if (weir_open(&fault_module, settings, ret_engine, &err) != WEIR_OK)
        return say(words, ORACLE_FOUND, "the engine does not open: %.300s", err.text);
    return ORACLE_RIGHT;
}

oracle_verdict
oracle_ask_engine(const oracle *o, const char *dir, unsigned fresh, char words[ORACLE_WORDS])
{
    weir_engine *engine = NULL;
    weiri_buffer rows = { 0 }, states = { 0 };

    state_asked asked = { .to = &states };

    oracle_verdict verdict = open_engine(dir, o->views, &engine, words);
    if (verdict != ORACLE_RIGHT)
        return verdict;
    weiri_signal_init(&asked.answered);
    verdict = ask_view(engine, &rows, words);
    if (verdict == ORACLE_RIGHT && !weiri_bytes_equal(weiri_buffer_bytes(&rows), weiri_buffer_bytes(&o->rows)))
        verdict = say(words, ORACLE_WRONG, "the view has other rows");
    oracle_verdict known = verdict == ORACLE_WRONG ? verdict : ask_states(engine, &asked, words);
    if (known == ORACLE_RIGHT && !weiri_bytes_equal(weiri_buffer_bytes(&states), weiri_buffer_bytes(&o->states)))
        known = say(words, ORACLE_WRONG, "an aggregate has another state");
    verdict = known > verdict ? known : verdict;
    oracle_verdict again = verdict == ORACLE_WRONG ? verdict : ask_again(engine, o, words);
    verdict = again > verdict ? again : verdict;
    oracle_verdict sent = verdict == ORACLE_WRONG ? verdict : send_fresh(engine, fresh, words);
    verdict = sent > verdict ? sent : verdict;
    weir_close(engine);
    weiri_signal_fini(&asked.answered); /* now nobody can be on his way out of raising it */
    weiri_buffer_fini(&rows);
    weiri_buffer_fini(&states);
    return verdict;
}

void
oracle_make(oracle *o, const char *dir)
{
    weir_engine *engine = NULL;
    char words[ORACLE_WORDS] = "";
    asking a = { .o = o, .learn = o, .words = words };
    state_asked asked = { .to = &o->states };

    weiri_signal_init(&asked.answered);
    bool good = read_log(&a, dir) == ORACLE_RIGHT && open_engine(dir, o->views, &engine, words) == ORACLE_RIGHT &&
                ask_view(engine, &o->rows, words) == ORACLE_RIGHT && ask_states(engine, &asked, words) == ORACLE_RIGHT;
    weir_close(engine);
    weiri_signal_fini(&asked.answered);
    if (!good) {
        (void)fprintf(stderr, "%s is not sound: %s\n", dir, words);
        exit(2);
    }
}
