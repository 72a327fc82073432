/* SPDX-License-Identifier: Apache-2.0
 * The one table of settings, and setting one: checked when it is set, so that whoever reads it later need not be asked.
 * Thread: one at a time. */
#include "engine/settings.h"
#include "base/assert.h"
#include "base/memory.h"
#include "base/text.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

const weiri_setting_row weiri_setting_rows[] = {
    { "dir", WEIRI_SETTING_TEXT, "", 0, 0, "data directory; empty: MODULE.data" },
    { "partitions", WEIRI_SETTING_NUMBER, "4", 1, 64, "partitions of a new log; an old one keeps its own" },
    { "threads", WEIRI_SETTING_NUMBER, "0", 0, 64, "threads of the lanes; 0: one a partition, at most one a core" },
    { "views", WEIRI_SETTING_TEXT, "", 0, 0, "directory of the view files; empty: the module's own" },
    { "listen", WEIRI_SETTING_TEXT, "127.0.0.1:8080", 0, 0, "address and port of HTTP; port 0: any free one" },
    { "http.threads", WEIRI_SETTING_NUMBER, "0", 0, 64, "threads of HTTP; 0: one a core, at most 4" },
    { "http.connections", WEIRI_SETTING_NUMBER, "10000", 1, 1000000, "connections at once" },
    { "http.idle", WEIRI_SETTING_NUMBER, "60", 1, 3600, "seconds after which a connection is closed on which nothing moves" },
    { "queue.items", WEIRI_SETTING_NUMBER, "65536", 1, 16777216, "commands that may wait in one lane" },
    { "queue.size", WEIRI_SETTING_SIZE, "64MB", 2 * MIB, 16 * GIB, "bytes of commands that may wait in one lane" },
    { "window", WEIRI_SETTING_NUMBER, "262144", 1, 16777216, "outcomes with a client's id remembered in a partition" },
    { "checkpoint.events", WEIRI_SETTING_NUMBER, "1000000", 1, 1000000000, "a checkpoint is begun after so many events of a partition" },
    { "states.memory", WEIRI_SETTING_SIZE, "1GB", MIB, 1024 * GIB,
        "memory for the states of aggregates; the others wait in the checkpoint" },
    { "waiters", WEIRI_SETTING_NUMBER, "262144", 1, 16777216, "requests that may wait for their outcomes at once" },
    { "processes.start", WEIRI_SETTING_WORD, "now", 0, 0, "of what a process hears that is new in the log: now or beginning",
        "now,beginning" },
    { "processes.loop", WEIRI_SETTING_NUMBER, "4096", 1, 1000000000,
        "steps of processes that come of each other, without a timer between, and are then a loop" },
    { "disk.reserve", WEIRI_SETTING_SIZE, "256MB", MIB, 1024 * GIB, "free disk space below which no command is taken" },
    { "query.timeout", WEIRI_SETTING_NUMBER, "5000", 1, 3600000, "milliseconds that one query may run" },
    { "query.rows", WEIRI_SETTING_NUMBER, "100000", 1, 10000000, "rows that one answer may have" },
    { "outcome.timeout", WEIRI_SETTING_NUMBER, "30000", 1, 3600000, "milliseconds a request waits for its command's outcome" },
    { "log", WEIRI_SETTING_WORD, "embedded", 0, 0, "where commands and events are kept: embedded or kafka", "embedded,kafka" },
    { "brokers", WEIRI_SETTING_TEXT, "127.0.0.1:9092", 0, 0, "Kafka's bootstrap servers: HOST:PORT,HOST:PORT" },
    { "app", WEIRI_SETTING_TEXT, "", 0, 0, "prefix of the topics, the group and the transactional ids; empty: the module's name" },
    { "roles", WEIRI_SETTING_WORDS, "front,lane,views", 0, 0, "what this process does on Kafka: any of front, lane, views",
        "front,lane,views" },
    { "events.format", WEIRI_SETTING_WORD, "json", 0, 0, "how events are written to Kafka: json or protobuf", "json,protobuf" },
    { "kafka.options", WEIRI_SETTING_PAIRS, "", 0, 0, "librdkafka's own properties: name=value name='a value'; also -X name=value" },
    { "cluster.weak", WEIRI_SETTING_WORD, "no", 0, 0, "yes: fewer than 3 replicas and min.insync.replicas below 2 will do", "yes,no" },
    { "url", WEIRI_SETTING_TEXT, "http://127.0.0.1:8080", 0, 0, "where the running engine is that send, show and view talk to" },
    { NULL, WEIRI_SETTING_TEXT, NULL, 0, 0, NULL },
};

static_assert(sizeof weiri_setting_rows / sizeof *weiri_setting_rows <= WEIRI_SETTINGS_MOST, "the table fits into weiri_settings");

static int
find_row(const char *name)
{
    for (int i = 0; weiri_setting_rows[i].name != NULL; i++) {
        if (strcmp(weiri_setting_rows[i].name, name) == 0)
            return i;
    }
    return -1;
}

static int
row_of(const char *name)
{
    int i = find_row(name);

    weiri_assert(i >= 0);
    return i;
}

/* "64MB", "64m", "65536": powers of 1,024, whichever way the unit is written. */
static bool
read_size(const char *text, uint64_t *ret_bytes)
{
    static const struct {
        const char *unit;
        uint64_t bytes;
    } units[] = { { "", 1 }, { "B", 1 }, { "K", KIB }, { "KB", KIB }, { "KiB", KIB }, { "M", MIB }, { "MB", MIB }, { "MiB", MIB },
        { "G", GIB }, { "GB", GIB }, { "GiB", GIB } };
    size_t digits = strspn(text, "0123456789");
    char number[24];
    uint64_t value;

    if (digits == 0 || digits >= sizeof number)
        return false;
    memcpy(number, text, digits);
    number[digits] = '\0';
    if (!weiri_text_to_uint64(number, &value))
        return false;
    const char *unit = text + digits + strspn(text + digits, " ");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcasecmp(units[i].unit, unit) == 0)
            return !__builtin_mul_overflow(value, units[i].bytes, ret_bytes);
    }
    return false;
}

