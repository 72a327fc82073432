/* SPDX-License-Identifier: Apache-2.0
 * Before LMDB may write to the file: what it will follow at an append is sound, what it will write over is in nobody's use, and
 * the newest commit is not missing. The cost grows with topics, partitions and free pages, not with the log: pages of old batches
 * are judged when they are read. docs/decisions/0102-damage.md has the reasons. Thread: the one that opens the log. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/memory.h"
#include "log/embedded/internal.h"

typedef struct examination {
    weiri_pages pages;
    weiri_page_tree batches;
    weiri_embedded_identity identity;
    weiri_embedded_vector *parts;
    uint8_t *seen; /* a bit a page: in use for certain */
} examination;

static weir_status
see(void *user, uint64_t page, uint64_t n, weir_error *err)
{
    examination *x = user;

    (void)err;
    for (; n > 0; page++, n--)
        x->seen[page / 8] |= (uint8_t)(1u << (page % 8));
    return WEIR_OK;
}

/* ---- is a page in use? ------------------------------------------------------------------------------------ */

/* Does the tree of batches lead to a long value that begins at this page? */
static weir_status
holds_batch(const examination *x, const weiri_pages *pages, uint64_t page, const weiri_page_look *look, bool *ret_holds, weir_error *err)
{
    weiri_log_batch_header header;
    weiri_page_cursor cursor;
    weir_status status;

    memcpy(&header, look->begins, sizeof header);
    *ret_holds = false;
    if (header.topic >= WEIRI_TOPICS)
        return WEIR_OK;
    weiri_page_cursor_init(&cursor, pages, &x->batches);
    status = weiri_embedded_seek(&cursor, header.topic, header.partition, header.base_offset, err);
    if (status == WEIR_OK)
        *ret_holds = weiri_page_cursor_overflow(&cursor) == page;
    weiri_page_cursor_fini(&cursor);
    return status == WEIR_NOT_FOUND ? WEIR_OK : status;
}

/* Does the way to the page's own key lead through it? */
static weir_status
leads_through(const examination *x, const weiri_pages *pages, uint64_t page, const weiri_page_look *look, bool *ret_leads, weir_error *err)
{
    weiri_page_cursor cursor;

    *ret_leads = false;
    weiri_page_cursor_init(&cursor, pages, &x->batches);
    weir_status status = weiri_page_cursor_last_to(&cursor, (weiri_bytes){ look->key, look->key_size }, err);
    for (unsigned level = 0; status == WEIR_OK && level < x->batches.depth; level++)
        *ret_leads = *ret_leads || cursor.steps[level].page == page;
    weiri_page_cursor_fini(&cursor);
    return status == WEIR_NOT_FOUND ? WEIR_OK : status;
}

/* The long value that a page may lie within begins before it, at the first page that says what it is. */
static weir_status
lies_within_batch(const examination *x, const weiri_pages *pages, uint64_t page, bool *ret_lies, weir_error *err)
{
    enum { FARTHEST = 32768 };
    weiri_page_look look;

    *ret_lies = false;
    for (uint64_t first = page - 1; first >= 2 && page - first < FARTHEST; first--) {
        weiri_pages_look(pages, first, &look);
        if (look.kind == WEIRI_PAGE_OVERFLOW && first + look.pages > page)
            return holds_batch(x, pages, first, &look, ret_lies, err);
        if (look.kind != WEIRI_PAGE_UNKNOWN)
            return WEIR_OK;
    }
    return WEIR_OK;
}

/* Pages that hold nothing have what they held before: so a page tells where to look for it. */
static weir_status
is_in_use(const examination *x, const weiri_pages *pages, uint64_t page, bool within, bool *ret_in_use, weir_error *err)
{
    weiri_page_look look;

    weiri_pages_look(pages, page, &look);
    if (look.kind == WEIRI_PAGE_OVERFLOW)
        return holds_batch(x, pages, page, &look, ret_in_use, err);
    if (look.kind != WEIRI_PAGE_UNKNOWN && look.key_size > 0)
        return leads_through(x, pages, page, &look, ret_in_use, err);
    *ret_in_use = false;
    return within ? lies_within_batch(x, pages, page, ret_in_use, err) : WEIR_OK;
}

static weir_status
check_free(void *user, uint64_t page, weir_error *err)
{
    const examination *x = user;
    bool in_use = (x->seen[page / 8] & 1u << (page % 8)) != 0;

    weir_status status = in_use ? WEIR_OK : is_in_use(x, &x->pages, page, true, &in_use, err);
    if (status == WEIR_OK && in_use)
        return weiri_error_set(err, WEIR_CORRUPT, "page %llu of data.mdb is listed as free and in use", (unsigned long long)page);
    return status;
}

