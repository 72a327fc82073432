/* SPDX-License-Identifier: Apache-2.0
 * log_format DIR FORMAT: makes the log of a data directory say that it has another format, as a newer weir would have written it.
 * For tests; nothing else may have the directory open. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <lmdb.h>
#include "log/embedded/internal.h"

static int
change(MDB_txn *txn, uint32_t format)
{
    MDB_dbi meta;
    MDB_val key = { 8, (void *)(uintptr_t) "identity" }, value;
    weiri_embedded_identity identity;

    int rc = mdb_dbi_open(txn, "meta", 0, &meta);
    if (rc == 0)
        rc = mdb_get(txn, meta, &key, &value);
    if (rc == 0 && value.mv_size != sizeof identity)
        rc = MDB_BAD_VALSIZE;
    if (rc != 0)
        return rc;
    memcpy(&identity, value.mv_data, sizeof identity);
    identity.format = format;
    value = (MDB_val){ sizeof identity, &identity };
    return mdb_put(txn, meta, &key, &value, 0);
}

int
main(int argc, char **argv)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    char path[4096];

    if (argc != 3)
        return 2;
    (void)snprintf(path, sizeof path, "%s/log", argv[1]);
    int rc = mdb_env_create(&env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(env, 2);
    if (rc == 0)
        rc = mdb_env_open(env, path, 0, 0666);
    if (rc == 0)
        rc = mdb_txn_begin(env, NULL, 0, &txn);
    if (rc == 0)
        rc = change(txn, (uint32_t)strtoul(argv[2], NULL, 10));
    if (rc == 0) {
        rc = mdb_txn_commit(txn);
        txn = NULL;
    }
    if (rc != 0)
        fprintf(stderr, "%s: %s\n", path, mdb_strerror(rc));
    if (txn != NULL)
        mdb_txn_abort(txn);
    mdb_env_close(env);
    return rc == 0 ? 0 : 1;
}
