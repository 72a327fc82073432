/* SPDX-License-Identifier: Apache-2.0
 * Doing to a log what a bad disk or a bad program would. */
#include "log/embedded/damage_testing.h"
#include "base/assert.h"
#include "base/memory.h"
#include "log/embedded/internal.h"
#include <stdio.h>

weir_status
damage_try_open(const char *dir, bool read_only, weiri_log **ret_log, weir_error *err)
{
    const weiri_embedded_config config = {
        .dir = dir, .module = "testing", .read_only = read_only, .anyway = read_only, .reserve_bytes = 1, .world = &weiri_world_real
    };

    return weiri_embedded_open(&config, ret_log, err);
}

weiri_log *
damage_open(const char *dir)
{
    weir_error err;
    weiri_log *log = NULL;

    weiri_assert(damage_try_open(dir, false, &log, &err) == WEIR_OK);
    return log;
}

MDB_txn *
damage_begin(const char *dir, const char *name, MDB_dbi *ret_dbi)
{
    char path[600];
    MDB_env *env;
    MDB_txn *txn;

    (void)snprintf(path, sizeof path, "%s/log", dir);
    weiri_assert(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, 2) == 0);
    weiri_assert(mdb_env_set_mapsize(env, 1 << 28) == 0 && mdb_env_open(env, path, 0, 0666) == 0);
    weiri_assert(mdb_txn_begin(env, NULL, 0, &txn) == 0 && mdb_dbi_open(txn, name, 0, ret_dbi) == 0);
    return txn;
}

void
damage_end(MDB_txn *txn)
{
    MDB_env *env = mdb_txn_env(txn);

    weiri_assert(mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
}

void
damage_value(const char *dir, const char *name, const void *key, size_t key_size, void (*change)(uint8_t *value, size_t size))
{
    MDB_val k = { key_size, (void *)(uintptr_t)key }, v;
    MDB_dbi dbi;
    MDB_txn *txn = damage_begin(dir, name, &dbi);

    weiri_assert(mdb_get(txn, dbi, &k, &v) == 0);
    if (change == NULL) {
        weiri_assert(mdb_del(txn, dbi, &k, NULL) == 0);
    } else {
        uint8_t *copy = weiri_allocate(v.mv_size);
        memcpy(copy, v.mv_data, v.mv_size);
        v.mv_data = copy;
        change(copy, v.mv_size);
        weiri_assert(mdb_put(txn, dbi, &k, &v, 0) == 0);
        weiri_release(copy);
    }
    damage_end(txn);
}

void
damage_batch(const char *dir, weiri_topic topic, uint32_t partition, uint64_t base, void (*change)(uint8_t *value, size_t size))
{
    uint8_t key[WEIRI_EMBEDDED_KEY_SIZE];

    weiri_embedded_key_write(key, topic, partition, base);
    damage_value(dir, "batches", key, sizeof key, change);
}

static void
note_words(void *user, const char *words)
{
    weiri_buffer_print(user, "%s\n", words);
}

void
damage_verify(const char *dir, weiri_buffer *ret_found, weiri_verify_report *ret_report)
{
    weiri_log *log = NULL;
    weir_error err;

    weiri_assert(damage_try_open(dir, true, &log, &err) == WEIR_OK);
    weiri_assert(weiri_log_verify(log, note_words, ret_found, NULL, ret_report, &err) == WEIR_OK);
    (void)weiri_buffer_text(ret_found);
    weiri_log_close(log);
}
