/* SPDX-License-Identifier: Apache-2.0
 * The values of request headers: each reader gets every text. Results are in range, written only on success, and read back. */
#include <stdio.h>
#include "engine/inside.h"
#include "fuzz.h"
#include "http/accept.h"

static void
read_prefer(const char *text)
{
    weiri_prefer prefer = { .has_wait = true, .wait_s = 7 }, before = prefer, fresh = { 0 };
    weir_error err;

    weir_status status = weiri_prefer_read(text, &prefer, &err);
    if (status != WEIR_OK) {
        fuzz_said(status, &err);
        weiri_assert(prefer.wait_s == before.wait_s && prefer.representation == before.representation &&
                     prefer.respond_async == before.respond_async);
        return;
    }
    weiri_assert(prefer.has_wait && prefer.wait_s == 7); /* the first of two equal preferences counts */
    status = weiri_prefer_read(text, &fresh, &err);
    weiri_assert(status == WEIR_OK && fresh.wait_s >= 0 && fresh.wait_s <= WEIRI_WAIT_MOST_S);
    weiri_assert(fresh.has_wait || fresh.wait_s == 0);
}

static void
read_etag(const char *text)
{
    uint64_t version = 42, again;
    weir_error err;
    char tag[32];

    weir_status status = weiri_etag_read("If-Match", text, &version, &err);
    if (status != WEIR_OK) {
        fuzz_said(status, &err);
        weiri_assert(version == 42);
        (void)weiri_etag_listed(text, 7);
        return;
    }
    (void)snprintf(tag, sizeof tag, "\"%llu\"", (unsigned long long)version);
    status = weiri_etag_read("If-Match", tag, &again, &err);
    weiri_assert(status == WEIR_OK && again == version && weiri_etag_listed(tag, version) && !weiri_etag_listed(tag, version ^ 1));
}

static void
read_key(const char *text)
{
    char id[WEIRI_KEY_MOST + 1] = "as before", again[WEIRI_KEY_MOST + 1], quoted[2 * WEIRI_KEY_MOST + 3];
    size_t n = 0;
    weir_error err;

    weir_status status = weiri_idempotency_key_read(text, id, &err);
    if (status != WEIR_OK) {
        fuzz_said(status, &err);
        weiri_assert(strcmp(id, "as before") == 0);
        return;
    }
    quoted[n++] = '"';
    for (const char *at = id; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            quoted[n++] = '\\';
        quoted[n++] = *at;
    }
    memcpy(quoted + n, "\"", 2);
    status = weiri_idempotency_key_read(quoted, again, &err);
    weiri_assert(status == WEIR_OK && strcmp(id, again) == 0);
    status = weiri_check_id("id", id, &err); /* the engine takes what HTTP lets through */
    weiri_assert(status == WEIR_OK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = { "application/json", "text/csv", "application/x-ndjson" };
    char *text = fuzz_text(data, size);

    read_prefer(text);
    read_etag(text);
    read_key(text);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        int quality = weiri_accept_quality(text, types[i]);
        weiri_assert(quality >= 0 && quality <= 1000);
        if (weiri_media_type_is(text, types[i]) && strchr(text, ',') == NULL && strchr(text, ';') == NULL)
            weiri_assert(quality == 1000);
    }
    (void)weiri_media_type_is_utf8(text);
    if (weiri_traceparent_valid(text))
        weiri_assert(weiri_is_traceparent(text));
    free(text);
    return 0;
}
