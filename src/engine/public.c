/* SPDX-License-Identifier: Apache-2.0
 * The engine for a program of one's own: the same lanes, asked with messages in memory instead of bodies. Thread: any. */
#include "engine/inside.h"
#include "base/text.h"
#include "engine/settle.h"
#include "base/memory.h"
#include "message/outcome.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

weir_status
weir_open(const weir_module *module, const char *settings_text, weir_engine **ret_engine, weir_error *err)
{
    weiri_settings settings = { 0 };
    weiri_loaded_module loaded = { 0 };
    weiri_problems problems = { 0 };
    weir_engine *engine = NULL;
    weir_status status = WEIR_OK;

    if (settings_text != NULL)
        status = weiri_settings_parse(&settings, settings_text, err);
    if (status == WEIR_OK)
        status = weiri_module_linked(module, weiri_settings_text(&settings, "views"), &loaded, err);
    if (status == WEIR_OK)
        status = weiri_service_open(module, loaded.views_dir, loaded.build_id, &settings, &engine, &problems, err);
    if (status == WEIR_OK) {
        engine->loaded = loaded;
        *ret_engine = engine;
    } else
        weiri_module_unload(&loaded);
    weiri_problems_fini(&problems);
    weiri_settings_fini(&settings);
    return status;
}

/* ---- commands --------------------------------------------------------------------------------------------- */

typedef struct submitted {
    weir_engine *engine;
    weir_outcome_fn *done;
    void *user;
    unsigned generation;
} submitted;

static void
fill_outcome(const weir_engine *engine, const weiri_answer *answer, weir_outcome *to)
{
    *to = (weir_outcome){
        .status = answer->status == WEIR_OK ? WEIR_OK : weiri_answer_row_of(answer->status, answer->code)->status,
        .repeated = answer->repeated,
        .version = answer->version,
        .events = answer->events,
        .log_id = engine->identity->id,
        .partition = (int32_t)answer->partition,
        .source = answer->source,
    };
    weiri_text_fit(to->code, sizeof to->code, answer->code);
    weiri_text_fit(to->text, sizeof to->text, answer->text);
}

static void
answered(void *user, const weiri_answer *answer)
{
    submitted *s = user;
    weir_engine *engine = s->engine;
    weir_outcome outcome;

    fill_outcome(engine, answer, &outcome);
    s->done(s->user, &outcome);
    weiri_settling_leave(&engine->settling, s->generation);
    weiri_release(s);
}

static weir_status
find_type(const weir_engine *engine, const ProtobufCMessage *command, const weiri_type **ret_type, weir_error *err)
{
    const ProtobufCMessageDescriptor *d = command->descriptor;
    const weiri_type *type = weiri_schema_find(engine->schema, weiri_bytes_of(d->name));

    if (type == NULL || type->kind != WEIRI_TYPE_COMMAND)
        return weiri_error_set(err, WEIR_INVALID, "%s is no command of module %s", d->name, engine->module->name);
    if (type->descriptor != d)
        return weiri_error_set(err, WEIR_INVALID, "%s comes from another copy of its generated code than the module's", d->name);
    *ret_type = type;
    return WEIR_OK;
}

static weir_status
check_submission(const weir_submission *s, weir_error *err)
{
    weir_status status = WEIR_OK;

    if (s->id != NULL && s->source != NULL)
        return weiri_error_set(err, WEIR_INVALID, "a submission has either an id, or source and sequence");
    if (s->id != NULL)
        status = weiri_check_id("id", s->id, err);
    if (s->source != NULL)
        status = weiri_check_id("source", s->source, err);
    if (s->source != NULL && status == WEIR_OK && (s->sequence == 0 || s->previous >= s->sequence))
        status = weiri_error_set(err, WEIR_INVALID, "source %s: sequence must be at least 1, and previous less than it", s->source);
    return status;
}

/* What makes chance of a command without a client's id: its place in its source if it has one, so that it stays the same. */
static weiri_bytes
choose_id(const weir_engine *engine, const weir_submission *s, char to[WEIRI_ID_MOST + 1])
{
    int n = 0;

    if (s->id != NULL)
        return weiri_bytes_of(s->id);
    if (s->source != NULL)
        n = snprintf(to, WEIRI_ID_MOST + 1, "%s/%" PRIu64, s->source, s->sequence);
    if (n <= 0 || n > WEIRI_ID_MOST)
        weiri_uuid7(engine->world, to);
    return weiri_bytes_of(to);
}

