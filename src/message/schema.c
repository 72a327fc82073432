/* SPDX-License-Identifier: Apache-2.0
 * A module compiled: all its types in one array (commands, then events, then old events, then states), and an open table
 * over their full names, at most half full, so that a name is found in constant time. Immutable once made. Thread: any. */
#include "message/schema.h"
#include "base/hash.h"
#include "base/memory.h"
#include "message/assign.h"
#include "message/descriptors.h"
#include "message/module_check.h"
#include "message/process.h"
#include "message/process.pb-c.h"

typedef struct name_slot {
    uint64_t hash;
    uint32_t size;
    uint32_t number; /* one more than the type's; 0: free */
} name_slot;

struct weiri_schema {
    const weir_module *module;
    const weir_aggregate **aggregates; /* the module's, then one made for each process */
    weir_aggregate *made;
    ProtobufCMessageDescriptor stepped; /* under the name that it has in the log */
    weiri_type *types;
    size_t n_types, n_aggregates, n_processes, first_process, first_step, first_state;
    name_slot *names;
    size_t names_mask;
    uint64_t fingerprint;
};

/* ---- making ------------------------------------------------------------------------------------------- */

static size_t
count_types(const weir_module *module)
{
    size_t n = 0;

    for (size_t a = 0; module->aggregates[a] != NULL; a++, n++) {
        for (size_t i = 0; module->aggregates[a]->commands[i].message != NULL; i++)
            n++;
        for (size_t i = 0; module->aggregates[a]->events[i].message != NULL; i++)
            n++;
    }
    for (size_t i = 0; module->upcasts[i].from != NULL; i++)
        n++;
    for (size_t i = 0; module->processes[i] != NULL; i++)
        n += 3; /* step, stepped, instance */
    return n;
}

/* An old event may be without a key. */
static const ProtobufCFieldDescriptor *
key_of(const weiri_schema *schema, size_t aggregate, const ProtobufCMessageDescriptor *descriptor)
{
    const ProtobufCFieldDescriptor *key = protobuf_c_message_descriptor_get_field_by_name(descriptor, schema->aggregates[aggregate]->key);

    return key != NULL && weiri_key_field_valid(key) ? key : NULL;
}

static weiri_type *
add_type(weiri_schema *schema, weiri_type_kind kind, const ProtobufCMessageDescriptor *descriptor, size_t aggregate)
{
    weiri_type *type = &schema->types[schema->n_types];

    *type = (weiri_type){ .descriptor = descriptor, .kind = kind, .number = (uint16_t)schema->n_types, .newest = type };
    type->aggregate = (uint16_t)aggregate;
    type->key = kind == WEIRI_TYPE_STATE ? NULL : key_of(schema, aggregate, descriptor);
    schema->n_types++;
    return type;
}

static weiri_type *
type_of_event(const weiri_schema *schema, const ProtobufCMessageDescriptor *descriptor)
{
    for (size_t i = 0; i < schema->n_types; i++)
        if (schema->types[i].descriptor == descriptor && schema->types[i].kind == WEIRI_TYPE_EVENT)
            return &schema->types[i];
    return NULL;
}

/* Old events belong to the aggregate of the event that their chain ends in. The checks have seen that it does. */
static void
add_upcasts(weiri_schema *schema)
{
    const weir_upcast_row *rows = schema->module->upcasts;
    const size_t first = schema->n_types;

    for (size_t i = 0; rows[i].from != NULL; i++)
        add_type(schema, WEIRI_TYPE_EVENT, rows[i].from, 0)->upcast = &rows[i];
    for (size_t i = first; i < schema->n_types; i++)
        schema->types[i].next = type_of_event(schema, schema->types[i].upcast->to);
    for (size_t i = first; i < schema->n_types; i++) {
        const weiri_type *newest = &schema->types[i];
        while (newest->next != NULL)
            newest = newest->next;
        schema->types[i].newest = newest;
        schema->types[i].aggregate = newest->aggregate;
        schema->types[i].key = key_of(schema, newest->aggregate, schema->types[i].descriptor);
    }
}

