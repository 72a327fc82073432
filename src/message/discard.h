/* SPDX-License-Identifier: Apache-2.0
 * A letter discarded: what the command `weir.DiscardLetter` and its outcome `weir.letter-discarded` say, as JSON:
 * {"view", "aggregate", "source", "index", "reason", "who"}. The event is in the partition of the command, since both have one key;
 * (source, index) name it there for ever, in every engine of the log. docs/formats/record.md is its page. Thread: any. */
#ifndef WEIRI_DISCARD_H
#define WEIRI_DISCARD_H

#include "base/bytes.h"
#include "base/error.h"

#define WEIRI_COMMAND_DISCARD_LETTER "weir.DiscardLetter"
#define WEIRI_OUTCOME_LETTER_DISCARDED "weir.letter-discarded"

enum { WEIRI_DISCARD_REASON_MOST = 500, WEIRI_DISCARD_WHO_MOST = 100, WEIRI_DISCARD_NAME_MOST = 100, WEIRI_DISCARD_BYTES_MOST = 6000 };

typedef struct weiri_discard {
    char view[WEIRI_DISCARD_NAME_MOST + 1], aggregate[WEIRI_DISCARD_NAME_MOST + 1];
    uint64_t source;
    uint32_t index;
    char reason[WEIRI_DISCARD_REASON_MOST + 1]; /* never "" */
    char who[WEIRI_DISCARD_WHO_MOST + 1];       /* "" not told */
} weiri_discard;

/* Errors: INVALID: no reason, one that is too long, no text, no view. */
WEIR_MUST_USE weir_status weiri_discard_fill(
    weiri_discard *discard, const char *view, const char *aggregate, const char *reason, const char *who, weir_error *err);
void weiri_discard_write(const weiri_discard *discard, weiri_buffer *to);
/* Errors: INVALID with what was expected. */
WEIR_MUST_USE weir_status weiri_discard_read(weiri_bytes json, weiri_discard *ret_discard, weir_error *err);

#endif
