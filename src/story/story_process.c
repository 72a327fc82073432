/* SPDX-License-Identifier: Apache-2.0
 * Processes in a story: events, rejections and timers reach instances, and what they send is dropped, shown or carried out. What is
 * under way is delivered in the order in which it was sent. Thread: one. */
#include "story/story_process.h"
#include "base/memory.h"
#include "base/text.h"
#include "message/fields.h"
#include "message/process.h"
#include <string.h>

void
weiri_story_mail_fini(weiri_story_mail *mail)
{
    weiri_buffer_fini(&mail->payload);
    weiri_release(mail->key);
    weiri_release(mail->code);
    weiri_release(mail->text);
    *mail = (weiri_story_mail){ 0 };
}

static weiri_story_mail
new_mail(weiri_story_mail_kind kind, uint16_t process, weiri_bytes key, const weiri_type *type, weiri_bytes payload)
{
    weiri_story_mail mail = { .kind = kind, .process = process, .type = type };

    mail.key = weiri_text_copy_n(key.data, key.size);
    weiri_buffer_add_bytes(&mail.payload, payload);
    return mail;
}

static void
add_mail(weiri_story_mail **list, size_t *n, weiri_story_mail mail)
{
    enum { LEAST = 8 };

    if (*n == 0 || (*n >= LEAST && (*n & (*n - 1)) == 0)) /* it has as much room as the power of two above */
        *list = weiri_reallocate(*list, (*n < LEAST ? LEAST : 2 * *n) * sizeof **list);
    (*list)[(*n)++] = mail;
}

void
weiri_story_post_rejection(weiri_story_world *world, const weiri_story_mail *command, const char *code, const char *text)
{
    weiri_story_mail mail = new_mail(
        WEIRI_MAIL_REJECTION, command->process, weiri_bytes_of(command->key), command->type, weiri_buffer_bytes(&command->payload));

    mail.code = weiri_text_copy(code);
    mail.text = weiri_text_copy(text);
    add_mail(&world->mail, &world->n_mail, mail);
}

/* ---- one step of an instance -------------------------------------------------------------------------- */

static void
show_sent(weiri_story_world *world, const weiri_sent *sent)
{
    weiri_story_result *result = weiri_story_result_add(world, WEIRI_RESULT_SENDS);

    result->type = sent->type;
    result->message = protobuf_c_message_unpack(sent->type->descriptor, NULL, sent->payload.size, sent->payload.data);
}

static void
take_sends(weiri_story_world *world, const weiri_story_mail *mail, weiri_story_how how)
{
    for (size_t i = 0; i < world->reaction.n_sends; i++) {
        const weiri_sent sent = weiri_reaction_sent(&world->reaction, i);
        weiri_story_mail command = new_mail(WEIRI_MAIL_COMMAND, mail->process, weiri_bytes_of(mail->key), sent.type, sent.payload);
        if (how == WEIRI_STORY_STEP)
            show_sent(world, &sent);
        if (how == WEIRI_STORY_RUN)
            add_mail(&world->mail, &world->n_mail, command);
        else
            add_mail(&world->sent, &world->n_sent, command);
    }
}

/* The step is stored, as a lane stores it, and the instance evolves by what was stored. */
static void
take_step(weiri_story_world *world, const weiri_story_mail *mail, weiri_story_how how)
{
    const weiri_bytes bytes = weiri_reaction_stepped(&world->reaction);
    Weir__ProcessStepped *step = weir__process_stepped__unpack(NULL, bytes.size, bytes.data);
    weiri_story_state *state = weiri_story_state_of(world, mail->process, mail->key);

    state->version++;
    weiri_process_evolve(state->message, step);
    take_sends(world, mail, how);
    for (size_t i = 0; how == WEIRI_STORY_STEP && i < step->n_timers_set; i++) {
        weiri_story_result *result = weiri_story_result_add(world, WEIRI_RESULT_SCHEDULES);
        result->timer = weiri_text_copy(step->timers_set[i]->name);
        result->delay_ms = step->timers_set[i]->due_ms - world->time_ms;
    }
    if (how == WEIRI_STORY_STEP && step->finished)
        (void)weiri_story_result_add(world, WEIRI_RESULT_FINISHES);
    weir__process_stepped__free_unpacked(step, NULL);
}

