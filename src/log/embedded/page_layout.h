/* SPDX-License-Identifier: Apache-2.0
 * The bytes of LMDB 0.9's pages (data version 1), for pages.c and pages_check.c alone. LMDB keeps these declarations to itself;
 * the assertions hold ours against what its files have on a little-endian machine with 64 bits. */
#ifndef WEIRI_PAGE_LAYOUT_H
#define WEIRI_PAGE_LAYOUT_H

#include <assert.h>
#include <stddef.h>
#include "log/embedded/pages.h"

enum {
    WEIRI_PAGE_IS_BRANCH = 1,
    WEIRI_PAGE_IS_LEAF = 2,
    WEIRI_PAGE_IS_OVERFLOW = 4,
    WEIRI_PAGE_IS_META = 8,
    WEIRI_PAGE_LONG_VALUE = 1,  /* an entry's flags: the value is the number of its first overflow page */
    WEIRI_PAGE_TREE_VALUE = 2,  /* the value is a tree's layout */
    WEIRI_PAGE_NUMBER_KEYS = 8, /* a tree's flags */
    WEIRI_PAGE_VERSION = 1,
};
#define WEIRI_PAGE_MAGIC 0xBEEFC0DEu

typedef struct weiri_page_header {
    uint64_t number;
    uint16_t pad, flags;
    uint16_t lower, upper; /* of a first overflow page: together the number of its pages */
} weiri_page_header;       /* then u16 each: where an entry lies; entries lie from `upper` to the page's end */
static_assert(sizeof(weiri_page_header) == 16, "LMDB 0.9");

typedef struct weiri_page_node {
    uint16_t low, high, flags; /* of a leaf: size of the value, flags; of a branch: the child's number */
    uint16_t key_size;
} weiri_page_node; /* then the key, and in a leaf the value */
static_assert(sizeof(weiri_page_node) == 8, "LMDB 0.9");

typedef struct weiri_page_tree_layout {
    uint32_t pad; /* of the free pages' tree: the size of a page */
    uint16_t flags, depth;
    uint64_t branches, leaves, overflows, entries, root;
} weiri_page_tree_layout;
static_assert(sizeof(weiri_page_tree_layout) == 48, "LMDB 0.9");

typedef struct weiri_page_meta_layout {
    uint32_t magic, version;
    uint64_t address, map_size;
    weiri_page_tree_layout free, names;
    uint64_t last_page, transaction;
} weiri_page_meta_layout;
static_assert(sizeof(weiri_page_meta_layout) == 136, "LMDB 0.9");
static_assert(sizeof(weiri_page_header) + offsetof(weiri_page_meta_layout, last_page) == WEIRI_PAGE_META_END, "LMDB 0.9");
static_assert(offsetof(weiri_page_meta_layout, transaction) == 128, "LMDB 0.9");

typedef struct weiri_page_entry {
    weiri_bytes key;
    uint16_t flags;       /* of a leaf */
    uint32_t size;        /* of a leaf: of the value */
    uint64_t child;       /* of a branch */
    const uint8_t *value; /* of a leaf: what lies in the page */
} weiri_page_entry;

/* What is wrong with a page that should be a branch or a leaf; NULL: nothing. */
const char *weiri_page_fault(const uint8_t *page, size_t page_size, uint64_t number, bool numbers);
weir_status weiri_page_damaged(weir_error *err, uint64_t page, const char *what); /* CORRUPT */

#endif
