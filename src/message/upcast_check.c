/* SPDX-License-Identifier: Apache-2.0
 * See upcast_check.h. Tables are searched row by row: a module is checked once, and its tables end at 64. */
#include "message/upcast_check.h"
#include "base/bytes.h"

unsigned
weiri_table_check(const char *table, const bool *filled, unsigned rows, weiri_problems *problems)
{
    unsigned n = 0, last = 0;

    while (n < rows && filled[n])
        n++;
    for (unsigned i = n; i < rows; i++)
        if (filled[i])
            last = i + 1;
    if (filled[rows])
        weiri_problems_add(problems, "", 0, "%s: the table is full: %u rows are the most", table, rows);
    if (last > 0)
        weiri_problems_add(
            problems, "", 0, "%s: row %u is empty and row %u is not: a table ends at its first empty row", table, n + 1, last);
    return last > 0 ? last : n;
}

static bool
is_whole(const weir_upcast_row *row)
{
    return row->from != NULL && row->from->name != NULL && row->to != NULL && row->to->name != NULL;
}

/* The row that takes `message` on; -1: none. */
static int
row_from(const weir_module *module, const ProtobufCMessageDescriptor *message)
{
    for (int i = 0; i < WEIR_ROWS; i++)
        if (is_whole(&module->upcasts[i]) && module->upcasts[i].from == message)
            return i;
    return -1;
}

static const weir_aggregate *
event_of(const weir_module *module, const ProtobufCMessageDescriptor *message)
{
    for (unsigned a = 0; a < WEIR_ROWS; a++)
        for (unsigned i = 0; module->aggregates[a] != NULL && i < WEIR_ROWS; i++)
            if (module->aggregates[a]->events[i].message == message)
                return module->aggregates[a];
    return NULL;
}

/* What `message` is, if it is no event: "a command", "a state", or NULL. */
static const char *
other_use(const weir_module *module, const ProtobufCMessageDescriptor *message)
{
    for (unsigned a = 0; a < WEIR_ROWS; a++) {
        if (module->aggregates[a] == NULL)
            continue;
        if (module->aggregates[a]->state == message)
            return "a state";
        for (unsigned i = 0; i < WEIR_ROWS; i++)
            if (module->aggregates[a]->commands[i].message == message)
                return "a command";
    }
    return NULL;
}

static void
check_row(const weir_module *module, int i, weiri_problems *problems)
{
    const weir_upcast_row *row = &module->upcasts[i];
    const char *from = row->from->name, *to = row->to->name;
    const weir_aggregate *aggregate = event_of(module, row->from);
    const int before = row_from(module, row->from);

    if (row->upcast == NULL)
        weiri_problems_add(problems, "", 0, "the upcast of %s to %s has no function", from, to);
    if (before < i)
        weiri_problems_add(problems, "", 0, "%s has two upcasts: to %s and to %s", from, module->upcasts[before].to->name, to);
    if (aggregate != NULL)
        weiri_problems_add(problems, "", 0, "%s is upcast to %s: the row of aggregate %s names that", from, to,
            aggregate->name == NULL ? "without a name" : aggregate->name);
    else if (other_use(module, row->from) != NULL)
        weiri_problems_add(problems, "", 0, "the upcast of %s to %s: %s is %s, not an event", from, to, from, other_use(module, row->from));
    if (event_of(module, row->to) == NULL && row_from(module, row->to) < 0)
        weiri_problems_add(problems, "", 0, "the upcast of %s to %s: no aggregate has an event %s", from, to, to);
}

/* Tells a loop once: from the row of it that comes first. */
static void
check_loop(const weir_module *module, int i, weiri_problems *problems)
{
    weiri_buffer names = { 0 };
    int row = i;

    for (unsigned steps = 0; steps <= WEIR_ROWS; steps++) {
        weiri_buffer_print(&names, "%s to ", module->upcasts[row].from->name);
        row = row_from(module, module->upcasts[row].to);
        if (row == i)
            weiri_problems_add(problems, "", 0, "an upcast loop: %s%s", weiri_buffer_text(&names), module->upcasts[i].from->name);
        if (row <= i)
            break;
    }
    weiri_buffer_fini(&names);
}

void
weiri_upcasts_check(const weir_module *module, weiri_problems *problems)
{
    bool filled[WEIR_ROWS + 1];

    for (unsigned i = 0; i <= WEIR_ROWS; i++)
        filled[i] = module->upcasts[i].from != NULL || module->upcasts[i].to != NULL || module->upcasts[i].upcast != NULL;
    const int n = (int)weiri_table_check("upcasts", filled, WEIR_ROWS, problems);
    for (int i = 0; i < n; i++) {
        if (is_whole(&module->upcasts[i])) {
            check_row(module, i, problems);
            if (row_from(module, module->upcasts[i].from) == i)
                check_loop(module, i, problems);
        } else if (filled[i]) {
            weiri_problems_add(problems, "", 0, "upcasts: row %d needs two messages: an old event and a new one", i + 1);
        }
    }
}
