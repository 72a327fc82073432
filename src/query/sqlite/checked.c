/* SPDX-License-Identifier: Apache-2.0
 * The layer: the platform's files with another xRead and xWrite for databases. Journals and logs go by: SQLite checks what it takes
 * from a log after a crash, and each page comes through here on its way from the log to the database. Thread: any; a file is its
 * connection's. */
#include "query/sqlite/checked.h"
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "base/memory.h"

enum { SUM_SIZE = 8, PAGE_LEAST = 512, PAGE_MOST = 65536 };

typedef struct checked_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct, in the same memory */
    uint8_t *page;      /* a page as it is written: SQLite's own bytes stay as they are */
    int page_room;
} checked_file;

static sqlite3_file *
real_of(sqlite3_file *file)
{
    return ((checked_file *)file)->real;
}

static bool
is_page(int size, sqlite3_int64 at)
{
    return size >= PAGE_LEAST && size <= PAGE_MOST && (size & (size - 1)) == 0 && at % size == 0;
}

/* Of the page at this place: one that lies elsewhere has another. */
static uint64_t
sum_of(const uint8_t *page, int size, sqlite3_int64 at)
{
    return weiri_hash64((uint64_t)(at / size) + 1, page, (size_t)size - SUM_SIZE);
}

/* ---- files ---------------------------------------------------------------------------------------------- */

static int
file_read(sqlite3_file *file, void *to, int size, sqlite3_int64 at)
{
    sqlite3_int64 whole = 0;
    uint64_t sum;

    int rc = real_of(file)->pMethods->xRead(real_of(file), to, size, at);
    if (!is_page(size, at))
        return rc;
    if (rc == SQLITE_IOERR_SHORT_READ) /* SQLite takes the rest for zeros: right in an empty file alone */
        return real_of(file)->pMethods->xFileSize(real_of(file), &whole) == SQLITE_OK && whole == 0 ? rc : SQLITE_IOERR_DATA;
    if (rc != SQLITE_OK)
        return rc;
    memcpy(&sum, (const uint8_t *)to + size - SUM_SIZE, sizeof sum);
    return sum == sum_of(to, size, at) ? SQLITE_OK : SQLITE_IOERR_DATA;
}

static int
file_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 at)
{
    checked_file *f = (checked_file *)file;
    uint64_t sum;

    if (!is_page(size, at))
        return f->real->pMethods->xWrite(f->real, from, size, at);
    if (size > f->page_room) {
        uint8_t *page = realloc(f->page, (size_t)size);
        if (page == NULL)
            return SQLITE_IOERR_NOMEM;
        f->page = page;
        f->page_room = size;
    }
    memcpy(f->page, from, (size_t)size);
    sum = sum_of(f->page, size, at);
    memcpy(f->page + size - SUM_SIZE, &sum, sizeof sum);
    return f->real->pMethods->xWrite(f->real, f->page, size, at);
}

static int
file_close(sqlite3_file *file)
{
    checked_file *f = (checked_file *)file;

    free(f->page);
    f->page = NULL;
    return f->real->pMethods->xClose(f->real);
}

static int
file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int
file_sync(sqlite3_file *file, int flags)
{
    return real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int
file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int
file_lock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xLock(real_of(file), lock);
}

static int
file_unlock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int
file_check_lock(sqlite3_file *file, int *locked)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), locked);
}

static int
file_control(sqlite3_file *file, int what, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), what, argument);
}

static int
file_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int
file_traits(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int
file_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **memory)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, memory);
}

static int
file_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void
file_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int
file_shm_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

/* Version 2: no pages straight from a map, which nobody would check. */
static const sqlite3_io_methods methods = { 2, file_close, file_read, file_write, file_truncate, file_sync, file_size, file_lock,
    file_unlock, file_check_lock, file_control, file_sector, file_traits, file_shm_map, file_shm_lock, file_shm_barrier, file_shm_unmap,
    NULL, NULL };

/* ---- the layer ------------------------------------------------------------------------------------------ */

typedef struct layer {
    sqlite3_vfs vfs; /* a copy of the platform's, but for its name, its files and how they are opened */
    sqlite3_vfs *real;
} layer;

static int
layer_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *ret_flags)
{
    sqlite3_vfs *real = ((layer *)vfs)->real;
    checked_file *f = (checked_file *)file;

    if ((flags & SQLITE_OPEN_MAIN_DB) == 0)
        return real->xOpen(real, name, file, flags, ret_flags);
    memset(f, 0, sizeof *f);
    f->real = (sqlite3_file *)(f + 1);
    int rc = real->xOpen(real, name, f->real, flags, ret_flags);
    if (rc == SQLITE_OK)
        f->base.pMethods = &methods;
    return rc;
}

weir_status
weiri_sqlite_checked_register(weir_error *err)
{
    sqlite3_vfs *real;

    if (sqlite3_vfs_find(WEIRI_SQLITE_CHECKED) != NULL) /* this starts SQLite, too */
        return WEIR_OK;
    real = sqlite3_vfs_find(NULL);
    if (real == NULL)
        return weiri_error_set(err, WEIR_IO, "sqlite: there is no way to files");
    /* Two threads may both come here: each layer is whole, SQLite keeps both, and takes the later one. */
    layer *made = weiri_allocate(sizeof *made);
    made->vfs = *real;
    made->real = real;
    made->vfs.pNext = NULL;
    made->vfs.zName = WEIRI_SQLITE_CHECKED;
    made->vfs.szOsFile = (int)sizeof(checked_file) + real->szOsFile;
    made->vfs.xOpen = layer_open;
    if (sqlite3_vfs_register(&made->vfs, 0) != SQLITE_OK) {
        weiri_release(made);
        return weiri_error_set(err, WEIR_IO, "sqlite: the layer for checksums is not taken");
    }
    return WEIR_OK;
}

void
weiri_sqlite_checked_reserve(sqlite3 *db)
{
    int room = SUM_SIZE;

    (void)sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &room);
}
