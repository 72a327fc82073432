/* SPDX-License-Identifier: Apache-2.0
 * The life of a lane on a log that several processes share: away, claiming, recovering, serving, leaving, and back; or halted.
 * What was decided and is not known to be stored is forgotten as a whole, and the lane begins anew from checkpoint and copy: it
 * finds there what was stored after all. Thread: the lane's; the log's threads only say what happened (intake.c). */
#include "base/assert.h"
#include "command/lane.h"

const char *
weiri_lane_life_name(weiri_lane_life life)
{
    static const char *const names[] = { "serving", "away", "claiming", "recovering", "leaving", "halted" };

    weiri_assert((unsigned)life < sizeof names / sizeof *names);
    return names[life];
}

void
weiri_lane_share_init(weiri_lane *lane)
{
    weiri_lane_share *share = &lane->share;

    share->on = weiri_log_shared(lane->commands->config.log);
    atomic_store(&share->life, share->on ? WEIRI_LANE_AWAY : WEIRI_LANE_SERVING);
    weiri_lock_init(&share->lock);
}

void
weiri_lane_share_fini(weiri_lane *lane)
{
    weiri_lock_fini(&lane->share.lock);
    weiri_buffer_fini(&lane->share.intake);
    weiri_buffer_fini(&lane->share.intake_headers);
}

static void
live(weiri_lane *lane, weiri_lane_life life)
{
    atomic_store(&lane->share.life, life);
}

static bool
take(_Atomic bool *said)
{
    return atomic_load(said) && atomic_exchange(said, false);
}

bool
weiri_lane_share_lost(const weiri_lane *lane)
{
    return atomic_load(&lane->share.revoked);
}

bool
weiri_lane_share_admits(weiri_lane *lane, const weiri_request *request)
{
    if (request->kind != WEIRI_REQUEST_COMMAND && request->kind != WEIRI_REQUEST_FLAWED)
        return true;
    if (request->session != atomic_load(&lane->share.session) || request->log_source < lane->next_command)
        return false;
    if (request->log_time_ms > lane->time_ms)
        lane->time_ms = request->log_time_ms;
    return true;
}

/* ---- ends ------------------------------------------------------------------------------------------------ */

static void
halt(weiri_lane *lane, const weir_error *err)
{
    weiri_lock_take(&lane->share.lock);
    lane->share.halt_err = *err;
    weiri_lock_give(&lane->share.lock);
    live(lane, WEIRI_LANE_HALTED);
    weiri_log_release(lane->commands->config.log, lane->partition);
}

/* Commands of before are worth nothing from now on; questions are answered by nobody here. */
static void
stop_taking(weiri_lane *lane)
{
    atomic_fetch_add(&lane->share.session, 1);
    live(lane, WEIRI_LANE_LEAVING);
}

/* What waits is thrown away, so that whoever sends has room and comes to its end. */
static bool
discard(weiri_lane *lane)
{
    bool moved = lane->taken_at < lane->taken.size;

    for (;;) {
        weiri_bytes item;
        while (weiri_mailbox_next(&lane->taken, &lane->taken_at, &item)) {
            const weiri_request *request = item.data;
            const weiri_answer answer = { .kind = request->kind == WEIRI_REQUEST_LOOKUP ? WEIRI_ANSWER_LOOKUP : WEIRI_ANSWER_STATE,
                .status = WEIR_FENCED,
                .partition = lane->partition,
                .source = WEIRI_NO_OFFSET,
                .events_offset = WEIRI_NO_EVENTS,
                .code = "",
                .text = WEIRI_FENCED_WORDS };
            if (request->done != NULL)
                request->done(request->user, &answer);
        }
        weiri_buffer_clear(&lane->taken);
        lane->taken_at = lane->ahead_at = 0;
        if (weiri_mailbox_take(&lane->mailbox, &lane->taken) == 0)
            return moved;
        moved = true;
    }
}

/* True: nothing points into the lane's memory any more. A checkpoint under way is abandoned if the lane has failed. */
static bool
settled(weiri_lane *lane, bool *ret_moved)
{
    if (lane->checkpoint.phase != WEIRI_CHECKPOINT_IDLE) {
        *ret_moved |= weiri_lane_checkpoint_step(lane);
        return false;
    }
    for (int i = 0; i < WEIRI_BATCHES; i++)
        if (atomic_load(&lane->batches[i].busy))
            return false;
    return true;
}

