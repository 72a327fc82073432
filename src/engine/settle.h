/* SPDX-License-Identifier: Apache-2.0
 * Waiting until every command submitted so far has its outcome, though new ones keep coming: the commands under way are counted
 * in two generations. Who settles waits for the old one to be empty, turns new commands to the other, and waits for the rest of
 * the first: whoever was submitted before is then answered. Thread: any. */
#ifndef WEIRI_SETTLE_H
#define WEIRI_SETTLE_H

#include "engine/inside.h"

void weiri_settling_init(weiri_settling *settling);
void weiri_settling_fini(weiri_settling *settling);
/* A command joins; returns the generation, for leave. */
unsigned weiri_settling_join(weiri_settling *settling);
void weiri_settling_leave(weiri_settling *settling, unsigned generation);
/* False: not in time. */
WEIR_MUST_USE bool weiri_settling_wait(weiri_settling *settling, const weiri_world *world, int64_t until_us);

#endif