weir_status
weir_submit(weir_engine *engine, const ProtobufCMessage *command, const weir_submission *submission, weir_outcome_fn *done, void *user,
    weir_error *err)
{
    static const weir_submission nothing = { 0 };
    const weir_submission *given = submission != NULL ? submission : &nothing;
    char made[WEIRI_ID_MOST + 1];
    weiri_packed packed = { 0 };
    const weiri_type *type = NULL;
    weir_error why;
    const char *code;

    weir_status status = find_type(engine, command, &type, &why);
    if (status == WEIR_OK)
        status = check_submission(given, &why);
    if (status == WEIR_OK)
        status = weiri_pack_command(type, command, &packed, &why);
    submitted *s = status == WEIR_OK ? malloc(sizeof *s) : NULL;
    if (status == WEIR_OK && s == NULL)
        status = weiri_error_set(&why, WEIR_NO_MEMORY, "no memory for a command: nothing was taken");
    if (status == WEIR_OK) {
        *s = (submitted){ engine, done, user, weiri_settling_join(&engine->settling) };
        weiri_submit to = {
            .type = type,
            .key = weiri_bytes_of(packed.key),
            .payload = weiri_buffer_bytes(&packed.bytes),
            .id = choose_id(engine, given, made),
            .client_id = given->id != NULL,
            .expect = given->expect,
            .expected_version = given->expected_version,
            .source = weiri_bytes_of(given->source),
            .sequence = given->sequence,
            .previous = given->previous,
            .fingerprint = given->fingerprint,
            /* Outside, 0 waits for ever and -1 not at all, so that a zeroed submission does the usual; inside it is the reverse. */
            .timeout_ms = given->timeout_ms > 0    ? given->timeout_ms
                          : given->timeout_ms == 0 ? -1
                                                   : 0,
            .done = answered,
            .user = s,
        };
        status = weiri_submit_to_lane(engine, &to, &code, &why);
        if (status != WEIR_OK) {
            weiri_settling_leave(&engine->settling, s->generation);
            weiri_release(s);
        }
    }
    weiri_buffer_fini(&packed.bytes);
    if (status != WEIR_OK && err != NULL)
        *err = why;
    return status;
}

/* On the stack of its caller, who leaves as soon as `done` is set: setting it is the last that is done to it here. So what the
 * caller sleeps on belongs to the engine, which outlives every call. */
typedef struct execution {
    _Atomic bool done;
    weiri_signal *answered;
    weir_outcome outcome;
} execution;

static void
executed(void *user, const weir_outcome *outcome)
{
    execution *e = user;
    weiri_signal *answered = e->answered;

    e->outcome = *outcome;
    atomic_store(&e->done, true);
    weiri_signal_raise(answered);
}

weir_status
weir_execute(weir_engine *engine, const ProtobufCMessage *command, const weir_submission *submission, weir_outcome *ret_outcome)
{
    execution e = { .answered = &engine->executed[atomic_fetch_add(&engine->executions, 1) % WEIRI_EXECUTED_SIGNALS] };
    weir_error err;

    if (weir_submit(engine, command, submission, executed, &e, &err) == WEIR_OK) {
        for (uint64_t seen = weiri_signal_count(e.answered); !atomic_load(&e.done); seen = weiri_signal_count(e.answered))
            (void)weiri_signal_wait(e.answered, seen, -1);
    } else {
        e.outcome = (weir_outcome){ .status = err.status, .log_id = engine->identity->id };
        const char *code = err.status == WEIR_IO ? WEIRI_LOG_FAILED : weiri_answer_row_of(err.status, "")->code;
        weiri_text_fit(e.outcome.code, sizeof e.outcome.code, code);
        weiri_text_fit(e.outcome.text, sizeof e.outcome.text, err.text);
    }
    *ret_outcome = e.outcome;
    return e.outcome.status;
}

weir_status
weir_settle(weir_engine *engine, bool with_views, int64_t timeout_ms)
{
    const weiri_world *world = engine->world;
    int64_t until_us = world->monotonic_us(world) + timeout_ms * 1000;
    weir_error err;

    if (!weiri_settling_wait(&engine->settling, world, until_us))
        return WEIR_TIMEOUT;
    if (!with_views)
        return WEIR_OK;
    int64_t left_ms = (until_us - world->monotonic_us(world)) / 1000;
    return weiri_views_settle(engine->views, left_ms > 0 ? left_ms : 0, &err);
}
