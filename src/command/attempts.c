/* SPDX-License-Identifier: Apache-2.0
 * DIR/attempts, mapped and shared: a head, a cache line a partition, then the commands that have killed, with how often. */
#include "command/attempts.h"
#include "base/assert.h"
#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SUSPECTS = 128, KILLS = 2 };

typedef struct suspect {
    uint64_t command; /* 0: free */
    _Atomic uint64_t kills;
} suspect;

typedef struct head {
    char magic[8];
    uint32_t partitions, next; /* next: where the next suspect goes when all places are taken */
    uint64_t zero[6];
    suspect suspects[SUSPECTS];
} head;

typedef struct word {
    _Atomic uint64_t command;
    uint64_t zero[7];
} word;
_Static_assert(sizeof(word) == 64 && sizeof(head) % 64 == 0, "a cache line a partition: lanes write side by side");

struct weiri_attempts {
    head *head;
    word *words;
    size_t size;
    bool any; /* is there a suspect? */
};

static const char magic[8] = "weirATT1";

static void
count_kill(head *h, uint64_t command)
{
    suspect *place = NULL;

    /* Its own place, wherever one of a command that was forgotten is free. */
    for (uint32_t i = 0; i < SUSPECTS && (place == NULL || place->command != command); i++)
        if (h->suspects[i].command == command || (place == NULL && h->suspects[i].kills == 0))
            place = &h->suspects[i];
    if (place == NULL) {
        place = &h->suspects[h->next++ % SUSPECTS];
        place->kills = 0;
    }
    place->command = command;
    place->kills++;
}

weir_status
weiri_attempts_open(const char *dir, uint32_t partitions, weiri_attempts **ret_attempts, weir_error *err)
{
    char path[4096];
    struct stat stat;
    size_t size = sizeof(head) + partitions * sizeof(word);

    (void)snprintf(path, sizeof path, "%s/attempts", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return weiri_error_set(err, WEIR_IO, "%s: %s", path, strerror(errno));
    bool fits = fstat(fd, &stat) == 0 && (size_t)stat.st_size == size;
    /* One that fits may be a copy with holes. */
    int error = !fits && ftruncate(fd, 0) != 0 ? errno : posix_fallocate(fd, 0, (off_t)size);
    if (error != 0) {
        (void)close(fd);
        return weiri_error_set(err, WEIR_IO, "%s: no room for %zu bytes: %s", path, size, strerror(error));
    }
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    error = errno;
    (void)close(fd);
    if (map == MAP_FAILED)
        return weiri_error_set(err, WEIR_IO, "%s: %s", path, strerror(error));
    weiri_attempts *attempts = weiri_allocate(sizeof *attempts);
    *attempts = (weiri_attempts){ .head = map, .words = (word *)((head *)map + 1), .size = size };
    if (memcmp(attempts->head->magic, magic, sizeof magic) != 0 || attempts->head->partitions != partitions) {
        memset(map, 0, size);
        memcpy(attempts->head->magic, magic, sizeof magic);
        attempts->head->partitions = partitions;
    }
    for (uint32_t p = 0; p < partitions; p++) {
        uint64_t command = atomic_exchange(&attempts->words[p].command, 0);
        if (command != 0)
            count_kill(attempts->head, command);
    }
    attempts->any = attempts->head->suspects[0].command != 0;
    *ret_attempts = attempts;
    return WEIR_OK;
}

void
weiri_attempts_close(weiri_attempts *attempts)
{
    if (attempts == NULL)
        return;
    (void)munmap(attempts->head, attempts->size);
    weiri_release(attempts);
}

_Atomic uint64_t *
weiri_attempts_word(weiri_attempts *attempts, uint32_t partition)
{
    weiri_assert(partition < attempts->head->partitions);
    return &attempts->words[partition].command;
}

void
weiri_attempts_forget(weiri_attempts *attempts, uint64_t command)
{
    for (uint32_t i = 0; i < SUSPECTS; i++)
        if (attempts->head->suspects[i].command == command)
            atomic_store(&attempts->head->suspects[i].kills, 0);
}

bool
weiri_attempts_poison(const weiri_attempts *attempts, uint64_t command)
{
    if (!attempts->any)
        return false;
    for (uint32_t i = 0; i < SUSPECTS; i++)
        if (attempts->head->suspects[i].command == command)
            return atomic_load(&attempts->head->suspects[i].kills) >= KILLS;
    return false;
}
