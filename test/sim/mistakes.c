/* SPDX-License-Identifier: Apache-2.0
 * Mistakes planted into the engine, to see that the simulator finds them, and failures of the checkpoints' disk: the linker puts
 * each function here in front of the real one (--wrap), which runs as it is unless a mistake was asked for. */
#include <errno.h>
#include <lmdb.h>
#include "sim.h"

const char *const sim_mistake_names[SIM_MISTAKES] = { "none", "forgets-last", "short-window", "no-previous", "late-note", "clean-states",
    "two-steps", "last-again", "blind" };

weir_status __real_weiri_lane_recover(weiri_lane *lane, weir_error *err);
const weiri_window_entry *__real_weiri_window_find(const weiri_window *window, weiri_id_hash id);
void __real_weiri_lane_handle(weiri_lane *lane, const weiri_request *request);
bool __real_weiri_lane_checkpoint_step(weiri_lane *lane);
void __real_weiri_states_put_back(weiri_states *states, weiri_state_entry *const *list, size_t n, size_t taken);
void __real_weiri_attempts_forget(weiri_attempts *attempts, uint64_t command);
int __real_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags);
int __real_mdb_txn_commit(MDB_txn *txn);
weir_status __real_weiri_log_checksum(
    weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, uint32_t *ret_checksum, weir_error *err);

weir_status __wrap_weiri_lane_recover(weiri_lane *lane, weir_error *err);
const weiri_window_entry *__wrap_weiri_window_find(const weiri_window *window, weiri_id_hash id);
void __wrap_weiri_lane_handle(weiri_lane *lane, const weiri_request *request);
bool __wrap_weiri_lane_checkpoint_step(weiri_lane *lane);
void __wrap_weiri_states_put_back(weiri_states *states, weiri_state_entry *const *list, size_t n, size_t taken);
void __wrap_weiri_attempts_forget(weiri_attempts *attempts, uint64_t command);
int __wrap_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags);
int __wrap_mdb_txn_commit(MDB_txn *txn);
weir_status __wrap_weiri_log_checksum(
    weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, uint32_t *ret_checksum, weir_error *err);

/* ---- de-duplication ------------------------------------------------------------------------------------- */

weir_status
__wrap_weiri_lane_recover(weiri_lane *lane, weir_error *err)
{
    weir_status status = __real_weiri_lane_recover(lane, err);
    weiri_window fresh;

    if (status != WEIR_OK || sim_now->mistake != SIM_FORGETS_LAST)
        return status;
    weiri_window_init(&fresh, lane->window.most);
    for (uint32_t i = 0; i + 1 < lane->window.count; i++)
        weiri_window_add(&fresh, weiri_window_at(&lane->window, i));
    weiri_window_fini(&lane->window);
    lane->window = fresh;
    return status;
}

const weiri_window_entry *
__wrap_weiri_window_find(const weiri_window *window, weiri_id_hash id)
{
    const weiri_window_entry *found = __real_weiri_window_find(window, id);
    bool oldest = found != NULL && window->count == window->most && found == weiri_window_at(window, 0);

    return sim_now->mistake == SIM_SHORT_WINDOW && oldest ? NULL : found;
}

void
__wrap_weiri_lane_handle(weiri_lane *lane, const weiri_request *request)
{
    if (sim_now->mistake == SIM_NO_PREVIOUS && request->source_size > 0) {
        const char *source = (const char *)(request + 1) + request->key_size + 1 + request->id_size;
        const weiri_source *known = weiri_sources_find(&lane->sources, (weiri_bytes){ source, request->source_size });
        ((weiri_request *)(uintptr_t)request)->previous = known == NULL ? 0 : known->last;
    }
    __real_weiri_lane_handle(lane, request);
}

/* ---- checkpoints ---------------------------------------------------------------------------------------- */

bool
__wrap_weiri_lane_checkpoint_step(weiri_lane *lane)
{
    weiri_checkpoint_phase before = lane->checkpoint.phase;
    bool moved = __real_weiri_lane_checkpoint_step(lane);
    weiri_slice *slice = &lane->checkpoint.slice;

    if (sim_now->mistake == SIM_LATE_NOTE && before == WEIRI_CHECKPOINT_PACK && slice->last) {
        slice->meta.from_event = lane->next_event;
        slice->meta.from_outcome = lane->next_outcome;
        slice->meta.next_command = lane->next_command;
        slice->meta.time_ms = lane->time_ms;
    }
    return moved;
}

void
__wrap_weiri_states_put_back(weiri_states *states, weiri_state_entry *const *list, size_t n, size_t taken)
{
    if (sim_now->mistake != SIM_CLEAN_STATES)
        __real_weiri_states_put_back(states, list, n, taken);
}

/* ---- both ----------------------------------------------------------------------------------------------- */

weir_status
__wrap_weiri_log_checksum(weiri_log *log, weiri_topic topic, uint32_t partition, uint64_t offset, uint32_t *ret_checksum, weir_error *err)
{
    weir_status status = __real_weiri_log_checksum(log, topic, partition, offset, ret_checksum, err);

    if (status == WEIR_OK && sim_now->mistake == SIM_BLIND)
        *ret_checksum = 0;
    return status;
}

/* ---- what happens outside ------------------------------------------------------------------------------- */

void
__wrap_weiri_attempts_forget(weiri_attempts *attempts, uint64_t command)
{
    for (size_t i = 0; i < SIM_ATTEMPTS; i++)
        if (sim_now->attempts[i].command == command)
            sim_now->attempts[i].kills = 0;
    __real_weiri_attempts_forget(attempts, command);
}

static bool
disk_fails(void)
{
    if (!sim_now->checkpoint_faults || !sim_one_in(sim_now, 3))
        return false;
    sim_now->counts[SIM_CHECKPOINT_FAULTS]++;
    return true;
}

int
__wrap_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags)
{
    return disk_fails() ? EIO : __real_mdb_put(txn, dbi, key, data, flags);
}

int
__wrap_mdb_txn_commit(MDB_txn *txn)
{
    if (!disk_fails())
        return __real_mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return EIO;
}
