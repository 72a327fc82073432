/* SPDX-License-Identifier: Apache-2.0
 * See process_check.h. Each table is taken as rows of a message and a function, so that one piece of code sees all three; tables are
 * searched row by row: a module is checked once, and they are short. */
#include "message/process_check.h"
#include "base/text.h"
#include "message/module_check.h"
#include "message/upcast_check.h"
#include <stdio.h>
#include <string.h>

typedef void any_function(void); /* compared only */

typedef struct row {
    const ProtobufCMessageDescriptor *message;
    any_function *function;
} row;

typedef struct table {
    char name[128];
    unsigned n;
    row rows[WEIR_ROWS];
} table;

typedef struct check {
    const weir_module *module;
    const weir_process *process;
    weiri_problems *problems;
    table starts, events, rejections;
} check;

static const char *
called(const weir_process *process)
{
    return process->name == NULL ? "without a name" : process->name;
}

/* ---- what the aggregates have --------------------------------------------------------------------------- */

static bool
is_event(const weir_module *module, const ProtobufCMessageDescriptor *message)
{
    for (unsigned a = 0; a < WEIR_ROWS; a++)
        for (unsigned i = 0; module->aggregates[a] != NULL && i < WEIR_ROWS; i++)
            if (module->aggregates[a]->events[i].message == message)
                return true;
    return false;
}

static bool
is_command(const weir_module *module, const ProtobufCMessageDescriptor *message)
{
    for (unsigned a = 0; a < WEIR_ROWS; a++)
        for (unsigned i = 0; module->aggregates[a] != NULL && i < WEIR_ROWS; i++)
            if (module->aggregates[a]->commands[i].message == message)
                return true;
    return false;
}

static const weir_upcast_row *
upcast_of(const weir_module *module, const ProtobufCMessageDescriptor *message)
{
    for (unsigned i = 0; i < WEIR_ROWS; i++)
        if (module->upcasts[i].from == message && module->upcasts[i].to != NULL)
            return &module->upcasts[i];
    return NULL;
}

/* ---- tables --------------------------------------------------------------------------------------------- */

static void
begin_table(check *c, table *t, const char *name, const bool *filled, unsigned rows)
{
    (void)snprintf(t->name, sizeof t->name, "process %s, %s", called(c->process), name);
    t->n = weiri_table_check(t->name, filled, rows, c->problems);
}

static void
add_row(check *c, table *t, unsigned i, const ProtobufCMessageDescriptor *message, any_function *function)
{
    t->rows[i] = (row){ message, function };
    if (message == NULL && function != NULL)
        weiri_problems_add(c->problems, "", 0, "%s: row %u has a function and no message", t->name, i + 1);
    else if (message != NULL && function == NULL)
        weiri_problems_add(c->problems, "", 0, "%s: %s has no function", t->name, message->name);
}

static void
gather(check *c)
{
    bool filled[WEIR_ROWS + 1];
    const weir_process *process = c->process;

    for (unsigned i = 0; i <= WEIR_STARTS; i++)
        filled[i] = process->starts[i].message != NULL || process->starts[i].react != NULL;
    begin_table(c, &c->starts, "starts", filled, WEIR_STARTS);
    for (unsigned i = 0; i < c->starts.n; i++)
        add_row(c, &c->starts, i, process->starts[i].message, (any_function *)process->starts[i].react);
    for (unsigned i = 0; i <= WEIR_ROWS; i++)
        filled[i] = process->events[i].message != NULL || process->events[i].react != NULL;
    begin_table(c, &c->events, "events", filled, WEIR_ROWS);
    for (unsigned i = 0; i < c->events.n; i++)
        add_row(c, &c->events, i, process->events[i].message, (any_function *)process->events[i].react);
    for (unsigned i = 0; i <= WEIR_ROWS; i++)
        filled[i] = process->rejections[i].message != NULL || process->rejections[i].react != NULL;
    begin_table(c, &c->rejections, "rejections", filled, WEIR_ROWS);
    for (unsigned i = 0; i < c->rejections.n; i++)
        add_row(c, &c->rejections, i, process->rejections[i].message, (any_function *)process->rejections[i].react);
    if (c->starts.n == 0)
        weiri_problems_add(c->problems, "", 0, "process %s has no starts: nothing would ever begin it", called(process));
}

static void
check_timers(check *c)
{
    bool filled[WEIR_TIMERS + 1];
    const weir_timer_row *timers = c->process->timers;
    char what[128];

    for (unsigned i = 0; i <= WEIR_TIMERS; i++)
        filled[i] = timers[i].name != NULL || timers[i].react != NULL;
    (void)snprintf(what, sizeof what, "process %s, timers", called(c->process));
    const unsigned n = weiri_table_check(what, filled, WEIR_TIMERS, c->problems);
    (void)snprintf(what, sizeof what, "process %s, timer", called(c->process));
    for (unsigned i = 0; i < n; i++) {
        if (!filled[i])
            continue;
        weiri_name_check(what, timers[i].name, c->problems);
        if (timers[i].react == NULL)
            weiri_problems_add(c->problems, "", 0, "process %s: timer %s has no function", called(c->process), timers[i].name);
        for (unsigned j = 0; j < i && timers[i].name != NULL; j++)
            if (timers[j].name != NULL && strcmp(timers[j].name, timers[i].name) == 0) {
                weiri_problems_add(c->problems, "", 0, "process %s has two timers '%s'", called(c->process), timers[i].name);
                break;
            }
    }
}

