/* SPDX-License-Identifier: Apache-2.0
 * How shapes differ, and which differences break: the rules of `buf breaking`, category WIRE_JSON, as far as descriptors show them
 * (https://buf.build/docs/breaking/rules/), and MESSAGE_NO_DELETE for commands and events. docs/schema.md says which and why. */
#include <inttypes.h>
#include "base/memory.h"
#include "message/shapes.h"

typedef struct comparison {
    const weiri_shapes *old, *fresh;
    const char *const *retired;
    weiri_changes *changes;
} comparison;

static void add(comparison *c, const char *rule, const weiri_shape *shape, const weiri_shape_field *field, const char *format, ...)
    WEIR_PRINTF(5, 6);

static void
add(comparison *c, const char *rule, const weiri_shape *shape, const weiri_shape_field *field, const char *format, ...)
{
    weiri_changes *changes = c->changes;
    weiri_buffer place = { 0 };
    weir_error words;
    va_list arguments;

    va_start(arguments, format);
    weiri_error_setv(&words, WEIR_INVALID, format, arguments);
    va_end(arguments);
    weiri_buffer_add_text(&place, shape->name);
    if (field != NULL)
        weiri_buffer_print(&place, ".%s", field->name);
    for (size_t i = 0; i < changes->n; i++) {
        const weiri_change *before = &changes->list[i];
        if (strcmp(before->place, weiri_buffer_text(&place)) == 0 &&
            (rule == NULL || before->rule == NULL ? rule == before->rule && strcmp(before->words, words.text) == 0
                                                  : strcmp(before->rule, rule) == 0))
            goto out;
    }
    if (changes->n == changes->room) {
        changes->room = changes->room == 0 ? 16 : 2 * changes->room;
        changes->list = weiri_reallocate(changes->list, changes->room * sizeof *changes->list);
    }
    changes->list[changes->n++] = (weiri_change){ rule, weiri_arena_text(&changes->arena, weiri_buffer_bytes(&place)),
        weiri_arena_text(&changes->arena, weiri_bytes_of(words.text)) };
out:
    weiri_buffer_fini(&place);
}

/* Is "SHAPE" or "SHAPE.FIELD" retired? */
static bool
is_retired(const comparison *c, const weiri_shape *shape, const weiri_shape_field *field)
{
    const size_t size = strlen(shape->name);

    for (size_t i = 0; c->retired != NULL && c->retired[i] != NULL; i++) {
        const char *name = c->retired[i];
        if (strncmp(name, shape->name, size) == 0 &&
            (field == NULL ? name[size] == '\0' : name[size] == '.' && strcmp(name + size + 1, field->name) == 0))
            return true;
    }
    return false;
}

static const weiri_shape_field *
by_number(const weiri_shape *shape, int64_t number)
{
    for (size_t i = 0; i < shape->n; i++)
        if (shape->fields[i].number == number)
            return &shape->fields[i];
    return NULL;
}

/* Deleting reserves both the number and the name, or neither, since .retired names the field. */
static void
check_deleted(comparison *c, const weiri_shape *old, const weiri_shape_field *field)
{
    const bool value = old->kind == WEIRI_SHAPE_ENUM;

    if (is_retired(c, old, field)) {
        add(c, NULL, old, field, "is given up");
        return;
    }
    add(c, value ? "ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED" : "FIELD_NO_DELETE_UNLESS_NAME_RESERVED", old, field,
        "it is gone, and .retired doesn't name it");
    add(c, value ? "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED" : "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED", old, field,
        "its number %" PRId64 " is gone, and .retired doesn't name it", field->number);
}

/* ---- enums -------------------------------------------------------------------------------------------- */

/* Has it this name for this number? */
static bool
has_value(const weiri_shape *shape, const weiri_shape_field *value)
{
    for (size_t i = 0; i < shape->n; i++)
        if (shape->fields[i].number == value->number && strcmp(shape->fields[i].name, value->name) == 0)
            return true;
    return false;
}

static void
compare_enums(comparison *c, const weiri_shape *old, const weiri_shape *fresh)
{
    for (size_t i = 0; i < old->n; i++) {
        const weiri_shape_field *value = &old->fields[i], *now = by_number(fresh, value->number);
        if (now == NULL)
            check_deleted(c, old, value);
        else if (!has_value(fresh, value))
            add(c, "ENUM_VALUE_SAME_NAME", old, value, "its number %" PRId64 " is called %s now", value->number, now->name);
    }
    for (size_t i = 0; i < fresh->n; i++)
        if (!has_value(old, &fresh->fields[i]) && by_number(old, fresh->fields[i].number) == NULL)
            add(c, NULL, fresh, &fresh->fields[i], "is new, number %" PRId64, fresh->fields[i].number);
}

static const char *
short_name(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot == NULL ? name : dot + 1;
}

/* An enum may move, with all its values. */
static bool
is_moved_enum(const comparison *c, const weiri_shape_field *old, const weiri_shape_field *fresh)
{
    const weiri_shape *before = weiri_shapes_find(c->old, old->of), *now = weiri_shapes_find(c->fresh, fresh->of);

    if (before == NULL || now == NULL || strcmp(short_name(old->of), short_name(fresh->of)) != 0)
        return false;
    for (size_t i = 0; i < before->n; i++)
        if (!has_value(now, &before->fields[i]))
            return false;
    return true;
}

/* ---- fields ------------------------------------------------------------------------------------------- */

