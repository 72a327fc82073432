/* SPDX-License-Identifier: Apache-2.0
 * weir: upstream commands, downstream views. This header includes the others and declares nothing:
 *   status.h  how a call fails                 domain.h  what an author writes: aggregates, upcasters, modules
 *   state.h   strings and lists in a state     test.h    running story files
 *   engine.h  running a module in a program */
#ifndef WEIR_H
#define WEIR_H
#include <weir/domain.h>
#include <weir/engine.h>
#include <weir/state.h>
#include <weir/status.h>
#include <weir/test.h>
#endif
