/* SPDX-License-Identifier: Apache-2.0
 * The type of a bulk load, looked up in the answer of GET /types. Thread: one at a time. */
#include "base/memory.h"
#include "base/text.h"
#include "cli/load_map.h"

static const char *
short_name(const char *full)
{
    const char *dot = strrchr(full, '.');

    return dot == NULL ? full : dot + 1;
}

/* Reads one type. False: this isn't the form of an answer of weir. */
static bool
read_type(const json_t *json, weiri_load_type *type)
{
    const char *key = json_string_value(json_object_get(json, "key"));
    const json_t *fields = json_object_get(json, "fields");
    bool has_key = false;

    type->name = weiri_text_copy(json_string_value(json_object_get(json, "name")));
    type->fields = weiri_allocate((json_array_size(fields) + 1) * sizeof *type->fields);
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *field = json_array_get(fields, i);
        const char *name = json_string_value(json_object_get(field, "name")), *of = json_string_value(json_object_get(field, "type"));
        if (name == NULL || of == NULL)
            return false;
        type->fields[type->n++] = (weiri_load_field){ weiri_text_copy(name), weiri_text_copy(of),
            json_is_true(json_object_get(field, "repeated")) };
        if (key != NULL && strcmp(name, key) == 0) {
            type->key = i;
            has_key = true;
        }
    }
    return has_key;
}

void
weiri_load_type_fini(weiri_load_type *type)
{
    for (size_t i = 0; i < type->n; i++) {
        weiri_release(type->fields[i].name);
        weiri_release(type->fields[i].type);
    }
    weiri_release(type->fields);
    weiri_release(type->name);
    *type = (weiri_load_type){ 0 };
}

static weir_status
find_command(const json_t *list, const char *name, const json_t **ret_found, weir_error *err)
{
    const json_t *found = NULL, *type;
    weiri_nearest nearest = { 0 };
    size_t i;
    char hint[160];

    json_array_foreach((json_t *)list, i, type)
    {
        const char *kind = json_string_value(json_object_get(type, "kind")), *full = json_string_value(json_object_get(type, "name"));
        if (kind == NULL || full == NULL || strcmp(kind, "command") != 0)
            continue;
        weiri_nearest_offer(&nearest, name, full);
        weiri_nearest_offer(&nearest, name, short_name(full));
        if (strcmp(name, full) != 0 && strcmp(name, short_name(full)) != 0)
            continue;
        if (found != NULL && strcmp(name, full) != 0)
            return weiri_error_set(err, WEIR_INVALID, "'%.100s' may be %s or %s: write it in full", name,
                json_string_value(json_object_get(found, "name")), full);
        found = type;
    }
    if (found == NULL)
        return weiri_error_set(
            err, WEIR_NOT_FOUND, "there is no command '%.100s'%s", name, weiri_nearest_hint(&nearest, hint, sizeof hint));
    *ret_found = found;
    return WEIR_OK;
}

weir_status
weiri_load_type_find(const json_t *types, const char *name, weiri_load_type *ret_type, weir_error *err)
{
    const json_t *list = json_object_get(types, "types"), *found = NULL;
    weiri_load_type type = { 0 };

    if (!json_is_array(list))
        return weiri_error_set(err, WEIR_INVALID, "what answers there is not weir: GET /types has no \"types\"");
    weir_status status = find_command(list, name, &found, err);
    if (status != WEIR_OK)
        return status;
    if (!read_type(found, &type)) {
        weiri_load_type_fini(&type);
        return weiri_error_set(err, WEIR_INVALID, "GET /types tells no key or fields of '%.100s'", name);
    }
    *ret_type = type;
    return WEIR_OK;
}
