/* SPDX-License-Identifier: Apache-2.0
 * A view as people know it: one name and one file, with one version that serves and, for a while, another that is built beside it.
 * Both follow the log, each on its own thread; they change places in an instant where the new one has all that the old one has.
 * Thread: any, under `lock`; who swaps, drops and makes versions is the keeper alone, once it runs. */
#ifndef WEIRI_KEPT_H
#define WEIRI_KEPT_H

#include <sys/stat.h>
#include "query/view.h"

struct weiri_kept {
    weiri_views *views;
    char *name, *path, *shown; /* path: of its file; shown: as messages name that */

    weiri_lock lock;
    weiri_view *live, *next; /* guarded by lock; live: never NULL; next: NULL unless one is built */
    char broken[512];        /* guarded by lock: what is wrong with the file as it is now; "" nothing */
    char note[256];          /* guarded by lock: what the last version to be built was built for */
    bool wanted;             /* guarded by lock: to be built anew */
    _Atomic bool paused, comparing;

    struct stat seen, loaded; /* the keeper's: the file when it looked last, and when it was read last */
};

/* The one that serves, kept alive until it is let go. */
weiri_view *weiri_kept_hold(weiri_kept *kept);
weiri_view *weiri_kept_hold_next(weiri_kept *kept); /* NULL: none is built */
void weiri_kept_let_go(weiri_view *view);
/* By name, and held. Errors: NOT_FOUND with the nearest. */
WEIR_MUST_USE weir_status weiri_views_hold(weiri_views *views, const char *name, weiri_view **ret_view, weir_error *err);
WEIR_MUST_USE weir_status weiri_views_kept(weiri_views *views, const char *name, weiri_kept **ret_kept, weir_error *err);

/* views.c: a version of the view; takes `file`. generation: tells databases of one version apart. */
weiri_view *weiri_view_new(weiri_kept *kept, weiri_view_file *file, unsigned generation);
void weiri_view_free(weiri_view *view); /* nobody holds it, and its thread has ended; NULL is fine */
/* views.c: reads and checks a view file against messages and database. NULL: what is wrong is in `problems`. */
weiri_view_file *weiri_view_load(weiri_views *views, const char *name, const char *path, const char *shown, weiri_problems *problems);
weiri_view_file *weiri_view_parse(
    weiri_views *views, const char *name, const char *shown, const char *text, weiri_problems *problems); /* the same of a text */

/* versions.c */
void weiri_kept_choose(weiri_kept *kept); /* at opening: which databases there are, and which of them serves */
void weiri_kept_tend(weiri_kept *kept);   /* looks at its file, starts, swaps and drops versions */
WEIR_MUST_USE weir_status weiri_view_start(weiri_view *view, weir_error *err); /* its projector's thread */
void weiri_view_retire(weiri_view *view, bool remove);                         /* ends its thread, waits until nobody holds it, frees it */
bool weiri_kept_is_building(weiri_kept *kept);
bool weiri_kept_is_only(const weiri_view *view); /* it serves, and none is built beside it: all other databases are leftovers */

/* keeper.c */
void weiri_keeper_run(void *views); /* the thread */

#endif