static bool
read_number(const weiri_setting_row *row, const char *text, uint64_t *ret_value)
{
    return row->kind == WEIRI_SETTING_SIZE ? read_size(text, ret_value) : weiri_text_to_uint64(text, ret_value);
}

/* The next word of a list with commas; NULL: no more. */
static const char *
next_word(const char **at, size_t *ret_size)
{
    const char *word = *at;

    if (word == NULL)
        return NULL;
    *ret_size = strcspn(word, ",");
    *at = word[*ret_size] == '\0' ? NULL : word + *ret_size + 1;
    return word;
}

static bool
list_has(const char *list, const char *word, size_t size)
{
    const char *at = list, *one;
    size_t one_size;

    while ((one = next_word(&at, &one_size)) != NULL)
        if (one_size == size && memcmp(one, word, size) == 0)
            return true;
    return false;
}

static weir_status
check_words(const weiri_setting_row *row, const char *value, const char *origin, weir_error *err)
{
    const char *at = value, *word;
    size_t size;

    if (row->kind == WEIRI_SETTING_WORD && strchr(value, ',') != NULL)
        return weiri_error_set(err, WEIR_INVALID, "%s: %s=%s: expected one of %s", origin, row->name, value, row->choices);
    while ((word = next_word(&at, &size)) != NULL)
        if (!list_has(row->choices, word, size))
            return weiri_error_set(
                err, WEIR_INVALID, "%s: %s=%s: '%.*s' is none of %s", origin, row->name, value, (int)size, word, row->choices);
    return WEIR_OK;
}

static weir_status
check(const weiri_setting_row *row, const char *value, const char *origin, weir_error *err)
{
    uint64_t number;

    switch (row->kind) {
    case WEIRI_SETTING_TEXT:
        for (const char *c = value; *c != '\0'; c++) {
            if ((unsigned char)*c < 0x20)
                return weiri_error_set(err, WEIR_INVALID, "%s: %s has a control character in it", origin, row->name);
        }
        if (!weiri_utf8_valid(weiri_bytes_of(value)))
            return weiri_error_set(err, WEIR_INVALID, "%s: %s is not UTF-8 text", origin, row->name);
        return WEIR_OK;
    case WEIRI_SETTING_WORD:
    case WEIRI_SETTING_WORDS:
        return check_words(row, value, origin, err);
    case WEIRI_SETTING_PAIRS:
        return weiri_settings_check_pairs(row->name, value, origin, err);
    case WEIRI_SETTING_NUMBER:
    case WEIRI_SETTING_SIZE:
        break;
    }
    if (!read_number(row, value, &number))
        return weiri_error_set(err, WEIR_INVALID, "%s: %s=%s: expected %s", origin, row->name, value,
            row->kind == WEIRI_SETTING_SIZE ? "a size, as 64MB (a number, then B, KB, MB or GB)" : "a whole number");
    if (number < row->least || number > row->most)
        return weiri_error_set(err, WEIR_INVALID, "%s: %s=%s is out of range: expected %" PRIu64 " to %" PRIu64 "%s", origin, row->name,
            value, row->least, row->most, row->kind == WEIRI_SETTING_SIZE ? " bytes" : "");
    return WEIR_OK;
}

weir_status
weiri_settings_set(weiri_settings *settings, const char *name, const char *value, const char *origin, weir_error *err)
{
    weiri_nearest nearest = { 0 };
    char hint[96];
    int i = find_row(name);

    if (i < 0) {
        for (int k = 0; weiri_setting_rows[k].name != NULL; k++)
            weiri_nearest_offer(&nearest, name, weiri_setting_rows[k].name);
        return weiri_error_set(err, WEIR_INVALID, "%s: there is no setting '%s'%s", origin, name,
            nearest.word != NULL ? weiri_nearest_hint(&nearest, hint, sizeof hint) : "; `weir config` lists them all");
    }
    weir_status status = check(&weiri_setting_rows[i], value, origin, err);
    if (status != WEIR_OK)
        return status;
    char *fresh_value = weiri_text_copy(value), *fresh_origin = weiri_text_copy(origin);
    weiri_release(settings->values[i]);
    weiri_release(settings->origins[i]);
    settings->values[i] = fresh_value;
    settings->origins[i] = fresh_origin;
    return WEIR_OK;
}

const char *
weiri_settings_text(const weiri_settings *settings, const char *name)
{
    int i = row_of(name);

    return settings->values[i] != NULL ? settings->values[i] : weiri_setting_rows[i].fallback;
}

uint64_t
weiri_settings_number(const weiri_settings *settings, const char *name)
{
    uint64_t value = 0;

    weiri_assert(read_number(&weiri_setting_rows[row_of(name)], weiri_settings_text(settings, name), &value));
    return value;
}

bool
weiri_settings_has(const weiri_settings *settings, const char *name, const char *word)
{
    return list_has(weiri_settings_text(settings, name), word, strlen(word));
}

const char *
weiri_settings_origin(const weiri_settings *settings, const char *name)
{
    int i = row_of(name);

    return settings->origins[i] != NULL ? settings->origins[i] : "default";
}

void
weiri_settings_fini(weiri_settings *settings)
{
    for (size_t i = 0; i < WEIRI_SETTINGS_MOST; i++) {
        weiri_release(settings->values[i]);
        weiri_release(settings->origins[i]);
    }
    memset(settings, 0, sizeof *settings);
}