/* Behind the last page lies at most what a commit left that was not finished. */
static weir_status
check_behind(const examination *x, weir_error *err)
{
    weiri_pages pages = x->pages;
    uint64_t page = pages.meta.last_page + 1;
    weir_status status = WEIR_OK;

    pages.visit = NULL;
    if (pages.file_pages > page)
        pages.meta.last_page = pages.file_pages - 1;
    for (bool in_use = false; status == WEIR_OK && page < pages.file_pages; page++) {
        status = is_in_use(x, &pages, page, page == x->pages.meta.last_page + 1, &in_use, err);
        if (status == WEIR_OK && in_use)
            return weiri_error_set(err, WEIR_CORRUPT, "page %llu of data.mdb is in use, and the last one is said to be %llu",
                (unsigned long long)page, (unsigned long long)x->pages.meta.last_page);
    }
    return status;
}

/* ---- one state -------------------------------------------------------------------------------------------- */

/* Reads all of the small trees. NOT_FOUND: nothing was ever committed. */
static weir_status
read_state(examination *x, const char *dir, weir_error *err)
{
    weiri_page_tree meta;

    if (x->pages.meta.names.root == WEIRI_PAGES_NONE)
        return weiri_error_set(err, WEIR_NOT_FOUND, "there is no log in %s", dir);
    weir_status status = weiri_pages_named(&x->pages, "batches", &x->batches, err);
    if (status == WEIR_OK)
        status = weiri_pages_named(&x->pages, "meta", &meta, err);
    if (status == WEIR_OK)
        status = weiri_embedded_identity_get(&x->pages, dir, &x->identity, err);
    if (status == WEIR_NOT_FOUND)
        return weiri_error_set(err, WEIR_CORRUPT, "data.mdb holds other things than a log");
    if (status != WEIR_OK)
        return status;
    x->parts = weiri_allocate(x->identity.partitions * sizeof *x->parts);
    for (uint32_t p = 0; status == WEIR_OK && p < x->identity.partitions; p++)
        status = weiri_embedded_vector_get(&x->pages, p, &x->parts[p], err);
    const uint64_t own = 1u + x->identity.partitions, copied = own + 1 + x->identity.partitions; /* a copy's kind and marks */
    if (status == WEIR_OK && (x->pages.meta.names.entries != 2 || (meta.entries != own && meta.entries != copied)))
        return weiri_error_set(err, WEIR_CORRUPT, "data.mdb holds other things than a log");
    return status;
}

static weir_status
check_state(examination *x, weir_error *err)
{
    weir_status status = WEIR_OK;

    for (uint32_t p = 0; status == WEIR_OK && p < x->identity.partitions; p++)
        status = weiri_embedded_check_tail(&x->pages, p, &x->parts[p], err);
    if (status == WEIR_OK)
        status = weiri_pages_free(&x->pages, check_free, x, err);
    return status == WEIR_OK ? check_behind(x, err) : status;
}

static void
examination_fini(examination *x)
{
    weiri_release(x->parts);
    free(x->seen);
}

static weir_status
examination_init(examination *x, const weiri_pages *pages, weir_error *err)
{
    x->pages = *pages;
    weir_status status = weiri_pages_check_size(pages, err);
    if (status != WEIR_OK)
        return status;
    x->seen = calloc(pages->meta.last_page / 8 + 1, 1);
    if (x->seen == NULL)
        return weiri_error_set(err, WEIR_NO_MEMORY, "no memory for a bit a page");
    x->pages.visit = see;
    x->pages.user = x;
    return WEIR_OK;
}

weir_status
weiri_embedded_examine_pages(const weiri_pages *pages, const char *dir, weir_error *err)
{
    examination x = { .seen = NULL };

    weir_status status = examination_init(&x, pages, err);
    if (status == WEIR_OK)
        status = read_state(&x, dir, err);
    if (status == WEIR_OK)
        status = check_state(&x, err);
    examination_fini(&x);
    return status == WEIR_NOT_FOUND ? WEIR_OK : status;
}

/* ---- the two meta pages ----------------------------------------------------------------------------------- */

/* Has `a` anything that `b` does not have? */
static bool
is_ahead(const examination *a, const examination *b)
{
    bool ahead = false;

    for (uint32_t p = 0; p < a->identity.partitions; p++) {
        for (unsigned t = 0; t < WEIRI_TOPICS; t++)
            ahead = ahead || a->parts[p].ends[t] > b->parts[p].ends[t];
        ahead = ahead || a->parts[p].next_command > b->parts[p].next_command;
    }
    return ahead;
}

