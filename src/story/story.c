/* SPDX-License-Identifier: Apache-2.0
 * A run of story files: each test in a fresh world with fresh views, TAP for what held, words for what differed.
 * Thread: one. */
#include "story/story.h"
#include "base/memory.h"
#include "story/story_run.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct session {
    const char *views_dir;
    weiri_schema *schema;
    weiri_story_file *files;
    size_t n_files;
    weiri_problems problems;
    FILE *tap, *talk;
    int number, failed;
} session;

static void
add_file(session *s, const char *path)
{
    s->files = weiri_reallocate(s->files, (s->n_files + 1) * sizeof *s->files);
    weiri_story_file_read(path, &s->files[s->n_files++], &s->problems);
}

static int
is_story(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && strcmp(dot, ".story") == 0;
}

/* A file, or every *.story of a directory in the order of their names. */
static void
add_path(session *s, const char *path)
{
    struct stat is;
    struct dirent **entries = NULL;

    if (stat(path, &is) != 0 || !S_ISDIR(is.st_mode)) {
        add_file(s, path);
        return;
    }
    int n = scandir(path, &entries, is_story, alphasort);
    if (n <= 0)
        weiri_problems_add(&s->problems, path, 0, "no *.story in this directory");
    for (int i = 0; i < n; i++) {
        weiri_buffer whole = { 0 };
        weiri_buffer_print(&whole, "%s/%s", path, entries[i]->d_name);
        add_file(s, weiri_buffer_text(&whole));
        weiri_buffer_fini(&whole);
        free(entries[i]);
    }
    free(entries);
}

static weiri_views *
load_views(session *s)
{
    const weiri_views_config config = { .schema = s->schema, .files = s->views_dir, .world = &weiri_world_real };
    weiri_views *views = NULL;

    if (s->views_dir != NULL)
        weiri_views_load(&config, &views, &s->problems);
    return views;
}

static void
run_test(session *s, const weiri_story_file *file, const weiri_story_test *test)
{
    weiri_story_world world;
    weiri_buffer talk = { 0 };

    weiri_story_world_init(&world, s->schema, load_views(s));
    bool holds = weiri_story_test_run(file->path, test, &world, &talk);
    fprintf(s->tap, "%s %d - %s\n", holds ? "ok" : "not ok", ++s->number, test->title);
    if (!holds)
        fwrite(talk.data, 1, talk.size, s->talk);
    s->failed += !holds;
    weiri_buffer_fini(&talk);
    weiri_story_world_fini(&world);
}

static void
run_all(session *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_files; i++)
        n += s->files[i].n_tests;
    fprintf(s->tap, "TAP version 13\n1..%zu\n", n);
    for (size_t i = 0; i < s->n_files; i++)
        for (size_t j = 0; j < s->files[i].n_tests; j++)
            run_test(s, &s->files[i], &s->files[i].tests[j]);
}

static void
tell_problems(session *s)
{
    for (size_t i = 0; i < s->problems.n; i++) {
        char text[sizeof s->problems.list[i].text + sizeof s->problems.list[i].file + 16];
        weiri_error_format(&s->problems.list[i], text, sizeof text);
        fprintf(s->talk, "%s\n", text);
    }
}

int
weiri_story_run(const weir_module *module, const char *views_dir, const char *const *paths, FILE *tap, FILE *talk)
{
    session s = { .views_dir = views_dir, .tap = tap, .talk = talk };

    weiri_schema_new(module, &s.schema, &s.problems);
    if (s.schema != NULL)
        weiri_views_free(load_views(&s)); /* what is wrong with them is told once, before any test */
    for (size_t i = 0; paths[i] != NULL; i++)
        add_path(&s, paths[i]);
    if (s.problems.n == 0)
        run_all(&s);
    else
        tell_problems(&s);
    int result = s.problems.n == 0 ? s.failed : -1;
    for (size_t i = 0; i < s.n_files; i++)
        weiri_story_file_fini(&s.files[i]);
    weiri_release(s.files);
    weiri_problems_fini(&s.problems);
    weiri_schema_free(s.schema);
    return result;
}
