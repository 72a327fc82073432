/* SPDX-License-Identifier: Apache-2.0
 * The view's store, with failures between any two of its operations: the real SQLite behind a gate. A process that dies within a
 * turn of the projector is one whose store fails from there on, and which is then thrown away. */
#include "base/assert.h"
#include "query/sqlite/store_sqlite.h"
#include "sim.h"

static const weiri_store_ops *real;

/* Closed by its view, and open: one for each number of partitions, each in a directory of its own. */
static struct {
    weiri_store *store;
    bool fresh; /* since then emptied for another simulation */
} kept[SIM_PARTITIONS];

weir_status __real_weiri_sqlite_open(const weiri_store_config *config, weiri_store **ret_store, bool *ret_fresh, weir_error *err);
weir_status __wrap_weiri_sqlite_open(const weiri_store_config *config, weiri_store **ret_store, bool *ret_fresh, weir_error *err);
weir_status __real_weiri_sqlite_remove(const char *path, weir_error *err);
weir_status __wrap_weiri_sqlite_remove(const char *path, weir_error *err);

/* True: this operation fails. */
static bool
shut(weir_error *err)
{
    sim *s = sim_now;

    if (s->store_left < 0)
        return false;
    if (s->store_left > 0) {
        s->store_left--;
        return false;
    }
    if (!s->store_down)
        s->store_left = -1;
    s->store_failed = true;
    s->counts[SIM_VIEW_FAULTS]++;
    (void)weiri_error_set(err, WEIR_IO, "the simulated database has failed");
    return true;
}

static weir_status
positions(weiri_store *store, weiri_position *ret_positions, weir_error *err)
{
    return real->positions(store, ret_positions, err);
}

static weir_status
begin(weiri_store *store, weir_error *err)
{
    memset(sim_now->saved_is, 0, sizeof sim_now->saved_is);
    return shut(err) ? WEIR_IO : real->begin(store, err);
}

static weir_status
mark(weiri_store *store, weir_error *err)
{
    return shut(err) ? WEIR_IO : real->mark(store, err);
}

static weir_status
back(weiri_store *store, weir_error *err)
{
    return shut(err) ? WEIR_IO : real->back(store, err);
}

static weir_status
run(weiri_store *store, size_t statement, const weiri_value *values, size_t n, uint64_t *ret_rows, weir_error *err)
{
    return shut(err) ? WEIR_IO : real->run(store, statement, values, n, ret_rows, err);
}

static weir_status
save(weiri_store *store, uint32_t partition, const weiri_position *position, weir_error *err)
{
    sim *s = sim_now;

    if (s->mistake == SIM_TWO_STEPS) {
        s->saved[partition] = *position;
        s->saved_is[partition] = true;
        return WEIR_OK;
    }
    return shut(err) ? WEIR_IO : real->save(store, partition, position, err);
}

static weir_status
put(weiri_store *store, const weiri_letter *letter, weir_error *err)
{
    return shut(err) ? WEIR_IO : real->put(store, letter, err);
}

static weir_status
drop(weiri_store *store, uint32_t partition, uint64_t source, uint32_t index, weir_error *err)
{
    return shut(err) ? WEIR_IO : real->drop(store, partition, source, index, err);
}

/* SIM_TWO_STEPS. */
static weir_status
save_by_itself(weiri_store *store, weir_error *err)
{
    sim *s = sim_now;
    weir_status status = shut(err) ? WEIR_IO : real->begin(store, err);

    for (uint32_t p = 0; p < s->partitions && status == WEIR_OK; p++)
        if (s->saved_is[p])
            status = real->save(store, p, &s->saved[p], err);
    return status == WEIR_OK ? real->commit(store, err) : status;
}

static weir_status
commit(weiri_store *store, weir_error *err)
{
    weir_status status = shut(err) ? WEIR_IO : real->commit(store, err);

    if (status == WEIR_OK && sim_now->mistake == SIM_TWO_STEPS)
        return save_by_itself(store, err);
    return status;
}

static void
rollback(weiri_store *store)
{
    real->rollback(store);
}

static weir_status
read_rows(weiri_store *store, const weiri_read *read, weiri_result **ret_result, weir_error *err)
{
    return real->read(store, read, ret_result, err);
}

static weir_status
dump(weiri_store *store, weiri_buffer *to, weir_error *err)
{
    return real->dump(store, to, err);
}

static weir_status
letters(weiri_store *store, bool writer, const weiri_letters_asked *asked, weiri_letter_fn *each, void *user, weir_error *err)
{
    return real->letters(store, writer, asked, each, user, err);
}

static void
close_store(weiri_store *store)
{
    if (sim_now->lasting) {
        real->rollback(store);
        kept[sim_now->partitions - 1].store = store;
        kept[sim_now->partitions - 1].fresh = false;
        return;
    }
    real->close(store);
}

static const weiri_store_ops gated = { positions, begin, mark, back, run, save, put, drop, commit, rollback, read_rows, dump, letters,
    close_store };

weir_status
__wrap_weiri_sqlite_open(const weiri_store_config *config, weiri_store **ret_store, bool *ret_fresh, weir_error *err)
{
    uint32_t i = sim_now->partitions - 1;

    if (!sim_now->lasting || kept[i].store == NULL)
        return __real_weiri_sqlite_open(config, ret_store, ret_fresh, err);
    *ret_store = kept[i].store;
    *ret_fresh = kept[i].fresh;
    kept[i].store = NULL;
    return WEIR_OK;
}

weir_status
__wrap_weiri_sqlite_remove(const char *path, weir_error *err)
{
    uint32_t i = sim_now->partitions - 1;

    if (sim_now->lasting && kept[i].store != NULL) {
        real->close(kept[i].store);
        kept[i].store = NULL;
    }
    return __real_weiri_sqlite_remove(path, err);
}

void
sim_store_empty(sim *s)
{
    static const char sql[] = "BEGIN; DELETE FROM total; DELETE FROM weir_position; DELETE FROM weir_letter; COMMIT;";
    uint32_t i = s->partitions - 1;

    weiri_assert(sqlite3_exec(((weiri_sqlite *)kept[i].store)->db, sql, NULL, NULL, NULL) == SQLITE_OK);
    kept[i].fresh = true;
}

void
sim_store_fini(void)
{
    for (uint32_t i = 0; i < SIM_PARTITIONS; i++) {
        if (kept[i].store != NULL)
            real->close(kept[i].store);
        kept[i].store = NULL;
    }
}

void
sim_store_wrap(sim *s)
{
    weiri_store *store = s->view->store;

    if (store->ops != &gated)
        real = store->ops;
    store->ops = &gated;
    for (uint32_t p = 0; s->mistake == SIM_LAST_AGAIN && p < s->partitions; p++)
        s->view->positions[p].next_offset -= s->view->positions[p].next_offset > 0;
}
