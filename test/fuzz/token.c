/* SPDX-License-Identifier: Apache-2.0
 * Positions as text: a token of this log that is taken writes to one that reads the same; a refusal writes nothing and has a code. */
#include "engine/reply.h"
#include "fuzz.h"

enum { PARTITIONS = 5 };
static const uint64_t log_id = 0x0123456789abcdef, ends[PARTITIONS] = { 0, 1, 10, 1000000, UINT64_MAX };

static bool
refused(weir_status status, const weir_error *err, const char *code, const uint64_t *next)
{
    if (status == WEIR_OK)
        return false;
    fuzz_said(status, err);
    weiri_assert(strcmp(code, "invalid") == 0 || strcmp(code, "foreign-token") == 0 || strcmp(code, "future-token") == 0);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        weiri_assert(next[p] == 42);
    return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t next[PARTITIONS] = { 42, 42, 42, 42, 42 }, again[PARTITIONS];
    const char *code = NULL;
    char written[256];
    char *text = fuzz_text(data, size);
    weir_error err;

    weir_status status = weiri_token_parse(text, log_id, ends, PARTITIONS, next, &code, &err);
    if (!refused(status, &err, code, next)) {
        for (uint32_t p = 0; p < PARTITIONS; p++)
            weiri_assert(next[p] <= ends[p]);
        weiri_token_format(log_id, next, PARTITIONS, written, sizeof written);
        status = weiri_token_parse(written, log_id, ends, PARTITIONS, again, &code, &err);
        weiri_assert(status == WEIR_OK && memcmp(next, again, sizeof next) == 0);
        for (uint32_t p = 0; p < PARTITIONS; p++)
            next[p] = 42;
    }
    status = weiri_vector_parse(text, ends, PARTITIONS, next, &code, &err);
    if (!refused(status, &err, code, next)) {
        weiri_vector_format(next, PARTITIONS, written, sizeof written);
        status = weiri_vector_parse(written, ends, PARTITIONS, again, &code, &err);
        weiri_assert(status == WEIR_OK && memcmp(next, again, sizeof next) == 0);
    }
    free(text);
    return 0;
}
