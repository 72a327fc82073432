/* SPDX-License-Identifier: Apache-2.0
 * Commands out of a shared log: read by the schema, packed, hashed and put into their lane's mailbox, all on the log's thread. One
 * that can't be decided goes to its lane all the same, with the reason: every command consumed leaves an outcome. Thread: the
 * log's, one at a time a partition. */
#include "base/hash.h"
#include "base/text.h"
#include "command/lane.h"
#include "message/discard.h"
#include "message/json.h"
#include "message/pack.h"
#include "message/unpack.h"
#include <inttypes.h>
#include <stdio.h>

/* ---- what becomes of partitions --------------------------------------------------------------------------- */

static weiri_lane *
lane_of(void *user, uint32_t partition)
{
    weiri_commands *c = user;

    return &c->lanes[partition];
}

void
weiri_intake_given(void *user, uint32_t partition)
{
    weiri_lane *lane = lane_of(user, partition);

    atomic_store(&lane->share.given, true);
    weiri_signal_raise(lane->wake);
}

void
weiri_intake_revoked(void *user, uint32_t partition)
{
    weiri_lane *lane = lane_of(user, partition);

    atomic_store(&lane->share.given, false); /* if it was not taken yet, there is nothing to claim */
    atomic_store(&lane->share.revoked, true);
    weiri_signal_raise(lane->wake);
}

void
weiri_intake_claimed(void *user, uint32_t partition, weir_status status, const weir_error *err)
{
    weiri_lane *lane = lane_of(user, partition);

    weiri_lock_take(&lane->share.lock);
    lane->share.claim_status = status;
    if (status != WEIR_OK && err != NULL)
        lane->share.claim_err = *err;
    weiri_lock_give(&lane->share.lock);
    atomic_store(&lane->share.claimed, true);
    weiri_signal_raise(lane->wake);
}

/* ---- a command -------------------------------------------------------------------------------------------- */

typedef struct incoming {
    weiri_lane *lane;
    const weiri_record *record;
    weiri_request request;
    weiri_bytes key, id, source;
    char words[WEIRI_KEY_ROOM + 800]; /* code NUL words NUL */
    size_t words_size;
    bool no_memory; /* which is no flaw of the command's */
    char key_text[WEIRI_KEY_ROOM], made_id[48];
    weiri_bytes payload, headers;
} incoming;

/* The first flaw found is the one that is told. Always false. */
static bool
flawed(incoming *in, const char *code, const char *text)
{
    if (in->request.kind == WEIRI_REQUEST_FLAWED)
        return false;
    int n = snprintf(in->words, sizeof in->words, "%s%c%s", code, '\0', text);

    in->words_size = n < 0 ? 2 : (size_t)n + 1 < sizeof in->words ? (size_t)n + 1 : sizeof in->words;
    in->request.kind = WEIRI_REQUEST_FLAWED;
    return false;
}

static bool
read_source(incoming *in)
{
    weiri_bytes headers = in->record->headers;
    weiri_request *request = &in->request;

    if (!weiri_headers_find(headers, WEIRI_HEADER_SOURCE, &in->source) || in->source.size == 0) {
        in->source = (weiri_bytes){ 0 };
        return true;
    }
    bool whole = in->source.size <= WEIRI_SOURCE_NAME_MOST && weiri_utf8_valid(in->source) &&
                 weiri_headers_find_number(headers, WEIRI_HEADER_SEQUENCE, &request->sequence) && request->sequence > 0;
    if (whole && !weiri_headers_find_number(headers, WEIRI_HEADER_PREVIOUS, &request->previous))
        request->previous = WEIRI_NO_PREVIOUS;
    else if (whole)
        whole = request->previous < request->sequence;
    if (whole)
        (void)weiri_headers_find_number(headers, WEIRI_HEADER_FINGERPRINT, &request->fingerprint);
    else
        in->source = (weiri_bytes){ 0 };
    return whole || flawed(in, "malformed",
                        "weir-source needs weir-sequence, from 1 on and greater than weir-previous; a name has at most 255 bytes");
}

/* What a repeat names it by; without an id of its own the command is known by where it stands. */
static bool
read_id(incoming *in)
{
    weiri_bytes id = in->record->id;

    if (id.size > WEIRI_ID_MOST || (id.size > 0 && !weiri_key_valid(id)))
        id = (weiri_bytes){ 0 };
    in->request.client_id = id.size > 0 && (in->record->flags & WEIRI_RECORD_CLIENT_ID) != 0;
    if (id.size == 0) {
        (void)snprintf(in->made_id, sizeof in->made_id, "%" PRIu32 "-%" PRIu64, in->lane->partition, in->record->source);
        id = weiri_bytes_of(in->made_id);
    }
    in->id = id;
    return in->record->id.size == 0 || in->request.client_id || id.data == in->record->id.data ||
           flawed(in, "malformed", "an id is 1-128 bytes of UTF-8 without control characters");
}