static weir_status
unanswered(const weiri_story_world *world, const weiri_story_mail *mail, weir_error *err)
{
    ProtobufCMessage *command = protobuf_c_message_unpack(mail->type->descriptor, NULL, mail->payload.size, mail->payload.data);
    weiri_buffer words = { 0 };

    weiri_fields_add_message(&words, command);
    weiri_error_set(err, WEIR_INVALID, "unanswered by process %s of %s: rejected %s %s %s%s%s",
        weiri_schema_process(world->schema, mail->process)->name, mail->key, mail->code, mail->type->descriptor->short_name,
        weiri_buffer_text(&words), mail->text[0] == '\0' ? "" : ": ", mail->text);
    weiri_buffer_fini(&words);
    protobuf_c_message_free_unpacked(command, NULL);
    return WEIR_INVALID;
}

static weir_status
step(weiri_story_world *world, const weiri_story_mail *mail, const weiri_trigger *trigger, weiri_story_how how, weir_error *err)
{
    const weiri_story_state *known = weiri_story_world_state(world, mail->process, mail->key);
    weiri_reacted reacted;

    if (++world->steps > WEIRI_STORY_STEPS_MOST)
        return weiri_error_set(err, WEIR_INVALID, "process %s of %s: no end after %d steps: it sends in a loop",
            weiri_schema_process(world->schema, mail->process)->name, mail->key, WEIRI_STORY_STEPS_MOST);
    weiri_reaction_begin(&world->reaction, world->schema, mail->process, mail->key, known == NULL ? NULL : known->message,
        world->commands++, world->time_ms);
    weir_status status = weiri_reaction_run(&world->reaction, trigger, &reacted);
    if (status != WEIR_OK)
        return weiri_error_set(err, WEIR_INVALID, "%s",
            world->reaction.text[0] != '\0' ? world->reaction.text : "what has reached the process can't be read back");
    if (reacted == WEIRI_UNANSWERED)
        return unanswered(world, mail, err);
    if (reacted == WEIRI_STEPPED)
        take_step(world, mail, how);
    return WEIR_OK;
}

static weir_status
step_by_mail(weiri_story_world *world, const weiri_story_mail *mail, weiri_story_how how, weir_error *err)
{
    const weiri_trigger trigger = {
        .kind = mail->kind == WEIRI_MAIL_EVENT ? WEIRI_TRIGGER_EVENT : WEIRI_TRIGGER_REJECTION,
        .type = mail->type,
        .payload = weiri_buffer_bytes(&mail->payload),
        .code = mail->code,
        .text = mail->text,
    };

    return step(world, mail, &trigger, how, err);
}

/* ---- what reaches an instance -------------------------------------------------------------------------- */

weir_status
weiri_story_reach(weiri_story_world *world, const weiri_type *type, weiri_bytes payload, const ProtobufCMessage *newest,
    weiri_story_how how, weir_error *err)
{
    char digits[WEIRI_KEY_DIGITS];
    weir_status status = WEIR_OK;
    bool starts;

    for (size_t i = 0; i < weiri_schema_processes(world->schema) && status == WEIR_OK; i++) {
        uint16_t aggregate = weiri_schema_process_aggregate(world->schema, i);
        const weir_process *process = weiri_schema_process(world->schema, aggregate);
        if (weiri_process_row(process, newest->descriptor, &starts) == NULL)
            continue;
        const weiri_bytes key = weiri_process_key(process, newest, digits);
        if (key.size == 0)
            continue;
        weiri_story_mail mail = new_mail(WEIRI_MAIL_EVENT, aggregate, key, type, payload);
        if (how == WEIRI_STORY_RUN) {
            add_mail(&world->mail, &world->n_mail, mail);
            continue;
        }
        status = step_by_mail(world, &mail, how, err);
        weiri_story_mail_fini(&mail);
    }
    return status;
}

static weir_status
deliver(weiri_story_world *world, const weiri_story_mail *mail, weir_error *err)
{
    if (mail->kind != WEIRI_MAIL_COMMAND)
        return step_by_mail(world, mail, WEIRI_STORY_RUN, err);
    ProtobufCMessage *command = protobuf_c_message_unpack(mail->type->descriptor, NULL, mail->payload.size, mail->payload.data);
    weir_status status = weiri_story_decide(world, mail->type, command, mail, WEIRI_STORY_RUN, err);
    protobuf_c_message_free_unpacked(command, NULL);
    return status;
}

weir_status
weiri_story_carry_out(weiri_story_world *world, weir_error *err)
{
    weir_status status = WEIR_OK;

    while (status == WEIR_OK && world->delivered < world->n_mail) {
        weiri_story_mail mail = world->mail[world->delivered++];
        status = deliver(world, &mail, err);
        weiri_story_mail_fini(&mail);
    }
    if (status == WEIR_OK)
        world->n_mail = world->delivered = 0;
    return status;
}

/* ---- when rejected ------------------------------------------------------------------------------------- */

