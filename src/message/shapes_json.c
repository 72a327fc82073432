/* SPDX-License-Identifier: Apache-2.0
 * Shapes as JSON, both ways: docs/formats/schemas.md. Written by hand, so that equal shapes give equal bytes; read as something that
 * anybody may have written. Thread: any, one object at a time. */
#include <inttypes.h>
#include <stdlib.h>
#include "message/json.h"
#include "message/shapes.h"

static const char *const kinds[] = { "command", "event", "nested", "enum" };

static const struct {
    ProtobufCType type;
    const char *name;
} types[] = {
    { PROTOBUF_C_TYPE_INT32, "int32" },
    { PROTOBUF_C_TYPE_SINT32, "sint32" },
    { PROTOBUF_C_TYPE_SFIXED32, "sfixed32" },
    { PROTOBUF_C_TYPE_INT64, "int64" },
    { PROTOBUF_C_TYPE_SINT64, "sint64" },
    { PROTOBUF_C_TYPE_SFIXED64, "sfixed64" },
    { PROTOBUF_C_TYPE_UINT32, "uint32" },
    { PROTOBUF_C_TYPE_FIXED32, "fixed32" },
    { PROTOBUF_C_TYPE_UINT64, "uint64" },
    { PROTOBUF_C_TYPE_FIXED64, "fixed64" },
    { PROTOBUF_C_TYPE_FLOAT, "float" },
    { PROTOBUF_C_TYPE_DOUBLE, "double" },
    { PROTOBUF_C_TYPE_BOOL, "bool" },
    { PROTOBUF_C_TYPE_ENUM, "enum" },
    { PROTOBUF_C_TYPE_STRING, "string" },
    { PROTOBUF_C_TYPE_BYTES, "bytes" },
    { PROTOBUF_C_TYPE_MESSAGE, "message" },
};
enum { TYPES = sizeof types / sizeof *types };

const char *
weiri_shape_type_name(ProtobufCType type)
{
    size_t i = 0;

    while (i + 1 < TYPES && types[i].type != type)
        i++;
    return types[i].name;
}

const char *
weiri_shape_kind_name(weiri_shape_kind kind)
{
    return kinds[kind];
}

/* ---- writing ------------------------------------------------------------------------------------------ */

static void
write_text(weiri_buffer *to, const char *name, const char *text)
{
    weiri_buffer_print(to, "\"%s\":", name);
    weiri_json_add_string(to, weiri_bytes_of(text));
}

static void
write_field(weiri_buffer *to, const weiri_shape_field *field, bool value)
{
    weiri_buffer_print(to, "{\"number\":%" PRId64 ",", field->number);
    write_text(to, "name", field->name);
    if (!value) {
        weiri_buffer_print(to, ",\"type\":\"%s\"", weiri_shape_type_name(field->type));
        if (field->of != NULL) {
            weiri_buffer_add_char(to, ',');
            write_text(to, "of", field->of);
        }
        if (field->repeated)
            weiri_buffer_add_text(to, ",\"repeated\":true");
        if (field->oneof != 0)
            weiri_buffer_print(to, ",\"oneof\":%" PRId64, field->oneof);
    }
    weiri_buffer_add_char(to, '}');
}

void
weiri_shapes_write(const weiri_shapes *shapes, weiri_buffer *to)
{
    weiri_buffer_add_char(to, '[');
    for (size_t i = 0; i < shapes->n; i++) {
        const weiri_shape *shape = &shapes->list[i];
        weiri_buffer_add_text(to, i == 0 ? "{" : ",{");
        write_text(to, "name", shape->name);
        weiri_buffer_print(to, ",\"kind\":\"%s\",\"%s\":[", kinds[shape->kind], shape->kind == WEIRI_SHAPE_ENUM ? "values" : "fields");
        for (size_t f = 0; f < shape->n; f++) {
            if (f > 0)
                weiri_buffer_add_char(to, ',');
            write_field(to, &shape->fields[f], shape->kind == WEIRI_SHAPE_ENUM);
        }
        weiri_buffer_add_text(to, "]}");
    }
    weiri_buffer_add_char(to, ']');
}

/* ---- reading ------------------------------------------------------------------------------------------ */

/* A member that must be a text, or NULL. */
static const char *
read_text(weiri_shapes *shapes, const json_t *from, const char *member)
{
    const char *text = json_string_value(json_object_get(from, member));

    return text == NULL || text[0] == '\0' ? NULL : weiri_arena_text(&shapes->arena, weiri_bytes_of(text));
}

