/* SPDX-License-Identifier: Apache-2.0
 * See retired_check.h. A retired name means one of three things: a message in the tables, a field, a value of an enum. What is looked
 * for is any of them still there; a name of nothing at all is as it should be. */
#include "message/retired_check.h"
#include "base/bytes.h"
#include "message/upcast_check.h"

/* What `name` is in the module's tables: "command", "event", or NULL. */
static const char *
use_of(const weir_module *module, const char *name)
{
    for (unsigned a = 0; a < WEIR_ROWS && module->aggregates[a] != NULL; a++) {
        const weir_aggregate *aggregate = module->aggregates[a];
        for (unsigned i = 0; i < WEIR_ROWS; i++) {
            const ProtobufCMessageDescriptor *command = aggregate->commands[i].message, *event = aggregate->events[i].message;
            if (command != NULL && command->name != NULL && strcmp(command->name, name) == 0)
                return "a command";
            if (event != NULL && event->name != NULL && strcmp(event->name, name) == 0)
                return "an event";
        }
    }
    for (unsigned i = 0; i < WEIR_ROWS; i++) {
        const ProtobufCMessageDescriptor *from = module->upcasts[i].from;
        if (from != NULL && from->name != NULL && strcmp(from->name, name) == 0)
            return "an event";
    }
    return NULL;
}

/* Is it `owner`, a dot and a name without one? Returns that name, else NULL. */
static const char *
inner_name(const char *name, const char *owner)
{
    const size_t size = strlen(owner);

    return strncmp(name, owner, size) == 0 && name[size] == '.' && strchr(name + size + 1, '.') == NULL ? name + size + 1 : NULL;
}

/* "a field of shop.v1.Line", "a value of shop.v1.Colour", with the owner in *ret_owner; NULL: neither. */
static const char *
part_of(const weiri_descriptors *all, const char *name, const char **ret_owner)
{
    for (size_t m = 0; m < all->n; m++) {
        const ProtobufCMessageDescriptor *message = all->list[m].message;
        const char *inner = inner_name(name, message->name);
        *ret_owner = message->name;
        if (inner != NULL && protobuf_c_message_descriptor_get_field_by_name(message, inner) != NULL)
            return "a field";
        for (unsigned i = 0; i < message->n_fields; i++) {
            if (message->fields[i].type != PROTOBUF_C_TYPE_ENUM)
                continue;
            const ProtobufCEnumDescriptor *values = message->fields[i].descriptor;
            inner = inner_name(name, values->name);
            *ret_owner = values->name;
            if (inner != NULL && protobuf_c_enum_descriptor_get_value_by_name(values, inner) != NULL)
                return "a value";
        }
    }
    return NULL;
}

void
weiri_retired_check(const weir_module *module, const weiri_descriptors *all, weiri_problems *problems)
{
    bool filled[WEIR_ROWS + 1];
    const char *owner;

    for (unsigned i = 0; i <= WEIR_ROWS; i++)
        filled[i] = module->retired[i] != NULL;
    const unsigned n = weiri_table_check("retired", filled, WEIR_ROWS, problems);
    for (unsigned i = 0; i < n; i++) {
        const char *name = module->retired[i];
        if (name == NULL)
            continue;
        const char *use = use_of(module, name), *part = part_of(all, name, &owner);
        if (strchr(name, '.') == NULL)
            weiri_problems_add(
                problems, "", 0, "retired '%s': a full name is wanted, as in shop.v1.StockSold or shop.v1.StockSold.note", name);
        else if (use != NULL)
            weiri_problems_add(problems, "", 0, "%s is retired, and still %s of this module", name, use);
        else if (part != NULL)
            weiri_problems_add(problems, "", 0, "%s is retired, and still %s of %s", name, part, owner);
    }
}
