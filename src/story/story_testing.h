/* SPDX-License-Identifier: Apache-2.0
 * For the room's tests: a story in a file of its own, run, and what was said. Thread: one. */
#ifndef WEIRI_STORY_TESTING_H
#define WEIRI_STORY_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "story/story.h"

typedef struct weiri_story_said {
    int result;
    char *tap, *talk; /* for free() */
} weiri_story_said;

extern char weiri_story_directory[];

void weiri_story_write(const char *name, const char *text); /* a file in the directory */
weiri_story_said weiri_story_say(const weir_module *module, const char *text, const char *views);
/* Runs a story; `result` failed tests and, if `words` is not NULL, these words in what is said. */
void weiri_story_expect(const weir_module *module, const char *text, int result, const char *words);
/* The main of a test: in a directory that it makes and removes. */
int weiri_story_tests(const struct CMUnitTest *tests, size_t n);

#endif
