/* SPDX-License-Identifier: Apache-2.0
 * Running one step: weir_send, weir_schedule and what an author may ask. A command is packed before weir_send returns; the first
 * mistake sticks and undoes the whole step. Thread: one at a time. */
#include "command/reaction.h"
#include "base/assert.h"
#include "base/memory.h"
#include "base/text.h"
#include "message/record.h"
#include "message/unpack.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct sent_at {
    const weiri_type *type;
    size_t key_start, key_size, size; /* in bytes: the key, and behind it the payload */
} sent_at;

void
weiri_reaction_begin(weir_reaction *r, const weiri_schema *schema, uint16_t aggregate, const char *key, const ProtobufCMessage *instance,
    uint64_t at, int64_t time_ms)
{
    r->schema = schema;
    r->process = weiri_schema_process(schema, aggregate);
    weiri_assert(r->process != NULL);
    r->aggregate = aggregate;
    r->key = key;
    r->instance = (const Weir__ProcessInstance *)(const void *)instance;
    r->at = at;
    r->time_ms = time_ms;
    weiri_buffer_clear(&r->bytes);
    weiri_buffer_clear(&r->sends);
    weiri_buffer_clear(&r->stepped);
    r->n_sends = 0;
    memset(r->timer_set, 0, sizeof r->timer_set);
    memset(r->timer_cleared, 0, sizeof r->timer_cleared);
    r->finished = false;
    r->status = WEIR_OK;
    r->text[0] = '\0';
}

void
weiri_reaction_fini(weir_reaction *r)
{
    weiri_buffer_fini(&r->bytes);
    weiri_buffer_fini(&r->sends);
    weiri_buffer_fini(&r->stepped);
    *r = (weir_reaction){ 0 };
}

weiri_sent
weiri_reaction_sent(const weir_reaction *r, size_t i)
{
    sent_at at;

    weiri_assert(i < r->n_sends);
    memcpy(&at, r->sends.data + i * sizeof at, sizeof at);
    return (weiri_sent){ at.type, { r->bytes.data + at.key_start, at.key_size },
        { r->bytes.data + at.key_start + at.key_size, at.size - at.key_size } };
}

/* ---- rows ------------------------------------------------------------------------------------------------- */

weir_event_fn *
weiri_process_row(const weir_process *process, const ProtobufCMessageDescriptor *event, bool *ret_starts)
{
    for (int i = 0; i < WEIR_STARTS && process->starts[i].message != NULL; i++)
        if (process->starts[i].message == event) {
            *ret_starts = true;
            return process->starts[i].react;
        }
    for (int i = 0; i < WEIR_ROWS && process->events[i].message != NULL; i++)
        if (process->events[i].message == event) {
            *ret_starts = false;
            return process->events[i].react;
        }
    return NULL;
}

weir_rejected_fn *
weiri_process_rejection(const weir_process *process, const ProtobufCMessageDescriptor *command)
{
    for (int i = 0; i < WEIR_ROWS && process->rejections[i].message != NULL; i++)
        if (process->rejections[i].message == command)
            return process->rejections[i].react;
    return NULL;
}

int
weiri_process_timer(const weir_process *process, const char *name)
{
    for (int i = 0; i < WEIR_TIMERS && process->timers[i].name != NULL; i++)
        if (strcmp(process->timers[i].name, name) == 0)
            return i;
    return -1;
}

weiri_bytes
weiri_process_key(const weir_process *process, const ProtobufCMessage *event, char digits[WEIRI_KEY_DIGITS])
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(event->descriptor, process->key);
    const weiri_type key_only = { .descriptor = event->descriptor, .key = field };

    weiri_assert(field != NULL); /* the load checks have seen it */
    weiri_bytes key = weiri_type_key(&key_only, event, digits);
    return weiri_key_valid(key) ? key : (weiri_bytes){ "", 0 };
}

/* ---- what a step may do ------------------------------------------------------------------------------------ */

static weir_status mistake(weir_reaction *r, const char *format, ...) WEIR_PRINTF(2, 3);

static weir_status
mistake(weir_reaction *r, const char *format, ...)
{
    char words[400], whole[600];
    va_list arguments;

    if (r->status != WEIR_OK)
        return r->status;
    r->status = WEIR_INVALID;
    va_start(arguments, format);
    (void)vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    (void)snprintf(whole, sizeof whole, "process %s of %s %s", r->process->name, r->key, words);
    weiri_text_fit(r->text, sizeof r->text, whole);
    return WEIR_INVALID;
}

