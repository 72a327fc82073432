/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/assert.h"
#include "base/memory.h"
#include "log/embedded/damage_testing.h"
#include "log/embedded/pages.h"

enum { ENTRIES = 700, PAGE = 4096, LONGEST = 9000 };

typedef struct world {
    char *dir, path[600];
    uint8_t *bytes; /* of data.mdb, sound */
    size_t size;
    int fd;
} world;

static size_t
value_size(unsigned i)
{
    return i % 23 == 0 ? LONGEST : i * 7 % 150;
}

static void
key_of(unsigned i, char key[16])
{
    (void)snprintf(key, 16, "key-%06u", i * 3);
}

/* Three levels of tree in the end: entries go in by halves, and the first half is written over, so that there are free pages. */
static void
fill(const char *dir)
{
    static uint8_t value[LONGEST];

    for (unsigned round = 0; round < 4; round++) {
        MDB_dbi dbi;
        MDB_txn *txn = damage_begin(dir, "things", &dbi);
        for (unsigned i = round % 2; i < ENTRIES; i += 2) {
            char key[16];
            key_of(i, key);
            MDB_val k = { strlen(key), key }, v = { value_size(i), value };
            memset(value, (int)i, sizeof value);
            weiri_assert(mdb_put(txn, dbi, &k, &v, 0) == 0);
        }
        damage_end(txn);
    }
}

static int
make_file(void **state)
{
    world *w = weiri_allocate(sizeof *w);
    struct stat about;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    char log[600];

    w->dir = testing_directory();
    (void)snprintf(log, sizeof log, "%s/log", w->dir);
    weiri_assert(mkdir(log, 0777) == 0 && mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, 2) == 0);
    weiri_assert(mdb_env_open(env, log, 0, 0666) == 0 && mdb_txn_begin(env, NULL, 0, &txn) == 0);
    weiri_assert(mdb_dbi_open(txn, "things", MDB_CREATE, &dbi) == 0 && mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
    fill(w->dir);
    (void)snprintf(w->path, sizeof w->path, "%s/data.mdb", log);
    w->fd = open(w->path, O_RDWR | O_CLOEXEC);
    weiri_assert(w->fd >= 0 && fstat(w->fd, &about) == 0);
    w->size = (size_t)about.st_size;
    w->bytes = weiri_allocate(w->size);
    weiri_assert(pread(w->fd, w->bytes, w->size, 0) == (ssize_t)w->size);
    *state = w;
    return 0;
}

static int
remove_file(void **state)
{
    world *w = *state;

    (void)close(w->fd);
    testing_directory_remove(w->dir);
    weiri_release(w->bytes);
    weiri_release(w);
    return 0;
}

/* Opens the newer state. */
static weir_status
open_pages(int fd, weiri_pages *pages)
{
    weiri_page_meta metas[2];
    weir_error err;

    for (unsigned i = 0; i < 2; i++) {
        weir_status status = weiri_page_meta_read(fd, i, &metas[i], &err);
        if (status != WEIR_OK)
            return status;
    }
    return weiri_pages_open(fd, &metas[metas[1].transaction > metas[0].transaction], pages, &err);
}

/* Walks all of it. Keys rise, whatever is in the file. Returns how many entries could be read. */
static weir_status
walk(int fd, unsigned *ret_n)
{
    weiri_pages pages;
    weiri_page_tree tree;
    weiri_page_cursor cursor;
    weiri_buffer before = { 0 }, value = { 0 };
    weir_error err;

    *ret_n = 0;
    weir_status status = open_pages(fd, &pages);
    if (status == WEIR_OK)
        status = weiri_pages_named(&pages, "things", &tree, &err);
    if (status != WEIR_OK)
        return status;
    weiri_page_cursor_init(&cursor, &pages, &tree);
    for (status = weiri_page_cursor_first(&cursor, &err); status == WEIR_OK; status = weiri_page_cursor_next(&cursor, &err)) {
        weiri_bytes key = weiri_page_cursor_key(&cursor);
        size_t both = key.size < before.size ? key.size : before.size;
        int order = both == 0 ? 0 : memcmp(before.data, key.data, both);
        assert_true(*ret_n == 0 || order < 0 || (order == 0 && before.size < key.size));
        weiri_buffer_clear(&before);
        weiri_buffer_add_bytes(&before, key);
        weiri_buffer_clear(&value);
        status = weiri_page_cursor_copy(&cursor, LONGEST, &value, &err);
        if (status != WEIR_OK)
            break;
        ++*ret_n;
    }
    weiri_page_cursor_fini(&cursor);
    weiri_buffer_fini(&before);
    weiri_buffer_fini(&value);
    return status == WEIR_NOT_FOUND ? WEIR_OK : status;
}

