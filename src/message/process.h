/* SPDX-License-Identifier: Apache-2.0
 * What a step does to an instance's kept state: the one piece of code that live, replay and stories run. Thread: any. */
#ifndef WEIRI_PROCESS_H
#define WEIRI_PROCESS_H

/* A weir_evolve_fn: Weir__ProcessInstance by Weir__ProcessStepped. */
void weiri_process_evolve(void *instance, const void *stepped);

#endif
