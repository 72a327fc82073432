/* SPDX-License-Identifier: Apache-2.0
 * The checks of a module's processes, apart from those of its aggregates (module_check.h). Thread: any. */
#ifndef WEIRI_PROCESS_CHECK_H
#define WEIRI_PROCESS_CHECK_H

#include <weir/domain.h>
#include "base/error.h"
#include "message/descriptors.h"

/* Rows may be anything; those of aggregates, too. Adds the messages of states to `all`. */
void weiri_processes_check(const weir_module *module, weiri_descriptors *all, weiri_problems *problems);

/* [a-z][a-z0-9-]*, at most 63 characters. `what` is "aggregate" or the like. */
void weiri_name_check(const char *what, const char *name, weiri_problems *problems);

#endif