weir_status
weir_send(weir_reaction *r, const ProtobufCMessage *command)
{
    const char *name = command->descriptor->name;
    char digits[WEIRI_KEY_DIGITS];
    weiri_bytes key;
    weir_error err;

    if (r->status != WEIR_OK)
        return r->status;
    const weiri_type *type = weiri_schema_find(r->schema, weiri_bytes_of(name));
    if (type == NULL || type->kind != WEIRI_TYPE_COMMAND || type->descriptor != command->descriptor)
        return mistake(r, "sent %s: no aggregate of this module has such a command", name);
    if (weiri_type_check_key(type, command, digits, &key, &err) != WEIR_OK)
        return mistake(r, "sent a command without a key: %s", err.text);
    size_t size = protobuf_c_message_get_packed_size(command);
    if (r->n_sends == WEIRI_SENDS_MOST)
        return mistake(r, "sent more than %d commands in one step", WEIRI_SENDS_MOST);
    if (r->bytes.size + key.size + size > WEIRI_MESSAGE_MOST)
        return mistake(r, "sent more than %d bytes of commands in one step", WEIRI_MESSAGE_MOST);
    const sent_at at = { type, r->bytes.size, key.size, key.size + size };
    weiri_buffer_add_bytes(&r->bytes, key);
    (void)protobuf_c_message_pack(command, weiri_buffer_extend(&r->bytes, size));
    weiri_buffer_add(&r->sends, &at, sizeof at);
    r->n_sends++;
    return WEIR_OK;
}

weir_status
weir_schedule(weir_reaction *r, const char *name, int64_t delay_ms)
{
    int row = name == NULL ? -1 : weiri_process_timer(r->process, name);

    if (r->status != WEIR_OK)
        return r->status;
    if (row < 0)
        return mistake(r, "scheduled the timer '%s', for which it has no row", name == NULL ? "" : name);
    if (delay_ms < 0)
        return mistake(r, "scheduled the timer '%s' in %lld ms", name, (long long)delay_ms);
    r->due_ms[row] = delay_ms > INT64_MAX - r->time_ms ? INT64_MAX : r->time_ms + delay_ms;
    r->timer_set[row] = true;
    r->timer_cleared[row] = false;
    return WEIR_OK;
}

static bool
is_pending(const weir_reaction *r, const char *name)
{
    for (size_t i = 0; r->instance != NULL && i < r->instance->n_timers; i++)
        if (strcmp(r->instance->timers[i]->name, name) == 0)
            return true;
    return false;
}

void
weir_unschedule(weir_reaction *r, const char *name)
{
    int row = name == NULL ? -1 : weiri_process_timer(r->process, name);

    if (row < 0) {
        (void)mistake(r, "took back the timer '%s', for which it has no row", name == NULL ? "" : name);
        return;
    }
    r->timer_set[row] = false;
    r->timer_cleared[row] = is_pending(r, name);
}

void
weir_finish(weir_reaction *r)
{
    r->finished = true;
}

char *
weir_instance(const weir_reaction *r)
{
    return (char *)(uintptr_t)r->key;
}

int64_t
weir_reaction_time_ms(const weir_reaction *r)
{
    return r->time_ms;
}

/* ---- running ------------------------------------------------------------------------------------------------ */

/* The author's state, with memory of its own. *ret_state NULL: the process has none. */
static weir_status
unpack_state(const weir_reaction *r, ProtobufCMessage **ret_state)
{
    const ProtobufCMessageDescriptor *descriptor = r->process->state;
    weiri_bytes bytes = { 0 };

    *ret_state = NULL;
    if (descriptor == NULL)
        return WEIR_OK;
    if (r->instance != NULL)
        bytes = (weiri_bytes){ r->instance->state.data, r->instance->state.len };
    return weiri_message_unpack_stored(descriptor, bytes, ret_state);
}

static weir_status
react_to_event(weir_reaction *r, const weiri_trigger *trigger, void *state, weiri_reacted *ret_reacted)
{
    bool there = r->instance != NULL && !r->instance->finished, over = r->instance != NULL && r->instance->finished;
    bool starts, upcast;
    weir_event_fn *react = weiri_process_row(r->process, trigger->type->newest->descriptor, &starts);
    const weiri_type *newest;
    ProtobufCMessage *event;
    weir_error err;

    if (react == NULL || over || (!there && !starts))
        return WEIR_OK; /* a row may have gone since it was sent */
    weir_status status = weiri_type_unpack_event(trigger->type, trigger->payload, NULL, &newest, &event, &upcast, &err);
    if (status == WEIR_INVALID)
        return mistake(r, "can't be told of an event: %s", err.text);
    if (status != WEIR_OK)
        return status;
    react(r, state, event);
    protobuf_c_message_free_unpacked(event, NULL);
    *ret_reacted = WEIRI_STEPPED;
    return WEIR_OK;
}

static weir_status
react_to_rejection(weir_reaction *r, const weiri_trigger *trigger, void *state, weiri_reacted *ret_reacted)
{
    weir_rejected_fn *react = weiri_process_rejection(r->process, trigger->type->descriptor);
    ProtobufCMessage *command;

    *ret_reacted = WEIRI_UNANSWERED;
    if (react == NULL || r->instance == NULL || r->instance->finished)
        return WEIR_OK;
    weir_status status = weiri_message_unpack_stored(trigger->type->descriptor, trigger->payload, &command);
    if (status != WEIR_OK)
        return status;
    const weir_rejection why = { (char *)(uintptr_t)trigger->code, (char *)(uintptr_t)trigger->text };
    react(r, state, command, &why);
    protobuf_c_message_free_unpacked(command, NULL);
    *ret_reacted = WEIRI_STEPPED;
    return WEIR_OK;
}