/* A process is kept as an aggregate is: one of no tables, whose one command says what has reached an instance. */
static void
add_processes(weiri_schema *schema)
{
    schema->first_step = schema->n_types;
    for (size_t i = 0; i < schema->n_processes; i++) {
        const weir_process *process = schema->module->processes[i];
        const size_t aggregate = schema->first_process + i;
        add_type(schema, WEIRI_TYPE_COMMAND, &weir__step_process__descriptor, aggregate)->process = process;
        weiri_type *stepped = add_type(schema, WEIRI_TYPE_EVENT, &schema->stepped, aggregate);
        stepped->process = process;
        stepped->evolve = weiri_process_evolve;
    }
}

static void
list_aggregates(weiri_schema *schema)
{
    const weir_module *module = schema->module;
    size_t n = 0;

    while (module->processes[schema->n_processes] != NULL)
        schema->n_processes++;
    while (module->aggregates[n] != NULL)
        n++;
    schema->first_process = n;
    schema->n_aggregates = n + schema->n_processes;
    schema->aggregates = weiri_allocate(schema->n_aggregates * sizeof *schema->aggregates);
    schema->made = weiri_allocate((schema->n_processes + 1) * sizeof *schema->made);
    memcpy(schema->aggregates, module->aggregates, n * sizeof *schema->aggregates);
    for (size_t i = 0; i < schema->n_processes; i++) {
        weir_aggregate *made = &schema->made[i];
        made->name = module->processes[i]->name;
        made->key = "instance";
        made->state = &weir__process_instance__descriptor;
        schema->aggregates[n + i] = made;
    }
    schema->stepped = weir__process_stepped__descriptor;
    schema->stepped.name = WEIRI_EVENT_STEPPED;
}

static void
add_types(weiri_schema *schema)
{
    const weir_module *module = schema->module;

    for (size_t a = 0; module->aggregates[a] != NULL; a++)
        for (const weir_command_row *row = module->aggregates[a]->commands; row->message != NULL; row++)
            add_type(schema, WEIRI_TYPE_COMMAND, row->message, a)->decide = row->decide;
    for (size_t a = 0; module->aggregates[a] != NULL; a++)
        for (const weir_event_row *row = module->aggregates[a]->events; row->message != NULL; row++)
            add_type(schema, WEIRI_TYPE_EVENT, row->message, a)->evolve = row->evolve;
    add_upcasts(schema);
    add_processes(schema);
    schema->first_state = schema->n_types;
    for (size_t a = 0; a < schema->n_aggregates; a++)
        add_type(schema, WEIRI_TYPE_STATE, schema->aggregates[a]->state, a)->process = weiri_schema_process(schema, a);
}

/* The slot of a name, or the free one where it belongs. */
static name_slot *
slot_of(const weiri_schema *schema, weiri_bytes name)
{
    const uint64_t hash = weiri_hash64(0, name.data, name.size);

    for (size_t i = hash & schema->names_mask;; i = (i + 1) & schema->names_mask) {
        name_slot *slot = &schema->names[i];
        if (slot->number == 0)
            return slot;
        if (slot->hash == hash && slot->size == name.size &&
            memcmp(schema->types[slot->number - 1].descriptor->name, name.data, name.size) == 0)
            return slot;
    }
}

/* Aggregates may share a state, and a state may be an event too: the name then finds the first. */
static void
index_names(weiri_schema *schema)
{
    size_t slots = 16;

    while (slots < 2 * schema->n_types)
        slots *= 2;
    schema->names = weiri_allocate(slots * sizeof *schema->names);
    schema->names_mask = slots - 1;
    for (size_t i = 0; i < schema->n_types; i++) {
        const weiri_bytes name = weiri_bytes_of(schema->types[i].descriptor->name);
        name_slot *slot = slot_of(schema, name);
        if (slot->number == 0)
            *slot = (name_slot){ weiri_hash64(0, name.data, name.size), (uint32_t)name.size, (uint32_t)i + 1 };
    }
}

static uint64_t
hash_text(uint64_t hash, const char *text)
{
    return weiri_hash64(hash, text, strlen(text) + 1);
}

static uint64_t
fingerprint_of(const weiri_schema *schema, const weiri_descriptors *all)
{
    uint64_t hash = weiri_descriptors_hash(all, WEIR_ABI);

    for (size_t i = 0; i < schema->n_types; i++) {
        const weiri_type *type = &schema->types[i];
        const weir_aggregate *aggregate = schema->aggregates[type->aggregate];
        const uint8_t kind = (uint8_t)type->kind;
        hash = weiri_hash64(hash, &kind, sizeof kind);
        hash = hash_text(hash, aggregate->name);
        hash = hash_text(hash, aggregate->key);
        hash = hash_text(hash, type->descriptor->name);
        hash = hash_text(hash, type->upcast == NULL ? "" : type->upcast->to->name);
    }
    return hash;
}

