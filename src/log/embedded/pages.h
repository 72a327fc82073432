/* SPDX-License-Identifier: Apache-2.0
 * Reading LMDB's file without LMDB. Its pages carry no checksum, and LMDB believes what it finds in them: a damaged one makes it
 * abort, crash or run in circles. Here every page is read with pread and checked before anything in it is followed, so damage is
 * an error with the page's number. The layout is that of LMDB 0.9's data version 1, on a little-endian machine with 64 bits.
 * What is read must not change meanwhile: a read transaction of LMDB holds it, or the lock that keeps writers out.
 * Thread: one at a time a cursor; a weiri_pages is not changed by reading. */
#ifndef WEIRI_PAGES_H
#define WEIRI_PAGES_H

#include "base/bytes.h"
#include "base/error.h"

enum { WEIRI_PAGES_DEEPEST = 16 };
#define WEIRI_PAGES_NONE UINT64_MAX      /* the root of an empty tree */
enum { WEIRI_PAGE_META_END = 16 + 120 }; /* where u64 last_page and u64 transaction lie in a meta page: the last things in it */

typedef struct weiri_page_tree {
    uint64_t root, entries;
    unsigned depth;
    bool numbers; /* its keys are u64 of the machine, as in the list of free pages; else bytes */
} weiri_page_tree;

/* One of the two meta pages: a state of the whole file. LMDB goes by the one with the higher transaction. */
typedef struct weiri_page_meta {
    uint64_t transaction, last_page;
    uint32_t page_size;
    weiri_page_tree free, names; /* free pages by transaction; the named databases */
} weiri_page_meta;

typedef struct weiri_pages {
    int fd; /* borrowed */
    weiri_page_meta meta;
    uint64_t file_pages; /* whole ones */
    /* Told of each page that a cursor of this goes through, and of each run of pages of a long value that is copied. May be NULL. */
    weir_status (*visit)(void *user, uint64_t page, uint64_t n, weir_error *err);
    void *user;
} weiri_pages;

/* Errors: CORRUPT (not a meta page), IO. */
WEIR_MUST_USE weir_status weiri_page_meta_read(int fd, unsigned which, weiri_page_meta *ret_meta, weir_error *err);
/* Opens the state that `meta` tells of. Errors: IO. */
WEIR_MUST_USE weir_status weiri_pages_open(int fd, const weiri_page_meta *meta, weiri_pages *ret_pages, weir_error *err);
/* Opens the state of this transaction, which LMDB holds for the caller. Errors: CORRUPT, IO; NOT_FOUND: no meta page is of it. */
WEIR_MUST_USE weir_status weiri_pages_open_transaction(int fd, uint64_t transaction, weiri_pages *ret_pages, weir_error *err);
/* The tree of a named database. Errors: NOT_FOUND, CORRUPT, IO. */
WEIR_MUST_USE weir_status weiri_pages_named(const weiri_pages *pages, const char *name, weiri_page_tree *ret_tree, weir_error *err);

typedef struct weiri_page_step {
    uint64_t page;
    unsigned at, n; /* the entry at hand, and how many there are */
} weiri_page_step;

typedef struct weiri_page_cursor {
    const weiri_pages *pages;
    weiri_page_tree tree;
    weiri_page_step steps[WEIRI_PAGES_DEEPEST]; /* from the root to a leaf */
    weiri_buffer bytes;                         /* of those pages, one behind the other */
    bool placed;                                /* on an entry: key and value may be asked for */
    unsigned failed;                            /* the level of the page that could not be read */
} weiri_page_cursor;

void weiri_page_cursor_init(weiri_page_cursor *cursor, const weiri_pages *pages, const weiri_page_tree *tree);
void weiri_page_cursor_fini(weiri_page_cursor *cursor);

/* Each places the cursor on an entry. Errors: NOT_FOUND (there is none), CORRUPT, IO. */
WEIR_MUST_USE weir_status weiri_page_cursor_first(weiri_page_cursor *cursor, weir_error *err);
WEIR_MUST_USE weir_status weiri_page_cursor_last_to(weiri_page_cursor *cursor, weiri_bytes key, weir_error *err); /* the last one <= key */
WEIR_MUST_USE weir_status weiri_page_cursor_from(weiri_page_cursor *cursor, weiri_bytes key, weir_error *err);    /* the first one >= key */
WEIR_MUST_USE weir_status weiri_page_cursor_next(weiri_page_cursor *cursor, weir_error *err);
/* After CORRUPT from one of these: to the first entry behind the page that is damaged. */
WEIR_MUST_USE weir_status weiri_page_cursor_skip(weiri_page_cursor *cursor, weir_error *err);

/* Of the entry at hand. The bytes are borrowed until the cursor moves. */
weiri_bytes weiri_page_cursor_key(const weiri_page_cursor *cursor);
size_t weiri_page_cursor_size(const weiri_page_cursor *cursor);  /* of the value */
bool weiri_page_cursor_is_tree(const weiri_page_cursor *cursor); /* the value describes a named database */
/* Adds the value's first bytes, at most `most`, to `to`. Errors: CORRUPT, IO. */
WEIR_MUST_USE weir_status weiri_page_cursor_copy(const weiri_page_cursor *cursor, size_t most, weiri_buffer *to, weir_error *err);
/* The first page of a long value, or 0. */
uint64_t weiri_page_cursor_overflow(const weiri_page_cursor *cursor);
/* A value that describes a named database. Errors: CORRUPT. */
WEIR_MUST_USE weir_status weiri_page_cursor_tree(const weiri_page_cursor *cursor, weiri_page_tree *ret_tree, weir_error *err);

/* What a page says it is: for judging one that no tree leads to. */
typedef enum weiri_page_kind { WEIRI_PAGE_UNKNOWN, WEIRI_PAGE_BRANCH, WEIRI_PAGE_LEAF, WEIRI_PAGE_OVERFLOW } weiri_page_kind;
typedef struct weiri_page_look {
    weiri_page_kind kind;
    uint64_t pages;     /* WEIRI_PAGE_OVERFLOW: so many */
    uint8_t begins[80]; /* WEIRI_PAGE_OVERFLOW: the value's first bytes */
    uint8_t key[64];    /* of an entry of a branch or leaf that only this page can lead to or hold */
    size_t key_size;    /* 0: none */
} weiri_page_look;
void weiri_pages_look(const weiri_pages *pages, uint64_t page, weiri_page_look *ret_look); /* what can't be read is UNKNOWN */

/* Goes through every tree and the list of free pages, and proves that each page has one place at most. For a file that is read
 * as a whole anyway. Errors: CORRUPT, IO, NO_MEMORY. */
WEIR_MUST_USE weir_status weiri_pages_check_all(const weiri_pages *pages, weir_error *err);
/* Is the file about as long as its last page says? Errors: CORRUPT. */
WEIR_MUST_USE weir_status weiri_pages_check_size(const weiri_pages *pages, weir_error *err);
/* Calls `page` for each free page. Errors: CORRUPT (the list is not in order), IO, and what `page` answers. */
WEIR_MUST_USE weir_status weiri_pages_free(
    const weiri_pages *pages, weir_status (*page)(void *user, uint64_t page, weir_error *err), void *user, weir_error *err);

#endif
