/* SPDX-License-Identifier: Apache-2.0
 * See guard.h. Every version is compared, not the last alone: what an old one wrote is still in the log, and what was given up since
 * then must stay so. Thread: one at a time. */
#include "engine/guard.h"
#include <inttypes.h>
#include <stdio.h>
#include "message/json.h"

enum { FORMAT = 1 };

/* ---- a version as text -------------------------------------------------------------------------------- */

static void
version_write(const weiri_guard *guard, weiri_buffer *to)
{
    weiri_buffer_print(to, "{\"format\":%d,\"module\":\"%s\",\"build\":\"%s\",\"recorded_ms\":%" PRId64 ",\"messages\":", FORMAT,
        guard->module->name, guard->build, guard->world->time_ms(guard->world));
    weiri_shapes_write(&guard->shapes, to);
    weiri_buffer_add_char(to, '}');
}

static weir_status
read_head(const json_t *json, weiri_version *version, weir_error *err)
{
    const char *module = NULL, *build = NULL;
    json_int_t format = 0, recorded_ms = 0;

    if (json_unpack((json_t *)(uintptr_t)json, "{s:I, s:s, s:s, s:I}", "format", &format, "module", &module, "build", &build, "recorded_ms",
            &recorded_ms) != 0)
        return weiri_error_set(err, WEIR_CORRUPT, "it doesn't say its format, its module, the build and when");
    if (format != FORMAT)
        return weiri_error_set(err, WEIR_INVALID, "it has format %lld, this weir knows %d", (long long)format, FORMAT);
    (void)snprintf(version->module, sizeof version->module, "%s", module);
    (void)snprintf(version->build, sizeof version->build, "%s", build);
    version->recorded_ms = recorded_ms;
    return WEIR_OK;
}

weir_status
weiri_version_read(weiri_bytes text, weiri_version *ret_version, weir_error *err)
{
    weiri_version version = { .recorded_ms = 0 };
    json_t *json = NULL;

    weir_status status = weiri_json_parse(text, &json, err);
    if (status != WEIR_OK) {
        if (err != NULL)
            err->status = WEIR_CORRUPT;
        return WEIR_CORRUPT;
    }
    status = read_head(json, &version, err);
    if (status == WEIR_OK)
        status = weiri_shapes_read(json_object_get(json, "messages"), &version.shapes, err);
    json_decref(json);
    if (status == WEIR_OK)
        *ret_version = version;
    return status;
}

/* ---- the guard ---------------------------------------------------------------------------------------- */

void
weiri_guard_init(weiri_guard *guard, const weir_module *module, const char *build, const weiri_world *world)
{
    *guard = (weiri_guard){ .module = module, .build = build, .world = world };
    weiri_shapes_of(module, &guard->shapes);
}

void
weiri_guard_fini(weiri_guard *guard)
{
    weiri_shapes_fini(&guard->shapes);
    weiri_changes_fini(&guard->changes);
}

static bool
are_equal(const weiri_shapes *a, const weiri_shapes *b)
{
    weiri_buffer left = { 0 }, right = { 0 };

    weiri_shapes_write(a, &left);
    weiri_shapes_write(b, &right);
    bool equal = weiri_bytes_equal(weiri_buffer_bytes(&left), weiri_buffer_bytes(&right));
    weiri_buffer_fini(&left);
    weiri_buffer_fini(&right);
    return equal;
}

weir_status
weiri_guard_compare(void *user, const weiri_versions *versions, weiri_buffer *add, weir_error *err)
{
    weiri_guard *guard = user;

    (void)add;
    weiri_changes_fini(&guard->changes);
    guard->known = 0;
    for (size_t i = 0; i < versions->n; i++) {
        weiri_version version;
        weir_status status = weiri_version_read(versions->list[i], &version, err);
        if (status != WEIR_OK)
            return weiri_error_prefix(err, "schemas, version %zu", i + 1);
        if (are_equal(&version.shapes, &guard->shapes))
            guard->known = i + 1;
        if (!guard->latest || i + 1 == versions->n)
            weiri_shapes_compare(&version.shapes, &guard->shapes, guard->module->retired, &guard->changes);
        weiri_shapes_fini(&version.shapes);
    }
    if (guard->known > 0 && !guard->latest)
        weiri_changes_fini(&guard->changes);
    return WEIR_OK;
}

weir_status
weiri_guard_open(void *user, const weiri_versions *versions, weiri_buffer *add, weir_error *err)
{
    weiri_guard *guard = user;

    weir_status status = weiri_guard_compare(guard, versions, add, err);
    if (status != WEIR_OK)
        return status;
    const size_t breaks = weiri_changes_breaks(&guard->changes);
    if (breaks > 0)
        return weiri_error_set(err, WEIR_INVALID, "the module breaks messages that the log was written with: %zu", breaks);
    if (guard->known == 0)
        version_write(guard, add);
    return WEIR_OK;
}

void
weiri_guard_tell(const weiri_guard *guard, weiri_problems *problems)
{
    for (size_t i = 0; i < guard->changes.n; i++) {
        const weiri_change *change = &guard->changes.list[i];
        if (change->rule != NULL)
            weiri_problems_add(problems, "", 0, "%s %s: %s; the log was written with it", change->rule, change->place, change->words);
    }
}
