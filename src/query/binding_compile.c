/* SPDX-License-Identifier: Apache-2.0
 * The compiler of bindings: names become descriptors, and what no event can give is told in the author's words.
 * Thread: any. */
#include <stdio.h>
#include "query/binding.h"
#include "base/text.h"

enum { NAME_MOST = 64 };

static const struct {
    const char *name;
    weiri_binding_kind kind;
} envelope[] = {
    { "_key", WEIRI_BINDING_KEY },
    { "_version", WEIRI_BINDING_VERSION },
    { "_time", WEIRI_BINDING_TIME },
    { "_partition", WEIRI_BINDING_PARTITION },
    { "_offset", WEIRI_BINDING_OFFSET },
    { "_type", WEIRI_BINDING_TYPE },
    { "_command_id", WEIRI_BINDING_COMMAND_ID },
    { "_index", WEIRI_BINDING_INDEX },
};

static const char *const parts[] = { "", "minute", "hour", "day", "date", "text" };

/* The next name of the path; false at its end. A name longer than any field's is cut: no field matches it. */
static bool
next_name(const char **at, char to[NAME_MOST])
{
    if (**at == '\0')
        return false;
    size_t n = strcspn(*at, ".");
    (void)snprintf(to, NAME_MOST, "%.*s", (int)n, *at);
    *at += n + ((*at)[n] == '.');
    return true;
}

static bool
part_of(const char *name, weiri_time_part *ret_part)
{
    for (size_t i = 1; i < sizeof parts / sizeof *parts; i++)
        if (strcmp(name, parts[i]) == 0) {
            *ret_part = (weiri_time_part)i;
            return true;
        }
    return false;
}

static bool
is_time(const ProtobufCFieldDescriptor *field)
{
    size_t n = strlen(field->name);
    bool wide = field->type == PROTOBUF_C_TYPE_INT64 || field->type == PROTOBUF_C_TYPE_SINT64 || field->type == PROTOBUF_C_TYPE_SFIXED64;

    return wide && n > 3 && strcmp(field->name + n - 3, "_ms") == 0;
}

static weir_status
no_field(const ProtobufCMessageDescriptor *type, const char *name, bool first, weir_error *err)
{
    weiri_nearest nearest = { 0 };
    char hint[128];

    for (unsigned i = 0; i < type->n_fields; i++)
        weiri_nearest_offer(&nearest, name, type->fields[i].name);
    for (size_t i = 0; first && name[0] == '_' && i < sizeof envelope / sizeof *envelope; i++)
        weiri_nearest_offer(&nearest, name, envelope[i].name);
    return weiri_error_set(err, WEIR_INVALID, "%s has no field '%s'%s", type->name, name, weiri_nearest_hint(&nearest, hint, sizeof hint));
}

/* What may follow a time: one of its parts, and nothing more. */
static weir_status
compile_part(const char *at, const char *of, weiri_binding *binding, weir_error *err)
{
    char name[NAME_MOST];

    if (!next_name(&at, name))
        return WEIR_OK;
    if (*at != '\0' || !part_of(name, &binding->part))
        return weiri_error_set(err, WEIR_INVALID, "'%s' is a time: it has .minute .hour .day .date .text, and no '%s'", of, name);
    return WEIR_OK;
}

static weir_status
compile_envelope(const char *path, const ProtobufCFieldDescriptor *each, weiri_binding *binding, bool *ret_found, weir_error *err)
{
    const char *at = path;
    char name[NAME_MOST];

    *ret_found = false;
    if (!next_name(&at, name))
        return WEIR_OK;
    for (size_t i = 0; i < sizeof envelope / sizeof *envelope; i++) {
        if (strcmp(name, envelope[i].name) != 0)
            continue;
        *ret_found = true;
        binding->kind = envelope[i].kind;
        if (binding->kind == WEIRI_BINDING_INDEX && each == NULL)
            return weiri_error_set(
                err, WEIR_INVALID, "':_index' is the number of an element: it needs '-- each: FIELD' above the statement");
        if (binding->kind == WEIRI_BINDING_TIME)
            return compile_part(at, name, binding, err);
        return *at == '\0' ? WEIR_OK : weiri_error_set(err, WEIR_INVALID, "':%s' has no parts", name);
    }
    return WEIR_OK;
}

/* The path goes on behind `field` with the names at `at`. */
static weir_status
check_step(const ProtobufCFieldDescriptor *field, const ProtobufCFieldDescriptor *each, size_t depth, const char *at, weir_error *err)
{
    char name[NAME_MOST];

    if (field->label == PROTOBUF_C_LABEL_REPEATED && field != each) {
        if (depth == 0)
            return weiri_error_set(err, WEIR_INVALID, "'%s' is repeated: put '-- each: %s' above the statement", field->name, field->name);
        return weiri_error_set(err, WEIR_INVALID, "'%s' is repeated within another field: it can be bound as a whole only", field->name);
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE || is_time(field))
        return WEIR_OK;
    (void)next_name(&at, name);
    weiri_time_part part;
    if (part_of(name, &part))
        return weiri_error_set(err, WEIR_INVALID, "'%s' is no time: .%s needs ':_time' or an int64 field named *_ms", field->name, name);
    return weiri_error_set(err, WEIR_INVALID, "'%s' is no message: it has no field '%s'", field->name, name);
}

weir_status
weiri_binding_compile(const char *path, const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *each,
    weiri_binding *ret_binding, weir_error *err)
{
    weiri_binding binding = { 0 };
    const char *at = path;
    char name[NAME_MOST];
    bool found;

    weir_status status = compile_envelope(path, each, &binding, &found, err);
    while (status == WEIR_OK && !found && next_name(&at, name)) {
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(type, name);
        if (field == NULL)
            return no_field(type, name, binding.depth == 0, err);
        if (binding.depth == WEIRI_BINDING_DEPTH)
            return weiri_error_set(err, WEIR_INVALID, "':%s' goes deeper than %d fields", path, WEIRI_BINDING_DEPTH);
        if (binding.depth == 0)
            binding.in_each = field == each;
        binding.fields[binding.depth++] = field;
        if (*at == '\0')
            break;
        status = check_step(field, binding.in_each ? each : NULL, binding.depth - 1u, at, err);
        if (status == WEIR_OK && is_time(field)) {
            status = compile_part(at, field->name, &binding, err);
            break;
        }
        type = field->descriptor;
    }
    if (status == WEIR_OK)
        *ret_binding = binding;
    return status;
}
