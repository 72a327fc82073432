/* SPDX-License-Identifier: Apache-2.0
 * The walk over descriptors. Invariant: list is its own queue, so a message that holds itself is met once and nothing
 * recurses. Thread: one at a time. */
#include "message/descriptors.h"
#include "base/hash.h"
#include "base/memory.h"
#include <ctype.h>
#include <string.h>

enum { SLOTS_FIRST = 64, ENTRY_FIELDS = 2 };

/* The slot that holds `name`, or the free one where it belongs. */
static uint32_t *
slot_of(const weiri_descriptors *all, const char *name)
{
    const size_t mask = all->n_slots - 1;
    size_t i = weiri_hash64(0, name, strlen(name)) & mask;

    while (all->slots[i] != 0 && strcmp(all->list[all->slots[i] - 1].message->name, name) != 0)
        i = (i + 1) & mask;
    return &all->slots[i];
}

static void
make_room(weiri_descriptors *all)
{
    if (all->n < all->n_slots / 2)
        return;
    all->n_slots = all->n_slots == 0 ? SLOTS_FIRST : 2 * all->n_slots;
    all->room = all->n_slots / 2;
    all->list = weiri_reallocate(all->list, all->room * sizeof *all->list);
    weiri_release(all->slots);
    all->slots = weiri_allocate(all->n_slots * sizeof *all->slots);
    for (size_t i = 0; i < all->n; i++)
        *slot_of(all, all->list[i].message->name) = (uint32_t)i + 1;
}

static void
add(weiri_descriptors *all, const ProtobufCMessageDescriptor *descriptor, weiri_problems *problems)
{
    if (descriptor->name == NULL) {
        if (!all->nameless)
            weiri_problems_add(problems, "", 0, "a message was compiled without its names: leave out optimize_for = CODE_SIZE");
        all->nameless = true;
        return;
    }
    make_room(all);
    uint32_t *slot = slot_of(all, descriptor->name);
    if (*slot == 0) {
        all->list[all->n++] = (weiri_descriptor_entry){ .message = descriptor };
        *slot = (uint32_t)all->n;
        if (strncmp(descriptor->name, "weir.", strlen("weir.")) == 0)
            weiri_problems_add(problems, "", 0, "%s: names that begin with 'weir.' are the engine's own", descriptor->name);
    } else if (all->list[*slot - 1].message != descriptor && !all->list[*slot - 1].told) {
        all->list[*slot - 1].told = true;
        weiri_problems_add(problems, "", 0, "two different messages are called %s", descriptor->name);
    }
}

/* protoc compiles `map<K, V> some_counts` of message M into a list of M.SomeCountsEntry { key, value }; the mark that tells
 * it from a list of the author's own is not in protobuf-c's descriptors, so the name must do. */
static bool
is_map(const ProtobufCMessageDescriptor *message, const ProtobufCFieldDescriptor *field)
{
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    const size_t size = strlen(message->name);

    if (entry->name == NULL || entry->n_fields != ENTRY_FIELDS || strcmp(entry->fields[0].name, "key") != 0 ||
        strcmp(entry->fields[1].name, "value") != 0 || strncmp(entry->name, message->name, size) != 0 || entry->name[size] != '.')
        return false;
    const char *at = entry->name + size + 1;
    bool capital = true;
    for (const char *p = field->name; *p != '\0'; p++) {
        if (*p == '_') {
            capital = true;
            continue;
        }
        if (*at++ != (char)(capital ? toupper((unsigned char)*p) : *p))
            return false;
        capital = false;
    }
    return strcmp(at, "Entry") == 0;
}

/* In proto3 protoc-c labels a field that isn't repeated NONE; the other labels are proto2's. */
static void
check_field(const ProtobufCMessageDescriptor *message, const ProtobufCFieldDescriptor *field, weiri_problems *problems)
{
    if (field->label == PROTOBUF_C_LABEL_REQUIRED)
        weiri_problems_add(problems, "", 0, "field '%s' of %s is required: weir reads proto3 only", field->name, message->name);
    else if (field->label == PROTOBUF_C_LABEL_OPTIONAL)
        weiri_problems_add(
            problems, "", 0, "field '%s' of %s is a proto2 field: write syntax = \"proto3\" above it", field->name, message->name);
    else if (field->type == PROTOBUF_C_TYPE_MESSAGE && field->label == PROTOBUF_C_LABEL_REPEATED && is_map(message, field))
        weiri_problems_add(
            problems, "", 0, "field '%s' of %s is a map: write a repeated message with a key and a value", field->name, message->name);
}

void
weiri_descriptors_add(weiri_descriptors *all, const ProtobufCMessageDescriptor *descriptor, weiri_problems *problems)
{
    size_t next = all->n;

    add(all, descriptor, problems);
    for (; next < all->n; next++) {
        const ProtobufCMessageDescriptor *message = all->list[next].message;
        for (unsigned i = 0; i < message->n_fields; i++) {
            const ProtobufCFieldDescriptor *field = &message->fields[i];
            check_field(message, field, problems);
            if (field->type == PROTOBUF_C_TYPE_MESSAGE)
                add(all, field->descriptor, problems);
        }
    }
}

void
weiri_descriptors_fini(weiri_descriptors *all)
{
    weiri_release(all->list);
    weiri_release(all->slots);
    *all = (weiri_descriptors){ 0 };
}

static uint64_t
hash_text(uint64_t hash, const char *text)
{
    return weiri_hash64(hash, text, strlen(text) + 1);
}

static uint64_t
hash_number(uint64_t hash, uint32_t number)
{
    const uint8_t bytes[4] = { (uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16), (uint8_t)(number >> 24) };

    return weiri_hash64(hash, bytes, sizeof bytes);
}

static uint64_t
hash_enum(uint64_t hash, const ProtobufCEnumDescriptor *values)
{
    hash = hash_text(hash, values->name);
    for (unsigned i = 0; i < values->n_values; i++)
        hash = hash_number(hash_text(hash, values->values[i].name), (uint32_t)values->values[i].value);
    return hash;
}

static uint64_t
hash_field(uint64_t hash, const ProtobufCFieldDescriptor *field)
{
    hash = hash_text(hash, field->name);
    hash = hash_number(hash, field->id);
    hash = hash_number(hash, (uint32_t)field->type);
    hash = hash_number(hash, (uint32_t)field->label);
    hash = hash_number(hash, field->flags);
    if (field->type == PROTOBUF_C_TYPE_ENUM)
        return hash_enum(hash, field->descriptor);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return hash_text(hash, ((const ProtobufCMessageDescriptor *)field->descriptor)->name);
    return hash;
}

uint64_t
weiri_descriptors_hash(const weiri_descriptors *all, uint64_t hash)
{
    for (size_t i = 0; i < all->n; i++) {
        hash = hash_text(hash, all->list[i].message->name);
        hash = hash_number(hash, all->list[i].message->n_fields);
        for (unsigned j = 0; j < all->list[i].message->n_fields; j++)
            hash = hash_field(hash, &all->list[i].message->fields[j]);
    }
    return hash;
}
