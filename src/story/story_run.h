/* SPDX-License-Identifier: Apache-2.0
 * Running one test of a story file in a world of its own. Thread: one. */
#ifndef WEIRI_STORY_RUN_H
#define WEIRI_STORY_RUN_H

#include "story/story_file.h"
#include "story/story_world.h"

/* Runs `test`; what differs is added to `talk` as FILE:LINE: text, in the story's own syntax. True: all held.
 * `world` is fresh; the caller ends it. */
bool weiri_story_test_run(const char *path, const weiri_story_test *test, weiri_story_world *world, weiri_buffer *talk);

#endif
