/* SPDX-License-Identifier: Apache-2.0
 * What a program may ask of the shim for memory (shim_memory.c); weak, NULL where it isn't preloaded. Thread: any. */
#ifndef FAULT_MEMORY_H
#define FAULT_MEMORY_H

/* From now on counts allocations; the n-th (from 1) and those behind it, `times` in all, fail. n 0: none. The first says so on stderr. */
void fault_memory_fail(long n, long times) __attribute__((weak));
long fault_memory_count(void) __attribute__((weak));

#endif
