/* SPDX-License-Identifier: Apache-2.0
 * The checks of a module's aggregates. Their rows are gathered first, then each check goes over all of them, so that one
 * mistake hides no other; a row without a named message is told and left out. Thread: any. */
#include "message/module_check.h"
#include "base/memory.h"
#include "base/text.h"
#include "message/retired_check.h"
#include "message/process_check.h"
#include "message/upcast_check.h"
#include <stdio.h>
#include <string.h>
#include <weir/state.h>

enum { NAME_MOST = 63, TABLE_NAME_ROOM = 128 }; /* a name: as the log's identity has room for */

typedef void any_function(void); /* compared only */

typedef struct use {
    const weir_aggregate *aggregate;
    const ProtobufCMessageDescriptor *message;
    any_function *function;
    bool command;
} use;

typedef struct check {
    const weir_module *module;
    weiri_descriptors *all;
    weiri_problems *problems;
    use *uses;
    size_t n, room;
} check;

static const char *
called(const weir_aggregate *aggregate)
{
    return aggregate->name == NULL ? "without a name" : aggregate->name;
}

/* ---- names and tables --------------------------------------------------------------------------------- */

void
weiri_name_check(const char *what, const char *name, weiri_problems *problems)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

    if (name == NULL)
        weiri_problems_add(problems, "", 0, "%s has no name", what);
    else if (name[0] < 'a' || name[0] > 'z' || strspn(name, letters) != strlen(name) || strlen(name) > NAME_MOST)
        weiri_problems_add(problems, "", 0, "%s '%s': a name is [a-z][a-z0-9-]*, at most %d characters", what, name, NAME_MOST);
}

static void
add_use(check *c, const weir_aggregate *aggregate, const ProtobufCMessageDescriptor *message, any_function *function, bool command)
{
    if (message->name == NULL) {
        weiri_descriptors_add(c->all, message, c->problems);
        return;
    }
    if (c->n == c->room) {
        c->room = c->room == 0 ? WEIR_ROWS : 2 * c->room;
        c->uses = weiri_reallocate(c->uses, c->room * sizeof *c->uses);
    }
    c->uses[c->n++] = (use){ aggregate, message, function, command };
    weiri_descriptors_add(c->all, message, c->problems);
    if (command && function == NULL)
        weiri_problems_add(c->problems, "", 0, "aggregate %s: command %s has no function", called(aggregate), message->name);
}

static void
gather_commands(check *c, const weir_aggregate *aggregate)
{
    bool filled[WEIR_ROWS + 1];
    char table[TABLE_NAME_ROOM];

    (void)snprintf(table, sizeof table, "aggregate %s, commands", called(aggregate));
    for (unsigned i = 0; i <= WEIR_ROWS; i++)
        filled[i] = aggregate->commands[i].message != NULL || aggregate->commands[i].decide != NULL;
    const unsigned n = weiri_table_check(table, filled, WEIR_ROWS, c->problems);
    if (n == 0)
        weiri_problems_add(c->problems, "", 0, "aggregate %s has no commands", called(aggregate));
    for (unsigned i = 0; i < n; i++) {
        const weir_command_row *row = &aggregate->commands[i];
        if (row->message != NULL)
            add_use(c, aggregate, row->message, (any_function *)row->decide, true);
        else if (filled[i])
            weiri_problems_add(c->problems, "", 0, "%s: row %u has a function and no message", table, i + 1);
    }
}

static void
gather_events(check *c, const weir_aggregate *aggregate)
{
    bool filled[WEIR_ROWS + 1];
    char table[TABLE_NAME_ROOM];

    (void)snprintf(table, sizeof table, "aggregate %s, events", called(aggregate));
    for (unsigned i = 0; i <= WEIR_ROWS; i++)
        filled[i] = aggregate->events[i].message != NULL || aggregate->events[i].evolve != NULL;
    const unsigned n = weiri_table_check(table, filled, WEIR_ROWS, c->problems);
    for (unsigned i = 0; i < n; i++) {
        const weir_event_row *row = &aggregate->events[i];
        if (row->message != NULL)
            add_use(c, aggregate, row->message, (any_function *)row->evolve, false);
        else if (filled[i])
            weiri_problems_add(c->problems, "", 0, "%s: row %u has a function and no message", table, i + 1);
    }
}

static void
gather(check *c)
{
    bool filled[WEIR_ROWS + 1];

    for (unsigned i = 0; i <= WEIR_ROWS; i++)
        filled[i] = c->module->aggregates[i] != NULL;
    const unsigned n = weiri_table_check("aggregates", filled, WEIR_ROWS, c->problems);
    if (n == 0)
        weiri_problems_add(c->problems, "", 0, "the module has no aggregates");
    for (unsigned i = 0; i < n; i++) {
        const weir_aggregate *aggregate = c->module->aggregates[i];
        bool twice = false;
        if (aggregate == NULL)
            continue;
        weiri_name_check("aggregate", aggregate->name, c->problems);
        for (unsigned j = 0; j < i && aggregate->name != NULL; j++) {
            const weir_aggregate *other = c->module->aggregates[j];
            if (other != NULL && other->name != NULL && strcmp(other->name, aggregate->name) == 0) {
                weiri_problems_add(c->problems, "", 0, "two aggregates are called '%s'", aggregate->name);
                twice = other == aggregate;
                break;
            }
        }
        if (twice)
            continue;
        if (aggregate->key == NULL || aggregate->key[0] == '\0')
            weiri_problems_add(c->problems, "", 0, "aggregate %s names no key", called(aggregate));
        if (aggregate->state == NULL)
            weiri_problems_add(c->problems, "", 0, "aggregate %s has no state", called(aggregate));
        else
            weiri_descriptors_add(c->all, aggregate->state, c->problems);
        gather_commands(c, aggregate);
        gather_events(c, aggregate);
    }
}

