/* SPDX-License-Identifier: Apache-2.0
 * The form of story files: a keyword at the start of a line, indented lines that go on, rows between bars, # comments.
 * What the words mean is story_run.c's. Thread: one. */
#include "story/story_file.h"
#include "base/bytes.h"
#include "base/memory.h"
#include "base/text.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct keyword {
    const char *word;
    weiri_step_kind kind;
} keyword;

static const keyword keywords[] = {
    { "given", WEIRI_STEP_GIVEN },
    { "when", WEIRI_STEP_WHEN },
    { "run", WEIRI_STEP_RUN },
    { "after", WEIRI_STEP_AFTER },
    { "then", WEIRI_STEP_THEN },
    { "state", WEIRI_STEP_STATE },
    { "rows", WEIRI_STEP_ROWS },
};

typedef struct parser {
    weiri_story_file *file;
    weiri_problems *problems;
    int line;
} parser;

static weiri_story_test *
last_test(parser *p)
{
    return p->file->n_tests == 0 ? NULL : &p->file->tests[p->file->n_tests - 1];
}

static weiri_step *
last_step(parser *p)
{
    weiri_story_test *test = last_test(p);

    return test == NULL || test->n_steps == 0 ? NULL : &test->steps[test->n_steps - 1];
}

static void
add_test(parser *p, const char *title)
{
    weiri_story_file *file = p->file;

    file->tests = weiri_reallocate(file->tests, (file->n_tests + 1) * sizeof *file->tests);
    file->tests[file->n_tests++] = (weiri_story_test){ .title = weiri_text_copy(title), .line = p->line };
    if (*title == '\0')
        weiri_problems_add(p->problems, file->path, p->line, "a test needs a title: test what it shows");
}

static void
add_step(parser *p, weiri_step_kind kind, const char *text)
{
    weiri_story_test *test = last_test(p);

    if (test == NULL) {
        weiri_problems_add(p->problems, p->file->path, p->line, "a step before the first test: begin with 'test TITLE'");
        return;
    }
    test->steps = weiri_reallocate(test->steps, (test->n_steps + 1) * sizeof *test->steps);
    test->steps[test->n_steps++] = (weiri_step){ .kind = kind, .text = weiri_text_copy(text), .line = p->line };
}

static const char *
skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

static void
unknown_word(parser *p, const char *word)
{
    weiri_nearest nearest = { 0 };
    char hint[80];

    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        weiri_nearest_offer(&nearest, word, keywords[i].word);
    weiri_nearest_offer(&nearest, word, "test");
    weiri_nearest_offer(&nearest, word, "and");
    weiri_problems_add(
        p->problems, p->file->path, p->line, "a story has no word '%s'%s", word, weiri_nearest_hint(&nearest, hint, sizeof hint));
}

static void
parse_keyword(parser *p, char *line)
{
    char *rest = line + strcspn(line, " \t");
    const char *text = skip_blanks(rest);

    *rest = '\0';
    if (strcmp(line, "test") == 0) {
        add_test(p, text);
        return;
    }
    if (strcmp(line, "and") == 0) {
        weiri_step *step = last_step(p);
        if (step == NULL)
            weiri_problems_add(p->problems, p->file->path, p->line, "'and' repeats the keyword above, and there is none");
        else
            add_step(p, step->kind, text);
        return;
    }
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (strcmp(line, keywords[i].word) == 0) {
            add_step(p, keywords[i].kind, text);
            return;
        }
    unknown_word(p, line);
}

static char *
trimmed(const char *begin, const char *end)
{
    while (begin < end && (*begin == ' ' || *begin == '\t'))
        begin++;
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return weiri_text_copy_n(begin, (size_t)(end - begin));
}

