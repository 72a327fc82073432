/* SPDX-License-Identifier: Apache-2.0
 * Types by the names that people write: full, or the last word where it is unique. Thread: any. */
#include "base/text.h"
#include "message/schema.h"
#include <string.h>

static const char *const kind_words[] = { [WEIRI_TYPE_COMMAND] = "command", [WEIRI_TYPE_EVENT] = "message", [WEIRI_TYPE_STATE] = "state" };

static const char *
short_name(const weiri_type *type)
{
    const char *dot = strrchr(type->descriptor->name, '.');

    return dot == NULL ? type->descriptor->name : dot + 1;
}

/* Old events come behind those of today in the schema, and lose their short names to them. */
static weir_status
find_short(const weiri_schema *schema, weiri_type_kind kind, const char *name, const weiri_type **ret_type, weir_error *err)
{
    const weiri_type *found = NULL, *other = NULL;

    for (size_t i = 0; i < weiri_schema_types(schema); i++) {
        const weiri_type *type = weiri_schema_type(schema, i);
        if (type->kind != kind || type->process != NULL || strcmp(short_name(type), name) != 0 ||
            (found != NULL && found->descriptor == type->descriptor))
            continue;
        if (found == NULL)
            found = type;
        else if ((type->upcast == NULL) == (found->upcast == NULL))
            other = type;
    }
    if (other != NULL)
        return weiri_error_set(
            err, WEIR_INVALID, "'%s' may be %s or %s: write the whole name", name, found->descriptor->name, other->descriptor->name);
    if (found == NULL)
        return WEIR_NOT_FOUND;
    *ret_type = found;
    return WEIR_OK;
}

static weir_status
not_found(const weiri_schema *schema, weiri_type_kind kind, const char *name, weir_error *err)
{
    char hint[160];
    weiri_nearest nearest = { 0 };
    const bool full = strchr(name, '.') != NULL;

    for (size_t i = 0; i < weiri_schema_types(schema); i++) {
        const weiri_type *type = weiri_schema_type(schema, i);
        if (type->kind == kind && type->upcast == NULL && type->process == NULL)
            weiri_nearest_offer(&nearest, name, full ? type->descriptor->name : short_name(type));
    }
    return weiri_error_set(
        err, WEIR_NOT_FOUND, "no %s '%s' in this module%s", kind_words[kind], name, weiri_nearest_hint(&nearest, hint, sizeof hint));
}

weir_status
weiri_schema_look_up(const weiri_schema *schema, weiri_type_kind kind, const char *name, const weiri_type **ret_type, weir_error *err)
{
    static const char *const other_words[] = { "a command", "an event", "a state" };
    const weiri_type *type = weiri_schema_find(schema, weiri_bytes_of(name));

    if (type != NULL && type->process != NULL)
        type = NULL; /* weir's own: nobody writes it */
    if (type != NULL && type->kind == kind) {
        *ret_type = type;
        return WEIR_OK;
    }
    if (kind == WEIRI_TYPE_STATE) { /* a state that is an event too is found by the event's name */
        for (size_t i = 0; i < weiri_schema_aggregates(schema); i++) {
            if (strcmp(weiri_schema_state(schema, i)->descriptor->name, name) == 0) {
                *ret_type = weiri_schema_state(schema, i);
                return WEIR_OK;
            }
        }
    }
    weir_status status = find_short(schema, kind, name, ret_type, err);
    if (status != WEIR_NOT_FOUND)
        return status;
    if (type != NULL)
        return weiri_error_set(err, WEIR_NOT_FOUND, "%s is %s, not %s", name, other_words[type->kind], other_words[kind]);
    return not_found(schema, kind, name, err);
}
