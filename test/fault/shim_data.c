/* SPDX-License-Identifier: Apache-2.0
 * The shim's part for what is in files: writing, cutting, growing, syncing; and files that are mapped, whose changes are looked for
 * before each sync and each mark, by sectors. */
#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR = 512, MAPS_MOST = 64 };

/* ---- mapped files ----------------------------------------------------------------------------------------- */

typedef struct mapped {
    const uint8_t *at; /* NULL: a free place */
    uint8_t *seen;     /* as it was when it was last looked at */
    size_t size;
    off_t offset;
    int file;
} mapped;

static mapped maps[MAPS_MOST]; /* guarded by the shim's lock */

static void
note_changes(mapped *m)
{
    for (size_t at = 0; at < m->size; at += SECTOR) {
        size_t size = m->size - at < SECTOR ? m->size - at : SECTOR;
        if (memcmp(m->at + at, m->seen + at, size) == 0)
            continue;
        memcpy(m->seen + at, m->at + at, size); /* other threads may be writing: what is recorded is what was copied */
        shim_note(FAULT_WRITE, 0, m->file, (uint64_t)m->offset + at, m->seen + at, size);
    }
}

static void
note_all_changes(void)
{
    for (unsigned i = 0; i < MAPS_MOST; i++) {
        if (maps[i].at != NULL)
            note_changes(&maps[i]);
    }
}

typedef void *mmap_fn(void *wish, size_t size, int protection, int flags, int fd, off_t offset);

static void *
map_file(mmap_fn *real, void *wish, size_t size, int protection, int flags, int fd, off_t offset)
{
    void *at = real(wish, size, protection, flags, fd, offset);
    struct stat about;
    unsigned i = 0;

    if (at == MAP_FAILED || fd < 0 || (flags & MAP_SHARED) == 0 || (protection & PROT_WRITE) == 0)
        return at;
    shim_lock();
    int file = shim_file_of(fd);
    if (file >= 0 && fstat(fd, &about) == 0 && about.st_size > offset) {
        while (i < MAPS_MOST && maps[i].at != NULL)
            i++;
        if (i == MAPS_MOST)
            abort();
        size_t there = (size_t)(about.st_size - offset) < size ? (size_t)(about.st_size - offset) : size;
        maps[i] = (mapped){ at, real(NULL, there, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), there, offset, file };
        if (maps[i].seen == MAP_FAILED)
            abort();
        memcpy(maps[i].seen, at, there);
    }
    shim_unlock();
    return at;
}

SHOWN void *shim_mmap(void *wish, size_t size, int protection, int flags, int fd, off_t offset) __asm__("mmap");
SHOWN void *shim_mmap64(void *wish, size_t size, int protection, int flags, int fd, off_t offset) __asm__("mmap64");

void *
shim_mmap(void *wish, size_t size, int protection, int flags, int fd, off_t offset)
{
    REAL(void *, real, "mmap", void *, size_t, int, int, int, off_t);
    return map_file(real, wish, size, protection, flags, fd, offset);
}

void *
shim_mmap64(void *wish, size_t size, int protection, int flags, int fd, off_t offset)
{
    REAL(void *, real, "mmap64", void *, size_t, int, int, int, off_t);
    return map_file(real, wish, size, protection, flags, fd, offset);
}

SHOWN int
munmap(void *at, size_t size)
{
    REAL(int, real, "munmap", void *, size_t);

    shim_lock();
    for (unsigned i = 0; i < MAPS_MOST; i++) {
        if (maps[i].at != at || at == NULL)
            continue;
        note_changes(&maps[i]);
        (void)real(maps[i].seen, maps[i].size);
        maps[i].at = NULL;
    }
    shim_unlock();
    return real(at, size);
}

/* ---- writing ---------------------------------------------------------------------------------------------- */

static unsigned
flags_of(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_DSYNC) != 0 ? FAULT_DURABLE : 0;
}

/* Counts a write to our file; true when it must fail. */
static bool
write_fails(int fd, int file, uint64_t at, size_t size)
{
    struct stat about;

    if (file < 0)
        return false;
    if (fstat(fd, &about) == 0 && at + size > (uint64_t)about.st_size && shim_is_full(file, false))
        return true;
    bool meta = flags_of(fd) != 0 && shim_fails(KIND_META, file);
    return shim_fails(KIND_WRITE, file) || meta;
}

/* What was written, or was being written when the process ended: then the disk needn't have it. */
static void
note_written(int fd, int file, uint64_t at, const struct iovec *pieces, int n, ssize_t done)
{
    unsigned flags = shim_dies() ? 0 : flags_of(fd);

    for (int i = 0; file >= 0 && i < n && done > 0; i++) {
        size_t size = pieces[i].iov_len < (size_t)done ? pieces[i].iov_len : (size_t)done;
        shim_note(FAULT_WRITE, flags, file, at, pieces[i].iov_base, size);
        at += size;
        done -= (ssize_t)size;
    }
    if (shim_dies())
        shim_die();
}

typedef ssize_t pwrite_fn(int fd, const void *data, size_t size, off_t at);

