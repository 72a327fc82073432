/* SPDX-License-Identifier: Apache-2.0
 * The growing buffer: doubles, never shrinks until it ends. Thread: one at a time. */
#include "base/bytes.h"
#include "base/assert.h"
#include "base/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static size_t
room_for(const weiri_buffer *buffer, size_t more)
{
    size_t room = buffer->room < 64 ? 64 : buffer->room;

    while (room - buffer->size < more)
        room *= 2;
    return room;
}

void *
weiri_buffer_reserve(weiri_buffer *buffer, size_t more)
{
    if (buffer->room - buffer->size < more) {
        size_t room = room_for(buffer, more);
        buffer->data = weiri_reallocate(buffer->data, room);
        buffer->room = room;
    }
    return buffer->data == NULL ? NULL : buffer->data + buffer->size; /* nothing asked for, nothing there */
}

bool
weiri_buffer_try_reserve(weiri_buffer *buffer, size_t more)
{
    if (buffer->room - buffer->size >= more)
        return true;
    size_t room = room_for(buffer, more);
    uint8_t *data = realloc(buffer->data, room);
    if (data == NULL)
        return false;
    buffer->data = data;
    buffer->room = room;
    return true;
}

void *
weiri_buffer_extend(weiri_buffer *buffer, size_t more)
{
    void *at = weiri_buffer_reserve(buffer, more);

    buffer->size += more;
    return at;
}

void
weiri_buffer_add(weiri_buffer *buffer, const void *data, size_t size)
{
    if (size > 0)
        memcpy(weiri_buffer_extend(buffer, size), data, size);
}

void
weiri_buffer_add_text(weiri_buffer *buffer, const char *text)
{
    weiri_buffer_add(buffer, text, strlen(text));
}

void
weiri_buffer_add_bytes(weiri_buffer *buffer, weiri_bytes bytes)
{
    weiri_buffer_add(buffer, bytes.data, bytes.size);
}

void
weiri_buffer_add_char(weiri_buffer *buffer, char c)
{
    *(char *)weiri_buffer_extend(buffer, 1) = c;
}

void
weiri_buffer_print(weiri_buffer *buffer, const char *format, ...)
{
    va_list arguments, again;

    va_start(arguments, format);
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, arguments);
    weiri_assert(n >= 0);
    (void)vsnprintf(weiri_buffer_reserve(buffer, (size_t)n + 1), (size_t)n + 1, format, again);
    buffer->size += (size_t)n;
    va_end(again);
    va_end(arguments);
}

const char *
weiri_buffer_text(weiri_buffer *buffer)
{
    *(char *)weiri_buffer_reserve(buffer, 1) = '\0';
    return (const char *)buffer->data;
}

void
weiri_buffer_clear(weiri_buffer *buffer)
{
    buffer->size = 0;
}

void
weiri_buffer_fini(weiri_buffer *buffer)
{
    weiri_release(buffer->data);
    *buffer = (weiri_buffer){ 0 };
}
