/* SPDX-License-Identifier: Apache-2.0
 * Dead letters as a person sees them: events that a view could not take, with why; trying them again, and discarding them by a record
 * in the log. An event is named PARTITION-COMMAND-INDEX, as ce_id has it. Thread: the caller's, which waits here for the lane. */
#include "engine/asking.h"
#include "engine/events.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "message/json.h"
#include <inttypes.h>
#include <stdio.h>

static bool
read_number(const char **at, char end, uint64_t most, uint64_t *ret_number)
{
    char digits[24];
    size_t n = strspn(*at, "0123456789");

    if (n == 0 || n >= sizeof digits || (*at)[n] != end)
        return false;
    memcpy(digits, *at, n);
    digits[n] = '\0';
    *at += n + (end != '\0');
    return weiri_text_to_uint64(digits, ret_number) && *ret_number <= most;
}

static weir_status
read_name(const weiri_service *service, const char *text, weiri_letter_name *ret_name, weir_error *err)
{
    const char *at = text;
    uint64_t partition, source, index;

    if (!read_number(&at, '-', UINT32_MAX, &partition) || !read_number(&at, '-', INT64_MAX, &source) ||
        !read_number(&at, '\0', UINT32_MAX, &index) || partition >= service->identity->partitions)
        return weiri_error_set(err, WEIR_INVALID, "'%.80s': an event is named PARTITION-COMMAND-INDEX, as 'weir dead list' shows it", text);
    *ret_name = (weiri_letter_name){ .partition = (uint32_t)partition, .index = (uint32_t)index, .source = source };
    return WEIR_OK;
}

/* ---- listing ---------------------------------------------------------------------------------------------- */

typedef struct listing {
    weiri_service *service;
    const char *view;
    const weiri_letter_name *only; /* NULL: all */
    weiri_buffer *to;
    uint64_t shown;
    weiri_buffer key, aggregate; /* of the only one */
    uint64_t offset;
    bool parked;
} listing;

static void
write_event(weiri_service *service, const weiri_letter *l, weiri_buffer *to)
{
    weiri_chunk chunk = { 0 };
    weiri_record record;
    weir_error ignored;
    uint64_t offset;
    weir_status read = weiri_log_read(service->log, WEIRI_TOPIC_EVENTS, l->partition, l->offset, &chunk, &ignored);

    while (read == WEIR_OK && weiri_chunk_next(&chunk, &record, &offset, &read)) {
        if (read != WEIR_OK || offset != l->offset || record.source != l->source || record.index != l->index)
            continue;
        size_t before = to->size;
        if (weiri_event_write_type(to, service->schema, &record, true, &ignored) != WEIR_OK)
            to->size = before;
        break;
    }
    weiri_chunk_fini(&chunk);
}

static void
write_letter(listing *of, const weiri_letter *l)
{
    weiri_buffer *to = of->to;
    bool parked = l->state == WEIRI_LETTER_PARKED;
    char name[64];

    (void)snprintf(name, sizeof name, "%" PRIu32 "-%" PRIu64 "-%" PRIu32, l->partition, l->source, l->index);
    weiri_buffer_add_char(to, '{');
    weiri_member_text(to, "view", of->view);
    weiri_member_text(to, "event", name);
    weiri_member_text(to, "state", !parked ? "discarded" : l->attempts > 0 ? "parked" : "waits");
    weiri_member_bytes(to, "aggregate", l->aggregate);
    weiri_member_bytes(to, "key", l->key);
    if (of->only == NULL && l->type.size > 0)
        weiri_member_bytes(to, "type", l->type);
    weiri_member_number(to, "partition", l->partition);
    weiri_member_number(to, "command", l->source);
    weiri_member_number(to, "attempts", l->attempts);
    if (l->time_ms != 0)
        weiri_member_time(to, "time", l->time_ms);
    weiri_member_time(to, "since", l->since_ms);
    if (parked && l->attempts > 0)
        weiri_member_bytes(to, "error", l->error);
    if (!parked) {
        weiri_member_bytes(to, "reason", l->reason);
        weiri_member_bytes(to, "who", l->who);
    }
    if (of->only != NULL && l->type.size > 0)
        write_event(of->service, l, to);
    weiri_buffer_add_char(to, '}');
}

static bool
list_one(void *user, const weiri_letter *l)
{
    listing *of = user;

    if (of->only != NULL) {
        if (l->partition != of->only->partition || l->source != of->only->source || l->index != of->only->index)
            return true;
        weiri_buffer_add_bytes(&of->key, l->key);
        weiri_buffer_add_bytes(&of->aggregate, l->aggregate);
        of->parked = l->state == WEIRI_LETTER_PARKED;
    }
    if (of->shown++ > 0)
        weiri_buffer_add_char(of->to, ',');
    write_letter(of, l);
    return of->only == NULL && of->to->size < WEIRI_QUARANTINE_BYTES;
}

void
weiri_service_letters(weiri_service *service, const char *view, weiri_reply *reply)
{
    const weiri_letters_asked asked = { .most = WEIRI_QUARANTINE_SHOWN };
    listing of = { .service = service, .to = &reply->body };
    weir_status status = WEIR_OK;
    uint64_t parked = 0, keys = 0, discarded = 0;
    bool found = false;
    weir_error err;

    weiri_buffer_add_text(&reply->body, "{\"letters\":[");
    for (size_t i = 0; i < weiri_views_count(service->views) && status == WEIR_OK; i++) {
        weiri_view_status v;
        weiri_views_status(service->views, i, &v);
        if (view != NULL && strcmp(v.name, view) != 0)
            continue;
        found = true;
        of.view = v.name;
        parked += v.parked;
        keys += v.parked_keys;
        discarded += v.discarded;
        if (v.parked + v.discarded > 0)
            status = weiri_views_letters(service->views, v.name, &asked, list_one, &of, &err);
    }
    if (view != NULL && !found) /* for the words */
        status = weiri_views_letters(service->views, view, &asked, list_one, &of, &err);
    if (status != WEIR_OK) {
        weiri_reply_error(reply, "", &err);
        return;
    }
    weiri_buffer_add_char(&reply->body, ']');
    weiri_member_number(&reply->body, "parked", parked);
    weiri_member_number(&reply->body, "keys", keys);
    weiri_member_number(&reply->body, "discarded", discarded);
    weiri_buffer_add_char(&reply->body, '}');
    weiri_reply_json(reply);
}