static bool
read_key(incoming *in)
{
    weiri_bytes key = in->record->key;
    uint32_t partitions = in->lane->commands->partitions;
    char text[160];

    if (!weiri_key_valid(key))
        return flawed(in, "malformed", "a key is 1-255 bytes of UTF-8 without control characters");
    in->key = key;
    memcpy(in->key_text, key.data, key.size);
    in->key_text[key.size] = '\0';
    uint32_t right = weiri_partition_of(key, partitions);
    if (right == in->lane->partition)
        return true;
    (void)snprintf(text, sizeof text,
        "this key belongs into partition %" PRIu32 " of %" PRIu32 ": send it with Kafka's default partitioner", right, partitions);
    return flawed(in, "wrong-partition", text);
}

/* The message's key field, where it is empty, gets the record's key for as long as the message is packed. */
static weir_status
pack(incoming *in, const weiri_type *type, ProtobufCMessage *message, weir_error *err)
{
    weiri_buffer *to = &in->lane->share.intake;
    char key[WEIRI_KEY_ROOM];

    weir_status status = weiri_type_set_key(type, message, in->key_text, err);
    if (status == WEIR_OK)
        status = weiri_message_pack(type, message, key, to, err);
    char **field = (char **)(void *)((uint8_t *)message + type->key->offset);
    if (type->key->type == PROTOBUF_C_TYPE_STRING && *field == in->key_text)
        *field = NULL;
    protobuf_c_message_free_unpacked(message, NULL);
    return status;
}

/* WEIRI_COMMAND_RELEASE: {"aggregate", "discard", "reason"}. */
static bool
read_release(incoming *in)
{
    json_t *json = NULL;
    weir_error err;

    if (weiri_json_parse(in->record->payload, &json, &err) != WEIR_OK)
        return flawed(in, "malformed", err.text);
    const char *aggregate = json_string_value(json_object_get(json, "aggregate")),
               *reason = json_string_value(json_object_get(json, "reason"));
    int found = aggregate == NULL ? -1 : weiri_schema_aggregate_find(in->lane->commands->config.schema, weiri_bytes_of(aggregate));
    bool good = found >= 0 && (reason == NULL || strlen(reason) <= WEIRI_REASON_MOST);
    if (good) {
        weiri_buffer *to = &in->lane->share.intake;
        weiri_buffer_clear(to);
        weiri_buffer_add_text(to, reason == NULL ? "" : reason);
        in->payload = weiri_buffer_bytes(to);
        in->request.type = (uint16_t)found;
        in->request.discard = json_is_true(json_object_get(json, "discard"));
        in->request.kind = WEIRI_REQUEST_RELEASE;
        in->source = (weiri_bytes){ 0 };
    }
    json_decref(json);
    return good || flawed(in, "malformed", "expected {\"aggregate\": one of this module's, \"discard\": true or false, \"reason\": text}");
}

/* WEIRI_COMMAND_DISCARD_LETTER: what message/discard.h says, written anew, so that all views read the same of it. */
static bool
read_discard(incoming *in)
{
    weiri_buffer *to = &in->lane->share.intake;
    weiri_discard d;
    weir_error err;

    if (weiri_discard_read(in->record->payload, &d, &err) != WEIR_OK)
        return flawed(in, "malformed", err.text);
    int found = weiri_schema_aggregate_find(in->lane->commands->config.schema, weiri_bytes_of(d.aggregate));
    if (found < 0)
        return flawed(in, "malformed", "\"aggregate\" is none of this module's");
    weiri_buffer_clear(to);
    weiri_discard_write(&d, to);
    in->payload = weiri_buffer_bytes(to);
    in->request.type = (uint16_t)found;
    in->request.kind = WEIRI_REQUEST_DISCARD;
    in->source = (weiri_bytes){ 0 };
    return true;
}

static bool
read_message(incoming *in)
{
    const weiri_schema *schema = in->lane->commands->config.schema;
    const weiri_record *record = in->record;
    const weiri_type *type = weiri_schema_find(schema, record->type);
    ProtobufCMessage *message = NULL;
    weir_error err;

    if (weiri_bytes_are(record->type, WEIRI_COMMAND_RELEASE))
        return read_release(in);
    if (weiri_bytes_are(record->type, WEIRI_COMMAND_DISCARD_LETTER))
        return read_discard(in);
    if (type == NULL || type->kind != WEIRI_TYPE_COMMAND) {
        (void)snprintf(err.text, sizeof err.text, "this module has no command '%.*s'",
            record->type.size < 200 ? (int)record->type.size : 200, (const char *)record->type.data);
        return flawed(in, "malformed", err.text);
    }
    in->request.type = type->aggregate;
    weir_status status = WEIR_OK;
    if ((record->flags & WEIRI_RECORD_JSON) != 0)
        status = weiri_json_parse_message(type->descriptor, record->payload, &message, &err);
    else
        status = weiri_message_unpack(type->descriptor, record->payload, &message, &err);
    if (status == WEIR_OK)
        status = pack(in, type, message, &err);
    in->no_memory = status == WEIR_NO_MEMORY;
    if (status != WEIR_OK)
        return flawed(in, "malformed", err.text);
    in->request.type = type->number;
    in->payload = weiri_buffer_bytes(&in->lane->share.intake);
    return true;
}

