/* SPDX-License-Identifier: Apache-2.0
 * The one way an assertion ends the process. Thread: any. */
#include "base/assert.h"
#include <stdio.h>
#include <stdlib.h>

_Noreturn void
weiri_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "weir: bug at %s:%d: %s does not hold\n", file, line, condition);
    abort();
}
