/* SPDX-License-Identifier: Apache-2.0
 * Commands in: what the headers ask for becomes a call of the service. Thread: HTTP. */
#include "http/answer.h"
#include "http/handlers.h"

/* The first byte that is not white space; 0: an empty body. */
static char
first_of(weiri_bytes body)
{
    const char *at = body.data;

    for (size_t i = 0; i < body.size; i++)
        if (at[i] != ' ' && at[i] != '\t' && at[i] != '\r' && at[i] != '\n')
            return at[i];
    return '\0';
}

static bool
is_one_of(const char *value, const char *const *types)
{
    for (; *types != NULL; types++)
        if (weiri_media_type_is(value, *types))
            return true;
    return false;
}

static const char *const json_types[] = { "application/json", NULL };
static const char *const form_types[] = { "application/x-www-form-urlencoded", NULL };
static const char *const protobuf_types[] = { "application/protobuf", "application/x-protobuf", "application/vnd.google.protobuf", NULL };
static const char *const lines_types[] = { "application/x-ndjson", "application/ndjson", "application/jsonl", NULL };

/* A refusal of the content type, naming what is accepted; always false. */
static bool
refuse_type(weiri_request *request, const char *accepted)
{
    weiri_answer_http_problem(
        &request->reply, 415, "Content-Type: %.100s is not accepted here; use %s", request->headers.content_type, accepted);
    weiri_request_ready(request);
    return false;
}

/* curl -d says it sends a form, whatever it sends: no form begins with { or [, so the body decides there, as it does without a type. */
static bool
read_form(weiri_request *request, weiri_body *ret_form)
{
    const char *type = request->headers.content_type;
    char first = first_of(weiri_buffer_bytes(&request->body));

    if (type != NULL && is_one_of(type, protobuf_types)) {
        *ret_form = WEIRI_BODY_PROTOBUF;
        return true;
    }
    if (type != NULL && !weiri_media_type_is_utf8(type))
        return refuse_type(request, "charset=utf-8");
    if (type == NULL || is_one_of(type, form_types))
        *ret_form = first == '{' || first == '[' ? WEIRI_BODY_JSON : WEIRI_BODY_FORM;
    else if (is_one_of(type, json_types))
        *ret_form = WEIRI_BODY_JSON;
    else
        return refuse_type(request, "application/json, application/protobuf or application/x-www-form-urlencoded");
    return true;
}

static weir_status
read_conditions(weiri_request *request, weiri_command_call *call, weir_error *err)
{
    const weiri_request_headers *headers = &request->headers;

    if (headers->idempotency_key != NULL) {
        weir_status status = weiri_idempotency_key_read(headers->idempotency_key, request->id, err);
        if (status != WEIR_OK)
            return status;
        call->id = request->id;
    }
    if (headers->if_match != NULL && headers->if_none_match != NULL)
        return weiri_error_set(err, WEIR_INVALID, "If-Match and If-None-Match exclude each other");
    if (headers->if_match != NULL) {
        call->expect = true;
        return weiri_etag_read("If-Match", headers->if_match, &call->expected_version, err);
    }
    if (headers->if_none_match != NULL) {
        if (strcmp(headers->if_none_match, "*") != 0)
            return weiri_error_set(
                err, WEIR_INVALID, "If-None-Match: '%.40s': with a command it is * (there is none yet)", headers->if_none_match);
        call->expect = true;
        call->expected_version = 0;
    }
    return WEIR_OK;
}

static int64_t
timeout_of(const weiri_request *request)
{
    const weiri_prefer *prefer = &request->headers.prefer;
    int64_t wanted_ms = prefer->wait_s > 0 ? prefer->wait_s * 1000 : 1; /* wait=0: an answer at once, whatever is known */

    return prefer->has_wait && wanted_ms < request->http->outcome_ms ? wanted_ms : request->http->outcome_ms;
}

static const char *
trace_of(const weiri_request *request)
{
    const char *trace = request->headers.traceparent;

    return trace != NULL && weiri_traceparent_valid(trace) ? trace : NULL; /* a bad one is ignored, as its standard says */
}

static const char *const no_parameters[] = { NULL };

void
weiri_http_command(weiri_request *request)
{
    const weiri_prefer *prefer = &request->headers.prefer;
    weiri_command_call call = { .type = request->parameters[0],
        .body = weiri_buffer_bytes(&request->body),
        .representation = prefer->representation,
        .respond_async = prefer->respond_async,
        .traceparent = trace_of(request),
        .timeout_ms = timeout_of(request),
        .done = weiri_request_done,
        .user = request };
    weir_error err;

    if (!weiri_http_parameters_known(request, no_parameters) || !read_form(request, &call.form))
        return;
    if (read_conditions(request, &call, &err) != WEIR_OK) {
        weiri_request_problem(request, WEIR_INVALID, "%s", err.text);
        weiri_request_ready(request);
        return;
    }
    weiri_service_command(request->http->service, &call);
}

static bool
read_batch_form(weiri_request *request, bool *ret_json_array)
{
    const char *type = request->headers.content_type;
    char first = first_of(weiri_buffer_bytes(&request->body));

    if (type != NULL && !weiri_media_type_is_utf8(type))
        return refuse_type(request, "charset=utf-8");
    if (type == NULL || is_one_of(type, form_types))
        *ret_json_array = first == '[';
    else if (is_one_of(type, json_types))
        *ret_json_array = true;
    else if (is_one_of(type, lines_types))
        *ret_json_array = false;
    else
        return refuse_type(request, "application/json (an array) or application/x-ndjson");
    return true;
}

/* On the pool: a batch may wait for room in a lane. Where too many do, it takes what room there is at once. */
static bool
run_batch(void *argument)
{
    weiri_request *request = argument;
    weiri_http *http = request->http;
    weiri_commands_call call = { .json_array = request->json_array,
        .body = weiri_buffer_bytes(&request->body),
        .traceparent = trace_of(request),
        .timeout_ms = timeout_of(request),
        .done = weiri_request_done,
        .user = request };

    call.refuse_at_once = atomic_fetch_add(&http->batches, 1) >= WEIRI_BATCHES_WAITING;
    weiri_service_commands(http->service, &call);
    atomic_fetch_sub(&http->batches, 1);
    return true;
}

void
weiri_http_commands(weiri_request *request)
{
    const weiri_request_headers *headers = &request->headers;

    if (!weiri_http_parameters_known(request, no_parameters) || !read_batch_form(request, &request->json_array))
        return;
    if (headers->idempotency_key != NULL || headers->if_match != NULL || headers->if_none_match != NULL) {
        weiri_request_problem(request, WEIR_INVALID, "%s is for one command: give each command of a batch its own \"%s\"",
            headers->idempotency_key != NULL ? "Idempotency-Key"
            : headers->if_match != NULL      ? "If-Match"
                                             : "If-None-Match",
            headers->idempotency_key != NULL ? "id" : "expectedVersion");
        weiri_request_ready(request);
        return;
    }
    weiri_request_run(request, run_batch);
}
