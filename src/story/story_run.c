/* SPDX-License-Identifier: Apache-2.0
 * What the words of a story mean. A step that can't be understood or differs ends its test; the words say what there was,
 * in the syntax of the story, ready to paste. Results that `then` left unnamed are looked at when the next step begins.
 * Thread: one. */
#include "story/story_run.h"
#include "base/memory.h"
#include "base/text.h"
#include "message/fields.h"
#include "story/story_inside.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool
weiri_story_differs(weiri_story_running *r, const char *format, ...)
{
    char text[sizeof((weir_error *)0)->text];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    weiri_buffer_print(r->talk, "%s:%d: %s\n", r->path, r->step->line, text);
    return false;
}

bool
weiri_story_fails(weiri_story_running *r, const weir_error *err)
{
    char text[sizeof err->text + sizeof err->file];

    weiri_error_format(err, text, sizeof text);
    return weiri_story_differs(r, "%s", text);
}

weir_status
weiri_story_read_message(const weiri_schema *schema, weiri_type_kind kind, const char *text, const weiri_type **ret_type,
    ProtobufCMessage **ret_message, bool *ret_bare, weir_error *err)
{
    char **arguments = NULL;
    size_t n = 0;
    weir_status status = weiri_fields_split(text, &arguments, &n, err);

    if (status != WEIR_OK)
        return status;
    if (n == 0)
        status = weiri_error_set(err, WEIR_INVALID, "a message is missing: Type field=value ...");
    else
        status = weiri_schema_look_up(schema, kind, arguments[0], ret_type, err);
    if (status == WEIR_OK)
        status = weiri_fields_to_message((*ret_type)->descriptor, (const char *const *)arguments + 1, n - 1, ret_message, err);
    if (ret_bare != NULL)
        *ret_bare = n == 1;
    weiri_fields_free(arguments, n);
    return status;
}

bool
weiri_story_same_message(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    size_t size = protobuf_c_message_get_packed_size(a);

    if (size != protobuf_c_message_get_packed_size(b))
        return false;
    weiri_buffer packed = { 0 };
    (void)protobuf_c_message_pack(a, weiri_buffer_extend(&packed, size));
    (void)protobuf_c_message_pack(b, weiri_buffer_extend(&packed, size));
    bool same = memcmp(packed.data, packed.data + size, size) == 0;
    weiri_buffer_fini(&packed);
    return same;
}

static bool
event_happens(weiri_story_running *r, const char *text, weiri_story_how how, weir_error *err)
{
    const weiri_type *type;
    ProtobufCMessage *message;

    if (weiri_story_read_message(r->world->schema, WEIRI_TYPE_EVENT, text, &type, &message, NULL, err) != WEIR_OK)
        return false;
    weir_status status = weiri_story_world_happen(r->world, type, message, how, err);
    protobuf_c_message_free_unpacked(message, NULL);
    return status == WEIR_OK;
}

static bool
given(weiri_story_running *r)
{
    weir_error err;

    return event_happens(r, r->step->text, WEIRI_STORY_GIVEN, &err) || weiri_story_fails(r, &err);
}

/* "CODE COMMAND". */
static bool
when_rejected(weiri_story_running *r, const char *text)
{
    size_t n = strcspn(text, " \t");
    const weiri_type *type;
    ProtobufCMessage *message;
    weir_error err;

    if (weiri_story_read_message(r->world->schema, WEIRI_TYPE_COMMAND, text + n, &type, &message, NULL, &err) != WEIR_OK)
        return weiri_story_fails(r, &err);
    char *code = weiri_text_copy_n(text, n);
    weir_status status = weiri_story_world_reject(r->world, code, type, message, &err);
    weiri_release(code);
    protobuf_c_message_free_unpacked(message, NULL);
    return status == WEIR_OK || weiri_story_fails(r, &err);
}

/* A command is decided. True also where it is no command: *ret_other, with the words for it. */
static bool
decide(weiri_story_running *r, weiri_story_how how, bool *ret_other, weir_error *err)
{
    const weiri_type *type;
    ProtobufCMessage *message;
    weir_status status = weiri_story_read_message(r->world->schema, WEIRI_TYPE_COMMAND, r->step->text, &type, &message, NULL, err);

    *ret_other = status == WEIR_NOT_FOUND;
    if (status != WEIR_OK)
        return *ret_other;
    status = weiri_story_world_decide(r->world, type, message, how, err);
    protobuf_c_message_free_unpacked(message, NULL);
    return status == WEIR_OK;
}

/* A command, or an event that processes hear of. */
static bool
when(weiri_story_running *r)
{
    const char *text = r->step->text;
    weir_error err, of_event;
    bool other;

    r->through = false;
    if (strncmp(text, "rejected ", 9) == 0)
        return when_rejected(r, text + 9 + strspn(text + 9, " \t"));
    if (!decide(r, WEIRI_STORY_GIVEN, &other, &err))
        return weiri_story_fails(r, &err);
    if (!other || event_happens(r, text, WEIRI_STORY_STEP, &of_event))
        return true;
    return weiri_story_fails(r, of_event.status == WEIR_NOT_FOUND ? &err : &of_event);
}

