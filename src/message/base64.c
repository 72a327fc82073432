/* SPDX-License-Identifier: Apache-2.0
 * Base64 both ways. Bits beyond the last byte are ignored, as the conformance tests of Protobuf ask. Thread: any. */
#include "message/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
weiri_base64_add(weiri_buffer *to, weiri_bytes bytes)
{
    const uint8_t *from = bytes.data;
    size_t left = bytes.size;

    if (left == 0)
        return;
    char *at = weiri_buffer_extend(to, (bytes.size + 2) / 3 * 4);

    for (; left >= 3; left -= 3, from += 3, at += 4) {
        uint32_t group = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
        for (int i = 0; i < 4; i++)
            at[i] = alphabet[group >> (18 - 6 * i) & 63];
    }
    if (left > 0) {
        uint32_t group = (uint32_t)from[0] << 16 | (left == 2 ? (uint32_t)from[1] << 8 : 0);
        at[0] = alphabet[group >> 18];
        at[1] = alphabet[group >> 12 & 63];
        at[2] = left == 2 ? alphabet[group >> 6 & 63] : '=';
        at[3] = '=';
    }
}

/* The 6 bits of a character of either alphabet; 64: of neither. */
static unsigned
bits_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : 64;
}

bool
weiri_base64_read(weiri_bytes text, uint8_t *to, size_t *ret_size)
{
    const char *from = text.data;
    size_t size = text.size, n = 0, padding = 0;
    uint32_t group = 0;

    while (padding < 2 && size > 0 && from[size - 1] == '=') {
        size--;
        padding++;
    }
    if (size % 4 == 1 || (padding > 0 && (size + padding) % 4 != 0))
        return false;
    for (size_t i = 0; i < size; i++) {
        unsigned bits = bits_of(from[i]);
        if (bits > 63)
            return false;
        group = group << 6 | bits;
        if (i % 4 == 0)
            continue;
        to[n++] = (uint8_t)(group >> (6 - 2 * (i % 4)));
    }
    *ret_size = n;
    return true;
}
