/* SPDX-License-Identifier: Apache-2.0
 * Proofs over many pages: what the list of free pages says, and that no page has two places. LMDB writes into a page that is
 * listed as free, so one that is also in use would be lost at a later commit, without a word. Thread: the caller's. */
#include <stdlib.h>
#include <unistd.h>
#include "log/embedded/page_layout.h"

/* ---- one page, judged by itself --------------------------------------------------------------------------- */

/* The key of an entry that leads to this page: of a leaf the first, of a branch the second (the first has none). */
static void
look_for_key(const uint8_t *page, weiri_page_kind kind, weiri_page_look *look)
{
    weiri_page_node node;
    uint16_t at;

    memcpy(&at, page + sizeof(weiri_page_header) + (kind == WEIRI_PAGE_BRANCH ? sizeof at : 0), sizeof at);
    memcpy(&node, page + at, sizeof node);
    if (node.key_size > sizeof look->key)
        return;
    memcpy(look->key, page + at + sizeof node, node.key_size);
    look->key_size = node.key_size;
}

void
weiri_pages_look(const weiri_pages *pages, uint64_t page, weiri_page_look *ret_look)
{
    size_t size = pages->meta.page_size;
    weiri_buffer bytes = { 0 };
    weiri_page_header header;
    weiri_page_look look = { .kind = WEIRI_PAGE_UNKNOWN };

    uint8_t *data = weiri_buffer_extend(&bytes, size);
    if (pread(pages->fd, data, size, (off_t)(page * size)) == (ssize_t)size) {
        memcpy(&header, data, sizeof header);
        if (header.number == page && header.flags == WEIRI_PAGE_IS_OVERFLOW) {
            look.kind = WEIRI_PAGE_OVERFLOW;
            look.pages = header.lower | (uint64_t)header.upper << 16;
            memcpy(look.begins, data + sizeof header, sizeof look.begins);
        } else if (weiri_page_fault(data, size, page, false) == NULL) {
            look.kind = header.flags == WEIRI_PAGE_IS_LEAF ? WEIRI_PAGE_LEAF : WEIRI_PAGE_BRANCH;
            look_for_key(data, look.kind, &look);
        }
    }
    weiri_buffer_fini(&bytes);
    *ret_look = look;
}

/* ---- the list of free pages ------------------------------------------------------------------------------- */

/* A value: how many there are, then their numbers, falling. */
static weir_status
free_of(const weiri_pages *pages, const weiri_page_cursor *cursor, const weiri_buffer *value,
    weir_status (*page)(void *user, uint64_t page, weir_error *err), void *user, weir_error *err)
{
    uint64_t n = 0, number, above = UINT64_MAX, at = cursor->steps[cursor->tree.depth - 1].page;
    weir_status status = WEIR_OK;

    if (value->size >= sizeof n)
        memcpy(&n, value->data, sizeof n);
    if (value->size < sizeof n || n > value->size / sizeof n - 1)
        return weiri_page_damaged(err, at, "its list of free pages is longer than there is room");
    for (uint64_t i = 1; status == WEIR_OK && i <= n; i++) {
        memcpy(&number, value->data + i * sizeof number, sizeof number);
        if (number >= above || number < 2 || number > pages->meta.last_page)
            return weiri_page_damaged(err, at, "its list of free pages is not in order");
        above = number;
        status = page(user, number, err);
    }
    return status;
}

weir_status
weiri_pages_free(const weiri_pages *pages, weir_status (*page)(void *user, uint64_t page, weir_error *err), void *user, weir_error *err)
{
    weiri_page_cursor cursor;
    weiri_buffer value = { 0 };
    weir_status status;
    uint64_t entries = 0;

    weiri_page_cursor_init(&cursor, pages, &pages->meta.free);
    for (status = weiri_page_cursor_first(&cursor, err); status == WEIR_OK; status = weiri_page_cursor_next(&cursor, err)) {
        entries++;
        weiri_buffer_clear(&value);
        status = weiri_page_cursor_copy(&cursor, SIZE_MAX, &value, err);
        if (status == WEIR_OK)
            status = free_of(pages, &cursor, &value, page, user, err);
        if (status != WEIR_OK)
            break;
    }
    if (status == WEIR_NOT_FOUND && entries != pages->meta.free.entries)
        status = weiri_page_damaged(err, pages->meta.free.root, "the list of free pages has another length");
    weiri_page_cursor_fini(&cursor);
    weiri_buffer_fini(&value);
    return status == WEIR_NOT_FOUND ? WEIR_OK : status;
}

/* ---- everything ------------------------------------------------------------------------------------------- */

typedef struct everything {
    weiri_pages pages;
    uint8_t *seen; /* a bit a page */
} everything;

static weir_status
see(void *user, uint64_t page, uint64_t n, weir_error *err)
{
    everything *all = user;

    for (; n > 0; page++, n--) {
        uint8_t bit = (uint8_t)(1u << (page % 8));
        if ((all->seen[page / 8] & bit) != 0)
            return weiri_page_damaged(err, page, "it has two places");
        all->seen[page / 8] |= bit;
    }
    return WEIR_OK;
}

static weir_status
see_free(void *user, uint64_t page, weir_error *err)
{
    return see(user, page, 1, err);
}

/* Through every entry of a tree, and of those that its entries describe. */
static weir_status
walk(everything *all, const weiri_page_tree *tree, bool names, weir_error *err)
{
    weiri_page_cursor cursor;
    weiri_page_tree named;
    weiri_buffer nothing = { 0 };
    weir_status status;
    uint64_t entries = 0;

    weiri_page_cursor_init(&cursor, &all->pages, tree);
    for (status = weiri_page_cursor_first(&cursor, err); status == WEIR_OK; status = weiri_page_cursor_next(&cursor, err)) {
        entries++;
        status = names ? weiri_page_cursor_tree(&cursor, &named, err) : weiri_page_cursor_copy(&cursor, 0, &nothing, err);
        if (status == WEIR_OK && names)
            status = walk(all, &named, false, err);
        if (status != WEIR_OK)
            break;
    }
    if (status == WEIR_NOT_FOUND && entries != tree->entries)
        status = weiri_page_damaged(err, tree->root, "its tree has another number of entries");
    weiri_page_cursor_fini(&cursor);
    return status == WEIR_NOT_FOUND ? WEIR_OK : status;
}

weir_status
weiri_pages_check_size(const weiri_pages *pages, weir_error *err)
{
    enum { UNWRITTEN_MOST = 16384 }; /* pages that a transaction took and gave back are never written */

    if (pages->meta.last_page <= pages->file_pages + UNWRITTEN_MOST)
        return WEIR_OK;
    return weiri_error_set(err, WEIR_CORRUPT, "data.mdb is said to have %llu pages, and has %llu",
        (unsigned long long)pages->meta.last_page + 1, (unsigned long long)pages->file_pages);
}

weir_status
weiri_pages_check_all(const weiri_pages *pages, weir_error *err)
{
    everything all = { .pages = *pages };

    weir_status status = weiri_pages_check_size(pages, err);
    if (status != WEIR_OK)
        return status;
    all.pages.visit = see;
    all.pages.user = &all;
    all.seen = calloc(pages->meta.last_page / 8 + 1, 1);
    if (all.seen == NULL)
        return weiri_error_set(err, WEIR_NO_MEMORY, "no memory for a bit a page");
    status = weiri_pages_free(&all.pages, see_free, &all, err);
    if (status == WEIR_OK)
        status = walk(&all, &pages->meta.names, true, err);
    free(all.seen);
    return status;
}
