/* SPDX-License-Identifier: Apache-2.0
 * Borrowed bytes, and a buffer that grows. A buffer owns its memory; what it gives out is valid until it next
 * grows. Running out of memory ends the program (memory.h). Thread: one at a time. */
#ifndef WEIRI_BYTES_H
#define WEIRI_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <weir/status.h>

typedef struct weiri_bytes {
    const void *data;
    size_t size;
} weiri_bytes;

static inline weiri_bytes
weiri_bytes_of(const char *text)
{
    return (weiri_bytes){ text, text == NULL ? 0 : strlen(text) };
}

static inline bool
weiri_bytes_equal(weiri_bytes a, weiri_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool
weiri_bytes_are(weiri_bytes a, const char *text)
{
    return weiri_bytes_equal(a, weiri_bytes_of(text));
}

typedef struct weiri_buffer {
    uint8_t *data;
    size_t size, room;
} weiri_buffer; /* zero-initialise */

void *weiri_buffer_reserve(weiri_buffer *buffer, size_t more); /* room for `more` bytes at the end; size is unchanged */
void *weiri_buffer_extend(weiri_buffer *buffer, size_t more);  /* the same, and they now belong to it */
/* For what comes from outside and can be refused: false, and nothing has changed, when memory has run out. */
WEIR_MUST_USE bool weiri_buffer_try_reserve(weiri_buffer *buffer, size_t more);
void weiri_buffer_add(weiri_buffer *buffer, const void *data, size_t size);
void weiri_buffer_add_text(weiri_buffer *buffer, const char *text);
void weiri_buffer_add_bytes(weiri_buffer *buffer, weiri_bytes bytes);
void weiri_buffer_add_char(weiri_buffer *buffer, char c);
void weiri_buffer_print(weiri_buffer *buffer, const char *format, ...) WEIR_PRINTF(2, 3);
const char *weiri_buffer_text(weiri_buffer *buffer); /* its bytes with a NUL behind them, which is not counted */
void weiri_buffer_clear(weiri_buffer *buffer);       /* empty; keeps its room */
void weiri_buffer_fini(weiri_buffer *buffer);

static inline weiri_bytes
weiri_buffer_bytes(const weiri_buffer *buffer)
{
    return (weiri_bytes){ buffer->data, buffer->size };
}

#endif
