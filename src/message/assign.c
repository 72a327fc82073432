/* SPDX-License-Identifier: Apache-2.0
 * weir_assign: the fields that two messages share, copied deeply. Which these are is found once for two descriptors and
 * kept in a table of atomic pointers. Invariant: a plan in the table is never changed and never freed, so that readers
 * need no lock; plans of a generation that has passed are stepped over and replaced, and hang on to their successors. */
#include "message/assign.h"
#include <weir/state.h>
#include "base/hash.h"
#include "base/memory.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 4096, PROBES = 16 }; /* of the table; a pair that finds no place is planned each time */

typedef struct step {
    const ProtobufCFieldDescriptor *to, *from;
} step;

typedef struct plan {
    const ProtobufCMessageDescriptor *to, *from;
    uint64_t generation;
    struct plan *before; /* whose place it took */
    unsigned n;
    step steps[];
} plan;

static _Atomic(plan *) table[SLOTS];
static _Atomic uint64_t generation_now;

void
weiri_assign_forget(void)
{
    atomic_fetch_add(&generation_now, 1);
}

/* ---- plans -------------------------------------------------------------------------------------------- */

static bool
same_type(const ProtobufCFieldDescriptor *a, const ProtobufCFieldDescriptor *b)
{
    return a->type == b->type && a->descriptor == b->descriptor &&
           (a->label == PROTOBUF_C_LABEL_REPEATED) == (b->label == PROTOBUF_C_LABEL_REPEATED);
}

static plan *
make_plan(const ProtobufCMessageDescriptor *to, const ProtobufCMessageDescriptor *from, uint64_t generation)
{
    plan *p = weiri_allocate(sizeof *p + from->n_fields * sizeof *p->steps);

    *p = (plan){ .to = to, .from = from, .generation = generation };
    for (unsigned i = 0; i < from->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(to, from->fields[i].name);
        if (field != NULL && same_type(field, &from->fields[i]))
            p->steps[p->n++] = (step){ field, &from->fields[i] };
    }
    return p;
}

/* The plan for two descriptors; *ret_once: it is not in the table, the caller frees it. */
static plan *
plan_for(const ProtobufCMessageDescriptor *to, const ProtobufCMessageDescriptor *from, bool *ret_once)
{
    const uint64_t generation = atomic_load_explicit(&generation_now, memory_order_acquire);
    const uintptr_t pair[2] = { (uintptr_t)to, (uintptr_t)from };
    const uint64_t hash = weiri_hash64(0, pair, sizeof pair);
    plan *made = NULL;

    *ret_once = false;
    for (unsigned i = 0; i < PROBES; i++) {
        _Atomic(plan *) *slot = &table[(hash + i) % SLOTS];
        plan *p = atomic_load_explicit(slot, memory_order_acquire);
        while (p == NULL || p->generation != generation) {
            if (made == NULL)
                made = make_plan(to, from, generation);
            made->before = p;
            if (atomic_compare_exchange_weak_explicit(slot, &p, made, memory_order_acq_rel, memory_order_acquire))
                return made;
        }
        if (p->to == to && p->from == from) {
            free(made);
            return p;
        }
    }
    *ret_once = true;
    return made != NULL ? made : make_plan(to, from, generation);
}

/* ---- values ------------------------------------------------------------------------------------------- */

static size_t
value_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
        return sizeof(char *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(ProtobufCMessage *);
    default:
        return sizeof(uint32_t);
    }
}

void
weiri_assign_unknown(ProtobufCMessage *to, const ProtobufCMessage *from)
{
    if (from->n_unknown_fields == 0)
        return;
    to->unknown_fields = weiri_reallocate(to->unknown_fields, (to->n_unknown_fields + from->n_unknown_fields) * sizeof *to->unknown_fields);
    for (unsigned i = 0; i < from->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &from->unknown_fields[i];
        if (protobuf_c_message_descriptor_get_field(to->descriptor, field->tag) != NULL)
            continue;
        ProtobufCMessageUnknownField *copy = &to->unknown_fields[to->n_unknown_fields++];
        *copy = *field;
        copy->data = weiri_reallocate(NULL, field->len);
        memcpy(copy->data, field->data, field->len);
    }
}

static void assign(ProtobufCMessage *to, const ProtobufCMessage *from);

static ProtobufCMessage *
clone(const ProtobufCMessage *from)
{
    if (from == NULL)
        return NULL;
    ProtobufCMessage *message = weiri_reallocate(NULL, from->descriptor->sizeof_message);
    protobuf_c_message_init(from->descriptor, message);
    assign(message, from);
    weiri_assign_unknown(message, from);
    return message;
}