/* ---- keys --------------------------------------------------------------------------------------------- */

bool
weiri_key_field_valid(const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED || (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        return false;
    switch (field->type) {
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return false;
    default:
        return true;
    }
}

/* The key field of a use; NULL: it has been told what is wrong with it. */
static const ProtobufCFieldDescriptor *
check_key(check *c, const use *u)
{
    char hint[160];
    weiri_nearest nearest = { 0 };
    const char *key = u->aggregate->key;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(u->message, key);

    if (field != NULL && weiri_key_field_valid(field))
        return field;
    for (unsigned i = 0; field == NULL && i < u->message->n_fields; i++)
        weiri_nearest_offer(&nearest, key, u->message->fields[i].name);
    weiri_problems_add(c->problems, "", 0, "aggregate %s: key '%s' of %s must be one string or integer%s%s", called(u->aggregate), key,
        u->message->name, field == NULL ? ": there is no such field" : "", weiri_nearest_hint(&nearest, hint, sizeof hint));
    return NULL;
}

/* Of one aggregate all keys are text, or all are numbers: weir fills those of the events from that of the command. */
static void
check_keys(check *c)
{
    const use *first = NULL;
    bool first_is_text = false;

    for (size_t i = 0; i < c->n; i++) {
        const use *u = &c->uses[i];
        if (u->aggregate->key == NULL || u->aggregate->key[0] == '\0')
            continue;
        const ProtobufCFieldDescriptor *field = check_key(c, u);
        if (field == NULL)
            continue;
        const bool is_text = field->type == PROTOBUF_C_TYPE_STRING;
        if (first == NULL || first->aggregate != u->aggregate) {
            first = u;
            first_is_text = is_text;
        } else if (is_text != first_is_text) {
            weiri_problems_add(c->problems, "", 0, "aggregate %s: key '%s' is a string in %s and an integer in %s", called(u->aggregate),
                u->aggregate->key, (is_text ? u : first)->message->name, (is_text ? first : u)->message->name);
        }
    }
}

/* ---- uses --------------------------------------------------------------------------------------------- */

static void
tell_message_twice(check *c, const use *a, const use *b)
{
    const char *what = a->command ? "command" : "event", *has = a->command ? "two handlers" : "two rows";

    if (a->command != b->command)
        weiri_problems_add(c->problems, "", 0, "%s is a command of aggregate %s and an event of %s", a->message->name,
            called((a->command ? a : b)->aggregate), called((a->command ? b : a)->aggregate));
    else if (a->aggregate != b->aggregate)
        weiri_problems_add(c->problems, "", 0, "%s %s has %s: in aggregate %s and in %s", what, a->message->name, has, called(a->aggregate),
            called(b->aggregate));
    else
        weiri_problems_add(c->problems, "", 0, "%s %s has %s in aggregate %s", what, a->message->name, has, called(a->aggregate));
}

/* Each use is compared with the first before it that has the same message, or the same function. weir_assign may
 * stand in many rows: it looks at the descriptors of what it is given. */
static void
check_twice(check *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const use *u = &c->uses[i];
        bool message_told = false, function_told = u->function == NULL || u->function == (any_function *)weir_assign;
        for (size_t j = 0; j < i && !(message_told && function_told); j++) {
            const use *before = &c->uses[j];
            if (!message_told && before->message == u->message) {
                tell_message_twice(c, before, u);
                message_told = true;
            } else if (!function_told && before->function == u->function && before->message != u->message) {
                weiri_problems_add(c->problems, "", 0, "one function stands in two rows: of %s in aggregate %s and of %s in %s",
                    before->message->name, called(before->aggregate), u->message->name, called(u->aggregate));
                function_told = true;
            }
        }
    }
}

void
weiri_module_check(const weir_module *module, weiri_descriptors *all, weiri_problems *problems)
{
    check c = { .module = module, .all = all, .problems = problems };

    if (module->abi != WEIR_ABI) { /* then nothing behind it can be trusted to lie where it should */
        weiri_problems_add(
            problems, "", 0, "the module was built for ABI %d of weir, this is ABI %d: build it again", module->abi, WEIR_ABI);
        return;
    }
    weiri_name_check("module", module->name, problems);
    gather(&c);
    for (unsigned i = 0; i < WEIR_ROWS; i++) {
        if (module->upcasts[i].from != NULL)
            weiri_descriptors_add(all, module->upcasts[i].from, problems);
        if (module->upcasts[i].to != NULL)
            weiri_descriptors_add(all, module->upcasts[i].to, problems);
    }
    check_keys(&c);
    check_twice(&c);
    weiri_upcasts_check(module, problems);
    weiri_retired_check(module, all, problems);
    weiri_processes_check(module, all, problems);
    weiri_release(c.uses);
}