/* The older meta page has what the newer one lacks. LMDB leaves that behind when it fails to write a meta page: all of the new state,
 * under the transaction of the one that it would have replaced. Its pages were synced before, and nothing came after it. */
static weir_status
finish_commit(int fd, const weiri_page_meta *newer, const weiri_page_meta *older, const examination *lost, weir_error *err)
{
    struct {
        uint64_t last_page, transaction;
    } end = { lost->pages.file_pages - 1, newer->transaction + 1 };

    if (newer->last_page > end.last_page)
        end.last_page = newer->last_page;
    weiri_pages pages = lost->pages;
    pages.meta.last_page = end.last_page;
    weir_status status = weiri_embedded_examine_pages(&pages, "the commit that was not finished", err);
    if (status != WEIR_OK)
        return status;
    off_t at = (off_t)((older->transaction & 1) * (uint64_t)older->page_size + WEIRI_PAGE_META_END);
    if (pwrite(fd, &end, sizeof end, at) != (ssize_t)sizeof end || fdatasync(fd) != 0)
        return weiri_error_set(err, WEIR_IO, "data.mdb: finishing a commit: %s", strerror(errno));
    return WEIR_OK;
}

static weir_status
compare_states(int fd, const char *dir, const weiri_page_meta *newer, const weiri_page_meta *older, bool writes, weir_error *err)
{
    examination a = { .seen = NULL }, b = { .seen = NULL };
    weiri_pages pages[2];
    weir_error ignored;

    weir_status status = weiri_pages_open(fd, newer, &pages[0], err);
    if (status == WEIR_OK)
        status = weiri_pages_open(fd, older, &pages[1], err);
    if (status == WEIR_OK)
        status = examination_init(&a, &pages[0], err);
    if (status == WEIR_OK)
        status = read_state(&a, dir, err);
    if (status == WEIR_NOT_FOUND)
        status = weiri_error_set(err, WEIR_CORRUPT, "data.mdb holds other things than a log");
    if (status != WEIR_OK)
        goto out;
    pages[1].meta.last_page = pages[0].file_pages > newer->last_page ? pages[0].file_pages : newer->last_page;
    /* Pages of the older state alone may be damaged, and nobody needs them. */
    if (examination_init(&b, &pages[1], &ignored) != WEIR_OK || read_state(&b, dir, &ignored) != WEIR_OK)
        goto out;
    if (a.identity.id != b.identity.id || a.identity.partitions != b.identity.partitions || (is_ahead(&a, &b) && is_ahead(&b, &a)))
        status = weiri_error_set(err, WEIR_CORRUPT, "the two meta pages of data.mdb are not of one log");
    else if (is_ahead(&b, &a))
        status = writes
                     ? finish_commit(fd, newer, older, &b, err)
                     : weiri_error_set(err, WEIR_CORRUPT, "the newest commit of data.mdb was not finished; the next weir run finishes it");
    else if (older->last_page > newer->last_page)
        status = weiri_error_set(err, WEIR_CORRUPT, "the meta pages of data.mdb contradict one another");
out:
    examination_fini(&a);
    examination_fini(&b);
    return status;
}

weir_status
weiri_embedded_examine_metas(int fd, const char *dir, bool writes, weir_error *err)
{
    weiri_page_meta metas[2], again;

    for (unsigned i = 0; i < 2; i++) {
        weir_status status = weiri_page_meta_read(fd, i, &metas[i], err);
        if (status != WEIR_OK)
            return status;
    }
    bool second = metas[1].transaction > metas[0].transaction;
    const weiri_page_meta *newer = &metas[second], *older = &metas[!second];
    weir_status status = newer->transaction != older->transaction + 1 || (newer->transaction & 1) != second
                             ? weiri_error_set(err, WEIR_CORRUPT, "the meta pages of data.mdb are of transactions %llu and %llu",
                                   (unsigned long long)metas[0].transaction, (unsigned long long)metas[1].transaction)
                             : compare_states(fd, dir, newer, older, writes, err);
    /* Beside a running engine they change, and what was read means nothing. */
    for (unsigned i = 0; i < 2 && !writes && status == WEIR_CORRUPT; i++)
        if (weiri_page_meta_read(fd, i, &again, err) == WEIR_OK && again.transaction != metas[i].transaction)
            return WEIR_OK;
    return status;
}