/* Puts a deep copy of the value at `from` over the one at `to`, which is released; zeroed memory is a value. */
static void
replace_value(ProtobufCType type, void *to, const void *from)
{
    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
        weir_string_set(to, *(char *const *)from);
        break;
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *bytes = from;
        weir_bytes_set(to, bytes->data, bytes->len);
        break;
    }
    case PROTOBUF_C_TYPE_MESSAGE: {
        ProtobufCMessage **field = to, *old = *field;
        *field = clone(*(ProtobufCMessage *const *)from);
        protobuf_c_message_free_unpacked(old, NULL);
        break;
    }
    default:
        memcpy(to, from, value_size(type));
    }
}

static void
clear_value(ProtobufCType type, void *at)
{
    static const union {
        uint64_t number;
        void *pointer;
        ProtobufCBinaryData bytes;
    } nothing = { 0 };

    replace_value(type, at, &nothing);
}

/* ---- fields ------------------------------------------------------------------------------------------- */

static bool
in_oneof(const ProtobufCFieldDescriptor *field)
{
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

static void *
value_of(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return (uint8_t *)(uintptr_t)message + field->offset;
}

/* The count of a list; the number of the field that a oneof holds. */
static void *
quantifier_of(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return (uint8_t *)(uintptr_t)message + field->quantifier_offset;
}

static bool
is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (in_oneof(field) && *(uint32_t *)quantifier_of(message, field) != field->id)
        return false;
    return field->type != PROTOBUF_C_TYPE_MESSAGE || *(ProtobufCMessage **)value_of(message, field) != NULL;
}

/* Empties the oneof that `field` belongs to, whichever of its fields it holds. */
static void
clear_oneof(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    uint32_t *holds = quantifier_of(message, field);
    const ProtobufCFieldDescriptor *held = protobuf_c_message_descriptor_get_field(message->descriptor, *holds);

    if (held != NULL) {
        if (held->type == PROTOBUF_C_TYPE_STRING) {
            char **text = value_of(message, held);
            if (*text != protobuf_c_empty_string)
                free(*text);
        } else {
            clear_value(held->type, value_of(message, held));
        }
        memset(value_of(message, held), 0, value_size(held->type));
    }
    *holds = 0;
}

static void
copy_list(ProtobufCMessage *to, const ProtobufCMessage *from, const step *s)
{
    const size_t size = value_size(s->to->type);
    size_t *count = quantifier_of(to, s->to);
    uint8_t **list = value_of(to, s->to);
    const size_t n = *(size_t *)quantifier_of(from, s->from);
    const uint8_t *elements = *(uint8_t **)value_of(from, s->from);
    uint8_t *copy = n == 0 ? NULL : weiri_allocate(n * size);

    for (size_t i = 0; i < n; i++)
        replace_value(s->to->type, copy + i * size, elements + i * size);
    for (size_t i = 0; i < *count; i++) {
        if (s->to->type == PROTOBUF_C_TYPE_STRING)
            free(((char **)(void *)*list)[i]);
        else
            clear_value(s->to->type, *list + i * size);
    }
    free(*list);
    *list = copy;
    *count = n;
}

static void
copy_field(ProtobufCMessage *to, const ProtobufCMessage *from, const step *s)
{
    const bool set = is_set(from, s->from);

    if (s->to->label == PROTOBUF_C_LABEL_REPEATED) {
        copy_list(to, from, s);
    } else if (!in_oneof(s->to)) {
        if (set)
            replace_value(s->to->type, value_of(to, s->to), value_of(from, s->from));
        else
            clear_value(s->to->type, value_of(to, s->to));
    } else if (set) {
        clear_oneof(to, s->to);
        replace_value(s->to->type, value_of(to, s->to), value_of(from, s->from));
        *(uint32_t *)quantifier_of(to, s->to) = s->to->id;
    } else if (*(uint32_t *)quantifier_of(to, s->to) == s->to->id) {
        clear_oneof(to, s->to);
    }
}

static void
assign(ProtobufCMessage *to, const ProtobufCMessage *from)
{
    bool once;
    plan *p = plan_for(to->descriptor, from->descriptor, &once);

    for (unsigned i = 0; i < p->n; i++)
        copy_field(to, from, &p->steps[i]);
    if (once)
        free(p);
}

void
weir_assign(void *to, const void *from)
{
    if (to != from)
        assign(to, from);
}
