/* SPDX-License-Identifier: Apache-2.0
 * The query side's own structs: a view and its projector. Three locks, never two at once but work before state:
 *   work  who holds it writes to the store: the projector a batch at a time, a rebuild, a feeder of stories
 *   state what the projector publishes after each commit, and what status reads
 *   doors how many questions are inside the store: it is closed only when none is */
#ifndef WEIRI_VIEW_H
#define WEIRI_VIEW_H

#include <stdatomic.h>
#include "base/thread.h"
#include "base/arena.h"
#include "query/letters.h"
#include "query/query.h"
#include "query/store.h"

enum { WEIRI_RATE_SECONDS = 8 };

typedef enum weiri_view_state { WEIRI_VIEW_REBUILDING, WEIRI_VIEW_FOLLOWING, WEIRI_VIEW_STOPPED } weiri_view_state;

typedef struct weiri_view {
    struct weiri_views *views;
    weiri_view_file *file;
    char *path; /* NULL: in memory */

    weiri_lock work;
    weiri_store *store;        /* replaced under work with the doors shut */
    weiri_position *positions; /* guarded by work: as committed */
    weiri_position *working;   /* guarded by work: with the transaction that runs */
    weiri_arena arena;         /* guarded by work */
    weiri_value *values;       /* guarded by work: room for one statement */
    weiri_chunk chunk;         /* guarded by work */
    weiri_letters letters;     /* guarded by work */
    uint64_t *untouched;       /* guarded by work: of the transaction that runs, by statement */
    uint64_t in_transaction;   /* guarded by work: events of the view's */
    _Atomic uint32_t yield;    /* rebuilds that wait for work */
    bool alone;                /* guarded by work: no file of another version is left */
    bool careful;              /* guarded by work: the next batch goes by single events */
    bool halted;               /* guarded by work: stopped, since too many keys are parked */
    int64_t pause_ms;          /* after an error of the database; written under work by the projector alone */

    weiri_lock state;
    weiri_view_state kind; /* guarded by state, as all below */
    weiri_position *published;
    uint64_t *goal; /* rebuilding until here */
    uint64_t applied;
    uint64_t rate_second[WEIRI_RATE_SECONDS], rate_events[WEIRI_RATE_SECONDS];
    uint64_t parked, parked_keys, discarded;
    char error[512], note[256];
    weiri_signal moved; /* raised when anything of the state has changed */

    weiri_lock doors;
    bool shut;     /* guarded by doors */
    size_t inside; /* guarded by doors */
    weiri_signal left;

    weiri_thread thread;
} weiri_view;

struct weiri_views {
    weiri_views_config config;
    char *dir;
    weiri_view *list;
    size_t n;
    uint32_t partitions; /* 0: in memory */
    uint64_t log_id;
    bool open;
    _Atomic bool stopping;
};

/* By name. Errors: NOT_FOUND with the nearest. */
WEIR_MUST_USE weir_status weiri_views_find(weiri_views *views, const char *name, weiri_view **ret_view, weir_error *err);

/* apply.c: with the store in a transaction. Errors: INVALID with file and line (the event), NOT_FOUND (its type), others (the store). */
WEIR_MUST_USE weir_status weiri_view_apply(
    weiri_view *view, const weiri_record *record, uint32_t partition, uint64_t offset, weir_error *err);
bool weiri_view_has(const weiri_view *view, const weiri_record *record, const weiri_type **ret_type);

/* projector.c */
void weiri_view_project(void *view); /* the thread */
/* One turn of it: a batch. True: go on at once; false: there is no more yet, or pause_ms to wait. */
bool weiri_view_turn(weiri_view *view);
void weiri_view_publish(weiri_view *view, uint64_t applied, weiri_view_state kind); /* under work: makes positions visible */

/* life.c: under work. Opens the store, anew if what is there doesn't fit the log. */
WEIR_MUST_USE weir_status weiri_view_open(weiri_view *view, weir_error *err);

/* life.c: under work. Once the view has caught up, deletes what other versions of it have left. */
void weiri_view_remove_others(weiri_view *view);

/* life.c: an event was discarded that is in the rows. */
void weiri_view_discarded(weiri_view *view);

/* A question goes in, and out again. Errors: BUSY (the view is being replaced). */
WEIR_MUST_USE weir_status weiri_view_enter(weiri_view *view, weir_error *err);
void weiri_view_leave(weiri_view *view);

/* freshness.c: waits until the view has reached what is asked, at most wait_ms. Errors: BEHIND with words. */
WEIR_MUST_USE weir_status weiri_view_wait(weiri_view *view, const weiri_freshness *freshness, weir_error *err);
weiri_result *weiri_view_position_only(weiri_view *view); /* a result without rows */

#endif
