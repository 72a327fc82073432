/* SPDX-License-Identifier: Apache-2.0
 * Reading and writing what is said when a letter is discarded. Whoever may write to a shared log may write this, so it is
 * checked like any message. Thread: any. */
#include "message/discard.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/text.h"
#include "message/json.h"

weir_status
weiri_discard_fill(weiri_discard *discard, const char *view, const char *aggregate, const char *reason, const char *who, weir_error *err)
{
    size_t blanks = reason == NULL ? 0 : strspn(reason, " \t\r\n");

    if (view == NULL || view[0] == '\0' || strlen(view) > WEIRI_DISCARD_NAME_MOST)
        return weiri_error_set(err, WEIR_INVALID, "a letter is one of a view: name it");
    if (aggregate == NULL || strlen(aggregate) > WEIRI_DISCARD_NAME_MOST)
        return weiri_error_set(err, WEIR_INVALID, "no name of an aggregate");
    if (reason == NULL || reason[blanks] == '\0')
        return weiri_error_set(err, WEIR_INVALID, "a letter is discarded for ever, and needs a reason");
    if (strlen(reason) > WEIRI_DISCARD_REASON_MOST)
        return weiri_error_set(err, WEIR_INVALID, "a reason has at most %d bytes", WEIRI_DISCARD_REASON_MOST);
    if (who != NULL && strlen(who) > WEIRI_DISCARD_WHO_MOST)
        return weiri_error_set(err, WEIR_INVALID, "'who' has at most %d bytes", WEIRI_DISCARD_WHO_MOST);
    if (!weiri_utf8_valid(weiri_bytes_of(reason)) || (who != NULL && !weiri_utf8_valid(weiri_bytes_of(who))))
        return weiri_error_set(err, WEIR_INVALID, "reason and who are text in UTF-8");
    (void)snprintf(discard->view, sizeof discard->view, "%s", view);
    (void)snprintf(discard->aggregate, sizeof discard->aggregate, "%s", aggregate);
    (void)snprintf(discard->reason, sizeof discard->reason, "%s", reason);
    (void)snprintf(discard->who, sizeof discard->who, "%s", who == NULL ? "" : who);
    return WEIR_OK;
}

void
weiri_discard_write(const weiri_discard *discard, weiri_buffer *to)
{
    weiri_buffer_add_text(to, "{\"view\":");
    weiri_json_add_string(to, weiri_bytes_of(discard->view));
    weiri_buffer_add_text(to, ",\"aggregate\":");
    weiri_json_add_string(to, weiri_bytes_of(discard->aggregate));
    weiri_buffer_print(to, ",\"source\":%" PRIu64 ",\"index\":%" PRIu32 ",\"reason\":", discard->source, discard->index);
    weiri_json_add_string(to, weiri_bytes_of(discard->reason));
    weiri_buffer_add_text(to, ",\"who\":");
    weiri_json_add_string(to, weiri_bytes_of(discard->who));
    weiri_buffer_add_char(to, '}');
}

weir_status
weiri_discard_read(weiri_bytes text, weiri_discard *ret_discard, weir_error *err)
{
    json_t *json = NULL;
    weiri_discard d = { 0 };

    weir_status status = weiri_json_parse(text, &json, err);
    if (status != WEIR_OK)
        return status;
    const json_t *source = json_object_get(json, "source"), *index = json_object_get(json, "index");
    bool numbers = json_is_integer(source) && json_integer_value(source) >= 0 && json_is_integer(index) && json_integer_value(index) >= 0 &&
                   json_integer_value(index) <= UINT32_MAX;
    if (!numbers)
        status = weiri_error_set(err, WEIR_INVALID, "expected {\"view\", \"aggregate\", \"source\": N, \"index\": N, \"reason\", \"who\"}");
    else
        status = weiri_discard_fill(&d, json_string_value(json_object_get(json, "view")),
            json_string_value(json_object_get(json, "aggregate")), json_string_value(json_object_get(json, "reason")),
            json_string_value(json_object_get(json, "who")), err);
    if (status == WEIR_OK) {
        d.source = (uint64_t)json_integer_value(source);
        d.index = (uint32_t)json_integer_value(index);
        *ret_discard = d;
    }
    json_decref(json);
    return status;
}
