/* SPDX-License-Identifier: Apache-2.0
 * The schema guard over versions in memory, and at the start of an engine: what is new is recorded once, what breaks is refused with
 * rule and field and leaves the log as it was, and who goes back to an old version may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "engine/engine_testing.h"
#include "engine/guard.h"
#include "log/embedded/embedded.h"

/* ---- modules that differ ------------------------------------------------------------------------------ */

enum { FIELDS_MOST = 8 };
typedef struct variant {
    ProtobufCMessageDescriptor added; /* testing.v1.Added, which the module emits */
    ProtobufCFieldDescriptor fields[FIELDS_MOST];
    unsigned by_name[FIELDS_MOST];
    weir_aggregate counter;
    weir_module module;
} variant;

static variant
vary(void)
{
    variant v = { .added = testing__v1__added__descriptor, .counter = *testing_module.aggregates[0], .module = testing_module };

    memcpy(v.fields, v.added.fields, v.added.n_fields * sizeof *v.fields);
    memcpy(v.by_name, v.added.fields_sorted_by_name, v.added.n_fields * sizeof *v.by_name);
    return v;
}

/* Its pointers into itself, once it lies where it stays. */
static const weir_module *
settle(variant *v)
{
    v->added.fields = v->fields;
    v->added.fields_sorted_by_name = v->by_name;
    v->counter.events[0].message = &v->added;
    v->module.aggregates[0] = &v->counter;
    return &v->module;
}

static variant
with_a_field_more(void)
{
    variant v = vary();

    v.fields[v.added.n_fields] = v.fields[2];
    v.fields[v.added.n_fields].name = "remark";
    v.fields[v.added.n_fields].id = 4;
    v.by_name[v.added.n_fields] = v.added.n_fields; /* "remark" is the last in this order, too */
    v.added.n_fields++;
    return v;
}

static variant
with_note_retyped(void)
{
    variant v = vary();

    v.fields[2].type = PROTOBUF_C_TYPE_BYTES;
    return v;
}

static variant
without_note(const char *retired)
{
    variant v = vary();

    v.added.n_fields = 2;
    v.module.retired[0] = retired;
    return v;
}

/* ---- versions in memory ------------------------------------------------------------------------------- */

typedef struct memory {
    weiri_versions versions;
    weiri_problems problems;
} memory;

/* As an engine's start: records what is new. */
static weir_status
start(memory *m, const weir_module *module, weir_error *err)
{
    weiri_buffer add = { 0 };
    weiri_guard guard;

    weiri_problems_fini(&m->problems);
    weiri_guard_init(&guard, module, "b1", &weiri_world_real);
    weir_status status = weiri_guard_open(&guard, &m->versions, &add, err);
    if (status == WEIR_OK && add.size > 0)
        weiri_versions_add(&m->versions, weiri_buffer_bytes(&add));
    else
        assert_int_equal(add.size, 0);
    weiri_guard_tell(&guard, &m->problems);
    weiri_guard_fini(&guard);
    weiri_buffer_fini(&add);
    return status;
}

static void
forget(memory *m)
{
    weiri_versions_fini(&m->versions);
    weiri_problems_fini(&m->problems);
}

static void
test_what_is_new_is_recorded_once(void **state)
{
    memory m = { 0 };
    variant more = with_a_field_more();
    weiri_version version;
    weir_error err;

    assert_int_equal(start(&m, &testing_module, &err), WEIR_OK);
    assert_int_equal(m.versions.n, 1);
    assert_int_equal(start(&m, &testing_module, &err), WEIR_OK);
    assert_int_equal(m.versions.n, 1);
    assert_int_equal(start(&m, settle(&more), &err), WEIR_OK);
    assert_int_equal(m.versions.n, 2);
    assert_int_equal(start(&m, settle(&more), &err), WEIR_OK);
    assert_int_equal(start(&m, &testing_module, &err), WEIR_OK); /* back, though it lacks `remark` */
    assert_int_equal(m.versions.n, 2);

    assert_int_equal(weiri_version_read(m.versions.list[1], &version, &err), WEIR_OK);
    assert_string_equal(version.module, "testing");
    assert_string_equal(version.build, "b1");
    assert_true(version.recorded_ms > 0);
    assert_int_equal(weiri_shapes_find(&version.shapes, "testing.v1.Added")->n, 4);
    weiri_shapes_fini(&version.shapes);
    forget(&m);
}

