/* SPDX-License-Identifier: Apache-2.0
 * The tests' small domain as a module: aggregates counter and tally, one upcast (TickedOnce to Ticked with times=1).
 *   Add: rejected "bad-amount" when amount < 0, "too-much" when the total would pass 1,000,000; amount 0 is accepted without events;
 *   else Added. Reset: WasReset (evolves to total 0), or nothing when the total is 0. Tick: Ticked times=1 with the points. */
#ifndef TESTING_MODULE_H
#define TESTING_MODULE_H

#include <weir/weir.h>
#include "testing.pb-c.h"

extern const weir_module testing_module;

#endif
