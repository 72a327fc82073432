/* SPDX-License-Identifier: Apache-2.0
 * Reading the values of request headers, each as its standard has it and nothing laxer: Prefer (RFC 7240), entity tags (RFC 9110),
 * Accept (RFC 9110), Idempotency-Key (a structured string, RFC 8941), traceparent (W3C). Pure functions. Thread: any. */
#ifndef WEIRI_ACCEPT_H
#define WEIRI_ACCEPT_H

#include <stdbool.h>
#include <stdint.h>
#include "base/bytes.h"
#include "base/error.h"

typedef struct weiri_prefer {
    bool representation, respond_async;
    bool has_wait;
    int64_t wait_s; /* at most WEIRI_WAIT_MOST_S: more is cut, which the preference allows */
} weiri_prefer;     /* zero-initialise */
enum { WEIRI_WAIT_MOST_S = 60 };

/* Reads one Prefer header into `prefer`; several lines are read one after the other, and the first of two equal preferences counts.
 * Preferences that weir does not know are passed by. Errors: INVALID: names the preference and what it takes. */
WEIR_MUST_USE weir_status weiri_prefer_read(const char *value, weiri_prefer *prefer, weir_error *err);

/* "7" in quotes: one strong ETag. Errors: INVALID: weak, a list, *, not a version. */
WEIR_MUST_USE weir_status weiri_etag_read(const char *header, const char *value, uint64_t *ret_version, weir_error *err);
/* Whether an If-None-Match of a GET names this version (weak comparison, lists and * count). */
bool weiri_etag_listed(const char *value, uint64_t version);

/* "k" as a structured string or bare k; writes the id with a NUL. Errors: INVALID: empty, longer than WEIRI_KEY_MOST, bad characters. */
enum { WEIRI_KEY_MOST = 128 };
WEIR_MUST_USE weir_status weiri_idempotency_key_read(const char *value, char ret_id[WEIRI_KEY_MOST + 1], weir_error *err);

/* How much an Accept header wants a media type, in thousandths: 0 not at all; NULL: 1 (anything goes). A named type counts more than a range:
 * the most specific range decides. */
int weiri_accept_quality(const char *accept, const char *type);

/* The media type of a Content-Type value is `type`, whatever its parameters. */
bool weiri_media_type_is(const char *value, const char *type);
/* Its charset is UTF-8, or not given. */
bool weiri_media_type_is_utf8(const char *value);

bool weiri_traceparent_valid(const char *value);

#endif