/* "| a | b |": cells between bars; "\|" is a bar in a cell. */
static void
parse_row(parser *p, const char *text)
{
    weiri_step *step = last_step(p);
    weiri_step_row row = { .line = p->line };

    if (step == NULL || step->kind != WEIRI_STEP_ROWS) {
        weiri_problems_add(p->problems, p->file->path, p->line, "a row stands under 'rows VIEW.QUERY'");
        return;
    }
    const char *begin = text + 1;
    for (const char *at = begin; *at != '\0'; at++) {
        if (*at != '|' || at[-1] == '\\')
            continue;
        row.cells = weiri_reallocate(row.cells, (row.n + 1) * sizeof *row.cells);
        row.cells[row.n++] = trimmed(begin, at);
        begin = at + 1;
    }
    if (*skip_blanks(begin) != '\0' || row.n == 0)
        weiri_problems_add(p->problems, p->file->path, p->line, "a row ends with a bar: | a | b |");
    step->rows = weiri_reallocate(step->rows, (step->n_rows + 1) * sizeof *step->rows);
    step->rows[step->n_rows++] = row;
}

static void
continue_step(parser *p, const char *text)
{
    weiri_step *step = last_step(p);

    if (step == NULL) {
        weiri_problems_add(p->problems, p->file->path, p->line, "an indented line goes on with the step above, and there is none");
        return;
    }
    size_t size = strlen(step->text);
    step->text = weiri_reallocate(step->text, size + strlen(text) + 2);
    step->text[size] = ' ';
    memcpy(step->text + size + 1, text, strlen(text) + 1);
}

static void
parse_line(parser *p, char *line)
{
    size_t size = strlen(line);
    const char *text = skip_blanks(line);

    while (size > 0 && isspace((unsigned char)line[size - 1]))
        line[--size] = '\0';
    if (*text == '\0' || *text == '#')
        return;
    if (*text == '|')
        parse_row(p, text);
    else if (text != line)
        continue_step(p, text);
    else
        parse_keyword(p, line);
}

void
weiri_story_file_parse(const char *path, const char *text, weiri_story_file *ret_file, weiri_problems *problems)
{
    parser p = { .file = ret_file, .problems = problems };

    *ret_file = (weiri_story_file){ .path = weiri_text_copy(path) };
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        char *line = weiri_text_copy_n(text, size);
        p.line++;
        parse_line(&p, line);
        weiri_release(line);
        text += size + (text[size] == '\n');
    }
    if (ret_file->n_tests == 0)
        weiri_problems_add(problems, path, 0, "no test in this file");
}

void
weiri_story_file_read(const char *path, weiri_story_file *ret_file, weiri_problems *problems)
{
    weiri_buffer text = { 0 };
    FILE *file = fopen(path, "rb");
    size_t n = 0;

    *ret_file = (weiri_story_file){ 0 };
    if (file == NULL) {
        weiri_problems_add(problems, path, 0, "%s", strerror(errno));
        return;
    }
    do {
        n = fread(weiri_buffer_reserve(&text, 4096), 1, 4096, file);
        text.size += n;
    } while (n > 0);
    if (ferror(file))
        weiri_problems_add(problems, path, 0, "it can't be read");
    else if (memchr(text.data, '\0', text.size) != NULL || !weiri_utf8_valid(weiri_buffer_bytes(&text)))
        weiri_problems_add(problems, path, 0, "a story is UTF-8 text, and this is not");
    else
        weiri_story_file_parse(path, weiri_buffer_text(&text), ret_file, problems);
    (void)fclose(file);
    weiri_buffer_fini(&text);
}

static void
step_fini(weiri_step *step)
{
    for (size_t i = 0; i < step->n_rows; i++) {
        for (size_t j = 0; j < step->rows[i].n; j++)
            weiri_release(step->rows[i].cells[j]);
        weiri_release(step->rows[i].cells);
    }
    weiri_release(step->rows);
    weiri_release(step->text);
}

void
weiri_story_file_fini(weiri_story_file *file)
{
    for (size_t i = 0; i < file->n_tests; i++) {
        for (size_t j = 0; j < file->tests[i].n_steps; j++)
            step_fini(&file->tests[i].steps[j]);
        weiri_release(file->tests[i].steps);
        weiri_release(file->tests[i].title);
    }
    weiri_release(file->tests);
    weiri_release(file->path);
    *file = (weiri_story_file){ 0 };
}
