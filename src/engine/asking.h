/* SPDX-License-Identifier: Apache-2.0
 * Asking lanes and waiting for what they answer, on the caller's thread. The memory lives until the last of those who hold it has let
 * it go: an answer may come after the wait has ended. Thread: the asker's; answers on the callback thread. */
#ifndef WEIRI_ASKING_H
#define WEIRI_ASKING_H

#include "engine/inside.h"

typedef struct weiri_asking {
    _Atomic uint32_t holders, left;
    weiri_signal answered;
    weiri_buffer *rows; /* by partition; of a command: none */
    uint32_t partitions;
    weir_status status; /* the worst answer, with its words and the command's offset */
    char text[256];
    uint64_t source;
} weiri_asking;

weiri_asking *weiri_asking_new(uint32_t partitions, uint32_t answers);
void weiri_asking_answered(void *asking, const weiri_answer *answer); /* a weiri_answer_fn */
/* `unasked` lanes were not asked, for the reason in err and status. Errors: that one, what was answered, TIMEOUT. */
WEIR_MUST_USE weir_status weiri_asking_await(
    weiri_service *service, weiri_asking *asking, weir_status status, uint32_t unasked, weir_error *err);
void weiri_asking_drop(weiri_asking *asking);

#endif
