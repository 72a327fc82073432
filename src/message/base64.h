/* SPDX-License-Identifier: Apache-2.0
 * Base64 (RFC 4648): the standard alphabet is written, with padding; the standard and the URL-safe one are read, with or
 * without padding. Thread: any. */
#ifndef WEIRI_BASE64_H
#define WEIRI_BASE64_H

#include <stdbool.h>
#include "base/bytes.h"

void weiri_base64_add(weiri_buffer *to, weiri_bytes bytes);

/* Bytes that weiri_base64_read may write for `size` characters. */
static inline size_t
weiri_base64_room(size_t size)
{
    return size / 4 * 3 + 3;
}

/* Reads all of `text` into `to`, which has room for weiri_base64_room(text.size) bytes. False: it isn't base64. */
bool weiri_base64_read(weiri_bytes text, uint8_t *to, size_t *ret_size);

#endif