/* The lane writes the headers of bulk sources itself; what else is known goes through to the events. */
static void
keep_headers(incoming *in)
{
    static const char *const kept[] = { WEIRI_HEADER_CORRELATION, WEIRI_HEADER_TRACEPARENT };
    weiri_bytes value;

    weiri_buffer_clear(&in->lane->share.intake_headers);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (weiri_headers_find(in->record->headers, kept[i], &value))
            weiri_headers_add(&in->lane->share.intake_headers, kept[i], value);
    in->headers = weiri_buffer_bytes(&in->lane->share.intake_headers);
}

static void
read_all(incoming *in, const weiri_flaw *flaw)
{
    const weiri_record *record = in->record;
    weiri_request *request = &in->request;

    request->kind = WEIRI_REQUEST_COMMAND;
    request->type = WEIRI_NO_TYPE;
    request->expect = (record->flags & WEIRI_RECORD_EXPECTS) != 0;
    request->expected_version = record->expected_version;
    bool good = flaw == NULL || flaw->code == NULL || flawed(in, flaw->code, flaw->text);
    good = read_key(in) && good;
    good = read_id(in) && good;
    good = read_source(in) && good;
    if (good && read_message(in)) {
        /* Two types may have the same bytes. */
        uint64_t seed = request->kind == WEIRI_REQUEST_COMMAND ? in->lane->commands->type_hashes[request->type] : 0;
        keep_headers(in);
        request->payload_hash = weiri_hash64(seed, in->payload.data, in->payload.size);
    } else
        in->payload = (weiri_bytes){ in->words, in->words_size };
    /* A command that stands where it must not stand says nothing about its source's order here. */
    if (strcmp(in->words, "wrong-partition") == 0)
        in->source = (weiri_bytes){ 0 };
}

bool
weiri_intake_command(void *user, uint32_t partition, const weiri_record *record, const weiri_flaw *flaw)
{
    weiri_lane *lane = lane_of(user, partition);
    incoming in = { .lane = lane, .record = record };
    uint8_t scope[WEIRI_SCOPE_MOST];

    in.request.session = atomic_load(&lane->share.session);
    if (weiri_lane_life_of(lane) != WEIRI_LANE_SERVING)
        return false;
    in.request.log_source = record->source;
    in.request.log_time_ms = record->time_ms;
    read_all(&in, flaw);
    while (in.no_memory && in.request.session == atomic_load(&lane->share.session)) {
        const weiri_request begun = { .session = in.request.session, .log_source = record->source, .log_time_ms = record->time_ms };
        (void)weiri_signal_wait(lane->wake, weiri_signal_count(lane->wake), 10);
        in = (incoming){ .lane = lane, .record = record, .request = begun };
        read_all(&in, flaw);
    }
    weiri_request *request = &in.request;
    memcpy(scope, in.key.size > 0 ? in.key.data : "", in.key.size);
    scope[in.key.size] = '\0';
    memcpy(scope + in.key.size + 1, in.id.data, in.id.size);
    weiri_bytes scoped = { scope, in.key.size + 1 + in.id.size };
    request->key_size = (uint8_t)in.key.size;
    request->id_size = (uint16_t)in.id.size;
    request->source_size = (uint16_t)in.source.size;
    request->headers_size = (uint32_t)in.headers.size;
    request->payload_size = (uint32_t)in.payload.size;
    if (request->type != WEIRI_NO_TYPE) {
        uint16_t aggregate = request->kind == WEIRI_REQUEST_COMMAND
                                 ? weiri_schema_type(lane->commands->config.schema, request->type)->aggregate
                                 : request->type;
        request->aggregate_hash = weiri_states_hash(aggregate, in.key);
        request->id_hash = weiri_window_hash(aggregate, scoped);
    }
    const weiri_bytes pieces[] = { { request, sizeof *request }, scoped, in.source, in.headers, in.payload };
    weir_status status;
    /* Without memory, again in a moment: the log does not bring it twice. */
    while ((status = weiri_mailbox_send(&lane->mailbox, pieces, sizeof pieces / sizeof *pieces, -1)) == WEIR_NO_MEMORY &&
           request->session == atomic_load(&lane->share.session))
        (void)weiri_signal_wait(lane->wake, weiri_signal_count(lane->wake), 10);
    return status == WEIR_OK;
}
