/* SPDX-License-Identifier: Apache-2.0
 * Reading checkpoints: a partition's whole one when it is opened, and single rows of it later. Read transactions of its own, none of
 * which lasts; nothing is believed without its checksum. Thread: any; a finder one. */
#include "command/checkpoint_inside.h"
#include <string.h>

/* A row as it was put, without its checksum; false: damaged. */
static bool
row_intact(const MDB_val *k, const MDB_val *v, weiri_bytes *ret_key, weiri_bytes *ret_value)
{
    uint32_t crc;

    if (v->mv_size < sizeof crc)
        return false;
    *ret_key = (weiri_bytes){ k->mv_data, k->mv_size };
    *ret_value = (weiri_bytes){ v->mv_data, v->mv_size - sizeof crc };
    memcpy(&crc, (const uint8_t *)v->mv_data + ret_value->size, sizeof crc);
    return crc == weiri_checkpoint_row_crc(*ret_key, *ret_value);
}

static bool
position_fits(weiri_checkpoints *c, weiri_topic topic, uint32_t partition, uint64_t offset, uint32_t crc)
{
    uint32_t now;

    return weiri_checkpoint_position_crc(c, topic, partition, offset, &now) == WEIR_OK &&
           now == crc; /* an offset beyond the end has none */
}

static bool
meta_fits(weiri_checkpoints *c, const weiri_checkpoint_meta *meta, uint32_t partition, uint32_t window)
{
    return meta->checksum == weiri_checkpoint_meta_checksum(meta) && meta->format == WEIRI_CHECKPOINT_FORMAT &&
           meta->partition == partition && meta->partitions == c->partitions && meta->window == window &&
           meta->log_id == weiri_log_identity_of(c->log)->id && meta->fingerprint == c->fingerprint &&
           position_fits(c, WEIRI_TOPIC_EVENTS, partition, meta->end_event, meta->crc_event) &&
           position_fits(c, WEIRI_TOPIC_OUTCOMES, partition, meta->end_outcome, meta->crc_outcome);
}

static bool
read_meta(weiri_checkpoints *c, MDB_txn *txn, uint32_t partition, uint32_t window, weiri_checkpoint_meta *ret_meta)
{
    char name[] = "M";
    MDB_val k = { 1, name }, v;
    weiri_bytes key, value;

    if (mdb_get(txn, c->tables[partition], &k, &v) != 0 || !row_intact(&k, &v, &key, &value) || value.size != sizeof *ret_meta)
        return false;
    memcpy(ret_meta, value.data, sizeof *ret_meta);
    return meta_fits(c, ret_meta, partition, window);
}

static bool
load_rows(weiri_checkpoints *c, MDB_txn *txn, uint32_t partition, weiri_checkpoint_row_fn *row, void *user)
{
    MDB_cursor *cursor;
    MDB_val k, v;
    int code = mdb_cursor_open(txn, c->tables[partition], &cursor);
    bool fine = code == 0;

    if (!fine)
        return false;
    while (fine && (code = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        weiri_bytes key, value;
        fine = row_intact(&k, &v, &key, &value) && (weiri_bytes_are(key, "M") || row(user, key, value) == WEIR_OK);
    }
    mdb_cursor_close(cursor);
    return fine && code == MDB_NOTFOUND;
}

void
weiri_checkpoints_load(weiri_checkpoints *c, uint32_t partition, uint32_t window, weiri_checkpoint_row_fn *row, void *user,
    weiri_checkpoint_meta *ret_meta, bool *ret_found)
{
    MDB_txn *txn;

    *ret_found = false;
    if (mdb_txn_begin(c->env, NULL, MDB_RDONLY, &txn) != 0)
        return;
    *ret_found = read_meta(c, txn, partition, window, ret_meta) && load_rows(c, txn, partition, row, user);
    mdb_txn_abort(txn);
}

/* ---- single rows ---------------------------------------------------------------------------------------- */

static int
begin_finding(weiri_checkpoints *c, weiri_checkpoint_finder *finder)
{
    MDB_txn *txn = finder->txn;
    int code = txn == NULL ? mdb_txn_begin(c->env, NULL, MDB_RDONLY, &txn) : mdb_txn_renew(txn);

    if (code == 0) {
        finder->txn = txn;
        finder->active = true;
    }
    return code;
}

weir_status
weiri_checkpoints_find(weiri_checkpoints *c, weiri_checkpoint_finder *finder, uint32_t partition, weiri_bytes key, weiri_bytes *ret_value)
{
    MDB_val k = { key.size, (void *)(uintptr_t)key.data }, v;
    weiri_bytes same_key;
    int code = finder->active ? 0 : begin_finding(c, finder);

    if (code == 0)
        code = mdb_get(finder->txn, c->tables[partition], &k, &v);
    if (code != 0)
        return code == MDB_NOTFOUND ? WEIR_NOT_FOUND : WEIR_IO;
    return row_intact(&k, &v, &same_key, ret_value) ? WEIR_OK : WEIR_CORRUPT;
}

void
weiri_checkpoint_finder_rest(weiri_checkpoint_finder *finder)
{
    if (finder->active)
        mdb_txn_reset(finder->txn);
    finder->active = false;
}

void
weiri_checkpoint_finder_fini(weiri_checkpoint_finder *finder)
{
    if (finder->txn != NULL)
        mdb_txn_abort(finder->txn);
    *finder = (weiri_checkpoint_finder){ 0 };
}
