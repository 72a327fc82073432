/* SPDX-License-Identifier: Apache-2.0
 * Stands in for the engine in the tests of this room: says back what it was asked, at once or later, as the command's type wants it.
 *   now     answers before the call returns          later   answers on another thread, after up to 2 ms
 *   hold    answers when double_release is called    reject  422, busy 503 with Retry-After, unknown 504, conflict 412
 * Views are behind until double_reach. Thread: any. */
#ifndef SERVICE_DOUBLE_H
#define SERVICE_DOUBLE_H

#include <stdatomic.h>
#include "engine/service.h"

void double_start(void);
void double_stop(void);
void double_release(void);     /* answers every command that is held */
unsigned double_held(void);    /* how many are */
void double_reach(bool there); /* whether views have reached what is asked for */

extern _Atomic uint64_t double_calls, double_view_calls;

#endif
