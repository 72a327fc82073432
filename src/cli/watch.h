/* SPDX-License-Identifier: Apache-2.0
 * Whether view files have been saved, for weir run --dev. Thread: one. */
#ifndef WEIRI_CLI_WATCH_H
#define WEIRI_CLI_WATCH_H

#include <stdbool.h>
#include "base/error.h"

typedef struct weiri_watch {
    const char *directory; /* borrowed */
    int fd;                /* 0: none */
    int watch;             /* below 0: the directory is not there now */
    bool moving;           /* something was saved, and more may be coming */
} weiri_watch;             /* zero-initialise */

/* Begins to watch a directory's *.sql. Errors: IO. */
WEIR_MUST_USE weir_status weiri_watch_open(weiri_watch *watch, const char *directory, weir_error *err);
/* True once for what was saved, made, renamed or deleted since the last time, when nothing more has come between two calls: many files
 * saved at once are one change. A directory that goes and comes back is a change. Doesn't wait. */
bool weiri_watch_changed(weiri_watch *watch);
void weiri_watch_close(weiri_watch *watch);

#endif