/* Types of one group may be exchanged: equal on the wire and in JSON. */
static int
group_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_UINT32:
        return PROTOBUF_C_TYPE_INT32;
    case PROTOBUF_C_TYPE_UINT64:
        return PROTOBUF_C_TYPE_INT64;
    case PROTOBUF_C_TYPE_SFIXED32:
        return PROTOBUF_C_TYPE_FIXED32;
    case PROTOBUF_C_TYPE_SFIXED64:
        return PROTOBUF_C_TYPE_FIXED64;
    default:
        return (int)type;
    }
}

static const char *
type_words(const weiri_shape_field *field)
{
    return field->of != NULL ? field->of : weiri_shape_type_name(field->type);
}

static void
compare_types(comparison *c, const weiri_shape *shape, const weiri_shape_field *old, const weiri_shape_field *fresh)
{
    bool same_name = old->of == NULL || fresh->of == NULL || strcmp(old->of, fresh->of) == 0;
    bool fits = group_of(old->type) == group_of(fresh->type) &&
                (same_name || (old->type == PROTOBUF_C_TYPE_ENUM && is_moved_enum(c, old, fresh)));

    if (old->type == fresh->type && same_name)
        return;
    add(c, fits ? NULL : "FIELD_WIRE_JSON_COMPATIBLE_TYPE", shape, old, "it was %s and is %s now", type_words(old), type_words(fresh));
}

/* Fields of one oneof must stay together, and no other may come between. Oneofs have no names here: the fields that both have tell. */
static bool
same_oneof(const weiri_shape *old, const weiri_shape *fresh, const weiri_shape_field *field, const weiri_shape_field *now)
{
    if ((field->oneof == 0) != (now->oneof == 0))
        return false;
    for (size_t i = 0; field->oneof != 0 && i < old->n; i++) {
        const weiri_shape_field *other = &old->fields[i], *other_now = by_number(fresh, other->number);
        if (other->oneof != 0 && other_now != NULL && other_now->oneof != 0 &&
            (other->oneof == field->oneof) != (other_now->oneof == now->oneof))
            return false;
    }
    return true;
}

static void
compare_messages(comparison *c, const weiri_shape *old, const weiri_shape *fresh)
{
    for (size_t i = 0; i < old->n; i++) {
        const weiri_shape_field *field = &old->fields[i], *now = by_number(fresh, field->number);
        if (now == NULL) {
            check_deleted(c, old, field);
            continue;
        }
        if (strcmp(field->name, now->name) != 0)
            add(c, "FIELD_SAME_NAME", old, field, "its number %" PRId64 " is called %s now", field->number, now->name);
        if (field->repeated != now->repeated)
            add(c, "FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY", old, field,
                now->repeated ? "it is repeated now" : "it was repeated and isn't now");
        compare_types(c, old, field, now);
        if (!same_oneof(old, fresh, field, now))
            add(c, "FIELD_SAME_ONEOF", old, field,
                now->oneof == 0     ? "it was in a oneof and isn't now"
                : field->oneof == 0 ? "it is in a oneof now"
                                    : "the oneof that it is in has other fields now");
    }
    for (size_t i = 0; i < fresh->n; i++)
        if (by_number(old, fresh->fields[i].number) == NULL)
            add(c, NULL, fresh, &fresh->fields[i], "is new, number %" PRId64, fresh->fields[i].number);
}

/* ---- all ---------------------------------------------------------------------------------------------- */

static void
compare_shape(comparison *c, const weiri_shape *old)
{
    const weiri_shape *fresh = weiri_shapes_find(c->fresh, old->name);
    const bool in_log = old->kind == WEIRI_SHAPE_COMMAND || old->kind == WEIRI_SHAPE_EVENT;

    if (in_log && (fresh == NULL || fresh->kind != old->kind)) {
        if (is_retired(c, old, NULL))
            add(c, NULL, old, NULL, "is given up");
        else
            add(c, "MESSAGE_NO_DELETE", old, NULL, "the module has no such %s, and .retired doesn't name it",
                weiri_shape_kind_name(old->kind));
    } else if (fresh == NULL) {
        add(c, NULL, old, NULL, "is gone"); /* whatever it stood in says more */
    } else if ((old->kind == WEIRI_SHAPE_ENUM) == (fresh->kind == WEIRI_SHAPE_ENUM)) {
        if (old->kind == WEIRI_SHAPE_ENUM)
            compare_enums(c, old, fresh);
        else
            compare_messages(c, old, fresh);
    }
}

void
weiri_shapes_compare(const weiri_shapes *old, const weiri_shapes *fresh, const char *const *retired, weiri_changes *changes)
{
    comparison c = { old, fresh, retired, changes };

    for (size_t i = 0; i < old->n; i++)
        compare_shape(&c, &old->list[i]);
    for (size_t i = 0; i < fresh->n; i++)
        if (weiri_shapes_find(old, fresh->list[i].name) == NULL)
            add(&c, NULL, &fresh->list[i], NULL, "is new, %s %s",
                strchr("aeiou", weiri_shape_kind_name(fresh->list[i].kind)[0]) ? "an" : "a", weiri_shape_kind_name(fresh->list[i].kind));
}

size_t
weiri_changes_breaks(const weiri_changes *changes)
{
    size_t n = 0;

    for (size_t i = 0; i < changes->n; i++)
        n += changes->list[i].rule != NULL;
    return n;
}

void
weiri_changes_fini(weiri_changes *changes)
{
    weiri_release(changes->list);
    weiri_arena_fini(&changes->arena);
    *changes = (weiri_changes){ 0 };
}