static weir_status
react_to_timer(weir_reaction *r, const weiri_trigger *trigger, void *state, weiri_reacted *ret_reacted)
{
    int row = weiri_process_timer(r->process, trigger->timer);
    bool due = false;

    for (size_t i = 0; r->instance != NULL && i < r->instance->n_timers; i++) {
        const Weir__PendingTimer *timer = r->instance->timers[i];
        due |= strcmp(timer->name, trigger->timer) == 0 && timer->set_by == trigger->set_by && timer->due_ms <= r->time_ms;
    }
    if (!due)
        return WEIR_OK;
    if (row < 0)
        return mistake(r, "has no row for its timer '%s', which is due", trigger->timer);
    r->timer_cleared[row] = true;
    r->process->timers[row].react(r, state);
    *ret_reacted = WEIRI_STEPPED;
    return WEIR_OK;
}

/* All that the step does, as one message; it borrows from `r` and from the two buffers. */
static void
pack_stepped(weir_reaction *r, const ProtobufCMessage *state)
{
    Weir__SentCommand *sends = weiri_allocate((r->n_sends + 1) * sizeof *sends);
    Weir__SentCommand **all = weiri_allocate((r->n_sends + 1) * sizeof(Weir__SentCommand *));
    Weir__PendingTimer timers[WEIR_TIMERS], *set[WEIR_TIMERS];
    char *keys = weiri_allocate(r->n_sends * (UINT8_MAX + 1) + 1), *cleared[WEIR_TIMERS];
    weiri_buffer packed = { 0 };
    Weir__ProcessStepped step = WEIR__PROCESS_STEPPED__INIT;

    for (size_t i = 0; i < r->n_sends; i++) {
        const weiri_sent sent = weiri_reaction_sent(r, i);
        char *key = keys + i * (UINT8_MAX + 1);
        weir__sent_command__init(&sends[i]);
        memcpy(key, sent.key.data, sent.key.size);
        sends[i].type = (char *)(uintptr_t)sent.type->descriptor->name;
        sends[i].key = key;
        sends[i].payload = (ProtobufCBinaryData){ sent.payload.size, (uint8_t *)(uintptr_t)sent.payload.data };
        all[i] = &sends[i];
    }
    step.n_sends = r->n_sends;
    step.sends = all;
    for (int i = 0; i < WEIR_TIMERS && !r->finished; i++) {
        char *name = (char *)(uintptr_t)r->process->timers[i].name;
        if (r->timer_set[i]) {
            weir__pending_timer__init(&timers[i]);
            timers[i].name = name;
            timers[i].due_ms = r->due_ms[i];
            timers[i].set_by = r->at;
            set[step.n_timers_set++] = &timers[i];
        } else if (r->timer_cleared[i])
            cleared[step.n_timers_cleared++] = name;
    }
    step.timers_set = set;
    step.timers_cleared = cleared;
    step.finished = r->finished;
    if (state != NULL && !r->finished) {
        size_t size = protobuf_c_message_get_packed_size(state);
        (void)protobuf_c_message_pack(state, weiri_buffer_extend(&packed, size));
        step.state = (ProtobufCBinaryData){ size, packed.data };
    }
    size_t size = weir__process_stepped__get_packed_size(&step);
    if (size > WEIRI_MESSAGE_MOST)
        (void)mistake(r, "made a step of %zu bytes, state and commands; at most %d are possible", size, WEIRI_MESSAGE_MOST);
    else
        (void)weir__process_stepped__pack(&step, weiri_buffer_extend(&r->stepped, size));
    weiri_buffer_fini(&packed);
    weiri_release(keys);
    weiri_release(all);
    weiri_release(sends);
}

weir_status
weiri_reaction_run(weir_reaction *r, const weiri_trigger *trigger, weiri_reacted *ret_reacted)
{
    weiri_reacted reacted = WEIRI_PASSED_BY;
    ProtobufCMessage *state;

    weir_status status = unpack_state(r, &state);
    if (status != WEIR_OK)
        return status;
    switch (trigger->kind) {
    case WEIRI_TRIGGER_EVENT:
        status = react_to_event(r, trigger, state, &reacted);
        break;
    case WEIRI_TRIGGER_REJECTION:
        status = react_to_rejection(r, trigger, state, &reacted);
        break;
    case WEIRI_TRIGGER_TIMER:
        status = react_to_timer(r, trigger, state, &reacted);
        break;
    }
    if (status == WEIR_OK && r->status == WEIR_OK && reacted == WEIRI_STEPPED)
        pack_stepped(r, state);
    if (state != NULL)
        protobuf_c_message_free_unpacked(state, NULL);
    if (status == WEIR_OK)
        status = r->status;
    if (status == WEIR_OK)
        *ret_reacted = reacted;
    return status;
}
