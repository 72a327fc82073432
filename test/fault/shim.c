/* SPDX-License-Identifier: Apache-2.0
 * Preloaded before the C library: counts, records and fails what a program does to files below one directory. This file: what it was
 * told, the recording, and whose turn it is to fail. Never with sanitizers.
 *
 *   WEIR_FAULT_DIR=DIR        the directory, an absolute name (without it the shim does nothing to files)
 *   WEIR_FAULT_RECORD=FILE    where to record: recording.h. What is there stays: the process follows the ones before it
 *   WEIR_FAULT_MARKS=FILE     writes to this file are marks: recorded with their bytes, never failed
 *   WEIR_FAULT_NOSYNC=1       syncs do nothing and say that they have
 *   WEIR_FAULT_FULL=FILE[:PART]  while there is such a file, no room is told of; when it isn't empty, there is none: nothing grows, nothing
 *                             new is made. With PART that is so for files alone whose name begins so
 *   WEIR_FAULT_FAIL=KIND:N:ERROR[:PART]  the N-th (from 1) `write`, `meta` (a write through an O_DSYNC descriptor, as LMDB's of its meta
 *                             page; a write, too), `sync` or `name` (making, removing and renaming) fails, once, with EIO or ENOSPC; or,
 *                             with KILL, the process ends in it by SIGKILL: the kernel has done it, the disk has not. With PART only
 *                             files whose name begins so count. A line on stderr says that it has happened */
#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MOST = 256, PATH_ROOM = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
static bool ready, nosync, kills, dying;
static char dir[PATH_ROOM], marks[PATH_ROOM], full[PATH_ROOM], fail_part[64];
static const char *full_part = "";
static int record = -1;
static char *files[FILES_MOST];
static unsigned files_n, fail_kind;
static int fail_errno;
static unsigned long counts[KINDS], fail_at;
static uint64_t sequence;
static const char *const kind_names[] = { "write", "meta", "sync", "name" };

ssize_t
shim_real_writev(int fd, const struct iovec *pieces, int n)
{
    REAL(ssize_t, real, "writev", int, const struct iovec *, int);
    return real(fd, pieces, n);
}

static int
real_open(const char *path, int flags, mode_t mode)
{
    REAL(int, real, "open64", const char *, int, ...);
    return real(path, flags, mode);
}

static void
read_failure(const char *value)
{
    char kind[8] = "", error[16] = "";

    if (sscanf(value, "%7[a-z]:%lu:%15[A-Z]:%63s", kind, &fail_at, error, fail_part) < 3)
        abort();
    while (fail_kind < KINDS && strcmp(kind, kind_names[fail_kind]) != 0)
        fail_kind++;
    kills = strcmp(error, "KILL") == 0;
    fail_errno = strcmp(error, "ENOSPC") == 0 ? ENOSPC : EIO;
    if (fail_kind == KINDS)
        abort();
}

static void
copy_setting(const char *name, char to[PATH_ROOM])
{
    const char *value = getenv(name);

    if (value != NULL)
        (void)snprintf(to, PATH_ROOM, "%s", value);
}

static void
read_settings(void)
{
    const char *value = getenv("WEIR_FAULT_DIR");
    char *part;

    ready = true;
    if (value == NULL)
        return;
    (void)snprintf(dir, sizeof dir, "%s/", value);
    copy_setting("WEIR_FAULT_MARKS", marks);
    copy_setting("WEIR_FAULT_FULL", full);
    if ((part = strchr(full, ':')) != NULL) {
        *part = '\0';
        full_part = part + 1;
    }
    nosync = getenv("WEIR_FAULT_NOSYNC") != NULL;
    if ((value = getenv("WEIR_FAULT_FAIL")) != NULL)
        read_failure(value);
    if ((value = getenv("WEIR_FAULT_RECORD")) != NULL && (record = real_open(value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) < 0)
        abort();
    shim_note(FAULT_START, 0, 0, 0, NULL, 0);
}

void
shim_lock(void)
{
    (void)pthread_mutex_lock(&lock);
    if (!ready)
        read_settings();
}

void
shim_unlock(void)
{
    (void)pthread_mutex_unlock(&lock);
}

bool
shim_nosync(void)
{
    return nosync;
}

void
shim_note(fault_op op, unsigned flags, int file, uint64_t offset, const void *bytes, size_t size)
{
    fault_entry entry = {
        .size = (uint32_t)size, .file = (uint16_t)file, .op = (uint8_t)op, .flags = (uint8_t)flags, .sequence = sequence++, .offset = offset
    };
    const struct iovec pieces[] = { { &entry, sizeof entry }, { (void *)(uintptr_t)bytes, size } };

    if (record >= 0 && shim_real_writev(record, pieces, 2) != (ssize_t)(sizeof entry + size))
        abort(); /* a recording with a gap is worse than none */
}

int
shim_number_of(const char *path)
{
    size_t prefix = strlen(dir);

    if (prefix == 0 || (strncmp(path, dir, prefix) != 0 && (strlen(path) != prefix - 1 || strncmp(path, dir, prefix - 1) != 0)))
        return -1;
    const char *name = strlen(path) < prefix ? "" : path + prefix;
    for (unsigned i = 0; i < files_n; i++) {
        if (strcmp(files[i], name) == 0)
            return (int)i;
    }
    if (files_n == FILES_MOST || (files[files_n] = strdup(name)) == NULL)
        abort();
    shim_note(FAULT_FILE, 0, (int)files_n, 0, name, strlen(name));
    return (int)files_n++;
}

static bool
path_of(int fd, char path[PATH_ROOM])
{
    char link[64];

    if (dir[0] == '\0')
        return false;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_ROOM - 1);
    path[n > 0 ? n : 0] = '\0';
    return n > 0;
}

int
shim_file_of(int fd)
{
    char path[PATH_ROOM];

    return path_of(fd, path) ? shim_number_of(path) : -1;
}

bool
shim_is_marks(int fd)
{
    char path[PATH_ROOM];

    return marks[0] != '\0' && path_of(fd, path) && strcmp(path, marks) == 0;
}

static void
say(const char *what, fault_kind kind, int file)
{
    char words[PATH_ROOM + 64];
    int n = snprintf(words, sizeof words, "fault: %s %lu %s: %s\n", kind_names[kind], fail_at, what, files[file]);
    const struct iovec piece = { words, (size_t)n };

    (void)shim_real_writev(2, &piece, 1);
}

bool
shim_fails(fault_kind kind, int file)
{
    if (strncmp(files[file], fail_part, strlen(fail_part)) != 0)
        return false;
    counts[kind]++;
    if (fail_at == 0 || kind != fail_kind || counts[kind] != fail_at)
        return false;
    if (kills) {
        say("is the end", kind, file);
        dying = true;
        return false;
    }
    say("fails", kind, file);
    errno = fail_errno;
    return true;
}

bool
shim_dies(void)
{
    return dying;
}

void
shim_die(void)
{
    for (;;)
        (void)kill(getpid(), SIGKILL);
}

bool
shim_is_full(int file, bool told)
{
    struct stat about;

    if (file < 0 || full[0] == '\0' || strncmp(files[file], full_part, strlen(full_part)) != 0 || stat(full, &about) != 0)
        return false;
    if (about.st_size == 0 && !told)
        return false;
    errno = ENOSPC;
    return true;
}
