/* SPDX-License-Identifier: Apache-2.0
 * Running a piece of a test in a process of its own, which damage or a failed allocation may end; and directories to do it in.
 * Thread: the only one of its process. */
#ifndef FAULT_CHILD_H
#define FAULT_CHILD_H

#include <stdbool.h>
#include <stddef.h>

enum { CHILD_SECONDS_MOST = 120, CHILD_SAID_MOST = 2048 };

typedef struct child_end {
    bool ended;                 /* by itself, with `status` */
    int status;                 /* its exit status, or the signal that ended it: SIGALRM when its time was over */
    char said[CHILD_SAID_MOST]; /* to stderr */
} child_end;

/* Runs `run` in a child; what it returns is the exit status. `quiet`: its stderr goes to ret_end->said instead of this one's. */
void child_run(int (*run)(void *user), void *user, bool quiet, child_end *ret_end);

void *child_shared(size_t size);                  /* zeroed memory that children share */
void child_directory(char *ret_dir, size_t size); /* names one that isn't there, in memory where it can; a child's number is in it */
void child_remove(const char *dir);
void child_make(const char *dir, const char *name); /* DIR/NAME; ends the program if it can't */

#endif
