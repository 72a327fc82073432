/* SPDX-License-Identifier: Apache-2.0
 * The simulator's memory: glibc's, with the size that was asked for kept before each piece. How much a piece has beyond that depends on
 * what was freed before, and states are weighed by what their pieces have (message/weigh.c), so without this a seed would evict others
 * when it runs a second time. Left out under sanitizers, whose allocators answer with the size asked for. Thread: any. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* glibc's own, under the names that it keeps for programs with a malloc of theirs. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);
size_t malloc_usable_size(void *memory);
void *memalign(size_t alignment, size_t size);

#pragma GCC visibility push(default) /* for the libraries, too */

typedef struct head {
    void *whole; /* as glibc gave it */
    size_t size;
} head;
_Static_assert(sizeof(head) == 16, "what follows is aligned as malloc's memory is");

static void *
put_head(void *whole, size_t offset, size_t size)
{
    if (whole == NULL)
        return NULL;
    uint8_t *memory = (uint8_t *)whole + offset;
    const head h = { whole, size };
    memcpy(memory - sizeof h, &h, sizeof h);
    return memory;
}

static head
head_of(const void *memory)
{
    head h;

    memcpy(&h, (const uint8_t *)memory - sizeof h, sizeof h);
    return h;
}

void *
malloc(size_t size)
{
    if (size > PTRDIFF_MAX - sizeof(head)) {
        errno = ENOMEM;
        return NULL;
    }
    return put_head(__libc_malloc(size + sizeof(head)), sizeof(head), size);
}

void
free(void *memory)
{
    if (memory != NULL)
        __libc_free(head_of(memory).whole);
}

void *
calloc(size_t n, size_t size)
{
    size_t all;

    if (__builtin_mul_overflow(n, size, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    if (all > PTRDIFF_MAX - sizeof(head)) {
        errno = ENOMEM;
        return NULL;
    }
    return put_head(__libc_calloc(1, all + sizeof(head)), sizeof(head), all);
}

void *
realloc(void *memory, size_t size)
{
    void *other = malloc(size);

    if (memory == NULL || other == NULL)
        return other;
    size_t had = head_of(memory).size;
    memcpy(other, memory, had < size ? had : size);
    free(memory);
    return other;
}

void *
aligned_alloc(size_t alignment, size_t size)
{
    size_t offset = alignment < sizeof(head) ? sizeof(head) : alignment;

    return put_head(__libc_memalign(offset, offset + size), offset, size);
}

void *
memalign(size_t alignment, size_t size)
{
    return aligned_alloc(alignment, size);
}

int
posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
    void *memory = aligned_alloc(alignment, size);

    if (memory == NULL)
        return ENOMEM;
    *ret_memory = memory;
    return 0;
}

size_t
malloc_usable_size(void *memory)
{
    return memory == NULL ? 0 : head_of(memory).size;
}

#pragma GCC visibility pop
