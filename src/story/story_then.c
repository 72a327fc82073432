/* SPDX-License-Identifier: Apache-2.0
 * `then` of a story: what the last step resulted in, held against the story's words one by one. Thread: one. */
#include "base/memory.h"
#include "base/text.h"
#include "message/fields.h"
#include "story/story_inside.h"
#include <inttypes.h>
#include <string.h>

static const struct {
    const char *unit;
    int64_t ms;
} units[] = { { "d", 86400000 }, { "h", 3600000 }, { "min", 60000 }, { "s", 1000 }, { "ms", 1 } };

bool
weiri_story_span_read(const char *text, int64_t *ret_ms)
{
    char digits[16] = "";
    size_t n = strspn(text, "0123456789");
    int64_t amount;

    if (n == 0 || n > 9)
        return false;
    memcpy(digits, text, n);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(text + n, units[i].unit) == 0 && weiri_text_to_int64(digits, &amount)) {
            *ret_ms = amount * units[i].ms;
            return true;
        }
    return false;
}

/* In the largest unit that it is a whole number of. */
static void
add_span(weiri_buffer *to, int64_t ms)
{
    size_t i = 0;

    while (ms == 0 ? i < sizeof units / sizeof *units - 1 : ms % units[i].ms != 0)
        i++;
    weiri_buffer_print(to, "%" PRId64 "%s", ms / units[i].ms, units[i].unit);
}

static void
add_result_words(weiri_buffer *to, const weiri_story_result *result)
{
    switch (result->kind) {
    case WEIRI_RESULT_REJECTED:
        weiri_buffer_print(to, "rejected %s", result->code);
        return;
    case WEIRI_RESULT_SCHEDULES:
        weiri_buffer_print(to, "schedules %s ", result->timer);
        add_span(to, result->delay_ms);
        return;
    case WEIRI_RESULT_FINISHES:
        weiri_buffer_add_text(to, "finishes");
        return;
    case WEIRI_RESULT_SENDS:
        weiri_buffer_add_text(to, "sends ");
        break;
    case WEIRI_RESULT_EVENT:
        break;
    }
    weiri_buffer_print(to, "%s ", result->type->descriptor->short_name);
    weiri_fields_add_message(to, result->message);
}

static bool
differs_from_result(weiri_story_running *r, const weiri_story_result *result)
{
    weiri_buffer words = { 0 };

    if (result == NULL)
        return weiri_story_differs(r, "then nothing%s", r->named > 0 ? " (more)" : "");
    add_result_words(&words, result);
    weiri_story_differs(r, "then %s", weiri_buffer_text(&words));
    weiri_buffer_fini(&words);
    return false;
}

static bool
then_message(weiri_story_running *r, weiri_story_result_kind kind, const char *text, const weiri_story_result *result)
{
    const weiri_type *type;
    ProtobufCMessage *message;
    weir_error err;
    bool bare;

    if (weiri_story_read_message(r->world->schema, kind == WEIRI_RESULT_SENDS ? WEIRI_TYPE_COMMAND : WEIRI_TYPE_EVENT, text, &type,
            &message, &bare, &err) != WEIR_OK)
        return weiri_story_fails(r, &err);
    bool same = result != NULL && result->kind == kind && result->type == type &&
                (bare || weiri_story_same_message(message, result->message));
    protobuf_c_message_free_unpacked(message, NULL);
    return same || differs_from_result(r, result);
}

/* "TIMER DURATION", or the timer alone. */
static bool
then_schedules(weiri_story_running *r, const char *text, const weiri_story_result *result)
{
    size_t n = strcspn(text, " \t");
    const char *span = text + n + strspn(text + n, " \t");
    int64_t delay_ms = 0;

    if (*span != '\0' && !weiri_story_span_read(span, &delay_ms))
        return weiri_story_differs(r, "'%s' is no time span: a whole number and ms, s, min, h or d, as in 30min", span);
    bool same = result != NULL && result->kind == WEIRI_RESULT_SCHEDULES && strlen(result->timer) == n &&
                memcmp(result->timer, text, n) == 0 && (*span == '\0' || result->delay_ms == delay_ms);
    return same || differs_from_result(r, result);
}

/* The words behind `word` and blanks; NULL: `text` doesn't begin with it. */
static const char *
behind(const char *text, const char *word)
{
    size_t n = strlen(word);

    return strncmp(text, word, n) != 0 || (text[n] != ' ' && text[n] != '\t') ? NULL : text + n + strspn(text + n, " \t");
}

bool
weiri_story_then(weiri_story_running *r)
{
    const char *text = r->step->text, *rest;
    const weiri_story_result *result = r->named < r->world->n_results ? &r->world->results[r->named] : NULL;
    bool holds;

    r->thens = true;
    r->thens_line = r->step->line;
    if (strcmp(text, "nothing") == 0)
        return result == NULL || differs_from_result(r, result);
    if ((rest = behind(text, "sends")) != NULL)
        holds = then_message(r, WEIRI_RESULT_SENDS, rest, result);
    else if ((rest = behind(text, "schedules")) != NULL)
        holds = then_schedules(r, rest, result);
    else if (strcmp(text, "finishes") == 0)
        holds = (result != NULL && result->kind == WEIRI_RESULT_FINISHES) || differs_from_result(r, result);
    else if ((rest = behind(text, "rejected")) != NULL)
        holds = (result != NULL && result->kind == WEIRI_RESULT_REJECTED && strcmp(result->code, rest) == 0) ||
                differs_from_result(r, result);
    else
        holds = then_message(r, WEIRI_RESULT_EVENT, text, result);
    r->named++;
    return holds;
}

bool
weiri_story_all_named(weiri_story_running *r)
{
    bool all = !r->thens || r->named >= r->world->n_results;

    for (size_t i = r->named; !all && i < r->world->n_results; i++) {
        weiri_buffer words = { 0 };
        add_result_words(&words, &r->world->results[i]);
        weiri_buffer_print(r->talk, "%s:%d: and %s\n", r->path, r->thens_line, weiri_buffer_text(&words));
        weiri_buffer_fini(&words);
    }
    r->thens = false;
    r->named = 0;
    return all;
}
