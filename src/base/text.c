/* SPDX-License-Identifier: Apache-2.0
 * Strict readers of numbers and UTF-8, and the edit distance behind "did you mean". Thread: any. */
#include "base/text.h"
#include "base/number.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MOST = 64 }; /* longer words are not compared */

bool
weiri_text_to_uint64(const char *text, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

bool
weiri_text_to_int64(const char *text, int64_t *ret_value)
{
    uint64_t value;
    bool negative = *text == '-';

    if (!weiri_text_to_uint64(text + negative, &value) || value > (uint64_t)INT64_MAX + negative)
        return false;
    *ret_value = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

bool
weiri_text_to_double(const char *text, double *ret_value)
{
    weiri_bytes number = weiri_bytes_of(text);

    return weiri_number_is(number) && weiri_number_to_double(number, ret_value);
}

void
weiri_text_fit(char *to, size_t size, const char *from)
{
    size_t n = strnlen(from, size);

    if (n == size)
        for (n = size - 1; n > 0 && ((uint8_t)from[n] & 0xc0) == 0x80;)
            n--;
    memcpy(to, from, n);
    to[n] = '\0';
}

/* The size of the well-formed sequence at `p`, or 0 (Unicode 15, table 3-7). */
static size_t
utf8_sequence(const uint8_t *p, size_t left)
{
    uint8_t lead = p[0];
    size_t size = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;

    if (size == 0 || size > left)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((lead == 0xe0 && p[1] < 0xa0) || (lead == 0xed && p[1] > 0x9f) || (lead == 0xf0 && p[1] < 0x90) || (lead == 0xf4 && p[1] > 0x8f))
        return 0;
    return size;
}

bool
weiri_utf8_valid(weiri_bytes text)
{
    const uint8_t *p = text.data;

    for (size_t i = 0; i < text.size;) {
        size_t size = utf8_sequence(p + i, text.size - i);
        if (size == 0)
            return false;
        i += size;
    }
    return true;
}

bool
weiri_key_valid(weiri_bytes key)
{
    const uint8_t *p = key.data;

    if (key.size < 1 || key.size > 255 || !weiri_utf8_valid(key))
        return false;
    for (size_t i = 0; i < key.size; i++)
        if (p[i] < 0x20 || p[i] == 0x7f || (p[i] == 0xc2 && i + 1 < key.size && p[i + 1] < 0xa0))
            return false;
    return true;
}

static unsigned
least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned
weiri_text_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    unsigned rows[3][WORD_MOST + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];

    if (n > WORD_MOST || m > WORD_MOST)
        return (unsigned)(n > m ? n : m);
    for (size_t j = 0; j <= m; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            row[j] = least(least(last[j] + 1, row[j - 1] + 1), last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) && tolower((unsigned char)a[i - 2]) == y)
                row[j] = least(row[j], before[j - 2] + 1);
        }
        unsigned *free_row = before;
        before = last;
        last = row;
        row = free_row;
    }
    return last[m];
}

void
weiri_nearest_offer(weiri_nearest *nearest, const char *typo, const char *word)
{
    unsigned most = (unsigned)strlen(typo) / 3;
    unsigned distance = weiri_text_distance(typo, word);

    if (distance <= (most < 2 ? 2 : most) && distance < strlen(word) && (nearest->word == NULL || distance < nearest->distance)) {
        nearest->word = word;
        nearest->distance = distance;
    }
}

const char *
weiri_nearest_hint(const weiri_nearest *nearest, char *to, size_t size)
{
    if (nearest->word == NULL)
        to[0] = '\0';
    else
        (void)snprintf(to, size, "; did you mean '%s'?", nearest->word);
    return to;
}