static bool
read_type(const char *name, ProtobufCType *ret_type)
{
    for (size_t i = 0; name != NULL && i < TYPES; i++) {
        if (strcmp(types[i].name, name) == 0) {
            *ret_type = types[i].type;
            return true;
        }
    }
    return false;
}

static weir_status
read_field(weiri_shapes *shapes, const weiri_shape *shape, const json_t *from, weiri_shape_field *field, weir_error *err)
{
    const bool value = shape->kind == WEIRI_SHAPE_ENUM;
    const json_t *number = json_object_get(from, "number"), *oneof = json_object_get(from, "oneof");

    *field = (weiri_shape_field){ .name = read_text(shapes, from, "name") };
    if (field->name == NULL)
        return weiri_error_set(err, WEIR_CORRUPT, "a %s of %s has no name", value ? "value" : "field", shape->name);
    field->number = json_integer_value(number);
    if (!json_is_integer(number) || field->number > INT32_MAX || field->number < (value ? INT32_MIN : 1))
        return weiri_error_set(err, WEIR_CORRUPT, "%s.%s has no number that it could have", shape->name, field->name);
    if (value)
        return WEIR_OK;
    if (!read_type(json_string_value(json_object_get(from, "type")), &field->type))
        return weiri_error_set(err, WEIR_CORRUPT, "%s.%s has no type that Protobuf knows", shape->name, field->name);
    field->of = read_text(shapes, from, "of");
    if ((field->of != NULL) != (field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_ENUM))
        return weiri_error_set(err, WEIR_CORRUPT, "%s.%s is %s and %s of which", shape->name, field->name,
            weiri_shape_type_name(field->type), field->of == NULL ? "doesn't say" : "says");
    field->repeated = json_is_true(json_object_get(from, "repeated"));
    field->oneof = json_integer_value(oneof);
    return WEIR_OK;
}

static weir_status
read_shape(weiri_shapes *shapes, const json_t *from, weiri_shape *shape, weir_error *err)
{
    const char *kind = json_string_value(json_object_get(from, "kind"));
    weir_status status = WEIR_OK;
    unsigned k = 0;

    *shape = (weiri_shape){ .name = read_text(shapes, from, "name") };
    if (shape->name == NULL)
        return weiri_error_set(err, WEIR_CORRUPT, "a message has no name");
    while (kind != NULL && k < sizeof kinds / sizeof *kinds && strcmp(kinds[k], kind) != 0)
        k++;
    if (kind == NULL || k == sizeof kinds / sizeof *kinds)
        return weiri_error_set(err, WEIR_CORRUPT, "%s is of no known kind", shape->name);
    shape->kind = (weiri_shape_kind)k;
    const json_t *fields = json_object_get(from, shape->kind == WEIRI_SHAPE_ENUM ? "values" : "fields");
    if (!json_is_array(fields))
        return weiri_error_set(
            err, WEIR_CORRUPT, "%s has no list of its %s", shape->name, shape->kind == WEIRI_SHAPE_ENUM ? "values" : "fields");
    shape->n = json_array_size(fields);
    shape->fields = weiri_arena_take(&shapes->arena, shape->n * sizeof *shape->fields);
    for (size_t i = 0; i < shape->n && status == WEIR_OK; i++)
        status = read_field(shapes, shape, json_array_get(fields, i), &shape->fields[i], err);
    return status;
}

weir_status
weiri_shapes_read(const json_t *json, weiri_shapes *ret_shapes, weir_error *err)
{
    weiri_shapes shapes = { 0 };
    weir_status status = WEIR_OK;

    if (!json_is_array(json))
        return weiri_error_set(err, WEIR_CORRUPT, "the messages are no list");
    const size_t n = json_array_size(json);
    shapes.list = weiri_arena_take(&shapes.arena, n * sizeof *shapes.list);
    for (; shapes.n < n && status == WEIR_OK; shapes.n++) {
        status = read_shape(&shapes, json_array_get(json, shapes.n), &shapes.list[shapes.n], err);
        if (status == WEIR_OK && shapes.n > 0 && strcmp(shapes.list[shapes.n - 1].name, shapes.list[shapes.n].name) >= 0)
            status = weiri_error_set(err, WEIR_CORRUPT, "%s stands out of its order", shapes.list[shapes.n].name);
    }
    if (status == WEIR_OK)
        *ret_shapes = shapes;
    else
        weiri_shapes_fini(&shapes);
    return status;
}
