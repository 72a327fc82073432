/* SPDX-License-Identifier: Apache-2.0
 * The data directory's lock: flock on DIR/lock, which says who holds it (pid and command line). The kernel gives it
 * up when the process ends, however it ends. Thread: one at a time. */
#ifndef WEIRI_LOCKFILE_H
#define WEIRI_LOCKFILE_H

#include "base/error.h"

typedef struct weiri_lockfile {
    int fd; /* -1: not held */
} weiri_lockfile;

/* Makes the names in `dir` durable, where the file system can. Errors: IO. */
WEIR_MUST_USE weir_status weiri_directory_sync(const char *dir, weir_error *err);
/* Makes `dir` and its parents where they are missing, durably. Errors: INVALID (a file, not writable, no such place), IO. */
WEIR_MUST_USE weir_status weiri_directory_make(const char *dir, weir_error *err);
/* Takes DIR/lock. Errors: INVALID ("DIR is in use by process 1234 (weir run shop.so)", not writable). */
WEIR_MUST_USE weir_status weiri_lockfile_take(weiri_lockfile *lockfile, const char *dir, weir_error *err);
void weiri_lockfile_give(weiri_lockfile *lockfile);

#endif