/* ---- messages ------------------------------------------------------------------------------------------- */

static void
check_key(check *c, const ProtobufCMessageDescriptor *message)
{
    char hint[160];
    weiri_nearest nearest = { 0 };
    const char *key = c->process->key;

    if (key == NULL || key[0] == '\0')
        return;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(message, key);
    if (field != NULL && weiri_key_field_valid(field))
        return;
    for (unsigned i = 0; field == NULL && i < message->n_fields; i++)
        weiri_nearest_offer(&nearest, key, message->fields[i].name);
    weiri_problems_add(c->problems, "", 0, "process %s: key '%s' of %s must be one string or integer%s%s", called(c->process), key,
        message->name, field == NULL ? ": there is no such field" : "", weiri_nearest_hint(&nearest, hint, sizeof hint));
}

static void
check_event(check *c, const ProtobufCMessageDescriptor *message)
{
    const weir_upcast_row *old = upcast_of(c->module, message);

    if (is_event(c->module, message))
        check_key(c, message);
    else if (old != NULL)
        weiri_problems_add(
            c->problems, "", 0, "%s is upcast to %s: the row of process %s names that", message->name, old->to->name, called(c->process));
    else
        weiri_problems_add(c->problems, "", 0, "process %s: no aggregate has an event %s", called(c->process), message->name);
}

/* Row i of `t` against those before it, and against all of `before`. */
static void
check_twice(check *c, const table *t, unsigned i, const table *before)
{
    const row *r = &t->rows[i];

    for (unsigned j = 0; j < i + (before == NULL ? 0 : before->n); j++) {
        const row *other = j < i ? &t->rows[j] : &before->rows[j - i];
        if (other->message == r->message) {
            weiri_problems_add(c->problems, "", 0, "%s has two rows in process %s", r->message->name, called(c->process));
            return;
        }
        if (other->function == r->function && r->function != NULL && other->message != NULL && t != &c->rejections) {
            weiri_problems_add(c->problems, "", 0, "one function stands in two rows: of %s and of %s in process %s", other->message->name,
                r->message->name, called(c->process));
            return;
        }
    }
}

static void
check_rows(check *c, const table *t, const table *before)
{
    for (unsigned i = 0; i < t->n; i++) {
        const ProtobufCMessageDescriptor *message = t->rows[i].message;
        if (message == NULL || message->name == NULL)
            continue;
        check_twice(c, t, i, before);
        if (t != &c->rejections)
            check_event(c, message);
        else if (!is_command(c->module, message))
            weiri_problems_add(c->problems, "", 0, "process %s: no aggregate has a command %s", called(c->process), message->name);
    }
}

static void
check_name(check *c, unsigned i)
{
    const char *name = c->process->name;

    weiri_name_check("process", name, c->problems);
    if (name == NULL)
        return;
    for (unsigned j = 0; j < i; j++)
        if (c->module->processes[j] != NULL && c->module->processes[j]->name != NULL && strcmp(c->module->processes[j]->name, name) == 0) {
            weiri_problems_add(c->problems, "", 0, "two processes are called '%s'", name);
            break;
        }
    for (unsigned j = 0; j < WEIR_ROWS; j++)
        if (c->module->aggregates[j] != NULL && c->module->aggregates[j]->name != NULL &&
            strcmp(c->module->aggregates[j]->name, name) == 0) {
            weiri_problems_add(c->problems, "", 0, "an aggregate and a process are both called '%s'", name);
            break;
        }
}

void
weiri_processes_check(const weir_module *module, weiri_descriptors *all, weiri_problems *problems)
{
    bool filled[WEIR_ROWS + 1];

    for (unsigned i = 0; i <= WEIR_ROWS; i++)
        filled[i] = module->processes[i] != NULL;
    const unsigned n = weiri_table_check("processes", filled, WEIR_ROWS, problems);
    for (unsigned i = 0; i < n; i++) {
        check c = { .module = module, .process = module->processes[i], .problems = problems };
        if (c.process == NULL)
            continue;
        check_name(&c, i);
        if (c.process->key == NULL || c.process->key[0] == '\0')
            weiri_problems_add(problems, "", 0, "process %s names no key", called(c.process));
        if (c.process->state != NULL)
            weiri_descriptors_add(all, c.process->state, problems);
        gather(&c);
        check_rows(&c, &c.starts, NULL);
        check_rows(&c, &c.events, &c.starts);
        check_rows(&c, &c.rejections, NULL);
        check_timers(&c);
    }
}
