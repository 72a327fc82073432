/* SPDX-License-Identifier: Apache-2.0
 * A view file, parsed, compiled against the tests' messages and checked on a database in memory. What is wrong is told with a line of
 * the file; what passes the checks opens as a store, and parses the same again. */
#include "base/text.h"
#include "fuzz.h"
#include "query/sqlite/sqlite.h"
#include "query/view_file.h"

static weiri_view_file *
load(const char *text, weiri_problems *problems)
{
    weiri_view_file *file = NULL;

    weiri_view_file_parse("v", "v.sql", text, &file, problems);
    weiri_assert(file != NULL);
    weiri_view_file_compile(file, fuzz_schema(), NULL, problems);
    weiri_sqlite_check(file, problems);
    return file;
}

static void
check_problems(const weiri_problems *problems, const char *text)
{
    int lines = 1;

    for (; *text != '\0'; text++)
        lines += *text == '\n';
    for (size_t i = 0; i < problems->n; i++) {
        fuzz_said(WEIR_INVALID, &problems->list[i]);
        weiri_assert(strcmp(problems->list[i].file, "v.sql") == 0 && problems->list[i].line <= lines);
    }
}

static void
check_sound(const weiri_view_file *file, const char *text)
{
    weiri_store_config config = { .file = file, .partitions = 2, .log_id = 1, .world = &weiri_world_real };
    weiri_problems problems = { 0 };
    weiri_position positions[2];
    weiri_store *store = NULL;
    bool fresh = false;
    weir_error err;

    weiri_assert(strlen(file->version) == 16 && file->tables_n > 0 && file->plans_n == weiri_schema_types(fuzz_schema()));
    weir_status status = weiri_sqlite_open(&config, &store, &fresh, &err);
    weiri_assert(status == WEIR_OK && fresh);
    status = store->ops->positions(store, positions, &err);
    weiri_assert(status == WEIR_OK && positions[0].next_offset == 0 && positions[1].next_offset == 0);
    store->ops->close(store);
    weiri_view_file *again = load(text, &problems);
    weiri_assert(problems.n == 0 && strcmp(again->version, file->version) == 0);
    weiri_view_file_free(again);
    weiri_problems_fini(&problems);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weiri_problems problems = { 0 };
    char *text = fuzz_text(data, size);

    if (weiri_utf8_valid(weiri_bytes_of(text))) { /* who reads the file looks at that first */
        weiri_view_file *file = load(text, &problems);
        check_problems(&problems, text);
        if (problems.n == 0)
            check_sound(file, text);
        weiri_view_file_free(file);
    }
    weiri_problems_fini(&problems);
    free(text);
    return 0;
}