static ssize_t
write_at(pwrite_fn *real, int fd, const void *data, size_t size, off_t at)
{
    const struct iovec piece = { (void *)(uintptr_t)data, size };
    ssize_t done = -1;

    shim_lock();
    int file = shim_file_of(fd);
    if (!write_fails(fd, file, (uint64_t)at, size)) {
        done = real(fd, data, size, at);
        note_written(fd, file, (uint64_t)at, &piece, 1, done);
    }
    shim_unlock();
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

static size_t
size_of(const struct iovec *pieces, int n)
{
    size_t size = 0;

    for (int i = 0; i < n; i++)
        size += pieces[i].iov_len;
    return size;
}

SHOWN ssize_t
writev(int fd, const struct iovec *pieces, int n)
{
    ssize_t done = -1;

    shim_lock();
    int file = shim_file_of(fd);
    uint64_t at = file < 0 ? 0 : place_of(fd);
    if (!write_fails(fd, file, at, size_of(pieces, n))) {
        done = shim_real_writev(fd, pieces, n);
        note_written(fd, file, at, pieces, n, done);
    }
    shim_unlock();
    return done;
}

SHOWN ssize_t shim_pwritev(int fd, const struct iovec *pieces, int n, off_t at) __asm__("pwritev64");

ssize_t
shim_pwritev(int fd, const struct iovec *pieces, int n, off_t at)
{
    REAL(ssize_t, real, "pwritev64", int, const struct iovec *, int, off_t);
    ssize_t done = -1;

    shim_lock();
    int file = shim_file_of(fd);
    if (!write_fails(fd, file, (uint64_t)at, size_of(pieces, n))) {
        done = real(fd, pieces, n, at);
        note_written(fd, file, (uint64_t)at, pieces, n, done);
    }
    shim_unlock();
    return done;
}

SHOWN ssize_t
write(int fd, const void *data, size_t size)
{
    REAL(ssize_t, real, "write", int, const void *, size_t);
    const struct iovec piece = { (void *)(uintptr_t)data, size };
    ssize_t done = -1;

    shim_lock();
    bool mark = shim_is_marks(fd);
    int file = mark ? -1 : shim_file_of(fd);
    uint64_t at = file < 0 ? 0 : place_of(fd);
    if (!write_fails(fd, file, at, size)) {
        done = real(fd, data, size);
        if (mark && done > 0) {
            note_all_changes();
            shim_note(FAULT_MARK, 0, 0, 0, data, (size_t)done);
        }
        note_written(fd, file, at, &piece, 1, done);
    }
    shim_unlock();
    return done;
}

/* ---- syncing ---------------------------------------------------------------------------------------------- */

static int
sync_file(int (*real)(int fd), int fd)
{
    int rc = -1;

    shim_lock();
    int file = shim_file_of(fd);
    if (file >= 0 && shim_nosync()) {
        rc = 0;
    } else if (file < 0 || !shim_fails(KIND_SYNC, file)) {
        if (file >= 0)
            note_all_changes();
        rc = real(fd);
        if (shim_dies())
            shim_die();
        if (file >= 0 && rc == 0)
            shim_note(FAULT_SYNC, 0, file, 0, NULL, 0);
    }
    shim_unlock();
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

/* A sync of the file that is mapped there. */
SHOWN int
msync(void *at, size_t size, int flags)
{
    REAL(int, real, "msync", void *, size_t, int);
    int rc = -1, file = -1;

    shim_lock();
    for (unsigned i = 0; i < MAPS_MOST; i++) {
        if (maps[i].at != NULL && (const uint8_t *)at >= maps[i].at && (const uint8_t *)at < maps[i].at + maps[i].size)
            file = maps[i].file;
    }
    if (file >= 0 && shim_nosync()) {
        rc = 0;
    } else if (file < 0 || !shim_fails(KIND_SYNC, file)) {
        note_all_changes();
        rc = real(at, size, flags);
        if (shim_dies())
            shim_die();
        if (file >= 0 && rc == 0 && (flags & MS_SYNC) != 0)
            shim_note(FAULT_SYNC, 0, file, 0, NULL, 0);
    }
    shim_unlock();
    return rc;
}

/* ---- sizes ------------------------------------------------------------------------------------------------ */

static int
truncate_file(int (*real)(int fd, off_t size), int fd, off_t size)
{
    int rc = -1;

    shim_lock();
    int file = shim_file_of(fd);
    if (file < 0 || !shim_fails(KIND_WRITE, file)) {
        rc = real(fd, size);
        if (file >= 0 && rc == 0)
            shim_note(FAULT_TRUNCATE, 0, file, (uint64_t)size, NULL, 0);
        if (shim_dies())
            shim_die();
    }
    shim_unlock();
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

/* Counts and notes that a file gets room up to `end`; true when it must fail. */
static bool
grow_fails(int fd, int file, off_t end)
{
    struct stat about;

    if (file < 0 || fstat(fd, &about) != 0)
        return false;
    return (end > about.st_size && shim_is_full(file, false)) || shim_fails(KIND_WRITE, file);
}

static void
note_grown(int fd, int file)
{
    struct stat about;

    if (file >= 0 && fstat(fd, &about) == 0)
        shim_note(FAULT_TRUNCATE, 0, file, (uint64_t)about.st_size, NULL, 0);
    if (shim_dies())
        shim_die();
}

SHOWN int shim_fallocate(int fd, int mode, off_t at, off_t size) __asm__("fallocate64");

int
shim_fallocate(int fd, int mode, off_t at, off_t size)
{
    REAL(int, real, "fallocate64", int, int, off_t, off_t);
    int rc = -1;

    shim_lock();
    int file = shim_file_of(fd);
    if (!grow_fails(fd, file, at + size)) {
        rc = real(fd, mode, at, size);
        note_grown(fd, file);
    }
    shim_unlock();
    return rc;
}

SHOWN int shim_posix_fallocate(int fd, off_t at, off_t size) __asm__("posix_fallocate64");

int
shim_posix_fallocate(int fd, off_t at, off_t size)
{
    REAL(int, real, "posix_fallocate64", int, off_t, off_t);

    shim_lock();
    int file = shim_file_of(fd);
    int rc = grow_fails(fd, file, at + size) ? errno : -1;
    if (rc < 0) {
        rc = real(fd, at, size);
        note_grown(fd, file);
    }
    shim_unlock();
    return rc;
}
