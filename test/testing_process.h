/* SPDX-License-Identifier: Apache-2.0
 * A small domain with processes, for tests: purses, moves of coins between them, and a loop.
 *   Put: rejected "full" above 1,000 coins, "locked" for the purse "locked"; Take: rejected "too-few". RequestMove: rejected "exists".
 *   CloseMove: rejected "closed" the second time.
 *   Process moving (key move_id): takes, puts, closes "done"; what can't be taken closes with the rejection's code; what can't be put is
 *   given back, and closes so. From "nobody" it only waits: its timer patience closes it "late"; to "remind" the timer moves itself three
 *   times before that. From "mistake-timer", "mistake-send" and "mistake-key" the step makes that mistake.
 *   Process looping (key loop_id, no state): each CoinsPut makes it Put one coin more. */
#ifndef TESTING_PROCESS_H
#define TESTING_PROCESS_H

#include <weir/weir.h>
#include "testing.pb-c.h"

extern const weir_module testing_process_module;

#endif
