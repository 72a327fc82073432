/* SPDX-License-Identifier: Apache-2.0
 * Preloaded before the C library: counts, records and fails what a program does to files below one directory. Each
 * operation and its entry are one step under one lock, so the recording's order is the disk's order. Never with sanitizers.
 *
 *   WEIR_FAULT_DIR=DIR        the directory, an absolute name (without it the shim does nothing)
 *   WEIR_FAULT_RECORD=FILE    where to record: recording.h
 *   WEIR_FAULT_MARKS=FILE     writes to this file are marks: recorded with their bytes, never failed
 *   WEIR_FAULT_NOSYNC=1       syncs do nothing and say that they have
 *   WEIR_FAULT_FAIL=KIND:N:ERRNO[:PART]  the N-th write or sync (from 1) fails, once; with PART only files whose name begins so count.
 *                             A line on stderr says that it has happened */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include "recording.h"

#define SHOWN __attribute__((visibility("default")))

enum { FILES_MOST = 256, PATH_ROOM = 4096, KIND_WRITE = 0, KIND_SYNC = 1 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
static bool ready, nosync;
static char dir[PATH_ROOM], marks[PATH_ROOM], fail_part[64];
static int record = -1;
static char *files[FILES_MOST];
static unsigned files_n, fail_kind, fail_errno;
static unsigned long counts[2], fail_at;
static uint64_t sequence;

#define REAL(type, name, symbol, ...) \
    static type (*name)(__VA_ARGS__); \
    if (name == NULL) \
    *(void **)&name = dlsym(RTLD_NEXT, symbol)

static ssize_t
real_writev(int fd, const struct iovec *pieces, int n)
{
    REAL(ssize_t, real, "writev", int, const struct iovec *, int);
    return real(fd, pieces, n);
}

static void
read_settings(void)
{
    const char *value = getenv("WEIR_FAULT_DIR");
    char kind[8] = "", error[16] = "";

    ready = true;
    if (value == NULL)
        return;
    (void)snprintf(dir, sizeof dir, "%s/", value);
    if ((value = getenv("WEIR_FAULT_MARKS")) != NULL)
        (void)snprintf(marks, sizeof marks, "%s", value);
    nosync = getenv("WEIR_FAULT_NOSYNC") != NULL;
    if ((value = getenv("WEIR_FAULT_FAIL")) != NULL) {
        if (sscanf(value, "%7[a-z]:%lu:%15[A-Z]:%63s", kind, &fail_at, error, fail_part) < 3)
            abort();
        fail_kind = strcmp(kind, "sync") == 0 ? KIND_SYNC : KIND_WRITE;
        fail_errno = strcmp(error, "ENOSPC") == 0 ? ENOSPC : EIO;
    }
    if ((value = getenv("WEIR_FAULT_RECORD")) != NULL && (record = open(value, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0)
        abort();
}

static void
note(fault_op op, unsigned flags, unsigned file, uint64_t offset, const void *bytes, size_t size)
{
    fault_entry entry = {
        .size = (uint32_t)size, .file = (uint16_t)file, .op = (uint8_t)op, .flags = (uint8_t)flags, .sequence = sequence++, .offset = offset
    };
    const struct iovec pieces[] = { { &entry, sizeof entry }, { (void *)(uintptr_t)bytes, size } };

    if (record >= 0 && real_writev(record, pieces, 2) != (ssize_t)(sizeof entry + size))
        abort(); /* a recording with a gap is worse than none */
}

/* The number of the file by its full name, -1: it is not ours. The directory itself is "". */
static int
number_of(const char *path)
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
    note(FAULT_FILE, 0, files_n, 0, name, strlen(name));
    return (int)files_n++;
}

static int
file_of(int fd, bool *ret_mark)
{
    char link[64], path[PATH_ROOM];

    if (!ready)
        read_settings();
    if (dir[0] == '\0')
        return -1;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0)
        return -1;
    path[n] = '\0';
    if (ret_mark != NULL)
        *ret_mark = marks[0] != '\0' && strcmp(path, marks) == 0;
    return number_of(path);
}

/* Counts; true when this one must fail, with errno set. */
static bool
fails(unsigned kind, int file)
{
    char words[PATH_ROOM + 64];

    if (strncmp(files[file], fail_part, strlen(fail_part)) != 0)
        return false;
    counts[kind]++;
    if (fail_at == 0 || kind != fail_kind || counts[kind] != fail_at)
        return false;
    int n = snprintf(words, sizeof words, "fault: %s %lu fails: %s\n", kind == KIND_SYNC ? "sync" : "write", fail_at, files[file]);
    const struct iovec piece = { words, (size_t)n };
    (void)real_writev(2, &piece, 1);
    errno = (int)fail_errno;
    return true;
}

static unsigned
flags_of(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_DSYNC) != 0 ? FAULT_DURABLE : 0;
}

