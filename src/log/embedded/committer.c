/* SPDX-License-Identifier: Apache-2.0
 * The committer: one thread that takes every waiting append in one exchange, puts them in one transaction, and tells
 * their owners when the disk has it. The first begin, put or commit that fails is the last: after a failed sync LMDB's next
 * commit can succeed and leave a hole, so nothing is ever tried again. */
#include <errno.h>
#include <stdio.h>
#include "base/assert.h"
#include "log/embedded/internal.h"

void
weiri_embedded_append(weiri_log *log, weiri_append *append)
{
    weiri_embedded *e = (weiri_embedded *)log;

    weiri_assert(!e->read_only);
    weiri_appends_push(&e->waiting, append);
    weiri_signal_raise(&e->arrived);
}

void
weiri_embedded_fail(weiri_embedded *e, const char *doing, int rc)
{
    char room[64] = "";
    weir_error low;

    /* LMDB calls a write that was cut short by a full disk an input/output error. */
    if (rc == EIO && weiri_space_state(&e->space, &low) != WEIR_OK)
        (void)snprintf(room, sizeof room, " with %llu MB free on its disk", (unsigned long long)(weiri_space_free(&e->space) >> 20));
    weiri_lock_take(&e->lock);
    if (!atomic_load(&e->failed)) {
        (void)weiri_error_set(&e->failure, WEIR_IO,
            "log: %s: %s%s; it takes no more, and what was not yet answered is unknown until weir is started again", doing,
            mdb_strerror(rc), room);
        atomic_store(&e->failed, true);
    }
    weiri_lock_give(&e->lock);
    weiri_embedded_reopen(e);
}

bool
weiri_embedded_publish(weiri_embedded *e, uint32_t partition, const weiri_embedded_vector *vector)
{
    weiri_embedded_shared *shared = &e->shared[partition];
    bool moved = false;

    /* Several threads of a reading process may have looked at different times: never step back. */
    for (unsigned t = 0; t < WEIRI_TOPICS; t++) {
        uint64_t seen = atomic_load(&shared->ends[t]);
        while (seen < vector->ends[t] && !atomic_compare_exchange_weak(&shared->ends[t], &seen, vector->ends[t]))
            ;
        moved |= seen < vector->ends[t];
    }
    uint64_t seen = atomic_load(&shared->next_command);
    while (seen < vector->next_command && !atomic_compare_exchange_weak(&shared->next_command, &seen, vector->next_command))
        ;
    return moved || seen < vector->next_command;
}

static size_t
append_size(const weiri_append *append)
{
    size_t size = 0;

    for (unsigned t = 0; t < WEIRI_TOPICS; t++) {
        if (append->topics[t].count > 0)
            size += weiri_log_batch_size(&append->topics[t]);
    }
    return size;
}

/* Returns an LMDB error code. */
static int
put_append(weiri_embedded *e, MDB_txn *txn, const weiri_append *append)
{
    weiri_embedded_vector *vector = &e->parts[append->partition];

    for (unsigned t = 0; t < WEIRI_TOPICS; t++) {
        uint8_t key[WEIRI_EMBEDDED_KEY_SIZE];
        const weiri_staged *staged = &append->topics[t];

        if (staged->count == 0)
            continue;
        weiri_assert(append->base[t] == vector->ends[t]); /* the writer counts its own offsets */
        weiri_embedded_key_write(key, t, append->partition, append->base[t]);
        MDB_val k = { sizeof key, key }, v = { weiri_log_batch_size(staged), NULL };
        int rc = mdb_put(txn, e->batches, &k, &v, MDB_RESERVE | MDB_NOOVERWRITE);
        if (rc != 0)
            return rc;
        vector->crcs[t] = weiri_log_batch_write(append, t, vector->crcs[t], v.mv_data);
        vector->ends[t] += staged->count;
        atomic_fetch_add_explicit(&e->records, staged->count, memory_order_relaxed);
    }
    weiri_assert(append->next_command >= vector->next_command);
    vector->next_command = append->next_command;
    int rc = append->mark.size > 0 ? weiri_embedded_mark_put(e, txn, append->partition, append->mark) : 0;
    return rc != 0 ? rc : weiri_embedded_vector_put(e, txn, append->partition, vector);
}

static void
note_commit(weiri_embedded *e, size_t txn_id, int64_t began_us, size_t bytes)
{
    int64_t now = e->world->monotonic_us(e->world);

    weiri_space_wrote(&e->space, bytes);
    atomic_fetch_add_explicit(&e->commits, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&e->bytes, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&e->sync_us_total, (uint64_t)(now - began_us), memory_order_relaxed);
    weiri_lock_take(&e->lock);
    const weiri_embedded_moment *last = &e->moments[(e->moments_n + WEIRI_EMBEDDED_MOMENTS - 1) % WEIRI_EMBEDDED_MOMENTS];
    if (e->moments_n == 0 || now - last->at_us >= WEIRI_EMBEDDED_MOMENT_US)
        e->moments[e->moments_n++ % WEIRI_EMBEDDED_MOMENTS] = (weiri_embedded_moment){ txn_id, now };
    weiri_lock_give(&e->lock);
}

/* Commits the appends from `first` up to and not including `end`: one transaction, one sync. */
static void
commit(weiri_embedded *e, weiri_append *first, const weiri_append *end)
{
    MDB_txn *txn = NULL;
    size_t bytes = 0;
    const char *doing = "beginning a transaction";

    int rc = mdb_txn_begin(e->env, NULL, 0, &txn);
    if (rc != 0)
        goto out;
    size_t txn_id = mdb_txn_id(txn);
    doing = "writing";
    for (const weiri_append *a = first; a != end; a = a->next) {
        bytes += append_size(a);
        if ((rc = put_append(e, txn, a)) != 0)
            goto out;
    }
    doing = "committing";
    int64_t began_us = e->world->monotonic_us(e->world);
    rc = mdb_txn_commit(txn);
    txn = NULL;
    if (rc != 0)
        goto out;
    for (const weiri_append *a = first; a != end; a = a->next)
        (void)weiri_embedded_publish(e, a->partition, &e->parts[a->partition]);
    note_commit(e, txn_id, began_us, bytes);
out:
    mdb_txn_abort(txn);
    if (rc != 0)
        weiri_embedded_fail(e, doing, rc);
}

/* The next group: as many appends as one transaction takes, at least one. */
static weiri_append *
group_end(weiri_append *first)
{
    size_t bytes = append_size(first);
    weiri_append *a = first->next;

    for (; a != NULL && (bytes += append_size(a)) <= WEIRI_EMBEDDED_COMMIT_MOST; a = a->next)
        ;
    return a;
}

void
weiri_embedded_commit_run(void *embedded)
{
    weiri_embedded *e = embedded;

    for (;;) {
        uint64_t seen = weiri_signal_count(&e->arrived);
        bool stopping = atomic_load(&e->stopping);
        weiri_append *a = weiri_appends_take(&e->waiting);
        if (a == NULL) {
            if (stopping)
                return;
            (void)weiri_signal_wait(&e->arrived, seen, -1);
        }
        while (a != NULL) {
            weiri_append *end = group_end(a);
            if (!atomic_load(&e->failed))
                commit(e, a, end);
            weir_status status = atomic_load(&e->failed) ? WEIR_IO : WEIR_OK;
            weiri_signal_raise(&e->log.moved);
            while (a != end) {
                weiri_append *next = a->next; /* its owner may use it again at once */
                a->done(a, status);
                a = next;
            }
        }
    }
}
