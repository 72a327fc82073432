/* SPDX-License-Identifier: Apache-2.0
 * A request target: segments and pairs are text, and percent-encoded anew they parse to the same ones. */
#include "http/target.h"
#include "base/text.h"
#include "engine/reply.h"
#include "fuzz.h"

static void
encode(const weiri_target *target, weiri_buffer *to)
{
    if (target->n_segments == 0)
        weiri_buffer_add_char(to, '/');
    for (size_t i = 0; i < target->n_segments; i++) {
        weiri_assert(weiri_utf8_valid(weiri_bytes_of(target->segments[i])));
        weiri_buffer_add_char(to, '/');
        weiri_add_percent(to, weiri_bytes_of(target->segments[i]));
    }
    for (size_t i = 0; i < target->n_pairs; i++) {
        weiri_assert(weiri_utf8_valid(weiri_bytes_of(target->pairs[i].name)));
        weiri_assert(weiri_utf8_valid(weiri_bytes_of(target->pairs[i].value)));
        weiri_buffer_add_char(to, i == 0 ? '?' : '&');
        weiri_add_percent(to, weiri_bytes_of(target->pairs[i].name));
        weiri_buffer_add_char(to, '=');
        weiri_add_percent(to, weiri_bytes_of(target->pairs[i].value));
    }
}

static void
check_equal(const weiri_target *a, const weiri_target *b)
{
    weiri_assert(a->n_segments == b->n_segments && a->n_pairs == b->n_pairs);
    for (size_t i = 0; i < a->n_segments; i++)
        weiri_assert(strcmp(a->segments[i], b->segments[i]) == 0);
    for (size_t i = 0; i < a->n_pairs; i++) {
        weiri_assert(strcmp(a->pairs[i].name, b->pairs[i].name) == 0 && strcmp(a->pairs[i].value, b->pairs[i].value) == 0);
        weiri_assert(weiri_target_pair(a, a->pairs[i].name) != NULL);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static weiri_target target; /* kept, as a connection keeps it */
    weiri_target again = { 0 };
    weiri_buffer encoded = { 0 };
    char *raw = fuzz_text(data, size);
    weir_error err;

    weir_status status = weiri_target_parse(&target, raw, &err);
    if (status != WEIR_OK) {
        fuzz_said(status, &err);
    } else if (target.n_segments <= WEIRI_SEGMENTS_MOST) {
        encode(&target, &encoded);
        status = weiri_target_parse(&again, weiri_buffer_text(&encoded), &err);
        weiri_assert(status == WEIR_OK);
        check_equal(&target, &again);
    }
    weiri_target_fini(&again);
    weiri_buffer_fini(&encoded);
    free(raw);
    return 0;
}