static bool
find_sender(weiri_story_world *world, const weiri_type *type, weiri_bytes payload, weiri_story_mail *ret_mail)
{
    for (size_t i = world->n_sent; i-- > 0;) {
        const weiri_story_mail *sent = &world->sent[i];
        if (sent->type == type && weiri_bytes_equal(weiri_buffer_bytes(&sent->payload), payload)) {
            *ret_mail = new_mail(WEIRI_MAIL_REJECTION, sent->process, weiri_bytes_of(sent->key), type, payload);
            return true;
        }
    }
    return false;
}

static bool
find_by_key(
    weiri_story_world *world, const weiri_type *type, const ProtobufCMessage *command, weiri_bytes payload, weiri_story_mail *ret_mail)
{
    char digits[WEIRI_KEY_DIGITS];

    for (size_t i = 0; i < weiri_schema_processes(world->schema); i++) {
        uint16_t aggregate = weiri_schema_process_aggregate(world->schema, i);
        const weir_process *process = weiri_schema_process(world->schema, aggregate);
        if (weiri_process_rejection(process, type->descriptor) == NULL ||
            protobuf_c_message_descriptor_get_field_by_name(type->descriptor, process->key) == NULL)
            continue;
        const weiri_bytes key = weiri_process_key(process, command, digits);
        if (key.size == 0)
            continue;
        *ret_mail = new_mail(WEIRI_MAIL_REJECTION, aggregate, key, type, payload);
        return true;
    }
    return false;
}

weir_status
weiri_story_world_reject(
    weiri_story_world *world, const char *code, const weiri_type *type, const ProtobufCMessage *command, weir_error *err)
{
    weiri_story_mail mail = { 0 };
    weiri_buffer packed = { 0 };
    weir_status status;

    (void)protobuf_c_message_pack(command, weiri_buffer_extend(&packed, protobuf_c_message_get_packed_size(command)));
    const weiri_bytes payload = weiri_buffer_bytes(&packed);
    if (!find_sender(world, type, payload, &mail) && !find_by_key(world, type, command, payload, &mail)) {
        status = weiri_error_set(err, WEIR_INVALID, "no process has sent this %s", type->descriptor->name);
        goto out;
    }
    mail.code = weiri_text_copy(code);
    mail.text = weiri_text_copy("");
    status = step_by_mail(world, &mail, WEIRI_STORY_STEP, err);
out:
    weiri_story_mail_fini(&mail);
    weiri_buffer_fini(&packed);
    return status;
}

/* ---- timers --------------------------------------------------------------------------------------------- */

/* The timer that is due first, at `until_ms` at the latest. False: there is none. */
static bool
next_timer(const weiri_story_world *world, int64_t until_ms, const weiri_story_state **ret_state, const Weir__PendingTimer **ret_timer)
{
    const Weir__PendingTimer *first = NULL;

    for (size_t i = 0; i < world->n_states; i++) {
        const weiri_story_state *state = &world->states[i];
        if (weiri_schema_process(world->schema, state->aggregate) == NULL)
            continue;
        const Weir__ProcessInstance *instance = (const Weir__ProcessInstance *)(const void *)state->message;
        for (size_t j = 0; j < instance->n_timers; j++) {
            const Weir__PendingTimer *timer = instance->timers[j];
            if (timer->due_ms > until_ms || (first != NULL && timer->due_ms >= first->due_ms))
                continue;
            first = *ret_timer = timer;
            *ret_state = state;
        }
    }
    return first != NULL;
}

static weir_status
fire(weiri_story_world *world, const weiri_story_state *state, const Weir__PendingTimer *timer, weiri_story_how how, weir_error *err)
{
    char *name = weiri_text_copy(timer->name); /* the step may take the timer away */
    const weiri_trigger trigger = { .kind = WEIRI_TRIGGER_TIMER, .timer = name, .set_by = timer->set_by };
    weiri_story_mail mail = { .process = state->aggregate, .key = weiri_text_copy(state->key) };

    if (timer->due_ms > world->time_ms)
        world->time_ms = timer->due_ms;
    weir_status status = step(world, &mail, &trigger, how, err);
    if (status == WEIR_OK && how == WEIRI_STORY_RUN)
        status = weiri_story_carry_out(world, err);
    weiri_story_mail_fini(&mail);
    weiri_release(name);
    return status;
}

weir_status
weiri_story_world_wait(weiri_story_world *world, int64_t ms, weiri_story_how how, weir_error *err)
{
    const int64_t until_ms = world->time_ms + ms;
    const weiri_story_state *state;
    const Weir__PendingTimer *timer;
    weir_status status = WEIR_OK;

    while (status == WEIR_OK && next_timer(world, until_ms, &state, &timer))
        status = fire(world, state, timer, how, err);
    world->time_ms = until_ms;
    return status;
}
