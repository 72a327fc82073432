/* SPDX-License-Identifier: Apache-2.0
 * Asking lanes: see asking.h. Thread: the asker's, which sleeps until the last answer is there or the time for outcomes is over. */
#include "engine/asking.h"
#include "base/memory.h"
#include "base/text.h"

void
weiri_asking_drop(weiri_asking *a)
{
    if (atomic_fetch_sub(&a->holders, 1) != 1)
        return;
    for (uint32_t p = 0; p < a->partitions; p++)
        weiri_buffer_fini(&a->rows[p]);
    weiri_signal_fini(&a->answered);
    weiri_release(a->rows);
    weiri_release(a);
}

weiri_asking *
weiri_asking_new(uint32_t partitions, uint32_t answers)
{
    weiri_asking *a = weiri_allocate(sizeof *a);

    a->partitions = partitions;
    a->rows = weiri_allocate((partitions + 1) * sizeof *a->rows);
    weiri_signal_init(&a->answered);
    atomic_init(&a->holders, answers + 1);
    atomic_init(&a->left, answers);
    return a;
}

/* The callback thread: one at a time. */
void
weiri_asking_answered(void *user, const weiri_answer *answer)
{
    weiri_asking *a = user;

    if (answer->status != WEIR_OK) {
        a->status = answer->status;
        weiri_text_fit(a->text, sizeof a->text, answer->text);
    } else if (answer->kind == WEIRI_ANSWER_HELD)
        weiri_buffer_add_bytes(&a->rows[answer->partition], answer->state);
    a->source = answer->source;
    if (atomic_fetch_sub(&a->left, 1) == 1)
        weiri_signal_raise(&a->answered);
    weiri_asking_drop(a);
}

weir_status
weiri_asking_await(weiri_service *service, weiri_asking *a, weir_status status, uint32_t unasked, weir_error *err)
{
    const weiri_world *world = service->world;
    int64_t until_us = world->monotonic_us(world) + service->outcome_ms * 1000;

    atomic_fetch_sub(&a->left, unasked);
    atomic_fetch_sub(&a->holders, unasked);
    while (status == WEIR_OK) {
        uint64_t seen = weiri_signal_count(&a->answered);
        int64_t left_us = until_us - world->monotonic_us(world);
        if (atomic_load(&a->left) == 0)
            return a->status == WEIR_OK ? WEIR_OK : weiri_error_set(err, a->status, "%s", a->text);
        if (left_us <= 0)
            return weiri_error_set(err, WEIR_TIMEOUT, "the lanes did not answer in time: ask again");
        (void)weiri_signal_wait(&a->answered, seen, left_us / 1000 + 1);
    }
    return status;
}
