/* SPDX-License-Identifier: Apache-2.0
 * The door for requests: checked, hashed and copied into their lane's mailbox on the sender's thread; on a shared log commands go into
 * the log instead. Thread: any. */
#include "base/assert.h"
#include "base/hash.h"
#include "base/text.h"
#include "command/front.h"
#include "command/lane.h"
#include "message/json.h"
#include <string.h>

#define WEIRI_KEY_WORDS "a key is 1-255 bytes of UTF-8 without control characters"

static weir_status
send_to(weiri_commands *c, weiri_lane *lane, const weiri_bytes *pieces, size_t n, int64_t timeout_ms, weir_error *err)
{
    weir_status status = weiri_mailbox_send(&lane->mailbox, pieces, n, timeout_ms);

    if (status == WEIR_BUSY) {
        atomic_fetch_add_explicit(&lane->refused, 1, memory_order_relaxed);
        return weiri_error_set(err, status, "the queue of partition %u is full", lane->partition);
    }
    if (status == WEIR_NO_MEMORY)
        return weiri_error_set(err, status, "no memory for the queue of partition %u: nothing was taken", lane->partition);
    if (status == WEIR_CLOSED && !atomic_load(&c->stopping) && weiri_log_state(c->config.log, err) != WEIR_OK)
        return WEIR_IO; /* the lane has closed its mailbox because the log failed */
    return status == WEIR_OK ? WEIR_OK : weiri_error_set(err, status, "the engine is being closed");
}

/* `pieces`: source, headers, payload; their sizes are in the request already. */
static weir_status
send(weiri_commands *c, weiri_request *request, uint16_t aggregate, weiri_bytes key, weiri_bytes id, const weiri_bytes pieces[3],
    int64_t timeout_ms, weir_error *err)
{
    uint8_t scope[WEIRI_SCOPE_MOST];
    weiri_lane *lane = &c->lanes[weiri_partition_of(key, c->partitions)];

    if (!weiri_key_valid(key))
        return weiri_error_set(err, WEIR_INVALID, WEIRI_KEY_WORDS);
    if (id.size > WEIRI_ID_MOST)
        return weiri_error_set(err, WEIR_INVALID, "a command id has at most %d bytes", WEIRI_ID_MOST);
    memcpy(scope, key.data, key.size);
    scope[key.size] = '\0';
    if (id.size > 0)
        memcpy(scope + key.size + 1, id.data, id.size);
    weiri_bytes scoped = { scope, key.size + 1 + id.size };
    request->key_size = (uint8_t)key.size;
    request->id_size = (uint16_t)id.size;
    request->aggregate_hash = weiri_states_hash(aggregate, key);
    request->id_hash = weiri_window_hash(aggregate, scoped);
    const weiri_bytes all[] = { { request, sizeof *request }, scoped, pieces[0], pieces[1], pieces[2] };
    return send_to(c, lane, all, sizeof all / sizeof *all, timeout_ms, err);
}

static weir_status
check_submit(const weiri_submit *submit, weir_error *err)
{
    if (submit->id.size == 0)
        return weiri_error_set(err, WEIR_INVALID, "a command needs an id");
    if (submit->payload.size > WEIRI_MESSAGE_MOST + (submit->type->process == NULL ? 0 : WEIRI_STEP_MORE))
        return weiri_error_set(err, WEIR_INVALID, "a message has at most %d bytes", WEIRI_MESSAGE_MOST);
    if (submit->headers.size > WEIRI_MESSAGE_MOST)
        return weiri_error_set(err, WEIR_INVALID, "headers have at most %d bytes", WEIRI_MESSAGE_MOST);
    if (submit->source.size > WEIRI_SOURCE_NAME_MOST)
        return weiri_error_set(err, WEIR_INVALID, "a source's name has at most %d bytes", WEIRI_SOURCE_NAME_MOST);
    if (submit->source.size > 0 &&
        (submit->sequence == 0 || (submit->previous >= submit->sequence && submit->previous != WEIRI_ANY_PREVIOUS)))
        return weiri_error_set(err, WEIR_INVALID, "a sequence begins at 1 and is greater than the one before it");
    return WEIR_OK;
}

/* May this process send into the shared log? */
static weir_status
check_front(weiri_commands *c, weir_error *err)
{
    if (c->config.no_front)
        return weiri_error_set(err, WEIR_INVALID, "this process has not the role 'front': it takes no commands");
    return atomic_load(&c->refusing) ? weiri_error_set(err, WEIR_CLOSED, "the engine is being closed") : WEIR_OK;
}

