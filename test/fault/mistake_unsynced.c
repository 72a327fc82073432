/* SPDX-License-Identifier: Apache-2.0
 * A mistake, linked into fault_asking_unsynced alone: opening does not sync before it reads. This stands before LMDB's own, which the
 * engine calls there and nowhere else. */
#include <lmdb.h>

int
mdb_env_sync(MDB_env *env, int force)
{
    (void)env, (void)force;
    return 0;
}
