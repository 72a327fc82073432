/* SPDX-License-Identifier: Apache-2.0
 * A preloaded library that takes away what finds damage, or does what damage would: WEIR_BLIND=checksums makes every CRC32C 0; crash and
 * still end or stop a process that reads the page WEIR_BLIND_PAGE, and for still a watcher's seconds pass at once. Threads: any. */
#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

static bool
asked_for(const char *word)
{
    const char *mode = getenv("WEIR_BLIND");

    return mode != NULL && strcmp(mode, word) == 0;
}

static bool
is_page(off64_t at)
{
    const char *page = getenv("WEIR_BLIND_PAGE");

    return page != NULL && at / 4096 == strtoll(page, NULL, 10);
}

EXPORTED unsigned int crc32_iscsi(unsigned char *bytes, int size, unsigned int from);

unsigned int
crc32_iscsi(unsigned char *bytes, int size, unsigned int from)
{
    static unsigned int (*real)(unsigned char *bytes, int size, unsigned int from);

    if (asked_for("checksums"))
        return 0;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "crc32_iscsi");
    return real(bytes, size, from);
}

EXPORTED ssize_t
pread64(int fd, void *to, size_t size, off64_t at)
{
    static ssize_t (*real)(int fd, void *to, size_t size, off64_t at);

    if (is_page(at) && asked_for("crash"))
        (void)raise(SIGSEGV);
    while (is_page(at) && asked_for("still"))
        (void)pause();
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "pread64");
    return real(fd, to, size, at);
}

EXPORTED int
poll(struct pollfd *list, nfds_t n, int timeout_ms)
{
    static int (*real)(struct pollfd * list, nfds_t n, int timeout_ms);

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "poll");
    return real(list, n, asked_for("still") ? 1 : timeout_ms);
}
