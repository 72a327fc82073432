/* SPDX-License-Identifier: Apache-2.0
 * malloc whose failure ends the program. Thread: any. */
#include "base/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
checked(void *memory)
{
    if (memory == NULL) {
        fputs("weir: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *
weiri_allocate(size_t size)
{
    return checked(calloc(1, size == 0 ? 1 : size));
}

void *
weiri_reallocate(void *memory, size_t size)
{
    return checked(realloc(memory, size == 0 ? 1 : size));
}

char *
weiri_text_copy(const char *text)
{
    return text == NULL ? NULL : weiri_text_copy_n(text, strlen(text));
}

char *
weiri_text_copy_n(const char *text, size_t size)
{
    char *copy = checked(malloc(size + 1));

    memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

void
weiri_release(void *memory)
{
    free(memory);
}
