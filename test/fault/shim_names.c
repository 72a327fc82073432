/* SPDX-License-Identifier: Apache-2.0
 * The shim's part for names: making, removing and renaming files and directories, cutting a file by its name, and how much room is said
 * to be left. */
#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Relative names are none of ours: the data directory is given by an absolute one. */
typedef int open_fn(const char *path, int flags, ...);

static int
open_path(open_fn *real, const char *path, int flags, mode_t mode)
{
    int fd = -1;

    shim_lock();
    bool makes = (flags & O_CREAT) != 0 && access(path, F_OK) != 0;
    int file = makes || (flags & O_TRUNC) != 0 ? shim_number_of(path) : -1;
    if (file < 0 || !makes || (!shim_is_full(file, false) && !shim_fails(KIND_NAME, file))) {
        fd = real(path, flags, mode);
        if (fd >= 0 && file >= 0 && makes)
            shim_note(FAULT_MAKE, 0, file, 0, NULL, 0);
        else if (fd >= 0 && file >= 0)
            shim_note(FAULT_TRUNCATE, 0, file, 0, NULL, 0);
        if (shim_dies())
            shim_die();
    }
    shim_unlock();
    return fd;
}

SHOWN int shim_open(const char *path, int flags, ...) __asm__("open");
SHOWN int shim_open64(const char *path, int flags, ...) __asm__("open64");

#define TAKE_MODE(flags, mode) \
    mode_t mode = 0; \
    if (((flags) & (O_CREAT | O_TMPFILE)) != 0) { \
        va_list more; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }

int
shim_open(const char *path, int flags, ...)
{
    REAL(int, real, "open", const char *, int, ...);
    TAKE_MODE(flags, mode)
    return open_path(real, path, flags, mode);
}

int
shim_open64(const char *path, int flags, ...)
{
    REAL(int, real, "open64", const char *, int, ...);
    TAKE_MODE(flags, mode)
    return open_path(real, path, flags, mode);
}

SHOWN int
mkdir(const char *path, mode_t mode)
{
    REAL(int, real, "mkdir", const char *, mode_t);
    int rc = -1;

    shim_lock();
    int file = shim_number_of(path);
    bool makes = file >= 0 && access(path, F_OK) != 0;
    if (!makes || (!shim_is_full(file, false) && !shim_fails(KIND_NAME, file))) {
        rc = real(path, mode);
        if (makes && rc == 0)
            shim_note(FAULT_MAKE, FAULT_DIRECTORY, file, 0, NULL, 0);
        if (shim_dies())
            shim_die();
    }
    shim_unlock();
    return rc;
}

SHOWN int
unlink(const char *path)
{
    REAL(int, real, "unlink", const char *);
    int rc = -1;

    shim_lock();
    int file = access(path, F_OK) == 0 ? shim_number_of(path) : -1;
    if (file < 0 || !shim_fails(KIND_NAME, file)) {
        rc = real(path);
        if (file >= 0 && rc == 0)
            shim_note(FAULT_REMOVE, 0, file, 0, NULL, 0);
        if (shim_dies())
            shim_die();
    }
    shim_unlock();
    return rc;
}

SHOWN int
rename(const char *from, const char *to)
{
    REAL(int, real, "rename", const char *, const char *);
    int rc = -1;

    shim_lock();
    int file = shim_number_of(from), other = shim_number_of(to);
    if (file < 0 || other < 0 || !shim_fails(KIND_NAME, file)) {
        rc = real(from, to);
        if (file >= 0 && other >= 0 && rc == 0)
            shim_note(FAULT_RENAME, 0, file, (uint64_t)other, NULL, 0);
        if (shim_dies())
            shim_die();
    }
    shim_unlock();
    return rc;
}

SHOWN int shim_truncate(const char *path, off_t size) __asm__("truncate64");

int
shim_truncate(const char *path, off_t size)
{
    REAL(int, real, "truncate64", const char *, off_t);
    int rc = -1;

    shim_lock();
    int file = shim_number_of(path);
    if (file < 0 || !shim_fails(KIND_WRITE, file)) {
        rc = real(path, size);
        if (file >= 0 && rc == 0)
            shim_note(FAULT_TRUNCATE, 0, file, (uint64_t)size, NULL, 0);
        if (shim_dies())
            shim_die();
    }
    shim_unlock();
    return rc;
}

SHOWN int shim_statvfs(const char *path, struct statvfs *about) __asm__("statvfs64");

int
shim_statvfs(const char *path, struct statvfs *about)
{
    REAL(int, real, "statvfs64", const char *, struct statvfs *);
    int rc = real(path, about);

    shim_lock();
    if (rc == 0 && shim_is_full(shim_number_of(path), true))
        about->f_bfree = about->f_bavail = 0;
    shim_unlock();
    return rc;
}
