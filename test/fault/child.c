/* SPDX-License-Identifier: Apache-2.0
 * Children by fork: nothing is started anew, so thousands take seconds. */
#include "child.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void
listen_to(int fd, char said[CHILD_SAID_MOST])
{
    size_t size = 0;
    char more[512];
    ssize_t n;

    while ((n = read(fd, more, sizeof more)) > 0 || (n < 0 && errno == EINTR)) {
        size_t fits = n < 0 ? 0 : (size_t)n < CHILD_SAID_MOST - 1 - size ? (size_t)n : CHILD_SAID_MOST - 1 - size;
        memcpy(said + size, more, fits);
        size += fits;
    }
    said[size] = '\0';
    (void)close(fd);
}

void
child_run(int (*run)(void *user), void *user, bool quiet, child_end *ret_end)
{
    const struct rlimit none = { 0, 0 };
    int ends[2] = { -1, -1 }, status;

    ret_end->said[0] = '\0';
    (void)fflush(NULL);
    if (quiet && pipe2(ends, O_CLOEXEC) != 0)
        abort();
    pid_t child = fork();
    if (child == 0) {
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)alarm(CHILD_SECONDS_MOST);
        if (quiet && dup2(ends[1], 2) < 0)
            abort();
        (void)close(ends[0]);
        (void)close(ends[1]);
        status = run(user);
        (void)fflush(NULL);
        _exit(status);
    }
    if (child < 0)
        abort();
    if (quiet) {
        (void)close(ends[1]);
        listen_to(ends[0], ret_end->said);
    }
    if (waitpid(child, &status, 0) != child)
        abort();
    ret_end->ended = WIFEXITED(status);
    ret_end->status = ret_end->ended ? WEXITSTATUS(status) : WTERMSIG(status);
}

void *
child_shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        abort();
    return memory;
}

void
child_directory(char *ret_dir, size_t size)
{
    (void)snprintf(ret_dir, size, "%s/weir-fault-%ld", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
}

static int
remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about, (void)kind, (void)where;
    return remove(path);
}

void
child_remove(const char *dir)
{
    if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        perror(dir);
}

void
child_make(const char *dir, const char *name)
{
    char path[4096];

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        perror(path);
        exit(2);
    }
}
