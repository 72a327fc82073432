/* SPDX-License-Identifier: Apache-2.0
 * The schema guard for the command line: what a log was written with, and what a module would change about it. Nothing is written. Thread: one at a
 * time. */
#include "engine/guard.h"
#include "engine/kafka.h"
#include "engine/offline.h"
#include "engine/reply.h"
#include <stdlib.h>

static weir_status
from_dir(const weiri_schema_call *call, weiri_versions *versions, weir_error *err)
{
    weiri_embedded_config config = {
        .dir = call->dir, .module = call->module != NULL ? call->module->name : NULL, .read_only = true, .world = &weiri_world_real
    };
    weiri_log *log = NULL;

    weir_status status = weiri_embedded_open(&config, &log, err);
    if (status != WEIR_OK)
        return status;
    if (weiri_embedded_is_copy(log))
        status = weiri_error_set(err, WEIR_INVALID, "%s is the local copy of a log on Kafka: say --log kafka", call->dir);
    else
        status = weiri_log_versions(log, &weiri_world_real, weiri_versions_keep, versions, NULL, err);
    weiri_log_close(log);
    return status;
}

static weir_status
from_kafka(const weiri_settings *settings, const weiri_schema_call *call, weiri_versions *versions, weir_error *err)
{
    weiri_kafka_setup setup = { 0 };

    weiri_kafka_setup_init(&setup, call->app, settings);
    setup.config.world = &weiri_world_real;
    weir_status status = weiri_kafka_versions(&setup.config, weiri_versions_keep, versions, NULL, err);
    weiri_kafka_setup_fini(&setup);
    return status;
}

/* What `weir schema list --json` printed. */
static weir_status
from_file(const char *path, weiri_versions *versions, weir_error *err)
{
    json_error_t error;
    json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &error), *one;
    size_t i;

    if (json == NULL)
        return weiri_error_set(err, WEIR_INVALID, "%s: line %d: %s", path, error.line < 1 ? 1 : error.line, error.text);
    if (!json_is_array(json)) {
        json_decref(json);
        return weiri_error_set(err, WEIR_INVALID, "%s: this isn't what `weir schema list --json` prints", path);
    }
    json_array_foreach(json, i, one)
    {
        char *words = json_dumps(one, JSON_COMPACT);
        weiri_versions_add(versions, weiri_bytes_of(words));
        free(words);
    }
    json_decref(json);
    return WEIR_OK;
}

static void
from_module(const weir_module *module, const char *build, weiri_versions *versions)
{
    weiri_buffer text = { 0 };
    weiri_guard guard;

    weiri_guard_init(&guard, module, build, &weiri_world_real);
    weiri_guard_write(&guard, &text);
    weiri_versions_add(versions, weiri_buffer_bytes(&text));
    weiri_guard_fini(&guard);
    weiri_buffer_fini(&text);
}

static weir_status
check_module(const weir_module *module, weir_error *err)
{
    weiri_problems problems = { 0 };
    weiri_schema *schema = NULL;

    if (module != NULL)
        weiri_schema_new(module, &schema, &problems);
    weir_status status = weiri_problems_status(&problems, err);
    weiri_schema_free(schema);
    weiri_problems_fini(&problems);
    return status;
}

static void
write_changes(const weiri_guard *guard, weiri_buffer *to)
{
    weiri_member_number(to, "known", guard->known);
    weiri_member_number(to, "messages", guard->shapes.n);
    weiri_member_number(to, "breaks", weiri_changes_breaks(&guard->changes));
    weiri_member(to, "changes");
    weiri_buffer_add_char(to, '[');
    for (size_t i = 0; i < guard->changes.n; i++) {
        const weiri_change *change = &guard->changes.list[i];
        weiri_buffer_add_text(to, i == 0 ? "{" : ",{");
        if (change->rule != NULL)
            weiri_member_text(to, "rule", change->rule);
        weiri_member_text(to, "place", change->place);
        weiri_member_text(to, "words", change->words);
        weiri_buffer_add_char(to, '}');
    }
    weiri_buffer_add_char(to, ']');
}

static weir_status
compare(const weiri_schema_call *call, const weiri_versions *versions, weiri_buffer *to, weir_error *err)
{
    weiri_guard guard;

    weiri_guard_init(&guard, call->module, call->build, &weiri_world_real);
    guard.latest = call->latest;
    weir_status status = weiri_guard_compare(&guard, versions, NULL, err);
    if (status == WEIR_OK)
        write_changes(&guard, to);
    weiri_guard_fini(&guard);
    return status;
}

/* Each is looked at, so that what is told can be read. */
static weir_status
write_versions(const weiri_versions *versions, weiri_buffer *to, weir_error *err)
{
    weir_status status = WEIR_OK;

    weiri_member(to, "versions");
    weiri_buffer_add_char(to, '[');
    for (size_t i = 0; i < versions->n && status == WEIR_OK; i++) {
        weiri_version version;
        status = weiri_version_read(versions->list[i], &version, err);
        if (status != WEIR_OK)
            return weiri_error_prefix(err, "schemas, version %zu", i + 1);
        weiri_shapes_fini(&version.shapes);
        if (i > 0)
            weiri_buffer_add_char(to, ',');
        weiri_buffer_add_bytes(to, versions->list[i]);
    }
    weiri_buffer_add_char(to, ']');
    return status;
}

static weir_status
find_versions(const weiri_settings *settings, const weiri_schema_call *call, weiri_versions *versions, weir_error *err)
{
    if (call->against != NULL)
        return from_file(call->against, versions, err);
    if (call->dir != NULL)
        return from_dir(call, versions, err);
    if (call->against_module == NULL)
        return from_kafka(settings, call, versions, err);
    weir_status status = check_module(call->against_module, err);
    if (status == WEIR_OK)
        from_module(call->against_module, call->against_build, versions);
    return status;
}

weir_status
weiri_offline_schema_check(const weiri_settings *settings, const weiri_schema_call *call, weiri_problems *problems, weir_error *err)
{
    weiri_versions versions = { 0 };
    weiri_guard guard;

    weiri_guard_init(&guard, call->module, call->build, &weiri_world_real);
    weir_status status = find_versions(settings, call, &versions, err);
    if (status == WEIR_OK)
        status = weiri_guard_compare(&guard, &versions, NULL, err);
    if (status == WEIR_OK)
        weiri_guard_tell(&guard, problems);
    weiri_guard_fini(&guard);
    weiri_versions_fini(&versions);
    return status;
}

weir_status
weiri_offline_schema(const weiri_settings *settings, const weiri_schema_call *call, weiri_buffer *to, weir_error *err)
{
    weiri_versions versions = { 0 };

    weir_status status = check_module(call->module, err);
    if (status == WEIR_OK)
        status = find_versions(settings, call, &versions, err);
    weiri_buffer_add_char(to, '{');
    if (status == WEIR_OK)
        status = write_versions(&versions, to, err);
    if (status == WEIR_OK && call->module != NULL)
        status = compare(call, &versions, to, err);
    weiri_buffer_add_char(to, '}');
    weiri_versions_fini(&versions);
    return status;
}
