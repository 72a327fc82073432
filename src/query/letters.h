/* SPDX-License-Identifier: Apache-2.0
 * Events of a view that failed, with all that came behind them under the same key: parked in the view's own database, tried
 * again from the head of their key, or discarded by a record in the log. What is in memory is what the database holds, and is
 * read anew whenever a transaction that changed it is undone. Thread: whoever holds the view's work. */
#ifndef WEIRI_LETTERS_H
#define WEIRI_LETTERS_H

#include "query/store.h"

enum {
    WEIRI_KEYS_PARKED_MOST = 1000, /* then the view halts: this is no matter of single events */
    WEIRI_LETTER_ATTEMPTS = 7      /* by itself: after 0.1, 0.4, 1.6, 6.4, 25.6 and 102.4 seconds; then a person */
};

typedef struct weiri_parked_key {
    uint64_t hash;
    char *key;
    size_t size;
    uint32_t partition, attempts; /* attempts: of its head */
    uint64_t letters;
    int64_t due_us; /* when its head is tried again; INT64_MAX: when a person says so */
} weiri_parked_key;

/* An event that a record in the log has discarded before this version came to it. */
typedef struct weiri_skipped {
    uint32_t partition, index;
    uint64_t source;
} weiri_skipped;

typedef struct weiri_letters {
    weiri_parked_key *keys;
    size_t n, room;
    uint64_t parked; /* letters, of all keys */
    weiri_skipped *skipped;
    size_t skipped_n;
    uint64_t discarded;
    bool changed; /* by the transaction that runs */
    bool anew;    /* an event was discarded that is in the rows: only building the view anew takes it out */
} weiri_letters;  /* zero-initialise */

struct weiri_view;
void weiri_letters_fini(weiri_letters *letters);
/* Reads them from the store. Errors: as the store's. */
WEIR_MUST_USE weir_status weiri_letters_load(struct weiri_view *view, weir_error *err);

weiri_parked_key *weiri_letters_key(const weiri_letters *letters, weiri_bytes key); /* NULL: not parked */
bool weiri_letters_skips(const weiri_letters *letters, uint32_t partition, const weiri_record *record);
/* In the view's transaction: `why` NULL: it waits behind another of its key. */
WEIR_MUST_USE weir_status weiri_letters_park(
    struct weiri_view *view, const weiri_record *record, uint32_t partition, uint64_t offset, const weir_error *why, weir_error *err);

/* Applies what the outcomes say of discarded letters since it last looked. Errors: as the store's and the log's. */
WEIR_MUST_USE weir_status weiri_letters_follow(struct weiri_view *view, weir_error *err);
/* Tries the keys that are due, each in a transaction of its own. *ret_moved: rows have changed. */
WEIR_MUST_USE weir_status weiri_letters_retry(struct weiri_view *view, bool *ret_moved, weir_error *err);
int64_t weiri_letters_next_us(const weiri_letters *letters); /* when the next key is due; INT64_MAX: none */

#endif