typedef ssize_t pwrite_fn(int fd, const void *data, size_t size, off_t at);

static ssize_t
write_at(pwrite_fn *real, int fd, const void *data, size_t size, off_t at)
{
    ssize_t done = -1;

    (void)pthread_mutex_lock(&lock);
    int file = file_of(fd, NULL);
    if (file < 0 || !fails(KIND_WRITE, file)) {
        done = real(fd, data, size, at);
        if (file >= 0 && done > 0)
            note(FAULT_WRITE, flags_of(fd), (unsigned)file, (uint64_t)at, data, (size_t)done);
    }
    (void)pthread_mutex_unlock(&lock);
    return done;
}

SHOWN ssize_t shim_pwrite(int fd, const void *data, size_t size, off_t at) __asm__("pwrite");
SHOWN ssize_t shim_pwrite64(int fd, const void *data, size_t size, off_t at) __asm__("pwrite64");

ssize_t
shim_pwrite(int fd, const void *data, size_t size, off_t at)
{
    REAL(ssize_t, real, "pwrite", int, const void *, size_t, off_t);
    return write_at(real, fd, data, size, at);
}

ssize_t
shim_pwrite64(int fd, const void *data, size_t size, off_t at)
{
    REAL(ssize_t, real, "pwrite64", int, const void *, size_t, off_t);
    return write_at(real, fd, data, size, at);
}

/* Where a write without a place of its own goes. */
static uint64_t
place_of(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    off_t at = lseek(fd, 0, flags >= 0 && (flags & O_APPEND) != 0 ? SEEK_END : SEEK_CUR);
    return at < 0 ? 0 : (uint64_t)at;
}

static void
note_pieces(int fd, int file, uint64_t at, const struct iovec *pieces, int n, size_t done)
{
    for (int i = 0; i < n && done > 0; i++) {
        size_t size = pieces[i].iov_len < done ? pieces[i].iov_len : done;
        note(FAULT_WRITE, flags_of(fd), (unsigned)file, at, pieces[i].iov_base, size);
        at += size;
        done -= size;
    }
}

SHOWN ssize_t
writev(int fd, const struct iovec *pieces, int n)
{
    ssize_t done = -1;

    (void)pthread_mutex_lock(&lock);
    int file = file_of(fd, NULL);
    if (file < 0 || !fails(KIND_WRITE, file)) {
        uint64_t at = file < 0 ? 0 : place_of(fd);
        done = real_writev(fd, pieces, n);
        if (file >= 0 && done > 0)
            note_pieces(fd, file, at, pieces, n, (size_t)done);
    }
    (void)pthread_mutex_unlock(&lock);
    return done;
}

SHOWN ssize_t
pwritev(int fd, const struct iovec *pieces, int n, off_t at)
{
    REAL(ssize_t, real, "pwritev64", int, const struct iovec *, int, off_t);
    ssize_t done = -1;

    (void)pthread_mutex_lock(&lock);
    int file = file_of(fd, NULL);
    if (file < 0 || !fails(KIND_WRITE, file)) {
        done = real(fd, pieces, n, at);
        if (file >= 0 && done > 0)
            note_pieces(fd, file, (uint64_t)at, pieces, n, (size_t)done);
    }
    (void)pthread_mutex_unlock(&lock);
    return done;
}

SHOWN ssize_t
write(int fd, const void *data, size_t size)
{
    REAL(ssize_t, real, "write", int, const void *, size_t);
    ssize_t done = -1;
    bool mark = false;

    (void)pthread_mutex_lock(&lock);
    int file = file_of(fd, &mark);
    if (mark || file < 0 || !fails(KIND_WRITE, file)) {
        uint64_t at = file < 0 || mark ? 0 : place_of(fd);
        done = real(fd, data, size);
        if (mark && done > 0)
            note(FAULT_MARK, 0, 0, 0, data, (size_t)done);
        else if (file >= 0 && done > 0)
            note(FAULT_WRITE, flags_of(fd), (unsigned)file, at, data, (size_t)done);
    }
    (void)pthread_mutex_unlock(&lock);
    return done;
}

