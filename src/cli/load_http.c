/* SPDX-License-Identifier: Apache-2.0
 * The other side of a load, over HTTP. Thread: the main thread. */
#include "cli/load.h"

static weir_status
post_commands(void *user, weiri_bytes lines, int *ret_http, weiri_buffer *reply, int *ret_retry_after_s, weir_error *err)
{
    const weiri_client_request request = { .method = "POST", .path = "/commands", .type = "application/x-ndjson", .body = lines };
    weiri_answer answer = { .body = *reply };

    weir_status status = weiri_client_call(user, &request, &answer, err);
    *reply = answer.body;
    *ret_http = answer.http;
    *ret_retry_after_s = answer.retry_after_s;
    return status;
}

static weir_status
read_source(const weiri_answer *answer, uint32_t partitions, uint64_t *last, uint64_t *ret_fingerprint, weir_error *err)
{
    json_t *json = json_loadb((const char *)answer->body.data, answer->body.size, 0, NULL), *one;
    json_t *list = json_object_get(json, "partitions");
    size_t i;

    if (!json_is_array(list)) {
        json_decref(json);
        return weiri_error_set(err, WEIR_INVALID, "GET /sources has no \"partitions\"");
    }
    *ret_fingerprint = (uint64_t)json_integer_value(json_object_get(json, "fingerprint"));
    json_array_foreach(list, i, one)
    {
        json_int_t partition = json_integer_value(json_object_get(one, "partition"));
        if (partition >= 0 && partition < partitions)
            last[partition] = (uint64_t)json_integer_value(json_object_get(one, "sequence"));
    }
    json_decref(json);
    return WEIR_OK;
}

static weir_status
get_source(void *user, const char *source, uint32_t partitions, uint64_t *last, bool *ret_known, uint64_t *ret_fingerprint, weir_error *err)
{
    weiri_answer answer = { 0 };
    weiri_buffer path = { 0 };

    weiri_buffer_add_text(&path, "/sources/");
    weiri_client_add_encoded(&path, weiri_bytes_of(source));
    const weiri_client_request request = { .path = weiri_buffer_text(&path) };
    weir_status status = weiri_client_call(user, &request, &answer, err);
    *ret_known = false;
    if (status == WEIR_OK && (answer.http == 200 || answer.http == 404)) /* a partition that isn't listed has nothing of it */
        memset(last, 0, partitions * sizeof *last);
    if (status == WEIR_OK && answer.http != 200 && answer.http != 404) {
        (void)weiri_answer_exit(&answer, err);
        status = err->status;
    } else if (status == WEIR_OK && answer.http == 200) {
        *ret_known = true;
        status = read_source(&answer, partitions, last, ret_fingerprint, err);
    }
    weiri_answer_fini(&answer);
    weiri_buffer_fini(&path);
    return status;
}

void
weiri_load_door_http(weiri_load_door *door)
{
    door->commands = post_commands;
    door->source = get_source;
}
