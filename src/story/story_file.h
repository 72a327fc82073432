/* SPDX-License-Identifier: Apache-2.0
 * A story file taken apart: tests, their steps, and the rows under a step. Owns: all text. Thread: one. */
#ifndef WEIRI_STORY_FILE_H
#define WEIRI_STORY_FILE_H

#include "base/error.h"

typedef enum weiri_step_kind {
    WEIRI_STEP_GIVEN,
    WEIRI_STEP_WHEN,
    WEIRI_STEP_RUN,
    WEIRI_STEP_AFTER, /* up to here: steps that do something */
    WEIRI_STEP_THEN,
    WEIRI_STEP_STATE,
    WEIRI_STEP_ROWS,
} weiri_step_kind;

typedef struct weiri_step_row {
    char **cells;
    size_t n;
    int line;
} weiri_step_row;

typedef struct weiri_step {
    weiri_step_kind kind;
    char *text; /* what follows the keyword, continued lines joined by a blank */
    int line;
    weiri_step_row *rows;
    size_t n_rows;
} weiri_step;

typedef struct weiri_story_test {
    char *title;
    int line;
    weiri_step *steps;
    size_t n_steps;
} weiri_story_test;

typedef struct weiri_story_file {
    char *path;
    weiri_story_test *tests;
    size_t n_tests;
} weiri_story_file; /* zero-initialise */

/* Reads a file; every error of form goes to `problems` with file and line. */
void weiri_story_file_read(const char *path, weiri_story_file *ret_file, weiri_problems *problems);
/* The same of text in memory. */
void weiri_story_file_parse(const char *path, const char *text, weiri_story_file *ret_file, weiri_problems *problems);
void weiri_story_file_fini(weiri_story_file *file);

#endif
