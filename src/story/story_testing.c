/* SPDX-License-Identifier: Apache-2.0
 * For the room's tests: a story in a file of its own, run, and what was said. Thread: one. */
#include "story/story_testing.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char weiri_story_directory[] = "/tmp/weir-story.XXXXXX";

void
weiri_story_write(const char *name, const char *text)
{
    char whole[128];

    (void)snprintf(whole, sizeof whole, "%s/%s", weiri_story_directory, name);
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    (void)fclose(file);
}

weiri_story_said
weiri_story_say(const weir_module *module, const char *text, const char *views)
{
    char path[64];
    const char *const paths[] = { path, NULL };
    size_t size;
    weiri_story_said s = { 0 };

    (void)snprintf(path, sizeof path, "%s/a.story", weiri_story_directory);
    weiri_story_write("a.story", text);
    FILE *tap = open_memstream(&s.tap, &size), *talk = open_memstream(&s.talk, &size);
    s.result = weiri_story_run(module, views, paths, tap, talk);
    (void)fclose(tap);
    (void)fclose(talk);
    return s;
}

void
weiri_story_expect(const weir_module *module, const char *text, int result, const char *words)
{
    weiri_story_said s = weiri_story_say(module, text, NULL);

    if (s.result != result || (words != NULL && strstr(s.talk, words) == NULL))
        fail_msg("%d failed instead of %d, without '%s':\n%s%s", s.result, result, words == NULL ? "" : words, s.tap, s.talk);
    free(s.tap);
    free(s.talk);
}

int
weiri_story_tests(const struct CMUnitTest *tests, size_t n)
{
    char command[96];

    if (mkdtemp(weiri_story_directory) == NULL)
        return 1;
    int failed = _cmocka_run_group_tests("stories", tests, n, NULL, NULL);
    (void)snprintf(command, sizeof command, "rm -rf %s", weiri_story_directory);
    return system(command) != 0 ? 1 : failed;
}