static int
sync_file(int (*real)(int fd), int fd)
{
    int rc = -1;

    (void)pthread_mutex_lock(&lock);
    int file = file_of(fd, NULL);
    if (file >= 0 && nosync) {
        rc = 0;
    } else if (file < 0 || !fails(KIND_SYNC, file)) {
        rc = real(fd);
        if (file >= 0 && rc == 0)
            note(FAULT_SYNC, 0, (unsigned)file, 0, NULL, 0);
    }
    (void)pthread_mutex_unlock(&lock);
    return rc;
}

SHOWN int
fdatasync(int fd)
{
    REAL(int, real, "fdatasync", int);
    return sync_file(real, fd);
}

SHOWN int
fsync(int fd)
{
    REAL(int, real, "fsync", int);
    return sync_file(real, fd);
}

/* Which file is mapped there isn't known: weir syncs none, so this counts and fails, and is not in the recording. */
SHOWN int
msync(void *at, size_t size, int flags)
{
    REAL(int, real, "msync", void *, size_t, int);

    (void)pthread_mutex_lock(&lock);
    int rc = !nosync ? real(at, size, flags) : 0;
    (void)pthread_mutex_unlock(&lock);
    return rc;
}

static int
truncate_file(int (*real)(int fd, off_t size), int fd, off_t size)
{
    int rc = -1;

    (void)pthread_mutex_lock(&lock);
    int file = file_of(fd, NULL);
    if (file < 0 || !fails(KIND_WRITE, file)) {
        rc = real(fd, size);
        if (file >= 0 && rc == 0)
            note(FAULT_TRUNCATE, 0, (unsigned)file, (uint64_t)size, NULL, 0);
    }
    (void)pthread_mutex_unlock(&lock);
    return rc;
}

SHOWN int shim_ftruncate(int fd, off_t size) __asm__("ftruncate");
SHOWN int shim_ftruncate64(int fd, off_t size) __asm__("ftruncate64");

int
shim_ftruncate(int fd, off_t size)
{
    REAL(int, real, "ftruncate", int, off_t);
    return truncate_file(real, fd, size);
}

int
shim_ftruncate64(int fd, off_t size)
{
    REAL(int, real, "ftruncate64", int, off_t);
    return truncate_file(real, fd, size);
}

SHOWN int shim_fallocate(int fd, int mode, off_t at, off_t size) __asm__("fallocate64");

int
shim_fallocate(int fd, int mode, off_t at, off_t size)
{
    REAL(int, real, "fallocate64", int, int, off_t, off_t);
    int rc = -1;

    (void)pthread_mutex_lock(&lock);
    int file = file_of(fd, NULL);
    if (file < 0 || !fails(KIND_WRITE, file)) {
        rc = real(fd, mode, at, size);
        if (file >= 0 && rc == 0 && mode == 0)
            note(FAULT_TRUNCATE, 0, (unsigned)file, (uint64_t)(at + size), NULL, 0);
    }
    (void)pthread_mutex_unlock(&lock);
    return rc;
}

SHOWN int shim_posix_fallocate(int fd, off_t at, off_t size) __asm__("posix_fallocate64");

int
shim_posix_fallocate(int fd, off_t at, off_t size)
{
    REAL(int, real, "posix_fallocate64", int, off_t, off_t);
    int rc = (int)fail_errno;

    (void)pthread_mutex_lock(&lock);
    int file = file_of(fd, NULL);
    if (file < 0 || !fails(KIND_WRITE, file)) {
        rc = real(fd, at, size);
        if (file >= 0 && rc == 0)
            note(FAULT_TRUNCATE, 0, (unsigned)file, (uint64_t)(at + size), NULL, 0);
    }
    (void)pthread_mutex_unlock(&lock);
    return rc;
}

SHOWN int
rename(const char *from, const char *to)
{
    REAL(int, real, "rename", const char *, const char *);
    int rc = -1;

    (void)pthread_mutex_lock(&lock);
    if (!ready)
        read_settings();
    int file = dir[0] == '\0' ? -1 : number_of(from);
    if (file < 0 || !fails(KIND_WRITE, file)) {
        rc = real(from, to);
        if (file >= 0 && rc == 0)
            note(FAULT_RENAME, 0, (unsigned)file, 0, to, strlen(to));
    }
    (void)pthread_mutex_unlock(&lock);
    return rc;
}
