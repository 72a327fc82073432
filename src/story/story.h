/* SPDX-License-Identifier: Apache-2.0
 * Story files: given/when/then of a module, run in memory on one thread, without log, clock or server. The grammar is in
 * docs/stories.md. The public door is weir_test (include/weir/test.h). */
#ifndef WEIRI_STORY_H
#define WEIRI_STORY_H

#include <stdio.h>
#include <weir/test.h>
#include "base/error.h"

/* Runs the story files (or all *.story below a directory) against `module`, views from `views_dir` (NULL: none). TAP to `tap`,
 * differences to `talk`. Returns the number of failed tests; -1 when a file can't be read or has an error of form, or the module
 * or a view is wrong (all told on `talk`). */
int weiri_story_run(const weir_module *module, const char *views_dir, const char *const *paths, FILE *tap, FILE *talk);

#endif