static void
test_what_breaks_is_refused_with_rule_and_field(void **state)
{
    memory m = { 0 };
    variant retyped = with_note_retyped(), gone = without_note(NULL), given_up = without_note("testing.v1.Added.note"), again = vary();
    weir_error err;

    assert_int_equal(start(&m, &testing_module, &err), WEIR_OK);
    assert_int_equal(start(&m, settle(&retyped), &err), WEIR_INVALID);
    assert_int_equal(m.problems.n, 1);
    assert_string_equal(m.problems.list[0].text,
        "FIELD_WIRE_JSON_COMPATIBLE_TYPE testing.v1.Added.note: it was string and is bytes now; the log was written with it");
    assert_int_equal(start(&m, settle(&gone), &err), WEIR_INVALID);
    assert_int_equal(m.problems.n, 2);
    assert_int_equal(m.versions.n, 1);
    assert_int_equal(start(&m, settle(&given_up), &err), WEIR_OK);
    assert_int_equal(m.problems.n, 0);
    assert_int_equal(m.versions.n, 2);
    /* What was given up stays so: neither forgotten, nor as something else. */
    assert_int_equal(start(&m, settle(&gone), &err), WEIR_OK); /* the same messages, so a version that has been there */
    again.fields[2].type = PROTOBUF_C_TYPE_INT64;
    assert_int_equal(start(&m, settle(&again), &err), WEIR_INVALID);
    assert_int_equal(m.versions.n, 2);
    forget(&m);
}

static void
test_a_broken_record_is_told_with_its_number(void **state)
{
    static const char *const pairs[][2] = {
        { "", "schemas, version 2: line 1, column 1" },
        { "{\"format\":1,\"module\":\"testing\",\"build\":\"b\"", "schemas, version 2: line 1" },
        { "{\"format\":1}", "schemas, version 2: it doesn't say its format, its module, the build and when" },
        { "{\"format\":2,\"module\":\"m\",\"build\":\"b\",\"recorded_ms\":1}", "schemas, version 2: it has format 2, this weir knows 1" },
        { "{\"format\":1,\"module\":\"m\",\"build\":\"b\",\"recorded_ms\":1}", "schemas, version 2: the messages are no list" },
        { "{\"format\":1,\"module\":\"m\",\"build\":\"b\",\"recorded_ms\":1,\"messages\":[{}]}",
            "schemas, version 2: a message has no name" },
    };
    weir_error err;

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        memory m = { 0 };
        assert_int_equal(start(&m, &testing_module, &err), WEIR_OK);
        weiri_versions_add(&m.versions, weiri_bytes_of(pairs[i][0]));
        assert_int_not_equal(start(&m, &testing_module, &err), WEIR_OK);
        if (strncmp(err.text, pairs[i][1], strlen(pairs[i][1])) != 0)
            fail_msg("expected '%s', got '%s'", pairs[i][1], err.text);
        assert_int_equal(m.versions.n, 2);
        forget(&m);
    }
}

/* ---- an engine's start -------------------------------------------------------------------------------- */

static size_t
count_versions(const char *dir)
{
    weiri_embedded_config config = { .dir = dir, .read_only = true, .world = &weiri_world_real };
    weiri_versions versions = { 0 };
    weiri_log *log = NULL;
    weir_error err;

    assert_int_equal(weiri_embedded_open(&config, &log, &err), WEIR_OK);
    assert_int_equal(weiri_log_versions(log, &weiri_world_real, weiri_versions_keep, &versions, NULL, &err), WEIR_OK);
    const size_t n = versions.n;
    weiri_versions_fini(&versions);
    weiri_log_close(log);
    return n;
}

static weir_status
open_with(const weir_module *module, const char *dir, weir_error *err)
{
    weir_engine *engine = NULL;
    char settings[300];

    (void)snprintf(settings, sizeof settings, "dir=%s", dir);
    weir_status status = weir_open(module, settings, &engine, err);
    weir_close(engine);
    return status;
}

static void
test_an_engine_records_its_module_and_refuses_one_that_breaks_it(void **state)
{
    testing_engine *engine = *state;
    variant retyped = with_note_retyped(), more = with_a_field_more();
    char dir[300];
    weir_error err;

    (void)snprintf(dir, sizeof dir, "%s/data", engine->dir);
    testing_engine_close(engine);
    assert_int_equal(count_versions(dir), 1);
    assert_int_equal(open_with(settle(&retyped), dir, &err), WEIR_INVALID);
    assert_non_null(strstr(err.text, "FIELD_WIRE_JSON_COMPATIBLE_TYPE testing.v1.Added.note: it was string and is bytes now"));
    assert_int_equal(count_versions(dir), 1);
    assert_int_equal(open_with(&testing_module, dir, &err), WEIR_OK);
    assert_int_equal(open_with(settle(&more), dir, &err), WEIR_OK);
    assert_int_equal(count_versions(dir), 2);
    assert_int_equal(open_with(&testing_module, dir, &err), WEIR_OK);
    assert_int_equal(count_versions(dir), 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, testing_engine_setup, testing_engine_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_new_is_recorded_once),
        cmocka_unit_test(test_what_breaks_is_refused_with_rule_and_field),
        cmocka_unit_test(test_a_broken_record_is_told_with_its_number),
        T(test_an_engine_records_its_module_and_refuses_one_that_breaks_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