static void
test_a_sound_file_is_read_as_lmdb_reads_it(void **state)
{
    const world *w = *state;
    weiri_pages pages;
    weiri_page_tree tree;
    weiri_page_cursor cursor;
    weiri_buffer value = { 0 };
    weir_error err;
    char key[16];
    unsigned n;

    assert_int_equal(walk(w->fd, &n), WEIR_OK);
    assert_int_equal(n, ENTRIES);
    assert_int_equal(open_pages(w->fd, &pages), WEIR_OK);
    assert_int_equal(weiri_pages_check_all(&pages, &err), WEIR_OK);
    assert_int_equal(weiri_pages_named(&pages, "nothing", &tree, &err), WEIR_NOT_FOUND);
    assert_int_equal(weiri_pages_named(&pages, "things", &tree, &err), WEIR_OK);
    assert_int_equal(tree.entries, ENTRIES);
    assert_true(tree.depth >= 2);
    weiri_page_cursor_init(&cursor, &pages, &tree);
    for (unsigned i = 0; i < 3 * ENTRIES; i++) { /* on keys, and on either side of them */
        (void)snprintf(key, sizeof key, "key-%06u", i);
        weir_status from = weiri_page_cursor_from(&cursor, weiri_bytes_of(key), &err);
        assert_int_equal(from, i <= 3 * (ENTRIES - 1) ? WEIR_OK : WEIR_NOT_FOUND);
        if (from == WEIR_OK) {
            key_of((i + 2) / 3, key);
            assert_true(weiri_bytes_are(weiri_page_cursor_key(&cursor), key));
        }
        (void)snprintf(key, sizeof key, "key-%06u", i);
        assert_int_equal(weiri_page_cursor_last_to(&cursor, weiri_bytes_of(key), &err), WEIR_OK);
        key_of(i / 3, key);
        assert_true(weiri_bytes_are(weiri_page_cursor_key(&cursor), key));
        assert_int_equal(weiri_page_cursor_size(&cursor), value_size(i / 3));
        weiri_buffer_clear(&value);
        assert_int_equal(weiri_page_cursor_copy(&cursor, SIZE_MAX, &value, &err), WEIR_OK);
        assert_int_equal(value.size, value_size(i / 3));
        assert_true(value.size == 0 || value.data[value.size - 1] == (uint8_t)(i / 3));
    }
    assert_int_equal(weiri_page_cursor_last_to(&cursor, weiri_bytes_of("a"), &err), WEIR_NOT_FOUND);
    weiri_page_cursor_fini(&cursor);
    weiri_buffer_fini(&value);
}

static void
put_byte(const world *w, size_t at, uint8_t byte)
{
    weiri_assert(pwrite(w->fd, &byte, 1, (off_t)at) == 1);
}

/* Every byte of every page's head and table of entries: nothing dies, runs in circles or gives keys out of order; and what the
 * whole check lets pass can be read. */
static void
test_no_flipped_bit_leads_a_reader_astray(void **state)
{
    const world *w = *state;
    unsigned n, found = 0, passed = 0;

    for (size_t page = 0; page < w->size / PAGE; page++) {
        uint16_t lower = 16;
        memcpy(&lower, w->bytes + page * PAGE + 12, sizeof lower);
        size_t head = page < 2 ? 152 : lower > 16 && lower < 600 ? lower : 24;
        for (size_t at = page * PAGE; at < page * PAGE + head; at++) {
            weiri_pages pages;
            weir_error err;
            put_byte(w, at, w->bytes[at] ^ (uint8_t)(1u << ((at * 5 + page) % 8)));
            weir_status whole = open_pages(w->fd, &pages);
            if (whole == WEIR_OK)
                whole = weiri_pages_check_all(&pages, &err);
            weir_status status = walk(w->fd, &n);
            assert_true(whole == WEIR_OK || whole == WEIR_CORRUPT);
            if (whole == WEIR_OK)
                assert_int_equal(status, WEIR_OK);
            found += whole != WEIR_OK;
            passed += whole == WEIR_OK;
            put_byte(w, at, w->bytes[at]);
        }
    }
    print_message("%u bits: %u found, %u harmless\n", found + passed, found, passed);
    assert_true(found > 1000);
}

static weir_status
last_free(void *user, uint64_t page, weir_error *err)
{
    *(uint64_t *)user = page;
    return WEIR_OK;
}

/* Puts another page number in the place of `number`, wherever it stands as 8 bytes. */
static void
exchange(const world *w, uint64_t number, uint64_t with)
{
    for (size_t at = 2 * PAGE; at + sizeof number <= w->size; at += 2)
        if (memcmp(w->bytes + at, &number, sizeof number) == 0 && at % PAGE != 0)
            weiri_assert(pwrite(w->fd, &with, sizeof with, (off_t)at) == (ssize_t)sizeof with);
}

static void
test_a_page_with_two_places_is_found(void **state)
{
    const world *w = *state;
    weiri_pages pages;
    weiri_page_tree tree;
    weir_error err;
    uint64_t page = 0;

    assert_int_equal(open_pages(w->fd, &pages), WEIR_OK);
    assert_int_equal(weiri_pages_free(&pages, last_free, &page, &err), WEIR_OK);
    assert_int_equal(weiri_pages_named(&pages, "things", &tree, &err), WEIR_OK);
    assert_true(page >= 2);
    exchange(w, page, tree.root);
    assert_int_equal(weiri_pages_check_all(&pages, &err), WEIR_CORRUPT);
    assert_int_equal(pwrite(w->fd, w->bytes, w->size, 0), w->size);
}

static void
test_a_file_that_was_cut_is_found(void **state)
{
    const world *w = *state;
    unsigned n;

    for (size_t size = w->size - PAGE; size > 0 && size < w->size; size = size < 5 * PAGE ? 0 : size - 5 * PAGE) {
        weiri_pages pages;
        weir_error err;
        assert_int_equal(ftruncate(w->fd, (off_t)size), 0);
        weir_status whole = open_pages(w->fd, &pages);
        if (whole == WEIR_OK)
            whole = weiri_pages_check_all(&pages, &err);
        weir_status status = walk(w->fd, &n);
        assert_true(whole == WEIR_CORRUPT || status == WEIR_OK);
    }
    assert_int_equal(pwrite(w->fd, w->bytes, w->size, 0), w->size);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sound_file_is_read_as_lmdb_reads_it),
        cmocka_unit_test(test_no_flipped_bit_leads_a_reader_astray),
        cmocka_unit_test(test_a_page_with_two_places_is_found),
        cmocka_unit_test(test_a_file_that_was_cut_is_found),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
