/* SPDX-License-Identifier: Apache-2.0
 * Small things about text: numbers read strictly, UTF-8 checked, the nearest word for a typo. Thread: any. */
#ifndef WEIRI_TEXT_H
#define WEIRI_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include "base/bytes.h"

/* The whole text is one decimal number in range: no blanks, no plus sign. Writes only on success. */
bool weiri_text_to_int64(const char *text, int64_t *ret_value);
bool weiri_text_to_uint64(const char *text, uint64_t *ret_value);
/* The whole text is one number as JSON has them ("1", "-0.5", "1e3") and a double can hold it. */
bool weiri_text_to_double(const char *text, double *ret_value);

/* As much of `from` as fits into `size` bytes with the NUL; never half a character of UTF-8. */
void weiri_text_fit(char *to, size_t size, const char *from);

/* Well-formed UTF-8 (RFC 3629): no surrogates, nothing overlong, nothing above U+10FFFF. */
bool weiri_utf8_valid(weiri_bytes text);
/* A record key: 1-255 bytes of UTF-8 without control characters. */
bool weiri_key_valid(weiri_bytes key);

/* Edits (insert, delete, change, swap neighbours) from one word to the other, ignoring case. */
unsigned weiri_text_distance(const char *a, const char *b);

/* Looks for the word nearest to a typo: begin with zeroes, offer each word, ask for the best. A word counts when
 * it is within a third of the typo's length, and at least within 2. */
typedef struct weiri_nearest {
    const char *word; /* borrowed */
    unsigned distance;
} weiri_nearest;
void weiri_nearest_offer(weiri_nearest *nearest, const char *typo, const char *word);
/* "; did you mean 'WORD'?" or "" (in `to`, which is returned). */
const char *weiri_nearest_hint(const weiri_nearest *nearest, char *to, size_t size);

#endif