static weir_status
submit_to_front(weiri_commands *c, const weiri_submit *submit, weir_error *err)
{
    weir_status status = check_front(c, err);

    return status == WEIR_OK ? weiri_front_submit(c->front, submit, err) : status;
}

weir_status
weiri_commands_submit(weiri_commands *c, const weiri_submit *submit, weir_error *err)
{
    weir_status status = check_submit(submit, err);

    if (status == WEIR_OK && !weiri_key_valid(submit->key))
        status = weiri_error_set(err, WEIR_INVALID, WEIRI_KEY_WORDS);
    if (status == WEIR_OK && submit->id.size > WEIRI_ID_MOST)
        status = weiri_error_set(err, WEIR_INVALID, "a command id has at most %d bytes", WEIRI_ID_MOST);
    if (status == WEIR_OK)
        status = weiri_log_state(c->config.log, err);
    if (status == WEIR_OK && weiri_log_shared(c->config.log))
        return submit_to_front(c, submit, err);
    if (status != WEIR_OK)
        return status;
    weiri_request request = { .kind = WEIRI_REQUEST_COMMAND,
        .client_id = submit->client_id,
        .expect = submit->expect,
        .source_size = (uint16_t)submit->source.size,
        .type = submit->type->number,
        .headers_size = (uint32_t)submit->headers.size,
        .payload_size = (uint32_t)submit->payload.size,
        .payload_hash = weiri_hash64(c->type_hashes[submit->type->number], submit->payload.data, submit->payload.size),
        .expected_version = submit->expected_version,
        .sequence = submit->sequence,
        .previous = submit->previous,
        .fingerprint = submit->fingerprint,
        .done = submit->done,
        .user = submit->user };
    const weiri_bytes pieces[] = { submit->source, submit->headers, submit->payload };
    return send(c, &request, submit->type->aggregate, submit->key, submit->id, pieces, submit->timeout_ms, err);
}

static weir_status
ask(weiri_commands *c, weiri_request_kind kind, uint16_t aggregate, weiri_bytes key, weiri_bytes id, weiri_answer_fn *done, void *user,
    weir_error *err)
{
    weiri_request request = { .kind = (uint8_t)kind, .type = aggregate, .done = done, .user = user };
    const weiri_bytes nothing[3] = { { 0 } };

    weiri_assert(aggregate < weiri_schema_aggregates(c->config.schema));
    if (weiri_key_valid(key) && weiri_commands_lane(c, weiri_partition_of(key, c->partitions), NULL) != WEIRI_LANE_SERVING)
        return weiri_error_set(err, WEIR_FENCED, WEIRI_FENCED_WORDS);
    return send(c, &request, aggregate, key, id, nothing, 0, err);
}

weir_status
weiri_commands_ask_state(weiri_commands *c, uint16_t aggregate, weiri_bytes key, weiri_answer_fn *done, void *user, weir_error *err)
{
    return ask(c, WEIRI_REQUEST_STATE, aggregate, key, (weiri_bytes){ 0 }, done, user, err);
}

weir_status
weiri_commands_ask_outcome(
    weiri_commands *c, uint16_t aggregate, weiri_bytes key, weiri_bytes id, weiri_answer_fn *done, void *user, weir_error *err)
{
    return ask(c, WEIRI_REQUEST_LOOKUP, aggregate, key, id, done, user, err);
}

static weir_status
ask_lane(weiri_commands *c, uint32_t partition, bool processes, weiri_answer_fn *done, void *user, weir_error *err)
{
    static const char no_scope[1];
    weiri_request request = { .kind = WEIRI_REQUEST_HELD, .processes = processes, .done = done, .user = user };
    const weiri_bytes pieces[] = { { &request, sizeof request }, { no_scope, sizeof no_scope } };

    weiri_assert(partition < c->partitions);
    if (weiri_commands_lane(c, partition, NULL) != WEIRI_LANE_SERVING)
        return weiri_error_set(err, WEIR_FENCED, WEIRI_FENCED_WORDS);
    return send_to(c, &c->lanes[partition], pieces, sizeof pieces / sizeof *pieces, 0, err);
}

weir_status
weiri_commands_ask_held(weiri_commands *c, uint32_t partition, weiri_answer_fn *done, void *user, weir_error *err)
{
    return ask_lane(c, partition, false, done, user, err);
}

