/* SPDX-License-Identifier: Apache-2.0
 * The lock file, and making the directory it stands in. The words in the file are for people; the lock is the kernel's. */
#include "log/embedded/lockfile.h"
#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORDS_MOST = 512 };

weir_status
weiri_directory_sync(const char *dir, weir_error *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;

    if (fd < 0)
        return WEIR_OK; /* it may be used and not read: then nobody can */
    if (fsync(fd) != 0 && errno != EINVAL && errno != EROFS)
        error = errno;
    (void)close(fd);
    if (error != 0)
        return weiri_error_set(err, WEIR_IO, "%s can't be synced: %s", dir, strerror(error));
    return WEIR_OK;
}

/* A new name is durable when the directory that holds it is. */
static weir_status
sync_parent(const char *path, weir_error *err)
{
    char *parent = weiri_text_copy(path);
    char *slash = strrchr(parent, '/');

    if (slash != NULL)
        slash[slash == parent ? 1 : 0] = '\0';
    weir_status status = weiri_directory_sync(slash == NULL ? "." : parent, err);
    weiri_release(parent);
    return status;
}

weir_status
weiri_directory_make(const char *dir, weir_error *err)
{
    struct stat about;
    weir_status status = WEIR_OK;
    char *path = weiri_text_copy(dir);
    size_t size = strlen(path);

    while (size > 1 && path[size - 1] == '/')
        path[--size] = '\0';
    for (char *at = size == 0 ? NULL : strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(path, 0777) == 0 && status == WEIR_OK) /* what can't be made shows at the end */
            status = sync_parent(path, err);
        *at = '/';
    }
    int error = mkdir(path, 0777) == 0 ? 0 : errno;
    if (error == 0 && status == WEIR_OK)
        status = sync_parent(path, err);
    if (status != WEIR_OK)
        goto out;
    if (stat(path, &about) != 0)
        status = weiri_error_set(err, WEIR_INVALID, "%s can't be made: %s", dir, strerror(error));
    else if (!S_ISDIR(about.st_mode))
        status = weiri_error_set(err, WEIR_INVALID, "%s is a file, not a directory", dir);
    else if (access(path, W_OK | X_OK) != 0)
        status = weiri_error_set(err, WEIR_INVALID, "%s is not writable: %s", dir, strerror(errno));
out:
    weiri_release(path);
    return status;
}

/* This process in words: "1234 weir run shop.so". */
static void
write_self(int fd)
{
    char words[WORDS_MOST];
    int n = snprintf(words, sizeof words, "%ld ", (long)getpid());
    size_t size = (size_t)n;
    int from = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);

    if (from >= 0) {
        ssize_t got = read(from, words + size, sizeof words - size - 1);
        for (ssize_t i = 0; i < got; i++, size++) {
            if ((unsigned char)words[size] < ' ')
                words[size] = ' ';
        }
        (void)close(from);
    }
    while (words[size - 1] == ' ')
        size--;
    words[size++] = '\n';
    if (ftruncate(fd, 0) != 0 || pwrite(fd, words, size, 0) != (ssize_t)size)
        return; /* the lock holds without its words */
}

static weir_status
refuse(int fd, const char *dir, weir_error *err)
{
    char words[WORDS_MOST] = "";
    int pid = 0, at = 0;

    if (pread(fd, words, sizeof words - 1, 0) <= 0 || sscanf(words, "%d %n", &pid, &at) < 1)
        return weiri_error_set(err, WEIR_INVALID, "%s is in use by another process", dir);
    words[strcspn(words, "\n")] = '\0';
    return weiri_error_set(err, WEIR_INVALID, "%s is in use by process %d (%s)", dir, pid, words + at);
}

weir_status
weiri_lockfile_take(weiri_lockfile *lockfile, const char *dir, weir_error *err)
{
    char path[4096];

    if (snprintf(path, sizeof path, "%s/lock", dir) >= (int)sizeof path)
        return weiri_error_set(err, WEIR_INVALID, "%.200s...: the name is too long", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return weiri_error_set(err, WEIR_INVALID, "%s can't be opened: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        weir_status status = errno == EWOULDBLOCK ? refuse(fd, dir, err)
                                                  : weiri_error_set(err, WEIR_IO, "%s can't be locked: %s", path, strerror(errno));
        (void)close(fd);
        return status;
    }
    write_self(fd);
    lockfile->fd = fd;
    return WEIR_OK;
}

void
weiri_lockfile_give(weiri_lockfile *lockfile)
{
    if (lockfile->fd >= 0)
        (void)close(lockfile->fd);
    lockfile->fd = -1;
}