/* Appends it to of->to. Errors: NOT_FOUND, INVALID (the name). */
static weir_status
find(weiri_service *service, const char *view, const char *event, weiri_letter_name *name, listing *of, weir_error *err)
{
    static const weiri_letters_asked all = { .most = UINT64_MAX };

    weir_status status = read_name(service, event, name, err);
    of->service = service;
    of->view = view;
    of->only = name;
    if (status == WEIR_OK)
        status = weiri_views_letters(service->views, view, &all, list_one, of, err);
    if (status == WEIR_OK && of->shown == 0)
        status = weiri_error_set(err, WEIR_NOT_FOUND, "view %s has no letter %s", view, event);
    return status;
}

static void
listing_fini(listing *of)
{
    weiri_buffer_fini(&of->key);
    weiri_buffer_fini(&of->aggregate);
}

void
weiri_service_letter(weiri_service *service, const char *view, const char *event, weiri_reply *reply)
{
    listing of = { .to = &reply->body };
    weiri_letter_name name;
    weir_error err;

    if (find(service, view, event, &name, &of, &err) == WEIR_OK)
        weiri_reply_json(reply);
    else
        weiri_reply_error(reply, "", &err);
    listing_fini(&of);
}

/* ---- trying again, and discarding ------------------------------------------------------------------------- */

void
weiri_service_letter_retry(weiri_service *service, const char *view, const char *event, weiri_reply *reply)
{
    weiri_letter_name name;
    weiri_letters_tried tried;
    weir_error err;

    weir_status status = event == NULL ? WEIR_OK : read_name(service, event, &name, &err);
    if (status == WEIR_OK)
        status = weiri_views_letters_retry(service->views, view, event == NULL ? NULL : &name, &tried, &err);
    if (status != WEIR_OK) {
        weiri_reply_error(reply, "", &err);
        return;
    }
    weiri_buffer_add_char(&reply->body, '{');
    weiri_member_text(&reply->body, "view", view);
    weiri_member_number(&reply->body, "applied", tried.applied);
    weiri_member_number(&reply->body, "parked", tried.parked);
    weiri_member_number(&reply->body, "keys", tried.keys);
    weiri_buffer_add_char(&reply->body, '}');
    weiri_reply_json(reply);
}

static weir_status
send_discard(weiri_service *service, const weiri_discard *discard, weiri_bytes key, uint64_t *ret_command, weir_error *err)
{
    char id[WEIRI_ID_MOST + 1];
    weiri_asking *a = weiri_asking_new(0, 1);
    weiri_discard_call call = { .discard = discard, .key = key, .done = weiri_asking_answered, .user = a };

    weiri_uuid7(service->world, id);
    call.id = weiri_bytes_of(id);
    weir_status status = atomic_load(&service->refusing) ? weiri_error_set(err, WEIR_CLOSED, "the engine is closing")
                                                         : weiri_commands_discard(service->commands, &call, err);
    status = weiri_asking_await(service, a, status, status != WEIR_OK, err);
    *ret_command = a->source;
    weiri_asking_drop(a);
    return status;
}

static weir_status
discard(weiri_service *service, const weiri_letter_call *call, uint64_t *ret_command, weir_error *err)
{
    weiri_buffer ignored = { 0 };
    listing of = { .to = &ignored };
    weiri_letter_name name;
    weiri_discard d;

    /* What is wrong with the request comes before what is wrong with the letter. */
    weir_status status = weiri_discard_fill(&d, call->view, "", call->reason, call->who, err);
    if (status == WEIR_OK)
        status = find(service, call->view, call->event, &name, &of, err);
    if (status == WEIR_OK && !of.parked)
        status = weiri_error_set(err, WEIR_CONFLICT, "event %s is discarded already", call->event);
    if (status == WEIR_OK)
        status = weiri_discard_fill(&d, call->view, weiri_buffer_text(&of.aggregate), call->reason, call->who, err);
    if (status == WEIR_OK) {
        d.source = name.source;
        d.index = name.index;
        status = send_discard(service, &d, weiri_buffer_bytes(&of.key), ret_command, err);
    }
    listing_fini(&of);
    weiri_buffer_fini(&ignored);
    return status;
}

void
weiri_service_letter_discard(weiri_service *service, const weiri_letter_call *call, weiri_reply *reply)
{
    weir_error err;
    uint64_t command;

    if (discard(service, call, &command, &err) != WEIR_OK) {
        weiri_reply_error(reply, err.status == WEIR_IO ? WEIRI_LOG_FAILED : err.status == WEIR_TIMEOUT ? "unknown" : "", &err);
        return;
    }
    weiri_buffer_add_char(&reply->body, '{');
    weiri_member_text(&reply->body, "view", call->view);
    weiri_member_text(&reply->body, "event", call->event);
    weiri_member_number(&reply->body, "command", command);
    weiri_buffer_add_text(&reply->body, ",\"discarded\":true}");
    weiri_reply_json(reply);
}
