/* SPDX-License-Identifier: Apache-2.0
 * A story file: lines of tests, steps and rows rise and lie in the file, rows stand under `rows` alone, and what is wrong is told with
 * a line. */
#include "fuzz.h"
#include "story/story_file.h"

static void
check_step(const weiri_step *step, int *line, int lines)
{
    weiri_assert(step->text != NULL && step->line > *line && step->line <= lines);
    weiri_assert(step->n_rows == 0 || step->kind == WEIRI_STEP_ROWS);
    *line = step->line;
    for (size_t i = 0; i < step->n_rows; i++) {
        const weiri_step_row *row = &step->rows[i];
        weiri_assert(row->line > *line && row->line <= lines);
        *line = row->line;
        for (size_t k = 0; k < row->n; k++)
            weiri_assert(row->cells[k] != NULL && strchr(row->cells[k], '\n') == NULL);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weiri_problems problems = { 0 };
    weiri_story_file file;
    char *text = fuzz_text(data, size);
    int lines = 1, line = 0;

    for (const char *at = text; *at != '\0'; at++)
        lines += *at == '\n';
    weiri_story_file_parse("s.story", text, &file, &problems);
    for (size_t i = 0; i < file.n_tests; i++) {
        const weiri_story_test *test = &file.tests[i];
        weiri_assert(test->title != NULL && test->line > line && test->line <= lines);
        weiri_assert(test->title[0] != '\0' || problems.n > 0);
        line = test->line;
        for (size_t k = 0; k < test->n_steps; k++)
            check_step(&test->steps[k], &line, lines);
    }
    weiri_assert(file.n_tests > 0 || problems.n > 0);
    for (size_t i = 0; i < problems.n; i++) {
        fuzz_said(WEIR_INVALID, &problems.list[i]);
        weiri_assert(problems.list[i].line <= lines && strcmp(problems.list[i].file, "s.story") == 0);
    }
    weiri_story_file_fini(&file);
    weiri_problems_fini(&problems);
    free(text);
    return 0;
}
