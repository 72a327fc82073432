/* SPDX-License-Identifier: Apache-2.0
 * A view file against the module's messages: events, fields, each; the plans of what an event does; and the version, the
 * hash of all that a view's rows follow from. Thread: any. */
#include <stdio.h>
#include "query/view_file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"

/* Part of every version: raise it when bindings or values change their meaning, and all views are built anew. */
#define MEANING "weir views 2"

typedef struct checker {
    weiri_view_file *file;
    const weiri_schema *schema;
    weiri_problems *problems;
} checker;

static void
unknown_event(checker *c, int line, const char *name)
{
    weiri_nearest nearest = { 0 };
    char hint[200];

    for (size_t i = 0; i < weiri_schema_types(c->schema); i++) {
        const weiri_type *type = weiri_schema_type(c->schema, i);
        if (type->kind == WEIRI_TYPE_EVENT && type->newest == type && type->process == NULL)
            weiri_nearest_offer(&nearest, name, type->descriptor->name);
    }
    weiri_problems_add(
        c->problems, c->file->file, line, "no message '%s' in this module%s", name, weiri_nearest_hint(&nearest, hint, sizeof hint));
}

static void
check_event(checker *c, const weiri_on *on, weiri_on_type *event)
{
    const weiri_type *type = weiri_schema_find(c->schema, weiri_bytes_of(event->name));

    if (type != NULL && type->process != NULL)
        type = NULL; /* weir's own */
    for (const weiri_on_type *other = on->types; other < event; other++)
        if (type != NULL && other->type == type) {
            weiri_problems_add(c->problems, c->file->file, on->line, "%s stands here twice", event->name);
            return;
        }
    if (type == NULL) {
        unknown_event(c, on->line, event->name);
    } else if (type->kind != WEIRI_TYPE_EVENT) {
        weiri_problems_add(c->problems, c->file->file, on->line, "%s is a %s: a view sees events", event->name,
            type->kind == WEIRI_TYPE_COMMAND ? "command" : "state");
    } else if (type->newest != type) {
        weiri_problems_add(
            c->problems, c->file->file, on->line, "%s is upcast to %s: a view sees that", event->name, type->newest->descriptor->name);
    } else {
        event->type = type;
    }
}

static const ProtobufCFieldDescriptor *
find_each(checker *c, const weiri_on_statement *statement, const ProtobufCMessageDescriptor *type)
{
    weiri_nearest nearest = { 0 };
    char hint[128];
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(type, statement->each);

    if (field != NULL && field->label == PROTOBUF_C_LABEL_REPEATED)
        return field;
    if (field != NULL) {
        weiri_problems_add(c->problems, c->file->file, statement->each_line, "'%s' of %s is not repeated: it needs no '-- each:'",
            statement->each, type->name);
        return NULL;
    }
    for (unsigned i = 0; i < type->n_fields; i++)
        weiri_nearest_offer(&nearest, statement->each, type->fields[i].name);
    weiri_problems_add(c->problems, c->file->file, statement->each_line, "%s has no field '%s'%s", type->name, statement->each,
        weiri_nearest_hint(&nearest, hint, sizeof hint));
    return NULL;
}

static void
add_run(checker *c, size_t statement_number, const weiri_type *type)
{
    const weiri_on_statement *statement = &c->file->statements[statement_number];
    const ProtobufCMessageDescriptor *descriptor = type->descriptor;
    weiri_run run = { .statement = statement_number, .n = statement->sql.n };
    weir_error err;

    if (statement->each != NULL) {
        run.each = find_each(c, statement, descriptor);
        if (run.each == NULL)
            return;
    }
    run.bindings = weiri_allocate(run.n * sizeof *run.bindings);
    for (size_t i = 0; i < run.n; i++) {
        const weiri_sql_binding *binding = &statement->sql.bindings[i];
        if (weiri_binding_compile(binding->path, descriptor, run.each, &run.bindings[i], &err) != WEIR_OK)
            weiri_problems_add(c->problems, c->file->file, binding->line, "%s", err.text);
    }
    weiri_plan *plan = &c->file->plans[type->number];
    plan->runs = weiri_reallocate(plan->runs, (plan->n + 1) * sizeof *plan->runs);
    plan->runs[plan->n++] = run;
}

