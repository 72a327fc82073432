/* SPDX-License-Identifier: Apache-2.0
 * LMDB's pages, read and checked one by one. A page is checked whole when it is loaded: its number, its kind, where its entries
 * lie, their order. So a cursor's steps never leave the page, its depth is bounded, and it never runs in circles: each key that
 * it gives is above the one before. Thread: the caller's. */
#include "log/embedded/pages.h"
#include <assert.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/assert.h"
#include "log/embedded/page_layout.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && sizeof(size_t) == 8, "LMDB writes its own machine's layout");

weir_status
weiri_page_damaged(weir_error *err, uint64_t page, const char *what)
{
    return weiri_error_set(err, WEIR_CORRUPT, "page %llu of data.mdb is damaged: %s", (unsigned long long)page, what);
}

static weir_status
read_at(int fd, void *to, size_t size, uint64_t at, uint64_t page, weir_error *err)
{
    uint8_t *bytes = to;

    for (size_t done = 0; done < size;) {
        ssize_t got = pread(fd, bytes + done, size - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return weiri_error_set(err, WEIR_IO, "page %llu of data.mdb: %s", (unsigned long long)page, strerror(errno));
        if (got == 0)
            return weiri_page_damaged(err, page, "the file ends before it");
        done += (size_t)got;
    }
    return WEIR_OK;
}

/* ---- meta pages ------------------------------------------------------------------------------------------ */

static weir_status
tree_of(const weiri_page_tree_layout *layout, uint64_t page, weiri_page_tree *ret_tree, weir_error *err)
{
    bool empty = layout->root == WEIRI_PAGES_NONE;

    if (empty ? layout->depth != 0 || layout->entries != 0
              : layout->depth == 0 || layout->depth > WEIRI_PAGES_DEEPEST || layout->entries == 0 || layout->root < 2)
        return weiri_page_damaged(err, page, "no tree has such a root and depth");
    *ret_tree = (weiri_page_tree){ .root = layout->root, .entries = layout->entries, .depth = layout->depth };
    return WEIR_OK;
}

weir_status
weiri_page_meta_read(int fd, unsigned which, weiri_page_meta *ret_meta, weir_error *err)
{
    struct {
        weiri_page_header header;
        weiri_page_meta_layout meta;
    } page;
    weiri_page_meta found = { 0 };
    uint64_t size = (uint64_t)sysconf(_SC_PAGESIZE); /* LMDB's rule when it makes a file */

    weir_status status = read_at(fd, &page, sizeof page, which * size, which, err);
    if (status != WEIR_OK)
        return status;
    const weiri_page_meta_layout *meta = &page.meta;
    if (page.header.number != which || page.header.flags != WEIRI_PAGE_IS_META || meta->magic != WEIRI_PAGE_MAGIC ||
        meta->version != WEIRI_PAGE_VERSION || meta->free.pad != size || meta->free.flags != WEIRI_PAGE_NUMBER_KEYS ||
        meta->names.pad != 0 || meta->names.flags != 0)
        return weiri_page_damaged(err, which, "it is not a meta page");
    status = tree_of(&meta->free, which, &found.free, err);
    if (status == WEIR_OK)
        status = tree_of(&meta->names, which, &found.names, err);
    if (status != WEIR_OK)
        return status;
    found.free.numbers = true;
    found.transaction = meta->transaction;
    found.last_page = meta->last_page;
    found.page_size = (uint32_t)size;
    *ret_meta = found;
    return WEIR_OK;
}

weir_status
weiri_pages_open(int fd, const weiri_page_meta *meta, weiri_pages *ret_pages, weir_error *err)
{
    struct stat about;

    if (fstat(fd, &about) != 0)
        return weiri_error_set(err, WEIR_IO, "data.mdb: %s", strerror(errno));
    *ret_pages = (weiri_pages){ .fd = fd, .meta = *meta, .file_pages = (uint64_t)about.st_size / meta->page_size };
    return WEIR_OK;
}

weir_status
weiri_pages_open_transaction(int fd, uint64_t transaction, weiri_pages *ret_pages, weir_error *err)
{
    weiri_page_meta meta;

    weir_status status = weiri_page_meta_read(fd, transaction & 1, &meta, err);
    if (status == WEIR_OK && meta.transaction != transaction)
        return weiri_error_set(err, WEIR_NOT_FOUND, "no meta page of data.mdb is of transaction %llu", (unsigned long long)transaction);
    return status == WEIR_OK ? weiri_pages_open(fd, &meta, ret_pages, err) : status;
}

weir_status
weiri_pages_named(const weiri_pages *pages, const char *name, weiri_page_tree *ret_tree, weir_error *err)
{
    weiri_page_cursor cursor;
    weiri_bytes wanted = weiri_bytes_of(name);

    weiri_page_cursor_init(&cursor, pages, &pages->meta.names);
    weir_status status = weiri_page_cursor_last_to(&cursor, wanted, err);
    if (status == WEIR_OK)
        status = weiri_bytes_equal(weiri_page_cursor_key(&cursor), wanted) ? weiri_page_cursor_tree(&cursor, ret_tree, err)
                                                                           : WEIR_NOT_FOUND;
    if (status == WEIR_NOT_FOUND)
        (void)weiri_error_set(err, WEIR_NOT_FOUND, "data.mdb has no database '%s'", name);
    weiri_page_cursor_fini(&cursor);
    return status;
}

/* ---- one page -------------------------------------------------------------------------------------------- */

static weiri_page_entry
entry_of(const uint8_t *page, unsigned i)
{
    weiri_page_entry entry = { 0 };
    weiri_page_node node;
    uint16_t at;

    memcpy(&at, page + sizeof(weiri_page_header) + 2 * (size_t)i, sizeof at);
    memcpy(&node, page + at, sizeof node);
    entry.key = (weiri_bytes){ page + at + sizeof node, node.key_size };
    entry.flags = node.flags;
    entry.child = (uint64_t)node.low | (uint64_t)node.high << 16 | (uint64_t)node.flags << 32;
    entry.size = (uint32_t)(node.low | (uint32_t)node.high << 16);
    entry.value = page + at + sizeof node + node.key_size;
    return entry;
}

static int
compare(bool numbers, weiri_bytes a, weiri_bytes b)
{
    if (numbers) {
        uint64_t x, y;
        memcpy(&x, a.data, sizeof x);
        memcpy(&y, b.data, sizeof y);
        return (x > y) - (x < y);
    }
    size_t both = a.size < b.size ? a.size : b.size;
    int order = both == 0 ? 0 : memcmp(a.data, b.data, both);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Where entry `i` lies. Returns its room, made even, or 0: it does not lie in the page. */
static size_t
entry_room(const uint8_t *page, size_t page_size, const weiri_page_header *header, unsigned i)
{
    weiri_page_node node;
    uint16_t at;

    memcpy(&at, page + sizeof *header + 2 * (size_t)i, sizeof at);
    if (at < header->upper || at % 2 != 0 || at + sizeof node > page_size)
        return 0;
    memcpy(&node, page + at, sizeof node);
    size_t room = sizeof node + node.key_size;
    if (header->flags == WEIRI_PAGE_IS_LEAF) {
        uint32_t size = (uint32_t)(node.low | (uint32_t)node.high << 16);
        if (node.flags != 0 && node.flags != WEIRI_PAGE_LONG_VALUE && node.flags != WEIRI_PAGE_TREE_VALUE)
            return 0;
        room += node.flags == WEIRI_PAGE_LONG_VALUE ? sizeof(uint64_t) : size;
    }
    return at + room <= page_size ? (room + 1) & ~(size_t)1 : 0;
}

const char *
weiri_page_fault(const uint8_t *page, size_t page_size, uint64_t number, bool numbers)
{
    weiri_page_header header;
    size_t rooms = 0;

    memcpy(&header, page, sizeof header);
    bool leaf = header.flags == WEIRI_PAGE_IS_LEAF;
    if (header.number != number)
        return "it says that it is another";
    if (!leaf && header.flags != WEIRI_PAGE_IS_BRANCH)
        return "it is neither a branch nor a leaf";
    if (header.lower < sizeof header || header.lower % 2 != 0 || header.upper < header.lower || header.upper > page_size)
        return "its bounds are wrong";
    unsigned n = (header.lower - (unsigned)sizeof header) / 2;
    if (n < (leaf || numbers ? 1u : 2u))
        return "it has too few entries";
    for (unsigned i = 0; i < n; i++) {
        size_t room = entry_room(page, page_size, &header, i);
        if (room == 0)
            return "an entry lies outside of it";
        rooms += room;
        weiri_page_entry entry = entry_of(page, i);
        if (numbers && (leaf || i > 0) && entry.key.size != sizeof(uint64_t))
            return "a key has another size";
        if (i > (leaf ? 0u : 1u) && compare(numbers, entry_of(page, i - 1).key, entry.key) >= 0)
            return "its keys are not in order";
    }
    return rooms == page_size - header.upper ? NULL : "its entries don't fill it";
}

/* ---- cursors --------------------------------------------------------------------------------------------- */

void
weiri_page_cursor_init(weiri_page_cursor *cursor, const weiri_pages *pages, const weiri_page_tree *tree)
{
    *cursor = (weiri_page_cursor){ .pages = pages, .tree = *tree };
    (void)weiri_buffer_extend(&cursor->bytes, tree->depth * (size_t)pages->meta.page_size);
}

void
weiri_page_cursor_fini(weiri_page_cursor *cursor)
{
    weiri_buffer_fini(&cursor->bytes);
}

static uint8_t *
page_of(const weiri_page_cursor *cursor, unsigned level)
{
    return cursor->bytes.data + level * (size_t)cursor->pages->meta.page_size;
}

static weir_status
visit(const weiri_pages *pages, uint64_t page, uint64_t n, weir_error *err)
{
    if (page < 2 || page > pages->meta.last_page || n > pages->meta.last_page - page + 1)
        return weiri_page_damaged(err, page, "it is led to, and no page of the file's last transaction");
    return pages->visit != NULL ? pages->visit(pages->user, page, n, err) : WEIR_OK;
}

/* Do the keys of step `level` lie between those of its branch, on both sides of the entry that leads to it? */
static bool
keys_belong(const weiri_page_cursor *cursor, unsigned level, unsigned n)
{
    const uint8_t *page = page_of(cursor, level), *branch = page_of(cursor, level - 1);
    const weiri_page_step *step = &cursor->steps[level - 1];
    unsigned first = level + 1 == cursor->tree.depth ? 0 : 1; /* a branch's first key counts for nothing */

    if (first == n)
        return true;
    return (step->at == 0 || compare(cursor->tree.numbers, entry_of(branch, step->at).key, entry_of(page, first).key) <= 0) &&
           (step->at + 1 == step->n || compare(cursor->tree.numbers, entry_of(page, n - 1).key, entry_of(branch, step->at + 1).key) < 0);
}

/* Loads a page as step `level`; the entry at hand is not chosen yet. */
static weir_status
load(weiri_page_cursor *cursor, unsigned level, uint64_t page, weir_error *err)
{
    const weiri_pages *pages = cursor->pages;
    size_t size = pages->meta.page_size;
    uint8_t *bytes = page_of(cursor, level);
    weiri_page_header header;

    cursor->failed = level;
    weir_status status = visit(pages, page, 1, err);
    if (status == WEIR_OK)
        status = read_at(pages->fd, bytes, size, page * size, page, err);
    if (status != WEIR_OK)
        return status;
    const char *fault = weiri_page_fault(bytes, size, page, cursor->tree.numbers);
    memcpy(&header, bytes, sizeof header);
    if (fault == NULL && (header.flags == WEIRI_PAGE_IS_LEAF) != (level + 1 == cursor->tree.depth))
        fault = "it lies at another depth of its tree";
    unsigned n = (header.lower - (unsigned)sizeof header) / 2;
    if (fault == NULL && level > 0 && !keys_belong(cursor, level, n))
        fault = "its keys belong elsewhere";
    if (fault != NULL)
        return weiri_page_damaged(err, page, fault);
    cursor->steps[level] = (weiri_page_step){ page, 0, n };
    return WEIR_OK;
}

/* From the entry at hand of `level` down to a leaf, always to the first entry, or always to the last. */
static weir_status
descend(weiri_page_cursor *cursor, unsigned level, bool last, weir_error *err)
{
    for (; level + 1 < cursor->tree.depth; level++) {
        weir_status status = load(cursor, level + 1, entry_of(page_of(cursor, level), cursor->steps[level].at).child, err);
        if (status != WEIR_OK)
            return status;
        cursor->steps[level + 1].at = last ? cursor->steps[level + 1].n - 1 : 0;
    }
    cursor->placed = true;
    return WEIR_OK;
}

/* The last entry of a page whose key is not above `key`; in a branch the first one has none and is below all. n: there is none. */
static unsigned
find(const weiri_page_cursor *cursor, unsigned level, weiri_bytes key)
{
    const uint8_t *page = page_of(cursor, level);
    unsigned low = level + 1 == cursor->tree.depth ? 0 : 1, high = cursor->steps[level].n; /* entries below `low` are not above it */

    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (compare(cursor->tree.numbers, entry_of(page, middle).key, key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? cursor->steps[level].n : low - 1;
}

/* To the neighbour of the page at `level`, and down to a leaf. Errors: NOT_FOUND: there is none. */
static weir_status
step_beside(weiri_page_cursor *cursor, unsigned level, bool back, weir_error *err)
{
    while (level-- > 0) {
        weiri_page_step *step = &cursor->steps[level];
        if (back ? step->at == 0 : step->at + 1 == step->n)
            continue;
        step->at = back ? step->at - 1 : step->at + 1;
        return descend(cursor, level, back, err);
    }
    return weiri_error_set(err, WEIR_NOT_FOUND, "there is no entry");
}

weir_status
weiri_page_cursor_first(weiri_page_cursor *cursor, weir_error *err)
{
    cursor->placed = false;
    if (cursor->tree.root == WEIRI_PAGES_NONE)
        return weiri_error_set(err, WEIR_NOT_FOUND, "there is no entry");
    weir_status status = load(cursor, 0, cursor->tree.root, err);
    return status == WEIR_OK ? descend(cursor, 0, false, err) : status;
}

/* To the leaf that `key` belongs to, and there to the last entry that is not above it; n: all are. */
static weir_status
descend_to(weiri_page_cursor *cursor, weiri_bytes key, weir_error *err)
{
    uint64_t page = cursor->tree.root;

    cursor->placed = false;
    if (page == WEIRI_PAGES_NONE)
        return weiri_error_set(err, WEIR_NOT_FOUND, "there is no entry");
    for (unsigned level = 0; level < cursor->tree.depth; level++) {
        weir_status status = load(cursor, level, page, err);
        if (status != WEIR_OK)
            return status;
        weiri_page_step *step = &cursor->steps[level];
        step->at = find(cursor, level, key);
        if (level + 1 < cursor->tree.depth)
            page = entry_of(page_of(cursor, level), step->at).child;
    }
    cursor->placed = true;
    return WEIR_OK;
}

weir_status
weiri_page_cursor_last_to(weiri_page_cursor *cursor, weiri_bytes key, weir_error *err)
{
    weir_status status = descend_to(cursor, key, err);

    if (status != WEIR_OK || cursor->steps[cursor->tree.depth - 1].at < cursor->steps[cursor->tree.depth - 1].n)
        return status;
    cursor->placed = false;
    return step_beside(cursor, cursor->tree.depth - 1, true, err);
}

weir_status
weiri_page_cursor_from(weiri_page_cursor *cursor, weiri_bytes key, weir_error *err)
{
    weir_status status = descend_to(cursor, key, err);

    if (status != WEIR_OK)
        return status;
    weiri_page_step *leaf = &cursor->steps[cursor->tree.depth - 1];
    if (leaf->at == leaf->n)
        leaf->at = 0;
    return compare(cursor->tree.numbers, weiri_page_cursor_key(cursor), key) < 0 ? weiri_page_cursor_next(cursor, err) : WEIR_OK;
}

weir_status
weiri_page_cursor_next(weiri_page_cursor *cursor, weir_error *err)
{
    weiri_page_step *leaf = &cursor->steps[cursor->tree.depth - 1];

    weiri_assert(cursor->placed);
    if (leaf->at + 1 < leaf->n) {
        leaf->at++;
        return WEIR_OK;
    }
    cursor->placed = false;
    return step_beside(cursor, cursor->tree.depth - 1, false, err);
}

weir_status
weiri_page_cursor_skip(weiri_page_cursor *cursor, weir_error *err)
{
    weiri_assert(!cursor->placed);
    return step_beside(cursor, cursor->failed, false, err);
}

/* ---- the entry at hand ----------------------------------------------------------------------------------- */

static weiri_page_entry
at_hand(const weiri_page_cursor *cursor)
{
    unsigned level = cursor->tree.depth - 1;

    weiri_assert(cursor->placed);
    return entry_of(page_of(cursor, level), cursor->steps[level].at);
}

weiri_bytes
weiri_page_cursor_key(const weiri_page_cursor *cursor)
{
    return at_hand(cursor).key;
}

size_t
weiri_page_cursor_size(const weiri_page_cursor *cursor)
{
    return at_hand(cursor).size;
}

bool
weiri_page_cursor_is_tree(const weiri_page_cursor *cursor)
{
    return at_hand(cursor).flags == WEIRI_PAGE_TREE_VALUE;
}

uint64_t
weiri_page_cursor_overflow(const weiri_page_cursor *cursor)
{
    weiri_page_entry entry = at_hand(cursor);
    uint64_t page = 0;

    if (entry.flags == WEIRI_PAGE_LONG_VALUE)
        memcpy(&page, entry.value, sizeof page);
    return page;
}

weir_status
weiri_page_cursor_copy(const weiri_page_cursor *cursor, size_t most, weiri_buffer *to, weir_error *err)
{
    const weiri_pages *pages = cursor->pages;
    weiri_page_entry entry = at_hand(cursor);
    weiri_page_header header;
    size_t size = entry.size < most ? entry.size : most, page_size = pages->meta.page_size, before = to->size;

    if (entry.flags != WEIRI_PAGE_LONG_VALUE) {
        weiri_buffer_add(to, entry.value, size);
        return WEIR_OK;
    }
    uint64_t page = weiri_page_cursor_overflow(cursor), n = (sizeof header + entry.size + page_size - 1) / page_size;
    weir_status status = visit(pages, page, n, err);
    if (status == WEIR_OK && page + n > pages->file_pages)
        status = weiri_page_damaged(err, page, "the file ends before it"); /* before memory is asked for */
    if (status == WEIR_OK)
        status = read_at(pages->fd, &header, sizeof header, page * page_size, page, err);
    if (status == WEIR_OK &&
        (header.number != page || header.flags != WEIRI_PAGE_IS_OVERFLOW || (header.lower | (uint64_t)header.upper << 16) != n))
        status = weiri_page_damaged(err, page, "a long value should begin there");
    if (status == WEIR_OK)
        status = read_at(pages->fd, weiri_buffer_extend(to, size), size, page * page_size + sizeof header, page, err);
    if (status != WEIR_OK)
        to->size = before;
    return status;
}

weir_status
weiri_page_cursor_tree(const weiri_page_cursor *cursor, weiri_page_tree *ret_tree, weir_error *err)
{
    weiri_page_entry entry = at_hand(cursor);
    uint64_t page = cursor->steps[cursor->tree.depth - 1].page;
    weiri_page_tree_layout layout;

    if (entry.flags != WEIRI_PAGE_TREE_VALUE || entry.size != sizeof layout)
        return weiri_page_damaged(err, page, "a database should be described there");
    memcpy(&layout, entry.value, sizeof layout);
    if (layout.pad != 0 || layout.flags != 0)
        return weiri_page_damaged(err, page, "it describes a database of another kind");
    return tree_of(&layout, page, ret_tree, err);
}