static bool
run(weiri_story_running *r)
{
    weir_error err;
    bool other;

    r->through = true;
    return (decide(r, WEIRI_STORY_RUN, &other, &err) && !other) || weiri_story_fails(r, &err);
}

static bool
after(weiri_story_running *r)
{
    weir_error err;
    int64_t ms;

    if (!weiri_story_span_read(r->step->text, &ms))
        return weiri_story_differs(r, "'%s' is no time span: a whole number and ms, s, min, h or d, as in 30min", r->step->text);
    return weiri_story_world_wait(r->world, ms, r->through ? WEIRI_STORY_RUN : WEIRI_STORY_STEP, &err) == WEIR_OK ||
           weiri_story_fails(r, &err);
}

/* The state that a story writes of: an aggregate's, or what a process keeps. NULL: there is none, and it has been told.
 * *ret_unpacked: to be freed. */
static const ProtobufCMessage *
kept_state(weiri_story_running *r, uint16_t aggregate, char **arguments, ProtobufCMessage **ret_unpacked)
{
    const weir_process *process = weiri_schema_process(r->world->schema, aggregate);
    const weiri_story_state *state = weiri_story_world_state(r->world, aggregate, arguments[1]);

    if (state == NULL) {
        weiri_story_differs(r, "nothing has happened to %s %s", arguments[0], arguments[1]);
        return NULL;
    }
    if (process == NULL)
        return state->message;
    const Weir__ProcessInstance *instance = (const Weir__ProcessInstance *)(const void *)state->message;
    if (instance->finished) {
        weiri_story_differs(r, "%s %s has finished", arguments[0], arguments[1]);
        return NULL;
    }
    return *ret_unpacked = protobuf_c_message_unpack(process->state, NULL, instance->state.len, instance->state.data);
}

static bool
compare_state(weiri_story_running *r, uint16_t aggregate, char **arguments, size_t n)
{
    const weir_process *process = weiri_schema_process(r->world->schema, aggregate);
    const ProtobufCMessageDescriptor *descriptor = process == NULL ? weiri_schema_state(r->world->schema, aggregate)->descriptor
                                                                   : process->state;
    ProtobufCMessage *wanted = NULL, *unpacked = NULL;
    weiri_buffer words = { 0 };
    weir_error err;
    bool same = false;

    if (descriptor == NULL)
        return weiri_story_differs(r, "process %s keeps no state", arguments[0]);
    if (weiri_fields_to_message(descriptor, (const char *const *)arguments + 2, n - 2, &wanted, &err) != WEIR_OK)
        return weiri_story_fails(r, &err);
    const ProtobufCMessage *kept = kept_state(r, aggregate, arguments, &unpacked);
    if (kept != NULL && !(same = weiri_story_same_message(kept, wanted))) {
        weiri_fields_add_message(&words, kept);
        weiri_story_differs(r, "state %s %s %s", arguments[0], arguments[1], weiri_buffer_text(&words));
    }
    weiri_buffer_fini(&words);
    if (unpacked != NULL)
        protobuf_c_message_free_unpacked(unpacked, NULL);
    protobuf_c_message_free_unpacked(wanted, NULL);
    return same;
}

static bool
state_is(weiri_story_running *r)
{
    char **arguments = NULL;
    size_t n = 0;
    weir_error err;
    bool holds;

    if (weiri_fields_split(r->step->text, &arguments, &n, &err) != WEIR_OK)
        return weiri_story_fails(r, &err);
    int aggregate = n < 2 ? -1 : weiri_schema_aggregate_find(r->world->schema, weiri_bytes_of(arguments[0]));
    if (n < 2)
        holds = weiri_story_differs(r, "state AGGREGATE KEY field=value ...");
    else if (aggregate < 0)
        holds = weiri_story_differs(r, "no aggregate or process '%s' in this module", arguments[0]);
    else
        holds = compare_state(r, (uint16_t)aggregate, arguments, n);
    weiri_fields_free(arguments, n);
    return holds;
}

bool
weiri_story_test_run(const char *path, const weiri_story_test *test, weiri_story_world *world, weiri_buffer *talk)
{
    static bool (*const meaning[])(weiri_story_running * r) = { given, when, run, after, weiri_story_then, state_is, weiri_story_rows };
    weiri_story_running r = { .path = path, .world = world, .talk = talk };

    for (size_t i = 0; i < test->n_steps; i++) {
        r.step = &test->steps[i];
        bool begins = r.step->kind <= WEIRI_STEP_AFTER;
        if (begins && !weiri_story_all_named(&r))
            return false;
        if (begins)
            weiri_story_world_forget_results(world);
        if (!meaning[r.step->kind](&r))
            return false;
    }
    return weiri_story_all_named(&r);
}
