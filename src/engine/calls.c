/* SPDX-License-Identifier: Apache-2.0
 * Requests that are answered later, exactly once: by their lane, or by the clock, whichever claims them first. The loser only
 * lets go. Thread: any. */
#include "engine/inside.h"

static void
drop(weiri_call *call)
{
    if (atomic_fetch_sub(&call->holders, 1) == 1)
        call->free(call);
}

static void
expire(weiri_timer *timer)
{
    weiri_call *call = (weiri_call *)timer;
    weiri_reply reply = { 0 };

    if (weiri_call_claim(call)) {
        call->late(call, &reply);
        call->done(call->user, &reply);
    }
    drop(call);
}

bool
weiri_call_begin(weiri_call *call, int64_t timeout_ms)
{
    weir_error err;

    call->timer.expire = expire;
    atomic_init(&call->holders, 2);
    if (weiri_timers_add(&call->service->timers, &call->timer, timeout_ms > 0 ? timeout_ms : call->service->outcome_ms))
        return true;
    (void)weiri_error_set(&err, WEIR_BUSY, "%zu requests are waiting for their outcomes", call->service->timers.most);
    weiri_call_fail_at_once(call, "", &err);
    return false;
}

bool
weiri_call_claim(weiri_call *call)
{
    return !atomic_exchange(&call->claimed, true);
}

void
weiri_call_end(weiri_call *call)
{
    if (weiri_timers_remove(&call->service->timers, &call->timer))
        drop(call);
    drop(call);
}

void
weiri_call_fail(weiri_call *call, const char *code, const weir_error *err)
{
    weiri_reply reply = { 0 };

    if (weiri_call_claim(call)) {
        weiri_reply_error(&reply, code, err);
        call->done(call->user, &reply);
    }
    weiri_call_end(call);
}

void
weiri_call_no_memory(weiri_reply_fn *done, void *user)
{
    weiri_reply reply = { 0 };

    weiri_reply_problem(&reply, WEIR_NO_MEMORY, "", "no memory for this request: nothing was taken");
    done(user, &reply);
}

void
weiri_call_fail_at_once(weiri_call *call, const char *code, const weir_error *err)
{
    weiri_reply reply = { 0 };

    weiri_reply_error(&reply, code, err);
    call->done(call->user, &reply);
    call->free(call);
}
