/* SPDX-License-Identifier: Apache-2.0
 * The life of a lane on a log that several processes share: away, claiming, recovering, serving, leaving, and back; or halted.
 * What was decided and is not known to be stored is forgotten as a whole, and the lane begins anew from checkpoint and copy: it
 * finds there what was stored after all. Thread: the lane's; the log's threads only say what happened (intake.c). */
#include "base/assert.h"
#include "command/lane_stage.h"

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
    if (request->kind != WEIRI_REQUEST_COMMAND && request->kind != WEIRI_REQUEST_FLAWED && request->kind != WEIRI_REQUEST_RELEASE &&
        request->kind != WEIRI_REQUEST_DISCARD)
        return true;
    if (request->session != atomic_load(&lane->share.session) || request->log_source < lane->next_command)
        return false;
    if (request->log_time_ms > lane->time_ms)
        lane->time_ms = request->log_time_ms;
    return true;
}

/* ---- ends ------------------------------------------------------------------------------------------------ */

static void
release(weiri_lane *lane, weiri_lane_life life)
{
    lane->share.claim_live = false;
    live(lane, life);
    weiri_log_release(lane->commands->config.log, lane->partition);
}

static void
halt(weiri_lane *lane, const weir_error *err)
{
    weiri_lock_take(&lane->share.lock);
    lane->share.halt_err = *err;
    weiri_lock_give(&lane->share.lock);
    release(lane, WEIRI_LANE_HALTED);
}

static void
claim(weiri_lane *lane)
{
    lane->share.claim_live = true;
    live(lane, WEIRI_LANE_CLAIMING);
    weiri_log_claim(lane->commands->config.log, lane->partition);
}

static void
leave(void *commands)
{
    weiri_commands *c = commands;

    weiri_log_leave(c->config.log);
}

/* Another build, or another copy, may do what this one can't. Leaving waits for the lanes, so it is no lane's thread that does it. */
static void
leave_group(weiri_commands *c)
{
    if (!atomic_exchange(&c->leaving, true) && weiri_thread_start(&c->leaver, "leaver", leave, c) != WEIR_OK)
        leave(c); /* late, but it does */
}

/* What the log said at the end of a claim, or of a served partition: *ret_err if it isn't OK. */
static weir_status
said(weiri_lane *lane, weir_error *ret_err)
{
    weiri_lock_take(&lane->share.lock);
    weir_status status = lane->share.claim_status;
    *ret_err = lane->share.claim_err;
    weiri_lock_give(&lane->share.lock);
    return status;
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
            const weiri_answer answer = { .kind = weiri_lane_kind_of(request),
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
    bool moved = discard(lane);
    weir_error err;

    if (take(&share->revoked)) {
        release(lane, weiri_lane_life_of(lane)); /* a halted one stays so, until it is given again */
        return true;
    }
    /* CLOSED may have been the end of an older claim, and this is that of the last. */
    if (take(&share->claimed) && share->claim_live && said(lane, &err) == WEIR_OK) {
        live(lane, WEIRI_LANE_RECOVERING);
        return true;
    }
    if (take(&share->given)) {
        claim(lane);
        return true;
    }
    return weiri_lane_checkpoint_step(lane) || moved;
}

static bool
turn_claiming(weiri_lane *lane)
{
    weiri_lane_share *share = &lane->share;
    bool moved = discard(lane);
    weir_error err;

    if (take(&share->revoked)) {
        release(lane, WEIRI_LANE_AWAY);
        return true;
    }
    if (!take(&share->claimed))
        return moved;
    weir_status status = said(lane, &err);
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
    leave_group(lane->commands);
    return true;
}

/* The running append ends; what was decided beyond it is undone. */
static bool
turn_leaving(weiri_lane *lane)
{
    weiri_lane_share *share = &lane->share;
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
    if (share->halting) {
        weir_error err;
        share->halting = false;
        (void)said(lane, &err);
        halt(lane, &err);
    } else if (take(&share->revoked))
        release(lane, WEIRI_LANE_AWAY);
    else {
        lane->counted.reopened++;
        claim(lane);
    }
    return true;
}

/* True: it goes on. While it serves, the log says `claimed` once more when a person must look: commands are missing. */
static bool
may_serve(weiri_lane *lane)
{
    weiri_lane_share *share = &lane->share;
    weir_error err;

    if (take(&share->claimed)) {
        weir_status status = said(lane, &err);
        share->halting = status != WEIR_OK && status != WEIR_CLOSED;
    }
    return !share->halting && !atomic_load(&lane->failed) && !atomic_load(&share->revoked);
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
        if (may_serve(lane))
            return weiri_lane_serve_turn(lane);
        stop_taking(lane);
        return true;
    case WEIRI_LANE_LEAVING:
        return turn_leaving(lane);
    }
    return false;
}
