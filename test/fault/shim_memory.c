/* SPDX-License-Identifier: Apache-2.0
 * The shim's part for memory: stands before malloc, calloc, realloc, aligned_alloc and posix_memalign, and fails one allocation,
 * or several in a row, counted from when the program itself says so (fault_memory_fail). Any thread; atomic numbers only.
 *   WEIR_FAULT_TRACE=1   says with the first one who had asked for it */
#include <errno.h>
#include <execinfo.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "memory.h"

#define SHOWN __attribute__((visibility("default")))

/* The C library's own: what malloc is when nobody stands before it. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static _Atomic long counted;             /* allocations since fault_memory_fail */
static _Atomic long first_bad, last_bad; /* of them, which fail */
static _Atomic bool armed;

SHOWN void
fault_memory_fail(long n, long times)
{
    atomic_store(&counted, 0);
    atomic_store(&first_bad, n);
    atomic_store(&last_bad, n + times - 1);
    atomic_store(&armed, true);
}

SHOWN long
fault_memory_count(void)
{
    return atomic_load(&counted);
}

static bool
fails(size_t size)
{
    enum { FRAMES = 12 };
    char words[96];
    void *frames[FRAMES];

    if (!atomic_load_explicit(&armed, memory_order_relaxed))
        return false;
    long n = atomic_fetch_add(&counted, 1) + 1;
    if (n < atomic_load_explicit(&first_bad, memory_order_relaxed) || n > atomic_load_explicit(&last_bad, memory_order_relaxed))
        return false;
    if (n == atomic_load_explicit(&first_bad, memory_order_relaxed)) {
        int length = snprintf(words, sizeof words, "fault: allocation %ld fails: %zu bytes\n", n, size);
        if (write(2, words, (size_t)length) != length)
            abort();
        if (getenv("WEIR_FAULT_TRACE") != NULL)
            backtrace_symbols_fd(frames, backtrace(frames, FRAMES), 2);
    }
    errno = ENOMEM;
    return true;
}

SHOWN void *
malloc(size_t size)
{
    return fails(size) ? NULL : __libc_malloc(size);
}

SHOWN void *
calloc(size_t n, size_t size)
{
    return fails(n * size) ? NULL : __libc_calloc(n, size);
}

SHOWN void *
realloc(void *old, size_t size)
{
    return fails(size) ? NULL : __libc_realloc(old, size);
}

SHOWN void *
aligned_alloc(size_t alignment, size_t size)
{
    return fails(size) ? NULL : __libc_memalign(alignment, size);
}

SHOWN int
posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
    void *memory = fails(size) ? NULL : __libc_memalign(alignment, size);

    if (memory != NULL)
        *ret_memory = memory;
    return memory == NULL ? ENOMEM : 0;
}
