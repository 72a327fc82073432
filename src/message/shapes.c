/* SPDX-License-Identifier: Apache-2.0
 * Shapes out of descriptors. Invariant: messages by name, fields by number, so that equal modules give equal shapes in whatever order
 * their tables are. Thread: one at a time. */
#include "message/shapes.h"
#include <stdlib.h>
#include "message/descriptors.h"

static const char *
keep(weiri_shapes *shapes, const char *text)
{
    return weiri_arena_text(&shapes->arena, weiri_bytes_of(text));
}

static int
compare_fields(const void *a, const void *b)
{
    const weiri_shape_field *left = a, *right = b;

    return left->number != right->number ? (left->number < right->number ? -1 : 1) : strcmp(left->name, right->name);
}

static int
compare_shapes(const void *a, const void *b)
{
    return strcmp(((const weiri_shape *)a)->name, ((const weiri_shape *)b)->name);
}

/* The lowest number among the fields of the same oneof: they share their quantifier. */
static int64_t
oneof_of(const ProtobufCMessageDescriptor *message, const ProtobufCFieldDescriptor *field)
{
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
        return 0;
    int64_t lowest = field->id;
    for (unsigned i = 0; i < message->n_fields; i++) {
        const ProtobufCFieldDescriptor *other = &message->fields[i];
        if ((other->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 && other->quantifier_offset == field->quantifier_offset && other->id < lowest)
            lowest = other->id;
    }
    return lowest;
}

static const char *
name_of_type(const ProtobufCFieldDescriptor *field)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return ((const ProtobufCMessageDescriptor *)field->descriptor)->name;
    return field->type == PROTOBUF_C_TYPE_ENUM ? ((const ProtobufCEnumDescriptor *)field->descriptor)->name : NULL;
}

static void
add_message(weiri_shapes *shapes, const ProtobufCMessageDescriptor *message, weiri_shape_kind kind)
{
    weiri_shape *shape = &shapes->list[shapes->n++];

    *shape = (weiri_shape){ .name = keep(shapes, message->name), .kind = kind, .n = message->n_fields };
    shape->fields = weiri_arena_take(&shapes->arena, shape->n * sizeof *shape->fields);
    for (unsigned i = 0; i < message->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->fields[i];
        const char *of = name_of_type(field);
        shape->fields[i] = (weiri_shape_field){
            .name = keep(shapes, field->name),
            .number = field->id,
            .type = field->type,
            .of = of == NULL ? NULL : keep(shapes, of),
            .repeated = field->label == PROTOBUF_C_LABEL_REPEATED,
            .oneof = oneof_of(message, field),
        };
    }
    qsort(shape->fields, shape->n, sizeof *shape->fields, compare_fields);
}

/* protobuf-c lists each number once, and each name, aliases too. */
static void
add_enum(weiri_shapes *shapes, const ProtobufCEnumDescriptor *values)
{
    weiri_shape *shape = &shapes->list[shapes->n++];

    *shape = (weiri_shape){ .name = keep(shapes, values->name), .kind = WEIRI_SHAPE_ENUM, .n = values->n_value_names };
    shape->fields = weiri_arena_take(&shapes->arena, shape->n * sizeof *shape->fields);
    for (unsigned i = 0; i < values->n_value_names; i++) {
        const ProtobufCEnumValueIndex *value = &values->values_by_name[i];
        shape->fields[i] = (weiri_shape_field){ .name = keep(shapes, value->name), .number = values->values[value->index].value };
    }
    qsort(shape->fields, shape->n, sizeof *shape->fields, compare_fields);
}

static bool
is_there(const weiri_shapes *shapes, const char *name)
{
    for (size_t i = 0; i < shapes->n; i++)
        if (strcmp(shapes->list[i].name, name) == 0)
            return true;
    return false;
}

/* The messages of the module's tables: all that is ever in the log. States are not: they can be made again. */
static void
gather(const weir_module *module, weiri_descriptors *commands, weiri_descriptors *events)
{
    weiri_problems none = { 0 }; /* the module was checked */

    for (size_t a = 0; module->aggregates[a] != NULL; a++) {
        for (const weir_command_row *row = module->aggregates[a]->commands; row->message != NULL; row++)
            weiri_descriptors_add(commands, row->message, &none);
        for (const weir_event_row *row = module->aggregates[a]->events; row->message != NULL; row++)
            weiri_descriptors_add(events, row->message, &none);
    }
    for (size_t i = 0; module->upcasts[i].from != NULL; i++)
        weiri_descriptors_add(events, module->upcasts[i].from, &none);
    weiri_problems_fini(&none);
}

static weiri_shape_kind
kind_of(const weir_module *module, const ProtobufCMessageDescriptor *message)
{
    for (size_t a = 0; module->aggregates[a] != NULL; a++) {
        for (const weir_command_row *row = module->aggregates[a]->commands; row->message != NULL; row++)
            if (row->message == message)
                return WEIRI_SHAPE_COMMAND;
        for (const weir_event_row *row = module->aggregates[a]->events; row->message != NULL; row++)
            if (row->message == message)
                return WEIRI_SHAPE_EVENT;
    }
    for (size_t i = 0; module->upcasts[i].from != NULL; i++)
        if (module->upcasts[i].from == message)
            return WEIRI_SHAPE_EVENT;
    return WEIRI_SHAPE_NESTED;
}

static void
add_all(weiri_shapes *shapes, const weir_module *module, const weiri_descriptors *all)
{
    for (size_t m = 0; m < all->n; m++) {
        const ProtobufCMessageDescriptor *message = all->list[m].message;
        if (is_there(shapes, message->name))
            continue;
        add_message(shapes, message, kind_of(module, message));
        for (unsigned i = 0; i < message->n_fields; i++) {
            const ProtobufCFieldDescriptor *field = &message->fields[i];
            if (field->type == PROTOBUF_C_TYPE_ENUM && !is_there(shapes, ((const ProtobufCEnumDescriptor *)field->descriptor)->name))
                add_enum(shapes, field->descriptor);
        }
    }
}

static size_t
count(const weiri_descriptors *all)
{
    size_t n = all->n;

    for (size_t m = 0; m < all->n; m++)
        for (unsigned i = 0; i < all->list[m].message->n_fields; i++)
            n += all->list[m].message->fields[i].type == PROTOBUF_C_TYPE_ENUM;
    return n;
}

void
weiri_shapes_of(const weir_module *module, weiri_shapes *ret_shapes)
{
    weiri_descriptors commands = { 0 }, events = { 0 };
    weiri_shapes shapes = { 0 };

    gather(module, &commands, &events);
    shapes.list = weiri_arena_take(&shapes.arena, (count(&commands) + count(&events)) * sizeof *shapes.list);
    add_all(&shapes, module, &commands);
    add_all(&shapes, module, &events);
    qsort(shapes.list, shapes.n, sizeof *shapes.list, compare_shapes);
    weiri_descriptors_fini(&commands);
    weiri_descriptors_fini(&events);
    *ret_shapes = shapes;
}

void
weiri_shapes_fini(weiri_shapes *shapes)
{
    weiri_arena_fini(&shapes->arena);
    *shapes = (weiri_shapes){ 0 };
}

const weiri_shape *
weiri_shapes_find(const weiri_shapes *shapes, const char *name)
{
    const weiri_shape wanted = { .name = name };

    return shapes->n == 0 ? NULL : bsearch(&wanted, shapes->list, shapes->n, sizeof *shapes->list, compare_shapes);
}
