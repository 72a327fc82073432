/* SPDX-License-Identifier: Apache-2.0
 * The checks of a module's upcast rows, apart from those of its aggregates (module_check.h). Thread: any. */
#ifndef WEIRI_UPCAST_CHECK_H
#define WEIRI_UPCAST_CHECK_H

#include <stdbool.h>
#include <weir/domain.h>
#include "base/error.h"

/* Each row leads from an old event to an event of an aggregate, in one step or several. Rows may be anything. */
void weiri_upcasts_check(const weir_module *module, weiri_problems *problems);

/* Rows of a table, by which of them are filled: says when the one after `rows` is, and when a filled row stands behind an empty one.
 * `table` is what the problem begins with. Returns the rows to look at, which may have such a gap. */
unsigned weiri_table_check(const char *table, const bool *filled, unsigned rows, weiri_problems *problems);

#endif
