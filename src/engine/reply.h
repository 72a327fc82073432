/* SPDX-License-Identifier: Apache-2.0
 * Making replies: problems, JSON pieces, tokens. For the files of this room alone. Thread: any, one reply at a time. */
#ifndef WEIRI_REPLY_H
#define WEIRI_REPLY_H

#include "engine/service.h"

#define WEIRI_TYPE_JSON "application/json"
#define WEIRI_TYPE_PROBLEM "application/problem+json"
#define WEIRI_TYPE_LINES "application/x-ndjson"

/* "name": in front of a value, with a comma where one is needed (any byte but '{' or '[' stands before it). */
void weiri_member(weiri_buffer *to, const char *name);
void weiri_member_text(weiri_buffer *to, const char *name, const char *value);
void weiri_member_bytes(weiri_buffer *to, const char *name, weiri_bytes value);
void weiri_member_number(weiri_buffer *to, const char *name, uint64_t value);
void weiri_member_signed(weiri_buffer *to, const char *name, int64_t value);
/* "2026-01-31T09:30:00.000Z" */
void weiri_member_time(weiri_buffer *to, const char *name, int64_t time_ms);

/* Opens an RFC 9457 problem object and leaves it open for more members; close it with '}'. Returns its row. */
const weiri_answer_row *weiri_problem_begin(weiri_buffer *to, weir_status status, const char *code, const char *detail);
/* Marks the reply as the problem of `row`: status, content type, Retry-After. */
void weiri_reply_mark(weiri_reply *reply, const weiri_answer_row *row);
/* The whole of it from an error. */
void weiri_reply_error(weiri_reply *reply, const char *code, const weir_error *err);
void weiri_reply_json(weiri_reply *reply); /* 200, application/json */

/* Percent-encodes what is not unreserved (RFC 3986). */
void weiri_add_percent(weiri_buffer *to, weiri_bytes text);
void weiri_add_base64(weiri_buffer *to, weiri_bytes bytes);

/* ---- tokens: LOGID:P=N[,P=N...], LOGID 16 hexadecimal digits ------------------------------------------- */

void weiri_token_format(uint64_t log_id, const uint64_t *sources, uint32_t partitions, char *to, size_t size);
/* sources[p] = N + 1, 0 where the token is silent. Two tokens in one (the same P twice) are merged. `ends`: of each partition's
 * commands. Errors: INVALID; *ret_code says "invalid", "foreign-token" or "future-token". */
WEIR_MUST_USE weir_status weiri_token_parse(const char *text, uint64_t log_id, const uint64_t *ends, uint32_t partitions,
    uint64_t *ret_sources, const char **ret_code, weir_error *err);
/* The list after the colon alone, also as positions of events: "P=N,P=N". N must be below ends[P]. */
WEIR_MUST_USE weir_status weiri_vector_parse(
    const char *text, const uint64_t *ends, uint32_t partitions, uint64_t *ret_next, const char **ret_code, weir_error *err);
void weiri_vector_format(const uint64_t *next, uint32_t partitions, char *to, size_t size);

#endif
