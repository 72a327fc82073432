/* SPDX-License-Identifier: Apache-2.0
 * What the files of the shim share: one lock, under which each operation and its entry in the recording are one step, so that the
 * recording's order is the disk's order. All functions here are called with the lock held. */
#ifndef FAULT_SHIM_H
#define FAULT_SHIM_H

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include "recording.h"

#define SHOWN __attribute__((visibility("default")))

/* The function that would be called without us. */
#define REAL(type, name, symbol, ...) \
    static type (*name)(__VA_ARGS__); \
    if (name == NULL) \
    *(void **)&name = dlsym(RTLD_NEXT, symbol)

typedef enum fault_kind { KIND_WRITE, KIND_META, KIND_SYNC, KIND_NAME, KINDS } fault_kind;

void shim_lock(void);
void shim_unlock(void);
bool shim_nosync(void);
/* The number of the file that is called so, or behind `fd`; -1: it is none of ours. The directory itself is "". */
int shim_number_of(const char *path);
int shim_file_of(int fd);
bool shim_is_marks(int fd);
/* Records. A directory entry, a write, ... see fault_op. */
void shim_note(fault_op op, unsigned flags, int file, uint64_t offset, const void *bytes, size_t size);
/* Counts an operation; true when it must fail: errno is set. KILL: from now on the process is to end inside it (shim_dies). */
bool shim_fails(fault_kind kind, int file);
/* True when the operation that was just counted is the process's last: do it, note it as not finished, and call shim_die. */
bool shim_dies(void);
_Noreturn void shim_die(void);
/* The disk is full, or said to be (`told`): an operation that needs room fails with ENOSPC, which is set. */
bool shim_is_full(int file, bool told);
ssize_t shim_real_writev(int fd, const struct iovec *pieces, int n);

#endif