static void
number_parameters(checker *c, weiri_view_query *query)
{
    query->numbers = weiri_allocate(query->sql.n * sizeof *query->numbers);
    for (size_t i = 0; i < query->sql.n; i++) {
        const weiri_sql_binding *binding = &query->sql.bindings[i];
        weiri_nearest nearest = { 0 };
        char hint[128];
        size_t j = 0;
        while (j < query->n && strcmp(query->parameters[j].name, binding->path) != 0)
            weiri_nearest_offer(&nearest, binding->path, query->parameters[j++].name);
        query->numbers[i] = j;
        if (j == query->n)
            weiri_problems_add(c->problems, c->file->file, binding->line, "query %s has no parameter '%s'%s", query->name, binding->path,
                weiri_nearest_hint(&nearest, hint, sizeof hint));
    }
    for (size_t j = 0; j < query->n; j++) {
        bool used = false;
        for (size_t i = 0; i < query->sql.n; i++)
            used = used || query->numbers[i] == j;
        if (!used && query->sql.text != NULL)
            weiri_problems_add(
                c->problems, c->file->file, query->line, "query %s never uses its parameter '%s'", query->name, query->parameters[j].name);
    }
}

/* ---- version ------------------------------------------------------------------------------------------- */

static void
add_line(weiri_buffer *to, const char *what, const char *text)
{
    weiri_buffer_print(to, "%s %zu ", what, strlen(text));
    weiri_buffer_add_text(to, text);
    weiri_buffer_add_char(to, '\n');
}

static void
add_run_version(const checker *c, const weiri_run *run, const weiri_type *type, weiri_buffer *to)
{
    add_line(to, "on", type->descriptor->name);
    for (size_t i = 0; i < run->n; i++) {
        const weiri_binding *b = &run->bindings[i];
        for (size_t j = 0; j < b->depth; j++)
            weiri_buffer_print(to, "field %u %d %d\n", b->fields[j]->id, (int)b->fields[j]->type, (int)b->fields[j]->label);
    }
    for (size_t i = 0; i < weiri_schema_types(c->schema); i++) {
        const weiri_type *old = weiri_schema_type(c->schema, i);
        if (old != type && old->newest == type)
            add_line(to, "upcast", old->descriptor->name);
    }
}

static void
add_statement_version(const checker *c, size_t number, weiri_buffer *to)
{
    const weiri_on_statement *statement = &c->file->statements[number];
    const weiri_on *on = &c->file->ons[statement->on];

    add_line(to, "statement", statement->sql.normal);
    add_line(to, "each", statement->each == NULL ? "" : statement->each);
    for (size_t i = 0; i < on->n; i++) {
        const weiri_type *type = on->types[i].type;
        const weiri_plan *plan = type == NULL ? NULL : &c->file->plans[type->number];
        for (size_t j = 0; plan != NULL && j < plan->n; j++)
            if (plan->runs[j].statement == number)
                add_run_version(c, &plan->runs[j], type, to);
    }
}

static void
make_version(checker *c)
{
    weiri_view_file *file = c->file;
    weiri_buffer all = { 0 };

    add_line(&all, "meaning", MEANING);
    for (size_t i = 0; i < file->schema_n; i++)
        add_line(&all, "schema", file->schema[i].normal);
    for (size_t i = 0; i < file->statements_n; i++)
        add_statement_version(c, i, &all);
    (void)snprintf(file->version, sizeof file->version, "%016llx", (unsigned long long)weiri_hash64(0, all.data, all.size));
    weiri_buffer_fini(&all);
}

void
weiri_view_file_compile(weiri_view_file *file, const weiri_schema *schema, weiri_problems *problems)
{
    checker c = { file, schema, problems };

    file->plans_n = weiri_schema_types(schema);
    file->plans = weiri_allocate(file->plans_n * sizeof *file->plans);
    for (size_t i = 0; i < file->ons_n; i++)
        for (size_t j = 0; j < file->ons[i].n; j++)
            check_event(&c, &file->ons[i], &file->ons[i].types[j]);
    for (size_t i = 0; i < file->statements_n; i++) {
        const weiri_on *on = &file->ons[file->statements[i].on];
        for (size_t j = 0; j < on->n; j++)
            if (on->types[j].type != NULL)
                add_run(&c, i, on->types[j].type);
    }
    for (size_t i = 0; i < file->queries_n; i++)
        number_parameters(&c, &file->queries[i]);
    make_version(&c);
}