void
weiri_schema_new(const weir_module *module, weiri_schema **ret_schema, weiri_problems *problems)
{
    const size_t problems_before = problems->n;
    weiri_descriptors all = { 0 };

    *ret_schema = NULL;
    weiri_module_check(module, &all, problems);
    if (problems->n == problems_before) {
        weiri_schema *schema = weiri_allocate(sizeof *schema);
        schema->module = module;
        schema->types = weiri_allocate(count_types(module) * sizeof *schema->types);
        list_aggregates(schema);
        add_types(schema);
        index_names(schema);
        schema->fingerprint = fingerprint_of(schema, &all);
        *ret_schema = schema;
    }
    weiri_descriptors_fini(&all);
}

void
weiri_schema_free(weiri_schema *schema)
{
    if (schema == NULL)
        return;
    weiri_assign_forget(); /* the module may be unloaded now */
    weiri_release(schema->names);
    weiri_release(schema->types);
    weiri_release(schema->aggregates);
    weiri_release(schema->made);
    weiri_release(schema);
}

/* ---- asking ------------------------------------------------------------------------------------------- */

const weir_module *
weiri_schema_module(const weiri_schema *schema)
{
    return schema->module;
}

size_t
weiri_schema_types(const weiri_schema *schema)
{
    return schema->n_types;
}

const weiri_type *
weiri_schema_type(const weiri_schema *schema, size_t number)
{
    return number < schema->n_types ? &schema->types[number] : NULL;
}

size_t
weiri_schema_aggregates(const weiri_schema *schema)
{
    return schema->n_aggregates;
}

const weir_aggregate *
weiri_schema_aggregate(const weiri_schema *schema, size_t index)
{
    return index < schema->n_aggregates ? schema->aggregates[index] : NULL;
}

const weiri_type *
weiri_schema_state(const weiri_schema *schema, size_t aggregate)
{
    return aggregate < schema->n_aggregates ? &schema->types[schema->first_state + aggregate] : NULL;
}

int
weiri_schema_aggregate_find(const weiri_schema *schema, weiri_bytes name)
{
    for (size_t i = 0; i < schema->n_aggregates; i++)
        if (weiri_bytes_are(name, schema->aggregates[i]->name))
            return (int)i;
    return -1;
}

const weiri_type *
weiri_schema_find(const weiri_schema *schema, weiri_bytes full_name)
{
    const name_slot *slot = slot_of(schema, full_name);

    return slot->number == 0 ? NULL : &schema->types[slot->number - 1];
}

uint64_t
weiri_schema_fingerprint(const weiri_schema *schema)
{
    return schema->fingerprint;
}

/* ---- processes ---------------------------------------------------------------------------------------- */

size_t
weiri_schema_processes(const weiri_schema *schema)
{
    return schema->n_processes;
}

const weir_process *
weiri_schema_process(const weiri_schema *schema, size_t aggregate)
{
    return aggregate < schema->first_process || aggregate >= schema->n_aggregates
               ? NULL
               : schema->module->processes[aggregate - schema->first_process];
}

uint16_t
weiri_schema_process_aggregate(const weiri_schema *schema, size_t process)
{
    return (uint16_t)(schema->first_process + process);
}

const weiri_type *
weiri_schema_step(const weiri_schema *schema, size_t aggregate)
{
    return &schema->types[schema->first_step + 2 * (aggregate - schema->first_process)];
}

const weiri_type *
weiri_schema_stepped(const weiri_schema *schema, size_t aggregate)
{
    return weiri_schema_step(schema, aggregate) + 1;
}

const weiri_type *
weiri_schema_find_of(const weiri_schema *schema, weiri_bytes full_name, weiri_bytes aggregate)
{
    const weiri_type *type = weiri_schema_find(schema, full_name);

    if (type == NULL || type->process == NULL)
        return type;
    int found = weiri_schema_aggregate_find(schema, aggregate);
    if (found < 0 || weiri_schema_process(schema, (size_t)found) == NULL)
        return NULL;
    return type->kind == WEIRI_TYPE_COMMAND ? weiri_schema_step(schema, (size_t)found) : weiri_schema_stepped(schema, (size_t)found);
}
