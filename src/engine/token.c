/* SPDX-License-Identifier: Apache-2.0
 * Positions as text. A token is LOGID:P=N[,P=N...] where N is the source position of a command in partition P; a vector of
 * events is the list alone. In memory every entry is N + 1, and 0 is silence. Thread: any. */
#include "engine/reply.h"
#include "base/text.h"
#include <inttypes.h>
#include <stdio.h>

void
weiri_vector_format(const uint64_t *next, uint32_t partitions, char *to, size_t size)
{
    size_t at = 0;

    to[0] = '\0';
    for (uint32_t p = 0; p < partitions && at < size; p++) {
        if (next[p] == 0)
            continue;
        int n = snprintf(to + at, size - at, "%s%" PRIu32 "=%" PRIu64, at > 0 ? "," : "", p, next[p] - 1);
        at += n > 0 ? (size_t)n : 0;
    }
}

void
weiri_token_format(uint64_t log_id, const uint64_t *sources, uint32_t partitions, char *to, size_t size)
{
    int n = snprintf(to, size, "%016" PRIx64 ":", log_id);

    weiri_vector_format(sources, partitions, to + n, size - (size_t)n);
}

/* One decimal number at *at; moves *at behind it. */
static bool
read_number(const char **at, uint64_t *ret_value)
{
    char digits[24];
    size_t n = strspn(*at, "0123456789");

    if (n == 0 || n >= sizeof digits)
        return false;
    memcpy(digits, *at, n);
    digits[n] = '\0';
    *at += n;
    return weiri_text_to_uint64(digits, ret_value);
}

weir_status
weiri_vector_parse(const char *text, const uint64_t *ends, uint32_t partitions, uint64_t *ret_next, const char **ret_code, weir_error *err)
{
    uint64_t next[64] = { 0 }, p, n;
    const char *at = text;

    *ret_code = "invalid";
    while (*at != '\0') {
        if (!read_number(&at, &p) || *at++ != '=' || !read_number(&at, &n) || (*at != '\0' && *at != ','))
            return weiri_error_set(err, WEIR_INVALID, "position '%.80s': expected PARTITION=NUMBER,... as an answer gave it", text);
        if (p >= partitions) {
            *ret_code = "foreign-token";
            return weiri_error_set(
                err, WEIR_INVALID, "position '%.80s': there is no partition %" PRIu64 ", this log has %" PRIu32, text, p, partitions);
        }
        if (n >= ends[p]) {
            *ret_code = "future-token";
            return weiri_error_set(err, WEIR_INVALID,
                "position '%.80s': partition %" PRIu64 " ends before %" PRIu64
                ": the position is ahead of this log (was the log restored from a copy?)",
                text, p, n);
        }
        next[p] = n + 1 > next[p] ? n + 1 : next[p];
        if (*at == ',' && *++at == '\0')
            return weiri_error_set(err, WEIR_INVALID, "position '%.80s': something is missing after the last comma", text);
    }
    memcpy(ret_next, next, partitions * sizeof *next);
    return WEIR_OK;
}

weir_status
weiri_token_parse(const char *text, uint64_t log_id, const uint64_t *ends, uint32_t partitions, uint64_t *ret_sources,
    const char **ret_code, weir_error *err)
{
    uint64_t id = 0;
    size_t digits = strspn(text, "0123456789abcdefABCDEF");

    *ret_code = "invalid";
    if (digits != 16 || text[16] != ':' || sscanf(text, "%16" SCNx64, &id) != 1)
        return weiri_error_set(
            err, WEIR_INVALID, "position '%.80s': expected LOGID:PARTITION=NUMBER,... as an answer's Weir-Position gave it", text);
    if (id != log_id) {
        *ret_code = "foreign-token";
        return weiri_error_set(
            err, WEIR_INVALID, "position '%.80s' is of log %016" PRIx64 ", and this is log %016" PRIx64, text, id, log_id);
    }
    return weiri_vector_parse(text + 17, ends, partitions, ret_sources, ret_code, err);
}
