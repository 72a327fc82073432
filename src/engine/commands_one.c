/* SPDX-License-Identifier: Apache-2.0
 * One command: read, checked, handed to its lane; answered when its outcome is durable, or by the clock. The request's object
 * holds all that its answer needs, so nothing of the caller's is kept. Threads: the caller's, then the callback thread. */
#include "engine/bodies.h"
#include "engine/inside.h"
#include "base/memory.h"
#include "message/outcome.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct one {
    weiri_call call;
    const weiri_type *type;
    bool representation, respond_async;
    char traceparent[64], id[WEIRI_ID_MOST + 1], key[256];
} one;

static void
free_one(weiri_call *call)
{
    weiri_release(call);
}

static const char *
aggregate_of(const one *o)
{
    return weiri_schema_aggregate(o->call.service->schema, o->type->aggregate)->name;
}

static void
say_unknown(weiri_call *call, weiri_reply *reply)
{
    const one *o = (const one *)call;

    weiri_reply_mark(
        reply, weiri_problem_begin(&reply->body, WEIR_TIMEOUT, "unknown",
                   "no outcome in time: the command may still be carried out; send it again with the same id to learn what became of it"));
    weiri_member_text(&reply->body, "id", o->id);
    weiri_member_text(&reply->body, "aggregate", aggregate_of(o));
    weiri_member_text(&reply->body, "key", o->key);
    weiri_buffer_add_char(&reply->body, '}');
    memcpy(reply->traceparent, o->traceparent, sizeof reply->traceparent);
}

static void
write_location(const one *o, weiri_buffer *to)
{
    weiri_buffer_print(to, "/aggregates/%s/", aggregate_of(o));
    weiri_add_percent(to, weiri_bytes_of(o->key));
    weiri_buffer_add_text(to, "/commands/");
    weiri_add_percent(to, weiri_bytes_of(o->id));
}

/* Outcomes that the window keeps can be fetched later; the others are told at once, whatever was preferred. */
static bool
can_be_looked_up(const weiri_answer *answer)
{
    static const char *const not_kept[] = { "malformed", "wrong-partition", "id-reused", "gap", "key-quarantined" };

    for (size_t i = 0; i < sizeof not_kept / sizeof *not_kept; i++) {
        if (strcmp(answer->code, not_kept[i]) == 0)
            return false;
    }
    return answer->status == WEIR_OK || answer->status == WEIR_REJECTED;
}

static void
fill_reply(const one *o, const weiri_answer *answer, weiri_reply *reply)
{
    weiri_told told = { .aggregate = aggregate_of(o), .key = o->key, .id = o->id, .representation = o->representation };

    memcpy(reply->traceparent, o->traceparent, sizeof reply->traceparent);
    if (o->respond_async && can_be_looked_up(answer)) {
        weiri_buffer_add_char(&reply->body, '{');
        weiri_member_text(&reply->body, "id", o->id);
        weiri_buffer_add_char(&reply->body, '}');
        weiri_reply_json(reply);
        reply->http = 202;
        write_location(o, &reply->location);
        return;
    }
    const weiri_answer_row *row = weiri_outcome_write(o->call.service, &told, answer, &reply->body, reply->position);
    if (row->status == WEIR_OK)
        weiri_reply_json(reply);
    else
        weiri_reply_mark(reply, row);
    reply->has_version = (row->status == WEIR_OK || row->status == WEIR_CONFLICT) && strcmp(row->code, "gap") != 0;
    reply->version = answer->version;
}

static void
answered(void *user, const weiri_answer *answer)
{
    one *o = user;
    weiri_reply reply = { 0 };

    if (weiri_call_claim(&o->call)) {
        fill_reply(o, answer, &reply);
        o->call.done(o->call.user, &reply);
    }
    weiri_call_end(&o->call);
}

/* Reads and packs the command, and fills what the answer will need. */
static weir_status
prepare(one *o, const weiri_command_call *call, weiri_packed *packed, weir_error *err)
{
    ProtobufCMessage *message = NULL;

    if (call->id != NULL) {
        weir_status status = weiri_check_id("the id (Idempotency-Key)", call->id, err);
        if (status != WEIR_OK)
            return status;
        (void)snprintf(o->id, sizeof o->id, "%s", call->id);
    } else
        weiri_uuid7(o->call.service->world, o->id);
    weir_status status = weiri_schema_look_up(o->call.service->schema, WEIRI_TYPE_COMMAND, call->type, &o->type, err);
    if (status == WEIR_OK)
        status = weiri_body_read(o->type, call->form, call->body, &message, err);
    if (status != WEIR_OK)
        return status;
    status = weiri_pack_command(o->type, message, packed, err);
    protobuf_c_message_free_unpacked(message, NULL);
    memcpy(o->key, packed->key, sizeof o->key);
    return status;
}

static void
submit(one *o, const weiri_command_call *call, const weiri_packed *packed)
{
    weiri_buffer headers = { 0 };
    const char *code;
    weir_error err;

    if (o->traceparent[0] != '\0')
        weiri_headers_add(&headers, WEIRI_HEADER_TRACEPARENT, weiri_bytes_of(o->traceparent));
    weiri_submit s = {
        .type = o->type,
        .key = weiri_bytes_of(o->key),
        .payload = weiri_buffer_bytes(&packed->bytes),
        .id = weiri_bytes_of(o->id),
        /* Where the outcome will be fetched later, the window must know its id. */
        .client_id = call->id != NULL || call->respond_async,
        .expect = call->expect,
        .expected_version = call->expected_version,
        .headers = weiri_buffer_bytes(&headers),
        .done = answered,
        .user = o,
    };
    if (weiri_submit_to_lane(o->call.service, &s, &code, &err) != WEIR_OK)
        weiri_call_fail(&o->call, code, &err);
    weiri_buffer_fini(&headers);
}

void
weiri_service_command(weiri_service *service, const weiri_command_call *call)
{
    weiri_packed packed = { 0 };
    weir_error err;
    one *o = calloc(1, sizeof *o);

    if (o == NULL) {
        weiri_call_no_memory(call->done, call->user);
        return;
    }
    o->call = (weiri_call){ .service = service, .done = call->done, .user = call->user, .late = say_unknown, .free = free_one };
    o->representation = call->representation;
    o->respond_async = call->respond_async;
    if (weiri_is_traceparent(call->traceparent))
        (void)snprintf(o->traceparent, sizeof o->traceparent, "%s", call->traceparent);
    if (prepare(o, call, &packed, &err) != WEIR_OK)
        weiri_call_fail_at_once(&o->call, "", &err);
    else if (weiri_call_begin(&o->call, call->timeout_ms))
        submit(o, call, &packed);
    weiri_buffer_fini(&packed.bytes);
}
