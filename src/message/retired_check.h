/* SPDX-License-Identifier: Apache-2.0
 * The checks of a module's retired names. Thread: any. */
#ifndef WEIRI_RETIRED_CHECK_H
#define WEIRI_RETIRED_CHECK_H

#include <weir/domain.h>
#include "base/error.h"
#include "message/descriptors.h"

/* Each is a full name, and of nothing that the module still uses: `all` is what its tables lead to. */
void weiri_retired_check(const weir_module *module, const weiri_descriptors *all, weiri_problems *problems);

#endif