weir_status
weiri_commands_ask_processes(weiri_commands *c, uint32_t partition, weiri_answer_fn *done, void *user, weir_error *err)
{
    return ask_lane(c, partition, true, done, user, err);
}

/* A command of weir's own, on a shared log as anybody may send it: as JSON. */
static weir_status
send_own(weiri_commands *c, const char *type, weiri_bytes key, weiri_bytes id, weiri_bytes json, weiri_answer_fn *done, void *user,
    weir_error *err)
{
    const weiri_record record = {
        .kind = WEIRI_RECORD_COMMAND, .flags = WEIRI_RECORD_JSON, .type = weiri_bytes_of(type), .key = key, .id = id, .payload = json
    };

    weir_status status = check_front(c, err);
    if (status == WEIR_OK && (!weiri_key_valid(key) || id.size > WEIRI_ID_MOST))
        status = weiri_error_set(err, WEIR_INVALID, WEIRI_KEY_WORDS);
    return status == WEIR_OK ? weiri_front_send(c->front, &record, 0, done, user, err) : status;
}

static weir_status
release_by_front(weiri_commands *c, const weiri_release_call *call, weir_error *err)
{
    const weir_aggregate *aggregate = weiri_schema_aggregate(c->config.schema, call->aggregate);
    weiri_buffer json = { 0 };

    weiri_buffer_print(&json, "{\"aggregate\":\"%s\",\"discard\":%s,\"reason\":", aggregate->name, call->discard ? "true" : "false");
    weiri_json_add_string(&json, call->reason);
    weiri_buffer_add_char(&json, '}');
    weir_status status = send_own(c, WEIRI_COMMAND_RELEASE, call->key, call->id, weiri_buffer_bytes(&json), call->done, call->user, err);
    weiri_buffer_fini(&json);
    return status;
}

weir_status
weiri_commands_release(weiri_commands *c, const weiri_release_call *call, weir_error *err)
{
    weiri_request request = { .kind = WEIRI_REQUEST_RELEASE,
        .type = call->aggregate,
        .discard = call->discard,
        .payload_size = (uint32_t)call->reason.size,
        .done = call->done,
        .user = call->user };
    weiri_buffer headers = { 0 };

    weiri_assert(call->aggregate < weiri_schema_aggregates(c->config.schema));
    if (call->reason.size > WEIRI_REASON_MOST)
        return weiri_error_set(err, WEIR_INVALID, "a reason has at most %d bytes", WEIRI_REASON_MOST);
    weir_status status = weiri_log_state(c->config.log, err);
    if (status != WEIR_OK)
        return status;
    if (weiri_log_shared(c->config.log))
        return release_by_front(c, call, err);
    if (call->discard)
        weiri_headers_add_number(&headers, WEIRI_HEADER_DISCARD, 1);
    request.headers_size = (uint32_t)headers.size;
    const weiri_bytes pieces[] = { { 0 }, weiri_buffer_bytes(&headers), call->reason };
    status = send(c, &request, call->aggregate, call->key, call->id, pieces, 0, err);
    weiri_buffer_fini(&headers);
    return status;
}

weir_status
weiri_commands_discard(weiri_commands *c, const weiri_discard_call *call, weir_error *err)
{
    weiri_request request = { .kind = WEIRI_REQUEST_DISCARD, .done = call->done, .user = call->user };
    weiri_buffer json = { 0 };
    int found = weiri_schema_aggregate_find(c->config.schema, weiri_bytes_of(call->discard->aggregate));

    if (found < 0)
        return weiri_error_set(err, WEIR_NOT_FOUND, "this module has no aggregate '%s'", call->discard->aggregate);
    weir_status status = weiri_log_state(c->config.log, err);
    if (status != WEIR_OK)
        return status;
    weiri_discard_write(call->discard, &json);
    request.type = (uint16_t)found;
    request.payload_size = (uint32_t)json.size;
    const weiri_bytes pieces[] = { { 0 }, { 0 }, weiri_buffer_bytes(&json) };
    if (weiri_log_shared(c->config.log))
        status = send_own(c, WEIRI_COMMAND_DISCARD_LETTER, call->key, call->id, pieces[2], call->done, call->user, err);
    else
        status = send(c, &request, request.type, call->key, call->id, pieces, 0, err);
    weiri_buffer_fini(&json);
    return status;
}
