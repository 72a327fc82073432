/* SPDX-License-Identifier: Apache-2.0
 * What the tests of this room share: a directory with view files, events of the tests' module, and answers as text.
 * Include it behind cmocka.h. */
#ifndef WEIRI_QUERY_TESTING_H
#define WEIRI_QUERY_TESTING_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "message/schema.h"
#include "query/query.h"
#include "testing_module.h"

typedef struct place {
    char root[64], views[80], data[80];
    weiri_schema *schema;
} place;

static inline void
place_init(place *p)
{
    weiri_problems problems = { 0 };

    (void)snprintf(p->root, sizeof p->root, "/tmp/weir-query-XXXXXX");
    assert_non_null(mkdtemp(p->root));
    (void)snprintf(p->views, sizeof p->views, "%s/views", p->root);
    (void)snprintf(p->data, sizeof p->data, "%s/data", p->root);
    assert_int_equal(mkdir(p->views, 0777), 0);
    assert_int_equal(mkdir(p->data, 0777), 0);
    weiri_schema_new(&testing_module, &p->schema, &problems);
    assert_int_equal(problems.n, 0);
    weiri_problems_fini(&problems);
}

static inline void
place_fini(place *p)
{
    char command[128];

    weiri_schema_free(p->schema);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", p->root);
    assert_int_equal(system(command), 0);
}

static inline void
place_file(const place *p, const char *name, const char *text)
{
    char path[160];

    (void)snprintf(path, sizeof path, "%s/%s", p->views, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Loads in memory; fails the test with the words of what is wrong. */
static inline weiri_views *
place_load(const place *p)
{
    weiri_views_config config = { .schema = p->schema, .files = p->views, .world = &weiri_world_real };
    weiri_problems problems = { 0 };
    weiri_views *views = NULL;

    weiri_views_load(&config, &views, &problems);
    for (size_t i = 0; i < problems.n; i++)
        fprintf(stderr, "%s:%d: %s\n", problems.list[i].file, problems.list[i].line, problems.list[i].text);
    assert_int_equal(problems.n, 0);
    weiri_problems_fini(&problems);
    return views;
}

static inline void
print_result(const weiri_result *result, weiri_buffer *to)
{
    for (size_t i = 0; i < result->rows * result->columns; i++) {
        const weiri_value *v = &result->values[i];
        if (i > 0)
            weiri_buffer_add_char(to, i % result->columns == 0 ? '/' : '|');
        if (v->kind == WEIRI_VALUE_NULL)
            weiri_buffer_add_text(to, "null");
        else if (v->kind == WEIRI_VALUE_INTEGER)
            weiri_buffer_print(to, "%lld", (long long)v->integer);
        else if (v->kind == WEIRI_VALUE_REAL)
            weiri_buffer_print(to, "%g", v->real);
        else if (v->kind == WEIRI_VALUE_TEXT)
            weiri_buffer_print(to, "%.*s", (int)v->bytes.size, (const char *)v->bytes.data);
        for (size_t j = 0; v->kind == WEIRI_VALUE_BLOB && j < v->bytes.size; j++)
            weiri_buffer_print(to, "%02x", ((const uint8_t *)v->bytes.data)[j]);
    }
}

/* "name=value&name=value" as arguments; no decoding. Returns their number. */
static inline size_t
split_arguments(char *text, weiri_argument to[32])
{
    size_t n = 0;

    for (char *word = strtok(text, "&"); word != NULL; word = strtok(NULL, "&")) {
        char *equals = strchr(word, '=');
        *equals = '\0';
        to[n++] = (weiri_argument){ word, equals + 1 };
    }
    return n;
}

/* The answer as "a|b/a|b", or "STATUS: words". `what`: "view.table", or "view:query". Static memory, for one use. */
static inline const char *
answer(weiri_views *views, const char *what, const char *arguments)
{
    static weiri_buffer text;
    static char copy[4096];
    char view[64];
    weiri_argument list[32];
    weiri_result *result = NULL;
    weir_error err;
    size_t name = strcspn(what, ".:");

    (void)snprintf(view, sizeof view, "%.*s", (int)name, what);
    (void)snprintf(copy, sizeof copy, "%s", arguments);
    size_t n = split_arguments(copy, list);
    weir_status status = what[name] == ':' ? weiri_views_query(views, view, what + name + 1, list, n, NULL, &result, &err)
                                           : weiri_views_rows(views, view, what + name + 1, list, n, NULL, &result, &err);
    weiri_buffer_clear(&text);
    if (status == WEIR_OK)
        print_result(result, &text);
    else
        weiri_buffer_print(&text, "%s: %s", weir_status_name(status), err.text);
    weiri_result_free(result);
    return weiri_buffer_text(&text);
}

/* Applies one event in memory. */
static inline weir_status
apply(weiri_views *views, const ProtobufCMessage *message, uint64_t version, weir_error *err)
{
    uint8_t packed[4096];
    weiri_record record = { .kind = WEIRI_RECORD_EVENT,
        .flags = WEIRI_RECORD_LAST,
        .time_ms = 1767312000123, /* 2026-01-02T00:00:00.123Z */
        .version = version,
        .type = weiri_bytes_of(message->descriptor->name),
        .aggregate = weiri_bytes_of("counter"),
        .key = weiri_bytes_of("k"),
        .id = weiri_bytes_of("command-1") };

    record.payload = (weiri_bytes){ packed, protobuf_c_message_pack(message, packed) };
    return weiri_views_apply(views, &record, err);
}

#endif