static void
forget(weiri_lane *lane)
{
    weiri_lane_forget(lane);
    lane->filling = NULL; /* its offsets are those of before */
    lane->checkpoint.since = lane->checkpoint.commands = 0;
    atomic_store(&lane->failed, false);
}

/* ---- turns ----------------------------------------------------------------------------------------------- */

static bool
turn_away(weiri_lane *lane)
{
    weiri_lane_share *share = &lane->share;
    weiri_log *log = lane->commands->config.log;
    bool moved = discard(lane);

    if (take(&share->claimed)) { /* of a claim given up: it was lost before its end */
        share->claimed_open = false;
        moved = true;
    }
    if (take(&share->revoked)) {
        weiri_log_release(log, lane->partition);
        live(lane, WEIRI_LANE_AWAY); /* a halted one may find things mended when it is given again */
        moved = true;
    }
    if (!share->claimed_open && take(&share->given)) {
        share->claimed_open = true;
        live(lane, WEIRI_LANE_CLAIMING);
        weiri_log_claim(log, lane->partition);
        return true;
    }
    return weiri_lane_checkpoint_step(lane) || moved;
}

static bool
turn_claiming(weiri_lane *lane)
{
    weiri_lane_share *share = &lane->share;
    bool moved = discard(lane);

    if (take(&share->revoked)) {
        weiri_log_release(lane->commands->config.log, lane->partition);
        live(lane, WEIRI_LANE_AWAY);
        return true;
    }
    if (!take(&share->claimed))
        return moved;
    share->claimed_open = false;
    weiri_lock_take(&share->lock);
    weir_status status = share->claim_status;
    weir_error err = share->claim_err;
    weiri_lock_give(&share->lock);
    if (status == WEIR_OK)
        live(lane, WEIRI_LANE_RECOVERING);
    else if (status == WEIR_CLOSED)
        live(lane, WEIRI_LANE_AWAY);
    else
        halt(lane, &err);
    return true;
}

static bool
turn_recovering(weiri_lane *lane)
{
    weiri_log *log = lane->commands->config.log;
    bool moved = discard(lane);
    weir_error err;

    if (!settled(lane, &moved))
        return moved;
    forget(lane);
    weir_status status = weiri_lane_recover(lane, &err);
    if (status == WEIR_OK) {
        atomic_store(&lane->durable, lane->handed);
        live(lane, WEIRI_LANE_SERVING);
        weiri_log_serve(log, lane->partition, lane->next_command);
        return true;
    }
    forget(lane);
    if (status == WEIR_CLOSED) {
        live(lane, WEIRI_LANE_LEAVING);
        return true;
    }
    halt(lane, &err);
    weiri_log_leave(log); /* another build, or another copy, may do what this one can't */
    return true;
}

/* The running append ends; what was decided beyond it is undone. */
static bool
turn_leaving(weiri_lane *lane)
{
    weiri_lane_share *share = &lane->share;
    weiri_log *log = lane->commands->config.log;
    bool moved = discard(lane);

    if (atomic_load(&lane->in_flight))
        return moved;
    if (lane->filling != NULL && lane->filling->count > 0) {
        if (lane->filling->stored > 0)
            atomic_store(&lane->failed, true);
        weiri_lane_hand_over(lane);
        return true;
    }
    if (atomic_load(&lane->failed)) {
        if (!settled(lane, &moved))
            return moved;
        forget(lane);
    }
    if (take(&share->revoked)) {
        weiri_log_release(log, lane->partition);
        live(lane, WEIRI_LANE_AWAY);
        return true;
    }
    lane->counted.reopened++;
    share->claimed_open = true;
    live(lane, WEIRI_LANE_CLAIMING);
    weiri_log_claim(log, lane->partition);
    return true;
}

bool
weiri_lane_share_turn(weiri_lane *lane)
{
    switch (weiri_lane_life_of(lane)) {
    case WEIRI_LANE_AWAY:
    case WEIRI_LANE_HALTED:
        return turn_away(lane);
    case WEIRI_LANE_CLAIMING:
        return turn_claiming(lane);
    case WEIRI_LANE_RECOVERING:
        return turn_recovering(lane);
    case WEIRI_LANE_SERVING:
        if (!atomic_load(&lane->failed) && !atomic_load(&lane->share.revoked))
            return weiri_lane_serve_turn(lane);
        stop_taking(lane);
        return true;
    case WEIRI_LANE_LEAVING:
        return turn_leaving(lane);
    }
    return false;
}
